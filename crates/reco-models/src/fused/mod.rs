//! The fused training step: forward, backward and row-sparse Adam of a batch in one piece, without autodiff.
//!
//! It runs on the CPU (`cpu/`) and on any GPU (`gpu/`). All networks here have one shape: the cosine of a pair of
//! embeddings, beside dense layers over a second pair, over item features and over contexts, joined by one dense unit:
//!
//! ```text
//! c = a·b / √(max(a·a, 1e-12) max(b·b, 1e-12))        h_k = relu(x_k W_k + z_k)
//! ŷ = w₀ c + Σ_k w_k·h_k + z                          L = mean |ŷ - y|,  g = sign(ŷ - y) / n
//! ∂c/∂a = b / √(a·a b·b) - c a / a·a                  ∂L/∂h_k = g w_k [h_k > 0]
//! ```
//!
//! Does not know Burn's autodiff: the network's own `forward` under autodiff is the definition, and tests compare this
//! step with it.
//!
//! **Invariant**: sums run in an order that follows from the batch's length alone: the same device always gives the
//! same bytes.

mod cpu;
mod debt;
mod gpu;
#[cfg(test)]
mod tests;

use burn::tensor::Device;
use reco_core::{FitError, Run};

use self::cpu::OnCpu;
pub(crate) use self::cpu::pairwise_relu;
use self::gpu::OnGpu;
use crate::batches::Columns;
use crate::network::Network;
use crate::options::NetworkOptions;
use crate::training::Data;

/// A network that the fused step trains.
pub(crate) enum Fused {
    /// On the CPU.
    Cpu(Box<OnCpu>),
    /// By kernels on a GPU.
    Gpu(Box<OnGpu>),
}

impl Fused {
    /// Takes over the numbers of `network`, which lie on `device` and are stale until [`Fused::write`]. `None` where
    /// `device` can train by autodiff alone.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn new<N: Network>(
        network: &mut N,
        data: &Data<'_>,
        options: &NetworkOptions,
        device: &Device,
    ) -> Result<Option<Self>, FitError> {
        if *device == Device::flex() {
            return Ok(Some(Self::Cpu(Box::new(OnCpu::new(network, data, options)?))));
        }
        Ok(OnGpu::new(network, data, options, device)?.map(|on_gpu| Self::Gpu(Box::new(on_gpu))))
    }

    /// One pass over the rows in `order`; the mean absolute error and the mean absolute percentage error of its batches.
    ///
    /// # Errors
    /// An interruption, or a device that fails.
    pub(crate) fn epoch(
        &mut self,
        columns: &Columns,
        order: &[u32],
        batch_size: usize,
        run: &Run<'_>,
    ) -> Result<(f64, f64), FitError> {
        match self {
            Self::Cpu(on_cpu) => on_cpu.epoch(columns, order, batch_size, run),
            Self::Gpu(on_gpu) => on_gpu.epoch(columns, order, batch_size, run),
        }
    }

    /// Brings every row up to date and puts all numbers into `network`; training can go on.
    pub(crate) fn write<N: Network>(&mut self, network: &mut N, device: &Device) {
        match self {
            Self::Cpu(on_cpu) => on_cpu.write(network, device),
            Self::Gpu(on_gpu) => on_gpu.write(network),
        }
    }

    /// Puts the first moments into `network`, as if they were its weights.
    #[cfg(test)]
    fn write_moments<N: Network>(&self, network: &mut N, device: &Device) {
        match self {
            Self::Cpu(on_cpu) => on_cpu.write_moments(network, device),
            Self::Gpu(on_gpu) => on_gpu.write_moments(network),
        }
    }
}
