//! Tests that equal runs compare as equal, and better runs as better.
//!
//! **Invariant**: the compared runs were trained and evaluated by the program itself.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{files, finished, people, reco, run};
use serde_json::Value;

/// Approaches that train in a moment.
const CHEAP: &str = "--approach=random,popularity,user-mean,baseline";

/// Two runs of the fixture with different splits.
fn runs() -> &'static [PathBuf; 2] {
    static RUNS: OnceLock<[PathBuf; 2]> = OnceLock::new();
    RUNS.get_or_init(|| {
        let made = |name: &str, more: &[&str]| {
            let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compare-{name}-{}", std::process::id()));
            run(&out, &[&[CHEAP], more].concat()).ok();
            out
        };
        [made("a", &[]), made("b", &["--set=seed=7"])]
    })
}

fn at(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn compare(more: &[&str]) -> common::Done {
    reco([&["compare"], more].concat())
}

/// The metric called `name` of a pair.
fn metric<'a>(pair: &'a Value, name: &str) -> &'a Value {
    pair["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["metric"] == name)
        .unwrap_or_else(|| panic!("{name}: {pair}"))
}

/// Asserts that every number in `value` is finite, and counts them.
fn numbers(value: &Value) -> usize {
    match value {
        Value::Number(number) => {
            assert!(number.as_f64().unwrap().is_finite(), "{number}");
            1
        }
        Value::Array(values) => values.iter().map(numbers).sum(),
        Value::Object(values) => values.values().map(numbers).sum(),
        _ => 0,
    }
}

#[test]
fn approaches_of_one_run_are_compared_with_the_first_and_chance_is_beaten() {
    let [one, _] = runs();
    let answer = compare(&[at(one), "--json"]).ok().json();
    let pairs = answer["pairs"].as_array().unwrap();
    let names: Vec<&str> = pairs.iter().map(|pair| pair["b"]["approach"].as_str().unwrap()).collect();
    assert_eq!(names, ["popularity", "user-mean", "baseline"]);
    assert!(pairs.iter().all(|pair| pair["a"]["approach"] == "random"));
    assert!(numbers(&answer) > 100);
    let ndcg = metric(&pairs[0], "ndcg@10");
    // The mean over users is the number that results.json has.
    let results: Value = serde_json::from_slice(&fs::read(one.join("report/results.json")).unwrap()).unwrap();
    let reported = results["approaches"][1]["metrics"]["ndcg@10"].as_f64().unwrap();
    assert!((ndcg["mean_b"].as_f64().unwrap() - reported).abs() < 1e-12, "{ndcg}, reported {reported}");
    let groups = ndcg["groups"].as_array().unwrap();
    let n: u64 = groups.iter().map(|group| group["n"].as_u64().unwrap()).sum();
    assert_eq!(Some(n), ndcg["n"].as_u64(), "everyone is in one group of activity");

    // A single test, which needs no correction.
    let sides = [format!("{}:random", at(one)), format!("{}:popularity", at(one))];
    let alone = compare(&[&sides[0], &sides[1], "--metrics", "ndcg@10", "--json"]).ok().json();
    let alone = metric(&alone["pairs"][0], "ndcg@10");
    assert_eq!((&alone["verdict"], &alone["t"]["p_holm"]), (&"better".into(), &ndcg["t"]["p"]));

    let brief = compare(&[at(one)]).ok().stdout;
    assert!(brief.lines().count() <= 20 && brief.contains("--details"), "{brief}");
    assert!(brief.starts_with("B against A = random: 3 pairs") && brief.contains(" popularity "), "{brief}");
    let details = compare(&[at(one), "--details"]).ok().stdout;
    assert!(details.lines().count() > 60 && details.contains("B = baseline against A = random: "), "{details}");

    let table = compare(&[at(one), "--against", "baseline", "--metrics", "rmse", "--details"]).ok().stdout;
    assert!(table.contains("B = user-mean against A = baseline: "), "{table}");
    assert!(table.contains("rmse ↓") && !table.contains("ndcg@10"), "{table}");
}

#[test]
fn a_run_against_itself_has_no_difference_and_other_tests_are_refused() {
    let [one, other] = runs();
    let answer = compare(&[at(one), at(one), "--json"]).ok().json();
    for pair in answer["pairs"].as_array().unwrap() {
        assert!(pair["metrics"].as_array().unwrap().iter().all(|one| one["verdict"] == "equal"), "{pair}");
    }
    let refused = compare(&[at(one), at(other)]);
    refused.fails(
        1,
        &["were not measured on the same test: `", "` users have other test rows", "or say `--different-tests`"],
    );
    let told = compare(&[at(one), at(other), "--different-tests"]).ok().stdout;
    assert!(told.contains("NOT measured on the same test: "), "{told}");
    compare(&[at(one), "--against", "poplarity"])
        .fails(1, &["has no values of `poplarity`", "did you mean `popularity`?"]);
    compare(&["nowhere"]).fails(1, &["there are no values of users in `nowhere/evaluation`", "hint: `reco evaluate`"]);
    compare(&[]).fails(2, &["<RUN>"]);
}

#[test]
fn the_tests_keep_their_promise_on_trained_runs_exchanged_at_random() {
    let [one, _] = runs();
    let sides = [format!("{}:user-mean", at(one)), format!("{}:baseline", at(one))];
    let answer = compare(&[&sides[0], &sides[1], "--metrics", "rmse", "--self-check", "200", "--json"]).ok().json();
    let check = &metric(&answer["pairs"][0], "rmse")["self_check"];
    assert_eq!(check["expected"], serde_json::json!([3, 19]));
    for test in ["t", "wilcoxon"] {
        let n = check["rejections"][test].as_u64().unwrap();
        assert!((3..=19).contains(&n), "{test} rejects {n} of 200: {check}");
    }
    assert!(check["planted"]["found"]["t"].as_u64().unwrap() >= 195 && check["is_sound"] == true, "{check}");
    let table = compare(&[&sides[0], &sides[1], "--self-check", "20"]).ok().stdout;
    assert!(table.contains("Self-check: of 20 random exchanges") && table.lines().count() <= 20, "{table}");
}

#[test]
fn users_are_parted_by_what_is_known_of_them() {
    let out = people().parent().unwrap();
    let sides = [format!("{}:random", at(out)), format!("{}:user-knn", at(out))];
    let groups = |more: &[&str]| {
        let answer = compare(&[&[sides[0].as_str(), &sides[1], "--json"], more].concat()).ok().json();
        let one = metric(&answer["pairs"][0], "ndcg@10").clone();
        let groups = one["groups"].as_array().unwrap().iter();
        let groups = groups.map(|one| (one["attribute"].clone(), one["group"].clone(), one["n"].as_u64().unwrap()));
        (groups.collect::<Vec<_>>(), one["n"].as_u64().unwrap(), answer["notes"].clone())
    };
    let (found, n, notes) = groups(&[]);
    let of = |attribute: &str| found.iter().filter(|group| group.0 == attribute).map(|group| group.2).sum::<u64>();
    assert_eq!((of("gender"), of("occupation"), of("activity"), of("age")), (n, n, n, 0), "{found:?}");
    assert!(found.iter().any(|group| group.1 == "F") && found.iter().any(|group| group.1 == "engineer"), "{found:?}");
    assert!(notes.to_string().contains("`age` has 25 values"), "{notes}");
    let (found, n, _) = groups(&["--groups", "age"]);
    let names: Vec<&str> = found.iter().map(|group| group.1.as_str().unwrap()).collect();
    assert!(
        !names.is_empty() && names.iter().all(|name| ["21-26", "27-32", "33-38", "39-45"].contains(name)),
        "{names:?}"
    );
    assert_eq!(found.iter().map(|group| group.2).sum::<u64>(), n);
    let unknown = [sides[0].as_str(), &sides[1], "--groups", "gendre"];
    compare(&unknown).fails(1, &["users are not known by `gendre`", "did you mean `gender`?"]);
}

#[test]
fn the_page_is_one_file_and_the_same_each_time() {
    let out = finished();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("comparison.html");
    let done = compare(&[at(out), "--html", at(&file)]).ok();
    assert!(done.stderr.contains("comparison.html"), "{}", done.stderr);
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("hybrid against random"), "{page}");
    assert!(page.contains("What the tests assume") && !page.contains("NaN"));
    assert_eq!(compare(&[at(out), "--html", at(&file)]).ok().stdout, done.stdout);
    assert_eq!(fs::read_to_string(&file).unwrap(), page);
    assert_eq!(files(folder.path()).len(), 1, "no half-written file is left beside it");
}
