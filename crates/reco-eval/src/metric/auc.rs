//! Area under the ROC curve of the rated test rows of all users together (Hanley and McNeil 1982).
//!
//! The chance that a relevant row scores above one that is not, ties half, as scikit-learn's `roc_auc_score`. Unrated
//! items play no part. It compares rows of different users, so that knowing who rates high is enough for a good value;
//! for `user_auc` it is not. No value where all rows are relevant, or none.
//!
//! **Invariant**: in [0, 1]; 1/2 for scores that are all equal.

use super::{Better, Judgement, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "auc",
    about: "chance that a relevant rated test row is scored above one that is not, over all users' rows",
    better: Better::Higher,
    measure: Measure::Judgements(auc),
};

fn auc(rows: &mut [Judgement]) -> Option<f64> {
    // -0 and 0 are one score.
    rows.sort_unstable_by(|a, b| (a.score + 0.0).total_cmp(&(b.score + 0.0)));
    let (mut twice, mut n_relevant, mut n_others) = (0_u64, 0_u64, 0_u64);
    for tied in rows.chunk_by(|a, b| a.score == b.score) {
        let relevant = tied.iter().filter(|row| row.is_relevant).count() as u64;
        let others = tied.len() as u64 - relevant;
        twice += relevant * (2 * n_others + others);
        (n_relevant, n_others) = (n_relevant + relevant, n_others + others);
    }
    let n_pairs = n_relevant * n_others;
    (n_pairs > 0).then(|| twice as f64 / 2.0 / n_pairs as f64)
}
