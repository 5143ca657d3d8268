//! Holds out each user's latest rating for the test, and the one before it for validation.
//!
//! Does not know shares: it only reads whether `validation` is 0.
//!
//! **Invariant**: every user with two ratings or more has exactly one test row, the latest (rows of the same second:
//! the last in the source); with three or more and `validation` above 0, the one before it validates; the rest train.

use super::{Assignment, Part, Sizes, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "leave-last-out",
    about: "each user's last rating tests and, if there is validation, the one before it validates",
    reads: &["validation"],
    assign,
};

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let mut parts = vec![Part::Train; rows.rows.len()];
    for range in rows.by_user() {
        let n = range.len();
        let test = usize::from(n >= 2);
        let validation = usize::from(n >= 3 && config.validation > 0.0);
        let sizes = Sizes { train: n - test - validation, validation, test };
        for (position, row) in rows.by_time(ENTRY.name, range)?.into_iter().enumerate() {
            parts[row] = sizes.part(position);
        }
    }
    Ok(Assignment::without_cuts(parts))
}
