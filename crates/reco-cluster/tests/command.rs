//! Runs the program `reco-cluster` on the fixture.
//!
//! Does not know what is in the files: `contract.rs` compares them.
//!
//! **Invariant**: each test has a folder of its own.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

#[expect(dead_code, reason = "it has helpers for all test binaries")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{assert_equal, data, expected, experiment, tables};
use serde_json::{Value, json};

/// Code, stdout and stderr of `reco-cluster` with these arguments.
fn reco_cluster(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_reco-cluster")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_run_goes_from_tables_to_features_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let experiment = experiment(at, &data("fixture", at).unwrap());
    tables(&experiment, at);
    let toml = at.join("mine.toml");
    let prepare = ["prepare", text(&toml), "--out", text(at), "--memory", "256MiB"];
    let (code, stdout, stderr) = reco_cluster(&prepare);
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(
        stderr.contains("\n100 users, 150 items; 2500 ratings train, 250 validate, 0 are given, 250 test\n"),
        "{stderr}"
    );
    assert_equal(&expected(&experiment, &at.join("tables"), at).unwrap(), &at.join("features"), "prepare");
    assert!(!at.join(".reco-cluster").exists(), "the engine's folder is left");

    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(at.join("features/manifest.json")).unwrap()).unwrap();
    let made = json!({ "features": experiment.features, "split": experiment.split });
    assert_eq!(
        (&manifest["stage"], &manifest["stage_version"], &manifest["experiment"], &manifest["seed"]),
        (&json!("features"), &json!(reco_features::STAGE_VERSION), &made, &json!(42))
    );
    let inputs: Vec<&String> = manifest["inputs"].as_object().unwrap().keys().collect();
    let tables = ["tables/items.parquet", "tables/ratings.parquet", "tables/rejects.parquet", "tables/users.parquet"];
    assert_eq!(inputs, tables);

    let (code, _, stderr) = reco_cluster(&prepare);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("features` is there already\nhint: move it elsewhere"), "{stderr}");
    fs::write(at.join("tables/users.parquet"), "changed").unwrap();
    fs::rename(at.join("features"), at.join("features-before")).unwrap();
    let (code, _, stderr) = reco_cluster(&prepare);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("users.parquet` is not as it was made\nhint: `reco ingest "), "{stderr}");
}

#[test]
fn what_another_engine_reads_is_written_and_what_it_did_not_write_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tables(&experiment(at, &data("fixture", at).unwrap()), at);
    let (toml, work) = (at.join("mine.toml"), at.join("work"));
    let (code, stdout, stderr) = reco_cluster(&["export", text(&toml), "--out", text(at), "--work", text(&work)]);
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    let (code, plan, _) = reco_cluster(&["sql", text(&toml)]);
    assert_eq!((code, fs::read_to_string(work.join("plan.sql")).unwrap()), (Some(0), plan));
    assert!(work.join("listed_users.parquet").is_file() && work.join("listed_items.parquet").is_file());
    let (code, _, stderr) = reco_cluster(&["import", text(&toml), "--out", text(at), "--work", text(&work)]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("error: ") && stderr.contains(".parquet"), "{stderr}");
    assert!(!at.join("features").exists());
}

#[test]
fn a_wrong_start_says_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let toml = at.join("mine.toml");
    for (given, expected) in [
        ("[split]\nkind = \"file\"\npath = \"x.csv\"", "`split.kind = \"file\"` cannot be stated in SQL"),
        ("[data]\npath = \"nowhere.csv\"", "tables`, and `data.path` names no Parquet\nhint: `reco ingest "),
        ("[data]\npath = \"$RECO_NEVER_SET/x\"", "$RECO_NEVER_SET is not set"),
    ] {
        fs::write(&toml, given).unwrap();
        let command = if given.contains("file") {
            vec!["sql", text(&toml)]
        } else {
            vec!["prepare", text(&toml), "--out", text(at)]
        };
        let (code, stdout, stderr) = reco_cluster(&command);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains(expected) && stderr.contains("\nhint: "), "{stderr}");
    }
    let (code, _, stderr) = reco_cluster(&["prepare", text(&toml), "--memory", "4"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("write a whole number of `GiB` or `MiB`, as in `4GiB`"), "{stderr}");
    let (code, _, stderr) = reco_cluster(&["prepare", text(&toml), "--cluster", "localhost:50050"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("write the address of a scheduler, as in `df://localhost:50050`"), "{stderr}");
    let (code, _, stderr) =
        reco_cluster(&["prepare", text(&toml), "--tasks", "0", "--cluster", "df://localhost:50050"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("write a whole number from 1 to 100000"), "{stderr}");
    let (code, _, stderr) = reco_cluster(&["scheduler", "--log-dir", text(at)]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("this program logs to stderr\nhint: `reco-cluster scheduler 2> FILE`"), "{stderr}");
    let (code, _, stderr) = reco_cluster(&["executor", "--bind-host", "nowhere at all"]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("error: the executor ended: ") && stderr.contains("is no address to listen at"),
        "{stderr}"
    );
    let (code, help, _) = reco_cluster(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("reco-cluster prepare shop.toml --out data"), "{help}");
}
