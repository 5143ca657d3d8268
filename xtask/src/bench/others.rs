//! Measures other libraries' recommenders with our metrics, and compares these with the libraries' own metrics.
//!
//! Does not know the libraries: a script beside this file has each write scores and print its own metrics.
//!
//! **Invariant**: all learn from the same rows and are measured on the same ones; every number is a program's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::cases::{cell, empty, run};
use crate::process::{Workspace, answer, shown, succeed};
use crate::python::{Environment, IMPLICIT, RECBOLE, SURPRISE as WITH_SURPRISE, TORCH};

const RANKING: &str = "data/experiments/ratio-811.toml";
const STARS: &str = "data/experiments/surprise-5fold.toml";
const FOLD: &str = "split.fold=0";

/// The columns that are shown of each model.
const SHOWN: [&str; 6] = ["recall@10", "ndcg@10", "mrr@10", "hit@10", "coverage@10", "novelty@10"];

/// The columns that are shown of each file of scores.
const TRAPS: [&str; 7] = ["recall@10", "ndcg@10", "ndcg@20", "user_auc", "n_scores", "n_unknown", "n_masked"];

/// The files that `others_traps.py` writes: the same scores in several ways, some of them wrong.
const WRITTEN: [&str; 6] = [
    "all items",
    "items unseen in training",
    "the 100 best of these",
    "the 10 best of these",
    "row numbers for ids",
    "two decimals",
];

/// A model of another library.
struct Peer {
    name: &'static str,
    script: &'static str,
    python: &'static Environment,
    /// The number of OpenBLAS threads, where the library asks for one: implicit's factors depend on it.
    threads: Option<&'static str>,
    model: &'static str,
    /// Its own metrics, each with our column of that name or the nearest one.
    own: &'static [(&'static str, &'static str)],
}

const PEERS: [Peer; 3] = [
    Peer {
        name: "RecBole",
        script: "others_recbole",
        python: &RECBOLE,
        threads: None,
        model: "BPR, 50 epochs",
        own: &[
            ("recall@10", "recall@10"),
            ("ndcg@10", "ndcg@10"),
            ("mrr@10", "mrr@10"),
            ("hit@10", "hit@10"),
            ("map@10", "map@10"),
            ("precision@10", "precision@10"),
        ],
    },
    Peer {
        name: "implicit",
        script: "others_implicit",
        python: &IMPLICIT,
        threads: Some("1"),
        model: "ALS, the 100 best",
        own: &[("ndcg", "ndcg@10"), ("map", "map@10"), ("precision", "precision@10")],
    },
    Peer {
        name: "LensKit",
        script: "others_lenskit",
        python: &TORCH,
        threads: None,
        model: "item neighbours",
        own: &[
            ("Recall@10", "recall@10"),
            ("Recall@10", "capped_recall@10"),
            ("NDCG@10", "ndcg@10"),
            ("NDCG+1@10", "ndcg@10"),
            ("RecipRank@10", "mrr@10"),
            ("Hit@10", "hit@10"),
            ("Precision@10", "precision@10"),
        ],
    },
];

const SURPRISE: Peer = Peer {
    name: "Surprise",
    script: "others_surprise",
    python: &WITH_SURPRISE,
    threads: None,
    model: "SVD",
    own: &[("rmse", "rmse"), ("mae", "mae")],
};

/// A line of the table of agreement.
struct Agreement {
    library: &'static str,
    /// What was measured, in the script's words.
    what: String,
    theirs: (&'static str, f64),
    ours: (&'static str, f64),
}

pub(super) fn measured(workspace: &Workspace) -> Result<String> {
    let reco = workspace.build_reco(false)?;
    let folder = empty(workspace, "others")?;
    let (mut models, mut agreements) = (String::new(), Vec::new());
    for approach in ["popularity", "implicit-item-knn"] {
        let run = run(workspace, &format!("others/{approach}"), "ratio-811", ["--approach", approach])?;
        models += &row(&format!("reco `{approach}`"), &run.results["approaches"][0]["metrics"], run.seconds());
    }
    // All runs have the same split; the other libraries read that of the first.
    let ranking = Ground { reco: &reco, experiment: RANKING, out: folder.join("popularity") };
    for peer in &PEERS {
        let (metrics, seconds) = ranking.peer(workspace, peer, &folder, &[], "", &mut agreements)?;
        models += &row(&format!("{} ({})", peer.name, peer.model), &metrics, seconds);
    }
    let traps =
        ranking.traps(workspace, &folder.join(format!("{}.parquet", PEERS[0].script)), &folder.join("traps"))?;
    let out = folder.join("stars");
    for stage in ["ingest", "features"] {
        succeed(workspace.command(&reco).args([stage, STARS, "--out"]).arg(&out))?;
    }
    let stars = Ground { reco: &reco, experiment: STARS, out };
    stars.peer(workspace, &SURPRISE, &folder, &["--stars", "--repetition", FOLD], FOLD, &mut agreements)?;
    Ok(format!(
        "`reco run {RANKING}` for reco's own; for each of the others its script `xtask/src/bench/peers/others_*.py`, \
         which writes scores, and then `reco evaluate --scores`; with {}. Seconds are those of the whole process, on \
         all cores: of the others loading the library, learning, scoring and writing, and measuring themselves \
         (implicit with OPENBLAS_NUM_THREADS=1, as it asks); of reco everything from the raw ratings to the report. \
         They are of one run each. Models have the defaults of their library, and are not tuned.\n\n\
         | model | {} | seconds |\n| --- |{} ---: |\n{models}\n\
         ### Their own ruler and ours\n\n\
         {}\n\
         ### One file of scores, written in several ways\n\n\
         RecBole's, by `xtask/src/bench/peers/others_traps.py`.\n\n{traps}",
        PEERS.iter().chain([&SURPRISE]).map(|peer| peer.python.all(workspace)).collect::<Vec<_>>().join("; "),
        SHOWN.join(" | "),
        " ---: |".repeat(SHOWN.len()),
        agreement(&agreements),
    ))
}

/// The run whose split others learn from, and the `reco` that measures them.
struct Ground<'a> {
    reco: &'a Path,
    experiment: &'static str,
    out: PathBuf,
}

impl Ground<'_> {
    /// Our metrics of a peer, and the seconds of its script; its own metrics go to `agreements`.
    fn peer(
        &self,
        workspace: &Workspace,
        peer: &Peer,
        folder: &Path,
        flags: &[&str],
        repetition: &str,
        agreements: &mut Vec<Agreement>,
    ) -> Result<(Value, f64)> {
        let file = folder.join(format!("{}.parquet", peer.script));
        let mut script = peer.python.command(workspace)?;
        if let Some(threads) = peer.threads {
            script.env("OPENBLAS_NUM_THREADS", threads);
        }
        script.arg(format!("xtask/src/bench/peers/{}.py", peer.script)).arg(self.out.join(repetition)).arg(&file);
        let begun = Instant::now();
        let lines = answer(script.env("PYTHONWARNINGS", "ignore"))?;
        let seconds = begun.elapsed().as_secs_f64();
        let answered = self.evaluate(workspace, &file, flags)?;
        let metrics = answered["metrics"].clone();
        agreements.extend(agree(peer, &lines, &metrics)?);
        Ok((metrics, seconds))
    }

    /// What `reco evaluate --scores` answers.
    fn evaluate(&self, workspace: &Workspace, file: &Path, flags: &[&str]) -> Result<Value> {
        let mut command = workspace.command(self.reco);
        command.args(["evaluate", "--json", "--experiment", self.experiment, "--out"]).arg(&self.out);
        let answered = answer(command.arg("--scores").arg(file).args(flags))?;
        serde_json::from_str(&answered).with_context(|| format!("`{}` answered `{answered}`", shown(&command)))
    }

    /// Metrics of the scores of a file, written in several ways, some of which are wrong.
    fn traps(&self, workspace: &Workspace, file: &Path, to: &Path) -> Result<String> {
        fs::create_dir(to).with_context(|| format!("cannot make `{}`", to.display()))?;
        let mut script = RECBOLE.command(workspace)?;
        succeed(script.arg("xtask/src/bench/peers/others_traps.py").args([&self.out, file, to]))?;
        let mut text = format!("| the file has | {} |\n| --- |{}\n", TRAPS.join(" | "), " ---: |".repeat(TRAPS.len()));
        for name in WRITTEN {
            let answered = self.evaluate(workspace, &to.join(format!("{name}.parquet")), &[])?;
            let count = |column: &str| answered[column].as_u64().map(|count| count.to_string());
            let cell = |column| count(column).unwrap_or_else(|| cell(&answered["metrics"][column]));
            text += &format!("| {name} | {} |\n", TRAPS.map(cell).join(" | "));
        }
        Ok(text)
    }
}

/// Each number that the script printed, beside the column of ours.
fn agree(peer: &Peer, lines: &str, metrics: &Value) -> Result<Vec<Agreement>> {
    let mut agreements = Vec::new();
    for line in lines.lines() {
        let said: BTreeMap<String, BTreeMap<String, f64>> =
            serde_json::from_str(line).with_context(|| format!("`{}` answered `{line}`", peer.script))?;
        for (what, values) in said {
            for (theirs, ours) in peer.own {
                let value = values.get(*theirs).with_context(|| format!("`{}` has no `{theirs}`", peer.script))?;
                let column = metrics[*ours].as_f64().with_context(|| format!("reco has no `{ours}`"))?;
                agreements.push(Agreement {
                    library: peer.name,
                    what: what.clone(),
                    theirs: (theirs, *value),
                    ours: (ours, column),
                });
            }
        }
    }
    Ok(agreements)
}

fn row(model: &str, metrics: &Value, seconds: f64) -> String {
    format!("| {model} | {} | {seconds:.1} |\n", SHOWN.map(|name| cell(&metrics[name])).join(" | "))
}

fn agreement(agreements: &[Agreement]) -> String {
    let mut text = "| library | measured on | its number | | reco's column | | difference |\n\
                    | --- | --- | --- | ---: | --- | ---: | ---: |\n"
        .to_owned();
    for Agreement { library, what, theirs, ours } in agreements {
        text += &format!(
            "| {library} | {what} | {} | {:.10} | `{}` | {:.10} | {:.1e} |\n",
            theirs.0,
            theirs.1,
            ours.0,
            ours.1,
            (theirs.1 - ours.1).abs(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_guide_installs_what_the_scripts_run_with() {
        let guide = fs::read_to_string(Workspace::find().unwrap().root().join("docs/others.md")).unwrap();
        for package in PEERS.iter().chain([&SURPRISE]).flat_map(|peer| peer.python.packages) {
            assert!(guide.contains(package), "the guide does not install {package}");
        }
    }

    #[test]
    fn what_a_script_prints_stands_beside_our_column() {
        let metrics = json!({ "rmse": 0.93, "mae": 0.75, "recall@10": null });
        let lines = r#"{"stars": {"rmse": 0.9300000000001, "mae": 0.5}}"#;
        let text = agreement(&agree(&SURPRISE, lines, &metrics).unwrap());
        assert!(
            text.contains("| Surprise | stars | rmse | 0.9300000000 | `rmse` | 0.9300000000 | 1.0e-13 |\n"),
            "{text}"
        );
        assert!(text.ends_with("| mae | 0.5000000000 | `mae` | 0.7500000000 | 2.5e-1 |\n"), "{text}");
        let error = |lines| agree(&SURPRISE, lines, &metrics).err().unwrap().to_string();
        assert_eq!(error(r#"{"stars": {"rmse": 1}}"#), "`others_surprise` has no `mae`");
        assert_eq!(error("warning"), "`others_surprise` answered `warning`");
        let none = agree(&SURPRISE, lines, &json!({ "rmse": null })).err().unwrap().to_string();
        assert_eq!(none, "reco has no `rmse`");
        assert_eq!(row("x", &metrics, 1.25), "| x | – | – | – | – | – | – | 1.2 |\n");
    }
}
