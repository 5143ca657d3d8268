//! The training options that all networks share.
//!
//! Does not know which network it is for.
//!
//! **Invariant**: checked options can be trained with: sizes are positive, shares lie in [0, 1).

use reco_core::options::OptionsError;
use serde::{Deserialize, Serialize};

/// Options of every network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkOptions {
    /// Width of each embedding.
    pub embedding_size: usize,
    /// Passes over the training rows, at most.
    pub epochs: usize,
    /// Rows per step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// How embedding rows that a batch does not touch are treated.
    pub optimizer: OptimizerKind,
    /// Whether every epoch visits the rows in an order of its own.
    pub shuffle: Shuffle,
    /// How a step is computed.
    pub training_step: TrainingStep,
    /// The embedding of a user or item that no training row has, as it is scored.
    pub untrained_rows: UntrainedRows,
    /// Keras' own validation: this last share of the training rows is left out of the fit. 0: the split's validation
    /// rows.
    pub validation_split: f64,
    /// Stop after this many epochs without a lower validation loss, and keep the best epoch. 0: train all epochs, keep
    /// the last.
    pub patience: usize,
}

/// The optimizer. Both are Adam (Kingma and Ba 2015, algorithm 1) as Keras computes it; they differ in untouched rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Dense Adam's own trajectory: rows that a batch does not touch move on by their moments.
    Adam,
    /// Rows that a batch does not touch stay as they are, as TensorFlow's `LazyAdam` and PyTorch's `SparseAdam`.
    LazyAdam,
}

/// The order in which epochs visit their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shuffle {
    /// A new order every epoch.
    EveryEpoch,
    /// One order for all epochs, and so the same short last batch in each of them. It is what Keras'
    /// `fit(shuffle=True)` does on TensorFlow under `keras.utils.set_random_seed`: the shuffle is seeded anew with each
    /// pass over the data.
    Once,
}

/// How a step is computed. Both are the same mathematics; their sums differ in the last bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingStep {
    /// As one piece of code on the CPU, by kernels on a GPU. What these cannot do is trained by autodiff, and the run
    /// says so.
    Fused,
    /// By autodiff over Burn's tensors: the definition.
    Plain,
}

/// The embedding of a user or item that no training row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UntrainedRows {
    /// The mean of all trained rows, so that a new item is scored from its features alone, and a new user as an average
    /// one.
    Mean,
    /// The random row that it began with, as Keras leaves it: the score then depends on noise.
    Initial,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            embedding_size: 50,
            epochs: 100,
            batch_size: 128,
            learning_rate: 1e-3,
            optimizer: OptimizerKind::Adam,
            shuffle: Shuffle::EveryEpoch,
            training_step: TrainingStep::Fused,
            untrained_rows: UntrainedRows::Mean,
            validation_split: 0.0,
            patience: 0,
        }
    }
}

impl NetworkOptions {
    /// Refuses options that one cannot train with; `place` is where they stand, for the message.
    ///
    /// # Errors
    /// The first option that is beyond its bounds.
    pub(crate) fn check(&self, place: &str) -> Result<(), OptionsError> {
        let Self { embedding_size, epochs, batch_size, learning_rate, validation_split, .. } = *self;
        let bounds = [
            ("embedding_size", embedding_size.to_string(), embedding_size > 0, "it is at least 1"),
            ("epochs", epochs.to_string(), epochs > 0, "it is at least 1"),
            ("batch_size", batch_size.to_string(), batch_size > 0, "it is at least 1"),
            (
                "learning_rate",
                learning_rate.to_string(),
                learning_rate.is_finite() && learning_rate > 0.0,
                "it is above 0",
            ),
            (
                "validation_split",
                validation_split.to_string(),
                (0.0..1.0).contains(&validation_split),
                "it is at least 0 and below 1",
            ),
        ];
        match bounds.into_iter().find(|(.., holds, _)| !holds) {
            Some((key, value, _, bound)) => {
                let reason = format!("`{key}` is `{value}`\nhint: {bound}");
                Err(OptionsError::Value { place: place.to_owned(), reason })
            }
            None => Ok(()),
        }
    }
}
