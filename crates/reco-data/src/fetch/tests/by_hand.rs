//! Is what a person or an earlier fetch left there respected?
//!
//! Does not know mirrors but one that must not be asked. **Invariant**: nothing of a person's is removed unless they ask.

use std::fs::{self, File};

use sha2::Sha256;

use super::super::checksum::Check;
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
    // What was fetched is not anyone's work.
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
