//! Tests evaluations of a few users against numbers computed by hand.
//!
//! Does not know models: scores are a table.
//!
//! **Invariant**: every expected number here follows from the few scores beside it.

use super::*;
use crate::metric::TopK;
use crate::{Column, Group, gaps, intervals};

const THREE: &[&[f32]] = &[
    &[9.0, 0.9, 0.8, 0.7, 0.1, 0.2], // without item 0, which was seen: 1 2 3 5 4
    &[0.9, 0.7, 0.0, 0.8, 0.0, 0.0], // 0 3 1 2 4 5
    &[0.5, 0.4, 0.3, 0.2, 0.1, 0.0],
];
const ROWS: &[Row] =
    &[(0, 1, Some(5.0)), (0, 2, Some(2.0)), (1, 3, Some(4.0)), (1, 4, Some(5.0)), (1, 5, Some(4.0)), (2, 0, Some(1.0))];
const SEEN: &[&[usize]] = &[&[0], &[], &[]];

#[test]
fn three_users_by_hand() {
    let told = Told::new(ScoreKind::Order, THREE);
    let evaluation = told.evaluate(ROWS, SEEN, &at(2)).unwrap();
    // The first user hits at place 1 of |T| = 1, the second at place 2 of |T| = 3, the third has nothing relevant.
    for (name, expected) in [
        ("precision@2", 0.5),
        ("recall@2", (1.0 + 1.0 / 3.0) / 2.0),
        ("ndcg@2", (1.0 + 0.386_852_8) / 2.0),
        ("mrr@2", 0.75),
        ("hit@2", 1.0),
        ("map@2", (1.0 + 0.25) / 2.0),
    ] {
        assert_near(evaluation.metric(name), expected);
    }
    for name in ["mae", "rmse", "scaled_mae", "scaled_mape"] {
        assert_eq!(evaluation.metric(name), None, "an order has no `{name}`");
    }
    assert_eq!(evaluation.metric("hit_share"), None, "nobody has five rated test rows");
    let counts =
        (evaluation.n_users, evaluation.n_users_without_relevant, evaluation.n_users_article, evaluation.n_test);
    assert_eq!(counts, (3, 1, 0, 6));
    let third = &evaluation.per_user[2];
    assert_eq!((third.user.to_string().as_str(), third.n_test, third.n_relevant), ("3", 1, 0));
    // A user without relevant items still has a list.
    let columns = at(2).columns(METRICS).unwrap();
    for (column, value) in columns.iter().zip(&third.values) {
        let of_lists = ["novelty@2", "diversity@2", "average_popularity@2"].contains(&column.to_string().as_str());
        assert_eq!(value.is_some(), of_lists, "{column}");
    }

    // Every row counts at a threshold of 1, and the third user comes in.
    let config = Protocol { relevance_threshold: Some(1.0), ..at(2) };
    let evaluation = told.evaluate(ROWS, SEEN, &config).unwrap();
    assert_near(evaluation.metric("precision@2"), (1.0 + 0.5 + 0.5) / 3.0);
    assert_near(evaluation.metric("recall@2"), (1.0 + 1.0 / 3.0 + 1.0) / 3.0);
    assert_eq!(evaluation.n_users_without_relevant, 0);
}

#[test]
fn a_metric_of_the_callers_own_is_measured_like_any_other() {
    let first = |top: &TopK<'_>| Some(f64::from(u8::from(top.hits().next().is_some_and(|(place, _)| place == 1))));
    let hit = *METRICS.iter().find(|entry| entry.name == "hit@k").unwrap();
    let mine = [MetricEntry { name: "first@k", measure: Measure::TopK(first), ..hit }, hit];
    let told = Told::new(ScoreKind::Order, THREE);
    let (test_users, seen, known, config) = (told.test_users(ROWS), told.seen(SEEN), told.known(&[]), at(2));
    let task = Task {
        test_users: &test_users,
        seen: &seen,
        known: &known,
        metrics: &mine,
        config: &config,
        context: &[],
        seed: 42,
        held_out: Ask::AsVisitors,
    };
    let evaluation = evaluate_task(&told, &task).unwrap();
    let columns: Vec<String> = evaluation.metrics.columns().map(ToString::to_string).collect();
    assert_eq!(columns, ["first@2", "hit@2"]);
    assert_eq!((evaluation.metric("first@2"), evaluation.metric("hit@2")), (Some(0.5), Some(1.0)));
    let first: Column = "first@2".parse().unwrap();
    assert_eq!(intervals(&evaluation, &mine, 42)[&first], [0.0, 1.0].into());
    let everyone = Group { attribute: "all".to_owned(), name: "all".to_owned(), members: vec![true; 3] };
    let gaps = gaps(&evaluation, &mine, &told.catalogue, &[everyone], &[]);
    assert_eq!(gaps[0].get(&first), Some((0.5, None)), "there is nobody else");
    assert!(intervals(&evaluation, METRICS, 42).keys().all(|column| *column != first), "it is not among ours");
}

#[test]
fn events_are_relevant_and_have_no_error() {
    let told = Told::new(ScoreKind::Stars, &[&[0.3, 0.2, 0.1]]);
    let evaluation = told.evaluate(&[(0, 2, None)], &[&[]], &at(3)).unwrap();
    assert_near(evaluation.metric("mrr@3"), 1.0 / 3.0);
    assert_eq!(evaluation.metric("mae"), None);
    assert_eq!(evaluation.detail, None);
}

#[test]
fn errors_are_averaged_over_rows_in_stars() {
    // Errors of 1, 0 for the first user and of 3 for the second, whose prediction of 8 is not clipped to 5.
    let stars = Told::new(ScoreKind::Stars, &[&[4.0, 2.0], &[0.0, 8.0]]);
    let rows: &[Row] = &[(0, 0, Some(5.0)), (0, 1, Some(2.0)), (1, 1, Some(5.0))];
    let config = Protocol { article_min_rows: std::num::NonZeroUsize::MIN, ..at(1) };
    let evaluation = stars.evaluate(rows, &[&[], &[]], &config).unwrap();
    assert_near(evaluation.metric("mae"), 4.0 / 3.0);
    assert_near(evaluation.metric("rmse"), (10.0_f64 / 3.0).sqrt());
    assert_near(evaluation.metric("scaled_mae"), 4.0 / 3.0);
    assert_near(evaluation.metric("scaled_mape"), (0.2 + 0.0 + 0.6) / 3.0);

    // The same predictions as targets on 0.5 to 1: an eighth of a target is a star.
    let scaling = Scaling::MinMax { from: (1.0, 5.0), to: (0.5, 1.0) };
    let targets = Told::new(ScoreKind::Targets, &[&[0.875, 0.625], &[0.5, 1.375]]).scaled(scaling.clone());
    let in_stars = targets.evaluate(rows, &[&[], &[]], &config).unwrap();
    assert_near(in_stars.metric("mae"), 4.0 / 3.0);
    assert_near(in_stars.metric("scaled_mae"), 4.0 / 3.0 / 8.0);
    // And predictions in stars are scaled before they are compared with targets.
    let scaled = stars.scaled(scaling).evaluate(rows, &[&[], &[]], &config).unwrap();
    assert_eq!(scaled.metric("scaled_mae"), in_stars.metric("scaled_mae"));
    assert_eq!(scaled.metric("article_mrr"), in_stars.metric("article_mrr"));
}

/// A recommender that predicts as many stars as a row's second says, and without one what it was told.
struct ByTime(Told);

impl Recommender for ByTime {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.0.catalogue
    }

    fn reads_time(&self) -> bool {
        true
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.0.score(queries, out)
    }

    fn score_at(&self, queries: &[Query<'_>], times: &[&[Option<i64>]], out: &mut Scores) -> Result<(), ScoreError> {
        self.score(queries, out)?;
        for (row, times) in times.iter().enumerate() {
            let timed = out.row_mut(row).iter_mut().zip(*times);
            timed.for_each(|(score, time)| *score = time.map_or(*score, |second| second as f32));
        }
        Ok(())
    }
}

#[test]
fn times_of_rows_serve_errors_where_they_are_granted_and_no_list() {
    let told = Told::new(ScoreKind::Stars, &[&[4.0, 2.0, 3.0], &[3.0, 3.0, 1.0]]);
    let mut builder = Interactions::builder(0);
    // At their times all rows are predicted right but the last, which has none: it is 2 off.
    for (user, item, stars, timestamp) in
        [(0, 0, 1.0, Some(1)), (0, 1, 5.0, Some(5)), (1, 1, 2.0, Some(2)), (1, 2, 3.0, None)]
    {
        let (user, item) = (told.catalogue.users.at(user).unwrap(), told.item(item));
        let rating = told.catalogue.scale.rating(stars).unwrap();
        let target = told.catalogue.scaling.target(item, rating);
        builder.push(Interaction { user, item, rating: Some(rating), target, timestamp, context: &[] });
    }
    let test_users = TestUser::group(&builder.finish(), 2);
    let (seen, known) = (told.seen(&[&[], &[]]), told.known(&[]));
    let test = Test::new(&told.catalogue, test_users, seen, known);
    let rules = Protocol { article_min_rows: std::num::NonZeroUsize::MIN, ..at(1) };
    let granted = Protocol { row_times: true, ..rules.clone() };
    let of = |recommender: &dyn Recommender, rules| evaluate(recommender, &test, rules).unwrap();
    let by_time = ByTime(told);
    let (without, with) = (of(&by_time, &rules), of(&by_time, &granted));
    assert!(!without.row_times && with.row_times && !of(&by_time.0, &granted).row_times);
    assert_near(without.metric("rmse"), (23.0_f64 / 4.0).sqrt());
    assert_near(with.metric("rmse"), 1.0);
    assert_near(with.metric("scaled_mae"), 0.5);
    let predicted: Vec<f64> = with.predictions.iter().map(|row| row.yhat).collect();
    assert_eq!(predicted, [1.0, 5.0, 2.0, 1.0]);
    for list in ["ndcg@1", "user_auc", "article_accuracy", "article_mrr", "auc"] {
        assert_eq!(with.metric(list), without.metric(list), "{list}");
    }
    let detail = |evaluation: &Evaluation| evaluation.detail.clone().unwrap().predicted;
    assert_eq!(detail(&with), detail(&without));
}

#[test]
fn an_item_without_a_way_back_to_stars_takes_stars_from_everyone() {
    let scaling = Scaling::ItemMinMax { from: vec![(1.0, 5.0), (4.0, 4.0)], to: (0.5, 1.0) };
    let told = Told::new(ScoreKind::Targets, &[&[0.75, 0.5], &[0.75, 0.5]]).scaled(scaling);
    let config = Protocol { article_min_rows: std::num::NonZeroUsize::MIN, ..at(1) };
    let evaluation = told.evaluate(&[(0, 0, Some(3.0)), (1, 1, Some(4.0))], &[&[], &[]], &config).unwrap();
    assert_eq!(evaluation.metric("mae"), None);
    assert_eq!(evaluation.per_user[0].values[0], None);
    assert_near(evaluation.metric("scaled_mae"), 0.0);
    let invertible = told.evaluate(&[(0, 0, Some(3.0))], &[&[], &[]], &config).unwrap();
    assert_near(invertible.metric("mae"), 0.0);
}

#[test]
fn detail_shows_the_second_user_or_the_one_named() {
    let told = Told::new(ScoreKind::Targets, THREE);
    // Seen items that no model was fitted on, such as validation rows, taught nothing.
    let detail = told.evaluate_after(ROWS, SEEN, &[(1, 0), (1, 1), (0, 0)], &at(2)).unwrap().detail.unwrap();
    assert_eq!((detail.user.to_string().as_str(), detail.n_train), ("2", 2));
    let rows: Vec<_> = detail.rows.iter().map(|row| (row.item.to_string(), row.y, row.yhat)).collect();
    assert_eq!(rows, [("4".to_owned(), 4.0, 0.8), ("5".to_owned(), 5.0, 0.0), ("6".to_owned(), 4.0, 0.0)]);
    let ids = |items: &[reco_core::ItemId]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ids(&detail.y_test), ["5", "4", "6"]);
    assert_eq!(ids(&detail.predicted), ["4", "5", "6"]);
    assert_eq!((detail.n_hits, detail.mrr), (3, 1.0));
    assert_near(Some(detail.article_accuracy), 1.0 / 3.0);

    let named = |user: &str| Protocol { detail_user: user.to_owned(), ..at(2) };
    let first = told.evaluate(ROWS, SEEN, &named("1")).unwrap().detail.unwrap();
    assert_eq!((first.user.to_string().as_str(), first.n_train), ("1", 0), "item 0 was seen, not trained on");
    let error = told.evaluate(ROWS, SEEN, &named("7")).unwrap_err().to_string();
    assert_eq!(error, "user `7` has no rated test row to show in detail\nhint: user `1` has some");
    let without_the_second = told.evaluate(&ROWS[..2], SEEN, &at(2)).unwrap();
    assert_eq!(without_the_second.detail.unwrap().user.to_string(), "1");
}

#[test]
fn further_users_are_those_with_the_most_rated_rows() {
    let scores: [&[f32]; 5] = [&[3.0, 2.0, 1.0]; 5];
    let told = Told::new(ScoreKind::Stars, &scores);
    let rows: &[Row] = &[
        (0, 0, Some(3.0)),
        (1, 0, Some(3.0)),
        (1, 1, Some(3.0)),
        (2, 0, Some(5.0)),
        (2, 1, Some(4.0)),
        (3, 2, None),
        (4, 1, Some(1.0)),
        (4, 2, Some(2.0)),
        (4, 0, None),
    ];
    let nothing: [&[usize]; 5] = [&[]; 5];
    let shown = |n: usize| {
        let config = Protocol { detail_users: n, ..at(2) };
        let evaluation = told.evaluate(rows, &nothing, &config).unwrap();
        assert_eq!(evaluation.detail.unwrap().user.to_string(), "2");
        evaluation.details.iter().map(|detail| detail.user.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(shown(0), [""; 0]);
    assert_eq!(shown(2), ["3", "5"], "ties in catalogue order");
    assert_eq!(shown(9), ["3", "5", "1"], "a user without a rated row has nothing to show");
}

#[test]
fn what_lists_are_like_by_hand() {
    // Item 1 has two training ratings, item 2 one; user 0 rated item 1, user 1 both. Lists of one: 2, then 0, then 0.
    let told = Told::new(ScoreKind::Order, &[&[0.5, 0.9, 0.8], &[0.9, 0.2, 0.1], &[0.3, 0.2, 0.1]]);
    let (seen, pairs) = ([&[1][..], &[1, 2], &[]], [(0, 1), (1, 1), (1, 2)]);
    let rows: &[Row] = &[(0, 2, Some(5.0)), (1, 0, Some(4.0)), (2, 1, Some(1.0))];
    let evaluation = told.evaluate_after(rows, &seen, &pairs, &at(1)).unwrap();
    for (name, expected) in [
        ("coverage@1", 2.0 / 3.0),
        // Two lists have item 0 and one has item 2: 0, 1 and 2 times.
        ("gini@1", (-2.0 * 0.0 + 0.0 * 1.0 + 2.0 * 2.0) / (3.0 * 3.0)),
        ("entropy@1", -(2.0_f64 / 3.0 * (2.0_f64 / 3.0).ln() + (1.0 / 3.0_f64).ln() / 3.0)),
        // Two training users: one of them rated item 2; item 0, which nobody rated, counts as rated by one.
        ("novelty@1", 1.0),
        ("average_popularity@1", (0.5 + 0.0 + 0.0) / 3.0),
        // Of the first user 0.5 against 1, of the second 0 against 0.75; the third has no taste.
        ("popularity_lift@1", (-0.5 - 1.0) / 2.0),
        // Both hits are the most popular item that is left.
        ("serendipity@1", 0.0),
        ("precision@1", 1.0),
        ("r_precision", 1.0),
        ("user_auc", 1.0),
    ] {
        assert_near(evaluation.metric(name), expected);
    }
    for name in ["diversity@1", "miscalibration@1"] {
        assert_eq!(evaluation.metric(name), None, "one item has no pair, and no item has a genre");
    }
    assert_eq!((evaluation.n_candidates, evaluation.n_masked, evaluation.n_test_masked), (2 + 1 + 3, 3, 0));
    // A hit that is not the most popular item left.
    let other = told.evaluate_after(&[(2, 0, Some(5.0))], &seen, &pairs, &at(1)).unwrap();
    assert_near(other.metric("serendipity@1"), 1.0);
}

#[test]
fn genres_of_a_list_are_set_against_those_of_the_user() {
    let told = Told::new(ScoreKind::Order, &[&[0.0, 0.0, 0.9, 0.8]]);
    let genres: Vec<Vec<String>> = ["ab", "b", "a", ""].map(|all| all.chars().map(String::from).collect()).to_vec();
    let known = told.known(&[(0, 0), (0, 1)]).with_genres(genres.iter().map(Vec::as_slice));
    let (test_users, seen) = (told.test_users(&[(0, 3, Some(5.0))]), told.seen(&[&[0, 1]]));
    let test = Test::new(&told.catalogue, test_users, seen, known);
    // A quarter of the user's is a, three quarters b; the list has a alone.
    let (a, b) = (0.25_f64, 0.75_f64);
    let expected = a * (a / (0.99 + 0.01 * a)).ln() + b * (b / (0.01 * b)).ln();
    assert_near(evaluate(&told, &test, &at(2)).unwrap().metric("miscalibration@2"), expected);
}

/// A recommender that scores items for visitors by their history, and refuses known users.
struct ForVisitors(Told);

impl EachQuery for ForVisitors {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.0.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let Who::Visitor { history, .. } = query.who else { return Err(ScoreError::Visitor { approach: "none" }) };
        // Items that were not given come first, those with the greatest row first.
        let given = |item: usize| history.iter().any(|(one, _)| one.index() == item);
        query.candidates.write(scores, |item| if given(item) { -1.0 } else { item as f32 });
        Ok(())
    }
}

#[test]
fn users_held_out_whole_are_asked_about_as_visitors() {
    let told = Told::new(ScoreKind::Order, &[&[0.0; 4]]);
    let rows = |items: &[usize]| {
        let mut rows = Interactions::builder(0);
        for &item in items {
            let (user, item) = (told.catalogue.users.at(0).unwrap(), told.item(item));
            rows.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context: &[] });
        }
        rows.finish()
    };
    let test_users = TestUser::group_with_fold_in(&rows(&[2]), &rows(&[3, 0]), 1);
    let (seen, known) = (told.seen(&[&[0, 3]]), told.known(&[(0, 3), (0, 1)]));
    let test = Test::new(&told.catalogue, test_users, seen, known);
    let evaluation = evaluate(&ForVisitors(told), &test, &at(1)).unwrap();
    assert_near(evaluation.metric("hit@1"), 1.0);
    // The taste is that of the given items, one of which was rated once: 1/2 on average, against 0 for the list.
    assert_near(evaluation.metric("popularity_lift@1"), -1.0);
    assert_eq!(evaluation.per_user[0].n_train, 2 + 2);
}

#[test]
fn few_candidates_are_an_easier_task_under_another_name() {
    let scores: Vec<f32> = (0..100).map(|n| 100.0 - n as f32).collect();
    let told = Told::new(ScoreKind::Stars, &[&scores]);
    let rows: &[Row] = &[(0, 50, Some(5.0))];
    let seen: &[&[usize]] = &[&[0, 1]];
    let config = Protocol { sampled_negatives: 9, ..at(10) };
    let evaluation = told.evaluate(rows, seen, &config).unwrap();
    assert_near(evaluation.metric("sampled9_hit@10"), 1.0);
    assert_eq!((evaluation.metric("hit@10"), evaluation.sampled_negatives, evaluation.n_candidates), (None, 9, 10));
    assert_near(evaluation.metric("mae"), 45.0);
    assert_near(told.evaluate(rows, seen, &at(10)).unwrap().metric("hit@10"), 0.0);
}

#[test]
fn what_has_no_score_is_never_recommended() {
    let told = Told::new(ScoreKind::Stars, &[&[Scores::ABSENT, 3.0, Scores::ABSENT, 1.0]]);
    let rows: &[Row] = &[(0, 0, Some(5.0)), (0, 1, Some(5.0))];
    let evaluation = told.evaluate(rows, &[&[]], &at(4)).unwrap();
    assert_near(evaluation.metric("recall@4"), 0.5);
    assert_eq!(evaluation.metric("mae"), None, "an error of half of the rows would be a lie");
    // Item 0 is tied with item 2 below all others: of four pairs, item 1 wins two and item 0 half of one.
    assert_near(evaluation.metric("user_auc"), 2.5 / 4.0);
    assert_eq!(evaluation.predictions.len(), 1);
    assert_eq!(evaluation.detail.unwrap().rows.len(), 1);
}

#[test]
fn refuses_what_it_cannot_measure() {
    let told = Told::new(ScoreKind::Order, THREE);
    assert!(matches!(told.evaluate(&[], SEEN, &at(2)), Err(EvalError::NoTestUsers)));
    assert!(matches!(
        told.evaluate(ROWS, &[], &at(2)),
        Err(EvalError::OtherSize { what: "seen items", given: 0, expected: 3, .. })
    ));
    let (test_users, seen, known, config) = (told.test_users(ROWS), told.seen(SEEN), told.known(&[]), at(2));
    let task = Task {
        test_users: &test_users,
        seen: &seen,
        known: &known,
        metrics: METRICS,
        config: &config,
        context: &[],
        seed: 42,
        held_out: Ask::AsVisitors,
    };
    let context = evaluate_task(&told, &Task { context: &[1.0], ..task });
    assert!(matches!(context, Err(EvalError::Score(ScoreError::Context { given: 1, expected: 0 }))));
    let another = Told::new(ScoreKind::Order, &[&[0.0]]).known(&[]);
    let error = evaluate_task(&told, &Task { known: &another, ..task }).unwrap_err().to_string();
    assert_eq!(error, "training rows are given for `1` users and the catalogue has `3`");
    let descending = Protocol { buckets: [5, 1].map(|n| n.try_into().unwrap()).to_vec(), ..at(2) };
    let error = told.evaluate(ROWS, SEEN, &descending).unwrap_err().to_string();
    assert!(error.starts_with("`buckets` in [evaluate] has `1` after `5`\nhint: "), "{error}");

    // Not finite: a candidate that is not a test item; a test item that was seen and is not a candidate.
    let nan = Told::new(ScoreKind::Order, &[&[1.0, f32::NAN, 2.0]]);
    for (seen, row) in [(&[][..], (0, 0, Some(5.0))), (&[1][..], (0, 1, Some(1.0)))] {
        let error = nan.evaluate(&[row], &[seen], &at(1)).unwrap_err().to_string();
        assert!(error.contains("item row `1` is `NaN`"), "{error}");
    }
    nan.evaluate(&[(0, 0, Some(5.0))], &[&[1]], &at(1)).expect("an item that is neither has no say");
    // Only a recommender that says so may leave items out; from any other, `ABSENT` is a failure.
    let mut absent = Told::new(ScoreKind::Order, &[&[1.0, Scores::ABSENT, 2.0]]);
    absent.evaluate(&[(0, 0, Some(5.0))], &[&[]], &at(1)).expect("it says that it leaves out");
    absent.leaves_out = false;
    let error = absent.evaluate(&[(0, 0, Some(5.0))], &[&[]], &at(1)).unwrap_err().to_string();
    assert!(error.contains("item row `1` is `-inf`"), "{error}");
}

#[test]
fn buckets_of_users_and_items_by_hand() {
    // Stars of 5, 1, 4 predicted as 4, 3, 4: errors of 1, 2 and 0. Ranked 0 2 1 and 1 0 2.
    let told = Told::new(ScoreKind::Stars, &[&[4.0, 3.0, 3.5], &[2.0, 4.0, 1.0]]);
    let rows: &[Row] = &[(0, 0, Some(5.0)), (0, 1, Some(1.0)), (1, 1, Some(4.0))];
    // The first user has two training rows, the second none; item 0 has none, item 1 one, item 2 another.
    let pairs = [(0, 1), (0, 2)];
    let known = told.known(&pairs);
    let n_train = |user| known.profile(told.catalogue.users.at(user).unwrap()).len();
    assert_eq!(([0, 1].map(n_train), [0, 1, 2].map(|n| known.n_ratings(told.item(n)))), ([2, 0], [0, 1, 1]));
    let config = Protocol { buckets: [1, 2].map(|n| n.try_into().unwrap()).to_vec(), ..at(1) };
    let evaluation = told.evaluate_after(rows, &[&[], &[]], &pairs, &config).unwrap();
    let shown = |buckets: &[BucketValues], name: &str| -> Vec<_> {
        let value = |bucket: &BucketValues| bucket.metrics.get(&name.parse().unwrap());
        buckets.iter().map(|one| (one.bucket.clone(), one.n_users, one.n_test, value(one))).collect()
    };
    let expected = |values: [(&str, usize, usize, Option<f64>); 3]| values.map(|(b, u, t, v)| (b.to_owned(), u, t, v));
    let users = &evaluation.by_user_history;
    assert_eq!(shown(users, "mae"), expected([("0", 1, 1, Some(0.0)), ("1", 0, 0, None), ("2+", 1, 2, Some(1.5))]));
    assert_eq!(shown(users, "hit@1"), expected([("0", 1, 1, Some(1.0)), ("1", 0, 0, None), ("2+", 1, 2, Some(1.0))]));
    // Of item 1's rows, the first user's is not relevant; that user is left out there and hits item 0 at the top.
    let items = &evaluation.by_item_history;
    assert_eq!(shown(items, "mae"), expected([("0", 1, 1, Some(1.0)), ("1", 2, 2, Some(1.0)), ("2+", 0, 0, None)]));
    assert_eq!(shown(items, "hit@1"), expected([("0", 1, 1, Some(1.0)), ("1", 2, 2, Some(1.0)), ("2+", 0, 0, None)]));
    assert_eq!(items.iter().map(|one| one.n_users_without_relevant).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(evaluation.per_user.iter().map(|user| user.n_train).collect::<Vec<_>>(), [2, 0]);

    let none = Protocol { buckets: Vec::new(), ..at(1) };
    let evaluation = told.evaluate(rows, &[&[], &[]], &none).unwrap();
    assert!(evaluation.by_user_history.is_empty() && evaluation.by_item_history.is_empty());
}

#[test]
fn a_bucket_shows_no_metric_that_does_not_apply_to_all() {
    let scaling = Scaling::ItemMinMax { from: vec![(1.0, 5.0), (4.0, 4.0)], to: (0.5, 1.0) };
    let told = Told::new(ScoreKind::Targets, &[&[0.75, 0.5], &[0.75, 0.5]]).scaled(scaling);
    let rows = [(0, 0, Some(3.0)), (1, 1, Some(4.0))];
    let evaluation = told.evaluate_after(&rows, &[&[], &[]], &[(0, 0)], &at(1)).unwrap();
    for bucket in evaluation.by_user_history.iter().chain(&evaluation.by_item_history) {
        assert_eq!(bucket.metrics.0[0], ("mae".parse().unwrap(), None), "{}", bucket.bucket);
    }
}

#[test]
fn an_evaluation_reads_back_as_written() {
    let evaluation = Told::new(ScoreKind::Stars, THREE).evaluate(ROWS, SEEN, &at(2)).unwrap();
    let json = serde_json::to_string(&evaluation).unwrap();
    assert!(evaluation.predictions.len() > 1);
    let read = serde_json::from_str::<Evaluation>(&json).unwrap();
    let kept = Evaluation { predictions: Vec::new(), per_user: Vec::new(), ..evaluation };
    assert_eq!(read, kept, "predictions and users' values go to tables of their own");
}
