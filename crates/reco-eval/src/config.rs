//! The table `[evaluate]` of an experiment, and the columns that it asks for.
//!
//! Does not know test users or recommenders.
//!
//! **Invariant**: no column stands twice; columns stand in the order of their metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use reco_core::options::did_you_mean;
use reco_core::{ContextValue, RatingScale};
use serde::{Deserialize, Serialize};

use crate::buckets::Buckets;
use crate::main_column::OF_LISTS;
use crate::metric::Measure;
use crate::{BestFor, Column, EvalError, MetricEntry};

/// The table `[evaluate]` of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Lengths of the lists that ranking metrics look at.
    pub k: Vec<NonZeroUsize>,
    /// In stars: a test row at or above it is relevant. An implicit event is always relevant. If left out, three
    /// quarters up the rating scale: 4 on 1 to 5, see [`Protocol::relevant_from`].
    pub relevance_threshold: Option<f32>,
    /// 0 ranks all of the catalogue. Above 0, each user's test items are ranked among that many others that the user
    /// never met, drawn at random (He et al. 2017 take 99): a far easier task whose numbers can turn the order of
    /// models around (Krichene and Rendle 2020). Its metrics have names of their own, `sampled99_ndcg@10`.
    pub sampled_negatives: usize,
    /// Which items are ranked: the whole catalogue, or what nobody rated in training.
    pub candidates: RankedItems,
    /// Names of metrics, `ndcg@k` for every length or `ndcg@10` for one; empty for all.
    pub metrics: Vec<String>,
    /// The moment of the predictions, by the names of contexts; those not stated are the training average.
    pub context: BTreeMap<String, ContextValue>,
    /// Whether stars are predicted for the time of each test row, by approaches that read it (`bayesian-fm` with
    /// `reads_time`). A row's time is not known before the user rates; results say whose errors it served. Lists are
    /// ranked without it.
    pub row_times: bool,
    /// The id of the user shown in detail; empty for the catalogue's second (the article's `i = 1`), or the first of
    /// the test set where that one has no rated test row.
    pub detail_user: String,
    /// How many further users are shown in detail, those with the most rated test rows first.
    pub detail_users: usize,
    /// Rated test rows that a user needs to count in the article's metrics, those without `@k` over test items only.
    pub article_min_rows: NonZeroUsize,
    /// Where buckets of training ratings begin, after the one that begins at 0: users and items are also judged by
    /// bucket. Ascending; empty for no buckets.
    pub buckets: Vec<NonZeroUsize>,
}

/// Which items of the catalogue are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RankedItems {
    /// All of them.
    #[default]
    All,
    /// Those without a training row, as for items that are new. A test row of another item cannot be hit. With sampled
    /// candidates it changes nothing.
    Untrained,
}

impl Default for Protocol {
    fn default() -> Self {
        let positive = |n| NonZeroUsize::new(n).expect("none of these is zero");
        Self {
            k: vec![positive(10)],
            relevance_threshold: None,
            sampled_negatives: 0,
            candidates: RankedItems::All,
            metrics: Vec::new(),
            context: BTreeMap::new(),
            row_times: false,
            detail_user: String::new(),
            detail_users: 20,
            article_min_rows: positive(5),
            buckets: [1, 5, 10, 50].map(positive).to_vec(),
        }
    }
}

/// A column that is asked for, with its metric.
#[derive(Clone, Debug)]
pub(crate) struct Measured<'m> {
    pub(crate) column: Column,
    pub(crate) entry: &'m MetricEntry,
}

impl Measured<'_> {
    /// The length of the list; has no meaning for metrics without `@k`.
    pub(crate) fn k(&self) -> NonZeroUsize {
        self.column.k().unwrap_or(NonZeroUsize::MIN)
    }
}

impl Protocol {
    /// The columns asked for, in the order of `metrics`. Where all metrics are asked for, one that is new in `metrics`
    /// is among them.
    ///
    /// # Errors
    /// A name that no metric has; a threshold that is not finite.
    pub fn columns(&self, metrics: &[MetricEntry]) -> Result<Vec<Column>, EvalError> {
        Ok(self.measured(metrics)?.into_iter().map(|measured| measured.column).collect())
    }

    /// The number of stars from which a test row is relevant, on this scale.
    pub fn relevant_from(&self, scale: RatingScale) -> f32 {
        self.relevance_threshold.unwrap_or(scale.min() + 0.75 * (scale.max() - scale.min()))
    }

    /// Whether one of `metrics` that is asked for looks at what is relevant.
    ///
    /// # Errors
    /// As [`Protocol::columns`].
    pub fn reads_relevance(&self, metrics: &[MetricEntry]) -> Result<bool, EvalError> {
        Ok(self.measured(metrics)?.iter().any(|measured| measured.entry.reads_relevance()))
    }

    /// Checks that an evaluation by `metrics` can be made with it.
    ///
    /// # Errors
    /// As [`Protocol::columns`]; buckets that do not ascend.
    pub fn check(&self, metrics: &[MetricEntry]) -> Result<(), EvalError> {
        self.measured(metrics)?;
        Buckets::new(&self.buckets)?;
        Ok(())
    }

    /// The same rules for metrics of lists alone, without buckets and users in detail, and the column that says how
    /// good the lists are: `ndcg@k` at the first length asked for. `None` where no length is asked for, or none of
    /// `metrics` is of lists.
    ///
    /// # Errors
    /// As [`Protocol::columns`].
    pub fn of_lists(&self, metrics: &[MetricEntry]) -> Result<Option<(Self, Column)>, EvalError> {
        let Some(&k) = self.k.first() else { return Ok(None) };
        let ndcg = metrics.iter().find(|entry| entry.name == OF_LISTS);
        let measured = self.measured(metrics)?.into_iter();
        let of_lists = measured.filter(|measured| matches!(measured.entry.measure, Measure::TopK(_)));
        // It is measured even where it is not asked for.
        let main = ndcg.map(|entry| entry.column(k, self.sampled_negatives));
        let columns: Vec<Column> = main.into_iter().chain(of_lists.map(|measured| measured.column)).collect();
        let Some(main) = BestFor::Lists.main_column(&columns, metrics).cloned() else { return Ok(None) };
        let metrics = columns.iter().map(Column::to_string).collect();
        let config = Self { metrics, buckets: Vec::new(), detail_user: String::new(), detail_users: 0, ..self.clone() };
        Ok(Some((config, main)))
    }

    /// The columns asked for with their metrics, in the order of `metrics`.
    ///
    /// # Errors
    /// A name that no metric has; a threshold that is not finite.
    pub(crate) fn measured<'m>(&self, metrics: &'m [MetricEntry]) -> Result<Vec<Measured<'m>>, EvalError> {
        if let Some(value) = self.relevance_threshold.filter(|value| !value.is_finite()) {
            return Err(EvalError::Threshold { value });
        }
        let mut all: Vec<Measured<'m>> = Vec::new();
        let mut known = BTreeSet::new();
        for entry in metrics {
            let lengths = if entry.name.ends_with("@k") { self.k.as_slice() } else { &[NonZeroUsize::MIN] };
            for &k in lengths {
                let column = entry.column(k, self.sampled_negatives);
                if known.insert(column.clone()) {
                    all.push(Measured { column, entry });
                }
            }
        }
        if self.metrics.is_empty() {
            return Ok(all);
        }
        // A column may be named without what is sampled, and by its metric for every length.
        let names = |one: &Measured<'_>| {
            let plain = one.entry.column(one.k(), 0);
            [one.column.to_string(), plain.to_string(), one.entry.name.to_owned()]
        };
        let names: Vec<[String; 3]> = all.iter().map(names).collect();
        let of_all = || metrics.iter().map(|entry| entry.name).chain(names.iter().flatten().map(String::as_str));
        if let Some(name) = self.metrics.iter().find(|name| of_all().all(|known| known != **name)) {
            let other_length = name.parse::<Column>().ok().filter(|column| column.entry(metrics).is_some());
            let hint = match other_length.and_then(|column| column.k()) {
                Some(k) => format!("add `{k}` to `evaluate.k`, the lengths of the lists that are measured"),
                None => did_you_mean(name, of_all()),
            };
            return Err(EvalError::UnknownMetric { name: name.clone(), hint });
        }
        let is_wanted = |names: &[String; 3]| self.metrics.iter().any(|name| names.contains(name));
        let wanted = all.into_iter().zip(&names).filter(|(_, names)| is_wanted(names));
        Ok(wanted.map(|(measured, _)| measured).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METRICS;
    use reco_core::options;
    use serde_json::json;

    fn names(given: serde_json::Value) -> Result<Vec<String>, EvalError> {
        let config: Protocol = options::parse("[evaluate]", &given).unwrap();
        config.columns(METRICS).map(texts)
    }

    fn texts(columns: Vec<Column>) -> Vec<String> {
        columns.iter().map(Column::to_string).collect()
    }

    #[test]
    fn what_is_relevant_follows_the_scale_unless_it_is_stated() {
        let from = |min, max| Protocol::default().relevant_from(RatingScale::new(min, max).unwrap());
        assert_eq!([from(1.0, 5.0), from(0.0, 1.0), from(1.0, 3.0), from(0.5, 5.0)], [4.0, 0.75, 2.5, 3.875]);
        let stated = Protocol { relevance_threshold: Some(2.0), ..Protocol::default() };
        assert_eq!(stated.relevant_from(RatingScale::new(1.0, 5.0).unwrap()), 2.0);
        let reads = |metrics: &[&str]| {
            let metrics = metrics.iter().map(|&metric| metric.to_owned()).collect();
            Protocol { metrics, ..Protocol::default() }.reads_relevance(METRICS).unwrap()
        };
        assert!(reads(&[]) && reads(&["rmse", "auc"]) && reads(&["serendipity@10"]));
        assert!(!reads(&["rmse", "coverage@10", "article_mrr"]));
    }

    #[test]
    fn columns_are_the_metrics_at_every_length() {
        let all = names(json!({})).unwrap();
        assert_eq!(all.len(), METRICS.len());
        assert!(all.contains(&"ndcg@10".to_owned()) && all.contains(&"mrr".to_owned()));
        assert_eq!(
            names(json!({ "k": [5, 10, 5], "metrics": ["ndcg@k", "rmse", "recall@10"] })).unwrap(),
            ["rmse", "recall@10", "ndcg@5", "ndcg@10"]
        );
        assert_eq!(
            names(json!({ "sampled_negatives": 99, "metrics": ["ndcg@10", "sampled99_hit@10", "rmse"] })).unwrap(),
            ["rmse", "sampled99_ndcg@10", "sampled99_hit@10"]
        );
    }

    #[test]
    fn metrics_may_come_from_elsewhere() {
        let of_mine = |given: serde_json::Value| {
            let config: Protocol = options::parse("[evaluate]", &given).unwrap();
            let mine = MetricEntry { name: "mine@k", ..*METRICS.iter().find(|entry| entry.name == "hit@k").unwrap() };
            let of_lists = config.of_lists(&[mine]).unwrap().map(|(_, main)| main.to_string());
            (config.columns(&[mine]).map(texts), of_lists)
        };
        let (columns, main) = of_mine(json!({ "k": [3, 5] }));
        assert_eq!(
            (columns.unwrap(), main.as_deref()),
            (vec!["mine@3".to_owned(), "mine@5".to_owned()], Some("mine@3"))
        );
        let (unknown, _) = of_mine(json!({ "k": [3], "metrics": ["mine@3"] }));
        assert_eq!(unknown.unwrap(), ["mine@3"]);
        let config = Protocol { metrics: vec!["ndcg@10".to_owned()], ..Protocol::default() };
        assert!(config.columns(&[]).unwrap_err().to_string().starts_with("unknown metric `ndcg@10`"));
        assert!(Protocol::default().of_lists(&[]).unwrap().is_none());
    }

    #[test]
    fn lists_alone_are_judged_at_least_by_ndcg_of_the_first_length() {
        let of_lists = |given: serde_json::Value| {
            let config: Protocol = options::parse("[evaluate]", &given).unwrap();
            let of_lists = config.of_lists(METRICS).unwrap();
            of_lists.map(|(config, main)| (texts(config.columns(METRICS).unwrap()), main.to_string()))
        };
        let (columns, main) = of_lists(json!({ "k": [5, 10], "detail_user": "7" })).unwrap();
        assert_eq!(main, "ndcg@5");
        assert!(columns.contains(&main) && columns.contains(&"hit@10".to_owned()), "{columns:?}");
        assert!(!columns.iter().any(|name| name == "rmse" || name == "coverage@5"), "{columns:?}");
        let (columns, main) = of_lists(json!({ "metrics": ["rmse"], "sampled_negatives": 99 })).unwrap();
        assert_eq!((columns, main.as_str()), (vec!["sampled99_ndcg@10".to_owned()], "sampled99_ndcg@10"));
        assert_eq!(of_lists(json!({ "k": [] })), None);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let error = names(json!({ "metrics": ["ndgc@10"] })).unwrap_err().to_string();
        assert_eq!(error, "unknown metric `ndgc@10` in [evaluate]\nhint: did you mean `ndcg@10`?");
        let length = names(json!({ "metrics": ["ndcg@20"] })).unwrap_err().to_string();
        assert!(
            length.ends_with("hint: add `20` to `evaluate.k`, the lengths of the lists that are measured"),
            "{length}"
        );
        let sampled = json!({ "sampled_negatives": 99, "metrics": ["ndcg@10", "sampled99_hit@k", "rmse"] });
        assert!(names(sampled).unwrap_err().to_string().contains("`sampled99_hit@k`"));
        let nan = Protocol { relevance_threshold: Some(f32::NAN), ..Default::default() };
        assert!(nan.columns(METRICS).unwrap_err().to_string().contains("`NaN`"));
        let zero = options::parse::<Protocol>("[evaluate]", &json!({ "k": [0] }));
        let zero = zero.unwrap_err().to_string();
        assert!(zero.contains("whole number from 1"), "{zero}");
    }

    #[test]
    fn a_context_is_a_number_or_a_text() {
        let given = json!({ "context": { "daytime": 0, "device": "mobile" } });
        let config: Protocol = options::parse("[evaluate]", &given).unwrap();
        assert_eq!(config.context["daytime"], ContextValue::Number(0.0));
        assert_eq!(config.context["device"], ContextValue::Text("mobile".to_owned()));
    }
}
