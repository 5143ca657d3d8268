//! Which ratings, items and users are there, checked and in one form, whatever files they came in?
//!
//! The only crate that reads and writes Parquet. Does not know what a model needs: features, splits and vocabularies are
//! made elsewhere, from [`Tables`].
//!
//! **Invariant**: a row is either checked and in a table, or in the rejects with its file, line and reason; nothing is
//! written outside of the folders that a caller names.

mod config;
mod error;
pub mod fetch;
mod ingest;
mod locate;
mod records;
mod source;
pub mod synth;
pub mod table;
mod tables;
mod title;

pub use config::{Columns, DataConfig, ItemTable, Place, UserTable};
pub use error::{DataError, Reject, Rejects};
pub use ingest::{IngestProgress, IngestSummary, SilentIngest, ingest};
pub use locate::{Located, locate};
pub use records::{Records, Row};
pub use source::{Extra, Facts, Files, RawItem, RawItems, RawLine, RawUser, RawUsers, SOURCES, Source};
pub use tables::{DatasetInfo, ItemRows, NamedColumn, Ratings, Tables, UserRows, Values};
