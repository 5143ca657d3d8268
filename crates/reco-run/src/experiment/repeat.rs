//! Makes the repetitions of an experiment, which differ in one key.
//!
//! Does not know what the key means: folds of a split, seeds, anything that `--set` can say.
//!
//! **Invariant**: a repetition is a complete experiment of its own, and has no repetitions itself; labels are distinct
//! and can name folders.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Experiment, ExperimentError, file};

/// The table `[repeat]` of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepeatConfig {
    /// The key, as `--set` writes it: `split.fold`, `seed`; empty for one run.
    pub over: String,
    /// Its value in each repetition.
    pub values: Vec<Value>,
}

/// One of several runs of an experiment.
#[derive(Clone)]
pub struct Repetition {
    /// `split.fold=3`: the name of its folder.
    pub label: String,
    /// Whether it shares the tables of the others, because its key is not about data.
    pub shares_tables: bool,
    /// The experiment with the key set.
    pub experiment: Experiment,
}

/// The experiments that `repeat` asks for, each `table` with its key set.
pub(super) fn repetitions(
    repeat: &RepeatConfig,
    place: &str,
    stem: &str,
    table: &Value,
    approaches: (&[String], bool),
) -> Result<Vec<Repetition>, ExperimentError> {
    let RepeatConfig { over, values } = repeat;
    let wrong = |reason: String| ExperimentError::Repeat { place: place.to_owned(), reason };
    match (over.is_empty(), values.is_empty()) {
        (true, true) => return Ok(Vec::new()),
        (true, false) => return Err(wrong("`repeat.values` are given and `repeat.over` is not".to_owned())),
        (false, true) => return Err(wrong(format!("`repeat.over` is `{over}` and `repeat.values` is empty"))),
        (false, false) => {}
    }
    let mut repetitions: Vec<Repetition> = Vec::new();
    for value in values {
        let mut table: Map<String, Value> = table.as_object().cloned().unwrap_or_default();
        table.remove("repeat");
        if let (file::SPLIT_KIND, Some(kind)) = (over.as_str(), value.as_str()) {
            file::drop_unread(&mut table, kind);
        }
        file::set(&mut table, over, value.clone(), &format!("{place}, `repeat.over = \"{over}\"`"))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let label = format!("{over}={}", text.replace(|c| !plain(c), "-"));
        if repetitions.iter().any(|other| other.label == label) {
            return Err(wrong(format!("two repetitions would be called `{label}`")));
        }
        let experiment = Experiment::from_table(place, stem, table, approaches)?;
        let shares_tables = over.split('.').next() != Some("data");
        repetitions.push(Repetition { label, shares_tables, experiment });
    }
    Ok(repetitions)
}
