//! The article's four approaches on Burn's tensors: content-based, collaborative, neural and hybrid.
//!
//! They learn on whatever device there is: CPU, wgpu or CUDA. Does not know files of ratings, splits or metrics; it is
//! the only crate that knows Burn.
//!
//! **Invariant**: one training loop, one scoring path; the same seed on the same device gives the same bytes.
//!
//! ```no_run
//! use reco_core::{Approach, Run, Train};
//! use reco_models::{Neural, NetworkOptions};
//!
//! let train = Train::from_ratings([("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0)])?;
//! let model = Neural(NetworkOptions { epochs: 20, ..NetworkOptions::default() }).fit(&train, &Run::default())?;
//! println!("{:?}, trained on {}", model.recommend("bob", 10)?, reco_core::Fitted::device(&model));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adam;
mod approach;
mod arithmetic;
mod autodiff;
mod batches;
mod buffers;
mod ceilings;
mod collaborative;
mod content;
mod description;
mod device;
mod error;
mod fitted;
mod fused;
mod hybrid;
mod learner;
mod lists;
mod modules;
mod network;
mod neural;
mod optimizer;
mod options;
mod scoring;
mod standing;
mod tensors;
mod training;
#[cfg(test)]
mod two_tower;

use reco_core::ApproachEntry;

pub use ceilings::{Ceiling, DeviceCeilings, Unit, ceilings};
pub use collaborative::Collaborative;
pub use content::Content;
pub use device::{ComputeDevice, DeviceInfo, devices, versions};
pub use error::ModelError;
pub use hybrid::Hybrid;
pub use neural::Neural;
pub use options::{Loss, NegativesBy, NetworkOptions, OptimizerKind, Part, Shuffle, TrainingStep, UntrainedRows};

/// The article's approaches, in its order. A network is one file and one line here.
pub static APPROACHES: &[ApproachEntry] = &[
    ApproachEntry::of::<Content>(),
    ApproachEntry::of::<Collaborative>(),
    ApproachEntry::of::<Neural>(),
    ApproachEntry::of::<Hybrid>(),
];

/// The networks among them.
#[cfg(test)]
const NETWORKS: &[description::Description] = &[collaborative::NETWORK, neural::NETWORK, hybrid::NETWORK];
