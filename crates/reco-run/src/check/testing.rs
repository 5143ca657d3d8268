//! Makes the experiments, data sets and results for the tests of checks.
//!
//! Does not know any check.
//!
//! **Invariant**: a data set is made by hand, so that it can be wrong in ways in which no split would make it.

use std::sync::Arc;

use reco_core::testing::catalogue;
use reco_core::{Interaction, Interactions, Target};
use reco_data::DatasetInfo;
use reco_eval::Metrics;
use reco_features::{Dataset, FeaturesConfig, Info, SourceRows, SplitConfig, SplitInfo};
use reco_report::{ApproachResult, Results};

use super::{CheckEntry, Finding, Subject, Unknown};
use crate::{Experiment, Source};

/// User, item, stars, time. Users and items count from 1; 0 stars are an event, a time below 0 is unknown.
pub(super) type Row = (usize, usize, u8, i64);

/// An experiment of `random`, `popularity` and `content`, with `sets` over it.
pub(super) fn experiment(sets: &[&str]) -> Experiment {
    of(
        "[split]\nkind = \"random\"\n[[approach]]\nname = \"random\"\n[[approach]]\n\
         name = \"popularity\"\n[[approach]]\nname = \"content\"",
        sets,
    )
}

/// The experiment that `text` says, with `sets` over it.
pub(super) fn of(text: &str, sets: &[&str]) -> Experiment {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    Experiment::read(&Source::File(path), &sets, &[]).unwrap()
}

/// The experiment, without data set and results.
pub(super) fn subject(experiment: &Experiment) -> Subject<'_> {
    Subject::new(experiment).unwrap()
}

/// The findings of a check.
pub(super) fn found(entry: &CheckEntry, subject: &Subject<'_>) -> Vec<Finding> {
    (entry.look)(subject).unwrap()
}

/// The reason why a check cannot tell.
pub(super) fn unknown(entry: &CheckEntry, subject: &Subject<'_>) -> Unknown {
    (entry.look)(subject).unwrap_err()
}

/// Rows that stand one after another in the raw file, train before test.
pub(super) fn dataset(fit: &[Row], test: &[Row]) -> Dataset {
    let all = || fit.iter().chain(test);
    let n_users = all().map(|row| row.0).max().unwrap_or(0);
    let n_items = all().map(|row| row.1).max().unwrap_or(0);
    let catalogue = catalogue(n_users, n_items);
    let lines = |from: usize, n: usize| (from as u64..(from + n) as u64).collect();
    let source_rows = SourceRows {
        fit: lines(0, fit.len()),
        test: lines(fit.len(), test.len()),
        validation: Vec::new(),
        fold_in: Vec::new(),
    };
    let mut dataset = Dataset {
        catalogue: Arc::new(catalogue),
        details: Vec::new(),
        fit: Interactions::default(),
        validation: None,
        fold_in: None,
        test: Interactions::default(),
        source_rows,
        info: Info {
            dataset: DatasetInfo::default(),
            features: FeaturesConfig::default(),
            split: SplitInfo {
                config: SplitConfig::default(),
                seed: 42,
                n_train: fit.len(),
                n_valid: 0,
                n_fold_in: 0,
                n_test: test.len(),
                n_test_dropped: 0,
                n_test_users: 0,
                n_test_users_without_train: 0,
                n_test_items_without_train: 0,
                cuts: Default::default(),
            },
            n_users,
            n_items,
            n_ratings: fit.len() + test.len(),
            n_items_dropped: 0,
            n_ratings_dropped: 0,
            filtered: Default::default(),
            n_without_time: 0,
            left_out: Vec::new(),
            unmet: Vec::new(),
        },
    };
    dataset.fit = rows(&dataset, fit);
    dataset.test = rows(&dataset, test);
    dataset
}

/// Rows of the catalogue of `dataset`.
pub(super) fn rows(dataset: &Dataset, rows: &[Row]) -> Interactions {
    let catalogue = &dataset.catalogue;
    let mut builder = Interactions::builder(0);
    for &(user, item, stars, time) in rows {
        builder.push(Interaction {
            user: catalogue.users.at(user - 1).unwrap(),
            item: catalogue.items.at(item - 1).unwrap(),
            rating: (stars > 0).then(|| catalogue.scale.rating(f32::from(stars)).unwrap()),
            target: Target::EVENT,
            timestamp: (time >= 0).then_some(time),
            context: &[],
        });
    }
    builder.finish()
}

/// Results in which each approach has its value of `metric`.
pub(super) fn results(metric: &str, of: &[(&str, Option<f64>)]) -> Results {
    let approach = |&(name, value): &(&str, Option<f64>)| ApproachResult {
        name: name.to_owned(),
        metrics: Metrics(vec![(metric.parse().unwrap(), value)]),
        ..ApproachResult::default()
    };
    Results { approaches: of.iter().map(approach).collect(), ..Results::default() }
}
