//! Encodes a table's columns as features: texts as one-hot columns, numbers scaled.
//!
//! Does not know whether its rows are users or items.
//!
//! **Invariant**: every column has one finite number per row, and no name stands twice.

use std::collections::{BTreeMap, BTreeSet};

use reco_core::{Features, Matrix, Span};
use reco_data::{NamedColumn, Values};

use crate::FeaturesError;

/// A text with more values than this is not a category.
pub(crate) const MAX_VALUES: usize = 100;

/// Named columns of numbers, one after the other.
pub(crate) struct Columns {
    /// What the columns are, as messages name them.
    among: &'static str,
    n_rows: usize,
    names: Vec<String>,
    columns: Vec<Vec<f32>>,
    spans: BTreeMap<String, Span>,
}

impl Columns {
    /// No columns yet, for `n_rows` rows.
    pub(crate) fn new(among: &'static str, n_rows: usize) -> Self {
        Self { among, n_rows, names: Vec::new(), columns: Vec::new(), spans: BTreeMap::new() }
    }

    /// Adds a column of numbers.
    ///
    /// # Errors
    /// A name that is there already.
    pub(crate) fn push(&mut self, name: String, values: Vec<f32>) -> Result<(), FeaturesError> {
        debug_assert_eq!(values.len(), self.n_rows, "one number per row");
        if self.names.contains(&name) {
            return Err(FeaturesError::ColumnTwice { name, among: self.among });
        }
        self.names.push(name);
        self.columns.push(values);
        Ok(())
    }

    /// Adds attributes of users or items, `rows` of each. A text becomes one column per value, `gender=F`, in the order
    /// of the values, all 0 where the text is missing. A number is scaled to [0, 1] over the rows; a missing one
    /// becomes their mean. Returns the names of texts that have too many values to be a category and are left out.
    ///
    /// # Errors
    /// A number that is not finite, a name that is there already.
    pub(crate) fn push_attributes(
        &mut self,
        attributes: &[NamedColumn],
        rows: &[usize],
    ) -> Result<Vec<String>, FeaturesError> {
        let mut left_out = Vec::new();
        for NamedColumn { name, values } in attributes {
            match values {
                Values::Text(texts) => {
                    let texts: Vec<_> = rows.iter().map(|&row| texts[row].as_deref()).collect();
                    if self.push_one_hot(name, &texts)? > MAX_VALUES {
                        left_out.push(name.clone());
                    }
                }
                Values::Number(numbers) => {
                    let numbers = rows.iter().map(|&row| numbers[row]);
                    let (numbers, span) = unit_scaled(name, numbers)?;
                    self.push(name.clone(), numbers)?;
                    self.spans.insert(name.clone(), span);
                }
            }
        }
        Ok(left_out)
    }

    /// Adds a column for each value, unless there are more than [`MAX_VALUES`]; returns how many there are. All columns
    /// of a row without a text are 0.
    fn push_one_hot(&mut self, name: &str, texts: &[Option<&str>]) -> Result<usize, FeaturesError> {
        let values: BTreeSet<&str> = texts.iter().flatten().copied().collect();
        if values.len() <= MAX_VALUES {
            for value in &values {
                let is_value = |text: &Option<&str>| f32::from(u8::from(*text == Some(*value)));
                self.push(format!("{name}={value}"), texts.iter().map(is_value).collect())?;
            }
        }
        Ok(values.len())
    }

    /// The columns as features.
    pub(crate) fn into_features(self) -> Features {
        let mut matrix = Matrix::zeros(self.n_rows, self.names.len());
        for row in 0..self.n_rows {
            for (to, column) in matrix.row_mut(row).iter_mut().zip(&self.columns) {
                *to = column[row];
            }
        }
        Features::new(self.names, matrix).expect("each column was pushed with its name").with_spans(self.spans)
    }
}

/// `numbers` scaled so that the lowest is 0 and the highest 1, and these two; all 0 where all numbers are the same.
fn unit_scaled(
    name: &str,
    numbers: impl Iterator<Item = Option<f64>> + Clone,
) -> Result<(Vec<f32>, Span), FeaturesError> {
    let (mut low, mut high, mut sum, mut n) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0_usize);
    for number in numbers.clone().flatten() {
        finite(name, number)?;
        (low, high, sum, n) = (low.min(number), high.max(number), sum + number, n + 1);
    }
    let mean = if n > 0 { sum / n as f64 } else { 0.0 };
    let (low, high) = if n > 0 { (low, high) } else { (0.0, 0.0) };
    let width = if high > low { high - low } else { 1.0 };
    let scaled = numbers.map(|number| ((number.unwrap_or(mean) - low) / width) as f32).collect();
    Ok((scaled, Span { low, high }))
}

/// `value` in single precision.
///
/// # Errors
/// A number that is not finite.
pub(crate) fn finite(name: &str, value: f64) -> Result<f32, FeaturesError> {
    let narrow = value as f32;
    if narrow.is_finite() { Ok(narrow) } else { Err(FeaturesError::NotFinite { name: name.to_owned(), value }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, values: &[Option<&str>]) -> NamedColumn {
        let values = values.iter().map(|value| value.map(str::to_owned)).collect();
        NamedColumn { name: name.to_owned(), values: Values::Text(values) }
    }

    fn number(name: &str, values: &[Option<f64>]) -> NamedColumn {
        NamedColumn { name: name.to_owned(), values: Values::Number(values.to_vec()) }
    }

    #[test]
    fn attributes_become_one_hot_columns_and_unit_numbers() {
        let attributes = [
            number("age", &[Some(20.0), None, Some(60.0), Some(99.0)]),
            text("gender", &[Some("M"), Some("F"), None, Some("X")]),
            number("flat", &[Some(7.0), Some(7.0), None, None]),
        ];
        let mut columns = Columns::new("user features", 3);
        assert!(columns.push_attributes(&attributes, &[0, 1, 2]).unwrap().is_empty());
        let features = columns.into_features();
        assert_eq!(features.names(), ["age", "gender=F", "gender=M", "flat"]);
        assert_eq!(features.spans()["age"], Span { low: 20.0, high: 60.0 });
        assert_eq!((features.scaled(0, 30.0), features.unscaled(0, 0.25)), (Some(0.25), Some(30.0)));
        assert_eq!((features.scaled(3, 9.0), features.unscaled(3, 0.0)), (Some(0.0), Some(7.0)));
        assert_eq!(features.matrix().row(0), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(features.matrix().row(1), [0.5, 1.0, 0.0, 0.0]);
        assert_eq!(features.matrix().row(2), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn numbers_are_finite_names_are_distinct_and_texts_are_categories() {
        let refuse = |attributes: &[NamedColumn]| {
            Columns::new("user features", 2).push_attributes(attributes, &[0, 1]).unwrap_err().to_string()
        };
        assert_eq!(
            refuse(&[number("age", &[Some(23.0), None]), number("age", &[None, None])]),
            "column `age` would stand twice among the user features\nhint: rename the column in the source file"
        );
        assert!(refuse(&[number("x", &[Some(f64::NAN), None])]).contains("`NaN`"));

        let searches: Vec<String> = (0..=MAX_VALUES).map(|n| n.to_string()).collect();
        let search = text("search", &searches.iter().map(|search| Some(search.as_str())).collect::<Vec<_>>());
        let rows: Vec<usize> = (0..searches.len()).collect();
        let mut columns = Columns::new("user features", rows.len());
        assert_eq!(columns.push_attributes(&[search], &rows).unwrap(), ["search"]);
        assert!(columns.into_features().names().is_empty());
    }
}
