//! Checks the level and the power of the tests on the users of a comparison.
//!
//! Where the two values of a user are exchanged by the toss of a coin, no recommender is better, and a sound test of
//! level α rejects in about a share α of all rounds. A planted shift that is large beside its noise must be found. Does
//! not know how a test works: it runs the same code as a comparison.
//!
//! **Invariant**: every toss is a keyed hash of (seed, user, round): the same in any order of users, metrics and pairs.

use std::f64::consts::SQRT_2;

use reco_core::random::{keyed_hash, unit_interval};
use reco_core::{ItemId, UserId};
use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc_inv;

use super::distribution::{binomial_at_most, t_quantile};
use super::pair::{Pair, PairedMetric, UserRow};
use super::paired::Differences;

/// The fewest users for whom a shift is planted: with fewer, it would not surely be found.
const LEAST_USERS: usize = 10;

/// How many standard errors beyond what is significant the planted shift lies: missed once in 30,000 rounds.
const BEYOND: f64 = 4.0;

/// The chance of a sound test's rejections beyond either end of what is expected: 3 to 19 of 200 rounds at 5 %.
const TAIL: f64 = 0.005;

/// The chance that a sound test rejects more often than [`SelfCheck::limit`]: so small that it stays so over all
/// metrics and pairs of a comparison.
const BEYOND_CHANCE: f64 = 1e-4;

/// How the tests of one metric did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfCheck {
    /// How often the values were exchanged.
    pub n_rounds: usize,
    /// The fewest and the most rejections that a sound test has in 99 of 100 such checks.
    pub expected: (usize, usize),
    /// The most rejections that a sound test has in 9,999 of 10,000 such checks.
    pub limit: usize,
    /// Rounds of exchanged values in which each test rejects.
    pub rejections: Rejections,
    /// What was planted, and how often it was found; `None` for fewer than ten users.
    pub planted: Option<Planted>,
    /// Whether no test that decides rejects more often than `limit`, and what was planted was found in 19 of 20 rounds.
    ///
    /// Fewer rejections than expected are not a fault: where few users differ, their values cannot be so far apart by
    /// chance.
    pub is_sound: bool,
}

/// Rounds in which each test rejects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejections {
    /// The paired t test.
    pub t: usize,
    /// The signed-rank test.
    pub wilcoxon: usize,
    /// The sign test.
    pub sign: usize,
}

/// A difference that is known, since it was added.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    /// What was added to every user's value, in the metric's unit.
    pub shift: f64,
    /// The same in standard deviations of the noise that was added too.
    pub deviations: f64,
    /// Rounds, each with noise of its own, in which each test finds it.
    pub found: Rejections,
}

/// Checks the tests of every metric of `pair`, in their order, at level `alpha` in `n_rounds` rounds; `None` for
/// metrics in which no two users differ.
pub fn self_check(pair: &Pair, alpha: f64, n_rounds: usize, seed: u64) -> Vec<Option<SelfCheck>> {
    let tosses: Vec<Vec<f64>> =
        (0..n_rounds).map(|round| pair.users().iter().map(|row| toss(seed, &row.user, round)).collect()).collect();
    let check = |metric: &PairedMetric| check(metric, pair.users(), &tosses, alpha, seed);
    pair.metrics().iter().map(check).collect()
}

fn check(metric: &PairedMetric, users: &[UserRow], tosses: &[Vec<f64>], alpha: f64, seed: u64) -> Option<SelfCheck> {
    let with_value = |row: &usize| metric.values[*row].is_some();
    let rows: Vec<usize> = (0..users.len()).filter(with_value).collect();
    let values: Vec<(f64, f64)> = metric.values.iter().copied().flatten().collect();
    let differences = Differences::new(&values);
    let deviation = differences.deviation()?;
    if differences.values.iter().all(|d| *d == 0.0) {
        return None;
    }
    let mut rejections = Rejections::default();
    for tosses in tosses {
        let exchanged = differences.values.iter().zip(&rows).map(|(d, row)| if tosses[*row] < 0.5 { -d } else { *d });
        rejections.count(&differences.with(exchanged), alpha);
    }
    let n = rows.len();
    // The noise is as wide as the differences spread; where they are all the same, it is as wide as their size.
    let noise = if deviation > 0.0 { deviation } else { differences.values[0].abs() };
    let planted = (n >= LEAST_USERS).then(|| {
        let deviations = (t_quantile(alpha, n as f64 - 1.0) + BEYOND) / (n as f64).sqrt();
        let mut found = Rejections::default();
        for round in 0..tosses.len() {
            let planted = rows.iter().map(|row| {
                // Rounds after those of the exchange, so that the noise does not use their tosses.
                let unit = toss(seed, &users[*row].user, tosses.len() + round);
                noise * (normal(unit) + deviations)
            });
            found.count(&differences.with(planted), alpha);
        }
        Planted { shift: noise * deviations, deviations, found }
    });
    let (n_rounds, limit) = (tosses.len(), most(tosses.len(), alpha, BEYOND_CHANCE));
    let finds = |planted: &Planted| 20 * planted.found.t.min(planted.found.wilcoxon) >= 19 * n_rounds;
    let is_sound = rejections.t.max(rejections.wilcoxon) <= limit && planted.as_ref().is_none_or(finds);
    Some(SelfCheck { n_rounds, expected: expected(n_rounds, alpha), limit, rejections, planted, is_sound })
}

impl Rejections {
    fn count(&mut self, differences: &Differences, alpha: f64) {
        let tests = differences.tests();
        let rejects = |p: Option<f64>| usize::from(p.is_some_and(|p| p <= alpha));
        self.t += rejects(tests.t.map(|test| test.p));
        self.wilcoxon += rejects(tests.wilcoxon.map(|test| test.p));
        self.sign += rejects(tests.sign.map(|test| test.p));
    }
}

/// The toss for a user in a round, in [0, 1).
fn toss(seed: u64, user: &UserId, round: usize) -> f64 {
    unit_interval(keyed_hash(seed, user, &ItemId::from(round as i64)))
}

/// The quantile of the standard normal distribution at `unit`.
fn normal(unit: f64) -> f64 {
    // Not 0, whose quantile is infinite.
    -SQRT_2 * erfc_inv(2.0 * unit.max(f64::EPSILON))
}

/// The fewest and the most rejections of `n_rounds` at level `alpha`, with [`TAIL`] left at either end.
fn expected(n_rounds: usize, alpha: f64) -> (usize, usize) {
    let least = (0..n_rounds).find(|k| binomial_at_most(*k, n_rounds, alpha) > TAIL).unwrap_or(n_rounds);
    (least, most(n_rounds, alpha, TAIL))
}

/// The most rejections of `n_rounds` at level `alpha`, with `tail` left beyond.
fn most(n_rounds: usize, alpha: f64, tail: f64) -> usize {
    (0..n_rounds).find(|k| 1.0 - binomial_at_most(*k, n_rounds, alpha) <= tail).unwrap_or(n_rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_200_rounds_at_5_percent_3_to_19_may_reject() {
        assert_eq!(expected(200, 0.05), (3, 19));
        assert_eq!(most(200, 0.05, BEYOND_CHANCE), 23);
        assert_eq!(expected(0, 0.05), (0, 0));
        assert_eq!(expected(1, 0.05), (0, 1));
    }

    #[test]
    fn noise_is_normal() {
        for (unit, z) in [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (0.025, -1.959_963_984_540_054)] {
            assert!((normal(unit) - z).abs() < 1e-12, "{unit}: {}", normal(unit));
        }
        assert!(normal(0.0).is_finite());
    }
}
