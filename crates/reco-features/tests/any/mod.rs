//! Strategies that draw tables and splits for the tests of laws, and helpers that list the resulting parts.
//!
//! Does not know any law.
//!
//! **Invariant**: pairs of user and item are distinct, and every row has a time.

use std::collections::BTreeMap;
use std::io::Write as _;

use proptest::prelude::*;
use reco_core::Interactions;
use reco_data::Tables;
use reco_features::{Dataset, FeaturesConfig, FeaturesError, SplitConfig, prepare};

use crate::common::tables;

pub(crate) const N_USERS: i64 = 6;
pub(crate) const N_ITEMS: i64 = 9;

/// Distinct pairs with few different times, so that many tie.
pub(crate) fn any_tables() -> impl Strategy<Value = Tables> {
    let pairs = proptest::collection::btree_map((0..N_USERS, 0..N_ITEMS), (1..=10_u8, 0..12_i64), 1..54);
    pairs.shuffled_rows().prop_map(|rows| {
        let ratings: Vec<_> = rows
            .into_iter()
            .map(|((user, item), (halves, time))| (user, item, f32::from(halves) / 2.0, Some(time * 100)))
            .collect();
        tables(N_USERS, N_ITEMS, &ratings)
    })
}

/// Maps come sorted; source files do not.
trait ShuffleRows {
    type Row;
    fn shuffled_rows(self) -> impl Strategy<Value = Vec<Self::Row>>;
}

impl<S, K: Clone + std::fmt::Debug, V: Clone + std::fmt::Debug> ShuffleRows for S
where
    S: Strategy<Value = BTreeMap<K, V>>,
{
    type Row = (K, V);
    fn shuffled_rows(self) -> impl Strategy<Value = Vec<(K, V)>> {
        self.prop_map(|rows| rows.into_iter().collect::<Vec<_>>()).prop_shuffle()
    }
}

pub(crate) fn any_config() -> impl Strategy<Value = SplitConfig> {
    let folds = (2..6_u64).prop_flat_map(|folds| (Just(folds), 0..folds));
    (prop_oneof![Just(0.0), 0.05..0.5], 0.05..0.5, folds, 0.05..0.95, proptest::option::of(0..8_usize)).prop_map(
        |(validation, test, (folds, fold), fold_in, given)| SplitConfig {
            kind: String::new(),
            validation,
            test,
            fold,
            folds,
            fold_in,
            given,
            ..SplitConfig::default()
        },
    )
}

/// The data set, or nothing where a part that was asked for would be empty: any other error fails the test.
pub(crate) fn dataset(tables: &Tables, config: &SplitConfig, kind: &str, seed: u64) -> Option<Dataset> {
    let mut config = SplitConfig { kind: kind.to_owned(), ..config.clone() };
    // The file puts every third row into the test; it lives as long as the split needs it.
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    writeln!(file, "row,part").unwrap();
    for row in &tables.ratings.source_row {
        writeln!(file, "{row},{}", if row % 3 == 2 { "test" } else { "train" }).unwrap();
    }
    config.path = file.path().to_str().unwrap().to_owned();
    match prepare(tables, &FeaturesConfig::default(), &config, seed) {
        Ok(mut dataset) => {
            // The file has another name each time.
            dataset.info.split.config.path.clear();
            Some(dataset)
        }
        Err(FeaturesError::EmptyPart { .. }) => None,
        Err(error) => panic!("{kind}: {error}"),
    }
}

pub(crate) fn pairs(rows: &Interactions) -> Vec<(usize, usize)> {
    rows.users().iter().zip(rows.items()).map(|(user, item)| (user.index(), item.index())).collect()
}

/// The three parts as (name, rows, source rows).
pub(crate) fn parts(dataset: &Dataset) -> Vec<(&'static str, Interactions, Vec<u64>)> {
    vec![
        ("train", dataset.fit.clone(), dataset.source_rows.fit.clone()),
        ("validation", dataset.validation.clone().unwrap_or_default(), dataset.source_rows.validation.clone()),
        ("test", dataset.test.clone(), dataset.source_rows.test.clone()),
    ]
}

/// The parts, and the fold-in rows of held-out users.
pub(crate) fn parts_and_given(dataset: &Dataset) -> Vec<(&'static str, Interactions, Vec<u64>)> {
    let given = ("fold-in", dataset.fold_in.clone().unwrap_or_default(), dataset.source_rows.fold_in.clone());
    parts(dataset).into_iter().chain([given]).collect()
}
