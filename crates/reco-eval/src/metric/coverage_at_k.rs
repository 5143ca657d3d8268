//! Catalogue coverage: the share of the catalogue that is in any user's list.
//!
//! Distinct items among the first k of all users, divided by the items of the catalogue (Ge, Delgado-Battenfeld,
//! Jannach 2010, "Beyond accuracy"). It grows with the number of users: compare values of the same test users only.
//! Does not know whether anyone likes what is seen.
//!
//! **Invariant**: in (0, 1].

use super::{Better, Exposure, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "coverage@k",
    about: "share of the catalogue that is in anyone's k recommendations",
    better: Better::Higher,
    measure: Measure::Exposure(coverage),
};

fn coverage(lists: &Exposure<'_>) -> Option<f64> {
    lists.n_recommended()?;
    Some(lists.counts.iter().filter(|count| **count > 0).count() as f64 / lists.counts.len() as f64)
}
