//! Tests that what `reco synth` plants is found by models that can see it, and by no others.
//!
//! **Invariant**: models are trained and measured by the program itself, on rows that they were not fitted to.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::reco;
use serde_json::Value;

fn at(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Generated ratings in `folder`, and what is expected of them.
fn synth(folder: &Path, more: &[&str]) -> (PathBuf, PathBuf) {
    let (raw, truth) = (folder.join("raw"), folder.join("truth.parquet"));
    let size = ["--users", "300", "--items", "120", "--ratings", "15000", "--seed", "5"];
    reco(["synth", "--out", at(&raw), "--truth", at(&truth)].iter().chain(&size).chain(more)).ok();
    (raw, truth)
}

/// The RMSE of `neural` and of `hybrid`, and what a test over users says of `hybrid` against `neural`.
fn trained(folder: &Path, raw: &Path) -> ([f64; 2], String) {
    let (path, out) = (format!("data.path={}", raw.display()), folder.join("out"));
    let keys = ["epochs=30", "patience=4"];
    let keys = ["neural", "hybrid"].map(|name| keys.map(|key| format!("approach.{name}.{key}")));
    let set = keys.iter().flatten().map(String::as_str).chain([path.as_str(), "data.name=made"]);
    let set: Vec<&str> = set.flat_map(|key| ["--set", key]).collect();
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "neural,hybrid", "--out", at(&out)];
    reco(fixed.iter().chain(&set)).ok();
    let compared = ["compare", at(&out), "--against", "neural", "--metrics", "rmse", "--json"];
    let compared = reco(compared).ok().json();
    let rmse = &compared["pairs"][0]["metrics"][0];
    assert_eq!(rmse["metric"], "rmse", "{compared}");
    let results: Value = serde_json::from_slice(&fs::read(out.join("report/results.json")).unwrap()).unwrap();
    let of = |row: usize| results["approaches"][row]["metrics"]["rmse"].as_f64().unwrap();
    ([of(0), of(1)], rmse["verdict"].as_str().unwrap().to_owned())
}

#[test]
fn a_planted_effect_of_the_moment_is_found_by_the_network_that_sees_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, truth) = synth(folder.path(), &["--context-effect", "0.8"]);
    let ([neural, hybrid], verdict) = trained(folder.path(), &raw);
    assert_eq!(verdict, "better", "hybrid {hybrid} against neural {neural}");
    assert!(hybrid < neural - 0.05, "hybrid {hybrid} against neural {neural}");

    // The truth is a table of scores like any other; what it leaves is the noise.
    let (path, out) = (format!("data.path={}", raw.display()), folder.path().join("out"));
    let fixed = ["evaluate", "data/experiments/fixture.toml", "--set", &path, "--set", "data.name=made", "--stars"];
    let files = ["--json", "--scores", at(&truth), "--out", at(&out)];
    let best = reco(fixed.iter().chain(&files)).ok().json()["metrics"]["rmse"].as_f64().unwrap();
    assert!((0.44..0.54).contains(&best) && best < hybrid, "{best}, hybrid {hybrid}");
}

#[test]
fn without_an_effect_of_the_moment_the_network_that_sees_it_has_nothing_to_find() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, _) = synth(folder.path(), &[]);
    let ([neural, hybrid], verdict) = trained(folder.path(), &raw);
    assert_ne!(verdict, "better", "hybrid {hybrid} against neural {neural}");
    assert!((hybrid - neural).abs() < 0.02, "hybrid {hybrid} against neural {neural}");
}

#[test]
fn parquet_is_trained_on_as_csv_is_and_sizes_follow_from_ratings() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let made = reco(["synth", "--ratings", "6000", "--parquet", "--json", "--out", &at("raw")]).ok().json();
    let config = &made["config"];
    assert_eq!((&config["n_users"], &config["n_items"], &config["n_ratings"]), (&40.into(), &600.into(), &6000.into()));
    let path = format!("data.path={}", at("raw"));
    let run = ["run", "--set", &path, "--set", "data.name=made", "--approach", "popularity", "--out", &at("out")];
    assert!(reco(run).ok().stdout.contains("popularity"));
}

#[test]
fn what_cannot_be_generated_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("raw").display().to_string();
    let refuse = |more: &[&str], parts: &[&str]| {
        reco(["synth", "--out", &out].iter().chain(more)).fails(1, parts);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    refuse(&["--context-effect", "9"], &["the effect of the moment can't be `9`", "hint: in stars, from `0` to `4.5`"]);
    refuse(&["--drift=nan"], &["the drift can't be `NaN`", "hint: "]);
    refuse(&["--ratings", "0"], &["`0` ratings of `1` users and `600` items can't be drawn", "hint: "]);
    refuse(&["--users", "1"], &["`60000` ratings of `1` users", "hint: from one per user"]);
    refuse(&["--truth", "truth.xlsx"], &["its ending says no format", "hint: let it end in `.csv` or `.parquet`"]);
    let inside = format!("{out}/truth.csv");
    refuse(&["--truth", &inside], &["there is no folder `", "hint: name a file in a folder that is there"]);
    reco(["synth", "--ratings", "many", "--out", &out]).fails(2, &["many"]);
}
