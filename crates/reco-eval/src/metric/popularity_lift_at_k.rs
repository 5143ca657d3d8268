//! Popularity lift: by which share a list is more popular than the user's training items.
//!
//! (average popularity of the list - that of the training items) / that of the training items (Abdollahpouri et al.
//! 2019, "The unfairness of popularity bias in recommendation", whose group average popularity this is, user by user).
//! 0 where a list is as popular as the user's taste, above 0 where it amplifies popularity. Users without training
//! ratings are left out.
//!
//! **Invariant**: at least -1.

use std::num::NonZeroUsize;

use super::{Better, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "popularity_lift@k",
    about: "by which share the k recommended are more popular than the user's training items",
    better: Better::Neither,
    measure: Measure::List(lift),
};

fn lift(list: &List<'_>, lengths: &[NonZeroUsize]) -> Vec<Option<f64>> {
    let taste = list.known.average_popularities(list.profile).pop().filter(|taste| *taste > 0.0);
    let Some(taste) = taste else { return vec![None; lengths.len()] };
    let popularities = list.known.average_popularities(list.longest(lengths));
    lengths.iter().map(|k| Some(popularities[list.n(*k) - 1] / taste - 1.0)).collect()
}
