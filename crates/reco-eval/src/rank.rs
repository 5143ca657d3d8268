//! Ranks one user's candidates: the first few items, and the place of each relevant item.
//!
//! Does not know metrics. Only the first few are sorted: the place of a relevant item is a count of scores above its
//! own, which a compiler turns into vector instructions.
//!
//! **Invariant**: greater scores first, equal ones in catalogue order; a ranking takes a copy of one row of scores; an
//! item without a score has no place.

use std::num::NonZeroUsize;

use reco_core::{Candidates, Catalogue, ItemIdx, ScoreError, Scores, top_k};

use crate::metric::Placed;

/// One user's scores.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// Those named are ascending.
    pub(crate) among: Candidates<'a>,
    pub(crate) scores: &'a [f32],
    /// The scores of the user's test rows at their own times, where these are granted and read.
    pub(crate) of_rows: Option<&'a [f32]>,
    /// Whether some may be [`Scores::ABSENT`].
    pub(crate) leaves_out: bool,
}

impl Answer<'_> {
    /// The score of `item`, candidate or not; `None` where it has none.
    pub(crate) fn score(&self, item: ItemIdx) -> Option<f32> {
        let at = match self.among {
            Candidates::AllExcept(_) => item.index(),
            Candidates::These(items) => items.binary_search(&item).ok()?,
        };
        Some(self.scores[at]).filter(|score| *score != Scores::ABSENT)
    }
}

/// One user's candidates, ranked.
#[derive(Debug, Default)]
pub(crate) struct Ranked {
    /// The first candidates.
    pub(crate) list: Vec<ItemIdx>,
    /// The relevant ones by their places, those without one last; each with its item.
    pub(crate) relevant: Vec<(ItemIdx, Placed)>,
    /// All relevant items and their gains, ascending, candidates or not.
    pub(crate) gains: Vec<(ItemIdx, f64)>,
    /// How many there are.
    pub(crate) n_candidates: usize,
}

/// Memory that is reused for every user.
#[derive(Default)]
pub(crate) struct Ranker {
    candidates: Vec<f32>,
    best: Vec<(f32, u32)>,
}

impl Ranker {
    /// Ranks an answer. `gains` are the relevant items, ascending, with their gains; the list is `longest` items long
    /// where there are as many.
    ///
    /// # Errors
    /// A candidate's score that is not finite.
    pub(crate) fn rank(
        &mut self,
        answer: &Answer<'_>,
        catalogue: &Catalogue,
        gains: Vec<(ItemIdx, f64)>,
        longest: NonZeroUsize,
    ) -> Result<Ranked, ScoreError> {
        self.candidates.clear();
        self.candidates.extend_from_slice(answer.scores);
        let mut n_candidates = self.candidates.len();
        let item = |place: usize| match answer.among {
            Candidates::AllExcept(_) => catalogue.items.at(place).expect("a recommender scores items of its catalogue"),
            Candidates::These(items) => items[place],
        };
        if let Candidates::AllExcept(seen) = answer.among {
            // Seen items play no part, whatever their scores.
            n_candidates -= seen.items().len();
            seen.items().iter().for_each(|item| self.candidates[item.index()] = Scores::ABSENT);
        }
        let n_scored = count(&self.candidates, |score| score > Scores::ABSENT && score <= f32::MAX);
        let n_absent = count(&self.candidates, |score| score == Scores::ABSENT);
        let n_masked = self.candidates.len() - n_candidates;
        // Any other score cannot be ranked; nor can one that is absent and not masked, if the recommender leaves
        // nothing out.
        if n_scored + n_absent < self.candidates.len() || (!answer.leaves_out && n_absent > n_masked) {
            let is_masked =
                |place: usize| matches!(answer.among, Candidates::AllExcept(seen) if seen.contains(item(place)));
            let is_wrong = |(place, score): &(usize, &f32)| match **score {
                Scores::ABSENT => !answer.leaves_out && !is_masked(*place),
                score => !score.is_finite(),
            };
            let (place, value) = self.candidates.iter().enumerate().find(is_wrong).expect("one was counted");
            return Err(ScoreError::NotFinite { item: item(place).index(), value: *value });
        }
        top_k(&self.candidates, longest.get(), &mut self.best);
        let list = self.best.iter().map(|(_, place)| item(*place as usize)).collect();

        let place_of = |item: ItemIdx| match answer.among {
            Candidates::AllExcept(seen) => (!seen.contains(item)).then(|| item.index()),
            Candidates::These(items) => items.binary_search(&item).ok(),
        };
        let candidates = gains.iter().filter_map(|(item, gain)| Some((*item, *gain, place_of(*item)?)));
        let mut relevant: Vec<(ItemIdx, Placed)> = candidates
            .map(|(item, gain, at)| {
                let score = self.candidates[at];
                if score == Scores::ABSENT {
                    return (item, Placed { place: None, gain, below: 0, equal: n_candidates - n_scored - 1 });
                }
                let above = count(&self.candidates, |other| other > score);
                let (before, after) = self.candidates.split_at(at);
                let tied_before = count(before, |other| other == score);
                let equal = tied_before + count(&after[1..], |other| other == score);
                let below = n_candidates - above - equal - 1;
                (item, Placed { place: NonZeroUsize::new(1 + above + tied_before), gain, below, equal })
            })
            .collect();
        relevant.sort_by_key(|(item, placed)| (placed.place.is_none(), placed.place, *item));
        Ok(Ranked { list, relevant, gains, n_candidates })
    }
}

/// How many of `scores` pass `is`.
fn count(scores: &[f32], is: impl Fn(f32) -> bool) -> usize {
    // Sums have 32 bits, as wide as the numbers themselves, over pieces that cannot overflow them: checking each
    // addition, as the dev profile does, would keep the compiler from vector instructions.
    let one = |n: u32, score: &f32| n.wrapping_add(u32::from(is(*score)));
    scores.chunks(1 << 20).map(|piece| piece.iter().fold(0, one) as usize).sum()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use reco_core::Seen;
    use reco_core::testing::catalogue;

    use super::*;

    proptest! {
        #[test]
        fn places_and_lists_are_those_of_a_sorted_row(
            scores in vec(prop::option::weighted(0.8, 0..4_u8), 1..30),
            seen in vec(any::<prop::sample::Index>(), 0..5),
            relevant in vec(any::<prop::sample::Index>(), 0..8),
            longest in 1..9_usize, some in any::<bool>(),
        ) {
            let catalogue = catalogue(1, scores.len());
            let all: Vec<ItemIdx> = catalogue.items.indices().collect();
            let scores: Vec<f32> = scores.into_iter().map(|n| n.map_or(Scores::ABSENT, |n| f32::from(n) - 1.0)).collect();
            let seen = Seen::new(seen.iter().map(|index| all[index.index(all.len())]).collect());
            let mut relevant: Vec<ItemIdx> = relevant.iter().map(|index| all[index.index(all.len())]).collect();
            relevant.sort_unstable();
            relevant.dedup();
            let relevant: Vec<(ItemIdx, f64)> = relevant.into_iter().map(|item| (item, 2.0)).collect();
            let candidates: Vec<ItemIdx> = all.iter().copied().filter(|item| !seen.contains(*item)).collect();
            let of_candidates: Vec<f32> = candidates.iter().map(|item| scores[item.index()]).collect();
            let answer = if some {
                Answer { among: Candidates::These(&candidates), scores: &of_candidates, of_rows: None, leaves_out: true }
            } else {
                Answer { among: Candidates::AllExcept(&seen), scores: &scores, of_rows: None, leaves_out: true }
            };
            let k = NonZeroUsize::new(longest).unwrap();
            let ranked = Ranker::default().rank(&answer, &catalogue, relevant.clone(), k).unwrap();

            let mut sorted: Vec<ItemIdx> =
                candidates.iter().copied().filter(|item| scores[item.index()] > Scores::ABSENT).collect();
            sorted.sort_by(|a, b| scores[b.index()].total_cmp(&scores[a.index()]).then(a.cmp(b)));
            prop_assert_eq!(&ranked.list, &sorted.iter().copied().take(longest).collect::<Vec<_>>());
            prop_assert_eq!(ranked.n_candidates, candidates.len());
            let expected = relevant.iter().filter(|(item, _)| candidates.contains(item)).count();
            prop_assert_eq!(ranked.relevant.len(), expected);
            for (item, placed) in &ranked.relevant {
                let place = sorted.iter().position(|other| other == item).map(|place| place + 1);
                prop_assert_eq!(placed.place.map(NonZeroUsize::get), place);
                let score = scores[item.index()];
                let others = || candidates.iter().filter(|other| *other != item).map(|other| scores[other.index()]);
                prop_assert_eq!(placed.below, others().filter(|other| *other < score).count());
                prop_assert_eq!(placed.equal, others().filter(|other| *other == score).count());
                prop_assert_eq!(answer.score(*item).is_some(), place.is_some());
            }
            prop_assert!(ranked.relevant.is_sorted_by_key(|(_, placed)| placed.place.map_or(usize::MAX, NonZeroUsize::get)));
        }
    }
}
