//! The article's four approaches on Burn's tensors: content-based, collaborative, neural and hybrid.
//!
//! They learn on whatever device there is: CPU, wgpu or CUDA. Does not know files of ratings, splits or metrics; it is
//! the only crate that knows Burn.
//!
//! **Invariant**: one training loop, one scoring path; the same seed on the same device gives the same bytes.
//!
//! ```
//! let names: Vec<&str> = reco_models::APPROACHES.iter().map(|approach| approach.name).collect();
//! assert_eq!(names, ["content", "collaborative", "neural", "hybrid"]);
//! ```

mod approach;
mod batches;
mod ceilings;
mod collaborative;
mod content;
mod device;
mod error;
mod fitted;
mod fused;
mod hybrid;
mod modules;
mod network;
mod neural;
mod optimizer;
mod options;
mod training;

use reco_core::ApproachEntry;

pub use approach::network_entry;
pub use ceilings::{Ceiling, DeviceCeilings, Unit, ceilings};
pub use collaborative::Collaborative;
pub use content::Content;
pub use device::{ComputeDevice, DeviceInfo, devices, versions};
pub use error::ModelError;
pub use fitted::FittedNetwork;
pub use hybrid::Hybrid;
pub use network::{Batch, Network, Side, Sizes};
pub use neural::Neural;
pub use options::{NetworkOptions, OptimizerKind, Shuffle, TrainingStep, UntrainedRows};

/// The article's approaches, in its order. An approach is one file and one line here.
pub static APPROACHES: &[ApproachEntry] =
    &[content::ENTRY, network_entry::<Collaborative>(), network_entry::<Neural>(), network_entry::<Hybrid>()];
