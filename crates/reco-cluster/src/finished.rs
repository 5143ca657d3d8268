//! Keeps, in a work folder, the list of the steps whose rows lie there whole.
//!
//! Does not know what the steps compute. What they were computed from is a key that it is given.
//!
//! **Invariant**: a step is listed when its file has its name and is synced to the disk, and not before; a list of
//! another key, or one of whose files is missing or has another size, is of no use as a whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ClusterError;
use crate::error::io;

/// The list's file in the work folder.
const NAME: &str = "finished.json";

/// The list.
#[derive(Default)]
pub(crate) struct Finished {
    folder: PathBuf,
    list: List,
}

#[derive(Default, Serialize, Deserialize)]
struct List {
    /// What the steps were computed from.
    key: String,
    steps: BTreeMap<String, Rows>,
}

/// Where the rows of a step lie.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Rows {
    /// The name of their file.
    pub(crate) file: String,
    pub(crate) n_rows: u64,
    n_bytes: u64,
}

impl Finished {
    /// The list in `folder`, or an empty one.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read(folder.join(NAME)).unwrap_or_default();
        Self { folder: folder.to_owned(), list: serde_json::from_slice(&text).unwrap_or_default() }
    }

    /// The list in `folder` if it is of `key` and all its files are there, or else an empty one of `key`.
    pub(crate) fn of(folder: &Path, key: &str) -> Self {
        let found = Self::read(folder);
        let is_whole = |rows: &Rows| fs::metadata(folder.join(&rows.file)).is_ok_and(|file| file.len() == rows.n_bytes);
        if found.list.key == key && found.list.steps.values().all(is_whole) {
            return found;
        }
        Self { folder: folder.to_owned(), list: List { key: key.to_owned(), steps: BTreeMap::new() } }
    }

    /// Whether no step is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.steps.is_empty()
    }

    /// Whether `name` is that of the list, or of the file of a step on it.
    pub(crate) fn names(&self, name: &str) -> bool {
        name == NAME || self.list.steps.values().any(|rows| rows.file == name)
    }

    /// The rows of `step`.
    pub(crate) fn get(&self, step: &str) -> Option<Rows> {
        self.list.steps.get(step).cloned()
    }

    /// Lists the rows of `step`, `n_rows` in `file`, in the place of those that it had before.
    ///
    /// # Errors
    /// A file or list that cannot be written.
    pub(crate) fn add(&mut self, step: &str, file: String, n_rows: u64) -> Result<(), ClusterError> {
        let path = self.folder.join(&file);
        let size = File::open(&path).and_then(|file| {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        });
        let n_bytes = size.map_err(io("write", &path))?;
        self.list.steps.insert(step.to_owned(), Rows { file, n_rows, n_bytes });
        self.save()
    }

    /// Writes the list.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(crate) fn save(&self) -> Result<(), ClusterError> {
        let path = self.folder.join(NAME);
        let text = serde_json::to_string_pretty(&self.list).expect("names and counts are JSON");
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map(drop).map_err(io("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_use_while_its_key_and_its_files_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let mut list = Finished::of(at, "key");
        assert!(list.is_empty() && list.get("rated").is_none());
        fs::write(at.join("rated.parquet"), "abc").unwrap();
        list.add("rated", "rated.parquet".to_owned(), 3).unwrap();
        let again = Finished::of(at, "key");
        assert_eq!(again.get("rated").map(|rows| (rows.file, rows.n_rows)), Some(("rated.parquet".to_owned(), 3)));
        assert!(again.names("rated.parquet") && again.names("finished.json") && !again.names("spill"));
        assert!(Finished::of(at, "other").is_empty());
        fs::write(at.join("rated.parquet"), "ab").unwrap();
        assert!(Finished::of(at, "key").is_empty());
        fs::remove_file(at.join("rated.parquet")).unwrap();
        assert!(Finished::of(at, "key").is_empty());
        assert!(list.add("rated", "none.parquet".to_owned(), 3).is_err());
    }
}
