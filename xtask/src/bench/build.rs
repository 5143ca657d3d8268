//! Measures a clean build: the time from a clone to the first table, the size of `reco`, and how fast it starts.
//!
//! Does not know what is compiled.
//!
//! **Invariant**: the last commit is cloned and compiled in an empty folder, and no crate is downloaded while the clock
//! runs. Processor seconds are those of all compilers together, so that other load lengthens the wall time alone.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::cases::empty;
use super::machine::bytes;
use super::turns::spread;
use crate::process::{Workspace, children_seconds, is_installed, measure, shown, succeed};

/// Starts of a program; the median is shown.
const STARTS: usize = 20;

/// An experiment that takes seconds and leaves models to describe and to ask.
const EXPERIMENT: &str = "data/experiments/fixture.toml";

pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let folder = empty(workspace, "build")?;
    let clone = folder.join("clone");
    succeed(workspace.command("git").args(["clone", "--quiet"]).arg(workspace.root()).arg(&clone))?;
    // Compiling is measured, downloading is not.
    succeed(workspace.cargo(&["fetch", "--locked"]).current_dir(&clone))?;
    let mut text = "| command | seconds | processor seconds |\n| --- | ---: | ---: |\n".to_owned();
    let mut sum = 0.0;
    for words in [
        ["build", "--locked", "--package", "xtask"].as_slice(),
        &["build", "--locked", "--package", "reco-cli"],
        &["xtask", "pipeline"],
    ] {
        let mut command = workspace.cargo(words);
        command.current_dir(&clone).env("CARGO_TARGET_DIR", &folder).env("CARGO_INCREMENTAL", "0");
        let before = children_seconds();
        let wall = measure(&mut command)?.wall.as_secs_f64();
        sum += wall;
        let took = children_seconds().zip(before).map(|(after, before)| format!("{:.0}", after - before));
        text += &format!("| `{}` | {wall:.0} | {} |\n", shown(&command), took.unwrap_or_else(|| "–".to_owned()));
    }
    text += &format!(
        "\nFrom a clone to the first table, with MovieLens 100K fetched and its crates there already: {sum:.0} s.\n"
    );
    let reco = folder.join("debug").join(format!("reco{}", std::env::consts::EXE_SUFFIX));
    text += &format!("\n`reco` has {}", bytes(fs::metadata(&reco).context("there is no `reco`")?.len()));
    if is_installed("strip") {
        let stripped = folder.join("stripped");
        succeed(workspace.command("strip").arg("-o").arg(&stripped).arg(&reco))?;
        text += &format!(", {} without its symbols", bytes(fs::metadata(&stripped)?.len()));
    }
    text += &format!(
        ".\n\n| command | milliseconds, median of {STARTS} | fastest | slowest |\n| --- | ---: | ---: | ---: |\n"
    );
    let out = folder.join("out");
    let mut command = workspace.command(&reco);
    command.current_dir(&clone);
    succeed(command.args(["run", EXPERIMENT, "--json", "--out"]).arg(&out).stdout(Stdio::null()))?;
    let models = out.join("models").display().to_string();
    let models = models.as_str();
    for words in [
        &["--version"][..],
        &["describe", "neural", "--models", models],
        &["recommend", "--user", "1", "--approach", "popularity", "--models", models],
        &["recommend", "--user", "1", "--approach", "neural", "--device", "cpu", "--models", models],
    ] {
        let [fastest, median, slowest] = starts(workspace, &reco, words)?;
        let command = words.join(" ").replace(models, "data/models");
        text += &format!("| `reco {command}` | {median:.1} | {fastest:.1} | {slowest:.1} |\n");
    }
    fs::remove_dir_all(&folder)?;
    Ok(text)
}

/// Milliseconds of the fastest, the median and the slowest start.
fn starts(workspace: &Workspace, reco: &Path, words: &[&str]) -> Result<[f64; 3]> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        succeed(workspace.command(reco).args(words).stdout(Stdio::null()).stderr(Stdio::null()))?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(spread(&took))
}
