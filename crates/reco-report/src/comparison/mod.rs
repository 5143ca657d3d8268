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

use reco_eval::compare::{Difference, SelfCheck, Verdict};
use reco_eval::metric::Better;
use reco_eval::{Column, Interval};
use serde::{Deserialize, Serialize};

use crate::cells;

pub use page::comparison_page;
pub use terminal::{comparison_summary, comparison_table};

/// Runs side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The level of the verdicts, after Holm's correction.
    pub alpha: f64,
    /// Each two that were compared.
    pub pairs: Vec<ComparedPair>,
    /// Remarks: what was left out, and why.
    pub notes: Vec<String>,
}

impl Comparison {
    /// All metrics of all pairs.
    fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.pairs.iter().flat_map(|pair| &pair.metrics)
    }

    /// A self-check of some metric; all were made by the same plan. `None` where none was made.
    pub fn self_check(&self) -> Option<&SelfCheck> {
        self.differences().find_map(|one| one.self_check.as_ref())
    }
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
    pub metrics: Vec<Difference>,
}

impl ComparedPair {
    /// What `metric` says.
    fn of(&self, metric: &Column) -> Option<&Difference> {
        self.metrics.iter().find(|one| one.metric == *metric)
    }
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

/// For how many users B is better, worse and the same, or higher, lower and the same where neither is better; in words.
fn shares(one: &Difference) -> [(usize, &'static str); 3] {
    let (n_up, n_down, n_same) = (one.paired.n_up, one.paired.n_down, one.paired.n_same);
    match one.better {
        Better::Higher => [(n_up, "gain"), (n_down, "lose"), (n_same, "stay")],
        Better::Lower => [(n_down, "gain"), (n_up, "lose"), (n_same, "stay")],
        Better::Neither => [(n_up, "higher"), (n_down, "lower"), (n_same, "stay")],
    }
}

/// What a test says of B, in words.
fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Higher => "higher",
        Verdict::Lower => "lower",
        Verdict::Unclear => "unclear",
        Verdict::Equal => "the same",
        Verdict::TooFew => "too few",
    }
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
fn interval(interval: Option<Interval>) -> String {
    cells::or_nothing(interval, |Interval { low, high }| format!("{} to {}", signed(low), signed(high)))
}

/// A probability with four decimals, or its order of magnitude where these would all be zero.
fn probability(p: Option<f64>) -> String {
    cells::or_nothing(p, |p| match p {
        _ if p >= 1e-4 => format!("{p:.4}"),
        _ if p >= 1e-99 => format!("{p:.0e}"),
        _ => "<1e-99".to_owned(),
    })
}

/// `n` of `all` in percent.
fn share(n: usize, all: usize) -> String {
    format!("{:.1} %", 100.0 * n as f64 / all.max(1) as f64)
}

/// What a reader has to know about the users of a pair, in sentences.
fn who(pair: &ComparedPair) -> Vec<String> {
    let users = |n: usize| if n == 1 { "1 user".to_owned() } else { format!("{} users", cells::count(n)) };
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
    "Every user has one value of each run, and the tests look at the differences between them, B less A. A mean here \
     is a mean over users. A table of results averages errors over ratings, so its numbers may differ from these.",
    "The tests assume that the users are drawn independently of each other from the population of interest. The paired \
     t test decides, since it asks about the mean. The signed-rank test and the sign test are shown beside it: where \
     they disagree, a few users carry the mean. With fewer than about thirty users, trust the signed-rank test first.",
    "Each run is one fitted model, one seed each. The tests ask whether these two models differ for the population of \
     users, not whether two ways to train differ: two seeds of the same approach are two models that do differ, and \
     can be found to differ in more than 5 % of cases. To compare ways to train, repeat both over several seeds.",
    "p is the probability that chance alone leads to a difference at least this large if there is none. Holm's \
     correction is over all tests of a kind on this page; within groups, over all groups of one metric and pair.",
];
