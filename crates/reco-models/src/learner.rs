//! What every way of training a network has in common.
//!
//! Does not know the ways: by autodiff, `autodiff.rs`, and fused, `fused/`.
//!
//! **Invariant**: the network that is given out is whole, whatever its rows missed.

use reco_core::{FitError, Run};

use crate::batches::Data;
use crate::network::Network;

/// A pass over rows.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) data: &'a Data<'a>,
    /// Which of the rows to learn from, one after the other.
    pub(crate) order: &'a [u32],
    pub(crate) batch_size: usize,
}

/// A network in training.
pub(crate) trait Learner {
    /// One pass over the rows; the mean absolute error and the mean absolute percentage error of its
    /// batches.
    ///
    /// # Errors
    /// An interruption, or a device that fails.
    fn epoch(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<(f64, f64), FitError>;

    /// The network as it stands, every row up to date; training can go on.
    fn network(&mut self) -> Network;

    /// The first moments as if they were weights, of those who can tell.
    #[cfg(test)]
    fn first_moments(&self) -> Option<Network> {
        None
    }
}
