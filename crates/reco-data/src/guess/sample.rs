//! Reads the first rows of a table, and counts what stands in each of its columns.
//!
//! Does not know what a column means for a recommender.
//!
//! **Invariant**: no more than the first [`ROWS`] rows and about [`BYTES`] bytes of their fields are kept, however
//! large the file is.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::DataError;
use crate::dialect::Shape;
use crate::records::Row;
use crate::values::{TimeFormat, finite, is_missing};

/// How many rows are read at most.
const ROWS: usize = 10_000;
/// How many bytes of fields are kept, about.
const BYTES: usize = 1 << 20;

/// The first rows of a table.
pub(super) struct Sample {
    pub(super) names: Vec<String>,
    /// All fields of each row, in the order of `names`; none for a row that cannot be split.
    pub(super) rows: Vec<Row>,
    pub(super) columns: Vec<Facts>,
    /// Whether these are all rows there are.
    pub(super) is_whole: bool,
}

/// What stands in a column of the sample.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Rows that have a value.
    pub(super) n_filled: usize,
    /// Different values.
    pub(super) n_distinct: usize,
    /// Values that are numbers, with a decimal comma or a point, and whole ones among them.
    pub(super) n_numbers: usize,
    n_whole: usize,
    /// The lowest and the highest number.
    pub(super) range: Option<(f64, f64)>,
    /// Values that are written as dates of the calendar.
    n_dates: usize,
    /// Numbers that are times between 1990 and 2050, as counts from 1970 or as dates of eight digits.
    n_counts: usize,
    /// How often the most frequent value stands.
    n_most: usize,
    /// Values that are lists or objects.
    n_nested: usize,
    /// Values with a space in them.
    n_spaced: usize,
    /// Values that are written as an ISBN or an ASIN.
    n_codes: usize,
    /// Characters of all values.
    n_characters: usize,
    /// Whether the file says that the column holds points in time.
    is_typed_time: bool,
    /// What it holds, if that cannot be read.
    pub(super) unreadable: Option<String>,
}

impl Sample {
    /// Reads the beginning of the table at `path`, which has this `shape`.
    pub(super) fn read(path: &Path, shape: &Shape) -> Result<Self, DataError> {
        let names = shape.names().to_vec();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let unreadable: BTreeMap<&str, &str> = shape.unreadable(&all).into_iter().collect();
        let wanted: Vec<String> = names
            .iter()
            .map(|name| if unreadable.contains_key(name.as_str()) { String::new() } else { name.clone() })
            .collect();
        let mut records = shape.open(path, &wanted, "|")?;
        let (mut rows, mut n_bytes, mut is_whole) = (Vec::new(), 0, false);
        while rows.len() < ROWS && n_bytes < BYTES {
            let mut row = Row::default();
            if !records.read(&mut row)? {
                is_whole = true;
                break;
            }
            n_bytes += (0..row.len()).map(|field| row.get(field).len()).sum::<usize>();
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(DataError::Empty { path: path.to_owned() });
        }
        let columns = names.iter().enumerate().map(|(column, name)| Facts {
            is_typed_time: shape.is_timestamp(name),
            unreadable: unreadable.get(name.as_str()).map(|kind| (*kind).to_owned()),
            ..Facts::of(&rows, column)
        });
        Ok(Self { columns: columns.collect(), names, rows, is_whole })
    }

    /// Rows that can be split into fields.
    pub(super) fn n_sound(&self) -> usize {
        self.rows.iter().filter(|row| row.problem().is_none()).count()
    }

    /// The values of a column, in the order of rows.
    pub(super) fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| value(row, column))
    }

    /// Whether `column` says the same in all rows that have the same `key`; `None` where too few keys stand in several
    /// rows to tell.
    pub(super) fn follows(&self, key: usize, column: usize) -> Option<bool> {
        /// Keys in several rows that are enough to tell by.
        const ENOUGH: usize = 5;
        let mut groups: BTreeMap<&str, (usize, HashSet<&str>)> = BTreeMap::new();
        for row in &self.rows {
            if let (Some(key), Some(said)) = (value(row, key), value(row, column)) {
                let (n, values) = groups.entry(key).or_default();
                *n += 1;
                values.insert(said);
            }
        }
        let several = groups.values().filter(|(n, _)| *n > 1);
        let n_several = several.clone().count();
        let n_same = several.filter(|(_, values)| values.len() == 1).count();
        (n_several >= ENOUGH).then_some(n_same as f64 >= 0.95 * n_several as f64)
    }
}

/// A field that says something.
fn value(row: &Row, column: usize) -> Option<&str> {
    Some(row.get(column)).filter(|text| !text.is_empty() && !is_missing(text) && row.problem().is_none())
}

/// The number that a field is, with a decimal comma or a point.
pub(super) fn number(text: &str) -> Option<f64> {
    finite(&text.replacen(',', ".", 1))
}

impl Facts {
    fn of(rows: &[Row], column: usize) -> Self {
        /// 1990 and 2050, in seconds since 1970.
        const OUR_TIME: std::ops::Range<f64> = 631_152_000.0..2_524_608_000.0;
        let calendar = [TimeFormat::Iso8601, TimeFormat::DayMonthYear, TimeFormat::MonthDayYear];
        let (mut facts, mut distinct) = (Self::default(), BTreeMap::<&str, usize>::new());
        for row in rows {
            let Some(text) = value(row, column) else { continue };
            facts.n_filled += 1;
            *distinct.entry(text).or_default() += 1;
            facts.n_characters += text.chars().count();
            facts.n_spaced += usize::from(text.contains(char::is_whitespace));
            facts.n_codes += usize::from(is_code(text));
            facts.n_nested += usize::from(row.is_list(column) || text.starts_with('{'));
            if let Some(number) = number(text) {
                facts.n_numbers += 1;
                facts.n_whole += usize::from(number.fract() == 0.0);
                let (low, high) = facts.range.unwrap_or((number, number));
                facts.range = Some((low.min(number), high.max(number)));
                let is_count = [1.0, 1e3, 1e6, 1e9].iter().any(|unit| OUR_TIME.contains(&(number / unit)));
                let is_date =
                    || TimeFormat::YearMonthDay.seconds(text).is_some_and(|at| OUR_TIME.contains(&(at as f64)));
                facts.n_counts += usize::from(is_count || is_date());
            } else {
                facts.n_dates += usize::from(calendar.iter().any(|format| format.seconds(text).is_some()));
            }
        }
        facts.n_distinct = distinct.len();
        facts.n_most = distinct.values().copied().max().unwrap_or_default();
        facts
    }

    fn are_most(&self, n: usize) -> bool {
        self.n_filled > 0 && 10 * n >= 9 * self.n_filled
    }

    /// Whether its values are times.
    pub(super) fn is_time(&self) -> bool {
        self.is_date() || self.are_most(self.n_counts)
    }

    /// Whether its values are written as dates, or the file says that they are.
    pub(super) fn is_date(&self) -> bool {
        self.is_typed_time || self.are_most(self.n_dates)
    }

    /// Whether its values are numbers.
    pub(super) fn is_number(&self) -> bool {
        self.are_most(self.n_numbers)
    }

    /// Whether its values can be stars: numbers of which there are few different ones, but more than one.
    pub(super) fn can_be_stars(&self) -> bool {
        let few = 2..=201;
        self.is_number()
            && few.contains(&self.n_distinct)
            && self.range.is_some_and(|(low, high)| low >= -1e3 && high <= 1e3)
    }

    /// Whether they look like stars: few different ones on a small scale.
    pub(super) fn look_like_stars(&self) -> bool {
        let few = 2..=21;
        self.can_be_stars()
            && few.contains(&self.n_distinct)
            && self.range.is_some_and(|(low, high)| low >= 0.0 && high <= 10.0)
    }

    /// Whether its values can name users or items: no times, no long texts, no lists.
    pub(super) fn can_hold_ids(&self) -> bool {
        self.n_distinct > 1
            && self.unreadable.is_none()
            && 2 * self.n_nested < self.n_filled
            && !self.is_date()
            && self.n_characters <= 200 * self.n_filled
    }

    /// Whether they look like ids, whatever the column is called: no fractions either.
    pub(super) fn can_be_id(&self) -> bool {
        self.can_hold_ids() && 10 * (self.n_numbers - self.n_whole) < self.n_filled.max(1)
    }

    /// Whether its values are ISBNs or ASINs.
    pub(super) fn are_codes(&self) -> bool {
        self.are_most(self.n_codes)
    }

    /// Whether most of its values have spaces in them, as titles have.
    pub(super) fn are_phrases(&self) -> bool {
        2 * self.n_spaced > self.n_filled
    }

    /// Whether nearly all its values are the same, so that it says the same of nearly everything.
    pub(super) fn is_nearly_constant(&self) -> bool {
        self.are_most(self.n_most)
    }

    /// Whether its values are categories or numbers, which features can be made of.
    pub(super) fn can_be_feature(&self) -> bool {
        let is_category = self.n_distinct <= 50 && self.n_characters <= 60 * self.n_filled;
        self.n_distinct > 1 && self.n_nested == 0 && self.unreadable.is_none() && (self.is_number() || is_category)
    }
}

/// Whether a text is written as an ISBN of ten characters, with its check digit, or an ASIN.
fn is_code(text: &str) -> bool {
    let is_asin = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    match text.as_bytes() {
        bytes if bytes.len() != 10 => false,
        [b'B', b'0', rest @ ..] => rest.iter().all(is_asin),
        bytes => {
            let digit = |(place, byte): (usize, &u8)| match byte {
                b'0'..=b'9' => Some((10 - place) * usize::from(byte - b'0')),
                b'X' if place == 9 => Some(10),
                _ => None,
            };
            let sum: Option<usize> = bytes.iter().enumerate().map(digit).sum();
            sum.is_some_and(|sum| sum % 11 == 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_code;

    #[test]
    fn an_isbn_has_a_check_digit_and_an_asin_none() {
        assert!(["0439886341", "080442957X", "B00004Z5M1"].into_iter().all(is_code));
        assert!(
            ["0439886342", "1202256000", "B0", "080442957x", "X804429570", "éééééééééé"]
                .into_iter()
                .all(|text| !is_code(text))
        );
    }
}
