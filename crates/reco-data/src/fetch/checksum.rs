//! Computes and checks SHA-256 and MD5 digests of files.
//!
//! Does not know mirrors. **Invariant**: a digest counts as checked only where someone else stated it first: pinned in
//! `checksums.toml`, or published beside the archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use md5::Md5;
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
    /// `sha256` or `md5`.
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
    /// The one that the owner publishes beside the file.
    Published,
    /// Nothing: recorded as it was found.
    Unverified,
}

/// The sha256 and the md5 of a file, in hexadecimal digits.
pub(super) struct Digests {
    pub(super) sha256: String,
    pub(super) md5: String,
}

impl Digests {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
        each_chunk(File::open(path)?, |chunk| {
            sha256.update(chunk);
            md5.update(chunk);
            true
        })?;
        Ok(Self { sha256: hexadecimal(&sha256.finalize()), md5: hexadecimal(&md5.finalize()) })
    }
}

/// The sha256 of a file, or of all but its first line.
pub(crate) fn sha256(path: &Path, skip_header: bool) -> io::Result<String> {
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

/// The digest as a record, if it equals the expected one or nothing is expected.
pub(super) fn check(
    file: &str,
    algorithm: &'static str,
    found: String,
    expected: Option<&str>,
    by: Check,
) -> Result<FileDigest, MirrorError> {
    let check = match expected {
        None => Check::Unverified,
        Some(expected) if expected.eq_ignore_ascii_case(&found) => by,
        Some(expected) => {
            return Err(MirrorError::Checksum {
                file: file.to_owned(),
                algorithm,
                found,
                expected: expected.to_owned(),
                whose: if by == Check::Pinned { "pinned" } else { "published" },
            });
        }
    };
    Ok(FileDigest { file: file.to_owned(), algorithm: algorithm.to_owned(), value: found, check })
}

/// The md5 in what `md5` or `md5sum` printed: `MD5 (FILE) = DIGEST` or `DIGEST  FILE`.
pub(super) fn parse_md5(text: &str) -> Option<String> {
    text.split_whitespace()
        .find(|word| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_ascii_lowercase)
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
        let digests = Digests::of(&path).unwrap();
        assert_eq!((digests.sha256.as_str(), digests.md5.as_str()), (abc, "900150983cd24fb0d6963f7d28e17f72"));
        let md5 = Some("900150983cd24fb0d6963f7d28e17f72".to_owned());
        assert_eq!(parse_md5("MD5 (a.zip) = 900150983CD24FB0D6963F7D28E17F72\n"), md5);
        assert_eq!(parse_md5("900150983cd24fb0d6963f7d28e17f72 *a.zip"), md5);
        assert_eq!(parse_md5("<html>not found</html>"), None);
    }
}
