//! Splits each user's ratings into the shares at random.
//!
//! Does not know times: a model may learn from what a user did after a test row.
//!
//! **Invariant**: every user's own rows have exactly the sizes of the shares: validation and test are rounded down, but
//! get one row instead of none as long as train keeps one (test first). So a user with one rating is in train alone,
//! and one with two has no validation row.

use super::{Assign, Order, SplitEntry};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "per-user-random",
    about: "the shares of each user's ratings, drawn by chance; a user with one rating is in train alone",
    reads: &["validation", "test"],
    assign: Assign::Shares(Order::ChanceOfUser),
};
