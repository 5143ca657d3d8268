//! Takes the name of a column of results apart: a metric, a length of list, and what was ranked.
//!
//! Does not know which metrics there are: a registry is asked for a column's entry.
//!
//! **Invariant**: a column is written as it was read, and no two columns are written alike.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EvalError, MetricEntry};

/// The prefix of a metric of rankings among sampled candidates: `sampled99_ndcg@10`.
const SAMPLED: &str = "sampled";

/// One column of results: `rmse`, `ndcg@10`, `sampled99_ndcg@10`. In JSON it is its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Column {
    /// The metric's name without `@k`.
    stem: String,
    k: Option<NonZeroUsize>,
    sampled: usize,
}

impl Column {
    /// The column of the metric `name` of a registry. `k` is the length of its lists, if the name ends in `@k`, and
    /// `sampled` the number of candidates beside each user's test items, 0 for all of the catalogue.
    pub(crate) fn new(name: &str, k: NonZeroUsize, sampled: usize) -> Self {
        match name.strip_suffix("@k") {
            Some(stem) => Self { stem: stem.to_owned(), k: Some(k), sampled },
            None => Self { stem: name.to_owned(), k: None, sampled },
        }
    }

    /// The length of the lists that it looks at; `None` for a metric that has no length.
    pub fn k(&self) -> Option<NonZeroUsize> {
        self.k
    }

    /// How many candidates were drawn for each user beside the test items; 0 where all of the catalogue were ranked.
    pub fn sampled(&self) -> usize {
        self.sampled
    }

    /// Whether it is a column of the metric that a registry calls `name`: `ndcg@k`.
    pub fn is(&self, name: &str) -> bool {
        match name.strip_suffix("@k") {
            Some(stem) => self.k.is_some() && self.stem == stem,
            None => self.k.is_none() && self.stem == name,
        }
    }

    /// Its metric in `metrics`: `ndcg@k` for `ndcg@10` and for `sampled99_ndcg@10`.
    pub fn entry<'m>(&self, metrics: &'m [MetricEntry]) -> Option<&'m MetricEntry> {
        metrics.iter().find(|entry| self.is(entry.name))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sampled > 0 {
            write!(f, "{SAMPLED}{}_", self.sampled)?;
        }
        f.write_str(&self.stem)?;
        self.k.map_or(Ok(()), |k| write!(f, "@{k}"))
    }
}

impl FromStr for Column {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        let sampled = || {
            let (n, plain) = name.strip_prefix(SAMPLED)?.split_once('_')?;
            Some((n.parse::<NonZeroUsize>().ok()?.get(), plain))
        };
        let (sampled, plain) = sampled().unwrap_or((0, name));
        let (stem, k) = match plain.split_once('@') {
            Some((stem, k)) => (stem, k.parse().ok()),
            None => (plain, None),
        };
        let column = Self { stem: stem.to_owned(), k, sampled };
        // A length of `010`, of `k` or of nothing would be written otherwise.
        if stem.is_empty() || column.to_string() != name {
            return Err(EvalError::Column { name: name.to_owned() });
        }
        Ok(column)
    }
}

impl TryFrom<String> for Column {
    type Error = EvalError;

    fn try_from(name: String) -> Result<Self, EvalError> {
        name.parse()
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        column.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METRICS;

    #[test]
    fn a_column_is_written_as_it_was_read_and_knows_its_metric() {
        for (name, metric, k, sampled) in [
            ("rmse", "rmse", None, 0),
            ("ndcg@10", "ndcg@k", Some(10), 0),
            ("sampled99_ndcg@10", "ndcg@k", Some(10), 99),
            ("sampled99_user_auc", "user_auc", None, 99),
            ("article_mrr", "article_mrr", None, 0),
            ("mrr@5", "mrr@k", Some(5), 0),
        ] {
            let column: Column = name.parse().unwrap();
            assert_eq!((column.to_string().as_str(), column.sampled()), (name, sampled));
            assert_eq!(column.k().map(NonZeroUsize::get), k);
            assert_eq!(column.entry(METRICS).unwrap().name, metric);
            assert_eq!(serde_json::from_str::<Column>(&serde_json::to_string(name).unwrap()).unwrap(), column);
        }
        let unknown: Column = "of_another_registry@3".parse().unwrap();
        assert!(unknown.entry(METRICS).is_none());
    }

    #[test]
    fn a_name_that_no_column_has_is_refused() {
        for name in ["", "@10", "ndcg@", "ndcg@k", "ndcg@0", "ndcg@010", "ndcg@+5", "sampled099_ndcg@5"] {
            let error = name.parse::<Column>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{name}` is not a column of results\nhint: ")), "{error}");
        }
        // A name of its own, since nothing is drawn.
        assert_eq!("sampled_ndcg@5".parse::<Column>().unwrap().sampled(), 0);
    }
}
