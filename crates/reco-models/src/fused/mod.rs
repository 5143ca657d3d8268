//! The fused training step: forward, backward and row-sparse Adam of a batch in one piece, without autodiff.
//!
//! It runs on the CPU (`cpu/`) and on any GPU (`gpu/`), for whatever a description says: products `p_j` of a user's and
//! an item's embedding, dense layers `h_k` over embeddings, item features and contexts, joined by one dense unit:
//!
//! ```text
//! p = a·b / √(max(a·a, 1e-12) max(b·b, 1e-12)), or a·b       h_k = relu(x_k W_k + z_k)
//! ŷ = Σ_j w_j p_j + Σ_k w_k·h_k + z                          L = mean |ŷ - y|,  g = sign(ŷ - y) / n
//! ∂p/∂a = b / √(a·a b·b) - p a / a·a, or b                   ∂L/∂h_k = g w_k [h_k > 0]
//! ```
//!
//! Does not know Burn's autodiff: the network's own `forward` under autodiff is the definition, and tests compare this
//! step with it.
//!
//! **Invariant**: what it cannot express is refused, never trained as something else; sums run in an order that follows
//! from the batch's length alone: any CPU gives the same bytes, and a GPU always its own.

mod cpu;
mod gpu;
#[cfg(test)]
mod tests;

use burn::tensor::{Device, Tensor};
use reco_core::FitError;

pub(crate) use self::cpu::adam_step;

use self::cpu::OnCpu;
use self::gpu::OnGpu;
use crate::description::{Architecture, Description};
use crate::learner::Learner;
use crate::network::Network;
use crate::options::NetworkOptions;

/// Why this step cannot train a network; `None` where it can. Whatever a description may say is named here.
fn refusal(architecture: &Architecture) -> Option<String> {
    let Description { name: _, about: _, title: _, products: _, layers: _, lists: _ } = architecture.description;
    // Its gradient would be the sum of theirs.
    let shared = architecture.towers.iter().find(|tower| tower.readers.len() > 1)?;
    Some(format!("two branches read the tower `{}`", shared.name))
}

/// Trains `network`, whose numbers lie on `device`, in passes over at most `longest` rows; gives the reason where
/// autodiff alone can do so.
///
/// # Errors
/// A device that fails.
pub(crate) fn learner(
    network: &Network,
    (item_features, longest): (Option<&Tensor<2>>, usize),
    options: &NetworkOptions,
    device: &Device,
) -> Result<Result<Box<dyn Learner>, String>, FitError> {
    if let Some(reason) = refusal(network.architecture()) {
        return Ok(Err(reason));
    }
    if *device == Device::flex() {
        return Ok(Ok(Box::new(OnCpu::new(network, item_features, options)?)));
    }
    Ok(match OnGpu::new(network, (item_features, longest), options, device)? {
        Ok(on_gpu) => Ok(Box::new(on_gpu)),
        Err(reason) => Err(reason.to_owned()),
    })
}
