//! Evaluates recommenders on ratings that they have not seen, and compares them.
//!
//! Does not know which recommender it measures, nor how the ratings were split: it takes a `&dyn Recommender`, the
//! held-out [`TestUser`](reco_core::TestUser)s and what each user has [`Seen`](reco_core::Seen). Each metric is a file
//! in `metric/` and a line in [`METRICS`]; an evaluation may be given others.
//!
//! **Invariant**: the same scores give the same numbers, to the last bit, however many users are asked about at once.
//!
//! ```
//! use reco_classic::Svd;
//! use reco_core::{Run, Train, Approach};
//! use reco_eval::{Protocol, Test, evaluate};
//!
//! let train = Train::from_ratings([("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0)])?;
//! let model = Svd { epochs: 30, ..Svd::default() }.fit(&train, &Run::default())?;
//! let test = Test::from_ratings(&train, [("bob", "Brazil", 5.0)])?;
//! let evaluation = evaluate(&model, &test, &Protocol::default())?;
//! println!("{evaluation}");
//! assert_eq!(evaluation.metric("hit@10"), Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buckets;
mod column;
pub mod compare;
mod config;
mod error;
mod evaluate;
mod evaluation;
mod group;
mod interval;
mod main_column;
pub mod metric;
mod metrics;
mod rank;
mod sample;
mod summary;
mod test;
mod training_counts;
mod user_evaluator;

pub use column::Column;
pub use config::{Protocol, RankedItems};
pub use error::EvalError;
pub use evaluate::{Ask, Task, evaluate_task, evaluate_watched, unanswerable};
pub use evaluation::{BucketValues, DetailRow, Evaluation, Prediction, UserDetail, UserValues};
pub use group::{Attribute, Gap, Group, GroupValues, MOST_VALUES, attributes, gaps, groups};
pub use interval::{Interval, intervals, intervals_watched};
pub use main_column::{BestFor, main_columns};
pub use metric::{METRICS, MetricEntry};
pub use metrics::Metrics;
pub use test::{Test, TestError, evaluate, evaluate_by};
pub use training_counts::TrainingCounts;
