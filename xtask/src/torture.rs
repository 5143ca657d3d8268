//! Tests that `reco` neither panics, hangs nor loses anything under bad inputs, damaged files and kills.
//!
//! `cargo xtask torture`. Does not know what `reco` answers to sound input; the tests of the crates do.
//!
//! **Invariant**: a seed and a number repeat a trial, those of kills up to the moment; what was found is kept with its
//! files and the command that repeats it.

mod bytes;
mod chance;
mod fuzz;
mod inputs;
mod kills;
mod parquet;
mod prepared;
mod trial;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use self::kills::Undisturbed;
use self::prepared::Prepared;
use self::trial::{Ended, Foreign, How};
use crate::files;
use crate::process::{Workspace, succeed};

/// Arguments of `cargo xtask torture`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many bad inputs
    #[arg(long, default_value_t = 2000)]
    inputs: usize,
    /// How many runs are killed or interrupted, and run once more
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// How many damaged Parquet files
    #[arg(long, default_value_t = 4000)]
    parquet: usize,
    /// All chance follows from it
    #[arg(long, default_value_t = 12)]
    seed: u64,
    /// Only this trial, as `inputs:17`, `kills:3`; its folder is kept
    #[arg(long, value_name = "PART:NUMBER")]
    only: Option<String>,
    /// Instead of all this, swap runs of a service 1,000 times and kill it 100 times: ten times what its tests do
    #[arg(long)]
    service: bool,
    /// Instead of all this, let the coverage-guided fuzzer look for what breaks a reader, so many seconds each (600, if
    /// none are given); readers may follow: csv, json-lines, parquet, workbook, zip, toml, weights; and experiment,
    /// all-weights and manifest, which take long to build
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600")]
    fuzz: Option<u64>,
    /// Readers to fuzz
    #[arg(value_name = "READER", requires = "fuzz")]
    readers: Vec<String>,
}

/// What CI runs of it: a minute or two on two cores.
const SHORT: Arguments = Arguments {
    inputs: 300,
    kills: 8,
    parquet: 400,
    seed: 12,
    only: None,
    service: false,
    fuzz: None,
    readers: Vec::new(),
};

/// How long CI fuzzes each reader.
const FUZZ_SECONDS: u64 = 15;

/// How a trial went.
struct Report {
    kind: &'static str,
    how: How,
    problems: Vec<String>,
    /// The arguments of `reco`.
    words: Vec<String>,
    stopping: Option<Duration>,
}

impl Report {
    /// The report of one call that was not killed: what is wrong with its end, what it did to the user's files, and
    /// whether its answer differs from the expected one.
    fn of(kind: &'static str, words: Vec<String>, ended: Ended, changed: Vec<String>, judged: &Judged<'_>) -> Self {
        let mut problems = ended.problems();
        problems.extend(changed);
        if ended.how == How::Long && !judged.may_be_long {
            problems.push("it took longer than its limit".to_owned());
        }
        if ended.how == How::Code(0) && judged.answer.is_some_and(|answer| answer != ended.stdout) {
            problems.push("a tampered model gives another answer without an error".to_owned());
        }
        Self { kind, how: ended.how, problems, words, stopping: ended.stopping }
    }
}

/// What a call is judged by, besides its end.
#[derive(Default)]
struct Judged<'a> {
    /// Whether what was asked for may take long.
    may_be_long: bool,
    /// The expected answer of a call that succeeds, where it is known.
    answer: Option<&'a [u8]>,
}

/// Trials of a kind, counted.
#[derive(Default)]
struct Tally {
    n: usize,
    ends: BTreeMap<&'static str, usize>,
    slowest_stop: Option<Duration>,
}

/// Runs the trials that `arguments` ask for.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if let Some(seconds) = arguments.fuzz {
        return fuzz::run(workspace, seconds, &arguments.readers, arguments.seed);
    }
    if arguments.service {
        let test = ["test", "--package", "reco-cli", "--test", "serve_robust", "--", "--show-output"];
        return succeed(workspace.cargo(&test).env("RECO_TORTURE", "1"));
    }
    let prepared = Prepared::make(workspace, arguments.seed)?;
    let findings = prepared.torture.join("findings");
    if arguments.only.is_none() {
        files::remove(&findings)?;
    }
    let one = match &arguments.only {
        None => None,
        Some(only) => {
            let parsed = only.split_once(':').and_then(|(part, number)| Some((part, number.parse::<usize>().ok()?)));
            let known = ["inputs", "kills", "parquet"];
            let Some(one) = parsed.filter(|(part, _)| known.contains(part)) else {
                bail!(
                    "`{only}` is no trial\nhint: a part and a number, as `inputs:17`; parts are `{}`",
                    known.join("`, `")
                );
            };
            Some(one)
        }
    };
    let numbers = |part: &str, n: usize| match one {
        None => (0..n).collect(),
        Some((wanted, number)) if wanted == part => vec![number],
        Some(_) => Vec::new(),
    };
    let untouched = Foreign::of(&prepared.folder, |_| false)?;
    let listed = files::all(&prepared.folder)?;
    let mut n_found = 0;
    let keep = one.is_some();
    let given = numbers("inputs", arguments.inputs);
    n_found += part(&prepared, "inputs", &given, keep, |number, folder| inputs::trial(&prepared, number, folder))?;
    let given = numbers("parquet", arguments.parquet);
    n_found += part(&prepared, "parquet", &given, keep, |number, folder| parquet::trial(&prepared, number, folder))?;
    let given = numbers("kills", arguments.kills);
    if !given.is_empty() {
        let undisturbed = Undisturbed::make(&prepared)?;
        let trial = |number, folder: &Path| kills::trial(&prepared, &undisturbed, number, folder);
        n_found += part(&prepared, "kills", &given, keep, trial)?;
    }
    let mut others = untouched.changed(&prepared.folder)?;
    others.extend(added(&listed, &files::all(&prepared.folder)?));
    for what in &others {
        println!("found: in the prepared run, {what}");
    }
    match n_found + others.len() {
        0 => {
            println!("nothing found, seed {}", arguments.seed);
            Ok(())
        }
        n => bail!("{n} findings, seed {}; they are kept under `{}`", arguments.seed, findings.display()),
    }
}

/// The short form, for CI.
pub(crate) fn short(workspace: &Workspace) -> Result<()> {
    run(workspace, &SHORT)
}

/// A short turn of the fuzzer with each reader, for CI.
pub(crate) fn fuzz(workspace: &Workspace) -> Result<()> {
    fuzz::run(workspace, FUZZ_SECONDS, &[], SHORT.seed)
}

/// What the machine lacks for [`fuzz()`].
pub(crate) fn lacking() -> Option<String> {
    fuzz::lacking()
}

/// Files that were not there before, each as a sentence.
fn added(before: &[PathBuf], now: &[PathBuf]) -> Vec<String> {
    let new = now.iter().filter(|path| !before.contains(path));
    new.map(|path| format!("`{}` was not there before", path.display())).collect()
}

/// Runs trials on all cores, prints what was found, and returns how much. If a trial itself fails, what was found
/// until then is printed first. `keep` says whether the folders of trials without a finding stay.
fn part(
    prepared: &Prepared,
    name: &str,
    numbers: &[usize],
    keep: bool,
    trial: impl Fn(usize, &Path) -> Result<Report> + Sync,
) -> Result<usize> {
    let begun = Instant::now();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let findings = Mutex::new(BTreeMap::new());
    let tallies = Mutex::new(BTreeMap::<&str, Tally>::new());
    let lock = |findings| Mutex::lock(findings).unwrap_or_else(PoisonError::into_inner);
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&number) = numbers.get(at) else { return Ok(()) };
            let place = prepared.torture.join("work").join(format!("{name}-{number}"));
            files::remove(&place)?;
            let folder = place.join("files");
            fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
            let report = trial(number, &folder).with_context(|| format!("trial `{name}:{number}`"))?;
            {
                let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
                let tally = tallies.entry(report.kind).or_default();
                tally.n += 1;
                *tally.ends.entry(end(report.how)).or_default() += 1;
                tally.slowest_stop = tally.slowest_stop.max(report.stopping);
            }
            if !report.problems.is_empty() {
                let finding = kept(prepared, name, number, &place, &report)?;
                lock(&findings).insert(number, finding);
            } else if keep {
                println!("`{name}:{number}`, {}: {}; kept in `{}`", report.kind, end(report.how), place.display());
            } else {
                files::remove(&place)?;
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(name, done, numbers.len(), lock(&findings).len(), begun);
        }
    };
    let done = thread::scope(|scope| -> Result<()> {
        let n_workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..n_workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a trial of ours panicked"))??;
        }
        Ok(())
    });
    for (kind, tally) in tallies.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let ends: Vec<String> = tally.ends.iter().map(|(end, n)| format!("{n} {end}")).collect();
        let stop =
            tally.slowest_stop.map_or_else(String::new, |stop| format!("; slowest stop {:.2} s", stop.as_secs_f64()));
        println!("{name:<8} {kind:<24} {:>6}: {}{stop}", tally.n, ends.join(", "));
    }
    let findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    for finding in findings.values() {
        println!("{finding}");
    }
    done.map(|()| findings.len())
}

fn end(how: How) -> &'static str {
    match how {
        How::Code(0) => "answered",
        How::Code(1 | 2) => "refused",
        How::Code(130) => "interrupted",
        How::Code(_) => "failed otherwise",
        How::Signal(2 | 9) => "killed",
        How::Signal(_) => "ended by a signal",
        How::Long => "stopped when asked to",
        How::Hang => "hung",
    }
}

/// Keeps what was found, and returns it in words.
fn kept(prepared: &Prepared, name: &str, number: usize, place: &Path, report: &Report) -> Result<String> {
    let to = prepared.torture.join("findings").join(format!("{name}-{number}"));
    files::remove(&to)?;
    let parent: PathBuf = prepared.torture.join("findings");
    fs::create_dir_all(&parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
    fs::rename(place, &to).with_context(|| format!("cannot move `{}`", place.display()))?;
    let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = report.words.iter().map(quoted).collect();
    let again = format!("cargo xtask torture --seed {} --only {name}:{number}", prepared.seed);
    let text = format!(
        "{}\n\nfrom its beginning: {again}\nin `files`: {} {}\n",
        report.problems.join("\n"),
        prepared.reco.display(),
        words.join(" ")
    );
    fs::write(to.join("finding.txt"), text).context("cannot write a finding")?;
    Ok(format!("found `{name}:{number}`, {}: {}\n  {again}", report.kind, report.problems.join("; ")))
}

/// Shows progress: a line for each tenth.
fn progress(name: &str, done: usize, of: usize, n_found: usize, begun: Instant) {
    if done * 10 / of > (done - 1) * 10 / of {
        eprintln!("{name}: {done} of {of}, {n_found} found, {} s", begun.elapsed().as_secs());
    }
}

/// Writes files of the user's beside everything.
fn keep_beside(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("out")).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for name in ["keep.txt", "out/keep.txt"] {
        fs::write(folder.join(name), "years of work\n")
            .with_context(|| format!("cannot write in `{}`", folder.display()))?;
    }
    std::os::unix::fs::symlink("keep.txt", folder.join("link")).context("cannot make a link")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_in_a_folder_is_named() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(added(&paths(&["a", "b"]), &paths(&["a", "c"])), ["`c` was not there before"]);
    }

    #[test]
    fn ends_have_words() {
        let ends = [How::Code(0), How::Code(2), How::Code(101), How::Signal(9), How::Signal(11), How::Long, How::Hang];
        let words = ends.map(end);
        let expected =
            ["answered", "refused", "failed otherwise", "killed", "ended by a signal", "stopped when asked to", "hung"];
        assert_eq!(words, expected);
    }
}
