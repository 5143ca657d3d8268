//! Tests that a fetch respects what a person or an earlier fetch left in the folder.
//!
//! Does not know mirrors, except one that must not be asked. **Invariant**: nothing of a person's is removed unless
//! they ask.

use std::fs::{self, File};

use sha2::Sha256;

use super::super::checksum::Check;
use super::super::{Fetch, FetchProgress};
use super::server::{Behaviour, Server};
use super::{CSV, World, hexadecimal, names, toy_zip};

fn unasked() -> Server {
    Server::start(|request, _| panic!("asked for {}", request.path))
}

#[test]
fn an_archive_that_lies_there_is_checked_and_unpacked() {
    let server = unasked();
    let world = World::of(&[&server]).pinning("toy.zip", &hexadecimal::<Sha256>(&toy_zip()));
    fs::write(world.path("toy.zip"), toy_zip()).unwrap();
    let fetched = world.fetch().unwrap();
    assert_eq!(world.names(), ["toy", "toy.zip"]);
    let record = fetched.record.as_ref().unwrap();
    assert!(record.verified);
    assert_eq!(record.digests[0].check, Check::Pinned);
    assert!(fetched.to_string().ends_with("3 files from `toy.zip`, placed by hand, verified"), "{fetched}");
    assert!(server.asked_from().is_empty());

    let world = World::of(&[&server]);
    fs::write(world.path("toy.zip"), toy_zip()).unwrap();
    assert!(!world.fetch().unwrap().record.unwrap().verified);
}

#[test]
fn a_wrong_archive_that_lies_there_is_refused_and_kept() {
    let server = unasked();
    let world = World::of(&[&server]).pinning("toy.zip", &"0".repeat(64));
    fs::write(world.path("toy.zip"), toy_zip()).unwrap();
    let error = world.error();
    assert!(
        error.starts_with("`RAW/toy.zip` lies there but can't be used: checksum mismatch: the sha256 of"),
        "{error}"
    );
    assert!(
        error.ends_with(&format!("\nhint: move it elsewhere, or replace it: download {}", server.mirror())),
        "{error}"
    );
    assert_eq!(world.names(), ["toy.zip"]);
}

#[test]
fn a_folder_unpacked_by_hand_is_taken_as_it_is() {
    let world = World::of(&[&unasked()]);
    fs::create_dir(world.path("toy")).unwrap();
    fs::write(world.path("toy/ratings.csv"), "mine").unwrap();
    let fetched = world.fetch().unwrap();
    assert!(!fetched.new && fetched.record.is_none());
    assert!(fetched.to_string().ends_with("is already there: unpacked by hand, not verified"), "{fetched}");
    assert_eq!(names(&fetched.folder), ["ratings.csv"]);
}

#[test]
fn a_strange_folder_is_in_the_way_unless_told_to_replace_it() {
    let server = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&server]);
    fs::create_dir(world.path("toy")).unwrap();
    fs::write(world.path("toy/notes.txt"), "mine").unwrap();
    let error = world.error();
    assert!(error.starts_with("`RAW/toy` is in the way: it is not empty and has no `ratings.csv`\nhint: "), "{error}");
    assert_eq!(names(&world.path("toy")), ["notes.txt"]);
    world.run(true).unwrap();
    assert_eq!(names(&world.path("toy")), ["fetched.json", "ratings.csv", "sub", "tags.csv"]);
    assert_eq!(names(&world.path("toy.set-aside")), ["notes.txt"]);
    assert!(world.progress.said("it is kept as"));
    // Fetched files are nobody's own work.
    world.run(true).unwrap();
    assert_eq!(names(world.raw.path()), ["toy", "toy.set-aside"]);
    fs::write(world.path("toy/notes.txt"), "more").unwrap();
    world.run(true).unwrap();
    assert_eq!(names(&world.path("toy.set-aside.again")).last().unwrap(), "tags.csv");
    assert_eq!(fs::read_to_string(world.path("toy.set-aside.again/notes.txt")).unwrap(), "more");
}

#[test]
fn a_fetched_folder_that_lost_a_file_is_fetched_again() {
    let server = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&server]);
    world.fetch().unwrap();
    fs::write(world.path("toy/ratings.csv"), "cut").unwrap();
    assert!(world.fetch().unwrap().new);
    assert_eq!(fs::read_to_string(world.path("toy/ratings.csv")).unwrap(), CSV);
    assert!(world.progress.said("has lost `ratings.csv`"));
    assert_eq!(fs::read_to_string(world.path("toy.set-aside/ratings.csv")).unwrap(), "cut");
}

#[test]
fn what_was_corrected_in_a_fetched_folder_is_kept() {
    let server = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&server]);
    world.fetch().unwrap();
    // As long as it was.
    let corrected = CSV.replace(",4.0,", ",3.0,");
    assert_ne!(corrected, CSV);
    fs::write(world.path("toy/ratings.csv"), &corrected).unwrap();
    world.run(true).unwrap();
    assert_eq!(fs::read_to_string(world.path("toy/ratings.csv")).unwrap(), CSV);
    assert_eq!(fs::read_to_string(world.path("toy.set-aside/ratings.csv")).unwrap(), corrected);
    assert!(world.progress.said("it is kept as"));
}

#[test]
fn a_folder_whose_digests_nobody_wrote_down_is_kept() {
    let server = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&server]);
    world.fetch().unwrap();
    let record = world.path("toy/fetched.json");
    let mut earlier: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    for file in earlier["files"].as_array_mut().unwrap() {
        assert_eq!(file.as_object_mut().unwrap().remove("sha256").unwrap().as_str().unwrap().len(), 64);
    }
    fs::write(&record, earlier.to_string()).unwrap();
    assert!(!world.fetch().unwrap().new, "it is complete");
    world.run(true).unwrap();
    assert_eq!(names(&world.path("toy.set-aside")), ["fetched.json", "ratings.csv", "sub", "tags.csv"]);
}

#[test]
fn nobody_else_begins_while_a_fetch_tidies_up() {
    /// Tries to take the lock whenever something is said.
    struct Other(std::path::PathBuf, std::sync::Mutex<Vec<(String, bool)>>);

    impl FetchProgress for Other {
        fn message(&self, message: &str) {
            let is_free = File::open(self.0.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
            self.1.lock().unwrap().push((message.to_owned(), is_free));
        }
    }

    let server = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&server]);
    fs::create_dir(world.path("toy")).unwrap();
    fs::write(world.path("toy/notes.txt"), "mine").unwrap();
    let other = Other(world.path(".toy.fetch"), std::sync::Mutex::default());
    let World { raw, dataset, settings, .. } = &world;
    Fetch { dataset, raw: raw.path(), settings, progress: &other }.run(true).unwrap();
    let said = other.1.into_inner().unwrap();
    assert!(said.last().unwrap().0.contains("it is kept as"), "{said:?}");
    assert!(said.iter().all(|(_, is_free)| !is_free), "{said:?}");
    assert_eq!(world.names(), ["toy", "toy.set-aside"]);
}

#[test]
fn a_failed_replacement_keeps_the_old_folder() {
    let server = Behaviour { cuts: vec![usize::MAX, 0], ..Behaviour::good(toy_zip()) }.serve();
    let world = World::of(&[&server]);
    world.fetch().unwrap();
    assert!(world.run(true).is_err());
    assert_eq!(fs::read_to_string(world.path("toy/ratings.csv")).unwrap(), CSV);
    assert!(!world.fetch().unwrap().new);
}

#[test]
fn a_process_killed_while_renaming_loses_nothing() {
    let world = World::of(&[&unasked()]);
    fs::create_dir_all(world.path(".toy.fetch/old")).unwrap();
    fs::create_dir_all(world.path(".toy.fetch/unpacked")).unwrap();
    fs::write(world.path(".toy.fetch/old/ratings.csv"), "mine").unwrap();
    assert!(!world.fetch().unwrap().new);
    assert_eq!(fs::read_to_string(world.path("toy/ratings.csv")).unwrap(), "mine");
}

#[test]
fn two_fetches_of_one_dataset_do_not_mix() {
    let world = World::of(&[&unasked()]);
    fs::create_dir(world.path(".toy.fetch")).unwrap();
    let lock = File::create(world.path(".toy.fetch/lock")).unwrap();
    lock.lock().unwrap();
    assert!(world.error().starts_with("`toy` is being fetched by another process\nhint: "));
}
