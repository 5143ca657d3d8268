//! Holds out each user's latest rating for the test, and the one before it for validation.
//!
//! Does not know shares: it only reads whether `validation` is 0.
//!
//! **Invariant**: every user with two ratings or more has exactly one test row, the latest (rows of the same second:
//! the last in the source); with three or more and `validation` above 0, the one before it validates; the rest train.

use super::{Assign, Assignment, Order, Sizes, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "leave-last-out",
    about: "each user's last rating tests and, if there is validation, the one before it validates",
    reads: &["validation"],
    assign: Assign::Rows(assign),
};

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    rows.divided(ENTRY.name, Order::TimeOfUser, |n| {
        let test = usize::from(n >= 2);
        let validation = usize::from(n >= 3 && config.validation > 0.0);
        Sizes { train: n - test - validation, validation, test }
    })
}
