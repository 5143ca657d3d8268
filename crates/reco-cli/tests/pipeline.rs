//! Tests that a run does only what is left to do, and leaves the same bytes every time.
//!
//! **Invariant**: every test has a folder of its own.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::Path;

use common::{Done, files, finished, reco, run};
use serde_json::Value;

/// `train neural` for each piece of work that was done, in order.
fn done(run: &Done) -> Vec<String> {
    let work = run.json()["work"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let label = |work: &Value| format!("{} {}", text(&work["stage"]), text(&work["approach"])).trim().to_owned();
    work.iter().filter(|work| work["skipped"] == false).map(label).collect()
}

#[test]
fn two_runs_leave_equal_bytes() {
    let second = tempfile::tempdir().unwrap();
    run(second.path(), &[]).ok();
    let found = files(finished());
    assert_eq!(found, files(second.path()));
    for name in
        ["tables/ratings.parquet", "features/train.parquet", "models/hybrid/config.json", "evaluation/hybrid.json"]
    {
        assert!(found.iter().any(|file| file == Path::new(name)), "{name} is not among {found:?}");
    }
    // Manifests and the report hold times.
    for file in found.iter().filter(|file| !file.ends_with("manifest.json") && !file.starts_with("report")) {
        let bytes = |folder: &Path| fs::read(folder.join(file)).unwrap();
        assert!(bytes(finished()) == bytes(second.path()), "{} differs", file.display());
    }
    let timeless = |folder: &Path| {
        let mut results: Value =
            serde_json::from_slice(&fs::read(folder.join("report/results.json")).unwrap()).unwrap();
        for approach in results["approaches"].as_array_mut().unwrap() {
            assert!(approach["train_seconds"].take().as_f64().unwrap() >= 0.0);
            assert!(approach["evaluate_seconds"].take().as_f64().unwrap() >= 0.0);
            approach["ratings_per_second"].take();
        }
        results
    };
    assert_eq!(timeless(finished()), timeless(second.path()));
}

#[test]
fn results_have_the_names_that_others_read() {
    let results: Value = serde_json::from_slice(&fs::read(finished().join("report/results.json")).unwrap()).unwrap();
    assert_eq!(results["experiment"], "fixture");
    assert_eq!(results["dataset"]["name"], "fixture");
    assert_eq!(results["dataset"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(results["split"]["kind"], "per-user-random");
    assert_eq!(results["seed"], 42);
    assert!(results["device"].as_str().unwrap().starts_with("cpu"), "{}", results["device"]);
    let approaches = results["approaches"].as_array().unwrap();
    let names: Vec<&str> = approaches.iter().map(|approach| approach["name"].as_str().unwrap()).collect();
    assert_eq!(names, reco_run::approaches().map(|entry| entry.name).collect::<Vec<_>>());
    for approach in approaches {
        assert!(approach["metrics"]["ndcg@10"].is_f64(), "{approach}");
        for side in ["by_user_history", "by_item_history"] {
            let buckets = approach[side].as_array().unwrap();
            let names: Vec<&str> = buckets.iter().map(|bucket| bucket["bucket"].as_str().unwrap()).collect();
            assert_eq!(names, ["0", "1-4", "5-9", "10-49", "50+"], "{side}");
            let n_test: u64 = buckets.iter().map(|bucket| bucket["n_test"].as_u64().unwrap()).sum();
            assert_eq!(n_test, results["split"]["n_test"], "{side}");
        }
    }
    let called = |name: &str| &approaches[names.iter().position(|other| *other == name).unwrap()];
    assert_eq!(called("neural")["epochs"], 1);
    for name in ["baseline", "user-knn", "item-knn", "clusters", "neural"] {
        assert!(called(name)["metrics"]["rmse"].is_f64(), "{name}");
    }
    assert!(called("random")["metrics"]["rmse"].is_null(), "an order is no number of stars");
    assert!(fs::read_to_string(finished().join("report/report.md")).unwrap().contains("ndcg@10"));
}

#[test]
fn a_run_and_its_reports_say_who_is_best_how_surely_what_one_user_is_told_and_what_is_next() {
    let at = finished().display().to_string();
    let fixed = ["report", "data/experiments/fixture.toml", "--out", &at];
    let shown = reco(fixed.iter().chain(&common::SHORT)).ok();
    let sentence = shown.stdout.lines().last().unwrap();
    assert!(sentence.starts_with("Best for lists: ") && sentence.contains("; best for stars: "), "{sentence}");
    assert!(
        sentence.contains(", NDCG@10 0.") && sentence.contains(", RMSE ") && sentence.contains(" (95 %: "),
        "{sentence}"
    );
    let said: Vec<&str> = shown.stderr.lines().rev().take(2).collect();
    let asks = format!("to ask: reco recommend --user ID --models {at}");
    assert!(said[0] == asks && said[1].starts_with("report: "), "{}", shown.stderr);
    let read = |name: &str| fs::read_to_string(finished().join("report").join(name)).unwrap();
    assert!(read("report.md").lines().any(|line| line == sentence), "{sentence}");

    let results: Value = serde_json::from_str(&read("results.json")).unwrap();
    let best = results["summary"]["best"].as_array().unwrap();
    assert_eq!(best.iter().map(|one| one["for"].as_str().unwrap()).collect::<Vec<_>>(), ["lists", "stars"]);
    for one in best {
        let (metric, value) = (one["metric"].as_str().unwrap(), one["value"].as_f64().unwrap());
        let mut before = 0.0;
        for lead in one["leads"].as_array().unwrap() {
            let number = |key: &str| lead[key].as_f64().unwrap();
            // The lead is that of the two numbers that the table shows, and its interval is around it.
            assert!(
                ((value - number("value")).abs() - number("lead")).abs() < 1e-12 && number("lead") >= before,
                "{metric} {lead}"
            );
            let middle = f64::midpoint(number("low"), number("high"));
            assert!((middle - number("lead")).abs() < 1e-9, "{metric}: {lead}");
            before = number("lead");
        }
    }
    let page = read("report.html");
    let first = page.split("<section id=\"summary\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(first.matches("<figure").count(), 1);
    let user = first.split(" recommends to user ").nth(1).unwrap().split('<').next().unwrap();
    assert!(first.contains(&format!("reco recommend --user={user} --approach ")), "{first}");
    assert!(first.contains("<ol class=\"told\">") && first.contains("reco recommend --new-user --rated="), "{first}");
    for word in ["dense", "cosine", "embedding"] {
        assert!(!first.contains(word), "{word}");
    }
    // That user is the first of those shown in detail.
    let details = page.split("<details class=\"user\" open").nth(1).unwrap();
    assert!(details.split("</h3>").next().unwrap().ends_with(&format!("<h3>User {user}")), "user {user}");
}

#[test]
fn a_network_whose_rows_are_streamed_goes_through_all_stages() {
    let out = tempfile::tempdir().unwrap();
    let streams = ["--approach", "popularity,hybrid", "--set=approach.hybrid.shuffle=row-groups"];
    let first = run(out.path(), &streams).ok();
    assert!(done(&first).contains(&"train hybrid".to_owned()));
    assert_eq!(done(&run(out.path(), &streams).ok()), [""; 0]);
    // What an answer leaves out is written from the same rows, however they were read.
    let bytes = |folder: &Path, name: &str| fs::read(folder.join("models").join(name)).unwrap();
    for name in ["hybrid/seen.parquet", "hybrid/catalogue/items.parquet"] {
        assert!(bytes(out.path(), name) == bytes(finished(), name), "{name}");
    }
    // One row group that the buffer holds is shuffled as all rows are in memory.
    assert!(bytes(out.path(), "hybrid/weights.safetensors") == bytes(finished(), "hybrid/weights.safetensors"));
    let results: Value = serde_json::from_slice(&fs::read(out.path().join("report/results.json")).unwrap()).unwrap();
    assert!(results["approaches"][1]["metrics"]["rmse"].is_f64(), "{}", results["approaches"][1]);

    let second = tempfile::tempdir().unwrap();
    run(second.path(), &streams).ok();
    assert!(bytes(out.path(), "hybrid/weights.safetensors") == bytes(second.path(), "hybrid/weights.safetensors"));
    let refused =
        run(second.path(), &["--set=approach.hybrid.shuffle=row-groups", "--set=approach.hybrid.loss=softmax"]);
    refused.fails(1, &["`shuffle = \"row-groups\"` is for stars", "hint: set `shuffle = \"every-epoch\"`"]);
    let refused = run(second.path(), &["--approach=hybrid", "--set=approach.hybrid.devices=2"]);
    refused.fails(1, &["`devices` divides the steps of autodiff alone", "hint: set `training_step = \"plain\"`"]);
    let plain = ["--approach=hybrid", "--set=approach.hybrid.devices=2", "--set=approach.hybrid.training_step=plain"];
    run(second.path(), &plain).fails(1, &["`devices` is `2` and this machine has `1` of the kind of `cpu (flex)`"]);
}

#[test]
fn only_what_changed_is_done_again() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    let few = run(out, &["--approach", "random,popularity"]).ok();
    assert_eq!(done(&few), ["ingest", "features", "train random", "train popularity", "evaluate", "report"]);

    let same = run(out, &["--approach", "random,popularity"]).ok();
    assert_eq!(done(&same), [""; 0]);

    let metric = run(out, &["--approach", "random,popularity", "--set", "evaluate.k=[5, 10]"]).ok();
    assert_eq!(done(&metric), ["evaluate", "report"], "a new metric trains nothing");
    assert!(metric.json()["results"]["approaches"][0]["metrics"]["ndcg@5"].is_f64());

    let more = run(out, &["--approach", "random,popularity,neural"]).ok();
    assert_eq!(done(&more), ["train neural", "evaluate", "report"], "a new approach trains itself alone");

    let option =
        run(out, &["--approach", "random,popularity,neural", "--set", "approach.neural.learning_rate=0.01"]).ok();
    assert_eq!(done(&option), ["train neural", "evaluate", "report"]);

    let seed = run(out, &["--approach", "popularity", "--set", "seed=3"]).ok();
    assert_eq!(done(&seed), ["features", "train popularity", "evaluate", "report"], "tables know no seed");

    fs::write(out.join("features/test.parquet"), "damaged").unwrap();
    let mended = run(out, &["--approach", "popularity", "--set", "seed=3"]).ok();
    assert_eq!(done(&mended), ["features"], "the same bytes again, so that nothing else has to change");

    let forced = run(out, &["--approach", "popularity", "--set", "seed=3", "--from", "evaluate", "--force"]).ok();
    assert_eq!(done(&forced), ["evaluate", "report"]);
}

#[test]
fn a_split_follows_the_file_that_says_it() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("folds.csv");
    let write = |folds: u64| {
        let lines: String = (0..3000).map(|row| format!("{row},{}\n", row % folds)).collect();
        fs::write(&file, format!("row,fold\n{lines}")).unwrap();
    };
    let path = format!("--set=split.path={}", file.display());
    let at = |fold: &str| {
        let fold = format!("--set=split.fold={fold}");
        run(out.path(), &["--approach", "popularity", "--set=split.kind=file", &path, &fold])
    };
    write(5);
    let first = at("0").ok();
    assert_eq!(done(&first), ["ingest", "features", "train popularity", "evaluate", "report"]);
    assert_eq!(first.json()["results"]["split"]["n_test"], 600);
    assert_eq!(done(&at("0").ok()), [""; 0]);
    assert_eq!(done(&at("4").ok()), ["features", "train popularity", "evaluate", "report"]);
    write(10);
    let changed = at("4").ok();
    assert_eq!(done(&changed), ["features", "train popularity", "evaluate", "report"], "the file changed");
    assert_eq!(changed.json()["results"]["split"]["n_test"], 300);
    fs::remove_file(&file).unwrap();
    at("4")
        .fails(1, &["error: the split's file `", "folds.csv`: there is no such file\nhint: `split.path` is relative"]);
}

#[test]
fn stages_are_commands_that_build_on_each_other() {
    let out = tempfile::tempdir().unwrap();
    let at = out.path().display().to_string();
    let stage = |name: &str, more: &[&str]| {
        let fixed = [name, "data/experiments/fixture.toml", "--approach", "popularity", "--out", &at];
        reco(fixed.iter().chain(more))
    };
    stage("train", &[]).fails(1, &["error: there is no `", "tables", "hint: `reco ingest` makes it"]);
    stage("ingest", &[]).ok();
    stage("features", &[]).ok();
    stage("train", &[]).ok();
    stage("evaluate", &["--set", "split.test=0.2"])
        .fails(1, &["was not made for this experiment: `split.test` was `0.1` and is `0.2`", "hint: "]);
    stage("evaluate", &[]).ok();
    let report = stage("report", &[]).ok();
    assert!(report.stdout.contains("popularity") && report.stdout.contains("ndcg@10"), "{}", report.stdout);
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_training_leaves_nothing_half_written() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let out = tempfile::tempdir().unwrap();
    let at = out.path().display().to_string();
    let endless = ["--set", "approach.neural.epochs=1000000", "--set", "approach.neural.patience=0"];
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "popularity,neural", "--out", &at];
    let mut child = common::command(fixed.iter().chain(&endless)).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    // `popularity` is trained just before `neural`.
    while !said.contains("train    popularity") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let partial = out.path().join("models/.neural.partial");
    let started = std::time::Instant::now();
    while !partial.exists() {
        assert!(started.elapsed().as_secs() < 60, "training never began: {said}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    while stderr.read_line(&mut said).unwrap() > 0 {}
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    let models = |name: &str| out.path().join("models").join(name).exists();
    assert!(models("popularity") && !models("neural") && !partial.exists());
    assert!(!out.path().join("evaluation").exists());
}

#[test]
fn every_rated_test_row_has_its_prediction_in_a_table() {
    let text = fs::read_to_string(finished().join("report/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    for approach in ["user-mean", "hybrid"] {
        let table = finished().join(format!("evaluation/{approach}.parquet")).display().to_string();
        let shown = reco(["show", &table, "--rows", "1000000", "--json"]).ok().json();
        assert_eq!(shown["columns"], serde_json::json!(["user_id", "item_id", "y", "yhat"]));
        assert_eq!(shown["n_rows"], results["split"]["n_test"]);
        let rows = shown["rows"].as_array().unwrap();
        let error = |row: &Value| (row[2].as_f64().unwrap() - row[3].as_f64().unwrap()).abs();
        // The article's error is over users with five rows or more.
        let counts = |row: &&Value| rows.iter().filter(|other| other[0] == row[0]).count() >= 5;
        let errors: Vec<f64> = rows.iter().filter(counts).map(error).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let found = results["approaches"].as_array().unwrap().iter().find(|one| one["name"] == approach).unwrap();
        let expected = found["metrics"]["scaled_mae"].as_f64().unwrap();
        assert!((mean - expected).abs() < 1e-9, "{approach}: {mean} and {expected}");
    }
}
