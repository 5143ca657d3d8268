//! Reads and verifies manifests, which say what a folder was made from and whether it is still as it was made.
//!
//! Does not know what a stage does, nor what its files mean.
//!
//! **Invariant**: a manifest lists every file of its folder except itself, with its SHA-256; it is written last, so
//! that a folder without one is not finished.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::place::MARKER;

/// A manifest's file name.
pub const MANIFEST: &str = "manifest.json";

/// What stands in the place of a digest for something that has none.
const NO_FILE: &str = "it is no file";

/// The version of this format. A folder of another version is made anew, and a model of another version is refused.
pub const SCHEMA_VERSION: u32 = 1;

/// Digests by file: relative to the folder, with `/` on every system.
pub type Digests = BTreeMap<String, String>;

/// How one folder of a run came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`]
    pub schema_version: u32,
    /// `ingest`, `features`, `train`, `evaluate`, `report`
    pub stage: String,
    /// Raised when the stage's work changes its meaning.
    pub stage_version: u32,
    /// The stage's own tables of the experiment, defaults filled in.
    pub experiment: Value,
    /// SHA-256 of each file it was made from.
    pub inputs: Digests,
    /// SHA-256 of each file in the folder.
    pub outputs: Digests,
    /// Versions of the software that did the work.
    pub versions: BTreeMap<String, String>,
    /// What it was computed on, in words; `None` where only the CPU could.
    pub device: Option<String>,
    /// The seed of all random choices.
    pub seed: u64,
    /// Wall time.
    pub seconds: f64,
    /// The largest memory the process held meanwhile, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// What the stage tells of its work: counts, times.
    pub notes: Value,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Nothing there.
    #[error("there is no `{path}`\nhint: {hint}")]
    Missing {
        /// The manifest.
        path: String,
        /// What makes it.
        hint: String,
    },
    /// Not a manifest of reco.
    #[error("`{path}` is no manifest of reco: {reason}\nhint: {hint}")]
    Foreign {
        /// The manifest.
        path: String,
        /// What is wrong.
        reason: String,
        /// What makes it anew.
        hint: String,
    },
    /// A manifest of an older or newer reco.
    #[error("`{path}` has schema version `{found}` and this reco reads `{SCHEMA_VERSION}`\nhint: {hint}")]
    Schema {
        /// The manifest.
        path: String,
        /// Its version.
        found: String,
        /// What makes it anew.
        hint: String,
    },
    /// A file that was changed or is missing.
    #[error("`{path}` is damaged: its SHA-256 is `{found}`, and `{expected}` was written\nhint: {hint}")]
    Damaged {
        /// The file.
        path: String,
        /// Its digest, or `missing`.
        found: String,
        /// The digest it had.
        expected: String,
        /// What makes it anew.
        hint: String,
    },
    /// A file that no stage wrote.
    #[error("`{path}` was not written with the rest of its folder\nhint: move it elsewhere, then {hint}")]
    Added {
        /// The file.
        path: String,
        /// What makes the folder anew.
        hint: String,
    },
    /// The system refuses to read.
    #[error("cannot read `{path}`: {reason}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system says.
        reason: String,
    },
}

impl Manifest {
    /// Reads the manifest of `folder`; `hint` says what makes the folder.
    ///
    /// # Errors
    /// No manifest, or none of this schema version.
    pub fn read(folder: &Path, hint: &str) -> Result<Self, ManifestError> {
        let path = folder.join(MANIFEST);
        let shown = path.display().to_string();
        let hint = hint.to_owned();
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(ManifestError::Foreign { path: shown, reason: NO_FILE.to_owned(), hint });
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::Missing { path: shown, hint });
            }
            Err(error) => return Err(ManifestError::Io { path: shown, reason: error.to_string() }),
        };
        let foreign = |reason: String| ManifestError::Foreign { path: shown.clone(), reason, hint: hint.clone() };
        let value: Value = serde_json::from_str(&text).map_err(|error| foreign(error.to_string()))?;
        match value.get("schema_version") {
            Some(version) if *version == SCHEMA_VERSION => {}
            Some(version) => return Err(ManifestError::Schema { path: shown, found: version.to_string(), hint }),
            None => return Err(foreign("it has no `schema_version`".to_owned())),
        }
        serde_json::from_value(value).map_err(|error| foreign(error.to_string()))
    }

    /// A digest of what was made and of what it was made from, without times, memory and the device's name.
    pub(crate) fn identity(&self) -> String {
        let parts = (&self.stage, self.stage_version, &self.experiment, &self.inputs, &self.outputs, self.seed);
        // These are digests, options and numbers: nothing that JSON lacks.
        hexadecimal(Sha256::digest(serde_json::to_vec(&parts).unwrap_or_default()))
    }

    /// Checks every file of `folder` against its digest.
    ///
    /// # Errors
    /// A file changed, missing or added.
    pub fn verify(&self, folder: &Path, hint: &str) -> Result<(), ManifestError> {
        self.verify_once(folder, hint, &Hashed::default())
    }

    /// As [`Manifest::verify`], where files that `hashed` knows are not hashed again.
    pub(crate) fn verify_once(&self, folder: &Path, hint: &str, hashed: &Hashed) -> Result<(), ManifestError> {
        let found = digests_by(folder, &|path| hashed.digest(path))?;
        for (name, expected) in &self.outputs {
            let digest = found.get(name);
            if digest != Some(expected) {
                return Err(ManifestError::Damaged {
                    path: folder.join(name).display().to_string(),
                    found: digest.cloned().unwrap_or_else(|| "missing".to_owned()),
                    expected: expected.clone(),
                    hint: hint.to_owned(),
                });
            }
        }
        match found.keys().find(|name| !self.outputs.contains_key(*name)) {
            Some(name) => {
                Err(ManifestError::Added { path: folder.join(name).display().to_string(), hint: hint.to_owned() })
            }
            None => Ok(()),
        }
    }
}

/// The SHA-256 of every file in `folder` and below it, except its manifest. A pipe, or a link to no file, is listed
/// without a digest.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn digests(folder: &Path) -> Result<Digests, ManifestError> {
    digests_by(folder, &digest)
}

/// As [`digests`]; `digest` gives that of one file.
fn digests_by(
    folder: &Path,
    digest: &dyn Fn(&Path) -> Result<String, ManifestError>,
) -> Result<Digests, ManifestError> {
    fn walk(
        folder: &Path,
        prefix: &str,
        digest: &dyn Fn(&Path) -> Result<String, ManifestError>,
        into: &mut Digests,
    ) -> Result<(), ManifestError> {
        let unreadable = |error: io::Error| io_error(folder, &error);
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(unreadable)?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), digest, into)?;
            } else if name != MANIFEST && name != MARKER {
                let is_file = fs::metadata(entry.path()).is_ok_and(|found| found.is_file());
                into.insert(name, if is_file { digest(&entry.path())? } else { NO_FILE.to_owned() });
            }
        }
        Ok(())
    }
    let mut found = Digests::new();
    walk(folder, "", digest, &mut found)?;
    Ok(found)
}

/// The beginning of a file that we write and people may edit.
const SEAL: &str = "{\n  \"seal\": \"";

/// `text`, a table of indented JSON, with a digest of itself in front, by which an edit is recognised.
pub(crate) fn sealed(text: &str) -> String {
    let rest = text.strip_prefix("{\n").unwrap_or(text);
    format!("{SEAL}{}\",\n{rest}", hexadecimal(Sha256::digest(rest)))
}

/// Whether somebody changed what [`sealed`] gave. A text without a seal, which an earlier version wrote, counts as
/// unchanged.
pub(crate) fn is_edited(text: &[u8]) -> bool {
    let is_whole = || {
        let (seal, rest) = text.strip_prefix(SEAL.as_bytes())?.split_at_checked(64)?;
        Some(hexadecimal(Sha256::digest(rest.strip_prefix(b"\",\n")?)).as_bytes() == seal)
    };
    let key = b"\"seal\"";
    text.windows(key.len()).any(|window| window == key) && is_whole() != Some(true)
}

/// The SHA-256 of one file, in hexadecimal.
///
/// # Errors
/// A file that cannot be read.
pub fn digest(path: &Path) -> Result<String, ManifestError> {
    reco_data::sha256(path, false).map_err(|error| io_error(path, &error))
}

/// The digests of the files that a stage has read, so that it hashes each of them once.
#[derive(Default)]
pub(crate) struct Hashed(Mutex<BTreeMap<PathBuf, (u64, SystemTime, String)>>);

impl Hashed {
    /// As [`digest`]; a file that is as long as it was, and was not written since, is not hashed again.
    pub(crate) fn digest(&self, path: &Path) -> Result<String, ManifestError> {
        // Asked before the file is read: a change meanwhile is a change since.
        let stamp = fs::metadata(path).and_then(|found| Ok((found.len(), found.modified()?)));
        let (length, written) = stamp.map_err(|error| io_error(path, &error))?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., digest)) = known.get(path).filter(|known| (known.0, known.1) == (length, written)) {
            return Ok(digest.clone());
        }
        let digest = digest(path)?;
        known.insert(path.to_owned(), (length, written, digest.clone()));
        Ok(digest)
    }

    /// Forgets all files, as the next stage does.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn io_error(path: &Path, error: &io::Error) -> ManifestError {
    ManifestError::Io { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(folder: &Path) -> Manifest {
        fs::create_dir(folder.join("weights")).unwrap();
        fs::write(folder.join("weights/a.bin"), "abc").unwrap();
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            stage: "train".to_owned(),
            stage_version: 1,
            experiment: json!({}),
            inputs: Digests::new(),
            outputs: digests(folder).unwrap(),
            versions: BTreeMap::new(),
            device: None,
            seed: 1,
            seconds: 0.5,
            peak_memory_bytes: None,
            notes: json!(null),
        };
        fs::write(folder.join(MANIFEST), serde_json::to_string(&manifest).unwrap()).unwrap();
        manifest
    }

    #[test]
    fn the_digest_is_that_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = written(folder.path());
        assert_eq!(
            manifest.outputs["weights/a.bin"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_changed_a_missing_and_an_added_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let manifest = written(at);
        assert_eq!(Manifest::read(at, "").unwrap(), manifest);
        manifest.verify(at, "").unwrap();
        fs::write(at.join("weights/b.bin"), "").unwrap();
        assert!(
            manifest.verify(at, "train again").unwrap_err().to_string().contains("move it elsewhere, then train again")
        );
        fs::remove_file(at.join("weights/b.bin")).unwrap();
        fs::write(at.join("weights/a.bin"), "abd").unwrap();
        let error = manifest.verify(at, "train again").unwrap_err().to_string();
        assert!(error.contains("a.bin` is damaged") && error.contains("`ba7816bf"), "{error}");
        fs::remove_file(at.join("weights/a.bin")).unwrap();
        assert!(manifest.verify(at, "").unwrap_err().to_string().contains("`missing`"));
    }

    #[test]
    fn a_file_is_hashed_again_only_if_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        let hashed = Hashed::default();
        let first = hashed.digest(&path).unwrap();
        assert_eq!(first, digest(&path).unwrap());
        // With the time of its last change put back, nobody sees that it was written: it is not read again.
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "abd").unwrap();
        let at = |time| fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        at(written);
        assert_eq!(hashed.digest(&path).unwrap(), first);
        at(written + std::time::Duration::from_secs(1));
        assert_eq!(hashed.digest(&path).unwrap(), digest(&path).unwrap());
        at(written);
        hashed.forget();
        assert_ne!(hashed.digest(&path).unwrap(), first);
    }

    #[test]
    fn an_edit_of_what_is_sealed_is_known() {
        let plain = serde_json::to_string_pretty(&json!({ "a": 0.1, "b": [] })).unwrap() + "\n";
        let sealed = sealed(&plain);
        assert_eq!(serde_json::from_str::<Value>(&sealed).unwrap()["b"], json!([]));
        assert!(!is_edited(sealed.as_bytes()) && !is_edited(plain.as_bytes()));
        for (from, to) in [("0.1", "0.2"), ("\n}", ",\n  \"mine\": 1\n}"), ("  ", "    "), ("{\n", "{")] {
            assert!(is_edited(sealed.replace(from, to).as_bytes()), "{to}");
        }
    }

    #[test]
    fn foreign_manifests_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |text: &str| {
            fs::write(folder.path().join(MANIFEST), text).unwrap();
            Manifest::read(folder.path(), "run `reco train`").unwrap_err().to_string()
        };
        assert!(refused("not json").contains("is no manifest of reco"));
        assert!(refused("{}").contains("no `schema_version`"));
        assert!(refused("{\"schema_version\": 99}").contains("schema version `99`"));
        assert!(refused("{\"schema_version\": 1}").contains("missing field"));
        fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        assert!(Manifest::read(folder.path(), "run `reco train`").unwrap_err().to_string().contains("hint: run"));
    }
}
