//! Runs the conformance suite of `reco_core::testing` on every approach of this crate.
//!
//! Does not know which approaches there are: it walks the registry.
//!
//! **Invariant**: an approach that is new in the registry is checked, and must personalise.

use reco_core::DeviceChoice;
use reco_core::testing::Feedback;
use reco_core::testing::conformance::{Suite, check};
use reco_models::APPROACHES;
use serde_json::json;

#[test]
fn every_approach_conforms() {
    for entry in APPROACHES {
        let options = match entry.name {
            "content" => json!({}),
            _ => json!({ "epochs": 60, "batch_size": 16, "learning_rate": 0.01, "embedding_size": 8 }),
        };
        let n_asked = check(&Suite { entry, options, personal: Some(Feedback::Stars), device: DeviceChoice::Cpu });
        assert_eq!(n_asked > 0, entry.name != "content", "`{}` keeps its state, or does not", entry.name);
    }
}

#[test]
fn a_network_conforms_whose_rows_come_in_groups() {
    let entry = APPROACHES.iter().find(|entry| entry.name == "collaborative").unwrap();
    let options = json!({
        "epochs": 60, "batch_size": 16, "learning_rate": 0.01, "embedding_size": 8, "shuffle": "row-groups",
    });
    check(&Suite { entry, options, personal: Some(Feedback::Stars), device: DeviceChoice::Cpu });
}

#[test]
fn options_that_cannot_be_trained_with_are_refused() {
    let neural = APPROACHES.iter().find(|entry| entry.name == "neural").unwrap();
    for (options, expected) in [
        (json!({ "epochs": 0 }), "`epochs` is `0`"),
        (json!({ "batch_size": 0 }), "`batch_size` is `0`"),
        (json!({ "embedding_size": 0 }), "`embedding_size` is `0`"),
        (json!({ "learning_rate": -1.0 }), "`learning_rate` is `-1`"),
        (json!({ "validation_split": 1.0 }), "`validation_split` is `1`"),
        (json!({ "optimizer": "sgd" }), "lazy-adam"),
        (json!({ "loss": "bpr" }), "`negatives` is `0`\nhint: `loss = \"softmax\"` alone needs none"),
        (json!({ "negatives": 1_001 }), "`negatives` is `1001`"),
        (json!({ "history_dropout": 1.0 }), "`history_dropout` is `1`"),
        (json!({ "feature_decay": -1.0 }), "`feature_decay` is `-1`"),
        (
            json!({ "loss": "softmax", "without": ["features"] }),
            "`neural` has no `features` to be without\nhint: it has `embedding`, `history`",
        ),
        (json!({ "loss": "softmax", "without": ["embedding", "history"] }), "leaves nothing of a user's vector"),
        (json!({ "without": ["history"] }), "`without` is for lists"),
        (json!({ "shuffle_buffer": 0 }), "`shuffle_buffer` is `0`"),
        (json!({ "shuffle": "rowgroups" }), "row-groups"),
        (
            json!({ "shuffle": "row-groups", "loss": "softmax" }),
            "`shuffle = \"row-groups\"` is for stars, and this `loss` is for lists, which need each user's whole history \
             in memory\nhint: set `shuffle = \"every-epoch\"`",
        ),
        (json!({ "shuffle": "row-groups", "validation_split": 0.1 }), "hint: leave it out, and let the split make"),
        (json!({ "epoch": 3 }), "did you mean `epochs`?"),
    ] {
        let error = (neural.configure)(&options).err().expect("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
