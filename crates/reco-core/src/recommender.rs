//! The traits of a recommender and of one that was trained.
//!
//! Does not know how a recommender is trained.
//!
//! **Invariant**: a recommender answers by the catalogue's rows and the query alone.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dot::Vectors;
use crate::{
    Catalogue, Choice, Explanation, ItemIdx, LayerGraph, Query, Ranking, Scaling, Scores, TrainingLog, Weights,
    parallel,
};

/// Answers queries. Object-safe: evaluation, the service and the command line hold `&dyn Recommender`.
pub trait Recommender: Send + Sync {
    /// What the scores are, which decides the metrics that apply: provided, an order.
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Order
    }

    /// The users, items and features that the indices in queries and answers refer to.
    fn catalogue(&self) -> &Arc<Catalogue>;

    /// Whether it gives [`Scores::ABSENT`] for candidates without a score. A recommender that says `false` and gives
    /// that number has failed.
    fn leaves_out(&self) -> bool {
        false
    }

    /// Scores for many queries at once, written into `out`, one row per query (see [`Scores`]).
    ///
    /// # Errors
    /// A visitor, from a recommender that knows only its users; a failing device.
    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError>;

    /// Whether [`Recommender::score_at`] reads the times that it is given.
    fn reads_time(&self) -> bool {
        false
    }

    /// As [`Recommender::score`], for ratings that are given at known moments: `times` has for each query the second
    /// (UTC, since 1970) of each of its candidates, which are [`Candidates::These`](crate::Candidates::These), in their
    /// order. Whoever does not read times, and whatever has none, is scored as without. Lists are never asked for so: a
    /// time tells when the user rates, which nobody knows before.
    ///
    /// # Errors
    /// As [`Recommender::score`].
    fn score_at(&self, queries: &[Query<'_>], times: &[&[Option<i64>]], out: &mut Scores) -> Result<(), ScoreError> {
        let _ = times;
        self.score(queries, out)
    }

    /// The best `k` of each query's candidates. Provided; override it where score, mask and top-k can be fused.
    ///
    /// # Errors
    /// As [`Recommender::score`], and where a score is not finite.
    fn recommend(&self, queries: &[Query<'_>], k: NonZeroUsize) -> Result<Vec<Ranking>, ScoreError> {
        // Few enough queries at a time that their scores stay within some 16 MiB.
        let tile = (4_000_000 / self.catalogue().n_items().max(1)).clamp(1, 256);
        let mut scores = Scores::new();
        let mut rankings = Vec::with_capacity(queries.len());
        for queries in queries.chunks(tile) {
            self.score(queries, &mut scores)?;
            let mut ranked: Vec<_> = queries.iter().map(|_| Ok(Ranking::default())).collect();
            parallel::each(
                queries.iter().enumerate().zip(&mut ranked).collect(),
                || (),
                |(), ((row, query), ranked)| {
                    *ranked = Ranking::top(&self.catalogue().items, &query.candidates, scores.row(row), k);
                },
            );
            for ranking in ranked {
                rankings.push(ranking?);
            }
        }
        Ok(rankings)
    }

    /// What the scores of `items` are made of, one explanation per item; `None` from a recommender that cannot say.
    ///
    /// # Errors
    /// As [`Recommender::score`].
    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let _ = (query, items);
        Ok(None)
    }

    /// Which recommender answers `query`, from one that chooses among several; `None` from all others.
    fn choice(&self, query: &Query<'_>) -> Option<Choice> {
        let _ = query;
        None
    }
}

/// What the scores of a recommender are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Stars, comparable with ratings.
    Stars,
    /// Targets: ratings after the catalogue's [`Scaling`](crate::Scaling), which leads back to stars where it can.
    Targets,
    /// An order only.
    Order,
}

impl ScoreKind {
    /// What the scores of a model fitted to targets of this scaling are.
    pub fn of(scaling: &Scaling) -> Self {
        match scaling {
            Scaling::None => Self::Stars,
            Scaling::MinMax { .. } | Scaling::ItemMinMax { .. } => Self::Targets,
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// A score that is NaN or infinite.
    #[error(
        "the score of item row `{item}` is `{value}`, which cannot be ranked\nhint: train again with a lower `learning_rate`"
    )]
    NotFinite {
        /// The item's row.
        item: usize,
        /// The number.
        value: f32,
    },
    /// One candidate named twice.
    #[error("item row `{item}` is named twice among the candidates")]
    CandidateTwice {
        /// The item's row.
        item: usize,
    },
    /// A visitor, asked of a recommender that knows only its users.
    #[error(
        "`{approach}` has no answer for a visitor it was not trained on\nhint: ask `profile`, `content` or `popularity`"
    )]
    Visitor {
        /// The approach.
        approach: &'static str,
    },
    /// A visitor's statement that the catalogue does not know.
    #[error("unknown {what} `{name}`\nhint: {hint}")]
    UnknownStatement {
        /// `liked feature`, `user attribute`.
        what: &'static str,
        /// The name stated.
        name: String,
        /// The nearest known one, or all of them.
        hint: String,
    },
    /// A value that an attribute of a visitor cannot have.
    #[error("user attribute `{name}` cannot be `{value}`\nhint: {hint}")]
    StatedValue {
        /// The attribute.
        name: String,
        /// The value stated.
        value: String,
        /// The values it can have.
        hint: String,
    },
    /// A context of the wrong length.
    #[error("the query states `{given}` context numbers and the catalogue has `{expected}`")]
    Context {
        /// How many the query has.
        given: usize,
        /// How many the catalogue has.
        expected: usize,
    },
    /// The device failed.
    #[error("the device failed while scoring: {0}")]
    Device(#[source] Box<dyn Error + Send + Sync>),
}

/// A trained recommender, with what is known of its training.
pub trait Fitted: Recommender {
    /// How many numbers were learned.
    fn n_parameters(&self) -> usize;

    /// The device it computes on, in words.
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    /// The log of its training; `None` for a model that is not trained by epochs.
    fn training(&self) -> Option<&TrainingLog> {
        None
    }

    /// The network as layers with shapes; `None` for a model that is not a network.
    fn layers(&self) -> Option<LayerGraph> {
        None
    }

    /// The vectors whose dot products are its scores; `None` for a model that is not one of dot products.
    ///
    /// # Errors
    /// A failing device.
    fn vectors(&self) -> Result<Option<Vectors>, ScoreError> {
        Ok(None)
    }

    /// The same model for visitors alone, over the catalogue [without users](Catalogue::without_users): no user, and no
    /// list of one, is in it, so that it can be given away. `None` for a model that has no answer for visitors, and for
    /// one that looks at users' ratings to answer them.
    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        None
    }

    /// All that [`AnyApproach::load`](crate::AnyApproach::load) needs.
    ///
    /// # Errors
    /// A failing device.
    fn save(&self) -> Result<Weights, ScoreError>;
}

impl Query<'_> {
    /// The context to use: the one stated, or the average moment of training.
    ///
    /// # Errors
    /// A context that is not empty and does not have one number for each of the catalogue's.
    pub fn context_or_average(&self, catalogue: &Catalogue) -> Result<Vec<f32>, ScoreError> {
        match (self.context.len(), catalogue.contexts.len()) {
            (0, _) => Ok(catalogue.average_moment()),
            (given, expected) if given == expected => Ok(self.context.to_vec()),
            (given, expected) => Err(ScoreError::Context { given, expected }),
        }
    }
}

#[expect(dead_code, reason = "fails to compile if a trait loses its object safety")]
fn object_safe(_: &dyn Recommender, _: &dyn Fitted) {}
