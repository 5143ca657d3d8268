//! Sends `reco serve` what nobody should: raw bytes, hostile paths, headers and bodies, in every way of sending them.
//!
//! Does not know what a right answer is: `serve.rs` does.
//!
//! **Invariant**: what is sent is drawn from fixed seeds.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::people;
use common::served::{JSON, Served, has_not_grown, text};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

#[test]
fn what_would_fill_the_memory_is_refused() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    served.get("/v1/users/1/recommendations").ok();
    let before = served.memory("VmHWM");
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
    has_not_grown(before, served.memory("VmHWM"), 64);
    served.has_not_panicked();
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
        "/problem.js",
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

/// Sends it, and returns what came back. Whoever has had enough closes the connection while we send, which is an
/// answer.
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
    let served = Served::with_events(folder.path());
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
    let before = served.memory("VmRSS");
    all(4, 8000);
    let n_answered = n_answered.into_inner();
    assert!(n_answered > 6000, "{n_answered} were answered");
    has_not_grown(before, served.memory("VmRSS"), 48);
    let metrics = served.get("/metrics").body;
    assert!(metrics.contains("reco_requests_under_way 1\n"), "{metrics}");
    for line in metrics.lines().filter(|line| line.starts_with("reco_requests_total")) {
        assert!(!line.contains("status=\"500\""), "{line}");
    }
    served.get("/v1/users/1/recommendations").ok();
    served.has_not_panicked();
}
