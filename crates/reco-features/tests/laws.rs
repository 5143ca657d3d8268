//! Tests the laws that hold for all splits, on any ratings.
//!
//! Walks [`SPLITS`], so that a new split is under test from its first day; a law of one split alone names it.
//!
//! **Invariant**: each law is checked on the data set that comes out, not on what a split says of itself.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod any;
mod common;

use std::collections::{BTreeMap, BTreeSet};

use any::{N_ITEMS, N_USERS, any_config, any_tables, dataset, pairs, parts, parts_and_given};
use common::tables;
use proptest::prelude::*;
use reco_core::Interactions;
use reco_data::{Ratings, Tables};
use reco_features::{FeaturesConfig, SPLITS, SplitConfig, prepare};

/// The same tables with the ratings in the order `order`.
fn reordered(tables: &Tables, order: &[usize]) -> Tables {
    let Ratings { user_id, item_id, rating, timestamp, source_row, .. } = &tables.ratings;
    let ratings = Ratings {
        user_id: order.iter().map(|&row| user_id[row].clone()).collect(),
        item_id: order.iter().map(|&row| item_id[row].clone()).collect(),
        rating: order.iter().map(|&row| rating[row]).collect(),
        timestamp: order.iter().map(|&row| timestamp[row]).collect(),
        source_row: order.iter().map(|&row| source_row[row]).collect(),
        contexts: vec![],
    };
    Tables { ratings, ..tables.clone() }
}

/// The times of a user's rows, with their source rows.
fn times(rows: &Interactions, source_rows: &[u64], user: usize) -> Vec<(i64, u64)> {
    let rows = rows.iter().zip(source_rows).filter(|(row, _)| row.user.index() == user);
    rows.map(|(row, source_row)| (row.timestamp.expect("every row has a time"), *source_row)).collect()
}

/// How many of fewer than ten rows train, validate and test at 8:1:1: one tests, then one validates, as long as train
/// keeps one.
fn exact_shares(n_rows: usize) -> [usize; 3] {
    match n_rows {
        0 | 1 => [n_rows, 0, 0],
        2 => [1, 0, 1],
        n => [n - 2, 1, 1],
    }
}

proptest! {
    #[test]
    fn every_row_is_in_exactly_one_part_and_keeps_its_source(tables in any_tables(), config in any_config(), seed: u64) {
        for entry in SPLITS {
            let Some(dataset) = dataset(&tables, &config, entry.name, seed) else { continue };
            let mut met = BTreeSet::new();
            for (name, rows, source_rows) in parts_and_given(&dataset) {
                prop_assert_eq!(rows.len(), source_rows.len());
                prop_assert!(pairs(&rows).is_sorted(), "{}: {} is not user-major", entry.name, name);
                for (row, source_row) in rows.iter().zip(&source_rows) {
                    prop_assert!(met.insert(*source_row), "{}: source row {} twice", entry.name, source_row);
                    let at = *source_row as usize;
                    prop_assert_eq!(dataset.catalogue.users.id(row.user), &tables.ratings.user_id[at]);
                    prop_assert_eq!(dataset.catalogue.items.id(row.item), &tables.ratings.item_id[at]);
                    prop_assert_eq!(row.rating.map(|rating| rating.stars()), tables.ratings.rating[at]);
                    prop_assert_eq!(row.timestamp, tables.ratings.timestamp[at]);
                }
            }
            prop_assert_eq!(met.len(), tables.ratings.len(), "{} loses rows", entry.name);
            prop_assert!(!dataset.fit.is_empty() && !dataset.test.is_empty());
            prop_assert_eq!(dataset.info.split.n_test_dropped, 0);
            prop_assert_eq!(dataset.validation.is_some(), entry.validates() && config.validation > 0.0);
        }
    }

    #[test]
    fn no_test_row_is_in_train_and_seen_holds_all_before_the_test(
        tables in any_tables(), config in any_config(), seed: u64,
    ) {
        for entry in SPLITS {
            let Some(dataset) = dataset(&tables, &config, entry.name, seed) else { continue };
            let train = dataset.train();
            let learned: BTreeSet<_> = pairs(&train.fit).into_iter().chain(train.validation.iter().flat_map(pairs)).collect();
            let given: BTreeSet<_> = dataset.fold_in.iter().flat_map(pairs).collect();
            prop_assert!(given.is_disjoint(&learned), "{} trains on what is given at the query", entry.name);
            let seen = dataset.seen();
            let seen: BTreeSet<_> = dataset.catalogue.users.indices()
                .flat_map(|user| seen[user.index()].items().iter().map(move |item| (user.index(), item.index())))
                .collect();
            prop_assert_eq!(&seen, &learned.union(&given).copied().collect());
            let (mut asked, mut told) = (0, 0);
            for test_user in dataset.test_users() {
                for pair in pairs(test_user.fold_in()) {
                    prop_assert!(pair.0 == test_user.user().index() && given.contains(&pair), "{}: {:?}", entry.name, pair);
                    told += 1;
                }
                for pair in pairs(test_user.rows()) {
                    prop_assert!(!learned.contains(&pair), "{} trains on its test row {:?}", entry.name, pair);
                    asked += 1;
                }
            }
            prop_assert_eq!(asked, dataset.test.len());
            prop_assert_eq!(told, given.len());
        }
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter(
        (tables, order) in any_tables().prop_flat_map(|tables| {
            let order: Vec<usize> = (0..tables.ratings.len()).collect();
            (Just(tables), Just(order).prop_shuffle())
        }),
        config in any_config(),
        seed: u64,
    ) {
        for entry in SPLITS {
            let Some(one) = dataset(&tables, &config, entry.name, seed) else { continue };
            let two = dataset(&reordered(&tables, &order), &config, entry.name, seed).unwrap();
            prop_assert_eq!(&one.source_rows, &two.source_rows, "{}", entry.name);
            prop_assert_eq!(&one.info, &two.info);
            for ((_, one, _), (_, two, _)) in parts_and_given(&one).into_iter().zip(parts_and_given(&two)) {
                prop_assert!(one.iter().eq(two.iter()));
            }
        }
    }

    #[test]
    fn per_item_random_gives_each_item_the_exact_shares(tables in any_tables(), seed: u64) {
        let Some(dataset) = dataset(&tables, &SplitConfig::default(), "per-item-random", seed) else { return Ok(()) };
        for item in 0..N_ITEMS as usize {
            let counts: Vec<usize> =
                parts(&dataset).iter().map(|(_, rows, _)| rows.items().iter().filter(|i| i.index() == item).count()).collect();
            // At most six ratings an item.
            prop_assert_eq!(&counts[..], exact_shares(counts.iter().sum()));
        }
    }

    #[test]
    fn temporal_has_nothing_from_the_future_in_train(tables in any_tables(), config in any_config()) {
        let Some(dataset) = dataset(&tables, &config, "temporal", 0) else { return Ok(()) };
        let ends = |rows: &Interactions| {
            let times = || rows.timestamps().iter().map(|time| time.unwrap());
            times().min().zip(times().max())
        };
        let ends: Vec<_> = parts(&dataset).iter().filter_map(|(_, rows, _)| ends(rows)).collect();
        prop_assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", ends);
        let test_after = dataset.info.split.cuts["test_after"];
        prop_assert!(ends[ends.len() - 2].1 <= test_after && test_after < ends[ends.len() - 1].0);
        // A later part never exceeds its share (except for the row that an empty share is given).
        let share = (config.test * tables.ratings.len() as f64) as usize;
        prop_assert!(dataset.test.len() <= share.max(1));
    }

    #[test]
    fn per_user_last_goes_by_each_users_time(tables in any_tables(), config in any_config()) {
        let Some(dataset) = dataset(&tables, &config, "per-user-last", 0) else { return Ok(()) };
        let parts = parts(&dataset);
        for user in 0..N_USERS as usize {
            let ordered: Vec<_> = parts
                .iter()
                .flat_map(|(_, rows, source_rows)| {
                    let mut times = times(rows, source_rows, user);
                    times.sort_unstable();
                    times
                })
                .collect();
            prop_assert!(ordered.is_sorted(), "user {}: {:?}", user, ordered);
        }
    }

    #[test]
    fn per_user_random_gives_each_user_the_exact_shares(tables in any_tables(), seed: u64) {
        let config = SplitConfig::default();
        let Some(dataset) = dataset(&tables, &config, "per-user-random", seed) else { return Ok(()) };
        for user in 0..N_USERS as usize {
            let counts: Vec<usize> =
                parts(&dataset).iter().map(|(_, rows, _)| rows.users().iter().filter(|u| u.index() == user).count()).collect();
            // At most nine ratings a user.
            prop_assert_eq!(&counts[..], exact_shares(counts.iter().sum()));
        }
    }

    #[test]
    fn leave_last_out_tests_exactly_the_last(tables in any_tables(), config in any_config()) {
        let Some(dataset) = dataset(&tables, &config, "leave-last-out", 0) else { return Ok(()) };
        let parts = parts(&dataset);
        for user in 0..N_USERS as usize {
            let of = |part: usize| times(&parts[part].1, &parts[part].2, user);
            let (train, validation, test) = (of(0), of(1), of(2));
            let n = train.len() + validation.len() + test.len();
            prop_assert_eq!(test.len(), usize::from(n >= 2));
            prop_assert_eq!(validation.len(), usize::from(n >= 3 && config.validation > 0.0));
            prop_assert!(train.iter().chain(&validation).all(|time| test.iter().all(|last| time < last)));
            prop_assert!(train.iter().all(|time| validation.iter().all(|last| time < last)));
        }
    }

    #[test]
    fn the_article_splits_columns(tables in any_tables(), config in any_config()) {
        let Some(dataset) = dataset(&tables, &config, "article", 0) else { return Ok(()) };
        // int(0.8 × 9) = 7
        prop_assert!(dataset.fit.items().iter().all(|item| item.index() < 7));
        prop_assert!(dataset.test.items().iter().all(|item| item.index() >= 7));
        prop_assert_eq!(dataset.info.split.cuts["split_column"], 7);
    }

    #[test]
    fn held_out_items_are_never_learned_from(tables in any_tables(), config in any_config(), seed: u64) {
        let Some(dataset) = dataset(&tables, &config, "held-out-items", seed) else { return Ok(()) };
        let items = |rows: &Interactions| rows.items().iter().copied().collect::<BTreeSet<_>>();
        let (trained, held_out) = (items(&dataset.fit), items(&dataset.test));
        prop_assert!(trained.is_disjoint(&held_out));
        let n_rated = trained.len() + held_out.len();
        prop_assert_eq!(held_out.len(), ((config.test * n_rated as f64) as usize).max(1));
        prop_assert!(dataset.fold_in.is_none());
    }

    #[test]
    fn random_has_the_exact_shares(tables in any_tables(), config in any_config(), seed: u64) {
        let Some(dataset) = dataset(&tables, &config, "random", seed) else { return Ok(()) };
        let share = |share: f64| (share * tables.ratings.len() as f64) as usize;
        let at_least = usize::from(config.validation > 0.0);
        prop_assert_eq!(dataset.test.len(), share(config.test).max(1));
        prop_assert_eq!(dataset.source_rows.validation.len(), share(config.validation).max(at_least));
    }
}

/// Random splits follow the seed, and no others do; a row's draw does not depend on which other users there are.
#[test]
fn seeds_move_random_splits_only() {
    let ratings: Vec<_> =
        (0..20).flat_map(|user| (0..20).map(move |item| (user, item, 3.0, Some(user * 20 + item)))).collect();
    let tables = tables(20, 20, &ratings);
    for entry in SPLITS {
        let of = |seed| dataset(&tables, &SplitConfig::default(), entry.name, seed).unwrap().source_rows;
        assert_eq!(of(1), of(1), "{}", entry.name);
        let is_drawn =
            entry.name.contains("random") || ["k-fold", "held-out-users", "held-out-items"].contains(&entry.name);
        assert_eq!(of(1) != of(2), is_drawn, "{}", entry.name);
    }
    let of_user_0 = |rows: &[u64]| rows.iter().copied().filter(|row| *row < 20).collect::<Vec<_>>();
    let alone = common::tables(20, 20, &ratings[..20]);
    assert_eq!(
        of_user_0(&dataset(&tables, &SplitConfig::default(), "per-user-random", 7).unwrap().source_rows.test),
        dataset(&alone, &SplitConfig::default(), "per-user-random", 7).unwrap().source_rows.test,
    );
}

#[test]
fn splits_by_time_refuse_rows_without_one() {
    let tables = tables(1, 3, &[(0, 0, 3.0, Some(1)), (0, 1, 3.0, None), (0, 2, 3.0, Some(2))]);
    for kind in ["temporal", "per-user-last", "leave-last-out"] {
        let config = SplitConfig { kind: kind.to_owned(), ..SplitConfig::default() };
        let error = prepare(&tables, &FeaturesConfig::default(), &config, 0).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!(
                "split `{kind}` needs the time of every rating, and `1` of `3` ratings have none\nhint: "
            )),
            "{error}"
        );
    }
}

#[test]
fn temporal_keeps_a_second_together() {
    let config = SplitConfig { kind: "temporal".to_owned(), validation: 0.0, test: 0.5, ..SplitConfig::default() };
    // The cut after four of eight rows falls within the second 20: all of it stays in train.
    let times = [10, 20, 20, 20, 20, 30, 30, 40];
    let ratings: Vec<_> = times.iter().zip(0..).map(|(time, item)| (0, item, 3.0, Some(*time))).collect();
    let dataset = prepare(&tables(1, 8, &ratings), &FeaturesConfig::default(), &config, 0).unwrap();
    assert_eq!((dataset.source_rows.fit, dataset.source_rows.test), (vec![0, 1, 2, 3, 4], vec![5, 6, 7]));
    assert_eq!(dataset.info.split.cuts, BTreeMap::from([("test_after".to_owned(), 20)]));

    let at_once: Vec<_> = (0..8).map(|item| (0, item, 3.0, Some(10))).collect();
    let error = prepare(&tables(1, 8, &at_once), &FeaturesConfig::default(), &config, 0).unwrap_err().to_string();
    assert!(error.starts_with("split `temporal` leaves the test part of `8` ratings empty\nhint: "), "{error}");
}
