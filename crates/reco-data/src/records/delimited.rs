//! Rows of text files with one character between fields: CSV, TSV, `|`.
//!
//! Does not know which fields matter, only where they stand.
//!
//! **Invariant**: a line with too few or too many fields, or in another encoding, is one bad row.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{Records, Row, check_beginning, places};
use crate::DataError;

/// How a delimited file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// What stands between two fields.
    pub(crate) delimiter: u8,
    /// Whether `"…"` may hold a delimiter.
    pub(crate) quoting: bool,
    /// Whether bytes that are no UTF-8 are read as Latin-1.
    pub(crate) latin1: bool,
}

impl Dialect {
    /// Comma-separated values in UTF-8.
    pub(crate) const CSV: Self = Self { delimiter: b',', quoting: true, latin1: false };
    /// Tab-separated values in UTF-8, without quotes.
    pub(crate) const TSV: Self = Self { delimiter: b'\t', quoting: false, latin1: false };

    /// What reads such text.
    pub(crate) fn reader(self) -> csv::ReaderBuilder {
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(self.delimiter).quoting(self.quoting).flexible(true);
        builder
    }
}

/// Where a delimited file's rows begin, and which of their fields are wanted.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(crate) path: PathBuf,
    pub(crate) dialect: Dialect,
    /// Where each wanted field stands; `None`: nowhere.
    pub(crate) places: Vec<Option<usize>>,
    pub(crate) n_fields: usize,
    /// Where the first record begins.
    pub(crate) start: csv::Position,
}

/// A reader of one file.
pub(crate) struct Delimited {
    layout: Layout,
    reader: csv::Reader<BufReader<File>>,
    record: csv::ByteRecord,
}

impl Delimited {
    /// Opens a file whose first line names its columns; `rename` makes a column's name of what stands there.
    pub(crate) fn with_header(
        path: &Path,
        dialect: Dialect,
        wanted: &[String],
        rename: fn(&str) -> &str,
    ) -> Result<Self, DataError> {
        let (reader, found) = open(path, dialect, true)?;
        let found: Vec<String> = found.iter().map(|name| rename(name).to_owned()).collect();
        let places = places(path, &found, wanted)?;
        Ok(Self::new(path, dialect, places, found.len(), reader))
    }

    /// Opens a file without a header whose lines have `n_fields` fields; wants those that stand at `places`.
    pub(crate) fn without_header(
        path: &Path,
        dialect: Dialect,
        n_fields: usize,
        places: &[usize],
    ) -> Result<Self, DataError> {
        let (reader, _) = open(path, dialect, false)?;
        let places = places.iter().copied().map(Some).collect();
        Ok(Self::new(path, dialect, places, n_fields, reader))
    }

    fn new(
        path: &Path,
        dialect: Dialect,
        places: Vec<Option<usize>>,
        n_fields: usize,
        reader: csv::Reader<BufReader<File>>,
    ) -> Self {
        let start = reader.position().clone();
        let layout = Layout { path: path.to_owned(), dialect, places, n_fields, start };
        Self { layout, reader, record: csv::ByteRecord::new() }
    }
}

/// The names in a file's first line.
pub(crate) fn header(path: &Path, dialect: Dialect) -> Result<Vec<String>, DataError> {
    Ok(open(path, dialect, true)?.1)
}

fn open(path: &Path, dialect: Dialect, header: bool) -> Result<(csv::Reader<BufReader<File>>, Vec<String>), DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut buffer = BufReader::with_capacity(1 << 16, file);
    check_beginning(path, buffer.fill_buf().map_err(DataError::io("read", path))?)?;
    let mut reader = dialect.reader().has_headers(header).buffer_capacity(1 << 16).from_reader(buffer);
    let names = if header {
        let names = reader.byte_headers().map_err(|error| cant_read(path, error))?;
        names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
    } else {
        Vec::new()
    };
    Ok((reader, names))
}

fn cant_read(path: &Path, error: csv::Error) -> DataError {
    DataError::io("read", path)(std::io::Error::other(error))
}

impl Layout {
    /// Takes the wanted fields of `record`, which begins at `line`.
    pub(crate) fn take(&self, record: &csv::ByteRecord, line: u64, row: &mut Row) {
        row.begin(line);
        if record.len() != self.n_fields {
            row.fail(format!("it has `{}` fields, not `{}`", record.len(), self.n_fields));
            return;
        }
        for place in &self.places {
            let field = place.and_then(|place| record.get(place)).unwrap_or_default();
            match std::str::from_utf8(field) {
                Ok(text) => row.push(text),
                Err(_) if self.dialect.latin1 => row.push_latin1(field),
                Err(_) => {
                    row.fail(format!("`{}` is not UTF-8", String::from_utf8_lossy(field).escape_default()));
                    return;
                }
            }
        }
    }
}

impl Records for Delimited {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        let is_read = self.reader.read_byte_record(&mut self.record);
        if !is_read.map_err(|error| cant_read(&self.layout.path, error))? {
            return Ok(false);
        }
        self.layout.take(&self.record, self.record.position().map_or(0, csv::Position::line), row);
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    fn layout(&self) -> Option<&Layout> {
        Some(&self.layout)
    }
}
