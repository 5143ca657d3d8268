//! The table `[tune]` of an experiment: how options are searched for, by which metric, and among which values.
//!
//! Does not know approaches: which of their options there are is checked where a space is read.
//!
//! **Invariant**: a search asks for at least one trial, and its limit of seconds, where there is one, is a positive
//! number.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The table `[tune]` of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneConfig {
    /// How the next options to try are found.
    pub method: Method,
    /// What decides, by its column: `ndcg@10`, `rmse`; empty for `ndcg@k` at the first length of `[evaluate]`.
    pub metric: String,
    /// Trials of each approach, the default options among them. Of `successive-halving`, the trials of the first round.
    pub trials: NonZeroUsize,
    /// Seconds for each approach, after which no trial begins; left out, there is no limit. How many trials that is
    /// depends on the machine; each of them does not.
    #[serde(deserialize_with = "seconds")]
    pub seconds: Option<f64>,
    /// The seed of the search; left out, the experiment's.
    pub seed: Option<u64>,
    /// By approach, the values of each of its options; an approach that has none here takes its built-in ones.
    pub space: Map<String, Value>,
}

/// How the next options to try are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// At random (Bergstra and Bengio 2012).
    Random,
    /// Near the better ones so far: the tree-structured Parzen estimator (Bergstra et al. 2011).
    #[default]
    Tpe,
    /// Many with little training first, the better third of them with three times as much, until it is all
    /// (Jamieson and Talwalkar 2016).
    SuccessiveHalving,
}

impl Method {
    /// Each of them, with its name.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Random, "random"), (Self::Tpe, "tpe"), (Self::SuccessiveHalving, "successive-halving")];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(method, _)| *method == self).map_or("", |(_, name)| name)
    }
}

impl Default for TuneConfig {
    fn default() -> Self {
        Self {
            method: Method::default(),
            metric: String::new(),
            trials: NonZeroUsize::new(30).expect("30 is not 0"),
            seconds: None,
            seed: None,
            space: Map::new(),
        }
    }
}

/// A number of seconds that a clock can count, or none.
fn seconds<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Option<f64>, D::Error> {
    let seconds = Option::<f64>::deserialize(given)?;
    match seconds.filter(|seconds| *seconds <= 0.0 || Duration::try_from_secs_f64(*seconds).is_err()) {
        Some(_) => Err(serde::de::Error::custom("it is a number of seconds above 0")),
        None => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use reco_core::options;
    use serde_json::json;

    use super::*;

    fn parse(given: Value) -> Result<TuneConfig, String> {
        options::parse("[tune]", &given).map_err(|error| error.to_string())
    }

    #[test]
    fn every_method_is_called_as_the_file_writes_it() {
        for (method, name) in Method::ALL {
            assert_eq!((parse(json!({ "method": name })).unwrap().method, method.name()), (method, name));
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        assert_eq!(
            parse(json!({ "trails": 3 })).unwrap_err(),
            "unknown key `trails` in [tune]\nhint: did you mean `trials`?"
        );
        assert!(parse(json!({ "trials": 0 })).unwrap_err().contains("`trials`: `0`"));
        assert!(parse(json!({ "method": "grid" })).unwrap_err().contains("`grid`"));
        for seconds in [0.0, -1.0, 1e300] {
            let error = parse(json!({ "seconds": seconds })).unwrap_err();
            assert!(error.contains("`seconds`") && error.contains("above 0"), "{error}");
        }
        assert_eq!(parse(json!({ "seconds": 1.5 })).unwrap().seconds, Some(1.5));
    }
}
