//! Prepares raw events that lie in an object store, a server of S3 by moto, in the process and on a cluster.
//!
//! Does not know how the packages are made: they are pinned in `tests/store/requirements.txt`.
//!
//! **Invariant**: what comes of events in a store is what comes of the same files on a disk, but for the digest of what
//! was read.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

#[expect(dead_code, reason = "it has helpers for all test binaries")]
mod common;
#[expect(dead_code, reason = "it has helpers for all test binaries")]
mod processes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::root;
use processes::{Cluster, Process, free_port, wait_for};
use reco_core::testing::{self, succeeds};
use reco_data::table::{Column, Table};
use serde_json::Value;

const PUT: &str = "
import boto3, pathlib, sys
store = boto3.client('s3', endpoint_url=sys.argv[1])
store.create_bucket(Bucket='shop')
for path in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    store.upload_file(str(path), 'shop', f'lake/events/{path.name}')
";

fn environment(port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "one".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "two".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
    ]
}

/// Writes events into two files of the folder `at`.
fn events(at: &Path) {
    fs::create_dir(at).unwrap();
    for (n, rows) in [(0, 0..900_i64), (1, 900..2_500)] {
        let column = |factor: i64, n: i64| rows.clone().map(|row| Some(row * factor % n)).collect::<Vec<_>>();
        let mut table = Table::new();
        table.push("who", Column::I64(column(7_919, 83))).unwrap();
        table.push("what", Column::I64(column(104_729, 61))).unwrap();
        table.push("source_row", Column::I64(rows.clone().map(Some).collect())).unwrap();
        table.write(&at.join(format!("{n}.parquet"))).unwrap();
    }
}

/// Prepares the events at `path` in a fresh folder of `folder`: what was said, and the folder.
fn prepare(path: &str, folder: &Path, name: &str, store: u16, more: &[&str]) -> (Option<i32>, String, PathBuf) {
    let (toml, out) = (folder.join(format!("{name}.toml")), folder.join(name));
    let text = format!(
        "[data]\nname = \"shop\"\npath = \"{path}\"\nsource = \"table\"\ncolumns = {{ user = \"who\", item = \"what\" }}\n\
         [split]\nkind = \"per-user-random\"\n"
    );
    fs::write(&toml, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reco-cluster"));
    command.arg("prepare").arg(toml).arg("--out").arg(&out).args(more).envs(environment(store));
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap(), out)
}

/// The files of a folder of features, but for what they say of the digest of the events.
fn features(out: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(out.join("features")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, Vec<u8>)> = files
        .filter(|path| !path.ends_with("manifest.json"))
        .map(|path| {
            let mut bytes = fs::read(&path).unwrap();
            if path.ends_with("dataset.json") {
                let mut dataset: Value = serde_json::from_slice(&bytes).unwrap();
                let digest = dataset["dataset"]["sha256"].take();
                assert_eq!(digest.as_str().map(str::len), Some(64));
                bytes = dataset.to_string().into_bytes();
            }
            (path.file_name().unwrap().to_str().unwrap().to_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn events_in_an_object_store_are_prepared_as_on_a_disk() {
    let requirements = root().join("crates/reco-cluster/tests/store/requirements.txt");
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python").join("store");
    let Some(python) = testing::python("events in a server of S3 from PyPI", &requirements, &packages) else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    events(&at.join("events"));
    let (port, log) = (free_port(), at.join("store.log"));
    let mut server = Command::new(packages.join("bin/moto_server"));
    let _server = Process::spawn(server.args(["-H", "127.0.0.1", "-p", &port.to_string()]), &log);
    wait_for(port, "the store", &log);
    let mut put = Command::new(&python);
    put.args(["-c", PUT, &format!("http://127.0.0.1:{port}")]).arg(at.join("events")).envs(environment(port));
    succeeds(&mut put);

    let (code, said, on_disk) = prepare(at.join("events").to_str().unwrap(), at, "disk", port, &[]);
    assert_eq!(code, Some(0), "{said}");
    let expected = features(&on_disk);
    let cluster = Cluster::start(at, 1, &environment(port));
    let address = cluster.address();
    for (name, path, more) in [
        ("store", "s3://shop/lake/events", vec![]),
        ("cluster", "s3://shop/lake/events/", vec!["--cluster", address.as_str()]),
    ] {
        let (code, said, out) = prepare(path, at, name, port, &more);
        assert_eq!(code, Some(0), "{said}");
        assert!(features(&out) == expected, "{name}");
        assert!(out.join("tables/ratings.parquet").is_file(), "{name}");
    }
    // One object, and none.
    let (code, said, _) = prepare("s3://shop/lake/events/1.parquet", at, "one", port, &[]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said, out) = prepare("s3://shop/nowhere", at, "none", port, &[]);
    assert_eq!((code, out.exists()), (Some(1), false), "{said}");
    assert!(
        said.contains("cannot list `s3://shop/nowhere`: ") && said.contains("\nhint: `AWS_ACCESS_KEY_ID`"),
        "{said}"
    );
}
