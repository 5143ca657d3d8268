//! Tests `reco tune`: what it finds, that it goes on where it was, and that it never looks at the test part.
//!
//! Does not know how options are searched for.
//!
//! **Invariant**: every search is of the small fixture, or of a table that the test writes.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::{Command, Stdio};

#[cfg(unix)]
use common::command;
use common::{Done, reco};

const FIXTURE: &str = "data/experiments/fixture.toml";

/// A search in `out`, with `more` arguments.
fn tune(experiment: &str, out: &Path, more: &[&str]) -> Done {
    let out = out.display().to_string();
    reco(["tune", experiment, "--json", "--out", &out].into_iter().chain(more.iter().copied()))
}

fn trials(out: &Path, approach: &str) -> Vec<u8> {
    fs::read(out.join("tuning").join(approach).join("trials.parquet")).unwrap()
}

#[test]
fn the_best_options_are_those_of_an_experiment_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let found = tune(FIXTURE, out, &["--approach", "popularity,ease,svd", "--trials", "12"]).ok().json();
    assert_eq!((&found["metric"], &found["method"]), (&"ndcg@10".into(), &"tpe".into()));
    assert_eq!(found["left_out"][0], "`popularity` has no values to try");
    for one in found["approaches"].as_array().unwrap() {
        let (best, default) = (one["value"].as_f64().unwrap(), one["default_value"].as_f64().unwrap());
        assert!(best >= default, "{one}");
        let values = one["trials"].as_array().unwrap().iter().map(|trial| trial["value"].as_f64().unwrap());
        assert_eq!(best, values.fold(0.0, f64::max));
        if best > default {
            let difference = one["difference"]["difference"].as_f64().unwrap();
            assert!((difference - (best - default)).abs() < 1e-12, "{difference}");
        }
    }
    let shown = reco(["show", &out.join("tuning/ease/trials.parquet").display().to_string()]).ok();
    assert!(shown.stdout.contains("option:reg") && shown.stdout.contains("12 rows"), "{}", shown.stdout);
    assert!(fs::read_to_string(out.join("tuned/tuning.html")).unwrap().contains("What mattered"));

    let best = out.join("tuned/best.toml").display().to_string();
    let at = out.display().to_string();
    let run = reco(["run", &best, "--out", &at, "--json"]).ok().json();
    assert_eq!(run["work"][1]["skipped"], true, "its data are those that it was tuned on");
    let ease = found["approaches"].as_array().unwrap().iter().find(|one| one["name"] == "ease").unwrap();
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("models/ease/config.json")).unwrap()).unwrap();
    for (option, value) in ease["options"].as_object().unwrap() {
        assert_eq!(config["options"][option], *value, "{option}");
    }
    let on_validation = run["results"]["approaches"][2]["validation"]["ndcg@10"].as_f64().unwrap();
    assert!(
        [&found["approaches"][0]["value"], &found["approaches"][1]["value"]].contains(&&on_validation.into()),
        "a run measures the same on validation rows: {on_validation}"
    );
    let checked = reco(["check", &best, "--out", &at, "--json"]).ok().stdout;
    let findings = checked.split("\"fine\"").next().unwrap();
    assert!(!findings.contains("tuned-on-test"), "{findings}");
}

#[test]
fn a_longer_search_goes_on_and_leaves_the_bytes_of_one_that_was_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    for method in ["tpe", "random"] {
        let more = |n: &'static str| ["--approach", "svd", "--method", method, "--trials", n];
        tune(FIXTURE, &one, &more("6")).ok();
        let first = trials(&one, "svd");
        tune(FIXTURE, &one, &more("13")).ok();
        tune(FIXTURE, &other, &more("13")).ok();
        assert_ne!(first, trials(&one, "svd"));
        assert_eq!(trials(&one, "svd"), trials(&other, "svd"), "{method}");
        let best = |out: &Path| fs::read(out.join("tuned/tuning.html")).unwrap();
        assert_eq!(best(&one), best(&other));
    }
    let again = tune(FIXTURE, &one, &["--approach", "svd", "--method", "random", "--trials", "13"]).ok();
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    let seed = tune(FIXTURE, &one, &["--approach", "svd", "--trials", "13", "--seed", "8"]).ok();
    assert!(seed.json()["seed"] == 8 && trials(&one, "svd") != trials(&other, "svd"));
}

#[cfg(unix)]
#[test]
fn a_search_that_is_stopped_or_killed_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let more = ["--approach", "svdpp", "--trials", "12"];
    tune(FIXTURE, &whole, &more).ok();
    for signal in ["INT", "KILL"] {
        let out = folder.path().join(signal);
        let table = out.join("tuning/svdpp/trials.parquet");
        let at = out.display().to_string();
        let mut child = command(["tune", FIXTURE, "--json", "--out", &at].into_iter().chain(more));
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !table.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // Where the search was done before, there is nothing to stop, and less is tested.
        let _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        let status = child.wait().unwrap();
        assert!(status.success() || signal == "KILL" || matches!(status.code(), Some(1 | 130)), "{status}");
        tune(FIXTURE, &out, &more).ok();
        assert_eq!(trials(&out, "svdpp"), trials(&whole, "svdpp"), "{signal}");
    }
}

#[test]
fn halving_trains_few_to_the_end_by_epochs_or_by_users() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--approach", "svd,ease", "--method", "successive-halving", "--trials", "9"];
    let found = tune(FIXTURE, folder.path(), &more).ok().json();
    for one in found["approaches"].as_array().unwrap() {
        let shares: Vec<f64> =
            one["trials"].as_array().unwrap().iter().map(|trial| trial["share"].as_f64().unwrap()).collect();
        let count = |share: f64| shares.iter().filter(|one| **one == share).count();
        assert_eq!([1.0 / 9.0, 1.0 / 3.0, 1.0].map(count), [9, 4, 2], "{one}");
        assert!(one["value"].as_f64() >= one["default_value"].as_f64(), "{one}");
    }
}

#[test]
fn time_ends_a_search_but_not_before_the_defaults_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    for method in ["tpe", "successive-halving"] {
        let more = ["--approach", "svd", "--metric", "rmse", "--time", "0.000001s", "--method", method];
        let found = tune(FIXTURE, folder.path(), &more).ok().json();
        let one = &found["approaches"][0];
        assert_eq!((&one["out_of_time"], one["default_value"].is_f64()), (&true.into(), true), "{method}: {one}");
        assert!(one["value"].as_f64() <= one["default_value"].as_f64(), "an error is low: {one}");
        let before = trials(folder.path(), "svd");
        tune(FIXTURE, folder.path(), &more).ok();
        assert_eq!(before, trials(folder.path(), "svd"), "{method}: no time is left");
    }
}

/// Ratings of which the stars of test rows are `test(stars)`, with a split that says which rows these are.
fn data(folder: &Path, test: fn(usize) -> usize) -> String {
    fs::create_dir_all(folder).unwrap();
    let (mut ratings, mut split) = ("user,item,rating\n".to_owned(), "user,item,part\n".to_owned());
    for user in 1..=30 {
        for item in (1..=12).filter(|item| (user + item) % 3 != 0) {
            let stars = 1 + (user * item + item) % 5;
            let part = match (user * 7 + item * 5) % 10 {
                0 => "test",
                1 | 2 => "validation",
                _ => "train",
            };
            ratings += &format!("{user},{item},{}\n", if part == "test" { test(stars) } else { stars });
            split += &format!("{user},{item},{part}\n");
        }
    }
    fs::write(folder.join("ratings.csv"), ratings).unwrap();
    fs::write(folder.join("split.csv"), split).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "[data]\nname = \"mine\"\npath = \"{}\"\nsource = \"table\"\n[split]\nkind = \"file\"\npath = \"{}\"\n\
         [[approach]]\nname = \"svd\"\n[[approach]]\nname = \"item-knn\"\n[tune]\nmetric = \"rmse\"\ntrials = 9\n",
        at("ratings.csv"),
        at("split.csv")
    );
    fs::write(folder.join("mine.toml"), text).unwrap();
    at("mine.toml")
}

#[test]
fn the_test_part_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tuned = |name: &str, test: fn(usize) -> usize| {
        let at = folder.path().join(name);
        let found = tune(&data(&at, test), &at.join("out"), &[]).ok().json();
        let best = found["approaches"].as_array().unwrap().iter().map(|one| one["value"].clone()).collect::<Vec<_>>();
        (best, ["svd", "item-knn"].map(|approach| trials(&at.join("out"), approach)))
    };
    let (one, other) = (tuned("one", |stars| stars), tuned("other", |stars| 6 - stars));
    assert_eq!(one, other);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |more: &[&str], parts: &[&str]| {
        tune(FIXTURE, &out, more).fails(1, parts);
        assert!(!out.exists(), "{more:?}");
    };
    for (more, parts) in [
        (
            &["--set", "tune.space.ease.regg=[1]"][..],
            &["unknown key `regg` in [tune.space.ease]", "did you mean `reg`?"][..],
        ),
        (&["--set", "tune.space.eese.reg=[1]"], &["unknown key `eese` in [tune.space]", "did you mean `ease`?"]),
        (&["--set", "tune.space.ease.reg=[\"much\"]"], &["[tune.space.ease]", "`ease` refuses it"]),
        (&["--set", "tune.space.ease.reg=7"], &["`7` is neither a range nor a list"]),
        (&["--set", "tune.trails=7"], &["unknown key `trails` in [tune]", "did you mean `trials`?"]),
        (&["--metric", "ndgc@10"], &["`ndgc@10` cannot decide", "did you mean `ndcg@10`?"]),
        (&["--metric", "average_popularity@10"], &["neither more nor less"]),
        (&["--set", "repeat.over=seed", "--set", "repeat.values=[1, 2]"], &["repeated over `seed`", "hint: "]),
    ] {
        refused(more, parts);
    }
    let bad = tune(FIXTURE, &out, &["--time", "soon"]);
    bad.fails(2, &["it is not a time"]);

    // What the data decide is found when they are there, and before anything is trained.
    let more = ["--approach", "ease", "--set", "split.validation=0"];
    tune(FIXTURE, &out, &more).fails(1, &["the split has no validation part", "hint: hold some out"]);
    tune(FIXTURE, &out, &["--approach", "random,popularity"]).fails(1, &["there is nothing to tune", "`ease`"]);
    tune(FIXTURE, &out, &["--approach", "ease", "--metric", "rmse"]).fails(1, &["`rmse` does not apply to it"]);
    let without = "out/../out"; // a name of the same folder
    let theirs = out.join("tuning/svd");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("notes.txt"), "mine").unwrap();
    tune(FIXTURE, &folder.path().join(without), &["--approach", "svd"]).fails(1, &["notes.txt` is in the way"]);
    assert_eq!(fs::read_to_string(theirs.join("notes.txt")).unwrap(), "mine");
}
