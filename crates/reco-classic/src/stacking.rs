//! Learns how to join the scores of several models: stacking (Wolpert 1992, "Stacked Generalization").
//!
//! Of lists of candidates, some of them relevant, [`softmax`] learns a weight for each feature, and [`Trees`] learns
//! boosted regression trees; of stars, [`regression`] learns a weight for each prediction. [`standardised`] brings
//! scores of any scale together first. Does not know who the lists are for, nor what made the features.
//!
//! **Invariant**: the same lists in the same order give the same bits, on any number of threads.

mod regression;
mod softmax;
mod trees;

use reco_core::Seen;

pub use self::regression::regression;
pub use self::softmax::softmax;
pub use self::trees::{TreeOptions, Trees};

/// The candidates of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// `[n_candidates, width]`, finite numbers; the width is the same for all lists.
    pub features: Vec<f32>,
    /// Which candidates are relevant, ascending; at least one.
    pub relevant: Vec<usize>,
}

/// Centres `scores`, one per item of a catalogue, and divides them by their deviation, both taken over the items
/// outside `met`. Scores that are all alike become 0: they say nothing.
pub fn standardised(scores: &mut [f32], met: &Seen) {
    let mut is_met = vec![false; scores.len()];
    met.items().iter().for_each(|item| is_met[item.index()] = true);
    let unmet = || scores.iter().zip(&is_met).filter(|(_, is_met)| !**is_met).map(|(score, _)| f64::from(*score));
    let n = unmet().count().max(1) as f64;
    let mean = unmet().sum::<f64>() / n;
    let deviation = (unmet().map(|score| (score - mean) * (score - mean)).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
    scores.iter_mut().for_each(|score| *score = ((f64::from(*score) - mean) * scale) as f32);
}

/// The NDCG@`k` of a list whose candidates have these `scores`; relevant items that are not among its candidates are
/// not counted.
#[must_use]
pub fn ndcg(list: &List, scores: &[f32], k: usize) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let gained = order.iter().take(k).enumerate().filter(|(_, at)| list.relevant.binary_search(at).is_ok());
    gained.map(|(rank, _)| discount(rank)).sum::<f64>() / best_gain(list.relevant.len(), k)
}

/// What a relevant item at a rank from 0 gains.
fn discount(rank: usize) -> f64 {
    1.0 / libm::log2(rank as f64 + 2.0)
}

/// What the best order of `n` relevant items gains at its first `k` ranks.
fn best_gain(n: usize, k: usize) -> f64 {
    (0..n.min(k)).map(discount).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::Train;

    #[test]
    fn scores_are_measured_by_what_is_unmet() {
        let train = Train::from_events([(0, 0), (0, 1), (0, 2), (1, 3)]).unwrap();
        let items: Vec<_> = train.catalogue.items.indices().collect();
        let mut scores = [1.0, 3.0, 100.0, 5.0];
        standardised(&mut scores, &Seen::new(vec![items[2]]));
        // The mean of 1, 3 and 5 is 3, and their variance 8/3.
        let deviation = (8.0_f32 / 3.0).sqrt();
        let expected = [-2.0 / deviation, 0.0, 97.0 / deviation, 2.0 / deviation];
        assert!(scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{scores:?}");
        let mut alike = [7.0; 4];
        standardised(&mut alike, Seen::NOTHING);
        assert_eq!(alike, [0.0; 4]);
    }

    #[test]
    fn ndcg_by_hand() {
        let list = List { features: vec![3.0, 2.0, 1.0], relevant: vec![1, 2] };
        let found = ndcg(&list, &list.features, 2);
        assert!((found - (1.0 / 3.0_f64.log2()) / (1.0 + 1.0 / 3.0_f64.log2())).abs() < 1e-12, "{found}");
    }
}
