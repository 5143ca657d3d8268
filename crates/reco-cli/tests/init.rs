//! Tests `reco init`: from a stranger's table to an experiment that reads what is meant.
//!
//! Does not know how anything is guessed.
//!
//! **Invariant**: every row that is read is compared with what is meant by it; a refusal leaves no file.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;
#[path = "init/corpus.rs"]
mod corpus;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{Done, command, files};
use corpus::{Meant, Stranger, refused, strangers};
use reco_data::Tables;

/// Runs the program in `folder`, with `input` on its stdin.
fn reco_in(folder: &Path, arguments: &[&str], input: Option<&[u8]>) -> Done {
    let mut command = command(arguments.iter().copied());
    command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // The program may have refused before it read all.
        let _ = stdin.write_all(input);
    }
    let done = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: done.status.code(), stdout: text(done.stdout), stderr: text(done.stderr) }
}

/// A folder with the stranger's file, and the file's name in it.
fn folder_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = PathBuf::from(name).file_name().unwrap().to_str().unwrap().to_owned();
    fs::write(folder.path().join(&file), bytes).unwrap();
    (folder, file)
}

/// What an experiment reads.
fn read(folder: &Path, experiment: &str) -> Result<Vec<Meant>, String> {
    read_by(folder, &["ingest", experiment, "--out", "out"])
}

/// What a command reads that ingests into `out`.
fn read_by(folder: &Path, words: &[&str]) -> Result<Vec<Meant>, String> {
    let ingested = reco_in(folder, words, None);
    if ingested.code != Some(0) {
        return Err(ingested.stderr);
    }
    let ratings = Tables::read(&folder.join("out/tables")).unwrap().ratings;
    let row = |n: usize| {
        (ratings.user_id[n].to_string(), ratings.item_id[n].to_string(), ratings.rating[n], ratings.timestamp[n])
    };
    Ok((0..ratings.len()).map(row).collect())
}

/// What goes wrong with a stranger's file, if anything does.
fn wrong(stranger: &Stranger) -> Option<String> {
    let (folder, file) = folder_with(stranger.name, &stranger.bytes);
    let made = reco_in(folder.path(), &["init", &file, "--yes"], None);
    if made.code != Some(0) {
        return Some(made.stderr);
    }
    let experiment = made.stderr.lines().find_map(|line| line.strip_prefix("written: ")).unwrap();
    // A whole run, by the cheapest approach, so that contexts and attributes are tried as well.
    match read_by(folder.path(), &["run", experiment, "--approach", "popularity", "--out", "out"]) {
        Err(why) => Some(format!("{why}{}", made.stdout)),
        Ok(read) if read != stranger.meant => {
            let at = read.iter().zip(&stranger.meant).find(|(read, meant)| read != meant);
            Some(format!("{} rows, not {}; first {at:?}\n{}", read.len(), stranger.meant.len(), made.stdout))
        }
        Ok(_) => None,
    }
}

#[test]
fn strangers_tables_need_no_hand() {
    let all = strangers();
    let failed: Vec<String> = all.iter().filter_map(|one| Some(format!("=== {}\n{}", one.name, wrong(one)?))).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), all.len(), failed.join("\n"));
    assert!(all.len() >= 20);
}

#[test]
fn files_that_other_programs_wrote_need_no_hand_either() {
    /// What pandas, polars, DuckDB and others were given: item, stars, time.
    const ROWS: [(&str, f32, i64); 4] = [
        ("10", 4.5, 1_706_725_815),
        ("20", 3.0, 1_685_577_605),
        ("10", 0.5, 1_672_531_199),
        ("30", 5.0, 1_706_725_800),
    ];
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reco-data/tests/strangers");
    let written = files(&made).into_iter().filter(|file| file.extension().is_none_or(|ending| ending != "py"));
    let mut n_files = 0;
    for file in written {
        let (folder, name) = folder_with(file.to_str().unwrap(), &fs::read(made.join(&file)).unwrap());
        reco_in(folder.path(), &["init", &name, "--yes", "--out-file", "own.toml"], None).ok();
        let rows = read(folder.path(), "own.toml").unwrap_or_else(|why| panic!("{name}: {why}"));
        // One of them has days alone.
        let time = |time: i64| if name == "polars_brotli.parquet" { time.div_euclid(86_400) * 86_400 } else { time };
        let meant = ROWS.map(|(item, stars, at)| (item.to_owned(), Some(stars), Some(time(at))));
        let read: Vec<_> = rows.into_iter().map(|(_, item, stars, time)| (item, stars, time)).collect();
        assert_eq!(read, meant, "{name}");
        n_files += 1;
    }
    assert!(n_files >= 17, "{n_files}");
}

#[test]
fn what_is_no_table_of_ratings_is_refused_in_words() {
    for (name, bytes, part) in refused() {
        let (folder, file) = folder_with(name, &bytes);
        reco_in(folder.path(), &["init", &file, "--yes"], None).fails(1, &[part, "hint: "]);
        assert_eq!(files(folder.path()), [Path::new(&file)], "{name}");
    }
    let (folder, _) = folder_with("a.csv", b"");
    let refused = |arguments: &[&str], parts: &[&str]| reco_in(folder.path(), arguments, None).fails(1, parts);
    refused(&["init", "nowhere.csv"], &["there is no file `nowhere.csv`", "hint: "]);
    refused(&["init", "."], &["`.` is a folder", "hint: name the file in it"]);
}

/// A table with a name for each column that matters, and a context.
fn plain() -> Vec<u8> {
    strangers().into_iter().find(|one| one.name.starts_with("mysql")).unwrap().bytes
}

#[test]
fn a_table_comes_through_a_pipe_and_is_kept_beside_the_experiment() {
    let goodreads = strangers().into_iter().find(|one| one.name.starts_with("goodreads")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let asks = reco_in(folder.path(), &["init", "-"], Some(&goodreads.bytes));
    assert_eq!(asks.code, Some(1), "{}", asks.stderr);
    assert!(
        asks.stderr.contains("nothing was written") && asks.stderr.contains("hint: add `--yes`"),
        "{}",
        asks.stderr
    );
    assert!(asks.stdout.starts_with("`-` is read as JSON lines, packed by gzip"), "{}", asks.stdout);
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
    let words = ["init", "-", "--yes", "--out-file", "books.toml"];
    reco_in(folder.path(), &words, Some(&goodreads.bytes)).ok();
    assert_eq!(files(folder.path()), [Path::new("books.jsonl.gz"), Path::new("books.toml")]);
    assert_eq!(fs::read(folder.path().join("books.jsonl.gz")).unwrap(), goodreads.bytes);
    assert_eq!(read(folder.path(), "books.toml").unwrap(), goodreads.meant);
    // Neither is replaced unless that is said, and the table not even then.
    let again = reco_in(folder.path(), &words, Some(&goodreads.bytes));
    again.fails(1, &["`books.toml` is there already\nhint: `--overwrite`"]);
    let words = ["init", "-", "--yes", "--out-file", "books.toml", "--overwrite"];
    let again = reco_in(folder.path(), &words, Some(b"user,item\n1,2\n2,3\n"));
    assert_eq!(again.code, Some(0), "another ending: {}", again.stderr);
    let again = reco_in(folder.path(), &words, Some(b"user,item\n1,2\n2,4\n"));
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("cannot write `books.csv`: something is there already"), "{}", again.stderr);
    assert_eq!(fs::read(folder.path().join("books.csv")).unwrap(), b"user,item\n1,2\n2,3\n");
    let empty = tempfile::tempdir().unwrap();
    reco_in(empty.path(), &["init", "-", "--yes"], Some(b"")).fails(1, &["`-` has no rows"]);
    reco_in(empty.path(), &["init", "-", "--yes"], Some(b"PK\x03\x04rest"))
        .fails(1, &["`-` can't be read: it is a workbook"]);
    assert!(files(empty.path()).is_empty());
}

#[test]
fn nothing_is_written_without_a_yes_nor_over_anything() {
    let (folder, file) = folder_with("own.tsv", &plain());
    let left = || files(folder.path());
    let asks = reco_in(folder.path(), &["init", &file], None);
    assert_eq!((asks.code, left().len()), (Some(1), 1), "{}", asks.stderr);
    assert!(asks.stderr.contains("hint: add `--yes`"), "{}", asks.stderr);
    let json = reco_in(folder.path(), &["init", &file, "--json"], None).ok().json();
    assert_eq!((&json["file"], &json["guess"]["data"]["columns"]["user"]), (&().into(), &"account_id".into()));
    assert_eq!(json["guess"]["data"]["columns"]["context"][0], "device");
    assert_eq!(left().len(), 1, "JSON asks nobody, and is no yes");
    let refused = |more: &[&str], part: &str| {
        reco_in(folder.path(), &[&["init", &file, "--yes"], more].concat(), None).fails(1, &[part, "hint: "]);
    };
    refused(&["--out-file", "own.tsv", "--overwrite"], "`own.tsv` is the table itself");
    refused(&["--out-file", "other.csv"], "`other.csv` is called as a table is");
    refused(&["--out-file", "no/where.toml"], "there is no folder `no`");
    fs::write(folder.path().join("own.toml"), "mine").unwrap();
    refused(&[], "`own.toml` is there already");
    assert_eq!(fs::read(folder.path().join("own.toml")).unwrap(), b"mine");
    let words = ["init", &file, "--yes", "--overwrite"];
    reco_in(folder.path(), &words, None).ok();
    let first = fs::read(folder.path().join("own.toml")).unwrap();
    reco_in(folder.path(), &words, None).ok();
    assert_eq!(fs::read(folder.path().join("own.toml")).unwrap(), first, "the same file twice");
    assert_eq!(fs::read(folder.path().join("own.tsv")).unwrap(), plain());
}

#[test]
fn what_is_stated_goes_before_what_is_guessed() {
    let (folder, file) = folder_with("own.csv", b"a,b,c,d\n1,x,4,9\n2,y,5,8\n3,x,1,7\n1,y,2,6\n2,x,3,5\n");
    let words = ["init", &file, "--yes", "--user", "b", "--item", "a", "--rating", "c", "--json"];
    let json = reco_in(folder.path(), &words, None).ok().json();
    let columns = &json["guess"]["data"]["columns"];
    assert_eq!([&columns["user"], &columns["item"], &columns["rating"]], ["b", "a", "c"], "{columns}");
    assert_eq!(read(folder.path(), "own.toml").unwrap()[0], ("x".to_owned(), "1".to_owned(), Some(4.0), None));
    let missing = reco_in(folder.path(), &["init", &file, "--user", "who", "--time", "when", "--overwrite"], None);
    missing.fails(1, &["`own.csv` has no column `who`, nor `when`\nhint: it has `a`, `b`, `c`, `d`"]);
    let (folder, file) = folder_with("rated.csv", b"user,item,rating\n1,x,4\n2,y,5\n3,x,1\n");
    let events = reco_in(folder.path(), &["init", &file, "--yes", "--rating", ""], None).ok();
    assert!(events.stdout.contains("every row is an event"), "{}", events.stdout);
    assert_eq!(read(folder.path(), "rated.toml").unwrap()[0].2, None);
}

#[test]
fn what_was_decided_by_a_rule_of_thumb_is_said_and_stated() {
    // Read by days and months these are months apart; read by months and days, days.
    let dates: String = (1..=10).map(|n| format!("u{},i{},{},3/{n}/2024\n", n % 4, n % 3, 1 + n % 5)).collect();
    let (folder, file) = folder_with("visits.csv", format!("user,item,stars,date\n{dates}").as_bytes());
    let made = reco_in(folder.path(), &["init", &file, "--yes"], None).ok();
    assert!(made.stdout.contains("note: dates in `date` have the day first or the month"), "{}", made.stdout);
    let text = fs::read_to_string(folder.path().join("visits.toml")).unwrap();
    assert!(text.contains("\ntime_format = \"month-day-year\"\n") && text.contains("\n# - dates in `date`"), "{text}");
    assert_eq!(read(folder.path(), "visits.toml").unwrap()[0].3, Some(1_709_251_200));
    let retail = strangers().into_iter().find(|one| one.name.starts_with("retailrocket")).unwrap();
    let (folder, file) = folder_with(retail.name, &retail.bytes);
    let made = reco_in(folder.path(), &["init", &file, "--yes"], None).ok();
    let kinds = "note: `event` says what happened: `addtocart`, `transaction`, `view`; all of them count alike";
    assert!(made.stdout.contains(kinds), "{}", made.stdout);
    // What stands apart is counted as it is read.
    let rows: String = (0..12).map(|n| format!("u{}\ti{}\t{},5\n", n % 4, n % 3, [-1, 3, 4][n / 2 % 3])).collect();
    let (folder, file) = folder_with("commas.tsv", format!("user\titem\trating\n{rows}").as_bytes());
    let made = reco_in(folder.path(), &["init", &file, "--yes"], None).ok();
    assert!(made.stdout.contains("note: `rating` is -1.5 in 4 of 12 rows"), "{}", made.stdout);
    // Years are no times; they are left out with a word, and the rest is read.
    let (folder, file) = folder_with("years.csv", b"user,item,stars,date\n1,a,4,2019\n2,b,5,2020\n1,b,3,2020\n");
    let made = reco_in(folder.path(), &["init", &file, "--yes"], None).ok();
    assert!(made.stdout.contains("rows have no times"), "{}", made.stdout);
    assert_eq!(read(folder.path(), "years.toml").unwrap().len(), 3);
}

#[test]
fn only_the_beginning_of_a_large_file_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..200_000).map(|n| format!("{},{},{}\n", n % 997, n % 1_009, 1 + n % 5)).collect();
    let path = folder.path().join("large.csv");
    fs::write(&path, format!("user,item,rating\n{rows}")).unwrap();
    // Two gigabytes of nothing behind it: whoever read them all would take seconds, and refuse them.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(2 << 30).unwrap();
    let began = std::time::Instant::now();
    let json = reco_in(folder.path(), &["init", "large.csv", "--json"], None).ok().json();
    assert_eq!((&json["guess"]["is_whole"], &json["guess"]["n_rows"]), (&false.into(), &10_000.into()));
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn from_a_table_to_a_comparison_in_one_command() {
    let (folder, file) = folder_with("own.tsv", &plain());
    let ran = reco_in(folder.path(), &["init", &file, "--yes", "--run"], None).ok();
    assert!(
        ran.stdout.contains("popularity") && ran.stderr.contains("report: data/own/report/report.html"),
        "{}",
        ran.stderr
    );
    let runs = reco_in(folder.path(), &["runs", "--json"], None).ok().json();
    assert_eq!((&runs[0]["folder"], &runs[0]["experiment"]), (&"data/own".into(), &"own".into()));
}

#[test]
#[cfg(unix)]
fn a_pipe_that_never_ends_can_be_interrupted_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(["init", "-", "--yes"]);
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"user,item\n1,2\n").unwrap();
    while files(folder.path()).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let asked = std::time::Instant::now();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && said.contains("interrupted; nothing was written"), "{said}");
    assert!(asked.elapsed().as_secs() < 3, "{:?}", asked.elapsed());
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
    drop(stdin);
}

#[test]
fn a_pipe_is_not_waited_for_where_its_table_could_not_be_kept() {
    let (folder, _) = folder_with("mine.csv", b"mine");
    let mut command = command(["init", "-", "--yes"]);
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may have refused before it read all.
    let _ = stdin.write_all(format!("user,item\n{}", "1,2\n".repeat(40_000)).as_bytes());
    let began = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(began.elapsed().as_secs() < 10, "it waits for the end");
    drop(stdin);
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("cannot write `mine.csv`: something is there already"), "{said}");
    assert_eq!(files(folder.path()), [Path::new("mine.csv")]);
}

/// Runs the program at a terminal of its own, where `answer` is typed; `None` where there is no `script`.
#[cfg(target_os = "linux")]
fn at_a_terminal(folder: &Path, words: &str, answer: &str) -> Option<String> {
    let line = format!("'{}' {words}", env!("CARGO_BIN_EXE_reco"));
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = script.spawn() else {
        reco_core::testing::left_out("the yes of `reco init` at a terminal: `script` of util-linux is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    Some(String::from_utf8(done.stdout).unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn at_a_terminal_one_yes_is_asked_for() {
    let (folder, file) = folder_with("own.tsv", &plain());
    let Some(said) = at_a_terminal(folder.path(), &format!("init {file}"), "n\n") else { return };
    assert!(said.contains("write `own.toml`? [y/N]") && said.contains("nothing was written"), "{said}");
    assert_eq!(files(folder.path()).len(), 1);
    let said = at_a_terminal(folder.path(), &format!("init {file}"), "y\n").unwrap();
    assert!(
        said.contains("written: own.toml") && said.contains("to run it: reco run own.toml --out data/own"),
        "{said}"
    );
    assert_eq!(read(folder.path(), "own.toml").unwrap().len(), 60);
}
