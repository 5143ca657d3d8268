//! Tests that the right approaches are compared, on the same test and in the right groups.
//!
//! **Invariant**: the files that are read are written here by hand, as `reco evaluate` lays them out.

use std::fs;
use std::path::Path;

use reco_data::table::{Column, Table};
use reco_eval::compare::Verdict;
use reco_eval::metric::Better;
use tempfile::TempDir;

use super::*;

/// An approach's column of values for 40 users who differ from one another, about `shift` higher on average.
fn values(shift: f64) -> Vec<Option<f64>> {
    (0..40).map(|user| Some(0.3 + 0.01 * f64::from(user % 5) + shift * f64::from(1 + user % 3) / 2.0)).collect()
}

fn write(run: &Path, approach: &str, columns: &[(&str, Vec<Option<f64>>)]) {
    let n = columns[0].1.len() as i64;
    let counts = |of: fn(i64) -> i64| Column::I64((0..n).map(|user| Some(of(user))).collect());
    let mut table = Table::new().with_metadata("model", approach);
    table.push("user_id", counts(|user| 100 + user)).unwrap();
    table.push("n_train", counts(|user| user)).unwrap();
    table.push("n_test", counts(|_| 4)).unwrap();
    table.push("n_rated", counts(|_| 4)).unwrap();
    table.push("n_relevant", counts(|user| user % 4)).unwrap();
    for (name, values) in columns {
        table.push(name, Column::F64(values.clone())).unwrap();
    }
    fs::create_dir_all(run.join("evaluation")).unwrap();
    table.write(&run.join(format!("evaluation/{approach}.users.parquet"))).unwrap();
}

const ALL: CompareOptions<'_> =
    CompareOptions { against: None, metrics: &[], groups: &[], alpha: 0.05, different_tests: false, self_check: None };

/// Two runs, `one` and `two`; `one` has one approach more.
fn runs() -> (TempDir, impl Fn(&str) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    write(&one, "random", &[("ndcg@10", values(0.0)), ("rmse", vec![None; 40])]);
    write(&one, "popularity", &[("ndcg@10", values(0.05)), ("rmse", values(0.1)), ("future", values(0.0))]);
    write(&one, "neural", &[("ndcg@10", values(0.04)), ("rmse", values(0.0))]);
    write(&two, "popularity", &[("ndcg@10", values(0.05)), ("rmse", values(0.1))]);
    write(&two, "neural", &[("ndcg@10", values(0.08)), ("rmse", values(0.02))]);
    let root = folder.path().display().to_string();
    (folder, move |name: &str| format!("{root}/{name}"))
}

fn labels(comparison: &Comparison) -> Vec<(&str, &str)> {
    comparison.pairs.iter().map(|pair| (pair.a.approach.as_str(), pair.b.approach.as_str())).collect()
}

fn refused(runs: &[String], options: &CompareOptions<'_>) -> String {
    compare(runs, options).unwrap_err().to_string()
}

#[test]
fn one_run_is_compared_with_its_first_approach_or_with_the_one_that_is_named() {
    let (_folder, at) = runs();
    let comparison = compare(&[at("one")], &ALL).unwrap();
    assert_eq!(labels(&comparison), [("random", "popularity"), ("random", "neural")], "in the registry's order");
    assert_eq!(comparison.pairs[0].a.label, "random");
    let ndcg = &comparison.pairs[0].metrics[0];
    assert_eq!((ndcg.metric.to_string().as_str(), ndcg.paired.n, ndcg.verdict), ("ndcg@10", 40, Verdict::Better));
    assert_eq!((ndcg.paired.n_up, ndcg.paired.n_down, ndcg.paired.n_same), (40, 0, 0));
    assert_eq!(comparison.pairs[0].metrics.len(), 1, "random has no rmse");
    assert_eq!(ndcg.groups.iter().map(|group| group.paired.n).collect::<Vec<_>>(), [1, 4, 5, 30], "by activity");
    assert_eq!(
        comparison.notes,
        [
            "`future` is no metric that this reco knows, left out".to_owned(),
            format!("`{}` is not there: users are parted by `activity` alone", at("one/features")),
        ]
    );

    let against = compare(&[at("one")], &CompareOptions { against: Some("neural"), ..ALL }).unwrap();
    assert_eq!(labels(&against), [("neural", "random"), ("neural", "popularity")]);
    let rmse = &against.pairs[1].metrics[1];
    assert!(rmse.better == Better::Lower && rmse.paired.difference > 0.0, "{rmse:?}");
    assert_eq!((rmse.verdict, rmse.paired.n_up, rmse.paired.n_down), (Verdict::Worse, 40, 0));

    let named = format!("{}:popularity", at("one"));
    let one = compare(std::slice::from_ref(&named), &CompareOptions { against: Some("neural"), ..ALL }).unwrap();
    assert_eq!(labels(&one), [("neural", "popularity")]);
    assert!(refused(&[named], &ALL).contains("it is one approach alone\nhint: name another one"));
}

#[test]
fn several_runs_are_compared_by_the_approaches_that_they_share() {
    let (_folder, at) = runs();
    let comparison = compare(&[at("one"), at("two")], &ALL).unwrap();
    assert_eq!(labels(&comparison), [("popularity", "popularity"), ("neural", "neural")]);
    assert_eq!(comparison.pairs[0].metrics[0].verdict, Verdict::Equal);
    assert_eq!(comparison.pairs[1].metrics[0].verdict, Verdict::Better);
    assert_eq!(comparison.pairs[1].b.label, format!("{}:neural", at("two")));
    assert_eq!(comparison.notes[0], format!("in `{}` alone, left out: `random`", at("one")));

    let named = [format!("{}:random", at("one")), format!("{}:neural", at("two")), format!("{}:neural", at("one"))];
    let comparison = compare(&named, &ALL).unwrap();
    assert_eq!(labels(&comparison), [("random", "neural"), ("random", "neural")]);
    let mixed = [at("one"), format!("{}:neural", at("two"))];
    assert!(refused(&mixed, &ALL).contains("hint: name one of each: `FOLDER:APPROACH`"));
    let against = CompareOptions { against: Some("neural"), ..ALL };
    assert!(refused(&[at("one"), at("two")], &against).starts_with("`neural` cannot be compared: `--against` names"));
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let (folder, at) = runs();
    let none = refused(&[at("three")], &ALL);
    assert!(
        none.starts_with(&format!("there are no values of users in `{}`\nhint: ", at("three/evaluation"))),
        "{none}"
    );
    let unknown = refused(&[format!("{}:nueral", at("one")), at("two")], &ALL);
    assert!(unknown.ends_with("has no values of `nueral`\nhint: did you mean `neural`?"), "{unknown}");
    let metrics = ["ndgc@10".to_owned()];
    let metric = refused(&[at("one")], &CompareOptions { metrics: &metrics, ..ALL });
    assert_eq!(metric, "no two runs have values of the metric `ndgc@10`\nhint: did you mean `ndcg@10`?");
    let groups = ["activty".to_owned()];
    let group = refused(&[at("one")], &CompareOptions { groups: &groups, ..ALL });
    assert_eq!(group, "users are not known by `activty`\nhint: did you mean `activity`?");
    assert!(refused(&[at("one")], &CompareOptions { alpha: 1.0, ..ALL }).starts_with("`--alpha` is `1`"));
    assert!(refused(&[at("one")], &CompareOptions { alpha: f64::NAN, ..ALL }).starts_with("`--alpha` is `NaN`"));
    let rmse = ["rmse".to_owned()];
    let some = compare(&[at("one")], &CompareOptions { metrics: &rmse, against: Some("neural"), ..ALL }).unwrap();
    assert!(some.pairs[0].metrics.is_empty() && some.pairs[1].metrics.len() == 1);
    assert!(some.notes.iter().any(|note| note.starts_with("`rmse` does not apply to both")), "{:?}", some.notes);

    write(&folder.path().join("odd"), "random", &[("ndcg@10", vec![Some(f64::NAN)])]);
    write(&folder.path().join("odd"), "neural", &[("ndcg@10", vec![Some(0.5)])]);
    let odd = refused(&[at("odd")], &ALL);
    assert!(odd.contains("`ndcg@10` has a value that is not finite\nhint: evaluate again"), "{odd}");
}

#[test]
fn runs_on_other_tests_are_refused_unless_that_is_asked_for_and_users_of_one_run_are_counted() {
    let (folder, at) = runs();
    let run = folder.path().join("two");
    let file = run.join("evaluation/neural.users.parquet");
    let written = Table::read(&file).unwrap();
    let mut table = Table::new();
    for (name, column) in written.columns() {
        let column = match (name, column.clone()) {
            // The first user is another one, and the second has one test row more.
            ("user_id", Column::I64(mut ids)) => {
                ids[0] = Some(7);
                Column::I64(ids)
            }
            ("n_test", Column::I64(mut counts)) => {
                counts[1] = Some(5);
                Column::I64(counts)
            }
            (_, column) => column,
        };
        table.push(name, column).unwrap();
    }
    table.write(&file).unwrap();
    let two = [format!("{}:neural", at("one")), format!("{}:neural", at("two"))];
    let error = refused(&two, &ALL);
    assert!(
        error.contains("were not measured on the same test: `1` of `39` users have other test rows\nhint: "),
        "{error}"
    );
    let comparison = compare(&two, &CompareOptions { different_tests: true, ..ALL }).unwrap();
    let pair = &comparison.pairs[0];
    assert_eq!((pair.n_users, pair.n_only_a, pair.n_only_b, pair.n_different_tests), (39, 1, 1, 1));
    assert_eq!(pair.b.label, at("two"), "both have one approach");
}

#[test]
fn a_self_check_is_done_where_it_is_asked_for() {
    let (_folder, at) = runs();
    let two = [format!("{}:random", at("one")), format!("{}:neural", at("two"))];
    let options = CompareOptions { self_check: NonZeroUsize::new(200), ..ALL };
    let comparison = compare(&two, &options).unwrap();
    let plan = comparison.self_check().unwrap();
    assert_eq!((plan.n_rounds, plan.expected), (200, (3, 19)));
    let check = comparison.pairs[0].metrics[0].self_check.unwrap();
    let (rejections, found) = (check.rejections, check.planted.unwrap().found);
    assert!(rejections.t <= 19 && rejections.wilcoxon <= 19 && found.t > 190 && check.is_sound, "{check:?}");
    let same = [two[0].clone(), two[0].clone()];
    let nothing = compare(&same, &options).unwrap();
    assert_eq!((nothing.self_check(), nothing.pairs[0].metrics[0].verdict), (None, Verdict::Equal));
    assert!(nothing.notes.iter().any(|note| note.starts_with("no self-check")));
}

#[test]
fn sampled_runs_of_other_seeds_say_that_their_candidates_differ() {
    let (_folder, at) = runs();
    let name = "sampled99_ndcg@10";
    let seeds = |one: u64, two: u64| {
        for (run, seed) in [("one", one), ("two", two)] {
            write(Path::new(&at(run)), "neural", &[(name, values(0.0))]);
            let manifest = serde_json::json!({
                "schema_version": 1, "stage": "evaluate", "stage_version": 1, "experiment": {}, "inputs": {}, "outputs": {},
                "versions": {}, "device": null, "seed": seed, "seconds": 1.0, "peak_memory_bytes": null, "notes": {},
            });
            fs::write(Path::new(&at(run)).join("evaluation/manifest.json"), manifest.to_string()).unwrap();
        }
        let two = [format!("{}:neural", at("one")), format!("{}:neural", at("two"))];
        compare(&two, &ALL).unwrap().notes.into_iter().find(|note| note.contains("candidates drawn by seed"))
    };
    assert_eq!(seeds(1, 1), None);
    let note = seeds(1, 2).unwrap();
    assert!(note.contains("drawn by seed `1`") && note.contains("by seed `2`"), "{note}");
}
