//! The article's "mrr": 1 / place among the five predicted best, averaged over the five items rated best.
//!
//! An item that is not there counts 0. Textbooks look at the first hit only: that is `mrr`. All five found give 137/300
//! ≈ 0.457, in whichever order.
//!
//! **Invariant**: in [0, 1]; no list does better than predictions in the order of the ratings.

use super::{Better, Measure, MetricEntry, TopFive};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "article_mrr",
    about: "the article's mrr: 1 / place among the five predicted best, averaged over the five best test items",
    better: Better::Higher,
    measure: Measure::TopFive(article_mrr),
};

pub(crate) fn article_mrr(five: &TopFive) -> f64 {
    let reciprocal = |item| {
        let place = five.predicted().iter().position(|predicted| predicted == item);
        place.map_or(0.0, |place| 1.0 / (place + 1) as f64)
    };
    five.y_test().iter().map(reciprocal).sum::<f64>() / five.len()
}
