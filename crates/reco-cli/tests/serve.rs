//! Tests `reco serve` over HTTP: answers, fold-in, filters, events, runs that are swapped, and what it refuses.
//!
//! **Invariant**: every service of a test is a process of its own, see `common/served.rs`.

mod common;

use std::cell::Cell;
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
    let says = |name: &str| {
        let one = models["approaches"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        ["answers_visitors", "follows_ratings", "uses_context"].map(|key| one[key].as_bool().unwrap())
    };
    assert_eq!(says("popularity"), [true, false, false]);
    assert_eq!(says("ease"), [true, true, false]);
    assert_eq!(says("hybrid"), [false, false, true]);
    assert_eq!(says("auto"), [true, true, false]);
    assert_eq!((&models["stars"], &models["star_step"]), (&json!([0.5, 5.0]), &json!(0.5)));
    assert_eq!(models["year_features"], json!(["old"]));
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
    // What a visitor once rated may have left the catalogue: that is said, and the rest is answered.
    let mut faithful = fan.clone();
    faithful["ratings"].as_array_mut().unwrap().push(json!({ "item_id": 77, "rating": 5 }));
    let left = served.post("/v1/recommendations", &faithful).ok();
    assert_eq!(left["notes"], json!(["left out, since the run does not know them: `77`"]));
    assert_eq!(ids(&left), ids(&answer));
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
    assert_eq!(similar["items"][0]["because"], Value::Null);
    let told = served.get("/v1/items/3/similar?k=2&approach=content&explain=true").ok();
    assert!(told["items"][0]["because"].as_str().unwrap().starts_with("because you"), "{told}");
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

/// Everything that has a place for an item has one for an added item.
#[test]
fn an_added_item_is_found_and_recommended_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let events = text(&folder.path().join("events.redb"));
    let out = text(people().parent().unwrap());
    let arguments = ["--out", out.as_str(), "--events", &events];
    let mut served = Served::start(&arguments);
    let drama = json!({ "item_id": 13, "title": "Quiet Harbour (1999)", "year": 1999, "features": ["Drama"] });
    let added = served.post("/v1/items", &drama);
    assert_eq!(added.status, 201, "{added:?}");
    let added: Value = serde_json::from_str(&added.body).unwrap();
    let shown = json!({ "item_id": 13, "title": "Quiet Harbour (1999)", "year": 1999, "genres": ["Drama"], "n_users": 0,
        "is_added": true });
    assert_eq!(added, shown);
    assert_eq!(served.get("/v1/items/13").ok(), shown);
    assert_eq!(served.get("/v1/items?query=quite+harbor").ok()["items"], json!([shown]));
    assert_eq!(ids(&served.get("/v1/items?k=100").ok()).last().unwrap(), "13", "nobody met it");
    served.post("/v1/items", &drama).refuses(409, "there is an item `13` already");
    for (key, value, status, part) in [
        ("item_id", json!(5), 409, "there is an item `5` already"),
        ("features", json!(["Drmaa"]), 400, "did you mean `Drama`?"),
        ("title", json!("  "), 400, "`title` has `2` bytes"),
        ("item_id", json!(""), 400, "`item_id` has `0` bytes"),
        ("genres", json!(["Drama"]), 400, "unknown field `genres`"),
    ] {
        let mut wrong = drama.clone();
        wrong["item_id"] = json!(14);
        wrong[key] = value;
        served.post("/v1/items", &wrong).refuses(status, part);
    }
    served.post("/v1/items", &json!({ "item_id": 14, "title": "Unlike anything" })).refuses(400, "nothing in common");

    // Its score is the mean of those of the dramas, for whoever asks: women like them, men do not.
    let ask = |served: &Served, approach: &str, gender: &str| {
        let ask = json!({ "attributes": { "gender": gender }, "approach": approach, "k": 13, "explain": true });
        served.post("/v1/recommendations", &ask).ok()
    };
    let place = |answer: &Value| ids(answer).iter().position(|id| id == "13").unwrap_or_else(|| panic!("{answer}"));
    for approach in ["popularity", "top-rated", "profile", "content", "user-knn", "auto", "random"] {
        let answer = ask(&served, approach, "F");
        let item = &answer["items"][place(&answer)];
        let because = "added since the training; scored as the items most like it: Drama number ";
        assert!(item["because"].as_str().unwrap().starts_with(because), "{approach}: {item}");
        let scores: Vec<f64> =
            answer["items"].as_array().unwrap().iter().map(|item| item["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|one, other| one >= other), "{approach}: {scores:?}");
    }
    let (women, men) = (ask(&served, "profile", "F"), ask(&served, "profile", "M"));
    assert!(place(&women) < 5 && place(&men) > 4, "{women} {men}");
    let dramas = women["items"].as_array().unwrap().iter().filter(|item| item["genres"][0] == "Drama");
    let (own, others): (Vec<&Value>, Vec<&Value>) = dramas.partition(|item| item["item_id"] == 13);
    let scores = others.iter().map(|item| item["score"].as_f64().unwrap());
    let (low, high) = scores.fold((f64::MAX, f64::MIN), |(low, high), score| (low.min(score), high.max(score)));
    let own = own[0]["score"].as_f64().unwrap();
    assert!((low..=high).contains(&own), "{low} {own} {high}");

    // Pages, rules and orders treat it as any other.
    let page =
        |offset: usize| json!({ "attributes": { "gender": "F" }, "approach": "profile", "k": 2, "offset": offset });
    let pages: Vec<String> =
        (0..13).step_by(2).flat_map(|offset| ids(&served.post("/v1/recommendations", &page(offset)).ok())).collect();
    assert_eq!(pages, ids(&women));
    let ranked = served.post("/v1/rank", &json!({ "items": [1, 13], "ask": { "attributes": { "gender": "F" } } })).ok();
    assert_eq!(ids(&ranked), ["13", "1"]);
    let alone = json!({ "filter": { "allow": [13] }, "approach": "popularity" });
    assert_eq!(ids(&served.post("/v1/recommendations", &alone).ok()), ["13"]);
    for filter in [json!({ "block": [13] }), json!({ "without_features": ["Drama"] }), json!({ "year_to": 1998 })] {
        let answer = served.post("/v1/recommendations", &json!({ "filter": filter, "k": 13 })).ok();
        assert!(!ids(&answer).contains(&"13".to_owned()), "{answer}");
    }
    let like = served.get("/v1/items/13/similar?k=4").ok();
    assert_eq!(ids(&like), ["5", "6", "7", "8"], "{like}");
    assert!(ids(&served.get("/v1/items/5/similar?k=12&approach=content").ok()).contains(&"13".to_owned()));

    // Events on it are taken, and whoever met it is not recommended it.
    let met = json!({ "events": [{ "user_id": 1, "item_id": 13, "rating": 5 }] });
    assert_eq!(served.post("/v1/events", &met).ok(), json!({ "kept": 1, "repeated": 0, "unknown_items": 0 }));
    let mine = |served: &Served, more: &str| served.get(&format!("/v1/users/1/recommendations?k=13{more}")).ok();
    assert!(!ids(&mine(&served, "")).contains(&"13".to_owned()));
    assert!(mine(&served, "")["notes"].to_string().contains("no model knows yet"));
    assert!(ids(&mine(&served, "&exclude_seen=false")).contains(&"13".to_owned()));
    let visitor = json!({ "ratings": [{ "item_id": 13, "rating": 5 }], "k": 13 });
    assert!(!ids(&served.post("/v1/recommendations", &visitor).ok()).contains(&"13".to_owned()));

    // It outlives a kill and another reading of the run.
    served.process.kill().unwrap();
    served.process.wait().unwrap();
    let served = Served::start(&arguments);
    assert_eq!(served.get("/v1/items/13").ok(), shown);
    served.post("/v1/models:activate", &json!({ "run": "default" })).ok();
    assert_eq!(ids(&ask(&served, "profile", "F")), ids(&women));
    served.send("DELETE", "/v1/items/5", &[], "").refuses(409, "item `5` is of the run");
    assert_eq!(served.send("DELETE", "/v1/items/13", &[], "").ok(), shown);
    served.send("DELETE", "/v1/items/13", &[], "").refuses(404, "unknown item `13`");
    assert!(!ids(&ask(&served, "profile", "F")).contains(&"13".to_owned()));
    let none = Served::start(&["--out", &out]);
    none.post("/v1/items", &drama).refuses(404, "--events FILE");
}

/// A run that was trained on an item that was added makes it an ordinary one.
#[test]
fn a_run_that_knows_an_added_item_takes_it_over() {
    let folder = tempfile::tempdir().unwrap();
    let events = text(&folder.path().join("events.redb"));
    let config = folder.path().join("serve.toml");
    fs::write(&config, "[scenario.home]\nblock = [100]\n").unwrap();
    let (small, large) = (text(people().parent().unwrap()), text(finished()));
    let runs = [format!("small={small}"), format!("large={large}")];
    let served = Served::start(&["--run", &runs[0], "--run", &runs[1], "--events", &events]);
    let item = json!({ "item_id": 100, "title": "A comedy", "features": ["Comedy"] });
    assert_eq!(served.post("/v1/items", &item).status, 201);
    assert_eq!(served.get("/v1/items/100").ok()["is_added"], true);
    assert_eq!(served.post("/v1/models:activate", &json!({ "run": "large" })).ok()["run"], "large");
    let known = served.get("/v1/items/100").ok();
    assert!(known["is_added"].is_null() && known["title"] != "A comedy", "{known}");
    assert_eq!(served.post("/v1/models:activate", &json!({ "run": "small" })).ok()["run"], "small");
    assert_eq!(served.get("/v1/items/100").ok()["title"], "A comedy");
    drop(served);
    // A rule that names it keeps it.
    let config = text(&config);
    let served = Served::start(&["--out", &small, "--events", &events, "--config", &config]);
    let home = served.post("/v1/recommendations", &json!({ "scenario": "home", "k": 13 })).ok();
    assert_eq!(ids(&home).len(), 12);
    served.send("DELETE", "/v1/items/100", &[], "").refuses(409, "the scenario `home` names item `100`");
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
        ("POST", "/v1/recommendations", json_body, "{\"filter\": {\"block\": [77]}}", 400, "unknown item `77`"),
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
    let item = json!({ "item_id": 13, "title": "One", "features": ["Drama"] });
    served.post("/v1/items", &item).refuses(401, "key");
    served.send("DELETE", "/v1/items/13", &[], "").refuses(401, "key");
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
    let folder = tempfile::tempdir().unwrap();
    let events = text(&folder.path().join("events.redb"));
    let served = Served::start(&["--out", &text(people().parent().unwrap()), "--events", &events]);
    // Two that were added are candidates like the others.
    for (id, genre) in [(13, "Drama"), (14, "Comedy")] {
        let item = json!({ "item_id": id, "title": format!("Added {genre}"), "features": [genre] });
        assert_eq!(served.post("/v1/items", &item).status, 201);
    }
    let some = || prop::collection::btree_set(1_u32..=14, 0..14);
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
    let n_added = Cell::new(0);
    let mut runner = TestRunner::new_with_rng(Config::with_cases(60), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tested = runner.run(&asks, |(block, allow, without, diversity, rated, user, exclude_seen, approach)| {
        let ratings: Vec<Value> = rated.iter().map(|item| json!({ "item_id": item, "rating": 4 })).collect();
        let ask = json!({ "k": 14, "diversity": diversity, "ratings": ratings, "user_id": user, "approach": approach,
            "exclude_seen": exclude_seen, "filter": { "block": block, "allow": allow, "without_features": without } });
        let answer = served.post("/v1/recommendations", &ask).ok();
        let items = answer["items"].as_array().unwrap();
        let distinct: BTreeSet<String> = items.iter().map(|item| item["item_id"].to_string()).collect();
        prop_assert_eq!(distinct.len(), items.len());
        for item in items {
            let id: u32 = item["item_id"].to_string().parse().unwrap();
            n_added.set(n_added.get() + usize::from(id > 12));
            prop_assert!(!block.contains(&id), "{} is blocked", id);
            prop_assert!(allow.as_ref().is_none_or(|allow| allow.contains(&id)), "{} is not allowed", id);
            prop_assert!(!without.contains(item["genres"][0].as_str().unwrap()), "{}", item);
            prop_assert!(!exclude_seen || !rated.contains(&id), "{} was met", id);
        }
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{error}"));
    assert!(n_added.get() > 10, "those that were added come through where no rule forbids it");
}
