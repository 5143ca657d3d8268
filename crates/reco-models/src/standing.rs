//! How far a training has come: what is kept of it between two batches, so that another process goes on there.
//!
//! Does not know how a step is computed, nor where states are kept.
//!
//! **Invariant**: what is not kept follows from rows, options and seed; a state of another network or device is refused
//! before anything is changed.

use burn::tensor::Device;
use reco_core::{FitError, LoadError, ScoreError, TrainingLog, Weights};
use serde::{Deserialize, Serialize};

use crate::description::Architecture;
use crate::learner::{Learner, PARTS};
use crate::network::Network;
use crate::training::{Data, Met};

/// What the tensors of both sides begin with.
const SIDES: [&str; 2] = ["users", "items"];

/// Where a training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Counted from 1.
    pub(crate) epoch: usize,
    /// Rows of the epoch that were learned from.
    pub(crate) n_rows: usize,
    /// Buffers of the epoch that were learned from whole.
    pub(crate) n_buffers: usize,
    /// Rows of the next buffer that were learned from.
    pub(crate) in_buffer: usize,
}

/// A training, but for its learner.
pub(crate) struct Standing {
    pub(crate) place: Place,
    /// Errors and their shares: of the epoch's buffers so far, and of the rows of the next one.
    pub(crate) sums: [[f64; 2]; 2],
    pub(crate) met: Met,
    pub(crate) log: TrainingLog,
    /// The network of the best epoch, where epochs are judged.
    pub(crate) best: Option<Network>,
}

/// A state that was taken, for a learner that is still as it began.
pub(crate) struct Left {
    standing: Standing,
    step: u32,
    last: [Vec<u32>; 2],
    kept: [Network; 3],
}

impl Standing {
    /// Before the first epoch.
    pub(crate) fn new(met: Met, log: TrainingLog) -> Self {
        let place = Place { epoch: 1, n_rows: 0, n_buffers: 0, in_buffer: 0 };
        Self { place, sums: [[0.0; 2]; 2], met, log, best: None }
    }

    /// `n` rows of the buffer are done, and its errors are `sums`.
    pub(crate) fn advance(&mut self, n: usize, sums: [f64; 2]) {
        self.place.n_rows += n;
        self.place.in_buffer += n;
        self.sums[1] = sums;
    }

    /// A buffer is done.
    pub(crate) fn end_buffer(&mut self) {
        let [of_epoch, of_buffer] = self.sums;
        self.sums = [[of_epoch[0] + of_buffer[0], of_epoch[1] + of_buffer[1]], [0.0; 2]];
        self.place = Place { n_buffers: self.place.n_buffers + 1, in_buffer: 0, ..self.place };
    }

    /// An epoch is done.
    pub(crate) fn end_epoch(&mut self) {
        self.sums = [[0.0; 2]; 2];
        self.place = Place { epoch: self.place.epoch + 1, n_rows: 0, n_buffers: 0, in_buffer: 0 };
    }

    /// All that is kept of a training of the network `name`.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn state(&self, name: &str, learner: &mut dyn Learner, data: &Data<'_>) -> Result<Weights, ScoreError> {
        let (step, clocks) = learner.clocks();
        let mut state = Weights::new(name, data.catalogue)
            .with_value("device", data.device)
            .with_value("place", self.place)
            .with_value("log", &self.log)
            .with_value("has_best", self.best.is_some())
            .with("sums", &[2, 2], self.sums.concat())
            .with("step", &[], [*step]);
        for ((side, clock), met) in SIDES.iter().zip(clocks).zip([&self.met.users, &self.met.items]) {
            let n = clock.n_rows();
            state = state.with(&format!("{side}.last"), &[n], clock.last().iter().copied());
            state = state.with(&format!("{side}.met"), &[n], met.iter().copied());
        }
        // One after the other: each is a copy of the whole network, on its device.
        for (which, part) in PARTS.iter().enumerate() {
            state = state.with_part(part, learner.kept(which).save(Weights::default())?);
        }
        match &self.best {
            Some(best) => Ok(state.with_part("best", best.save(Weights::default())?)),
            None => Ok(state),
        }
    }
}

impl Left {
    /// Takes out what [`Standing::state`] put in, for a network that is trained with `data` on `device`; and says where
    /// it goes on, of so many epochs of batches of a size.
    ///
    /// # Errors
    /// The state of another network, or of another device.
    pub(crate) fn take(
        state: &mut Weights,
        architecture: &Architecture,
        (data, device): (&Data<'_>, &Device),
        (epochs, batch_size): (usize, usize),
    ) -> Result<(Self, String), LoadError> {
        let kept_on: String = state.take_value("device")?;
        if kept_on != data.device {
            let reason = format!("it was kept on `{kept_on}`, and this training is on `{}`", data.device);
            return Err(LoadError::Weights { reason });
        }
        let place: Place = state.take_value("place")?;
        let n_rows = data.fit.len();
        if !(1..=epochs).contains(&place.epoch) || place.in_buffer > place.n_rows || place.n_rows > n_rows {
            let reason =
                format!("it is at row `{}` of `{n_rows}` in epoch `{}` of `{epochs}`", place.n_rows, place.epoch);
            return Err(LoadError::Weights { reason });
        }
        let log = state.take_value("log")?;
        let sums: Vec<f64> = state.take("sums", &[2, 2])?;
        let step = state.take_one("step")?;
        let sizes = architecture.sizes;
        let mut of_side = |side: &str, n: usize| {
            let last: Vec<u32> = state.take(&format!("{side}.last"), &[n])?;
            let met: Vec<f32> = state.take(&format!("{side}.met"), &[n])?;
            Ok::<_, LoadError>((last, met))
        };
        let (last_users, users) = of_side(SIDES[0], sizes.n_users)?;
        let (last_items, items) = of_side(SIDES[1], sizes.n_items)?;
        let has_best = state.take_value("has_best")?;
        let mut network = |part| state.read_part(part, |part| Network::load(architecture.clone(), part, device));
        let kept = [network(PARTS[0])?, network(PARTS[1])?, network(PARTS[2])?];
        let best = if has_best { Some(network("best")?) } else { None };
        let standing =
            Standing { place, sums: [[sums[0], sums[1]], [sums[2], sums[3]]], met: Met { users, items }, log, best };
        let words = format!("epoch {} of {epochs}, step {}", place.epoch, place.n_rows / batch_size);
        Ok((Self { standing, step, last: [last_users, last_items], kept }, words))
    }

    /// Puts `learner` where the state was kept.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn give(self, learner: &mut dyn Learner) -> Result<Standing, FitError> {
        for (which, numbers) in self.kept.into_iter().enumerate() {
            learner.set(which, &numbers)?;
        }
        let (step, clocks) = learner.clocks();
        *step = self.step;
        clocks.into_iter().zip(self.last).for_each(|(clock, last)| clock.set(last));
        Ok(self.standing)
    }
}
