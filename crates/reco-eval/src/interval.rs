//! Computes 95 % intervals of metrics by the percentile bootstrap over users (Efron 1979).
//!
//! Users are drawn with replacement, each with all of their test rows, and the metric is averaged again over those
//! drawn ("Bootstrap Methods: Another Look at the Jackknife"). Metrics of all users' lists together (`coverage@k`) and
//! `auc` have no interval. Does not know recommenders: it reads an [`Evaluation`]. Says nothing about another seed or
//! another split.
//!
//! **Invariant**: the same values and seed give the same bounds, to the last bit; two evaluations of the same users are
//! averaged over the same draws, so that their bounds can be compared.

use std::collections::BTreeMap;

use reco_core::random::SplitMix64;
use reco_core::{Progress, Silent};
use serde::{Deserialize, Serialize};

use crate::metric::{Average, Measure, Sums};
use crate::{Column, EvalError, Evaluation, MetricEntry, UserValues};

/// How often users are drawn anew, unless there are too many of them.
const DRAWS: usize = 1000;

/// Users drawn altogether, at most, unless that leaves less than [`LEAST_DRAWS`].
const MOST_USERS_DRAWN: usize = 20_000_000;

/// Values added up altogether, at most, unless that leaves less than [`LEAST_DRAWS`]: reached by hundreds of columns.
const MOST_VALUES: usize = 4_000_000_000;

/// Fewer draws say nothing about the 2.5 % at each end.
const LEAST_DRAWS: usize = 200;

/// 95 % bounds: of a metric, the 2.5th and the 97.5th percentile of its bootstrap averages. In JSON `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(Interval { low, high }: Interval) -> Self {
        [low, high]
    }
}

/// The 95 % interval of each metric of `evaluation`, which was made by these `metrics`; none where the metric does not
/// apply, or fewer than two users have a value.
pub fn intervals(evaluation: &Evaluation, metrics: &[MetricEntry], seed: u64) -> BTreeMap<Column, Interval> {
    intervals_watched(evaluation, metrics, seed, &Silent).unwrap_or_default()
}

/// As [`intervals`], asking `progress` before each draw whether to stop.
///
/// # Errors
/// An interruption.
pub fn intervals_watched(
    evaluation: &Evaluation,
    metrics: &[MetricEntry],
    seed: u64,
    progress: &dyn Progress,
) -> Result<BTreeMap<Column, Interval>, EvalError> {
    let users = &evaluation.per_user;
    let columns: Vec<Option<Resampled>> = evaluation
        .metrics
        .iter()
        .enumerate()
        .map(|(at, (column, value))| value.and(Resampled::new(column.entry(metrics)?.measure, at, users)))
        .collect();
    let n_values = users.len().saturating_mul(columns.iter().flatten().count()).max(1);
    let n_draws = (MOST_USERS_DRAWN / users.len().max(1)).min(MOST_VALUES / n_values).clamp(LEAST_DRAWS, DRAWS);
    let mut averages: Vec<Vec<f64>> = vec![Vec::with_capacity(n_draws); columns.len()];
    let mut chance = SplitMix64(seed);
    let mut times = vec![0.0; users.len()];
    for _ in 0..n_draws {
        if progress.interrupted() {
            return Err(EvalError::Interrupted);
        }
        times.fill(0.0);
        for _ in users {
            // Below `users.len()`, since the unit interval has no 1.
            times[(chance.uniform() * users.len() as f64) as usize] += 1.0;
        }
        for (column, averages) in columns.iter().zip(&mut averages) {
            averages.extend(column.as_ref().and_then(|column| column.average(&times)));
        }
    }
    // Without values there are no averages, and so no bounds.
    let bounds = evaluation.metrics.columns().zip(averages);
    Ok(bounds.filter_map(|(column, averages)| Some((column.clone(), bounds_of(averages)?))).collect())
}

/// One metric's values of all users.
enum Resampled {
    /// What is averaged, and its weight; 0 and 0 for users left out.
    Mean(Average, Vec<(f64, f64)>),
    /// What is added up.
    Sums(fn(&Sums) -> Option<f64>, Vec<Sums>),
}

impl Resampled {
    /// The `at`-th metric; `None` where fewer than two users have a value, or the metric has none per user.
    fn new(measure: Measure, at: usize, users: &[UserValues]) -> Option<Self> {
        if let Measure::Sums(metric) = measure {
            let sums: Vec<Sums> = users.iter().map(|user| user.sums.unwrap_or_default()).collect();
            return (sums.iter().filter(|sums| sums.n > 0.0).count() > 1).then_some(Self::Sums(metric, sums));
        }
        let average = measure.average()?;
        let term =
            |user: &UserValues| user.values[at].map_or((0.0, 0.0), |value| average.term(value, user.n_rated as f64));
        let terms: Vec<(f64, f64)> = users.iter().map(term).collect();
        (terms.iter().filter(|(_, weight)| *weight > 0.0).count() > 1).then_some(Self::Mean(average, terms))
    }

    /// The metric over users, each drawn as many `times` as stated; `None` where none of them has a value.
    fn average(&self, times: &[f64]) -> Option<f64> {
        match self {
            Self::Mean(average, terms) => {
                let (mut sum, mut weights) = (0.0, 0.0);
                for ((value, weight), times) in terms.iter().zip(times) {
                    sum += value * weight * times;
                    weights += weight * times;
                }
                (weights > 0.0).then(|| average.of_mean(sum / weights))
            }
            Self::Sums(metric, all) => {
                let mut sums = Sums::default();
                all.iter().zip(times).for_each(|(one, times)| sums.add(one, *times));
                if sums.n > 0.0 { metric(&sums) } else { None }
            }
        }
    }
}

fn bounds_of(mut averages: Vec<f64>) -> Option<Interval> {
    averages.sort_by(f64::total_cmp);
    let last = averages.len().checked_sub(1)?;
    let percentile = |share: f64| {
        let place = share * last as f64;
        let below = averages[place as usize];
        below + (averages[(place as usize + 1).min(last)] - below) * place.fract()
    };
    Some(Interval { low: percentile(0.025), high: percentile(0.975) })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{METRICS, Metrics};

    /// Users with those values of `metric` and numbers of rated rows.
    pub(crate) fn evaluation(metric: &str, values: &[(Option<f64>, usize)]) -> Evaluation {
        let user = |(n, &(value, n_rated)): (usize, &(Option<f64>, usize))| UserValues {
            user: (n as i64).into(),
            n_train: 0,
            n_test: n_rated,
            n_rated,
            n_relevant: 1,
            sums: None,
            values: vec![value],
        };
        let known = values.iter().any(|(value, _)| value.is_some());
        Evaluation {
            metrics: Metrics(vec![(metric.parse().unwrap(), known.then_some(0.5))]),
            n_users: values.len(),
            n_test: values.len(),
            per_user: values.iter().enumerate().map(user).collect(),
            ..Evaluation::default()
        }
    }

    fn interval(metric: &str, values: &[(Option<f64>, usize)]) -> Option<Interval> {
        intervals(&evaluation(metric, values), METRICS, 42).into_values().next()
    }

    #[test]
    fn the_interval_of_a_mean_is_what_its_standard_error_says() {
        // Half zeros, half ones, 400 users: the standard error is 0.5 / 20, the interval 0.5 ± 1.96 · 0.025.
        let values: Vec<_> = (0..400).map(|n| (Some(f64::from(n % 2)), 1)).collect();
        let Interval { low, high } = interval("ndcg@10", &values).unwrap();
        assert!((low - 0.451).abs() < 0.005 && (high - 0.549).abs() < 0.005, "{low} to {high}");
        assert_eq!(interval("ndcg@10", &values), interval("recall@5", &values), "the same draws");
    }

    #[test]
    fn a_metric_of_sums_has_bounds_as_well() {
        let users: Vec<_> = (0..50).map(|_| (None, 2)).collect();
        let mut with_sums = evaluation("r2", &users);
        with_sums.metrics.0[0].1 = Some(0.5);
        for (n, user) in with_sums.per_user.iter_mut().enumerate() {
            // Two ratings of 1 and 3, predicted with errors of 0 for some users and of 1 for the others.
            let off = f64::from(u8::from(n % 2 == 0));
            let pair = |y: f64| crate::metric::Pair { y, yhat: y + off };
            user.sums = Some(Sums::of(&[pair(1.0), pair(3.0)]));
        }
        let bounds = intervals(&with_sums, METRICS, 42)[&"r2".parse().unwrap()];
        assert!(bounds.low > 0.2 && bounds.low < 0.45 && bounds.high > 0.55 && bounds.high < 0.8, "{bounds:?}");
    }

    #[test]
    fn users_weigh_what_they_weigh_in_the_metric() {
        // One user has nearly all rows, so that the average over rows is that user's whenever drawn.
        let values = [(Some(1.0), 1_000_000), (Some(0.0), 1), (Some(0.0), 1), (Some(0.0), 1)];
        let rows = interval("mae", &values).unwrap();
        assert!(rows.low == 0.0 && rows.high > 0.999, "{rows:?}");
        let users = interval("ndcg@10", &values).unwrap();
        assert!(users.high <= 0.75, "{users:?}");
        let root = interval("rmse", &[(Some(3.0), 2), (Some(3.0), 5)]).unwrap();
        assert_eq!((root.low, root.high), (3.0, 3.0));
    }

    #[test]
    fn there_is_no_interval_without_two_values() {
        assert_eq!(interval("ndcg@10", &[(None, 1), (None, 1)]), None);
        assert_eq!(interval("ndcg@10", &[(Some(0.5), 1), (None, 1)]), None);
        assert_eq!(interval("ndcg@10", &[]), None);
        assert_eq!(interval("no metric of ours", &[(Some(0.5), 1), (Some(0.5), 1)]), None);
        let left_out = interval("ndcg@10", &[(Some(0.5), 1), (None, 1), (Some(0.5), 1)]).unwrap();
        assert_eq!((left_out.low, left_out.high), (0.5, 0.5));
    }
}
