//! Tests `reco runs`: what was run, with what, and how it came out.
//!
//! **Invariant**: what is listed is not touched.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{copy, files, finished, reco};
use serde_json::Value;

fn listed(folder: &Path) -> Vec<Value> {
    let before: Vec<(PathBuf, Vec<u8>)> =
        files(folder).into_iter().map(|file| (file.clone(), fs::read(folder.join(file)).unwrap())).collect();
    let list = reco(["runs", folder.to_str().unwrap(), "--json"]).ok().json();
    let after: Vec<PathBuf> = files(folder);
    assert_eq!(after.len(), before.len());
    assert!(before.iter().all(|(file, bytes)| fs::read(folder.join(file)).unwrap() == *bytes));
    list.as_array().unwrap().clone()
}

/// State, and why it is so.
fn state(folder: &Path) -> (String, String) {
    let list = listed(folder);
    assert_eq!(list.len(), 1, "{list:?}");
    let text = |key: &str| list[0][key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("problem"))
}

#[test]
fn a_finished_run_says_with_what_and_how_it_came_out() {
    let root = tempfile::tempdir().unwrap();
    copy(finished(), &root.path().join("deep/er/mine"));
    let list = listed(root.path());
    let results: Value = serde_json::from_slice(&fs::read(finished().join("report/results.json")).unwrap()).unwrap();
    let run = &list[0];
    assert_eq!((list.len(), &run["state"]), (1, &"done".into()));
    assert_eq!(run["experiment"], results["experiment"]);
    assert_eq!(run["data"], results["dataset"]["name"]);
    assert_eq!((&run["split"], &run["seed"]), (&results["split"]["kind"], &results["seed"]));
    let best = &results["summary"]["best"][0];
    assert_eq!((&run["best"][0]["approach"], &run["best"][0]["value"]), (&best["approach"], &best["value"]));
    let shown = reco(["runs", root.path().to_str().unwrap()]).ok().stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("when (UTC)") && lines[1].contains("deep/er/mine"), "{shown}");
}

#[test]
fn what_is_unfinished_or_broken_is_listed_as_such() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("mine");
    copy(finished(), &out);
    fs::remove_dir_all(out.join("report")).unwrap();
    assert_eq!(
        state(root.path()),
        ("unfinished".into(), "no report yet; it has tables, features, models, evaluation".into())
    );
    fs::create_dir(out.join("models/.svd.partial")).unwrap();
    assert_eq!(state(root.path()), ("unfinished".into(), "stopped, or at work, in models".into()));
    let (_, why) = {
        fs::write(out.join("features/manifest.json"), "{ cut").unwrap();
        state(root.path())
    };
    assert!(why.contains("features/manifest.json` is no manifest of reco"), "{why}");
    copy(finished(), &out);
    fs::remove_dir(out.join("models/.svd.partial")).unwrap();
    assert_eq!(state(root.path()).0, "done");
    let results = out.join("report/results.json");
    let text = fs::read_to_string(&results).unwrap();
    fs::write(&results, text.replace("\"seed\": ", "\"seed\": 1")).unwrap();
    let (broken, why) = state(root.path());
    assert!(broken == "broken" && why.contains("results.json` was changed since it was written"), "{why}");
    let shown = reco(["runs", root.path().to_str().unwrap()]).ok().stdout;
    assert!(shown.contains("broken: `"), "{shown}");
}

#[test]
fn a_repeated_run_is_one_and_the_newest_comes_first() {
    let root = tempfile::tempdir().unwrap();
    copy(finished(), &root.path().join("a"));
    let out = root.path().join("b").display().to_string();
    let over = ["--set=repeat.over=seed", "--set=repeat.values=[1, 2]", "--approach=popularity"];
    let fixed = ["run", "data/experiments/fixture.toml", "--out", &out];
    reco(fixed.iter().chain(&over)).ok();
    let list = listed(root.path());
    let of = |at: usize| (list[at]["folder"].as_str().unwrap().rsplit('/').next().unwrap(), &list[at]["n_repetitions"]);
    assert_eq!((list.len(), of(0), of(1)), (2, ("b", &2.into()), ("a", &0.into())), "{list:?}");
    assert_eq!(list[0]["approaches"], serde_json::json!(["popularity"]));
}

#[test]
fn where_nothing_was_run_that_is_said() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("models")).unwrap();
    let none = reco(["runs", root.path().to_str().unwrap()]).ok();
    assert!(none.stdout.is_empty() && none.stderr.contains("no run is in"), "{}", none.stderr);
    assert!(listed(root.path()).is_empty());
    reco(["runs", "no/where"]).fails(1, &["there is no folder `no/where`", "hint: "]);
}
