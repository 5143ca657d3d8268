//! Reads rows of text files with `::` between fields, as in MovieLens 1M and 10M.
//!
//! Does not know which fields matter, only where they stand.
//!
//! **Invariant**: a line with too few or too many fields is one bad row. Bytes that are not UTF-8 are read as Latin-1,
//! the encoding of MovieLens 1M; 10M is in UTF-8, and a Latin-1 title that happens to be valid UTF-8 occurs in neither.

use std::path::Path;

use super::text::Lines;
use super::{Bytes, Records, Row};
use crate::DataError;

/// A reader of one file.
pub(crate) struct DoubleColon {
    lines: Lines,
    n_fields: usize,
}

impl DoubleColon {
    /// Opens a file whose lines have `n_fields` fields, all of them wanted.
    pub(crate) fn open(path: &Path, n_fields: usize) -> Result<Self, DataError> {
        Ok(Self { lines: Lines::open(path, false)?, n_fields })
    }
}

impl Records for DoubleColon {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        let Some((number, line)) = self.lines.next()? else { return Ok(false) };
        row.begin(number);
        let mut rest = Some(line.trim_ascii_end());
        while let Some(text) = rest {
            let end = text.windows(2).position(|pair| pair == b"::");
            let field = &text[..end.unwrap_or(text.len())];
            row.push(&Bytes::Latin1.text(field).unwrap_or_default());
            rest = end.map(|end| &text[end + 2..]);
        }
        if row.len() != self.n_fields {
            row.fail(format!("it has `{}` fields, not `{}`", row.len(), self.n_fields));
        }
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.lines.position()
    }
}
