//! Reciprocal rank of the first of the five items rated best among the five predicted best.
//!
//! The textbook's reciprocal rank, 1 / place of the first hit and 0 without one, on the article's lists: among a user's
//! rated test items only. Over the whole catalogue it is `mrr@k`.
//!
//! **Invariant**: in [0, 1]; 1 exactly if the item predicted best is among the five rated best.

use super::{Better, Measure, MetricEntry, TopFive};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "mrr",
    about: "1 / place of the first of the five best test items among the five predicted best",
    better: Better::Higher,
    measure: Measure::TopFive(mrr),
};

pub(crate) fn mrr(five: &TopFive) -> f64 {
    let place = five.predicted().iter().position(|item| five.y_test().contains(item));
    place.map_or(0.0, |place| 1.0 / (place + 1) as f64)
}
