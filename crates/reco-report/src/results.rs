//! Holds the results of an experiment, number by number, as results.json does.
//!
//! Does not know how a number was made.
//!
//! **Invariant**: written and read again, results are equal, every bit of every number; none is NaN or infinite.

use std::collections::{BTreeMap, BTreeSet};

use reco_eval::metric::{Better, Family};
use reco_eval::{BucketValues, Column, Interval, METRICS, Metrics, main_columns};
use serde::{Deserialize, Serialize};

use crate::{Headline, RepeatedResult, cells};

/// All of results.json.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The experiment's name.
    pub experiment: String,
    /// The data set.
    pub dataset: DatasetSummary,
    /// How they were split.
    pub split: SplitSummary,
    /// Where networks were trained, in words.
    pub device: String,
    /// The seed of all random choices.
    pub seed: u64,
    /// Which approach is best, by how much and how surely; `null` in results from before this existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Headline>,
    /// One per approach, in the experiment's order.
    pub approaches: Vec<ApproachResult>,
    /// The columns of errors; of all others, more is better.
    #[serde(default)]
    pub lower_is_better: Vec<Column>,
    /// The columns that say what lists are like: none of their values is better than another.
    #[serde(default)]
    pub neither_is_better: Vec<Column>,
    /// For a repeated experiment, what each repetition gave; the numbers above are then their means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Vec<RepeatedResult>>,
}

/// The ratings that an experiment is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// As the experiment calls it.
    pub name: String,
    /// SHA-256 of the raw ratings' content, in hexadecimal.
    pub sha256: String,
    /// Users of the catalogue.
    pub n_users: usize,
    /// Items of the catalogue, rated or not.
    pub n_items: usize,
    /// Ratings after checks and deduplication.
    pub n_ratings: usize,
}

/// How the ratings were split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSummary {
    /// The split's name in its registry.
    pub kind: String,
    /// Training rows.
    pub n_train: usize,
    /// Validation rows, by which training stops early.
    pub n_valid: usize,
    /// Rows of held-out users that are given with the query.
    #[serde(default)]
    pub n_fold_in: usize,
    /// Test rows.
    pub n_test: usize,
}

/// The results of one approach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApproachResult {
    /// As the experiment calls it.
    pub name: String,
    /// Learned parameters.
    pub n_parameters: usize,
    /// Epochs trained; `null` for what is not trained by epochs.
    pub epochs: Option<usize>,
    /// Wall time of the whole fit.
    pub train_seconds: f64,
    /// Wall time of scoring, ranking and measuring the test rows; `null` for what is measured from a file of scores.
    #[serde(default)]
    pub evaluate_seconds: Option<f64>,
    /// `n_train × epochs / train_seconds`; `null` for what is not trained by epochs.
    pub ratings_per_second: Option<f64>,
    /// Whether errors are of stars predicted for each test row's own time, which is not known before the user rates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_times: bool,
    /// The metrics.
    pub metrics: Metrics,
    /// Metrics of lists on the validation rows, by which the approach that answers is chosen; empty where there are
    /// none.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub validation: Metrics,
    /// The bounds, lower and upper, between which each metric would lie 95 times in 100 with other test users.
    #[serde(default)]
    pub intervals: BTreeMap<Column, Interval>,
    /// The metrics of some users only, by how many training ratings they have; empty if not asked for.
    #[serde(default)]
    pub by_user_history: Vec<BucketValues>,
    /// The metrics with some test rows only, by how many training ratings their items have; empty if not asked for.
    #[serde(default)]
    pub by_item_history: Vec<BucketValues>,
}

/// Why results could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A number that JSON cannot hold.
    #[error(
        "the results of `{experiment}` cannot be written as JSON: {reason}\n\
         hint: train again with a lower `learning_rate`"
    )]
    Json {
        /// The experiment.
        experiment: String,
        /// What is wrong.
        reason: String,
    },
}

impl Results {
    /// The text of results.json.
    ///
    /// # Errors
    /// A metric that is NaN or infinite.
    pub fn to_json(&self) -> Result<String, ReportError> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| ReportError::Json { experiment: self.experiment.clone(), reason: error.to_string() })?;
        Ok(json + "\n")
    }

    /// All columns that any approach has, in the order of their first appearance.
    pub fn columns(&self) -> Vec<&Column> {
        let mut known = BTreeSet::new();
        let all = self.approaches.iter().flat_map(|approach| approach.metrics.columns());
        all.filter(|column| known.insert(*column)).collect()
    }

    /// The columns that apply to some approach, in the same order.
    pub fn applying(&self) -> Vec<&Column> {
        self.columns().into_iter().filter(|column| self.applies(column)).collect()
    }

    /// The columns by family, each with its title; last, without a title, those of metrics that are not ours.
    pub(crate) fn families(&self) -> Vec<(&'static str, Vec<&Column>)> {
        let family = |column: &Column| column.entry(METRICS).map(|entry| entry.family());
        let all = self.columns();
        let of = |wanted: Option<Family>| {
            let columns = all.iter().copied().filter(|one| family(one) == wanted);
            (wanted.map_or("", Family::title), columns.collect::<Vec<_>>())
        };
        let families = Family::ALL.into_iter().map(Some).chain([None]).map(of);
        families.filter(|(_, columns)| !columns.is_empty()).collect()
    }

    /// Which of two values of `column` is the better one.
    pub fn better(&self, column: &Column) -> Better {
        if self.lower_is_better.contains(column) {
            Better::Lower
        } else if self.neither_is_better.contains(column) {
            Better::Neither
        } else {
            Better::Higher
        }
    }

    /// Ratings, users and items; rows for training, for validation and for the test; all as texts.
    pub(crate) fn counts(&self) -> [[String; 3]; 2] {
        let (data, split) = (&self.dataset, &self.split);
        let counts = [[data.n_ratings, data.n_users, data.n_items], [split.n_train, split.n_valid, split.n_test]];
        counts.map(|of| of.map(cells::count))
    }

    /// The heading of `column`, with an arrow where lower values are better.
    pub(crate) fn heading(&self, column: &Column) -> String {
        cells::heading(column, self.better(column))
    }

    /// The best value of `column`, where at least two approaches have one.
    pub fn best(&self, column: &Column) -> Option<f64> {
        self.best_of(column, self.approaches.iter().filter_map(|approach| approach.metrics.get(column)))
    }

    /// The best of these values of `column`; `None` for fewer than two, and where no value is better than another.
    pub(crate) fn best_of(&self, column: &Column, values: impl Iterator<Item = f64>) -> Option<f64> {
        let better = match self.better(column) {
            Better::Higher => f64::max,
            Better::Lower => f64::min,
            Better::Neither => return None,
        };
        let values: Vec<f64> = values.collect();
        if values.len() < 2 { None } else { values.into_iter().reduce(better) }
    }

    /// The main columns of those that apply to some approach, for places with room for few.
    pub fn main_columns(&self) -> Vec<&Column> {
        main_columns(self.applying())
    }

    /// Whether `column` applies to some approach.
    pub fn applies(&self, column: &Column) -> bool {
        self.approaches.iter().any(|approach| approach.metrics.get(column).is_some())
    }
}

/// What `column` means, in a line.
pub(crate) fn meaning(column: &Column) -> Option<&'static str> {
    column.entry(METRICS).map(|entry| entry.about)
}

/// What these columns mean, each metric once, at its first column.
pub(crate) fn meanings<'a>(columns: &[&'a Column]) -> Vec<(&'a Column, &'static str)> {
    let mut known = BTreeSet::new();
    let all = columns.iter().filter_map(|column| Some((*column, meaning(column)?)));
    all.filter(|(_, about)| known.insert(*about)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn column(name: &str) -> Column {
        name.parse().unwrap()
    }

    /// Three approaches of which one has no stars; the numbers are made up.
    pub(crate) fn sample() -> Results {
        let approach = |name: &str, n_parameters, epochs, metrics: &[(&str, Option<f64>)]| ApproachResult {
            name: name.to_owned(),
            n_parameters,
            epochs,
            train_seconds: epochs.map_or(0.00125, |epochs| epochs as f64 * 0.375),
            ratings_per_second: epochs.map(|_| 80_000.0 / 0.375),
            metrics: metrics.iter().map(|&(name, value)| (column(name), value)).collect(),
            ..ApproachResult::default()
        };
        Results {
            experiment: "default".to_owned(),
            dataset: DatasetSummary {
                name: "ml-100k".to_owned(),
                sha256: "06416e59".to_owned(),
                n_users: 943,
                n_items: 1682,
                n_ratings: 100_000,
            },
            split: SplitSummary {
                kind: "per-user-random".to_owned(),
                n_train: 80_000,
                n_valid: 9_990,
                n_fold_in: 0,
                n_test: 10_010,
            },
            device: "cpu".to_owned(),
            seed: 42,
            summary: None,
            approaches: vec![
                approach("popularity", 1682, None, &[("mae", None), ("rmse", None), ("ndcg@10", Some(0.1 + 0.2))]),
                approach(
                    "neural",
                    1_243_321,
                    Some(16),
                    &[("mae", Some(0.7234)), ("rmse", Some(0.91)), ("ndcg@10", Some(0.0625))],
                ),
                approach(
                    "hybrid",
                    1_243_901,
                    Some(9),
                    &[("mae", Some(0.7199999)), ("rmse", Some(0.91)), ("ndcg@10", Some(0.0625))],
                ),
            ],
            lower_is_better: ["mae", "rmse"].map(column).to_vec(),
            neither_is_better: Vec::new(),
            repeat: None,
        }
    }

    /// [`sample`], and what came out for users and items with more or fewer training ratings.
    pub(crate) fn sample_by_history() -> Results {
        let bucket = |bucket: &str, n_users, n_test, ndcg, rmse| BucketValues {
            bucket: bucket.to_owned(),
            n_users,
            n_test,
            n_users_without_relevant: 0,
            metrics: Metrics(vec![(column("rmse"), rmse), (column("ndcg@10"), ndcg)]),
        };
        let mut results = sample();
        for (row, approach) in results.approaches.iter_mut().enumerate() {
            let rmse = |value| (row > 0).then_some(value);
            approach.by_user_history = vec![
                bucket("0", 0, 0, None, None),
                bucket("1-4", 3, 7, Some(0.125 * row as f64), rmse(1.25)),
                bucket("5+", 940, 1003, Some(0.25), rmse(0.75)),
            ];
            approach.by_item_history = vec![
                bucket("0", 1, 1, Some(0.0), None),
                bucket("1-4", 0, 0, None, None),
                bucket("5+", 943, 1009, Some(0.5), rmse(0.875)),
            ];
        }
        results
    }

    #[test]
    fn written_and_read_again_every_bit_is_the_same() {
        let mut results = sample();
        // Numbers that a reader which rounds gets wrong in the last bit.
        results.approaches[0].metrics = Metrics(
            (0..2000_u64)
                .map(|n| {
                    (
                        column(&format!("m{n}")),
                        Some(f64::from_bits(0x3fe0_0000_0000_0000 | n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12)),
                    )
                })
                .collect(),
        );
        let json = results.to_json().unwrap();
        assert_eq!(serde_json::from_str::<Results>(&json).unwrap(), results);
    }

    #[test]
    fn the_json_has_the_names_that_others_read() {
        let lone = |results: Results| Results { approaches: results.approaches[..2].to_vec(), ..results };
        insta::assert_snapshot!(lone(sample_by_history()).to_json().unwrap());
    }

    #[test]
    fn the_main_metrics_are_one_of_lists_and_one_of_errors() {
        let mut results = sample();
        assert_eq!(results.main_columns(), [&column("ndcg@10"), &column("rmse")]);
        results.approaches.iter_mut().for_each(|approach| approach.metrics.0.retain(|(column, _)| column.is("mae")));
        assert_eq!(results.main_columns(), [&column("mae")]);
        results.approaches.truncate(1);
        assert!(results.main_columns().is_empty(), "`mae` does not apply to what is left");
    }

    #[test]
    fn results_of_before_there_were_buckets_can_be_read() {
        let now = sample().to_json().unwrap();
        let old = now.replace(",\n      \"by_user_history\": [],\n      \"by_item_history\": []", "");
        assert_eq!(now.matches("_history").count(), 6);
        assert!(!old.contains("_history"), "{old}");
        assert_eq!(serde_json::from_str::<Results>(&old).unwrap(), sample());
    }

    #[test]
    fn a_metric_that_is_not_finite_is_refused_by_name() {
        let mut results = sample();
        results.approaches[1].metrics.0[0].1 = Some(f64::NAN);
        let error = results.to_json().unwrap_err().to_string();
        assert!(error.contains("`default`") && error.contains("`mae` is `NaN`"), "{error}");
    }

    #[test]
    fn the_least_error_is_best_and_the_most_of_all_else() {
        let results = sample();
        assert_eq!(results.best(&column("mae")), Some(0.7199999));
        assert_eq!(results.best(&column("ndcg@10")), Some(0.1 + 0.2));
        let lone = Results { approaches: results.approaches[..2].to_vec(), ..results };
        assert_eq!(lone.best(&column("mae")), None, "one value alone is no best");
        let neither = Results { neither_is_better: vec![column("ndcg@10")], ..sample() };
        assert_eq!(neither.best(&column("ndcg@10")), None);
    }
}
