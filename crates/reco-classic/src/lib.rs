//! Recommenders that need neither a neural network nor a GPU.
//!
//! One file each, one line each in [`APPROACHES`]. Does not know Burn, files of ratings, or metrics.
//!
//! **Invariant**: every entry passes the conformance suite of `reco_core::testing`, which walks the registry.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use reco_classic::APPROACHES;
//! use reco_core::{Candidates, DeviceChoice, Query, Run, Seen, Silent, Who};
//! # use std::sync::Arc;
//! # use reco_core::{Catalogue, Features, Interaction, Interactions, Items, RatingScale, Scaling, Target, Train, Users};
//! # let catalogue = Arc::new(Catalogue {
//! #     users: Users::new(vec![1.into(), 2.into()])?, items: Items::new(vec![10.into(), 20.into()])?,
//! #     user_features: Features::none(2), item_features: Features::none(2), contexts: vec![],
//! #     scale: RatingScale::new(1.0, 5.0)?, scaling: Scaling::None,
//! # });
//! # let (user, item) = (catalogue.users.at(0).unwrap(), catalogue.items.at(1).unwrap());
//! # let mut fit = Interactions::builder(0);
//! # fit.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context: &[] });
//! # let train = Train { catalogue, fit: fit.finish(), validation: None };
//!
//! let entry = APPROACHES.iter().find(|entry| entry.name == "popularity").expect("it is there");
//! let approach = (entry.configure)(&(entry.defaults)())?;
//! let run = Run { seed: 42, device: DeviceChoice::Auto, progress: &Silent };
//! let popularity = approach.fit(&train, &run)?;
//! let query = Query { who: Who::Known(user), context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
//! let best = &popularity.recommend(&[query], NonZeroUsize::MIN)?[0];
//! assert_eq!(best.items().next(), Some(item));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baseline;
mod clusters;
mod error;
mod factors;
mod item_knn;
mod k_means;
mod neighbours;
mod popularity;
mod profile;
mod random;
mod rating_matrix;
mod saved;
mod similarity;
mod svd;
mod terms;
mod top_rated;
mod user_knn;
mod user_mean;

use reco_core::ApproachEntry;

/// The approaches of this crate, in the order in which tables show them.
pub static APPROACHES: &[ApproachEntry] = &[
    random::ENTRY,
    popularity::ENTRY,
    user_mean::ENTRY,
    top_rated::ENTRY,
    profile::ENTRY,
    baseline::ENTRY,
    user_knn::ENTRY,
    item_knn::ENTRY,
    svd::ENTRY,
    clusters::ENTRY,
];
