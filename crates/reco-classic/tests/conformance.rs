//! Runs the conformance suite of `reco_core::testing` on every approach of this crate.
//!
//! Does not know which approaches there are: it walks the registry.
//!
//! **Invariant**: an approach that is new in the registry is checked, and must personalise unless it is named here.

use reco_classic::APPROACHES;
use reco_core::testing::conformance::{Suite, check};
use reco_core::testing::{Feedback, checkerboard};
use reco_core::{ApproachEntry, DeviceChoice, Run};
use serde_json::json;

#[test]
fn every_approach_conforms() {
    for entry in APPROACHES {
        let personal = match entry.name {
            // They learn no personal taste.
            "random" | "popularity" | "trending" | "user-mean" | "top-rated" | "profile" | "baseline" => None,
            // They learn from stars.
            "user-knn" | "item-knn" | "svd" | "svdpp" | "bayesian-fm" | "clusters" => Some(Feedback::Stars),
            _ => Some(Feedback::Events),
        };
        let options = match entry.name {
            // With more clusters, some of the twenty users are alone in theirs.
            "clusters" => json!({ "n_clusters": 2 }),
            _ => (entry.defaults)(),
        };
        let n_asked = check(&Suite { entry, options, personal, device: DeviceChoice::Cpu });
        let keeps_state = ["svd", "svdpp", "bayesian-fm", "ials"].contains(&entry.name);
        assert_eq!(n_asked > 0, keeps_state, "`{}` keeps its state, or does not", entry.name);
    }
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<&str> = APPROACHES.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), APPROACHES.len());
}

#[test]
fn these_answer_visitors_without_any_user() {
    // Help and documents name them: `reco export --format web`.
    let able = ["ease", "ials", "item-features", "popularity", "svd", "svdpp", "top-rated"];
    let train = checkerboard(8, Feedback::Stars).train;
    let answers = |entry: &&ApproachEntry| {
        let approach = (entry.configure)(&json!({})).unwrap();
        approach.fit(&train, &Run::default()).is_ok_and(|model| model.for_visitors().is_some())
    };
    let mut found: Vec<&str> = APPROACHES.iter().filter(answers).map(|entry| entry.name).collect();
    found.sort_unstable();
    assert_eq!(found, able);
}
