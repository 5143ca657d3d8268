//! Measures finding everyone's best ten items by dot products, and what smaller item tables cost.
//!
//! Does not know how scores are made: it runs programs that print one line each, ours and others'.
//!
//! **Invariant**: ours and others' rank the same users, items and factors with the same masks, and find the same lists,
//! or the case fails.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::cases::empty;
use super::machine::bytes;
use super::turns::spread;
use crate::process::{Cost, Workspace, answer, measure, parsed, shown};
use crate::python::IMPLICIT;
use crate::splits::{self, RATIO};

/// Users, items, factors: MovieLens 20M.
const SIZE: [&str; 3] = ["138000", "27000", "64"];

/// Turns of each.
const TURNS: usize = 3;

const FORMATS: [&str; 3] = ["f32", "f16", "int8"];

/// What each program writes of the large ranking.
#[derive(Deserialize)]
struct Lists {
    median: f64,
    table_bytes: Option<u64>,
    overlap: Option<f64>,
    /// The lists of the first users.
    lists: Vec<Vec<u32>>,
}

/// What the program of item tables prints for each format.
#[derive(Deserialize)]
struct OfFormat {
    format: String,
    table_bytes: u64,
    fastest: f64,
    median: f64,
    overlap: f64,
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    rmse: f64,
    #[serde(rename = "ndcg@10")]
    ndcg: f64,
    user_auc: f64,
}

pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let mut text = format!(
        "### Lists of ten for everyone\n\n\
                    `cargo run --release -p reco-eval --example dot_product -- USERS ITEMS FACTORS FORMAT`: scores, \
                    masks and lists of ten from generated embeddings, 144 items seen by each user (fewer where chance \
                    repeats). Each program runs {TURNS} times in turns with the others and ranks three times each, of \
                    which the median counts; the others have the same embeddings and masks, and the same lists for the \
                    first twenty users. `from – to` is over the turns; memory is that of the whole process, embeddings \
                    and masks included; the overlap is that with the lists of `f32`.\n\n\
                    | program | users | items | factors | median s | from – to | peak memory | item table | overlap@10 \
                    | at |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
    );
    let folder = empty(workspace, "dot-product")?;
    let program = workspace.build_example("reco-eval", "dot_product", true)?;
    // Each with its setting.
    let mut programs = Vec::new();
    for format in FORMATS {
        let file = folder.join(format!("{format}.json"));
        let mut command = workspace.command(&program);
        command.args(SIZE).arg(format).arg(&file);
        programs.push((format!("reco, `{format}`"), "all cores", command, file));
    }
    for (peer, name, at) in [
        ("numpy", "NumPy with OpenBLAS", "OpenBLAS on all cores"),
        // It has threads of its own, and asks for this variable.
        ("implicit", "implicit's `topk`", "all cores, OPENBLAS_NUM_THREADS=1"),
    ] {
        let file = folder.join(format!("{peer}.json"));
        let mut command = IMPLICIT.command(workspace)?;
        command.args(["xtask/src/bench/peers/dot_product.py", peer]).args(SIZE).arg(&file);
        if peer == "implicit" {
            command.env("OPENBLAS_NUM_THREADS", "1");
        }
        programs.push((name.to_owned(), at, command, file));
    }
    let mut turns: Vec<Vec<(Lists, Option<u64>)>> = programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..TURNS {
        for ((.., command, file), turns) in programs.iter_mut().zip(&mut turns) {
            let Cost { peak, .. } = measure(command)?;
            turns.push((parsed(&fs::read_to_string(file)?)?, peak));
        }
    }
    // Our lists of 32-bit tables come first; those of smaller tables may differ.
    for ((name, ..), others) in programs.iter().zip(&turns).skip(FORMATS.len()) {
        ensure!(are_same(&turns[0][0].0.lists, &others[0].0.lists), "{name} finds other lists than reco");
    }
    for ((name, at, ..), turns) in programs.iter().zip(&turns) {
        text += &row(name, at, turns);
    }
    text += &format!(
        "\nOthers by `xtask/src/bench/peers/dot_product.py`, with {}.\n",
        IMPLICIT.of(workspace, &["implicit", "numpy", "scipy"])
    );
    text += &item_tables(workspace)?;
    Ok(text)
}

/// Whether lists have the same items. Their order may differ: sums in another order may swap two items that are equal
/// to the last bit.
fn are_same(ours: &[Vec<u32>], theirs: &[Vec<u32>]) -> bool {
    let sets =
        |lists: &[Vec<u32>]| lists.iter().map(|list| list.iter().copied().collect()).collect::<Vec<BTreeSet<_>>>();
    !ours.is_empty() && sets(ours) == sets(theirs)
}

fn row(program: &str, at: &str, turns: &[(Lists, Option<u64>)]) -> String {
    let [from, median, to] = spread(&turns.iter().map(|(lists, _)| lists.median).collect::<Vec<_>>());
    let peak = turns.iter().filter_map(|(_, peak)| *peak).max();
    let (table_bytes, overlap) = turns.first().map_or((None, None), |(lists, _)| (lists.table_bytes, lists.overlap));
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    format!(
        "| {program} | {} | {median:.2} | {from:.2} – {to:.2} | {} | {} | {} | {at} |\n",
        SIZE.join(" | "),
        or_nothing(peak.map(bytes)),
        or_nothing(table_bytes.map(kibibytes)),
        or_nothing(overlap.map(|overlap| format!("{overlap:.4}"))),
    )
}

/// What smaller item tables of a trained model lose.
fn item_tables(workspace: &Workspace) -> Result<String> {
    let (ratings, split) = splits::files(workspace, RATIO)?;
    let mut command =
        workspace.cargo(&["run", "--release", "--quiet", "--package", "reco-eval", "--example", "item_tables"]);
    let shown = format!("{} -- RATINGS SPLIT", shown(&command));
    command.arg("--").args([&ratings, &split]);
    tables(&shown, &answer(&mut command)?)
}

fn tables(command: &str, lines: &str) -> Result<String> {
    let formats: Vec<OfFormat> = lines.lines().map(parsed).collect::<Result<_>>()?;
    let exact = formats.first().context("the program answered nothing")?;
    let mut text = format!(
        "\n### Item tables of `svd`\n\n`{command}`: `svd` learned from MovieLens 100K, the split of {RATIO}. \
         Milliseconds of the lists of ten of all test users, of 25 turns; differences are those from `f32`.\n\n\
         | `item_table` | item table | fastest ms | median ms | overlap@10 | ndcg@10 | difference | user_auc | rmse | \
         difference |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for OfFormat { format, table_bytes, fastest, median, overlap, metrics: Metrics { rmse, ndcg, user_auc } } in
        &formats
    {
        let (of_ndcg, of_rmse) = (ndcg - exact.metrics.ndcg, rmse - exact.metrics.rmse);
        text += &format!(
            "| {format} | {} | {:.1} | {:.1} | {overlap:.4} | {ndcg:.4} | {of_ndcg:+.5} | {user_auc:.4} | {rmse:.4} | \
             {of_rmse:+.6} |\n",
            kibibytes(*table_bytes),
            fastest * 1e3,
            median * 1e3,
        );
    }
    Ok(text)
}

fn kibibytes(bytes: u64) -> String {
    format!("{:.0} KiB", bytes as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_and_nothing_is_no_measurement() {
        let line = |format: &str, ndcg: f64| {
            format!(
                r#"{{"format":"{format}","table_bytes":2048,"fastest":0.0021,"median":0.003,"overlap":0.99,"metrics":{{"rmse":0.9,"ndcg@10":{ndcg},"user_auc":0.7}}}}"#
            )
        };
        let text = tables("a", &[line("f32", 0.06), line("int8", 0.0599)].join("\n")).unwrap();
        let last = "| int8 | 2 KiB | 2.1 | 3.0 | 0.9900 | 0.0599 | -0.00010 | 0.7000 | 0.9000 | +0.000000 |\n";
        assert!(text.ends_with(last), "{text}");
        assert_eq!(tables("", "").err().unwrap().to_string(), "the program answered nothing");
        assert_eq!(tables("", "no").err().unwrap().to_string(), "the program answered `no`");
    }
    #[test]
    fn the_same_items_in_another_order_are_the_same_lists_and_none_are_none() {
        let ours = [vec![1, 2], vec![3]];
        assert!(are_same(&ours, &[vec![2, 1], vec![3]]));
        assert!(!are_same(&ours, &[vec![2, 4], vec![3]]) && !are_same(&ours, &ours[..1]) && !are_same(&[], &[]));
    }
}
