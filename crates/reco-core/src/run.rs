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

/// Receives progress. Nothing it does changes a result, except that it can stop a fit. Each method that an
/// implementation does not have goes to the progress inside it; where there is none, it does nothing.
pub trait Progress: Send + Sync {
    /// The progress inside this one; provided, none.
    fn inner(&self) -> Option<&dyn Progress> {
        None
    }

    /// A fit of at most `epochs` epochs of `rows` rows each begins.
    fn begin(&self, approach: &str, epochs: usize, rows: usize) {
        if let Some(inner) = self.inner() {
            inner.begin(approach, epochs, rows);
        }
    }

    /// `rows` rows of the present epoch are done.
    fn advance(&self, rows: usize) {
        if let Some(inner) = self.inner() {
            inner.advance(rows);
        }
    }

    /// `rows` rows were done by an earlier fit, from whose state this one goes on; provided, with none inside, they
    /// count as those of this fit.
    fn skip(&self, rows: usize) {
        match self.inner() {
            Some(inner) => inner.skip(rows),
            None => self.advance(rows),
        }
    }

    /// An epoch is done.
    fn epoch(&self, epoch: &EpochLog) {
        if let Some(inner) = self.inner() {
            inner.epoch(epoch);
        }
    }

    /// The fit is over.
    fn end(&self) {
        if let Some(inner) = self.inner() {
            inner.end();
        }
    }

    /// Something to know before the work goes on.
    fn note(&self, text: &str) {
        if let Some(inner) = self.inner() {
            inner.note(text);
        }
    }

    /// Whether the fit should stop, without a result.
    fn interrupted(&self) -> bool {
        self.inner().is_some_and(|inner| inner.interrupted())
    }

    /// Where the fit leaves its state from time to time; provided, with none inside, nowhere.
    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        self.inner()?.checkpoints()
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what it is told, and asks to stop.
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Heard {
        fn add(&self, what: String) {
            self.0.lock().unwrap().push(what);
        }
    }

    impl Progress for Heard {
        fn begin(&self, approach: &str, epochs: usize, rows: usize) {
            self.add(format!("begin {approach} {epochs} {rows}"));
        }

        fn advance(&self, rows: usize) {
            self.add(format!("advance {rows}"));
        }

        fn epoch(&self, epoch: &EpochLog) {
            self.add(format!("epoch {}", epoch.epoch));
        }

        fn end(&self) {
            self.add("end".to_owned());
        }

        fn note(&self, text: &str) {
            self.add(format!("note {text}"));
        }

        fn interrupted(&self) -> bool {
            true
        }
    }

    /// Counts half of the rows, and changes nothing else.
    struct Halved<'a>(&'a dyn Progress);

    impl Progress for Halved<'_> {
        fn inner(&self) -> Option<&dyn Progress> {
            Some(self.0)
        }

        fn advance(&self, rows: usize) {
            self.0.advance(rows / 2);
        }
    }

    #[test]
    fn what_a_progress_does_not_change_goes_to_the_one_inside() {
        let heard = Heard::default();
        let halved = Halved(&heard);
        halved.begin("svd", 2, 10);
        halved.skip(4);
        halved.advance(6);
        let (train_mape, validation_loss, validation_mape, validation_ndcg) = (None, None, None, None);
        halved.epoch(&EpochLog {
            epoch: 1,
            train_loss: 0.5,
            train_mape,
            validation_loss,
            validation_mape,
            validation_ndcg,
        });
        halved.note("slow");
        halved.end();
        let expected = ["begin svd 2 10", "advance 4", "advance 3", "epoch 1", "note slow", "end"];
        assert_eq!(*heard.0.lock().unwrap(), expected);
        assert!(halved.interrupted() && !Silent.interrupted());
    }
}
