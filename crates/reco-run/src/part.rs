//! An approach that another one consists of, as an experiment names it.
//!
//! Does not know what is made of the parts: `auto` chooses among them, `blend` adds them up.
//!
//! **Invariant**: a part is an approach that stands before its whole in the registry, so that nothing is a part of
//! itself.

use std::sync::Arc;

use reco_core::options::{OptionsError, did_you_mean};
use reco_core::{AnyApproach, Catalogue, FitError, Fitted, LoadError, Loaded, Run, Train, Trained, Weights};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::registry::approaches;

/// An approach that another one consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Given")]
pub(crate) struct Part {
    /// What the experiment calls it.
    pub(crate) name: String,
    /// The registry's entry.
    pub(crate) kind: String,
    /// Its options, complete once the experiment was read.
    pub(crate) options: Value,
}

/// A part as an experiment writes it, or as it stands in a manifest.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Name(String),
    Whole { name: String, kind: String, options: Value },
}

impl From<String> for Part {
    fn from(name: String) -> Self {
        Self { kind: name.clone(), name, options: json!({}) }
    }
}

impl From<Given> for Part {
    fn from(given: Given) -> Self {
        match given {
            Given::Name(name) => name.into(),
            Given::Whole { name, kind, options } => Self { name, kind, options },
        }
    }
}

impl Part {
    /// The approach, with its options filled in, as a part of the approach `whole`; `place` is where it is named, for
    /// the message.
    ///
    /// # Errors
    /// An unknown approach, or one that stands after `whole` in the registry; an option that it refuses.
    pub(crate) fn configure(&mut self, whole: &str, place: &str) -> Result<Box<dyn AnyApproach>, OptionsError> {
        let known = || approaches().take_while(|entry| entry.name != whole);
        let entry = known().find(|entry| entry.name == self.kind).ok_or_else(|| {
            let hint = did_you_mean(&self.kind, known().map(|entry| entry.name));
            let reason = format!("there is no approach `{}`\nhint: {hint}", self.kind);
            OptionsError::Value { place: place.to_owned(), reason }
        })?;
        let approach = (entry.configure)(&self.options)?;
        self.options = approach.options();
        Ok(approach)
    }

    /// `approach`, fitted to `train`, or loaded if it was trained already.
    ///
    /// # Errors
    /// Those of the approach and of `trained`.
    pub(crate) fn fit(
        &self,
        approach: &dyn AnyApproach,
        train: &Train,
        run: &Run<'_>,
        trained: Trained<'_>,
    ) -> Result<Box<dyn Fitted>, FitError> {
        match trained(&self.kind, &self.options)? {
            None => approach.fit_with(train, run, trained),
            Some(weights) => {
                approach.load(weights, &train.catalogue, run).map_err(|error| FitError::Other(Box::new(error)))
            }
        }
    }
}

/// Replaces the name of an approach by that of the experiment's `(name, kind, options)`, if it has one.
pub(crate) fn resolve(named: &Value, siblings: &[(&str, &str, Value)]) -> Option<Value> {
    let name = named.as_str().or_else(|| named["name"].as_str())?;
    let (name, kind, options) = siblings.iter().find(|(sibling, ..)| *sibling == name)?;
    Some(json!({ "name": name, "kind": kind, "options": options }))
}

/// Loads `approach` from its part of the weights.
///
/// # Errors
/// As [`AnyApproach::load`], with the approach's name in the reason.
pub(crate) fn load(approach: &dyn AnyApproach, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
    approach.load(weights, catalogue, run).map_err(|error| match error {
        LoadError::Weights { reason } => {
            LoadError::Weights { reason: format!("its part `{}`: {reason}", approach.name()) }
        }
        other => other,
    })
}
