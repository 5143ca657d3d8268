//! Builds the coverage-guided fuzzer of `xtask/fuzz`, and runs it on one reader after the other.
//!
//! The fuzzer is libFuzzer, as source from the crate libfuzzer-sys. It needs a C++ compiler but no nightly Rust, since
//! stable passes LLVM's flags on. It runs without a sanitizer, because our code has no `unsafe` to look into.
//!
//! **Invariant**: what it finds stays in `target/torture/fuzz/<target>/`, with the command that repeats it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::files;
use crate::process::{Workspace, host, is_installed, shown, succeed};

/// Readers, with the longest input worth trying.
pub(super) const TARGETS: [(&str, u32); 7] = [
    ("csv", 4096),
    ("json-lines", 4096),
    ("parquet", 16_384),
    ("workbook", 8192),
    ("zip", 4096),
    ("toml", 8192),
    ("weights", 8192),
];

/// Readers that bring Burn: built on request alone.
pub(super) const WHOLE: [(&str, u32); 3] = [("experiment", 8192), ("all-weights", 16_384), ("manifest", 8192)];

/// Flags by which rustc counts the edges that were taken, for libFuzzer to see.
const COUNTERS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=16";

/// The flag by which libFuzzer also sees the numbers that are compared, and guesses them. With it and optimised, the
/// build takes fifteen processor minutes; without, five.
const COMPARES: &str = "-Cllvm-args=-sanitizer-coverage-trace-compares";

/// Below so many seconds a reader, a quick build does as well.
const THOROUGH: u64 = 60;

/// What the machine lacks for it.
pub(super) fn lacking() -> Option<String> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let why = || format!("`{compiler}`, a C++ compiler, is not installed: libFuzzer is built with it");
    (!is_installed(&compiler)).then(why)
}

/// Fuzzes each of `only` (all, if it names none) for a number of seconds.
pub(super) fn run(workspace: &Workspace, seconds: u64, only: &[String], seed: u64) -> Result<()> {
    let known = TARGETS.iter().chain(&WHOLE);
    let is_whole = |name: &str| WHOLE.iter().any(|(whole, _)| *whole == name);
    if let Some(unknown) = only.iter().find(|name| !known.clone().any(|(known, _)| known == name)) {
        let names: Vec<&str> = known.map(|(name, _)| *name).collect();
        bail!("no reader is called `{unknown}`\nhint: known are `{}`", names.join("`, `"));
    }
    let binary = build(workspace, only.iter().any(|name| is_whole(name)), seconds >= THOROUGH)?;
    let mut failed = Vec::new();
    let wanted = |name: &str| if only.is_empty() { !is_whole(name) } else { only.iter().any(|one| one == name) };
    for (name, length) in known.filter(|(name, _)| wanted(name)) {
        let place = workspace.target().join("torture/fuzz").join(name);
        let corpus = place.join("corpus");
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make `{}`", corpus.display()))?;
        println!("\n=== {name}: {seconds} s");
        let mut command = workspace.command(&binary);
        command
            .env("RECO_FUZZ_TARGET", name)
            .env("RECO_FUZZ_SEEDS", &corpus)
            .arg(&corpus)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={length}"))
            .arg(format!("-seed={}", seed.max(1) % u64::from(u32::MAX)))
            .arg(format!("-artifact_prefix={}/", place.display()))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"]);
        if let Err(error) = succeed(&mut command) {
            failed.push(format!("{name}: {error:#}"));
            for found in files::all(&place)?.iter().filter(|path| path.parent() == Some(&place)) {
                let mut again = Command::new(&binary);
                println!("found: RECO_FUZZ_TARGET={name} {}", shown(again.arg(found)));
            }
        }
    }
    match failed.len() {
        0 => Ok(()),
        n => bail!("{n} readers fail: {}", failed.join("; ")),
    }
}

/// Compiles the fuzzer with counters, in a target folder of its own.
fn build(workspace: &Workspace, whole: bool, thorough: bool) -> Result<PathBuf> {
    // A target is named even if it is this machine's: without one the flags apply to build scripts as well.
    let host = host()?;
    let (target, flags, optimised) = match thorough {
        true => ("fuzz", format!("{COUNTERS} {COMPARES}"), "1"),
        false => ("fuzz-quick", COUNTERS.to_owned(), "0"),
    };
    let target = workspace.target().join(target);
    let mut command = workspace.cargo(&["build", "--locked", "--release", "--target", &host, "--target-dir"]);
    command
        .arg(&target)
        .env("RUSTFLAGS", flags)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", optimised)
        .current_dir(workspace.root().join("xtask/fuzz"));
    if whole {
        command.args(["--features", "experiment"]);
    }
    succeed(&mut command)?;
    Ok(target.join(host).join("release/readers"))
}
