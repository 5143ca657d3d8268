//! Compares wgpu with the CPU: scores of the same weights, and losses of the same training.
//!
//! Does not know which driver there is: Debian's software Vulkan driver will do. Where there is none, the tests say so
//! and check the message that a user gets instead.
//!
//! **Invariant**: same weights, same scores within 1e-5 and the same top 10 up to ties; twenty steps, same loss within
//! 1e-3.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

use std::num::NonZeroUsize;

use reco_core::testing::{Feedback, checkerboard, left_out};
use reco_core::{AnyApproach, Candidates, DeviceChoice, Fitted, Query, Run, Scores, Seen, Silent, Who};
use reco_models::{APPROACHES, ComputeDevice};
use serde_json::json;

const SIZE: usize = 24;

fn run(device: DeviceChoice) -> Run<'static> {
    Run { seed: 5, device, progress: &Silent }
}

/// Whether wgpu has an adapter; if not, the error must say what to install.
fn has_wgpu() -> bool {
    match ComputeDevice::find(DeviceChoice::Wgpu) {
        Ok(device) => {
            assert!(device.name().starts_with("wgpu ("), "{}", device.name());
            true
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("found no adapter") && error.contains("mesa-vulkan-drivers"), "{error}");
            left_out("wgpu beside the CPU: there is no adapter: Debian's `mesa-vulkan-drivers` is one in software");
            false
        }
    }
}

fn approach(name: &str, epochs: usize) -> Box<dyn AnyApproach> {
    let entry = APPROACHES.iter().find(|entry| entry.name == name).unwrap();
    let options = match name {
        "content" => json!({}),
        _ => json!({ "epochs": epochs, "batch_size": 120, "learning_rate": 0.01 }),
    };
    (entry.configure)(&options).unwrap()
}

fn scores(fitted: &dyn Fitted) -> Vec<Vec<f32>> {
    let users: Vec<_> = fitted.catalogue().users.indices().collect();
    let queries: Vec<Query<'_>> = users
        .iter()
        .map(|user| Query { who: Who::Known(*user), context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) })
        .collect();
    let mut scores = Scores::new();
    fitted.score(&queries, &mut scores).unwrap();
    let rankings = fitted.recommend(&queries, NonZeroUsize::new(10).unwrap()).unwrap();
    for (row, ranking) in rankings.iter().enumerate() {
        assert_eq!(ranking.len(), 10);
        assert!(ranking.entries().iter().all(|(item, score)| scores.row(row)[item.index()] == score.get()));
    }
    (0..users.len()).map(|row| scores.row(row).to_vec()).collect()
}

/// The tenth best score of a row.
fn tenth(row: &[f32]) -> f32 {
    let mut sorted = row.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted[9]
}

#[test]
fn same_weights_same_scores() {
    if !has_wgpu() {
        return;
    }
    let train = checkerboard(SIZE, Feedback::Stars).train;
    for entry in APPROACHES {
        let approach = approach(entry.name, 5);
        let on_cpu = approach.fit(&train, &run(DeviceChoice::Cpu)).unwrap();
        let on_gpu = approach.load(on_cpu.save().unwrap(), &train.catalogue, &run(DeviceChoice::Wgpu)).unwrap();
        assert!(on_gpu.device().starts_with("wgpu"), "{}", on_gpu.device());
        for (cpu, gpu) in scores(&*on_cpu).iter().zip(scores(&*on_gpu)) {
            for (a, b) in cpu.iter().zip(&gpu) {
                assert!((a - b).abs() < 1e-5, "`{}`: {a} on the CPU, {b} on wgpu", entry.name);
            }
            // The same top 10 up to ties: whatever one device puts among its ten is among the other's, within 1e-5.
            let (limit_cpu, limit_gpu) = (tenth(cpu), tenth(&gpu));
            for (a, b) in cpu.iter().zip(&gpu) {
                assert!(*a < limit_cpu + 1e-5 || *b > limit_gpu - 2e-5, "`{}`: other top 10", entry.name);
            }
        }
    }
}

#[test]
fn twenty_steps_same_loss() {
    if !has_wgpu() {
        return;
    }
    // 24 × 22 rows make 5 batches of 120 and less: 4 epochs are 20 steps.
    let train = checkerboard(SIZE, Feedback::Stars).train;
    for name in ["collaborative", "neural", "hybrid"] {
        let approach = approach(name, 4);
        let losses = [DeviceChoice::Cpu, DeviceChoice::Wgpu].map(|device| {
            let fitted = approach.fit(&train, &run(device)).unwrap();
            let log = fitted.training().unwrap();
            assert_eq!(log.epochs.len() * log.n_train.div_ceil(120), 20);
            log.epochs.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>()
        });
        for (cpu, gpu) in losses[0].iter().zip(&losses[1]) {
            assert!((cpu - gpu).abs() < 1e-3, "`{name}`: {cpu} on the CPU, {gpu} on wgpu");
        }
        assert!(losses[0][3] < losses[0][0], "`{name}` learns");
    }
}

#[test]
fn auto_prefers_a_real_gpu_and_else_the_cpu() {
    let real = reco_models::devices().iter().any(|device| !device.is_software);
    let auto = ComputeDevice::find(DeviceChoice::Auto).unwrap();
    assert_eq!(auto.name().starts_with("wgpu"), real, "{}", auto.name());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_is_refused_with_a_way_out() {
    let error = ComputeDevice::find(DeviceChoice::Cuda).unwrap_err().to_string();
    assert!(error.contains("`--features cuda`"), "{error}");
}
