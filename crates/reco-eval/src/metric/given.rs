//! The inputs of metrics: places of relevant items, lists, and pairs of rating and prediction.
//!
//! Does not know which metrics there are.
//!
//! **Invariant**: places count from 1 and ascend; ties are in catalogue order.

use std::cmp::Ordering;
use std::num::NonZeroUsize;

use reco_core::{Catalogue, ItemIdx};

use crate::TrainingCounts;

/// A relevant item among a user's candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Its place in the ranking of all candidates, counted from 1; `None` where it has no score and is never
    /// recommended.
    pub place: Option<NonZeroUsize>,
    /// How many stars it has, at least 0; 1 for an event.
    pub gain: f64,
    /// Candidates with a lower score, or with none if it has one.
    pub below: usize,
    /// Other candidates with the same score, or with none if it has none.
    pub equal: usize,
}

/// The first `k` of a ranking, judged.
#[derive(Clone, Copy, Debug)]
pub struct TopK<'a> {
    placed: &'a [Placed],
    ideal: &'a [f64],
    k: NonZeroUsize,
}

impl<'a> TopK<'a> {
    /// The first `k` places of a ranking. `placed` has its relevant candidates by their places, those without one last.
    /// `ideal` has the gain of every relevant item, candidate or not, the greatest first, and at least one.
    pub fn new(placed: &'a [Placed], ideal: &'a [f64], k: NonZeroUsize) -> Self {
        Self { placed, ideal, k }
    }

    /// The length of the list, whether or not there were as many items to recommend.
    pub fn k(&self) -> f64 {
        self.k.get() as f64
    }

    /// |T|: how many items are relevant, found or not.
    pub fn n_relevant(&self) -> f64 {
        self.ideal.len() as f64
    }

    /// min(k, |T|): how many hits the best list of this length has.
    pub fn most_hits(&self) -> usize {
        self.k.get().min(self.ideal.len())
    }

    /// The places of the hits, counted from 1, each with its gain.
    pub fn hits(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let hit = |placed: &Placed| Some((placed.place?.get(), placed.gain));
        self.placed.iter().filter_map(hit).take_while(|(place, _)| *place <= self.k.get())
    }

    /// The places and gains of the best list of this length.
    pub fn ideal(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        (1..=self.k.get()).zip(self.ideal.iter().copied())
    }

    /// The places of the hits, counted from 1.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.hits().map(|(place, _)| place)
    }

    /// How many of the first `k` are relevant.
    pub fn n_hits(&self) -> f64 {
        self.places().count() as f64
    }

    /// Σ precision at the place of each hit.
    pub fn sum_of_precisions(&self) -> f64 {
        self.places().zip(1..).map(|(place, hits)| f64::from(hits) / place as f64).sum()
    }
}

/// The discounted cumulative gain of places and gains: Σ gain / log₂(place + 1).
pub(super) fn discounted(hits: impl Iterator<Item = (usize, f64)>) -> f64 {
    hits.map(|(place, gain)| gain / libm::log2((place + 1) as f64)).sum()
}

/// The relevant items in the ranking of all candidates.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// Relevant candidates by their places, those without one last.
    pub placed: &'a [Placed],
    /// |T|: how many items are relevant, candidates or not.
    pub n_relevant: usize,
    /// How many candidates there are, with or without a score.
    pub n_candidates: usize,
}

/// A list of recommendations to one user, as long as the longest asked for, and what was known before.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// The items, best first, and one at least.
    pub items: &'a [ItemIdx],
    /// Which of them are relevant; `None` for a user without relevant items.
    pub hits: Option<&'a [bool]>,
    /// The candidates with the most training ratings, the most rated first.
    pub popular: &'a [ItemIdx],
    /// The items that the user was known to have rated.
    pub profile: &'a [ItemIdx],
    /// Counts of training ratings, and what items are like.
    pub known: &'a TrainingCounts,
    /// Users, items, features.
    pub catalogue: &'a Catalogue,
}

impl List<'_> {
    /// How many items are among the first `k`.
    pub fn n(&self, k: NonZeroUsize) -> usize {
        k.get().min(self.items.len())
    }

    /// The first items, as many as the longest of `lengths`.
    pub fn longest(&self, lengths: &[NonZeroUsize]) -> &[ItemIdx] {
        &self.items[..lengths.iter().map(|k| self.n(*k)).max().unwrap_or(0)]
    }
}

/// The lists of all users.
#[derive(Clone, Copy, Debug)]
pub struct Exposure<'a> {
    /// In how many lists each item of the catalogue is.
    pub counts: &'a [u64],
}

impl Exposure<'_> {
    /// Recommendations of all lists together; `None` where there are none.
    pub fn n_recommended(&self) -> Option<u64> {
        Some(self.counts.iter().sum()).filter(|sum| *sum > 0)
    }
}

/// One true number and the one predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// What the test row says.
    pub y: f64,
    /// What the recommender says.
    pub yhat: f64,
}

impl Pair {
    /// |y - ŷ|
    pub fn error(&self) -> f64 {
        (self.y - self.yhat).abs()
    }
}

/// The mean of one number per pair, over at least one pair.
pub(super) fn mean(pairs: &[Pair], number: impl Fn(&Pair) -> f64) -> f64 {
    pairs.iter().map(number).sum::<f64>() / pairs.len() as f64
}

/// Pairs, reduced to sums. Squares are taken around the mean: for predictions far from the scale, the difference of two
/// large sums would keep few digits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// How many pairs.
    pub n: f64,
    /// The y and their mean.
    y: Spread,
    /// The y - ŷ and their mean.
    error: Spread,
    /// Σ (y - ŷ)²
    pub error_squared: f64,
}

impl Sums {
    /// The sums of `pairs`.
    pub fn of(pairs: &[Pair]) -> Self {
        let mut sums = Self::default();
        for Pair { y, yhat } in pairs {
            let error = y - yhat;
            let [y, error] = [*y, error].map(|mean| Spread { mean, squares: 0.0 });
            sums.add(&Self { n: 1.0, y, error, error_squared: error.mean.powi(2) }, 1.0);
        }
        sums
    }

    /// Adds `other`, counted `times` times.
    pub fn add(&mut self, other: &Self, times: f64) {
        let n = other.n * times;
        if n > 0.0 {
            let weights = (self.n, n, times);
            self.y.add(other.y, weights);
            self.error.add(other.error, weights);
            self.n += n;
            self.error_squared += other.error_squared * times;
        }
    }

    /// Σ (y - ȳ)²; `None` where all y are equal, or there is none.
    pub fn spread(&self) -> Option<f64> {
        Some(self.y.squares).filter(|squares| *squares > 0.0)
    }

    /// The same for y - ŷ, which may be 0.
    pub fn error_spread(&self) -> f64 {
        self.error.squares
    }
}

/// A mean, and the squared distances from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Spread {
    mean: f64,
    /// Σ (x - x̄)²
    squares: f64,
}

impl Spread {
    /// Adds `other` (Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
    /// variances"). The weights are how many numbers there are here, how many are added, and how many times those of
    /// `other` are among these.
    fn add(&mut self, other: Self, (n, n_added, times): (f64, f64, f64)) {
        let apart = other.mean - self.mean;
        let share = n_added / (n + n_added);
        self.squares += other.squares * times + apart * apart * n * share;
        self.mean += apart * share;
    }
}

/// A rated test row: the score of its item, and whether it is relevant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// What the recommender says.
    pub score: f32,
    /// Whether the rating reaches the threshold.
    pub is_relevant: bool,
}

/// The items rated best and the items predicted best among one user's rated test items: at most five each, best first,
/// ties in catalogue order. They are equally long, and not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopFive {
    y_test: Vec<ItemIdx>,
    predicted: Vec<ItemIdx>,
}

impl TopFive {
    /// How many items the article compares.
    pub const LENGTH: usize = 5;

    /// The lists over `rows`, in any order; `None` if there are none.
    pub fn new(rows: &[(ItemIdx, Pair)]) -> Option<Self> {
        let best = |number: fn(&Pair) -> f64| {
            let mut rows: Vec<_> = rows.iter().map(|(item, pair)| (*item, number(pair))).collect();
            rows.sort_by(|a, b| best_first(*a, *b));
            rows.into_iter().map(|(item, _)| item).take(Self::LENGTH).collect()
        };
        (!rows.is_empty()).then(|| Self { y_test: best(|pair| pair.y), predicted: best(|pair| pair.yhat) })
    }

    /// The items rated best.
    pub fn y_test(&self) -> &[ItemIdx] {
        &self.y_test
    }

    /// The items predicted best.
    pub fn predicted(&self) -> &[ItemIdx] {
        &self.predicted
    }

    /// Items in both lists.
    pub fn n_hits(&self) -> usize {
        self.predicted.iter().filter(|item| self.y_test.contains(item)).count()
    }

    /// The length of either list; at least 1.
    pub(super) fn len(&self) -> f64 {
        self.y_test.len() as f64
    }
}

/// The order of two scored items: the greater number first, equal numbers (0 and -0 among them) in catalogue order.
pub(crate) fn best_first(a: (ItemIdx, f64), b: (ItemIdx, f64)) -> Ordering {
    (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0))
}
