//! Parses numbers and times as files write them: with points or commas, as counts since 1970 or as calendar dates.
//!
//! Does not know files, nor which notation a file uses.
//!
//! **Invariant**: a value in another notation than the one in force is refused, never read as something else.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::records::cut;

const DAY: i64 = 86_400;

/// What stands before the fraction of a rating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decimal {
    /// Whichever the first rows use.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// `4.5`
    #[serde(rename = ".")]
    Point,
    /// `4,5`
    #[serde(rename = ",")]
    Comma,
}

impl Decimal {
    /// The number in `text`, or why it is not one.
    pub(crate) fn number(self, text: &str) -> Result<f32, String> {
        let number = match self {
            Self::Comma if text.contains('.') => None,
            Self::Comma => text.replacen(',', ".", 1).parse().ok(),
            Self::Auto | Self::Point => text.parse().ok(),
        };
        number.ok_or_else(|| {
            let shown = cut(text);
            match self {
                Self::Comma if text.parse::<f32>().is_ok() => {
                    format!("rating `{shown}` has a point, and ratings are read with decimal commas (`data.decimal`)")
                }
                Self::Auto | Self::Point if Self::Comma.finite(text).is_some() => {
                    format!("rating `{shown}` has a comma, and ratings are read with decimal points (`data.decimal`)")
                }
                _ => format!("rating `{shown}` is not a number"),
            }
        })
    }

    /// The finite number in `text`; with decimal commas, points are read as well.
    pub(crate) fn finite(self, text: &str) -> Option<f64> {
        match self {
            Self::Comma if !text.contains('.') => finite(&text.replacen(',', ".", 1)),
            _ => finite(text),
        }
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeFormat {
    /// As in the first rows.
    #[default]
    Auto,
    /// Seconds since 1970, UTC.
    Seconds,
    /// Milliseconds since 1970, UTC.
    Milliseconds,
    /// Microseconds since 1970, UTC.
    Microseconds,
    /// Nanoseconds since 1970, UTC.
    Nanoseconds,
    /// `2024-01-31T18:30:00+01:00` or a part of it; UTC where no zone stands.
    #[serde(rename = "iso-8601")]
    Iso8601,
    /// `20240131`, `202401311830` and `20240131183015`
    YearMonthDay,
    /// `31.01.2024 18:30`, `31/01/2024` and `31 Jan 2024`
    DayMonthYear,
    /// `01/31/2024 6:30 PM`, `Jan 31, 2024` and `Wed Jan 31 18:30:15 +0100 2024`
    MonthDayYear,
    /// Days since the end of 1899, as spreadsheets count.
    ExcelDays,
}

/// How many counts a second has, and which counts are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    per_second: i64,
    low: i64,
    high: i64,
}

impl Counter {
    /// The seconds that a count stands for, if it is accepted.
    #[inline]
    pub(crate) fn seconds(self, count: i64) -> Option<i64> {
        if count < self.low || count >= self.high {
            return (count == 0).then_some(0);
        }
        Some(if self.per_second == 1 { count } else { count / self.per_second })
    }
}

/// How a time is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// As a count from 1970.
    Counter(Counter),
    /// As a date of the calendar.
    Calendar(TimeFormat),
}

/// How a file's times are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How they are written, never `Auto`.
    pub format: TimeFormat,
    /// Whether that was concluded from the first rows; then a count that is far from our time in that unit is refused.
    pub is_concluded: bool,
}

impl Default for Times {
    fn default() -> Self {
        Self { format: TimeFormat::Seconds, is_concluded: false }
    }
}

/// Where counts of the next finer unit begin: before 1974 in that unit, after 5138 in this one.
pub(crate) const MILLISECONDS_FROM: i64 = 100_000_000_000;
pub(crate) const MICROSECONDS_FROM: i64 = 1_000 * MILLISECONDS_FROM;
pub(crate) const NANOSECONDS_FROM: i64 = 1_000 * MICROSECONDS_FROM;

impl Times {
    /// How the times are written, with the counts that are accepted.
    pub(crate) fn clock(self) -> Clock {
        let (per_second, low, high) = match self.format {
            TimeFormat::Auto | TimeFormat::Seconds => (1, 0, MILLISECONDS_FROM),
            TimeFormat::Milliseconds => (1_000, MILLISECONDS_FROM, MICROSECONDS_FROM),
            TimeFormat::Microseconds => (1_000_000, MICROSECONDS_FROM, NANOSECONDS_FROM),
            TimeFormat::Nanoseconds => (1_000_000_000, NANOSECONDS_FROM, i64::MAX),
            calendar => return Clock::Calendar(calendar),
        };
        let (low, high) = if self.is_concluded { (low, high) } else { (0, i64::MAX) };
        Clock::Counter(Counter { per_second, low, high })
    }

    /// The seconds since 1970 that `text` means, `None` where it says nothing, or what is wrong with it.
    pub(crate) fn seconds(self, text: &str) -> Result<Option<i64>, String> {
        if text.is_empty() || is_missing(text) {
            return Ok(None);
        }
        let seconds = match self.clock() {
            Clock::Counter(counter) => match text.parse() {
                Ok(count) if count < 0 => Some(-1),
                Ok(count) => counter.seconds(count),
                // Some files write a fraction, which is dropped.
                Err(_) => finite(text).and_then(|count| {
                    let count = count.floor();
                    let fits = count.abs() < i64::MAX as f64;
                    fits.then_some(count as i64)
                        .and_then(|count| if count < 0 { Some(-1) } else { counter.seconds(count) })
                }),
            },
            Clock::Calendar(format) => format.seconds(text),
        };
        match (seconds, self.clock()) {
            (Some(seconds), _) if seconds >= 0 => Ok(Some(seconds)),
            (Some(_), Clock::Counter(_)) => Err(format!("time `{}` is negative", cut(text))),
            (Some(_), Clock::Calendar(_)) => Err(format!("time `{}` lies before 1970", cut(text))),
            (None, _) => Err(format!("time `{}` is not {}", cut(text), self.format.words().0)),
        }
    }
}

impl TimeFormat {
    /// One value of it, and all of them, in words.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Auto | Self::Seconds => ("a number of seconds since 1970", "times in seconds since 1970"),
            Self::Milliseconds => ("a number of milliseconds since 1970", "times in milliseconds since 1970"),
            Self::Microseconds => ("a number of microseconds since 1970", "times in microseconds since 1970"),
            Self::Nanoseconds => ("a number of nanoseconds since 1970", "times in nanoseconds since 1970"),
            Self::Iso8601 => ("an ISO 8601 date or time", "times as ISO 8601, in UTC where no zone stands"),
            Self::YearMonthDay => (
                "a date such as `20240131`",
                "times as year, month and day without separators, and perhaps the time of day, in UTC",
            ),
            Self::DayMonthYear => {
                ("a date such as `31.01.2024 18:30`", "times as day, month, year, in UTC where no zone stands")
            }
            Self::MonthDayYear => {
                ("a date such as `01/31/2024 18:30`", "times as month, day, year, in UTC where no zone stands")
            }
            Self::ExcelDays => {
                ("a number of days as spreadsheets count them", "times as days of a spreadsheet, in UTC")
            }
        }
    }

    /// The seconds since 1970 that `text` means by the calendar, rounded down; `None` where it is written otherwise.
    pub fn seconds(self, text: &str) -> Option<i64> {
        let order = match self {
            Self::Iso8601 => [0, 1, 2],
            Self::DayMonthYear => [2, 1, 0],
            Self::MonthDayYear => [2, 0, 1],
            Self::YearMonthDay => {
                let is_written_so = matches!(text.len(), 8 | 12 | 14) && text.bytes().all(|byte| byte.is_ascii_digit());
                return is_written_so.then(|| without_separators(text.get(..8)?, text.get(8..)?)).flatten();
            }
            Self::ExcelDays => {
                // Day 25569 is 1970-01-01; from March 1900 on all spreadsheets agree. They keep milliseconds.
                let days = finite(text).filter(|days| (61.0..2_958_466.0).contains(days))?;
                return Some(((days - 25_569.0) * 86_400_000.0).round().div_euclid(1_000.0) as i64);
            }
            _ => return None,
        };
        let tidied =
            if text.starts_with(|c: char| c.is_ascii_alphabetic()) { without_weekday(text) } else { text.into() };
        let text = &*tidied;
        let Some((date, rest)) = date(text) else {
            // ISO 8601 also has a form without separators: `20240131T183015Z`.
            let (date, rest) = text.split_once(['T', 't']).filter(|_| self == Self::Iso8601)?;
            return without_separators(date, rest);
        };
        let [year, month, day] = order.map(|place: usize| date[place]);
        // A year has four digits, and a month alone may have a name, so that no order is taken for another.
        let is_right = |place: usize| match date[place].1 {
            NAMED => place == order[1],
            n_digits => (place == order[0]) == (n_digits == 4),
        };
        if !(0..3).all(is_right) {
            return None;
        }
        let days = days(year.0, month.0, day.0)?;
        let (second, zone) = time_of_day(rest)?;
        Some(days * DAY + second - zone)
    }
}

/// The seconds since 1970 of a date of eight digits and a time of day of none, four or six, which a fraction and a zone
/// may follow.
fn without_separators(date: &str, time: &str) -> Option<i64> {
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().ok(),
        false => None,
    };
    let date = Some(date).filter(|date| date.len() == 8)?;
    let days = days(number(date.get(..4)?)?, number(date.get(4..6)?)?, number(date.get(6..)?)?)?;
    let n_digits = time.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = time.split_at(n_digits);
    let colons = match n_digits {
        0 if rest.is_empty() => return Some(days * DAY),
        4 => format!(" {}:{}{rest}", &digits[..2], &digits[2..]),
        6 => format!(" {}:{}:{}{rest}", &digits[..2], &digits[2..4], &digits[4..]),
        _ => return None,
    };
    time_of_day(&colons).map(|(second, zone)| days * DAY + second - zone)
}

/// Months and days of the week in English; three letters tell them apart.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The number of digits of a month that is written as a name.
const NAMED: usize = 0;

/// The letters that a text begins with, and which of `names` they are, or the beginning of, from three letters on.
fn named(text: &str, names: &[&str]) -> Option<(usize, usize)> {
    let n = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let is = |name: &&str| name.get(..n).is_some_and(|start| start.eq_ignore_ascii_case(&text[..n]));
    names.iter().position(|name| n >= 3 && is(name)).map(|at| (at, n))
}

/// `text` without the day of the week that it begins with; a year at its very end, where C's `ctime` has it, is moved
/// behind the day: `Wed Jan 31 18:30:15 +0100 2024` becomes `Jan 31 2024 18:30:15 +0100`.
fn without_weekday(text: &str) -> Cow<'_, str> {
    let Some((_, n)) = named(text, &WEEKDAYS) else { return text.into() };
    let text = text[n..].trim_start_matches([',', '.']).trim_start();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words[..] {
        [month, day, time, year] if time.contains(':') => format!("{month} {day} {year} {time}").into(),
        [month, day, time, zone, year] if time.contains(':') => format!("{month} {day} {year} {time} {zone}").into(),
        _ => text.into(),
    }
}

/// The three numbers that a date begins with, each with its number of digits, and what follows.
fn date(text: &str) -> Option<([(i64, usize); 3], &str)> {
    let mut rest = text;
    let mut numbers = [(0, 0); 3];
    for (place, number) in numbers.iter_mut().enumerate() {
        let n = rest.bytes().take_while(u8::is_ascii_digit).count();
        let n = match n {
            0 => {
                let (month, n) = named(rest, &MONTHS)?;
                *number = (month as i64 + 1, NAMED);
                n
            }
            1..=4 => {
                *number = (rest[..n].parse().ok()?, n);
                n
            }
            _ => return None,
        };
        rest = &rest[n..];
        if place < 2 {
            let after = rest.trim_start_matches(", ").trim_start_matches(['-', '.', '/', ' ']);
            if rest.len() == after.len() || rest.len() - after.len() > 2 {
                return None;
            }
            rest = after;
        }
    }
    Some((numbers, rest))
}

/// The second of the day in `text`, which follows a date, and the seconds by which its zone is ahead of UTC.
fn time_of_day(text: &str) -> Option<(i64, i64)> {
    if text.is_empty() {
        return Some((0, 0));
    }
    let rest = text.strip_prefix(['T', 't', ' ']).or_else(|| text.strip_prefix(", "))?.trim_start();
    let (hour, rest) = two_digits(rest)?;
    let (minute, rest) = two_digits(rest.strip_prefix(':')?)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => two_digits(rest)?,
        None => (0, rest),
    };
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            Some(after).filter(|after| after.len() < fraction.len())?
        }
        None => rest,
    };
    let rest = rest.trim_start();
    let half =
        |mark: &str| rest.get(..2).filter(|text| text.eq_ignore_ascii_case(mark)).map(|_| rest[2..].trim_start());
    let (hour, rest) = match (half("AM"), half("PM")) {
        (Some(rest), _) if (1..=12).contains(&hour) => (hour % 12, rest),
        (_, Some(rest)) if (1..=12).contains(&hour) => (hour % 12 + 12, rest),
        (None, None) => (hour, rest),
        _ => return None,
    };
    // A leap second is read as the second before it.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((hour * 3_600 + minute * 60 + second.min(59), zone(rest)?))
}

/// A number of one or two digits, and what follows.
fn two_digits(text: &str) -> Option<(i64, &str)> {
    let n = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    text[..n].parse().ok().map(|number| (number, &text[n..]))
}

/// The seconds by which a zone is ahead of UTC.
fn zone(text: &str) -> Option<i64> {
    let ahead = match text {
        "" | "Z" | "z" | "UTC" | "GMT" => return Some(0),
        text if text.starts_with('+') => 1,
        text if text.starts_with('-') => -1,
        _ => return None,
    };
    let (hours, rest) = two_digits(&text[1..])?;
    let (minutes, rest) = match rest.strip_prefix(':').unwrap_or(rest) {
        "" => (0, ""),
        rest => two_digits(rest)?,
    };
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(ahead * (hours * 3_600 + minutes * 60))
}

/// The days from 1970 to a date of the Gregorian calendar, if that date exists. Howard Hinnant's algorithm,
/// "chrono-Compatible Low-Level Date Algorithms", 2021.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The finite number in `text`.
pub(crate) fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether a text is one of the words that programs write for a missing value.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(text, "NA" | "NULL" | "null" | "None" | "NaN" | "nan" | "NaT" | "<NA>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_kind() {
        let cases = [
            (TimeFormat::Iso8601, "1970-01-01", Some(0)),
            (TimeFormat::Iso8601, "2024-02-29T12:30:15Z", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "2024-02-29 12:30:15.999999", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "2024-02-29 13:30:15+01", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "2024-02-29T07:00:15-05:30", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "2024-02-29T12:30:15.000000+0000", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "2024-02-29 12:30:15 UTC", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "2024/2/29 12:30", Some(1_709_209_800)),
            (TimeFormat::Iso8601, "1969-12-31 23:59:59.5", Some(-1)),
            (TimeFormat::Iso8601, "2023-02-29", None),
            (TimeFormat::Iso8601, "2024-02-29T25:00", None),
            (TimeFormat::Iso8601, "2024-02-29x", None),
            (TimeFormat::Iso8601, "29.02.2024", None),
            (TimeFormat::Iso8601, "24-02-29", None),
            (TimeFormat::YearMonthDay, "20240229", Some(1_709_164_800)),
            (TimeFormat::YearMonthDay, "20241301", None),
            (TimeFormat::YearMonthDay, "202402291230", Some(1_709_209_800)),
            (TimeFormat::YearMonthDay, "20240229123015", Some(1_709_209_815)),
            (TimeFormat::YearMonthDay, "20240229256000", None),
            (TimeFormat::YearMonthDay, "2024022912", None),
            (TimeFormat::Iso8601, "20240229T123015Z", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "20240229T1330+01", Some(1_709_209_800)),
            (TimeFormat::Iso8601, "20240229T123015.5", Some(1_709_209_815)),
            (TimeFormat::Iso8601, "20240229", None),
            (TimeFormat::Iso8601, "2024é229T12", None),
            (TimeFormat::DayMonthYear, "29.02.2024 12:30", Some(1_709_209_800)),
            (TimeFormat::DayMonthYear, "29/2/2024", Some(1_709_164_800)),
            (TimeFormat::DayMonthYear, "2024-02-29", None),
            (TimeFormat::MonthDayYear, "2/29/2024 12:30:15 PM", Some(1_709_209_815)),
            (TimeFormat::MonthDayYear, "02 29, 2024", Some(1_709_164_800)),
            (TimeFormat::MonthDayYear, "2/29/2024 0:30 PM", None),
            (TimeFormat::DayMonthYear, "29 Feb 2024, 12:30", Some(1_709_209_800)),
            (TimeFormat::DayMonthYear, "Thu, 29 Feb 2024 13:30:15 +0100", Some(1_709_209_815)),
            (TimeFormat::DayMonthYear, "29-feb-2024", Some(1_709_164_800)),
            (TimeFormat::DayMonthYear, "Feb 29 2024", None),
            (TimeFormat::MonthDayYear, "February 29, 2024", Some(1_709_164_800)),
            (TimeFormat::MonthDayYear, "Thu Feb 29 13:30:15 +0100 2024", Some(1_709_209_815)),
            (TimeFormat::MonthDayYear, "Thu Feb 29 12:30:15 2024", Some(1_709_209_815)),
            (TimeFormat::MonthDayYear, "29 Feb 2024", None),
            (TimeFormat::MonthDayYear, "Fe 29, 2024", None),
            (TimeFormat::MonthDayYear, "Februari 29, 2024", None),
            (TimeFormat::MonthDayYear, "Feb 29 é 2024", None),
            (TimeFormat::ExcelDays, "45351.5210069444", Some(1_709_209_815)),
            (TimeFormat::ExcelDays, "now", None),
        ];
        for (format, text, seconds) in cases {
            assert_eq!(format.seconds(text), seconds, "{text}");
        }
    }

    #[test]
    fn counts_of_another_unit_are_refused_where_the_unit_was_concluded() {
        let concluded = |format| Times { format, is_concluded: true };
        assert_eq!(concluded(TimeFormat::Milliseconds).seconds("1709209815999"), Ok(Some(1_709_209_815)));
        assert_eq!(concluded(TimeFormat::Nanoseconds).seconds("1709209815999999999"), Ok(Some(1_709_209_815)));
        assert_eq!(concluded(TimeFormat::Milliseconds).seconds("0"), Ok(Some(0)));
        let why = concluded(TimeFormat::Milliseconds).seconds("1709209815").unwrap_err();
        assert_eq!(why, "time `1709209815` is not a number of milliseconds since 1970");
        assert!(concluded(TimeFormat::Seconds).seconds("1709209815000").is_err());
        assert_eq!(Times::default().seconds("1709209815000"), Ok(Some(1_709_209_815_000)));
        assert_eq!(Times::default().seconds("NA"), Ok(None));
    }

    #[test]
    fn points_and_commas_are_never_taken_for_each_other() {
        assert_eq!(Decimal::Comma.number("4,5"), Ok(4.5));
        assert_eq!(Decimal::Comma.number("4"), Ok(4.0));
        assert_eq!(Decimal::Point.number("4.5"), Ok(4.5));
        for (decimal, text) in [(Decimal::Comma, "4.5"), (Decimal::Point, "4,5"), (Decimal::Comma, "1.234,5")] {
            let why = decimal.number(text).unwrap_err();
            assert!(why.starts_with(&format!("rating `{text}` ")), "{why}");
        }
    }
}
