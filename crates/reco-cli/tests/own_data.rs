//! Tests the built-in experiment on a table of one's own: the shortest way from a file to a list.
//!
//! Does not know how files are read: reco-data's tests do.
//!
//! **Invariant**: nothing is stated except where the file lies.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{command, reco};
use serde_json::Value;

/// A table of thirty customers with ten of twenty products each; `row` adds the further columns.
fn table(header: &str, row: impl Fn(usize, usize) -> String) -> String {
    let mut text = format!("{header}\n");
    for customer in 0..30 {
        for product in (0..20).filter(|product| (customer * 7 + product * 3) % 4 < 2) {
            let _ = writeln!(text, "c{customer},p{product}{}", row(customer, product));
        }
    }
    text
}

fn stars() -> String {
    table("customer,product,stars", |customer, product| format!(",{}", 1 + (customer * product + customer) % 5))
}

/// Writes `ratings`, and an experiment of four lines on them, into `folder`.
fn experiment(folder: &Path, ratings: &str) -> String {
    fs::write(folder.join("sales.csv"), ratings).unwrap();
    let path = folder.join("shop.toml");
    let data = format!("path = '{}'", folder.join("sales.csv").display());
    fs::write(&path, format!("extends = \"default\"\n\n[data]\nsource = \"table\"\n{data}\n")).unwrap();
    path.display().to_string()
}

fn approaches(results: &Value) -> Vec<&str> {
    results["approaches"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn four_lines_compare_what_fits_the_data_and_end_in_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mine = experiment(folder.path(), &stars());
    let ran = reco(["run", &mine, "--out", out.to_str().unwrap(), "--set=device=cpu"]).ok();
    let note = "left out, as these data cannot serve them: `content` (`--approach content` says why)";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    let results: Value = serde_json::from_slice(&fs::read(out.join("report/results.json")).unwrap()).unwrap();
    assert_eq!((&results["dataset"]["name"], &results["experiment"]), (&"sales".into(), &"shop".into()));
    let names = approaches(&results);
    assert!(names.contains(&"item-knn") && !names.contains(&"content") && names.contains(&"auto"), "{names:?}");

    // The folder of the run is enough; a column of which nothing is known is left out.
    let list = reco(["recommend", "--user", "c3", "--models", out.to_str().unwrap()]).ok();
    assert_eq!(list.stdout.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(), ["rank", "score", "id"]);

    // Nothing is made anew, and an approach that is named is refused with the reason.
    let again = reco(["run", &mine, "--out", out.to_str().unwrap(), "--set=device=cpu", "--json"]).ok().json();
    assert!(again["work"].as_array().unwrap().iter().all(|one| one["skipped"] == true), "{}", again["work"]);
    let named = reco(["run", &mine, "--out", out.to_str().unwrap(), "--approach", "content", "--set=device=cpu"]);
    named.fails(1, &["`content` needs item features"]);
    let checked = reco(["check", &mine, "--out", out.to_str().unwrap(), "--set=device=cpu", "--json"]).ok().json();
    assert_eq!(checked["unchecked"].as_array().unwrap().iter().find(|one| one["check"] == "easy-task"), None);
}

#[test]
fn events_are_served_by_what_needs_no_stars() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mine = experiment(folder.path(), &table("customer,product", |_, _| String::new()));
    let ran = reco(["run", &mine, "--out", out.to_str().unwrap(), "--set=device=cpu", "--json"]).ok().json();
    let names = approaches(&ran["results"]);
    assert_eq!(names, ["random", "popularity", "ease", "hybrid-lists", "blend", "auto"]);
    reco(["recommend", "--user", "c3", "--models", out.to_str().unwrap()]).ok();
}

#[test]
fn data_in_the_place_of_an_experiment_are_told_how_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("sales.csv", stars().into_bytes()),
        ("sales.copy", stars().replace(',', "\t").into_bytes()),
        ("latin.dump", b"Kunde;M\xfcsli\n1;2\n".to_vec()),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        let run = command(["run", name]).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(run.stderr).unwrap();
        let way = format!("`reco init {name}`");
        assert!(said.starts_with(&format!("error: `{name}` is no experiment\n")) && said.contains(&way), "{said}");
    }
    // The suggested command works, and so does the one that it suggests.
    for words in ["init sales.csv --yes", "run sales.toml --out data/sales --device cpu"] {
        let run = command(words.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    assert!(folder.path().join("data/sales/report/report.html").exists());
}
