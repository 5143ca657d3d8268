//! Detects from the first rows how ratings and times are written.
//!
//! Does not know where the rows come from.
//!
//! **Invariant**: what could be read in two ways is an obstacle, not a guess.

use crate::records::{Records, Row, cut};
use crate::values::{
    Decimal, MICROSECONDS_FROM, MILLISECONDS_FROM, NANOSECONDS_FROM, TimeFormat, Times, finite, is_missing,
};
use crate::{DataError, Obstacle};

/// How many rows are examined.
const ROWS: u64 = 10_000;

/// Looks at the rating and the time of each of the first rows, and concludes how they are written.
pub(super) fn look(
    records: &mut dyn Records,
    [rating, time]: [&str; 2],
    decimal: Decimal,
    format: TimeFormat,
    obstacles: &mut Vec<Obstacle>,
) -> Result<(Decimal, Times), DataError> {
    let (mut ratings, mut times) = (Ratings::default(), Ways::default());
    let mut row = Row::default();
    for _ in 0..ROWS {
        if !records.read(&mut row)? {
            break;
        }
        if row.problem().is_some() {
            continue;
        }
        let seen = |field: usize| Some(row.get(field)).filter(|text| !text.is_empty() && !is_missing(text));
        seen(0).into_iter().for_each(|text| ratings.note(text, row.line()));
        seen(1).into_iter().for_each(|text| times.note(text, row.line()));
    }
    let decimal = match decimal {
        Decimal::Auto => ratings.conclude(rating, obstacles),
        stated => stated,
    };
    let times = match format {
        TimeFormat::Auto => Times { format: times.conclude(time, obstacles), is_concluded: true },
        stated => Times { format: stated, is_concluded: false },
    };
    Ok((decimal, times))
}

/// The first value of a kind, how many there are, and where the first stands.
#[derive(Default)]
struct Seen {
    n: u64,
    first: String,
    line: u64,
}

impl Seen {
    fn note(&mut self, text: &str, line: u64) {
        if self.n == 0 {
            (self.first, self.line) = (cut(text).into_owned(), line);
        }
        self.n += 1;
    }

    /// The first one, as a message shows it.
    fn shown(&self) -> String {
        format!("`{}` (line {})", self.first, self.line)
    }
}

/// What ratings look like.
#[derive(Default)]
struct Ratings {
    points: Seen,
    commas: Seen,
    /// Commas with three digits behind them, which may set thousands apart.
    thousands: Seen,
    others: Seen,
    whole: u64,
}

impl Ratings {
    fn note(&mut self, text: &str, line: u64) {
        let comma = text.split_once(',');
        let is_comma = |(whole, part): (&str, &str)| {
            let whole = whole.trim_start_matches(['-', '+']);
            [whole, part].iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) && !part.is_empty()
        };
        match comma {
            Some((whole, part))
                if is_comma((whole, part)) && part.len() == 3 && whole.trim_start_matches('-') != "0" =>
            {
                self.thousands.note(text, line);
            }
            Some(halves) if is_comma(halves) => self.commas.note(text, line),
            _ if finite(text).is_none() => self.others.note(text, line),
            _ if text.contains('.') => self.points.note(text, line),
            _ => self.whole += 1,
        }
    }

    fn conclude(&self, column: &str, obstacles: &mut Vec<Obstacle>) -> Decimal {
        let n_numbers = self.points.n + self.commas.n + self.thousands.n + self.whole;
        if self.others.n > n_numbers {
            obstacles.push(Obstacle {
                what: format!("ratings in `{column}` are not numbers: {}", self.others.shown()),
                hint: "`data.columns.rating` names a column of numbers; without one every row is an event".to_owned(),
            });
        }
        if self.thousands.n > 0 && self.commas.n == 0 {
            obstacles.push(Obstacle {
                what: format!(
                    "ratings in `{column}` have commas that stand before a fraction or set thousands apart: {}",
                    self.thousands.shown()
                ),
                hint: "`data.decimal = \",\"`, or write thousands without commas".to_owned(),
            });
        } else if self.commas.n > 0 && self.points.n > 0 {
            obstacles.push(Obstacle {
                what: format!(
                    "ratings in `{column}` have points and commas: {} and {}",
                    self.points.shown(),
                    self.commas.shown()
                ),
                hint: "`data.decimal = \".\"` or `data.decimal = \",\"`; rows with the other are refused".to_owned(),
            });
        }
        if self.commas.n > 0 { Decimal::Comma } else { Decimal::Point }
    }
}

/// What times look like.
#[derive(Default)]
struct Ways {
    counts: [Seen; 4],
    /// Of the counts: dates of eight digits, and of twelve or fourteen with the time of day.
    dates: Seen,
    /// Years and months.
    parts_of_dates: Seen,
    /// Days of a spreadsheet from 1980 on, and those with a fraction.
    days: Seen,
    parts_of_days: u64,
    /// Counts that are neither dates nor days.
    plain: Seen,
    iso: Seen,
    day_first: Seen,
    month_first: Seen,
    /// Dates that can be read either way.
    either: Seen,
    others: Seen,
}

const UNITS: [TimeFormat; 4] =
    [TimeFormat::Seconds, TimeFormat::Milliseconds, TimeFormat::Microseconds, TimeFormat::Nanoseconds];

impl Ways {
    fn note(&mut self, text: &str, line: u64) {
        /// The days of 1980 and 2100.
        const DAYS: std::ops::Range<f64> = 29_221.0..73_051.0;
        if let Some(count) = finite(text) {
            let size = count.abs();
            // Zero is the same in every unit.
            if size > 0.0 {
                let from = [MILLISECONDS_FROM, MICROSECONDS_FROM, NANOSECONDS_FROM];
                let unit = from.iter().filter(|from| size >= **from as f64).count();
                self.counts[unit].note(text, line);
                let is_date =
                    TimeFormat::YearMonthDay.seconds(text).is_some_and(|time| (0..4_102_444_800).contains(&time));
                match is_date {
                    true => self.dates.note(text, line),
                    false if is_part_of_date(text) => self.parts_of_dates.note(text, line),
                    false if DAYS.contains(&count) => {
                        self.days.note(text, line);
                        self.parts_of_days += u64::from(count.fract() != 0.0);
                    }
                    false => self.plain.note(text, line),
                }
            }
            return;
        }
        let reads = |format: TimeFormat| format.seconds(text).is_some();
        let has_points = text.bytes().take(3).any(|byte| byte == b'.');
        let seen = match (reads(TimeFormat::DayMonthYear), reads(TimeFormat::MonthDayYear)) {
            _ if reads(TimeFormat::Iso8601) => &mut self.iso,
            (true, _) if has_points => &mut self.day_first,
            (true, true) => &mut self.either,
            (true, false) => &mut self.day_first,
            (false, true) => &mut self.month_first,
            (false, false) => &mut self.others,
        };
        seen.note(text, line);
    }

    fn conclude(&self, column: &str, obstacles: &mut Vec<Obstacle>) -> TimeFormat {
        let n_dates = self.day_first.n + self.month_first.n + self.either.n;
        let n_counts = self.counts.iter().map(|seen| seen.n).sum();
        let most = [n_counts, self.iso.n, n_dates, self.others.n].into_iter().max().unwrap_or_default();
        let mut refuse = |what: String, hint: &str| obstacles.push(Obstacle { what, hint: hint.to_owned() });
        if most == 0 {
            TimeFormat::Seconds
        } else if n_counts == most {
            self.conclude_counts(column, n_counts, &mut refuse)
        } else if self.iso.n == most {
            TimeFormat::Iso8601
        } else if n_dates == most {
            let either = "`data.time_format = \"day-month-year\"` or `data.time_format = \"month-day-year\"`";
            match (self.day_first.n, self.month_first.n) {
                (0, 0) => refuse(
                    format!("dates in `{column}` have the day first or the month: {}", self.either.shown()),
                    either,
                ),
                (0, _) => return TimeFormat::MonthDayYear,
                (_, 0) => {}
                _ => {
                    let (day, month) = (self.day_first.shown(), self.month_first.shown());
                    refuse(
                        format!("dates in `{column}` have the day first and the month first: {day} and {month}"),
                        either,
                    );
                }
            }
            TimeFormat::DayMonthYear
        } else {
            refuse(
                format!("times in `{column}` are written in no known way: {}", self.others.shown()),
                "write them as `2024-01-31 18:30:00` or in seconds since 1970; `data.time_format` lists what is known",
            );
            TimeFormat::Seconds
        }
    }

    /// Concludes what times mean that are written as numbers.
    fn conclude_counts(&self, column: &str, n_counts: u64, refuse: &mut dyn FnMut(String, &str)) -> TimeFormat {
        let are_all = |seen: &Seen| seen.n == n_counts;
        let are_most = |seen: &Seen| 2 * seen.n > n_counts;
        let others = [&self.plain, &self.days, &self.parts_of_dates];
        let unlike = |seen: &Seen| {
            let other =
                others.iter().filter(|other| other.n > 0 && other.first != seen.first).min_by_key(|other| other.line);
            other.map(|other| format!(", and others are not: {}", other.shown())).unwrap_or_default()
        };
        if are_all(&self.dates) {
            return TimeFormat::YearMonthDay;
        }
        if are_all(&self.days) && self.parts_of_days > 0 {
            return TimeFormat::ExcelDays;
        }
        if are_most(&self.dates) {
            refuse(
                format!("most times in `{column}` are dates, such as {}{}", self.dates.shown(), unlike(&self.dates)),
                "`data.time_format = \"year-month-day\"` if all are; rows with others are refused",
            );
        } else if are_most(&self.parts_of_dates) {
            refuse(
                format!("times in `{column}` look like years or months: {}", self.parts_of_dates.shown()),
                "write whole dates, e.g. `2024-01-01`; or `data.time_format = \"seconds\"` if they count from 1970",
            );
        } else if are_most(&self.days) {
            refuse(
                format!(
                    "times in `{column}` are days of a spreadsheet or seconds of the first day of 1970: {}{}",
                    self.days.shown(),
                    unlike(&self.days)
                ),
                "`data.time_format = \"excel-days\"` or `data.time_format = \"seconds\"`",
            );
        }
        let unit = self.counts.iter().enumerate().max_by_key(|(unit, seen)| (seen.n, 4 - unit));
        unit.map_or(TimeFormat::Seconds, |(unit, _)| UNITS[unit])
    }
}

/// Whether a number is a year, or a year and a month without a separator.
fn is_part_of_date(text: &str) -> bool {
    let year = text.get(..4).and_then(|year| year.parse::<u32>().ok());
    let month = text.get(4..).and_then(|month| month.parse::<u32>().ok());
    let is_year = year.is_some_and(|year| (1900..2100).contains(&year));
    is_year && (text.len() == 4 || text.len() == 6 && month.is_some_and(|month| (1..=12).contains(&month)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(texts: &[&str]) -> Result<TimeFormat, String> {
        let (mut ways, mut obstacles) = (Ways::default(), Vec::new());
        texts.iter().zip(2..).for_each(|(text, line)| ways.note(text, line));
        let format = ways.conclude("t", &mut obstacles);
        obstacles.pop().map_or(Ok(format), |obstacle| Err(obstacle.what))
    }

    fn decimal(texts: &[&str]) -> Result<Decimal, String> {
        let (mut ratings, mut obstacles) = (Ratings::default(), Vec::new());
        texts.iter().zip(2..).for_each(|(text, line)| ratings.note(text, line));
        let decimal = ratings.conclude("r", &mut obstacles);
        obstacles.pop().map_or(Ok(decimal), |obstacle| Err(obstacle.what))
    }

    #[test]
    fn times_are_told_by_their_size_or_their_form() {
        assert_eq!(times(&["1700000000", "5"]), Ok(TimeFormat::Seconds));
        assert_eq!(times(&["1700000000000", "0"]), Ok(TimeFormat::Milliseconds));
        assert_eq!(times(&["1700000000000000"]), Ok(TimeFormat::Microseconds));
        assert_eq!(times(&["1700000000000000000"]), Ok(TimeFormat::Nanoseconds));
        assert_eq!(times(&["20240131", "19991231"]), Ok(TimeFormat::YearMonthDay));
        assert_eq!(times(&["45322.75", "45323"]), Ok(TimeFormat::ExcelDays));
        assert_eq!(times(&["2024-01-31", "2024-01-31T18:30:00Z"]), Ok(TimeFormat::Iso8601));
        assert_eq!(times(&["01.02.2024 18:30"]), Ok(TimeFormat::DayMonthYear));
        assert_eq!(times(&["01/02/2024", "31/01/2024"]), Ok(TimeFormat::DayMonthYear));
        assert_eq!(times(&["01/02/2024", "01/31/2024"]), Ok(TimeFormat::MonthDayYear));
        assert_eq!(times(&["09 13, 2009"]), Ok(TimeFormat::MonthDayYear));
        assert_eq!(times(&[]), Ok(TimeFormat::Seconds));
        assert_eq!(times(&["20240131183015", "202401311830", "20240131"]), Ok(TimeFormat::YearMonthDay));
        assert_eq!(times(&["20240131T183000Z"]), Ok(TimeFormat::Iso8601));
        assert_eq!(times(&["100", "2000", "50000", "300000"]), Ok(TimeFormat::Seconds), "counted from a beginning");
    }

    #[test]
    fn one_odd_value_flips_nothing() {
        let refused = |texts| times(texts).unwrap_err();
        assert_eq!(
            refused(&["20240131", "20240230", "20240101"]),
            "most times in `t` are dates, such as `20240131` (line 2), and others are not: `20240230` (line 3)"
        );
        assert_eq!(
            refused(&["45322.75", "45323", "7"]),
            "times in `t` are days of a spreadsheet or seconds of the first day of 1970: `45322.75` (line 2), and others are not: `7` (line 4)"
        );
        assert_eq!(refused(&["2019", "2020"]), "times in `t` look like years or months: `2019` (line 2)");
        assert_eq!(refused(&["202401", "202402", "5"]), "times in `t` look like years or months: `202401` (line 2)");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_an_obstacle() {
        let refused = |texts| times(texts).unwrap_err();
        assert_eq!(refused(&["01/02/2024"]), "dates in `t` have the day first or the month: `01/02/2024` (line 2)");
        assert!(refused(&["31/01/2024", "01/31/2024"]).ends_with("`31/01/2024` (line 2) and `01/31/2024` (line 3)"));
        assert!(refused(&["45322"]).contains("days of a spreadsheet or seconds"));
        assert_eq!(refused(&["yesterday"]), "times in `t` are written in no known way: `yesterday` (line 2)");
    }

    #[test]
    fn decimals_are_told_by_what_stands_before_the_fraction() {
        assert_eq!(decimal(&["4", "4,5"]), Ok(Decimal::Comma));
        assert_eq!(decimal(&["4", "4.5"]), Ok(Decimal::Point));
        assert_eq!(decimal(&["4", "0,125"]), Ok(Decimal::Comma));
        assert!(decimal(&["1,250"]).unwrap_err().contains("set thousands apart: `1,250` (line 2)"));
        assert!(decimal(&["4.5", "4,5"]).unwrap_err().contains("points and commas: `4.5` (line 2) and `4,5` (line 3)"));
        assert!(decimal(&["good", "4"]).is_ok());
        assert!(decimal(&["good", "bad"]).unwrap_err().contains("not numbers: `good` (line 2)"));
    }
}
