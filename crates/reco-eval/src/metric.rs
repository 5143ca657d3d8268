//! The registry of metrics, and how each becomes one number.
//!
//! Does not know recommenders: a metric sees what `given` hands it, most of them one user's answer, and says how good
//! that is. Averages are taken elsewhere, as [`Average`] states.
//!
//! **Invariant**: names are distinct; those that end in `@k` are measured at each length of list that the experiment
//! names.

mod article_accuracy;
mod article_mrr;
mod auc;
mod average_popularity_at_k;
mod capped_recall_at_k;
mod coverage_at_k;
mod diversity_at_k;
mod entropy_at_k;
mod explained_variance;
mod gini_at_k;
mod given;
mod graded_ndcg_at_k;
mod hit_at_k;
mod hit_share;
#[cfg(test)]
mod laws;
mod mae;
mod map_at_k;
mod mape;
mod miscalibration_at_k;
mod mrr;
mod mrr_at_k;
mod ndcg_at_k;
mod novelty_at_k;
mod popularity_lift_at_k;
mod precision_at_k;
mod r2;
mod r_precision;
mod recall_at_k;
mod rmse;
mod scaled_mae;
mod scaled_mape;
mod serendipity_at_k;
mod uncapped_map_at_k;
mod user_auc;

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub use self::given::{Exposure, Judgement, List, Pair, Placed, Sums, TopFive, TopK, Whole};

pub(crate) use self::article_accuracy::article_accuracy;
pub(crate) use self::article_mrr::article_mrr;
pub(crate) use self::given::best_first;
pub(crate) use self::mrr::mrr;

use self::given::mean;
use crate::Column;

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
    capped_recall_at_k::ENTRY,
    graded_ndcg_at_k::ENTRY,
    uncapped_map_at_k::ENTRY,
    r_precision::ENTRY,
    user_auc::ENTRY,
    coverage_at_k::ENTRY,
    gini_at_k::ENTRY,
    entropy_at_k::ENTRY,
    novelty_at_k::ENTRY,
    diversity_at_k::ENTRY,
    serendipity_at_k::ENTRY,
    average_popularity_at_k::ENTRY,
    popularity_lift_at_k::ENTRY,
    miscalibration_at_k::ENTRY,
    mape::ENTRY,
    r2::ENTRY,
    explained_variance::ENTRY,
    auc::ENTRY,
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
    /// Its name in tables and in `metrics` of an experiment.
    pub name: &'static str,
    /// One line for help and reports.
    pub about: &'static str,
    /// Which of two values is the better one.
    pub better: Better,
    /// What it looks at, and how.
    pub measure: Measure,
}

impl MetricEntry {
    /// One of [`Family::Rankings`]: the more, the better.
    pub const fn ranking(name: &'static str, about: &'static str, measure: Measure) -> Self {
        Self { name, about, better: Better::Higher, measure }
    }

    /// The family that it is shown in, by what it looks at.
    pub fn family(&self) -> Family {
        match self.measure {
            Measure::TopK(_) | Measure::Whole(_) => Family::Rankings,
            Measure::List(_) | Measure::Exposure(_) => Family::BeyondAccuracy,
            Measure::Stars(..) | Measure::Sums(_) | Measure::Judgements(_) => Family::Ratings,
            Measure::Targets(_) | Measure::TopFive(_) => Family::Article,
        }
    }

    /// Whether it looks at which test rows are relevant.
    pub fn reads_relevance(&self) -> bool {
        // The only metric of lists that looks at hits.
        let of_list = self.name == serendipity_at_k::ENTRY.name;
        of_list || matches!(self.measure, Measure::TopK(_) | Measure::Whole(_) | Measure::Judgements(_))
    }

    /// Its column, `k` being the length of lists and `sampled` the number of candidates that each user's relevant items
    /// are ranked among, 0 for all of the catalogue.
    pub fn column(&self, k: NonZeroUsize, sampled: usize) -> Column {
        Column::new(self.name, k, if self.measure.ranks() { sampled } else { 0 })
    }
}

/// The family that a metric is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// How far predictions are from ratings.
    Ratings,
    /// Whether what is relevant comes first.
    Rankings,
    /// What lists are like, beside being right.
    BeyondAccuracy,
    /// The article's own.
    Article,
}

impl Family {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Rankings, Self::BeyondAccuracy, Self::Ratings, Self::Article];

    /// What a report calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ratings => "Ratings",
            Self::Rankings => "Rankings",
            Self::BeyondAccuracy => "Beyond accuracy",
            Self::Article => "The article's",
        }
    }
}

/// Which of two values of a metric is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The greater one.
    Higher,
    /// The smaller one.
    Lower,
    /// Neither: it says what lists are like.
    Neither,
}

/// How all users' values become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean over users.
    OverUsers,
    /// The mean over all users' rated test rows: each user's value weighs as much as the user has rows.
    OverRows,
    /// The root of the mean square over all users' rated test rows.
    RootMeanSquareOverRows,
}

/// What a metric looks at, and how. A user for whom a function has no value is left out of the average, except in
/// metrics of predictions, which apply to all users or to none.
#[derive(Clone, Copy, Debug)]
pub enum Measure {
    /// The first `k` of the ranking of all candidates, judged. Users without relevant items are left out.
    TopK(fn(&TopK<'_>) -> Option<f64>),
    /// The places of all relevant items in the ranking of all candidates. Users without relevant items are left out.
    Whole(fn(&Whole<'_>) -> Option<f64>),
    /// The first `k` of the ranking themselves: what kind of items they are. One value for each of several `k`, in one
    /// pass over the longest of them, so that a thousand lengths cost what the longest does.
    List(fn(&List<'_>, &[NonZeroUsize]) -> Vec<Option<f64>>),
    /// The lists of `k` of all users together; no user has a value.
    Exposure(fn(&Exposure<'_>) -> Option<f64>),
    /// Ratings and predictions in stars, a prediction beyond the scale as it is; one pair at least. Does not apply to a
    /// recommender that gives an order only, nor where an item's scaling cannot be inverted to stars, nor where there
    /// is no value for the pairs of some user.
    Stars(fn(&[Pair]) -> Option<f64>, Average),
    /// The same pairs of all users together, by their sums; no user has a value.
    Sums(fn(&Sums) -> Option<f64>),
    /// The scores of all users' rated test rows together, relevant and not, in any order; no user has a value.
    Judgements(fn(&mut [Judgement]) -> Option<f64>),
    /// Targets and predictions after scaling, rounded to 1e-6; one pair at least. Does not apply to a recommender that
    /// gives an order only, nor where the metric has no value for the pairs of some user. Users with too few rated test
    /// rows for the article's metrics are left out.
    Targets(fn(&[Pair]) -> Option<f64>),
    /// The article's two lists of five. Users with too few rated test rows are left out.
    TopFive(fn(&TopFive) -> f64),
}

impl Measure {
    /// Whether it looks at a ranking of candidates, so that it matters which those are.
    pub fn ranks(&self) -> bool {
        matches!(self, Self::TopK(_) | Self::Whole(_) | Self::List(_) | Self::Exposure(_))
    }

    /// How users' values become one number; `None` where users have none.
    pub fn average(&self) -> Option<Average> {
        match self {
            Self::TopK(_) | Self::Whole(_) | Self::List(_) | Self::TopFive(_) => Some(Average::OverUsers),
            Self::Stars(_, average) => Some(*average),
            Self::Targets(_) => Some(Average::OverRows),
            Self::Exposure(_) | Self::Sums(_) | Self::Judgements(_) => None,
        }
    }
}
