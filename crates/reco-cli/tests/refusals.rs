//! Is everything wrong refused, by name, with a remedy and the right exit code?
//!
//! **Invariant**: a refusal leaves stdout empty; 1 is a failure, 2 a wrong command line.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;

use common::{copy_of, finished, people, reco};

/// `reco run` of a file that holds `text`.
fn run(text: &str) -> common::Done {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, text).unwrap();
    let out = folder.path().join("out");
    let done = reco(["run", file.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(!out.join("tables").exists(), "nothing is made of a wrong experiment");
    done
}

#[test]
fn a_wrong_experiment_is_refused_before_any_work() {
    let approach = "[[approach]]\nname = \"popularity\"\n";
    for (text, parts) in [
        ("seed = \n", vec!["mine.toml` line 1"]),
        ("sede = 3\n", vec!["unknown key `sede`", "hint: did you mean `seed`?"]),
        ("seed = \"three\"\n", vec!["mine.toml", "three"]),
        ("[splitt]\n", vec!["unknown key `splitt`", "hint: did you mean `split`?"]),
        ("[data]\nrow = 3\n", vec!["unknown key `row` in [data]", "did you mean `rows`?"]),
        ("[features]\ntimezone = \"UTC\"\n", vec!["unknown key `timezone` in [features]", "`time_zone`"]),
        ("[evaluate]\nk = [0]\n", vec!["[evaluate]"]),
        ("[[approach]]\nname = \"nueral\"\n", vec!["unknown approach `nueral`", "hint: did you mean `neural`?"]),
        ("[[approach]]\nname = \"neural\"\nepoch = 3\n", vec!["unknown key `epoch`", "did you mean `epochs`?"]),
        ("[[approach]]\nname = \"neural\"\nepochs = \"many\"\n", vec!["many"]),
        ("extends = \"mine.toml\"\n", vec!["an experiment extends itself"]),
        ("name = \"empty\"\n", vec!["there is no `[[approach]]`"]),
    ] {
        // A key of the whole file stands before its tables.
        let text = if text.starts_with('[') { format!("{approach}{text}") } else { format!("{text}{approach}") };
        let text = if text.starts_with("name = \"empty\"") { "name = \"empty\"\n".to_owned() } else { text };
        let mut all = vec!["error: ", "mine.toml"];
        all.extend(parts);
        run(&text).fails(1, &all);
    }
    reco(["run", "nowhere.toml"]).fails(1, &["there is no experiment file `nowhere.toml`", "hint: "]);
    reco(["run", "--set", "split.kind"]).fails(1, &["`--set split.kind` is no override"]);
    reco(["run", "--approach", "hybird"]).fails(1, &["unknown approach `hybird`", "did you mean `hybrid`?"]);
}

#[test]
fn data_that_is_not_there_is_named() {
    let text = "[data]\npath = \"nowhere/ratings\"\n[[approach]]\nname = \"popularity\"\n";
    run(text).fails(1, &["error: ", "nowhere/ratings", "hint: "]);
}

#[test]
fn a_wrong_command_line_is_another_exit_code() {
    reco(["rnu"]).fails(2, &["rnu"]);
    reco(["run", "--from", "trian"]).fails(2, &["trian", "train"]);
    reco(["run", "--from", "train", "--only", "train"]).fails(2, &["--only"]);
    reco(["run", "--device", "gpu"]).fails(2, &["gpu", "wgpu"]);
    reco(["recommend"]).fails(2, &["--user"]);
    reco(["recommend", "--all"]).fails(2, &["--out"]);
    reco(["recommend", "--user", "1", "--top", "0"]).fails(2, &["--top"]);
    reco(["recommend", "--user", "1", "--context", "daytime"]).fails(2, &["name=value"]);
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let models = empty.path().to_str().unwrap();
    reco(["recommend", "--user", "1", "--models", models]).fails(1, &["no trained model in", "hint: train one"]);
    copy_of("popularity", empty.path());
    let ask = |approach: &str| reco(["recommend", "--user", "1", "--models", models, "--approach", approach]);
    ask("neural").fails(1, &["no trained model `neural`", "hint: train it: `reco train --approach neural`"]);
    ask("popularty").fails(1, &["no trained model `popularty`", "did you mean `popularity`?"]);
}

#[test]
fn an_unknown_user_or_context_is_named() {
    let models = finished().join("models");
    let ask = |more: &[&str]| reco(["recommend", "--models", models.to_str().unwrap()].iter().chain(more));
    ask(&["--user", "no-one"]).fails(1, &["`no-one`", "hint: "]);
    ask(&["--user", "1", "--context", "datyime=0"]).fails(1, &["`datyime`", "did you mean `daytime`?"]);
}

#[test]
fn what_a_new_user_says_is_refused_by_name() {
    let fixed = ["recommend", "--device", "cpu", "--models", people().to_str().unwrap(), "--new-user"];
    let ask = |more: &[&str]| reco(fixed.iter().chain(more));
    let genre = ["unknown liked feature `Scifi`", "hint: did you mean `Sci-Fi`?"];
    ask(&["--likes", "Drama,Scifi"]).fails(1, &genre);
    // Whoever answers, and whether or not they read it.
    ask(&["--likes", "Scifi", "--approach", "popularity"]).fails(1, &genre);
    ask(&["--rated", "77=5"]).fails(1, &["unknown item `77`", "hint: the catalogue has `12` items, from `1` to `12`"]);
    let named = "hint: items go by their ids: `Drama number 7 (1999)` is `7`";
    ask(&["--rated", "drama number 7=5"]).fails(1, &["unknown item `drama number 7`", named]);
    ask(&["--rated", "7=9"]).fails(1, &["item `7`: rating `9` is outside the scale `2` to `5`", "hint: rate as"]);
    ask(&["--rated", "7=5,7=4"]).fails(1, &["item `7` is named twice among the ratings", "hint: name it once"]);
    ask(&["--attribute", "sex=F"]).fails(1, &["unknown user attribute `sex`", "hint: known are `age`, `gender`"]);
    ask(&["--gender", "f"]).fails(1, &["user attribute `gender` cannot be `f`", "hint: did you mean `F`?"]);
    ask(&["--age", "old"]).fails(1, &["user attribute `age` cannot be `old`", "hint: it is a number"]);
    let twice = ["attribute `age` is stated as `3` and as `4`", "hint: state it once"];
    ask(&["--age", "3", "--attribute", "age=4"]).fails(1, &twice);
    let visitor = ["`neural` has no answer for a visitor", "hint: ask `profile`, `content` or `popularity`"];
    ask(&["--approach", "neural"]).fails(1, &visitor);
    // Of a table that says nothing of its users.
    let models = finished().join("models");
    reco(["recommend", "--new-user", "--age", "34", "--models", models.to_str().unwrap()])
        .fails(1, &["unknown user attribute `age`", "hint: these data say nothing of their users"]);

    ask(&["--user", "1"]).fails(2, &["'--new-user' cannot be used with '--user <ID>'"]);
    ask(&["--rated", "7=many"]).fails(2, &["`many` is no number of stars"]);
    ask(&["--rated", "=5"]).fails(2, &["50=5,172=4"]);
    ask(&["--attribute", "age"]).fails(2, &["name=value"]);
    for option in [["--likes", "Drama"], ["--age", "3"], ["--rated", "7=5"], ["--attribute", "age=3"]] {
        reco(["recommend", "--user", "1"].iter().chain(&option))
            .fails(2, &[option[0], "cannot be used with", "--user"]);
    }
}

#[test]
fn a_damaged_or_foreign_model_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of("popularity", folder.path());
    let ask = || reco(["recommend", "--user", "1", "--models", folder.path().to_str().unwrap()]);
    ask().ok();

    let weights = common::files(&model).into_iter().find(|file| file.starts_with("weights")).unwrap();
    let whole = fs::read(model.join(&weights)).unwrap();
    fs::write(model.join(&weights), &whole[..whole.len() - 1]).unwrap();
    ask().fails(1, &["is damaged: its SHA-256 is `", "hint: train again"]);
    fs::remove_file(model.join(&weights)).unwrap();
    ask().fails(1, &["is damaged", "`missing`"]);
    fs::write(model.join(&weights), &whole).unwrap();
    ask().ok();

    fs::write(model.join("weights/stray"), "").unwrap();
    ask().fails(1, &["stray` was not written with the rest"]);
    fs::remove_file(model.join("weights/stray")).unwrap();

    let manifest = fs::read_to_string(model.join("manifest.json")).unwrap();
    let write = |text: &str| fs::write(model.join("manifest.json"), text).unwrap();
    write(&manifest.replace("\"schema_version\": 1", "\"schema_version\": 99"));
    ask().fails(1, &["schema version `99`", "hint: train again"]);
    write(&manifest.replace("\"stage\": \"train\"", "\"stage\": \"features\""));
    ask().fails(1, &["holds no model", "of the stage `features`"]);
    write("{}");
    ask().fails(1, &["is no manifest of reco"]);
}
