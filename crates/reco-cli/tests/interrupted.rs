//! Tests that the program stops within a second of being asked, in every stage and whether or not its output is read.
//!
//! Does not know what a stage does.
//!
//! **Invariant**: times are by the clock, with room for a machine that does other things.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{command, reco};

/// A second, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(3);

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// Its exit status, soon after it was asked to stop.
fn ended(child: &mut Child, what: &str) -> ExitStatus {
    let asked = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if asked.elapsed() > SOON {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what}: it goes on {SOON:?} after it was asked to stop");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until `is` holds.
fn wait_for(child: &mut Child, what: &str, is: impl Fn() -> bool) {
    while !is() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before there was {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A full pipe that nobody reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let (mut filling, count) = (writer.try_clone().unwrap(), Arc::clone(&written));
    // The thread waits in its last write until the reader is dropped.
    thread::spawn(move || {
        while filling.write_all(&[b'x'; 4096]).is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut before = 0;
    loop {
        thread::sleep(Duration::from_millis(200));
        match written.load(Ordering::SeqCst) {
            now if now > 0 && now == before => return (reader, writer),
            now => before = now,
        }
    }
}

#[test]
fn a_program_whose_words_nobody_reads_ends_all_the_same() {
    for signals in [&["INT"][..], &["TERM"], &["INT", "INT"]] {
        let out = tempfile::tempdir().unwrap();
        let (reader, writer) = full_pipe();
        let fixed = ["run", "data/experiments/fixture.toml", "--approach", "popularity", "--out"];
        let mut command = command(fixed.iter().map(Path::new).chain([out.path()]));
        let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        wait_for(&mut child, "a lock", || out.path().join(".reco.lock").exists());
        for name in signals {
            signal(&child, name);
            thread::sleep(Duration::from_millis(50));
        }
        let status = ended(&mut child, &signals.join(", "));
        assert_eq!(status.code(), Some(130), "{signals:?}");
        drop(reader);
    }
}

#[test]
fn every_stage_of_a_run_stops_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let size = ["--users", "2000", "--items", "1500", "--ratings", "300000"];
    reco(["synth", "--out", &at("raw")].iter().chain(&size)).ok();
    let path = format!("data.path={}", at("raw"));
    let approaches = "popularity,item-knn,svd,neural,hybrid";
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", approaches, "--set", &path, "--out", &at("out")];
    // `hybrid` streams its rows, through more than one buffer.
    let short = [
        "--set=approach.neural.epochs=1",
        "--set=approach.hybrid.epochs=1",
        "--set=approach.hybrid.shuffle=row-groups",
        "--set=approach.hybrid.shuffle_buffer=70000",
        "--set=split.validation=0.01",
    ];
    let run = |more: &[&str]| command(fixed.iter().chain(&short).chain(more));
    assert!(run(&[]).stdout(Stdio::null()).status().unwrap().success());
    let (mut slowest, mut n_heard) = (Duration::ZERO, 0);
    for (stage, partial) in [
        ("ingest", ".tables.partial"),
        ("features", ".features.partial"),
        ("train", "models/.item-knn.partial"),
        ("train", "models/.svd.partial"),
        ("train", "models/.neural.partial"),
        ("train", "models/.hybrid.partial"),
        ("evaluate", ".evaluation.partial"),
        ("report", ".report.partial"),
    ] {
        for after in [0, 20, 120] {
            let mut command = run(&["--force", "--only", stage]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let at = folder.path().join("out").join(partial);
            wait_for(&mut child, partial, || at.exists());
            thread::sleep(Duration::from_millis(after));
            let asked = Instant::now();
            signal(&child, "INT");
            let status = ended(&mut child, partial);
            slowest = slowest.max(asked.elapsed());
            // The program may have finished just then.
            assert!([Some(0), Some(1), Some(130)].contains(&status.code()), "{partial}: {status}");
            n_heard += usize::from(!status.success());
        }
    }
    println!("the slowest of {n_heard} stops took {slowest:?}");
    assert!(n_heard > 10, "{n_heard} of 24");
}

#[test]
fn data_that_are_a_pipe_are_refused_by_name_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ratings.csv", "u.inter", "ratings"] {
        let pipe = folder.path().join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for source in ["auto", "table", "recbole", "movielens-csv", "movielens-100k", "article-workbook"] {
            let (path, source) = (format!("data.path={}", pipe.display()), format!("data.source={source}"));
            let out = folder.path().join("out").display().to_string();
            let fixed = ["ingest", "data/experiments/fixture.toml", "--set", &path, "--set", &source, "--out", &out];
            let mut child = command(fixed).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            assert_eq!(ended(&mut child, &format!("{name} as {source}")).code(), Some(1));
            let mut said = String::new();
            child.stderr.unwrap().read_to_string(&mut said).unwrap();
            assert!(said.contains(&pipe.display().to_string()), "{name} {source}: {said}");
        }
    }
}

#[test]
fn ratings_that_were_not_finished_are_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("ratings").display().to_string();
    let size = ["--users", "100000", "--items", "20000", "--ratings", "900000000"];
    let mut command = command(["synth", "--out", &out].iter().chain(&size));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let entries = || fs::read_dir(folder.path()).unwrap().filter_map(Result::ok).next();
    let is_begun = || entries().is_some_and(|begun| begun.path().join("ratings.csv").exists());
    wait_for(&mut child, "a file of ratings", is_begun);
    signal(&child, "INT");
    assert_eq!(ended(&mut child, "synth").code(), Some(1));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
