//! Errors of devices.
//!
//! Does not know how an error is shown.
//!
//! **Invariant**: every message names the thing and a way out.

use reco_core::memory::Size;
use reco_core::{FitError, LoadError};

/// Why a device could not be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// wgpu found nothing to run on.
    #[error(
        "wgpu found no adapter: {reason}\nhint: install a GPU driver (Vulkan, Metal or DX12) or Debian's `mesa-vulkan-drivers`, or choose `device = \"cpu\"`"
    )]
    NoAdapter {
        /// What wgpu said.
        reason: String,
    },
    /// Fewer devices than were asked for.
    #[error(
        "`devices` is `{asked}` and this machine has `{found}` of the kind of `{first}`\nhint: lower `devices`, or choose another `device`; `reco doctor` lists those that there are"
    )]
    FewDevices {
        /// How many are wanted.
        asked: usize,
        /// How many there are.
        found: usize,
        /// The first of them.
        first: String,
    },
    /// A table that a device cannot hold in one piece.
    #[error(
        "the table `{table}` of `{rows}` rows and `embedding_size = {size}` takes {need}, and a buffer of `{device}` holds `{most}`\nhint: {remedy}, or choose `device = \"cpu\"`"
    )]
    LargeTable {
        /// Its name.
        table: &'static str,
        /// Users or items.
        rows: usize,
        /// Numbers of a row.
        size: usize,
        /// Its bytes.
        need: Size,
        /// The device.
        device: String,
        /// The bytes of the largest buffer.
        most: Size,
        /// What would fit.
        remedy: String,
    },
    /// CUDA was asked of a build without it.
    #[error("this build of reco has no CUDA\nhint: build with `--features cuda`, or choose `device = \"wgpu\"`")]
    NoCuda,
}

impl From<ModelError> for FitError {
    fn from(error: ModelError) -> Self {
        Self::Other(Box::new(error))
    }
}

impl From<ModelError> for LoadError {
    fn from(error: ModelError) -> Self {
        Self::Other(Box::new(error))
    }
}
