//! Splits all ratings into random folds and tests on one of them: one fold of cross-validation.
//!
//! Does not know users, items or times, and reads no share: `split.folds` says how many folds there are, `split.fold`
//! which of them tests. It makes no validation part.
//!
//! **Invariant**: at one seed the folds from 0 to `split.folds` - 1 test every row exactly once; their sizes differ by
//! at most one.

use super::{Assign, Assignment, Part, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "k-fold",
    about: "all ratings in `split.folds` folds by chance, of which `split.fold` tests and the others train; \
            no validation",
    reads: &["fold", "folds"],
    assign: Assign::Rows(assign),
};

impl SplitConfig {
    /// Refuses too few folds, and a fold beyond them, of a split that reads both.
    pub(crate) fn check_folds(&self) -> Result<(), FeaturesError> {
        let Self { folds, fold, .. } = *self;
        if self.kind != ENTRY.name {
            return Ok(());
        }
        if folds < 2 {
            let hint = "one fold tests while the others train, so that there are at least `2`".to_owned();
            return Err(FeaturesError::Value { key: "split.folds", value: folds.to_string(), hint });
        }
        if fold >= folds {
            let hint = format!("with `split.folds = {folds}` it lies between `0` and `{}`", folds - 1);
            return Err(FeaturesError::Value { key: "split.fold", value: fold.to_string(), hint });
        }
        Ok(())
    }
}

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    config.check_folds()?;
    let SplitConfig { folds, fold, .. } = *config;
    let mut parts = vec![Part::Train; rows.len()];
    rows.by_chance(|position, row| {
        if position as u64 % folds == fold {
            parts[row] = Part::Test;
        }
    });
    Ok(Assignment::without_cuts(parts))
}
