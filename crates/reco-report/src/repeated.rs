//! Joins the results of a repeated experiment: means, deviations, and the share of variance due to the repetitions.
//!
//! Does not know what the repetitions differ in.
//!
//! **Invariant**: each repetition's own numbers stay beside the means.

use reco_eval::{Column, Interval, Metrics};
use serde::{Deserialize, Serialize};

use crate::{ApproachResult, Results};

/// What one repetition of an experiment gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepeatedResult {
    /// What it differs in: `split.fold=3`.
    pub repetition: String,
    /// Its approaches, in the experiment's order.
    pub approaches: Vec<ApproachResult>,
}

/// The mean of at least one value.
fn average(values: Vec<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Results {
    /// The means of several results, each under the label of its repetition. Counts of data are those of the first;
    /// epochs are shown where all repetitions have the same number. Panics without any.
    pub fn mean(each: Vec<(String, Self)>) -> Self {
        let (_, first) = each.first().expect("a repeated experiment has a repetition");
        let mut mean = first.clone();
        for (row, approach) in mean.approaches.iter_mut().enumerate() {
            let all: Vec<&ApproachResult> = each.iter().map(|(_, results)| &results.approaches[row]).collect();
            // Another seed or fold puts other users into a bucket, so results by history stay with each repetition.
            (approach.by_user_history, approach.by_item_history) = (Vec::new(), Vec::new());
            approach.intervals.clear();
            approach.train_seconds = average(all.iter().map(|one| one.train_seconds).collect());
            let evaluated: Option<Vec<f64>> = all.iter().map(|one| one.evaluate_seconds).collect();
            approach.evaluate_seconds = evaluated.map(average);
            let rates: Option<Vec<f64>> = all.iter().map(|one| one.ratings_per_second).collect();
            approach.ratings_per_second = rates.map(average);
            approach.epochs = approach.epochs.filter(|_| all.iter().all(|one| one.epochs == approach.epochs));
            type Of = fn(&ApproachResult) -> &Metrics;
            let of: [(&mut Metrics, Of); 2] =
                [(&mut approach.metrics, |one| &one.metrics), (&mut approach.validation, |one| &one.validation)];
            for (metrics, of) in of {
                for (name, value) in &mut metrics.0 {
                    let values: Option<Vec<f64>> = all.iter().map(|one| of(one).get(name)).collect();
                    *value = values.map(average);
                }
            }
        }
        let repetitions =
            each.into_iter().map(|(repetition, results)| RepeatedResult { repetition, approaches: results.approaches });
        // The caller, who knows the metrics, finds out which approach is best on average.
        Self { repeat: Some(repetitions.collect()), summary: None, ..mean }
    }

    /// The standard deviation (of a sample) of a metric over the repetitions, where there are two or more.
    pub fn deviation(&self, approach: &str, column: &Column) -> Option<f64> {
        let of = |repeated: &RepeatedResult| {
            repeated.approaches.iter().find(|one| one.name == approach).and_then(|one| one.metrics.get(column))
        };
        let values: Vec<f64> = self.repeat.as_ref()?.iter().map(of).collect::<Option<_>>()?;
        let mean = average(values.clone());
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
    }

    /// The share of a metric's variance that is due to what the repetitions differ in, such as the seed:
    /// `s² / (s² + e²)`, where s is their standard deviation and e the standard error of one of them, from its interval
    /// over users. Near 0, another seed matters less than other test users; near 1, one seed says little.
    pub fn share_of_repetitions(&self, approach: &str, column: &Column) -> Option<f64> {
        let squares: Vec<f64> = (self.repeat.as_ref()?.iter())
            .map(|one| {
                let of = one.approaches.iter().find(|one| one.name == approach)?;
                let Interval { low, high } = *of.intervals.get(column)?;
                // An interval of a normal distribution is 2 · 1.96 standard errors wide.
                Some(((high - low) / 3.92).powi(2))
            })
            .collect::<Option<_>>()?;
        let (between, within) = (self.deviation(approach, column)?.powi(2), average(squares));
        (between + within > 0.0).then(|| between / (between + within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{column, sample, sample_by_history};

    #[test]
    fn repetitions_have_a_mean_and_a_deviation_and_stay_beside_them() {
        let mut second = sample();
        second.approaches[1].metrics.0[0].1 = Some(0.7334);
        second.approaches[1].epochs = Some(17);
        let mean = Results::mean(vec![("seed=0".to_owned(), sample()), ("seed=1".to_owned(), second)]);
        assert!((mean.approaches[1].metrics.get(&column("mae")).unwrap() - 0.7284).abs() < 1e-12);
        assert!((mean.deviation("neural", &column("mae")).unwrap() - 0.01 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(mean.deviation("neural", &column("rmse")), Some(0.0));
        assert_eq!(
            (mean.deviation("popularity", &column("mae")), sample().deviation("neural", &column("mae"))),
            (None, None)
        );
        assert_eq!((mean.approaches[1].epochs, mean.approaches[2].epochs), (None, Some(9)));
        let read: Results = serde_json::from_str(&mean.to_json().unwrap()).unwrap();
        assert_eq!(read, mean);
        assert_eq!(read.repeat.unwrap()[1].approaches[1].metrics.get(&column("mae")), Some(0.7334));

        let each = [sample_by_history(), sample_by_history()].map(|results| (String::new(), results));
        let mean = Results::mean(each.to_vec());
        assert!(mean.approaches.iter().all(|one| one.by_user_history.is_empty() && one.by_item_history.is_empty()));
        let first = &mean.repeat.unwrap()[0].approaches;
        assert_eq!(first[0].by_user_history, sample_by_history().approaches[0].by_user_history);
    }

    #[test]
    fn the_share_of_the_seed_is_its_variance_against_that_of_users() {
        let with = |value, half: f64| {
            let mut results = sample();
            results.approaches[1].metrics.0[2].1 = Some(value);
            results.approaches[1].intervals.insert(column("ndcg@10"), [value - half, value + half].into());
            results
        };
        // Seeds have a variance of 0.02², users one of 0.01².
        let mean = Results::mean(vec![
            ("seed=0".to_owned(), with(0.25 - 0.02, 0.0196)),
            ("seed=1".to_owned(), with(0.25, 0.0196)),
            ("seed=2".to_owned(), with(0.25 + 0.02, 0.0196)),
        ]);
        assert!((mean.share_of_repetitions("neural", &column("ndcg@10")).unwrap() - 0.8).abs() < 1e-9);
        assert_eq!(mean.share_of_repetitions("neural", &column("mae")), None, "it has no interval");
        assert_eq!(sample().share_of_repetitions("neural", &column("ndcg@10")), None);
    }
}
