//! Tests that bad archives are refused.
//!
//! Does not know mirrors. **Invariant**: no archive writes outside its folder, and a refused one leaves nothing behind.

use std::io::Cursor;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::server::Behaviour;
use super::{World, toy_zip, zip_of};

#[test]
fn a_truncated_archive_is_refused() {
    let mut archive = toy_zip();
    archive.truncate(archive.len() / 2);
    refused(archive, "`toy.zip` is truncated or damaged: ");
}

#[test]
fn a_damaged_archive_is_refused() {
    let mut archive = toy_zip();
    // In the compressed bytes of the last file, well before the directory at the end.
    let at = archive.len() - 1000;
    archive[at] ^= 0x55;
    refused(archive, "`toy.zip` is truncated or damaged: ");
}

#[test]
fn an_empty_archive_or_one_without_ratings_is_refused() {
    refused(zip_of(&[]), "`toy.zip` holds no `ratings.csv`");
    refused(zip_of(&[("toy/README.txt", b"read me")]), "`toy.zip` holds no `ratings.csv`");
    refused(b"<html>a captive portal</html>".to_vec(), "`toy.zip` is truncated or damaged: ");
}

#[test]
fn an_archive_that_would_write_elsewhere_is_refused() {
    for evil in ["../evil.txt", "toy/../../evil.txt", "/tmp/evil-of-the-fetch-test.txt"] {
        // The writer would tidy the name: give it a tame one of the same length, and change the bytes.
        let tame = "x".repeat(evil.len());
        let mut archive = zip_of(&[("toy/ratings.csv", b"1,1,4\n"), (&tame, b"evil")]);
        while let Some(at) = archive.windows(tame.len()).position(|bytes| bytes == tame.as_bytes()) {
            archive[at..at + tame.len()].copy_from_slice(evil.as_bytes());
        }
        refused(archive, &format!("`toy.zip` is refused: its entry `{evil}` would not stay inside the folder"));
        assert!(!std::path::Path::new("/tmp/evil-of-the-fetch-test.txt").exists());
    }
    let mut zip = ZipWriter::new(Cursor::new(zip_of(&[])));
    zip.add_symlink("toy/link", "/etc", SimpleFileOptions::default()).unwrap();
    refused(zip.finish().unwrap().into_inner(), "its entry `toy/link` would not stay inside the folder");
}

#[test]
fn what_is_unpacked_needs_no_top_folder() {
    let archive = zip_of(&[("ratings.csv", b"1,1,4\n"), ("sub/README.txt", b"read me"), ("__MACOSX/x", b"")]);
    let world = World::of(&[&Behaviour::good(archive).serve()]);
    let fetched = world.fetch().unwrap();
    assert_eq!(super::names(&fetched.folder), ["fetched.json", "ratings.csv", "sub"]);
}

/// The mirror vouches for it, so that only the archive itself can be the reason.
fn refused(archive: Vec<u8>, reason: &str) {
    let world = World::of(&[&Behaviour::good(archive).serve()]);
    let error = world.error();
    assert!(error.contains(reason), "{error}");
    assert!(world.names().is_empty(), "{:?}", world.names());
}
