//! Splits all ratings into the shares at random.
//!
//! Does not know users or times: one draw over all rows, so some users may have no test row.
//!
//! **Invariant**: the parts have exactly the sizes of the shares, rounded as for one user in `per-user-random`.

use super::{Assign, Order, SplitEntry};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "random",
    about: "rows drawn by chance from all ratings",
    reads: &["validation", "test"],
    assign: Assign::Shares(Order::Chance),
};
