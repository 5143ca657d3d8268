//! Compares the expected values of reco-eval's tests with independent evaluators: `cargo xtask golden`.
//!
//! Does not know metrics: it runs a script, and compares what it writes with what is committed.
//!
//! **Invariant**: without `--write`, no committed file changes; no two numbers that differ by more than 1e-12 pass.

use std::env;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::files;
use crate::process::{Workspace, succeed};
use crate::python::EVALUATORS;

/// The folder of the script, its requirements and its output.
const FOLDER: &str = "crates/reco-eval/tests/golden";

/// The variable that asks CI for it.
const REMAKE: &str = "RECO_REMAKE_GOLDEN";

/// The tolerance: absolute below 1, relative above.
const TOLERANCE: f64 = 1e-12;

/// How many differences are shown.
const SHOWN: usize = 10;

/// Arguments of `cargo xtask golden`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Overwrite what is committed, instead of comparing with it
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let committed = workspace.root().join(FOLDER).join("golden.json");
    if arguments.write {
        return make(workspace, &committed);
    }
    check(workspace)
}

/// Why `cargo xtask ci` leaves it out, if it does.
pub(crate) fn lacking() -> Option<String> {
    if env::var_os(REMAKE).is_none() {
        // The values of pinned versions do not change.
        return Some(format!("evaluators of many megabytes are downloaded for it, on request alone: `{REMAKE}=1`"));
    }
    let error = EVALUATORS.base().err()?;
    Some(error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// Makes the values again, and fails if they differ.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let made = workspace.target().join("golden.json");
    make(workspace, &made)?;
    let (committed, made) = (files::json(&workspace.root().join(FOLDER).join("golden.json"))?, files::json(&made)?);
    let mut found = Vec::new();
    differences(&committed, &made, "golden.json", &mut found);
    for difference in found.iter().take(SHOWN) {
        eprintln!("golden: {difference}");
    }
    if !found.is_empty() {
        bail!(
            "{} golden values differ from what evaluators say now\n\
             hint: `cargo xtask golden --write`, and read the difference",
            found.len()
        );
    }
    Ok(())
}

fn make(workspace: &Workspace, to: &Path) -> Result<()> {
    succeed(EVALUATORS.command(workspace)?.arg(format!("{FOLDER}/make.py")).arg(to))
}

/// Adds the places where two values differ to `found`, each as a sentence.
fn differences(committed: &Value, made: &Value, place: &str, found: &mut Vec<String>) {
    match (committed, made) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (key, value) in a {
                differences(value, &b[key], &format!("{place}/{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{place}/{at}"), found);
            }
        }
        (Value::Number(a), Value::Number(b)) if near(a.as_f64(), b.as_f64()) => {}
        (a, b) if a == b => {}
        (a, b) => found.push(format!("`{place}` is `{}`, and `{}` is committed", brief(b), brief(a))),
    }
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= TOLERANCE * a.abs().max(1.0))
}

/// A value in words, a list or a table by its length.
fn brief(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(values) => format!("a table of {}", values.len()),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_environment_is_what_the_script_requires() {
        let requirements = Workspace::find().unwrap().root().join(FOLDER).join("requirements.txt");
        let requirements = files::read(&requirements).unwrap();
        assert_eq!(requirements.lines().collect::<Vec<_>>(), EVALUATORS.packages);
    }

    #[test]
    fn only_the_last_bits_of_a_number_may_differ() {
        let found = |committed: Value, made: Value| {
            let mut found = Vec::new();
            differences(&committed, &made, "golden.json", &mut found);
            found
        };
        let committed = json!({ "cases": [{ "mae": 0.5, "r2": null, "large": 2e38, "none": -0.0 }] });
        let near = json!({ "cases": [{ "mae": 0.500_000_000_000_9, "r2": null, "large": 2.000_000_000_000_1e38, "none": 0 }] });
        assert_eq!(found(committed.clone(), near), [""; 0]);
        let other = json!({ "cases": [{ "mae": 0.500_000_000_001_1, "r2": 0.0, "large": 2e38, "none": 0.0 }] });
        assert_eq!(
            found(committed.clone(), other),
            [
                "`golden.json/cases/0/mae` is `0.5000000000011`, and `0.5` is committed",
                "`golden.json/cases/0/r2` is `0.0`, and `null` is committed"
            ]
        );
        let fewer = json!({ "cases": [] });
        assert_eq!(found(committed, fewer), ["`golden.json/cases` is `a list of 0`, and `a list of 1` is committed"]);
    }
}
