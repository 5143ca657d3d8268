//! Decides whether an item is of the kinds that a question asks for: features it has or has not, years.
//!
//! Does not know ids.
//!
//! **Invariant**: an item whose year is not known is in no span of years.

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

#[cfg(test)]
mod tests {
    use super::*;

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
