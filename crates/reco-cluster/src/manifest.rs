//! Reads and writes the manifests by which `reco` knows what a folder of a run was made from.
//!
//! Does not know what is in the folder. The format is that of reco-run, which brings Burn: CI lets `reco train` go on
//! from a folder of ours.
//!
//! **Invariant**: a manifest names every file of its folder except itself, with its SHA-256, and is written last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::ClusterError;
use crate::error::io;

/// A manifest's file name.
const MANIFEST: &str = "manifest.json";
/// The version of the format.
const SCHEMA_VERSION: u32 = 1;
/// The versions of the stages `ingest` and `features`, whose folders are made.
pub(crate) const INGEST: (&str, u32) = ("ingest", reco_data::STAGE_VERSION);
pub(crate) const FEATURES: (&str, u32) = ("features", reco_features::STAGE_VERSION);

/// Digests by file: relative to the folder.
pub(crate) type Digests = BTreeMap<String, String>;

/// What a folder is made from.
pub(crate) struct Made {
    /// The stage that makes such a folder, and its version.
    pub(crate) stage: (&'static str, u32),
    /// The stage's tables of the experiment.
    pub(crate) experiment: Value,
    pub(crate) inputs: Digests,
    pub(crate) seed: u64,
    pub(crate) begun: Instant,
    /// What is told of the work.
    pub(crate) notes: Value,
}

impl Made {
    /// Writes the manifest of `folder`, and syncs it to the disk.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), ClusterError> {
        let manifest = json!({
            "schema_version": SCHEMA_VERSION,
            "stage": self.stage.0,
            "stage_version": self.stage.1,
            "experiment": self.experiment,
            "inputs": self.inputs,
            "outputs": digests(folder)?,
            "versions": versions(),
            "device": null,
            "seed": self.seed,
            "seconds": self.begun.elapsed().as_secs_f64(),
            "peak_memory_bytes": null,
            "notes": self.notes,
        });
        let path = folder.join(MANIFEST);
        let write = || {
            let mut file = File::create(&path)?;
            writeln!(file, "{manifest:#}")?;
            file.sync_all()
        };
        write().map_err(io("write", &path))
    }
}

/// The files of the folder `tables`, which `reco ingest` made for `data`, `[data]` of an experiment; `hint` says what
/// makes it.
///
/// # Errors
/// No such folder, one of another experiment or version of reco, one that was changed.
pub(crate) fn tables(folder: &Path, data: &Value, hint: &str) -> Result<Digests, ClusterError> {
    let path = folder.join(MANIFEST);
    let refuse = |reason: String| ClusterError::NotReady { reason, hint: hint.to_owned() };
    let text =
        fs::read_to_string(&path).map_err(|error| refuse(format!("cannot read `{}`: {error}", path.display())))?;
    let manifest: Value =
        serde_json::from_str(&text).map_err(|error| refuse(format!("`{}` is no manifest: {error}", path.display())))?;
    let shown = folder.display();
    let is = |key: &str, value: Value| manifest.get(key) == Some(&value);
    if !(is("schema_version", json!(SCHEMA_VERSION)) && is("stage", json!(INGEST.0))) {
        return Err(refuse(format!("`{shown}` was not made by `reco ingest`")));
    }
    if !(is("stage_version", json!(INGEST.1)) && is("versions", json!(versions()))) {
        return Err(refuse(format!("`{shown}` was made by another version of reco")));
    }
    if manifest.get("experiment").and_then(|experiment| experiment.get("data")) != Some(data) {
        return Err(refuse(format!("`{shown}` was made for another `[data]`")));
    }
    let outputs: Digests = manifest
        .get("outputs")
        .and_then(|outputs| serde_json::from_value(outputs.clone()).ok())
        .ok_or_else(|| refuse(format!("`{}` names no files", path.display())))?;
    let found = digests(folder)?;
    match outputs.keys().chain(found.keys()).find(|name| outputs.get(*name) != found.get(*name)) {
        Some(name) => Err(refuse(format!("`{}` is not as it was made", folder.join(name).display()))),
        None => Ok(outputs),
    }
}

/// The versions of what does the work.
pub(crate) fn versions() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("reco", env!("CARGO_PKG_VERSION"))])
}

/// The SHA-256 of every file in `folder`, except its manifest.
fn digests(folder: &Path) -> Result<Digests, ClusterError> {
    let mut found = Digests::new();
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != MANIFEST {
            found.insert(name, digest(&path)?);
        }
    }
    Ok(found)
}

/// The SHA-256 of a file, in hexadecimal digits.
pub(crate) fn digest(path: &Path) -> Result<String, ClusterError> {
    reco_data::sha256(path, false).map_err(io("read", path))
}

/// The SHA-256 of the digests of the Parquet files in a folder, in the order of their names.
pub(crate) fn digest_of_folder(folder: &Path) -> Result<String, ClusterError> {
    let mut hash = Sha256::new();
    for (name, digest) in digests(folder)?.into_iter().filter(|(name, _)| name.ends_with(".parquet")) {
        hash.update(format!("{name} {digest}\n"));
    }
    Ok(hexadecimal(hash.finalize()))
}

/// The SHA-256 of a text.
pub(crate) fn digest_of_text(text: &str) -> String {
    hexadecimal(Sha256::digest(text))
}

/// The size and the time of the last change of a file, or of each file in a folder: what tells at once, without reading
/// it, that it was changed.
pub(crate) fn sizes(path: &Path) -> Result<BTreeMap<String, (u64, Option<Duration>)>, ClusterError> {
    let mut found = BTreeMap::new();
    let mut add = |path: &Path| {
        let file = fs::metadata(path).map_err(io("read", path))?;
        let changed = file.modified().ok().and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
        found.insert(path.to_string_lossy().into_owned(), (file.len(), changed));
        Ok::<(), ClusterError>(())
    };
    if !path.is_dir() {
        add(path)?;
        return Ok(found);
    }
    for entry in fs::read_dir(path).map_err(io("read", path))? {
        add(&entry.map_err(io("read", path))?.path())?;
    }
    Ok(found)
}

fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::write(at.join("a"), "abc").unwrap();
        let data = json!({ "path": "x" });
        let made = Made {
            stage: INGEST,
            experiment: json!({ "data": data }),
            inputs: Digests::new(),
            seed: 0,
            begun: Instant::now(),
            notes: Value::Null,
        };
        made.write(at).unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(tables(at, &data, "").unwrap(), Digests::from([("a".to_owned(), abc.to_owned())]));
        let refused = |data: &Value| tables(at, data, "ingest").unwrap_err().to_string();
        assert!(refused(&json!({})).ends_with("was made for another `[data]`\nhint: ingest"));
        fs::write(at.join("b"), "").unwrap();
        assert!(refused(&data).contains("b` is not as it was made"));
        fs::remove_file(at.join("b")).unwrap();
        fs::write(at.join("a"), "abd").unwrap();
        assert!(refused(&data).contains("a` is not as it was made"));
        Made { stage: FEATURES, ..made }.write(at).unwrap();
        assert!(refused(&data).contains("was not made by `reco ingest`"));
    }
}
