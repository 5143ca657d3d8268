//! Measures how many ratings a second networks train on: fused, by autodiff, and in other libraries.
//!
//! Does not know the networks: it runs `crates/reco-models/examples/train_speed.rs`.
//!
//! **Invariant**: what is compared runs in several turns, so that other load affects all alike; medians are shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::cases::empty;
use super::plot::{self, Bar};
use super::turns::{mean, median, spread};
use crate::process::{Workspace, answer, parsed};
use crate::python::{Environment, KERAS, RECBOLE, TORCH};
use crate::splits::{self, RATIO};

/// Turns of each.
const TURNS: usize = 5;

/// Turns of each where other programs take part, which are slow.
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

/// The case whose ranking of everything is shown as well.
const RANKED: (&str, &str, &str) = ("neural", "1024", "lazy-adam");

/// Ratings to train on with wgpu: a software driver is slow.
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
struct Line {
    ratings_per_second: f64,
    /// Only ours ranks.
    #[serde(default)]
    ranking_seconds: f64,
    /// The error of ratings that were not learned from, where there are any.
    #[serde(default)]
    error: Option<f64>,
}

pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let program = build(workspace)?;
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
        "`cargo run -p reco-models --example train_speed -- APPROACH BATCH_SIZE OPTIMIZER STEP`: 80,000 ratings an \
         epoch of 943 users and 1,682 items, embeddings of 50. Ratings a second, medians of {TURNS} turns; in brackets \
         the fastest.\n\n\
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
        let cells = turns.map(|turns| spread(&turns));
        let [plain, one, all] =
            cells.map(|[_, median, fastest]| format!("{} k ({} k)", thousands(median), thousands(fastest)));
        let ratio = cells[2][1] / cells[0][1];
        text += &format!("| {approach} | {batch} | `{optimizer}` | {plain} | {one} | {all} | {ratio:.1} |\n");
    }
    let seconds = median(&ranked);
    let pairs = 943.0 * 1682.0 / seconds / 1e6;
    text += &format!(
        "\nThe best ten of 1,682 items for each of 943 users, by `neural`: {seconds:.3} s, {pairs:.0} million pairs a \
         second.\n"
    );
    text += &on_wgpu(workspace, &program)?;
    Ok(text)
}

/// Measures the same on wgpu, by kernels and by autodiff, if there is an adapter.
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
    Ok(text)
}

/// A program that trains such a network, and the settings of which the fastest takes part.
struct Contender {
    name: &'static str,
    program: Program,
    /// Numbers of threads aside: each setting is tried with as many threads as cores, and the fastest also with one.
    settings: &'static [&'static [&'static str]],
}

enum Program {
    /// Ours, with this optimizer.
    Ours(&'static str),
    Script(&'static str, &'static Environment),
}

/// Contenders with dense Adam's trajectory.
const DENSE: &[Contender] = &[
    Contender { name: "reco `adam`", program: Program::Ours("adam"), settings: &[&[]] },
    Contender {
        name: "Keras Adam",
        program: Program::Script("train_keras.py", &KERAS),
        settings: &[&[], &["steps_per_execution=25"], &["jit_compile"], &["jit_compile", "steps_per_execution=25"]],
    },
    Contender {
        name: "PyTorch fused Adam",
        program: Program::Script("train_torch.py", &TORCH),
        settings: &[&[], &["compile"]],
    },
    Contender { name: "RecBole's NeuMF", program: Program::Script("train_recbole.py", &RECBOLE), settings: &[&[]] },
];

/// Contenders that change only the rows of a batch.
const SPARSE: &[Contender] = &[
    Contender { name: "reco `lazy-adam`", program: Program::Ours("lazy-adam"), settings: &[&[]] },
    Contender {
        name: "PyTorch SparseAdam",
        program: Program::Script("train_torch.py", &TORCH),
        settings: &[&["sparse"]],
    },
];

/// Batch sizes, with enough epochs that the fastest train for about a second.
const BATCHES: [(&str, &str); 3] = [("128", "4"), ("1024", "6"), ("8192", "12")];

/// The results of a contender's turns.
struct Learned {
    speeds: Vec<f64>,
    errors: Vec<f64>,
    setting: String,
}

/// The neural network in reco, Keras, PyTorch and RecBole, turn by turn in one run.
pub(super) fn peers(workspace: &Workspace) -> Result<String> {
    let program = build(workspace)?;
    let folder = empty(workspace, "train-peers")?;
    let n = write_parts(workspace, &folder)?;
    let arena = Arena { workspace, program: &program, folder: &folder, begun: Instant::now() };
    let (mut tables, mut failed, mut bars) = (String::new(), Vec::new(), Vec::new());
    for (heading, contenders) in [("Adam over whole tables", DENSE), ("Adam over the rows of the batch alone", SPARSE)]
    {
        tables += &format!(
            "\n### {heading}\n\n| batch | who | thousands a second | from – to | times | error | at |\n\
             | ---: | --- | ---: | ---: | ---: | ---: | --- |\n"
        );
        for batch in BATCHES {
            let learned = arena.turns(batch, contenders, &mut failed)?;
            let (batch, _) = batch;
            let ours = median(&learned[0].speeds);
            for (Contender { name, .. }, Learned { speeds, errors, setting }) in contenders.iter().zip(&learned) {
                let [from, value, to] = spread(speeds);
                let error = if errors.is_empty() { "–".to_owned() } else { format!("{:.4}", mean(errors)) };
                tables += &format!(
                    "| {batch} | {name} | {} | {} – {} | {:.1} | {error} | {setting} |\n",
                    thousands(value),
                    thousands(from),
                    thousands(to),
                    ours / value,
                );
                let (label, shown) =
                    (format!("{}, batch {batch}", name.replace('`', "")), format!("{} k", thousands(value)));
                bars.push(Bar { label, value, shown, is_ours: name.starts_with("reco") });
            }
        }
    }
    let of_batches = BATCHES.map(|(batch, epochs)| format!("{epochs} epochs in batches of {batch}")).join(", ");
    let mut text = format!(
        "The article's neural network on MovieLens 100K, the train part of {RATIO}: {n} ratings of 943 users and 1,682 \
         items, {of_batches}. reco by `crates/reco-models/examples/train_speed.rs`, the others by \
         `xtask/src/bench/peers/train_*.py` with {}; {}; RecBole with {}. Thousands of ratings a second, medians of \
         {PEER_TURNS} turns, each with a seed of its own; compiling and starting are not counted. Each runs on all \
         cores with each of its settings, once, and with the fastest of them on one; the fastest of all, which the row \
         says, takes part in the turns. `times` is how many times as fast reco's row is. The error is the mean \
         absolute one of the valid part's ratings, on the scale from a half to 1 that is trained on, the mean of the \
         turns. RecBole has another network of the same size, which predicts no stars; it draws a negative beside each \
         rating, and both count as ratings.\n",
        KERAS.of(workspace, &["keras", "tensorflow-cpu"]),
        TORCH.of(workspace, &["torch", "numpy"]),
        RECBOLE.of(workspace, &["recbole", "torch", "numpy"]),
    );
    if !failed.is_empty() {
        text += &format!("\nSettings that failed here: {}.\n", failed.join("; "));
    }
    let title = "Ratings a second, thousands: the article's neural network on two cores";
    Ok(format!("{text}{tables}\n{}", plot::bars(workspace, "train-peers", title, &bars)?))
}

/// What the runs of all contenders share.
struct Arena<'a> {
    workspace: &'a Workspace,
    program: &'a Path,
    folder: &'a Path,
    begun: Instant,
}

impl Arena<'_> {
    /// One run of a contender; prints how it went.
    fn run(&self, contender: &Contender, (batch, epochs): (&str, &str), seed: usize, words: &[String]) -> Result<Line> {
        let mut command = match contender.program {
            Program::Ours(optimizer) => {
                let mut command = self.workspace.command(self.program);
                command.args(["neural", batch, optimizer, "fused", "cpu", epochs]).arg(self.folder);
                command.args(["1", &seed.to_string()]);
                command.env("RAYON_NUM_THREADS", words[0].trim_start_matches("threads="));
                command
            }
            Program::Script(script, environment) => {
                let mut command = environment.command(self.workspace)?;
                command.arg(format!("xtask/src/bench/peers/{script}")).arg(self.folder).arg(batch).args(words);
                command.args([format!("seed={seed}"), format!("epochs={epochs}")]);
                command
            }
        };
        let done = line(&mut command);
        let how = done.as_ref().map_or("failed".to_owned(), |line| format!("{} k", thousands(line.ratings_per_second)));
        let (who, seconds) = (contender.name, self.begun.elapsed().as_secs());
        eprintln!("{seconds:>4} s  {who}, batch {batch}, {}, seed {seed}: {how}", words.join(" "));
        done
    }

    /// The fastest setting of a contender; those that failed are named in `failed`.
    fn fastest(&self, of: &Contender, batch: (&str, &str), failed: &mut Vec<String>) -> Result<Vec<String>> {
        let cores = thread::available_parallelism()?;
        let words = |threads: usize, settings: &[&str]| {
            [format!("threads={threads}")].into_iter().chain(settings.iter().map(|&word| word.to_owned())).collect()
        };
        let mut best: Option<(f64, Vec<String>, &[&str])> = None;
        let mut meet = |threads: usize, settings| {
            let words: Vec<String> = words(threads, settings);
            match self.run(of, batch, 1, &words) {
                Ok(line) => {
                    if best.as_ref().is_none_or(|(fastest, ..)| line.ratings_per_second > *fastest) {
                        best = Some((line.ratings_per_second, words, settings));
                    }
                }
                Err(_) => failed.push(format!("{}, batch {}, `{}`", of.name, batch.0, words.join(" "))),
            }
            best.as_ref().map(|(.., settings)| *settings)
        };
        let mut fastest = None;
        for settings in of.settings {
            fastest = meet(cores.get(), settings);
        }
        if let Some(settings) = fastest.filter(|_| cores.get() > 1) {
            meet(1, settings);
        }
        best.map(|(_, words, _)| words).with_context(|| format!("{} fails with each of its settings", of.name))
    }

    /// Finds the fastest setting of each, then lets them take turns.
    fn turns(&self, batch: (&str, &str), contenders: &[Contender], failed: &mut Vec<String>) -> Result<Vec<Learned>> {
        let chosen: Vec<Vec<String>> =
            contenders.iter().map(|one| self.fastest(one, batch, failed)).collect::<Result<_>>()?;
        let none = |words: &Vec<String>| Learned { speeds: Vec::new(), errors: Vec::new(), setting: words.join(", ") };
        let mut learned: Vec<Learned> = chosen.iter().map(none).collect();
        for turn in 1..=PEER_TURNS {
            for ((contender, words), learned) in contenders.iter().zip(&chosen).zip(&mut learned) {
                let Line { ratings_per_second, error, .. } = self.run(contender, batch, turn, words)?;
                learned.speeds.push(ratings_per_second);
                learned.errors.extend(error);
            }
        }
        Ok(learned)
    }
}

/// `train.tsv` and `valid.tsv`: users, items and targets, which lie from a half to 1. Returns how many are trained on.
fn write_parts(workspace: &Workspace, folder: &Path) -> Result<usize> {
    let (ratings, split) = splits::files(workspace, RATIO)?;
    let (ratings, split) = (fs::read_to_string(ratings)?, fs::read_to_string(split)?);
    let (mut train, mut valid) = (String::new(), String::new());
    for (line, part) in ratings.lines().filter(|line| !line.starts_with("user_id")).zip(split.lines().skip(1)) {
        let fields: Vec<f64> = line.split('\t').take(3).map(str::parse).collect::<Result<_, _>>()?;
        let [user, item, stars] = fields[..] else { bail!("`{line}` is no rating") };
        let row = format!("{}\t{}\t{}\n", user - 1.0, item - 1.0, 0.5 + (stars - 1.0) / 8.0);
        match part.split_once(',') {
            Some((_, "train")) => train += &row,
            Some((_, "valid")) => valid += &row,
            _ => {}
        }
    }
    fs::write(folder.join("train.tsv"), &train)?;
    fs::write(folder.join("valid.tsv"), valid)?;
    Ok(train.lines().count())
}

/// Builds the program that trains.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    workspace.build_example("reco-models", "train_speed", false)
}

/// The ratings a second that a program says it learned from.
fn speed(command: &mut Command) -> Result<f64> {
    Ok(line(command)?.ratings_per_second)
}

/// The line that a program prints.
fn line(command: &mut Command) -> Result<Line> {
    parsed(&answer(command)?)
}

fn thousands(number: f64) -> String {
    format!("{:.0}", number / 1e3)
}

#[cfg(all(test, unix))]
mod tests {
    use std::env;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn each_turn_has_a_seed_of_its_own_and_a_setting_that_fails_is_named() {
        let workspace = Workspace::find().unwrap();
        let folder = env::temp_dir().join(format!("train-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("program");
        // The seed is the error, and one thread is quicker where it does not fail.
        let script = "#!/bin/sh\n[ \"$3\" = never ] && exit 1\n[ \"$3 $RAYON_NUM_THREADS\" = \"many 1\" ] && exit 1\n\
                      echo \"{\\\"ratings_per_second\\\": $((9 / RAYON_NUM_THREADS)), \\\"error\\\": $9}\"\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let arena = Arena { workspace: &workspace, program: &program, folder: &folder, begun: Instant::now() };
        let contender = |name, optimizer| Contender { name, program: Program::Ours(optimizer), settings: &[&[]] };
        let mut failed = Vec::new();
        let learned = arena.turns(("128", "4"), &[contender("a", "any")], &mut failed).unwrap();
        assert_eq!(
            (learned[0].errors.as_slice(), learned[0].setting.as_str()),
            ([1.0, 2.0, 3.0].as_slice(), "threads=1")
        );
        assert!(failed.is_empty(), "{failed:?}");
        if thread::available_parallelism().unwrap().get() > 1 {
            let learned = arena.turns(("128", "4"), &[contender("b", "many")], &mut failed).unwrap();
            assert_ne!(learned[0].setting, "threads=1");
            assert_eq!(failed, ["b, batch 128, `threads=1`"]);
        }
        let error = arena.turns(("128", "4"), &[contender("c", "never")], &mut failed).err().unwrap().to_string();
        assert_eq!(error, "c fails with each of its settings");
        fs::remove_dir_all(folder).unwrap();
    }
}
