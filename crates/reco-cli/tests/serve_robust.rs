//! Tests that nothing breaks `reco serve`: swaps under load, kills, a full disk, hostile requests, silent callers.
//!
//! Does not know what a right answer is: `serve.rs` does.
//!
//! **Invariant**: what is sent is drawn from fixed seeds. With `RECO_TORTURE` there are ten times as many swaps and
//! kills, as for `cargo xtask torture --service`.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::served::{Served, ids, text};
use common::{copy, people};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reco_core::testing::left_out;
use serde_json::{Value, json};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// How often something is done.
fn times(n: usize) -> usize {
    if std::env::var_os("RECO_TORTURE").is_some() { 10 * n } else { n }
}

/// A run of people, and a service of it that takes events into `folder`.
fn with_events(folder: &Path) -> Served {
    let out = text(people().parent().unwrap());
    Served::start(&["--out", &out, "--events", &text(&folder.join("events.redb"))])
}

/// Tells others to stop, even where a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A line of `/proc/PID/status` in MiB; `None` where the system does not tell.
fn memory(served: &Served, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", served.process.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}

/// Asserts that the memory has not grown by `most` MiB since it was `before`.
fn has_not_grown(before: Option<u64>, now: Option<u64>, most: u64) {
    match before.zip(now) {
        Some((before, now)) => assert!(now <= before + most, "from {before} MiB to {now} MiB"),
        None => left_out("memory of a service: this system has no /proc"),
    }
}

/// Ends the service, and asserts that it said nothing of a panic.
fn has_not_panicked(mut served: Served) {
    served.kill();
    let mut said = String::new();
    served.stderr.read_to_string(&mut said).unwrap();
    assert!(!said.contains("panicked"), "{said}");
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
                early = memory(&served, "VmRSS");
            }
        }
        drop(stopping);
    });
    assert!(n_asked.into_inner() > n_swaps);
    has_not_grown(early, memory(&served, "VmRSS"), 64);
    has_not_panicked(served);
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
        let mut served = with_events(folder.path());
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
    let served = with_events(folder.path());
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
    has_not_panicked(served);
    let again = with_events(other.path());
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
fn what_would_fill_the_memory_is_refused() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    served.get("/v1/users/1/recommendations").ok();
    let before = memory(&served, "VmHWM");
    let many = |entry: &str, n: usize| vec![entry; n].join(",");
    let batch = format!("{{\"requests\":[{}]}}", many("{}", 300_000));
    served.send("POST", "/v1/recommendations:batch", JSON, &batch).refuses(400, "a list of 1000 entries at most");
    let words = format!("/v1/items?query={}", vec!["a"; 30_000].join("+"));
    served.get(&words).refuses(400, "it has 256 at most");
    served.get("/v1/users/1/recommendations?k=201&explain=true").refuses(400, "reasons for `200` at most");
    let each = json!({ "explain": true, "k": 5 });
    let all = json!({ "requests": vec![each; 41] });
    served.post("/v1/recommendations:batch", &all).refuses(400, "reasons for `200` at most");
    for part in [many("1", 500_000), many("{\"item_id\":1}", 70_000), "[".repeat(1_000_000)] {
        let body = format!("{{\"ratings\":[{part}]}}");
        let status = served.send("POST", "/v1/recommendations", JSON, &body).status;
        assert!(status == 400 || status == 200, "{status}");
    }
    has_not_grown(before, memory(&served, "VmHWM"), 64);
    has_not_panicked(served);
}

#[test]
fn an_id_is_one_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let served = with_events(folder.path());
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

/// How a request is sent, and what is done after it.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// At once; the answer is read.
    Whole,
    /// In three parts.
    Slow,
    /// Nobody waits for the answer.
    Leaving,
    /// Nothing more can be sent after it.
    HalfClosed,
    /// Twice, without waiting for the first answer.
    Twice,
}

#[derive(Clone, Debug)]
struct Hostile {
    bytes: Vec<u8>,
    way: Way,
}

/// A value as JSON, or nearly.
fn value() -> impl Strategy<Value = String> {
    let plain = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "2",
        "5",
        "12",
        "1.5",
        "1e400",
        "-1e39",
        "1e38",
        "18446744073709551616",
        "-9223372036854775809",
        "NaN",
        "Infinity",
        "\"\"",
        "\"1\"",
        "\" 1 \"",
        "\"x\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\u{202e}\"",
        "\"../../etc/passwd\"",
        "\"content\"",
        "\"popularity\"",
        "\"user-knn\"",
        "\"auto\"",
        "\"neural\"",
        "\"Drama\"",
        "\"age\"",
        "\"2026-11-29T18:30:00Z\"",
        "\"rating\"",
        "\"tools/call\"",
        "\"recommend\"",
        "\"explain\"",
        "\"2.0\"",
        "{}",
        "[]",
        "{\"age\": 1e38}",
        "{\"age\": \"-0\"}",
        "{\"gender\": \"F\"}",
        "{\"daytime\": 1e38}",
        "{\"weekend\": \"1\"}",
        "{\"item_id\": 1, \"rating\": 5}",
    ];
    let leaf = prop_oneof![
        20 => prop::sample::select(plain.map(str::to_owned).to_vec()),
        1 => (1_usize..3000).prop_map(|depth| "[".repeat(depth)),
        1 => (1_usize..200_000).prop_map(|n| format!("\"{}\"", "y".repeat(n))),
        1 => ".{0,20}".prop_map(|text| json!(text).to_string()),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let pair = (field(), inner.clone()).prop_map(|(field, value)| format!("\"{field}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(pair, 0..6).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "user_id",
        "ratings",
        "likes",
        "attributes",
        "context",
        "k",
        "offset",
        "approach",
        "scenario",
        "filter",
        "exclude_seen",
        "explain",
        "diversity",
        "items",
        "ask",
        "requests",
        "events",
        "item_id",
        "rating",
        "key",
        "timestamp",
        "kind",
        "recommendation_id",
        "jsonrpc",
        "id",
        "method",
        "params",
        "name",
        "arguments",
        "features",
        "without_features",
        "year_from",
        "year_to",
        "allow",
        "block",
        "query",
        "FeedbackType",
        "UserId",
        "ItemId",
        "Value",
        "Timestamp",
        "nobody",
    ])
}

/// Bodies that are right, or nearly, and others.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let right = [
        "{\"ratings\":[{\"item_id\":1,\"rating\":5}],\"k\":3,\"explain\":true}",
        "{\"user_id\":1,\"k\":12,\"diversity\":0.5}",
        "{\"items\":[1,2,3],\"ask\":{\"user_id\":7}}",
        "{\"requests\":[{\"user_id\":1},{\"likes\":[\"Drama\"]}]}",
        "{\"events\":[{\"user_id\":3,\"item_id\":5,\"rating\":4,\"key\":\"k\"}]}",
        "{\"run\":\"nobody\"}",
        "[{\"FeedbackType\":\"star\",\"UserId\":\"4\",\"ItemId\":\"2\",\"Value\":3,\"Timestamp\":\"\"}]",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"recommend\",\"arguments\":{\"user_id\":\"1\"}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"explain\",\"arguments\":{\"item_id\":\"1\"}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"initialize\",\"params\":7}",
    ];
    let right = prop::sample::select(right.map(|text| text.as_bytes().to_vec()).to_vec());
    let drawn = prop::collection::vec((field(), value()), 0..5).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(field, value)| format!("\"{field}\":{value}")).collect();
        format!("{{{}}}", pairs.join(",")).into_bytes()
    });
    prop_oneof![
        3 => right.clone(),
        3 => (right, damage()).prop_map(|(bytes, damage)| damaged(bytes, &damage)),
        4 => drawn,
        1 => value().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (1_usize << 20..1_200_000).prop_map(|n| vec![b' '; n]),
    ]
}

/// A place in a request, relative to its length, and what becomes of it.
type Damage = Vec<(f64, u8, u8)>;

fn damage() -> impl Strategy<Value = Damage> {
    prop::collection::vec((0.0..1.0, 0_u8..4, any::<u8>()), 1..4)
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    for &(place, what, byte) in damage {
        let at = (place * bytes.len() as f64) as usize;
        match what {
            0 if at < bytes.len() => bytes[at] = byte,
            1 => bytes.truncate(at),
            2 => bytes.insert(at, byte),
            _ => {
                let end = bytes.len().min(at + usize::from(byte));
                let part = bytes[at..end].to_vec();
                bytes.extend(part);
            }
        }
    }
    bytes
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "/",
        "/app.js",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/healthz",
        "/readyz",
        "/v1/models",
        "/v1/items",
        "/v1/events",
        "/v1/rank",
        "/v1/items/1",
        "/v1/items/1/similar",
        "/v1/users/1",
        "/v1/users/1/recommendations",
        "/v1/users/new/recommendations",
        "/v1/recommendations",
        "/v1/recommendations:batch",
        "/v1/models:activate",
        "/api/recommend/1",
        "/api/recommend/1/",
        "/api/recommend/1/Drama",
        "/api/session/recommend",
        "/api/feedback",
        "/api/item/1",
        "/api/item/1/neighbors",
        "/api/items",
        "/api/user/3",
        "/mcp",
    ];
    let odd = [
        "*",
        "//",
        "/../../etc/passwd",
        "/v1/users/%00/recommendations",
        "/v1/users/%ff/recommendations",
        "/v1/items/%2e%2e%2fetc",
        "/v1/users/..%2f..%2fetc/recommendations",
        "http://localhost/v1/models",
        "http://elsewhere/v1/models",
        "localhost:80",
        "/%",
        "/%zz",
        "/v1/items/\u{202e}",
        "/api/recommend/%ff/%ff",
        "/api/recommend//",
        "/v1/users//recommendations",
        "?k=1",
        "",
    ];
    let long = (1_usize..90_000).prop_map(|n| format!("/v1/items/{}", "z".repeat(n)));
    let path = prop_oneof![
        12 => prop::sample::select(known.map(str::to_owned).to_vec()),
        3 => prop::sample::select(odd.map(str::to_owned).to_vec()),
        1 => long,
    ];
    let parameter = prop::sample::select(vec![
        "k=3",
        "k=0",
        "k=-1",
        "k=1e9",
        "k=18446744073709551615",
        "offset=999",
        "offset=18446744073709551615",
        "n=5",
        "n=x",
        "explain=true",
        "explain=2",
        "diversity=NaN",
        "diversity=1",
        "diversity=inf",
        "context=daytime:1",
        "context=daytime:1e38",
        "context=:,:",
        "features=Drama",
        "features=%00",
        "year_from=-2147483649",
        "year_to=2000",
        "approach=content",
        "approach=neural",
        "approach=%ff",
        "query=star+wras",
        "q=%F0",
        "query=%00",
        "exclude_seen=false",
        "scenario=x",
        "k=1&k=2",
        "&&==&",
        "a%5B%5D=1",
    ]);
    (path, prop::collection::vec(parameter, 0..4)).prop_map(|(path, parameters)| match parameters.is_empty() {
        true => path.into_bytes(),
        false => format!("{path}?{}", parameters.join("&")).into_bytes(),
    })
}

/// A request by its parts.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec![
        "GET", "GET", "GET", "POST", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT",
        "get", "G\u{e4}T", "",
    ]);
    let header = prop_oneof![
        6 => prop::sample::select(vec![
            "content-type: application/json", "content-type: text/plain", "host: elsewhere", "host: localhost:1", "host: \u{fc}", "x-api-version: 2",
            "idempotency-key: a", "idempotency-key: \u{fc}", "expect: 100-continue", "expect: 200-ok", "transfer-encoding: chunked",
            "transfer-encoding: gzip, chunked", "content-encoding: gzip", "content-length: 5", "content-length: -1", "content-length: 99999999999999999999",
            "connection: upgrade", "upgrade: websocket", "authorization: Bearer", "accept: \u{0}", "x: y\r\n z", "no header", ": empty", "range: bytes=0-1",
            "content-type: application/json; charset=utf-16", "origin: null", "accept-encoding: br", "x-request-id: 1", "connection: keep-alive",
        ]).prop_map(str::to_owned),
        1 => (1_usize..100_000).prop_map(|n| format!("x-long: {}", "h".repeat(n))),
        1 => (1_usize..300).prop_map(|n| vec!["x-many: 1"; n].join("\r\n")),
    ];
    let version = prop::sample::select(vec![
        "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", "",
    ]);
    // Most have a right type and length, so that what is behind the borders is reached.
    let parts = (method, target(), version, prop::collection::vec(header, 0..3), body(), 0_u8..10, -3_i64..3);
    parts.prop_map(|(method, target, version, headers, body, framed, wrong)| {
        let mut bytes =
            [method.as_bytes(), b" ", &target, b" ", version.as_bytes(), b"\r\nhost: localhost\r\n"].concat();
        bytes.extend(b"connection: close\r\n");
        if framed > 0 {
            bytes.extend(b"content-type: application/json\r\n");
            let length = body.len() as i64 + if framed == 1 { wrong } else { 0 };
            bytes.extend(format!("content-length: {length}\r\n").bytes());
        }
        headers.iter().for_each(|header| bytes.extend([header.as_bytes(), b"\r\n"].concat()));
        bytes.extend(b"\r\n");
        bytes.extend(body);
        bytes
    })
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let bytes = prop_oneof![
        12 => request(),
        4 => (request(), damage()).prop_map(|(bytes, damage)| damaged(bytes, &damage)),
        1 => prop::collection::vec(any::<u8>(), 0..2000),
    ];
    let way = prop_oneof![
        12 => Just(Way::Whole), 1 => Just(Way::Slow), 2 => Just(Way::Leaving), 2 => Just(Way::HalfClosed), 1 => Just(Way::Twice),
    ];
    (bytes, way).prop_map(|(bytes, way)| Hostile { bytes, way })
}

/// Sends it, and returns what came back. Whoever has had enough closes the connection while we send, which is an answer.
fn send(address: &str, hostile: &Hostile) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let bytes = &hostile.bytes;
    let _ = match hostile.way {
        Way::Slow => bytes.chunks((bytes.len() / 3).max(1)).try_for_each(|part| {
            thread::sleep(Duration::from_millis(1));
            stream.write_all(part)
        }),
        Way::Twice => stream.write_all(&[bytes.as_slice(), bytes].concat()),
        _ => stream.write_all(bytes),
    };
    let mut reply = Vec::new();
    match hostile.way {
        Way::Leaving => return reply,
        Way::HalfClosed => {
            let _ = stream.shutdown(Shutdown::Write);
        }
        _ => {
            // A request that is not whole yet is ended, so that nobody waits for the rest of it.
            stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
            if stream.read_to_end(&mut reply).is_err() {
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
    }
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let read = stream.read_to_end(&mut reply);
    assert!(!read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it hangs");
    reply
}

/// What is wrong with a reply, if anything is.
fn fault(reply: &[u8]) -> Option<String> {
    let reply = String::from_utf8_lossy(reply);
    let is_fine = |status: &str| {
        let known = ["1", "2", "4"].iter().any(|class| status.starts_with(class)) && status.len() == 3;
        // A slow caller's request takes too long on a busy machine.
        known || status == "503"
    };
    for (at, _) in reply.match_indices("HTTP/1.") {
        let (head, body) = reply[at..].split_once("\r\n\r\n").unwrap_or((&reply[at..], ""));
        let status = head.split(' ').nth(1).unwrap_or_default().trim();
        if !is_fine(status) {
            return Some(format!("status `{status}`: {}", &reply[at..].chars().take(600).collect::<String>()));
        }
        // What the protocol's own reader refuses has no body; the rest are documents.
        let is_document = head.contains("application/problem+json") || body.contains("\"jsonrpc\"");
        if status.starts_with('4') && !body.is_empty() && !is_document {
            return Some(format!("no problem document: {head}\n{}", body.chars().take(300).collect::<String>()));
        }
    }
    (!reply.is_empty() && !reply.starts_with("HTTP/1.")).then(|| format!("no HTTP: `{reply}`"))
}

#[test]
fn ten_thousand_hostile_requests_break_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = with_events(folder.path());
    let n_answered = AtomicUsize::new(0);
    let attack = |seed: u8, n: u32| {
        let config = Config { failure_persistence: None, max_shrink_iters: 300, ..Config::with_cases(n) };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
        let attacked = runner.run(&hostile(), |hostile| {
            let reply = send(&served.address, &hostile);
            n_answered.fetch_add(usize::from(!reply.is_empty()), Ordering::Relaxed);
            prop_assert_eq!(fault(&reply), None);
            Ok(())
        });
        attacked.unwrap_or_else(|error| {
            panic!("seed {seed}: {}", error.to_string().chars().take(3000).collect::<String>())
        });
    };
    let all = |first: u8, n: u32| {
        thread::scope(|scope| {
            (first..first + 4).for_each(|seed| drop(scope.spawn(move || attack(seed, n / 4))));
        });
    };
    all(0, 2000);
    let before = memory(&served, "VmRSS");
    all(4, 8000);
    let n_answered = n_answered.into_inner();
    assert!(n_answered > 6000, "{n_answered} were answered");
    has_not_grown(before, memory(&served, "VmRSS"), 48);
    let metrics = served.get("/metrics").body;
    assert!(metrics.contains("reco_requests_under_way 1\n"), "{metrics}");
    for line in metrics.lines().filter(|line| line.starts_with("reco_requests_total")) {
        assert!(!line.contains("status=\"500\""), "{line}");
    }
    served.get("/v1/users/1/recommendations").ok();
    has_not_panicked(served);
}
