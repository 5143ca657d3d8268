//! Tests that the splits of published protocols hold out what those protocols hold out.
//!
//! Does not know the laws that hold for all splits: `laws.rs` does.
//!
//! **Invariant**: each law is checked on the data set that comes out, not on what a split says of itself.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod any;
mod common;

use std::collections::BTreeSet;

use any::{N_USERS, any_config, any_tables, dataset, pairs, parts_and_given};
use common::tables;
use proptest::prelude::*;
use reco_core::{Interactions, Scaling, TestUser};
use reco_data::Tables;
use reco_features::{Dataset, FeaturesConfig, SPLITS, ScalingConfig, ScalingFit, ScalingKind, SplitConfig, prepare};

/// The users that have a row.
fn users(rows: &Interactions) -> BTreeSet<usize> {
    rows.users().iter().map(|user| user.index()).collect()
}

/// How many rows each user has.
fn counts(rows: &Interactions) -> Vec<usize> {
    (0..N_USERS as usize).map(|user| rows.users().iter().filter(|of| of.index() == user).count()).collect()
}

proptest! {
    #[test]
    fn refit_learns_from_validation_and_moves_nothing_else(
        tables in any_tables(), config in any_config(), seed: u64,
    ) {
        for entry in SPLITS {
            let Some(one) = dataset(&tables, &config, entry.name, seed) else { continue };
            let refit = SplitConfig { refit: true, ..config.clone() };
            let two = dataset(&tables, &refit, entry.name, seed).unwrap();
            let both: BTreeSet<u64> = one.source_rows.fit.iter().chain(&one.source_rows.validation).copied().collect();
            prop_assert_eq!(both, two.source_rows.fit.iter().copied().collect());
            prop_assert!(two.validation.is_none() && two.train().validation.is_none());
            prop_assert_eq!((two.info.split.n_valid, two.info.split.n_train), (0, two.fit.len()));
            prop_assert_eq!(one.source_rows.test, two.source_rows.test);
            prop_assert_eq!(one.source_rows.fold_in, two.source_rows.fold_in);
        }
    }

    #[test]
    fn test_rows_of_untrained_items_are_left_out_and_counted(
        tables in any_tables(), config in any_config(), seed: u64,
    ) {
        for entry in SPLITS {
            let Some(one) = dataset(&tables, &config, entry.name, seed) else { continue };
            let dropping = SplitConfig { drop_untrained_items: true, ..config.clone() };
            let items: BTreeSet<_> = one.fit.items().iter().copied().collect();
            let held_out = |dataset: &Dataset| -> BTreeSet<(usize, usize)> {
                let trained = dataset.test.iter().filter(|row| items.contains(&row.item));
                trained.map(|row| (row.user.index(), row.item.index())).collect()
            };
            let Some(two) = dataset(&tables, &dropping, entry.name, seed) else {
                prop_assert!(held_out(&one).is_empty() || entry.name == "held-out-users", "{}", entry.name);
                continue;
            };
            prop_assert_eq!(&one.source_rows.fit, &two.source_rows.fit, "{}", entry.name);
            prop_assert!(two.test.items().iter().all(|item| items.contains(item)), "{}", entry.name);
            let n = |dataset: &Dataset| parts_and_given(dataset).iter().map(|(_, rows, _)| rows.len()).sum::<usize>();
            prop_assert_eq!(n(&two) + two.info.split.n_test_dropped, n(&one));
            prop_assert_eq!(two.info.split.n_test_items_without_train, 0);
            if entry.name == "held-out-users" {
                // Here they are dropped before each user's rows are divided: no untrained row is given either.
                prop_assert!(two.fold_in.iter().all(|rows| rows.items().iter().all(|item| items.contains(item))));
                let untrained = one.test.items().iter().chain(one.fold_in.iter().flat_map(|rows| rows.items()));
                let n_untrained = untrained.filter(|item| !items.contains(item)).count();
                prop_assert_eq!(two.info.split.n_test_dropped, n_untrained);
            } else {
                prop_assert_eq!(pairs(&two.test).into_iter().collect::<BTreeSet<_>>(), held_out(&one));
                prop_assert_eq!(&one.source_rows.validation, &two.source_rows.validation, "{}", entry.name);
                prop_assert_eq!(&one.source_rows.fold_in, &two.source_rows.fold_in, "{}", entry.name);
            }
        }
    }

    #[test]
    fn held_out_users_are_never_learned_from(tables in any_tables(), config in any_config(), seed: u64) {
        let Some(dataset) = dataset(&tables, &config, "held-out-users", seed) else { return Ok(()) };
        let given = dataset.fold_in.clone().unwrap_or_default();
        let held_out = users(&dataset.test);
        prop_assert!(users(&given) == held_out || (config.given == Some(0) && given.is_empty()));
        prop_assert!(held_out.is_disjoint(&users(&dataset.fit)));
        let n_rated = tables.ratings.user_id.iter().collect::<BTreeSet<_>>().len();
        let share = ((config.test * n_rated as f64) as usize).max(usize::from(n_rated > 1));
        // A drawn user with a single row trains.
        let single = counts(&dataset.fit).iter().filter(|n| **n == 1).count();
        let n_held_out = held_out.len();
        prop_assert!(n_held_out <= share && share <= n_held_out + single, "{} of {}", n_held_out, share);
        for (given, asked) in counts(&given).into_iter().zip(counts(&dataset.test)).filter(|(_, n)| *n > 0) {
            let n = given + asked;
            let expected = match config.given {
                Some(given) => n.saturating_sub(given),
                None => ((1.0 - config.fold_in) * n as f64) as usize,
            };
            prop_assert_eq!(asked, expected.max(1));
        }
    }

    #[test]
    fn every_row_tests_in_exactly_one_fold(tables in any_tables(), folds in 2..7_u64, seed: u64) {
        let n = tables.ratings.len() as u64;
        prop_assume!(n >= folds);
        let mut tested = Vec::new();
        for fold in 0..folds {
            let config = SplitConfig { folds, fold, ..SplitConfig::default() };
            let dataset = dataset(&tables, &config, "k-fold", seed).expect("there is a row for each fold");
            prop_assert!((n / folds..=n.div_ceil(folds)).contains(&(dataset.test.len() as u64)));
            tested.extend(dataset.source_rows.test);
        }
        tested.sort_unstable();
        prop_assert_eq!(tested, (0..n).collect::<Vec<_>>());
    }
}

/// A user's draw does not depend on which other users there are, nor on what was rated.
#[test]
fn who_is_held_out_and_what_is_given_can_be_counted_by_hand() {
    let ratings: Vec<_> = (0..10).flat_map(|user| (0..10).map(move |item| (user, item, 3.0, None))).collect();
    let config = SplitConfig { kind: "held-out-users".to_owned(), test: 0.3, fold_in: 0.8, ..SplitConfig::default() };
    let prepared = |tables: &Tables| prepare(tables, &FeaturesConfig::default(), &config, 5).unwrap();
    let all = prepared(&tables(10, 10, &ratings));
    let info = &all.info.split;
    assert_eq!((info.n_train, info.n_fold_in, info.n_test, info.n_valid), (70, 24, 6, 0));
    assert_eq!((info.n_test_users, info.n_test_users_without_train), (3, 3));
    assert!(counts(all.fold_in.as_ref().unwrap()).iter().all(|n| [0, 8].contains(n)));
    assert!(counts(&all.test).iter().all(|n| [0, 2].contains(n)));
    let halved: Vec<_> = ratings.iter().copied().filter(|rating| rating.1 % 2 == 0).collect();
    assert_eq!(users(&prepared(&tables(10, 10, &halved)).test), users(&all.test));
}

#[test]
fn folds_that_are_none_are_refused() {
    let refused = |folds, fold| {
        let config = SplitConfig { kind: "k-fold".to_owned(), folds, fold, ..SplitConfig::default() };
        let ratings: Vec<_> = (0..3).map(|item| (0, item, 3.0, None)).collect();
        prepare(&tables(1, 3, &ratings), &FeaturesConfig::default(), &config, 0).unwrap_err().to_string()
    };
    let beyond = "`split.fold` is `5`\nhint: with `split.folds = 5` it lies between `0` and `4`";
    assert_eq!(refused(5, 5), beyond);
    assert!(refused(1, 0).starts_with("`split.folds` is `1`\nhint: one fold tests"), "{}", refused(1, 0));
    assert!(refused(5, 4).starts_with("split `k-fold` leaves the test part of `3` ratings empty\nhint: "));
}

#[test]
fn a_test_without_any_trained_item_is_refused() {
    let ratings: Vec<_> = (0..10).map(|item| (0, item, 3.0, None)).collect();
    let config = SplitConfig { kind: "article".to_owned(), drop_untrained_items: true, ..SplitConfig::default() };
    let error = prepare(&tables(1, 10, &ratings), &FeaturesConfig::default(), &config, 0).unwrap_err().to_string();
    assert_eq!(
        error,
        "split `article` leaves the test part of `10` ratings empty\nhint: no item of the test has a train row: set `split.drop_untrained_items = false`, or choose another `split.kind`"
    );
}

/// Fold-in and test rows of held-out users do not change the scaling of targets.
#[test]
fn scaling_is_fitted_to_train_alone() {
    let held_out: Vec<i64> = {
        let ratings: Vec<_> = (0..10).flat_map(|user| (0..4).map(move |item| (user, item, 3.0, None))).collect();
        users(&prepared(&tables(10, 4, &ratings), ScalingKind::None).test).into_iter().map(|user| user as i64).collect()
    };
    assert_eq!(held_out.len(), 3);
    // Those who train give 2 and 4 stars, those held out 1 and 5.
    let stars = |user: i64, item: i64| match (held_out.contains(&user), (user + item) % 2) {
        (true, 0) => 1.0,
        (true, _) => 5.0,
        (false, 0) => 2.0,
        (false, _) => 4.0,
    };
    let ratings: Vec<_> =
        (0..10).flat_map(|user| (0..4).map(move |item| (user, item))).map(|(u, i)| (u, i, stars(u, i), None)).collect();
    let dataset = prepared(&tables(10, 4, &ratings), ScalingKind::ItemMinMax);
    let Scaling::ItemMinMax { from, .. } = &dataset.catalogue.scaling else {
        panic!("{:?}", dataset.catalogue.scaling)
    };
    assert_eq!(from, &vec![(2.0, 4.0); 4]);
    // The history's targets lie on that line: 1 star is half of `to`'s width below its lower end, 0.5.
    let targets: BTreeSet<String> =
        dataset.test_users().iter().flat_map(TestUser::history).map(|(_, target)| target.get().to_string()).collect();
    assert_eq!(targets.into_iter().collect::<Vec<_>>(), ["0.25", "1.25"]);
}

fn prepared(tables: &Tables, kind: ScalingKind) -> Dataset {
    let scaling = ScalingConfig { kind, to: (0.5, 1.0), fit: ScalingFit::Train };
    let features = FeaturesConfig { scaling, ..FeaturesConfig::default() };
    let split = SplitConfig { kind: "held-out-users".to_owned(), test: 0.3, ..SplitConfig::default() };
    prepare(tables, &features, &split, 5).unwrap()
}

#[test]
fn a_split_may_have_a_seed_of_its_own() {
    let tables = tables(6, 9, &(0..54).map(|n| (n / 9, n % 9, 3.0, Some(n))).collect::<Vec<_>>());
    let test = |own: Option<u64>, seed: u64| {
        let config = SplitConfig { seed: own, test: 0.3, ..SplitConfig::default() };
        prepare(&tables, &FeaturesConfig::default(), &config, seed).unwrap().source_rows.test
    };
    assert_eq!(test(Some(7), 1), test(Some(7), 2));
    assert_eq!(test(None, 7), test(Some(7), 1));
    assert_ne!(test(None, 1), test(None, 2));
}
