//! Tests that a broken download resumes where it stopped.
//!
//! Does not know archives. **Invariant**: a file assembled from pieces equals the server's, or is not taken.

use std::fs;

use super::super::FetchError;
use super::server::{Behaviour, Server};
use super::{CSV, World, hexadecimal, toy_zip};
use sha2::Sha256;

fn pinning(server: &Server) -> World {
    World::of(&[server]).pinning("toy.zip", &hexadecimal::<Sha256>(&toy_zip()))
}

fn arrived(world: &World) {
    assert_eq!(fs::read_to_string(world.path("toy/ratings.csv")).unwrap(), CSV);
    assert!(world.fetch().unwrap().record.unwrap().verified);
    assert_eq!(world.names(), ["toy"]);
}

#[test]
fn a_cut_connection_is_taken_up_again_at_once() {
    let server = Behaviour { cuts: vec![1000, 250_000], ..Behaviour::good(toy_zip()) }.serve();
    let world = pinning(&server);
    world.fetch().unwrap();
    arrived(&world);
    assert_eq!(server.asked_from(), [None, Some(1000), Some(250_000)]);
    assert!(world.progress.said("the connection broke after 1000 bytes"));
}

#[test]
fn a_download_is_taken_up_again_by_the_next_fetch() {
    // Both tries break at the same byte, so that it gives up.
    let server = Behaviour { cuts: vec![1000, 1000], ..Behaviour::good(toy_zip()) }.serve();
    let world = pinning(&server);
    let error = world.error();
    assert!(error.contains(&format!("the connection broke after 1000 bytes of {}", toy_zip().len())), "{error}");
    assert_eq!(fs::metadata(world.part()).unwrap().len(), 1000);
    assert!(!world.path("toy").exists());

    world.fetch().unwrap();
    arrived(&world);
    assert_eq!(server.asked_from(), [None, Some(1000), Some(1000)]);
}

#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let server = Behaviour { cuts: vec![1000], ranges: false, ..Behaviour::good(toy_zip()) }.serve();
    let world = pinning(&server);
    world.fetch().unwrap();
    arrived(&world);
    // It was asked for the rest and gave everything.
    assert_eq!(server.asked_from(), [None, Some(1000)]);
}

#[test]
fn pieces_of_another_version_are_thrown_away() {
    let server = Behaviour::good(toy_zip()).serve();
    let world = pinning(&server);
    fs::create_dir_all(world.path(".toy.fetch")).unwrap();
    fs::write(world.part(), "the beginning of something else").unwrap();
    world.fetch().unwrap();
    arrived(&world);
    assert_eq!(server.asked_from(), [Some(31), None]);
    assert!(world.progress.said("downloading it again from the start"));
}

#[test]
fn a_part_that_is_whole_or_too_long_is_no_obstacle() {
    let archive = toy_zip();
    for (extra, asked) in [(0, vec![Some(archive.len())]), (7, vec![Some(archive.len() + 7), None])] {
        let server = Behaviour::good(archive.clone()).serve();
        let world = pinning(&server);
        fs::create_dir_all(world.path(".toy.fetch")).unwrap();
        let mut part = archive.clone();
        part.resize(archive.len() + extra, 0);
        fs::write(world.part(), part).unwrap();
        world.fetch().unwrap();
        arrived(&world);
        assert_eq!(server.asked_from(), asked);
    }
}

#[test]
fn an_interruption_leaves_only_what_was_downloaded() {
    let server = Behaviour::good(toy_zip()).serve();
    let mut world = pinning(&server);
    world.progress.stop_after = Some(100_000);
    assert!(matches!(world.fetch(), Err(FetchError::Interrupted { .. })));
    let there = fs::metadata(world.part()).unwrap().len();
    assert!((100_000..toy_zip().len() as u64).contains(&there), "{there}");
    assert_eq!(world.names(), [".toy.fetch"]);

    // While unpacking: the archive is kept, and nothing of what was in it.
    world.progress = super::Recorder { stop_after: Some(toy_zip().len() as u64 + 5), ..super::Recorder::default() };
    assert!(matches!(world.fetch(), Err(FetchError::Interrupted { .. })));
    assert_eq!(super::names(&world.path(".toy.fetch")), ["toy.zip.part"]);

    world.progress = super::Recorder::default();
    world.fetch().unwrap();
    arrived(&world);
    let len = toy_zip().len();
    assert_eq!(server.asked_from(), [None, Some(there as usize), Some(len)]);
}
