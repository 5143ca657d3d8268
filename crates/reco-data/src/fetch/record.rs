//! Reads and writes `fetched.json`, the record of a fetched folder.
//!
//! Does not know how it was fetched. **Invariant**: `fetched.json` lies in a folder only if everything it names was
//! there when the folder got its name.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checksum::{FileDigest, sha256};
use super::error::{FetchError, Locally};

/// What `fetched.json` says: where the files come from and how far that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRecord {
    /// The dataset.
    pub dataset: String,
    /// Its terms of use, in short.
    pub licence: String,
    /// What to cite.
    pub citation: String,
    /// Where the archive came from, in words.
    pub mirror: String,
    /// Whether at least one digest equals one that is pinned.
    pub verified: bool,
    /// The digests of the archive, and of the ratings where that one is pinned.
    pub digests: Vec<FileDigest>,
    /// What is different from the owner's own archive.
    pub notes: Vec<String>,
    /// All files, as they were unpacked.
    pub files: Vec<FetchedFile>,
}

/// A file of a fetched dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    /// Its path inside the folder, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// In hexadecimal digits; empty in records of earlier versions.
    #[serde(default)]
    pub sha256: String,
}

impl FetchRecord {
    /// The file's name.
    pub const FILE: &'static str = "fetched.json";

    /// Reads the record of a dataset's folder; `None` where there is none.
    ///
    /// # Errors
    /// A record that cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Option<Self>, FetchError> {
        let path = folder.join(Self::FILE);
        let text = match fs::read(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            text => text.locally("read", &path)?,
        };
        serde_json::from_slice(&text).map(Some).map_err(io::Error::from).locally("read", &path)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), FetchError> {
        let path = folder.join(Self::FILE);
        let mut text = serde_json::to_vec_pretty(self).map_err(io::Error::from).locally("write", &path)?;
        text.push(b'\n');
        fs::write(&path, text).locally("write", &path)
    }

    /// The first file that is missing or has another length.
    pub(super) fn missing(&self, folder: &Path) -> Option<&str> {
        let there = |file: &FetchedFile| {
            fs::metadata(folder.join(&file.path)).is_ok_and(|metadata| metadata.len() == file.bytes)
        };
        self.files.iter().find(|file| !there(file)).map(|file| file.path.as_str())
    }

    /// Whether a folder holds nothing but this record and the files that were fetched, each with the digest that it was
    /// written with. A file without a recorded digest counts as changed.
    pub(super) fn names_all_of(&self, folder: &Path) -> bool {
        fn n_entries(folder: &Path, n: &mut usize) -> io::Result<()> {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let is_folder = entry.file_type()?.is_dir();
                if is_folder {
                    n_entries(&entry.path(), n)?;
                }
                *n += usize::from(!is_folder);
            }
            Ok(())
        }
        let same = |file: &FetchedFile| sha256(&folder.join(&file.path), false).is_ok_and(|is| is == file.sha256);
        let mut n = 0;
        n_entries(folder, &mut n).is_ok()
            && n == self.files.len() + 1
            && self.missing(folder).is_none()
            && self.files.iter().all(same)
    }
}
