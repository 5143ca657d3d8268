//! Holds values of metrics by their columns, in the order in which tables show them.
//!
//! Does not know what a metric means.
//!
//! **Invariant**: written and read again, values are equal, every bit of every number; none that is written is NaN or
//! infinite.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Column;

/// Values of metrics by column, in the order in which they are shown; in JSON an object. `None`, in JSON `null`: does
/// not apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(pub Vec<(Column, Option<f64>)>);

impl Metrics {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns and values, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Column, Option<f64>)> {
        self.0.iter()
    }

    /// The columns, in order.
    pub fn columns(&self) -> impl Iterator<Item = &Column> + Clone {
        self.0.iter().map(|(column, _)| column)
    }

    /// The value of `column`; `None` where it does not apply or is not there.
    pub fn get(&self, column: &Column) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == column).and_then(|(_, value)| *value)
    }
}

impl<'a> IntoIterator for &'a Metrics {
    type Item = &'a (Column, Option<f64>);
    type IntoIter = std::slice::Iter<'a, (Column, Option<f64>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<(Column, Option<f64>)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (Column, Option<f64>)>>(metrics: I) -> Self {
        Self(metrics.into_iter().collect())
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_unwritable = |(_, value): &&(_, Option<f64>)| value.is_some_and(|value| !value.is_finite());
        if let Some((column, Some(value))) = self.iter().find(is_unwritable) {
            return Err(S::Error::custom(format!("metric `{column}` is `{value}`, which JSON cannot hold")));
        }
        serializer.collect_map(self.iter().map(|(column, value)| (column, value)))
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Metrics;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of metrics, each a number or null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
        let mut metrics = Vec::new();
        while let Some(entry) = map.next_entry()? {
            metrics.push(entry);
        }
        Ok(Metrics(metrics))
    }
}
