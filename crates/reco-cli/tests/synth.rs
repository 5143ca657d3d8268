//! Tests that what `reco synth` plants is found by models that can see it, and by no others.
//!
//! **Invariant**: models are trained and measured by the program itself, on rows that they were not fitted to.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;

use common::reco;
use serde_json::Value;

/// What a run on generated ratings found.
struct Found {
    /// The RMSE of `neural`, which does not see the moment.
    neural: f64,
    /// That of `hybrid`, which does.
    hybrid: f64,
    /// That of the truth.
    least: f64,
    /// What the tests over users say of `hybrid` against `neural`.
    verdict: String,
}

/// Trains on ratings whose moments matter by `context_effect` stars, and measures on nights at weekends, of which two
/// thirds are held out: an evaluation asks everyone in one moment.
fn found(context_effect: &str) -> Found {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| folder.path().join(name).display().to_string();
    let (raw, truth, out) = (in_folder("raw"), in_folder("truth.parquet"), in_folder("out"));
    let size = ["--users", "600", "--items", "150", "--ratings", "40000", "--seed", "1"];
    let planted = ["--context-effect", context_effect, "--truth", &truth];
    reco(["synth", "--out", &raw].iter().chain(&size).chain(&planted)).ok();

    let ratings = fs::read_to_string(folder.path().join("raw/ratings.csv")).unwrap();
    let mut split = "row,part\n".to_owned();
    for (row, line) in ratings.lines().skip(1).enumerate() {
        let time: u64 = line.rsplit(',').next().unwrap().parse().unwrap();
        let is_night = !(7..20).contains(&(time / 3_600 % 24));
        let is_weekend = (time / 86_400 + 3) % 7 >= 5;
        let part = match row {
            row if is_night && is_weekend && row % 3 != 0 => "test",
            row if row % 10 == 0 => "validation",
            _ => "train",
        };
        split += &format!("{row},{part}\n");
    }
    fs::write(folder.path().join("split.csv"), split).unwrap();
    let approach = |name| format!("[[approach]]\nname = \"{name}\"\nepochs = 30\npatience = 5\n");
    let experiment = format!(
        "seed = 1\ndevice = \"cpu\"\n[data]\nname = \"made\"\npath = {raw:?}\n\
         [features]\nscaling = {{ kind = \"min-max\", to = [0.5, 1.0] }}\n\
         [split]\nkind = \"file\"\npath = {:?}\n\
         [evaluate]\ncontext = {{ daytime = 0, weekend = 1 }}\nmetrics = [\"rmse\"]\n{}{}",
        in_folder("split.csv"),
        approach("neural"),
        approach("hybrid"),
    );
    let file = in_folder("made.toml");
    fs::write(&file, experiment).unwrap();
    reco(["run", &file, "--out", &out]).ok();
    let results: Value = serde_json::from_slice(&fs::read(in_folder("out/report/results.json")).unwrap()).unwrap();
    let rmse = |row: usize| results["approaches"][row]["metrics"]["rmse"].as_f64().unwrap();
    let compared = reco(["compare", &out, "--against", "neural", "--metrics", "rmse", "--json"]).ok().json();
    let verdict = compared["pairs"][0]["metrics"][0]["verdict"].as_str().unwrap().to_owned();
    // The truth is a table of scores like any other.
    let least = reco(["evaluate", &file, "--out", &out, "--scores", &truth, "--stars", "--json"]).ok().json();
    let least = least["metrics"]["rmse"].as_f64().unwrap();
    Found { neural: rmse(0), hybrid: rmse(1), least, verdict }
}

#[test]
fn an_effect_of_the_moment_is_found_by_the_network_that_sees_the_moment() {
    let Found { neural, hybrid, least, verdict } = found("0.8");
    assert_eq!(verdict, "better", "hybrid {hybrid} against neural {neural}");
    assert!(hybrid < neural - 0.3, "hybrid {hybrid} against neural {neural}");
    assert!((0.35..0.54).contains(&least) && least < hybrid, "the noise is left: {least}, hybrid {hybrid}");
}

#[test]
fn without_an_effect_the_network_that_sees_the_moment_has_nothing_to_find() {
    let Found { neural, hybrid, least, verdict } = found("0");
    assert_eq!(verdict, "unclear", "hybrid {hybrid} against neural {neural}");
    assert!((hybrid - neural).abs() < 0.03, "hybrid {hybrid} against neural {neural}");
    assert!((0.46..0.54).contains(&least) && least < neural, "the noise is left: {least}, neural {neural}");
}

#[test]
fn parquet_is_trained_on_as_csv_is_and_sizes_follow_from_ratings() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let made = reco(["synth", "--ratings", "6000", "--parquet", "--json", "--out", &at("raw")]).ok().json();
    let config = &made["config"];
    assert_eq!((&config["n_users"], &config["n_items"], &config["n_ratings"]), (&40.into(), &600.into(), &6000.into()));
    let path = format!("data.path={}", at("raw"));
    let run = ["run", "--set", &path, "--set", "data.name=made", "--approach", "popularity", "--out", &at("out")];
    assert!(reco(run).ok().stdout.contains("popularity"));
}

#[test]
fn what_cannot_be_generated_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("raw").display().to_string();
    let refuse = |more: &[&str], parts: &[&str]| {
        reco(["synth", "--out", &out].iter().chain(more)).fails(1, parts);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    refuse(&["--context-effect", "9"], &["the effect of the moment can't be `9`", "hint: in stars, from `0` to `4.5`"]);
    refuse(&["--drift=nan"], &["the drift can't be `NaN`", "hint: "]);
    refuse(&["--ratings", "0"], &["`0` ratings of `1` users and `600` items can't be drawn", "hint: "]);
    refuse(&["--users", "1"], &["`60000` ratings of `1` users", "hint: from one per user"]);
    refuse(&["--truth", "truth.xlsx"], &["its ending says no format", "hint: let it end in `.csv` or `.parquet`"]);
    let inside = format!("{out}/truth.csv");
    refuse(&["--truth", &inside], &["there is no folder `", "hint: name a file in a folder that is there"]);
    reco(["synth", "--ratings", "many", "--out", &out]).fails(2, &["many"]);
}
