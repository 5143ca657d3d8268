//! Measures how fast many ratings are read, checked and written, by reco, polars and DuckDB.
//!
//! Does not know the work of the others: `peers/ingest_*.py` says what each does.
//!
//! **Invariant**: what is compared runs in turns on one generated file, whose pages the system still has in memory;
//! what others count is what the generator made, or the case fails.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::cases::empty;
use super::machine::bytes;
use super::turns::{median, spread};
use crate::process::{Workspace, answer, measure, parsed, succeed};
use crate::python::TABLES;

/// Turns of each.
const TURNS: usize = 3;

/// Ratings, users and items that are generated: about as many users and items a rating as MovieLens 25M has.
const GENERATED: [(&str, u64); 3] = [("--ratings", 25_000_000), ("--users", 162_337), ("--items", 62_000)];

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

/// What one program took: seconds of each turn, the largest peak memory, bytes written.
#[derive(Default)]
struct Taken {
    seconds: Vec<f64>,
    peak: u64,
    written: u64,
}

/// Ours and others', turn by turn, on rows by user and on the same rows by time.
pub(super) fn peers(workspace: &Workspace) -> Result<String> {
    let reco = workspace.build_reco(false)?;
    let folder = empty(workspace, "ingest-peers")?;
    let by_user = folder.join("by-user");
    let mut synth = workspace.command(&reco);
    synth.arg("synth").args(GENERATED.map(|(flag, n)| format!("{flag}={n}"))).arg("--out").arg(&by_user);
    succeed(&mut synth)?;
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
        "25 million generated ratings in MovieLens' CSV, {} of it, on both cores; medians of {TURNS} turns, one after \
         the other. `reco ingest` is the whole command: SHA-256 of the file, which is also what tells later whether it \
         has changed; every field checked and every bad row named with its line; ids numbered; of rows of one user and \
         item the latest kept; users and items written too; all of it put on disk for certain. The others \
         (`xtask/src/bench/peers/ingest_*.py` with {}, both with zstd at level 1 as ours) are timed without starting \
         Python. `checked` counts rows whose rating is not from 0.5 to 5 or whose time is negative or which lack a \
         field, users, items and pairs that come again, numbers the rows and writes them all; a field that is no \
         number stops them.\n",
        bytes(fs::metadata(by_user.join("ratings.csv"))?.len()),
        TABLES.all(workspace),
    );
    for (order, raw) in [("by user, as MovieLens' are", by_user), ("by time", by_time)] {
        text += &format!("\n### Rows {order}\n\n{}", compare(workspace, &reco, &folder, &raw)?);
    }
    fs::remove_dir_all(&folder)?;
    Ok(text)
}

/// The table of all.
fn compare(workspace: &Workspace, reco: &Path, folder: &Path, raw: &Path) -> Result<String> {
    let (out, file) = (folder.join("out"), folder.join("out.parquet"));
    let mut ours = Taken::default();
    let mut others: [Vec<Taken>; PEERS.len()] =
        PEERS.map(|(.., settings)| settings.iter().map(|_| Taken::default()).collect());
    for _ in 0..TURNS {
        let mut ingest = workspace.command(reco);
        ingest.args(["ingest", "--set", "data.name=synthetic", "--set", "data.fetch=", "--set"]);
        let cost = measure(ingest.arg(format!("data.path={}", raw.display())).arg("--out").arg(&out))?;
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
                    let made = [GENERATED[0].1, GENERATED[1].1, 0, 0].map(Some);
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
    let mut fastest = vec![("`reco ingest`", &ours, "all cores")];
    for ((name, .., settings), taken) in PEERS.iter().zip(&others) {
        let by_median = |(a, _): &(&Taken, &&str), (b, _): &(&Taken, &&str)| a.median().total_cmp(&b.median());
        let of_it = taken.iter().zip(settings.iter()).min_by(by_median);
        fastest.extend(of_it.map(|(taken, setting)| (*name, taken, *setting)));
    }
    for (name, taken, setting) in fastest {
        let [from, median, to] = spread(&taken.seconds);
        text += &format!(
            "| {name} | {median:.2} | {from:.2} – {to:.2} | {:.1} | {:.2} | {} | {} | {setting} |\n",
            GENERATED[0].1 as f64 / median / 1e6,
            median / ours.median(),
            bytes(taken.peak),
            bytes(taken.written),
        );
    }
    Ok(text)
}

impl Taken {
    fn median(&self) -> f64 {
        median(&self.seconds)
    }

    fn add(&mut self, seconds: f64, peak: u64, file: &Path) -> Result<()> {
        self.seconds.push(seconds);
        self.peak = self.peak.max(peak);
        self.written = fs::metadata(file).with_context(|| format!("`{}` was not written", file.display()))?.len();
        Ok(())
    }
}
