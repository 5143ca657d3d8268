//! Finds the pairs of approaches that the arguments of a comparison name.
//!
//! Does not know the values of an approach.
//!
//! **Invariant**: in every pair, A is the one that B is compared with.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use reco_core::options::did_you_mean;
use reco_report::ComparedRun;

use super::CompareError;
use crate::manifest::Manifest;
use crate::stage::USERS;
use crate::{RESULTS, RunError, registry, results};

/// One approach of one run, or a file with one approach's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    /// The run's folder, or the file.
    pub(super) run: PathBuf,
    /// The approach.
    pub(super) approach: String,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run.display(), self.approach)
    }
}

impl Operand {
    /// The file of its values.
    pub(super) fn file(&self) -> PathBuf {
        if self.run.is_file() {
            return self.run.clone();
        }
        evaluation(&self.run).join(format!("{}{USERS}", self.approach))
    }

    /// The seed of its evaluation, where its run says so.
    pub(super) fn seed(&self) -> Option<u64> {
        Manifest::read(&evaluation(&self.run), "").ok().map(|manifest| manifest.seed)
    }

    /// Its label among `all` that are compared: its approach if all are of one run, its run if all are of one approach.
    pub(super) fn side(&self, all: &[&Self]) -> ComparedRun {
        let (run, approach) = (self.run.display().to_string(), self.approach.clone());
        let label = if all.iter().all(|other| other.run == self.run) {
            approach.clone()
        } else if all.iter().all(|other| other.approach == self.approach) {
            run.clone()
        } else {
            self.to_string()
        };
        ComparedRun { label, run, approach }
    }
}

/// The pairs that `runs` ask for, A first.
pub(super) fn pairs(
    runs: &[String],
    against: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Vec<(Operand, Operand)>, RunError> {
    let parsed: Vec<(PathBuf, Option<String>)> = runs.iter().map(|run| parse(run)).collect();
    let refuse = |run: &str, reason, hint| Err(CompareError::Operands { run: run.to_owned(), reason, hint }.into());
    match (parsed.as_slice(), against) {
        ([(run, None)], against) => within(run, against),
        ([(run, Some(approach))], Some(against)) => {
            let b = operand(run, approach)?;
            Ok(vec![(operand(run, against)?, b)])
        }
        ([(_, Some(_))], None) => {
            refuse(&runs[0], "it is one approach alone", "name another one, or `--against` one of the same run")
        }
        ([], _) => refuse("", "no run is named", "name the folder of a run"),
        (_, Some(against)) => {
            refuse(against, "`--against` names an approach of a single run", "put what is measured against first")
        }
        ([(first, None), others @ ..], None) if others.iter().all(|(_, approach)| approach.is_none()) => {
            between(first, others.iter().map(|(run, _)| run.as_path()), notes)
        }
        ([(first, Some(approach)), others @ ..], None) => {
            let a = operand(first, approach)?;
            let mut pairs = Vec::new();
            for ((run, approach), text) in others.iter().zip(&runs[1..]) {
                let Some(approach) = approach else {
                    return refuse(
                        text,
                        "it names no approach, and the first does",
                        "name one of each: `FOLDER:APPROACH`",
                    );
                };
                pairs.push((a.clone(), operand(run, approach)?));
            }
            Ok(pairs)
        }
        _ => refuse(&runs[0], "it names no approach, and others do", "name one of each: `FOLDER:APPROACH`"),
    }
}

/// `FOLDER` or `FOLDER:APPROACH`; a folder whose name has a colon is a folder. A file is one approach, named as the
/// file is.
fn parse(text: &str) -> (PathBuf, Option<String>) {
    let path = Path::new(text);
    if path.is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(USERS).or_else(|| name.strip_suffix(".parquet")).unwrap_or(&name);
        return (path.to_owned(), Some(name.to_owned()));
    }
    match text.rsplit_once(':') {
        Some((run, approach)) if !run.is_empty() && !approach.contains(['/', '\\']) && !Path::new(text).is_dir() => {
            (run.into(), Some(approach.to_owned()))
        }
        _ => (text.into(), None),
    }
}

/// All approaches of a run against one of them.
fn within(run: &Path, against: Option<&str>) -> Result<Vec<(Operand, Operand)>, RunError> {
    let names = approaches(run)?;
    let against = against.unwrap_or(&names[0]).to_owned();
    let a = operand(run, &against)?;
    let others: Vec<String> = names.into_iter().filter(|name| *name != against).collect();
    if others.is_empty() {
        let reason = "it has one approach alone";
        let hint = "evaluate another one beside it, or name another run";
        return Err(CompareError::Operands { run: run.display().to_string(), reason, hint }.into());
    }
    Ok(others.into_iter().map(|approach| (a.clone(), Operand { run: run.to_owned(), approach })).collect())
}

/// The approaches that each of `others` has in common with the first run.
fn between<'a>(
    first: &Path,
    others: impl Iterator<Item = &'a Path>,
    notes: &mut Vec<String>,
) -> Result<Vec<(Operand, Operand)>, RunError> {
    let names = approaches(first)?;
    let mut pairs = Vec::new();
    for other in others {
        let theirs = approaches(other)?;
        let (shared, alone): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| theirs.contains(name));
        let (a, b) = (first.display().to_string(), other.display().to_string());
        if shared.is_empty() {
            return Err(CompareError::NoSharedApproach { a, b }.into());
        }
        let not_in_first: Vec<&String> = theirs.iter().filter(|name| !names.contains(name)).collect();
        for (run, names) in [(a, alone), (b, not_in_first)] {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                notes.push(format!("in `{run}` alone, left out: {}", names.join(", ")));
            }
        }
        let one = |run: &Path, approach: &String| Operand { run: run.to_owned(), approach: approach.clone() };
        pairs.extend(shared.into_iter().map(|name| (one(first, name), one(other, name))));
    }
    Ok(pairs)
}

fn operand(run: &Path, approach: &str) -> Result<Operand, RunError> {
    if run.is_file() {
        return Ok(Operand { run: run.to_owned(), approach: approach.to_owned() });
    }
    let known = approaches(run)?;
    if !known.iter().any(|name| name == approach) {
        let hint = did_you_mean(approach, known.iter().map(String::as_str));
        return Err(
            CompareError::UnknownApproach { run: run.display().to_string(), name: approach.to_owned(), hint }.into()
        );
    }
    Ok(Operand { run: run.to_owned(), approach: approach.to_owned() })
}

/// The approaches of a run that have values of users, at least one: in the order of its results where it has a report,
/// then in that of the registry.
fn approaches(run: &Path) -> Result<Vec<String>, RunError> {
    let folder = evaluation(run);
    let no_values = || CompareError::NoValues { path: folder.display().to_string() };
    let mut names: Vec<String> = fs::read_dir(&folder)
        .map_err(|_| no_values())?
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_string_lossy().strip_suffix(USERS).map(str::to_owned))
        .collect();
    if names.is_empty() {
        return Err(no_values().into());
    }
    let reported: Vec<String> = if run.join("report").join(RESULTS).exists() {
        results(run)?.approaches.into_iter().map(|approach| approach.name).collect()
    } else {
        Vec::new()
    };
    let place = |name: &String| {
        let in_report = reported.iter().position(|known| known == name).unwrap_or(usize::MAX);
        (in_report, registry::approaches().position(|entry| entry.name == *name).unwrap_or(usize::MAX), name.clone())
    };
    names.sort_by_key(place);
    Ok(names)
}

fn evaluation(run: &Path) -> PathBuf {
    run.join("evaluation")
}
