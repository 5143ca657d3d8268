//! Lists every approach, in the order of help and reports.
//!
//! Does not know any: it joins the registries of the crates that do.
//!
//! **Invariant**: names are distinct, and chance comes first, so that no table is read without it.

use reco_core::ApproachEntry;

use crate::{auto, blend};

/// Every approach, in the order of help and reports.
pub fn approaches() -> impl Iterator<Item = &'static ApproachEntry> + Clone {
    reco_classic::APPROACHES.iter().chain(reco_models::APPROACHES).chain(OWN)
}

/// The approaches that consist of others.
pub(crate) static OWN: &[ApproachEntry] = &[blend::ENTRY, auto::ENTRY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_in_the_order_of_reports() {
        let names: Vec<&str> = approaches().map(|entry| entry.name).collect();
        assert_eq!(
            names,
            [
                "random",
                "popularity",
                "trending",
                "user-mean",
                "top-rated",
                "profile",
                "baseline",
                "user-knn",
                "item-knn",
                "svd",
                "svdpp",
                "bayesian-fm",
                "clusters",
                "implicit-knn",
                "ease",
                "user-ease",
                "ials",
                "item-features",
                "content",
                "collaborative",
                "neural",
                "hybrid",
                "blend",
                "auto"
            ]
        );
    }
}
