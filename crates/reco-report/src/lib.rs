//! Turns the results of an experiment into what people and programs read.
//!
//! Does not know how a number was made, nor where a report is kept: it turns [`Results`] and [`Facts`] into text.
//!
//! **Invariant**: a number shown is a number of [`Results`], rounded only for reading; results.json has every bit.
//!
//! ```
//! use reco_eval::{Column, Metrics};
//! use reco_report::{ApproachResult, DatasetSummary, Results, SplitSummary, terminal_table};
//!
//! let ndcg: Column = "ndcg@10".parse()?;
//! let approach = |name: &str, value: f64| ApproachResult {
//!     name: name.to_owned(),
//!     n_parameters: 0,
//!     epochs: None,
//!     train_seconds: 0.01,
//!     ratings_per_second: None,
//!     metrics: Metrics(vec![(ndcg.clone(), Some(value))]),
//!     ..Default::default()
//! };
//! let results = Results {
//!     experiment: "default".to_owned(),
//!     dataset: DatasetSummary { name: "ml-100k".to_owned(), n_users: 943, n_items: 1682, n_ratings: 100_000, ..Default::default() },
//!     split: SplitSummary { kind: "per-user-random".to_owned(), n_train: 80_000, n_valid: 10_000, n_fold_in: 0, n_test: 10_000 },
//!     device: "cpu".to_owned(),
//!     seed: 42,
//!     summary: None,
//!     approaches: vec![approach("random", 0.0123), approach("popularity", 0.1234)],
//!     lower_is_better: vec!["mae".parse()?],
//!     neither_is_better: Vec::new(),
//!     repeat: None,
//! };
//! assert!(terminal_table(&results).contains("*0.1234"));
//! assert!(results.to_json()?.contains("\"ndcg@10\": 0.1234"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod canvas;
mod cells;
mod comparison;
mod diagram;
mod facts;
mod figure;
mod grid;
mod headline;
mod html;
mod markdown;
mod palette;
mod repeated;
mod results;
mod tables;
mod terminal;
mod tuning;

pub use canvas::Drawing;
pub use comparison::{ComparedPair, ComparedRun, Comparison, comparison_page, comparison_summary, comparison_table};
pub use diagram::{diagram, mermaid, summary};
pub use facts::{
    ApproachFacts, ContextCounts, Counts, DetailList, DetailRow, Facts, Provenance, Recommended, RecommendedItem,
    ReportConfig, Suggestion, UserDetail, Work,
};
pub use figure::Figures;
pub use grid::Grid;
pub use headline::{Best, Headline, Lead, last_words};
pub use html::html;
pub use markdown::markdown;
pub use repeated::RepeatedResult;
pub use results::{ApproachResult, DatasetSummary, ReportError, Results, SplitSummary};
pub use terminal::terminal_table;
pub use tuning::{
    SearchedOption, SearchedValues, Tuned, TunedDifference, Tuning, TuningTrial, tuning_figures, tuning_page,
    tuning_table,
};

/// `name` as a part of a file's name, on any system.
pub(crate) fn file_name(name: &str) -> String {
    let plain =
        |character: char| if character.is_alphanumeric() || "-_@.".contains(character) { character } else { '-' };
    name.chars().map(plain).collect()
}

/// How to read a table of results, in one line: under the table on the terminal and in the report.
pub(crate) const HOW_TO_READ: &str = "* best, – does not apply, ↓ lower is better. Networks trained on ratings are \
    not yet rankers: see popularity.";
