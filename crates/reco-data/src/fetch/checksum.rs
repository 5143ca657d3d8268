//! Computes and checks SHA-256 digests of files.
//!
//! Does not know mirrors. **Invariant**: a digest counts as checked only where it equals one that is pinned in
//! `checksums.toml`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::MirrorError;

/// The pinned sha256 digests: dataset, then file name (or `ratings`), then 64 hexadecimal digits.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Pins(BTreeMap<String, BTreeMap<String, String>>);

impl Pins {
    /// The pins that this crate was built with.
    pub(super) fn built_in() -> Self {
        toml::from_str(include_str!("../../checksums.toml")).expect("a test reads the same file")
    }

    pub(super) fn get(&self, dataset: &str, file: &str) -> Option<&str> {
        Some(self.0.get(dataset)?.get(file)?)
    }
}

/// A digest, and what it was checked against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The file.
    pub file: String,
    /// `sha256`; earlier versions also recorded `md5`.
    pub algorithm: String,
    /// In hexadecimal digits.
    pub value: String,
    /// What it was compared with.
    pub check: Check,
}

/// What a digest was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The one pinned in `checksums.toml`.
    Pinned,
    /// Nothing: recorded as it was found. Earlier versions also recorded what an owner had published.
    #[serde(other)]
    Unverified,
}

/// The sha256 of a file, or of all but its first line, in hexadecimal digits.
///
/// # Errors
/// A file that cannot be read.
pub fn sha256(path: &Path, skip_header: bool) -> io::Result<String> {
    sha256_unless(path, skip_header, &|| false).map(Option::unwrap_or_default)
}

/// Like [`sha256`], but `None` where `stop` ends it early.
pub(crate) fn sha256_unless(path: &Path, skip_header: bool, stop: &dyn Fn() -> bool) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(File::open(path)?);
    if skip_header {
        reader.skip_until(b'\n')?;
    }
    let mut digest = Sha256::new();
    let is_whole = each_chunk(reader, |chunk| {
        digest.update(chunk);
        !stop()
    })?;
    Ok(is_whole.then(|| hexadecimal(&digest.finalize())))
}

/// The sha256 as a record, if it equals the `pinned` one or none is pinned.
pub(super) fn check(file: &str, found: String, pinned: Option<&str>) -> Result<FileDigest, MirrorError> {
    let (file, algorithm) = (file.to_owned(), "sha256".to_owned());
    match pinned {
        Some(pinned) if !pinned.eq_ignore_ascii_case(&found) => {
            Err(MirrorError::Checksum { file, found, pinned: pinned.to_owned() })
        }
        Some(_) => Ok(FileDigest { file, algorithm, value: found, check: Check::Pinned }),
        None => Ok(FileDigest { file, algorithm, value: found, check: Check::Unverified }),
    }
}

/// Reads until the end or until `take` returns `false`; returns whether it reached the end.
fn each_chunk(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(true),
            n if take(&buffer[..n]) => {}
            _ => return Ok(false),
        }
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::dataset::DATASETS;

    #[test]
    fn pins_name_known_archives_and_are_sha256() {
        let Pins(pins) = Pins::built_in();
        assert!(pins.len() > 3);
        for (name, files) in &pins {
            let dataset = DATASETS.iter().find(|dataset| dataset.name == name).expect("a known dataset");
            for (file, digest) in files {
                assert!(file == "ratings" || dataset.mirrors.iter().any(|mirror| mirror.archive == file), "{file}");
                assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{file}: {digest}");
            }
        }
    }

    #[test]
    fn digests_and_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "header\nabc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path, true).unwrap(), abc);
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(sha256(&path, false).unwrap(), abc);
        let published = r#"{ "file": "a.zip", "algorithm": "md5", "value": "90", "check": "published" }"#;
        let published: FileDigest = serde_json::from_str(published).unwrap();
        assert_eq!(published.check, Check::Unverified, "a record of an earlier version can be read");
    }
}
