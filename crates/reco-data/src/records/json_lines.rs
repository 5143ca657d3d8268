//! Rows of files with one JSON object a line.
//!
//! Does not know which keys matter, only their names.
//!
//! **Invariant**: a line that is no JSON object is one bad row; a key that a line lacks is an empty field.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Records, Row, check_beginning, places};
use crate::DataError;

/// A reader of one file.
pub(crate) struct JsonLines {
    path: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    wanted: Vec<String>,
    list_separator: String,
    line: u64,
    position: u64,
}

impl JsonLines {
    /// Opens a file and wants some of its keys, all of which the first line must have. A list becomes one field, with
    /// `list_separator` between its values.
    pub(crate) fn open(path: &Path, wanted: &[String], list_separator: &str) -> Result<Self, DataError> {
        let mut reader = open(path)?;
        let mut first = Vec::new();
        reader.read_until(b'\n', &mut first).map_err(DataError::io("read", path))?;
        places(path, &keys(path, &first)?, wanted)?;
        Ok(Self {
            path: path.to_owned(),
            reader: open(path)?,
            buffer: Vec::new(),
            wanted: wanted.to_vec(),
            list_separator: list_separator.to_owned(),
            line: 0,
            position: 0,
        })
    }
}

fn open(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    check_beginning(path, reader.fill_buf().map_err(DataError::io("read", path))?)?;
    Ok(reader)
}

fn keys(path: &Path, line: &[u8]) -> Result<Vec<String>, DataError> {
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|error| DataError::Format {
        path: path.to_owned(),
        reason: format!("its first line is no JSON object ({error})"),
        hint: "one object a line, e.g. `{\"user\": 1, \"item\": 2}`".to_owned(),
    })?;
    Ok(object.keys().cloned().collect())
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
            let n = self.reader.read_until(b'\n', &mut self.buffer).map_err(DataError::io("read", &self.path))?;
            if n == 0 {
                return Ok(false);
            }
            self.line += 1;
            self.position += n as u64;
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
        self.position
    }
}
