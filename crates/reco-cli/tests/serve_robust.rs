//! Tests that nothing breaks `reco serve`: swaps under load, kills, a full disk, silent callers.
//!
//! Does not know what a right answer is: `serve.rs` does; hostile requests: `serve_hostile.rs` does.
//!
//! **Invariant**: with `RECO_TORTURE` there are ten times as many swaps and kills, as for `cargo xtask torture
//! --service`.

mod common;

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::served::{JSON, Served, has_not_grown, ids, text};
use common::{copy, people};
use reco_core::testing::left_out;
use serde_json::{Value, json};

/// How often something is done.
fn times(n: usize) -> usize {
    if std::env::var_os("RECO_TORTURE").is_some() { 10 * n } else { n }
}

/// Tells others to stop, even where a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn runs_are_swapped_under_load_without_a_failed_request() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["one", "other", "bad"].map(|name| {
        copy(people().parent().unwrap(), &folder.path().join(name));
        format!("{name}={}", text(&folder.path().join(name)))
    });
    for model in fs::read_dir(folder.path().join("bad/models")).unwrap() {
        let weights = model.unwrap().path().join("weights.safetensors");
        if weights.exists() {
            fs::write(weights, "damaged").unwrap();
        }
    }
    let served = Served::start(&["--run", &runs[0], "--run", &runs[1], "--run", &runs[2]]);
    let activate = |name: &str| served.post("/v1/models:activate", &json!({ "run": name }));
    let (stop, n_asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let n_swaps = times(100);
    let mut early = None;
    thread::scope(|scope| {
        let stopping = Stop(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let user = n_asked.fetch_add(1, Ordering::Relaxed) % 24 + 1;
                    let answer = served.get(&format!("/v1/users/{user}/recommendations?k=2")).ok();
                    assert!(answer["run"] == "one" || answer["run"] == "other", "{answer}");
                    assert_eq!(ids(&answer).len(), 2, "{answer}");
                }
            });
        }
        for swap in 0..n_swaps {
            let name = ["other", "one"][swap % 2];
            assert_eq!(activate(name).ok()["run"], name);
            if swap % 10 == 0 {
                activate("bad").refuses(409, "the one before it stays");
                assert_eq!(served.get("/v1/models").ok()["run"], name);
            }
            if swap == n_swaps / 4 {
                early = served.memory("VmRSS");
            }
        }
        drop(stopping);
    });
    assert!(n_asked.into_inner() > n_swaps);
    has_not_grown(early, served.memory("VmRSS"), 64);
    served.has_not_panicked();
}

#[test]
fn every_event_that_was_acknowledged_outlives_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let event = |writer: usize, key: &str| json!({ "user_id": format!("writer {writer}"), "item_id": 1, "key": key });
    let acknowledged: Mutex<Vec<(usize, String)>> = Mutex::default();
    let repeated = |served: &Served, of: &[(usize, String)]| {
        for events in of.chunks(100) {
            let events: Vec<Value> = events.iter().map(|(writer, key)| event(*writer, key)).collect();
            let kept = served.post("/v1/events", &json!({ "events": events })).ok();
            assert_eq!((&kept["kept"], &kept["repeated"]), (&json!(0), &json!(events.len())));
        }
    };
    let n_kills = times(10);
    let n_sent = AtomicUsize::new(0);
    let mut drawn = 7_u64;
    for kill in 0..n_kills {
        let mut served = Served::with_events(folder.path());
        let before = acknowledged.lock().unwrap().len();
        // Those of the round before; all of them at the end.
        repeated(&served, &acknowledged.lock().unwrap()[before.saturating_sub(200)..]);
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let moment = Duration::from_millis(20 + (drawn >> 33) % 150);
        thread::scope(|scope| {
            let served_address = &served;
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (acknowledged, n_sent) = (&acknowledged, &n_sent);
                    scope.spawn(move || {
                        for number in 0.. {
                            let key = format!("{kill}/{writer}/{number}");
                            let body = json!({ "events": [event(writer, &key)] }).to_string();
                            n_sent.fetch_add(1, Ordering::Relaxed);
                            match served_address.try_send("POST", "/v1/events", JSON, &body) {
                                Ok(reply) => {
                                    assert_eq!(reply.ok()["kept"], 1, "{key}");
                                    acknowledged.lock().unwrap().push((writer, key));
                                }
                                // It was killed.
                                Err(_) => break,
                            }
                        }
                    })
                })
                .collect();
            thread::sleep(moment);
            let id = served_address.process.id().to_string();
            assert!(Command::new("kill").args(["-9", &id]).status().unwrap().success());
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
        served.process.wait().unwrap();
        assert!(kill == 0 || acknowledged.lock().unwrap().len() > before || moment < Duration::from_millis(100));
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > n_kills, "{}", acknowledged.len());
    let served = Served::with_events(folder.path());
    repeated(&served, &acknowledged);
    let mut n_there = 0;
    for writer in 0..4 {
        let n_of_writer = acknowledged.iter().filter(|(of, _)| *of == writer).count() as u64;
        let erased = served.send("DELETE", &format!("/v1/users/writer%20{writer}"), &[], "").ok();
        let there = erased["events"].as_u64().unwrap();
        assert!(there >= n_of_writer, "writer {writer}: {there} of {n_of_writer}");
        n_there += there as usize;
    }
    // What was sent and not acknowledged may be there, once.
    assert!(n_there <= n_sent.into_inner());
}

#[test]
fn a_full_disk_keeps_nothing_and_takes_events_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = text(folder.path());
    // A small disk that only the service sees, and that goes with it.
    let mount = "mount -t tmpfs -o size=4m none \"$0\"";
    let own = |flag: &str, then: &str| {
        let mut command = Command::new("unshare");
        command.args([flag, "sh", "-c", &format!("{mount}{then}"), &disk]).current_dir(common::root());
        command
    };
    let can = |flag: &&str| own(flag, "").output().is_ok_and(|output| output.status.success());
    let Some(flag) = ["-m", "-rm"].into_iter().find(can) else {
        left_out("a full disk: `unshare` and `mount` make no disk of one's own here");
        return;
    };
    let out = text(people().parent().unwrap());
    let events = folder.path().join("events.redb");
    let mut command = own(flag, " && exec \"$@\"");
    command.args([env!("CARGO_BIN_EXE_reco"), "serve", "--addr", "127.0.0.1:0", "--device", "cpu", "--out", &out]);
    command.args(["--events", &text(&events)]);
    let served = Served::of(command);
    let seen = format!("/proc/{}/root", served.process.id());
    let ballast = format!("{seen}{disk}/ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let large = "x".repeat(200);
    let some = |number: usize| {
        let event = |at: usize| {
            json!({ "user_id": "full", "item_id": 1, "kind": large, "recommendation_id": large,
                "key": format!("{number}/{at}") })
        };
        json!({ "events": (0..20).map(event).collect::<Vec<_>>() })
    };
    // After a refusal the file is opened again, which may find some room in it.
    let (mut full, mut n_refused) = (0, 0);
    while n_refused < 5 && full < 2000 {
        let reply = served.post("/v1/events", &some(full));
        if reply.status == 200 {
            assert_eq!(reply.ok()["kept"], 20, "nothing was kept of what was refused");
            (full, n_refused) = (full + 1, 0);
        } else {
            reply.refuses(507, "nothing was kept");
            n_refused += 1;
        }
    }
    assert!(n_refused == 5 && full > 0, "{full} requests fitted into 4 MiB");
    served.send("DELETE", "/v1/users/nobody", &[], "").refuses(507, "nothing was kept");
    served.get("/v1/users/1/recommendations").ok();
    assert_eq!(served.get("/readyz").body, "ready\n");
    fs::remove_file(ballast).unwrap();
    assert_eq!(served.post("/v1/events", &some(full)).ok()["kept"], 20, "nothing was kept before");
    assert_eq!(served.post("/v1/events", &some(full + 1)).ok()["kept"], 20);
    // What is on that disk is whole.
    let other = tempfile::tempdir().unwrap();
    fs::copy(format!("{seen}{}", text(&events)), other.path().join("events.redb")).unwrap();
    served.has_not_panicked();
    let again = Served::with_events(other.path());
    let erased = again.send("DELETE", "/v1/users/full", &[], "").ok();
    assert_eq!(erased["events"], 20 * (full + 2));
}

#[test]
fn callers_who_leave_are_no_longer_counted() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    let long = json!({ "requests": vec![json!({ "approach": "content", "explain": true, "k": 5 }); 40] }).to_string();
    for length in [long.len(), long.len() + 1] {
        for _ in 0..600 {
            let mut stream = TcpStream::connect(&served.address).unwrap();
            let head =
                "POST /v1/recommendations:batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
            // They leave before the answer, or before they have said all.
            write!(stream, "{head}content-length: {length}\r\n\r\n{long}").unwrap();
        }
    }
    let started = Instant::now();
    let left = || served.get("/metrics").body.contains("reco_requests_under_way 1\n");
    while !left() {
        assert!(started.elapsed() < Duration::from_secs(10), "{}", served.get("/metrics").body);
        thread::sleep(Duration::from_millis(20));
    }
    served.get("/v1/users/1/recommendations").ok();
}

#[test]
fn callers_who_say_nothing_are_sent_away() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    let started = Instant::now();
    let beginnings: [&[u8]; 3] = [b"", b"GET /v1/models HTTP/1.1\r\nhost: local", b"G"];
    let silent: Vec<TcpStream> = (0..60)
        .map(|number| {
            let mut stream = TcpStream::connect(&served.address).unwrap();
            stream.write_all(beginnings[number % 3]).unwrap();
            stream
        })
        .collect();
    served.get("/v1/models").ok();
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let ended = stream.read_to_end(&mut Vec::new());
        assert!(!ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is still open");
    }
    assert!(started.elapsed() >= Duration::from_secs(25), "nobody is hurried");
    served.get("/v1/models").ok();
}

#[test]
fn an_id_is_one_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::with_events(folder.path());
    let large = json!({ "events": [{ "user_id": 18_446_744_073_709_551_615_u64, "item_id": 1 }] });
    assert_eq!(served.post("/v1/events", &large).ok()["kept"], 1);
    assert_eq!(served.send("DELETE", "/v1/users/18446744073709551615", &[], "").ok()["events"], 1);
    assert_eq!(served.send("DELETE", "/v1/users/%201", &[], "").ok()["is_in_models"], true);
    for id in ["1", "%201", "1%20%20", "%091"] {
        let answer = served.get(&format!("/v1/users/{id}/recommendations")).ok();
        assert!(answer["notes"].to_string().contains("nothing is known of user"), "`{id}`: {answer}");
    }
    let one = json!({ "events": [{ "user_id": 2, "item_id": 1 }] }).to_string();
    let keyed = |key: &str| {
        let headers = [JSON[0], ("idempotency-key", key)];
        served.send("POST", "/v1/events", &headers, &one)
    };
    keyed("schl\u{fc}ssel").refuses(400, "is no text");
    keyed(&"k".repeat(300)).refuses(400, "`key` has `302` bytes");
    assert_eq!(keyed("k").ok()["kept"], 1);
    assert_eq!(keyed("k").ok()["repeated"], 1);
}
