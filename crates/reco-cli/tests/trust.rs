//! Tests that nothing of the user's is lost, whatever the program is told to write and wherever.
//!
//! **Invariant**: what was there before a refusal is there afterwards, byte for byte.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use common::{command, files, finished, reco};
use reco_core::testing::left_out;

/// A run of the fixture without networks.
fn run(out: &Path, more: &[&str]) -> common::Done {
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "popularity", "--json", "--out"];
    reco(fixed.iter().copied().chain([out.to_str().unwrap()]).chain(more.iter().copied()))
}

/// Every file under `folder` with its bytes, except the lock.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files(folder).into_iter().filter(|file| !file.ends_with(".reco.lock"));
    files.map(|file| (file.clone(), fs::read(folder.join(file)).unwrap())).collect()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_file_of_the_users_is_never_replaced_and_named_before_any_work() {
    for path in [
        "report/thesis.txt",
        "tables/mine.csv",
        "features/.notes",
        "models/popularity/weights/x",
        "evaluation/a/b",
        ".tables.partial/x",
        "models/.popularity.old/x",
        "models/answers.json",
        "checkpoints/popularity/x",
    ] {
        let out = tempfile::tempdir().unwrap();
        write(&out.path().join(path), "years of work");
        let before = contents(out.path());
        run(out.path(), &[]).fails(1, &["error: ", "` is in the way: ", "hint: name another folder with `--out`"]);
        assert_eq!(contents(out.path()), before, "{path}");
    }
    let out = tempfile::tempdir().unwrap();
    write(&out.path().join("report/thesis.txt"), "years of work");
    run(out.path(), &[]).fails(1, &["report/thesis.txt` is in the way: reco did not write it"]);
}

#[test]
fn what_is_added_to_a_finished_run_makes_the_next_one_refuse() {
    let out = tempfile::tempdir().unwrap();
    run(out.path(), &[]).ok();
    let added = out.path().join("report/figures/my own.svg");
    write(&added, "drawn by hand");
    let before = contents(out.path());
    for more in [&[][..], &["--force"], &["--set=seed=3"]] {
        run(out.path(), more).fails(1, &["report/figures/my own.svg` is in the way"]);
        assert_eq!(contents(out.path()), before, "{more:?}");
    }
    fs::rename(added, out.path().join("my own.svg")).unwrap();
    run(out.path(), &["--force"]).ok();
}

#[test]
fn a_changed_file_is_made_anew_and_kept() {
    let out = tempfile::tempdir().unwrap();
    run(out.path(), &[]).ok();
    let report = out.path().join("report/report.md");
    let made = fs::read(&report).unwrap();
    fs::write(&report, "with my remarks").unwrap();
    let done = run(out.path(), &[]).ok();
    assert!(done.stderr.contains("report.md` was changed since it was written: it is kept as `"), "{}", done.stderr);
    assert_eq!(fs::read(out.path().join("set-aside/report/report.md")).unwrap(), b"with my remarks");
    assert_eq!(fs::read(&report).unwrap().len(), made.len());
}

#[test]
fn an_input_where_tables_are_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ratings = folder.path().join("data/tables/ratings.csv");
    write(&ratings, "user,item,rating\n1,1,4\n1,2,3\n2,1,5\n2,2,1\n");
    let experiment = "[data]\nsource = \"table\"\npath = \"data/tables/ratings.csv\"\n\
                      columns = { user = \"user\", item = \"item\", rating = \"rating\" }\n\
                      [[approach]]\nname = \"popularity\"\n";
    write(&folder.path().join("mine.toml"), experiment);
    let before = contents(folder.path());
    let run = || {
        let output = command(["run", "mine.toml"]).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = run();
    assert!(code == Some(1) && error.contains("`data/tables/ratings.csv` is in the way: it is to be read"), "{error}");
    assert_eq!(contents(folder.path()), before);

    // Tables of an earlier run, in which every file is its own.
    let out = folder.path().join("out");
    self::run(&out, &[]).ok();
    let before = contents(&out);
    let path = format!("data.path={}", out.join("tables/ratings.parquet").display());
    let columns = "data.columns={ user = \"user_id\", item = \"item_id\", rating = \"rating\" }";
    let more = ["--set=data.source=table", "--set", &path, "--set", columns];
    self::run(&out, &more).fails(1, &["tables/ratings.parquet` is in the way: it is to be read, and lies in `"]);
    assert_eq!(contents(&out), before);
}

#[test]
fn a_file_where_a_folder_belongs_is_named() {
    for path in ["tables", "models", "report", ""] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let file = out.join(path);
        let file = if path.is_empty() { out.clone() } else { file };
        write(&file, "mine");
        let said = format!("`{}` is in the way: it is a file, and a folder belongs there", file.display());
        run(&out, &[]).fails(1, &[&said, "hint: name another folder with `--out`"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }
}

#[test]
fn two_runs_in_one_folder_are_kept_apart_and_readers_are_not() {
    let out = tempfile::tempdir().unwrap();
    run(out.path(), &[]).ok();
    let at = out.path().to_str().unwrap();
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "popularity,neural", "--out", at];
    let long = ["--set=approach.neural.epochs=100000", "--set=approach.neural.patience=100000"];
    let mut running = command(fixed.iter().chain(&long)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let partial = out.path().join("models/.neural.partial");
    while !partial.exists() {
        assert!(running.try_wait().unwrap().is_none(), "it ended before it trained");
        std::thread::sleep(Duration::from_millis(10));
    }
    let by = format!("`{at}` is in use by `reco run data/experiments/fixture.toml");
    let process = format!("process {} on ", running.id());
    run(out.path(), &[]).fails(1, &[&by, &process, ", since 20", " UTC\nhint: wait until that is done"]);
    reco(["ingest", "data/experiments/fixture.toml", "--out", at]).fails(1, &[&by]);

    let models = out.path().join("models");
    reco(["recommend", "--user", "1", "--approach", "popularity", "--models", models.to_str().unwrap()]).ok();
    reco(["show", out.path().join("tables/items.parquet").to_str().unwrap()]).ok();
    reco(["check", "data/experiments/fixture.toml", "--out", at]).ok();

    running.kill().unwrap();
    running.wait().unwrap();
    // A killed run holds no lock, and what it left is cleared away.
    run(out.path(), &[]).ok();
    assert!(partial.exists(), "no folder of this run");
    run(out.path(), &["--approach", "popularity,neural", "--set=approach.neural.epochs=1"]).ok();
    assert!(!partial.exists());
    assert_eq!(fs::read(out.path().join(".reco.lock")).unwrap(), b"");
}

#[test]
fn a_repetition_s_folder_is_locked_as_the_whole_run_s_is() {
    let out = tempfile::tempdir().unwrap();
    let at = out.path().to_str().unwrap();
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "neural", "--out", at];
    let long = ["--set=approach.neural.epochs=100000", "--set=approach.neural.patience=100000"];
    let repeat = ["--set=repeat.over=seed", "--set=repeat.values=[1, 2]"];
    let mut command = command(fixed.iter().chain(&long).chain(&repeat));
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let partial = out.path().join("seed=1/models/.neural.partial");
    while !partial.exists() {
        assert!(running.try_wait().unwrap().is_none(), "it ended before it trained");
        std::thread::sleep(Duration::from_millis(10));
    }
    for label in ["seed=1", "seed=2"] {
        let by = format!("{label}` is in use by `reco run data/experiments/fixture.toml");
        run(&out.path().join(label), &[]).fails(1, &[&by, "hint: wait until that is done"]);
    }
    assert!(partial.exists());
    running.kill().unwrap();
    running.wait().unwrap();
    run(&out.path().join("seed=1"), &[]).ok();
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_a_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join(OsStr::from_bytes(b"o\xff"));
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "popularity", "--out"].map(OsStr::new);
    reco(fixed.into_iter().chain([out.as_os_str()])).ok();
    assert!(fs::read_to_string(out.join("report/report.html")).unwrap().contains("o\u{fffd}"));
    let scores = folder.path().join("scores.csv");
    fs::write(&scores, "user,item,score\n1,1,1\n").unwrap();
    let fixed = ["evaluate", "data/experiments/fixture.toml", "--scores"].map(OsStr::new);
    reco(fixed.into_iter().chain([scores.as_os_str(), OsStr::new("--out"), out.as_os_str()])).ok();
}

/// `reco recommend --all --out FILE` of a finished run.
fn recommend(file: &str) -> std::process::Command {
    let models = finished().join("models");
    let models = models.to_str().unwrap();
    command(["recommend", "--all", "--approach", "popularity", "--top", "2", "--models", models, "--out", file])
}

/// Asserts that `text` is the header and rows of recommendations.
fn is_csv(text: &[u8]) {
    let text = std::str::from_utf8(text).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("user_id,item_id,rank,score,name,genres"));
    assert!(lines.clone().count() > 10 && lines.all(|line| line.split(',').count() >= 6), "{text}");
}

#[test]
fn an_ending_says_the_format_and_no_other_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, is) in [("all.csv", &b"user_id"[..]), ("all.parquet", b"PAR1")] {
        assert!(recommend(&at(name)).status().unwrap().success());
        assert!(fs::read(at(name)).unwrap().starts_with(is), "{name}");
    }
    is_csv(&fs::read(at("all.csv")).unwrap());
    for name in ["all.xlsx", "all", "nowhere/all.csv", "."] {
        let output = recommend(&at(name)).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && error.contains("\nhint: "), "{error}");
    }
    assert_eq!(files(folder.path()), ["all.csv", "all.parquet"].map(PathBuf::from));
}

#[cfg(unix)]
#[test]
fn links_pipes_and_devices_are_written_into_as_they_are() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let kind = |name: &str| fs::symlink_metadata(at(name)).unwrap().file_type();

    fs::create_dir(at("elsewhere")).unwrap();
    fs::write(at("elsewhere/all.csv"), "old").unwrap();
    symlink("elsewhere/all.csv", at("link.csv")).unwrap();
    assert!(recommend(&at("link.csv")).status().unwrap().success());
    assert!(kind("link.csv").is_symlink());
    is_csv(&fs::read(at("elsewhere/all.csv")).unwrap());

    assert!(Command::new("mkfifo").arg(at("pipe.csv")).status().unwrap().success());
    let reader = Command::new("cat").arg(at("pipe.csv")).stdout(Stdio::piped()).spawn().unwrap();
    assert!(recommend(&at("pipe.csv")).status().unwrap().success());
    is_csv(&reader.wait_with_output().unwrap().stdout);
    assert!(kind("pipe.csv").is_fifo());

    let output = recommend("/dev/stdout").output().unwrap();
    is_csv(&output.stdout);
    // As a shell's `>>` opens it.
    fs::write(at("log"), "user_id,item_id,rank,score,name,genres\n").unwrap();
    let log = fs::OpenOptions::new().append(true).open(at("log")).unwrap();
    assert!(recommend("/dev/stdout").stdout(log).status().unwrap().success());
    let log = fs::read_to_string(at("log")).unwrap();
    is_csv(log.strip_prefix("user_id,item_id,rank,score,name,genres\n").unwrap().as_bytes());

    // A device of its own, so that a failure does not harm the machine's.
    let is_made = Command::new("mknod").args([&at("null"), "c", "1", "3"]).stderr(Stdio::null()).status();
    if is_made.is_ok_and(|status| status.success()) && fs::write(at("null"), "x").is_ok() {
        for arguments in [
            vec!["describe", "neural", "--svg", "FILE", "--models", "MODELS"],
            vec!["compare", "RUN", "--against", "popularity", "--html", "FILE"],
            vec!["recommend", "--all", "--approach", "popularity", "--out", "FILE", "--models", "MODELS"],
        ] {
            let (models, run) = (finished().join("models").display().to_string(), finished().display().to_string());
            let filled = arguments.iter().map(|&argument| match argument {
                "FILE" => at("null"),
                "MODELS" => models.clone(),
                "RUN" => run.clone(),
                other => other.to_owned(),
            });
            reco(filled).ok();
            assert!(kind("null").is_char_device(), "{arguments:?}");
        }
    } else {
        left_out("writing into a device: this user may not make one");
    }
}
