//! Detects how delimited text is split into fields: separator, quotes, and whether the first line names columns.
//!
//! Does not look at numbers and times, except to tell a line of names from one of values.
//!
//! **Invariant**: a line that could be names or a row is an obstacle.

use std::io::Read;
use std::path::Path;

use super::encoding::encoding;
use super::names;
use super::shape::TextKeys;
use crate::config::{Delimiter, Header, Quote};
use crate::records::{Bytes, Dialect, Quotes, Splitter, Text, cut};
use crate::values::{Decimal, TimeFormat};
use crate::{DataError, Obstacle};

/// How many bytes of the text are examined.
const HEAD: u64 = 1 << 18;
/// What may stand between two fields, unless stated.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// How a delimited text is written.
#[derive(Clone, Debug)]
pub(crate) struct Delimitation {
    pub(super) dialect: Dialect,
    pub(super) names: Vec<String>,
    /// Whether the first line states the separator, as spreadsheets write it.
    pub(super) states_separator: bool,
    pub(super) has_header: bool,
    pub(super) is_packed: bool,
    pub(super) is_utf16: bool,
    pub(super) first_line: String,
}

/// The beginning of a text.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    pub(super) is_whole: bool,
}

/// One way to split a head.
struct Split {
    delimiter: u8,
    quotes: Quotes,
    /// A field in which a quote is an ordinary character, while other fields stand in quotes.
    odd_quote: Option<String>,
    first: Vec<String>,
    /// The share of records that have as many fields as the first.
    share: f64,
    /// How many fields all records but the first have, if they are several and agree.
    below: Option<usize>,
}

/// Detects how a text is split; `None` if obstacles leave no way.
pub(super) fn delimited(
    path: &Path,
    keys: TextKeys,
    preferred: Option<u8>,
    wanted: &[&str],
    obstacles: &mut Vec<Obstacle>,
) -> Result<Option<Delimitation>, DataError> {
    let mut text = Text::open(path, true)?;
    let mut bytes = Vec::new();
    (&mut text).take(HEAD).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    let mut head = Head { is_whole: (bytes.len() as u64) < HEAD, bytes };
    let encoding = encoding(&head, &text, keys.encoding, obstacles);
    let separator = stated_separator(&head.bytes);
    if separator.is_some() {
        let end = memchr::memchr2(b'\n', b'\r', &head.bytes).unwrap_or(head.bytes.len());
        head.bytes.drain(..end);
    }
    let candidates = match (keys.delimiter, separator) {
        (Delimiter::Byte(byte), _) | (Delimiter::Auto, Some(byte)) => vec![byte],
        (Delimiter::Auto, None) => DELIMITERS.to_vec(),
    };
    let mut splits: Vec<Split> = candidates
        .into_iter()
        .map(|delimiter| split(&head, delimiter, keys.quote, encoding))
        .filter(|split| split.first.len() > 1)
        .collect();
    let first_line = first_line(&head, encoding);
    let mut refuse = |what: String, hint: String| obstacles.push(Obstacle { what, hint });
    let is_auto = keys.header == Header::Auto;
    if is_auto && first_line.starts_with(['#', '%']) && !splits.iter().any(|split| split.has(wanted)) {
        refuse(
            format!("its first line `{first_line}` looks like a comment"),
            "leave such lines out, e.g. `grep -v '^[#%]' FILE > NEW`; `data.header = \"yes\"` if it names columns, \
             or `data.header = \"no\"` if it is a row"
                .to_owned(),
        );
        return Ok(None);
    }
    if splits.is_empty() {
        let spaces = match first_line.split_whitespace().nth(1) {
            Some(_) => {
                "; if spaces stand there: `data.delimiter = \" \"`, and where they are several, \
                 `tr -s ' ' < FILE > NEW` leaves one"
            }
            None => "",
        };
        refuse(
            format!("its first line `{first_line}` is one field: no comma, `;`, tab or `|` splits it"),
            format!(
                "`data.delimiter` says what stands between two fields; a table of ratings has two at least{spaces}"
            ),
        );
        return Ok(None);
    }
    narrow(&mut splits, preferred, wanted);
    if splits.len() > 1 {
        let several: Vec<String> =
            splits.iter().map(|split| format!("`data.delimiter = \"{}\"`", key(split.delimiter))).collect();
        refuse(format!("its lines can be split in several ways; the first is `{first_line}`"), several.join(" or "));
        return Ok(None);
    }
    let Split { delimiter, quotes, odd_quote, first: fields, below, .. } = splits.remove(0);
    if let Some(field) = odd_quote {
        refuse(
            format!("some fields stand in quotes, and in others a quote is a character: `{}`", cut(&field)),
            "`data.quote = \"double\"` takes them off, `data.quote = \"none\"` keeps them all".to_owned(),
        );
    }
    let has_header = match keys.header {
        Header::Yes => true,
        Header::No => false,
        Header::Auto => names_columns(&fields, wanted, &first_line).unwrap_or_else(|obstacle| {
            refuse(obstacle.what, obstacle.hint);
            false
        }),
    };
    if let Some(n) = below.filter(|n| has_header && *n != fields.len()) {
        let hint = match n == fields.len() + 1 {
            true => "name all columns, in R by `col.names = NA` where it writes row names",
            false => "the first line has to be the one that names the columns",
        };
        refuse(format!("its first line has {} fields, and those below have {n}", fields.len()), hint.to_owned());
    }
    let names = if has_header { fields } else { (1..=fields.len()).map(|place| place.to_string()).collect() };
    if let Some(twice) = wanted.iter().find(|name| names.iter().filter(|column| column == *name).count() > 1) {
        refuse(format!("two of its columns are called `{twice}`"), "rename one of them".to_owned());
    }
    Ok(Some(Delimitation {
        dialect: Dialect { delimiter, quotes, encoding },
        names,
        states_separator: separator.is_some(),
        has_header,
        is_packed: text.is_packed,
        is_utf16: text.is_utf16,
        first_line,
    }))
}

/// The separator that a first line such as `sep=;` states, which is Excel's.
fn stated_separator(text: &[u8]) -> Option<u8> {
    let [s, e, p, b'=', separator, end, ..] = text else { return None };
    let is_stated = [*s, *e, *p].eq_ignore_ascii_case(b"sep") && matches!(end, b'\r' | b'\n');
    (is_stated && separator.is_ascii() && !separator.is_ascii_alphanumeric()).then_some(*separator)
}

/// A delimiter as `data.delimiter` states it.
fn key(delimiter: u8) -> String {
    Delimiter::Byte(delimiter).into()
}

fn lossy(field: &[u8], encoding: Bytes) -> String {
    encoding.text(field).unwrap_or_else(|| String::from_utf8_lossy(field)).into_owned()
}

/// The first line that is not empty, as messages show it.
fn first_line(head: &Head, encoding: Bytes) -> String {
    let mut lines = head.bytes.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    cut(&lossy(lines.next().unwrap_or_default(), encoding)).into_owned()
}

/// Whether fields stand in quotes, and a field that makes it unclear. Tabs and bars often stand between fields that are
/// never quoted, in which a quote is an ordinary character.
fn quotes(head: &Head, delimiter: u8, stated: Quote, encoding: Bytes) -> (Quotes, Option<String>) {
    match stated {
        Quote::Double => return (Quotes::Double, None),
        Quote::None => return (Quotes::None, None),
        Quote::Auto if matches!(delimiter, b',' | b';') => return (Quotes::Double, None),
        Quote::Auto => {}
    }
    let text = &head.bytes;
    let is_end = |at: usize| text.get(at).is_none_or(|byte| *byte == delimiter || matches!(byte, b'\n' | b'\r'));
    let end_of_field = |at: usize| (at..).find(|at| is_end(*at)).unwrap_or(text.len());
    let (mut at, mut n_whole, mut odd) = (0, 0, None);
    while at < text.len() {
        if text[at] == b'"' {
            match closed(text, at) {
                Some(behind) if is_end(behind) => {
                    n_whole += 1;
                    at = behind;
                }
                // The head may end within a field.
                None if !head.is_whole => break,
                _ => odd = odd.or_else(|| Some(lossy(&text[at..end_of_field(at)], encoding))),
            }
        }
        at = end_of_field(at) + 1;
    }
    match (n_whole, odd) {
        (0, None) => (Quotes::NotSeen, None),
        (0, Some(_)) => (Quotes::None, None),
        (_, odd) => (Quotes::Double, odd),
    }
}

/// The place behind the quote that closes the field opened at `open`; a doubled quote does not close it.
fn closed(text: &[u8], open: usize) -> Option<usize> {
    let mut close = open + 1;
    loop {
        let n = memchr::memchr(b'"', &text[close..])?;
        match text.get(close + n + 1) {
            Some(b'"') => close += n + 2,
            _ => return Some(close + n + 1),
        }
    }
}

/// Splits a head into records with one delimiter.
fn split(head: &Head, delimiter: u8, quote: Quote, encoding: Bytes) -> Split {
    /// How many records are examined.
    const MOST: usize = 1_000;
    let (quotes, odd_quote) = quotes(head, delimiter, quote, encoding);
    let mut splitter = Splitter::new(Dialect { delimiter, quotes, encoding });
    let mut rest = &head.bytes[..];
    let mut lengths: Vec<usize> = Vec::new();
    let mut first: Vec<String> = Vec::new();
    while lengths.len() < MOST {
        let is_record = splitter.read(&mut rest);
        // The last record of a head may be cut short, within quotes or not.
        let is_cut = is_record.is_err() || !head.is_whole && rest.is_empty();
        if matches!(is_record, Ok(false)) || is_cut && !lengths.is_empty() {
            break;
        }
        if lengths.is_empty() {
            first = splitter.fields().map(|name| lossy(name, encoding).trim().to_owned()).collect();
        }
        lengths.push(splitter.len());
        if is_record.is_err() {
            break;
        }
    }
    let n_same = lengths.iter().filter(|length| **length == first.len()).count();
    let below = lengths.get(1).copied().filter(|n| lengths.len() > 2 && lengths[1..].iter().all(|length| length == n));
    let share = n_same as f64 / lengths.len().max(1) as f64;
    Split { delimiter, quotes, odd_quote, first, share, below }
}

impl Split {
    /// Whether any columns are wanted, and the first record has all of them.
    fn has(&self, wanted: &[&str]) -> bool {
        !wanted.is_empty() && wanted.iter().all(|name| self.first.iter().any(|column| column == name))
    }
}

/// Narrows several ways down by four criteria in turn; each drops the ways that fail it, unless all do. A way has to
/// give the wanted columns; to have the delimiter that the ending of the file's name says; to give at least 90 % of the
/// records as many fields as the first; and to leave decimal commas whole.
fn narrow(splits: &mut Vec<Split>, preferred: Option<u8>, wanted: &[&str]) {
    let mut keep = |is_better: &dyn Fn(&Split) -> bool| {
        let n = splits.iter().filter(|split| is_better(split)).count();
        if (1..splits.len()).contains(&n) {
            splits.retain(|split| is_better(split));
        }
    };
    keep(&|split| split.has(wanted));
    keep(&|split| Some(split.delimiter) == preferred);
    keep(&|split| split.share >= 0.9);
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_fraction =
        |field: &String| field.split_once(',').is_some_and(|(whole, part)| are_digits(whole) && are_digits(part));
    keep(&|split| split.delimiter != b',' && split.first.iter().any(is_fraction));
}

/// Whether the fields of a first line are names rather than values, or why that is not clear.
fn names_columns(fields: &[String], wanted: &[&str], line: &str) -> Result<bool, Obstacle> {
    let is_place = |name: &&str| name.parse().is_ok_and(|place: usize| (1..=fields.len()).contains(&place));
    let are_places = !wanted.is_empty() && wanted.iter().all(is_place);
    let are_fields = !wanted.is_empty() && wanted.iter().all(|name| fields.iter().any(|field| field == name));
    let counts_up = fields.iter().enumerate().all(|(place, field)| field.parse() == Ok(place));
    if are_places && (are_fields || counts_up) {
        return Err(Obstacle {
            what: format!("columns are named by numbers, and its first line `{line}` could name them or be a row"),
            hint: format!(
                "`data.header = \"no\"` if it is a row: columns are counted from `1`; or `data.header = \"yes\"`: \
                 they are called as it says, the first of them `{}`",
                fields[0]
            ),
        });
    }
    let well_known = |names| names::candidates(fields, names).first().cloned();
    if let Some(name) = well_known(names::USER).or_else(|| well_known(names::ITEM)).filter(|_| are_places) {
        return Err(Obstacle {
            what: format!("columns are named by their places, and its first line `{line}` names them"),
            hint: format!("name them as it does, such as `{name}`; or `data.header = \"no\"` if it is a row"),
        });
    }
    if are_fields || are_places {
        return Ok(are_fields);
    }
    let is_value = |field: &String| {
        let by_calendar = [TimeFormat::Iso8601, TimeFormat::DayMonthYear, TimeFormat::MonthDayYear];
        Decimal::Comma.finite(field).is_some() || by_calendar.iter().any(|format| format.seconds(field).is_some())
    };
    Ok(!fields.iter().any(is_value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Result<(u8, Quotes, Bytes, bool), Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut obstacles = Vec::new();
        let path = file.path().to_owned();
        match delimited(&path, TextKeys::default(), None, &[], &mut obstacles).unwrap() {
            Some(text) if obstacles.is_empty() => {
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
        assert_eq!(why(b"a\n1\n"), "its first line `a` is one field: no comma, `;`, tab or `|` splits it");
        assert_eq!(why(b"a,b;c\n1,2;3\n"), "its lines can be split in several ways; the first is `a,b;c`");
        let cyrillic = b"a,b\n\xcc\xee\xf1\xea\xe2\xe0,2\n";
        assert_eq!(why(cyrillic), "line 2 is not UTF-8, and does not look like Windows-1252 either");
        assert!(why(b"a\0,\0b\0").contains("UTF-16 without a mark"));
    }
}
