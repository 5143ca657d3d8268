//! Tests `reco serve` over HTTP: answers, fold-in, filters, events, runs that are swapped, and what it refuses.
//!
//! **Invariant**: every service of a test is a process of its own, see `common/served.rs`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use common::served::{Served, ids, text};
use common::{command, copy, finished, people, reco};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

#[test]
fn answers_are_those_of_the_command_line() {
    let served = Served::start(&["--out", &text(finished())]);
    for approach in ["popularity", "hybrid", "ease", "svd"] {
        let path = format!("/v1/users/1/recommendations?k=7&approach={approach}&context=daytime:0,weekend:0");
        let answer = served.get(&path).ok();
        let models = text(&finished().join("models"));
        let line = ["recommend", "--device", "cpu", "--user", "1", "--top", "7", "--context", "daytime=0,weekend=0"];
        let known = reco(line.iter().chain(&["--approach", approach, "--json", "--models", &models])).ok().json();
        assert_eq!(ids(&answer), ids(&known), "{approach}");
        let score = |answer: &Value| answer["items"][0]["score"].as_f64().unwrap() as f32;
        assert_eq!(score(&answer), score(&known), "{approach}");
    }
    let first = served.get("/v1/users/1/recommendations?k=3").ok();
    let second = served.get("/v1/users/1/recommendations?k=3&offset=3").ok();
    let both = served.get("/v1/users/1/recommendations?k=6").ok();
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&both), "pages follow each other");
    assert_eq!(first["next_offset"], 3);
    assert_ne!(first["recommendation_id"], second["recommendation_id"]);
    assert!(first["why"].as_str().unwrap().contains("validation"), "{first}");
    let models = served.get("/v1/models").ok();
    let default = models["approaches"].as_array().unwrap().iter().find(|one| one["is_default"] == true).unwrap();
    assert_eq!(default["name"], first["approach"]);
}

#[test]
fn visitors_and_strangers_are_answered_and_nothing_is_stored() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    let fan = json!({ "ratings": [{ "item_id": 1, "rating": 5 }, { "item_id": "2", "rating": 5 }, { "item_id": 5, "rating": 2 }],
        "approach": "content", "k": 2, "explain": true });
    let answer = served.post("/v1/recommendations", &fan).ok();
    assert_eq!(answer["items"][0]["genres"][0], "Sci-Fi", "{answer}");
    assert!(answer["items"][0]["because"].as_str().unwrap().starts_with("because you"), "{answer}");
    assert!(!ids(&answer).contains(&"1".to_owned()), "what was met is left out");
    let women = served.post("/v1/recommendations", &json!({ "attributes": { "gender": "F" }, "k": 4 })).ok();
    assert_eq!(women["approach"], "profile");
    assert_eq!(women["items"][0]["genres"][0], "Drama", "{women}");
    let stranger = served.get("/v1/users/nobody-knows/recommendations").ok();
    assert_eq!(stranger["approach"], "popularity");
    assert!(stranger["notes"][0].as_str().unwrap().contains("nothing is known of user `nobody-knows`"), "{stranger}");
    let batch = json!({ "requests": [fan, { "approach": "nobody" }, { "k": 1 }] });
    let answers = served.post("/v1/recommendations:batch", &batch).ok();
    assert_eq!(ids(&answers["answers"][0]), ids(&answer));
    assert_eq!(answers["answers"][1]["status"], 404);
    assert_eq!(ids(&answers["answers"][2]).len(), 1);
    let ranked =
        served.post("/v1/rank", &json!({ "items": [9, 1, 5], "ask": { "attributes": { "gender": "F" } } })).ok();
    assert_eq!(ids(&ranked).len(), 3);
    assert_eq!(ids(&ranked)[0], "5", "{ranked}");
}

#[test]
fn items_are_found_by_words_and_by_likeness() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    let found = served.get("/v1/items?query=drmaa+number&k=2").ok();
    assert_eq!(found["items"][0]["genres"][0], "Drama", "{found}");
    assert_eq!(found["next_offset"], 2);
    assert_eq!(served.get("/v1/items?k=100").ok()["items"].as_array().unwrap().len(), 12);
    assert_eq!(served.get("/v1/items/3").ok()["title"], "Sci-Fi number 3 (1999)");
    let similar = served.get("/v1/items/3/similar?k=2&approach=content").ok();
    assert_eq!(similar["items"][0]["genres"][0], "Sci-Fi", "{similar}");
    served.get("/v1/items/99").refuses(404, "unknown item `99`");
    served.get("/v1/items/99/similar").refuses(404, "unknown item `99`");
}

#[test]
fn events_change_the_next_answer_and_outlive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let events = text(&folder.path().join("events.redb"));
    let out = text(people().parent().unwrap());
    let arguments = ["--out", out.as_str(), "--events", &events];
    let mut served = Served::start(&arguments);
    let mine = |served: &Served| served.get("/v1/users/anew/recommendations?approach=content&k=12").ok();
    assert_eq!(ids(&mine(&served)).len(), 12);
    let rated = |item: u32, stars: u32| json!({ "user_id": "anew", "item_id": item, "rating": stars });
    let sent = json!({ "events": [rated(1, 5), rated(2, 5), rated(999, 2)] });
    let kept = served.post("/v1/events", &sent).ok();
    assert_eq!(kept, json!({ "kept": 3, "repeated": 0, "unknown_items": 1 }));
    let after = mine(&served);
    assert_eq!(after["items"][0]["genres"][0], "Sci-Fi", "{after}");
    assert!(!ids(&after).contains(&"1".to_owned()));
    // A user whom the models know: what they did since is taken in too, and is not recommended.
    let known = |served: &Served| served.get("/v1/users/1/recommendations?approach=content&k=12").ok();
    let best = ids(&known(&served))[0].clone();
    let one = json!({ "events": [{ "user_id": 1, "item_id": best.parse::<u32>().unwrap(), "key": "once" }] });
    assert_eq!(served.post("/v1/events", &one).ok()["kept"], 1);
    assert_eq!(served.post("/v1/events", &one).ok()["repeated"], 1);
    assert!(!ids(&known(&served)).contains(&best));
    let neural = served.get("/v1/users/1/recommendations?approach=neural&k=12").ok();
    assert!(!ids(&neural).contains(&best), "an approach that cannot take it in leaves it out: {neural}");
    assert!(neural["notes"].to_string().contains("does not look at what the user did since"), "{neural}");
    // Killed, not stopped.
    served.kill();
    let served = Served::start(&arguments);
    assert_eq!(ids(&mine(&served)), ids(&after));
    let erased = served.send("DELETE", "/v1/users/anew", &[], "").ok();
    assert_eq!(erased, json!({ "events": 3, "is_in_models": false }));
    assert_eq!(ids(&mine(&served)).len(), 12);
    assert_eq!(served.send("DELETE", "/v1/users/1", &[], "").ok(), json!({ "events": 1, "is_in_models": true }));
    assert!(known(&served)["notes"].to_string().contains("nothing is known of user `1`"));
    served.post("/v1/events", &json!({ "events": [rated(1, 9)] })).refuses(400, "event `0`");
    let none = Served::start(&["--out", &out]);
    none.post("/v1/events", &sent).refuses(404, "--events FILE");
}

#[test]
fn a_run_is_swapped_under_way_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    copy(people().parent().unwrap(), &one);
    copy(people().parent().unwrap(), &other);
    let served = Served::start(&["--run", &format!("one={}", text(&one)), "--run", &format!("other={}", text(&other))]);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..200 {
                served.get("/v1/users/1/recommendations?k=2").ok();
            }
        });
        for name in ["other", "one", "other", "one", "other"] {
            assert_eq!(served.post("/v1/models:activate", &json!({ "run": name })).ok()["run"], name);
        }
        asking.join().unwrap();
    });
    for model in fs::read_dir(one.join("models")).unwrap() {
        let weights = model.unwrap().path().join("weights.safetensors");
        if weights.exists() {
            fs::write(weights, "damaged").unwrap();
        }
    }
    served.post("/v1/models:activate", &json!({ "run": "one" })).refuses(409, "the one before it stays");
    served.post("/v1/models:activate", &json!({ "run": "/etc" })).refuses(404, "there is no run");
    assert_eq!(served.get("/v1/models").ok()["run"], "other");
    served.get("/v1/users/1/recommendations").ok();
}

#[test]
fn rules_of_a_scenario_hold_and_an_experiment_parts_users() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("serve.toml");
    let rules = "[scenario.calm]\nwithout_features = [\"Sci-Fi\"]\nblock = [9]\nboost = { Drama = 9 }\n\
        [ab]\nname = \"autumn\"\narms = { a = \"popularity\", b = \"content\" }\n";
    fs::write(&config, rules).unwrap();
    let out = text(people().parent().unwrap());
    let events = text(&folder.path().join("events.redb"));
    let served = Served::start(&["--out", &out, "--config", &text(&config), "--events", &events]);
    let ask = json!({ "scenario": "calm", "k": 12, "filter": { "allow": [1, 5, 9, 10] } });
    let answer = served.post("/v1/recommendations", &ask).ok();
    assert_eq!(ids(&answer), ["5", "10"], "Drama is lifted, the others are not allowed: {answer}");
    let arm = |user: u32| {
        let answer = served.get(&format!("/v1/users/{user}/recommendations")).ok();
        let (arm, approach) = (answer["arm"].to_string(), answer["approach"].to_string());
        assert_eq!(approach, if arm == "\"a\"" { "\"popularity\"" } else { "\"content\"" });
        arm
    };
    let arms: Vec<String> = (1..=24).map(arm).collect();
    assert_eq!(arms.iter().collect::<BTreeSet<_>>().len(), 2, "both arms have users");
    assert_eq!(arms, (1..=24).map(arm).collect::<Vec<_>>(), "a user stays in one arm");
    served.post("/v1/recommendations", &json!({ "scenario": "clam" })).refuses(400, "did you mean `calm`?");
    for (wrong, part) in [
        ("[scenario.x]\nwithout_features = [\"Scifi\"]", "unknown feature `Scifi`"),
        ("[ab]\nname = \"x\"\narms = { a = \"ease\" }", "has `1` arms"),
        ("[scenarios.x]", "unknown field `scenarios`"),
        ("[scenario.x]\napproach = \"esae\"", "there is no approach `esae`"),
    ] {
        fs::write(&config, wrong).unwrap();
        reco(["serve", "--addr", "127.0.0.1:0", "--out", &out, "--config", &text(&config)]).fails(1, &[part]);
    }
}

#[test]
fn what_is_wrong_is_a_problem_document() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    let json_body = &[("content-type", "application/json")][..];
    for (method, path, headers, body, status, part) in [
        ("GET", "/nothing", &[][..], "", 404, "`/docs` says what there is"),
        ("PUT", "/v1/rank", &[], "", 405, "`PUT` is not answered here"),
        ("GET", "/v1/users/1/recommendations?k=0", &[], "", 400, "`k` is `0`"),
        ("GET", "/v1/users/1/recommendations?k=1001", &[], "", 400, "`1000` or less"),
        ("GET", "/v1/users/1/recommendations?k=18446744073709551615&offset=1", &[], "", 400, "`k` is"),
        ("GET", "/v1/users/1/recommendations?limit=3", &[], "", 400, "unknown field `limit`"),
        ("GET", "/v1/users/1/recommendations?approach=esae", &[], "", 404, "there is no approach `esae`"),
        ("GET", "/v1/users/1/recommendations?approach=../../etc", &[], "", 404, "there is no approach"),
        ("GET", "/v1/users/1/recommendations?features=Scifi", &[], "", 400, "unknown feature `Scifi`"),
        ("GET", "/v1/users/1/recommendations?context=daytime", &[], "", 400, "has no value"),
        ("GET", "/v1/users/1/recommendations?diversity=2", &[], "", 400, "between 0 and 1"),
        ("GET", "/v1/users/%ff/recommendations", &[], "", 400, "UTF-8"),
        ("POST", "/v1/recommendations", &[], "{}", 415, "send JSON"),
        ("POST", "/v1/recommendations", json_body, "{", 400, "the body: EOF"),
        ("POST", "/v1/recommendations", json_body, "{\"user\": 1}", 400, "unknown field `user`"),
        ("POST", "/v1/recommendations", json_body, "{\"ratings\": [{\"item_id\": 77}]}", 400, "unknown item `77`"),
        ("POST", "/v1/recommendations", json_body, "{\"ratings\": [{\"item_id\": 1, \"rating\": 6}]}", 400, "item `1`"),
        ("POST", "/v1/recommendations", json_body, "{\"likes\": [\"Scifi\"]}", 400, "did you mean `Sci-Fi`?"),
        ("POST", "/v1/rank", json_body, "{\"items\": []}", 400, "`k` is `0`"),
        ("POST", "/v1/events", json_body, "{\"events\": []}", 404, "--events FILE"),
        ("GET", "/v1/models", &[("host", "evil.example")], "", 421, "not this machine"),
    ] {
        served.send(method, path, headers, body).refuses(status, part);
    }
    let large = format!("{{\"user_id\": \"{}\"}}", "x".repeat(2 << 20));
    served.send("POST", "/v1/recommendations", json_body, &large).refuses(413, "too large");
    let reply = served.get("/v1/models");
    for header in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "x-request-id: "] {
        assert!(reply.head.contains(header), "`{header}` is not in {}", reply.head);
    }
    assert_eq!(served.get("/healthz").body, "ok\n");
    assert_eq!(served.get("/readyz").body, "ready\n");
    let metrics = served.get("/metrics").body;
    assert!(
        metrics.contains("reco_requests_total{route=\"/v1/users/{id}/recommendations\",status=\"404\"} 2"),
        "{metrics}"
    );
}

#[test]
fn a_key_guards_what_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (out, events) = (text(people().parent().unwrap()), text(&folder.path().join("events.redb")));
    let mut with_key = command(["serve", "--addr", "127.0.0.1:0", "--out", &out, "--events", &events]);
    with_key.env("RECO_API_KEY", "s3cret");
    let served = Served::of(with_key);
    let event = json!({ "events": [{ "user_id": 1, "item_id": 1 }] });
    served.post("/v1/events", &event).refuses(401, "needs the service's key");
    served.send("DELETE", "/v1/users/1", &[("x-api-key", "wrong")], "").refuses(401, "x-api-key");
    served.post("/v1/models:activate", &json!({ "run": "default" })).refuses(401, "key");
    let headers = |key: (&'static str, &'static str)| [("content-type", "application/json"), key];
    for key in [("x-api-key", "s3cret"), ("authorization", "Bearer s3cret")] {
        served.send("POST", "/v1/events", &headers(key), &event.to_string()).ok();
    }
    served.post("/v1/recommendations", &json!({})).ok();
    let mut open = command(["serve", "--addr", "0.0.0.0:0", "--out", &out]);
    let refused = open.env_remove("RECO_API_KEY").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("hint: set `RECO_API_KEY`"), "{refused:?}");
}

#[test]
fn it_starts_at_once_and_ends_when_told() {
    let started = Instant::now();
    let mut served = Served::start(&["--out", &text(finished())]);
    served.get("/v1/users/1/recommendations").ok();
    let first_answer = started.elapsed();
    assert!(first_answer < Duration::from_secs(20), "{first_answer:?}");
    let told = Command::new("kill").arg(served.process.id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(served.process.wait().unwrap().success());
    let mut rest = String::new();
    served.stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("stopping"), "{rest}");
}

/// However small the rest, and whatever the order is asked to be.
#[test]
fn a_rule_never_lets_an_excluded_item_through() {
    let served = Served::start(&["--out", &text(people().parent().unwrap())]);
    let some = || prop::collection::btree_set(1_u32..=12, 0..12);
    let asks = (
        some(),
        prop::option::of(some()),
        prop::collection::btree_set(prop::sample::select(vec!["Sci-Fi", "Drama", "Comedy"]), 0..3),
        prop::option::of(0.0_f32..=1.0),
        some(),
        prop::option::of(1_u32..=25),
        any::<bool>(),
        prop::sample::select(vec!["popularity", "content", "user-knn", "auto", "profile"]),
    );
    let mut runner = TestRunner::new_with_rng(Config::with_cases(60), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tested = runner.run(&asks, |(block, allow, without, diversity, rated, user, exclude_seen, approach)| {
        let ratings: Vec<Value> = rated.iter().map(|item| json!({ "item_id": item, "rating": 4 })).collect();
        let ask = json!({ "k": 12, "diversity": diversity, "ratings": ratings, "user_id": user, "approach": approach,
            "exclude_seen": exclude_seen, "filter": { "block": block, "allow": allow, "without_features": without } });
        let answer = served.post("/v1/recommendations", &ask).ok();
        let items = answer["items"].as_array().unwrap();
        let distinct: BTreeSet<String> = items.iter().map(|item| item["item_id"].to_string()).collect();
        prop_assert_eq!(distinct.len(), items.len());
        for item in items {
            let id: u32 = item["item_id"].to_string().parse().unwrap();
            prop_assert!(!block.contains(&id), "{} is blocked", id);
            prop_assert!(allow.as_ref().is_none_or(|allow| allow.contains(&id)), "{} is not allowed", id);
            prop_assert!(!without.contains(item["genres"][0].as_str().unwrap()), "{}", item);
            prop_assert!(!exclude_seen || !rated.contains(&id), "{} was met", id);
        }
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{error}"));
}
