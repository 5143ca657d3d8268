//! Writes the rows of a part to disk and reads them back, some at a time.
//!
//! Does not know which rows are in a part.
//!
//! **Invariant**: what is written is read back equal, whole or by row groups; the bytes of a file depend on its rows
//! alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reco_core::{
    Catalogue, FitError, GROUP_ROWS, Interaction, Interactions, InteractionsBuilder, Progress, RowGroups, Target,
};
use reco_data::table::{Column, Table, TableGroups, TableReader, TableWriter};

use crate::FeaturesError;
use crate::store::Reader;

const CONTEXT: &str = "context:";
const SOURCE_ROW: &str = "source_row";

/// Writes one part, a row group of [`GROUP_ROWS`] rows at a time. Columns: `user` and `item` (rows of the catalogue),
/// `rating` (stars, missing for an event), `target`, `timestamp` (UTC seconds), `source_row`, and `context:…` for each
/// context.
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
        let writer = writer.with_groups_of(GROUP_ROWS);
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
        if users.len() == GROUP_ROWS { self.write() } else { Ok(()) }
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
        table.push(SOURCE_ROW, Column::I64(rows.source_rows))?;
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
    check(path, table.like(), (table.n_rows(), n), catalogue)?;
    let mut builder = Interactions::builder(catalogue.contexts.len()).with_room(n);
    table.each(|chunk| append(path, chunk, catalogue, &mut builder, lines.as_deref_mut()))?;
    Ok(builder.finish())
}

/// Refuses a part of `found` rows where `n` are expected, and one whose contexts are not those of `catalogue`.
fn check(path: &Path, like: &Table, (found, n): (usize, usize), catalogue: &Catalogue) -> Result<(), FeaturesError> {
    let reader = Reader { path, table: Cow::Borrowed(like) };
    reader.check_n_rows(found, n)?;
    let (names, _) = reader.prefixed(CONTEXT)?;
    match names.iter().map(String::as_str).eq(catalogue.context_names()) {
        true => Ok(()),
        false => Err(reader.damaged("its contexts are not those of `catalogue.json`")),
    }
}

/// Adds the rows of `chunk` to `rows`, and to `lines` where each stands in the raw file.
fn append(
    path: &Path,
    chunk: &Table,
    catalogue: &Catalogue,
    rows: &mut InteractionsBuilder,
    mut lines: Option<&mut Vec<u64>>,
) -> Result<(), FeaturesError> {
    let reader = Reader { path, table: Cow::Borrowed(chunk) };
    let (users, items) = (reader.column("user", Table::row_numbers)?, reader.column("item", Table::row_numbers)?);
    let (ratings, targets) = (reader.column("rating", Table::numbers)?, reader.column("target", Table::numbers)?);
    let timestamps = reader.column("timestamp", Table::integers)?;
    let (names, contexts) = reader.prefixed(CONTEXT)?;
    let mut context = vec![0.0; names.len()];
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
        rows.push(Interaction {
            user: reader.at("user", users[row], &catalogue.users)?,
            item: reader.at("item", items[row], &catalogue.items)?,
            rating,
            target,
            timestamp: timestamps[row],
            context: &context,
        });
    }
    if let Some(lines) = &mut lines {
        for line in reader.column(SOURCE_ROW, Table::integers)? {
            let line = line.and_then(|line| u64::try_from(line).ok());
            lines.push(line.ok_or_else(|| reader.missing(SOURCE_ROW))?);
        }
    }
    Ok(())
}

/// A part on the disk, any row group of which can be read. Only the footer of its file is held.
pub struct StoredPart {
    path: PathBuf,
    table: TableGroups,
    catalogue: Arc<Catalogue>,
}

impl StoredPart {
    /// Opens a part of `n` rows.
    ///
    /// # Errors
    /// A file that is missing, damaged, or does not fit `catalogue` and `n`.
    pub(crate) fn open(path: &Path, catalogue: &Arc<Catalogue>, n: usize) -> Result<Self, FeaturesError> {
        let table = TableGroups::open(path, |name| name != SOURCE_ROW)?;
        let part = Self { path: path.to_owned(), table, catalogue: Arc::clone(catalogue) };
        check(path, part.table.like(), (part.len(), n), catalogue)?;
        Ok(part)
    }

    fn rows(&self, group: usize) -> Result<Interactions, FeaturesError> {
        let table = self.table.read(group)?;
        let mut rows = Interactions::builder(self.catalogue.contexts.len()).with_room(table.n_rows());
        append(&self.path, &table, &self.catalogue, &mut rows, None)?;
        Ok(rows.finish())
    }
}

impl RowGroups for StoredPart {
    fn n_groups(&self) -> usize {
        self.table.n_groups()
    }

    fn n_rows(&self, group: usize) -> usize {
        self.table.n_rows(group)
    }

    fn read(&self, group: usize) -> Result<Interactions, FitError> {
        self.rows(group).map_err(|error| FitError::Other(Box::new(error)))
    }

    /// On all cores.
    fn collect(&self) -> Result<Interactions, FitError> {
        let rows = read_part(&self.path, &self.catalogue, self.len(), None);
        rows.map_err(|error| FitError::Other(Box::new(error)))
    }
}
