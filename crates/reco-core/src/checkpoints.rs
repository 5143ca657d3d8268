//! How a fit leaves its state from time to time, so that one that was stopped goes on where it was.
//!
//! Does not know where states are kept, when it is time for one, nor what is in it.
//!
//! **Invariant**: a fit that goes on ends with the bytes of one that was never stopped. A state that cannot be taken
//! stops nothing: the fit begins anew.

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
    pub fn go_on<T>(
        &self,
        approach: &str,
        catalogue: &Catalogue,
        take: impl FnOnce(&mut Weights) -> Result<(T, String), LoadError>,
    ) -> Option<T> {
        let checkpoints = self.progress.checkpoints()?;
        match checkpoints.left()?.read(approach, catalogue, take) {
            Ok((taken, place)) => {
                checkpoints.taken(Ok(&place));
                Some(taken)
            }
            Err(LoadError::Weights { reason }) => {
                checkpoints.taken(Err(&reason));
                None
            }
            Err(other) => {
                checkpoints.taken(Err(other.to_string().lines().next().unwrap_or_default()));
                None
            }
        }
    }

    /// Keeps the state that `state` gives, if it is time for it.
    ///
    /// # Errors
    /// Those of `state`.
    pub fn keep_if_due<E>(&self, state: impl FnOnce() -> Result<Weights, E>) -> Result<(), E> {
        if let Some(checkpoints) = self.progress.checkpoints().filter(|checkpoints| checkpoints.is_due()) {
            checkpoints.keep(&state()?);
        }
        Ok(())
    }
}
