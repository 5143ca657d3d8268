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
    let ingested = reco_in(folder, &["ingest", experiment, "--out", "out"], None);
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
    match read(folder.path(), experiment) {
        Err(why) => Some(why),
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
