//! Unpacks a zip archive into a folder.
//!
//! Does not know what is in it. **Invariant**: nothing is written outside the folder, whatever the names of the
//! archive's entries are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use super::checksum::hexadecimal;
use super::error::{FetchError, Locally, MirrorError, Stop};
use super::progress::FetchProgress;
use super::record::FetchedFile;

/// An archive, and its name in messages.
pub(super) struct Archive<'a> {
    pub(super) path: &'a Path,
    pub(super) name: &'a str,
}

impl Archive<'_> {
    /// Unpacks into the folder `into`, which must exist: what lies in `folder` of the archive, or else everything,
    /// without a top folder that all entries share.
    pub(super) fn unpack(
        &self,
        folder: Option<&str>,
        into: &Path,
        dataset: &str,
        progress: &dyn FetchProgress,
    ) -> Result<Vec<FetchedFile>, Stop> {
        let file = File::open(self.path).locally("open", self.path)?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| self.damaged(&error))?;
        let entries = self.entries(&mut zip)?;
        let top = match folder {
            Some(folder) => Some(PathBuf::from(folder)),
            None => common_top(&entries),
        };
        let taken: Vec<Entry> = entries
            .into_iter()
            .filter_map(|entry| match &top {
                None => Some(entry),
                Some(top) => entry.path.strip_prefix(top).ok().map(|path| Entry { path: path.to_owned(), ..entry }),
            })
            .collect();

        progress.message(&format!("unpacking `{}`", self.name));
        progress.begin(Some(total_bytes(&taken)));
        let files = taken.iter().map(|entry| self.unpack_entry(&mut zip, entry, into, dataset, progress)).collect();
        progress.end();
        files
    }

    /// The files among the entries. Refuses the archive if one of them has an unsafe name.
    fn entries(&self, zip: &mut ZipArchive<BufReader<File>>) -> Result<Vec<Entry>, MirrorError> {
        let mut entries = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            let entry = zip.by_index(index).map_err(|error| self.damaged(&error))?;
            let path = match entry.enclosed_name() {
                // An absolute path would become a relative one, which no honest archive means.
                Some(path) if !entry.is_symlink() && !entry.name_raw().starts_with(b"/") => path,
                _ => {
                    let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
                    return Err(MirrorError::UnsafeEntry { archive: self.name.to_owned(), entry: name });
                }
            };
            // macOS adds these files to archives; they are not the owner's.
            if !entry.is_dir() && !path.starts_with("__MACOSX") && !path.ends_with(".DS_Store") {
                entries.push(Entry { index, path, bytes: entry.size() });
            }
        }
        Ok(entries)
    }

    fn unpack_entry(
        &self,
        zip: &mut ZipArchive<BufReader<File>>,
        entry: &Entry,
        into: &Path,
        dataset: &str,
        progress: &dyn FetchProgress,
    ) -> Result<FetchedFile, Stop> {
        let path = into.join(&entry.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).locally("create", parent)?;
        }
        let mut reader = zip.by_index(entry.index).map_err(|error| self.damaged(&error))?;
        // `create_new`: an archive that names a file twice does not overwrite the first.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).locally("create", &path)?;
        let mut buffer = vec![0; 1 << 16];
        let mut digest = Sha256::new();
        let mut bytes = 0;
        loop {
            if progress.interrupted() {
                return Err(FetchError::Interrupted { name: dataset.to_owned() }.into());
            }
            // The reader checks the CRC at the end.
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.damaged(&error.into()).into()),
            };
            file.write_all(&buffer[..n]).locally("write", &path)?;
            digest.update(&buffer[..n]);
            bytes += n as u64;
            progress.advance(n as u64);
        }
        let name = entry.path.to_string_lossy().replace('\\', "/");
        Ok(FetchedFile { path: name, bytes, sha256: hexadecimal(&digest.finalize()) })
    }

    fn damaged(&self, error: &ZipError) -> MirrorError {
        MirrorError::Damaged { archive: self.name.to_owned(), reason: error.to_string() }
    }
}

struct Entry {
    index: usize,
    path: PathBuf,
    bytes: u64,
}

/// The sum of the sizes that the archive states, which need not be true.
fn total_bytes(entries: &[Entry]) -> u64 {
    entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
}

/// The folder that all entries lie in, if there is one.
fn common_top(entries: &[Entry]) -> Option<PathBuf> {
    let top = |entry: &Entry| {
        let mut components = entry.path.components();
        let first = components.next()?;
        components.next().map(|_| PathBuf::from(first.as_os_str()))
    };
    let first = top(entries.first()?)?;
    entries.iter().all(|entry| top(entry).as_ref() == Some(&first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_nothing_holds_are_no_overflow() {
        let entry = |bytes| Entry { index: 0, path: PathBuf::new(), bytes };
        assert_eq!(total_bytes(&[entry(2), entry(3)]), 5);
        assert_eq!(total_bytes(&[entry(u64::MAX), entry(u64::MAX - 1)]), u64::MAX);
    }
}
