//! Feeds libFuzzer's bytes to one reader of foreign files, the one that `RECO_FUZZ_TARGET` names.
//!
//! Does not know how bytes are mutated, nor what a reader should answer: an answer and an error are equally good.
//!
//! **Invariant**: what ends the process is a panic that left the reader, a hang or too much memory; a panic that the
//! reader caught at its own border is its business.

#![no_main]

mod seeds;
mod target;

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use crate::target::{TARGETS, Target};

/// The target, and a folder for the files it reads.
struct Session {
    target: &'static Target,
    folder: PathBuf,
}

/// Reads the environment, once. Writes the target's seeds where `RECO_FUZZ_SEEDS` names a folder.
fn session() -> &'static Session {
    static SESSION: OnceLock<Session> = OnceLock::new();
    SESSION.get_or_init(|| {
        let name = std::env::var("RECO_FUZZ_TARGET").unwrap_or_default();
        let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("error: `RECO_FUZZ_TARGET` is `{name}`\nhint: known are `{}`", known.join("`, `"));
            std::process::exit(2);
        };
        let folder = std::env::temp_dir().join(format!("reco-fuzz-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder of temporary files can be written");
        // libFuzzer's hook would abort on a panic that a reader catches.
        let _ = std::panic::take_hook();
        if let Some(seeds) = std::env::var_os("RECO_FUZZ_SEEDS") {
            seeds::write(target.name, &PathBuf::from(seeds), &folder).expect("seeds can be written");
        }
        Session { target, folder }
    })
}

fuzz_target!(init: { session(); }, |data: &[u8]| {
    let session = session();
    (session.target.read)(data, &session.folder);
});
