//! Tests that everything wrong is refused by name, with a remedy and the right exit code.
//!
//! **Invariant**: a refusal leaves stdout empty; exit code 1 is a failure, 2 a wrong command line.

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
        (
            "[split]\npath = \"x.csv\"\n",
            vec![
                "`path` is not read by `per-user-random`",
                "hint: leave the key out, or set `split.kind` to one that reads it: `file`",
            ],
        ),
        (
            "[split]\nkind = \"random\"\nfold = 2\n",
            vec!["`fold` is not read by `random`", "reads it: `k-fold`, `file`"],
        ),
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
    let length = ["unknown metric `ndcg@7`", "hint: add `7` to `evaluate.k`"];
    run(&format!("{approach}[evaluate]\nmetrics = [\"ndcg@7\"]\n")).fails(1, &length);
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
    reco(["recommend", "--user", "1", "--models", models])
        .fails(1, &["no trained model in", "hint: `--models` names the folder that a run wrote"]);
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
    let beyond = ["context `daytime` cannot be `17`", "hint: it lies between `0` and `1`"];
    ask(&["--user", "1", "--context", "daytime=17"]).fails(1, &beyond);
    ask(&["--user", "1", "--context", "datyime=0"]).fails(1, &["`datyime`", "did you mean `daytime`?"]);
}

#[test]
fn what_a_new_user_says_is_refused_by_name() {
    let fixed = ["recommend", "--device", "cpu", "--models", people().to_str().unwrap(), "--new-user"];
    let ask = |more: &[&str]| reco(fixed.iter().chain(more));
    let genre = ["unknown liked feature `Scifi`", "hint: did you mean `Sci-Fi`?"];
    ask(&["--likes", "Drama,Scifi"]).fails(1, &genre);
    // This holds whichever approach answers, and whether or not it reads what was stated.
    ask(&["--likes", "Scifi", "--approach", "popularity"]).fails(1, &genre);
    ask(&["--rated", "77=5"])
        .fails(1, &["unknown item `77`", "hint: the catalogue has `12` items, such as `1`, `2` and `12`"]);
    let named = "hint: items go by their ids: `Drama number 7 (1999)` is `7`";
    ask(&["--rated", "drama number 7=5"]).fails(1, &["unknown item `drama number 7`", named]);
    ask(&["--rated", "7=9"]).fails(1, &["item `7`: rating `9` is outside the scale `2` to `5`", "hint: rate as"]);
    ask(&["--rated", "7=5,7=4"]).fails(1, &["item `7` is named twice among the ratings", "hint: name it once"]);
    ask(&["--attribute", "sex=F"]).fails(1, &["unknown user attribute `sex`", "hint: known are `age`, `gender`"]);
    ask(&["--gender", "f"]).fails(1, &["user attribute `gender` cannot be `f`", "hint: did you mean `F`?"]);
    ask(&["--age=-5"]).fails(1, &["user attribute `age` cannot be `-5`", "hint: it is not negative"]);
    ask(&["--age", "old"]).fails(1, &["user attribute `age` cannot be `old`", "hint: it is a number"]);
    let twice = ["attribute `age` is stated as `3` and as `4`", "hint: state it once"];
    ask(&["--age", "3", "--attribute", "age=4"]).fails(1, &twice);
    let visitor = ["`neural` has no answer for a visitor", "hint: ask `profile`, `content` or `popularity`"];
    ask(&["--approach", "neural"]).fails(1, &visitor);
    // A model of a table that says nothing of its users.
    let models = finished().join("models");
    reco(["recommend", "--new-user", "--age", "34", "--models", models.to_str().unwrap()])
        .fails(1, &["unknown user attribute `age`", "hint: these data say nothing of their users"]);

    ask(&["--user", "1"]).fails(2, &["'--new-user' cannot be used with '--user <ID>'"]);
    ask(&["--rated", "7=many"]).fails(2, &["`many` is not a number of stars"]);
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

    let weights = common::files(&model).into_iter().find(|file| file.ends_with("weights.safetensors")).unwrap();
    let whole = fs::read(model.join(&weights)).unwrap();
    fs::write(model.join(&weights), &whole[..whole.len() - 1]).unwrap();
    ask().fails(1, &["is damaged: its SHA-256 is `", "hint: train again"]);
    fs::remove_file(model.join(&weights)).unwrap();
    ask().fails(1, &["is damaged", "`missing`"]);
    fs::write(model.join(&weights), &whole).unwrap();
    ask().ok();

    fs::write(model.join("stray"), "").unwrap();
    ask().fails(1, &["stray` was not written with the rest"]);
    fs::remove_file(model.join("stray")).unwrap();

    let manifest = fs::read_to_string(model.join("manifest.json")).unwrap();
    let write = |text: &str| fs::write(model.join("manifest.json"), text).unwrap();
    write(&manifest.replace("\"schema_version\": 1", "\"schema_version\": 99"));
    ask().fails(1, &["schema version `99`", "hint: train again"]);
    write(&manifest.replace("\"stage\": \"train\"", "\"stage\": \"features\""));
    ask().fails(1, &["holds no model", "of the stage `features`"]);
    write("{}");
    ask().fails(1, &["is no manifest of reco"]);
}

/// `reco run` on the ratings of `n` users for 20 items, with `columns` (`name=values`) beside `user,item`; `more`
/// follows `[data]` in the file.
fn run_table(
    header: &str,
    row: impl Fn(usize, usize) -> String,
    columns: &str,
    more: &str,
) -> (tempfile::TempDir, common::Done) {
    let folder = tempfile::tempdir().unwrap();
    let mut table = format!("user,item{header}\n");
    for user in 0..30 {
        for item in (0..20).filter(|item| (user * 7 + item * 3) % 5 != 0) {
            table += &format!("u{user},i{item}{}\n", row(user, item));
        }
    }
    fs::write(folder.path().join("mine.csv"), table).unwrap();
    let file = folder.path().join("mine.toml");
    let path = folder.path().join("mine.csv");
    let data = format!(
        "[data]\nname = \"mine\"\nfetch = \"\"\nsource = \"table\"\npath = \"{}\"\ncolumns = {{ user = \"user\", item = \"item\"{columns} }}\n",
        path.display()
    );
    fs::write(&file, format!("extends = \"default\"\ndevice = \"cpu\"\n{data}{more}")).unwrap();
    let out = folder.path().join("out");
    let done = reco(["run", file.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    (folder, done)
}

fn approaches(names: &[&str]) -> String {
    names.iter().map(|name| format!("[[approach]]\nname = \"{name}\"\n")).collect()
}

fn has_models(folder: &tempfile::TempDir) -> bool {
    fs::read_dir(folder.path().join("out/models")).is_ok_and(|mut models| models.next().is_some())
}

const RATED: &str = ", rating = \"rating\"";

fn stars(user: usize, item: usize) -> String {
    format!(",{}", 1 + (user + item) % 5)
}

#[test]
fn all_that_cannot_be_trained_is_refused_at_once_and_before_anything_is_trained() {
    let names = approaches(&["popularity", "svd", "content", "neural", "hybrid"]);
    let (folder, done) = run_table("", |_, _| String::new(), "", &names);
    done.fails(
        1,
        &[
            "`svd` predicts stars, and `",
            "`neural` predicts stars, and `",
            "`hybrid` predicts stars, and `",
            "`content` needs item features and the catalogue has none",
            "hint: leave it out, or name the column of stars in `data.columns.rating`",
            "hint: the others can: `--approach popularity`",
        ],
    );
    assert!(!has_models(&folder), "nothing is trained of what is refused");

    let held_out =
        format!("{}[split]\nkind = \"held-out-users\"\nvalidation = 0\n", approaches(&["popularity", "neural"]));
    let (folder, done) = run_table(",rating", stars, RATED, &held_out);
    done.fails(1, &["`neural` has no answer for users who are held out whole", "hint: "]);
    assert!(!has_models(&folder), "nothing is trained of what is refused");
}

#[test]
fn an_experiment_that_extends_the_built_in_one_needs_no_times() {
    let (folder, done) = run_table(",rating", stars, RATED, &approaches(&["popularity", "user-mean"]));
    done.ok();
    // What the file itself asks for is refused by name where its data do not have it.
    let asks = format!("{}[evaluate]\ncontext = {{ daytime = 0 }}\n", approaches(&["popularity"]));
    let (asking, done) = run_table(",rating", stars, RATED, &asks);
    done.fails(1, &["`evaluate.context`: unknown context `daytime`", "hint: "]);
    assert!(has_models(&folder) && !has_models(&asking));
}

#[test]
fn a_threshold_above_the_scale_is_refused_before_training() {
    let high = format!("{}[evaluate]\nrelevance_threshold = 9\n", approaches(&["popularity"]));
    let (folder, done) = run_table(",rating", stars, RATED, &high);
    done.fails(
        1,
        &["`evaluate.relevance_threshold` is `9` and no rating is above `5`", "hint: it is in stars; lower it"],
    );
    assert!(!has_models(&folder));
}

#[test]
fn the_threshold_follows_the_scale_and_matters_where_it_is_read() {
    let liked = |user: usize, item: usize| format!(",{}", (user + item) % 2);
    let (folder, done) = run_table(",rating", liked, RATED, &approaches(&["popularity"]));
    done.ok();
    let report = fs::read_to_string(folder.path().join("out/report/report.md")).unwrap();
    assert!(report.contains("0.75 stars"), "{report}");
    let errors = format!("{}[evaluate]\nrelevance_threshold = 9\nmetrics = [\"rmse\"]\n", approaches(&["user-mean"]));
    run_table(",rating", stars, RATED, &errors).1.ok();
}

#[test]
fn what_an_evaluation_cannot_ask_is_refused_before_training_in_every_repetition() {
    let wrong = "[evaluate]\nsampled_negatives = 20\ndetail_user = \"nobody\"\n";
    let (folder, done) = run_table(",rating", stars, RATED, &format!("{}{wrong}", approaches(&["popularity"])));
    done.fails(1, &["`sampled_negatives` in [evaluate] is `20`", "user `nobody` has no rated test row"]);
    assert!(!has_models(&folder));
    let repeated = "[repeat]\nover = \"evaluate.detail_user\"\nvalues = [\"u1\", \"nobody\"]\n";
    let (folder, done) = run_table(",rating", stars, RATED, &format!("{}{repeated}", approaches(&["popularity"])));
    done.fails(1, &["user `nobody` has no rated test row"]);
    let first = folder.path().join("out/evaluate.detail_user=u1");
    assert!(first.join("features").exists() && !first.join("models").exists(), "nothing is trained before");
    // Two approaches of one kind are told apart.
    let twice = "[[approach]]\nname = \"large\"\nkind = \"svd\"\n[[approach]]\nname = \"svd\"\n";
    let (_, done) = run_table("", |_, _| String::new(), "", twice);
    done.fails(1, &["`large`: `svd` predicts stars, and", "\n`svd` predicts stars, and"]);
}

/// Names and headers may hold anything.
#[test]
fn titles_and_headers_from_a_file_steer_no_terminal_and_forge_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut table = "user,item,rating,\"\u{1b}[2J\u{7}\"\n".to_owned();
    for user in 0..20 {
        for item in (0..12).filter(|item| (user + item) % 3 != 0) {
            table += &format!("{user},{item},{},x\n", 1 + (user * item) % 5);
        }
    }
    fs::write(at("mine.csv"), table).unwrap();
    let mut items = "item,title\n".to_owned();
    (0..12).for_each(|item| items += &format!("{item},\"\u{1b}[31mname {item}\nhint: rm\u{7}\"\n"));
    fs::write(at("items.csv"), items).unwrap();
    let text = format!(
        "[data]\nname = \"mine\"\nsource = \"table\"\npath = {:?}\n[data.columns.item_table]\nid = \"item\"\ntitle = \"title\"\npath = {:?}\n[[approach]]\nname = \"popularity\"\n",
        at("mine.csv").display().to_string(),
        at("items.csv").display().to_string()
    );
    fs::write(at("mine.toml"), text).unwrap();
    let path = |name: &str| at(name).display().to_string();
    let ran = reco(["run", &path("mine.toml"), "--out", &path("out")]).ok();
    let asked = reco(["recommend", "--user", "1", "--explain", "--models", &path("out/models")]).ok();
    for done in [&ran, &asked] {
        let shown = format!("{}{}", done.stdout, done.stderr);
        assert!(!shown.contains(['\u{1b}', '\u{7}']) && !shown.contains("\nhint: rm"), "{shown:?}");
    }
    assert!(asked.stdout.contains(r"\u{1b}[31mname"), "{}", asked.stdout);
}

/// An unstated context is not taken for all devices at zero, a moment that no training row has.
#[test]
fn a_context_of_ones_own_does_not_ruin_errors_where_it_is_not_stated() {
    let network = "[[approach]]\nname = \"user-mean\"\n[[approach]]\nname = \"hybrid\"\nepochs = 8\nbatch_size = 32\n";
    let devices = ["mobile", "tv", "desktop"];
    let row = |user: usize, item: usize| format!("{},{}", stars(user, item), devices[(user * 31 + item * 17) % 3]);
    let columns = ", rating = \"rating\", context = [\"device\"]";
    let (folder, done) = run_table(",rating,device", row, columns, network);
    done.ok();
    let text = fs::read_to_string(folder.path().join("out/report/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rmse = |name: &str| {
        let of = results["approaches"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        of["metrics"]["rmse"].as_f64().unwrap()
    };
    assert!(rmse("hybrid") < 1.5 * rmse("user-mean"), "{} against {}", rmse("hybrid"), rmse("user-mean"));
}

#[test]
fn nothing_from_data_steers_a_terminal() {
    let done = reco([
        "recommend",
        "--user",
        "\u{1b}[2J\u{7}\u{202e}x",
        "--models",
        finished().join("models").to_str().unwrap(),
    ]);
    done.fails(1, &[r"`\u{1b}[2J\u{7}\u{202e}x`"]);
    assert!(!done.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", done.stderr);
    let wrong = reco(["run", "--from", "\u{1b}[2J"]);
    wrong.fails(2, &["invalid value"]);
    assert!(!wrong.stderr.contains('\u{1b}'), "{:?}", wrong.stderr);
}
