//! What every way of training a network has in common.
//!
//! Does not know the ways: by autodiff, `autodiff.rs`, and fused, `fused/`.
//!
//! **Invariant**: the network that is given out is whole, whatever its rows missed.

use burn::tensor::Tensor;
use reco_core::{FitError, Run};

use crate::buffers::Buffer;
use crate::network::Network;

/// A pass over rows: an epoch, or a part of one.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) rows: Buffer<'a>,
    /// `[n_items, n_features]`, where the network reads features and there are any.
    pub(crate) item_features: Option<&'a Tensor<2>>,
    pub(crate) batch_size: usize,
}

/// A network in training.
pub(crate) trait Learner {
    /// One pass over rows; the absolute errors of its batches and their shares of the targets, each summed up.
    ///
    /// # Errors
    /// An interruption, or a device that fails.
    fn pass(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError>;

    /// The network as it stands, every row up to date; training can go on.
    fn network(&mut self) -> Network;

    /// The first moments as if they were weights, of those who can tell.
    #[cfg(test)]
    fn first_moments(&self) -> Option<Network> {
        None
    }
}
