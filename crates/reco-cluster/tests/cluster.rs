//! Runs plans on a scheduler and two executors of Apache Ballista, in processes of their own, and ends some of them.
//!
//! Does not know SQL. `RECO_CLUSTER_RATINGS` says how many ratings are generated, where the default is what CI has time
//! for.
//!
//! **Invariant**: ports are chosen free, and every process that a test starts ends with it; what a cluster prepares has
//! the bytes of what one process prepares.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

#[expect(dead_code, reason = "it has helpers for all test binaries")]
mod common;
mod processes;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use common::{assert_equal, data, expected, experiment, splits, tables};
use processes::{Cluster, Process};
use reco_cluster::{Address, DataFusion, Experiment, Job};
use reco_data::synth::{SynthConfig, synth};
use reco_data::table::{Column, Table};
use reco_features::SPLITS;

/// Prepares `text` on `cluster`, in a folder that has the tables, and compares.
fn on(cluster: &Cluster, text: &str, folder: &Path) {
    let experiment = experiment(folder, text);
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("out");
    fs::create_dir(&out).unwrap();
    if folder.join("tables").exists() {
        std::os::unix::fs::symlink(folder.join("tables"), out.join("tables")).unwrap();
    }
    prepare(cluster, &experiment, &out).unwrap_or_else(|error| panic!("{text}: {error}"));
    let expected = expected(&experiment, &out.join("tables"), fresh.path()).unwrap();
    assert_equal(&expected, &out.join("features"), text);
}

fn prepare(cluster: &Cluster, experiment: &Experiment, out: &Path) -> Result<(), String> {
    let address: Address = cluster.address().parse().unwrap();
    let work = out.join("work");
    fs::create_dir(&work).unwrap();
    let mut engine = DataFusion::on_cluster(&address, 3).map_err(|error| error.to_string())?;
    let job = Job::new(experiment.clone(), out).unwrap();
    job.prepare(&mut engine, &work, &mut |_| {}).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_cluster_prepares_every_split_alike() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), 2, &[]);
    let filters = "[features]\nmin_rating = 2.5\nmin_ratings_per_user = 5\nmin_ratings_per_item = 4\n\
                   [features.scaling]\nkind = \"item-min-max\"\nto = [0, 1]\nfit = \"train\"\n";
    let data = data("fixture", folder.path()).unwrap();
    tables(&experiment(folder.path(), &data), folder.path());
    // Each once: what its options change is the same SQL with other numbers.
    for (n, split) in splits().iter().take(SPLITS.len() - 1).enumerate() {
        // Without filters no rounds are run.
        on(&cluster, &format!("{data}{}{split}", if n % 4 == 0 { "" } else { filters }), folder.path());
    }
}

#[test]
fn a_cluster_begins_with_raw_events_in_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), 2, &[]);
    let events = folder.path().join("events");
    fs::create_dir(&events).unwrap();
    for (n, rows) in [(0, 0..700_i64), (1, 700..2_000)] {
        let column = |factor: i64, n: i64| rows.clone().map(|row| Some(row * factor % n)).collect::<Vec<_>>();
        let mut table = Table::new();
        table.push("who", Column::I64(column(7_919, 83))).unwrap();
        table.push("what", Column::I64(column(104_729, 61))).unwrap();
        table.push("moment", Column::I64(column(31, 977))).unwrap();
        table.push("source_row", Column::I64(rows.clone().map(Some).collect())).unwrap();
        table.write(&events.join(format!("{n}.parquet"))).unwrap();
    }
    let text = format!(
        "[data]\npath = \"{}\"\nsource = \"table\"\n[data.columns]\nuser = \"who\"\nitem = \"what\"\ntimestamp = \"moment\"\n\
         [split]\nkind = \"temporal\"\n",
        events.display()
    );
    on(&cluster, &text, folder.path());
}

/// `reco-cluster prepare`, whose lines are read as they come.
struct Prepare {
    process: Process,
    lines: BufReader<ChildStderr>,
    said: String,
}

impl Prepare {
    fn start(toml: &Path, out: &Path, cluster: Option<&Cluster>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reco-cluster"));
        command.arg("prepare").arg(toml).arg("--out").arg(out);
        match cluster {
            Some(cluster) => command.args(["--cluster", &cluster.address(), "--tasks", "4"]),
            None => command.args(["--memory", "512MiB"]),
        };
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { process: Process::of(child), lines, said: String::new() }
    }

    /// Reads until a line begins with `start`.
    fn until(&mut self, start: &str) {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended before `{start}`:\n{}", self.said);
            self.said += &line;
        }
    }

    /// Reads to the end: the exit code, and all that was said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            self.said += &line;
            line.clear();
        }
        (self.process.end(), self.said)
    }
}

/// Generates ratings in `folder`, and makes their tables: the experiment's file, and the folder that one process makes
/// of them.
fn generated(folder: &Path) -> (PathBuf, PathBuf) {
    let n_ratings = std::env::var("RECO_CLUSTER_RATINGS").map_or(300_000, |n| n.parse().unwrap());
    synth(&SynthConfig::sized(n_ratings), &folder.join("raw")).unwrap();
    let text = format!(
        "[data]\npath = \"{}\"\n[features]\nmin_ratings_per_user = 5\nmin_ratings_per_item = 5\n[split]\nkind = \"random\"\n",
        folder.join("raw").display()
    );
    let experiment = experiment(folder, &text);
    tables(&experiment, folder);
    let expected = expected(&experiment, &folder.join("tables"), folder).unwrap();
    (experiment.path, expected)
}

/// A fresh folder of a run with the tables of `folder`.
fn fresh_run(folder: &Path, name: &str) -> PathBuf {
    let out = folder.join(name);
    fs::create_dir(&out).unwrap();
    std::os::unix::fs::symlink(folder.join("tables"), out.join("tables")).unwrap();
    out
}

/// What of a run is to be seen: names of folders and files.
fn published(out: &Path) -> Vec<String> {
    let names = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != ".reco-cluster").collect();
    names.sort();
    names
}

/// Asserts that `prepare` ends well, or fails with nothing half-published and the same command goes on.
fn ends_well(prepare: Prepare, cluster: &Cluster, toml: &Path, out: &Path) {
    let (code, said) = prepare.end();
    if code != Some(0) {
        assert_eq!((code, published(out)), (Some(1), vec!["tables".to_owned()]), "{said}");
        assert!(said.contains("\nwhat was finished is kept in `") && said.contains("\nhint: "), "{said}");
        let (code, said) = Prepare::start(toml, out, Some(cluster)).end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("finished before"), "{said}");
    }
}

#[test]
fn executors_and_schedulers_may_die() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (toml, expected) = generated(at);
    let mut cluster = Cluster::start(at, 2, &[]);

    // An executor dies.
    let out = fresh_run(at, "executor");
    let mut prepare = Prepare::start(&toml, &out, Some(&cluster));
    prepare.until("kept_items ");
    cluster.executors[0].kill();
    ends_well(prepare, &cluster, &toml, &out);
    assert_equal(&expected, &out.join("features"), "an executor died");
    assert_eq!(published(&out), ["features", "tables"]);
    assert!(!out.join(".reco-cluster").exists());

    // The last executor dies, and another comes.
    let out = fresh_run(at, "last");
    let mut prepare = Prepare::start(&toml, &out, Some(&cluster));
    prepare.until("kept_items ");
    cluster.executors[1].kill();
    cluster.add_executor();
    ends_well(prepare, &cluster, &toml, &out);
    assert_equal(&expected, &out.join("features"), "the last executor died");

    // The scheduler dies: the run fails, and goes on with another scheduler.
    let out = fresh_run(at, "scheduler");
    let mut prepare = Prepare::start(&toml, &out, Some(&cluster));
    prepare.until("kept_items ");
    cluster.scheduler.kill();
    let (code, said) = prepare.end();
    assert_eq!((code, published(&out)), (Some(1), vec!["tables".to_owned()]), "{said}");
    assert!(said.contains("error: the engine failed in step `") && said.contains("\nhint: "), "{said}");
    drop(cluster);
    let cluster = Cluster::start(at, 1, &[]);
    let (code, said) = Prepare::start(&toml, &out, Some(&cluster)).end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("finished before"), "{said}");
    assert_equal(&expected, &out.join("features"), "the scheduler died");
}

#[test]
fn an_interruption_ends_within_two_seconds_and_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (toml, expected) = generated(at);
    let cluster = Cluster::start(at, 1, &[]);
    for (name, on, signal) in [("process", None, "-INT"), ("cluster", Some(&cluster), "-TERM")] {
        let out = fresh_run(at, name);
        let mut prepare = Prepare::start(&toml, &out, on);
        prepare.until("kept_items ");
        let begun = Instant::now();
        prepare.process.signal(signal);
        let (code, said) = prepare.end();
        let took = begun.elapsed();
        assert_eq!((code, published(&out)), (Some(130), vec!["tables".to_owned()]), "{name}: {said}");
        assert!(took < Duration::from_secs(2), "{name}: {took:?}");
        let (code, said) = Prepare::start(&toml, &out, on).end();
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.contains("finished before"), "{name}: {said}");
        assert_equal(&expected, &out.join("features"), name);
        assert_eq!(published(&out), ["features", "tables"], "{name}");
    }
}
