//! Compares runs user by user, from the values that their evaluations left.
//!
//! Does not know statistics, which reco-eval has, nor how a comparison looks, which reco-report knows: it finds the
//! values of every run on disk, and hands on the outcome.
//!
//! **Invariant**: nothing is trained, evaluated or written; two runs that were not measured on the same test are
//! compared only if that is asked for.

mod error;
mod groups;
mod operands;
mod values;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroUsize;

use reco_core::options::did_you_mean;
use reco_eval::compare::{self, Grouping, Method, Pair, Paired, RunValues, Verdict};
use reco_eval::metric::Better;
use reco_report::{
    BetterValue, ComparedGroup, ComparedMetric, ComparedPair, Comparison, ComparisonVerdict, SelfCheckOutcome,
    SelfCheckPlan, TestOutcome,
};

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

/// Compares `runs`, each the folder of a run or `FOLDER:APPROACH`. Of one folder, all approaches are compared with one of them;
/// of several folders, the approaches of the same name, each later run with the first; of several `FOLDER:APPROACH`, each with
/// the first.
///
/// # Errors
/// A run without values of users, an unknown approach, metric or attribute, runs that were not measured on the same test.
pub fn compare(runs: &[String], options: &CompareOptions<'_>) -> Result<Comparison, RunError> {
    let CompareOptions { alpha, .. } = *options;
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(CompareError::Alpha { value: alpha }.into());
    }
    let mut notes = Vec::new();
    let mut joined = Vec::new();
    // The side that is measured against is read once, however many are measured against it.
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
    let mut comparison = Comparison { alpha, pairs: Vec::new(), notes: Vec::new(), self_check: None };
    for ((a, b, pair, _), differences) in joined.iter().zip(compared) {
        let checks = options.self_check.map(|n| compare::self_check(pair, alpha, n.get(), SEED)).unwrap_or_default();
        if let Some(check) = checks.first() {
            let (expected_least, expected_most) = check.expected;
            comparison.self_check = Some(SelfCheckPlan { n_rounds: check.n_rounds, expected_least, expected_most });
        }
        let metrics = differences.into_iter().map(|difference| {
            let check = checks.iter().find(|check| check.metric == difference.metric).map(outcome);
            ComparedMetric { self_check: check, ..metric(difference) }
        });
        comparison.pairs.push(ComparedPair {
            a: a.side(&sides),
            b: b.side(&sides),
            n_users: pair.users().len(),
            n_only_a: pair.n_only_a(),
            n_only_b: pair.n_only_b(),
            n_different_tests: pair.n_different_tests(),
            metrics: metrics.collect(),
        });
    }
    if options.self_check.is_some() && comparison.self_check.is_none() {
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
    let sampled = pair.metrics().iter().find(|metric| metric.name.starts_with("sampled"))?;
    let (one, two) = (a.seed()?, b.seed()?);
    (one != two).then(|| {
        format!(
            "`{}` and its like: `{a}` ranked candidates drawn by seed `{one}`, `{b}` others, by seed `{two}`: a part of each difference is of the draw",
            sampled.name
        )
    })
}

type Joined = (Operand, Operand, Pair, Vec<Grouping>);

/// Keeps the metrics that are asked for, and notes where one of them has no values.
fn select_metrics(joined: &mut [Joined], wanted: &[String], notes: &mut Vec<String>) -> Result<(), CompareError> {
    let mut known: Vec<String> = Vec::new();
    for metric in joined.iter().flat_map(|(_, _, pair, _)| pair.metrics()) {
        if !known.contains(&metric.name) {
            known.push(metric.name.clone());
        }
    }
    if let Some(name) = wanted.iter().find(|name| !known.contains(name)) {
        let hint = did_you_mean(name, known.iter().map(String::as_str));
        return Err(CompareError::UnknownMetric { name: name.clone(), hint });
    }
    if wanted.is_empty() {
        return Ok(());
    }
    for (a, b, pair, _) in joined {
        for name in wanted.iter().filter(|name| pair.metrics().iter().all(|metric| metric.name != **name)) {
            notes.push(format!("`{name}` does not apply to both `{a}` and `{b}`"));
        }
        *pair = pair.clone().with_metrics(|name| wanted.iter().any(|wanted| wanted == name));
    }
    Ok(())
}

fn metric(difference: compare::Difference) -> ComparedMetric {
    let compare::Difference { metric, better, paired, t_holm, wilcoxon_holm, sign_holm, verdict, groups } = difference;
    let Paired { n, mean_a, mean_b, difference, interval, t, wilcoxon, sign, d_z, n_up, n_down, n_same } = paired;
    let outcome = |result: Option<(f64, f64, bool)>, p_holm: Option<f64>| {
        result.zip(p_holm).map(|((statistic, p, exact), p_holm)| TestOutcome { statistic, p, p_holm, exact })
    };
    ComparedMetric {
        metric,
        better: match better {
            Better::Higher => BetterValue::Higher,
            Better::Lower => BetterValue::Lower,
            Better::Neither => BetterValue::Neither,
        },
        n,
        mean_a,
        mean_b,
        difference,
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        t: outcome(t.map(|test| (test.statistic, test.p, false)), t_holm),
        wilcoxon: outcome(wilcoxon.map(|test| (test.statistic, test.p, test.method == Method::Exact)), wilcoxon_holm),
        sign: outcome(sign.map(|p| (n_up as f64, p, true)), sign_holm),
        d_z,
        rank_biserial: wilcoxon.map(|test| test.rank_biserial),
        n_up,
        n_down,
        n_same,
        verdict: word(verdict),
        groups: groups.into_iter().map(group).collect(),
        self_check: None,
    }
}

fn group(group: compare::GroupDifference) -> ComparedGroup {
    let compare::GroupDifference { attribute, group, paired, p_holm, verdict } = group;
    ComparedGroup {
        attribute,
        group,
        n: paired.n,
        mean_a: paired.mean_a,
        mean_b: paired.mean_b,
        difference: paired.difference,
        low: paired.interval.map(|interval| interval.low),
        high: paired.interval.map(|interval| interval.high),
        p: paired.deciding_p(),
        p_holm,
        verdict: word(verdict),
    }
}

fn word(verdict: Verdict) -> ComparisonVerdict {
    match verdict {
        Verdict::Better => ComparisonVerdict::Better,
        Verdict::Worse => ComparisonVerdict::Worse,
        Verdict::Higher => ComparisonVerdict::Higher,
        Verdict::Lower => ComparisonVerdict::Lower,
        Verdict::Unclear => ComparisonVerdict::Unclear,
        Verdict::Equal => ComparisonVerdict::Equal,
        Verdict::TooFew => ComparisonVerdict::TooFew,
    }
}

fn outcome(check: &compare::SelfCheck) -> SelfCheckOutcome {
    let found = check.planted.map(|planted| planted.found).unwrap_or_default();
    SelfCheckOutcome {
        t: check.rejections.t,
        wilcoxon: check.rejections.wilcoxon,
        sign: check.rejections.sign,
        planted: check.planted.map(|planted| planted.shift),
        t_found: found.t,
        wilcoxon_found: found.wilcoxon,
        sign_found: found.sign,
        is_sound: check.is_sound(),
    }
}

#[cfg(test)]
mod tests;
