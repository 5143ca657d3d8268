//! Finds out where the fields of a table stand: its format, its separator, quotes, encoding, and whether its first
//! line names columns.
//!
//! Does not look at numbers and times, but to tell a line of names from one of values.
//!
//! **Invariant**: a text is opened with the dialect that was found or stated, from its first row on.

use std::io::{BufRead, Read};
use std::path::Path;

use crate::config::{Delimiter, Encoding, Header, Quote};
use crate::records::{
    Bytes, Delimited, Dialect, JsonLines, ParquetRows, Quotes, Records, Splitter, Text, listed, parquet_columns, places,
};
use crate::values::{TimeFormat, finite};
use crate::{DataConfig, DataError, Obstacle};

/// Bytes of text that are looked at.
const HEAD: u64 = 1 << 18;
/// What may stand between two fields, unless stated.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// What `[data]` states of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextKeys {
    delimiter: Delimiter,
    quote: Quote,
    encoding: Encoding,
    header: Header,
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
    Parquet { names: Vec<String>, timestamps: Vec<String> },
}

/// How a delimited text is written.
#[derive(Clone, Debug)]
pub(crate) struct Delimitation {
    dialect: Dialect,
    names: Vec<String>,
    has_header: bool,
    is_packed: bool,
    is_utf16: bool,
    first_line: String,
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
    /// Finds a table's shape. `wanted` are names of columns that it should have. `None` if obstacles leave none to go
    /// on with.
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
            Format::Delimited(preferred) => return delimited(path, keys, preferred, wanted, obstacles),
            Format::JsonLines => {
                let is_packed = Text::open(path, false)?.is_packed;
                Self::JsonLines { names: JsonLines::keys(path)?, is_packed }
            }
            Format::Parquet => {
                let columns = parquet_columns(path)?;
                let timestamps = columns.iter().filter(|(_, is_time)| *is_time).map(|(name, _)| name.clone()).collect();
                Self::Parquet { names: columns.into_iter().map(|(name, _)| name).collect(), timestamps }
            }
        };
        if keys != TextKeys::default() {
            obstacles.push(Obstacle {
                what: "it is no text with separators, so that neither `data.delimiter`, `quote`, `encoding` nor `header` says anything of it".to_owned(),
                hint: "leave them out".to_owned(),
            });
        }
        Ok(Some(shape))
    }

    /// The names of its columns, in order.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Delimited(Delimitation { names, .. })
            | Self::JsonLines { names, .. }
            | Self::Parquet { names, .. } => names,
        }
    }

    /// Whether it names its columns itself.
    pub(super) fn has_header(&self) -> bool {
        !matches!(self, Self::Delimited(Delimitation { has_header: false, .. }))
    }

    /// The first line of a text.
    pub(super) fn first_line(&self) -> &str {
        if let Self::Delimited(text) = self { &text.first_line } else { "" }
    }

    /// Whether a column holds points in time, of whichever unit.
    pub(super) fn is_timestamp(&self, column: &str) -> bool {
        matches!(self, Self::Parquet { timestamps, .. } if timestamps.iter().any(|name| name == column))
    }

    /// What helps who named a column that is not there.
    pub(super) fn naming_hint(&self) -> String {
        let names = listed(self.names());
        match self.has_header() {
            true => format!("it has {names}"),
            false => format!(
                "its first line `{}` was taken for a row, so that its columns are {names}; if it names them: `data.header = \"yes\"`",
                self.first_line()
            ),
        }
    }

    /// Opens the table and wants some of its columns; a list becomes one field, with `separator` between its values.
    pub(crate) fn open(&self, path: &Path, wanted: &[String], separator: &str) -> Result<Box<dyn Records>, DataError> {
        Ok(match self {
            Self::Delimited(text) => {
                let places = places(path, &text.names, wanted)?;
                Box::new(Delimited::at_places(path, text.dialect, text.has_header, text.names.len(), places)?)
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

/// The beginning of a text.
struct Head {
    bytes: Vec<u8>,
    is_whole: bool,
}

/// One way to take a head apart.
struct Split {
    delimiter: u8,
    quotes: Quotes,
    first: Vec<Vec<u8>>,
    /// The share of records that have as many fields as the first.
    share: f64,
}

fn delimited(
    path: &Path,
    keys: TextKeys,
    preferred: Option<u8>,
    wanted: &[&str],
    obstacles: &mut Vec<Obstacle>,
) -> Result<Option<Shape>, DataError> {
    let mut text = Text::open(path, true)?;
    let mut bytes = Vec::new();
    (&mut text).take(HEAD).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    let head = Head { is_whole: (bytes.len() as u64) < HEAD, bytes };
    let encoding = encoding(&head, &text, keys.encoding, obstacles);
    let candidates = match keys.delimiter {
        Delimiter::Byte(byte) => vec![byte],
        Delimiter::Auto => DELIMITERS.to_vec(),
    };
    let mut splits: Vec<Split> = candidates
        .into_iter()
        .map(|delimiter| split(&head, Dialect { delimiter, quotes: quotes(&head, delimiter, keys.quote), encoding }))
        .filter(|split| split.first.len() > 1)
        .collect();
    let first_line = first_line(&head, encoding);
    if splits.is_empty() {
        obstacles.push(Obstacle {
            what: format!("its first line `{first_line}` is one field: no comma, `;`, tab or `|` takes it apart"),
            hint: "`data.delimiter` says what stands between two fields; a table of ratings has two at least"
                .to_owned(),
        });
        return Ok(None);
    }
    narrow(&mut splits, preferred, wanted, encoding);
    if splits.len() > 1 {
        let several: Vec<String> =
            splits.iter().map(|split| format!("`data.delimiter = \"{}\"`", key(split.delimiter))).collect();
        obstacles.push(Obstacle {
            what: format!("its lines can be taken apart in several ways; the first is `{first_line}`"),
            hint: several.join(" or "),
        });
        return Ok(None);
    }
    let Split { delimiter, quotes, first, .. } = splits.remove(0);
    let fields: Vec<String> = first.iter().map(|field| lossy(field, encoding).trim().to_owned()).collect();
    let has_header = match keys.header {
        Header::Yes => true,
        Header::No => false,
        Header::Auto => names_columns(&fields, wanted),
    };
    let names = if has_header { fields } else { (1..=fields.len()).map(|place| place.to_string()).collect() };
    if let Some(twice) = wanted.iter().find(|name| names.iter().filter(|column| column == *name).count() > 1) {
        obstacles.push(Obstacle {
            what: format!("two of its columns are called `{twice}`"),
            hint: "rename one of them".to_owned(),
        });
    }
    Ok(Some(Shape::Delimited(Delimitation {
        dialect: Dialect { delimiter, quotes, encoding },
        names,
        has_header,
        is_packed: text.is_packed,
        is_utf16: text.is_utf16,
        first_line,
    })))
}

/// A delimiter as one states it.
fn key(delimiter: u8) -> String {
    Delimiter::Byte(delimiter).into()
}

fn lossy(field: &[u8], encoding: Bytes) -> String {
    encoding.text(field).unwrap_or_else(|| String::from_utf8_lossy(field)).into_owned()
}

/// The first line that is not empty, as messages show it.
fn first_line(head: &Head, encoding: Bytes) -> String {
    /// Characters that are shown.
    const MOST: usize = 120;
    let mut lines = head.bytes.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    let line = lossy(lines.next().unwrap_or_default(), encoding);
    let shown: String = line.chars().take(MOST).collect();
    if shown.len() < line.len() { shown + "…" } else { shown }
}

/// What the bytes are.
fn encoding(head: &Head, text: &Text, stated: Encoding, obstacles: &mut Vec<Obstacle>) -> Bytes {
    let mut refuse = |what: String, hint: &str| obstacles.push(Obstacle { what, hint: hint.to_owned() });
    match stated {
        Encoding::Windows1252 if text.has_mark => {
            refuse("it begins with the mark of UTF-8 or UTF-16".to_owned(), "`data.encoding = \"auto\"`");
        }
        Encoding::Windows1252 => return Bytes::Windows1252,
        Encoding::Utf16 if !text.is_utf16 => refuse(
            "it does not begin with the mark of UTF-16".to_owned(),
            "`data.encoding = \"auto\"`, or convert it, e.g. `iconv -f UTF-16LE -t UTF-8`",
        ),
        Encoding::Utf8 if text.is_utf16 => refuse("it is UTF-16".to_owned(), "`data.encoding = \"auto\"`"),
        Encoding::Auto if head.bytes.contains(&0) => refuse(
            "it has bytes of zero, as UTF-16 without a mark has, and what is no text".to_owned(),
            "convert it, e.g. `iconv -f UTF-16LE -t UTF-8`",
        ),
        Encoding::Auto => {
            let wrong = match std::str::from_utf8(&head.bytes) {
                Ok(_) => return Bytes::Utf8,
                // The head may end within a character.
                Err(error) if error.error_len().is_none() && !head.is_whole => return Bytes::Utf8,
                Err(error) => error.valid_up_to(),
            };
            if is_western(&head.bytes) {
                return Bytes::Windows1252;
            }
            let line = 1 + head.bytes[..wrong].iter().filter(|byte| **byte == b'\n').count();
            refuse(
                format!("line {line} is not UTF-8, and does not look like Windows-1252 either"),
                "`data.encoding = \"windows-1252\"` if it is, or convert it, e.g. `iconv -f SHIFT_JIS -t UTF-8`",
            );
        }
        Encoding::Utf8 | Encoding::Utf16 => {}
    }
    Bytes::Utf8
}

/// Whether bytes beyond ASCII are letters that stand by themselves or in pairs among others, as in Western Europe's
/// languages; in those of other alphabets they are whole words.
fn is_western(bytes: &[u8]) -> bool {
    bytes.split(u8::is_ascii).all(|run| {
        let is_letter = |byte: &u8| {
            *byte >= 0xc0
                || matches!(byte, 0x80 | 0x8a | 0x8c | 0x8e | 0x91..=0x97 | 0x9a | 0x9c | 0x9e | 0x9f | 0xa0..=0xbf)
        };
        run.len() <= 2 && run.iter().all(is_letter)
    })
}

/// Whether fields stand in quotes. Tabs and bars often stand between fields that are never quoted, in which a quote is
/// a character.
fn quotes(head: &Head, delimiter: u8, stated: Quote) -> Quotes {
    match stated {
        Quote::Double => return Quotes::Double,
        Quote::None => return Quotes::None,
        Quote::Auto if matches!(delimiter, b',' | b';') => return Quotes::Double,
        Quote::Auto => {}
    }
    let text = &head.bytes;
    let is_end = |at: usize| text.get(at).is_none_or(|byte| *byte == delimiter || matches!(byte, b'\n' | b'\r'));
    let (mut at, mut n_whole) = (0, 0);
    while at < text.len() {
        if text[at] == b'"' {
            // Behind the quote that closes the field; two are one that does not.
            let mut close = at + 1;
            loop {
                match memchr::memchr(b'"', &text[close..]) {
                    Some(n) if text.get(close + n + 1) == Some(&b'"') => close += n + 2,
                    Some(n) => break close += n + 1,
                    None if head.is_whole => return Quotes::None,
                    None => return if n_whole > 0 { Quotes::Double } else { Quotes::NotSeen },
                }
            }
            if !is_end(close) {
                return Quotes::None;
            }
            n_whole += 1;
            at = close;
        }
        while !is_end(at) {
            at += 1;
        }
        at += 1;
    }
    if n_whole > 0 { Quotes::Double } else { Quotes::NotSeen }
}

/// Takes a head apart.
fn split(head: &Head, dialect: Dialect) -> Split {
    /// Records that are looked at.
    const MOST: usize = 1_000;
    let mut splitter = Splitter::new(dialect);
    let mut rest = &head.bytes[..];
    let mut first: Vec<Vec<u8>> = Vec::new();
    let (mut n_same, mut n) = (0_u32, 0_u32);
    // What lies in memory can always be read. The last record of a head may be cut short.
    while splitter.read(&mut rest).unwrap_or(false)
        && (n as usize) < MOST
        && (head.is_whole || !rest.is_empty() || n == 0)
    {
        if n == 0 {
            first = splitter.fields().map(<[u8]>::to_vec).collect();
        }
        n_same += u32::from(splitter.len() == first.len());
        n += 1;
    }
    Split {
        delimiter: dialect.delimiter,
        quotes: dialect.quotes,
        first,
        share: f64::from(n_same) / f64::from(n.max(1)),
    }
}

/// Leaves of several ways the one that is better than all others by the first of these: it gives the columns that are
/// wanted; the ending of the file's name says so; almost all lines have as many fields as the first, which they do not
/// have the other way; or it leaves commas before fractions.
fn narrow(splits: &mut Vec<Split>, preferred: Option<u8>, wanted: &[&str], encoding: Bytes) {
    let mut keep = |is_better: &dyn Fn(&Split) -> bool| {
        let n = splits.iter().filter(|split| is_better(split)).count();
        if (1..splits.len()).contains(&n) {
            splits.retain(|split| is_better(split));
        }
    };
    let has_wanted = |split: &Split| {
        let names: Vec<String> = split.first.iter().map(|name| lossy(name, encoding).trim().to_owned()).collect();
        !wanted.is_empty() && wanted.iter().all(|name| names.iter().any(|column| column == name))
    };
    keep(&has_wanted);
    keep(&|split| Some(split.delimiter) == preferred);
    keep(&|split| split.share >= 0.9);
    let is_fraction = |field: &[u8]| {
        let at = memchr::memchr(b',', field);
        at.is_some_and(|at| {
            [&field[..at], &field[at + 1..]].iter().all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
        })
    };
    let leaves_fractions =
        |split: &Split| split.delimiter != b',' && split.first.iter().any(|field| is_fraction(field));
    keep(&leaves_fractions);
}

/// Whether the fields of a first line are names rather than values.
fn names_columns(fields: &[String], wanted: &[&str]) -> bool {
    if !wanted.is_empty() && wanted.iter().all(|name| fields.iter().any(|field| field == name)) {
        return true;
    }
    let is_place = |name: &&str| name.parse().is_ok_and(|place: usize| (1..=fields.len()).contains(&place));
    if !wanted.is_empty() && wanted.iter().all(is_place) {
        return false;
    }
    let is_value = |field: &String| {
        let by_calendar = [TimeFormat::Iso8601, TimeFormat::DayMonthYear, TimeFormat::MonthDayYear];
        finite(&field.replacen(',', ".", 1)).is_some()
            || by_calendar.iter().any(|format| format.seconds(field).is_some())
    };
    !fields.iter().any(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Result<(u8, Quotes, Bytes, bool), Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut obstacles = Vec::new();
        let path = file.path().to_owned();
        match Shape::find(&path, TextKeys::default(), &[], &mut obstacles).unwrap() {
            Some(Shape::Delimited(text)) if obstacles.is_empty() => {
                Ok((text.dialect.delimiter, text.dialect.quotes, text.dialect.encoding, text.has_header))
            }
            _ => Err(obstacles.into_iter().map(|obstacle| obstacle.what).collect()),
        }
    }

    #[test]
    fn separators_quotes_encodings_and_headers_are_found() {
        let utf8 = Bytes::Utf8;
        assert_eq!(found(b"a,b\n1,2\n"), Ok((b',', Quotes::Double, utf8, true)));
        assert_eq!(found(b"a;b\r\n1;2,5\r\n"), Ok((b';', Quotes::Double, utf8, true)));
        assert_eq!(found(b"1;2;2,5\n1;3;4,5\n"), Ok((b';', Quotes::Double, utf8, false)));
        assert_eq!(found(b"a\tb\n1\t2\n"), Ok((b'\t', Quotes::NotSeen, utf8, true)));
        assert_eq!(found(b"a\tb\n\"1\t1\"\t2\n"), Ok((b'\t', Quotes::Double, utf8, true)));
        assert_eq!(found(b"a\tb\n\"Great\" film\t2\n"), Ok((b'\t', Quotes::None, utf8, true)));
        assert_eq!(found(b"a|b\n1|2\n"), Ok((b'|', Quotes::NotSeen, utf8, true)));
        assert_eq!(found(b"u7\tx\t2024-01-31\n"), Ok((b'\t', Quotes::NotSeen, utf8, false)));
        assert_eq!(found(b"a;b\nM\xfcller;2\n"), Ok((b';', Quotes::Double, Bytes::Windows1252, true)));
        assert_eq!(found(b"a,b,tags\n1,2,x|y\n1,3,z|y\n"), Ok((b',', Quotes::Double, utf8, true)));
    }

    #[test]
    fn what_is_unclear_is_said() {
        let why = |bytes: &[u8]| found(bytes).unwrap_err().join("; ");
        assert_eq!(why(b"a\n1\n"), "its first line `a` is one field: no comma, `;`, tab or `|` takes it apart");
        assert_eq!(why(b"a,b;c\n1,2;3\n"), "its lines can be taken apart in several ways; the first is `a,b;c`");
        let cyrillic = b"a,b\n\xcc\xee\xf1\xea\xe2\xe0,2\n";
        assert_eq!(why(cyrillic), "line 2 is not UTF-8, and does not look like Windows-1252 either");
        assert!(why(b"a\0,\0b\0").contains("UTF-16 without a mark"));
    }
}
