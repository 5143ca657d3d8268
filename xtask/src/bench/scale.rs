//! Runs each stage on generated ratings of growing number, and records what it took: `cargo xtask scale`.
//!
//! Does not know approaches: `data/experiments/scale.toml` lists them. What the page says is in `scale/page.rs`.
//!
//! **Invariant**: a cell is written to the record as soon as it was measured, and is not measured again; what would
//! take longer than the limit is not begun, and the page marks it as an estimate. The record lies beside the figures,
//! so that another day goes on where this one ended.

mod chart;
mod page;
mod record;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::record::{Cell, Key, Outcome, Record, STAGES, Stage};
use super::machine;
use crate::files;
use crate::process::{Workspace, children_seconds, shown, watch};

/// How many ratings, unless `--sizes` says otherwise.
const SIZES: [u64; 5] = [100_000, 1_000_000, 10_000_000, 25_000_000, 100_000_000];

/// The experiment that is measured.
const EXPERIMENT: &str = "data/experiments/scale.toml";

/// What was measured, whenever that was.
const RECORD: &str = "docs/figures/scale.json";

/// What `reco` says where a model needs more memory than there is.
const TOO_LARGE: &str = "; this machine has `";

/// What takes less than so many seconds is measured three times: the median counts.
const SHORT: f64 = 5.0;

/// Arguments of `cargo xtask scale`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask scale                               all of it, into docs/results.md: hours, and 12 GB in target/scale
  cargo xtask scale --limit 5                     what takes more than five minutes is estimated
  cargo xtask scale --sizes 100k,1M --approach svd
What is measured, in docs/figures/scale.json, is not measured again: a record that was stopped goes on, and --again
begins anew")]
pub(crate) struct Arguments {
    /// How many ratings: numbers with k or M
    #[arg(long, value_delimiter = ',', value_parser = size, default_values_t = SIZES, hide_default_value = true)]
    sizes: Vec<u64>,
    /// Only these approaches of data/experiments/scale.toml
    #[arg(long, value_delimiter = ',')]
    approach: Vec<String>,
    /// Minutes that a stage may take; what would take longer is estimated from smaller sizes
    #[arg(long, default_value_t = 20.0)]
    limit: f64,
    /// Forget what is measured of these sizes and approaches
    #[arg(long, conflicts_with = "page")]
    again: bool,
    /// Measure nothing: write the page from the record
    #[arg(long)]
    page: bool,
}

/// `100k` and `10M`, as numbers.
fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "k")) => (number, 1_000),
        Some((number, "M")) => (number, 1_000_000),
        _ => (text, 1),
    };
    let ratings = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|&n| n > 0);
    ratings.ok_or_else(|| "a size is a number, with k or M for thousands or millions".to_owned())
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let at = workspace.target().join("scale");
    fs::create_dir_all(&at).with_context(|| format!("cannot make `{}`", at.display()))?;
    let listed = approaches(workspace)?;
    if let Some(unknown) = arguments.approach.iter().find(|name| !listed.contains(name)) {
        bail!("`{EXPERIMENT}` has no approach `{unknown}`\nhint: it has `{}`", listed.join("`, `"));
    }
    let wanted =
        |name: &&String| arguments.approach.is_empty() || arguments.approach.iter().any(|asked| asked == *name);
    let wanted: Vec<String> = listed.iter().filter(wanted).cloned().collect();
    let mut scale = Scale {
        workspace,
        reco: workspace.reco(false),
        record: Record::read(&workspace.root().join(RECORD))?,
        limit: Duration::try_from_secs_f64(arguments.limit * 60.0).context("the limit is a number of minutes")?,
        machine: machine::describe(workspace),
        at,
    };
    if arguments.again {
        scale.record.forget(&arguments.sizes, &wanted)?;
    }
    if !arguments.page {
        workspace.build_reco(false)?;
        let mut sizes = arguments.sizes.clone();
        sizes.sort_unstable();
        for n_ratings in sizes {
            scale.all_of(n_ratings, &wanted)?;
        }
    }
    let text = page::text(workspace, &scale.record, &listed)?;
    let machine = scale.record.machines().join("; ");
    super::record(workspace, "scale", "From 100 thousand to 100 million ratings", (&machine, "dev"), &text)?;
    Ok(ExitCode::SUCCESS)
}

/// The names of the experiment's approaches, in its order.
fn approaches(workspace: &Workspace) -> Result<Vec<String>> {
    let text = files::read(&workspace.root().join(EXPERIMENT))?;
    let table: toml::Table = toml::from_str(&text).with_context(|| format!("`{EXPERIMENT}`"))?;
    let listed = table.get("approach").and_then(toml::Value::as_array).context("it lists no approach")?;
    let name = |one: &toml::Value| one.get("name").and_then(toml::Value::as_str).map(str::to_owned);
    Ok(listed.iter().filter_map(name).collect())
}

/// The record, and who adds to it.
struct Scale<'a> {
    workspace: &'a Workspace,
    reco: PathBuf,
    record: Record,
    limit: Duration,
    machine: String,
    /// Where it lies, with the folders of runs.
    at: PathBuf,
}

impl Scale<'_> {
    /// All cells of one size that the record lacks.
    fn all_of(&mut self, n_ratings: u64, approaches: &[String]) -> Result<()> {
        for stage in [Stage::Ingest, Stage::Features] {
            self.cell(&Key { n_ratings, stage, approach: None })?;
        }
        for approach in approaches {
            for stage in [Stage::Train, Stage::Evaluate, Stage::Recommend] {
                self.cell(&Key { n_ratings, stage, approach: Some(approach.clone()) })?;
            }
        }
        // The record is whole: the folders of this size are made anew if they are ever needed again.
        files::remove(&self.folder(n_ratings))
    }

    fn folder(&self, n_ratings: u64) -> PathBuf {
        self.at.join(n_ratings.to_string())
    }

    /// Measures what `key` says, unless it was measured, or would take too long.
    fn cell(&mut self, key: &Key) -> Result<()> {
        let limit = self.limit.as_secs_f64();
        match self.record.outcome(key) {
            Some(Outcome::Stopped { seconds, .. }) if *seconds < limit => {}
            Some(_) => return Ok(()),
            None => {}
        }
        if let Some(seconds) = self.record.estimate(key).filter(|&seconds| seconds > limit) {
            eprintln!("scale: {key}: some {seconds:.0} s, beyond the limit of {limit:.0} s");
            return Ok(());
        }
        let before = STAGES.iter().take_while(|&&stage| stage != key.stage);
        for &stage in before.filter(|&&stage| stage != Stage::Evaluate) {
            let approach = key.approach.clone().filter(|_| stage.is_of_an_approach());
            if !self.prepared(&Key { stage, approach, ..key.clone() })? {
                return Ok(());
            }
        }
        eprintln!("scale: {key}");
        let mut turns = vec![self.measured(key)?];
        if let Outcome::Measured { seconds, .. } = turns[0]
            && seconds < SHORT
        {
            turns.extend([self.measured(key)?, self.measured(key)?]);
        }
        turns.sort_by(|a, b| a.seconds().total_cmp(&b.seconds()));
        let outcome = turns.swap_remove(turns.len() / 2);
        self.record.add(Cell { key: key.clone(), outcome, machine: self.machine.clone() })
    }

    /// Makes what a later stage reads, unless it is there; whether it is there then.
    fn prepared(&self, key: &Key) -> Result<bool> {
        if key.made(&self.folder(key.n_ratings)).exists() {
            return Ok(true);
        }
        if key.stage == Stage::Ingest {
            self.generate(key.n_ratings)?;
        }
        // Whatever the record says: what was refused, stopped or is estimated is not there for others either.
        if key.approach.is_some() && !matches!(self.record.outcome(key), Some(Outcome::Measured { .. })) {
            return Ok(false);
        }
        eprintln!("scale: {key}, again");
        let outcome = self.measured(key)?;
        ensure!(matches!(outcome, Outcome::Measured { .. }), "{key}: {outcome:?}");
        Ok(true)
    }

    /// The raw ratings.
    fn generate(&self, n_ratings: u64) -> Result<()> {
        let raw = self.folder(n_ratings).join("raw");
        if raw.exists() {
            return Ok(());
        }
        fs::create_dir_all(self.folder(n_ratings))?;
        let mut synth = self.workspace.command(&self.reco);
        synth.args(["synth", "--ratings", &n_ratings.to_string(), "--out"]).arg(&raw);
        crate::process::succeed(synth.stdout(Stdio::null()))
    }

    /// Runs one stage, and what came of it.
    fn measured(&self, key: &Key) -> Result<Outcome> {
        if key.stage == Stage::Ingest {
            self.generate(key.n_ratings)?;
        }
        let folder = self.folder(key.n_ratings);
        let made = key.made(&folder);
        let mut command = self.command(key, &folder, &made);
        let said = self.at.join("stderr");
        command.stderr(fs::File::create(&said).with_context(|| format!("cannot write `{}`", said.display()))?);
        let before = children_seconds();
        let (status, cost) = watch(&mut command, self.limit)?;
        let seconds = cost.wall.as_secs_f64();
        if status.success() {
            let processor = children_seconds().zip(before).map(|(after, before)| after - before);
            return Ok(Outcome::Measured { seconds, processor, peak: cost.peak, written: written(&made)? });
        }
        if cost.wall > self.limit {
            return Ok(Outcome::Stopped { seconds, peak: cost.peak });
        }
        let said = files::read(&said)?;
        let error = said.rfind("error: ").map(|at| said[at + "error: ".len()..].trim_end());
        // What is too large for the machine is refused before any work; everything else that fails is no measurement.
        match error.filter(|error| error.contains(TOO_LARGE)) {
            Some(reason) => Ok(Outcome::Refused { reason: reason.to_owned() }),
            None => bail!("`{}` ended with {status}\n{said}", shown(&command)),
        }
    }

    fn command(&self, key: &Key, folder: &Path, made: &Path) -> Command {
        let out = folder.join("out");
        let mut command = self.workspace.command(&self.reco);
        if key.stage == Stage::Recommend {
            command.args(["recommend", "--all", "--models"]).arg(out).arg("--out").arg(made);
            // A finished table is left as it is.
            fs::remove_file(made).ok();
        } else {
            command.args([key.stage.name(), EXPERIMENT, "--force", "--out"]).arg(out);
            command.arg("--set").arg(format!("data.path={}", folder.join("raw").display()));
        }
        command.args(key.approach.iter().flat_map(|approach| ["--approach", approach]));
        command
    }
}

/// Bytes of a file, or of all files of a folder.
fn written(path: &Path) -> Result<u64> {
    let all = if path.is_dir() { files::all(path)? } else { vec![path.to_owned()] };
    let size = |path: PathBuf| fs::metadata(&path).with_context(|| format!("cannot read `{}`", path.display()));
    all.into_iter().map(|path| Ok(size(path)?.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_its_unit() {
        assert_eq!([size("100k"), size("25M"), size("7")], [Ok(100_000), Ok(25_000_000), Ok(7)]);
        for bad in ["", "k", "0", "0M", "1.5M", "-3", "é", "18446744073709551615M"] {
            assert!(size(bad).unwrap_err().starts_with("a size is a number"), "{bad}");
        }
    }
}
