//! Prepares data sets that are too large for one process: SQL engines filter, number, split and sort the ratings.
//!
//! [`Plan`] is a list of SELECTs that DuckDB, DataFusion (with Ballista) and Spark (with Sail) run alike; an [`Engine`]
//! runs them; [`Job`] brings a plan its inputs, and makes of what the engine left the folder that `reco features`
//! makes. Does not know models or evaluation, and reads of an experiment what concerns its data alone.
//!
//! **Invariant**: the folder is that of `reco features`, row for row, whichever engine ran the plan.

mod embedded;
mod engine;
mod error;
mod experiment;
mod job;
mod manifest;
mod plan;
mod sql;
mod work;

pub use embedded::Embedded;
pub use engine::{Engine, Inputs, StepEnded, run};
pub use error::ClusterError;
pub use experiment::Experiment;
pub use job::{Job, Said};
pub use plan::{Kind, Plan, Step};
pub use work::Work;
