//! Holds out whole users, who are tested after part of their ratings is given: strong generalisation (Marlin 2004).
//!
//! The protocol is that of Liang, Krishnan, Hoffman and Jebara 2018, *Variational Autoencoders for Collaborative
//! Filtering*, section 4.3. Does not know times, and makes no validation part: where the paper stops training by
//! further held-out users, models here train without. `split.test` is a share of users, `split.fold_in` one of each
//! held-out user's rows; `split.given` is a number of rows in its place, which may be 0: nothing is known of them.
//!
//! **Invariant**: a user with fold-in or test rows has no train row, and has at least one row of both kinds, unless
//! none is to be given, or rows without a trained item are dropped: the test is then the share of what is left, and a
//! user who is left with one row is not tested. A drawn user with one row has nothing to divide, and trains.

use std::ops::Range;

use reco_core::UserIdx;
use reco_core::random::keyed_user_hash;

use super::{Assign, Assignment, Part, Sizes, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "held-out-users",
    about: "the share of users held out whole: `split.fold_in` or `split.given` of their ratings are \
            given at the query, the others test; no validation",
    reads: &["test", "fold_in", "given"],
    assign: Assign::Rows(assign),
};

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let mut users: Vec<(u64, UserIdx, Range<usize>)> =
        rows.by_user().map(|(user, range)| (keyed_user_hash(rows.seed, rows.users.id(user)), user, range)).collect();
    users.sort_unstable_by_key(|(hash, user, _)| (*hash, *user));
    let n_held_out = Sizes::of_shares(users.len(), 0.0, config.test).test;
    let held_out = users.into_iter().take(n_held_out).map(|(_, user, range)| (user, range));
    let held_out: Vec<(UserIdx, Range<usize>)> = held_out.filter(|(_, range)| range.len() > 1).collect();

    let mut parts = vec![Part::Train; rows.len()];
    for (_, range) in &held_out {
        parts[range.clone()].fill(Part::FoldIn);
    }
    if config.drop_untrained_items {
        // As in the paper's code, untrained items are dropped before a user's rows are divided.
        let is_trained = rows.trained_items(&parts);
        for row in held_out.iter().flat_map(|(_, range)| range.clone()) {
            if !is_trained[rows.item(row).index()] {
                parts[row] = Part::Untrained;
            }
        }
    }
    for (user, range) in held_out {
        let given: Vec<usize> = range.filter(|row| parts[*row] == Part::FoldIn).collect();
        let n_given = match config.given {
            // One is left to be found.
            Some(n) => n.min(given.len().saturating_sub(1)),
            // At least one row is given, however small the share.
            None => Sizes::of_shares(given.len(), 0.0, 1.0 - config.fold_in).train.max(1),
        };
        for row in rows.shuffled(user, given).into_iter().skip(n_given) {
            parts[row] = Part::Test;
        }
    }
    Ok(Assignment::without_cuts(parts))
}
