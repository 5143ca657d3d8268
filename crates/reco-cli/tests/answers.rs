//! Tests the commands that answer: recommend, describe, doctor, synth, completions, show and help.
//!
//! **Invariant**: with `--json`, stdout is one JSON value and nothing else.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;

use common::{finished, people, reco};
use serde_json::Value;

/// Asks a trained model of the fixture.
fn recommend(more: &[&str]) -> common::Done {
    let models = finished().join("models");
    reco(["recommend", "--models", models.to_str().unwrap()].iter().chain(more))
}

#[test]
fn one_user_gets_names_genres_and_scores_best_first() {
    let answer = recommend(&["--user", "1", "--context", "daytime=0,weekend=0", "--top", "5"]).ok();
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{}", answer.stdout);
    assert!(lines[0].starts_with("rank"), "{}", lines[0]);
    assert!(answer.stderr.contains(", for user 1; scores are"), "{}", answer.stderr);
    let auto = recommend(&["--user", "1", "--approach", "auto"]).ok();
    assert!(auto.stderr.contains("auto for user 1: short-history answers, 14 ratings"), "{}", auto.stderr);

    let answer = recommend(&["--user", "1", "--approach", "popularity", "--json"]).ok().json();
    assert_eq!((&answer["model"], &answer["user"]), (&"popularity".into(), &"1".into()));
    assert_eq!(answer["predicts"], "order");
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items.len(), 10);
    let scores: Vec<f64> = items.iter().map(|item| item["score"].as_f64().unwrap()).collect();
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]), "{scores:?}");
    assert!(items.iter().all(|item| !item["name"].as_str().unwrap().is_empty()));
    assert!(items.iter().any(|item| !item["genres"].as_array().unwrap().is_empty()));
}

#[test]
fn no_one_is_recommended_what_training_had() {
    let answer = recommend(&["--user", "1", "--approach", "popularity", "--top", "100000", "--json"]).ok().json();
    let results: Value = serde_json::from_slice(&fs::read(finished().join("report/results.json")).unwrap()).unwrap();
    let n_items = results["dataset"]["n_items"].as_u64().unwrap();
    let left = answer["items"].as_array().unwrap().len() as u64;
    assert!(left > 0 && left < n_items, "{left} of {n_items}");
}

/// Asks a model of people who are known by age, gender and occupation.
fn ask(more: &[&str]) -> common::Done {
    reco(["recommend", "--device", "cpu", "--models", people().to_str().unwrap()].iter().chain(more))
}

/// The genres of the items that are answered, best first.
fn genres(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["genres"][0].as_str().unwrap()).collect()
}

#[test]
fn someone_new_is_answered_by_what_they_say_of_themselves() {
    let answer = ask(&["--new-user", "--gender", "F", "--top", "4", "--json"]).ok().json();
    assert_eq!(answer["model"], "profile");
    assert_eq!(answer["new_user"]["attributes"]["gender"], "F");
    assert_eq!(answer["user"], Value::Null);
    let women = genres(&answer).into_iter().filter(|genre| *genre == "Sci-Fi").count();
    let men = ask(&["--new-user", "--attribute", "gender=M", "--top", "4", "--json"]).ok().json();
    assert!(women == 0 && !genres(&men).contains(&"Drama"), "{answer} {men}");

    let likes = ["--new-user", "--likes", "Sci-Fi", "--age", "34", "--gender", "F", "--occupation", "writer"];
    let shown = ask(&[&likes[..], &["--top", "4"]].concat()).ok();
    assert!(
        shown.stderr.starts_with("profile, which follows what is stated, for a new user; scores are"),
        "{}",
        shown.stderr
    );
    let lines: Vec<&str> = shown.stdout.lines().skip(1).collect();
    assert_eq!(lines.len(), 4, "{}", shown.stdout);
    assert!(lines.iter().all(|line| line.contains(" number ") && line.contains("1999")), "{}", shown.stdout);
    let fans = ask(&["--new-user", "--likes", "Sci-Fi", "--top", "4", "--json"]).ok().json();
    assert_eq!(genres(&fans), ["Sci-Fi"; 4], "as many enjoy the dramas: {fans}");
}

#[test]
fn someone_new_is_answered_by_what_they_rated() {
    let follows = ask(&["--new-user", "--rated", "1=5,2=5,5=2,6=2,7=2"]).ok();
    let said = "auto, which takes what does best for as many ratings, for a new user: short-history answers, 5 ratings";
    assert!(follows.stderr.starts_with(said), "{}", follows.stderr);
    let popular = ask(&["--new-user", "--rated", "1=5,2=5", "--approach", "popularity"]).ok();
    assert!(popular.stderr.contains("\n`popularity` does not look at the ratings\n"), "{}", popular.stderr);
    let auto = ["--new-user", "--rated"];
    let answer = ask(&[&auto[..], &["1=5,2=5", "--json", "--top", "100"]].concat()).ok().json();
    assert_eq!((&answer["model"], &answer["choice"]["approach"]), (&"auto".into(), &"short-history".into()));
    assert_eq!(answer["choice"]["reason"], "2 ratings, fewer than 6");
    assert_eq!(genres(&answer)[0], "Sci-Fi", "{answer}");
    let ids: Vec<i64> =
        answer["items"].as_array().unwrap().iter().map(|item| item["item_id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), 10, "all but the two that were met, however many are asked for");
    assert!(!ids.contains(&1) && !ids.contains(&2), "{ids:?}");
    // A note says so where the approach that answers does not read it.
    let both = ask(&[&auto[..], &["1=5", "--gender", "F"]].concat()).ok();
    assert!(!both.stderr.contains("does not look at"), "{}", both.stderr);
    assert!(both.stderr.contains("for a new user: short-history answers, 1 ratings"), "{}", both.stderr);
    let content = ask(&["--new-user", "--rated", "1=5", "--gender", "F", "--approach", "content"]).ok();
    assert!(content.stderr.contains("`content` does not look at what was stated"), "{}", content.stderr);
    let stated = ask(&["--new-user", "--rated", "1", "--gender", "F", "--approach", "profile", "--json"]).ok().json();
    assert_eq!(stated["notes"], serde_json::json!(["`profile` does not look at the ratings"]));
    assert!(!stated["items"].as_array().unwrap().iter().any(|item| item["item_id"] == 1), "an item met is left out");
}

#[test]
fn what_is_named_without_stars_is_liked_and_no_stars_are_quoted() {
    let ask = |rated: &str| recommend(&["--new-user", "--rated", rated, "--approach", "item-knn", "--explain"]).ok();
    let (liked, rated) = (ask("59,53=1,145"), ask("59=5,53=1,145=5"));
    assert!(liked.stderr.contains("\nwhat is named without stars counts as liked: 5 stars\n"), "{}", liked.stderr);
    assert!(!rated.stderr.contains("without stars"), "{}", rated.stderr);
    let lists = [&liked, &rated].map(|done| done.stdout.split("\n\n").next().unwrap().to_owned());
    assert_eq!(lists[0], lists[1], "as the most stars that there are");
    assert!(liked.stdout.contains(": because you liked ") && rated.stdout.contains(": because you rated "));
    assert!(!liked.stdout.contains("because you rated"), "nobody gave these stars: {}", liked.stdout);
}

#[test]
fn someone_new_who_says_nothing_gets_what_is_popular_and_is_told_so() {
    let answer = ask(&["--new-user", "--top", "3"]).ok();
    assert!(
        answer.stderr.starts_with("popularity, which needs to know nothing of who asks, for a new user;"),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("nothing is known of the new user: `popularity` answers as"), "{}", answer.stderr);
    assert_eq!(answer.stdout.lines().count(), 4);
    let top_rated = ask(&["--new-user", "--approach", "top-rated", "--json"]).ok().json();
    assert_eq!((&top_rated["model"], &top_rated["predicts"]), (&"top-rated".into(), &"stars".into()));
}

#[test]
fn who_has_met_everything_gets_a_sentence() {
    let all = (1..=12).map(|item| format!("{item}=4")).collect::<Vec<_>>().join(",");
    for (asker, name) in [(["--user", "25"].as_slice(), "user 25"), (&["--new-user", "--rated", &all], "a new user")] {
        let answer = ask(asker).ok();
        assert_eq!(answer.stdout, "");
        let sentence = format!("nothing is left to recommend: {name} has met all 12 items");
        assert!(answer.stderr.contains(&sentence), "{}", answer.stderr);
        let answer = ask(&[asker, &["--json"]].concat()).ok().json();
        assert_eq!(answer["items"], serde_json::json!([]));
        assert_eq!(answer["notes"].as_array().unwrap().last().unwrap(), &Value::from(sentence));
    }
}

#[test]
fn reasons_add_up_to_the_score_and_name_what_they_speak_of() {
    let likes = ["--new-user", "--likes", "Drama", "--gender", "M", "--explain"];
    for asker in [&likes[..], &["--user", "1", "--approach", "content", "--explain"], &["--user", "1", "--explain"]] {
        let answer = ask(&[asker, &["--json"]].concat()).ok().json();
        let items = answer["items"].as_array().unwrap();
        assert!(!items.is_empty());
        for item in items {
            let terms = item["explanation"]["terms"].as_array().unwrap();
            let effects: Vec<f64> = terms.iter().map(|term| term["effect"].as_f64().unwrap()).collect();
            let (sum, score) = (effects.iter().sum::<f64>(), item["score"].as_f64().unwrap());
            assert!((sum - score).abs() < 1e-4, "{sum} is not {score}: {item}");
            assert!(effects.windows(2).all(|pair| pair[0].abs() >= pair[1].abs()), "{effects:?}");
        }
    }
    let shown = ask(&likes).ok().stdout;
    assert!(shown.contains(": because you like Drama\n") && !shown.contains("2.0794"), "{shown}");
    let said = ask(&[&likes[..], &["--json"]].concat()).ok().json();
    assert_eq!(said["items"][0]["because"], "because you like Drama");
    let neighbours = ask(&["--user", "1", "--approach", "user-knn", "--explain", "--json"]).ok().json();
    let terms = neighbours["items"][0]["explanation"]["terms"].as_array().unwrap();
    let neighbour = terms.iter().find(|term| term["cause"] == "user");
    assert!(neighbour.is_some_and(|term| term["user_id"].is_i64() && term["rating"].is_f64()), "{neighbours}");

    let silent = ask(&["--user", "1", "--approach", "random", "--explain"]).ok();
    assert!(silent.stderr.contains("`random` cannot give reasons"), "{}", silent.stderr);
    assert_eq!(silent.stdout, ask(&["--user", "1", "--approach", "random"]).ok().stdout);
}

#[test]
fn whoever_answers_says_why_as_a_person_would() {
    let entries = fs::read_dir(finished().join("models")).unwrap().map(Result::unwrap);
    for entry in entries.filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().into_string().unwrap();
        let answer = recommend(&["--user", "1", "--approach", &name, "--explain", "--json", "--top", "5"]).ok().json();
        let items = answer["items"].as_array().unwrap();
        let because: Vec<&str> = items.iter().filter_map(|item| item["because"].as_str()).collect();
        assert_eq!(because.len(), if name == "random" { 0 } else { items.len() }, "{name}: {answer}");
        for words in because {
            let known =
                ["because you ", "because people ", "because one person ", "popular with ", "met by ", "nobody "];
            assert!(known.iter().any(|start| words.starts_with(start)), "{name}: {words}");
        }
    }
}

#[test]
fn everyone_is_written_to_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.parquet");
    let more = ["--all", "--out", file.to_str().unwrap(), "--top", "3", "--approach", "popularity", "--json"];
    let answer = recommend(&more).ok().json();
    assert_eq!(answer["n_rows"].as_u64().unwrap(), 3 * answer["n_users"].as_u64().unwrap());
    assert!(fs::read(&file).unwrap().starts_with(b"PAR1"));
    assert_eq!(common::files(folder.path()).len(), 1, "no half-written file is left beside it");
}

/// Describes a trained model of the fixture.
fn describe(more: &[&str]) -> common::Done {
    let models = finished().join("models");
    reco(["describe", "--models", models.to_str().unwrap()].iter().chain(more))
}

#[test]
fn a_network_is_described_as_a_table_a_flowchart_a_picture_and_json() {
    let table = describe(&["neural"]).ok().stdout;
    let answer = describe(&["neural", "--json"]).ok().json();
    let layers = answer["layers"].as_array().unwrap();
    assert_eq!((&answer["model"], &answer["network"]), (&"neural".into(), &"Neural_CollaborativeFiltering".into()));
    let total: u64 = layers.iter().map(|layer| layer["n_parameters"].as_u64().unwrap()).sum();
    assert_eq!(answer["n_parameters"].as_u64(), Some(total));
    for layer in layers {
        let line =
            table.lines().find(|line| line.contains(&format!(" {} (", layer["name"].as_str().unwrap()))).unwrap();
        assert!(line.contains(&format!("(None, {})", layer["output_size"])), "{line}");
    }
    let flowchart = describe(&["neural", "--mermaid"]).ok().stdout;
    assert!(flowchart.starts_with("flowchart TB\n") && flowchart.contains("nn_concat<br/>Concatenate"), "{flowchart}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("neural.svg");
    let done = describe(&["neural", "--svg", file.to_str().unwrap()]).ok();
    assert!(done.stdout.is_empty() && done.stderr.contains("the diagram of neural"), "{}", done.stderr);
    let picture = fs::read_to_string(&file).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("nn_concat"), "{picture}");
    assert_eq!(common::files(folder.path()).len(), 1, "no half-written file is left beside it");

    describe(&["popularity"]).fails(1, &["error: `popularity` is not a network", "hint: describe `collaborative`"]);
    describe(&["nueral"]).fails(1, &["there is no trained model `nueral`", "hint: did you mean `neural`?"]);
    describe(&["neural", "--svg", "no/such/folder/x.svg"])
        .fails(1, &["error: cannot write `no/such/folder/x.svg`", "hint:"]);
}

#[test]
fn doctor_tells_what_this_machine_has() {
    let found = reco(["doctor", "--json", "--out", finished().to_str().unwrap()]).ok().json();
    assert!(found["threads"].as_u64().unwrap() >= 1);
    assert!(!found["devices"].as_array().unwrap().is_empty());
    let paths = found["paths"].as_array().unwrap();
    let exists = |what: &str| paths.iter().find(|path| path["what"] == what).unwrap()["exists"].clone();
    assert_eq!((exists("models"), exists("RECO_EXTRA_DATA")), (true.into(), false.into()));
    assert_eq!(found.get("ceilings"), None, "measured on request alone");
    let words = reco(["doctor"]).ok().stdout;
    assert!(words.contains("auto means") && words.contains("not set"), "{words}");
}

#[test]
fn doctor_measures_what_each_device_can_do_at_most() {
    let found = reco(["doctor", "--bench", "--json"]).ok();
    assert!(found.stderr.contains("measuring what each device can do at most"), "{}", found.stderr);
    let found = found.json();
    let devices = found["ceilings"].as_array().unwrap();
    assert!(devices.len() >= 2, "the cores, and Burn on them");
    for ceiling in devices.iter().flat_map(|device| device["ceilings"].as_array().unwrap()) {
        let number = |key: &str| ceiling[key].as_f64().filter(|number| number.is_finite() && *number > 0.0).unwrap();
        let (median, ends) = (number("median"), [number("slowest"), number("fastest")]);
        assert!(ends[0].min(ends[1]) <= median && median <= ends[0].max(ends[1]), "{ceiling}");
        let units = ["bytes/s", "multiply-adds/s", "numbers/s", "rows/s", "s"];
        assert!(units.iter().any(|unit| ceiling["unit"] == *unit), "{ceiling}");
    }
    let names = |threads: u64| {
        let ceilings = devices[0]["ceilings"].as_array().unwrap().iter();
        ceilings.filter(|ceiling| ceiling["threads"] == threads).map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    let n_threads = found["threads"].as_u64().unwrap();
    assert!(names(1).len() >= 8 && names(n_threads) == names(1), "{:?}", names(1));
}

#[test]
fn synthetic_ratings_can_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (raw, out) = (at("raw"), at("out"));
    reco(["synth", "--users", "30", "--items", "40", "--ratings", "600", "--out", &raw]).ok();
    let path = format!("data.path={raw}");
    let run = reco(["run", "--set", &path, "--set", "data.name=made", "--approach", "popularity", "--out", &out]).ok();
    assert!(run.stdout.contains("popularity"), "{}", run.stdout);
}

#[test]
fn completions_name_every_command() {
    let script = reco(["completions", "bash"]).ok().stdout;
    for name in ["run", "recommend", "ingest", "features", "train", "evaluate", "report", "doctor", "fetch", "synth"] {
        assert!(script.contains(name), "{name}");
    }
}

#[test]
fn a_table_is_shown_by_its_first_rows() {
    let file = finished().join("features/train.parquet").display().to_string();
    let shown = reco(["show", &file, "--rows", "2"]).ok().stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("user  item  rating") && lines[0].ends_with("context:weekend"), "{shown}");
    assert_eq!(lines.len(), 5, "{shown}");
    let json = reco(["show", &file, "--rows", "2", "--json"]).ok().json();
    assert_eq!(json["rows"].as_array().unwrap().len(), 2);
    assert_eq!(lines[4], format!("{} rows, {} columns", json["n_rows"], json["columns"].as_array().unwrap().len()));
    reco(["show", "nowhere.parquet"]).fails(1, &["nowhere.parquet"]);
    reco(["show", "README.md"]).fails(1, &["`README.md` is not a readable Parquet file", "hint: "]);
}

#[test]
fn the_help_of_every_command() {
    let mut all = String::new();
    for name in [
        "",
        "init",
        "fetch",
        "synth",
        "ingest",
        "features",
        "train",
        "evaluate",
        "recommend",
        "describe",
        "compare",
        "export",
        "report",
        "check",
        "run",
        "runs",
        "show",
        "doctor",
        "completions",
    ] {
        let help = reco([name, "--help"].iter().filter(|word| !word.is_empty())).ok().stdout;
        all.push_str(&format!("\n======== reco {name}\n{help}"));
    }
    insta::assert_snapshot!(all);
}
