//! Reads ratings, items and users from files of many formats, checks them, and brings them into one form.
//!
//! The only crate that reads and writes Parquet. Does not know what a model needs: features, splits and vocabularies
//! are made elsewhere, from [`Tables`].
//!
//! **Invariant**: a row is either checked and in a table, or in the rejects with its file, line and reason; nothing is
//! written outside of the folders that a caller names.
//!
//! ```
//! use reco_data::synth::{SynthConfig, synth};
//! use reco_data::{DataConfig, SilentIngest, Tables, ingest};
//!
//! let folder = tempfile::tempdir()?;
//! let (raw, tables) = (folder.path().join("raw"), folder.path().join("tables"));
//! synth(&SynthConfig { n_users: 20, n_items: 50, n_ratings: 300, ..SynthConfig::default() }, &raw)?;
//! std::fs::create_dir(&tables)?;
//! let config = DataConfig { path: raw.display().to_string(), ..DataConfig::default() };
//! let summary = ingest(&config, folder.path(), &tables, &SilentIngest)?;
//! assert_eq!((summary.n_ratings, summary.n_users, summary.n_items), (300, 20, 50));
//! assert_eq!(Tables::read(&tables)?.ratings.len(), 300);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod border;
mod config;
mod dialect;
mod error;
mod events;
pub mod fetch;
mod guess;
mod ingest;
mod locate;
mod output;
mod records;
mod scores;
mod source;
pub mod synth;
pub mod table;
mod tables;
mod title;
mod values;

pub use batches::{BatchColumns, interactions, pairs, write_batches};
pub use config::{
    Columns, DATA_KEYS, DataConfig, DataKey, Delimiter, Duplicates, Encoding, Header, ItemTable, Place, Quote,
    UserTable,
};
pub use dialect::{Detected, detect, is_table};
pub use error::{DataError, Obstacle};
pub use events::{EXPOSURE, EventCounts, EventRow, ItemRow, erased_digest, read_events, write_events};
pub use fetch::checksum::sha256;
pub use guess::{Guess, GuessedColumn, Piped, Role, ShownRow, StatedColumns, guess};
pub use ingest::{EngineTables, IngestProgress, IngestSummary, SilentIngest, ingest};
pub use locate::{Located, expand, locate, located_files};
pub use output::{Output, TableOutput, TablePieces};
pub use records::{Layout, Records, Row, open_table, table_columns};
pub use scores::{ScoreRows, read_scores};
pub use source::{Extra, Facts, Files, RawEntities, RawEntity, RawLine, SOURCES, Source, Writing};
pub use tables::{DatasetInfo, ItemRows, NamedColumn, Ratings, StoredRatings, StoredTables, Tables, UserRows, Values};
pub use values::{Decimal, TimeFormat, Times};

/// The version of the stage `ingest`, whose folders [`ingest()`] and [`EngineTables`] write: another whenever the same
/// input comes to other bytes, so that folders made before are made again.
pub const STAGE_VERSION: u32 = 2;
