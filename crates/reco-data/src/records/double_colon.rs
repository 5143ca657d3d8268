//! Reads rows of text files with `::` between fields, as in MovieLens 1M and 10M.
//!
//! Does not know which fields matter, only where they stand.
//!
//! **Invariant**: a line with too few or too many fields is one bad row. Bytes that are not UTF-8 are read as Latin-1,
//! the encoding of MovieLens 1M; 10M is in UTF-8, and a Latin-1 title that happens to be valid UTF-8 occurs in neither.

use std::path::{Path, PathBuf};

use super::splitter::{LONGEST, Unread};
use super::text::read_line;
use super::{Records, Row, Text};
use crate::DataError;

/// A reader of one file.
pub(crate) struct DoubleColon {
    path: PathBuf,
    text: Text,
    buffer: Vec<u8>,
    n_fields: usize,
    line: u64,
}

impl DoubleColon {
    /// Opens a file whose lines have `n_fields` fields, all of them wanted.
    pub(crate) fn open(path: &Path, n_fields: usize) -> Result<Self, DataError> {
        let text = Text::open(path, false)?;
        Ok(Self { path: path.to_owned(), text, buffer: Vec::new(), n_fields, line: 0 })
    }
}

impl Records for DoubleColon {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        loop {
            let n = read_line(&mut self.text, &mut self.buffer, LONGEST);
            self.line += 1;
            match n.map_err(DataError::io("read", &self.path))? {
                0 => return Ok(false),
                n if n > LONGEST => return Err(Unread::Long(self.line).of(&self.path)),
                _ => {}
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            row.begin(self.line);
            let mut n_fields = 0;
            let mut rest = self.buffer.trim_ascii_end();
            loop {
                let end = rest.windows(2).position(|pair| pair == b"::");
                let field = &rest[..end.unwrap_or(rest.len())];
                match std::str::from_utf8(field) {
                    Ok(text) => row.push(text),
                    Err(_) => row.push_latin1(field),
                }
                n_fields += 1;
                match end {
                    Some(end) => rest = &rest[end + 2..],
                    None => break,
                }
            }
            if n_fields != self.n_fields {
                row.fail(format!("it has `{n_fields}` fields, not `{}`", self.n_fields));
            }
            return Ok(true);
        }
    }

    fn position(&self) -> u64 {
        self.text.position()
    }
}
