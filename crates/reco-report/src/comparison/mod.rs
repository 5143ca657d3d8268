//! Holds the outcome of a comparison of runs, for people and for programs to read.
//!
//! Does not know how a test works: it holds what the test gave, numbers and names.
//!
//! **Invariant**: a difference is B less A everywhere; a number that does not exist is `null`, and `–` in tables.

mod forest;
mod page;
mod terminal;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use page::comparison_page;
pub use terminal::{comparison_summary, comparison_table};

/// Runs side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The level of the verdicts, after Holm's correction.
    pub alpha: f64,
    /// Each two that were compared.
    pub pairs: Vec<ComparedPair>,
    /// What else is to be known: what was left out, and why.
    pub notes: Vec<String>,
    /// How often the tests were tried on exchanged values; `null` if not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_check: Option<SelfCheckPlan>,
}

/// Two runs: A, the one that is measured against, and B.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedPair {
    /// What is measured against.
    pub a: ComparedRun,
    /// What is measured.
    pub b: ComparedRun,
    /// Users that both have.
    pub n_users: usize,
    /// Users that A alone has; they are left out.
    pub n_only_a: usize,
    /// Users that B alone has; they are left out.
    pub n_only_b: usize,
    /// Shared users whose test rows differ between the two.
    pub n_different_tests: usize,
    /// What each metric says.
    pub metrics: Vec<ComparedMetric>,
}

/// One of two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedRun {
    /// Its name in this comparison: as short as tells it from the others.
    pub label: String,
    /// The run's folder.
    pub run: String,
    /// The approach.
    pub approach: String,
}

/// What one metric says of two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedMetric {
    /// Its column: `ndcg@10`.
    pub metric: String,
    /// Which of two values is the better one.
    pub better: BetterValue,
    /// Users who have a value of both.
    pub n: usize,
    /// The mean of A over them.
    pub mean_a: f64,
    /// The mean of B over them.
    pub mean_b: f64,
    /// B less A.
    pub difference: f64,
    /// The 95 % interval of the difference.
    pub low: Option<f64>,
    /// Its other end.
    pub high: Option<f64>,
    /// The paired t test.
    pub t: Option<TestOutcome>,
    /// Wilcoxon's signed-rank test.
    pub wilcoxon: Option<TestOutcome>,
    /// The sign test; its statistic is how many users are up.
    pub sign: Option<TestOutcome>,
    /// Cohen's d_z.
    pub d_z: Option<f64>,
    /// The matched-pairs rank-biserial correlation.
    pub rank_biserial: Option<f64>,
    /// Users for whom B is above A.
    pub n_up: usize,
    /// Users for whom B is below A.
    pub n_down: usize,
    /// Users for whom both are the same.
    pub n_same: usize,
    /// The verdict that follows.
    pub verdict: ComparisonVerdict,
    /// The same by groups of users.
    pub groups: Vec<ComparedGroup>,
    /// How the tests did on exchanged values; `null` if not asked for, or if no two users differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_check: Option<SelfCheckOutcome>,
}

impl ComparedMetric {
    /// For how many users B is better, worse and the same, or higher, lower and the same where neither is better; in words.
    pub(crate) fn shares(&self) -> [(usize, &'static str); 3] {
        let Self { n_up, n_down, n_same, .. } = *self;
        match self.better {
            BetterValue::Higher => [(n_up, "gain"), (n_down, "lose"), (n_same, "stay")],
            BetterValue::Lower => [(n_down, "gain"), (n_up, "lose"), (n_same, "stay")],
            BetterValue::Neither => [(n_up, "higher"), (n_down, "lower"), (n_same, "stay")],
        }
    }
}

/// Which of two values of a metric is the better one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BetterValue {
    /// The greater one.
    #[default]
    Higher,
    /// The smaller one.
    Lower,
    /// Neither: it says what lists are like.
    Neither,
}

/// The outcome of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestOutcome {
    /// Its statistic.
    pub statistic: f64,
    /// Two-sided.
    pub p: f64,
    /// After Holm's correction over all tests of its kind in the comparison.
    pub p_holm: f64,
    /// Whether p is exact, not an approximation.
    pub exact: bool,
}

/// What one metric says of two runs for a group of users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedGroup {
    /// What users are grouped by: `gender`.
    pub attribute: String,
    /// The group: `F`.
    pub group: String,
    /// Its users who have a value of both.
    pub n: usize,
    /// The mean of A over them.
    pub mean_a: f64,
    /// The mean of B over them.
    pub mean_b: f64,
    /// B less A.
    pub difference: f64,
    /// The 95 % interval of the difference.
    pub low: Option<f64>,
    /// Its other end.
    pub high: Option<f64>,
    /// The p-value of the test that decides.
    pub p: Option<f64>,
    /// After Holm's correction over all groups of this metric and pair.
    pub p_holm: Option<f64>,
    /// The verdict that follows.
    pub verdict: ComparisonVerdict,
}

/// What a test says of B, seen from A.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComparisonVerdict {
    /// Better than chance explains.
    Better,
    /// Worse than chance explains.
    Worse,
    /// Higher than chance explains, where neither is better.
    Higher,
    /// Lower than chance explains, where neither is better.
    Lower,
    /// Chance could explain it.
    Unclear,
    /// No user has any difference.
    Equal,
    /// Fewer than two users.
    #[default]
    TooFew,
}

impl ComparisonVerdict {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Unclear => "unclear",
            Self::Equal => "the same",
            Self::TooFew => "too few",
        }
    }

    /// Whether chance alone does not explain it.
    pub(crate) fn is_significant(self) -> bool {
        matches!(self, Self::Better | Self::Worse | Self::Higher | Self::Lower)
    }
}

/// How often the tests were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfCheckPlan {
    /// Rounds of exchanged values.
    pub n_rounds: usize,
    /// The fewest rejections that a sound test has in 99 of 100 such checks.
    pub expected_least: usize,
    /// The most.
    pub expected_most: usize,
}

/// How the tests of one metric did on exchanged and on planted values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelfCheckOutcome {
    /// Rounds of exchanged values in which the t test rejects.
    pub t: usize,
    /// The same of the signed-rank test.
    pub wilcoxon: usize,
    /// The same of the sign test.
    pub sign: usize,
    /// The shift that was planted, in the metric's unit; `null` for too few users.
    pub planted: Option<f64>,
    /// Rounds in which the t test finds it.
    pub t_found: usize,
    /// The same of the signed-rank test.
    pub wilcoxon_found: usize,
    /// The same of the sign test.
    pub sign_found: usize,
    /// Whether neither of the first two rejects more often than a sound test does in 9,999 of 10,000 checks, and both find what
    /// was planted.
    pub is_sound: bool,
}

/// A difference with its sign and four decimals; without either where there is none.
fn signed(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        // A difference that rounds to zero has no sign.
        small if small.abs() < 5e-5 => "0.0000".to_owned(),
        value => format!("{value:+.4}"),
    }
}

/// From one end of an interval to the other.
fn interval(low: Option<f64>, high: Option<f64>) -> String {
    low.zip(high)
        .map_or_else(|| crate::cells::NOTHING.to_owned(), |(low, high)| format!("{} to {}", signed(low), signed(high)))
}

/// A probability with four decimals, or its order of magnitude where these would all be zero.
fn probability(p: Option<f64>) -> String {
    match p {
        None => crate::cells::NOTHING.to_owned(),
        Some(p) if p >= 1e-4 => format!("{p:.4}"),
        Some(p) if p >= 1e-99 => format!("{p:.0e}"),
        Some(_) => "<1e-99".to_owned(),
    }
}

/// `n` of `all` in percent.
fn share(n: usize, all: usize) -> String {
    format!("{:.1} %", 100.0 * n as f64 / all.max(1) as f64)
}

/// What a reader has to know of a pair's users, in sentences.
fn who(pair: &ComparedPair) -> Vec<String> {
    use crate::cells::count;
    let users = |n: usize| if n == 1 { "1 user".to_owned() } else { format!("{} users", count(n)) };
    let mut told = vec![format!("{} in both runs", users(pair.n_users))];
    for (n, side) in [(pair.n_only_a, "A"), (pair.n_only_b, "B")] {
        if n > 0 {
            told.push(format!("{} in {side} alone, left out", users(n)));
        }
    }
    if pair.n_different_tests > 0 {
        let n = users(pair.n_different_tests);
        told.push(format!("NOT measured on the same test: {n} with other test rows in B than in A"));
    }
    told
}

/// What the numbers mean and what the tests assume, a paragraph each.
const ASSUMPTIONS: [&str; 4] = [
    "Every user has one value of each run, and the tests look at the differences between them, B less A. A mean here is a mean \
     over users, also of errors that a table of results averages over ratings; so that the two may differ.",
    "The tests assume that the users are drawn independently of each other from the population that one wants to speak of. The \
     paired t test decides, since it asks about the mean; the signed-rank test and the sign test stand beside it, and where \
     they disagree, a few users carry the mean. With fewer than about thirty users, trust the signed-rank test first.",
    "Each run is one fitted model, one seed each. What is tested is whether these two models differ for the population of users, \
     not whether two ways to train do: two seeds of the same approach are two models that do differ, and can be found to differ \
     in more than 5 % of cases. Who wants to compare ways to train repeats both over several seeds.",
    "p is how often chance alone would lead at least as far if there were no difference. Holm's correction makes it the answer to \
     all tests of its kind on this page at once; within groups, to all groups of one metric and pair.",
];
