//! Scores, ranks and measures all users of a test set, tile by tile.
//!
//! Does not know what a metric looks at: [`UserEvaluator`] does.
//!
//! **Invariant**: memory is one tile of users by all items, never all users by all items; neither the size of a tile
//! nor the number of threads changes a bit of a result.

use std::collections::BTreeMap;

use reco_core::{
    Candidates, Catalogue, ItemIdx, Profile, Progress, Query, Recommender, ScoreError, Scores, Seen, Silent, TestUser,
    UserId, UserIdx, Who, parallel,
};

use crate::buckets::Buckets;
use crate::config::RankedItems;
use crate::metric::{Pair, TopFive, best_first};
use crate::rank::{Answer, Ranked, Ranker};
use crate::sample;
use crate::summary::Summary;
use crate::user_evaluator::{EvaluatedUser, UserEvaluator};
use crate::{DetailRow, EvalError, Evaluation, MetricEntry, Protocol, TrainingCounts, UserDetail, metric};

/// What an evaluation asks, the same of every recommender.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// The test rows of each user.
    pub test_users: &'a [TestUser],
    /// What each user has met and is not recommended again: one entry per user of the catalogue. A relevant item that
    /// was met stays in |T| and cannot be hit; there is none if the split puts each pair into one part.
    pub seen: &'a [Seen],
    /// What was known before the test. Users and test rows are also judged in buckets of how much was known, without
    /// asking for scores again.
    pub known: &'a TrainingCounts,
    /// The metrics that there are: [`METRICS`](crate::METRICS), unless the caller has others.
    pub metrics: &'a [MetricEntry],
    /// Which of the metrics, which items are relevant.
    pub config: &'a Protocol,
    /// The moment of the predictions, one number per context of the catalogue; empty for the average moment of
    /// training. The contexts of test rows are not used.
    pub context: &'a [f32],
    /// The seed of sampled candidates, and of nothing else.
    pub seed: u64,
    /// How to ask about users who were held out whole.
    pub held_out: Ask,
}

/// How an evaluation asks about users who were held out whole and have no training row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// As visitors with the ratings given for them, who state what the catalogue knows of them: for a recommender that
    /// folds them in.
    AsVisitors,
    /// By their ids: for scores that were computed before, from what is given.
    ById,
}

/// Asks `recommender` for the scores of every test user's candidates, and measures them by the metrics that the
/// task's configuration names.
///
/// Lists `@k` are ranked over the whole catalogue without what the user has seen, unless candidates are sampled.
///
/// # Errors
/// An unknown metric; buckets that do not ascend; no test users; seen items or training rows for another catalogue; a
/// user to show in detail who has no rated test row; a recommender that fails or answers with a number that is not
/// finite.
pub fn evaluate_task(recommender: &dyn Recommender, task: &Task<'_>) -> Result<Evaluation, EvalError> {
    evaluate_watched(recommender, task, &Silent)
}

/// As [`evaluate_task`], asking `progress` between users whether to stop.
///
/// # Errors
/// As [`evaluate_task`]; an interruption.
pub fn evaluate_watched(
    recommender: &dyn Recommender,
    task: &Task<'_>,
    progress: &dyn Progress,
) -> Result<Evaluation, EvalError> {
    // Few enough users at a time that their scores stay within some 16 MiB.
    let tile = (4_000_000 / recommender.catalogue().n_items().max(1)).clamp(1, 256);
    evaluate_in_tiles(recommender, task, tile, parallel::threads(), progress)
}

pub(crate) fn evaluate_in_tiles(
    recommender: &dyn Recommender,
    task: &Task<'_>,
    tile: usize,
    n_threads: usize,
    progress: &dyn Progress,
) -> Result<Evaluation, EvalError> {
    let Task { test_users, seen, known, metrics, config, context, seed, held_out } = *task;
    let catalogue = &**recommender.catalogue();
    let columns = config.measured(metrics)?;
    let buckets = Buckets::new(&config.buckets)?;
    check(task, catalogue)?;
    let leaves_out = recommender.leaves_out();
    let detailed = detailed(test_users, catalogue, &config.detail_user)?;
    let further = further(test_users, detailed, config.detail_users);
    let evaluator = UserEvaluator {
        catalogue,
        predicts: recommender.score_kind(),
        known,
        columns: &columns,
        buckets: &buckets,
        relevance_threshold: config.relevant_from(catalogue.scale),
        article_min_rows: config.article_min_rows.get(),
    };
    let evaluate_user = |test_user: &TestUser, answer: &Answer<'_>, ranker: &mut Ranker| -> Result<User, ScoreError> {
        let ranked = evaluator.rank(test_user, answer, ranker)?;
        let judged = evaluator.evaluate(test_user, None, answer, &ranked)?;
        let mut by_item_history = Vec::new();
        for bucket in 0..buckets.len() {
            if test_user.rows().items().iter().any(|item| evaluator.bucket(*item) == bucket) {
                by_item_history.push((bucket, evaluator.evaluate(test_user, Some(bucket), answer, &ranked)?));
            }
        }
        Ok(User { judged, by_item_history, ranked })
    };

    let mut summary = Summary::new(&columns, &buckets, catalogue, evaluator.article_min_rows);
    let mut shown = BTreeMap::new();
    let (mut scores, mut timed) = (Scores::new(), Scores::new());
    let row_times = config.row_times && recommender.reads_time();
    let seen_by = |test_user: &TestUser| &seen[test_user.user().index()];
    let untrained: Vec<ItemIdx> = catalogue.items.indices().filter(|item| known.n_ratings(*item) == 0).collect();
    for (first, test_users) in (0..).step_by(tile).zip(test_users.chunks(tile)) {
        if progress.interrupted() {
            return Err(EvalError::Interrupted);
        }
        let some: Vec<Vec<ItemIdx>> = match (config.sampled_negatives, config.candidates) {
            (0, RankedItems::All) => Vec::new(),
            (0, RankedItems::Untrained) => {
                let unmet = |seen: &Seen| untrained.iter().copied().filter(|item| !seen.contains(*item)).collect();
                test_users.iter().map(|test_user| unmet(seen_by(test_user))).collect()
            }
            (n, _) => test_users
                .iter()
                .map(|test_user| sample::candidates(test_user, seen_by(test_user), catalogue, n, seed))
                .collect(),
        };
        let among = |row: usize| match some.get(row) {
            None => Candidates::AllExcept(seen_by(&test_users[row])),
            Some(few) => Candidates::These(few),
        };
        let histories: Vec<_> = test_users.iter().map(TestUser::history).collect();
        let stated: Vec<_> = test_users.iter().map(|test_user| stated(test_user.user(), catalogue)).collect();
        let told = histories.iter().zip(&stated);
        let asked = test_users.iter().zip(told).enumerate().map(|(row, (test_user, (history, profile)))| Query {
            // A user who was held out whole is a visitor with the ratings given for them.
            who: if history.is_empty() || held_out == Ask::ById {
                Who::Known(test_user.user())
            } else {
                Who::Visitor { history, profile }
            },
            context,
            candidates: among(row),
        });
        let queries: Vec<Query<'_>> = asked.collect();
        recommender.score(&queries, &mut scores)?;
        if row_times {
            let asked = queries.iter().zip(test_users);
            let of_rows = asked
                .map(|(query, test_user)| Query { candidates: Candidates::These(test_user.rows().items()), ..*query });
            let of_rows: Vec<Query<'_>> = of_rows.collect();
            let times = test_users.iter().map(|test_user| test_user.rows().timestamps().iter().collect::<Vec<_>>());
            let times: Vec<Vec<Option<i64>>> = times.collect();
            let times: Vec<&[Option<i64>]> = times.iter().map(Vec::as_slice).collect();
            recommender.score_at(&of_rows, &times, &mut timed)?;
        }

        let mut users: Vec<Option<Result<User, ScoreError>>> = test_users.iter().map(|_| None).collect();
        let rows: Vec<_> = test_users.iter().enumerate().zip(&mut users).collect();
        parallel::each_on(n_threads, rows, Ranker::default, |ranker, ((row, test_user), user)| {
            let of_rows = row_times.then(|| timed.row(row));
            let answer = Answer { among: among(row), scores: scores.row(row), of_rows, leaves_out };
            *user = Some(evaluate_user(test_user, &answer, ranker));
        });
        for (row, user) in users.into_iter().enumerate() {
            let User { judged, by_item_history, ranked } = user.expect("every row is worked on")?;
            let at = first + row;
            if detailed == Some(at) || further.contains(&at) {
                shown.insert(at, user_detail(&judged, catalogue));
            }
            summary.add(&judged, &ranked, catalogue);
            by_item_history.iter().for_each(|(bucket, judged)| summary.add_items(*bucket, judged));
        }
    }
    let n_test_masked = |test_user: &TestUser| {
        test_user.rows().items().iter().filter(|item| seen_by(test_user).contains(**item)).count()
    };
    Ok(Evaluation {
        detail: detailed.and_then(|at| shown.remove(&at)?),
        details: further.iter().filter_map(|at| shown.remove(at)?).collect(),
        sampled_negatives: config.sampled_negatives,
        row_times,
        n_masked: test_users.iter().map(|test_user| seen_by(test_user).items().len()).sum(),
        n_test_masked: test_users.iter().map(n_test_masked).sum(),
        ..summary.finish()
    })
}

/// What the catalogue knows of a user, as they would state it themselves.
fn stated(user: UserIdx, catalogue: &Catalogue) -> Profile {
    let features = &catalogue.user_features;
    let row = features.names().iter().zip(features.matrix().row(user.index())).enumerate();
    let attribute = |(column, (name, value)): (usize, (&String, &f32))| match name.split_once('=') {
        Some((name, text)) if *value > 0.0 && text == text.trim() => Some((name.to_owned(), text.to_owned())),
        Some(_) => None,
        // To the digits that a 32-bit number has.
        None => Some((name.clone(), format!("{}", features.unscaled(column, *value)? as f32))),
    };
    Profile { likes: Vec::new(), attributes: row.filter_map(attribute).collect() }
}

/// One user, judged by all test rows and by some.
struct User {
    judged: EvaluatedUser,
    by_item_history: Vec<(usize, EvaluatedUser)>,
    ranked: Ranked,
}

/// What `config` asks for although these test users and this catalogue do not have it, whatever the recommender. It can
/// be reported before anything is trained.
pub fn unanswerable(config: &Protocol, test_users: &[TestUser], catalogue: &Catalogue) -> Vec<EvalError> {
    let (n, n_items) = (config.sampled_negatives, catalogue.n_items());
    let sampled = (n > 0 && n >= n_items).then_some(EvalError::Sampled { n, n_items });
    sampled.into_iter().chain(detailed(test_users, catalogue, &config.detail_user).err()).collect()
}

fn check(task: &Task<'_>, catalogue: &Catalogue) -> Result<(), EvalError> {
    let Task { test_users, seen, known, context, .. } = *task;
    if test_users.is_empty() {
        return Err(EvalError::NoTestUsers);
    }
    if let Some(error) = unanswerable(task.config, test_users, catalogue).into_iter().next() {
        return Err(error);
    }
    let (n_users, n_items, [of_users, of_items]) = (catalogue.n_users(), catalogue.n_items(), known.size());
    let sizes = [
        ("seen items", "users", seen.len(), n_users),
        ("training rows", "users", of_users, n_users),
        ("training rows", "items", of_items, n_items),
    ];
    if let Some((what, of, given, expected)) = sizes.into_iter().find(|(.., given, expected)| given != expected) {
        return Err(EvalError::OtherSize { what, of, given, expected });
    }
    if !context.is_empty() && context.len() != catalogue.contexts.len() {
        return Err(ScoreError::Context { given: context.len(), expected: catalogue.contexts.len() }.into());
    }
    Ok(())
}

/// The `n` test users with the most rated rows, except the one shown first, ties in the order of the test users.
fn further(test_users: &[TestUser], shown: Option<usize>, n: usize) -> Vec<usize> {
    let n_rated = |at: &usize| test_users[*at].rows().ratings().iter().filter(|rating| rating.is_some()).count();
    let mut order: Vec<usize> = (0..test_users.len()).filter(|at| Some(*at) != shown && n_rated(at) > 0).collect();
    order.sort_by_cached_key(|at| std::cmp::Reverse(n_rated(at)));
    order.truncate(n);
    order
}

/// The test user to show in detail: that of the user named, else that of the catalogue's second user, else the first
/// that has a rated row.
fn detailed(test_users: &[TestUser], catalogue: &Catalogue, named: &str) -> Result<Option<usize>, EvalError> {
    let has_rated = |test_user: &TestUser| test_user.rows().ratings().iter().any(Option::is_some);
    let of = |user| test_users.iter().position(|test_user| Some(test_user.user()) == user && has_rated(test_user));
    let first = test_users.iter().position(has_rated);
    if named.is_empty() {
        return Ok(catalogue.users.at(1).and_then(|second| of(Some(second))).or(first));
    }
    let found = catalogue.users.get(&UserId::parse(named)).and_then(|user| of(Some(user)));
    let hint = || match first {
        Some(first) => format!("user `{}` has some", catalogue.users.id(test_users[first].user())),
        None => "no user has: leave `detail_user` empty".to_owned(),
    };
    found.map(Some).ok_or_else(|| EvalError::DetailUser { user: named.to_owned(), hint: hint() })
}

fn user_detail(judged: &EvaluatedUser, catalogue: &Catalogue) -> Option<UserDetail> {
    // Rows without a score are not shown.
    let scored = |rows: &[(ItemIdx, Pair)]| -> Vec<_> {
        rows.iter().copied().filter(|(_, pair)| pair.yhat.is_finite()).collect()
    };
    let five = TopFive::new(&scored(&judged.of_lists))?;
    let mut rows = scored(&judged.rated);
    rows.sort_by(|a, b| best_first((a.0, a.1.yhat), (b.0, b.1.yhat)));
    let ids = |items: &[_]| items.iter().map(|item| catalogue.items.id(*item).clone()).collect();
    Some(UserDetail {
        user: catalogue.users.id(judged.user).clone(),
        n_train: judged.n_train,
        rows: rows
            .into_iter()
            .map(|(item, pair)| DetailRow { item: catalogue.items.id(item).clone(), y: pair.y, yhat: pair.yhat })
            .collect(),
        y_test: ids(five.y_test()),
        predicted: ids(five.predicted()),
        n_hits: five.n_hits(),
        article_accuracy: metric::article_accuracy(&five),
        article_mrr: metric::article_mrr(&five),
        mrr: metric::mrr(&five),
    })
}

#[cfg(test)]
mod tests;
