//! Compares runs user by user, from the values that their evaluations left.
//!
//! Does not know statistics, which reco-eval has, nor how a comparison looks, which reco-report knows: it finds the
//! values of every run on disk, and hands on the outcome.
//!
//! **Invariant**: nothing is trained, evaluated or written; two runs that were not measured on the same test are
//! compared only if that is asked for.

mod arms;
mod error;
mod groups;
mod operands;
mod values;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroUsize;

use reco_core::options::did_you_mean;
use reco_eval::Column;
use reco_eval::compare::{self, Grouping, Pair, RunValues};
use reco_report::{ComparedPair, Comparison};

pub use arms::compare_exposures;
pub use error::CompareError;
use groups::Attributes;
use operands::Operand;
use values::TestRows;
pub(crate) use values::read_file;

use crate::RunError;

/// The seed of the random exchanges of a self-check.
const SEED: u64 = 42;

/// The options of a comparison.
#[derive(Clone, Debug)]
pub struct CompareOptions<'a> {
    /// The approach that all others of a single run are compared with; the first of its results if not stated.
    pub against: Option<&'a str>,
    /// The columns to compare; empty for all that have values in both.
    pub metrics: &'a [String],
    /// What users are grouped by; empty for how active they are and every attribute of few values.
    pub groups: &'a [String],
    /// The level of the verdicts, after Holm's correction.
    pub alpha: f64,
    /// Whether runs may be compared that were not measured on the same test.
    pub different_tests: bool,
    /// How often values are exchanged at random to try the tests.
    pub self_check: Option<NonZeroUsize>,
}

/// Compares `runs`, each the folder of a run or `FOLDER:APPROACH`. Of one folder, all approaches are compared with one
/// of them; of several folders, the approaches of the same name, each later run with the first; of several
/// `FOLDER:APPROACH`, each with the first.
///
/// # Errors
/// A run without values of users, an unknown approach, metric or attribute, runs that were not measured on the same
/// test.
pub fn compare(runs: &[String], options: &CompareOptions<'_>) -> Result<Comparison, RunError> {
    let CompareOptions { alpha, .. } = *options;
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(CompareError::Alpha { value: alpha }.into());
    }
    let mut notes = Vec::new();
    let mut joined = Vec::new();
    // The run that others are compared with is read once.
    let (mut tests, mut base) = (TestRows::default(), None::<(Operand, RunValues)>);
    let mut known = BTreeMap::new();
    for (a, b) in operands::pairs(runs, options.against, &mut notes)? {
        let base_values = match base.take().filter(|(operand, _)| *operand == a) {
            Some((_, values)) => values,
            None => values::read(&a, &mut tests, &mut notes)?,
        };
        let pair = Pair::join(&base_values, &values::read(&b, &mut tests, &mut notes)?);
        base = Some((a.clone(), base_values));
        check(&pair, &a, &b, options)?;
        notes.extend(other_candidates(&pair, &a, &b));
        let attributes = match known.entry(a.run.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Attributes::read(&a.run, &mut notes)?),
        };
        let groupings = attributes.groupings(&pair, options.groups, &mut notes)?;
        joined.push((a, b, pair, groupings));
    }
    select_metrics(&mut joined, options.metrics, &mut notes)?;
    let pairs: Vec<(&Pair, &[Grouping])> =
        joined.iter().map(|(_, _, pair, groupings)| (pair, groupings.as_slice())).collect();
    let compared = compare::compare(&pairs, alpha);
    let sides: Vec<&Operand> = joined.iter().flat_map(|(a, b, _, _)| [a, b]).collect();
    let mut comparison = Comparison { alpha, pairs: Vec::new(), notes: Vec::new() };
    for ((a, b, pair, _), mut metrics) in joined.iter().zip(compared) {
        if let Some(n_rounds) = options.self_check {
            let checks = compare::self_check(pair, alpha, n_rounds.get(), SEED);
            metrics.iter_mut().zip(checks).for_each(|(metric, check)| metric.self_check = check);
        }
        comparison.pairs.push(ComparedPair {
            a: a.side(&sides),
            b: b.side(&sides),
            n_users: pair.users().len(),
            n_only_a: pair.n_only_a(),
            n_only_b: pair.n_only_b(),
            n_different_tests: pair.n_different_tests(),
            metrics,
        });
    }
    if options.self_check.is_some() && comparison.self_check().is_none() {
        notes.push("no self-check: no two users differ in any metric".to_owned());
    }
    // A run in several pairs gives the same note for each.
    for note in notes {
        if !comparison.notes.contains(&note) {
            comparison.notes.push(note);
        }
    }
    Ok(comparison)
}

/// Refuses two runs that share no user, or were not measured on the same test.
fn check(pair: &Pair, a: &Operand, b: &Operand, options: &CompareOptions<'_>) -> Result<(), CompareError> {
    if pair.users().is_empty() {
        return Err(CompareError::NoSharedUsers { a: a.to_string(), b: b.to_string() });
    }
    if pair.n_different_tests() > 0 && !options.different_tests {
        return Err(CompareError::DifferentTests {
            a: a.to_string(),
            b: b.to_string(),
            n_different: pair.n_different_tests(),
            n_users: pair.users().len(),
        });
    }
    Ok(())
}

/// Notes that two sampled runs ranked different candidates, drawn by the seed of each.
fn other_candidates(pair: &Pair, a: &Operand, b: &Operand) -> Option<String> {
    let sampled = pair.metrics().iter().find(|metric| metric.column.sampled() > 0)?;
    let (one, two) = (a.seed()?, b.seed()?);
    (one != two).then(|| {
        format!(
            "`{}` and its like: `{a}` ranked candidates drawn by seed `{one}`, `{b}` others, by seed `{two}`: a part \
             of each difference is of the draw",
            sampled.column
        )
    })
}

type Joined = (Operand, Operand, Pair, Vec<Grouping>);

/// Keeps the metrics that are asked for, and notes where one of them has no values.
fn select_metrics(joined: &mut [Joined], wanted: &[String], notes: &mut Vec<String>) -> Result<(), CompareError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut known: Vec<Column> = Vec::new();
    for metric in joined.iter().flat_map(|(_, _, pair, _)| pair.metrics()) {
        if !known.contains(&metric.column) {
            known.push(metric.column.clone());
        }
    }
    let column = |name: &String| {
        let found = name.parse().ok().filter(|column| known.contains(column));
        found.ok_or_else(|| {
            let known: Vec<String> = known.iter().map(Column::to_string).collect();
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            CompareError::UnknownMetric { name: name.clone(), hint }
        })
    };
    let wanted: Vec<Column> = wanted.iter().map(column).collect::<Result<_, _>>()?;
    for (a, b, pair, _) in joined {
        for column in wanted.iter().filter(|column| pair.metrics().iter().all(|metric| metric.column != **column)) {
            notes.push(format!("`{column}` does not apply to both `{a}` and `{b}`"));
        }
        *pair = pair.clone().with_metrics(|column| wanted.contains(column));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
