//! Splits by item, as the article does: the first 80 % of the catalogue's items train, the others test.
//!
//! Does not know chance or time, and reads no share.
//!
//! **Invariant**: an item's ratings are all in train or all in test.

use super::{Assign, Assignment, Part, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "article",
    about: "the first 80 % of the catalogue's items train, the others test; no validation; \
            models never saw a test item",
    reads: &[],
    assign: Assign::Rows(assign),
};

fn assign(rows: &SplitRows<'_>, _: &SplitConfig) -> Result<Assignment, FeaturesError> {
    // `int(0.8 * n)`, in whole numbers.
    let split_column = rows.items.len() * 4 / 5;
    let part = |item: usize| if item < split_column { Part::Train } else { Part::Test };
    let mut assignment = Assignment::without_cuts((0..rows.len()).map(|row| part(rows.item(row).index())).collect());
    assignment.cuts.insert("split_column".to_owned(), split_column as i64);
    Ok(assignment)
}
