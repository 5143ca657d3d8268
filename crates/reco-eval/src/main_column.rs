//! Chooses the column by which recommenders are told apart: one for lists, one for stars.
//!
//! Does not know any value.
//!
//! **Invariant**: whatever has room for one number shows this one.

use serde::{Deserialize, Serialize};

use crate::metric::{Better, Family};
use crate::{Column, METRICS, MetricEntry};

/// The metric that tells lists apart.
pub(crate) const OF_LISTS: &str = "ndcg@k";

/// What recommenders are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestFor {
    /// Items worth a look.
    Lists,
    /// How a user would rate an item.
    Stars,
}

impl BestFor {
    /// Both, lists first.
    pub const ALL: [Self; 2] = [Self::Lists, Self::Stars];

    /// The one of `columns` that tells recommenders apart: of lists the first `ndcg@k`, else the first other ranking in
    /// `metrics`; of stars `rmse`, else `mae`.
    pub fn main_column<'a>(
        self,
        columns: impl IntoIterator<Item = &'a Column, IntoIter: Clone>,
        metrics: &[MetricEntry],
    ) -> Option<&'a Column> {
        let columns = columns.into_iter();
        let named = |name: &str| columns.clone().find(|column| column.is(name));
        let ranks = |entry: &MetricEntry| entry.family() == Family::Rankings && entry.better == Better::Higher;
        match self {
            Self::Lists => {
                named(OF_LISTS).or_else(|| columns.clone().find(|column| column.entry(metrics).is_some_and(ranks)))
            }
            Self::Stars => named("rmse").or_else(|| named("mae")),
        }
    }
}

/// The main columns of `columns`, for places with room for few: the one of lists and the one of stars, or the first
/// where there is neither.
pub fn main_columns<'a>(columns: impl IntoIterator<Item = &'a Column, IntoIter: Clone>) -> Vec<&'a Column> {
    let columns = columns.into_iter();
    let main = BestFor::ALL.into_iter().filter_map(|of| of.main_column(columns.clone(), METRICS));
    let main: Vec<&Column> = main.collect();
    if main.is_empty() { columns.take(1).collect() } else { main }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_lists_and_of_stars_one_column_each() {
        let main = |names: &[&str]| {
            let columns: Vec<Column> = names.iter().map(|name| name.parse().unwrap()).collect();
            main_columns(&columns).into_iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(main(&["mae", "rmse", "graded_ndcg@5", "ndcg@5", "ndcg@10"]), ["ndcg@5", "rmse"]);
        assert_eq!(main(&["mae", "coverage@10", "recall@10"]), ["recall@10", "mae"]);
        assert_eq!(main(&["rmse", "sampled99_ndcg@10"]), ["sampled99_ndcg@10", "rmse"]);
        assert_eq!(main(&["novelty@10", "coverage@10"]), ["novelty@10"]);
        assert_eq!(main(&[]), [""; 0]);
    }
}
