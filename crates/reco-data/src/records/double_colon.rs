//! Rows of text files with `::` between fields, as MovieLens 1M and 10M are.
//!
//! Does not know which fields matter, only where they stand.
//!
//! **Invariant**: a line with too few or too many fields is one bad row. Bytes that are no UTF-8 are Latin-1: MovieLens 1M
//! is in that, 10M in UTF-8, and a Latin-1 title that happens to be valid UTF-8 does not occur in either.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{Records, Row, check_beginning};
use crate::DataError;

/// A reader of one file.
pub(crate) struct DoubleColon {
    path: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    n_fields: usize,
    line: u64,
    position: u64,
}

impl DoubleColon {
    /// Opens a file whose lines have `n_fields` fields, all of them wanted.
    pub(crate) fn open(path: &Path, n_fields: usize) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        check_beginning(path, reader.fill_buf().map_err(DataError::io("read", path))?)?;
        Ok(Self { path: path.to_owned(), reader, buffer: Vec::new(), n_fields, line: 0, position: 0 })
    }
}

impl Records for DoubleColon {
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
        self.position
    }
}
