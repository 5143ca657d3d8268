//! Takes ratings or events out of Arrow record batches.
//!
//! Does not know where the batches come from.
//!
//! **Invariant**: a row gives one interaction, or an error that names it; rows keep their order.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use reco_core::RawInteraction;

use crate::DataError;

/// The columns of a record batch that hold users, items and ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchColumns<'a> {
    /// Ids of users: integers or text.
    pub user: &'a str,
    /// Ids of items: integers or text.
    pub item: &'a str,
    /// Numbers of stars; `None` where rows are events.
    pub rating: Option<&'a str>,
}

/// The rows of `batch`, for [`Train::builder`](reco_core::Train::builder).
///
/// # Errors
/// A column that is not there, that cannot be read as ids or numbers, or that lacks a value.
pub fn interactions(batch: &RecordBatch, columns: BatchColumns<'_>) -> Result<Vec<RawInteraction>, DataError> {
    let column = |name: &str, kind: &DataType| {
        let refuse = |reason: String| DataError::BadColumn { column: name.to_owned(), reason };
        let found = batch.column_by_name(name).ok_or_else(|| {
            let names: Vec<String> =
                batch.schema().fields().iter().map(|field| format!("`{}`", field.name())).collect();
            refuse(format!("the record batch has no such column, only {}", names.join(", ")))
        })?;
        if let Some(row) = (0..found.len()).find(|row| found.is_null(*row)) {
            return Err(refuse(format!("row `{row}` has no value")));
        }
        let cast = cast(found, kind).map_err(|error| refuse(error.to_string()))?;
        // A cast makes null of what it cannot read.
        match (0..cast.len()).find(|row| cast.is_null(*row)) {
            Some(row) => Err(refuse(format!("row `{row}` has no number"))),
            None => Ok(cast),
        }
    };
    let users = column(columns.user, &DataType::Utf8)?;
    let items = column(columns.item, &DataType::Utf8)?;
    let ratings = columns.rating.map(|name| column(name, &DataType::Float32)).transpose()?;
    let (users, items) = (users.as_string::<i32>(), items.as_string::<i32>());
    let ratings = ratings.as_ref().map(|ratings| ratings.as_primitive::<Float32Type>());
    let row = |row: usize| {
        let event = RawInteraction::event(users.value(row), items.value(row));
        RawInteraction { stars: ratings.map(|ratings| ratings.value(row)), ..event }
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};

    use super::*;

    fn batch(stars: Vec<Option<f64>>) -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("customer", Arc::new(Int64Array::from(vec![7, 7, 8]))),
            ("film", Arc::new(StringArray::from(vec!["Alien", "12", "Alien"]))),
            ("stars", Arc::new(Float64Array::from(stars))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    const COLUMNS: BatchColumns<'_> = BatchColumns { user: "customer", item: "film", rating: Some("stars") };

    #[test]
    fn rows_are_interactions_in_their_order() {
        let rows = interactions(&batch(vec![Some(4.5), Some(1.0), Some(3.0)]), COLUMNS).unwrap();
        let expected = [(7, "Alien", 4.5), (7, "12", 1.0), (8, "Alien", 3.0)];
        assert_eq!(rows, expected.map(|(user, item, stars)| RawInteraction::rating(user, item, stars)));
        let events = interactions(&batch(vec![None; 3]), BatchColumns { rating: None, ..COLUMNS }).unwrap();
        assert_eq!(events[2], RawInteraction::event(8, "Alien"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refuse = |columns, stars| interactions(&batch(stars), columns).unwrap_err().to_string();
        let full = || vec![Some(1.0); 3];
        let missing = refuse(BatchColumns { item: "movie", ..COLUMNS }, full());
        assert!(missing.starts_with("column `movie`: the record batch has no such column, only `customer`, `film`"));
        assert_eq!(refuse(COLUMNS, vec![Some(1.0), None, Some(2.0)]), "column `stars`: row `1` has no value");
        let text = refuse(BatchColumns { rating: Some("film"), ..COLUMNS }, full());
        assert_eq!(text, "column `film`: row `0` has no number");
    }
}
