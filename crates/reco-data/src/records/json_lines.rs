//! Rows of files with one JSON object a line.
//!
//! Does not know which keys matter, only their names.
//!
//! **Invariant**: a line that is no JSON object is one bad row; a key that a line lacks is an empty field.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Records, Row, Text, places};
use crate::DataError;

/// A reader of one file.
pub(crate) struct JsonLines {
    path: PathBuf,
    text: Text,
    buffer: Vec<u8>,
    wanted: Vec<String>,
    list_separator: String,
    line: u64,
}

impl JsonLines {
    /// Opens a file and wants some of its keys, all of which are among the `known` ones. A list becomes one field, with
    /// `list_separator` between its values.
    pub(crate) fn open(
        path: &Path,
        known: &[String],
        wanted: &[String],
        list_separator: &str,
    ) -> Result<Self, DataError> {
        places(path, known, wanted)?;
        Ok(Self {
            path: path.to_owned(),
            text: Text::open(path, true)?,
            buffer: Vec::new(),
            wanted: wanted.to_vec(),
            list_separator: list_separator.to_owned(),
            line: 0,
        })
    }

    /// The keys of a file's first lines, in the order of their names.
    pub(crate) fn keys(path: &Path) -> Result<Vec<String>, DataError> {
        /// Lines that are looked at: a line may lack a key whose value is missing.
        const LINES: usize = 1_000;
        let mut text = Text::open(path, true)?;
        let mut keys = std::collections::BTreeSet::new();
        let mut line = Vec::new();
        let mut first_error = None;
        for number in 1..=LINES {
            line.clear();
            if text.read_until(b'\n', &mut line).map_err(DataError::io("read", path))? == 0 {
                break;
            }
            match serde_json::from_slice::<Map<String, Value>>(&line) {
                Ok(object) => keys.extend(object.into_iter().map(|(key, _)| key)),
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(error) if number == 1 && line.trim_ascii_start().starts_with(b"[") => {
                    return Err(DataError::Format {
                        path: path.to_owned(),
                        reason: format!("it is one list, not one JSON object a line ({error})"),
                        hint: "`jq -c '.[]' FILE.json > FILE.jsonl` writes one a line".to_owned(),
                    });
                }
                Err(error) => first_error = first_error.or(Some((number, error))),
            }
        }
        match first_error {
            Some((number, error)) if keys.is_empty() => Err(DataError::Format {
                path: path.to_owned(),
                reason: format!("line {number} is no JSON object ({error})"),
                hint: "one object a line, e.g. `{\"user\": 1, \"item\": 2}`".to_owned(),
            }),
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
            row.push(&texts.join(separator));
        }
        Some(other) => row.push(&other.to_string()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Records for JsonLines {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        loop {
            self.buffer.clear();
            let n = self.text.read_until(b'\n', &mut self.buffer).map_err(DataError::io("read", &self.path))?;
            if n == 0 {
                return Ok(false);
            }
            self.line += 1;
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            row.begin(self.line);
            match serde_json::from_slice::<Map<String, Value>>(&self.buffer) {
                Ok(object) => {
                    for key in &self.wanted {
                        push(row, object.get(key), &self.list_separator);
                    }
                }
                Err(error) => row.fail(format!("it is no JSON object ({error})")),
            }
            return Ok(true);
        }
    }

    fn position(&self) -> u64 {
        self.text.position()
    }
}
