//! Tests the cycle from the events of a service to the next run that it serves, that an erased user is in no file after
//! it, and what `reco compare` says of an A/B test.
//!
//! **Invariant**: files are searched as bytes, and tables once more decoded, since they are compressed.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::served::Served;
use common::{Done, command, files, people, reco};
use reco_data::table::Table;
use serde_json::{Value, json};

/// The id of a user, as nothing else in any file is called.
const RARE: &str = "zz-Quokka-\u{f8}-90417";

/// A user of the raw ratings.
const OWN: &str = "person-07-of-the-file";

/// Ratings of 30 people with text ids and an experiment over them, in `folder`.
fn prepared(folder: &Path) -> PathBuf {
    let mut ratings = "user,item,rating,time\n".to_owned();
    for user in 0..30 {
        let id = if user == 7 { OWN.to_owned() } else { format!("person-{user:02}") };
        for item in (0..12).filter(|item| (user + item) % 3 != 0) {
            let stars = if (user % 2 == 0) == (item < 6) { 5 } else { 2 };
            ratings += &format!("{id},item-{item},{stars},{}\n", 1_600_000_000 + 1000 * user + item);
        }
    }
    fs::create_dir(folder.join("raw")).unwrap();
    fs::write(folder.join("raw/own.csv"), ratings).unwrap();
    let approaches = ["popularity", "user-knn", "ease", "user-ease", "svd"];
    let experiment = format!(
        "name = \"own\"\ndevice = \"cpu\"\n[data]\nname = \"own\"\nsource = \"table\"\npath = \"{}\"\n\
         [[approach]]\nname = \"neural\"\nepochs = 1\n{}",
        folder.join("raw/own.csv").display(),
        approaches.map(|name| format!("[[approach]]\nname = \"{name}\"\n")).concat(),
    );
    fs::write(folder.join("own.toml"), experiment).unwrap();
    folder.join("own.toml")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The files below `folder` that have `id`, as bytes or in a table.
fn having(folder: &Path, id: &str) -> Vec<PathBuf> {
    let has = |path: &PathBuf| {
        let path = folder.join(path);
        let bytes = fs::read(&path).unwrap();
        let is_table = path.extension().is_some_and(|ending| ending == "parquet");
        let decoded = if is_table { format!("{:?}", Table::read(&path).unwrap()) } else { String::new() };
        bytes.windows(id.len()).any(|window| window == id.as_bytes()) || decoded.contains(id)
    };
    files(folder).into_iter().filter(has).collect()
}

/// `reco retrain` with the key of the service.
fn retrain(arguments: &[&str]) -> Done {
    let mut program = command(["retrain", "--device", "cpu", "--json"].iter().chain(arguments));
    let output = program.env("RECO_API_KEY", "s3cret").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn events_become_the_next_run_and_an_erased_user_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let experiment = prepared(folder.path());
    let (blue, green, events) = (text(&at("blue")), text(&at("green")), text(&at("kept/events.redb")));
    fs::create_dir(at("kept")).unwrap();
    reco(["run", &text(&experiment), "--out", &blue]).ok();
    let runs = [format!("blue={blue}"), format!("green={green}")];
    let arguments = ["serve", "--addr", "127.0.0.1:0", "--device", "cpu", "--run", &runs[0], "--run", &runs[1]];
    let mut serve = command(arguments.iter().chain(&["--events", events.as_str()]));
    serve.env("RECO_API_KEY", "s3cret");
    let served = Served::of(serve);
    let service = format!("http://{}", served.address);
    let key = [("content-type", "application/json"), ("x-api-key", "s3cret")];
    let rated = |user: &str, item: u32, stars: u32| json!({ "user_id": user, "item_id": format!("item-{item}"), "rating": stars });
    let mut sent: Vec<Value> = (0..8).map(|item| rated(RARE, item, 2 + 3 * (item % 2))).collect();
    // Another word on an item of the file, and no word at all.
    sent.extend([rated("person-01", 0, 3), json!({ "user_id": "person-02", "item_id": "item-1" })]);
    served.send("POST", "/v1/events", &key, &json!({ "events": sent }).to_string()).ok();
    served.send("POST", "/v1/events:export", &[], "").refuses(401, "key");

    // What cannot end well does not begin.
    let like = ["--service", &service, "--like", &blue, "--out", &green];
    retrain(&[&like[..], &["--activate", "grene"]].concat())
        .fails(1, &["has no run `grene`", "hint: it has `blue`, `green`"]);
    retrain(&["--service", &service, "--out", &green]).fails(1, &["there is no `", "experiment.toml", "--like"]);
    retrain(&["--events", &events, "--like", &blue, "--out", &green]).fails(1, &["if a service has it open"]);
    retrain(&["--service", "http://127.0.0.1:1", "--like", &blue, "--out", &green]).fails(1, &["does not answer"]);
    assert!(!at("green").exists() && !at("kept/events.export").exists());

    let done = retrain(&[&like[..], &["--activate", "green"]].concat()).ok();
    assert!(done.stderr.contains("exported: 10 events, 9 of them with stars"), "{}", done.stderr);
    let models = served.get("/v1/models").ok();
    assert_eq!((&models["run"], &models["n_users"]), (&json!("green"), &json!(31)));
    let ratings = Table::read(&at("green/tables/ratings.parquet")).unwrap();
    assert_eq!(ratings.n_rows(), 30 * 8 + 8, "the other word takes the place of the first, and a click is none");
    // What the run was trained on is no news to a model that cannot take any in; a click was in no training.
    let notes = |user: &str| {
        let answer = served.get(&format!("/v1/users/{user}/recommendations?approach=neural&k=12")).ok();
        answer["notes"].to_string()
    };
    assert_eq!(notes("person-01"), "null");
    assert!(notes("person-02").contains("does not look at what the user did since"));
    let found = having(&at("green"), RARE);
    let expected = ["tables/ratings.parquet", "tables/users.parquet", "evaluation/svd.users.parquet"];
    assert!(expected.iter().all(|file| found.contains(&PathBuf::from(file))), "{found:?}");
    assert_eq!(having(&at("kept"), RARE).len(), 2, "the events' file and what was exported of it");

    // A model beside the experiment's, which later runs would not touch.
    let green_file = text(&at("green/report/experiment.toml"));
    reco(["run", &green_file, "--approach", "item-knn", "--out", &green]).ok();
    assert_eq!(having(&at("green/models/item-knn"), RARE).len(), 1);
    for user in ["zz-Quokka-%C3%B8-90417", OWN] {
        served.send("DELETE", &format!("/v1/users/{user}"), &key, "").ok();
    }
    assert_eq!(having(&at("kept"), RARE), Vec::<PathBuf>::new(), "what was exported is written anew at once");
    let again = ["--service", &service, "--out", &green, "--activate", "green"];
    let file = text(&experiment);
    let done = retrain(&[&[file.as_str()], &again[..]].concat()).ok();
    assert!(done.stderr.contains("erased since: `item-knn`"), "{}", done.stderr);
    assert_eq!(served.get("/v1/models").ok()["n_users"], 29);
    let raw_and_blue = |id| having(folder.path(), id).into_iter().filter(|path| !path.starts_with("blue")).collect();
    let left: Vec<PathBuf> = raw_and_blue(RARE);
    assert_eq!(left, Vec::<PathBuf>::new());
    let left: Vec<PathBuf> = raw_and_blue(OWN);
    assert_eq!(left, [PathBuf::from("raw/own.csv")], "raw files are their owner's");
    assert!(!at("green/set-aside").exists());

    // What fails changes nothing of what is served.
    fs::rename(at("raw/own.csv"), at("raw/moved.csv")).unwrap();
    retrain(&again).fails(1, &["was not trained to its end; what is served stays as it was", "own.csv"]);
    fs::rename(at("raw/moved.csv"), at("raw/own.csv")).unwrap();
    for model in fs::read_dir(at("green/models")).unwrap() {
        let weights = model.unwrap().path().join("weights.safetensors");
        if weights.exists() {
            fs::write(weights, "damaged").unwrap();
        }
    }
    let elsewhere = text(&at("elsewhere"));
    retrain(&["--service", &service, "--like", &blue, "--out", &elsewhere, "--activate", "green"])
        .fails(1, &["is trained and not served: the run before it stays", "status `409`"]);
    assert_eq!(served.get("/v1/models").ok()["n_users"], 29);
    served.get("/v1/users/person-01/recommendations").ok();
    drop(served);
    let offline = retrain(&["--events", &events, "--out", &green]).ok();
    assert!(offline.stderr.contains("exported: 2 events"), "{}", offline.stderr);
}

#[test]
fn an_item_that_was_added_is_one_of_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (green, events) = (text(&folder.path().join("green")), text(&folder.path().join("events.redb")));
    let blue = text(people().parent().unwrap());
    let runs = [format!("blue={blue}"), format!("green={green}")];
    let served = Served::start(&["--run", &runs[0], "--run", &runs[1], "--events", &events]);
    let item = json!({ "item_id": 77, "title": "Sci-Fi number 77 (1999)", "year": 1999, "features": ["Sci-Fi"] });
    assert_eq!(served.post("/v1/items", &item).status, 201);
    let reason = || {
        let ask = json!({ "items": [77], "ask": { "ratings": [{ "item_id": 1, "rating": 5 }], "approach": "content", "explain": true } });
        served.post("/v1/rank", &ask).ok()["items"][0]["because"].to_string()
    };
    assert!(reason().contains("added since the training"), "{}", reason());
    let service = format!("http://{}", served.address);
    retrain(&["--service", &service, "--like", &blue, "--out", &green, "--activate", "green"]).ok();
    assert_eq!(served.get("/v1/models").ok()["n_items"], 13);
    let known = served.get("/v1/items/77").ok();
    assert_eq!((&known["title"], &known["year"]), (&item["title"], &item["year"]));
    assert!(known.to_string().contains("Sci-Fi\""), "{known}");
    assert!(reason().contains("because you"), "{}", reason());
    // Removed, it is of this run alone, and no item of the next.
    served.send("DELETE", "/v1/items/77", &[], "").ok();
    served.send("DELETE", "/v1/items/77", &[], "").refuses(409, "77");
    retrain(&["--service", &service, "--out", &green, "--activate", "green"]).ok();
    assert_eq!(served.get("/v1/models").ok()["n_items"], 12);
}

#[test]
fn the_arms_of_an_ab_test_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (config, events) = (folder.path().join("serve.toml"), text(&folder.path().join("events.redb")));
    fs::write(&config, "[ab]\nname = \"autumn\"\narms = { a = \"popularity\", b = \"content\" }\n").unwrap();
    let out = text(people().parent().unwrap());
    let served = Served::start(&["--out", &out, "--config", &text(&config), "--events", &events]);
    let (mut seen, mut followed) = ([0, 0], [0, 0]);
    for user in 1..=24 {
        let answer = served.get(&format!("/v1/users/{user}/recommendations?k=1")).ok();
        let of_b = usize::from(answer["arm"] == "b");
        seen[of_b] += 1;
        if of_b == 1 || seen[0] == 1 {
            followed[of_b] += 1;
            let id = &answer["recommendation_id"];
            let event = json!({ "user_id": user, "item_id": 1, "rating": 4, "recommendation_id": id });
            // What somebody else says of this answer counts for nobody.
            let other = json!({ "user_id": "other", "item_id": 1, "recommendation_id": id });
            served.post("/v1/events", &json!({ "events": [event, other] })).ok();
        }
    }
    let exported = served.send("POST", "/v1/events:export", &[], "").ok();
    assert_eq!((&exported["exposures"], &exported["erased_users"]), (&json!(24), &json!(0)));
    let folder = exported["folder"].as_str().unwrap();
    let found = reco(["compare", "--exposures", folder, "--json"]).ok().json();
    let arms = found["arms"].as_array().unwrap();
    for (arm, name) in ["a", "b"].iter().enumerate() {
        assert_eq!(arms[arm]["name"], *name);
        assert_eq!(
            (arms[arm]["n_users"].as_u64(), arms[arm]["n_events"].as_u64()),
            (Some(seen[arm]), Some(followed[arm]))
        );
        assert_eq!(arms[arm]["mean_stars"], 4.0);
    }
    assert_eq!(found["differences"][0]["differs"], true, "{found}");
    let table = reco(["compare", "--exposures", folder]).ok().stdout;
    assert!(table.starts_with("arm  users") && table.contains("b against a, followed: +"), "{table}");
    assert!(table.contains("not chance, p 0.0"), "{table}");
    reco(["compare", "--exposures", "data/fixture"]).fails(1, &["`data/fixture` has no exposure", "hint: `[ab]`"]);
    reco(["compare", "--exposures", folder, "x"]).fails(2, &["cannot be used with"]);
}
