//! Kills or interrupts `reco run` at a random moment, runs it again, and compares with an undisturbed run.
//!
//! Does not know what a stage does.
//!
//! **Invariant**: after the second run every file is as in the undisturbed run, times aside, and the user's own files
//! are as they were.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::chance::Chance;
use super::prepared::Prepared;
use super::trial::{self, Foreign, How, Stop, copy};
use super::{Report, keep_beside};
use crate::ci::fixture;
use crate::files::remove;

/// Approaches that train quickly, a matrix factorisation and a network among them.
const APPROACHES: &str = "--approach=popularity,user-mean,profile,baseline,svd,content,neural";

/// Changes that are run into a folder with a finished run: they redo everything, most of it, little, and everything by
/// force.
const CHANGES: [(&str, &[&str]); 4] = [
    ("another seed", &["--set=seed=43"]),
    ("another split", &["--set=split.kind=temporal"]),
    ("another length of lists", &["--set=evaluate.k=[5]"]),
    ("by force", &["--force"]),
];

/// Runs that nobody disturbed.
pub(super) struct Undisturbed {
    finished: PathBuf,
    /// One for each of [`CHANGES`], and how long it took.
    changed: Vec<(PathBuf, Duration)>,
}

fn words(change: &[&str]) -> Vec<String> {
    let short = "--set=approach.neural.epochs=3";
    let fixed = ["run", "experiment.toml", "--out", "out", APPROACHES, short, "--set=checkpoint.every=5ms"];
    fixed.iter().chain(change).map(|word| (*word).to_owned()).collect()
}

impl Undisturbed {
    /// Runs each change once, into a folder with a finished run.
    pub(super) fn make(prepared: &Prepared) -> Result<Self> {
        let place = prepared.torture.join("undisturbed");
        remove(&place)?;
        let run = |name: &str, change: &[&str]| {
            let folder = place.join(name);
            fs::create_dir_all(&folder)?;
            fs::copy(prepared.folder.join("experiment.toml"), folder.join("experiment.toml"))?;
            if !change.is_empty() {
                copy(&place.join("finished/out"), &folder.join("out"))?;
            }
            let begun = Instant::now();
            let ended = prepared.reco(&folder, &words(change))?;
            if ended.how != How::Code(0) {
                bail!("a run that nobody disturbed failed, {name}: {:?}\n{}", ended.how, ended.stderr);
            }
            Ok((folder, begun.elapsed()))
        };
        let (finished, _) = run("finished", &[])?;
        let changed = CHANGES.iter().map(|(name, change)| run(name, change)).collect::<Result<_>>()?;
        Ok(Self { finished, changed })
    }
}

/// The kill numbered `number`.
pub(super) fn trial(prepared: &Prepared, undisturbed: &Undisturbed, number: usize, folder: &Path) -> Result<Report> {
    let mut chance = Chance::new(prepared.seed, "kills", number);
    let which = chance.below(CHANGES.len());
    let (kind, change) = CHANGES[which];
    let (reference, duration) = &undisturbed.changed[which];
    keep_beside(folder)?;
    fs::copy(undisturbed.finished.join("experiment.toml"), folder.join("experiment.toml"))?;
    // Sometimes into an empty folder.
    if !chance.one_in(4) {
        copy(&undisturbed.finished.join("out"), &folder.join("out"))?;
    }
    let ours = |path: &Path| path.starts_with("out") && path.file_name().is_some_and(|name| name != "keep.txt");
    let foreign = Foreign::of(folder, ours)?;
    let words = words(change);
    let mut problems = Vec::new();
    let mut ended = None;
    for _ in 0..=usize::from(chance.one_in(4)) {
        let after = duration.mul_f64(chance.below(1100) as f64 / 1000.0);
        let stop = Stop { after, signal: chance.pick(&["KILL", "KILL", "INT"]) };
        let killed = trial::reco(&prepared.reco, folder, &words, Some(stop))?;
        problems.extend(killed.problems_when_stopped(stop.signal));
        problems.extend(foreign.changed(folder)?);
        ended = Some(killed);
    }
    let again = prepared.reco(folder, &words)?;
    problems.extend(again.problems());
    problems.extend(foreign.changed(folder)?);
    if again.how == How::Code(0) {
        // The reference lacks the file that we put there; if it is lost, that is among the problems already.
        let _ = fs::remove_file(folder.join("out/keep.txt"));
        if let Err(error) = fixture::compare(&reference.join("out"), &folder.join("out")) {
            problems.push(format!("{error:#}"));
        }
    } else {
        let said = again.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        problems.push(format!("the run after it failed, {:?}: {said}", again.how));
    }
    let by_itself = |ended: &&trial::Ended| !matches!(ended.how, How::Signal(_));
    let stopping = ended.as_ref().filter(by_itself).and_then(|ended| ended.stopping);
    let how = ended.map_or(again.how, |ended| ended.how);
    Ok(Report { kind, how, problems, words, stopping })
}
