//! Defines what trains a model: the trait [`Approach`] of structs of options, its object-safe form [`AnyApproach`], and
//! registry entries.
//!
//! Does not know any approach: `reco-classic` and `reco-models` each list theirs in a registry called `APPROACHES`.
//! [`Approach::fit`] checks options, rows and memory; [`AnyApproach::fit`] of such a struct, the options alone.
//!
//! **Invariant**: training rows reach an approach only through a [`Train`] or a [`StreamedTrain`], which have no test
//! row.

use std::error::Error;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::memory::{Need, affordable};
use crate::options::{self, OptionsError};
use crate::{Catalogue, Fitted, Model, Run, StreamedTrain, Train, Weights};

/// An approach as a public struct: its fields are its options, and [`Default`] their documented defaults.
///
/// ```
/// # use reco_core::{Catalogue, FitError, Fitted, LoadError, Loaded, Run, Train, Approach, Weights};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Serialize, Deserialize)]
/// # struct Svd { epochs: usize }
/// # impl Approach for Svd {
/// #     const NAME: &'static str = "svd";
/// #     const ABOUT: &'static str = "";
/// #     fn learn(&self, train: &Train, _: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
/// #         Err(FitError::NoRows { approach: "svd" })
/// #     }
/// #     fn load(&self, _: &mut Weights, _: &std::sync::Arc<Catalogue>, _: &Run<'_>)
/// #         -> Loaded { Err(LoadError::Interrupted) }
/// # }
/// # let train = Train::from_ratings([("ann", "Alien", 5.0), ("ann", "Brazil", 3.0)])?;
/// let model = Svd { epochs: 30, ..Svd::default() }.fit(&train, &Run::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Approach: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What `--approach` and `[[approach]] name` call it.
    const NAME: &'static str;
    /// One line for help and reports.
    const ABOUT: &'static str;

    /// Refuses options that cannot be; `place` is where they stand, for the message.
    ///
    /// # Errors
    /// The first option that is out of bounds.
    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let _ = place;
        Ok(())
    }

    /// As [`AnyApproach::memory`].
    fn memory(&self, catalogue: &Catalogue) -> Need {
        let _ = catalogue;
        Need::default()
    }

    /// As [`AnyApproach::memory_to_load`].
    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        self.memory(catalogue)
    }

    /// As [`AnyApproach::memory_of_rows`].
    fn memory_of_rows(&self, catalogue: &Catalogue, n_rows: usize) -> Need {
        Need::of_rows(catalogue, n_rows)
    }

    /// As [`AnyApproach::would_fit`].
    fn would_fit(&self, catalogue: &Catalogue, n_rows: usize, memory: u64) -> Option<String> {
        let _ = (catalogue, n_rows, memory);
        None
    }

    /// As [`AnyApproach::requires`].
    fn requires(&self) -> Vec<Requirement> {
        Vec::new()
    }

    /// As [`AnyApproach::follows_ratings`].
    fn follows_ratings(&self) -> bool {
        true
    }

    /// As [`AnyApproach::uses_context`].
    fn uses_context(&self) -> bool {
        false
    }

    /// Learns from `train`, with options that can be and rows that meet the requirements: [`Approach::fit`] and
    /// [`AnyApproach::fit`] check the options, and the former the rows.
    ///
    /// # Errors
    /// As [`AnyApproach::fit`].
    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError>;

    /// As [`AnyApproach::streams`].
    fn streams(&self) -> bool {
        false
    }

    /// As [`Approach::learn`], from rows that are read group by group: provided, of all of them in memory.
    ///
    /// # Errors
    /// As [`AnyApproach::fit_streamed`].
    fn learn_streamed(&self, train: &StreamedTrain<'_>, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.learn(&train.collect()?, run)
    }

    /// Takes out of `weights` all that [`Fitted::save`] put into them, for a catalogue of the same size:
    /// [`AnyApproach::load`] has checked that, and refuses what is left.
    ///
    /// # Errors
    /// As [`AnyApproach::load`].
    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded;

    /// Checks the options, the rows and the memory that it takes, learns from `train`, and gives a model that answers
    /// by ids.
    ///
    /// # Errors
    /// An option that is out of bounds, rows that lack what it requires, too little memory; as [`AnyApproach::fit`].
    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Model, FitError> {
        self.check(Self::NAME).map_err(|error| FitError::Other(error.into()))?;
        self.requires().into_iter().try_for_each(|need| need.check(Self::NAME, train))?;
        affordable(self, &train.catalogue, train.fit.len()).map_err(|error| FitError::Other(error.into()))?;
        Ok(Model::new(self.learn(train, run)?, train))
    }
}

/// Finds the weights of a part that was trained already, by its name in the registry and its options.
pub type Trained<'a> = &'a dyn Fn(&str, &Value) -> Result<Option<Weights>, FitError>;

/// A configured way to make a recommender, whichever it is: every [`Approach`] is one. Registries, experiments and
/// tests hold `Box<dyn AnyApproach>`.
pub trait AnyApproach: Send + Sync {
    /// Its name in the registry.
    fn name(&self) -> &'static str;

    /// Its options, defaults filled in.
    fn options(&self) -> Value;

    /// About how much memory it takes to fit this approach over `catalogue`, beyond the training rows: the tables whose
    /// size follows from options or from squares. The caller asks [`memory::affordable`](crate::memory::affordable)
    /// before a fit.
    fn memory(&self, catalogue: &Catalogue) -> Need;

    /// The same for loading what was fitted, perhaps on another machine: no more than for the fit.
    fn memory_to_load(&self, catalogue: &Catalogue) -> Need;

    /// About how much memory `n_rows` training rows take while it is fitted, beyond [`AnyApproach::memory`]: provided,
    /// as they lie in a [`Train`].
    fn memory_of_rows(&self, catalogue: &Catalogue, n_rows: usize) -> Need {
        Need::of_rows(catalogue, n_rows)
    }

    /// Which options would fit into `memory` bytes where these do not, as a hint says it; `None` where it cannot tell.
    fn would_fit(&self, catalogue: &Catalogue, n_rows: usize, memory: u64) -> Option<String> {
        let _ = (catalogue, n_rows, memory);
        None
    }

    /// What it requires; checked before anything is trained.
    fn requires(&self) -> Vec<Requirement>;

    /// Whether its list for a visitor depends on what the visitor rated: provided, it does. Says nothing of one that
    /// requires [`Requirement::KnownUsers`].
    fn follows_ratings(&self) -> bool {
        true
    }

    /// Whether its scores depend on the context of a query: provided, they do not.
    fn uses_context(&self) -> bool {
        false
    }

    /// Learns from `train`.
    ///
    /// # Errors
    /// Nothing to learn from, a loss that is not finite, an interruption, a missing device.
    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError>;

    /// Whether its options ask for rows that are read group by group, so that they need not lie in memory: then
    /// [`AnyApproach::fit_streamed`] is what a caller with rows on the disk calls.
    fn streams(&self) -> bool {
        false
    }

    /// As [`AnyApproach::fit`], from rows that are read group by group: provided, of all of them in memory.
    ///
    /// # Errors
    /// As [`AnyApproach::fit`]; rows that can't be read.
    fn fit_streamed(&self, train: &StreamedTrain<'_>, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.fit(&train.collect()?, run)
    }

    /// The approaches that it consists of, each by its name in the registry and its options; none for one that is whole
    /// in itself.
    fn parts(&self) -> Vec<(&str, &Value)> {
        Vec::new()
    }

    /// As [`AnyApproach::fit`], but loads the weights of each part, by name and options, that `trained` finds trained
    /// already.
    ///
    /// # Errors
    /// As [`AnyApproach::fit`]; those of `trained`; weights that cannot be loaded.
    fn fit_with(&self, train: &Train, run: &Run<'_>, trained: Trained<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let _ = trained;
        self.fit(train, run)
    }

    /// The model that [`Fitted::save`] gave `weights` of, for the same catalogue.
    ///
    /// # Errors
    /// Weights that are damaged, another approach's, or made for other options or a catalogue of another size; a
    /// missing device.
    fn load(&self, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded;
}

impl<A: Approach> AnyApproach for A {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn options(&self) -> Value {
        serde_json::to_value(self).expect("options are keys and values")
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        Approach::memory(self, catalogue)
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        Approach::memory_to_load(self, catalogue)
    }

    fn memory_of_rows(&self, catalogue: &Catalogue, n_rows: usize) -> Need {
        Approach::memory_of_rows(self, catalogue, n_rows)
    }

    fn would_fit(&self, catalogue: &Catalogue, n_rows: usize, memory: u64) -> Option<String> {
        Approach::would_fit(self, catalogue, n_rows, memory)
    }

    fn requires(&self) -> Vec<Requirement> {
        Approach::requires(self)
    }

    fn follows_ratings(&self) -> bool {
        Approach::follows_ratings(self)
    }

    fn uses_context(&self) -> bool {
        Approach::uses_context(self)
    }

    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.check(A::NAME).map_err(|error| FitError::Other(error.into()))?;
        self.learn(train, run)
    }

    fn streams(&self) -> bool {
        Approach::streams(self)
    }

    fn fit_streamed(&self, train: &StreamedTrain<'_>, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.check(A::NAME).map_err(|error| FitError::Other(error.into()))?;
        self.learn_streamed(train, run)
    }

    fn load(&self, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        self.check(A::NAME).map_err(|error| LoadError::Other(error.into()))?;
        weights.read(A::NAME, catalogue, |weights| Approach::load(self, weights, catalogue, run))
    }
}

impl ApproachEntry {
    /// The entry of `A`.
    pub const fn of<A: Approach>() -> Self {
        Self {
            name: A::NAME,
            about: A::ABOUT,
            defaults: || AnyApproach::options(&A::default()),
            configure: |given| {
                let place = format!("[[approach]] {}", A::NAME);
                let options: A = options::parse(&place, given)?;
                options.check(&place)?;
                Ok(Box::new(options))
            },
        }
    }
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
    pub configure: fn(&Value) -> Result<Box<dyn AnyApproach>, OptionsError>,
}

/// What an approach requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        match self {
            Self::Stars => {
                let ratings = || train.parts().flat_map(|part| part.ratings());
                match ratings().filter(|rating| rating.is_none()).count() {
                    0 => Ok(()),
                    n_missing => Err(FitError::NoStars { approach, n_missing, n_rows: ratings().count() }),
                }
            }
            Self::ItemFeatures if train.catalogue.item_features.names().is_empty() => {
                Err(FitError::NoItemFeatures { approach })
            }
            Self::ItemFeatures | Self::KnownUsers => Ok(()),
        }
    }
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

/// A model that was loaded from its weights, or why it could not be.
pub type Loaded = Result<Box<dyn Fitted>, LoadError>;

/// Why weights could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Weights that this approach did not save for this catalogue, or that were changed since.
    #[error("the weights cannot be loaded: {reason}\nhint: train again: `reco train`")]
    Weights {
        /// What is wrong with them.
        reason: String,
    },
    /// It was asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// Anything else, such as a missing device.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

#[expect(dead_code, reason = "fails to compile if the trait loses its object safety")]
fn object_safe(_: &dyn AnyApproach) {}
