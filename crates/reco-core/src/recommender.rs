//! The traits of a recommender and of an approach that trains one.
//!
//! Does not know any approach: `reco-classic` and `reco-models` each list theirs in a registry called `APPROACHES`.
//!
//! **Invariant**: [`Approach::fit`] sees a [`Train`] and nothing else, so that no test row can reach it.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::memory::Need;
use crate::options::OptionsError;
use crate::{Catalogue, Choice, Explanation, Features, ItemIdx, LayerGraph, Query, Ranking, Scaling, Scores, Train};

/// Answers queries. Object-safe: evaluation, the service and the command line hold `&dyn Recommender`.
pub trait Recommender: Send + Sync {
    /// What the scores are, which decides the metrics that apply.
    fn score_kind(&self) -> ScoreKind;

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
            for (row, query) in queries.iter().enumerate() {
                rankings.push(Ranking::top(self.catalogue().items.indices(), &query.candidates, scores.row(row), k)?);
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

/// A way to make a recommender: one line in a registry `APPROACHES`.
#[derive(Clone, Copy)]
pub struct ApproachEntry {
    /// What `--approach` and `[[approach]] name` call it.
    pub name: &'static str,
    /// One line for help and reports.
    pub about: &'static str,
    /// Its options at their defaults, as a JSON object; the keys of `[[approach]]`.
    pub defaults: fn() -> Value,
    /// Makes the approach with the options given; those not given keep their default.
    pub configure: fn(&Value) -> Result<Box<dyn Approach>, OptionsError>,
}

/// A configured way to make a recommender.
pub trait Approach: Send + Sync {
    /// Its name in the registry.
    fn name(&self) -> &'static str;

    /// Its options, defaults filled in.
    fn options(&self) -> Value;

    /// About how much memory it takes to fit this approach over `catalogue`, beyond the training rows: the tables whose
    /// size follows from options or from squares. The caller compares it with
    /// [`memory::of_machine`](crate::memory::of_machine) before a fit.
    fn memory(&self, catalogue: &Catalogue) -> Need {
        let _ = catalogue;
        Need::default()
    }

    /// The same for loading what was fitted, perhaps on another machine: no more than for the fit.
    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        self.memory(catalogue)
    }

    /// What it requires; checked before anything is trained.
    fn requires(&self) -> Vec<Requirement> {
        Vec::new()
    }

    /// Learns from `train`.
    ///
    /// # Errors
    /// Nothing to learn from, a loss that is not finite, an interruption, a missing device.
    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError>;

    /// Reads back what [`Fitted::save`] wrote in `folder`, for the same catalogue.
    ///
    /// # Errors
    /// A file that is missing, damaged, foreign, or of another shape than the catalogue's.
    fn load(&self, folder: &Path, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Result<Box<dyn Fitted>, LoadError>;
}

/// What an approach requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Stars in every training row.
    Stars,
    /// Features of items.
    ItemFeatures,
    /// Training rows of every user it is asked about: it has no answer for a visitor, nor for a user who was held out
    /// whole.
    KnownUsers,
}

impl Requirement {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Stars, Self::ItemFeatures, Self::KnownUsers];

    /// Whether `train` has it. [`Requirement::KnownUsers`] does not depend on the training rows, and is always met
    /// here.
    ///
    /// # Errors
    /// [`FitError::NoStars`], [`FitError::NoItemFeatures`]
    pub fn check(self, approach: &'static str, train: &Train) -> Result<(), FitError> {
        let ratings = train.fit.ratings();
        match self {
            Self::Stars => match ratings.iter().filter(|rating| rating.is_none()).count() {
                0 => Ok(()),
                n_missing => Err(FitError::NoStars { approach, n_missing, n_rows: ratings.len() }),
            },
            Self::ItemFeatures if train.catalogue.item_features.names().is_empty() => {
                Err(FitError::NoItemFeatures { approach })
            }
            Self::ItemFeatures | Self::KnownUsers => Ok(()),
        }
    }
}

/// A trained recommender, with what is known of its training.
pub trait Fitted: Recommender {
    /// How many numbers were learned.
    fn n_parameters(&self) -> usize;

    /// The device it computes on, in words.
    fn device(&self) -> String;

    /// The log of its training; `None` for a model that is not trained by epochs.
    fn training(&self) -> Option<&TrainingLog> {
        None
    }

    /// The network as layers with shapes; `None` for a model that is not a network.
    fn layers(&self) -> Option<LayerGraph> {
        None
    }

    /// Writes all that [`Approach::load`] needs into `folder`, which exists and is empty, and nothing elsewhere.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn save(&self, folder: &Path) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// The settings of a fit that are not options of its approach.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The seed of all randomness in the fit.
    pub seed: u64,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Receives progress, and can ask to stop.
    pub progress: &'a dyn Progress,
}

/// Where to compute; only models on Burn look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// A real GPU through wgpu if there is one, else the CPU.
    #[default]
    Auto,
    /// wgpu, on whatever adapter there is, a software driver included.
    Wgpu,
    /// The CPU.
    Cpu,
    /// CUDA, in a build with the cargo feature `cuda`.
    Cuda,
}

/// Receives progress. Nothing it does changes a result, except that it can stop a fit.
pub trait Progress: Send + Sync {
    /// A fit of at most `epochs` epochs of `rows` rows each begins.
    fn begin(&self, approach: &str, epochs: usize, rows: usize) {
        let _ = (approach, epochs, rows);
    }

    /// `rows` rows of the present epoch are done.
    fn advance(&self, rows: usize) {
        let _ = rows;
    }

    /// An epoch is done.
    fn epoch(&self, epoch: &EpochLog) {
        let _ = epoch;
    }

    /// The fit is over.
    fn end(&self) {}

    /// Something to know before the work goes on.
    fn note(&self, text: &str) {
        let _ = text;
    }

    /// Whether the fit should stop, without a result.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Shows nothing and never stops.
pub struct Silent;

impl Progress for Silent {}

/// The log of a training by epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLog {
    /// One entry per epoch.
    pub epochs: Vec<EpochLog>,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: usize,
    /// Rows that each epoch learns from.
    pub n_train: usize,
    /// Rows that each epoch is validated on.
    pub n_validation: usize,
    /// Wall time of the whole fit: initialisation, upload and validation included.
    pub train_seconds: f64,
}

impl TrainingLog {
    /// `n_train × epochs / train_seconds`
    pub fn ratings_per_second(&self) -> f64 {
        (self.n_train * self.epochs.len()) as f64 / self.train_seconds
    }
}

/// One epoch. Losses are mean absolute errors of targets, the others mean absolute percentage errors, in per cent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Counted from 1.
    pub epoch: usize,
    /// Running mean over the epoch's batches, as Keras prints it.
    pub train_loss: f64,
    /// The same, in per cent of the target.
    pub train_mape: f64,
    /// After the epoch, where there are validation rows.
    pub validation_loss: Option<f64>,
    /// The same, in per cent of the target.
    pub validation_mape: Option<f64>,
}

/// Why a model could not be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// No rows.
    #[error("there are no training rows for `{approach}`\nhint: check the split: it left nothing in train")]
    NoRows {
        /// The approach.
        approach: &'static str,
    },
    /// Rows without stars, for a model of stars.
    #[error(
        "`{approach}` predicts stars, and `{n_missing}` of `{n_rows}` training rows have none\nhint: leave it out, or name the column of stars in `data.columns.rating`; `popularity` needs none"
    )]
    NoStars {
        /// The approach.
        approach: &'static str,
        /// Rows without stars.
        n_missing: usize,
        /// All training rows.
        n_rows: usize,
    },
    /// Items without features, for a model that knows items by them.
    #[error(
        "`{approach}` needs item features and the catalogue has none\nhint: give items genres, a year or attributes, or leave the approach out"
    )]
    NoItemFeatures {
        /// The approach.
        approach: &'static str,
    },
    /// A loss that is NaN or infinite.
    #[error("the loss of `{approach}` became `{loss}` in epoch `{epoch}`\nhint: lower `learning_rate`")]
    Diverged {
        /// The approach.
        approach: &'static str,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
    },
    /// It was asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// Anything the approach itself reports, such as a missing device.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

/// Why saved weights could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that this approach did not write, or that was changed since.
    #[error("`{path}` does not hold the weights of `{approach}`: {reason}\nhint: train again: `reco train`")]
    Weights {
        /// The file.
        path: String,
        /// The approach.
        approach: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It was asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// Anything else, such as a missing device.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
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
fn object_safe(_: &dyn Recommender, _: &dyn Approach, _: &dyn Fitted, _: &Features) {}
