//! Evaluates recommenders on ratings that they have not seen, and compares them.
//!
//! Does not know which recommender it measures, nor how the ratings were split: it takes a `&dyn Recommender`, the
//! held-out [`TestUser`](reco_core::TestUser)s and what each user has [`Seen`](reco_core::Seen). Each metric is a file in
//! `metric/` and a line in [`METRICS`].
//!
//! **Invariant**: the same scores give the same numbers, to the last bit, however many users are asked about at once.
//!
//! ```
//! use reco_core::testing::{Feedback, checkerboard};
//! use reco_core::{TestUser, DeviceChoice, Interaction, Interactions, Run, Seen, Silent, Target};
//! use reco_eval::{Ask, EvaluateConfig, TrainingCounts, Task, evaluate};
//!
//! let board = checkerboard(20, Feedback::Events);
//! let mut test = Interactions::builder(0);
//! for &(user, item) in &board.liked {
//!     test.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context: &[] });
//! }
//! let run = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };
//! let entry = reco_classic::APPROACHES.iter().find(|entry| entry.name == "popularity").expect("it is there");
//! let popularity = (entry.configure)(&(entry.defaults)())?.fit(&board.train, &run)?;
//!
//! let test_users = TestUser::group(&test.finish(), 20);
//! let seen = Seen::by_user(20, [&board.train.fit]);
//! let known = TrainingCounts::new(&board.train.fit, &board.train.catalogue);
//! let config = EvaluateConfig::default();
//! let task = Task { test_users: &test_users, seen: &seen, known: &known, config: &config, context: &[], seed: 1, held_out: Ask::AsVisitors };
//! let evaluation = evaluate(&*popularity, &task)?;
//! assert_eq!(evaluation.n_users, 20);
//! let ndcg = evaluation.metric("ndcg@10").expect("every user has a relevant item");
//! assert!(ndcg > 0.0 && ndcg < 1.0);
//! // Of the ten items that a user likes, training had nine.
//! assert_eq!(evaluation.by_user_history[2].bucket, "5-9");
//! assert_eq!(evaluation.by_user_history[2].n_users, 20);
//! assert_eq!(evaluation.metric("rmse"), None, "an order is no number of stars");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod compare;
mod config;
mod error;
mod evaluate;
mod evaluation;
mod group;
mod history;
mod interval;
pub mod metric;
mod rank;
mod sample;
mod summary;
mod training_counts;
mod user_evaluator;

pub use config::EvaluateConfig;
pub use error::EvalError;
pub use evaluate::{Ask, Task, evaluate, evaluate_watched, unanswerable};
pub use evaluation::{BucketValues, DetailRow, Evaluation, Prediction, UserDetail, UserValues};
pub use group::{Attribute, Gap, Group, GroupValues, MOST_VALUES, attributes, gaps, groups};
pub use history::History;
pub use interval::{Interval, intervals, intervals_watched};
pub use metric::{METRICS, MetricEntry};
pub use training_counts::TrainingCounts;
