//! How are all users asked about, and how do their values become one number?
//!
//! Does not know what a metric looks at: [`Judge`] does.
//!
//! **Invariant**: memory is one tile of users by all items, never all users by all items; the size of a tile changes no bit of
//! a result.

use reco_core::{Candidates, Case, Catalogue, ItemIdx, Query, Recommender, ScoreError, Scores, Seen, UserId, Who};

use crate::config::Column;
use crate::history::Buckets;
use crate::judge::{Judge, Judged, Outcome};
use crate::metric::{Average, Pair, TopFive, best_first};
use crate::{
    BucketValues, DetailRow, EvalError, EvaluateConfig, Evaluation, History, Prediction, UserDetail, UserValues, metric,
};

/// Asks `recommender` for scores of the whole catalogue for the user of every case, and measures them by the metrics that
/// `config` names.
///
/// Lists `@k` are ranked over the whole catalogue without what the user has seen: `seen` has one entry per user of the
/// catalogue. A relevant item that was seen stays in |T| and cannot be hit: a split that does not put a pair into two parts
/// has none. `context` is the moment of the predictions, one number per context of the catalogue; empty for zeros. Test rows'
/// own contexts are not granted. `history` counts the rows that the recommender was fitted on: users and test rows are judged
/// once more by it, bucket by bucket, without asking for a score again.
///
/// # Errors
/// An unknown metric; buckets that do not ascend; no cases; seen items or training rows for another catalogue; a user to show in detail who has no rated test row;
/// a recommender that fails or answers with a number that is not finite.
pub fn evaluate(
    recommender: &dyn Recommender,
    cases: &[Case],
    seen: &[Seen],
    history: &History,
    config: &EvaluateConfig,
    context: &[f32],
) -> Result<Evaluation, EvalError> {
    // Few enough users at a time that their scores stay within some 16 MiB.
    let tile = (4_000_000 / recommender.catalogue().n_items().max(1)).clamp(1, 256);
    evaluate_in_tiles(recommender, cases, seen, history, config, context, tile)
}

fn evaluate_in_tiles(
    recommender: &dyn Recommender,
    cases: &[Case],
    seen: &[Seen],
    history: &History,
    config: &EvaluateConfig,
    context: &[f32],
    tile: usize,
) -> Result<Evaluation, EvalError> {
    let catalogue = recommender.catalogue();
    let columns = config.columns()?;
    let buckets = Buckets::new(&config.buckets)?;
    if cases.is_empty() {
        return Err(EvalError::NoCases);
    }
    if seen.len() != catalogue.n_users() {
        return Err(EvalError::Seen { given: seen.len(), expected: catalogue.n_users() });
    }
    for (what, given, expected) in
        [("users", history.users().len(), catalogue.n_users()), ("items", history.items().len(), catalogue.n_items())]
    {
        if given != expected {
            return Err(EvalError::History { what, given, expected });
        }
    }
    if !context.is_empty() && context.len() != catalogue.contexts.len() {
        return Err(ScoreError::Context { given: context.len(), expected: catalogue.contexts.len() }.into());
    }
    let detailed = detailed(cases, catalogue, &config.detail_user)?;
    let further = further(cases, detailed, config.detail_users);
    let judge = Judge {
        catalogue,
        predicts: recommender.predicts(),
        columns: &columns,
        relevance_threshold: config.relevance_threshold,
        article_min_rows: config.article_min_rows.get(),
    };

    let of_item = |item: ItemIdx| buckets.of(history.items()[item.index()]);
    let mut summary = Summary::new(&columns, &buckets);
    let mut detail = None;
    let mut details = vec![None; further.len()];
    let mut scores = Scores::new();
    for (first, cases) in (0..).step_by(tile).zip(cases.chunks(tile)) {
        let queries: Vec<Query<'_>> = cases
            .iter()
            .map(|case| Query {
                who: Who::Known(case.user()),
                context,
                candidates: Candidates::AllExcept(&seen[case.user().index()]),
            })
            .collect();
        recommender.score(&queries, &mut scores)?;
        for (row, case) in cases.iter().enumerate() {
            let answer = judge.answer(&seen[case.user().index()], scores.row(row))?;
            let judged = judge.judge(case, |_| true, &answer)?;
            if detailed == Some(first + row) {
                detail = user_detail(&judged, catalogue);
            }
            if let Some(place) = further.iter().position(|case| *case == first + row) {
                details[place] = user_detail(&judged, catalogue);
            }
            summary.add(&judged, catalogue, history, judge.article_min_rows);
            for bucket in 0..buckets.len() {
                if case.rows().items().iter().any(|item| of_item(*item) == bucket) {
                    summary.add_items(bucket, &judge.judge(case, |item| of_item(item) == bucket, &answer)?);
                }
            }
        }
    }
    Ok(Evaluation { detail, details: details.into_iter().flatten().collect(), ..summary.finish() })
}

/// Collects users' values.
struct Summary<'a> {
    columns: &'a [Column],
    buckets: &'a Buckets<'a>,
    /// Per column, whether the metric has a meaning for the scores.
    applies: Vec<bool>,
    n_users_article: usize,
    per_user: Vec<UserValues>,
    by_item_history: Vec<Tally>,
    predictions: Vec<Prediction>,
}

impl<'a> Summary<'a> {
    fn new(columns: &'a [Column], buckets: &'a Buckets<'a>) -> Self {
        Self {
            columns,
            buckets,
            applies: vec![true; columns.len()],
            n_users_article: 0,
            per_user: Vec::new(),
            by_item_history: vec![Tally::new(columns); buckets.len()],
            predictions: Vec::new(),
        }
    }

    /// A user, by all test rows.
    fn add(&mut self, judged: &Judged, catalogue: &Catalogue, history: &History, article_min_rows: usize) {
        let n_rated = judged.rated.len();
        self.n_users_article += usize::from(n_rated >= article_min_rows);
        for (applies, outcome) in self.applies.iter_mut().zip(&judged.outcomes) {
            *applies &= *outcome != Outcome::DoesNotApply;
        }
        let rated = judged.rated.iter();
        self.predictions.extend(rated.map(|&(item, Pair { y, yhat })| Prediction { user: judged.user, item, y, yhat }));
        self.per_user.push(UserValues {
            user: catalogue.users.id(judged.user).clone(),
            n_train: history.users()[judged.user.index()],
            n_test: judged.n_test,
            n_rated,
            n_relevant: judged.n_relevant,
            values: judged.outcomes.iter().map(|outcome| outcome.value()).collect(),
        });
    }

    /// The same user, by the test rows whose items lie in `bucket`; at least one.
    fn add_items(&mut self, bucket: usize, judged: &Judged) {
        let values = judged.outcomes.iter().map(|outcome| outcome.value());
        self.by_item_history[bucket].add(judged.n_test, judged.n_relevant, judged.rated.len(), values);
    }

    /// All but the users shown in detail.
    fn finish(mut self) -> Evaluation {
        let mut total = Tally::new(self.columns);
        let mut by_user_history = vec![Tally::new(self.columns); self.buckets.len()];
        for user in &mut self.per_user {
            // What does not apply to one user is not shown for the others either: an average over some would mislead.
            user.values.iter_mut().zip(&self.applies).filter(|(_, applies)| !**applies).for_each(|(v, _)| *v = None);
            let bucket = by_user_history.get_mut(self.buckets.of(user.n_train));
            for tally in [Some(&mut total), bucket].into_iter().flatten() {
                tally.add(user.n_test, user.n_relevant, user.n_rated, user.values.iter().copied());
            }
        }
        let named = |tallies: Vec<Tally>| {
            let tallies = self.buckets.names().zip(tallies);
            tallies.map(|(bucket, tally)| tally.bucket(bucket, self.columns, &self.applies)).collect()
        };
        Evaluation {
            n_users: total.n_users,
            n_test: total.n_test,
            n_users_without_relevant: total.n_users_without_relevant,
            n_users_article: self.n_users_article,
            metrics: total.metrics(self.columns, &self.applies),
            by_user_history: named(by_user_history),
            by_item_history: named(self.by_item_history),
            per_user: self.per_user,
            detail: None,
            details: Vec::new(),
            predictions: self.predictions,
        }
    }
}

/// Users' values on their way to one number per metric.
#[derive(Clone)]
struct Tally {
    n_users: usize,
    n_test: usize,
    n_users_without_relevant: usize,
    means: Vec<Mean>,
}

impl Tally {
    fn new(columns: &[Column]) -> Self {
        let means = columns.iter().map(|column| Mean { how: column.entry.average, sum: 0.0, weights: 0.0 }).collect();
        Self { n_users: 0, n_test: 0, n_users_without_relevant: 0, means }
    }

    fn add(&mut self, n_test: usize, n_relevant: usize, n_rated: usize, values: impl Iterator<Item = Option<f64>>) {
        self.n_users += 1;
        self.n_test += n_test;
        self.n_users_without_relevant += usize::from(n_relevant == 0);
        for (mean, value) in self.means.iter_mut().zip(values) {
            if let Some(value) = value {
                mean.add(value, n_rated as f64);
            }
        }
    }

    fn metrics(&self, columns: &[Column], applies: &[bool]) -> Vec<(String, Option<f64>)> {
        let means = self.means.iter().zip(applies).map(|(mean, applies)| mean.finish().filter(|_| *applies));
        columns.iter().map(|column| column.name.clone()).zip(means).collect()
    }

    fn bucket(&self, bucket: String, columns: &[Column], applies: &[bool]) -> BucketValues {
        BucketValues {
            bucket,
            n_users: self.n_users,
            n_test: self.n_test,
            n_users_without_relevant: self.n_users_without_relevant,
            metrics: self.metrics(columns, applies),
        }
    }
}

/// One number of users' values and their numbers of rated rows.
#[derive(Clone, Copy)]
struct Mean {
    how: Average,
    sum: f64,
    weights: f64,
}

impl Mean {
    fn add(&mut self, value: f64, n_rated: f64) {
        let (term, weight) = match self.how {
            Average::OverUsers => (value, 1.0),
            Average::OverRows => (value * n_rated, n_rated),
            Average::RootMeanSquareOverRows => (value * value * n_rated, n_rated),
        };
        self.sum += term;
        self.weights += weight;
    }

    /// `None` without users.
    fn finish(&self) -> Option<f64> {
        let mean = (self.weights > 0.0).then(|| self.sum / self.weights);
        match self.how {
            Average::OverUsers | Average::OverRows => mean,
            Average::RootMeanSquareOverRows => mean.map(f64::sqrt),
        }
    }
}

/// The `n` cases with the most rated rows, but for the one shown first, ties in the order of the cases.
fn further(cases: &[Case], shown: Option<usize>, n: usize) -> Vec<usize> {
    let n_rated = |case: usize| cases[case].rows().ratings().iter().filter(|rating| rating.is_some()).count();
    let mut order: Vec<(usize, usize)> = (0..cases.len())
        .filter(|case| Some(*case) != shown)
        .map(|case| (n_rated(case), case))
        .filter(|(n_rated, _)| *n_rated > 0)
        .collect();
    order.sort_unstable_by_key(|&(n_rated, case)| (std::cmp::Reverse(n_rated), case));
    order.into_iter().take(n).map(|(_, case)| case).collect()
}

/// The case to show in detail: that of the user named, else that of the catalogue's second user, else the first that has
/// a rated row.
fn detailed(cases: &[Case], catalogue: &Catalogue, named: &str) -> Result<Option<usize>, EvalError> {
    let has_rated = |case: &Case| case.rows().ratings().iter().any(Option::is_some);
    let of = |user| cases.iter().position(|case| Some(case.user()) == user && has_rated(case));
    let first = cases.iter().position(has_rated);
    if named.is_empty() {
        return Ok(catalogue.users.at(1).and_then(|second| of(Some(second))).or(first));
    }
    let found = catalogue.users.get(&UserId::parse(named)).and_then(|user| of(Some(user)));
    match (found, first) {
        (Some(case), _) => Ok(Some(case)),
        (None, first) => Err(EvalError::DetailUser {
            user: named.to_owned(),
            hint: match first {
                Some(first) => format!("user `{}` has some", catalogue.users.id(cases[first].user())),
                None => "no user has: leave `detail_user` empty".to_owned(),
            },
        }),
    }
}

fn user_detail(judged: &Judged, catalogue: &Catalogue) -> Option<UserDetail> {
    let five = TopFive::new(&judged.rated)?;
    let mut rows = judged.rated.clone();
    rows.sort_by(|a, b| best_first((a.0, a.1.yhat), (b.0, b.1.yhat)));
    let ids = |items: &[_]| items.iter().map(|item| catalogue.items.id(*item).clone()).collect();
    Some(UserDetail {
        user: catalogue.users.id(judged.user).clone(),
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
