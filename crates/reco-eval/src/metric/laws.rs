//! Tests the laws that every metric of the registry obeys, and some values by hand.
//!
//! The laws do not know the metrics by name.
//!
//! **Invariant**: a metric that is new in the registry is tested here without a line being added.

use std::num::NonZeroUsize;

use proptest::collection::vec;
use proptest::prelude::*;
use reco_core::ItemIdx;
use reco_core::testing::catalogue;

use super::{Better, Judgement, METRICS, Measure, MetricEntry, Pair, Placed, Sums, TopFive, TopK, Whole};

fn items(n: usize) -> Vec<ItemIdx> {
    catalogue(1, n).items.indices().collect()
}

/// Every relevant item of a list without ties, by its place; all of one gain.
fn placed(hits: &[bool]) -> Vec<Placed> {
    let places = hits.iter().zip(1..).filter(|(hit, _)| **hit);
    let of_place = |place| Placed { place: NonZeroUsize::new(place), gain: 3.0, below: hits.len() - place, equal: 0 };
    places.map(|(_, place)| of_place(place)).collect()
}

/// The metric of a list whose items are hits or not, with `missed` relevant items that are not candidates.
fn of_hits(metric: Ranks, hits: &[bool], missed: usize, k: usize) -> Option<f64> {
    let placed = placed(hits);
    let ideal = vec![3.0; placed.len() + missed];
    match metric {
        Ranks::TopK(metric) => metric(&TopK::new(&placed, &ideal, NonZeroUsize::new(k).unwrap())),
        Ranks::Whole(metric) => metric(&Whole { placed: &placed, n_relevant: ideal.len(), n_candidates: hits.len() }),
    }
}

/// A metric that looks at where relevant items stand.
#[derive(Clone, Copy)]
enum Ranks {
    TopK(fn(&TopK<'_>) -> Option<f64>),
    Whole(fn(&Whole<'_>) -> Option<f64>),
}

fn ranking_metrics() -> impl Iterator<Item = (&'static MetricEntry, Ranks)> {
    METRICS.iter().filter_map(|entry| match entry.measure {
        Measure::TopK(metric) => Some((entry, Ranks::TopK(metric))),
        Measure::Whole(metric) => Some((entry, Ranks::Whole(metric))),
        _ => None,
    })
}

/// The value of a metric of predictions, or of the article's lists, for `rows`; `None` where it has none.
fn of_rows(entry: &MetricEntry, rows: &[(ItemIdx, Pair)]) -> Option<f64> {
    let pairs: Vec<Pair> = rows.iter().map(|(_, pair)| *pair).collect();
    match entry.measure {
        Measure::TopK(_) | Measure::Whole(_) | Measure::List(_) | Measure::Exposure(_) => None,
        Measure::Stars(metric, _) | Measure::Targets(metric) => metric(&pairs),
        Measure::Sums(metric) => metric(&Sums::of(&pairs)),
        Measure::Judgements(metric) => {
            let judgement = |pair: &Pair| Judgement { score: pair.yhat as f32, is_relevant: pair.y >= 2.0 };
            metric(&mut pairs.iter().map(judgement).collect::<Vec<_>>())
        }
        Measure::TopFive(metric) => Some(metric(&TopFive::new(rows)?)),
    }
}

fn rows() -> impl Strategy<Value = Vec<(ItemIdx, Pair)>> {
    // Few distinct numbers, so that ties are common.
    let number = || (1..8_u8).prop_map(|n| f64::from(n) / 2.0);
    vec((number(), number()).prop_map(|(y, yhat)| Pair { y, yhat }), 1..12)
        .prop_map(|pairs| items(pairs.len()).into_iter().zip(pairs).collect())
}

#[test]
fn names_are_distinct_and_say_whether_they_look_at_k() {
    let mut names: Vec<&str> = METRICS.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), METRICS.len());
    for entry in METRICS {
        assert!(!entry.about.is_empty(), "`{}` says nothing about itself", entry.name);
        let at_k = matches!(entry.measure, Measure::TopK(_) | Measure::List(_) | Measure::Exposure(_));
        assert_eq!(entry.name.ends_with("@k"), at_k, "`{}`", entry.name);
    }
}

proptest! {
    #[test]
    fn ranking_metrics_lie_between_nothing_found_and_the_best_list(
        hits in vec(any::<bool>(), 1..30), missed in 1..10_usize, k in 1..35_usize,
    ) {
        let n_relevant = hits.iter().filter(|hit| **hit).count() + missed;
        for (entry, metric) in ranking_metrics() {
            prop_assert_eq!(entry.better, Better::Higher);
            let Some(value) = of_hits(metric, &hits, missed, k) else { continue };
            let sorted: Vec<bool> = (0..hits.len() + missed).map(|place| place < n_relevant).collect();
            let best = of_hits(metric, &sorted, 0, k).unwrap_or(1.0);
            prop_assert!((0.0..=best).contains(&value), "`{}`: {value} is not in 0..={best}", entry.name);
            prop_assert!(best <= 1.0, "`{}`: the best list has {best}", entry.name);
            let none = of_hits(metric, &vec![false; hits.len()], n_relevant, k);
            prop_assert!(none.is_none_or(|none| none == 0.0), "`{}`", entry.name);
        }
    }

    #[test]
    fn a_perfect_ranking_has_1(n_relevant in 1..40_usize, others in 1..5_usize) {
        let hits: Vec<bool> = (0..n_relevant + others).map(|place| place < n_relevant).collect();
        for (entry, metric) in ranking_metrics() {
            prop_assert_eq!(of_hits(metric, &hits, 0, n_relevant), Some(1.0), "`{}`", entry.name);
        }
    }

    #[test]
    fn a_relevant_item_in_the_last_place_alone_has_next_to_nothing(others in 40..60_usize) {
        let hits: Vec<bool> = (0..=others).map(|place| place == others).collect();
        for (entry, metric) in ranking_metrics() {
            prop_assert_eq!(of_hits(metric, &hits, 0, 39), Some(0.0), "`{}`", entry.name);
        }
    }

    #[test]
    fn promoting_a_relevant_item_never_lowers_a_ranking_metric(
        hits in vec(any::<bool>(), 2..30), missed in 0..10_usize, k in 1..35_usize, place in any::<prop::sample::Index>(),
    ) {
        let place = 1 + place.index(hits.len() - 1);
        prop_assume!(hits[place] && !hits[place - 1]);
        let mut promoted = hits.clone();
        promoted.swap(place, place - 1);
        for (entry, metric) in ranking_metrics() {
            let (before, after) = (of_hits(metric, &hits, missed, k), of_hits(metric, &promoted, missed, k));
            prop_assert!(after >= before, "`{}`: {before:?} falls to {after:?}", entry.name);
        }
    }

    #[test]
    fn stars_weigh_in_graded_gains_alone(hits in vec(any::<bool>(), 1..20), k in 1..25_usize, factor in 2..5_u8) {
        // All gains times a number: no metric of rankings asks for the unit of stars.
        let placed = placed(&hits);
        prop_assume!(!placed.is_empty());
        let factor = f64::from(factor);
        let scaled: Vec<Placed> = placed.iter().map(|one| Placed { gain: one.gain * factor, ..*one }).collect();
        let k = NonZeroUsize::new(k).unwrap();
        for (entry, metric) in ranking_metrics() {
            let Ranks::TopK(metric) = metric else { continue };
            let one = metric(&TopK::new(&placed, &vec![3.0; placed.len()], k)).unwrap();
            let other = metric(&TopK::new(&scaled, &vec![3.0 * factor; placed.len()], k)).unwrap();
            prop_assert!((one - other).abs() < 1e-12, "`{}`", entry.name);
        }
    }

    #[test]
    fn no_predictions_beat_the_truth(rows in rows()) {
        let perfect: Vec<_> = rows.iter().map(|(item, pair)| (*item, Pair { yhat: pair.y, ..*pair })).collect();
        for entry in METRICS {
            let (Some(value), Some(best)) = (of_rows(entry, &rows), of_rows(entry, &perfect)) else { continue };
            // A share of variance explained has no bound below.
            prop_assert!(value >= 0.0 || matches!(entry.measure, Measure::Sums(_)), "`{}`: {value}", entry.name);
            match entry.better {
                Better::Neither => {}
                Better::Lower => prop_assert_eq!(best, 0.0, "`{}`", entry.name),
                Better::Higher => {
                    // Sums of the same reciprocals in another order may differ in the last bit.
                    prop_assert!(value <= best + 1e-12, "`{}`: {value} beats {best}", entry.name);
                    prop_assert!(best <= 1.0, "`{}`: {best}", entry.name);
                }
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows()) {
        let reversed: Vec<_> = rows.iter().rev().copied().collect();
        for entry in METRICS {
            match (of_rows(entry, &rows), of_rows(entry, &reversed)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12, "`{}`: {a} and {b}", entry.name),
                (a, b) => prop_assert_eq!(a, b, "`{}`", entry.name),
            }
        }
    }
}

fn value(name: &str, hits: &[bool], missed: usize, k: usize) -> f64 {
    let (_, metric) = ranking_metrics().find(|(entry, _)| entry.name == name).unwrap();
    of_hits(metric, hits, missed, k).unwrap()
}

fn assert_near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-12, "{value} is not {expected}");
}

#[test]
fn denominators_are_as_stated() {
    // Places 2 and 4 hit, one relevant item is not found: |T| = 3.
    let hits = [false, true, false, true];
    for (k, precision, recall, map) in [(1, 0.0, 0.0, 0.0), (2, 0.5, 1.0 / 3.0, 0.25), (4, 0.5, 2.0 / 3.0, 1.0 / 3.0)] {
        assert_near(value("precision@k", &hits, 1, k), precision);
        assert_near(value("recall@k", &hits, 1, k), recall);
        assert_near(value("map@k", &hits, 1, k), map);
    }
    // The list is shorter than k: precision still divides by k.
    assert_near(value("precision@k", &hits, 1, 10), 0.2);
    // Of three relevant items a list of two can find two, and it finds one, at its second place.
    assert_near(value("capped_recall@k", &hits, 1, 2), 0.5);
    assert_near(value("capped_recall@k", &hits, 1, 4), 2.0 / 3.0);
    assert_near(value("uncapped_map@k", &hits, 1, 2), 0.5 / 3.0);
    assert_near(value("uncapped_map@k", &hits, 1, 4), 1.0 / 3.0);
    assert_near(value("r_precision", &hits, 1, 1), 1.0 / 3.0);
    // Two relevant candidates among four: one pair of four in order.
    assert_near(value("user_auc", &hits, 1, 1), 0.25);
    assert_near(value("mrr@k", &hits, 1, 4), 0.5);
    assert_near(value("mrr@k", &hits, 1, 1), 0.0);
    assert_near(value("hit@k", &hits, 1, 1), 0.0);
    assert_near(value("hit@k", &hits, 1, 2), 1.0);
    let gain = |place: f64| 1.0 / (place + 1.0).log2();
    assert_near(value("ndcg@k", &hits, 1, 2), gain(2.0) / (gain(1.0) + gain(2.0)));
    assert_near(value("ndcg@k", &hits, 1, 4), (gain(2.0) + gain(4.0)) / (gain(1.0) + gain(2.0) + gain(3.0)));
}

#[test]
fn the_articles_lists_give_the_articles_numbers() {
    // Its first user: rated best are 1 2 3 4 5, predicted best 6 1 4 3 2, of eight rated test items.
    let (y, yhat) = ([5.0, 4.0, 3.0, 2.0, 1.0, 0.9, 0.8, 0.7], [4.0, 1.0, 2.0, 3.0, 0.1, 5.0, 0.2, 0.3]);
    let pairs = y.into_iter().zip(yhat).map(|(y, yhat)| Pair { y, yhat });
    let rows: Vec<_> = items(8).into_iter().zip(pairs).collect();
    let five = TopFive::new(&rows).unwrap();
    assert_eq!(five.predicted().iter().map(|item| item.index()).collect::<Vec<_>>(), [5, 0, 3, 2, 1]);
    let value = |name| of_rows(METRICS.iter().find(|entry| entry.name == name).unwrap(), &rows).unwrap();
    assert_eq!(five.n_hits(), 4);
    assert_near(value("hit_share"), 0.8);
    assert_near(value("article_accuracy"), 0.0);
    assert_near(value("article_mrr"), 0.256_666_666_666_666_65);
    assert_near(value("mrr"), 0.5);
}

#[test]
fn errors_by_hand() {
    let pair = |y, yhat| Pair { y, yhat };
    let rows: Vec<_> = items(2).into_iter().zip([pair(4.0, 3.0), pair(2.0, 5.0)]).collect();
    let value = |name, rows: &[_]| of_rows(METRICS.iter().find(|entry| entry.name == name).unwrap(), rows);
    assert_eq!(value("mae", &rows), Some(2.0));
    assert_eq!(value("rmse", &rows), Some(5.0_f64.sqrt()));
    assert_eq!(value("scaled_mape", &rows), Some(0.875));
    let zero: Vec<_> = items(1).into_iter().zip([pair(0.0, 0.1)]).collect();
    assert_eq!(value("scaled_mape", &zero), None);
    assert_eq!(value("scaled_mae", &zero), Some(0.1));
}

#[test]
fn graded_gains_by_hand() {
    // Five stars at place 2, three stars not found in a list of two, four stars no candidate at all.
    let of = |place, gain| Placed { place: NonZeroUsize::new(place), gain, below: 0, equal: 0 };
    let (placed, ideal) = ([of(2, 5.0), of(7, 3.0)], [5.0, 4.0, 3.0]);
    let top = TopK::new(&placed, &ideal, NonZeroUsize::new(2).unwrap());
    let metric = |name| match METRICS.iter().find(|entry| entry.name == name).unwrap().measure {
        Measure::TopK(metric) => metric,
        _ => unreachable!("it is one of the first k"),
    };
    let second = 1.0 / 3.0_f64.log2();
    assert_near(metric("graded_ndcg@k")(&top).unwrap(), 5.0 * second / (5.0 + 4.0 * second));
    assert_near(metric("ndcg@k")(&top).unwrap(), second / (1.0 + second));
    let nothing = TopK::new(&placed, &[0.0], NonZeroUsize::MIN);
    assert_eq!(metric("graded_ndcg@k")(&nothing), None);
}

#[test]
fn variance_and_ranks_of_rows_by_hand() {
    let pair = |y, yhat| Pair { y, yhat };
    let value =
        |name, rows: &[(ItemIdx, Pair)]| of_rows(METRICS.iter().find(|entry| entry.name == name).unwrap(), rows);
    let rows: Vec<_> =
        items(4).into_iter().zip([pair(1.0, 2.0), pair(2.0, 3.0), pair(3.0, 4.0), pair(4.0, 4.0)]).collect();
    // Errors of -1, -1, -1 and 0; ratings spread by 5 about their mean.
    assert_near(value("r2", &rows).unwrap(), 1.0 - 3.0 / 5.0);
    assert_near(value("explained_variance", &rows).unwrap(), 1.0 - (3.0 - 9.0 / 4.0) / 5.0);
    assert_near(value("mape", &rows).unwrap(), (1.0 + 0.5 + 1.0 / 3.0) / 4.0);
    // Relevant from 2 on: 3, 4 and 4 against 2.
    assert_eq!(value("auc", &rows), Some(1.0));
    let tied: Vec<_> = items(2).into_iter().zip([pair(1.0, 2.5), pair(4.0, 2.5)]).collect();
    assert_eq!(value("auc", &tied), Some(0.5));
    let constant: Vec<_> = items(3).into_iter().zip([pair(3.3, 2.0); 3]).collect();
    for name in ["r2", "explained_variance", "auc"] {
        assert_eq!(value(name, &constant), None, "{name}");
    }
}
