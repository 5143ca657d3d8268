//! Scores, the rankings made of them, and the relevant items.
//!
//! Does not know metrics.
//!
//! **Invariant**: a [`Ranking`] has distinct items, best first, ties in catalogue order; [`Relevant`] is not empty.

use std::num::NonZeroUsize;

use crate::rating::Score;
use crate::{Candidates, ItemIdx, Items, Query, ScoreError, top_k};

/// Scores for many queries: one row per query, one number per candidate.
///
/// For [`Candidates::AllExcept`] a row has one number per item of the catalogue, seen items included: ranking leaves
/// them out. For [`Candidates::These`] it has one number per item named, in the order named. [`Scores::ABSENT`] stands
/// where there is no score; only some recommenders give it
/// ([`Recommender::leaves_out`](crate::Recommender::leaves_out)).
#[derive(Clone, Debug, Default)]
pub struct Scores {
    values: Vec<f32>,
    ends: Vec<usize>,
}

impl Scores {
    /// Stands for a candidate without a score, which is never recommended: one that a list from elsewhere leaves out.
    pub const ABSENT: f32 = f32::NEG_INFINITY;

    /// An empty answer, whose memory is reused from call to call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for the answers to `queries` over `n_items` items, all zero.
    pub fn reset(&mut self, queries: &[Query<'_>], n_items: usize) {
        self.values.clear();
        self.ends.clear();
        let mut end = 0;
        for query in queries {
            end += query.candidates.n_scores(n_items);
            self.ends.push(end);
        }
        self.values.resize(end, 0.0);
    }

    /// The numbers for the query at `row`.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[self.start(row)..self.ends[row]]
    }

    /// The numbers for the query at `row`, mutable.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let start = self.start(row);
        &mut self.values[start..self.ends[row]]
    }

    /// The numbers for every query, mutable, so that several threads can write them.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let mut rest = self.values.as_mut_slice();
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let (row, after) = std::mem::take(&mut rest).split_at_mut(end - start);
            (rest, start) = (after, end);
            row
        })
    }

    /// How many queries are answered.
    pub fn n_rows(&self) -> usize {
        self.ends.len()
    }

    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] }
    }
}

/// The best items of a query, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking(Vec<(ItemIdx, Score)>);

impl Ranking {
    /// The best `k` of a scored row: highest score first, ties in catalogue order, seen items left out.
    ///
    /// `items` are those of the catalogue; `scores` is the row that a recommender wrote for `candidates`.
    ///
    /// # Errors
    /// A score that is not finite, except of a seen item; a candidate named twice in [`Candidates::These`].
    pub fn top(
        items: &Items,
        candidates: &Candidates<'_>,
        scores: &[f32],
        k: NonZeroUsize,
    ) -> Result<Self, ScoreError> {
        let mut best = Vec::new();
        let wrong = |item: ItemIdx, value: f32| Err(ScoreError::NotFinite { item: item.index(), value });
        match candidates {
            Candidates::AllExcept(seen) => {
                // One pass without a branch; only where a number is not finite does it matter whose it is.
                if !scores.iter().fold(true, |all, score| all & score.is_finite()) {
                    let mut unseen = items.indices().zip(scores).filter(|(item, _)| !seen.contains(*item));
                    if let Some((item, value)) = unseen.find(|(_, score)| !score.is_finite()) {
                        return wrong(item, *value);
                    }
                }
                let mut scores = scores.to_vec();
                for item in seen.items() {
                    if let Some(score) = scores.get_mut(item.index()) {
                        *score = Scores::ABSENT;
                    }
                }
                top_k(&scores, k.get(), &mut best);
                Ok(Self::of_best(items, &best))
            }
            Candidates::These(named) => {
                // In catalogue order, so that of equal scores the first wins.
                let mut row: Vec<(ItemIdx, f32)> = named.iter().copied().zip(scores.iter().copied()).collect();
                row.sort_by_key(|(item, _)| *item);
                if let Some(pair) = row.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                    return Err(ScoreError::CandidateTwice { item: pair[0].0.index() });
                }
                if let Some((item, value)) = row.iter().find(|(_, score)| !score.is_finite()) {
                    return wrong(*item, *value);
                }
                let (items, scores): (Vec<ItemIdx>, Vec<f32>) = row.into_iter().unzip();
                top_k(&scores, k.get(), &mut best);
                let entry = |&(score, place): &(f32, u32)| Some((items[place as usize], Score::new(score)?));
                Ok(Self(best.iter().filter_map(entry).collect()))
            }
        }
    }

    /// The ranking of the scores and catalogue rows that [`top_k`] gives.
    pub(crate) fn of_best(items: &Items, best: &[(f32, u32)]) -> Self {
        let entry = |&(score, row): &(f32, u32)| Some((items.at(row as usize)?, Score::new(score)?));
        Self(best.iter().filter_map(entry).collect())
    }

    /// The items and their scores, best first.
    pub fn entries(&self) -> &[(ItemIdx, Score)] {
        &self.0
    }

    /// The items, best first.
    pub fn items(&self) -> impl ExactSizeIterator<Item = ItemIdx> + Clone + '_ {
        self.0.iter().map(|(item, _)| *item)
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was left to recommend.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The relevant items; at least one, so that no metric divides by zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relevant(Vec<ItemIdx>);

impl Relevant {
    /// The items of `items`, or `None` where there are none.
    pub fn new(mut items: Vec<ItemIdx>) -> Option<Self> {
        items.sort_unstable();
        items.dedup();
        (!items.is_empty()).then_some(Self(items))
    }

    /// Whether `item` is among them.
    pub fn contains(&self, item: ItemIdx) -> bool {
        self.0.binary_search(&item).is_ok()
    }

    /// How many; at least one.
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// The items, ascending and distinct.
    pub fn items(&self) -> &[ItemIdx] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seen;

    fn top(seen: &[usize], scores: &[f32], k: usize) -> Vec<usize> {
        let items = Items::new((0..scores.len() as i64).map(Into::into).collect()).unwrap();
        let seen = Seen::new(seen.iter().map(|&n| items.at(n).unwrap()).collect());
        let k = NonZeroUsize::new(k).unwrap();
        let ranking = Ranking::top(&items, &Candidates::AllExcept(&seen), scores, k).unwrap();
        ranking.items().map(|item| item.index()).collect()
    }

    #[test]
    fn best_first_ties_in_catalogue_order_seen_left_out() {
        assert_eq!(top(&[], &[0.1, 0.9, 0.5, 0.9], 3), [1, 3, 2]);
        assert_eq!(top(&[1, 2], &[0.1, 0.9, 0.5, 0.9], 3), [3, 0]);
        assert_eq!(top(&[0, 1], &[0.1, 0.9], 3), [0_usize; 0]);
        assert_eq!(top(&[], &[0.0, -0.0, 0.0], 2), [0, 1]);
    }

    #[test]
    fn refuses_nan_and_a_candidate_named_twice() {
        let items = Items::new(vec![1.into(), 2.into()]).unwrap();
        let all = Candidates::AllExcept(Seen::NOTHING);
        let error = Ranking::top(&items, &all, &[0.0, f32::NAN], NonZeroUsize::MIN).unwrap_err();
        assert!(error.to_string().contains("`NaN`"), "{error}");
        // Of a seen item any number will do, and the item beside it is the one that is named.
        let seen = Seen::new(vec![items.at(0).unwrap()]);
        let all_but_first = Candidates::AllExcept(&seen);
        let one = Ranking::top(&items, &all_but_first, &[f32::NAN, 0.5], NonZeroUsize::MIN).unwrap();
        assert_eq!(one.items().collect::<Vec<_>>(), [items.at(1).unwrap()]);
        let error = Ranking::top(&items, &all_but_first, &[f32::NAN, f32::INFINITY], NonZeroUsize::MIN).unwrap_err();
        assert_eq!(error.to_string(), ScoreError::NotFinite { item: 1, value: f32::INFINITY }.to_string());
        let twice = [items.at(1).unwrap(); 2];
        let these = Candidates::These(&twice);
        assert!(Ranking::top(&items, &these, &[0.0, 0.0], NonZeroUsize::MIN).is_err());
    }
}
