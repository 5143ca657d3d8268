//! Reads rows of text files with one character between fields: CSV, TSV, `;`, `|`.
//!
//! Does not know which fields matter, only where they stand.
//!
//! **Invariant**: a line with too few or too many fields, or in another encoding, is one bad row.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use encoding_rs::WINDOWS_1252;

use super::splitter::Splitter;
use super::text::Text;
use super::{Records, Row, cut, places};
use crate::DataError;

/// How a delimited file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What stands between two fields.
    pub(crate) delimiter: u8,
    /// Whether `"…"` may hold a delimiter.
    pub(crate) quotes: Quotes,
    /// What its bytes are.
    pub(crate) encoding: Bytes,
}

/// Whether a field may stand in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// A field may stand in double quotes.
    Double,
    /// A quote is an ordinary character.
    None,
    /// No field did in the rows examined; a later one that does makes its row bad.
    NotSeen,
}

/// What the bytes of a text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// UTF-8, or UTF-16 behind its mark, which is read as UTF-8.
    Utf8,
    /// UTF-8, and Latin-1 in fields that are not UTF-8: MovieLens' older files.
    Latin1,
    /// What Windows writes in Western Europe and America.
    Windows1252,
}

impl Bytes {
    /// The text of a field; `None` where its bytes are not text.
    pub(crate) fn text(self, field: &[u8]) -> Option<Cow<'_, str>> {
        match (self, std::str::from_utf8(field)) {
            (Self::Windows1252, _) => Some(WINDOWS_1252.decode_without_bom_handling(field).0),
            (_, Ok(text)) => Some(text.into()),
            (Self::Latin1, Err(_)) => Some(encoding_rs::mem::decode_latin1(field)),
            (Self::Utf8, Err(_)) => None,
        }
    }
}

impl Dialect {
    /// Comma-separated values in UTF-8.
    pub(crate) const CSV: Self = Self { delimiter: b',', quotes: Quotes::Double, encoding: Bytes::Utf8 };
    /// Tab-separated values in UTF-8, without quotes.
    pub(crate) const TSV: Self = Self { delimiter: b'\t', quotes: Quotes::None, encoding: Bytes::Utf8 };

    /// Whether quotes are removed.
    pub(crate) fn has_quotes(self) -> bool {
        self.quotes == Quotes::Double
    }
}

/// Where a delimited file's rows begin, and which of their fields are wanted.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(crate) path: PathBuf,
    pub(crate) dialect: Dialect,
    /// Whether the keys of `[data]` say how it is written; then it may be UTF-16.
    pub(crate) is_own: bool,
    /// Where each wanted field stands; `None`: nowhere.
    pub(crate) places: Vec<Option<usize>>,
    pub(crate) n_fields: usize,
    /// How many bytes of text stand before the first record, and the line that it begins in or behind.
    pub(crate) start: (u64, u64),
}

/// A reader of one file.
pub(crate) struct Delimited {
    layout: Layout,
    text: Text,
    splitter: Splitter,
}

impl Delimited {
    /// Opens a file whose first line names its columns; `rename` turns what stands there into a column's name.
    pub(crate) fn with_header(
        path: &Path,
        dialect: Dialect,
        wanted: &[String],
        rename: fn(&str) -> &str,
    ) -> Result<Self, DataError> {
        let (mut file, found) = Self::open(path, dialect, (false, true), false)?;
        let found: Vec<String> = found.iter().map(|name| rename(name).to_owned()).collect();
        file.layout.places = places(path, &found, wanted)?;
        Ok(file)
    }

    /// Opens a file without a header whose lines have `n_fields` fields; reads those at `places`.
    pub(crate) fn without_header(
        path: &Path,
        dialect: Dialect,
        n_fields: usize,
        places: impl Iterator<Item = usize>,
    ) -> Result<Self, DataError> {
        let (mut file, _) = Self::open(path, dialect, (false, false), false)?;
        (file.layout.n_fields, file.layout.places) = (n_fields, places.map(Some).collect());
        Ok(file)
    }

    /// Opens a file whose dialect and columns are known. `lines` says whether a line that states the separator, and one
    /// with the names of columns, stand before the rows.
    pub(crate) fn at_places(
        path: &Path,
        dialect: Dialect,
        lines: (bool, bool),
        n_fields: usize,
        places: Vec<Option<usize>>,
    ) -> Result<Self, DataError> {
        let (mut file, _) = Self::open(path, dialect, lines, true)?;
        (file.layout.n_fields, file.layout.places) = (n_fields, places);
        Ok(file)
    }

    /// Opens a file at its first row, with no field wanted yet, and returns the names in its header.
    fn open(
        path: &Path,
        dialect: Dialect,
        (states_separator, has_header): (bool, bool),
        is_own: bool,
    ) -> Result<(Self, Vec<String>), DataError> {
        let mut text = Text::open(path, is_own)?;
        let mut splitter = Splitter::new(dialect);
        let mut names = Vec::new();
        if states_separator {
            splitter.skip_line(&mut text).map_err(DataError::io("read", path))?;
        }
        if has_header && splitter.read(&mut text).map_err(|unread| unread.of(path))? {
            names = splitter.fields().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        }
        let start = (splitter.position(), splitter.line());
        let (path, n_fields) = (path.to_owned(), names.len());
        let layout = Layout { path, dialect, is_own, places: Vec::new(), n_fields, start };
        Ok((Self { layout, text, splitter }, names))
    }
}

/// The names in a file's first line.
pub(crate) fn header(path: &Path, dialect: Dialect) -> Result<Vec<String>, DataError> {
    Ok(Delimited::open(path, dialect, (false, true), false)?.1)
}

impl Layout {
    /// Takes the wanted fields of a record, which begins at `line`.
    pub(crate) fn take(&self, record: &Splitter, line: u64, row: &mut Row) {
        row.begin(line);
        row.spans(record.n_feeds());
        if record.len() != self.n_fields {
            let lines = match record.n_feeds() {
                0 => String::new(),
                more => format!(" in {} lines: a quote may be open", more + 1),
            };
            row.fail(format!("it has `{}` fields, not `{}`{lines}", record.len(), self.n_fields));
            return;
        }
        for place in &self.places {
            let field = place.map(|place| record.get(place)).unwrap_or_default();
            // Postgres and MySQL write this for a missing value.
            if field == b"\\N" {
                row.push("");
                continue;
            }
            let Some(text) = self.dialect.encoding.text(field) else {
                let text = String::from_utf8_lossy(field).escape_default().to_string();
                let key = if self.is_own { "; `data.encoding` says what a file is" } else { "" };
                row.fail(format!("`{}` is not UTF-8{key}", cut(&text)));
                return;
            };
            if self.dialect.quotes == Quotes::NotSeen && text.len() > 1 && text.starts_with('"') && text.ends_with('"')
            {
                row.fail(format!(
                    "`{}` is in quotes, and no field before was; `data.quote` says what they mean",
                    cut(&text)
                ));
                return;
            }
            row.push(&text);
        }
    }
}

impl Records for Delimited {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        if !self.splitter.read(&mut self.text).map_err(|unread| unread.of(&self.layout.path))? {
            return Ok(false);
        }
        self.layout.take(&self.splitter, self.splitter.record_line(), row);
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.text.position()
    }

    fn layout(&self) -> Option<&Layout> {
        Some(&self.layout)
    }
}
