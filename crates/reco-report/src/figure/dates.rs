//! Draws the number of ratings over time.
//!
//! Does not know time zones: days are those of UTC.
//!
//! **Invariant**: every bar spans as many days as the others, so that their heights can be compared.

use super::chart::{Axis, Plot, Scale, TITLE, WIDTH, titled, whole};
use crate::cells::count;
use crate::{Counts, Drawing};

/// The most bars.
const MOST_BARS: i64 = 120;

/// The spans that a bar may have, in days, with the names that people use.
const SPANS: [(i64, &str); 6] =
    [(1, "day"), (7, "week"), (28, "4 weeks"), (91, "quarter"), (365, "year"), (3652, "decade")];

/// Ratings by day, week, month or more, whatever gives a readable number of bars.
pub(super) fn over_time(counts: &Counts) -> Option<Drawing> {
    let (&(first, _), &(last, _)) = (counts.days.first()?, counts.days.last()?);
    let (span, unit) =
        SPANS.into_iter().find(|(span, _)| (last - first) / span < MOST_BARS).unwrap_or(SPANS[SPANS.len() - 1]);
    let n_bars = ((last - first) / span + 1) as usize;
    let mut bars = vec![0_usize; n_bars];
    for (day, n) in &counts.days {
        bars[((day - first) / span) as usize] += n;
    }
    let total: usize = bars.iter().sum();
    let most = bars.iter().copied().max().unwrap_or(0);
    let description = format!(
        "Ratings per {unit}, from {} to {}: {} in all, {} in the fullest {unit}.",
        date(first),
        date(last),
        count(total),
        count(most)
    );
    let title = format!("Ratings per {unit}");
    let mut canvas = titled(&title, 212.0);
    let end = first + span * n_bars as i64;
    let x = Axis { scale: Scale::Linear(first as f64, end as f64), title: "", ticks: 0, format: &whole };
    let y = Axis { scale: Scale::Linear(0.0, most as f64 * 1.05), title: "ratings", ticks: 5, format: &whole };
    let mut plot = Plot::new(&mut canvas, [0.0, TITLE, WIDTH - 20.0, 212.0], &x, &y);
    let gap = if n_bars < 60 { 0.08 * span as f64 } else { 0.0 };
    let from = |bar: usize| (first + span * bar as i64) as f64;
    plot.bars(bars.iter().enumerate().map(|(bar, n)| (from(bar) + gap, from(bar + 1) - gap, *n as f64)));
    for (day, label) in ticks(first, end) {
        plot.below(day as f64, &label);
    }
    Some(canvas.finish("ratings-over-time", &title, &description))
}

/// Beginnings of days, months or years between the two days, at most six, with their labels.
fn ticks(first: i64, end: i64) -> Vec<(i64, String)> {
    let starts = |months: i64| {
        let (year, month, _) = civil(first);
        let from = (year * 12 + month - 1).div_euclid(months) * months;
        let starts = (0..).map(move |at| from + at * months).map(move |month| {
            let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
            let label = if months % 12 == 0 { format!("{year}") } else { format!("{year}-{month:02}") };
            (days(year, month, 1), label)
        });
        starts.skip_while(move |(day, _)| *day < first).take_while(move |(day, _)| *day < end)
    };
    for months in [1, 3, 6, 12, 24, 60, 120, 300, 1200] {
        let found: Vec<_> = starts(months).take(7).collect();
        if (2..=6).contains(&found.len()) {
            return found;
        }
    }
    // The span is too short for two months, or too long for the longest step.
    let step = ((end - first) / 4).max(1);
    (0..4).map(|at| first + at * step).filter(|day| *day < end).map(|day| (day, date(day))).collect()
}

fn date(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year}-{month:02}-{day:02}")
}

/// Year, month and day of a day since 1970 in the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The day since 1970 of a date: `days_from_civil` of the same.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates_and_back() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(date(10_124), "1997-09-20"); // the first day of MovieLens 100K
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(11_016), (2000, 2, 29));
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn ticks_are_few_and_at_beginnings() {
        let labels = |first, end| ticks(first, end).into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        let (september, april) = (days(1997, 9, 20), days(1998, 4, 23));
        assert_eq!(labels(september, april), ["1997-10", "1998-01", "1998-04"]);
        assert_eq!(labels(days(1996, 3, 29), days(2018, 9, 24)), ["2000", "2005", "2010", "2015"]);
        assert_eq!(
            labels(days(2020, 1, 5), days(2020, 1, 9)),
            ["2020-01-05", "2020-01-06", "2020-01-07", "2020-01-08"]
        );
    }
}
