//! The article's "accuracy": the share of the five places where both lists have the same item.
//!
//! Scikit-learn's `accuracy_score` of the five items rated best against the five predicted best: equality place by
//! place, so that the same five items in another order can score 0.
//!
//! **Invariant**: in [0, 1]; 1 for predictions in the order of the ratings; never more than `hit_share`.

use super::{Better, Measure, MetricEntry, TopFive};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "article_accuracy",
    about: "the article's accuracy: share of five places where best rated and best predicted are the same item",
    better: Better::Higher,
    measure: Measure::TopFive(article_accuracy),
};

pub(crate) fn article_accuracy(five: &TopFive) -> f64 {
    let equal = five.y_test().iter().zip(five.predicted()).filter(|(rated, predicted)| rated == predicted);
    equal.count() as f64 / five.len()
}
