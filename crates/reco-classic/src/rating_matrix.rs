//! The training ratings in stars, as lists by user and by item.
//!
//! Does not know what is learned from them.
//!
//! **Invariant**: a pair of user and item occurs once, with its latest row; the lists by user and by item have the same
//! ratings; their entries are in catalogue order, those of `renamed` lists by their new names.

use std::borrow::Cow;

use reco_core::{
    Catalogue, FitError, Interactions, ItemIdx, LoadError, Requirement, Target, Train, UserIdx, Weights, Who,
};

/// The row of a user or an item, and a number: stars, or what a baseline leaves of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) row: u32,
    pub(crate) value: f32,
}

impl Entry {
    /// The row, for indexing.
    pub(crate) fn index(self) -> usize {
        self.row as usize
    }
}

/// One list of entries for each user, or for each item, end to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RatingMatrix {
    ends: Vec<usize>,
    entries: Vec<Entry>,
}

impl RatingMatrix {
    /// The list of user or item `row`. Panics beyond the last.
    pub(crate) fn of(&self, row: usize) -> &[Entry] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.entries[start..self.ends[row]]
    }

    /// How many lists there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Each list with its row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[Entry])> {
        (0..self.len()).map(|row| (row, self.of(row)))
    }

    /// The same lists with other numbers: `number(row, entry)` in place of each entry's.
    pub(crate) fn map(&self, number: impl Fn(usize, Entry) -> f64) -> Self {
        let entry = |row: usize, entry: &Entry| Entry { row: entry.row, value: number(row, *entry) as f32 };
        let entries = self.iter().flat_map(|(row, list)| list.iter().map(move |at| (row, at)));
        Self { ends: self.ends.clone(), entries: entries.map(|(row, at)| entry(row, at)).collect() }
    }

    /// The same lists with the rows of their entries renamed, the greatest name first.
    pub(crate) fn renamed(mut self, name: impl Fn(usize) -> u32) -> Self {
        self.entries.iter_mut().for_each(|entry| entry.row = name(entry.index()));
        let mut start = 0;
        for &end in &self.ends {
            self.entries[start..end].sort_unstable_by_key(|entry| std::cmp::Reverse(entry.row));
            start = end;
        }
        self
    }

    /// The same numbers from the other side, where there are `n` lists.
    pub(crate) fn transposed(&self, n: usize) -> Self {
        let mut ends = vec![0; n];
        for entry in &self.entries {
            ends[entry.index()] += 1;
        }
        let mut end = 0;
        let mut next: Vec<usize> = Vec::with_capacity(n);
        for count in &mut ends {
            next.push(end);
            end += *count;
            *count = end;
        }
        let mut entries = vec![Entry { row: 0, value: 0.0 }; self.entries.len()];
        for (row, list) in self.iter() {
            for entry in list {
                let place = &mut next[entry.index()];
                entries[*place] = Entry { row: row as u32, value: entry.value };
                *place += 1;
            }
        }
        Self { ends, entries }
    }
}

impl FromIterator<Vec<Entry>> for RatingMatrix {
    fn from_iter<Lists: IntoIterator<Item = Vec<Entry>>>(lists: Lists) -> Self {
        let mut matrix = Self { ends: Vec::new(), entries: Vec::new() };
        for list in lists {
            matrix.entries.extend(list);
            matrix.ends.push(matrix.entries.len());
        }
        matrix
    }
}

/// The stars of all training rows, by user and by item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stars {
    /// For each user of the catalogue, the items.
    pub(crate) by_user: RatingMatrix,
    /// For each item of the catalogue, the users.
    pub(crate) by_item: RatingMatrix,
    /// The mean of all.
    pub(crate) mean: f64,
}

impl Stars {
    /// The stars of `train`'s rows; validation rows are not used, as no model of this crate stops early.
    ///
    /// # Errors
    /// No rows, or rows without stars.
    pub(crate) fn new(train: &Train, approach: &'static str) -> Result<Self, FitError> {
        let rows: &Interactions = &train.fit;
        if rows.is_empty() {
            return Err(FitError::NoRows { approach });
        }
        Requirement::Stars.check(approach, train)?;
        let stars = rows.ratings().iter().flatten();
        let pairs = rows.users().iter().zip(rows.items()).zip(stars);
        let mut pairs: Vec<(UserIdx, Entry)> =
            pairs.map(|((user, item), rating)| (*user, Entry { row: item.get(), value: rating.stars() })).collect();
        // Stable, so that of one pair's rows the last is the latest in the training rows.
        pairs.sort_by_key(|(user, entry)| (*user, entry.row));
        let mut ends = vec![0; train.catalogue.n_users()];
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        for list in pairs.chunk_by(|a, b| a.0 == b.0) {
            let own = list.iter().map(|(_, entry)| *entry).collect();
            entries.extend(latest(own));
            ends[list[0].0.index()] = entries.len();
        }
        fill(&mut ends);
        Ok(Self::from_users(RatingMatrix { ends, entries }, train.catalogue.n_items()))
    }

    fn from_users(by_user: RatingMatrix, n_items: usize) -> Self {
        let sum: f64 = by_user.entries.iter().map(|entry| f64::from(entry.value)).sum();
        let mean = sum / by_user.entries.len() as f64;
        Self { by_item: by_user.transposed(n_items), by_user, mean }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_user.entries.len()
    }

    /// What the asker of a query has rated.
    pub(crate) fn asker(&self, who: &Who<'_>, catalogue: &Catalogue) -> Asker<'_> {
        match who {
            Who::Known(user) => Asker { user: Some(*user), rated: Cow::Borrowed(self.by_user.of(user.index())) },
            Who::Visitor { history, .. } => Asker { user: None, rated: Cow::Owned(in_stars(history, catalogue)) },
        }
    }

    /// Adds them to `weights`, user by user: `ratings.item` and `ratings.stars`, and as `users.end` where those of each
    /// user end.
    pub(crate) fn save(&self, weights: Weights) -> Weights {
        let RatingMatrix { ends, entries } = &self.by_user;
        weights
            .with("users.end", &[ends.len()], ends.iter().map(|end| *end as u64))
            .with("ratings.item", &[entries.len()], entries.iter().map(|entry| entry.row))
            .with("ratings.stars", &[entries.len()], entries.iter().map(|entry| entry.value))
    }

    /// Takes out what [`Stars::save`] added, for the same catalogue.
    ///
    /// # Errors
    /// As [`Weights::take`]; ratings that cannot be of that catalogue.
    pub(crate) fn load(weights: &mut Weights, catalogue: &Catalogue) -> Result<Self, LoadError> {
        let refuse = |reason| Err(LoadError::Weights { reason });
        let n = weights.n_rows("ratings.item")?;
        let ends: Vec<u64> = weights.take("users.end", &[catalogue.n_users()])?;
        let items: Vec<u32> = weights.take("ratings.item", &[n])?;
        let stars: Vec<f32> = weights.take("ratings.stars", &[n])?;
        let scale = catalogue.scale;
        if n == 0 || ends.last() != Some(&(n as u64)) || !ends.is_sorted() {
            return refuse(format!("its `users.end` do not end at its `{n}` ratings"));
        }
        if items.iter().any(|&item| item as usize >= catalogue.n_items()) {
            return refuse("it names rows that the catalogue does not have".to_owned());
        }
        if let Some(stars) = stars.iter().find(|&&stars| scale.rating(stars).is_err()) {
            return refuse(format!("`{stars}` stars are beyond the scale `{}` to `{}`", scale.min(), scale.max()));
        }
        let entries = items.into_iter().zip(stars).map(|(row, value)| Entry { row, value }).collect();
        let by_user = RatingMatrix { ends: ends.into_iter().map(|end| end as usize).collect(), entries };
        if by_user.iter().any(|(_, list)| !list.is_sorted_by(|a, b| a.row < b.row)) {
            return refuse("a user's items are not in the catalogue's order".to_owned());
        }
        Ok(Self::from_users(by_user, catalogue.n_items()))
    }
}

/// Who asks, and what they have rated.
pub(crate) struct Asker<'a> {
    /// The user of the catalogue; `None` for a visitor.
    pub(crate) user: Option<UserIdx>,
    /// Items and stars, in catalogue order.
    pub(crate) rated: Cow<'a, [Entry]>,
}

/// A visitor's history in stars, in catalogue order; where an item occurs twice, the last counts. An item whose targets
/// cannot be turned back into stars is left out.
pub(crate) fn in_stars(history: &[(ItemIdx, Target)], catalogue: &Catalogue) -> Vec<Entry> {
    let stars = |&(item, target): &(ItemIdx, Target)| {
        let stars = catalogue.scaling.stars(item, target.get())?;
        Some(Entry { row: item.get(), value: catalogue.scale.clamp(stars) })
    };
    let mut rated: Vec<Entry> = history.iter().filter_map(stars).collect();
    rated.sort_by_key(|entry| entry.row);
    latest(rated)
}

/// The last entry of each row, of a sorted list.
fn latest(sorted: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::with_capacity(sorted.len());
    for entry in sorted {
        match kept.last_mut() {
            Some(last) if last.row == entry.row => *last = entry,
            _ => kept.push(entry),
        }
    }
    kept
}

/// Gives a user without rows the end of the user before.
fn fill(ends: &mut [usize]) {
    let mut last = 0;
    for end in ends {
        last = last.max(*end);
        *end = last;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use reco_core::testing::catalogue;
    use reco_core::{
        ApproachEntry, Candidates, DeviceChoice, Fitted, Interaction, Profile, Query, Recommender, Run, Scaling,
        Scores, Seen, Silent,
    };
    use serde_json::Value;

    /// Training rows `(user, item, stars)` of users and items numbered from 0.
    pub(crate) fn train(n_users: usize, n_items: usize, rows: &[(usize, usize, f32)]) -> Train {
        let catalogue = Arc::new(catalogue(n_users, n_items));
        let mut fit = Interactions::builder(0);
        for &(user, item, stars) in rows {
            let (user, item) = (catalogue.users.at(user).unwrap(), catalogue.items.at(item).unwrap());
            let rating = catalogue.scale.rating(stars).unwrap();
            let target = catalogue.scaling.target(item, rating);
            fit.push(Interaction { user, item, rating: Some(rating), target, timestamp: None, context: &[] });
        }
        Train { catalogue, fit: fit.finish(), validation: None }
    }

    /// Ann, Bob and Cem, Dan who has rated nothing, and item 4 that nobody has: 28 stars in 9 ratings.
    pub(crate) fn three_users() -> (Vec<(usize, usize, f32)>, Train) {
        let ann = [(0, 0, 1.0), (0, 1, 3.0), (0, 2, 5.0)];
        let bob = [(1, 0, 2.0), (1, 1, 3.0), (1, 2, 4.0), (1, 3, 1.0)];
        let cem = [(2, 0, 4.0), (2, 3, 5.0)];
        let rows: Vec<_> = ann.into_iter().chain(bob).chain(cem).collect();
        let train = train(4, 5, &rows);
        (rows, train)
    }

    /// The approach `entry`, with `options`, fitted.
    pub(crate) fn fit(entry: &ApproachEntry, options: &Value, train: &Train) -> Box<dyn Fitted> {
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
        (entry.configure)(options).unwrap().fit(train, &run).unwrap()
    }

    /// A query of user `row` for the whole catalogue.
    pub(crate) fn query(fitted: &dyn Recommender, row: usize) -> Query<'static> {
        let user = fitted.catalogue().users.at(row).unwrap();
        Query { who: Who::Known(user), context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) }
    }

    /// The scores of user `row` for the whole catalogue.
    pub(crate) fn scores_of(fitted: &dyn Recommender, row: usize) -> Vec<f32> {
        let mut scores = Scores::new();
        fitted.score(&[query(fitted, row)], &mut scores).unwrap();
        scores.row(0).to_vec()
    }

    /// The scores of a visitor who rated what user `row` has in `rows`, in another order.
    pub(crate) fn visitor_like(fitted: &dyn Recommender, rows: &[(usize, usize, f32)], row: usize) -> Vec<f32> {
        let items = &fitted.catalogue().items;
        let own = rows.iter().rev().filter(|(user, ..)| *user == row);
        let history: Vec<_> =
            own.map(|(_, item, stars)| (items.at(*item).unwrap(), Target::new(*stars).unwrap())).collect();
        let who = Who::Visitor { history: &history, profile: &Profile::default() };
        let query = Query { who, ..query(fitted, 0) };
        let mut scores = Scores::new();
        fitted.score(&[query], &mut scores).unwrap();
        scores.row(0).to_vec()
    }

    fn pairs(list: &[Entry]) -> Vec<(u32, f32)> {
        list.iter().map(|entry| (entry.row, entry.value)).collect()
    }

    #[test]
    fn both_sides_say_the_same_in_catalogue_order() {
        let train = train(4, 3, &[(2, 1, 5.0), (0, 2, 1.0), (0, 0, 3.0), (2, 1, 4.0)]);
        let stars = Stars::new(&train, "x").unwrap();
        let by_user: Vec<_> = (0..4).map(|user| pairs(stars.by_user.of(user))).collect();
        assert_eq!(by_user, [vec![(0, 3.0), (2, 1.0)], vec![], vec![(1, 4.0)], vec![]]);
        let by_item: Vec<_> = (0..3).map(|item| pairs(stars.by_item.of(item))).collect();
        assert_eq!(by_item, [vec![(0, 3.0)], vec![(2, 4.0)], vec![(0, 1.0)]]);
        assert_eq!((stars.len(), stars.mean), (3, 8.0 / 3.0));
        assert_eq!(stars.by_item.transposed(4), stars.by_user);
        let mut weights = stars.save(Weights::new("x", &train.catalogue));
        assert_eq!(Stars::load(&mut weights, &train.catalogue).unwrap(), stars);
    }

    #[test]
    fn what_was_saved_otherwise_is_refused() {
        let train = train(2, 3, &[(0, 2, 1.0), (1, 0, 3.0), (1, 2, 3.0)]);
        let stars = Stars::new(&train, "x").unwrap();
        let refusal = |change: fn(Weights) -> Weights| {
            let mut weights = change(stars.save(Weights::new("x", &train.catalogue)));
            Stars::load(&mut weights, &train.catalogue).unwrap_err().to_string()
        };
        for (change, expected) in [
            (
                (|weights| weights.with("ratings.stars", &[2], [1.0_f32, 3.0])) as fn(Weights) -> Weights,
                "its `ratings.stars` is `F32 [2]`, and should be `F32 [3]`",
            ),
            (|weights| weights.with("ratings.item", &[3], [2_u32, 0, 3]), "rows that the catalogue does not have"),
            (|weights| weights.with("users.end", &[2], [4_u64, 3]), "its `users.end` do not end at its `3` ratings"),
            (|weights| weights.with("users.end", &[2], [1_u64, 2]), "its `users.end` do not end at its `3` ratings"),
            (
                |weights| weights.with("ratings.stars", &[3], [9.0_f32, 3.0, 3.0]),
                "`9` stars are beyond the scale `1` to `5`",
            ),
            (|weights| weights.with("ratings.item", &[3], [2_u32, 2, 2]), "items are not in the catalogue's order"),
        ] {
            let refusal = refusal(change);
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn events_are_no_stars() {
        let mut train = train(2, 3, &[(0, 2, 1.0)]);
        let mut fit = Interactions::builder(0);
        let row = train.fit.row(0);
        for rating in [None, row.rating] {
            fit.push(Interaction { rating, ..row });
        }
        train.fit = fit.finish();
        let error = Stars::new(&train, "user-knn").unwrap_err().to_string();
        assert!(
            error.starts_with("`user-knn` predicts stars, and `1` of `2` training rows have none\nhint: "),
            "{error}"
        );
    }

    #[test]
    fn a_visitors_targets_become_stars_again() {
        let mut catalogue = catalogue(1, 4);
        catalogue.scaling =
            Scaling::ItemMinMax { from: vec![(1.0, 5.0), (2.0, 4.0), (3.0, 3.0), (1.0, 5.0)], to: (0.5, 1.0) };
        let target = |value| Target::new(value).unwrap();
        let at = |row| catalogue.items.at(row).unwrap();
        // Item 3 occurs twice: the last counts. Item 2 has one target for all stars. Item 1 has a target that no rating
        // gives.
        let history = [(at(3), target(0.5)), (at(2), target(0.5)), (at(1), target(2.0)), (at(3), target(0.75))];
        let stars = Stars::new(&train(1, 4, &[(0, 0, 1.0)]), "x").unwrap();
        let visitor = Who::Visitor { history: &history, profile: &Profile::default() };
        let asker = stars.asker(&visitor, &catalogue);
        assert_eq!((asker.user, pairs(&asker.rated)), (None, vec![(1, 5.0), (3, 3.0)]));
    }
}
