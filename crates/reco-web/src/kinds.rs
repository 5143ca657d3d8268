//! Decides whether an item is of the kinds that a question asks for: features it has or has not, years.
//!
//! Does not know ids.
//!
//! **Invariant**: an item whose year is not known is in no span of years.

use reco_core::options::did_you_mean;
use reco_core::{Features, ScoreError};

/// Which items may be recommended, by columns of their features and by year.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kinds {
    /// At least one of these columns; none asks for nothing.
    pub features: Vec<usize>,
    /// None of these columns.
    pub without: Vec<usize>,
    /// This year or later.
    pub year_from: Option<i32>,
    /// This year or earlier.
    pub year_to: Option<i32>,
}

impl Kinds {
    /// Items that have one of the `wanted` features, by name, and none of those in `without`, from one year to another.
    ///
    /// # Errors
    /// A feature that the items do not have.
    pub fn of(
        features: &Features,
        wanted: &[String],
        without: &[String],
        (year_from, year_to): (Option<i32>, Option<i32>),
    ) -> Result<Self, ScoreError> {
        let columns = |names: &[String]| names.iter().map(|name| column(features, name)).collect::<Result<_, _>>();
        Ok(Self { features: columns(wanted)?, without: columns(without)?, year_from, year_to })
    }

    /// Whether an item with these features and this year may be recommended.
    pub fn allow(&self, features: &[f32], year: Option<i32>) -> bool {
        let has = |columns: &[usize]| columns.iter().any(|&column| features[column] != 0.0);
        let in_years = |bound: Option<i32>, holds: fn(i32, i32) -> bool| {
            bound.is_none_or(|bound| year.is_some_and(|year| holds(year, bound)))
        };
        (self.features.is_empty() || has(&self.features))
            && !has(&self.without)
            && in_years(self.year_from, |year, from| year >= from)
            && in_years(self.year_to, |year, to| year <= to)
    }
}

/// The column of the feature called `name`.
///
/// # Errors
/// No such feature; the message names the nearest.
pub fn column(features: &Features, name: &str) -> Result<usize, ScoreError> {
    let names = features.names();
    names.iter().position(|known| known == name).ok_or_else(|| {
        let hint = did_you_mean(name, names.iter().map(String::as_str));
        ScoreError::UnknownStatement { what: "feature", name: name.to_owned(), hint }
    })
}

#[cfg(test)]
mod tests {
    use reco_core::Matrix;

    use super::*;

    #[test]
    fn names_become_columns() {
        let names = ["Drama", "Sci-Fi"].map(str::to_owned);
        let features = Features::new(names.to_vec(), Matrix::zeros(0, 2)).unwrap();
        let kinds = Kinds::of(&features, &names[1..], &[], (None, Some(1999))).unwrap();
        assert_eq!(kinds, Kinds { features: vec![1], year_to: Some(1999), ..Kinds::default() });
        let error = Kinds::of(&features, &[], &["Scifi".to_owned()], (None, None)).unwrap_err();
        assert_eq!(error.to_string(), "unknown feature `Scifi`\nhint: did you mean `Sci-Fi`?");
    }

    #[test]
    fn features_and_years_by_hand() {
        let kinds = Kinds { features: vec![0, 1], without: vec![2], year_from: Some(1990), year_to: Some(1999) };
        assert!(kinds.allow(&[0.0, 0.5, 0.0], Some(1990)));
        assert!(!kinds.allow(&[0.0, 0.0, 0.0], Some(1995)), "none of the features");
        assert!(!kinds.allow(&[1.0, 0.0, 1.0], Some(1995)), "one that it must not have");
        assert!(!kinds.allow(&[1.0, 0.0, 0.0], Some(2000)));
        assert!(!kinds.allow(&[1.0, 0.0, 0.0], None), "a year that nobody knows");
        assert!(Kinds::default().allow(&[], None));
    }
}
