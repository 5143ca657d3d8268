//! Splits each user's ratings into the shares by time: the earliest rows train, the latest test.
//!
//! Does not know a common clock: one user's test may lie before another's train.
//!
//! **Invariant**: none of a user's train rows is later than any of their validation rows, nor one of those later than
//! any of their test rows; rows of the same second keep their source order. Sizes are those of `per-user-random`.

use super::{Assign, Order, SplitEntry};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "per-user-last",
    about: "the shares of each user's ratings by time: the first train, the last test",
    reads: &["validation", "test"],
    assign: Assign::Shares(Order::TimeOfUser),
};
