//! Lists the cases of the benchmark, and measures those that run whole experiments.
//!
//! Does not know the page that the results are written to.
//!
//! **Invariant**: a case runs `reco` or cargo as anyone would, in folders of its own that it empties first, so that no
//! earlier run's work is skipped.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::machine::bytes;
use super::{
    Arguments, Case, build, doctor, dot_product, five_folds, ingest, others, peers, protocols, quality, ruler, train,
};
use crate::process::{Cost, Workspace, measure, shown, succeed};

/// All cases, in the order they run. To add one, add a line.
pub(super) const CASES: &[Case] = &[
    Case { name: "build", about: "A clean build", peer: false, release: false, measure: build::run },
    Case {
        name: "ml-100k",
        about: "The default experiment: MovieLens 100K",
        peer: false,
        release: false,
        measure: |workspace, arguments| experiment(workspace, arguments, "ml-100k", "data/experiments/default.toml"),
    },
    Case { name: "article", about: "The article's experiment", peer: false, release: false, measure: article },
    Case {
        name: "article-seeds",
        about: "The article's experiment, five seeds",
        peer: false,
        release: false,
        measure: |workspace, arguments| {
            experiment(workspace, arguments, "article-seeds", "data/experiments/article-seeds.toml")
        },
    },
    Case {
        name: "article-choices",
        about: "The article's choices, one by one",
        peer: false,
        release: false,
        measure: article_choices,
    },
    Case {
        name: "keras",
        about: "The article's hybrid network in Keras",
        peer: true,
        release: false,
        measure: peers::keras_hybrid,
    },
    Case {
        name: "knn",
        about: "Baselines and neighbours: five folds of MovieLens 100K",
        peer: false,
        release: false,
        measure: five_folds::ours,
    },
    Case {
        name: "surprise",
        about: "The same five folds in Surprise",
        peer: true,
        release: false,
        measure: five_folds::surprise,
    },
    Case {
        name: "lenskit",
        about: "The same five folds in LensKit",
        peer: true,
        release: false,
        measure: five_folds::lenskit,
    },
    Case { name: "ruler", about: "An evaluation, here and in Python", peer: true, release: false, measure: ruler::run },
    Case {
        name: "full-ranking",
        about: "A full ranking of 138,000 users and 27,000 items",
        peer: true,
        release: true,
        measure: ruler::large,
    },
    Case {
        name: "dot-product",
        about: "Everyone's best ten by dot products",
        peer: true,
        release: true,
        measure: dot_product::run,
    },
    Case {
        name: "protocols",
        about: "Every preset on MovieLens 100K",
        peer: false,
        release: false,
        measure: protocols::presets,
    },
    Case {
        name: "choices",
        about: "One number under one choice after another",
        peer: false,
        release: false,
        measure: protocols::choices,
    },
    Case { name: "compare", about: "Two runs, user by user", peer: false, release: false, measure: protocols::compare },
    Case {
        name: "others",
        about: "Others' recommenders by our ruler",
        peer: true,
        release: false,
        measure: others::run,
    },
    Case { name: "train", about: "How fast the networks learn", peer: false, release: false, measure: train::run },
    Case {
        name: "train-peers",
        about: "The same in Keras, PyTorch and RecBole",
        peer: true,
        release: false,
        measure: train::peers,
    },
    Case {
        name: "quality",
        about: "What the fast training step learns",
        peer: false,
        release: false,
        measure: quality::run,
    },
    Case { name: "ingest", about: "Reading many ratings", peer: false, release: false, measure: ingest::run },
    Case {
        name: "ingest-peers",
        about: "The same in polars and DuckDB",
        peer: true,
        release: false,
        measure: ingest::peers,
    },
    Case {
        name: "doctor",
        about: "Ceilings of the machine, and floors",
        peer: false,
        release: false,
        measure: doctor::run,
    },
];

/// The networks of the article.
pub(super) const NETWORKS: [&str; 3] = ["collaborative", "neural", "hybrid"];

/// One option of all networks, for `--set`.
pub(super) fn of_networks(key: &str, value: &str) -> Vec<String> {
    NETWORKS.map(|name| format!("approach.{name}.{key}={value}")).to_vec()
}

/// What a program cost, by its command.
pub(super) struct Row {
    pub(super) command: String,
    pub(super) cost: Cost,
    /// Rows of data that were processed, where they are counted.
    pub(super) n_rows: Option<u64>,
}

/// An empty folder for one case.
pub(super) fn empty(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.target().join("bench").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    Ok(folder)
}

pub(super) fn table(workspace: &Workspace, rows: &[Row]) -> String {
    let mut text = "| command | seconds | peak memory | rows a second |\n| --- | ---: | ---: | ---: |\n".to_owned();
    // The page shows no path of this machine.
    let target = format!("{}/", workspace.target().display());
    for Row { command, cost, n_rows } in rows {
        let seconds = cost.wall.as_secs_f64();
        let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
        text += &format!(
            "| `{}` | {seconds:.1} | {} | {} |\n",
            command.replace(&target, "target/"),
            or_nothing(cost.peak.map(bytes)),
            or_nothing(n_rows.map(|n| format!("{:.2} million", n as f64 / seconds / 1e6))),
        );
    }
    text
}

/// The article's experiment, and how long it takes with the other optimizer.
fn article(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let text = experiment(workspace, arguments, "article", "data/experiments/article.toml")?;
    let reco = workspace.build_reco(arguments.release)?;
    let out = empty(workspace, "article-lazy-adam")?;
    let mut command = workspace.command(reco);
    command.args(["run", "data/experiments/article.toml"]);
    for set in of_networks("optimizer", "lazy-adam") {
        command.args(["--set", &set]);
    }
    let cost = measure(command.arg("--out").arg(&out))?;
    let trained = seconds_of_training(&read_json(&out.join("report/results.json"))?);
    let row = table(workspace, &[Row { command: shown(&command), cost, n_rows: None }]);
    Ok(format!("{text}\n### With `lazy-adam`\n\n{row}\nTraining took {trained:.1} s of it.\n"))
}

fn experiment(workspace: &Workspace, arguments: &Arguments, name: &str, file: &str) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let out = empty(workspace, name)?;
    let mut command = workspace.command(reco);
    command.args(["run", file, "--out"]).arg(&out);
    let cost = measure(&mut command)?;
    let results = read_json(&out.join("report/results.json"))?;
    let trained: f64 = seconds_of_training(&results);
    let report = fs::read_to_string(out.join("report/report.md")).context("the run left no report.md")?;
    let mut text = table(workspace, &[Row { command: shown(&command), cost, n_rows: None }]);
    text += &format!("\nTraining took {trained:.1} s of it, on {}.\n", results["device"].as_str().unwrap_or("–"));
    for heading in ["Data and protocol", "Results", "Training"] {
        text += &format!("\n### {heading}\n\n{}\n", section(&report, heading));
    }
    Ok(text)
}

/// The article's experiment, and the same with one of its choices corrected at a time.
fn article_choices(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let split = || vec!["split.kind=per-user-random".to_owned()];
    let none_validates = || vec!["split.validation=0".to_owned()];
    let own_validation = || [of_networks("validation_split", "0"), of_networks("patience", "5")].concat();
    let choices: Vec<(&str, &str, Vec<String>)> = vec![
        ("As the article", "article", vec![]),
        ("Untrained rows at the mean of the trained ones", "article", of_networks("untrained_rows", "mean")),
        ("All training rows train", "article", of_networks("validation_split", "0")),
        ("Scaled by training ratings alone", "article", vec!["features.scaling.fit=train".to_owned()]),
        ("Held-out ratings of all users and products", "article", [split(), none_validates()].concat()),
        ("The same, stopped by rows that are neither train nor test", "article", [split(), own_validation()].concat()),
        ("All of it, and one line to scale all ratings", "article-honest", vec![]),
    ];
    let reco = workspace.build_reco(arguments.release)?;
    let metrics = ["scaled_mae", "hit_share", "article_accuracy", "article_mrr", "mrr"];
    let mut text = String::new();
    for (row, (choice, experiment, sets)) in choices.into_iter().enumerate() {
        let out = empty(workspace, &format!("article-choices/{row}"))?;
        let mut command = workspace.command(&reco);
        command.args(["run", &format!("data/experiments/{experiment}.toml")]);
        for set in sets {
            command.args(["--set", &set]);
        }
        let shown = shown(&command);
        succeed(command.arg("--out").arg(&out))?;
        let results = read_json(&out.join("report/results.json"))?;
        text += &format!("### {choice}\n\n`{shown}`\n\n| approach | {} |\n", metrics.join(" | "));
        text += &format!("| --- |{}\n", " ---: |".repeat(metrics.len()));
        for approach in results["approaches"].as_array().context("results.json has no approaches")? {
            let value = |metric: &&str| approach["metrics"][*metric].as_f64();
            let cell = |metric| value(metric).map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
            let cells = metrics.iter().map(cell).collect::<Vec<_>>().join(" | ");
            text += &format!("| {} | {cells} |\n", approach["name"].as_str().unwrap_or("–"));
        }
        text += "\n";
    }
    Ok(text)
}

pub(super) fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", path.display()))
}

fn seconds_of_training(results: &Value) -> f64 {
    let approaches = results["approaches"].as_array().map(Vec::as_slice).unwrap_or_default();
    approaches.iter().filter_map(|approach| approach["train_seconds"].as_f64()).sum()
}

/// The text under `## heading`, up to the next heading of that level.
pub(super) fn section(report: &str, heading: &str) -> String {
    let lines = report.lines().skip_while(|line| line.strip_prefix("## ") != Some(heading)).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The text under `### heading` of a section, up to the next heading.
pub(super) fn subsection(section: &str, heading: &str) -> String {
    let lines = section.lines().skip_while(|line| line.strip_prefix("### ") != Some(heading)).skip(1);
    lines.take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let report = "# x\n\n## Results\n\n| a |\n\n### deeper\n\n## Training\n\nb\n";
        assert_eq!(section(report, "Results"), "| a |\n\n### deeper");
        assert_eq!(section(report, "Training"), "b");
        assert_eq!(section(report, "Absent"), "");
    }

    #[test]
    fn training_is_the_sum_over_approaches() {
        let results = json!({ "approaches": [{ "train_seconds": 1.5 }, { "train_seconds": 2.0 }, {}] });
        assert_eq!(seconds_of_training(&results), 3.5);
    }

    #[test]
    fn a_table_shows_rows_a_second_and_no_path_of_this_machine() {
        let workspace = Workspace::find().unwrap();
        let cost = Cost { wall: Duration::from_secs(2), peak: Some(300 << 20) };
        let command = format!("reco ingest --out {}/bench/x", workspace.target().display());
        let row = |cost, n_rows| Row { command: command.clone(), cost, n_rows };
        let text = table(&workspace, &[row(cost, Some(3_000_000)), row(Cost { peak: None, ..cost }, None)]);
        assert!(text.contains("| `reco ingest --out target/bench/x` | 2.0 | 300 MiB | 1.50 million |"), "{text}");
        assert!(text.contains("| 2.0 | – | – |"), "{text}");
    }
}
