//! The settings of a fit that are not options of its approach, and the log of a training.
//!
//! Does not know any approach, nor how progress is shown.
//!
//! **Invariant**: nothing that receives progress changes a result, except that it can stop a fit.

use serde::{Deserialize, Serialize};

use crate::Checkpoints;

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

impl Default for Run<'_> {
    /// Seed 42, the device that is there, and no progress shown.
    fn default() -> Self {
        Self { seed: 42, device: DeviceChoice::Auto, progress: &Silent }
    }
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

    /// `rows` rows were done by an earlier fit, from whose state this one goes on.
    fn skip(&self, rows: usize) {
        self.advance(rows);
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

    /// Where the fit leaves its state from time to time; provided, nowhere.
    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        None
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

/// One epoch. Losses are mean absolute errors of targets, and `mape` mean absolute percentage errors, in per cent; of a
/// network trained for lists, the loss is that of an event, and there is no percentage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Counted from 1.
    pub epoch: usize,
    /// Running mean over the epoch's batches, as Keras prints it.
    pub train_loss: f64,
    /// The same, in per cent of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_mape: Option<f64>,
    /// After the epoch, where there are validation rows.
    pub validation_loss: Option<f64>,
    /// The same, in per cent of the target.
    pub validation_mape: Option<f64>,
    /// NDCG@10 of the validation rows, of a network trained for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_ndcg: Option<f64>,
}
