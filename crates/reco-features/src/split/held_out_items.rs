//! Holds out whole items: all their ratings test, so that nothing but their features is known of them.
//!
//! This is the item cold start of Schein, Popescul, Ungar and Pennock 2002, *Methods and Metrics for Cold-Start
//! Recommendations*. Does not know users, and makes no validation part. `split.test` is a share of the items that have
//! ratings. With `evaluate.candidates = "untrained"` these items alone are ranked.
//!
//! **Invariant**: an item has train rows or test rows, never both.

use std::collections::BTreeSet;

use reco_core::random::keyed_user_hash;
use reco_core::{ItemIdx, UserId};

use super::{Assign, Assignment, Part, Sizes, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "held-out-items",
    about: "the share of items held out whole: all their ratings test; no validation",
    reads: &["test"],
    assign: Assign::Rows(assign),
};

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let rated: BTreeSet<ItemIdx> = rows.rows.iter().map(|row| row.item).collect();
    // An item draws as a user of its id would: MD5 of (seed, id).
    let draw = |item: &ItemIdx| keyed_user_hash(rows.seed, &UserId(rows.items.id(*item).0.clone()));
    let mut drawn: Vec<(u64, ItemIdx)> = rated.iter().map(|item| (draw(item), *item)).collect();
    drawn.sort_unstable();
    let n_held_out = Sizes::of_shares(drawn.len(), 0.0, config.test).test;
    let held_out: BTreeSet<ItemIdx> = drawn.into_iter().take(n_held_out).map(|(_, item)| item).collect();
    let part = |item: &ItemIdx| if held_out.contains(item) { Part::Test } else { Part::Train };
    Ok(Assignment::without_cuts(rows.rows.iter().map(|row| part(&row.item)).collect()))
}
