//! Reads the Parquet files that an SQL engine left, chunk by chunk.
//!
//! Does not know who wrote it: an engine's Parquet is read as our own, by its Parquet schema alone.
//!
//! **Invariant**: every row comes once; rows of a file come in its order; every chunk has the columns of the first.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Column, Table, convert};
use crate::DataError;
use crate::border::guarded;

/// Rows of one chunk.
const CHUNK: usize = 1 << 16;
/// Rows of one chunk of sorted rows: those of a row group of ours, so that a table which is written from them has the
/// bytes of one that is written at once.
const SORTED_CHUNK: usize = super::stream::ROW_GROUP;

/// The chunks of a Parquet file, or of a folder of Parquet files, as engines write them: of one file after another, by
/// their names.
pub struct TableChunks {
    /// Files that are still to be read, the last first.
    files: Vec<PathBuf>,
    /// The columns of the table, without rows.
    columns: Vec<(String, Column)>,
    n_rows: usize,
    open: Option<(PathBuf, ParquetRecordBatchReader)>,
}

impl TableChunks {
    /// Opens a file, or the files that end in `.parquet` of a folder.
    ///
    /// # Errors
    /// Nothing there; a file that is no Parquet, or holds a kind of column that a [`Column`] cannot be.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let mut files = files(path)?;
        files.reverse();
        Self::of(files, CHUNK)
    }

    /// Opens `files`, the last first, to be read in chunks of `n_rows`.
    fn of(files: Vec<PathBuf>, n_rows: usize) -> Result<Self, DataError> {
        let mut chunks = Self { files, columns: Vec::new(), n_rows, open: None };
        chunks.next_file()?;
        Ok(chunks)
    }

    /// The table's columns, without rows.
    pub fn empty(&self) -> Table {
        Table { columns: self.columns.clone(), ..Table::default() }
    }

    /// Opens the next file; whether there is one.
    fn next_file(&mut self) -> Result<bool, DataError> {
        self.open = None;
        let Some(path) = self.files.pop() else { return Ok(false) };
        let file = File::open(&path).map_err(DataError::io("read", &path))?;
        // Without the embedded Arrow schema, texts are plain texts, whatever an engine calls them in memory.
        let n_rows = self.n_rows;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let reader = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
            builder.with_batch_size(n_rows).build()
        });
        let reader = reader.map_err(DataError::parquet(&path))?.map_err(DataError::parquet(&path))?;
        let columns = convert::empty(&arrow::array::RecordBatchReader::schema(&reader));
        let columns = columns.map_err(DataError::parquet(&path))?;
        if self.columns.is_empty() {
            self.columns = columns;
        } else if self.columns != columns {
            return Err(DataError::parquet(&path)("its columns are not those of the file before".to_owned()));
        }
        self.open = Some((path, reader));
        Ok(true)
    }

    fn chunk(&mut self) -> Result<Option<Table>, DataError> {
        while let Some((path, reader)) = &mut self.open {
            let batch = guarded(|| reader.next()).map_err(DataError::parquet(path))?;
            let Some(batch) = batch else {
                self.next_file()?;
                continue;
            };
            let batch = batch.map_err(DataError::parquet(path))?;
            let mut table = Table { columns: self.columns.clone(), ..Table::default() };
            for ((_, column), array) in table.columns.iter_mut().zip(batch.columns()) {
                convert::append(column, array.as_ref()).map_err(DataError::parquet(path))?;
            }
            return Ok(Some(table));
        }
        Ok(None)
    }
}

impl Iterator for TableChunks {
    type Item = Result<Table, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunk().transpose();
        if matches!(chunk, Some(Err(_))) {
            (self.open, self.files) = (None, Vec::new());
        }
        chunk
    }
}

/// The file at `path`, or those of a folder that end in `.parquet`, by their names.
///
/// # Errors
/// A folder that cannot be read, or has no such file.
fn files(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(DataError::io("read", path))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(DataError::io("read", path))?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "parquet"));
    files.sort_unstable();
    match files.is_empty() {
        true => Err(DataError::Parquet { path: path.to_owned(), reason: "it holds no Parquet file".to_owned() }),
        false => Ok(files),
    }
}

/// The chunks of a table that an engine has sorted by columns of integers. It may have left it in several files, each
/// of them sorted: they are merged.
pub struct SortedChunks {
    keys: Vec<String>,
    /// The columns of the table, without rows.
    columns: Vec<(String, Column)>,
    /// The files that have rows left.
    heads: Vec<Head>,
}

/// A file whose rows are being merged.
struct Head {
    chunks: TableChunks,
    table: Table,
    at: usize,
}

/// What rows are sorted by.
type Key = [Option<i64>; 2];

impl SortedChunks {
    /// Opens a file, or the files that end in `.parquet` of a folder, sorted by the columns `keys`, one or two.
    ///
    /// # Errors
    /// As [`TableChunks::open`]; files with different columns.
    pub fn open(path: &Path, keys: &[&str]) -> Result<Self, DataError> {
        let files = files(path)?;
        // One chunk of each is in memory.
        let n_rows = (SORTED_CHUNK / files.len()).max(1 << 10);
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let mut sorted = Self { keys, columns: Vec::new(), heads: Vec::new() };
        for file in files {
            let head = Head { chunks: TableChunks::of(vec![file.clone()], n_rows)?, table: Table::new(), at: 0 };
            if sorted.columns.is_empty() {
                sorted.columns.clone_from(&head.chunks.columns);
            } else if sorted.columns != head.chunks.columns {
                return Err(DataError::parquet(&file)("its columns are not those of the file before".to_owned()));
            }
            sorted.heads.extend(head.filled()?);
        }
        Ok(sorted)
    }

    /// The place of the lowest row among `heads`, leaving out `but`, and its key.
    fn lowest(&self, but: Option<usize>) -> Result<Option<(Key, usize)>, DataError> {
        let mut lowest = None;
        for (place, head) in self.heads.iter().enumerate().filter(|(place, _)| Some(*place) != but) {
            let key = (head.key(&self.keys, head.at)?, place);
            lowest = Some(lowest.map_or(key, |lowest: (Key, usize)| lowest.min(key)));
        }
        Ok(lowest)
    }

    fn chunk(&mut self) -> Result<Option<Table>, DataError> {
        let mut chunk = Table { columns: self.columns.clone(), ..Table::default() };
        while chunk.n_rows() < SORTED_CHUNK {
            let Some((_, place)) = self.lowest(None)? else { break };
            let next = self.lowest(Some(place))?.map(|(key, _)| key);
            let mut head = self.heads.swap_remove(place);
            if next.is_none() && head.at == 0 && head.table.n_rows() == SORTED_CHUNK && chunk.n_rows() == 0 {
                std::mem::swap(&mut chunk, &mut head.table);
                self.heads.extend(head.filled()?);
                break;
            }
            let most = head.table.n_rows().min(head.at + SORTED_CHUNK - chunk.n_rows());
            let mut end = head.at + 1;
            while end < most && next.map_or(Ok(true), |next| head.key(&self.keys, end).map(|key| key <= next))? {
                end += 1;
            }
            for ((_, into), (_, from)) in chunk.columns.iter_mut().zip(&head.table.columns) {
                extend(into, from, head.at..end);
            }
            head.at = end;
            self.heads.extend(head.filled()?);
        }
        Ok((chunk.n_rows() > 0).then_some(chunk))
    }
}

impl Head {
    /// The head with a row to be merged; none where the file has no more.
    fn filled(mut self) -> Result<Option<Self>, DataError> {
        while self.at >= self.table.n_rows() {
            match self.chunks.next().transpose()? {
                Some(table) => (self.table, self.at) = (table, 0),
                None => return Ok(None),
            }
        }
        Ok(Some(self))
    }

    fn key(&self, keys: &[String], at: usize) -> Result<Key, DataError> {
        let mut key = [None; 2];
        for (part, name) in key.iter_mut().zip(keys) {
            *part = self.table.integers(name)?[at];
        }
        Ok(key)
    }
}

impl Iterator for SortedChunks {
    type Item = Result<Table, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunk().transpose();
        if matches!(chunk, Some(Err(_))) {
            self.heads.clear();
        }
        chunk
    }
}

/// Adds the rows `range` of a column of the same kind.
fn extend(into: &mut Column, from: &Column, range: std::ops::Range<usize>) {
    match (into, from) {
        (Column::I64(into), Column::I64(from)) => into.extend_from_slice(&from[range]),
        (Column::U32(into), Column::U32(from)) => into.extend_from_slice(&from[range]),
        (Column::F32(into), Column::F32(from)) => into.extend_from_slice(&from[range]),
        (Column::F64(into), Column::F64(from)) => into.extend_from_slice(&from[range]),
        (Column::Text(into), Column::Text(from)) => into.extend_from_slice(&from[range]),
        (Column::TextList(into), Column::TextList(from)) => into.extend_from_slice(&from[range]),
        (Column::OptionalTextList(into), Column::OptionalTextList(from)) => into.extend_from_slice(&from[range]),
        (Column::NumberList(into), Column::NumberList(from)) => into.extend_from_slice(&from[range]),
        // Both were made by the schema of files with the same columns.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(numbers: std::ops::Range<i64>) -> Table {
        let mut table = Table::new();
        table.push("n", Column::I64(numbers.clone().map(Some).collect())).unwrap();
        table.push("t", Column::Text(numbers.map(|n| (n % 2 == 0).then(|| n.to_string())).collect())).unwrap();
        table
    }

    fn rows(path: &Path) -> Result<Vec<Option<i64>>, DataError> {
        let chunks = TableChunks::open(path)?.collect::<Result<Vec<_>, _>>()?;
        Ok(chunks.iter().flat_map(|chunk| chunk.integers("n").unwrap().to_vec()).collect())
    }

    #[test]
    fn a_file_and_a_folder_of_files_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let n = CHUNK as i64 + 5;
        let at = |name: &str| folder.path().join(name);
        table(0..n).write(&at("part-0.parquet")).unwrap();
        table(n..n + 3).write(&at("part-1.parquet")).unwrap();
        std::fs::write(at("_SUCCESS"), "").unwrap();
        assert_eq!(rows(&at("part-0.parquet")).unwrap(), (0..n).map(Some).collect::<Vec<_>>());
        assert_eq!(rows(folder.path()).unwrap(), (0..n + 3).map(Some).collect::<Vec<_>>());
        let sizes = TableChunks::open(folder.path()).unwrap().map(|chunk| chunk.unwrap().n_rows());
        assert_eq!(sizes.collect::<Vec<_>>(), [CHUNK, 5, 3]);
        let first = TableChunks::open(folder.path()).unwrap().next().unwrap().unwrap();
        assert_eq!(first.texts("t").unwrap()[..3], [Some("0".to_owned()), None, Some("2".to_owned())]);
    }

    #[test]
    fn sorted_files_are_merged() {
        let folder = tempfile::tempdir().unwrap();
        let n = SORTED_CHUNK as i64 + 100;
        // Turns of seven rows, as an engine deals them out; one file is empty.
        for file in 0..3 {
            let mine: Vec<i64> = (0..n).filter(|row| row / 7 % 3 == file).collect();
            let mut table = Table::new();
            table.push("n", Column::I64(mine.iter().map(|n| Some(*n)).collect())).unwrap();
            table.push("half", Column::I64(mine.iter().map(|n| Some(n / 2)).collect())).unwrap();
            table.push("t", Column::Text(mine.iter().map(|n| Some(n.to_string())).collect())).unwrap();
            table.write(&folder.path().join(format!("{file}.parquet"))).unwrap();
        }
        let empty = TableChunks::open(folder.path()).unwrap().empty();
        empty.write(&folder.path().join("empty.parquet")).unwrap();
        for keys in [vec!["n"], vec!["half", "n"]] {
            let chunks: Vec<Table> =
                SortedChunks::open(folder.path(), &keys).unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(chunks.iter().map(Table::n_rows).collect::<Vec<_>>(), [SORTED_CHUNK, 100]);
            let rows = chunks.iter().flat_map(|chunk| chunk.integers("n").unwrap().to_vec());
            assert!(rows.eq((0..n).map(Some)), "{keys:?}");
            assert_eq!(chunks[1].texts("t").unwrap()[99], Some((n - 1).to_string()));
        }
        let one = folder.path().join("0.parquet");
        let rows: usize = SortedChunks::open(&one, &["n"]).unwrap().map(|chunk| chunk.unwrap().n_rows()).sum();
        assert_eq!(rows, (0..n).filter(|row| row / 7 % 3 == 0).count());
        let wrong = SortedChunks::open(folder.path(), &["m"]).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(wrong.starts_with("no column `m` of integers") || wrong.starts_with("no column `m`"), "{wrong}");
    }

    #[test]
    fn an_empty_table_keeps_its_columns_and_what_is_no_table_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        table(0..0).write(&path).unwrap();
        let chunks = TableChunks::open(&path).unwrap();
        assert_eq!(chunks.empty().names().collect::<Vec<_>>(), ["n", "t"]);
        assert_eq!(chunks.count(), 0);
        std::fs::remove_file(&path).unwrap();
        let nothing = rows(folder.path()).unwrap_err().to_string();
        assert!(nothing.contains("it holds no Parquet file"), "{nothing}");
        std::fs::write(&path, "no parquet").unwrap();
        assert!(rows(&path).unwrap_err().to_string().contains("a.parquet"));
        table(0..1).write(&path).unwrap();
        let mut other = Table::new();
        other.push("m", Column::I64(vec![Some(1)])).unwrap();
        other.write(&folder.path().join("b.parquet")).unwrap();
        assert!(rows(folder.path()).unwrap_err().to_string().contains("are not those of the file before"));
    }
}
