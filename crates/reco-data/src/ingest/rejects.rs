//! Writes refused rows to `rejects.parquet`, and fails where they are too many.
//!
//! Does not know why a row is bad.
//!
//! **Invariant**: every refused row is in the file, in the order in which it was met; memory does not grow with their
//! number.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::table::{Column, Table, TableWriter};

/// The file's name.
pub(super) const REJECTS: &str = "rejects.parquet";
/// How many rows an error shows.
const N_SHOWN: usize = 10;
/// Rows that are kept in memory before they are written.
const CHUNK: usize = 1 << 14;

/// A row that was refused.
#[derive(Clone)]
struct Reject {
    /// The file's name.
    file: String,
    /// The line in it, from 1.
    line: u64,
    /// What is wrong with it.
    reason: String,
}

/// Records refused rows.
pub(super) struct RejectLog {
    writer: TableWriter,
    pending: Vec<Reject>,
    max_share: f64,
    n_total: u64,
    file: PathBuf,
    first: Vec<Reject>,
    n_of_file: u64,
    /// Lines that bad rows of the file take beyond their first: each may have been a row.
    n_feeds: u64,
    said: Vec<String>,
}

fn table(rejects: Vec<Reject>) -> Result<Table, DataError> {
    let (mut files, mut lines, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for reject in rejects {
        files.push(Some(reject.file));
        lines.push(Some(reject.line as i64));
        reasons.push(Some(reject.reason));
    }
    let mut table = Table::new();
    table.push("file", Column::Text(files))?;
    table.push("line", Column::I64(lines))?;
    table.push("reason", Column::Text(reasons))?;
    Ok(table)
}

impl RejectLog {
    /// Starts the file in `dir`; `max_share` of a raw file's rows may be bad.
    pub(super) fn create(dir: &Path, max_share: f64) -> Result<Self, DataError> {
        Ok(Self {
            writer: TableWriter::create(&dir.join(REJECTS), &table(Vec::new())?)?,
            pending: Vec::new(),
            max_share,
            n_total: 0,
            file: PathBuf::new(),
            first: Vec::new(),
            n_of_file: 0,
            n_feeds: 0,
            said: Vec::new(),
        })
    }

    /// From here on, rows are of `file`.
    pub(super) fn begin(&mut self, file: &Path) {
        self.file = file.to_owned();
        self.first.clear();
        (self.n_of_file, self.n_feeds) = (0, 0);
    }

    /// From here on, rows are of `file`, and any number of them may be bad: whoever sends them must not be able to keep
    /// the rest from being read.
    pub(super) fn begin_any(&mut self, file: &Path) {
        self.begin(file);
        self.max_share = 1.0;
    }

    /// Records a refused row that has `n_feeds` line feeds within it.
    pub(super) fn push(&mut self, line: u64, n_feeds: u64, reason: String) -> Result<(), DataError> {
        let file = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let reject = Reject { file, line, reason };
        if self.first.len() < N_SHOWN {
            self.first.push(reject.clone());
        }
        self.n_of_file += 1;
        self.n_feeds += n_feeds;
        self.n_total += 1;
        self.pending.push(reject);
        if self.pending.len() == CHUNK {
            self.writer.write(&table(std::mem::take(&mut self.pending))?)?;
        }
        Ok(())
    }

    /// Ends a raw file of `n_rows` rows.
    ///
    /// # Errors
    /// If too many of them were bad.
    pub(super) fn end(&mut self, n_rows: u64) -> Result<(), DataError> {
        let (n_rejected, n_rows) = (self.n_of_file + self.n_feeds, n_rows + self.n_feeds);
        if n_rejected as f64 > self.max_share * n_rows as f64 {
            let shown = |Reject { file, line, reason }: &Reject| format!("  {file} line {line}: {reason}");
            return Err(DataError::TooManyRejects {
                path: self.file.clone(),
                n_rejected,
                n_rows,
                max_share: self.max_share,
                first: self.first.iter().map(shown).collect::<Vec<_>>().join("\n"),
            });
        }
        if n_rejected > 0 {
            let file = self.file.file_name().unwrap_or_default().to_string_lossy();
            let first = self.first.first().map(|Reject { line, reason, .. }| format!("; line {line}: {reason}"));
            self.said.push(format!(
                "{n_rejected} of {n_rows} rows of `{file}` are bad: `tables/rejects.parquet` has them{}",
                first.unwrap_or_default()
            ));
        }
        Ok(())
    }

    /// A summary of bad rows in words: one line for each file that has some.
    pub(super) fn said(&self) -> &[String] {
        &self.said
    }

    /// How many rows were refused, of all files.
    pub(super) fn n_total(&self) -> u64 {
        self.n_total
    }

    /// Ends the file.
    pub(super) fn finish(mut self, metadata: &BTreeMap<String, String>) -> Result<(), DataError> {
        self.writer.write(&table(self.pending)?)?;
        self.writer.finish(metadata)
    }
}
