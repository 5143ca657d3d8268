//! Is this row a rating?
//!
//! Does not know the file or the line.
//!
//! **Invariant**: what passes has a user, an item, a rating on the scale (or none, where none may be missing: an event), and
//! a time that is not negative (or none).

use reco_core::RatingScale;

use crate::records::Row;

/// Where the fields of a rating stand, see [`Source`](crate::Source).
pub(super) const USER: usize = 0;
pub(super) const ITEM: usize = 1;
pub(super) const RATING: usize = 2;
pub(super) const TIMESTAMP: usize = 3;
pub(super) const EXTRA: usize = 4;

/// What rows are checked against.
pub(super) struct Checks {
    /// The stars that a rating can have; `None`: not known yet, any finite number passes.
    pub(super) scale: Option<RatingScale>,
    /// Whether a row without a rating is bad.
    pub(super) is_rated: bool,
}

/// The numbers of a row that passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Checked {
    pub(super) rating: Option<f32>,
    pub(super) timestamp: Option<i64>,
}

impl Checks {
    /// The row's numbers, or what is wrong with it.
    pub(super) fn check(&self, row: &Row) -> Result<Checked, String> {
        if let Some(problem) = row.problem() {
            return Err(problem.to_owned());
        }
        if row.get(USER).is_empty() {
            return Err("it names no user".to_owned());
        }
        if row.get(ITEM).is_empty() {
            return Err("it names no item".to_owned());
        }
        Ok(Checked { rating: self.rating(row.get(RATING))?, timestamp: timestamp(row.get(TIMESTAMP))? })
    }

    fn rating(&self, text: &str) -> Result<Option<f32>, String> {
        if text.is_empty() {
            return if self.is_rated { Err("it has no rating".to_owned()) } else { Ok(None) };
        }
        let rating: f32 = text.parse().map_err(|_| format!("rating `{text}` is no number"))?;
        match self.scale {
            Some(scale) => scale.rating(rating).map(|rating| Some(rating.stars())).map_err(|error| error.to_string()),
            None if rating.is_finite() => Ok(Some(rating)),
            None => Err(format!("rating `{text}` is not finite")),
        }
    }
}

/// Seconds since 1970; a fraction, which some files write, is cut off.
pub(super) fn timestamp(text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let seconds = text.parse().ok().or_else(|| {
        let seconds = finite(text)?.floor();
        (seconds.abs() < i64::MAX as f64).then_some(seconds as i64)
    });
    match seconds {
        None => Err(format!("time `{text}` is no number of seconds since 1970")),
        Some(seconds) if seconds < 0 => Err(format!("time `{text}` is negative")),
        Some(seconds) => Ok(Some(seconds)),
    }
}

/// The finite number that `text` is.
pub(super) fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scale: Option<RatingScale>, is_rated: bool, fields: [&str; 4]) -> Result<Checked, String> {
        let mut row = Row::default();
        row.begin(1);
        for field in fields {
            row.push(field);
        }
        Checks { scale, is_rated }.check(&row)
    }

    #[test]
    fn good_rows_pass() {
        let stars = RatingScale::new(0.5, 5.0).ok();
        let whole = Checked { rating: Some(4.5), timestamp: Some(964_982_703) };
        assert_eq!(check(stars, true, ["1", "2", " 4.5", "964982703"]), Ok(whole));
        assert_eq!(check(stars, true, ["1", "2", "4.5", "9.64982703e8"]), Ok(whole));
        assert_eq!(check(None, false, ["u", "i", "", ""]), Ok(Checked { rating: None, timestamp: None }));
        assert_eq!(check(None, false, ["u", "i", "-12", "0"]).map(|checked| checked.rating), Ok(Some(-12.0)));
    }

    #[test]
    fn bad_rows_say_why() {
        let stars = RatingScale::new(0.5, 5.0).ok();
        let why = |fields| check(stars, true, fields).unwrap_err();
        assert_eq!(why(["", "2", "4", "0"]), "it names no user");
        assert_eq!(why(["1", " ", "4", "0"]), "it names no item");
        assert_eq!(why(["1", "2", "", "0"]), "it has no rating");
        assert_eq!(why(["1", "2", "four", "0"]), "rating `four` is no number");
        assert_eq!(why(["1", "2", "NaN", "0"]), "rating `NaN` is outside the scale `0.5` to `5`");
        assert_eq!(why(["1", "2", "5.5", "0"]), "rating `5.5` is outside the scale `0.5` to `5`");
        assert_eq!(why(["1", "2", "4", "-5"]), "time `-5` is negative");
        assert_eq!(why(["1", "2", "4", "now"]), "time `now` is no number of seconds since 1970");
        assert_eq!(why(["1", "2", "4", "1e300"]), "time `1e300` is no number of seconds since 1970");
        assert_eq!(check(None, false, ["1", "2", "inf", "0"]).unwrap_err(), "rating `inf` is not finite");
    }
}
