//! Checks that each way of training a network goes on where it was stopped, at places within an epoch too.
//!
//! Does not know what a state is: `reco_core::testing` stops the fits and compares what they save.
//!
//! **Invariant**: an epoch has several places where its state can be kept.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

use reco_core::testing::{Feedback, checkerboard, goes_on_as_if_never_stopped, left_out};
use reco_core::{AnyApproach, DeviceChoice, Grouped, Progress, RawInteraction, Run, StreamedTrain, Train};
use reco_models::{APPROACHES, ComputeDevice};
use serde_json::{Value, json};

/// The approach with options over those that all tests have.
fn approach(name: &str, more: &Value) -> Box<dyn AnyApproach> {
    let mut options = json!({ "epochs": 3, "batch_size": 100, "embedding_size": 6, "learning_rate": 0.01 });
    for (key, value) in more.as_object().unwrap() {
        options[key] = value.clone();
    }
    let entry = APPROACHES.iter().find(|entry| entry.name == name).unwrap();
    (entry.configure)(&options).unwrap()
}

fn run(device: DeviceChoice, progress: &dyn Progress) -> Run<'_> {
    Run { seed: 11, device, progress }
}

/// Some 25,000 rows, of which each tenth is for validation: passes are divided every 8,100 rows.
fn board(size: usize) -> Train {
    let train = checkerboard(size, Feedback::Stars).train;
    let (validation, fit): (Vec<usize>, Vec<usize>) = (0..train.fit.len()).partition(|row| row % 10 == 7);
    Train { fit: train.fit.select(&fit), validation: Some(train.fit.select(&validation)), ..train }
}

/// Users with attributes and items with features, who meet in several contexts.
fn world() -> Train {
    let feature = |n: usize, kinds: usize| (0..kinds).map(|kind| f32::from(u8::from(n % kinds == kind))).collect();
    let row = |user: usize, item: usize| RawInteraction {
        context: vec![((user + item) % 3) as f32, ((user * item) % 5) as f32 / 4.0],
        ..RawInteraction::rating(user as i64, item as i64, (1 + (user + 2 * item) % 5) as f32)
    };
    let pairs = || (0..90).flat_map(|user| (0..50).map(move |item| (user, item)));
    let met = pairs().filter(|(user, item)| (user * 7 + item * 3) % 5 < 2);
    let held_out = pairs().filter(|(user, item)| (user * 7 + item * 3) % 25 == 3);
    Train::builder()
        .contexts(["hour", "weekday"])
        .user_features(["a", "b", "c"], (0..90_usize).map(|user| (user as i64, feature(user, 3))))
        .item_features(["x", "y"], (0..50_usize).map(|item| (item as i64, feature(item, 2))))
        .rows(met.map(|(user, item)| row(user, item)))
        .validation(held_out.map(|(user, item)| row(user, item)))
        .build()
        .unwrap()
}

#[test]
fn networks_for_stars_go_on_within_an_epoch() {
    let train = board(160);
    for (name, options) in [
        ("collaborative", json!({})),
        ("neural", json!({ "patience": 1, "learning_rate": 0.1, "epochs": 6 })),
        ("hybrid", json!({ "optimizer": "lazy-adam", "shuffle": "once", "validation_split": 0.1 })),
        ("hybrid", json!({ "training_step": "plain", "epochs": 2, "batch_size": 500 })),
        (
            "collaborative",
            json!({ "training_step": "plain", "optimizer": "lazy-adam", "epochs": 2, "batch_size": 900 }),
        ),
    ] {
        let approach = approach(name, &options);
        let n = goes_on_as_if_never_stopped(name, |progress| approach.fit(&train, &run(DeviceChoice::Cpu, progress)));
        assert!(n >= 6, "{name} {options}: it can be stopped at {n} places");
    }
}

#[test]
fn networks_that_stream_their_rows_go_on_within_a_buffer() {
    let train = board(160);
    let (fit, validation) = (Grouped::new(&train.fit, 700), Grouped::new(train.validation.as_ref().unwrap(), 700));
    for (name, options) in [
        ("hybrid", json!({ "shuffle_buffer": 9_000, "patience": 2 })),
        ("collaborative", json!({ "shuffle_buffer": 3_000, "training_step": "plain", "epochs": 2, "batch_size": 900 })),
    ] {
        let mut streamed = options.clone();
        streamed["shuffle"] = "row-groups".into();
        let approach = approach(name, &streamed);
        let n = goes_on_as_if_never_stopped(name, |progress| {
            let data = StreamedTrain { catalogue: &train.catalogue, fit: &fit, validation: Some(&validation) };
            approach.fit_streamed(&data, &run(DeviceChoice::Cpu, progress))
        });
        assert!(n >= 9, "{name} {options}: it can be stopped at {n} places");
    }
}

#[test]
fn networks_for_lists_go_on_at_every_step() {
    let train = world();
    for (name, options) in [
        ("hybrid", json!({ "loss": "softmax", "patience": 1, "epochs": 5 })),
        ("hybrid", json!({ "loss": "bce", "negatives": 3, "optimizer": "lazy-adam" })),
        ("neural", json!({ "loss": "softmax", "negatives": 4, "negatives_by": "popularity", "averaged": false })),
        ("collaborative", json!({ "loss": "bpr", "negatives": 2, "shuffle": "once", "validation_split": 0.2 })),
    ] {
        let mut options = options;
        options["batch_size"] = 20.into();
        let approach = approach(name, &options);
        let n = goes_on_as_if_never_stopped(name, |progress| approach.fit(&train, &run(DeviceChoice::Cpu, progress)));
        assert!(n >= 9, "{name} {options}: it can be stopped at {n} places");
    }
}

#[test]
fn a_gpu_goes_on_as_well() {
    if ComputeDevice::find(DeviceChoice::Wgpu).is_err() {
        left_out(
            "trainings that go on on wgpu: there is no adapter: Debian's `mesa-vulkan-drivers` is one in software",
        );
        return;
    }
    let train = board(24);
    for (name, options) in [
        ("hybrid", json!({ "patience": 2 })),
        ("neural", json!({ "optimizer": "lazy-adam" })),
        ("collaborative", json!({ "training_step": "plain" })),
    ] {
        let approach = approach(name, &options);
        let n = goes_on_as_if_never_stopped(name, |progress| approach.fit(&train, &run(DeviceChoice::Wgpu, progress)));
        assert_eq!(n, 3, "{name} {options}: at the beginning of each epoch");
    }
}
