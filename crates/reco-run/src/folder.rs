//! Makes a stage's folder only when something changed, and whole or not at all.
//!
//! Does not know what is written into it, nor what may be replaced.
//!
//! **Invariant**: under its own name a folder is always complete, with its manifest, which names every file in it;
//! half-written ones have a hidden name, and are removed when the work fails or the next one starts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::manifest::{Digests, Hashed, MANIFEST, Manifest, SCHEMA_VERSION, digests, sealed};
use crate::place::Place;
use crate::{RunError, memory};

/// One folder that a stage makes, and all that its content depends on.
pub(crate) struct Folder {
    /// The stage.
    pub(crate) stage: &'static str,
    /// The stage's version.
    pub(crate) version: u32,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// The stage's part of the experiment.
    pub(crate) part: Value,
    /// What it is made from.
    pub(crate) inputs: Digests,
    /// What makes it.
    pub(crate) versions: BTreeMap<String, String>,
    /// The seed of all random choices.
    pub(crate) seed: u64,
}

/// What a stage reports after its work.
#[derive(Default)]
pub(crate) struct Made {
    /// What it was computed on.
    pub(crate) device: Option<String>,
    /// Counts, times.
    pub(crate) notes: Value,
}

impl Folder {
    /// Why the folder has to be made, in words; `None` while it is what would be made.
    pub(crate) fn why(&self, hashed: &Hashed) -> Option<String> {
        if !self.path.exists() {
            return Some("not made yet".to_owned());
        }
        let manifest = match Manifest::read(&self.path, "") {
            Ok(manifest) => manifest,
            Err(error) => return Some(first_line(&error)),
        };
        if let Some(why) = self.differs(&manifest) {
            return Some(why);
        }
        manifest.verify_once(&self.path, "", hashed).err().map(|error| first_line(&error))
    }

    /// How the folder that `manifest` describes differs from what would be made, its files aside.
    pub(crate) fn differs(&self, manifest: &Manifest) -> Option<String> {
        if manifest.stage != self.stage {
            return Some(format!("it was made by `{}`", manifest.stage));
        }
        if manifest.stage_version != self.version || manifest.versions != self.versions {
            return Some("it was made by another version".to_owned());
        }
        if manifest.seed != self.seed {
            return Some(format!("`seed` was `{}` and is `{}`", manifest.seed, self.seed));
        }
        if let Some((key, was, is)) = difference("", &manifest.experiment, &self.part) {
            // Nobody sees the difference between two long lists side by side.
            let long = was.len() + is.len() > 100;
            return Some(if long { format!("`{key}` changed") } else { format!("`{key}` was `{was}` and is `{is}`") });
        }
        let names = self.inputs.keys().chain(manifest.inputs.keys());
        names.into_iter().find(|name| self.inputs.get(*name) != manifest.inputs.get(*name)).map(|name| {
            match (manifest.inputs.contains_key(name), self.inputs.contains_key(name)) {
                (false, _) => format!("`{name}` is new"),
                (_, false) => format!("`{name}` is gone"),
                _ => format!("`{name}` changed"),
            }
        })
    }

    /// Makes the folder at its place: `make` fills an empty one, which then takes the place of the old one.
    pub(crate) fn make(
        &self,
        place: &Place<'_>,
        make: impl FnOnce(&Path) -> Result<Made, RunError>,
    ) -> Result<Manifest, RunError> {
        memory::reset_peak();
        self.fill(place, make)
    }

    /// The same amid other work, whose largest memory goes on to be counted.
    pub(crate) fn fill(
        &self,
        place: &Place<'_>,
        make: impl FnOnce(&Path) -> Result<Made, RunError>,
    ) -> Result<Manifest, RunError> {
        let started = Instant::now();
        let partial = place.begin()?;
        let made = make(&partial.path)?;
        remove_empty(&partial.path)?;
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            stage: self.stage.to_owned(),
            stage_version: self.version,
            experiment: self.part.clone(),
            inputs: self.inputs.clone(),
            outputs: digests(&partial.path)?,
            versions: self.versions.clone(),
            device: made.device,
            seed: self.seed,
            seconds: started.elapsed().as_secs_f64(),
            peak_memory_bytes: memory::peak_bytes(),
            notes: made.notes,
        };
        let path = partial.path.join(MANIFEST);
        write(&path, sealed(&json(&path, &manifest)?))?;
        place.publish(partial)?;
        Ok(manifest)
    }
}

/// Removes folders without a file: no manifest could name them.
fn remove_empty(folder: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).map_err(RunError::reading(folder))? {
        let path = entry.map_err(RunError::reading(folder))?.path();
        if path.is_dir() {
            remove_empty(&path)?;
            // It fails if there is a file, as intended.
            let _ = fs::remove_dir(&path);
        }
    }
    Ok(())
}

/// Writes `value` as indented JSON with a last newline.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), RunError> {
    write(path, &json(path, value)?)
}

/// `value` as indented JSON with a last newline, to be written to `path`.
pub(crate) fn json(path: &Path, value: &impl serde::Serialize) -> Result<String, RunError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|error| RunError::Write { path: path.display().to_string(), reason: error.to_string() })
}

/// Writes a file and syncs it to the disk before its folder gets its name: after a power cut, nobody could say whose an
/// empty file is.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), RunError> {
    let written = File::create(path).and_then(|mut file| file.write_all(bytes.as_ref()).and_then(|()| file.sync_all()));
    written.map_err(RunError::writing(path))
}

/// An error without its hints.
pub(crate) fn first_line(error: &impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The first key whose values differ, with both.
fn difference(key: &str, was: &Value, is: &Value) -> Option<(String, String, String)> {
    if was == is {
        return None;
    }
    if let (Value::Object(old), Value::Object(new)) = (was, is) {
        for name in old.keys().chain(new.keys()) {
            let (old, new) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
            let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            if let Some(found) = difference(&inner, old, new) {
                return Some(found);
            }
        }
    }
    Some((key.to_owned(), was.to_string(), is.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quiet;
    use serde_json::json;

    fn folder(at: &Path) -> Folder {
        Folder {
            stage: "features",
            version: 1,
            path: at.join("features"),
            part: json!({ "split": { "kind": "random" } }),
            inputs: Digests::from([("ratings.parquet".to_owned(), "aa".to_owned())]),
            versions: BTreeMap::new(),
            seed: 1,
        }
    }

    fn place(folder: &Folder) -> Place<'static> {
        Place::new(folder.path.parent().unwrap(), &folder.path, &Quiet).unwrap()
    }

    fn make(folder: &Folder) {
        let manifest = folder.make(&place(folder), |at| {
            fs::create_dir_all(at.join("empty/inside")).unwrap();
            fs::write(at.join("x"), "1").unwrap();
            Ok(Made::default())
        });
        assert_eq!(manifest.unwrap().outputs.into_keys().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn a_folder_is_made_once_and_again_for_a_reason_that_is_told() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = || folder(temporary.path());
        assert_eq!(folder().why(&Hashed::default()).as_deref(), Some("not made yet"));
        make(&folder());
        assert_eq!(folder().why(&Hashed::default()), None);
        let why = |folder: Folder| folder.why(&Hashed::default()).unwrap();
        assert_eq!(why(Folder { seed: 2, ..folder() }), "`seed` was `1` and is `2`");
        assert_eq!(
            why(Folder { part: json!({ "split": { "kind": "temporal" } }), ..folder() }),
            "`split.kind` was `\"random\"` and is `\"temporal\"`"
        );
        let long = json!({ "split": { "kind": "x".repeat(100) } });
        assert_eq!(why(Folder { part: long, ..folder() }), "`split.kind` changed");
        assert_eq!(why(Folder { version: 2, ..folder() }), "it was made by another version");
        assert_eq!(why(Folder { inputs: Digests::new(), ..folder() }), "`ratings.parquet` is gone");
        fs::write(folder().path.join("x"), "2").unwrap();
        assert!(why(folder()).contains("x` is damaged"));
        make(&folder());
        assert_eq!(folder().why(&Hashed::default()), None);
        assert_eq!(fs::read(temporary.path().join("set-aside/features/x")).unwrap(), b"2", "it may be someone's work");
    }

    #[test]
    fn failed_work_leaves_the_old_folder_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = folder(temporary.path());
        make(&folder);
        let failed = folder.make(&place(&folder), |at| {
            fs::write(at.join("half"), "").unwrap();
            Err(RunError::Interrupted)
        });
        assert!(failed.is_err());
        let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["features"]);
        assert_eq!(folder.why(&Hashed::default()), None);
    }
}
