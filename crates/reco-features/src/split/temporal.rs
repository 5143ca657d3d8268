//! Splits all ratings by time, at the same moments for all users: the earliest rows train, the latest test.
//!
//! Does not know users: some have all their ratings before the point in time, and some after it (users and items that
//! are new in the test part stay there; a model has to cope).
//!
//! **Invariant**: every train row is earlier than every validation row, and every validation row earlier than every
//! test row. Rows of the same second are never divided: those of the second at a cut go to the earlier part, so that a
//! later part may be smaller than its share, and is never larger.

use super::{Assign, Assignment, Part, Sizes, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "temporal",
    about: "one point in time for all: ratings after it test; rows of the second at a cut stay on its earlier side",
    reads: &["validation", "test"],
    assign: Assign::Rows(assign),
};

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let mut times = rows.times(ENTRY.name)?;
    let sizes = Sizes::of(times.len(), config);
    // The time of the last row before each cut; there is none without rows.
    let mut before = |cut: usize| cut.checked_sub(1).map(|position| *times.select_nth_unstable(position).1);
    let (validation_after, test_after) = (before(sizes.train), before(sizes.train + sizes.validation));
    let part = |timestamp: Option<i64>| {
        if timestamp > test_after {
            Part::Test
        } else if timestamp > validation_after {
            Part::Validation
        } else {
            Part::Train
        }
    };
    let mut assignment = Assignment::without_cuts((0..rows.len()).map(|row| part(rows.timestamp(row))).collect());
    let cuts = [("validation_after", validation_after.filter(|_| sizes.validation > 0)), ("test_after", test_after)];
    for (name, cut) in cuts {
        assignment.cuts.extend(cut.map(|cut| (name.to_owned(), cut)));
    }
    Ok(assignment)
}
