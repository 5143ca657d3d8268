//! Checks that the same experiment, run twice, gives the same bytes.
//!
//! Does not know what the files mean, only which parts of them are times and memory.
//!
//! **Invariant**: a file that only one run left, or that differs in more than its times, is an error that names it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::files;
use crate::process::{Workspace, succeed};

/// The experiment: seconds long, and nothing to fetch.
const EXPERIMENT: &str = "data/experiments/fixture.toml";

/// Keys of JSON files that differ from run to run: what was measured, and digests of files that hold such measurements.
/// Those files are compared themselves.
const MEASURED: &[&str] = &[
    "train_seconds",
    "evaluate_seconds",
    "ratings_per_second",
    "seconds",
    "peak_memory_bytes",
    "inputs",
    "outputs",
    "seal",
];

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let reco = workspace.build_reco(false)?;
    let folder = workspace.target().join("fixture");
    let runs = ["first", "second"].map(|run| folder.join(run));
    for out in &runs {
        files::remove(out)?;
        let mut command = workspace.command(&reco);
        command.args(["run", EXPERIMENT, "--out"]).arg(out);
        succeed(&mut command)?;
    }
    let n_files = compare(&runs[0], &runs[1])?;
    if n_files == 0 {
        bail!("`{EXPERIMENT}` left no file");
    }
    println!("{n_files} files are equal");
    Ok(())
}

/// How many files the two folders have, all of them equal.
pub(crate) fn compare(first: &Path, second: &Path) -> Result<usize> {
    let (in_first, in_second) = (inside(first)?, inside(second)?);
    if let Some(alone) = in_first.symmetric_difference(&in_second).next() {
        bail!("only one of two equal runs left `{}`", alone.display());
    }
    for file in &in_first {
        if comparable(&first.join(file))? != comparable(&second.join(file))? {
            bail!(
                "two equal runs left `{}` with other bytes: compare `{}` and `{}`",
                file.display(),
                first.display(),
                second.display()
            );
        }
    }
    Ok(in_first.len())
}

/// The files of a folder, by their paths in it.
fn inside(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    files::all(folder)?.iter().map(|path| Ok(path.strip_prefix(folder)?.to_owned())).collect()
}

/// The file's bytes, less what was measured.
fn comparable(path: &Path) -> Result<Vec<u8>> {
    let bytes = files::bytes(path)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => {
            let mut value = files::json(path)?;
            without_measurements(&mut value);
            Ok(value.to_string().into_bytes())
        }
        Some("html") => without_run(&String::from_utf8_lossy(&bytes))
            .map(String::into_bytes)
            .with_context(|| format!("`{}` has no section `run`", path.display())),
        Some("md") => Ok(without_training(&String::from_utf8_lossy(&bytes)).into_bytes()),
        _ => Ok(bytes),
    }
}

fn without_measurements(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !MEASURED.contains(&key.as_str()));
            map.values_mut().for_each(without_measurements);
        }
        Value::Array(values) => values.iter_mut().for_each(without_measurements),
        _ => {}
    }
}

/// A report without its section on training, which has times in it.
fn without_training(text: &str) -> String {
    let mut kept = String::new();
    let mut in_training = false;
    for line in text.lines() {
        if line.starts_with("## ") {
            in_training = line == "## Training";
        }
        if !in_training {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// A page without its section on the run itself, which has times, memory and the command line in it.
fn without_run(page: &str) -> Option<String> {
    let (before, rest) = page.split_once("<section id=\"run\"")?;
    let (_, after) = rest.split_once("</section>")?;
    Some(format!("{before}{after}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("fixture-{}-{name}", std::process::id()));
        for (file, text) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn outcome(name: &str, first: &[(&str, &str)], second: &[(&str, &str)]) -> Result<usize, String> {
        let (first, second) = (folder(&format!("{name}-1"), first), folder(&format!("{name}-2"), second));
        let outcome = compare(&first, &second).map_err(|error| error.to_string());
        fs::remove_dir_all(first).unwrap();
        fs::remove_dir_all(second).unwrap();
        outcome
    }

    #[test]
    fn times_may_differ_and_nothing_else_may() {
        let json = |seconds: f64, mae: f64| format!(r#"{{"a": [{{"train_seconds": {seconds}, "mae": {mae}}}]}}"#);
        let report = |seconds: f64| format!("# x\n## Training\n{seconds}\n## Checksums\nabc\n");
        let first = [("r/results.json", json(1.0, 0.5)), ("r/report.md", report(1.0)), ("w", "1".to_owned())];
        let second = [("r/results.json", json(2.0, 0.5)), ("r/report.md", report(2.0)), ("w", "1".to_owned())];
        fn borrowed<'a>(files: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
            files.iter().map(|(name, text)| (*name, text.as_str())).collect()
        }
        assert_eq!(outcome("times", &borrowed(&first), &borrowed(&second)), Ok(3));
        let page = |seconds: f64, mae: f64| format!("<section>{mae}</section><section id=\"run\">{seconds}</section>");
        let (one, two) = (page(1.0, 0.5), page(2.0, 0.5));
        assert_eq!(outcome("page", &[("r.html", &one)], &[("r.html", &two)]), Ok(1));
        let error = outcome("page-number", &[("r.html", &one)], &[("r.html", &page(1.0, 0.6))]).unwrap_err();
        assert!(error.contains("`r.html` with other bytes"), "{error}");
        let error = outcome("no-page", &[("r.html", "")], &[("r.html", "")]).unwrap_err();
        assert!(error.contains("`run`"), "{error}");
        let other = json(1.0, 0.500_000_000_000_000_1);
        let error = outcome("number", &[("r.json", &first[0].1)], &[("r.json", &other)]).unwrap_err();
        assert!(error.contains("`r.json` with other bytes"), "{error}");
        let error = outcome("bytes", &[("w", "1")], &[("w", "2")]).unwrap_err();
        assert!(error.contains("`w` with other bytes"), "{error}");
        let error = outcome("alone", &[("w", "1")], &[("w", "1"), ("x/y", "")]).unwrap_err();
        assert!(error.contains("left `x/y`"), "{error}");
    }
}
