//! Holds out whole items: all their ratings test, so that nothing but their features is known of them.
//!
//! This is the item cold start of Schein, Popescul, Ungar and Pennock 2002, *Methods and Metrics for Cold-Start
//! Recommendations*. Does not know users, and makes no validation part. `split.test` is a share of the items that have
//! ratings. With `evaluate.candidates = "untrained"` these items alone are ranked.
//!
//! **Invariant**: an item has train rows or test rows, never both.

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
    let mut is_rated = vec![false; rows.items.len()];
    (0..rows.len()).for_each(|row| is_rated[rows.item(row).index()] = true);
    let rated = rows.items.indices().filter(|item| is_rated[item.index()]);
    // An item draws as a user of its id would: MD5 of (seed, id).
    let draw = |item: &ItemIdx| keyed_user_hash(rows.seed, &UserId(rows.items.id(*item).0.clone()));
    let mut drawn: Vec<(u64, ItemIdx)> = rated.map(|item| (draw(&item), item)).collect();
    drawn.sort_unstable();
    let n_held_out = Sizes::of_shares(drawn.len(), 0.0, config.test).test;
    let mut is_held_out = vec![false; rows.items.len()];
    drawn.into_iter().take(n_held_out).for_each(|(_, item)| is_held_out[item.index()] = true);
    let part = |row: usize| if is_held_out[rows.item(row).index()] { Part::Test } else { Part::Train };
    Ok(Assignment::without_cuts((0..rows.len()).map(part).collect()))
}
