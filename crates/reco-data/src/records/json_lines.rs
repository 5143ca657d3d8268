//! Reads rows of files with one JSON object per line.
//!
//! Does not know which keys matter, only their names.
//!
//! **Invariant**: a line that is not a JSON object is one bad row; a key that a line lacks is an empty field.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Number, Value};

use super::text::Lines;
use super::{Records, Row, places};
use crate::DataError;

/// A reader of one file.
pub(crate) struct JsonLines {
    lines: Lines,
    wanted: Vec<String>,
    list_separator: String,
}

impl JsonLines {
    /// Opens a file to read some of its keys, all of which are among the `known` ones. A list becomes one field, with
    /// `list_separator` between its values.
    pub(crate) fn open(
        path: &Path,
        known: &[String],
        wanted: &[String],
        list_separator: &str,
    ) -> Result<Self, DataError> {
        places(path, known, wanted)?;
        let (lines, list_separator) = (Lines::open(path, true)?, list_separator.to_owned());
        Ok(Self { lines, wanted: wanted.to_vec(), list_separator })
    }

    /// The keys of a file's first lines, in the order of their names.
    pub(crate) fn keys(path: &Path) -> Result<Vec<String>, DataError> {
        /// How many lines are examined: a line may lack a key whose value is missing.
        const LINES: usize = 1_000;
        let refuse = |reason: String, hint: &str| {
            Err(DataError::Format { path: path.to_owned(), reason, hint: hint.to_owned() })
        };
        let mut lines = Lines::open(path, true)?;
        // The whole file may be one list.
        if lines.beginning()?.trim_ascii_start().starts_with(b"[") {
            return refuse(
                "it is one list, not one JSON object a line".to_owned(),
                "`jq -c '.[]' FILE.json > FILE.jsonl` writes one a line",
            );
        }
        let (mut keys, mut first_error) = (BTreeSet::new(), None);
        for _ in 0..LINES {
            let Some((number, line)) = lines.next()? else { break };
            match serde_json::from_slice::<Map<String, Value>>(line) {
                Ok(object) => keys.extend(object.into_iter().map(|(key, _)| key)),
                Err(error) => first_error = first_error.or(Some((number, error))),
            }
        }
        match first_error {
            Some((number, error)) if keys.is_empty() => refuse(
                format!("line {number} is not a JSON object ({error})"),
                "one object a line, e.g. `{\"user\": 1, \"item\": 2}`",
            ),
            _ => Ok(keys.into_iter().collect()),
        }
    }
}

fn push(row: &mut Row, value: Option<&Value>, separator: &str) {
    match value {
        None | Some(Value::Null) => row.push(""),
        Some(Value::String(text)) => row.push(text),
        Some(Value::Array(values)) => {
            let texts: Vec<String> = values.iter().map(text).collect();
            row.push_list(&texts.join(separator));
        }
        Some(Value::Number(number)) if !is_exact(number) => row.fail(format!(
            "number `{number}` is too large to be read exactly; in quotes it is a text, which can be an id"
        )),
        Some(other) => row.push(&other.to_string()),
    }
}

/// Whether a number equals the one that is written: integers beyond 64 bits are rounded.
fn is_exact(number: &Number) -> bool {
    /// From here on, double precision cannot represent every integer.
    const INEXACT: f64 = 9_007_199_254_740_992.0;
    !number.is_f64() || number.as_f64().is_some_and(|number| number.abs() < INEXACT)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Records for JsonLines {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        let Some((number, line)) = self.lines.next()? else { return Ok(false) };
        row.begin(number);
        match serde_json::from_slice::<Map<String, Value>>(line) {
            Ok(object) => {
                for key in &self.wanted {
                    // An empty name selects nothing, even where a key is empty.
                    push(row, object.get(key).filter(|_| !key.is_empty()), &self.list_separator);
                }
            }
            Err(error) => row.fail(format!("it is not a JSON object ({error})")),
        }
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.lines.position()
    }
}
