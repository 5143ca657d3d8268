//! Recommenders that need neither a neural network nor a GPU.
//!
//! One file each, one line each in [`APPROACHES`]. Does not know Burn, files of ratings, or metrics.
//!
//! **Invariant**: every entry passes the conformance suite of `reco_core::testing`, which walks the registry.
//!
//! ```
//! use reco_classic::Svd;
//! use reco_core::{Run, Train, Approach, Visitor};
//!
//! let ratings = [("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0), ("bob", "Casablanca", 2.0)];
//! let train = Train::from_ratings(ratings)?;
//! let model = Svd { epochs: 30, ..Svd::default() }.fit(&train, &Run::default())?;
//! assert_eq!(model.recommend("ann", 10)?[0].0.to_string(), "Casablanca");
//! // Someone new, by what they rated.
//! assert_eq!(model.recommend(Visitor::new().rated("Alien", 5.0), 10)?.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baseline;
mod bayesian_fm;
mod cholesky;
mod clusters;
mod ease;
mod error;
mod factors;
mod ials;
mod implicit_knn;
mod inverse;
mod item_features;
mod item_knn;
mod k_means;
mod neighbours;
mod popularity;
mod profile;
mod random;
mod rating_matrix;
mod similarity;
pub mod stacking;
mod svd;
mod svdpp;
mod terms;
mod top_rated;
mod trending;
mod user_ease;
mod user_knn;
mod user_mean;

use reco_core::ApproachEntry;

pub use reco_core::{Approach, AskError, Asker, FitError, Model, RawInteraction, Run, Train, TrainError, Visitor};

pub use crate::baseline::Baseline;
pub use crate::bayesian_fm::{BayesianFm, BayesianFmModel, RatingModel};
pub use crate::clusters::Clusters;
pub use crate::ease::Ease;
pub use crate::ials::Ials;
pub use crate::implicit_knn::{ImplicitKnn, Side, Weighting};
pub use crate::item_features::ItemFeatures;
pub use crate::item_knn::ItemKnn;
pub use crate::neighbours::{Knn, Variant};
pub use crate::popularity::Popularity;
pub use crate::profile::ProfileBased;
pub use crate::random::Random;
pub use crate::similarity::Similarity;
pub use crate::svd::Svd;
pub use crate::svdpp::SvdPlusPlus;
pub use crate::top_rated::TopRated;
pub use crate::trending::Trending;
pub use crate::user_ease::UserEase;
pub use crate::user_knn::UserKnn;
pub use crate::user_mean::UserMean;

/// The approaches of this crate, in the order in which tables show them.
pub static APPROACHES: &[ApproachEntry] = &[
    ApproachEntry::of::<Random>(),
    ApproachEntry::of::<Popularity>(),
    ApproachEntry::of::<Trending>(),
    ApproachEntry::of::<UserMean>(),
    ApproachEntry::of::<TopRated>(),
    ApproachEntry::of::<ProfileBased>(),
    ApproachEntry::of::<Baseline>(),
    ApproachEntry::of::<UserKnn>(),
    ApproachEntry::of::<ItemKnn>(),
    ApproachEntry::of::<Svd>(),
    ApproachEntry::of::<SvdPlusPlus>(),
    ApproachEntry::of::<BayesianFm>(),
    ApproachEntry::of::<Clusters>(),
    ApproachEntry::of::<ImplicitKnn>(),
    ApproachEntry::of::<Ease>(),
    ApproachEntry::of::<UserEase>(),
    ApproachEntry::of::<Ials>(),
    ApproachEntry::of::<ItemFeatures>(),
];
