//! Tests the laws that an evaluation obeys whatever the scores.
//!
//! Does not know any number: it compares evaluations with each other.
//!
//! **Invariant**: scores take few values, so that ties are common.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A table of scores, rows and seen items over a few users and items. Scores are few, so that ties are common.
fn worlds() -> impl Strategy<Value = (Vec<Vec<f32>>, Vec<Row>, Vec<Vec<usize>>)> {
    (1..8_usize, 1..12_usize).prop_flat_map(|(n_users, n_items)| {
        let score = (0..6_u8).prop_map(|n| f32::from(n) / 4.0);
        let stars = prop::option::of((1..=5_u8).prop_map(f32::from));
        (
            vec(vec(score, n_items), n_users),
            prop::collection::btree_map((0..n_users, 0..n_items), stars, 1..40)
                .prop_map(|rows| rows.into_iter().map(|((user, item), stars)| (user, item, stars)).collect()),
            vec(vec(0..n_items, 0..4), n_users),
        )
    })
}

fn told(scores: &[Vec<f32>]) -> Told {
    Told::new(ScoreKind::Stars, &scores.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn slices(seen: &[Vec<usize>]) -> Vec<&[usize]> {
    seen.iter().map(Vec::as_slice).collect()
}

proptest! {
    #[test]
    fn neither_tiles_nor_threads_change_a_bit((scores, rows, seen) in worlds(), tile in 1..9_usize, sampled in 0..4_usize) {
        let told = told(&scores);
        let (test_users, seen) = (told.test_users(&rows), told.seen(&slices(&seen)));
        let known = told.known(&rows.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>());
        let config = Protocol { sampled_negatives: sampled.min(scores[0].len() - 1), ..at(3) };
        let task = Task { test_users: &test_users, seen: &seen, known: &known, metrics: METRICS, config: &config, context: &[], seed: 42, held_out: Ask::AsVisitors };
        let evaluated = |tile, n_threads| evaluate_in_tiles(&told, &task, tile, n_threads, &Silent).unwrap();
        let one = evaluated(1000, 1);
        for n_threads in [1, 2, 5] {
            prop_assert_eq!(&one, &evaluated(tile, n_threads));
        }
    }

    #[test]
    fn many_lengths_of_lists_give_what_each_gives_alone(
        (scores, rows, seen) in worlds(), pairs in vec((0..8_usize, 0..12_usize), 0..60),
        lengths in vec(1..15_usize, 1..6),
    ) {
        let told = told(&scores);
        let pairs: Vec<_> = pairs.iter().map(|(u, i)| (u % scores.len(), i % scores[0].len())).collect();
        let k: Vec<_> = lengths.iter().map(|k| (*k).try_into().unwrap()).collect();
        let config = Protocol { k, ..Protocol::default() };
        let together = told.evaluate_after(&rows, &slices(&seen), &pairs, &config).unwrap();
        for k in lengths {
            let alone = told.evaluate_after(&rows, &slices(&seen), &pairs, &at(k)).unwrap();
            for (name, value) in &alone.metrics {
                prop_assert_eq!(together.metrics.get(name).map(f64::to_bits), value.map(f64::to_bits), "{}", name);
            }
            for (one, all) in alone.per_user.iter().zip(&together.per_user) {
                for ((name, _), value) in alone.metrics.iter().zip(&one.values) {
                    let at = together.metrics.iter().position(|(known, _)| known == name).unwrap();
                    prop_assert_eq!(all.values[at].map(f64::to_bits), value.map(f64::to_bits), "{}", name);
                }
            }
        }
    }

    #[test]
    fn buckets_part_users_and_rows_and_average_to_the_whole(
        (scores, mut rows, seen) in worlds(), pairs in vec((0..8_usize, 0..12_usize), 0..60),
        starts in prop::collection::btree_set(1..9_usize, 1..4), all_rated in any::<bool>(),
    ) {
        let told = told(&scores);
        if all_rated {
            rows.iter_mut().for_each(|row| row.2 = row.2.or(Some(3.0)));
        }
        let pairs: Vec<_> = pairs.iter().map(|(u, i)| (u % scores.len(), i % scores[0].len())).collect();
        let buckets = starts.into_iter().map(|start| start.try_into().unwrap()).collect();
        let config = Protocol { buckets, article_min_rows: std::num::NonZeroUsize::MIN, ..at(3) };
        let whole = told.evaluate_after(&rows, &slices(&seen), &pairs, &config).unwrap();
        let (users, items) = (&whole.by_user_history, &whole.by_item_history);
        prop_assert_eq!(users.len(), config.buckets.len() + 1);
        prop_assert_eq!(users.iter().map(|bucket| bucket.n_users).sum::<usize>(), whole.n_users);
        prop_assert_eq!(
            users.iter().map(|bucket| bucket.n_users_without_relevant).sum::<usize>(), whole.n_users_without_relevant
        );
        for buckets in [users, items] {
            prop_assert_eq!(buckets.iter().map(|bucket| bucket.n_test).sum::<usize>(), whole.n_test);
        }
        prop_assert!(items.iter().all(|bucket| bucket.n_users <= whole.n_users && bucket.n_users <= bucket.n_test));

        for (at, column) in config.measured(METRICS).unwrap().iter().enumerate() {
            // Of lists: the mean over users with something to find. Of errors in stars: the mean over rated rows,
            // whether these are split by users or by items.
            let weighted = |buckets: &[BucketValues], weight: &dyn Fn(&BucketValues) -> usize| {
                let terms = buckets.iter().filter_map(|one| Some((one.metrics.0[at].1?, weight(one) as f64)));
                let (sum, n) = terms.fold((0.0, 0.0), |(sum, n), (value, weight)| (sum + value * weight, n + weight));
                (n > 0.0).then(|| sum / n)
            };
            let near = |one: Option<f64>, other: Option<f64>| match (one, other) {
                (Some(one), Some(other)) => (one - other).abs() < 1e-9,
                (one, other) => one == other,
            };
            let total = whole.metrics.0[at].1;
            if let Measure::TopK(_) = column.entry.measure {
                let found = weighted(users, &|bucket| bucket.n_users - bucket.n_users_without_relevant);
                prop_assert!(near(found, total), "`{}`: {found:?}, {total:?}", column.column);
            }
            if column.entry.measure.average() == Some(Average::OverRows) && all_rated {
                for buckets in [users, items] {
                    let found = weighted(buckets, &|bucket| bucket.n_test);
                    prop_assert!(near(found, total), "`{}`: {found:?}, {total:?}", column.column);
                }
            }
        }
    }

    #[test]
    fn hits_of_item_buckets_add_up_to_those_of_the_whole((scores, rows, seen) in worlds()) {
        // Each hit is an item of one bucket; a user's precision is hits / k in any of them.
        let told = told(&scores);
        let pairs: Vec<_> = rows.iter().map(|row| (row.0, row.1)).collect();
        let whole = told.evaluate_after(&rows, &slices(&seen), &pairs, &at(3)).unwrap();
        let found = |n_users: usize, without: usize, metrics: &Metrics| {
            let precision = metrics.get(&"precision@3".parse().unwrap());
            precision.unwrap_or(0.0) * (n_users - without) as f64
        };
        let total = found(whole.n_users, whole.n_users_without_relevant, &whole.metrics);
        let items = whole.by_item_history.iter();
        let parts: f64 = items.map(|one| found(one.n_users, one.n_users_without_relevant, &one.metrics)).sum();
        prop_assert!((parts - total).abs() < 1e-9, "{parts}, {total}");
    }

    #[test]
    fn every_metric_keeps_its_bounds(
        (scores, rows, seen) in worlds(), pairs in vec((0..8_usize, 0..12_usize), 0..60), sampled in 0..4_usize,
    ) {
        let told = told(&scores);
        let pairs: std::collections::BTreeSet<_> =
            pairs.iter().map(|(u, i)| (u % scores.len(), i % scores[0].len())).collect();
        let pairs: Vec<_> = pairs.into_iter().collect();
        let sampled_negatives = sampled.min(scores[0].len() - 1);
        let article_min_rows = std::num::NonZeroUsize::MIN;
        let config = Protocol { sampled_negatives, article_min_rows, ..at(3) };
        let evaluation = told.evaluate_after(&rows, &slices(&seen), &pairs, &config).unwrap();
        for (name, value) in &evaluation.metrics {
            let Some(value) = value else { continue };
            let entry = name.entry(METRICS).unwrap();
            let (low, high) = match entry.name {
                "r2" | "explained_variance" => (f64::NEG_INFINITY, 1.0),
                "popularity_lift@k" => (-1.0, f64::INFINITY),
                "novelty@k" | "entropy@k" | "miscalibration@k" | "mae" | "rmse" | "mape" | "scaled_mae" | "scaled_mape" => {
                    (0.0, f64::INFINITY)
                }
                _ => (0.0, 1.0 + 1e-12),
            };
            prop_assert!((low..=high).contains(value), "`{name}` is {value}");
        }
        prop_assert!(evaluation.metric("serendipity@3") <= evaluation.metric("precision@3"));
        prop_assert!(evaluation.metric("recall@3") <= evaluation.metric("capped_recall@3"));
        prop_assert!(evaluation.metric("uncapped_map@3") <= evaluation.metric("map@3"));
        prop_assert!(evaluation.metric("r2") <= evaluation.metric("explained_variance"));
    }

    #[test]
    fn renaming_users_changes_no_metric((mut scores, mut rows, mut seen) in worlds()) {
        let before = told(&scores).evaluate(&rows, &slices(&seen), &at(3)).unwrap();
        let last = scores.len() - 1;
        scores.reverse();
        seen.reverse();
        rows.iter_mut().for_each(|row| row.0 = last - row.0);
        rows.reverse();
        let after = told(&scores).evaluate(&rows, &slices(&seen), &at(3)).unwrap();
        prop_assert_eq!(before.n_users_without_relevant, after.n_users_without_relevant);
        for ((name, before), (_, after)) in before.metrics.iter().zip(&after.metrics) {
            match (before, after) {
                (Some(before), Some(after)) => prop_assert!((before - after).abs() < 1e-12, "`{name}`: {before}, {after}"),
                (before, after) => prop_assert_eq!(before, after, "`{}`", name),
            }
        }
    }

    #[test]
    fn lists_have_only_unseen_items((scores, rows, seen) in worlds()) {
        // A user who has seen all test items can have no hit.
        let told = told(&scores);
        let mut all = seen.clone();
        rows.iter().for_each(|(user, item, _)| all[*user].push(*item));
        let evaluation = told.evaluate(&rows, &slices(&all), &at(12)).unwrap();
        let relevant = evaluation.per_user.iter().any(|user| user.n_relevant > 0);
        prop_assert_eq!(evaluation.metric("recall@12"), relevant.then_some(0.0));
    }
}
