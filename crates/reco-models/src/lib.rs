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

mod adam;
mod approach;
mod arithmetic;
mod autodiff;
mod batches;
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
mod modules;
mod network;
mod neural;
mod optimizer;
mod options;
mod tensors;
mod training;
#[cfg(test)]
mod two_tower;

use reco_core::ApproachEntry;

pub use ceilings::{Ceiling, DeviceCeilings, Unit, ceilings};
pub use device::{ComputeDevice, DeviceInfo, devices, versions};
pub use error::ModelError;
pub use options::{NetworkOptions, OptimizerKind, Shuffle, TrainingStep, UntrainedRows};

/// Lists networks by their modules, each of which has a description `NETWORK`.
macro_rules! approaches {
    ($($network:ident),* $(,)?) => {
        /// The article's approaches, in its order. An approach is one file and one name here.
        pub static APPROACHES: &[ApproachEntry] = &[
            content::ENTRY,
            $($network::NETWORK.entry(|options| approach::configure(&$network::NETWORK, options))),*
        ];

        /// The networks among them.
        #[cfg(test)]
        const NETWORKS: &[description::Description] = &[$($network::NETWORK),*];
    };
}

approaches![collaborative, neural, hybrid];
