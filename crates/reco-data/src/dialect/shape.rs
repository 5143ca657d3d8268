//! Detects which format a table has, and the names of its columns.
//!
//! Does not know how delimited text is split into fields: `delimitation` does.
//!
//! **Invariant**: a text is opened with the dialect that was found or stated, from its first row on.

use std::io::BufRead;
use std::path::Path;

use super::delimitation::{Delimitation, delimited};
use crate::config::{Delimiter, Encoding, Header, Quote};
use crate::records::{
    Bytes, Delimited, JsonLines, ParquetColumn, ParquetRows, Records, Text, listed, parquet_columns, places,
};
use crate::{DataConfig, DataError, Obstacle};

/// What `[data]` states of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextKeys {
    pub(crate) delimiter: Delimiter,
    pub(crate) quote: Quote,
    pub(crate) encoding: Encoding,
    pub(crate) header: Header,
}

impl TextKeys {
    /// Those of an experiment.
    pub(crate) fn of(config: &DataConfig) -> Self {
        let DataConfig { delimiter, quote, encoding, header, .. } = *config;
        Self { delimiter, quote, encoding, header }
    }
}

/// A table's format, and where its fields stand.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Delimited(Delimitation),
    JsonLines { names: Vec<String>, is_packed: bool },
    Parquet { columns: Vec<ParquetColumn>, names: Vec<String> },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Text, and what its name's ending says of its separator.
    Delimited(Option<u8>),
    JsonLines,
    Parquet,
}

/// Endings of names, and what they say.
const ENDINGS: [(&str, Format); 8] = [
    ("csv", Format::Delimited(None)),
    ("tsv", Format::Delimited(Some(b'\t'))),
    ("tab", Format::Delimited(Some(b'\t'))),
    ("txt", Format::Delimited(None)),
    ("jsonl", Format::JsonLines),
    ("ndjson", Format::JsonLines),
    ("json", Format::JsonLines),
    ("parquet", Format::Parquet),
];

/// What the ending of a name says, `.gz` aside.
fn by_ending(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (_, ending) = name.rsplit_once('.')?;
    ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format)
}

/// Whether a file's name ends as a table's does: `.csv`, `.tsv`, `.jsonl`, `.parquet`, …, with `.gz` behind it or not.
pub fn is_table(path: &Path) -> bool {
    by_ending(path).is_some()
}

impl Shape {
    /// Finds a table's shape. `wanted` are names of columns that it should have. `None` if obstacles leave no shape to
    /// continue with.
    ///
    /// # Errors
    /// A file that is not there, is empty or is damaged.
    pub(crate) fn find(
        path: &Path,
        keys: TextKeys,
        wanted: &[&str],
        obstacles: &mut Vec<Obstacle>,
    ) -> Result<Option<Self>, DataError> {
        let format = match by_ending(path) {
            Some(format) => format,
            None => by_content(path)?,
        };
        let shape = match format {
            Format::Delimited(preferred) => {
                return Ok(delimited(path, keys, preferred, wanted, obstacles)?.map(Self::Delimited));
            }
            Format::JsonLines => {
                let is_packed = Text::open(path, true)?.is_packed;
                Self::JsonLines { names: JsonLines::keys(path)?, is_packed }
            }
            Format::Parquet => {
                let columns = parquet_columns(path)?;
                Self::Parquet { names: columns.iter().map(|column| column.name.clone()).collect(), columns }
            }
        };
        if keys != TextKeys::default() {
            obstacles.push(Obstacle {
                what: "it is not text with separators: `data.delimiter`, `quote`, `encoding` and `header` do not apply"
                    .to_owned(),
                hint: "leave them out".to_owned(),
            });
        }
        Ok(Some(shape))
    }

    /// Whether it is text with separators.
    pub(crate) fn is_delimited(&self) -> bool {
        matches!(self, Self::Delimited(_))
    }

    /// The names of its columns, in order.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Delimited(Delimitation { names, .. })
            | Self::JsonLines { names, .. }
            | Self::Parquet { names, .. } => names,
        }
    }

    /// Whether the table names its columns.
    pub(crate) fn has_header(&self) -> bool {
        !matches!(self, Self::Delimited(Delimitation { has_header: false, .. }))
    }

    /// The first line of a text.
    pub(crate) fn first_line(&self) -> &str {
        if let Self::Delimited(text) = self { &text.first_line } else { "" }
    }

    /// Whether a column holds points in time, in any unit.
    pub(crate) fn is_timestamp(&self, column: &str) -> bool {
        matches!(self, Self::Parquet { columns, .. } if columns.iter().any(|of| of.is_time && of.name == column))
    }

    /// Those `wanted` columns whose content can't be read, each with what it holds.
    pub(crate) fn unreadable(&self, wanted: &[&str]) -> Vec<(&str, &str)> {
        let Self::Parquet { columns, .. } = self else { return Vec::new() };
        let wanted = columns.iter().filter(|column| wanted.contains(&column.name.as_str()));
        wanted.filter_map(|column| Some((column.name.as_str(), column.unreadable.as_deref()?))).collect()
    }

    /// The hint for a stated column that is not there.
    pub(super) fn naming_hint(&self) -> String {
        let names = listed(self.names());
        match self.has_header() {
            true => format!("it has {names}"),
            false => format!(
                "its first line `{}` was taken for a row, so that its columns are {names}; \
                 if it names them: `data.header = \"yes\"`",
                self.first_line()
            ),
        }
    }

    /// Opens the table to read some of its columns; a list becomes one field, with `separator` between its values.
    pub(crate) fn open(&self, path: &Path, wanted: &[String], separator: &str) -> Result<Box<dyn Records>, DataError> {
        Ok(match self {
            Self::Delimited(text) => {
                let places = places(path, &text.names, wanted)?;
                let lines = (text.states_separator, text.has_header);
                Box::new(Delimited::at_places(path, text.dialect, lines, text.names.len(), places)?)
            }
            Self::JsonLines { names, .. } => Box::new(JsonLines::open(path, names, wanted, separator)?),
            Self::Parquet { .. } => Box::new(ParquetRows::open(path, wanted, separator)?),
        })
    }

    /// What was found, in words.
    pub(super) fn said(&self) -> Vec<String> {
        let (mut said, is_packed) = match self {
            Self::Parquet { .. } => (vec!["Parquet".to_owned()], false),
            Self::JsonLines { is_packed, .. } => (vec!["JSON lines".to_owned()], *is_packed),
            Self::Delimited(text) => {
                let mut said = vec![format!("{}-separated text", shown(text.dialect.delimiter))];
                match (text.dialect.encoding, text.is_utf16) {
                    (Bytes::Windows1252, _) => said.push("Windows-1252".to_owned()),
                    (_, true) => said.push("UTF-16".to_owned()),
                    _ => {}
                }
                if text.dialect.delimiter == b'\t' && text.dialect.has_quotes() {
                    said.push("fields in quotes".to_owned());
                }
                if !text.has_header {
                    said.push("without a line of names".to_owned());
                }
                (said, text.is_packed)
            }
        };
        if is_packed {
            said.push("packed by gzip".to_owned());
        }
        said
    }
}

fn shown(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        b',' => "comma".to_owned(),
        other => format!("`{}`", char::from(other)),
    }
}

/// The format of a file whose name does not say it.
fn by_content(path: &Path) -> Result<Format, DataError> {
    let mut text = Text::open(path, true)?;
    let head = text.fill_buf().map_err(DataError::io("read", path))?;
    Ok(match head.trim_ascii_start().first() {
        _ if head.starts_with(b"PAR1") => Format::Parquet,
        Some(b'{') => Format::JsonLines,
        _ => Format::Delimited(None),
    })
}
