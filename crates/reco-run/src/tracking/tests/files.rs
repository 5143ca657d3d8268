//! Tests that event files have what TensorBoard reads, in folders of their own.
//!
//! Does not know TensorBoard: the step `tracking` of CI has it read such files.
//!
//! **Invariant**: files are taken apart by their lengths alone.

use std::fs;

use super::*;

/// The records of the one event file in `folder`.
fn records(folder: &Path) -> Vec<Vec<u8>> {
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("events.out.tfevents.1") || name.starts_with("events.out.tfevents.2"), "{name}");
    let bytes = fs::read(&files[0]).unwrap();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        records.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length + 4..];
    }
    records
}

fn has(record: &[u8], part: &[u8]) -> bool {
    record.windows(part.len()).any(|window| window == part)
}

fn tool(folder: &Path, experiment: &str) -> TensorBoard {
    let tool = TensorBoard::new(folder, experiment);
    tool.make().unwrap();
    tool
}

/// The folder of a run, by its id.
fn folder_of(id: &str) -> &str {
    id.rsplit_once('/').unwrap().0
}

#[test]
fn a_file_has_the_version_the_parameters_and_every_number_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tool(&folder.path().join("runs"), "mine / yours");
    let mut run = tool.open(&subject("split.fold=3/neural"), None).unwrap();
    let at = folder.path().join("runs/mine---yours/split.fold=3/neural");
    assert_eq!(records(&at).len(), 2);
    run.numbers(5, &[("test/ndcg@10".to_owned(), 0.5), ("b".to_owned(), 2.0)]);
    let found = records(&at);
    assert!(found[0].ends_with(b"\x1a\x0dbrain.Event:2"));
    // A parameter: its name, and a value that is a number.
    assert!(has(&found[1], &[&b"\x0a\x06epochs\x12\x09\x11"[..], &3_f64.to_le_bytes()].concat()), "{:?}", found[1]);
    assert!(has(&found[1], b"\x0a\x08approach\x12\x08\x1a\x06neural"), "{:?}", found[1]);
    // A scalar: step, then a summary of tags and numbers.
    let scalars = [&b"\x10\x05\x2a\x1f\x0a\x13\x0a\x0ctest/ndcg@10\x15"[..], &0.5_f32.to_le_bytes()].concat();
    assert!(has(&found[2], &scalars), "{:?}", found[2]);
    assert!(found[2].ends_with(&[&b"\x0a\x08\x0a\x01b\x15"[..], &2_f32.to_le_bytes()].concat()), "{:?}", found[2]);
    let id = run.end(End::Finished, None, &Silent).unwrap();
    assert_eq!(folder_of(&id), "mine---yours/split.fold=3/neural");
    assert!(folder.path().join("runs").join(id).is_file());
    assert_eq!(records(&at).len(), 4);
}

#[test]
fn each_training_has_a_folder_and_an_evaluation_goes_on_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let [tool, other] = ["runs", "other"].map(|name| tool(&folder.path().join(name), "x"));
    let id = |known: Option<&str>| tool.open(&subject("ease"), known).unwrap().end(End::Failed, None, &Silent).unwrap();
    let [first, second, third] = [id(None), id(None), id(None)];
    assert_eq!([&*first, &second, &third].map(folder_of), ["x/ease", "x/ease-2", "x/ease-3"]);
    assert_eq!(id(Some(&second)), second);
    assert_eq!(fs::read_dir(folder.path().join("runs/x/ease-2")).unwrap().count(), 2);
    // What is gone, lies elsewhere or is of another training in another folder is not gone on with.
    let theirs = other.open(&subject("ease"), None).unwrap();
    fs::write(folder.path().join("outside"), "").unwrap();
    fs::remove_file(folder.path().join("runs").join(&first)).unwrap();
    let absolute = folder.path().join("outside").display().to_string();
    for (known, expected) in [(&*first, "x/ease-4"), ("x/../../outside", "x/ease-5"), (&absolute, "x/ease-6")] {
        assert_eq!(folder_of(&id(Some(known))), expected, "{known}");
    }
    let moved = theirs.end(End::Finished, None, &Silent).unwrap();
    fs::rename(folder.path().join("other").join(&moved), folder.path().join("elsewhere")).unwrap();
    assert_eq!(
        folder_of(&other.open(&subject("ease"), Some(&moved)).unwrap().end(End::Failed, None, &Silent).unwrap()),
        "x/ease-2"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_at_first_and_a_problem_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let error = TensorBoard::new(&file, "x").make().err().unwrap().to_string();
    assert!(error.starts_with("`tracking.tensorboard` is `") && error.contains("\nhint: name a folder"), "{error}");

    let runs = folder.path().join("runs");
    let tool = tool(&runs, "x");
    fs::remove_dir_all(&runs).unwrap();
    fs::write(&runs, "in the way").unwrap();
    assert!(tool.open(&subject("ease"), None).is_none());
    let problem = tool.problems().unsaid().join(" and ");
    assert!(problem.contains("cannot be written") && problem.contains("goes on without"), "{problem}");
    assert!(tool.open(&subject("ease"), None).is_none());
    assert!(tool.problems().unsaid().is_empty(), "it is said once");
}
