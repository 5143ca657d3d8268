//! What every way of training a network has in common.
//!
//! Does not know the ways: by autodiff, `autodiff.rs`, and fused, `fused/`.
//!
//! **Invariant**: the network that is given out is whole, whatever its rows missed. A pass that is divided at multiples
//! of its stride gives the bytes of the whole one, and so does a learner that was given the state of another.

use burn::tensor::Tensor;
use reco_core::{FitError, Run};

use crate::adam::Clock;
use crate::buffers::Buffer;
use crate::network::Network;

/// Rows between two checks for an interruption; in unit tests few, so that small passes are divided.
pub(crate) const ROWS_BETWEEN_LOOKS: usize = if cfg!(test) { 64 } else { 8_192 };

/// What the numbers of a network in training are called in its state, in the order of [`Learner::kept`].
pub(crate) const PARTS: [&str; 3] = ["weights", "first_moments", "second_moments"];

/// A pass over rows: an epoch, or a part of one.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) rows: Buffer<'a>,
    /// `[n_items, n_features]`, where the network reads features and there are any.
    pub(crate) item_features: Option<&'a Tensor<2>>,
    pub(crate) batch_size: usize,
    /// What the pass gave that this one continues; else zeros.
    pub(crate) sums: [f64; 2],
}

/// A network in training.
pub(crate) trait Learner {
    /// One pass over rows; the absolute errors of its batches and their shares of the targets, each added to those of
    /// the pass that it continues.
    ///
    /// # Errors
    /// An interruption, or a device that fails.
    fn pass(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError>;

    /// The network as it stands, every row up to date; training can go on.
    fn network(&mut self) -> Network;

    /// The number of rows at whose multiples a pass may be divided.
    fn stride(&self, batch_size: usize) -> usize {
        whole_batches(ROWS_BETWEEN_LOOKS, batch_size)
    }

    /// The weights (0) or one of their moments (1, 2), as if they were weights; rows are as up to date as they are.
    fn kept(&self, which: usize) -> Network;

    /// Takes numbers that [`Learner::kept`] gave.
    ///
    /// # Errors
    /// A device that fails.
    fn set(&mut self, which: usize, numbers: &Network) -> Result<(), FitError>;

    /// The steps so far, and when the rows of users and of items were last up to date.
    fn clocks(&mut self) -> (&mut u32, [&mut Clock; 2]);
}

/// As many rows as whole batches have, at most `n` if a batch has no more.
pub(crate) fn whole_batches(n: usize, batch_size: usize) -> usize {
    batch_size * (n / batch_size).max(1)
}
