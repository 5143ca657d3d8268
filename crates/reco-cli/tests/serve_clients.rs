//! Tests `reco serve` by other people's programs: Gorse's client, a client of the Model Context Protocol, a tester of
//! HTTP interfaces, and curl with the examples of docs/serving.md.
//!
//! Does not know how they are written: their packages are pinned in `clients/requirements.txt`.
//!
//! **Invariant**: packages are installed only where `RECO_NETWORK_TESTS` allows it, into a folder under `target`.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::served::{Served, text};
use common::{command, people, reco, root};
use reco_core::testing::{self, left_out, succeeds};

/// A Python with the packages; `None`, and that is said, where it cannot be had.
fn python() -> Option<PathBuf> {
    let requirements = root().join("crates/reco-cli/tests/clients/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python").join("clients");
    testing::python("clients from PyPI", &requirements, &folder)
}

fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(root().join("crates/reco-cli/tests/clients").join(name));
    command
}

/// A service of [`people`] that takes events into `folder` from whoever has the key.
fn with_key(folder: &Path, key: &str) -> Served {
    let (out, events) = (text(people().parent().unwrap()), text(&folder.join("events.redb")));
    let mut command =
        command(["serve", "--addr", "127.0.0.1:0", "--device", "cpu", "--out", &out, "--events", &events]);
    command.env("RECO_API_KEY", key);
    Served::of(command)
}

#[test]
fn gorse_s_client_finds_what_it_knows() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let served = with_key(folder.path(), "s3cret");
    let address = format!("http://{}", served.address);
    succeeds(script(&python, "gorse_client.py").args([&address, "s3cret", "1", "3", "Drama"]));
}

#[test]
fn an_assistant_s_client_calls_every_tool() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let served = with_key(folder.path(), "s3cret");
    let address = format!("http://{}", served.address);
    succeeds(script(&python, "mcp_client.py").args([&address, "1", "3"]));
}

#[test]
fn the_openapi_document_is_what_is_served() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let served = with_key(folder.path(), "s3cret");
    let document = format!("http://{}/openapi.json", served.address);
    let mut tester = Command::new(python.with_file_name("schemathesis"));
    // Its own files go with the folder.
    tester.current_dir(folder.path()).args(["run", &document, "--header", "x-api-key: s3cret", "--seed", "12"]);
    tester.args(["--max-examples", "100", "--phases", "examples,coverage,fuzzing", "--no-color", "--workers", "2"]);
    tester.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]);
    succeeds(&mut tester);
}

/// The lines of the `sh` blocks of a page that begin with `program`, continued lines joined.
fn examples(page: &str, program: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let lines = blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
    lines.filter(|line| line.starts_with(program)).collect()
}

#[test]
fn the_examples_of_the_documentation_are_answered() {
    if Command::new("curl").arg("--version").output().is_err() {
        left_out("examples of docs/serving.md: curl is not installed");
        return;
    }
    if !root().join("data/raw/ml-100k/ml-100k.inter").is_file() {
        left_out("examples of docs/serving.md: MovieLens 100K is not fetched: `reco fetch ml-100k`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = text(&folder.path().join("out"));
    let approaches = "--approach=popularity,profile,item-knn,ease,hybrid";
    reco(["run", "--out", &out, approaches, "--set=approach.hybrid.epochs=1"]).ok();
    let page = fs::read_to_string(root().join("docs/serving.md")).unwrap();
    let events = text(&folder.path().join("events.redb"));
    let run = |name: &str| format!("{name}={out}");
    let served = Served::start(&["--run", &run("old"), "--run", &run("new"), "--events", &events]);
    let examples = examples(&page, "curl ");
    assert!(examples.len() > 7, "{examples:?}");
    for example in examples {
        let asked = example.replacen("curl ", "curl --silent --show-error --fail-with-body ", 1);
        let asked = asked.replace("127.0.0.1:8080", &served.address);
        assert!(asked.contains(&served.address), "{example}");
        let answer = succeeds(Command::new("sh").args(["-c", &asked]));
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        assert!(answer.is_object(), "{example}: {answer}");
    }
}
