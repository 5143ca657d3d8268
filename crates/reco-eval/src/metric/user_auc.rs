//! Area under the ROC curve of a user's candidates, averaged over users (Rendle et al. 2009, "BPR", equation 1).
//!
//! Pairs of a relevant and another candidate in the right order, ties half, divided by all such pairs; then the mean
//! over users, each weighing the same. RecBole's GAUC weighs users by their relevant items. `auc` looks at rated test
//! rows instead, of all users together. Candidates without a score lie below all others, tied. A user without relevant
//! candidates, or without others, is left out.
//!
//! **Invariant**: in [0, 1]; 1/2 for scores that are all equal.

use super::{Measure, MetricEntry, Whole};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "user_auc",
    "chance that a user's relevant item is scored above another candidate, mean over users",
    Measure::Whole(user_auc),
);

fn user_auc(whole: &Whole<'_>) -> Option<f64> {
    let n = whole.placed.len();
    let n_pairs = n * (whole.n_candidates - n);
    // Twice the pairs in order, so that ties count half without fractions; two relevant items give 2 in either order.
    let twice: usize = whole.placed.iter().map(|placed| 2 * placed.below + placed.equal).sum();
    let among_relevant = n * n.saturating_sub(1);
    (n_pairs > 0).then(|| (twice - among_relevant) as f64 / (2 * n_pairs) as f64)
}
