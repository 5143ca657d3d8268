//! How far a training for lists has come: what is kept of it between two steps.
//!
//! Does not know how a step is computed, nor where states are kept.
//!
//! **Invariant**: what is not kept follows from rows, options and seed.

use reco_core::{Catalogue, LoadError, TrainingLog, Weights};

use super::fitted::FittedLists;
use super::step::Step;
use super::{Shape, Tables};
use crate::learner::PARTS;

/// How far a training has come, but for the numbers of its step and the best network.
pub(super) struct Standing {
    /// Counted from 1.
    pub(super) epoch: usize,
    /// Steps of the epoch that were taken, the sum of their losses, and how many events they predicted.
    pub(super) n_steps: usize,
    pub(super) loss: f64,
    pub(super) n_targets: usize,
    pub(super) average: Option<Tables>,
    pub(super) log: TrainingLog,
    /// As they were kept: the best network, and the counts of the step.
    pub(super) best: Option<Tables>,
    pub(super) counts: (usize, usize),
}

impl Standing {
    /// Before the first epoch.
    pub(super) fn new(n_train: usize, n_validation: usize) -> Self {
        let log = TrainingLog { n_train, n_validation, ..TrainingLog::default() };
        Self { epoch: 1, n_steps: 0, loss: 0.0, n_targets: 0, average: None, log, best: None, counts: (0, 0) }
    }

    /// An epoch is done.
    pub(super) fn end_epoch(&mut self) {
        (self.epoch, self.n_steps, self.loss, self.n_targets) = (self.epoch + 1, 0, 0.0, 0);
    }

    /// All that is kept between two steps.
    pub(super) fn state(
        &self,
        step: &Step,
        best: Option<&FittedLists>,
        (name, catalogue): (&str, &Catalogue),
    ) -> Weights {
        let mut state = Weights::new(name, catalogue)
            .with_value("place", (self.epoch, self.n_steps, self.n_targets))
            .with_value("counts", step.counts())
            .with_value("log", &self.log)
            .with_value("has", (self.average.is_some(), best.is_some()))
            .with("loss", &[], [self.loss]);
        for (which, part) in PARTS.iter().enumerate() {
            state = step.tables(which).keep(part, state);
        }
        let others = [("average", self.average.as_ref()), ("best", best.map(FittedLists::tables))];
        others.into_iter().fold(state, |state, (part, tables)| match tables {
            Some(tables) => tables.keep(part, state),
            None => state,
        })
    }

    /// Takes out what [`Standing::state`] put in, of so many epochs; the tables are the weights of the step and their
    /// moments.
    pub(super) fn take(state: &mut Weights, shape: Shape, epochs: usize) -> Result<(Self, [Tables; 3]), LoadError> {
        let (epoch, n_steps, n_targets) = state.take_value("place")?;
        if !(1..=epochs).contains(&epoch) {
            return Err(LoadError::Weights { reason: format!("it is in epoch `{epoch}` of `{epochs}`") });
        }
        let (has_average, has_best) = state.take_value("has")?;
        let standing = Self {
            epoch,
            n_steps,
            n_targets,
            loss: state.take_one("loss")?,
            average: if has_average { Some(Tables::take(shape, "average", state)?) } else { None },
            log: state.take_value("log")?,
            best: if has_best { Some(Tables::take(shape, "best", state)?) } else { None },
            counts: state.take_value("counts")?,
        };
        let mut kept = |which: usize| Tables::take(shape, PARTS[which], state);
        Ok((standing, [kept(0)?, kept(1)?, kept(2)?]))
    }
}
