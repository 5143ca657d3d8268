//! Tests which model answers, in folders of models made by hand.
//!
//! Does not know what a model answers, except where the registry is asked whose lists follow ratings.
//!
//! **Invariant**: which model answers and why are tested together, as they are told.

use reco_core::testing::{Feedback, checkerboard};
use reco_core::{Candidates, DeviceChoice, Profile, Query, Run, Scores, Seen, Silent, Target, Who};
use serde_json::json;
use tempfile::TempDir;

use super::*;

const RATED: AskedBy = AskedBy::Visitor { n_rated: 9, states: false };
const STATED: AskedBy = AskedBy::Visitor { n_rated: 0, states: true };
const SILENT: AskedBy = AskedBy::Visitor { n_rated: 0, states: false };

/// Writes the list where no run looks after it.
fn save(models: &Path, answers: &Answers) {
    let path = models.join(ANSWERS);
    fs::write(&path, sealed(&json(&path, answers).unwrap())).unwrap();
}

/// A folder of these models, without a list.
fn folder(names: &[&str]) -> TempDir {
    let models = tempfile::tempdir().unwrap();
    for name in names {
        fs::create_dir(models.path().join(name)).unwrap();
        fs::write(models.path().join(name).join(MANIFEST), "").unwrap();
    }
    models
}

/// The same with a list of them, each with the metric's value.
fn listed(ranked_by: RankedBy, models: &[(&str, Option<f64>)]) -> TempDir {
    let at = folder(&models.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let model = |&(name, validation): &(&str, Option<f64>)| {
        let (name, kind) = (name.to_owned(), name.trim_start_matches("my-").to_owned());
        Model { name, kind, identity: String::new(), validation }
    };
    let approaches = models.iter().map(model).collect();
    let (experiment, repetitions) = ("mine".to_owned(), Vec::new());
    let schema_version = SCHEMA_VERSION;
    save(at.path(), &Answers { schema_version, experiment, repetitions, ranked_by, approaches });
    at
}

fn ranked(models: &[(&str, Option<f64>)]) -> TempDir {
    listed(RankedBy::Metric("ndcg@10".parse().unwrap()), models)
}

fn chosen(models: &TempDir, by: AskedBy) -> (String, String) {
    let chosen = choose(models.path(), by).unwrap();
    (chosen.folder.file_name().unwrap().to_string_lossy().into_owned(), chosen.why)
}

#[test]
fn users_ask_the_best_on_validation_and_of_equal_ones_the_earlier() {
    let models = [
        ("random", 0.9),
        ("user-mean", 0.5),
        ("hybrid", 0.02),
        ("profile", 0.13),
        ("popularity", 0.13),
        ("auto", 0.02),
    ];
    let models = ranked(&models.map(|(name, value)| (name, Some(value))));
    let (name, why) = chosen(&models, AskedBy::Users);
    assert_eq!(name, "popularity", "chance is no answer, and popularity stands before profile in the registry");
    assert_eq!(why, "which ranked best on validation (ndcg@10 0.1300; next profile 0.1300)");
    let all = choose(models.path(), AskedBy::Users).unwrap();
    let next = RunnerUp { approach: "profile".to_owned(), value: 0.13 };
    assert_eq!(
        (all.metric.map(|metric| metric.to_string()).as_deref(), all.value, all.next),
        (Some("ndcg@10"), Some(0.13), Some(next))
    );

    let alone = ranked(&[("popularity", None), ("my-neural", Some(0.01)), ("random", Some(0.5))]);
    let why = "which ranked best on validation (ndcg@10 0.0100; no other was ranked)";
    assert_eq!(chosen(&alone, AskedBy::Users), ("my-neural".to_owned(), why.to_owned()));
}

#[test]
fn without_validation_users_ask_what_is_popular_and_are_told_why() {
    let why = RankedBy::Nothing("the split has no validation part".to_owned());
    let models = listed(why.clone(), &[("top-rated", None), ("popularity", None), ("hybrid", None)]);
    let asked = "asked because the split has no validation part";
    assert_eq!(chosen(&models, AskedBy::Users), ("popularity".to_owned(), asked.to_owned()));
    // Without any of the simple ones, the last in the registry's order answers, and says so.
    let (name, told) = chosen(&listed(why, &[("hybrid", None), ("neural", None)]), AskedBy::Users);
    assert_eq!(name, "hybrid");
    assert!(
        told.starts_with(asked) && told.ends_with(" and none of `popularity`, `profile`, `top-rated` was trained"),
        "{told}"
    );
    let (name, told) = chosen(&folder(&["hybrid", "popularity"]), AskedBy::Users);
    assert_eq!(
        (name.as_str(), told.as_str()),
        ("popularity", "asked because no run left a list of its models (`answers.json`)")
    );
    let (name, told) = chosen(&ranked(&[("hybrid", None), ("random", Some(0.5))]), AskedBy::Users);
    assert_eq!((name.as_str(), told.contains("none that can answer was ranked")), ("hybrid", true), "{told}");
}

#[test]
fn a_visitor_is_answered_by_what_reads_what_they_say() {
    let all = [("popularity", 0.13), ("baseline", 0.06), ("svd", 0.05), ("clusters", 0.07), ("neural", 0.1)];
    let all_ranked = ranked(&all.map(|(name, value)| (name, Some(value))));
    let why = "which ranked best on validation of those that follow ratings (ndcg@10 0.0700; next svd 0.0500)";
    assert_eq!(chosen(&all_ranked, RATED), ("clusters".to_owned(), why.to_owned()));
    let both = AskedBy::Visitor { n_rated: 9, states: true };
    assert_eq!(chosen(&all_ranked, both).0, "clusters");

    let name = |names: &[&str], by| chosen(&folder(names), by).0;
    let all = ["random", "popularity", "top-rated", "profile", "content", "hybrid", "auto"];
    assert_eq!([RATED, STATED, SILENT].map(|by| name(&all, by)), ["auto", "profile", "popularity"]);
    assert_eq!(name(&["random", "content", "hybrid"], RATED), "content");
    // However few the ratings are, and whatever ranked better for users.
    let with_auto = ranked(&[("popularity", Some(0.13)), ("clusters", Some(0.07)), ("my-auto", Some(0.02))]);
    let asked = |n_rated, states| chosen(&with_auto, AskedBy::Visitor { n_rated, states });
    assert_eq!(asked(1, false), ("my-auto".to_owned(), "which takes what does best for as many ratings".to_owned()));
    assert_eq!(
        [asked(9, true).0, asked(0, false).0, chosen(&with_auto, AskedBy::Users).0],
        ["my-auto", "popularity", "popularity"]
    );
    assert_eq!(name(&["random", "top-rated", "hybrid"], SILENT), "top-rated");
    // Where no model reads what is said, what is popular answers, and never a model that refuses visitors.
    for by in [RATED, STATED] {
        assert_eq!(name(&["popularity", "user-mean", "neural"], by), "popularity");
        assert_eq!(name(&["user-mean", "neural", "hybrid"], by), "user-mean");
        assert_eq!(name(&["random", "hybrid"], by), "random");
    }
    let few = |n_rated, states| chosen(&all_ranked, AskedBy::Visitor { n_rated, states });
    let why = "which serves those who rated fewer than 5 items better than approaches that follow ratings";
    assert_eq!(few(1, false), ("popularity".to_owned(), why.to_owned()));
    assert_eq!([few(4, false).0, few(5, false).0, few(0, false).0], ["popularity", "clusters", "popularity"]);
    assert_eq!(name(&["popularity", "profile", "content"], AskedBy::Visitor { n_rated: 2, states: true }), "profile");
    assert_eq!(name(&["content", "svd"], AskedBy::Visitor { n_rated: 1, states: false }), "content");
    let (_, why) = chosen(&ranked(&[("popularity", Some(0.1)), ("neural", Some(0.2))]), STATED);
    assert_eq!(why, "asked because none of `profile` was trained");
    let error = choose(folder(&["hybrid", "neural"]).path(), SILENT).unwrap_err().to_string();
    assert!(error.contains("has an answer for someone new\nhint: "), "{error}");
    assert_eq!(name(&["hybrid", "neural"], AskedBy::Users), "hybrid");
    let error = choose(folder(&[]).path(), STATED).unwrap_err();
    assert!(matches!(error, RunError::NoModels { .. }), "{error}");
}

#[test]
fn whose_lists_follow_ratings_is_what_the_registry_says() {
    let board = checkerboard(12, Feedback::Stars);
    let run = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };
    let follows = |approach: &dyn AnyApproach| {
        let fitted = approach.fit(&board.train, &run).unwrap();
        let items: Vec<_> = board.train.catalogue.items.indices().collect();
        let list = |first: usize| {
            // Every other item has five stars; one of the others has one, the rest none.
            let liked = items[..8].iter().skip(first).step_by(2).map(|item| (*item, Target::new(5.0).unwrap()));
            let history: Vec<_> = liked.chain([(items[1 - first], Target::new(1.0).unwrap())]).collect();
            let who = Who::Visitor { history: &history, profile: &Profile::default() };
            let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
            let mut scores = Scores::new();
            fitted.score(&[query], &mut scores).ok()?;
            let mut order: Vec<usize> = (0..items.len()).collect();
            order.sort_by(|a, b| scores.row(0)[*b].total_cmp(&scores.row(0)[*a]));
            Some(order)
        };
        list(0) != list(1)
    };
    // Chance follows anything, and `auto` its parts.
    let entries = approaches().filter(|entry| ![CHANCE, auto::NAME].contains(&entry.name));
    let defaults = entries.map(|entry| (entry.name, (entry.defaults)()));
    let lists = json!({ "loss": "softmax", "epochs": 1 });
    let others = [("profile", json!({ "history": true })), ("neural", lists.clone()), ("collaborative", lists)];
    for (kind, options) in defaults.chain(others) {
        let entry = approaches().find(|entry| entry.name == kind).unwrap();
        let approach = (entry.configure)(&options).unwrap();
        let answers_visitors = !approach.requires().contains(&Requirement::KnownUsers);
        assert_eq!(answers_visitors && approach.follows_ratings(), follows(&*approach), "{kind} {options}");
    }
    let uses = |kind: &str, options| {
        let entry = approaches().find(|entry| entry.name == kind).unwrap();
        (entry.configure)(&options).unwrap().uses_context()
    };
    let by_default = approaches().filter(|entry| uses(entry.name, (entry.defaults)())).map(|entry| entry.name);
    assert_eq!(by_default.collect::<Vec<_>>(), ["hybrid"]);
    assert!(uses("hybrid", json!({ "loss": "softmax" })) && uses("blend", json!({ "parts": ["ease", "hybrid"] })));
    assert!(!uses("hybrid", json!({ "loss": "softmax", "without": ["contexts"] })));
    for kind in SIMPLE {
        assert!(approaches().any(|entry| entry.name == *kind), "`{kind}` is not in the registry");
    }
}

#[test]
fn what_the_last_run_did_not_leave_is_refused_with_the_way_out() {
    let models = ranked(&[("popularity", Some(0.1))]);
    fs::create_dir(models.path().join("auto")).unwrap();
    fs::write(models.path().join("auto").join(MANIFEST), "").unwrap();
    let refused = |name: &str| find(models.path(), name).unwrap_err().to_string();
    let error = refused("auto");
    assert!(
        error.contains("is not of the last run there: that was of the experiment `mine`, with `popularity`"),
        "{error}"
    );
    assert!(error.contains("\nhint: run the experiment that has it with an `--out` of its own"), "{error}");
    assert!(refused("popularty").contains("hint: did you mean `popularity`?"));
    assert!(refused("neural").contains("hint: train it: `reco train --approach neural`"));
    assert_eq!(find(models.path(), "popularity").unwrap(), models.path().join("popularity"));

    // A model that was trained by a run that did not end.
    let mut answers = Answers::read(models.path()).unwrap().unwrap();
    let manifest = |seed: u64| {
        let nothing = serde_json::json!({});
        serde_json::json!({
            "schema_version": SCHEMA_VERSION, "stage": "train", "stage_version": 2, "experiment": nothing,
            "inputs": nothing, "outputs": nothing, "versions": nothing, "device": null, "seed": seed,
            "seconds": 1.0, "peak_memory_bytes": null, "notes": null,
        })
        .to_string()
    };
    let folder = models.path().join("popularity");
    fs::write(folder.join(MANIFEST), manifest(1)).unwrap();
    answers.approaches[0].identity = Manifest::read(&folder, "").unwrap().identity();
    save(models.path(), &answers);
    assert_eq!(find(models.path(), "popularity").unwrap(), folder);
    fs::write(folder.join(MANIFEST), manifest(2)).unwrap();
    assert!(
        refused("popularity").contains("a later run, which did not finish, changed it after the run of `mine`"),
        "{}",
        refused("popularity")
    );
    assert!(choose(models.path(), AskedBy::Users).unwrap_err().to_string().contains("is not of the last run"));

    answers.repetitions = vec!["seed=1".to_owned(), "seed=2".to_owned()];
    save(models.path(), &answers);
    let error = choose(models.path(), AskedBy::Users).unwrap_err().to_string();
    assert!(error.contains("repetitions have models of their own") && error.contains("seed=2/models`"), "{error}");
    fs::write(models.path().join(ANSWERS), "{}").unwrap();
    assert!(refused("popularity").contains("hint: keep it elsewhere, and `reco train`"));
}
