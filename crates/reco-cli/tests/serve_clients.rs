//! Tests `reco serve` by other people's programs: Gorse's client, a client of the Model Context Protocol, and a tester
//! of HTTP interfaces. `cargo xtask docs --test` does so by curl, with the examples of docs/serving.md.
//!
//! Does not know how they are written: their packages are pinned in `clients/requirements.txt`.
//!
//! **Invariant**: packages are installed only where `RECO_NETWORK_TESTS` allows it, into a folder under `target`.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::served::{Served, text};
use common::{command, people, root};
use reco_core::testing::{self, succeeds};

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
