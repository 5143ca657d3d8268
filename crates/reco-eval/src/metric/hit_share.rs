//! The article's "true positive": the share of the five items rated best among the five predicted best.
//!
//! Looks at a user's rated test items only, so that a user with five of them always has a share of 1. Does not know the
//! order within the lists.
//!
//! **Invariant**: in [0, 1]; 1 for predictions in the order of the ratings.

use super::{Better, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "hit_share",
    about: "the article's share of a user's five best test items that are among the five predicted best",
    better: Better::Higher,
    measure: Measure::TopFive(|five| five.n_hits() as f64 / five.len()),
};
