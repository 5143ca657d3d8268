//! Tests that a tampered model gives an error or the same answer, and that every stage stops when asked.
//!
//! Does not know what an approach keeps in its files.
//!
//! **Invariant**: a panic fails a test; every manifest is rewritten, so that no digest betrays a change.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{copy_of, files};
use reco_core::{DeviceChoice, ItemIdx, Progress};
use reco_run::fetch::{FetchProgress, Silent};
use reco_run::{
    Artifact, Everyone, Experiment, IngestProgress, MANIFEST, RunError, RunOptions, RunProgress, Shard, Source,
    TableOutput, digests, run,
};
use serde_json::{Value, json};

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
}

/// What the model in `folder` recommends to three users, once its manifest vouches for all its files as they are.
fn answers(folder: &Path) -> Result<Vec<Vec<ItemIdx>>, String> {
    change(&folder.join(MANIFEST), |manifest| manifest["outputs"] = json!(digests(folder).unwrap()));
    let words = |error: RunError| error.to_string();
    let artifact = Artifact::load(folder, DeviceChoice::Cpu).map_err(words)?;
    let users: Vec<_> = artifact.catalogue().users.indices().take(3).collect();
    let context = vec![0.0; artifact.catalogue().contexts.len()];
    let rankings =
        artifact.recommend(&users, &artifact.seen, &context, NonZeroUsize::new(5).unwrap()).map_err(words)?;
    rankings.iter().for_each(|ranking| assert!(artifact.describe(ranking.entries()).len() <= 5));
    Ok(rankings.iter().map(|ranking| ranking.items().collect()).collect())
}

#[test]
fn a_model_whose_digests_were_rewritten_gives_an_error_or_the_same_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut n_refused = 0;
    for model in ["popularity", "profile", "item-knn", "svd", "clusters", "content", "hybrid"] {
        let folder = copy_of(model, dir.path());
        let honest = answers(&folder).unwrap();
        for file in files(&folder) {
            // Skips files that no answer needs, and the manifest, which other tests change.
            if file.ends_with(MANIFEST) || file.ends_with("layers.json") || file.ends_with("history.json") {
                continue;
            }
            let path = folder.join(&file);
            let whole = fs::read(&path).unwrap();
            let half = whole[..whole.len() / 2].to_vec();
            let twice = [whole.clone(), whole.clone()].concat();
            let foreign = br#"{"made_by":"somebody else"}"#.to_vec();
            for (what, bytes) in [("empty", Vec::new()), ("half", half), ("twice", twice), ("foreign", foreign)] {
                fs::write(&path, bytes).unwrap();
                match answers(&folder) {
                    Ok(found) => assert_eq!(found, honest, "{model} {} {what}", file.display()),
                    Err(error) => {
                        n_refused += 1;
                        assert!(error.contains('`'), "{error}");
                    }
                }
            }
            // A changed number may change an answer, but never causes a panic.
            for at in (0..whole.len()).step_by((whole.len() / 40).max(1)) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0xff;
                fs::write(&path, bytes).unwrap();
                drop(answers(&folder));
            }
            fs::write(&path, whole).unwrap();
        }
        assert_eq!(answers(&folder).unwrap(), honest);
    }
    assert!(n_refused > 100, "{n_refused}");
}

#[test]
fn a_config_that_is_not_its_manifest_s_is_refused_and_so_are_options_that_no_memory_holds() {
    let dir = tempfile::tempdir().unwrap();
    for (model, options) in [
        ("svd", json!({ "embedding_size": 7 })),
        ("user-knn", json!({ "k": 1 })),
        ("hybrid", json!({ "embedding_size": 1_u64 << 62 })),
    ] {
        let folder = copy_of(model, dir.path());
        let config = folder.join("config.json");
        let whole = fs::read(&config).unwrap();
        let put = |table: &mut Value| {
            for (key, value) in options.as_object().unwrap() {
                table["options"][key] = value.clone();
            }
        };
        change(&config, put);
        let error = answers(&folder).unwrap_err();
        assert!(error.contains("`config.json` has `options` as"), "{error}");
        // With both rewritten, options that do not fit the weights, or that no machine holds, are refused all the same.
        change(&folder.join(MANIFEST), |manifest| put(&mut manifest["experiment"]));
        match (model, answers(&folder)) {
            ("hybrid", answer) => {
                let error = answer.unwrap_err();
                assert!(error.contains("`hybrid` needs about") && error.contains("lower `embedding_size`"), "{error}");
            }
            (_, answer) => drop(answer),
        }
        fs::write(&config, &whole).unwrap();
    }
    let folder = copy_of("neural", dir.path());
    change(&folder.join("config.json"), |config| config["options"]["embedding_size"] = json!(8));
    change(&folder.join(MANIFEST), |manifest| manifest["experiment"]["options"]["embedding_size"] = json!(8));
    let error = answers(&folder).unwrap_err();
    assert!(error.contains("does not hold the weights of `neural`"), "{error}");
}

/// Asks to stop after it was asked a given number of times.
#[derive(Default)]
struct Limited {
    after: usize,
    asked: AtomicUsize,
}

impl Limited {
    fn ask(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.after
    }
}

impl Progress for Limited {
    fn interrupted(&self) -> bool {
        self.ask()
    }
}

impl IngestProgress for Limited {
    fn begin(&self, _: u64) {}

    fn advance(&self, _: u64) {}

    fn end(&self) {}

    fn interrupted(&self) -> bool {
        self.ask()
    }
}

impl RunProgress for Limited {
    fn fetch(&self) -> &dyn FetchProgress {
        &Silent
    }

    fn ingest(&self) -> &dyn IngestProgress {
        self
    }

    fn train(&self) -> &dyn Progress {
        self
    }
}

#[test]
fn a_table_for_everyone_that_is_not_finished_is_not_left() {
    let dir = tempfile::tempdir().unwrap();
    let artifact = Artifact::load(&copy_of("popularity", &dir.path().join("models")), DeviceChoice::Cpu).unwrap();
    let folder = dir.path().join("new");
    fs::create_dir(&folder).unwrap();
    let to = TableOutput::at(&folder.join("all.csv")).unwrap();
    let everyone = Everyone {
        shard: Shard::WHOLE,
        top: NonZeroUsize::new(2).unwrap(),
        context: BTreeMap::new(),
        as_evaluated: false,
        device: DeviceChoice::Cpu,
    };
    let stopped = everyone.write(&artifact, &to, &Limited::default()).unwrap_err();
    assert!(matches!(stopped, RunError::Interrupted), "{stopped}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let never = Limited { after: usize::MAX, ..Limited::default() };
    assert!(everyone.write(&artifact, &to, &never).unwrap().n_rows > 2);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_stage_that_is_asked_to_stop_leaves_its_folder_as_it_was() {
    let out = tempfile::tempdir().unwrap();
    let root = common::root();
    let set = [format!("data.path={}", root.join("data/fixture").display())];
    let approaches = ["popularity", "item-knn", "svd", "clusters", "content"].map(str::to_owned);
    let file = root.join("data/experiments/fixture.toml");
    let experiment = Experiment::read(&Source::File(file), &set, &approaches).unwrap();
    let stage = |stage: Option<&str>, after| {
        let progress = Limited { after, ..Limited::default() };
        let (raw, out) = (root.join("data/raw"), out.path());
        let options =
            RunOptions { raw: &raw, out, from: None, only: stage, force: true, command: "", progress: &progress };
        let done = run(&experiment, &options).map(|_| ());
        (done, progress.asked.load(Ordering::Relaxed))
    };
    stage(None, usize::MAX).0.unwrap();
    for (name, least) in [("ingest", 2), ("features", 4), ("train", 60), ("evaluate", 1000), ("report", 5)] {
        let (done, n_asked) = stage(Some(name), usize::MAX);
        done.unwrap();
        assert!(n_asked >= least, "`{name}` asks `{n_asked}` times whether to stop");
        for after in [0, 1, n_asked / 2, n_asked * 9 / 10] {
            let before = digests(out.path()).unwrap();
            let (done, _) = stage(Some(name), after);
            let error = done.unwrap_err();
            let is_stop = error.to_string().starts_with("interrupted");
            assert!(is_stop, "`{name}` after `{after}` of `{n_asked}`: {error}");
            let changed = |(path, digest): &(&String, &String)| before.get(*path) != Some(*digest);
            let now = digests(out.path()).unwrap();
            let of_others = |path: &str| name == "train" && path.starts_with("models/");
            let changed: Vec<_> = now.iter().filter(changed).filter(|(path, _)| !of_others(path)).collect();
            assert!(changed.is_empty() && now.len() == before.len(), "`{name}`: {changed:?}");
        }
    }
}
