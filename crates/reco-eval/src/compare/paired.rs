//! Means, tests and effect sizes of two values per user.
//!
//! Does not know metrics: it says which value is higher, not which is better.
//!
//! **Invariant**: every number is finite; `n_up + n_down + n_same = n`; A and B exchanged give the same p and the other
//! signs.

use serde::{Deserialize, Serialize};

use super::distribution::{binomial_at_most, t_quantile, t_two_sided};
use super::wilcoxon::signed_rank;
use crate::Interval;

/// Values that differ by less than this share of the largest of them differ by rounding alone: `0.3 - 0.2` is not
/// `0.2 - 0.1`.
pub const ARITHMETIC: f64 = 1e-12;

/// Two samples of the same users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Users who have a value of both.
    pub n: usize,
    /// The mean of A.
    pub mean_a: f64,
    /// The mean of B.
    pub mean_b: f64,
    /// The mean of B - A.
    pub difference: f64,
    /// Its 95 % interval by Student's t; `None` for a single user.
    pub interval: Option<Interval>,
    /// The paired t test (Student 1908), two-sided; `None` for a single user, and where all users have the same
    /// difference that is not zero.
    pub t: Option<TestResult>,
    /// The signed-rank test (Wilcoxon 1945), whose statistic is the smaller of the two sums of ranks; `None` for a
    /// single user.
    pub wilcoxon: Option<TestResult>,
    /// The sign test (Dixon, Mood 1946), whose statistic is how many users are up; `None` for a single user.
    pub sign: Option<TestResult>,
    /// Cohen's d_z (Cohen 1988): the mean difference in standard deviations of the differences; `None` where there is
    /// no t.
    pub d_z: Option<f64>,
    /// The matched-pairs rank-biserial correlation (Kerby 2014, "The Simple Difference Formula"): the share of ranks
    /// that are up less the share that are down; in [-1, 1], 0 without any difference. `None` for a single user.
    pub rank_biserial: Option<f64>,
    /// Users for whom B is above A.
    pub n_up: usize,
    /// Users for whom B is below A.
    pub n_down: usize,
    /// Users for whom both are the same.
    pub n_same: usize,
}

/// A test statistic, and the probability that chance gives one at least as far out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// The statistic.
    pub statistic: f64,
    /// Two-sided.
    pub p: f64,
    /// After Holm's correction over all tests of its kind in a comparison, or over all groups of a metric and pair;
    /// `None` where it is not one of several.
    pub p_holm: Option<f64>,
    /// Whether p is exact, not an approximation.
    pub exact: bool,
}

impl TestResult {
    pub(super) fn new(statistic: f64, p: f64, exact: bool) -> Self {
        Self { statistic, p, p_holm: None, exact }
    }
}

impl Paired {
    /// The statistics of each user's (A, B); `None` without users.
    pub fn of(values: &[(f64, f64)]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = |part: fn(&(f64, f64)) -> f64| values.iter().map(part).sum::<f64>() / n as f64;
        let differences = Differences::new(values);
        let (difference, tests) = (differences.mean, differences.tests());
        let half = differences.error.map(|error| error * t_quantile(0.05, n as f64 - 1.0));
        let count = |is: fn(&&f64) -> bool| differences.values.iter().filter(is).count();
        Some(Self {
            n,
            mean_a: mean(|(a, _)| *a),
            mean_b: mean(|(_, b)| *b),
            difference,
            interval: half.map(|half| Interval { low: difference - half, high: difference + half }),
            t: tests.t,
            wilcoxon: tests.wilcoxon,
            sign: tests.sign,
            d_z: tests.t.map(|t| t.statistic / (n as f64).sqrt()),
            rank_biserial: tests.rank_biserial,
            n_up: count(|d| **d > 0.0),
            n_down: count(|d| **d < 0.0),
            n_same: count(|d| **d == 0.0),
        })
    }

    /// The test that decides: the paired t test, or the signed-rank test where there is no spread to judge by.
    pub fn deciding(&self) -> Option<&TestResult> {
        self.t.as_ref().or(self.wilcoxon.as_ref())
    }

    /// The same, to be corrected.
    pub(super) fn deciding_mut(&mut self) -> Option<&mut TestResult> {
        self.t.as_mut().or(self.wilcoxon.as_mut())
    }
}

/// B - A of each user.
pub(super) struct Differences {
    pub(super) values: Vec<f64>,
    /// Sizes that are no further apart count as equal.
    tie: f64,
    mean: f64,
    /// The standard error of the mean, 0 where all differences are the same; `None` for a single one.
    error: Option<f64>,
}

/// The three tests.
#[derive(Default)]
pub(super) struct Tests {
    pub(super) t: Option<TestResult>,
    pub(super) wilcoxon: Option<TestResult>,
    pub(super) sign: Option<TestResult>,
    rank_biserial: Option<f64>,
}

impl Differences {
    pub(super) fn new(values: &[(f64, f64)]) -> Self {
        let largest = values.iter().fold(0.0_f64, |largest, (a, b)| largest.max(a.abs()).max(b.abs()));
        Self::tied_within(values.iter().map(|(a, b)| b - a), ARITHMETIC * largest)
    }

    fn tied_within(values: impl Iterator<Item = f64>, tie: f64) -> Self {
        let untied = |number: f64| if number.abs() <= tie { 0.0 } else { number };
        let values: Vec<f64> = values.map(untied).collect();
        let n = values.len() as f64;
        let mean = untied(values.iter().sum::<f64>() / n);
        let squares: f64 = values.iter().map(|d| (d - mean) * (d - mean)).sum();
        let error = (values.len() > 1).then(|| untied((squares / (n - 1.0)).sqrt()) / n.sqrt());
        Self { values, tie, mean, error }
    }

    /// Other values, with the same rule for ties.
    pub(super) fn with(&self, values: impl Iterator<Item = f64>) -> Self {
        Self::tied_within(values, self.tie)
    }

    /// The standard deviation, 0 where all are the same; `None` for a single one.
    pub(super) fn deviation(&self) -> Option<f64> {
        self.error.map(|error| error * (self.values.len() as f64).sqrt())
    }

    /// All three tests of these differences.
    pub(super) fn tests(&self) -> Tests {
        let Self { mean, error: Some(error), .. } = *self else { return Tests::default() };
        let n = self.values.len();
        let t = match (error > 0.0, mean == 0.0) {
            (true, _) => {
                let statistic = mean / error;
                Some(TestResult::new(statistic, t_two_sided(statistic, n as f64 - 1.0), false))
            }
            (false, true) => Some(TestResult::new(0.0, 1.0, false)),
            (false, false) => None,
        };
        let up = self.values.iter().filter(|d| **d > 0.0).count();
        let down = self.values.iter().filter(|d| **d < 0.0).count();
        let sign = (2.0 * binomial_at_most(up.min(down), up + down, 0.5)).min(1.0);
        let sign = Some(TestResult::new(up as f64, sign, true));
        let (wilcoxon, rank_biserial) = signed_rank(&self.values, self.tie);
        Tests { t, wilcoxon: Some(wilcoxon), sign, rank_biserial: Some(rank_biserial) }
    }
}
