//! How are all users asked about, and how do their values become one number?
//!
//! Does not know what a metric looks at: [`Judge`] does.
//!
//! **Invariant**: memory is one tile of users by all items, never all users by all items; the size of a tile changes no bit of
//! a result.

use reco_core::{Candidates, Case, Catalogue, Query, Recommender, ScoreError, Scores, Seen, UserId, Who};

use crate::config::Column;
use crate::judge::{Judge, Judged, Outcome};
use crate::metric::{Average, TopFive, best_first};
use crate::{DetailRow, EvalError, EvaluateConfig, Evaluation, UserDetail, UserValues, metric};

/// Asks `recommender` for scores of the whole catalogue for the user of every case, and measures them by the metrics that
/// `config` names.
///
/// Lists `@k` are ranked over the whole catalogue without what the user has seen: `seen` has one entry per user of the
/// catalogue. A relevant item that was seen stays in |T| and cannot be hit: a split that does not put a pair into two parts
/// has none. `context` is the moment of the predictions, one number per context of the catalogue; empty for zeros. Test rows'
/// own contexts are not granted.
///
/// # Errors
/// An unknown metric; no cases; seen items for another number of users; a user to show in detail who has no rated test row;
/// a recommender that fails or answers with a number that is not finite.
pub fn evaluate(
    recommender: &dyn Recommender,
    cases: &[Case],
    seen: &[Seen],
    config: &EvaluateConfig,
    context: &[f32],
) -> Result<Evaluation, EvalError> {
    // Few enough users at a time that their scores stay within some 16 MiB.
    let tile = (4_000_000 / recommender.catalogue().n_items().max(1)).clamp(1, 256);
    evaluate_in_tiles(recommender, cases, seen, config, context, tile)
}

fn evaluate_in_tiles(
    recommender: &dyn Recommender,
    cases: &[Case],
    seen: &[Seen],
    config: &EvaluateConfig,
    context: &[f32],
    tile: usize,
) -> Result<Evaluation, EvalError> {
    let catalogue = recommender.catalogue();
    let columns = config.columns()?;
    if cases.is_empty() {
        return Err(EvalError::NoCases);
    }
    if seen.len() != catalogue.n_users() {
        return Err(EvalError::Seen { given: seen.len(), expected: catalogue.n_users() });
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

    let mut summary = Summary::new(&columns);
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
            let judged = judge.judge(case, &seen[case.user().index()], scores.row(row))?;
            if detailed == Some(first + row) {
                detail = user_detail(&judged, catalogue);
            }
            if let Some(place) = further.iter().position(|case| *case == first + row) {
                details[place] = user_detail(&judged, catalogue);
            }
            summary.add(judged, catalogue, judge.article_min_rows);
        }
    }
    Ok(Evaluation { detail, details: details.into_iter().flatten().collect(), ..summary.finish() })
}

/// Collects users' values.
struct Summary<'a> {
    columns: &'a [Column],
    /// Per column, whether the metric has a meaning for the scores.
    applies: Vec<bool>,
    n_users_article: usize,
    per_user: Vec<UserValues>,
}

impl<'a> Summary<'a> {
    fn new(columns: &'a [Column]) -> Self {
        Self { columns, applies: vec![true; columns.len()], n_users_article: 0, per_user: Vec::new() }
    }

    fn add(&mut self, judged: Judged, catalogue: &Catalogue, article_min_rows: usize) {
        let n_rated = judged.rated.len();
        self.n_users_article += usize::from(n_rated >= article_min_rows);
        for (applies, outcome) in self.applies.iter_mut().zip(&judged.outcomes) {
            *applies &= *outcome != Outcome::DoesNotApply;
        }
        let values = judged.outcomes.iter().map(|outcome| match outcome {
            Outcome::Value(value) => Some(*value),
            Outcome::LeftOut | Outcome::DoesNotApply => None,
        });
        self.per_user.push(UserValues {
            user: catalogue.users.id(judged.user).clone(),
            n_test: judged.n_test,
            n_rated,
            n_relevant: judged.n_relevant,
            values: values.collect(),
        });
    }

    /// All but the users shown in detail.
    fn finish(mut self) -> Evaluation {
        for user in &mut self.per_user {
            // What does not apply to one user is not shown for the others either: an average over some would mislead.
            user.values.iter_mut().zip(&self.applies).filter(|(_, applies)| !**applies).for_each(|(v, _)| *v = None);
        }
        let metrics = self.columns.iter().enumerate().map(|(at, column)| {
            let values = self.per_user.iter().filter_map(|user| Some((user.values[at]?, user.n_rated as f64)));
            (column.name.clone(), average(column.entry.average, values))
        });
        Evaluation {
            metrics: metrics.collect(),
            n_users: self.per_user.len(),
            n_test: self.per_user.iter().map(|user| user.n_test).sum(),
            n_users_without_relevant: self.per_user.iter().filter(|user| user.n_relevant == 0).count(),
            n_users_article: self.n_users_article,
            per_user: self.per_user,
            detail: None,
            details: Vec::new(),
        }
    }
}

/// One number of users' values and their numbers of rated rows; `None` without users.
fn average(how: Average, values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (value, n_rated) in values {
        let (term, weight) = match how {
            Average::OverUsers => (value, 1.0),
            Average::OverRows => (value * n_rated, n_rated),
            Average::RootMeanSquareOverRows => (value * value * n_rated, n_rated),
        };
        sum += term;
        weights += weight;
    }
    let mean = (weights > 0.0).then(|| sum / weights);
    match how {
        Average::OverUsers | Average::OverRows => mean,
        Average::RootMeanSquareOverRows => mean.map(f64::sqrt),
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
