//! Writes the rows of a part to disk and reads them back, some at a time.
//!
//! Does not know which rows are in a part.
//!
//! **Invariant**: what is written is read back equal; the bytes of a file depend on its rows alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use reco_core::{Catalogue, Interaction, Interactions, Progress, Target};
use reco_data::table::{Column, ROW_GROUP, Table, TableReader, TableWriter};

use crate::FeaturesError;
use crate::store::Reader;

const CONTEXT: &str = "context:";

/// Writes one part, a row group at a time. Columns: `user` and `item` (rows of the catalogue), `rating` (stars, missing
/// for an event), `target`, `timestamp` (UTC seconds), `source_row`, and `context:…` for each context.
pub(crate) struct PartWriter<'a> {
    writer: TableWriter,
    name: &'static str,
    contexts: Vec<String>,
    rows: Rows,
    progress: &'a dyn Progress,
}

/// The rows that are not written yet.
#[derive(Default)]
struct Rows {
    users: Vec<u32>,
    items: Vec<u32>,
    ratings: Vec<Option<f32>>,
    targets: Vec<Option<f32>>,
    timestamps: Vec<Option<i64>>,
    source_rows: Vec<Option<i64>>,
    contexts: Vec<Vec<Option<f32>>>,
}

impl<'a> PartWriter<'a> {
    /// Starts the file `<name>.parquet` in `dir`.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(crate) fn create(
        dir: &Path,
        name: &'static str,
        catalogue: &Catalogue,
        progress: &'a dyn Progress,
    ) -> Result<Self, FeaturesError> {
        let contexts: Vec<String> = catalogue.context_names().map(|name| format!("{CONTEXT}{name}")).collect();
        let mut rows = Rows { contexts: vec![Vec::new(); contexts.len()], ..Rows::default() };
        let writer = TableWriter::create(&dir.join(format!("{name}.parquet")), &rows.take(&contexts)?)?;
        Ok(Self { writer, name, contexts, rows, progress })
    }

    /// Adds a row, and where it stands in the raw file.
    ///
    /// # Errors
    /// If the file can't be written; an interruption.
    pub(crate) fn push(&mut self, row: Interaction<'_>, source_row: u64) -> Result<(), FeaturesError> {
        let Rows { users, items, ratings, targets, timestamps, source_rows, contexts } = &mut self.rows;
        users.push(row.user.get());
        items.push(row.item.get());
        ratings.push(row.rating.map(|rating| rating.stars()));
        targets.push(Some(row.target.get()));
        timestamps.push(row.timestamp);
        // A file has fewer lines than 2^63.
        source_rows.push(Some(source_row as i64));
        contexts.iter_mut().zip(row.context).for_each(|(column, number)| column.push(Some(*number)));
        if users.len() == ROW_GROUP { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), FeaturesError> {
        if self.progress.interrupted() {
            return Err(FeaturesError::Interrupted);
        }
        let table = self.rows.take(&self.contexts)?;
        self.writer.write(&table)?;
        self.progress.advance(table.n_rows());
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`PartWriter::push`].
    pub(crate) fn finish(mut self) -> Result<(), FeaturesError> {
        self.write()?;
        Ok(self.writer.finish(&BTreeMap::from([("table".to_owned(), self.name.to_owned())]))?)
    }
}

impl Rows {
    /// All rows as a table whose contexts are called `contexts`; none are left.
    fn take(&mut self, contexts: &[String]) -> Result<Table, FeaturesError> {
        let none = Self { contexts: vec![Vec::new(); contexts.len()], ..Self::default() };
        let rows = std::mem::replace(self, none);
        let mut table = Table::new();
        table.push("user", Column::U32(rows.users))?;
        table.push("item", Column::U32(rows.items))?;
        table.push("rating", Column::F32(rows.ratings))?;
        table.push("target", Column::F32(rows.targets))?;
        table.push("timestamp", Column::I64(rows.timestamps))?;
        table.push("source_row", Column::I64(rows.source_rows))?;
        for (name, numbers) in contexts.iter().zip(rows.contexts) {
            table.push(name, Column::F32(numbers))?;
        }
        Ok(table)
    }
}

/// Reads a part of `n` rows; where each stands in the raw file is added to `lines`, if they are wanted.
///
/// # Errors
/// A file that is missing, damaged, or does not fit `catalogue` and `n`.
pub(crate) fn read_part(
    path: &Path,
    catalogue: &Catalogue,
    n: usize,
    mut lines: Option<&mut Vec<u64>>,
) -> Result<Interactions, FeaturesError> {
    let table = TableReader::open(path)?;
    let reader = Reader { path, table: Cow::Borrowed(table.like()) };
    reader.check_n_rows(table.n_rows(), n)?;
    let (names, _) = reader.prefixed(CONTEXT)?;
    if !names.iter().map(String::as_str).eq(catalogue.context_names()) {
        return Err(reader.damaged("its contexts are not those of `catalogue.json`"));
    }
    let mut builder = Interactions::builder(names.len()).with_room(n);
    let mut context = vec![0.0; names.len()];
    table.each(|chunk| -> Result<(), FeaturesError> {
        let reader = Reader { path, table: Cow::Borrowed(chunk) };
        let (users, items) = (reader.column("user", Table::row_numbers)?, reader.column("item", Table::row_numbers)?);
        let (ratings, targets) = (reader.column("rating", Table::numbers)?, reader.column("target", Table::numbers)?);
        let (timestamps, source_rows) =
            (reader.column("timestamp", Table::integers)?, reader.column("source_row", Table::integers)?);
        let (_, contexts) = reader.prefixed(CONTEXT)?;
        for row in 0..chunk.n_rows() {
            let rating = ratings[row]
                .map(|stars| catalogue.scale.rating(stars))
                .transpose()
                .map_err(|error| reader.damaged(error.to_string()))?;
            let target = targets[row].ok_or_else(|| reader.missing("target"))?;
            let target = Target::new(target).ok_or_else(|| reader.damaged("a `target` that is not finite"))?;
            for ((to, column), name) in context.iter_mut().zip(&contexts).zip(&names) {
                *to = column[row].ok_or_else(|| reader.missing(&format!("{CONTEXT}{name}")))?;
            }
            let line = source_rows[row].and_then(|row| u64::try_from(row).ok());
            let line = line.ok_or_else(|| reader.missing("source_row"))?;
            if let Some(lines) = &mut lines {
                lines.push(line);
            }
            builder.push(Interaction {
                user: reader.at("user", users[row], &catalogue.users)?,
                item: reader.at("item", items[row], &catalogue.items)?,
                rating,
                target,
                timestamp: timestamps[row],
                context: &context,
            });
        }
        Ok(())
    })?;
    Ok(builder.finish())
}
