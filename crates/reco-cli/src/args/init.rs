//! Defines the arguments of `reco init` and `reco runs`.
//!
//! Does not know what a table looks like.
//!
//! **Invariant**: nothing is overwritten unless an argument says so.

use std::path::PathBuf;

use clap::Args;

pub(super) const HELP: &str = "\
CSV, TSV and other text with separators, JSON lines and Parquet are read as they come, gzipped or
not. Only the first megabyte or so is looked at, whatever the size.

Examples:
  reco init ratings.csv                          shows what it took the file for, and asks
  reco init ratings.csv --yes --run              from a table to a comparison of approaches
  reco init orders.csv --user Email --item SKU   what it cannot know, or got wrong
  zcat events.gz | reco init - --yes --out-file events.toml";

pub(super) const RUNS_HELP: &str = "\
Examples:
  reco runs
  reco runs . --json";

#[derive(Args)]
pub(crate) struct InitArgs {
    /// The table, with a row for each rating or event; `-` for stdin, which is kept beside the experiment
    pub(crate) file: PathBuf,
    /// The column of users' ids; of a table without a line of names its number, from 1
    #[arg(long, value_name = "COLUMN")]
    pub(crate) user: Option<String>,
    /// The column of items' ids
    #[arg(long, value_name = "COLUMN")]
    pub(crate) item: Option<String>,
    /// The column of ratings; an empty name, `--rating ''`, makes every row an event
    #[arg(long, value_name = "COLUMN")]
    pub(crate) rating: Option<String>,
    /// The column of times; an empty name for none
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// The experiment to write [default: the table's name with `.toml`, beside it; `mine.toml` for stdin]
    #[arg(long, value_name = "FILE")]
    pub(crate) out_file: Option<PathBuf>,
    /// Replace the experiment if it is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Write without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Run the experiment at once
    #[arg(long)]
    pub(crate) run: bool,
    /// Print what was found as JSON, and do not ask: without `--yes` nothing is written
    #[arg(long, conflicts_with = "run")]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RunsArgs {
    /// Where to look
    #[arg(default_value = "data")]
    pub(crate) folder: PathBuf,
    /// Print them as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
