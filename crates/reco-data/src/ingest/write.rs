//! Writes checked rows to `ratings.parquet`.
//!
//! Does not know which rows were dropped.
//!
//! **Invariant**: rows are written in the order in which they are pushed; encoding runs beside reading, and at most a
//! few chunks wait between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use reco_core::RawId;

use super::check::{self, Checks};
use crate::DataError;
use crate::records::Row;
use crate::table::{Column, Table, TableWriter};
use crate::tables::RATING_COLUMNS;

/// Rows of one chunk.
pub(super) const CHUNK: usize = 1 << 16;

/// A file of ratings that is to be written.
pub(super) struct Ratings {
    pub(super) path: PathBuf,
    /// Whether the ids of users, and those of items, are integers.
    pub(super) are_integers: [bool; 2],
    /// Names of contexts, and whether their values are numbers.
    pub(super) contexts: Vec<(String, bool)>,
}

/// Receives the rows.
pub(super) struct Sink<'a> {
    ratings: &'a Ratings,
    columns: Vec<Column>,
    chunks: SyncSender<Table>,
}

impl Ratings {
    /// The file without any rows.
    pub(super) fn create(&self) -> Result<TableWriter, DataError> {
        TableWriter::create(&self.path, &self.table(self.columns())?)
    }

    /// Writes the rows that `produce` pushes.
    pub(super) fn write(
        &self,
        metadata: &BTreeMap<String, String>,
        produce: impl FnOnce(&mut Sink<'_>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut writer = self.create()?;
        std::thread::scope(|scope| {
            let (chunks, received) = sync_channel(2);
            let writing = scope.spawn(move || {
                for chunk in received {
                    writer.write(&chunk)?;
                }
                writer.finish(metadata)
            });
            let mut sink = Sink { ratings: self, columns: self.columns(), chunks };
            let produced = produce(&mut sink).and_then(|()| sink.send());
            drop(sink);
            let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // If the writer failed, its error is the reason why the sink could not send.
            written.and(produced)
        })
    }

    fn columns(&self) -> Vec<Column> {
        let id = |are_integers| match are_integers {
            true => Column::I64(Vec::with_capacity(CHUNK)),
            false => Column::Text(Vec::with_capacity(CHUNK)),
        };
        let mut columns = vec![
            id(self.are_integers[0]),
            id(self.are_integers[1]),
            Column::F32(Vec::with_capacity(CHUNK)),
            Column::I64(Vec::with_capacity(CHUNK)),
            Column::I64(Vec::with_capacity(CHUNK)),
        ];
        columns.extend(self.contexts.iter().map(|(_, is_number)| match is_number {
            true => Column::F64(Vec::new()),
            false => Column::Text(Vec::new()),
        }));
        columns
    }

    fn table(&self, columns: Vec<Column>) -> Result<Table, DataError> {
        let names = RATING_COLUMNS.into_iter().chain(self.contexts.iter().map(|(name, _)| name.as_str()));
        let mut table = Table::new();
        for (name, column) in names.zip(columns) {
            table.push(name, column)?;
        }
        Ok(table)
    }
}

impl Sink<'_> {
    /// Adds a row that passed `checks`.
    pub(super) fn push(&mut self, number: u64, row: &Row, checks: &Checks) -> Result<(), DataError> {
        let mut field = check::EXTRA;
        for (i, column) in self.columns.iter_mut().enumerate() {
            match (i, column) {
                (0, column) => push_id(column, row.get(check::USER)),
                (1, column) => push_id(column, row.get(check::ITEM)),
                (2, Column::F32(values)) => values.push(checks.rating(row.get(check::RATING)).ok().flatten()),
                (3, Column::I64(values)) => {
                    values.push(checks.times.seconds(row.get(check::TIMESTAMP)).ok().flatten());
                }
                (4, Column::I64(values)) => values.push(Some(number as i64)),
                (_, column) => {
                    let text = Some(row.get(field)).filter(|text| !text.is_empty());
                    match column {
                        Column::F64(values) => values.push(text.and_then(|text| checks.context(text))),
                        Column::Text(values) => values.push(text.map(str::to_owned)),
                        _ => {}
                    }
                    field += 1;
                }
            }
        }
        if self.columns[0].len() == CHUNK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), DataError> {
        let columns = std::mem::replace(&mut self.columns, self.ratings.columns());
        // A failed send means that the writer has given up; its own error is the one to show.
        self.chunks.send(self.ratings.table(columns)?).map_err(|_| DataError::Io {
            action: "write",
            path: self.ratings.path.clone(),
            source: std::io::ErrorKind::BrokenPipe.into(),
        })
    }
}

fn push_id(column: &mut Column, text: &str) {
    match column {
        Column::I64(values) => values.push(match RawId::parse(text) {
            RawId::Integer(number) => Some(number),
            RawId::Text(_) => None,
        }),
        Column::Text(values) => values.push(Some(text.to_owned())),
        _ => {}
    }
}
