//! Splits all ratings into the shares at random.
//!
//! Does not know users or times: one draw over all rows, so some users may have no test row.
//!
//! **Invariant**: the parts have exactly the sizes of the shares, rounded as for one user in `per-user-random`.

use super::{Assignment, Part, Sizes, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "random",
    about: "rows drawn by chance from all ratings",
    reads: &["validation", "test"],
    assign,
};

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let n = rows.rows.len();
    let sizes = Sizes::of(n, config);
    let mut parts = vec![Part::Train; n];
    for (position, row) in rows.shuffled(0..n).into_iter().enumerate() {
        parts[row] = sizes.part(position);
    }
    Ok(Assignment::without_cuts(parts))
}
