//! Tests that a training that is killed again and again ends with the bytes of one that nobody killed.
//!
//! Does not know what a state is. The moments of kills follow from a seed, as shares of the time that the whole takes.
//!
//! **Invariant**: a process is ended by SIGKILL; `RECO_KILLS` is the number of kills, 10 unless it is stated.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{command, files, reco};
use reco_core::random::SplitMix64;
use serde_json::Value;

/// Trainings of all kinds that keep their state, some seconds together.
const EXPERIMENT: &str = r#"
device = "cpu"

[data]
path = "DATA"

[features]
scaling = { kind = "min-max", to = [0.5, 1.0] }

[split]
kind = "random"
validation = 0.1

[[approach]]
name = "svd"

[[approach]]
name = "svdpp"
epochs = 5

[[approach]]
name = "ials"
embedding_size = 16

[[approach]]
name = "bayesian-fm"
burn_in = 2
epochs = 4
samples = 4

[[approach]]
name = "neural"
epochs = 4
patience = 1
batch_size = 512

[[approach]]
name = "streamed"
kind = "collaborative"
epochs = 2
batch_size = 512
shuffle = "row-groups"
shuffle_buffer = 20_000

[[approach]]
name = "hybrid"
loss = "softmax"
learning_rate = 0.003
epochs = 2
patience = 2
batch_size = 64

[checkpoint]
every = "5ms"
"#;

/// The files of the models under `out`, manifests without times.
fn models(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = out.join("models");
    let content = |file: PathBuf| {
        let bytes = fs::read(folder.join(&file)).unwrap();
        if file.file_name().unwrap() != "manifest.json" {
            return (file, bytes);
        }
        let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
        for key in ["seconds", "peak_memory_bytes", "seal"] {
            manifest.as_object_mut().unwrap().remove(key);
        }
        for key in ["train_seconds", "ratings_per_second"] {
            manifest["notes"].as_object_mut().unwrap().remove(key);
        }
        (file, manifest.to_string().into_bytes())
    };
    files(&folder).into_iter().map(content).collect()
}

/// What a training said, and how it ended: it is killed `after` a time unless it ends before.
fn train(experiment: &Path, out: &Path, after: Option<Duration>) -> (ExitStatus, String) {
    let said = out.with_extension("said");
    let arguments = [Path::new("train"), experiment, Path::new("--out"), out];
    let mut child = command(arguments).stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap()).spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if after.is_some_and(|after| begun.elapsed() >= after) {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    };
    (status, fs::read_to_string(said).unwrap())
}

#[test]
fn a_training_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("ratings");
    let size = ["--users", "900", "--items", "600", "--ratings", "60000"];
    reco(["synth", "--out", &data.display().to_string()].iter().chain(&size)).ok();
    let experiment = folder.path().join("killed.toml");
    fs::write(&experiment, EXPERIMENT.replace("DATA", &data.display().to_string())).unwrap();
    let [whole, prepared] = ["whole", "prepared"].map(|name| folder.path().join(name));
    for stage in ["ingest", "features"] {
        let arguments = [Path::new(stage), &experiment, Path::new("--out"), &prepared];
        let done = command(arguments).stdout(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    common::copy(&prepared, &whole);
    let begun = Instant::now();
    let (status, said) = train(&experiment, &whole, None);
    let took = begun.elapsed();
    assert!(status.success(), "{said}");
    let expected = models(&whole);
    assert_eq!(expected.iter().filter(|(file, _)| file.ends_with("weights.safetensors")).count(), 7);

    let n_kills: usize = std::env::var("RECO_KILLS").ok().map_or(10, |n| n.parse().unwrap());
    let mut chance = SplitMix64(2_026);
    let (mut n_killed, mut n_went_on, mut n_trainings) = (0, 0, 0);
    while n_killed < n_kills {
        n_trainings += 1;
        let out = folder.path().join("parted");
        common::copy(&prepared, &out);
        loop {
            let after = took.mul_f64(chance.uniform() * 0.6);
            let (status, said) = train(&experiment, &out, (n_killed < n_kills).then_some(after));
            n_went_on += usize::from(said.contains("` goes on from epoch "));
            assert!(!said.contains("begins anew") && !said.contains("without a checkpoint"), "{said}");
            if status.success() {
                break;
            }
            // Nothing but the kill ends it.
            assert_eq!(status.code(), None, "{said}");
            n_killed += 1;
        }
        let found = models(&out);
        let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected));
        for ((file, found), (_, expected)) in found.iter().zip(&expected) {
            assert!(found == expected, "`{}` has other bytes after {n_killed} kills", file.display());
        }
        let left = files(&out).into_iter().filter(|file| file.starts_with("checkpoints")).collect::<Vec<_>>();
        assert!(!out.join("checkpoints").exists(), "{left:?}");
        fs::remove_dir_all(&out).unwrap();
    }
    println!("{n_killed} kills of {n_trainings} trainings of {took:?}, {n_went_on} of which went on from a state");
    assert!(n_went_on * 5 >= n_killed, "{n_went_on} of {n_killed}");
}
