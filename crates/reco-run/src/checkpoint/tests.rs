//! Tests that a run which is stopped amid a training goes on there, and ends with the files of one that was not.
//!
//! **Invariant**: a run is stopped once a state is kept, never by time.

use std::path::PathBuf;
use std::sync::Mutex;

use reco_core::options;
use reco_data::fetch::FetchProgress;
use reco_data::{IngestProgress, SilentIngest};
use serde_json::json;

use super::*;
use crate::manifest::{MANIFEST, digest};
use crate::{Experiment, Quiet, RunOptions, Source, run};

/// Keeps notes, and asks to stop once a file is there; puts a file of its own somewhere when a training begins.
#[derive(Default)]
struct Watched {
    until: Option<PathBuf>,
    plants: Option<PathBuf>,
    notes: Mutex<Vec<String>>,
}

impl Progress for Watched {
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }

    fn interrupted(&self) -> bool {
        self.until.as_ref().is_some_and(|file| file.exists())
    }
}

impl RunProgress for Watched {
    fn fetch(&self) -> &dyn FetchProgress {
        &reco_data::fetch::Silent
    }

    fn ingest(&self) -> &dyn IngestProgress {
        &SilentIngest
    }

    fn train(&self) -> &dyn Progress {
        self
    }

    fn began(&self, stage: &str, _: Option<&str>, _: &str) {
        if let Some(path) = self.plants.as_ref().filter(|_| stage == "train") {
            fs::write(path, "mine").unwrap();
        }
    }
}

const APPROACHES: [&str; 7] = ["svd", "svdpp", "bayesian-fm", "ials", "neural", "hybrid", "streamed"];

/// The fixture with several trainings in it, and a state kept as often as can be.
fn experiment(sets: &[&str]) -> Experiment {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let approaches = APPROACHES.map(|name| match name {
        "neural" => "name = \"neural\"\nepochs = 4\npatience = 1\nlearning_rate = 0.02".to_owned(),
        "hybrid" => "name = \"hybrid\"\nloss = \"softmax\"\nepochs = 3\npatience = 2\nbatch_size = 20".to_owned(),
        "streamed" => "name = \"streamed\"\nkind = \"collaborative\"\nepochs = 3\nshuffle = \"row-groups\"".to_owned(),
        "bayesian-fm" => "name = \"bayesian-fm\"\nepochs = 6\nsamples = 6\nburn_in = 2".to_owned(),
        name => format!("name = \"{name}\"\nepochs = 200\nembedding_size = 20"),
    });
    let approaches = approaches.map(|one| format!("[[approach]]\n{one}\n")).concat();
    let path = root.join("data/fixture").display().to_string();
    let text = format!(
        "device = \"cpu\"\n[data]\npath = {path:?}\n[split]\nkind = \"random\"\nvalidation = 0.1\n{approaches}\
         [checkpoint]\nevery = \"1ms\"\n"
    );
    fs::write(&file, text).unwrap();
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    Experiment::read(&Source::File(file), &sets, &[]).unwrap()
}

fn trained(out: &Path, experiment: &Experiment, progress: &Watched) -> Result<(), RunError> {
    let stages = ["ingest", "features", "train"];
    stages.into_iter().try_for_each(|only| {
        let raw = Path::new("nowhere");
        let only = Some(only);
        run(experiment, &RunOptions { raw, out, from: None, only, force: false, command: "", progress }).map(drop)
    })
}

/// A model's manifest without times; it has the digests of all files.
fn model(out: &Path, name: &str) -> Value {
    let folder = out.join("models").join(name);
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.join(MANIFEST)).unwrap()).unwrap();
    let table = manifest.as_object_mut().unwrap();
    ["seconds", "peak_memory_bytes", "seal"].iter().for_each(|key| drop(table.remove(*key)));
    let notes = table["notes"].as_object_mut().unwrap();
    ["train_seconds", "ratings_per_second"].iter().for_each(|key| drop(notes.remove(*key)));
    assert!(manifest["outputs"].as_object().unwrap().contains_key("weights.safetensors"));
    manifest
}

fn state(out: &Path, name: &str) -> PathBuf {
    out.join(FOLDER).join(name).join(STATE)
}

/// Runs until a state of `name` is kept.
fn stopped(out: &Path, name: &str, experiment: &Experiment) {
    let watched = Watched { until: Some(state(out, name)), ..Watched::default() };
    let stopped = trained(out, experiment, &watched);
    assert!(matches!(stopped, Err(RunError::Interrupted)), "{name}: {stopped:?}");
    assert!(state(out, name).exists() && !out.join("models").join(name).exists(), "{name}");
    let said = watched.notes.into_inner().unwrap().pop().unwrap_or_default();
    assert!(said.starts_with(&format!("`{name}` can go on from its checkpoint of ")), "{said}");
}

#[test]
fn every_training_goes_on_where_it_was_stopped_and_leaves_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parted] = ["whole", "parted"].map(|name| folder.path().join(name));
    trained(&whole, &experiment(&["checkpoint.every=1h"]), &Watched::default()).unwrap();
    for name in APPROACHES {
        stopped(&parted, name, &experiment(&[]));
        let watched = Watched::default();
        let n = 1 + APPROACHES.iter().position(|one| *one == name).unwrap();
        let mut this = experiment(&[]);
        this.approaches.truncate(n);
        if name == "svdpp" {
            // Without the key it goes on as well, and keeps nothing more.
            this.checkpoint = CheckpointConfig::default();
        }
        trained(&parted, &this, &watched).unwrap();
        let notes = watched.notes.into_inner().unwrap();
        let said: Vec<&String> = notes.iter().filter(|note| note.starts_with(&format!("`{name}` goes on"))).collect();
        let is_said =
            |note: &String| note.contains(" from epoch ") && note.contains(", saved ") && note.ends_with("ago");
        assert!(said.len() == 1 && is_said(said[0]), "{notes:?}");
        assert_eq!(model(&parted, name), model(&whole, name));
        assert!(!parted.join(FOLDER).exists(), "{name}");
    }
}

#[test]
fn a_state_of_another_training_or_one_that_is_damaged_is_removed_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let only = |sets: &[&str]| {
        let mut neural = experiment(sets);
        neural.approaches.retain(|one| one.name == "neural");
        neural
    };
    let finished = |sets: &[&str], expected: &str| {
        let watched = Watched::default();
        trained(&out, &only(sets), &watched).unwrap();
        let notes = watched.notes.into_inner().unwrap();
        let word = format!("`neural` begins anew, and its checkpoint is removed: {expected}");
        assert!(matches!(&notes[..], [note] if note.starts_with(&word)), "{expected}: {notes:?}");
        assert!(!out.join(FOLDER).exists());
        let model = model(&out, "neural");
        fs::remove_dir_all(out.join("models")).unwrap();
        model
    };
    let rate = "approach.neural.learning_rate=0.03";
    stopped(&out, "neural", &only(&[]));
    let other = finished(&[rate], "`options.learning_rate` was `0.02` and is `0.03`");
    stopped(&out, "neural", &only(&[rate]));
    let mut bytes = fs::read(state(&out, "neural")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(state(&out, "neural"), bytes).unwrap();
    assert_eq!(finished(&[rate], &format!("`{}` is damaged", state(&out, "neural").display())), other);
    assert!(out.join("set-aside/checkpoints/neural").join(STATE).exists(), "it may be someone's work");
    stopped(&out, "neural", &only(&[rate]));
    let bytes = Weights::default().with_value("device", "abacus").to_bytes();
    fs::write(state(&out, "neural"), &bytes).unwrap();
    // As if reco had written it: what is in it is judged by the training.
    let path = out.join(FOLDER).join("neural").join(MANIFEST);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["outputs"][STATE] = digest(&state(&out, "neural")).unwrap().into();
    manifest.as_object_mut().unwrap().remove("seal");
    fs::write(&path, manifest.to_string()).unwrap();
    assert_eq!(finished(&[rate], "it has no `approach`"), other);
}

#[test]
fn a_state_waits_while_models_of_other_options_are_fine_and_its_seconds_are_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let with = |rate: &str| {
        let mut svd = experiment(&[&format!("approach.svd.learning_rate={rate}")]);
        svd.approaches.truncate(1);
        svd
    };
    trained(&out, &with("0.001"), &Watched::default()).unwrap();
    let watched = Watched { until: Some(state(&out, "svd")), ..Watched::default() };
    assert!(matches!(trained(&out, &with("0.002"), &watched), Err(RunError::Interrupted)));
    let notes = |path: &Path| Manifest::read(path, "").unwrap().notes["train_seconds"].as_f64().unwrap();
    let before = notes(&out.join(FOLDER).join("svd"));
    assert!(before > 0.0);
    // The model is that of these options: nothing is trained, and nothing removed.
    trained(&out, &with("0.001"), &Watched::default()).unwrap();
    assert!(state(&out, "svd").exists());
    let watched = Watched::default();
    trained(&out, &with("0.002"), &watched).unwrap();
    assert!(watched.notes.into_inner().unwrap()[0].starts_with("`svd` goes on from epoch "));
    assert!(notes(&out.join("models/svd")) > before && !out.join(FOLDER).exists());
    // What a kill leaves of a state that is removed, of this training and of whichever.
    let watched = Watched { until: Some(state(&out, "svd")), ..Watched::default() };
    assert!(matches!(trained(&out, &with("0.003"), &watched), Err(RunError::Interrupted)));
    fs::remove_file(state(&out, "svd")).unwrap();
    fs::remove_file(out.join(FOLDER).join("svd").join(MANIFEST)).unwrap();
    trained(&out, &with("0.002"), &Watched::default()).unwrap();
    assert!(!out.join(FOLDER).exists());
}

#[test]
fn a_state_that_cannot_be_written_stops_no_training() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut svd = experiment(&[]);
    svd.approaches.truncate(1);
    let watched = Watched { plants: Some(out.join(FOLDER)), ..Watched::default() };
    trained(&out, &svd, &watched).unwrap();
    let notes = watched.notes.into_inner().unwrap();
    assert!(
        notes.iter().all(|note| note.starts_with("`svd` goes on, but its checkpoint cannot be written: `")),
        "{notes:?}"
    );
    assert!(notes.len() == 1 && fs::read_to_string(out.join(FOLDER)).unwrap() == "mine");
}

#[test]
fn states_of_all_trainings_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    stopped(&out, "svd", &experiment(&[]));
    fs::create_dir(out.join(FOLDER).join(".neural.partial")).unwrap();
    assert_eq!(remove_all(&out, &Quiet).unwrap(), ["checkpoints/neural", "checkpoints/svd"]);
    assert!(!out.join(FOLDER).exists());
    assert!(remove_all(&out, &Quiet).unwrap().is_empty());
    fs::create_dir(out.join(FOLDER)).unwrap();
    fs::write(out.join(FOLDER).join("notes"), "mine").unwrap();
    assert!(remove_all(&out, &Quiet).unwrap_err().to_string().contains("notes` is in the way"));
}

#[test]
fn durations_are_a_number_and_a_unit() {
    let every = |text: &str| {
        let parsed = options::parse::<CheckpointConfig>("[checkpoint]", &json!({ "every": text }));
        parsed.map(|config| String::from(config.every.unwrap())).map_err(|error| error.to_string())
    };
    for (text, expected) in
        [("30s", "30s"), (" 5 min ", "5min"), ("90s", "90s"), ("1.5h", "90min"), ("120min", "2h"), ("20ms", "20ms")]
    {
        assert_eq!(every(text).unwrap(), expected);
    }
    for text in ["", "5", "min", "5 minutes", "-5s", "0s", "nan s", "inf h", "1e300h", "5m", "5 min 3 s"] {
        let error = every(text).unwrap_err();
        let hint = "it is no number above 0 with the unit `ms`, `s`, `min` or `h`\nhint: write `30s`, `5min` or `1h`";
        assert!(error.starts_with("[checkpoint] `every`: `") && error.ends_with(hint), "{text}: {error}");
    }
    let said = [0, 1, 59, 60, 7_199, 7_200, 200_000].map(|seconds| ago(Duration::from_secs(seconds)));
    let expected = ["0 seconds", "1 second", "59 seconds", "1 minute", "1 hour", "2 hours", "2 days"];
    assert_eq!(said, expected.map(|words| format!("{words} ago")));
}
