//! How a fit leaves its state from time to time, so that one that was stopped goes on where it was.
//!
//! Does not know where states are kept, when it is time for one, nor what is in it.
//!
//! **Invariant**: a fit that goes on ends with the bytes of one that was never stopped. A state that cannot be taken
//! stops nothing: the fit begins anew.

use std::convert::Infallible;
use std::fmt::Display;

use crate::{Catalogue, LoadError, Run, Weights};

/// Keeps the state of a fit. Nothing it does changes a result.
pub trait Checkpoints: Send + Sync {
    /// The state that an earlier fit left, if there is one: of the same approach, options, rows, seed and device.
    fn left(&self) -> Option<Weights>;

    /// What came of that state: from where the fit goes on, as `epoch 3 of 8, step 1200`, or why it begins anew.
    fn taken(&self, outcome: Result<&str, &str>);

    /// Whether it is time to keep the state.
    fn is_due(&self) -> bool;

    /// Keeps `state` in the place of the one before. That it could not be kept stops no fit.
    fn keep(&self, state: &Weights);
}

impl Run<'_> {
    /// What `take` makes of the state that an earlier fit of `approach` left, with the place where it goes on; `None`
    /// where it begins anew.
    pub fn from_checkpoint<T>(
        &self,
        approach: &str,
        catalogue: &Catalogue,
        take: impl FnOnce(&mut Weights) -> Result<(T, String), LoadError>,
    ) -> Option<T> {
        let checkpoints = self.progress.checkpoints()?;
        let why = match checkpoints.left()?.read(approach, catalogue, take) {
            Ok((taken, place)) => {
                checkpoints.taken(Ok(&place));
                return Some(taken);
            }
            Err(LoadError::Weights { reason }) => reason,
            Err(other) => first_line(&other),
        };
        checkpoints.taken(Err(&why));
        None
    }

    /// As [`Run::from_checkpoint`], of a fit of so many `epochs` that keeps its state between them: those that are
    /// done, and what `take` makes of the state.
    pub fn epochs_from_checkpoint<T>(
        &self,
        approach: &str,
        catalogue: &Catalogue,
        epochs: usize,
        take: impl FnOnce(&mut Weights) -> Result<T, LoadError>,
    ) -> Option<(usize, T)> {
        self.from_checkpoint(approach, catalogue, |state| {
            let n_done = state.take_value(EPOCHS)?;
            if n_done >= epochs {
                return Err(LoadError::Weights { reason: format!("it is after epoch `{n_done}` of `{epochs}`") });
            }
            Ok(((n_done, take(state)?), format!("epoch {} of {epochs}", n_done + 1)))
        })
    }

    /// Keeps the state that `state` gives, if it is time for it. That there is none stops nothing, and is said.
    pub fn keep_if_due<E: Display>(&self, state: impl FnOnce() -> Result<Weights, E>) {
        let Some(checkpoints) = self.progress.checkpoints().filter(|checkpoints| checkpoints.is_due()) else { return };
        match state() {
            Ok(state) => checkpoints.keep(&state),
            Err(error) => {
                self.progress.note(&format!("the state of the training cannot be kept: {}", first_line(&error)));
            }
        }
    }

    /// Keeps what `with` adds to the state of a fit of `approach` in which `n_done` epochs are done, if it is time.
    pub fn keep_epochs_if_due(
        &self,
        approach: &str,
        catalogue: &Catalogue,
        n_done: usize,
        with: impl FnOnce(Weights) -> Weights,
    ) {
        self.keep_if_due(|| Ok::<_, Infallible>(with(Weights::new(approach, catalogue).with_value(EPOCHS, n_done))));
    }
}

/// What a state calls the number of its epochs.
const EPOCHS: &str = "epochs";

fn first_line(error: &impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
