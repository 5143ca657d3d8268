//! Turns checked tables into the data set that models learn from and are evaluated on.
//!
//! Does not know models, metrics, or the files that ratings come in: it reads [`Tables`](reco_data::Tables) and makes a
//! [`Dataset`], which gives out what may be learned from ([`Dataset::train`]) and what is asked about
//! ([`Dataset::test_users`]) as two different types; or it writes one without ever holding it ([`prepare_into`]).
//!
//! **Invariant**: no row that is held out, or given for a held-out user, is in train; what is fitted to ratings is
//! fitted to train alone, unless the experiment says `fit = "all"`; the same tables, choices and seed give the same
//! bytes, on any machine and in any row order.
//!
//! ```
//! use reco_core::RatingScale;
//! use reco_data::{ItemRows, Ratings, Tables, UserRows};
//! use reco_features::{FeaturesConfig, SplitConfig, prepare};
//!
//! let tables = Tables {
//!     ratings: Ratings {
//!         user_id: vec![7.into(), 7.into(), 7.into(), 8.into()],
//!         item_id: vec![1.into(), 2.into(), 3.into(), 2.into()],
//!         rating: vec![Some(4.0), Some(2.0), Some(5.0), Some(3.0)],
//!         timestamp: vec![Some(30), Some(10), Some(20), Some(40)],
//!         source_row: vec![0, 1, 2, 3],
//!         contexts: vec![],
//!     },
//!     items: ItemRows {
//!         item_id: vec![1.into(), 2.into(), 3.into()],
//!         title: ["Heat (1995)", "Up (2009)", "Big (1988)"].map(str::to_owned).to_vec(),
//!         name: ["Heat", "Up", "Big"].map(str::to_owned).to_vec(),
//!         year: vec![Some(1995), Some(2009), Some(1988)],
//!         genres: vec![Some(vec!["Crime".to_owned()]), Some(vec!["Comedy".to_owned()]), Some(vec![])],
//!         attributes: vec![],
//!     },
//!     users: UserRows { user_id: vec![7.into(), 8.into()], attributes: vec![] },
//!     scale: RatingScale::new(0.5, 5.0)?,
//!     dataset: Default::default(),
//! };
//! let split = SplitConfig { kind: "leave-last-out".to_owned(), validation: 0.0, ..SplitConfig::default() };
//! let dataset = prepare(&tables, &FeaturesConfig::default(), &split, 42)?;
//!
//! assert_eq!(dataset.catalogue.item_features.names(), ["old", "Comedy", "Crime"]);
//! assert!(dataset.catalogue.context_names().eq(["daytime", "weekend"]));
//! let test_users = dataset.test_users();
//! assert_eq!(test_users.len(), 1); // user 8 has one rating, to learn from
//! assert_eq!(test_users[0].rows().ratings()[0].map(|rating| rating.stars()), Some(4.0)); // user 7's latest
//! assert_eq!(dataset.train().fit.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
mod clock;
mod columns;
mod config;
mod context;
mod contexts;
mod dataset;
mod engine;
mod error;
mod filter;
mod parts;
mod plan;
mod read;
mod rows;
mod scaling;
mod split;
mod store;

pub use catalogue::{ItemDetails, feature_of_year, find_item, find_user};
pub use clock::{in_utc, now_in_milliseconds, now_in_utc};
pub use config::{FeaturesConfig, ScalingConfig, ScalingFit, ScalingKind, SplitConfig};
pub use context::{Stated, context_vector};
pub use dataset::{Dataset, Info, SourceRows, SplitInfo, prepare, prepare_into, prepare_stored};
pub use engine::{Counted, EngineParts, PART_COLUMNS, check_choices};
pub use error::FeaturesError;
pub use filter::{Filtered, item_stays};
pub use parts::StoredPart;
pub use read::read;
pub use split::{Assign, Assignment, Order, Part, SPLITS, SplitEntry, SplitRows, find_split};
pub use store::{StoredDataset, TrainingData, read_catalogue};

/// The version of the stage `features`, whose folders [`prepare_into`] and [`EngineParts`] write: another whenever the
/// same input comes to other bytes, so that folders made before are made again.
pub const STAGE_VERSION: u32 = 7;
