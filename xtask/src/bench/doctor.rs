//! Compares the time of each hot loop with its floor, the least that the machine's ceilings allow.
//!
//! Ceilings are those that `reco doctor --bench` measures; a floor is the time that a loop's counts would take if only
//! the slowest of them were done, as fast as in that ceiling's fastest turn. Does not know how either is measured.
//!
//! **Invariant**: ceilings and loops are measured in one run of this case, on as many threads; counts follow from the
//! code, as docs/performance.md has them.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Arguments;
use super::cases::{empty, read_json};
use super::train::{self, Line};
use crate::process::{Workspace, answer, measure, succeed};

/// Turns of the training; the median is shown.
const TURNS: usize = 3;

/// A hot loop: the operations that one rating or user takes on any machine, and its time on this one.
struct Loop {
    name: String,
    /// What is counted: `rating`, `user`.
    per: &'static str,
    counts: Vec<(Ceiling, f64)>,
    /// Whether it runs on all threads, or on one.
    on_all: bool,
    /// Seconds that one took here.
    seconds: f64,
}

/// A ceiling, by its name and the words of the table.
#[derive(Clone, Copy)]
struct Ceiling {
    name: &'static str,
    words: &'static str,
}

const MULTIPLY_ADDS: Ceiling = Ceiling { name: "multiply-add", words: "multiply-adds" };
const ROOTS: Ceiling = Ceiling { name: "root-quotient", words: "roots" };
const COMPARISONS: Ceiling = Ceiling { name: "compare", words: "comparisons" };
const CACHE: Ceiling = Ceiling { name: "read-cache", words: "bytes of a cache" };
const MEMORY: Ceiling = Ceiling { name: "read-memory", words: "bytes of memory" };

/// The ceilings as a table, and the loops beside their floors.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let mut command = workspace.command(&reco);
    command.args(["doctor", "--bench", "--json"]);
    let found: Value = serde_json::from_str(&answer(&mut command)?).context("`reco doctor` answered something else")?;
    let devices = found["ceilings"].as_array().context("`reco doctor --bench` measured nothing")?;
    let mut text = "`reco doctor --bench`: medians, and in brackets the slowest and the fastest turn.\n\n".to_owned();
    for device in devices {
        text += &of_device(device);
    }
    let mut loops = training(workspace, arguments)?;
    loops.extend(ranking(workspace)?);
    loops.push(ingest(workspace, arguments)?);
    Ok(text + &beside(&loops, &devices[0])?)
}

fn of_device(device: &Value) -> String {
    let name = device["device"].as_str().unwrap_or("–");
    let mut text = format!(
        "### {name}\n\n| ceiling | threads | a second, or seconds | what is done |\n| --- | ---: | ---: | --- |\n"
    );
    for ceiling in device["ceilings"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let word = |key: &str| ceiling[key].as_str().unwrap_or("–");
        let unit = word("unit").trim_end_matches("/s");
        let number = |key: &str| readable(ceiling[key].as_f64().unwrap_or(0.0));
        let threads = ceiling["threads"].as_u64().map_or_else(|| "–".to_owned(), |threads| threads.to_string());
        text += &format!(
            "| {} | {threads} | {}{unit} ({} – {}) | {} |\n",
            word("name"),
            number("median"),
            number("slowest").trim_end(),
            number("fastest").trim_end(),
            word("about")
        );
    }
    text + "\n"
}

/// Three digits and what they count: `12.3 G`, `4.56 µ`.
fn readable(value: f64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];
    let (unit, prefix) = prefixes.into_iter().find(|(unit, _)| value >= *unit).unwrap_or((1e-9, "n"));
    let value = value / unit;
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {prefix}")
}

/// A training step of the article's neural network: embeddings of 50 in two pairs of tables, a hidden layer of 25.
fn training(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<Loop>> {
    let program = train::build(workspace, arguments)?;
    let mut loops = Vec::new();
    for batch in ["128", "1024", "8192"] {
        for on_all in [false, true] {
            let mut turns = Vec::new();
            for _ in 0..TURNS {
                let mut command = workspace.command(&program);
                command.args(["neural", batch, "lazy-adam", "fused"]);
                if !on_all {
                    command.env("RAYON_NUM_THREADS", "1");
                }
                turns.push(train::line(&mut command)?);
            }
            turns.sort_unstable_by(|a, b| a.ratings_per_second.total_cmp(&b.ratings_per_second));
            let Line { ratings_per_second, rows_per_rating, .. } = turns[TURNS / 2];
            let (width, dense) = (50.0, 100.0 * 25.0);
            let batch_size: f64 = batch.parse()?;
            // Users and items have two tables each: a row that a batch meets moves once in both. Dense weights move
            // once a step.
            let moved = 2.0 * rows_per_rating * width + dense / batch_size;
            loops.push(Loop {
                name: format!("training step, batch {batch}"),
                per: "rating",
                counts: vec![
                    (MULTIPLY_ADDS, 7.0 * width + 3.0 * dense + 3.0 * moved),
                    (ROOTS, moved),
                    // The rows that are read, and the weights and moments that are moved, read and written.
                    (CACHE, 4.0 * (4.0 * width + 6.0 * moved)),
                ],
                on_all,
                seconds: 1.0 / ratings_per_second,
            });
        }
    }
    Ok(loops)
}

/// A ranking of the whole catalogue, and the products before it.
fn ranking(workspace: &Workspace) -> Result<Vec<Loop>> {
    let program = workspace.build_example("reco-eval", "full_ranking", true)?;
    let file = empty(workspace, "doctor")?.join("ranking.json");
    let (n_users, n_items, n_factors) = (20_000.0, 27_000.0, 64.0);
    let mut command = workspace.command(program);
    command.args([n_users, n_items, n_factors].map(|n: f64| n.to_string())).arg(&file);
    succeed(&mut command)?;
    let found = read_json(&file)?;
    let value = |key: &str| found[key].as_f64().with_context(|| format!("the program said nothing of `{key}`"));
    let (score, all, n_test) = (value("score")?, value("evaluate")?, value("n_test")?);
    let products = Loop {
        name: format!("dot products with {n_items} items of {n_factors}"),
        per: "user",
        // Items can be read once for many users.
        counts: vec![(MULTIPLY_ADDS, n_items * n_factors)],
        on_all: true,
        seconds: score / n_users,
    };
    let ranking = Loop {
        name: format!("ranking {n_items} items, products aside"),
        per: "user",
        counts: vec![
            // Once for the list, and twice for each relevant item: above and equal.
            (COMPARISONS, n_items * (1.0 + 2.0 * n_test / n_users)),
            // Scores are read once at least.
            (CACHE, 4.0 * n_items),
        ],
        on_all: true,
        seconds: (all - score) / n_users,
    };
    Ok(vec![products, ranking])
}

/// Reading ratings: at least the bytes of their files.
fn ingest(workspace: &Workspace, arguments: &Arguments) -> Result<Loop> {
    let reco = workspace.build_reco(arguments.release)?;
    let folder = empty(workspace, "doctor")?;
    let (raw, rows) = (folder.join("raw"), 2_500_000_u32);
    let mut synth = workspace.command(&reco);
    synth.args(["synth", "--users", "16000", "--items", "6000", "--ratings", &rows.to_string(), "--out"]).arg(&raw);
    measure(&mut synth)?;
    let mut command = workspace.command(&reco);
    command.args(["ingest", "--set", "data.name=synthetic", "--set", "data.fetch=", "--set"]);
    command.arg(format!("data.path={}", raw.display())).arg("--out").arg(folder.join("out"));
    let seconds = measure(&mut command)?.wall.as_secs_f64();
    let size = fs::metadata(raw.join("ratings.csv")).context("`reco synth` made no ratings")?.len();
    Ok(Loop {
        name: "ingest of CSV".to_owned(),
        per: "rating",
        counts: vec![(MEMORY, size as f64 / f64::from(rows))],
        on_all: true,
        seconds: seconds / f64::from(rows),
    })
}

/// Every loop beside its floor.
fn beside(loops: &[Loop], cpu: &Value) -> Result<String> {
    let mut text = "### Hot loops beside their floors\n\n\
        What a rating or a user takes by count, the time of the slowest of them at its ceiling's fastest turn (the floor), ours, and how many \
        times the floor that is. Nothing here is counted but what the method needs.\n\n\
        | loop | threads | counts | floor | ours | ours / floor |\n| --- | ---: | --- | ---: | ---: | ---: |\n"
        .to_owned();
    let ceilings = cpu["ceilings"].as_array().context("the CPU has no ceilings")?;
    let most =
        ceilings.iter().filter_map(|ceiling| ceiling["threads"].as_u64()).max().context("no thread was measured")?;
    for Loop { name, per, counts, on_all, seconds } in loops {
        let threads = if *on_all { most } else { 1 };
        let mut floor = (0.0, "");
        let mut words = Vec::new();
        for (Ceiling { name, words: what }, count) in counts {
            let of = |ceiling: &&Value| ceiling["name"] == *name && ceiling["threads"] == threads;
            let rate = ceilings.iter().find(of).and_then(|ceiling| ceiling["fastest"].as_f64());
            let rate = rate.with_context(|| format!("there is no ceiling `{name}` of {threads} threads"))?;
            if count / rate > floor.0 {
                floor = (count / rate, what);
            }
            words.push(format!("{} {what}", readable(*count).trim_end()));
        }
        text += &format!(
            "| {name} | {threads} | {} a {per} | {}s: {} | {}s | {:.1} |\n",
            words.join(", "),
            readable(floor.0),
            floor.1,
            readable(*seconds),
            seconds / floor.0
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_floor_is_the_slowest_count_at_its_ceiling() {
        let ceiling =
            |name: &str, threads: u64, fastest: f64| json!({ "name": name, "threads": threads, "fastest": fastest });
        let cpu = json!({ "ceilings": [
            ceiling("multiply-add", 1, 4e10), ceiling("multiply-add", 2, 8e10), ceiling("read-cache", 1, 1e11), ceiling("read-cache", 2, 1e11),
        ] });
        let one = |on_all| Loop {
            name: "a step".to_owned(),
            per: "rating",
            counts: vec![(MULTIPLY_ADDS, 8000.0), (CACHE, 1e4)],
            on_all,
            seconds: 5e-7,
        };
        let text = beside(&[one(false), one(true)], &cpu).unwrap();
        let rows: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(
            rows[1],
            "| a step | 1 | 8.00 k multiply-adds, 10.0 k bytes of a cache a rating | 200 ns: multiply-adds | 500 ns | 2.5 |"
        );
        assert!(
            rows[0].ends_with("| 100 ns: multiply-adds | 500 ns | 5.0 |") || rows[0].contains("100 ns: bytes"),
            "{text}"
        );
        let error = beside(&[one(true)], &json!({ "ceilings": [ceiling("compare", 2, 1.0)] })).unwrap_err();
        assert_eq!(error.to_string(), "there is no ceiling `multiply-add` of 2 threads");
        assert_eq!([readable(999.6e6), readable(4.561e-6), readable(12.0)], ["1000 M", "4.56 µ", "12.0 "]);
    }
}
