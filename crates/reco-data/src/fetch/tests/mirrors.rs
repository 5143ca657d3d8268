//! Tests that mirrors are tried in order and quickly, and that their failures are told apart.
//!
//! Does not know broken downloads: `resuming` does. **Invariant**: where all fail, the folder of raw data is as it was.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::super::checksum::Check;
use super::super::dataset::Origin;
use super::super::{FetchRecord, Silent, fetch, named, timeout_of};
use super::server::{Behaviour, Server, answer};
use super::{CSV, World, hexadecimal, mirror_of, names, toy_zip};
use sha2::Sha256;

#[test]
fn a_good_mirror_gives_a_whole_folder_and_is_asked_once() {
    let archive = toy_zip();
    let server = Behaviour::good(archive.clone()).serve();
    let world = World::of(&[&server]).pinning("toy.zip", &hexadecimal::<Sha256>(&archive));
    let fetched = world.fetch().unwrap();
    assert!(fetched.new);
    assert_eq!(world.names(), ["toy"]);
    assert_eq!(names(&fetched.folder), ["fetched.json", "ratings.csv", "sub", "tags.csv"]);
    assert_eq!(fs::read_to_string(world.path("toy/ratings.csv")).unwrap(), CSV);

    let record = FetchRecord::read(&fetched.folder).unwrap().unwrap();
    assert_eq!(fetched.record.as_ref(), Some(&record));
    assert!(record.verified);
    assert_eq!(record.files.len(), 3);
    let digests: Vec<_> = record.digests.iter().map(|digest| (digest.algorithm.as_str(), digest.check)).collect();
    assert_eq!(digests, [("sha256", Check::Pinned)]);
    assert_eq!(record.digests[0].value, hexadecimal::<Sha256>(&archive));

    let unpacked: u64 = record.files.iter().map(|file| file.bytes).sum();
    assert_eq!(*world.progress.begun.lock().unwrap(), [Some(archive.len() as u64), Some(unpacked)]);
    assert_eq!(world.progress.bytes.load(Ordering::SeqCst), archive.len() as u64 + unpacked);

    let fetched = world.fetch().unwrap();
    assert!(!fetched.new);
    assert!(fetched.to_string().contains("is already there: 3 files from http://127.0.0.1"), "{fetched}");
    assert_eq!(server.asked_from().len(), 1);

    fs::write(world.path("toy/extra"), "mine").unwrap();
    assert!(world.run(true).unwrap().new);
    assert_eq!(server.asked_from().len(), 2);
    assert_eq!(names(&fetched.folder), ["fetched.json", "ratings.csv", "sub", "tags.csv"]);
}

#[test]
fn a_pinned_sha256_that_differs_is_refused() {
    let server = Behaviour::good(toy_zip()).serve();
    for file in ["toy.zip", "ratings"] {
        let world = World::of(&[&server]).pinning(file, &"0".repeat(64));
        let error = world.error();
        let name = if file == "ratings" { "ratings.csv" } else { file };
        assert!(error.contains(&format!("checksum mismatch: the sha256 of `{name}` is `")), "{error}");
        assert!(error.contains("` is pinned"), "{error}");
        assert!(world.names().is_empty(), "{:?}", world.names());
    }
    let world = World::of(&[&server]).pinning("ratings", &hexadecimal::<Sha256>(CSV.as_bytes()));
    let digests = world.fetch().unwrap().record.unwrap().digests;
    assert_eq!(digests.last().map(|digest| digest.check), Some(Check::Pinned));
}

#[test]
fn without_a_pinned_sha256_the_digest_is_recorded_as_unverified() {
    let server = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&server]);
    let record = world.fetch().unwrap().record.unwrap();
    assert!(!record.verified);
    assert!(record.digests.iter().all(|digest| digest.check == Check::Unverified));
    assert!(world.progress.said("`toy.zip` is not verified"));
}

#[test]
fn the_second_mirror_answers_where_the_first_fails() {
    let bad = Server::start(|_, stream| answer(stream, "503 Service Unavailable", &[], b"", 0));
    let good = Behaviour::good(toy_zip()).serve();
    let world = World::of(&[&bad, &good]);
    let record = world.fetch().unwrap().record.unwrap();
    assert_eq!(record.mirror, good.mirror().to_string());
    let failure = format!("mirror failed: {}: the server answers with status `503`", bad.mirror());
    assert!(world.progress.said(&failure), "{:?}", world.progress.messages);
}

#[test]
fn where_all_fail_the_error_lists_them_and_says_what_to_do() {
    let bad = Server::start(|_, stream| answer(stream, "404 Not Found", &[], b"", 0));
    let pip = mirror_of("toy-1.0-py3-none-any.whl", Origin::Pip { requirement: "toy==1.0" });
    let mut world = World::new(vec![bad.mirror(), pip]);
    world.settings.pip = &[&["no-such-program-anywhere", "-m", "pip"], &["no-such-pip"]];
    let url = bad.mirror().to_string();
    assert_eq!(
        world.error(),
        format!(
            "`toy` could not be fetched\n  {url}: the server answers with status `404`\n  PyPI (`toy==1.0`): pip is not \
             installed (tried `no-such-program-anywhere -m pip`, `no-such-pip`)\nhint: where there is a network, download {url} \
             and put the file at `RAW/toy.zip`, or run `pip download --no-deps toy==1.0` and put the file at \
             `RAW/toy-1.0-py3-none-any.whl`; then fetch again"
        )
    );
    assert!(world.names().is_empty(), "{:?}", world.names());
}

#[test]
fn a_closed_port_costs_no_time() {
    // Bound and released: nothing listens there now.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world =
        World::new(vec![mirror_of("toy.zip", Origin::Http { url: format!("http://{address}/toy.zip").leak() })]);
    let start = Instant::now();
    let error = world.error();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[test]
fn a_mirror_that_says_nothing_costs_seconds() {
    let mute = Server::start(|_, _| thread::sleep(Duration::from_secs(20)));
    let start = Instant::now();
    let error = World::of(&[&mute]).error();
    assert!(error.contains("no answer in time"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn unknown_names_and_settings_are_refused() {
    let hint = |name: &str| named(name).unwrap_err().to_string();
    assert_eq!(hint("ml-100"), "there is no dataset `ml-100` to fetch\nhint: did you mean `ml-100k`?");
    assert!(hint("netflix-prize").contains("known are `ml-100k`, `ml-latest-small`"));
    assert!(fetch("nothing", Path::new("/nowhere"), &Silent).is_err());
    for value in ["0", "soon", "-1", ""] {
        let error = timeout_of(value).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`RECO_MIRROR_TIMEOUT_SECONDS` is `{value}`\nhint: ")), "{error}");
    }
}
