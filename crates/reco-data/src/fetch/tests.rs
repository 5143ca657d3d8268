//! Tests that a fetch keeps its promises when mirrors, archives and earlier fetches are bad.
//!
//! Does not know the real mirrors, except in one test that needs the network. **Invariant**: everything else happens in
//! a temporary folder and on 127.0.0.1.

mod archives;
mod by_hand;
mod mirrors;
mod packages;
mod resuming;
mod server;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::dataset::{Mirror, Origin, Ratings};
use super::{Dataset, Fetch, FetchError, FetchProgress, Fetched, Pins, Settings, download, timeout_of};
use server::Server;

/// A folder of raw data and a dataset called `toy`, whose ratings are in `ratings.csv`.
struct World {
    raw: TempDir,
    dataset: Dataset,
    settings: Settings,
    progress: Recorder,
}

impl World {
    fn new(mirrors: Vec<Mirror>) -> Self {
        let dataset = Dataset { name: "toy", about: "", licence: "", citation: "", page: "", mirrors: mirrors.leak() };
        let timeout = timeout_of("1").unwrap();
        let settings = Settings { agent: download::agent(timeout), timeout, pip: &[], pins: Pins::default() };
        Self { raw: tempfile::tempdir().unwrap(), dataset, settings, progress: Recorder::default() }
    }

    fn of(servers: &[&Server]) -> Self {
        Self::new(servers.iter().map(|server| server.mirror()).collect())
    }

    /// With the sha256 of `file` pinned.
    fn pinning(mut self, file: &str, sha256: &str) -> Self {
        self.settings.pins = toml::from_str(&format!("[toy]\n\"{file}\" = \"{sha256}\"")).unwrap();
        self
    }

    fn fetch(&self) -> Result<Fetched, FetchError> {
        self.run(false)
    }

    fn run(&self, again: bool) -> Result<Fetched, FetchError> {
        let Self { raw, dataset, settings, progress } = self;
        Fetch { dataset, raw: raw.path(), settings, progress }.run(again)
    }

    /// The error's text, with the temporary folder called `RAW`.
    fn error(&self) -> String {
        self.fetch().unwrap_err().to_string().replace(&self.raw.path().display().to_string(), "RAW")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.raw.path().join(path)
    }

    fn part(&self) -> PathBuf {
        self.path(".toy.fetch/toy.zip.part")
    }

    /// What lies in the folder of raw data, hidden or not.
    fn names(&self) -> Vec<String> {
        names(self.raw.path())
    }
}

/// Records all progress, and stops the fetch once enough bytes have come.
#[derive(Default)]
struct Recorder {
    messages: Mutex<Vec<String>>,
    begun: Mutex<Vec<Option<u64>>>,
    bytes: AtomicU64,
    stop_after: Option<u64>,
}

impl Recorder {
    fn said(&self, part: &str) -> bool {
        self.messages.lock().unwrap().iter().any(|message| message.contains(part))
    }
}

impl FetchProgress for Recorder {
    fn begin(&self, total: Option<u64>) {
        self.begun.lock().unwrap().push(total);
    }

    fn advance(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    fn message(&self, message: &str) {
        self.messages.lock().unwrap().push(message.to_owned());
    }

    fn interrupted(&self) -> bool {
        self.stop_after.is_some_and(|after| self.bytes.load(Ordering::SeqCst) >= after)
    }
}

const CSV: &str = "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n";

/// A zip file like GroupLens': everything in one top folder. Long enough to come in several pieces.
fn toy_zip() -> Vec<u8> {
    let mut state = 1_u32;
    let long: Vec<u8> = (0..400_000)
        .map(|_| {
            // xorshift: bytes that do not compress.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect();
    zip_of(&[("toy/ratings.csv", CSV.as_bytes()), ("toy/sub/README.txt", b"read me"), ("toy/tags.csv", &long)])
}

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn mirror_of(archive: &'static str, origin: Origin) -> Mirror {
    Mirror { archive, origin, folder: None, ratings: Ratings { file: "ratings.csv", header: false }, note: None }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn hexadecimal<D: sha2::Digest>(bytes: &[u8]) -> String {
    D::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
