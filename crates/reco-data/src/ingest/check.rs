//! Checks whether a row is a valid rating.
//!
//! Does not know the file or the line.
//!
//! **Invariant**: what passes has a user, an item, a rating on the scale (or none for an event, where ratings may be
//! missing), and a time that is not negative (or none).

use reco_core::RatingScale;
use serde_json::{Map, Value};

use crate::records::{Row, cut};
use crate::values::{Decimal, Times, is_missing};

/// Where the fields of a rating stand, see [`Source`](crate::Source).
pub(crate) const USER: usize = 0;
pub(crate) const ITEM: usize = 1;
pub(crate) const RATING: usize = 2;
pub(crate) const TIMESTAMP: usize = 3;
pub(crate) const EXTRA: usize = 4;

/// What rows are checked against.
pub(crate) struct Checks {
    /// The stars that a rating can have; `None`: not known yet, any finite number passes.
    pub(crate) scale: Option<RatingScale>,
    /// Whether a row without a rating is bad.
    pub(crate) is_rated: bool,
    /// How ratings are written.
    pub(crate) decimal: Decimal,
    /// How times are written.
    pub(crate) times: Times,
}

/// The numbers of a row that passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Checked {
    pub(crate) rating: Option<f32>,
    pub(crate) timestamp: Option<i64>,
}

impl Checks {
    /// The row's numbers, or what is wrong with it.
    pub(crate) fn check(&self, row: &Row) -> Result<Checked, String> {
        if let Some(problem) = row.problem() {
            return Err(problem.to_owned());
        }
        let (rating, timestamp) = (self.rating(row.get(RATING)), self.times.seconds(row.get(TIMESTAMP)));
        let no_id = |field: usize| row.is_list(field) || !is_id(row.get(field));
        match (rating, timestamp, no_id(USER) || no_id(ITEM)) {
            (Ok(rating), Ok(timestamp), false) => Ok(Checked { rating, timestamp }),
            (rating, timestamp, _) => {
                // All problems are reported together.
                let mut reasons = Vec::new();
                reasons.extend(id_problem(row, USER, "user"));
                reasons.extend(id_problem(row, ITEM, "item"));
                reasons.extend(rating.err());
                reasons.extend(timestamp.err());
                Err(reasons.join("; "))
            }
        }
    }

    /// The number in a context's text, if it is one, written as ratings are.
    pub(crate) fn context(&self, text: &str) -> Option<f64> {
        self.decimal.finite(text)
    }

    /// The stars of a rating, or what is wrong with it.
    pub(crate) fn rating(&self, text: &str) -> Result<Option<f32>, String> {
        if text.is_empty() || is_missing(text) {
            return if self.is_rated { Err("it has no rating".to_owned()) } else { Ok(None) };
        }
        let rating = self.decimal.number(text)?;
        match self.scale {
            Some(scale) => scale.rating(rating).map(|rating| Some(rating.stars())).map_err(|error| error.to_string()),
            None if rating.is_finite() => Ok(Some(rating)),
            None => Err(format!("rating `{}` is not finite", cut(text))),
        }
    }
}

/// Whether a text is an id: not empty, not a word for a missing value, and not a JSON object or list.
pub(crate) fn is_id(id: &str) -> bool {
    match id.as_bytes() {
        [] => false,
        [b'{', ..] => serde_json::from_str::<Map<String, Value>>(id).is_err(),
        [b'[', ..] => serde_json::from_str::<Vec<Value>>(id).is_err(),
        [b'N' | b'n' | b'<', ..] => !is_missing(id),
        _ => true,
    }
}

/// What is wrong with the id at `field` of a row, if anything.
fn id_problem(row: &Row, field: usize, what: &str) -> Option<String> {
    match row.get(field) {
        list if row.is_list(field) && !list.is_empty() => Some(format!("{what} `{}` is a list, not an id", cut(list))),
        id => no_id(id, what),
    }
}

/// Why a text is not an id; `None` if it is one.
pub(crate) fn no_id(id: &str, what: &str) -> Option<String> {
    let shown = cut(id);
    match id {
        "" => Some(format!("it names no {what}")),
        _ if is_id(id) => None,
        _ if is_missing(id) => Some(format!("{what} `{id}` means a missing value")),
        _ if id.starts_with('[') => Some(format!("{what} `{shown}` is a list, not an id")),
        _ => Some(format!("{what} `{shown}` is a JSON object, not an id")),
    }
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
        Checks { scale, is_rated, decimal: Decimal::Point, times: Times::default() }.check(&row)
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
        let object = "user `{\"id\":1}` is a JSON object, not an id";
        assert_eq!(why(["{\"id\":1}", "2", "4", "0"]), object);
        assert!(check(stars, true, ["{1}", "2", "4", "0"]).is_ok(), "a text with a brace");
        assert_eq!(why(["1", "2", "", "0"]), "it has no rating");
        assert_eq!(
            why(["", "2", "four", "now"]),
            "it names no user; rating `four` is not a number; time `now` is not a number of seconds since 1970"
        );
        assert_eq!(why(["1", "2", "four", "0"]), "rating `four` is not a number");
        assert_eq!(why(["1", "2", "NaN", "0"]), "it has no rating");
        assert_eq!(why(["NA", "<NA>", "4", "0"]), "user `NA` means a missing value; item `<NA>` means a missing value");
        assert_eq!(why(["1", "[2, 3]", "4", "0"]), "item `[2, 3]` is a list, not an id");
        assert!(check(stars, true, ["Nadia", "[REC] (2007)", "4", "0"]).is_ok());
        assert_eq!(why(["1", "2", "5.5", "0"]), "rating `5.5` is outside the scale `0.5` to `5`");
        assert_eq!(why(["1", "2", "4", "-5"]), "time `-5` is negative");
        assert_eq!(why(["1", "2", "4", "now"]), "time `now` is not a number of seconds since 1970");
        assert_eq!(why(["1", "2", "4", "1e300"]), "time `1e300` is not a number of seconds since 1970");
        assert_eq!(check(None, false, ["1", "2", "inf", "0"]).unwrap_err(), "rating `inf` is not finite");
    }
}
