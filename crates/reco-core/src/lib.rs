//! The types and traits that the crates of reco share: ids, ratings, training data, queries, rankings, recommenders.
//!
//! Does not know files, tensors, metrics or any model: those crates depend on this one, never the other way round.
//!
//! **Invariant**: wrong states cannot be expressed. Row numbers come from a [`Vocab`], ratings lie on their scale,
//! scores are finite, rankings have distinct items, and [`AnyApproach::fit`] cannot be handed a test row.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use reco_core::{Candidates, Items, Ranking, Seen};
//!
//! let items = Items::new(vec![10.into(), 20.into(), 30.into()])?;
//! let seen = Seen::new(vec![items.get(&20.into()).expect("item 20 is there")]);
//! let ranking = Ranking::top(&items, &Candidates::AllExcept(&seen), &[0.1, 0.9, 0.5], NonZeroUsize::MIN)?;
//! assert_eq!(items.id(ranking.entries()[0].0).to_string(), "30");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod approach;
mod checkpoints;
pub mod dot;
mod each_query;
mod explanation;
mod id;
mod integers;
pub mod lanes;
mod layers;
mod matrix;
pub mod memory;
mod model;
pub mod options;
pub mod parallel;
mod profile;
mod query;
pub mod random;
mod ranking;
mod rating;
mod recommender;
mod row_groups;
mod rows;
mod run;
pub mod testing;
mod top_k;
mod train;
mod vocab;
mod weights;

pub use approach::{AnyApproach, Approach, ApproachEntry, FitError, LoadError, Loaded, Requirement, Trained};
pub use checkpoints::Checkpoints;
pub use each_query::EachQuery;
pub use explanation::{Ablation, Cause, Choice, Explanation, Term};
pub use id::{ItemId, ItemIdx, RawId, UserId, UserIdx};
pub use integers::Integers;
pub use layers::{Layer, LayerGraph};
pub use matrix::{Features, Matrix, Span};
pub use model::{AskError, Asker, Model, Reasons, Visitor};
pub use profile::{Profile, Stated};
pub use query::{Candidates, ContextValue, Query, Who};
pub use ranking::{Ranking, Relevant, Scores};
pub use rating::{Rating, RatingError, RatingScale, Scaling, Score, Target};
pub use recommender::{Fitted, Recommender, ScoreError, ScoreKind};
pub use row_groups::{GROUP_ROWS, Grouped, RowGroups, StreamedTrain, check_stars};
pub use rows::{Catalogue, ContextColumn, Interaction, Interactions, InteractionsBuilder, Seen, TestUser};
pub use run::{DeviceChoice, EpochLog, Progress, Run, Silent, TrainingLog};
pub use top_k::top_k;
pub use train::{RawInteraction, RowError, Train, TrainBuilder, TrainError};
pub use vocab::{Indexed, Items, Users, Vocab, VocabError};
pub use weights::{Number, Weights};
