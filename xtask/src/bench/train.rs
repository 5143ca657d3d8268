//! How many ratings a second do the networks learn from, by the step of their own and by autodiff?
//!
//! Does not know either: it runs `crates/reco-models/examples/train_speed.rs`.
//!
//! **Invariant**: what is compared runs turn by turn, several times, so that the machine's mood strikes both alike; medians are shown.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Arguments;
use crate::process::{Workspace, answer, succeed};

/// Turns of each.
const TURNS: usize = 5;

/// Approach, batch size, optimizer.
const CASES: [(&str, &str, &str); 6] = [
    ("neural", "128", "lazy-adam"),
    ("neural", "1024", "lazy-adam"),
    ("neural", "8192", "lazy-adam"),
    ("neural", "128", "adam"),
    ("hybrid", "128", "lazy-adam"),
    ("collaborative", "128", "lazy-adam"),
];

#[derive(Deserialize)]
struct Line {
    ratings_per_second: f64,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let mut build = workspace.cargo(&["build", "--quiet", "--package", "reco-models", "--example", "train_speed"]);
    let profile = if arguments.release {
        build.arg("--release");
        "release"
    } else {
        "debug"
    };
    succeed(&mut build)?;
    let program = workspace.target().join(profile).join("examples/train_speed");
    let measured = |words: [&str; 4], threads: Option<&str>| -> Result<f64> {
        let mut command = workspace.command(&program);
        command.args(words);
        threads.into_iter().for_each(|threads| {
            command.env("RAYON_NUM_THREADS", threads);
        });
        let line = answer(&mut command)?;
        let line: Line = serde_json::from_str(line.trim()).with_context(|| format!("the program answered `{line}`"))?;
        Ok(line.ratings_per_second)
    };
    let mut text = format!(
        "`cargo run -p reco-models --example train_speed -- APPROACH BATCH_SIZE OPTIMIZER STEP`: 80,000 ratings an epoch of 943 users \
         and 1,682 items, embeddings of 50. Ratings a second, medians of {TURNS} turns; in brackets the fastest.\n\n\
         | approach | batch | optimizer | autodiff (`plain`) | fused, one core | fused, all cores | fused / plain |\n\
         | --- | ---: | --- | ---: | ---: | ---: | ---: |\n"
    );
    for (approach, batch, optimizer) in CASES {
        let mut turns: [Vec<f64>; 3] = Default::default();
        for _ in 0..TURNS {
            turns[0].push(measured([approach, batch, optimizer, "plain"], None)?);
            turns[1].push(measured([approach, batch, optimizer, "fused"], Some("1"))?);
            turns[2].push(measured([approach, batch, optimizer, "fused"], None)?);
        }
        let cells = turns.each_mut().map(|turns| {
            turns.sort_unstable_by(f64::total_cmp);
            (turns[TURNS / 2], turns[TURNS - 1])
        });
        let [plain, one, all] =
            cells.map(|(median, fastest)| format!("{} k ({} k)", thousands(median), thousands(fastest)));
        let ratio = cells[2].0 / cells[0].0;
        text += &format!("| {approach} | {batch} | `{optimizer}` | {plain} | {one} | {all} | {ratio:.1} |\n");
    }
    Ok(text)
}

fn thousands(number: f64) -> String {
    format!("{:.0}", number / 1e3)
}
