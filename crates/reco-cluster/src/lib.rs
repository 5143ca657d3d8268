//! Prepares data sets that are too large for one process: SQL engines filter, number, split and sort the ratings.
//!
//! [`Plan`] is a list of SELECTs that DuckDB, DataFusion (with Ballista) and Spark (with Sail) run alike; an [`Engine`]
//! runs them, of which [`DataFusion`] is here, in this process or on a cluster; [`Job`] brings a plan its inputs, and
//! makes of what the engine left the folder that `reco features` makes. Does not know models or evaluation, and reads
//! of an experiment what concerns its data alone.
//!
//! **Invariant**: the folder is that of `reco features`, row for row, whichever engine ran the plan.

mod ballista;
mod engine;
mod error;
mod experiment;
mod finished;
mod interrupt;
mod job;
mod manifest;
mod node;
mod plan;
mod session;
mod sql;
mod store;
mod work;

pub use ballista::Address;
pub use engine::{Engine, Inputs, Said, StepEnded, run};
pub use error::ClusterError;
pub use experiment::Experiment;
pub use interrupt::{INTERRUPTED, interrupted};
pub use job::Job;
pub use node::{ExecutorOptions, SchedulerOptions, executor, scheduler};
pub use plan::{Kind, Plan, Step};
pub use session::DataFusion;
pub use work::Work;
