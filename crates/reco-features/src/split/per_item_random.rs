//! Splits each item's ratings into the shares at random.
//!
//! Does not know users or times: some users may have no train row. `python_stratified_split` of Microsoft's
//! recommenders does so with `filter_by="item"`.
//!
//! **Invariant**: every item's own rows have exactly the sizes of the shares, rounded as for one user in
//! `per-user-random`; so an item with one rating is in train alone, and every test item has a train row.

use super::{Assign, Order, SplitEntry};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "per-item-random",
    about: "the shares of each item's ratings, drawn by chance; an item with one rating is in train alone",
    reads: &["validation", "test"],
    assign: Assign::Shares(Order::ChanceOfItem),
};
