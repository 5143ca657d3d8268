//! Checks an experiment for what makes its numbers better than they should be.
//!
//! Does not know any single check: each is a file here and a line of [`CHECKS`]. Looks at the experiment and, where
//! they were made for it, at the data set of the stage `features` and at the results; of a repeated experiment, at
//! those of its first repetition.
//!
//! **Invariant**: it reads and never writes; each check ends as findings, as fine, or as unknown with the reason, so
//! that what was not looked at is never taken for fine.

mod cold_start;
mod context;
mod count_filters;
mod early_stopping;
mod easy_task;
mod future_in_train;
mod refit;
mod relevance_threshold;
mod row_twice;
mod sampled_candidates;
mod scaling_fit;
mod test_items_only;
#[cfg(test)]
mod testing;
mod tuned_on_test;
mod untrained_candidates;

use std::path::Path;

use reco_core::Interactions;
use reco_eval::{BestFor, Column, METRICS, MetricEntry};
use reco_features::{Dataset, SplitEntry, find_split};
use reco_report::Results;
use serde::Serialize;

use crate::folder::first_line;
use crate::lock::Lock;
use crate::manifest::Hashed;
use crate::stage::{Context, ready_dataset, ready_results, train};
use crate::tracking::NOT_TRACKED;
use crate::{Experiment, Quiet, RunError};

/// Every check, in the order in which they are reported.
pub static CHECKS: &[CheckEntry] = &[
    scaling_fit::ENTRY,
    row_twice::ENTRY,
    count_filters::ENTRY,
    future_in_train::ENTRY,
    tuned_on_test::ENTRY,
    sampled_candidates::ENTRY,
    untrained_candidates::ENTRY,
    cold_start::ENTRY,
    early_stopping::ENTRY,
    refit::ENTRY,
    easy_task::ENTRY,
    test_items_only::ENTRY,
    relevance_threshold::ENTRY,
    context::ENTRY,
];

/// One check.
pub struct CheckEntry {
    /// What findings call it.
    pub name: &'static str,
    /// One line that says what is looked for: `whether …`.
    pub about: &'static str,
    /// The function that looks.
    pub(crate) look: fn(&Subject<'_>) -> Verdict,
}

/// What a check says: its findings, none if all is well; or why it cannot tell.
pub(crate) type Verdict = Result<Vec<Finding>, Unknown>;

/// Why a check cannot tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It needs the data set.
    Dataset,
    /// It needs results.
    Results,
    /// The data do not say.
    Untellable(String),
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A held-out row reached training, or the choice of a model.
    Leak,
    /// The task is easier than it looks.
    Optimistic,
    /// Worth knowing before a number is quoted.
    Note,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 3] = [Self::Leak, Self::Optimistic, Self::Note];
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check; filled in while the registry is walked.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, with numbers.
    pub found: String,
    /// Why it matters.
    pub why: &'static str,
    /// What helps.
    pub remedy: String,
}

impl Finding {
    fn new(severity: Severity, found: String, why: &'static str, remedy: impl Into<String>) -> Self {
        Self { check: "", severity, found, why, remedy: remedy.into() }
    }
}

/// A check that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fine {
    /// The check.
    pub check: &'static str,
    /// What it looked for.
    pub about: &'static str,
}

/// A check that could not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// The check.
    pub check: &'static str,
    /// What it would look for.
    pub about: &'static str,
    /// Why it cannot.
    pub why: String,
    /// The command that makes what is missing, if there is one.
    pub command: Option<String>,
}

/// What all checks said.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The experiment.
    pub experiment: String,
    /// The repetition whose data and results were looked at, of a repeated experiment.
    pub repetition: Option<String>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What was looked for and not found.
    pub fine: Vec<Fine>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
}

impl Checked {
    /// How many findings are that bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether a number of this experiment is better than it should be.
    pub fn is_too_good(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity < Severity::Note)
    }
}

/// All that a check may look at.
pub(crate) struct Subject<'a> {
    /// The experiment; its repetitions are in it.
    pub(crate) experiment: &'a Experiment,
    /// What is measured: each column and its metric.
    pub(crate) columns: Vec<(Column, &'static MetricEntry)>,
    /// The data set, of the first repetition where there are several.
    pub(crate) dataset: Option<Dataset>,
    /// The results, likewise.
    pub(crate) results: Option<Results>,
}

impl<'a> Subject<'a> {
    /// The experiment alone, without data set and results.
    ///
    /// # Errors
    /// A metric or a split that no registry has.
    fn new(experiment: &'a Experiment) -> Result<Self, RunError> {
        find_split(&experiment.split.kind)?;
        let columns = experiment.evaluate.columns(METRICS)?.into_iter();
        let columns = columns.filter_map(|column| column.entry(METRICS).map(|entry| (column, entry))).collect();
        Ok(Self { experiment, columns, dataset: None, results: None })
    }

    fn dataset(&self) -> Result<&Dataset, Unknown> {
        self.dataset.as_ref().ok_or(Unknown::Dataset)
    }

    fn results(&self) -> Result<&Results, Unknown> {
        self.results.as_ref().ok_or(Unknown::Results)
    }

    /// The main column of rankings, if it is of the top k. Of a whole ranking, chance has half right.
    fn main_ranking(&self) -> Option<&Column> {
        let columns = self.columns.iter().map(|(column, _)| column);
        BestFor::Lists.main_column(columns, METRICS).filter(|column| column.k().is_some())
    }

    /// Whether there are rows to stop training by; `None` where only the data set could say.
    fn has_validation(&self) -> Option<bool> {
        let split = &self.experiment.split;
        match &self.dataset {
            Some(dataset) => Some(dataset.validation.is_some()),
            None if split.refit => Some(false),
            // The split's file itself says which rows validate.
            None if split.kind == "file" => None,
            None => Some(split.validation > 0.0 && find_split(&split.kind).is_ok_and(SplitEntry::validates)),
        }
    }
}

/// How many rows each user or item, by its row in the catalogue, has in `of`.
fn counts(n: usize, of: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = vec![0; n];
    of.for_each(|index| counts[index] += 1);
    counts
}

/// How many rows of `rows` have an item of the catalogue for which `is` holds.
fn count_items(rows: &Interactions, is: impl Fn(usize) -> bool) -> usize {
    rows.items().iter().filter(|item| is(item.index())).count()
}

/// `671 of 10000 test rows (6.7 %)`
fn share(n: usize, of: usize, what: &str) -> String {
    format!("{n} of {of} {what} ({:.1} %)", 100.0 * n as f64 / of.max(1) as f64)
}

/// Looks for what makes the numbers of `experiment` too good, in it and in what was made for it in `out`. `arguments`
/// name both on a command line, for the commands that make what is missing.
///
/// # Errors
/// An experiment with a metric or a split that no registry has. A folder that is missing, damaged or made for another
/// experiment is no error: it is named, and not looked at.
pub fn check(experiment: &Experiment, out: &Path, arguments: &str) -> Result<Checked, RunError> {
    let first = experiment.repetitions.first();
    let at = first.map_or_else(|| out.to_owned(), |first| out.join(&first.label));
    let whole = Context {
        experiment,
        raw: Path::new(""),
        out,
        tables: out,
        repetition: None,
        force: false,
        command: "",
        progress: &Quiet,
        hashed: &Hashed::default(),
        lock: &Lock::of(out),
        tracking: &NOT_TRACKED,
    };
    let context = first.map_or(whole, |first| whole.of_repetition(first, &at));
    // Without a data set, all approaches that were asked for.
    let fitting = train::fitting(&context).unwrap_or_else(|_| context.experiment.clone());
    let context = Context { experiment: &fitting, ..context };
    let mut subject = Subject::new(if first.is_none() { &fitting } else { experiment })?;
    // No command is given that would make again what belongs to another experiment.
    let explained = |error: RunError, what: &str, command: String| {
        let why = format!("{what} cannot be looked at: {}", first_line(&error));
        match error {
            RunError::Stale { .. } => {
                (format!("{why}; `reco check` looks at the experiment that is named to it"), None)
            }
            _ => (why, Some(command.trim_end().to_owned())),
        }
    };
    let (mut no_dataset, mut no_results) = (None, None);
    match ready_dataset(&context) {
        Ok(dataset) => subject.dataset = Some(dataset),
        Err(error) => {
            let words = ["reco ingest", arguments, "&& reco features", arguments];
            let command: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            no_dataset = Some(explained(error, "the data set", command.join(" ")));
        }
    }
    match ready_results(&context) {
        Ok(results) => subject.results = Some(results),
        Err(error) => no_results = Some(explained(error, "the results", format!("reco run {arguments}"))),
    }
    let explain = |unknown| match unknown {
        Unknown::Dataset => no_dataset.clone().unwrap_or_default(),
        Unknown::Results => no_results.clone().unwrap_or_default(),
        Unknown::Untellable(why) => (why, None),
    };
    let repetition = first.filter(|_| subject.dataset.is_some()).map(|first| first.label.clone());
    Ok(Checked { repetition, ..walk(&subject, explain) })
}

/// The findings for an experiment whose data set and results are at hand.
///
/// # Errors
/// As [`check`].
pub(crate) fn findings(experiment: &Experiment, dataset: Dataset, results: Results) -> Result<Vec<Finding>, RunError> {
    let subject = Subject { dataset: Some(dataset), results: Some(results), ..Subject::new(experiment)? };
    Ok(walk(&subject, |_| (String::new(), None)).findings)
}

/// The outcome of every check on `subject`; `explain` gives the reason of one that cannot tell, and the command that
/// helps.
fn walk(subject: &Subject<'_>, explain: impl Fn(Unknown) -> (String, Option<String>)) -> Checked {
    let experiment = subject.experiment.name.clone();
    let mut checked =
        Checked { experiment, repetition: None, findings: Vec::new(), fine: Vec::new(), unchecked: Vec::new() };
    for &CheckEntry { name, about, look } in CHECKS {
        match look(subject) {
            Ok(found) if found.is_empty() => checked.fine.push(Fine { check: name, about }),
            Ok(found) => checked.findings.extend(found.into_iter().map(|one| Finding { check: name, ..one })),
            Err(unknown) => {
                let (why, command) = explain(unknown);
                checked.unchecked.push(Unchecked { check: name, about, why, command });
            }
        }
    }
    checked.findings.sort_by_key(|finding| finding.severity);
    checked
}

#[cfg(test)]
mod tests {
    use super::testing::{dataset, experiment};
    use super::*;

    #[test]
    fn checks_have_names_of_their_own_and_say_what_they_look_for() {
        for (row, entry) in CHECKS.iter().enumerate() {
            assert!(CHECKS[..row].iter().all(|other| other.name != entry.name), "{}", entry.name);
            assert!(entry.about.starts_with("whether "), "{}: {}", entry.name, entry.about);
        }
    }

    #[test]
    fn every_check_ends_somewhere_and_the_worst_comes_first() {
        let mut wrong = experiment(&["split.refit=true", "evaluate.sampled_negatives=9"]);
        wrong.features.scaling.kind = reco_features::ScalingKind::ItemMinMax;
        wrong.features.scaling.fit = reco_features::ScalingFit::All;
        let empty = tempfile::tempdir().unwrap();
        let checked = check(&wrong, &empty.path().join("out"), "mine.toml --out out").unwrap();
        let severities: Vec<Severity> = checked.findings.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Leak, Severity::Optimistic, Severity::Note]);
        assert!(checked.is_too_good() && checked.count(Severity::Leak) == 1);
        assert_eq!(checked.findings.len() + checked.fine.len() + checked.unchecked.len(), CHECKS.len());
        let of = |name: &str| checked.unchecked.iter().find(|one| one.check == name).unwrap();
        assert_eq!(
            of("row-twice").command.as_deref(),
            Some("reco ingest mine.toml --out out && reco features mine.toml --out out")
        );
        assert_eq!(of("easy-task").command.as_deref(), Some("reco run mine.toml --out out"));
        assert!(
            of("row-twice").why.starts_with("the data set cannot be looked at: there is no `"),
            "{}",
            of("row-twice").why
        );
        assert!(!empty.path().join("out").exists(), "it never writes");
    }

    #[test]
    fn a_metric_or_a_split_that_is_none_is_refused() {
        let refused = |set: &str| check(&experiment(&[set]), Path::new("nowhere"), "").unwrap_err().to_string();
        assert!(refused("evaluate.metrics=[\"ndgc@10\"]").starts_with("unknown metric `ndgc@10`"));
        assert!(refused("split.kind=radnom").starts_with("unknown split `radnom`"));
    }

    #[test]
    fn findings_carry_the_name_of_their_check() {
        let experiment = experiment(&[]);
        let data = dataset(&[(1, 1, 4, 9)], &[(1, 1, 4, 3)]);
        let checked = walk(&Subject { dataset: Some(data), ..Subject::new(&experiment).unwrap() }, |unknown| {
            (format!("{unknown:?}"), None)
        });
        let names: Vec<&str> = checked.findings.iter().map(|one| one.check).collect();
        assert_eq!(names, ["row-twice", "future-in-train"]);
        assert_eq!(checked.unchecked.iter().map(|one| one.why.as_str()).collect::<Vec<_>>(), ["Results"]);
    }
}
