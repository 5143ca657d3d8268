//! Tests that answers come from the last run's models, and from the one that ranked best on validation rows.
//!
//! **Invariant**: no test here judges which approach is good; the file of results says which ranked best.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::Path;

use common::{Done, finished, reco, root, run};
use serde_json::Value;

/// Asks the models under `out`.
fn recommend(out: &Path, more: &[&str]) -> Done {
    let models = out.join("models");
    reco(["recommend", "--device", "cpu", "--models", models.to_str().unwrap()].iter().chain(more))
}

/// The approaches of a run by their NDCG on validation rows, best first, chance left out.
fn ranking(out: &Path) -> Vec<(String, f64)> {
    let results: Value = serde_json::from_slice(&fs::read(out.join("report/results.json")).unwrap()).unwrap();
    let value =
        |one: &Value| (one["name"].as_str().unwrap().to_owned(), one["validation"]["ndcg@10"].as_f64().unwrap());
    let mut ranking: Vec<_> = results["approaches"].as_array().unwrap().iter().map(value).collect();
    ranking.retain(|(name, _)| name != "random");
    ranking.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranking
}

#[test]
fn who_names_no_approach_asks_the_best_on_validation_and_is_told_so() {
    let ranking = ranking(finished());
    let ((best, value), (second, next)) = (&ranking[0], &ranking[1]);
    assert!(value > next, "the test cannot tell a tie from an order: {ranking:?}");
    let answer = recommend(finished(), &["--user", "1", "--json"]).ok().json();
    assert_eq!((answer["model"].as_str(), answer["chosen"]["metric"].as_str()), (Some(best.as_str()), Some("ndcg@10")));
    assert_eq!(answer["chosen"]["value"].as_f64(), Some(*value));
    assert_eq!(answer["chosen"]["next"]["approach"].as_str(), Some(second.as_str()));
    let told =
        format!("{best}, which ranked best on validation (ndcg@10 {value:.4}; next {second} {next:.4}), for user 1");
    let shown = recommend(finished(), &["--user", "1"]).ok();
    assert!(shown.stderr.starts_with(&told), "{}", shown.stderr);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.parquet");
    let all = recommend(finished(), &["--all", "--out", file.to_str().unwrap()]).ok();
    assert!(all.stderr.contains(&format!("by {best}, which ranked best on validation")), "{}", all.stderr);
    assert_eq!(
        recommend(finished(), &["--user", "1", "--approach", best, "--json"]).ok().json()["chosen"],
        Value::Null
    );
    let report = fs::read_to_string(finished().join("report/report.md")).unwrap();
    assert!(report.contains("\n## On validation rows\n") && report.contains(&format!("{value:.4}")));
}

#[test]
fn an_earlier_experiments_models_in_the_same_folder_are_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (out, other) = (folder.path().join("out"), folder.path().join("other.toml"));
    run(&out, &["--approach", "popularity,top-rated,content,auto"]).ok();
    let base = root().canonicalize().unwrap().join("data/experiments/fixture.toml");
    let text = format!(
        "extends = {:?}\nname = \"other\"\n[split]\nseed = 7\n\
         [[approach]]\nname = \"popularity\"\n[[approach]]\nname = \"content\"\n",
        base.display().to_string()
    );
    fs::write(&other, text).unwrap();
    let at = |path: &Path| path.display().to_string();
    reco(["run", &at(&other), "--out", &at(&out)]).ok();

    let answer = recommend(&out, &["--user", "1", "--json"]).ok().json();
    assert_eq!(answer["model"], ranking(&out)[0].0.as_str());
    assert!(answer["model"] == "popularity" || answer["model"] == "content", "{answer}");
    let refusal = [
        "error: the model `auto` in",
        "is not of the last run there: that was of the experiment `other`, with `popularity`, `content`",
        "hint: run the experiment that has it with an `--out` of its own",
    ];
    recommend(&out, &["--user", "1", "--approach", "auto"]).fails(1, &refusal);
    // A new user, whose ratings `auto` would have answered.
    let rated = "59=5,53=5,145=5,95=5,79=5";
    assert_eq!(recommend(&out, &["--new-user", "--rated", rated, "--json"]).ok().json()["model"], "content");

    // A copied folder brings its list along; a model that is copied alone answers if it is named.
    let copy = folder.path().join("copy");
    common::copy(&out.join("models"), &copy.join("models"));
    assert_eq!(recommend(&copy, &["--user", "1", "--json"]).ok().json(), answer);
    recommend(&copy, &["--user", "1", "--approach", "auto"]).fails(1, &refusal[1..]);
    fs::remove_file(copy.join("models/answers.json")).unwrap();
    recommend(&copy, &["--user", "1", "--approach", "auto"]).ok();
    let unlisted = recommend(&copy, &["--user", "1"]).ok();
    let told = "popularity, asked because no run left a list of its models (`answers.json`), for user 1";
    assert!(unlisted.stderr.starts_with(told), "{}", unlisted.stderr);

    // The first experiment again takes its own models as they lie.
    let again = run(&out, &["--approach", "popularity,top-rated,content,auto"]).ok().json();
    let work: Vec<&Value> = again["work"].as_array().unwrap().iter().filter(|work| work["stage"] == "train").collect();
    let skipped = |name: &str| work.iter().find(|work| work["approach"] == name).unwrap()["skipped"].clone();
    assert_eq!((skipped("auto"), skipped("top-rated")), (true.into(), true.into()));
    recommend(&out, &["--user", "1", "--approach", "auto"]).ok();

    // A repeated experiment has its models elsewhere.
    let repeat = ["--approach", "popularity", "--set", "repeat.over=seed", "--set", "repeat.values=[1, 2]"];
    run(&out, &repeat).ok();
    let report = fs::read_to_string(out.join("report/report.md")).unwrap();
    assert!(report.contains(" in the first repetition, seed=1"), "{report}");
    assert!(report.contains("`reco recommend --models data/seed=1/models --user="), "{report}");
    let elsewhere = format!("`{}`", out.join("seed=2/models").display());
    recommend(&out, &["--user", "1"])
        .fails(1, &["of the experiment `fixture`, whose repetitions have models of their own", &elsewhere]);
    assert!(out.join("models/auto/manifest.json").exists(), "what was trained is kept");
    recommend(&out.join("seed=2"), &["--user", "1"]).ok();
}

#[test]
fn without_honest_validation_popularity_is_asked_and_the_answer_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let few = ["--approach", "popularity,top-rated,content"];
    let told = |more: &[&str]| {
        run(folder.path(), &[&few[..], more].concat()).ok();
        let answer = recommend(folder.path(), &["--user", "1", "--json"]).ok().json();
        assert_eq!((answer["model"].as_str(), &answer["chosen"]["metric"]), (Some("popularity"), &Value::Null));
        answer["chosen"]["why"].as_str().unwrap().to_owned()
    };
    let refit = told(&["--set", "split.refit=true"]);
    assert_eq!(refit, "asked because `split.refit` adds the validation rows to training");
    assert_eq!(told(&["--set", "split.validation=0"]), "asked because the split has no validation part");
    // The models were trained anew and not evaluated: an earlier evaluation is of other models.
    run(folder.path(), &few).ok();
    assert!(recommend(folder.path(), &["--user", "1", "--json"]).ok().json()["chosen"]["value"].is_f64());
    let out = folder.path().display().to_string();
    for stage in ["features", "train"] {
        let options = [stage, "data/experiments/fixture.toml", "--set", "seed=9", "--out", &out];
        reco([&options[..], &few].concat()).ok();
    }
    let shown = recommend(folder.path(), &["--user", "1"]).ok();
    assert!(shown.stderr.starts_with("popularity, asked because the last run was not evaluated"), "{}", shown.stderr);
}

/// Ids that a command line has to be careful with: users from `-1` on, and items with commas, quotes and a newline.
#[test]
fn what_a_report_suggests_can_be_pasted_and_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let item = |item: usize| match item {
        0 => "\"a,b\"".to_owned(),
        1 => "\"two\nlines\"".to_owned(),
        2 => "it's".to_owned(),
        _ => format!("i {item}"),
    };
    let mut table = "user,item,rating\n".to_owned();
    for user in 1..30 {
        for at in (0..14).filter(|at| *at < 3 || (user * 7 + at * 3) % 5 != 0) {
            table += &format!("-{user},{},{}\n", item(at), 1 + (user + at) % 5);
        }
    }
    fs::write(folder.path().join("mine.csv"), table).unwrap();
    let shell = |line: &str| {
        let program = Path::new(env!("CARGO_BIN_EXE_reco")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = std::process::Command::new("sh");
        let done = command.args(["-c", line]).current_dir(folder.path()).env("PATH", path).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stderr).unwrap()
    };
    for (approaches, answers) in [
        (["popularity", "user-mean"], Some("popularity, which needs to know nothing of who asks, for a new user")),
        (["popularity", "item-knn"], Some("item-knn, which ranked best on validation of those that follow ratings")),
        (["neural", "hybrid"], None),
    ] {
        let one = |name: &str| {
            let epochs = if ["neural", "hybrid"].contains(&name) { "epochs = 1\n" } else { "" };
            format!("[[approach]]\nname = \"{name}\"\n{epochs}")
        };
        let text = "device = \"cpu\"\n[data]\nname = \"mine\"\nsource = \"table\"\npath = \"mine.csv\"\n";
        // Another experiment, so that no earlier model is its own.
        let name = format!("name = \"{}\"\n", approaches.join("-"));
        fs::write(folder.path().join("mine.toml"), format!("{name}{text}{}", approaches.map(one).concat())).unwrap();
        shell("reco run mine.toml");
        let report = fs::read_to_string(folder.path().join("data/report/report.md")).unwrap();
        let suggested = |line: &str| Some(line.strip_suffix('`')?.split_once(" `reco ")?.1.to_owned());
        let commands: Vec<String> = report.lines().filter_map(suggested).collect();
        assert!(commands.iter().any(|command| command.starts_with("recommend --user=-")), "{report}");
        let mut answered = None;
        for command in commands.iter().filter(|command| !command.starts_with("check")) {
            let told = shell(&format!("reco {command}"));
            if command.contains("--new-user") {
                assert!(!command.contains("a,b") && !command.contains("two"), "{command}");
                assert!(!told.contains("does not look at"), "{command}: {told}");
                answered = Some(told);
            }
        }
        assert_eq!(answered.is_some(), answers.is_some(), "{approaches:?}: {commands:?}");
        assert!(answered.zip(answers).is_none_or(|(told, answers)| told.starts_with(answers)), "{approaches:?}");
    }
}

#[test]
fn validation_lists_leave_out_train_alone_and_ask_about_users_that_training_knows() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    // In training item 1 is met by three, 2 by two, 3 by one, 4 by nobody.
    let rows = [
        [1, 1, 5, 0],
        [2, 1, 5, 0],
        [3, 1, 5, 0],
        [3, 2, 5, 0],
        [4, 2, 5, 0],
        [4, 3, 5, 0],
        // Among the items that user 1 has not met in training, item 2 ranks first; for user 2, item 3 ranks behind item
        // 2, which stays a candidate though it is a test row.
        [1, 2, 5, 1],
        [2, 3, 5, 1],
        // One star is not relevant, and user 5 is unknown to training.
        [3, 3, 1, 1],
        [5, 1, 5, 1],
        [1, 3, 5, 2],
        [2, 2, 5, 2],
        [3, 4, 5, 2],
    ];
    let (mut ratings, mut parts) = ("user,item,rating\n".to_owned(), "user,item,part\n".to_owned());
    for [user, item, stars, part] in rows {
        ratings += &format!("{user},{item},{stars}\n");
        parts += &format!("{user},{item},{}\n", ["train", "validation", "test"][part]);
    }
    fs::write(at("ratings.csv"), ratings).unwrap();
    fs::write(at("parts.csv"), parts).unwrap();
    let text = format!(
        "device = \"cpu\"\n[data]\nname = \"small\"\nsource = \"table\"\npath = {:?}\nrating_scale = [1, 5]\n\
         columns = {{ user = \"user\", item = \"item\", rating = \"rating\" }}\n\
         [split]\nkind = \"file\"\npath = {:?}\n[[approach]]\nname = \"popularity\"\n",
        at("ratings.csv"),
        at("parts.csv")
    );
    fs::write(at("small.toml"), text).unwrap();
    let results = reco(["run", &at("small.toml"), "--out", &at("out"), "--json"]).ok().json();
    let ndcg = results["results"]["approaches"][0]["validation"]["ndcg@10"].as_f64().unwrap();
    let by_hand = (1.0 + 1.0 / 3_f64.log2()) / 2.0;
    assert!((ndcg - by_hand).abs() < 1e-12, "{ndcg} is not {by_hand}: {results}");
}
