//! Keeps the trials of a search, so that one that was stopped goes on where it was.
//!
//! Does not know how a search goes on, nor what options mean.
//!
//! **Invariant**: a trial is on the disk when it is done; the same trials leave the same bytes, in whatever order they
//! were done. Times stand in the manifest.

use std::collections::BTreeMap;
use std::path::Path;

use reco_data::table::{Column, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::search::{Proposal, Trial};
use super::space::{Dimension, Options, Space, Values};
use crate::folder::{Folder, Made};
use crate::manifest::Manifest;
use crate::stage::{Context, from_notes, notes};
use crate::{RunError, TRIALS};

/// Begins the name of an option's column.
const OPTION: &str = "option:";

/// The trials of one approach, and the folder that keeps them.
pub(super) struct Record<'a> {
    context: &'a Context<'a>,
    folder: Folder,
    approach: String,
    space: &'a Space,
    trials: BTreeMap<u32, Trial>,
    times: Times,
}

/// What the manifest notes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Times {
    /// Wall time of the search so far.
    seconds: f64,
    /// Wall time of each trial, by its number.
    trials: BTreeMap<u32, f64>,
}

impl<'a> Record<'a> {
    /// The record that `folder` holds, an empty one where it was made otherwise, and why that is.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub(super) fn open(
        context: &'a Context<'a>,
        folder: Folder,
        approach: &str,
        space: &'a Space,
    ) -> Result<(Self, Option<String>), RunError> {
        let why = folder.why(context.hashed).or_else(|| context.force.then(|| "asked for".to_owned()));
        let (mut trials, mut times) = (BTreeMap::new(), Times::default());
        if why.is_none() {
            let manifest = Manifest::read(&folder.path, "`reco tune` makes it")?;
            times = from_notes(&folder.path, &manifest.notes)?;
            trials = read(&folder.path.join(TRIALS), space)?;
        }
        Ok((Self { context, folder, approach: approach.to_owned(), space, trials, times }, why))
    }

    /// The trial that was made of `proposal`, or of the same options under another number.
    pub(super) fn find(&self, proposal: &Proposal) -> Option<Trial> {
        let same =
            |trial: &&Trial| trial.proposal.options == proposal.options && trial.proposal.share == proposal.share;
        let found = self.trials.get(&proposal.number).filter(same).or_else(|| self.trials.values().find(same))?;
        Some(Trial { proposal: proposal.clone(), value: found.value.clone() })
    }

    /// Whether `trial` is recorded under its number.
    pub(super) fn holds(&self, trial: &Trial) -> bool {
        self.trials.get(&trial.proposal.number) == Some(trial)
    }

    /// Wall time of the search so far.
    pub(super) fn seconds(&self) -> f64 {
        self.times.seconds
    }

    /// Counts wall time that has passed, and writes the record: a search whose time is over has none left when it is
    /// begun again.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn spend(&mut self, seconds: f64) -> Result<(), RunError> {
        self.times.seconds += seconds;
        self.write()
    }

    /// Adds a trial that took that long, and writes the record.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn add(&mut self, trial: Trial, seconds: f64) -> Result<(), RunError> {
        self.times.trials.insert(trial.proposal.number, seconds);
        self.trials.insert(trial.proposal.number, trial);
        self.write()
    }

    /// Leaves out what is not among `trials`, and writes the record.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn keep(&mut self, trials: &[Trial]) -> Result<(), RunError> {
        let is_kept = |number: &u32| trials.iter().any(|trial| trial.proposal.number == *number);
        self.trials.retain(|number, _| is_kept(number));
        self.times.trials.retain(|number, _| is_kept(number));
        self.write()
    }

    fn write(&self) -> Result<(), RunError> {
        self.context.lock.take(self.context.command)?;
        let table = table(&self.approach, self.space, self.trials.values())?;
        self.folder.make(&self.context.place(&self.folder.path)?, |at| {
            table.write(&at.join(TRIALS))?;
            Ok(Made { device: None, notes: notes(&self.times) })
        })?;
        Ok(())
    }
}

/// `trial`, `approach`, `share`, `state` (`done` or `failed`), `value`, `reason` (of a failure), and a column for each
/// option: numbers, or texts of a list's values as JSON.
fn table<'t>(
    approach: &str,
    space: &Space,
    trials: impl Iterator<Item = &'t Trial> + Clone,
) -> Result<Table, RunError> {
    let mut table = Table::new().with_metadata("table", "trials");
    let text = |text: &str| Some(text.to_owned());
    table.push("trial", Column::U32(trials.clone().map(|trial| trial.proposal.number).collect()))?;
    table.push("approach", Column::Text(trials.clone().map(|_| text(approach)).collect()))?;
    table.push("share", Column::F64(trials.clone().map(|trial| Some(trial.proposal.share)).collect()))?;
    let state = |trial: &Trial| text(if trial.value.is_ok() { "done" } else { "failed" });
    table.push("state", Column::Text(trials.clone().map(state).collect()))?;
    table.push("value", Column::F64(trials.clone().map(|trial| trial.value.clone().ok()).collect()))?;
    table.push("reason", Column::Text(trials.clone().map(|trial| trial.value.clone().err()).collect()))?;
    for Dimension { option, values } in &space.dimensions {
        let of_each = trials.clone().map(|trial| trial.proposal.options.get(option));
        let column = match values {
            Values::Range { integer: true, .. } => Column::I64(of_each.map(|value| value?.as_i64()).collect()),
            Values::Range { .. } => Column::F64(of_each.map(|value| value?.as_f64()).collect()),
            Values::List(_) => Column::Text(of_each.map(|value| value.map(Value::to_string)).collect()),
        };
        table.push(&format!("{OPTION}{option}"), column)?;
    }
    Ok(table)
}

/// The trials that [`table`] was written of.
fn read(path: &Path, space: &Space) -> Result<BTreeMap<u32, Trial>, RunError> {
    let table = Table::read(path)?;
    let numbers = table.row_numbers("trial")?;
    let mut options: Vec<Options> = vec![Options::new(); numbers.len()];
    for Dimension { option, .. } in &space.dimensions {
        let name = format!("{OPTION}{option}");
        let values: Vec<Option<Value>> = match table.column(&name)? {
            Column::I64(values) => values.iter().map(|value| value.map(Value::from)).collect(),
            Column::F64(values) => values.iter().map(|value| value.map(Value::from)).collect(),
            Column::Text(values) => {
                values.iter().map(|value| serde_json::from_str(value.as_deref().unwrap_or_default()).ok()).collect()
            }
            _ => return Err(table.no_column(&name, "numbers or texts").into()),
        };
        for (options, value) in options.iter_mut().zip(values) {
            options.insert(option.clone(), value.unwrap_or(Value::Null));
        }
    }
    let doubles = |name: &str| match table.column(name)? {
        Column::F64(values) => Ok(values.clone()),
        _ => Err(table.no_column(name, "double-precision numbers")),
    };
    let (shares, values, reasons) = (doubles("share")?, doubles("value")?, table.texts("reason")?);
    let trial = |row: usize| {
        let proposal =
            Proposal { number: numbers[row], options: options[row].clone(), share: shares[row].unwrap_or_default() };
        let value = values[row].ok_or_else(|| reasons[row].clone().unwrap_or_default());
        (numbers[row], Trial { proposal, value })
    };
    Ok((0..numbers.len()).map(trial).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_to_the_bit() {
        let range = |integer| Values::Range { from: 0.0, to: 9.0, log: false, integer };
        let dimension = |option: &str, values| Dimension { option: option.to_owned(), values };
        let list = Values::List(vec![json!("cosine"), json!(null), json!({ "k": [1, 0.1] })]);
        let dimensions = vec![dimension("a", range(false)), dimension("b", range(true)), dimension("c", list)];
        let space = Space { dimensions };
        let trial = |number, options: Value, value| {
            let options = options.as_object().unwrap().clone();
            (number, Trial { proposal: Proposal { number, options, share: 1.0 / 3.0 }, value })
        };
        let trials = BTreeMap::from([
            trial(0, json!({ "a": 0.1, "b": 3, "c": "cosine" }), Ok(0.1 + 0.2)),
            trial(2, json!({ "a": 3.0, "b": 0, "c": null }), Err("it diverged".to_owned())),
            trial(9, json!({ "a": 1e-300, "b": 9, "c": { "k": [1, 0.1] } }), Ok(-0.0)),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TRIALS);
        table("ease", &space, trials.values()).unwrap().write(&path).unwrap();
        assert_eq!(read(&path, &space).unwrap(), trials);
    }
}
