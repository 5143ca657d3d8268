//! Which metrics are there, and what is each given to look at?
//!
//! Does not know recommenders or users' ids: a metric sees one user's answer and says how good it is; averages are taken
//! elsewhere, as [`Average`] states.
//!
//! **Invariant**: names are distinct; those that end in `@k` are measured at each length of list that the experiment names.

mod article_accuracy;
mod article_mrr;
mod hit_at_k;
mod hit_share;
#[cfg(test)]
mod laws;
mod mae;
mod map_at_k;
mod mrr;
mod mrr_at_k;
mod ndcg_at_k;
mod precision_at_k;
mod recall_at_k;
mod rmse;
mod scaled_mae;
mod scaled_mape;

use std::cmp::Ordering;
use std::num::NonZeroUsize;

use reco_core::{ItemIdx, Relevant};

pub(crate) use self::article_accuracy::article_accuracy;
pub(crate) use self::article_mrr::article_mrr;
pub(crate) use self::mrr::mrr;

/// All metrics, in the order in which tables show them.
pub static METRICS: &[MetricEntry] = &[
    mae::ENTRY,
    rmse::ENTRY,
    precision_at_k::ENTRY,
    recall_at_k::ENTRY,
    ndcg_at_k::ENTRY,
    mrr_at_k::ENTRY,
    hit_at_k::ENTRY,
    map_at_k::ENTRY,
    scaled_mae::ENTRY,
    scaled_mape::ENTRY,
    hit_share::ENTRY,
    article_accuracy::ENTRY,
    article_mrr::ENTRY,
    mrr::ENTRY,
];

/// A metric: one line of [`METRICS`].
#[derive(Clone, Copy, Debug)]
pub struct MetricEntry {
    /// What tables and `metrics` in an experiment call it.
    pub name: &'static str,
    /// One line for help and reports.
    pub about: &'static str,
    /// Which of two values is the better one.
    pub better: Better,
    /// How one number is made of all users' values.
    pub average: Average,
    /// The value of one user.
    pub of_user: OfUser,
}

impl MetricEntry {
    /// The metric that a column of results is of: `ndcg@k` for `ndcg@10`.
    pub fn of_column(column: &str) -> Option<&'static Self> {
        let name = column.split_once('@').map_or_else(|| column.to_owned(), |(stem, _)| format!("{stem}@k"));
        METRICS.iter().find(|entry| entry.name == name)
    }
}

/// Which of two values of a metric is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The greater one.
    Higher,
    /// The smaller one.
    Lower,
}

/// How one number is made of all users' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean over users.
    OverUsers,
    /// The mean over all users' rated test rows: each user's value weighs as much as the user has rows.
    OverRows,
    /// The root of the mean square over all users' rated test rows.
    RootMeanSquareOverRows,
}

/// The value of one user, by what the metric looks at.
#[derive(Clone, Copy, Debug)]
pub enum OfUser {
    /// The first `k` of the ranking of the whole catalogue, seen items left out. Users without relevant items are left out.
    Ranking(fn(&TopK<'_>) -> f64),
    /// Ratings and predictions in stars, a prediction beyond the scale as it is; one pair at least. Does not apply to a
    /// recommender that gives an order only, nor where an item's scaling has no way back to stars.
    Stars(fn(&[Pair]) -> f64),
    /// Targets and predictions after scaling, rounded to 1e-6; one pair at least. Does not apply to a recommender that gives
    /// an order only, nor where the metric has no value for the pairs of some user. Users with too few rated test rows for
    /// the article's metrics are left out.
    Targets(fn(&[Pair]) -> Option<f64>),
    /// The article's two lists of five. Users with too few rated test rows are left out.
    TopFive(fn(&TopFive) -> f64),
}

/// The first `k` of a ranking, judged.
#[derive(Clone, Copy, Debug)]
pub struct TopK<'a> {
    hits: &'a [bool],
    relevant: &'a Relevant,
    k: NonZeroUsize,
}

impl<'a> TopK<'a> {
    /// The first `k` places of a ranking: `hits` says of each of its items, best first, whether it is among `relevant`; it
    /// is shorter than `k` where fewer items were left to recommend, and longer where a longer list was judged.
    pub fn new(hits: &'a [bool], relevant: &'a Relevant, k: NonZeroUsize) -> Self {
        Self { hits: &hits[..k.get().min(hits.len())], relevant, k }
    }

    /// The length of the list, whether or not there were as many items to recommend.
    pub fn k(&self) -> f64 {
        self.k.get() as f64
    }

    /// |T|: how many items are relevant, found or not.
    pub fn n_relevant(&self) -> f64 {
        self.relevant.n() as f64
    }

    /// min(k, |T|): how many hits the best list of this length has.
    pub fn most_hits(&self) -> usize {
        self.k.get().min(self.relevant.n())
    }

    /// The places of the hits, counted from 1.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.hits.iter().zip(1..).filter(|(hit, _)| **hit).map(|(_, place)| place)
    }

    /// How many of the first `k` are relevant.
    pub fn n_hits(&self) -> f64 {
        self.places().count() as f64
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

/// The mean of one number per pair, of which there is one at least.
fn mean(pairs: &[Pair], number: impl Fn(&Pair) -> f64) -> f64 {
    pairs.iter().map(number).sum::<f64>() / pairs.len() as f64
}

/// The items rated best and the items predicted best among one user's rated test items: at most five each, best first, ties
/// in catalogue order. They are equally long, and not empty.
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
    fn len(&self) -> f64 {
        self.y_test.len() as f64
    }
}

/// The order of two scored items: the greater number first, equal numbers (0 and -0 among them) in catalogue order.
pub(crate) fn best_first(a: (ItemIdx, f64), b: (ItemIdx, f64)) -> Ordering {
    (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0))
}
