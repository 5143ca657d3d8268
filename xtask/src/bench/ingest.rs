//! Measures how fast many ratings are read, checked and written, by reco, polars and DuckDB.
//!
//! Does not know the work of the others: `peers/ingest_*.py` says what each does.
//!
//! **Invariant**: what is compared runs in turns on one generated file, whose pages the system still has in memory;
//! what others count is what the generator made, or the case fails.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Arguments;
use super::cases::{Row, empty, table};
use super::machine::bytes;
use super::plot::{self, Bar};
use super::turns::{median, sorted};
use crate::process::{Workspace, answer, measure, parsed, shown, succeed};
use crate::python::TABLES;

/// Turns of each.
const TURNS: usize = 3;

/// The other programs: name, script, mode, and the settings, of which the fastest is shown. Ours comes before them.
const PEERS: [(&str, &str, &str, &[&str]); 4] = [
    ("polars, checked", "ingest_polars.py", "checked", &["in memory", "streaming"]),
    ("DuckDB, checked", "ingest_duckdb.py", "checked", &["in order"]),
    ("polars, CSV to Parquet alone", "ingest_polars.py", "bare", &["in memory", "streaming"]),
    ("DuckDB, CSV to Parquet alone", "ingest_duckdb.py", "bare", &["in order", "in any order"]),
];

/// What a script prints.
#[derive(Deserialize)]
struct Line {
    seconds: f64,
    peak: u64,
    n_rows: Option<u64>,
    n_users: Option<u64>,
    n_bad: Option<u64>,
    n_duplicates: Option<u64>,
}

/// How many users and items are generated: about as many per rating as MovieLens 25M has.
fn users_and_items(rows: u64) -> (u64, u64) {
    ((rows / 154).max(100), (rows / 400).clamp(100, 62_000))
}

/// The command that generates `rows` ratings in `raw`.
fn synth(workspace: &Workspace, reco: &Path, rows: u64, raw: &Path) -> std::process::Command {
    let (users, items) = users_and_items(rows);
    let mut command = workspace.command(reco);
    command.args([
        "synth",
        "--ratings",
        &rows.to_string(),
        "--users",
        &users.to_string(),
        "--items",
        &items.to_string(),
    ]);
    command.arg("--out").arg(raw);
    command
}

/// A stage that works on what is generated in `raw`.
fn stage(workspace: &Workspace, reco: &Path, stage: &str, raw: &Path, out: &Path) -> std::process::Command {
    let mut command = workspace.command(reco);
    command.args([stage, "--set", "data.name=synthetic", "--set", "data.fetch="]);
    command.arg("--set").arg(format!("data.path={}", raw.display()));
    command.arg("--out").arg(out);
    command
}

/// Our own: the generator, and the two stages that go over every rating.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let folder = empty(workspace, "ingest")?;
    let (raw, out) = (folder.join("raw"), folder.join("out"));
    let commands = [
        synth(workspace, &reco, arguments.rows, &raw),
        stage(workspace, &reco, "ingest", &raw, &out),
        stage(workspace, &reco, "features", &raw, &out),
    ];
    let mut rows = Vec::new();
    for mut command in commands {
        let cost = measure(&mut command)?;
        rows.push(Row { command: shown(&command), cost, n_rows: Some(arguments.rows) });
    }
    let text = table(workspace, &rows);
    let size = bytes(size_of(&raw)?);
    fs::remove_dir_all(&folder)?;
    Ok(format!("{text}\nThe generated files have {size}.\n"))
}

/// What one program took: seconds of each turn, the largest peak memory, bytes written.
#[derive(Default)]
struct Taken {
    seconds: Vec<f64>,
    peak: u64,
    written: u64,
}

/// Ours and others', turn by turn, on rows by user and on the same rows by time.
pub(super) fn peers(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let folder = empty(workspace, "ingest-peers")?;
    let by_user = folder.join("by-user");
    succeed(&mut synth(workspace, &reco, arguments.rows, &by_user))?;
    let by_time = folder.join("by-time");
    fs::create_dir(&by_time)?;
    for file in ["movies.csv", "dataset.toml"] {
        fs::copy(by_user.join(file), by_time.join(file)).with_context(|| format!("cannot copy `{file}`"))?;
    }
    let mut sort = TABLES.command(workspace)?;
    sort.arg("xtask/src/bench/peers/ingest_by_time.py")
        .arg(by_user.join("ratings.csv"))
        .arg(by_time.join("ratings.csv"));
    succeed(&mut sort)?;

    let mut text = format!(
        "{} million generated ratings in MovieLens' CSV, {} of it, on both cores; medians of {TURNS} turns, one after the other. \
         `reco ingest` is the whole command: SHA-256 of the file, which is also what tells later whether it has changed; every field checked \
         and every bad row named with its line; ids numbered; of rows of one user and item the latest kept; users and items written too; \
         all of it put on disk for certain. The others (`xtask/src/bench/peers/ingest_*.py` with {}, both with zstd at level 1 as ours) are timed without \
         starting Python. `checked` counts rows whose rating is not from 0.5 to 5 or whose time is negative or which lack a field, users, items and \
         pairs that come again, numbers the rows and writes them all; a field that is no number stops them.\n",
        arguments.rows / 1_000_000,
        bytes(fs::metadata(by_user.join("ratings.csv"))?.len()),
        TABLES.all(workspace),
    );
    let mut bars = Vec::new();
    for (order, what, raw) in [("by user", ", as MovieLens' are", by_user), ("by time", "", by_time)] {
        let (table, medians) = compare(workspace, arguments, &reco, &folder, &raw)?;
        text += &format!("\n### Rows {order}{what}\n\n{table}");
        bars.extend(names().zip(medians).map(|(name, value)| Bar {
            // A longer label finds no room beside the bars.
            label: format!("{}, {order}", name.replace('`', "").replace("CSV to Parquet alone", "no checks")),
            value,
            shown: format!("{value:.2} s"),
            is_ours: name.contains("reco"),
        }));
    }
    let title = format!("Seconds, {} million ratings from CSV to Parquet: less is better", arguments.rows / 1_000_000);
    text += &format!("\n{}", plot::bars(workspace, "ingest-peers", &title, &bars)?);
    fs::remove_dir_all(&folder)?;
    Ok(text)
}

/// All programs, in the order of the table.
fn names() -> impl Iterator<Item = &'static str> {
    ["`reco ingest`"].into_iter().chain(PEERS.map(|(name, ..)| name))
}

/// The table of all, and the median of the seconds of each.
fn compare(
    workspace: &Workspace,
    arguments: &Arguments,
    reco: &Path,
    folder: &Path,
    raw: &Path,
) -> Result<(String, Vec<f64>)> {
    let (out, file): (PathBuf, PathBuf) = (folder.join("out"), folder.join("out.parquet"));
    let mut ours = Taken::default();
    let mut others: [Vec<Taken>; PEERS.len()] =
        PEERS.map(|(.., settings)| settings.iter().map(|_| Taken::default()).collect());
    for _ in 0..TURNS {
        let cost = measure(&mut stage(workspace, reco, "ingest", raw, &out))?;
        ours.add(cost.wall.as_secs_f64(), cost.peak.unwrap_or_default(), &out.join("tables/ratings.parquet"))?;
        fs::remove_dir_all(&out)?;
        for ((name, script, mode, settings), taken) in PEERS.iter().zip(&mut others) {
            for (setting, taken) in settings.iter().zip(taken) {
                let mut command = TABLES.command(workspace)?;
                command
                    .arg(format!("xtask/src/bench/peers/{script}"))
                    .arg(mode)
                    .arg(raw.join("ratings.csv"))
                    .arg(&file);
                let line: Line = parsed(&answer(command.arg(setting))?)?;
                if *mode == "checked" {
                    let counted = [line.n_rows, line.n_users, line.n_bad, line.n_duplicates];
                    let made = [arguments.rows, users_and_items(arguments.rows).0, 0, 0].map(Some);
                    ensure!(counted == made, "{name}, {setting}, counts `{counted:?}`, not `{made:?}`");
                }
                taken.add(line.seconds, line.peak, &file)?;
                fs::remove_file(&file)?;
            }
        }
    }
    let mut text = "| who | seconds | from – to | million rows a second | beside ours | peak memory | written | at |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    let mut fastest = vec![(&ours, "all cores")];
    for ((.., settings), taken) in PEERS.iter().zip(&others) {
        let by_median =
            |(a, _): &(&Taken, &str), (b, _): &(&Taken, &str)| median(&a.seconds).total_cmp(&median(&b.seconds));
        fastest.extend(taken.iter().zip(settings.iter().copied()).min_by(by_median));
    }
    let medians: Vec<f64> = fastest.iter().map(|(taken, _)| median(&taken.seconds)).collect();
    for ((name, (taken, setting)), median) in names().zip(&fastest).zip(&medians) {
        let seconds = sorted(&taken.seconds);
        text += &format!(
            "| {name} | {median:.2} | {:.2} – {:.2} | {:.1} | {:.2} | {} | {} | {setting} |\n",
            seconds[0],
            seconds[TURNS - 1],
            arguments.rows as f64 / median / 1e6,
            median / medians[0],
            bytes(taken.peak),
            bytes(taken.written),
        );
    }
    Ok((text, medians))
}

impl Taken {
    fn add(&mut self, seconds: f64, peak: u64, file: &Path) -> Result<()> {
        self.seconds.push(seconds);
        self.peak = self.peak.max(peak);
        self.written = fs::metadata(file).with_context(|| format!("`{}` was not written", file.display()))?.len();
        Ok(())
    }
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}
