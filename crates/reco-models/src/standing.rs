//! How far a training has come: what is kept of it between two batches, so that another process goes on there.
//!
//! Does not know how a step is computed, nor where states are kept.
//!
//! **Invariant**: what is not kept follows from rows, options and seed; a state of another network or device is refused
//! before anything is changed.

use std::time::Instant;

use burn::tensor::Device;
use reco_core::{FitError, LoadError, ScoreError, TrainingLog, Weights};
use serde::{Deserialize, Serialize};

use crate::description::Architecture;
use crate::learner::Learner;
use crate::network::Network;
use crate::training::{Data, Met};

/// What the numbers of a learner are called in a state, in the order of [`Learner::kept`].
pub(crate) const PARTS: [&str; 3] = ["weights", "first_moments", "second_moments"];

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
    /// What the processes before took.
    seconds: f64,
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
        Self { place, sums: [[0.0; 2]; 2], met, log, best: None, seconds: 0.0 }
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

    /// What the training took so far, of which this process `started` then.
    pub(crate) fn seconds(&self, started: Instant) -> f64 {
        self.seconds + started.elapsed().as_secs_f64()
    }

    /// All that is kept.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn state(
        &self,
        learner: &mut dyn Learner,
        data: &Data<'_>,
        started: Instant,
    ) -> Result<Weights, FitError> {
        let failed = |error: ScoreError| FitError::Other(error.into());
        let mut kept = Vec::with_capacity(PARTS.len());
        for which in 0..PARTS.len() {
            kept.push(learner.kept(which));
        }
        let (step, clocks) = learner.clocks();
        let mut state = Weights::new(kept[0].name(), data.catalogue)
            .with_value("device", data.device)
            .with_value("place", self.place)
            .with_value("log", &self.log)
            .with_value("seconds", self.seconds(started))
            .with("sums", &[2, 2], self.sums.concat())
            .with("step", &[], [*step]);
        for ((side, clock), met) in SIDES.iter().zip(clocks).zip([&self.met.users, &self.met.items]) {
            state = state.with(&format!("{side}.last"), &[clock.n_rows()], clock.last().iter().copied()).with(
                &format!("{side}.met"),
                &[met.len()],
                met.iter().copied(),
            );
        }
        for (part, kept) in PARTS.iter().zip(kept) {
            state = state.with_part(part, kept.save(Weights::default()).map_err(failed)?);
        }
        if let Some(best) = &self.best {
            state = state.with_part("best", best.save(Weights::default()).map_err(failed)?);
        }
        Ok(state.with_value("has_best", self.best.is_some()))
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
        let (log, seconds) = (state.take_value("log")?, state.take_value("seconds")?);
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
        let mut network = |part| Network::load(architecture.clone(), &mut state.take_part(part), device);
        let kept = [network(PARTS[0])?, network(PARTS[1])?, network(PARTS[2])?];
        let best = if has_best { Some(network("best")?) } else { None };
        let standing = Standing {
            place,
            sums: [[sums[0], sums[1]], [sums[2], sums[3]]],
            met: Met { users, items },
            log,
            best,
            seconds,
        };
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
