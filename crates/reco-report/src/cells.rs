//! Formats numbers for the cells of tables.
//!
//! Does not know which table.
//!
//! **Invariant**: a cell never needs more than a dozen characters, and what does not apply is `–`.

use reco_eval::Column;
use reco_eval::metric::Better;

/// The cell of a value that does not apply.
pub(crate) const NOTHING: &str = "–";

/// The text of `value`; [`NOTHING`] where there is none.
pub(crate) fn or_nothing<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), text)
}

/// The heading of a column, with an arrow where lower values are better.
pub(crate) fn heading(column: &Column, better: Better) -> String {
    format!("{column}{}", if better == Better::Lower { DOWN } else { "" })
}

/// Marks a column in which lower values are better.
pub(crate) const DOWN: &str = " ↓";

/// A metric: four decimals.
pub(crate) fn metric(value: Option<f64>) -> String {
    or_nothing(value, |value| format!("{value:.4}"))
}

/// A metric with its deviation over repetitions, where it was repeated.
pub(crate) fn repeated(value: Option<f64>, deviation: Option<f64>) -> String {
    let deviation = deviation.map_or_else(String::new, |deviation| format!(" ±{deviation:.4}"));
    metric(value) + &deviation
}

/// Seconds: hundredths while they matter.
pub(crate) fn seconds(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// Stars as one writes them: `5`, `3.5`.
pub(crate) fn stars(value: f64) -> String {
    format!("{}", (value * 1000.0).round() / 1000.0)
}

/// A count with its thousands apart: `1,243,321`.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "1,243,321"],
            [0, 999, 1000, 1_243_321].map(count).each_ref().map(String::as_str)
        );
        assert_eq!([metric(None), metric(Some(0.123_45)), metric(Some(2.0))], ["–", "0.1235", "2.0000"]);
        assert_eq!([stars(5.0), stars(3.5), stars(0.1 + 0.2)], ["5", "3.5", "0.3"]);
        assert_eq!([seconds(0.001), seconds(99.994), seconds(123.4)], ["0.00", "99.99", "123"]);
    }
}
