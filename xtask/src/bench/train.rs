//! How many ratings a second do the networks learn from, by the step of their own and by autodiff?
//!
//! Does not know either: it runs `crates/reco-models/examples/train_speed.rs`.
//!
//! **Invariant**: what is compared runs turn by turn, several times, so that the machine's mood strikes both alike; medians are shown.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use super::Arguments;
use super::cases::empty;
use super::plot::{self, Bar};
use super::turns::{median, sorted};
use crate::process::{Workspace, answer, measure, parsed};
use crate::python::python;

/// Turns of each.
const TURNS: usize = 5;

/// The same where others take part, who take their time.
const PEER_TURNS: usize = 3;

/// Approach, batch size, optimizer.
const CASES: [(&str, &str, &str); 6] = [
    ("neural", "128", "lazy-adam"),
    ("neural", "1024", "lazy-adam"),
    ("neural", "8192", "lazy-adam"),
    ("neural", "128", "adam"),
    ("hybrid", "128", "lazy-adam"),
    ("collaborative", "128", "lazy-adam"),
];

/// That of them whose ranking of everything is told as well.
const RANKED: (&str, &str, &str) = ("neural", "1024", "lazy-adam");

/// Who takes part, in the order of the table.
const WHO: [&str; 6] =
    ["reco adam", "reco lazy-adam", "Keras Adam", "PyTorch fused Adam", "PyTorch SparseAdam", "RecBole's NeuMF"];

/// Ratings that are trained on on wgpu: a software driver takes its time.
const GPU_RATINGS: &str = "8192";

/// Approach, batch size, optimizer on wgpu.
const GPU_CASES: [(&str, &str, &str); 4] = [
    ("neural", "128", "lazy-adam"),
    ("neural", "128", "adam"),
    ("hybrid", "128", "adam"),
    ("neural", "1024", "lazy-adam"),
];

/// What a program prints.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Line {
    pub(super) ratings_per_second: f64,
    /// Users and items that a batch meets for each of its ratings; ours alone says it.
    #[serde(default)]
    pub(super) rows_per_rating: f64,
    /// Others do not rank.
    #[serde(default)]
    pub(super) ranking_seconds: f64,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let program = build(workspace, arguments)?;
    let measured = |words: [&str; 4], threads: Option<&str>| {
        let mut command = workspace.command(&program);
        command.args(words);
        threads.into_iter().for_each(|threads| {
            command.env("RAYON_NUM_THREADS", threads);
        });
        line(&mut command)
    };
    let mut ranked = Vec::new();
    let mut text = format!(
        "`cargo run -p reco-models --example train_speed -- APPROACH BATCH_SIZE OPTIMIZER STEP`: 80,000 ratings an epoch of 943 users \
         and 1,682 items, embeddings of 50. Ratings a second, medians of {TURNS} turns; in brackets the fastest.\n\n\
         | approach | batch | optimizer | autodiff (`plain`) | fused, one core | fused, all cores | fused / plain |\n\
         | --- | ---: | --- | ---: | ---: | ---: | ---: |\n"
    );
    for (approach, batch, optimizer) in CASES {
        let mut turns: [Vec<f64>; 3] = Default::default();
        for _ in 0..TURNS {
            turns[0].push(measured([approach, batch, optimizer, "plain"], None)?.ratings_per_second);
            turns[1].push(measured([approach, batch, optimizer, "fused"], Some("1"))?.ratings_per_second);
            let on_all_cores = measured([approach, batch, optimizer, "fused"], None)?;
            turns[2].push(on_all_cores.ratings_per_second);
            if (approach, batch, optimizer) == RANKED {
                ranked.push(on_all_cores.ranking_seconds);
            }
        }
        let cells = turns.map(|turns| {
            let turns = sorted(&turns);
            (turns[TURNS / 2], turns[TURNS - 1])
        });
        let [plain, one, all] =
            cells.map(|(median, fastest)| format!("{} k ({} k)", thousands(median), thousands(fastest)));
        let ratio = cells[2].0 / cells[0].0;
        text += &format!("| {approach} | {batch} | `{optimizer}` | {plain} | {one} | {all} | {ratio:.1} |\n");
    }
    let seconds = median(&ranked);
    let pairs = 943.0 * 1682.0 / seconds / 1e6;
    text += &format!(
        "\nThe best ten of 1,682 items for each of 943 users, by `neural`: {seconds:.3} s, {pairs:.0} million pairs a second.\n"
    );
    text += &on_wgpu(workspace, &program)?;
    Ok(text)
}

/// The same on wgpu, by kernels and by autodiff, where there is an adapter.
fn on_wgpu(workspace: &Workspace, program: &Path) -> Result<String> {
    let doctor = workspace.build_reco(false)?;
    let doctor: Value = parsed(&answer(workspace.command(doctor).args(["doctor", "--json"]))?)?;
    let devices = doctor["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(adapter) = devices.iter().find(|device| device["backend"] != "flex") else {
        return Ok("\nwgpu has no adapter on this machine.\n".to_owned());
    };
    let mut text = format!(
        "\nOn wgpu, {}: milliseconds a step, over {GPU_RATINGS} ratings, medians of {PEER_TURNS} turns.\n\n\
         | approach | batch | optimizer | autodiff (`plain`) | fused: two kernels | plain / fused |\n\
         | --- | ---: | --- | ---: | ---: | ---: |\n",
        adapter["name"].as_str().unwrap_or("an adapter"),
    );
    for (approach, batch, optimizer) in GPU_CASES {
        let measured = |step: &str| {
            let words = [approach, batch, optimizer, step, "wgpu", "1", GPU_RATINGS];
            speed(workspace.command(program).args(words))
        };
        let mut turns: [Vec<f64>; 2] = Default::default();
        for _ in 0..PEER_TURNS {
            turns[0].push(measured("plain")?);
            turns[1].push(measured("fused")?);
        }
        let ratings: f64 = batch.parse()?;
        let [plain, fused] = turns.map(|turns| 1e3 * ratings / median(&turns));
        let ratio = plain / fused;
        text += &format!("| {approach} | {batch} | `{optimizer}` | {plain:.1} | {fused:.1} | {ratio:.1} |\n");
    }
    if adapter["name"].as_str().is_some_and(|name| name.contains("llvmpipe")) {
        text += &of_shaders(workspace, program)?;
    }
    Ok(text)
}

/// What it is worth that the driver keeps the shaders that it compiled.
fn of_shaders(workspace: &Workspace, program: &Path) -> Result<String> {
    let mut turns: [Vec<f64>; 2] = Default::default();
    for _ in 0..PEER_TURNS {
        let kept = empty(workspace, "shaders")?;
        for turn in &mut turns {
            let mut command = workspace.command(program);
            command.args(["neural", "128", "lazy-adam", "fused", "wgpu", "1", "128", "0"]);
            turn.push(measure(command.env("MESA_SHADER_CACHE_DIR", &kept))?.wall.as_secs_f64());
        }
    }
    let [first, second] = turns.map(|turns| median(&turns));
    Ok(format!(
        "\nA process that trains on 128 ratings there takes {first:.2} s the first time, and {second:.2} s when the driver has kept its \
         shaders from the run before.\n"
    ))
}

const KERAS: &[&str] = &["keras==3.15.1", "tensorflow-cpu==2.21.0"];
/// RecBole wants the old NumPy, and its Ray the old setuptools.
const TORCH: &[&str] = &["torch==2.5.1", "numpy==1.26.4", "recbole==1.2.1", "pandas==2.2.3", "setuptools==80.9.0"];

/// The neural network in reco, Keras and PyTorch, turn by turn in one run.
pub(super) fn peers(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let program = build(workspace, arguments)?;
    let (keras, torch) = (python(workspace, "train-keras", KERAS)?, python(workspace, "train-torch", TORCH)?);
    let mut text = format!(
        "The article's neural network, 80,000 ratings an epoch of 943 users and 1,682 items, on two cores: reco by \
         `crates/reco-models/examples/train_speed.rs`, the others by `xtask/src/bench/peers/train_*.py` with {}. Thousands of ratings a \
         second, medians of {PEER_TURNS} turns; in brackets how many times as fast reco's `adam` and `lazy-adam` are: `adam` has dense Adam's \
         trajectory, as the dense ones have, and `lazy-adam` does what SparseAdam does. RecBole has another network of the same size, draws a negative beside each rating, and both \
         count.\n\n\
         | batch | reco `adam` | reco `lazy-adam` | Keras Adam | PyTorch fused Adam | PyTorch SparseAdam | RecBole's NeuMF |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        [KERAS, TORCH].concat().join(", "),
    );
    let mut bars = Vec::new();
    for batch in ["128", "1024", "8192"] {
        let script = |python: &Path, name: &str, more: &[&str]| {
            let mut command = workspace.command(python);
            command.arg(format!("xtask/src/bench/peers/{name}")).arg(batch).args(more);
            speed(&mut command)
        };
        let ours = |optimizer: &str| speed(workspace.command(&program).args(["neural", batch, optimizer, "fused"]));
        let mut turns: [Vec<f64>; 6] = Default::default();
        for _ in 0..PEER_TURNS {
            turns[0].push(ours("adam")?);
            turns[1].push(ours("lazy-adam")?);
            turns[2].push(script(&keras, "train_keras.py", &[])?);
            turns[3].push(script(&torch, "train_torch.py", &["dense"])?);
            turns[4].push(script(&torch, "train_torch.py", &["sparse"])?);
            turns[5].push(script(&torch, "train_recbole.py", &[])?);
        }
        let medians = turns.map(|turns| median(&turns));
        for (who, value) in WHO.iter().zip(medians) {
            let (label, shown) = (format!("{who}, batch {batch}"), format!("{} k", thousands(value)));
            bars.push(Bar { label, value, shown, is_ours: who.starts_with("reco") });
        }
        let theirs = medians[2..].iter().map(|theirs| {
            format!("{} ({:.1} ×, {:.1} ×)", thousands(*theirs), medians[0] / theirs, medians[1] / theirs)
        });
        let cells: Vec<String> = medians[..2].iter().map(|ours| thousands(*ours)).chain(theirs).collect();
        text += &format!("| {batch} | {} |\n", cells.join(" | "));
    }
    let title = "Ratings a second, thousands: the article's neural network on two cores";
    text += &format!("\n{}", plot::bars(workspace, "train-peers", title, &bars)?);
    Ok(text)
}

/// Builds the program that trains.
pub(super) fn build(workspace: &Workspace, arguments: &Arguments) -> Result<PathBuf> {
    workspace.build_example("reco-models", "train_speed", arguments.release)
}

/// The ratings a second that a program says it learned from.
fn speed(command: &mut Command) -> Result<f64> {
    Ok(line(command)?.ratings_per_second)
}

/// All that a program says.
pub(super) fn line(command: &mut Command) -> Result<Line> {
    parsed(&answer(command)?)
}

fn thousands(number: f64) -> String {
    format!("{:.0}", number / 1e3)
}
