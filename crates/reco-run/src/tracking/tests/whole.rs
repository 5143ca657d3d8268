//! Tests whole runs of the fixture that are followed.
//!
//! Does not know what a tool makes of it.
//!
//! **Invariant**: a run that is followed makes what one makes that is not.

use std::fs;

use super::server::Server;
use super::*;
use crate::manifest::digests;
use crate::{Quiet, RunOptions, Source, Summary, run};

/// Runs the fixture into `out`, with `sets`.
fn fixture(out: &Path, sets: &[String], from: Option<&str>, force: bool) -> Result<Summary, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = vec![format!("data.path={}", root.join("data/fixture").display())];
    all.extend(["approach.neural.epochs=2".to_owned(), "evaluate.k=[10]".to_owned()]);
    all.extend_from_slice(sets);
    let source = Source::File(root.join("data/experiments/fixture.toml"));
    let only = ["popularity".to_owned(), "neural".to_owned()];
    let experiment = Experiment::read(&source, &all, &only).map_err(|error| error.to_string())?;
    let options =
        RunOptions { raw: out, out, from, only: None, force, command: "reco run fixture.toml", progress: &Quiet };
    run(&experiment, &options).map_err(|error| error.to_string())
}

#[test]
fn a_run_is_followed_from_training_to_evaluation_and_makes_the_same() {
    let server = Server::but(|_| None);
    let folder = tempfile::tempdir().unwrap();
    let [plain, out] = ["plain", "out"].map(|name| folder.path().join(name));
    let runs = folder.path().join("runs");
    let sets = [format!("tracking.mlflow={}", server.address), format!("tracking.tensorboard={}", runs.display())];
    fixture(&plain, &[], None, false).unwrap();
    fixture(&out, &sets, None, false).unwrap();
    for part in ["models/popularity", "models/neural"] {
        assert_eq!(digests(&plain.join(part)).unwrap(), digests(&out.join(part)).unwrap(), "{part}");
    }
    let asked = server.asked();
    let names: Vec<_> = asked.iter().filter_map(|request| request.body["run_name"].as_str()).collect();
    assert_eq!(names, ["popularity", "neural"]);
    let keys: Vec<String> = asked
        .iter()
        .flat_map(|request| {
            ["params", "metrics"].map(|kind| request.body[kind].as_array().cloned().unwrap_or_default())
        })
        .flatten()
        .map(|one| one["key"].as_str().unwrap().to_owned())
        .collect();
    let n_of = |key: &str| keys.iter().filter(|one| *one == key).count();
    assert_eq!(["epoch/train_loss", "epoch/validation_loss"].map(n_of), [2, 2]);
    for key in ["seed", "device", "dataset_digest", "reco_version", "approach", "test/ndcg_at_10", "training/n_train"] {
        assert_eq!(n_of(key), 2, "{key}: {keys:?}");
    }
    assert_eq!(n_of("embedding_size"), 1);
    // Where it ran is no part of what can be run again.
    assert!(!fs::read_to_string(out.join("report/experiment.toml")).unwrap().contains("[tracking]"));
    // The evaluation went to the runs of the trainings.
    let notes = |name: &str| Manifest::read(&out.join("models").join(name), "").unwrap().notes;
    let tracked = notes("neural")["tracked"].clone();
    assert_eq!(tracked["mlflow"], "r1");
    assert!(runs.join(tracked["tensorboard"].as_str().unwrap()).is_file(), "{tracked}");
    assert_eq!(fs::read_dir(runs.join("fixture/neural")).unwrap().count(), 2);

    // Nothing changed: nothing is told. What is made again from the same models goes on in their runs.
    fixture(&out, &sets, None, false).unwrap();
    assert!(server.asked().iter().all(|request| request.what == "GET experiments/get-by-name"));
    fixture(&out, &sets, Some("evaluate"), true).unwrap();
    assert!(server.asked().iter().all(|request| request.body["run_name"].is_null()));
    assert_eq!(fs::read_dir(runs.join("fixture/neural")).unwrap().count(), 3);
}

#[test]
fn a_server_that_fails_while_it_trains_spoils_nothing() {
    let server = Server::but(|request| match request.what.starts_with("POST runs/") {
        true => Some((500, "oh".to_owned())),
        false => None,
    });
    let folder = tempfile::tempdir().unwrap();
    let [plain, out] = ["plain", "out"].map(|name| folder.path().join(name));
    fixture(&plain, &[], None, false).unwrap();
    let summary = fixture(&out, &[format!("tracking.mlflow={}", server.address)], None, false).unwrap();
    assert!(summary.results.is_some());
    assert_eq!(digests(&plain.join("models/neural")).unwrap(), digests(&out.join("models/neural")).unwrap());
    assert!(Manifest::read(&out.join("models/neural"), "").unwrap().notes[NOTED].is_null());
}

#[test]
fn tools_that_are_not_there_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fixture(&out, &[format!("tracking.mlflow=http://{nobody}")], None, false).err().unwrap();
    assert!(error.contains("does not answer") && error.contains("\nhint: "), "{error}");
    let out_and = |inside: &str| out.join(inside).display().to_string();
    for (folder, experiment, repeated) in [
        (out_and("models/neural/runs"), "x", ""),
        (out_and(""), "models", ""),
        (out_and(""), "evaluation", ""),
        (folder.path().display().to_string(), "out", ""),
        (out_and("report"), "x", ""),
        // The report of all repetitions lies beside them.
        (out_and("report"), "x", "seed"),
    ] {
        let values = if repeated.is_empty() { "[]" } else { "[1]" };
        let sets = [
            format!("tracking.tensorboard={folder}"),
            format!("tracking.experiment={experiment}"),
            format!("repeat.over={repeated}"),
            format!("repeat.values={values}"),
        ];
        let error = fixture(&out, &sets, None, false).err().unwrap();
        assert!(error.contains("and the run replaces `") && error.contains("\nhint: name a folder of"), "{error}");
    }
    let both = [format!("tracking.mlflow=http://{nobody}"), format!("tracking.tensorboard={}", out_and("../runs"))];
    assert!(fixture(&out, &both, None, false).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    // What neither trains nor evaluates needs no tool.
    let set = format!("tracking.mlflow=http://{nobody}");
    fixture(&out, &[], None, false).unwrap();
    fixture(&out, &[set], Some("report"), false).unwrap();
}
