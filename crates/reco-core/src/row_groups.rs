//! Training rows that are read group by group, so that they need not lie in memory together.
//!
//! Does not know where the groups lie, nor in which order they are read.
//!
//! **Invariant**: the groups, one after the other, are all rows, each once; a group is read equal however often.

use std::sync::Arc;

#[cfg(doc)]
use crate::Requirement;
use crate::{Catalogue, FitError, Interactions, InteractionsBuilder, Train};

/// How many rows a group has where this program makes it, on the disk and in memory; the last group has fewer.
///
/// Rows of a part are sorted by user, and a shuffle buffer mixes whole groups: of groups of this size a buffer of a
/// million rows holds fifteen, from as many places of the table.
pub const GROUP_ROWS: usize = 1 << 16;

/// Rows in groups, any of which can be read.
pub trait RowGroups: Send + Sync {
    /// How many groups there are.
    fn n_groups(&self) -> usize;

    /// How many rows `group` has. Panics beyond the last.
    fn n_rows(&self, group: usize) -> usize;

    /// The rows of `group`. Panics beyond the last.
    ///
    /// # Errors
    /// A file that can't be read or is damaged.
    fn read(&self, group: usize) -> Result<Interactions, FitError>;

    /// How many rows there are.
    fn len(&self) -> usize {
        (0..self.n_groups()).map(|group| self.n_rows(group)).sum()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows, in memory.
    ///
    /// # Errors
    /// As [`RowGroups::read`].
    fn collect(&self) -> Result<Interactions, FitError> {
        let mut all: Option<InteractionsBuilder> = None;
        for group in 0..self.n_groups() {
            let rows = self.read(group)?;
            let n_contexts = rows.contexts().n_columns();
            let all = all.get_or_insert_with(|| Interactions::builder(n_contexts).with_room(self.len()));
            rows.iter().for_each(|row| all.push(row));
        }
        Ok(all.map(InteractionsBuilder::finish).unwrap_or_default())
    }
}

/// Rows in memory, cut into groups.
#[derive(Clone, Debug)]
pub struct Grouped {
    rows: Interactions,
    size: usize,
}

impl Grouped {
    /// `rows` in groups of `size`, which is at least 1; the last one has fewer.
    pub fn new(rows: &Interactions, size: usize) -> Self {
        Self { rows: rows.clone(), size: size.max(1) }
    }
}

impl RowGroups for Grouped {
    fn n_groups(&self) -> usize {
        self.rows.len().div_ceil(self.size)
    }

    fn n_rows(&self, group: usize) -> usize {
        self.size.min(self.rows.len() - group * self.size)
    }

    fn read(&self, group: usize) -> Result<Interactions, FitError> {
        let from = group * self.size;
        Ok(self.rows.select(&(from..from + self.n_rows(group)).collect::<Vec<_>>()))
    }

    fn collect(&self) -> Result<Interactions, FitError> {
        Ok(self.rows.clone())
    }
}

/// As [`Train`], with rows that are read group by group.
#[derive(Clone, Copy)]
pub struct StreamedTrain<'a> {
    /// Users, items, features, scaling.
    pub catalogue: &'a Arc<Catalogue>,
    /// The rows to learn from.
    pub fit: &'a dyn RowGroups,
    /// Rows for early stopping.
    pub validation: Option<&'a dyn RowGroups>,
}

impl StreamedTrain<'_> {
    /// The same with all rows in memory.
    ///
    /// # Errors
    /// As [`RowGroups::read`].
    pub fn collect(&self) -> Result<Train, FitError> {
        let validation = self.validation.map(RowGroups::collect).transpose()?;
        Ok(Train { catalogue: Arc::clone(self.catalogue), fit: self.fit.collect()?, validation })
    }
}

/// As [`Requirement::check`] of [`Requirement::Stars`], for rows that are read group by group: reads all of `parts`.
///
/// # Errors
/// [`FitError::NoStars`]; as [`RowGroups::read`].
pub fn check_stars(approach: &'static str, parts: &[&dyn RowGroups]) -> Result<(), FitError> {
    let (mut n_missing, mut n_rows) = (0, 0);
    for part in parts {
        for group in 0..part.n_groups() {
            let rows = part.read(group)?;
            n_missing += rows.ratings().iter().filter(|rating| rating.is_none()).count();
            n_rows += rows.len();
        }
    }
    if n_missing == 0 { Ok(()) } else { Err(FitError::NoStars { approach, n_missing, n_rows }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Feedback, checkerboard};

    #[test]
    fn the_groups_are_all_rows_in_their_order() {
        let train = checkerboard(12, Feedback::Stars).train;
        let rows = &train.fit;
        for size in (1..40).chain([rows.len(), rows.len() + 1]) {
            let grouped = Grouped::new(rows, size);
            assert_eq!(RowGroups::len(&grouped), rows.len());
            let mut at = 0;
            for group in 0..grouped.n_groups() {
                let read = grouped.read(group).unwrap();
                assert_eq!(read.len(), grouped.n_rows(group));
                assert!(read.len() == size || group + 1 == grouped.n_groups());
                assert!(read.iter().eq((at..at + read.len()).map(|row| rows.row(row))));
                at += read.len();
            }
            assert_eq!(at, rows.len());
            let streamed = StreamedTrain { catalogue: &train.catalogue, fit: &grouped, validation: None };
            assert!(streamed.collect().unwrap().fit.iter().eq(rows.iter()));
        }
    }

    #[test]
    fn no_rows_are_no_groups() {
        let none = Grouped::new(&Interactions::default(), 0);
        assert_eq!((none.n_groups(), none.is_empty(), none.collect().unwrap().len()), (0, true, 0));
    }

    #[test]
    fn rows_without_stars_are_counted() {
        let [stars, events] =
            [Feedback::Stars, Feedback::Events].map(|feedback| Grouped::new(&checkerboard(6, feedback).train.fit, 5));
        check_stars("svd", &[&stars]).unwrap();
        let error = check_stars("svd", &[&stars, &events]).unwrap_err().to_string();
        assert!(error.starts_with("`svd` predicts stars, and `12` of `36` training rows have none"), "{error}");
    }
}
