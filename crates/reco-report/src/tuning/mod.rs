//! What a search for options found, and how it is told: a table, a page, figures.
//!
//! Does not know how options are searched for.
//!
//! **Invariant**: what was measured of the machine, the seconds, is in no page, so that pages of equal searches are
//! equal.

mod page;
mod terminal;

use reco_eval::metric::Better;
use reco_eval::{Column, Interval};
use serde::Serialize;
use serde_json::{Map, Value};

pub use page::tuning_page;
pub use terminal::tuning_table;

pub use crate::figure::tuning_figures;

/// What a search for options found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuning {
    /// The experiment's name.
    pub experiment: String,
    /// The data set's name.
    pub dataset: String,
    /// `random`, `tpe`, `successive-halving`
    pub method: String,
    /// The seed of the search.
    pub seed: u64,
    /// What decides.
    pub metric: Column,
    /// Which of two values is the better one.
    pub better: Better,
    /// Users with validation rows whom training knows.
    pub n_users: usize,
    /// Their validation rows.
    pub n_rows: usize,
    /// What was found, approach by approach.
    pub approaches: Vec<Tuned>,
    /// What was not searched, and why, a sentence each.
    pub left_out: Vec<String>,
}

/// What a search found for one approach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuned {
    /// Its name in the experiment.
    pub name: String,
    /// Its name in the registry.
    pub kind: String,
    /// The number of the trial with the best value; 0 if nothing is better than what the experiment has.
    pub best_trial: u32,
    /// Its value.
    pub value: f64,
    /// Its options.
    pub options: Map<String, Value>,
    /// The value of the options that the experiment has.
    pub default_value: Option<f64>,
    /// These options.
    pub default_options: Map<String, Value>,
    /// Best less default, over users, and the 95 % interval of that; `None` where the defaults are the best.
    pub difference: Option<TunedDifference>,
    /// Whether time ended the search.
    pub out_of_time: bool,
    /// Wall time of the search, over all that it took.
    pub seconds: f64,
    /// Each option that was searched for, the one that explains most first.
    pub searched: Vec<SearchedOption>,
    /// Every trial.
    pub trials: Vec<TuningTrial>,
}

/// By how much the best options differ from those that the experiment has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TunedDifference {
    /// Best less default.
    pub difference: f64,
    /// Its 95 % interval, where there are users enough.
    pub interval: Option<Interval>,
}

/// An option that was searched for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchedOption {
    /// Its name.
    pub option: String,
    /// Among which values.
    pub values: SearchedValues,
    /// The share of the variance of trials that goes with this option alone; `None` where too few trials tell.
    pub explains: Option<f64>,
}

/// The values of an option.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchedValues {
    /// Numbers from the first to the second, and whether their scale is logarithmic.
    Range(f64, f64, bool),
    /// These.
    List(Vec<Value>),
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TuningTrial {
    /// Its number, from 0.
    pub trial: u32,
    /// How much of a whole training it is, of epochs or of users.
    pub share: f64,
    /// The options that were searched for.
    pub options: Map<String, Value>,
    /// The metric's value.
    pub value: Option<f64>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Tuning {
    /// What was done, in a line.
    fn what(&self) -> String {
        let count = crate::cells::count;
        let (rows, users) = (count(self.n_rows), count(self.n_users));
        let Self { dataset, method, seed, metric, .. } = self;
        format!("{dataset}, {method}, seed {seed}; chosen by {metric} on {rows} validation rows of {users} users")
    }
}

impl Tuned {
    /// Trials without a value.
    fn n_failed(&self) -> usize {
        self.trials.iter().filter(|trial| trial.value.is_none()).count()
    }

    /// The options found at an end of their range.
    fn at_ends(&self) -> Vec<&str> {
        let at_end = |one: &&SearchedOption| self.options.get(&one.option).is_some_and(|value| one.ends_at(value));
        self.searched.iter().filter(at_end).map(|one| one.option.as_str()).collect()
    }

    /// What mattered, the most first; empty where too few trials tell.
    fn mattered(&self) -> String {
        let told = self.searched.iter().filter_map(|one| Some(format!("{} {}", one.option, percent(one.explains?))));
        told.collect::<Vec<_>>().join(", ")
    }
}

impl SearchedOption {
    /// Whether `value` lies at an end of the range, so that a wider one may have a better value; nothing lies below 0,
    /// and of counts nothing below 1.
    fn ends_at(&self, value: &Value) -> bool {
        let least = if value.is_u64() { 1.0 } else { 0.0 };
        let (&SearchedValues::Range(from, to, is_log), Some(value)) = (&self.values, value.as_f64()) else {
            return false;
        };
        let on_scale = |number: f64| if is_log { number.ln() } else { number };
        let at = (on_scale(value) - on_scale(from)) / (on_scale(to) - on_scale(from));
        at > 1.0 - END || (at < END && from > least)
    }
}

/// How near an end of its range a value is at it, as a share of the range.
const END: f64 = 0.02;

/// What a reader should know before a number is quoted.
const HOW_TO_READ: &str = "The best of many on validation rows is a little too good there: quote the test of these \
    options instead.";

/// Options as one reads them: `reg 312.4, dropout 0.1`.
fn words(options: &Map<String, Value>) -> String {
    let one = |(option, value): (&String, &Value)| format!("{option} {}", word(value));
    options.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A value as one reads it: a text without quotes, a number with at most four significant digits.
pub(crate) fn word(value: &Value) -> String {
    match (value, value.as_f64().filter(|_| value.is_f64())) {
        (Value::String(text), _) => text.clone(),
        (_, Some(number)) => {
            format!("{number:.3e}").parse().map_or_else(|_| value.to_string(), |short: f64| short.to_string())
        }
        _ => value.to_string(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn signed(value: f64) -> String {
    format!("{value:+.4}")
}

#[cfg(test)]
pub(crate) mod tests;
