//! Makes data and experiments for the tests, and compares what an engine prepared with what one process prepares.
//!
//! Does not know which engine ran.
//!
//! **Invariant**: what is expected is made by reco-data and reco-features alone.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reco_cluster::{ClusterError, DataFusion, Experiment, Job};
use reco_core::testing::{chance, left_out};
use reco_data::synth::{SynthConfig, synth};
use reco_data::table::{Column, Table};
use reco_data::{SilentIngest, Tables, ingest};
use reco_features::{Info, prepare};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The experiment that `text` says, as a file in `folder`.
pub(crate) fn experiment(folder: &Path, text: &str) -> Experiment {
    let path = folder.join("mine.toml");
    fs::write(&path, text).unwrap();
    Experiment::read(&path).unwrap()
}

/// `[data]` of an experiment on the data set `name`: `fixture`, `ml-100k`, `synth`, or `contexts`, of which the last
/// two are generated in `folder`. `None`, and that is said, where it is not there.
pub(crate) fn data(name: &str, folder: &Path) -> Option<String> {
    let path = match name {
        "fixture" => root().join("data/fixture"),
        "ml-100k" => root().join("data/raw/ml-100k"),
        "synth" => {
            let path = folder.join("raw");
            let config = SynthConfig { n_users: 300, n_items: 200, seed: 7, ..SynthConfig::sized(12_000) };
            synth(&config, &path).unwrap();
            path
        }
        "contexts" => {
            let path = folder.join("visits.csv");
            fs::write(&path, visits()).unwrap();
            path
        }
        other => panic!("no data set is called {other}"),
    };
    if !path.exists() {
        left_out(&format!("the tables of {name}: it is not fetched: `reco fetch {name}`"));
        return None;
    }
    let mut text = format!("[data]\npath = \"{}\"\n", path.display());
    if name == "contexts" {
        text += "[data.columns]\nuser = \"person\"\nitem = \"place\"\nrating = \"stars\"\ntimestamp = \"moment\"\n\
                 context = [\"device\", \"degrees\"]\n";
    }
    Some(text)
}

/// Visits with ids that are texts, of which some lack a rating, a time, or a context.
fn visits() -> String {
    let mut text = "person;place;stars;moment;device;degrees\n".to_owned();
    let mut at = 0;
    let mut draw = |n: u64| {
        at += 1;
        (chance(at) * n as f64) as u64
    };
    for _ in 0..3_000 {
        let (person, place) = (draw(80), draw(60));
        let stars = if draw(10) == 0 { String::new() } else { (1 + draw(5)).to_string() };
        let moment = if draw(20) == 0 { String::new() } else { (1_500_000_000 + draw(90_000_000)).to_string() };
        let device = ["phone", "tv", "", "Ünïcode"][draw(4) as usize];
        let degrees = if draw(8) == 0 { String::new() } else { format!("{}.{}", draw(30), draw(10)) };
        text += &format!("p{person:03};pl {place};{stars};{moment};{device};{degrees}\n");
    }
    text
}

/// Makes `out/tables` as `reco ingest` does, with its manifest.
pub(crate) fn tables(experiment: &Experiment, out: &Path) {
    let folder = out.join("tables");
    fs::create_dir_all(&folder).unwrap();
    ingest(&experiment.data, out, &folder, &SilentIngest).unwrap();
    let mut outputs = BTreeMap::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let digest: String =
            Sha256::digest(fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        outputs.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), digest);
    }
    let manifest = json!({
        "schema_version": 1,
        "stage": "ingest",
        "stage_version": reco_data::STAGE_VERSION,
        "experiment": { "data": experiment.data },
        "outputs": outputs,
        "versions": { "reco": env!("CARGO_PKG_VERSION") },
    });
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}

/// What one process makes of `tables`, as the folder that it writes, or its error.
pub(crate) fn expected(experiment: &Experiment, tables: &Path, folder: &Path) -> Result<PathBuf, String> {
    let Experiment { features, split, seed, .. } = experiment;
    let tables = Tables::read(tables).unwrap();
    let dataset = prepare(&tables, features, split, *seed).map_err(|error| error.to_string())?;
    let path = folder.join("expected");
    dataset.write(&path).unwrap();
    Ok(path)
}

/// Lets DataFusion prepare `experiment` in `out`.
pub(crate) fn embedded(experiment: &Experiment, out: &Path) -> Result<Info, ClusterError> {
    let work = tempfile::tempdir().unwrap();
    let mut engine = DataFusion::in_process(1 << 30, &work.path().join("spill"))?;
    Job::new(experiment.clone(), out)?.prepare(&mut engine, work.path(), &mut |_| {})
}

/// Asserts that two folders have the same files with the same bytes, manifests aside.
pub(crate) fn assert_equal(expected: &Path, found: &Path, what: &str) {
    let names = |folder: &Path| {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "manifest.json").collect();
        names.sort();
        names
    };
    assert_eq!(names(expected), names(found), "{what}");
    for name in names(expected) {
        let [one, other] = [expected, found].map(|folder| folder.join(&name));
        if name.ends_with(".parquet") {
            // The rows first, since a difference of bytes says nothing.
            let [one, other] = [&one, &other].map(|path| Table::read(path).unwrap());
            for ((column, one), (_, other)) in one.columns().zip(other.columns()) {
                assert!(one == other, "{what}: {name}: {column}: {}", first_difference(one, other));
            }
            assert!(one == other, "{what}: {name} has other columns or metadata");
        }
        let [one, other] = [one, other].map(|path| fs::read(path).unwrap());
        let shown = |bytes: &[u8]| match name.ends_with(".json") {
            true => String::from_utf8_lossy(bytes).into_owned(),
            false => format!("{} bytes", bytes.len()),
        };
        assert!(one == other, "{what}: {name}: other bytes\n{}\n{}", shown(&one), shown(&other));
    }
}

fn first_difference(one: &Column, other: &Column) -> String {
    let rows = |column: &Column| format!("{column:?}").split(", ").map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (rows(one), rows(other));
    match one.iter().zip(&other).position(|(one, other)| one != other) {
        Some(at) => format!("row {at} is `{}`, and `{}` was expected", other[at], one[at]),
        None => format!("{} rows, and {} were expected", other.len(), one.len()),
    }
}

/// The splits that tests go through, as TOML, and names for messages: each that SQL states, with its options.
pub(crate) fn splits() -> Vec<String> {
    let plain = reco_features::SPLITS.iter().filter(|entry| entry.name != "file");
    let mut splits: Vec<String> = plain.map(|entry| format!("[split]\nkind = \"{}\"\n", entry.name)).collect();
    splits.extend(
        [
            "kind = \"per-user-random\"\nvalidation = 0.2\ntest = 0.3\nrefit = true\ndrop_untrained_items = true\nseed = 9",
            "kind = \"temporal\"\nvalidation = 0",
            "kind = \"leave-last-out\"\nvalidation = 0",
            "kind = \"k-fold\"\nfold = 1\nfolds = 3",
            "kind = \"held-out-users\"\ntest = 0.3\ndrop_untrained_items = true",
            "kind = \"held-out-users\"\ngiven = 3",
            "kind = \"held-out-users\"\ngiven = 0\ndrop_untrained_items = true",
            "kind = \"held-out-users\"\nfold_in = 0.25",
        ]
        .map(|keys| format!("[split]\n{keys}\n")),
    );
    splits
}
