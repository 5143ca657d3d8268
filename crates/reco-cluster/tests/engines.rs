//! Runs plans on DuckDB and Sail by `engines/run.py`, and compares what comes of it with what one process prepares.
//!
//! Does not know how the packages are made: they are pinned in `tests/engines/requirements.txt`.
//!
//! **Invariant**: packages are installed only where `RECO_NETWORK_TESTS` allows it, into a folder under `target`.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

#[expect(dead_code, reason = "it has helpers for all test binaries")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use common::{assert_equal, data, expected, experiment, root, splits, tables};
use reco_cluster::Job;
use reco_core::testing::{self, succeeds};

/// A Python with the packages; `None`, and that is said, where it cannot be had.
fn python() -> Option<PathBuf> {
    let requirements = root().join("crates/reco-cluster/tests/engines/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python").join("engines");
    testing::python("plans on DuckDB and Sail from PyPI", &requirements, &folder)
}

/// Prepares `text` by the engine called `engine`, in a folder that has the tables or events already.
fn on(engine: &str, python: &Path, text: &str, folder: &Path) {
    let experiment = experiment(folder, text);
    let fresh = tempfile::tempdir().unwrap();
    let (out, work) = (fresh.path().join("out"), fresh.path().join("work"));
    fs::create_dir(&out).unwrap();
    fs::create_dir(&work).unwrap();
    if folder.join("tables").exists() {
        std::os::unix::fs::symlink(folder.join("tables"), out.join("tables")).unwrap();
    }
    let job = Job::new(experiment.clone(), &out).unwrap();
    let inputs = job.inputs(&work).unwrap();
    fs::write(work.join("plan.sql"), job.plan().unwrap().to_string()).unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("crates/reco-cluster/engines/run.py")).arg(engine).arg(&work);
    for name in ["ratings", "events"] {
        command.args(inputs.get(name).map(|path| format!("{name}={}", path.display())));
    }
    succeeds(&mut command);
    job.finish(&work, Instant::now(), &mut |_| {}).unwrap_or_else(|error| panic!("{engine}: {text}: {error}"));
    let expected = expected(&experiment, &out.join("tables"), fresh.path()).unwrap();
    assert_equal(&expected, &out.join("features"), &format!("{engine}: {text}"));
}

/// Every split on `engine`, of MovieLens 100K if it is there and of the fixture with all its rows, and raw events.
fn everything_on(engine: &str) {
    let Some(python) = python() else { return };
    let filters = "[features]\nmin_rating = 2.5\nmin_ratings_per_user = 5\nmin_ratings_per_item = 4\n\
                   [features.scaling]\nkind = \"item-min-max\"\nto = [0, 1]\nfit = \"train\"\n";
    for (name, filters) in [("ml-100k", filters), ("fixture", "")] {
        let folder = tempfile::tempdir().unwrap();
        let Some(data) = data(name, folder.path()) else { continue };
        tables(&experiment(folder.path(), &data), folder.path());
        for split in splits() {
            on(engine, &python, &format!("{data}{filters}{split}"), folder.path());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    events(&path);
    let text = format!(
        "[data]\npath = \"{}\"\nsource = \"table\"\nrating_scale = [1, 5]\nmax_reject_share = 0.5\n\
         [data.columns]\nuser = \"who\"\nitem = \"what\"\nrating = \"stars\"\ntimestamp = \"moment\"\n",
        path.display()
    );
    on(engine, &python, &text, folder.path());
}

/// Writes events of which some are bad, and some rate a pair again.
fn events(path: &Path) {
    use reco_data::table::{Column, Table};

    let chance = |at: u64, n: u64| (testing::chance(at) * n as f64) as i64;
    let column = |salt: u64, n: u64| (0..2_000).map(move |row: u64| Some(chance(row * 5 + salt, n)));
    let mut table = Table::new();
    table.push("who", Column::Text(column(0, 70).map(|who| who.map(|who| format!("u{who}"))).collect())).unwrap();
    table.push("what", Column::I64(column(1, 50).collect())).unwrap();
    table
        .push("stars", Column::F32(column(2, 6).map(|stars| stars.map(|stars| 1.0 + stars as f32)).collect()))
        .unwrap();
    table.push("moment", Column::I64(column(3, 40).map(|time| time.filter(|time| *time > 3)).collect())).unwrap();
    table.push("source_row", Column::I64((0..2_000).map(Some).collect())).unwrap();
    table.write(path).unwrap();
}

#[test]
fn duckdb_prepares_alike() {
    everything_on("duckdb");
}

#[test]
fn sail_prepares_alike() {
    everything_on("sail");
}
