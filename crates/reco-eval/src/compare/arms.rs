//! Compares the arms of an A/B test: what users did after they had seen an answer.
//!
//! Users are the units, since they were drawn into the arms by chance, each with all they did. Two measures: the share
//! of exposed users who did anything, with Wilson's interval (1927) and the two-proportion z test, and events per
//! exposed user, with Student's interval and Welch's t test (1947), which does not take the arms to vary alike. Does
//! not know where events come from.
//!
//! **Invariant**: a difference is that of an arm less the first; the two exchanged give the other sign and the same p;
//! every number is finite.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::distribution::{normal_two_sided, t_quantile, t_two_sided};
use super::holm::holm;
use crate::Interval;

/// P(|Z| ≥ z) = 0.05.
const Z: f64 = 1.959_963_984_540_054;

/// The fewest users whose events have an interval: as for paired values, of fewer even all alike could be luck.
const ENOUGH: usize = 6;

/// What one user saw in an arm, and did after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmUser {
    /// Answers seen.
    pub n_exposures: usize,
    /// Events that name one of these answers.
    pub n_events: usize,
    /// The stars among them.
    pub stars: Vec<f64>,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Users who saw an answer.
    pub n_users: usize,
    /// Answers that were seen.
    pub n_exposures: usize,
    /// Events that name one of these answers.
    pub n_events: usize,
    /// Users with such an event.
    pub n_followed: usize,
    /// Their share.
    pub share: f64,
    /// Its 95 % interval.
    pub share_interval: Interval,
    /// Events per user.
    pub per_user: f64,
    /// Its 95 % interval; `None` for fewer than six users, or where all did the same.
    pub per_user_interval: Option<Interval>,
    /// Events with stars.
    pub n_rated: usize,
    /// Their mean; `None` without any.
    pub mean_stars: Option<f64>,
}

/// What is compared between arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArmMeasure {
    /// The share of users who did anything.
    Share,
    /// Events per user.
    PerUser,
}

/// How an arm differs from the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmDifference {
    /// The first arm.
    pub a: String,
    /// The other one.
    pub b: String,
    /// What is compared.
    pub measure: ArmMeasure,
    /// B - A.
    pub difference: f64,
    /// The two-sided p; `None` where there is no spread to judge by.
    pub p: Option<f64>,
    /// After Holm's correction over all differences of the test.
    pub p_holm: Option<f64>,
    /// Whether chance is ruled out at the level that was asked for.
    pub differs: bool,
}

/// All arms of an A/B test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmComparison {
    /// The level of the verdicts, after Holm's correction.
    pub alpha: f64,
    /// The arms, by name.
    pub arms: Vec<Arm>,
    /// Each arm against the first.
    pub differences: Vec<ArmDifference>,
    /// Users who saw more than one arm, as after a test was renamed; each counts in every arm that they saw.
    pub n_in_several: usize,
}

/// Compares the users of each arm at the level `alpha`; `n_in_several` is handed on.
pub fn compare_arms(arms: &BTreeMap<String, Vec<ArmUser>>, alpha: f64, n_in_several: usize) -> ArmComparison {
    let arms: Vec<(Arm, Moments)> =
        arms.iter().filter(|(_, users)| !users.is_empty()).map(|(name, users)| Arm::of(name, users)).collect();
    let mut differences = Vec::new();
    if let Some(((a, of_a), others)) = arms.split_first() {
        for (b, of_b) in others {
            for (measure, difference, p) in [
                (ArmMeasure::Share, b.share - a.share, proportions(a, b)),
                (ArmMeasure::PerUser, b.per_user - a.per_user, welch(of_a, of_b)),
            ] {
                let (a, b) = (a.name.clone(), b.name.clone());
                differences.push(ArmDifference { a, b, measure, difference, p, p_holm: None, differs: false });
            }
        }
    }
    let raw: Vec<f64> = differences.iter().filter_map(|one| one.p).collect();
    for (one, p) in differences.iter_mut().filter(|one| one.p.is_some()).zip(holm(&raw)) {
        (one.p_holm, one.differs) = (Some(p), p < alpha);
    }
    ArmComparison { alpha, arms: arms.into_iter().map(|(arm, _)| arm).collect(), differences, n_in_several }
}

/// Of the events of each user.
struct Moments {
    n: f64,
    mean: f64,
    /// The square of the mean's standard error; 0 for one user.
    error: f64,
}

impl Arm {
    fn of(name: &str, users: &[ArmUser]) -> (Self, Moments) {
        let n = users.len() as f64;
        let sum = |of: fn(&ArmUser) -> usize| users.iter().map(of).sum::<usize>();
        let (n_events, n_followed) = (sum(|user| user.n_events), sum(|user| usize::from(user.n_events > 0)));
        let mean = n_events as f64 / n;
        let squares: f64 = users.iter().map(|user| (user.n_events as f64 - mean).powi(2)).sum();
        let error = if users.len() > 1 { squares / (n - 1.0) / n } else { 0.0 };
        let tells = users.len() >= ENOUGH && error > 0.0;
        let half = tells.then(|| error.sqrt() * t_quantile(0.05, n - 1.0));
        let stars: Vec<f64> = users.iter().flat_map(|user| user.stars.iter().copied()).collect();
        let arm = Self {
            name: name.to_owned(),
            n_users: users.len(),
            n_exposures: sum(|user| user.n_exposures),
            n_events,
            n_followed,
            share: n_followed as f64 / n,
            share_interval: wilson(n_followed as f64, n),
            per_user: mean,
            per_user_interval: half.map(|half| Interval { low: (mean - half).max(0.0), high: mean + half }),
            n_rated: stars.len(),
            mean_stars: (!stars.is_empty()).then(|| stars.iter().sum::<f64>() / stars.len() as f64),
        };
        (arm, Moments { n, mean, error })
    }
}

/// Wilson's interval of a share of `n`, at least 1.
fn wilson(hits: f64, n: f64) -> Interval {
    let share = hits / n;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Interval { low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// The two-proportion z test with the pooled share.
fn proportions(a: &Arm, b: &Arm) -> Option<f64> {
    let (n_a, n_b) = (a.n_users as f64, b.n_users as f64);
    let pooled = (a.n_followed + b.n_followed) as f64 / (n_a + n_b);
    let error = (pooled * (1.0 - pooled) * (1.0 / n_a + 1.0 / n_b)).sqrt();
    (error > 0.0).then(|| normal_two_sided((b.share - a.share) / error))
}

/// Welch's t test, with Satterthwaite's degrees of freedom.
fn welch(a: &Moments, b: &Moments) -> Option<f64> {
    let error = a.error + b.error;
    if error <= 0.0 || a.n < 2.0 || b.n < 2.0 {
        return None;
    }
    let freedom = error * error / (a.error * a.error / (a.n - 1.0) + b.error * b.error / (b.n - 1.0));
    Some(t_two_sided((b.mean - a.mean) / error.sqrt(), freedom))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(events: &[usize]) -> Vec<ArmUser> {
        let user = |&n_events: &usize| ArmUser { n_exposures: 2, n_events, stars: vec![4.0; n_events.min(1)] };
        events.iter().map(user).collect()
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn numbers_are_those_of_scipy_and_statsmodels() {
        let (a, b) = ([0, 0, 1, 0, 2, 0, 1, 0, 0, 0], [1, 2, 0, 3, 1, 0, 2, 1, 4, 1, 0, 2]);
        let arms = BTreeMap::from([("a".to_owned(), users(&a)), ("b".to_owned(), users(&b))]);
        let found = compare_arms(&arms, 0.05, 0);
        let (a, b) = (&found.arms[0], &found.arms[1]);
        assert_eq!((a.n_users, a.n_exposures, a.n_events, a.n_followed), (10, 20, 4, 3));
        near(a.share, 0.3);
        near(b.share, 0.75);
        assert_eq!(a.mean_stars, Some(4.0));
        let [share, per_user] = &found.differences[..] else { panic!("{found:?}") };
        near(share.difference, 0.45);
        near(per_user.difference, 17.0 / 12.0 - 0.4);
        // scipy 1.18.1, statsmodels 0.15.0.
        near(a.share_interval.low, 0.107_791_267_406_301_04);
        near(a.share_interval.high, 0.603_221_852_538_854_6);
        near(b.share_interval.low, 0.467_694_665_066_434_26);
        let (of_a, of_b) = (a.per_user_interval.unwrap(), b.per_user_interval.unwrap());
        assert_eq!(of_a.low, 0.0, "nobody does less than nothing");
        near(of_a.high, 0.900_181_768_387_770_9);
        near(of_b.low, 0.628_736_832_869_040_5);
        near(of_b.high, 2.204_596_500_464_293);
        near(share.p.unwrap(), 0.034_799_216_209_864_314);
        near(per_user.p.unwrap(), 0.026_643_956_408_994_44);
        near(share.p_holm.unwrap(), 0.053_287_912_817_988_88);
        near(per_user.p_holm.unwrap(), 0.053_287_912_817_988_88);
        assert!(!share.differs && compare_arms(&arms, 0.06, 0).differences[0].differs);
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        let one = |events: &[usize]| BTreeMap::from([("a".to_owned(), users(events)), ("b".to_owned(), users(events))]);
        for alike in [&[0, 0, 0][..], &[1, 1, 1], &[1]] {
            let found = compare_arms(&one(alike), 0.05, 0);
            assert!(found.differences.iter().all(|one| one.p.is_none() && !one.differs), "{found:?}");
            assert!(found.arms.iter().all(|arm| arm.per_user_interval.is_none()));
        }
        let same = compare_arms(&one(&[0, 1, 2, 0, 1, 2]), 0.05, 0);
        assert!(same.differences.iter().all(|one| one.p_holm == Some(1.0) && one.difference == 0.0), "{same:?}");
        assert!(compare_arms(&BTreeMap::new(), 0.05, 0).arms.is_empty());
    }
}
