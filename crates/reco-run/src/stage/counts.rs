//! Counts the ratings, for the figures of a report.
//!
//! Does not know how they are drawn.
//!
//! **Invariant**: one pass over each part; memory is that of the counts, never users × items.

use std::collections::BTreeMap;

use reco_core::{Catalogue, Interactions};
use reco_features::Dataset;
use reco_report::{ContextCounts, Counts, Grid};

use crate::show::decimal;

/// Cells of a picture of users × items: few enough to be seen on a page 400 pixels wide.
const CELLS: (usize, usize) = (80, 180);

/// Rows of a picture of features × items; further features share them.
const FEATURES: usize = 80;

/// A context with more numbers than this is counted in this many ranges.
const RANGES: usize = 8;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Counts over all parts of `dataset`.
pub(super) fn counts(dataset: &Dataset) -> Counts {
    let catalogue = &dataset.catalogue;
    let (n_users, n_items) = (catalogue.n_users(), catalogue.n_items());
    let mut counts = Counts {
        per_user: vec![0; n_users],
        per_item: vec![0; n_items],
        rated: Grid::new(n_users, n_items, CELLS.0, CELLS.1),
        ..Counts::default()
    };
    let mut stars: BTreeMap<u32, usize> = BTreeMap::new();
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for part in parts(dataset) {
        for (user, item) in part.users().iter().zip(part.items()) {
            counts.per_user[user.index()] += 1;
            counts.per_item[item.index()] += 1;
            counts.rated.add(user.index(), item.index(), 1.0);
        }
        for rating in part.ratings().iter().flatten() {
            // Ratings are not negative in any scale we know of; if some are, they are sorted below.
            *stars.entry(rating.stars().to_bits()).or_default() += 1;
        }
        for seconds in part.timestamps().iter().flatten() {
            *days.entry(seconds.div_euclid(DAY)).or_default() += 1;
        }
    }
    counts.stars = stars.into_iter().map(|(bits, n)| (decimal(f32::from_bits(bits)), n)).collect();
    counts.stars.sort_by(|a, b| a.0.total_cmp(&b.0));
    counts.days = days.into_iter().collect();
    counts.contexts = contexts(dataset);
    (counts.feature_names, counts.features) = features(catalogue);
    counts
}

fn parts(dataset: &Dataset) -> impl Iterator<Item = &Interactions> {
    [&dataset.fit].into_iter().chain(&dataset.validation).chain(&dataset.fold_in).chain([&dataset.test])
}

/// One entry per context: a column of numbers by its values, the columns of a text (`device=tv`) by the text's values.
fn contexts(dataset: &Dataset) -> Vec<ContextCounts> {
    let mut contexts: Vec<ContextCounts> = Vec::new();
    for (column, name) in dataset.catalogue.context_names().enumerate() {
        let mut values: BTreeMap<u32, usize> = BTreeMap::new();
        for part in parts(dataset) {
            let matrix = part.contexts();
            (0..matrix.n_rows()).for_each(|row| *values.entry(matrix.row(row)[column].to_bits()).or_default() += 1);
        }
        let mut values: Vec<(f64, usize)> =
            values.into_iter().map(|(bits, n)| (decimal(f32::from_bits(bits)), n)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        match name.split_once('=') {
            Some((name, value)) => {
                let n = values.iter().filter(|(is, _)| *is == 1.0).map(|(_, n)| n).sum();
                match contexts.last_mut().filter(|known| known.name == name) {
                    Some(known) => known.values.push((value.to_owned(), n)),
                    None => contexts.push(ContextCounts { name: name.to_owned(), values: vec![(value.to_owned(), n)] }),
                }
            }
            None => contexts.push(ContextCounts { name: name.to_owned(), values: labelled(&values) }),
        }
    }
    contexts
}

/// Labels values: yes and no where there are only these, each number by itself if they are few, ranges if they are
/// many.
fn labelled(values: &[(f64, usize)]) -> Vec<(String, usize)> {
    if values.iter().all(|(value, _)| [0.0, 1.0].contains(value)) {
        let label = |value: f64| if value == 1.0 { "yes" } else { "no" };
        return values.iter().rev().map(|&(value, n)| (label(value).to_owned(), n)).collect();
    }
    if values.len() <= RANGES {
        return values.iter().map(|(value, n)| (value.to_string(), *n)).collect();
    }
    let (low, high) = (values[0].0, values[values.len() - 1].0);
    let edge = |at: usize| low + (high - low) * at as f64 / RANGES as f64;
    let mut ranges: Vec<(String, usize)> =
        (0..RANGES).map(|at| (format!("{:.3} to {:.3}", edge(at), edge(at + 1)), 0)).collect();
    for (value, n) in values {
        let at = ((value - low) / (high - low) * RANGES as f64) as usize;
        ranges[at.min(RANGES - 1)].1 += n;
    }
    ranges
}

/// The names of the features, and the features × items. Of very many features, those that share a row have the name of
/// the first.
fn features(catalogue: &Catalogue) -> (Vec<String>, Grid) {
    let (names, matrix) = (catalogue.item_features.names(), catalogue.item_features.matrix());
    let mut grid = Grid::new(names.len(), matrix.n_rows(), FEATURES, CELLS.1);
    for item in 0..matrix.n_rows() {
        for (feature, value) in matrix.row(item).iter().enumerate().filter(|(_, value)| **value != 0.0) {
            grid.add(feature, item, f64::from(*value));
        }
    }
    let height = grid.height;
    let first = |row: usize| names[(row * names.len()).div_ceil(height)].clone();
    ((0..height).map(first).collect(), grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_were() {
        assert_eq!([3.7_f32, 4.0, 0.1, -2.5].map(decimal), [3.7, 4.0, 0.1, -2.5]);
    }

    #[test]
    fn a_context_of_many_numbers_is_counted_in_ranges() {
        let owned = |labels: &[(&str, usize)]| labels.iter().map(|(l, n)| ((*l).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(labelled(&[(0.0, 3), (1.0, 5)]), owned(&[("yes", 5), ("no", 3)]));
        assert_eq!(labelled(&[(1.0, 3), (2.5, 5)]), owned(&[("1", 3), ("2.5", 5)]));
        let hours: Vec<(f64, usize)> = (0..24).map(|hour| (f64::from(hour), 1)).collect();
        let ranges = labelled(&hours);
        assert_eq!((ranges.len(), ranges.iter().map(|(_, n)| n).sum::<usize>()), (RANGES, 24));
        assert_eq!(ranges[0], ("0.000 to 2.875".to_owned(), 3));
    }
}
