//! Combines users' values into one number per metric.
//!
//! Does not know what a metric looks at, nor scores.
//!
//! **Invariant**: users are added in the order of the test users, whoever judged them, so that no sum depends on
//! threads.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use reco_core::{Catalogue, ItemIdx};

use crate::buckets::Buckets;
use crate::config::Measured;
use crate::metric::{Average, Exposure, Judgement, Measure, Pair, Sums};
use crate::rank::Ranked;
use crate::user_evaluator::{EvaluatedUser, Outcome};
use crate::{BucketValues, Evaluation, Metrics, Prediction, UserValues};

/// Collects users' values.
pub(crate) struct Summary<'a> {
    columns: &'a [Measured<'a>],
    buckets: &'a Buckets<'a>,
    /// Per column, whether the metric has a meaning for the scores.
    applies: Vec<bool>,
    article_min_rows: usize,
    n_users_article: usize,
    per_user: Vec<UserValues>,
    total: Tally,
    by_user_history: Vec<Tally>,
    by_item_history: Vec<Tally>,
    predictions: Vec<Prediction>,
    n_candidates: usize,
}

impl<'a> Summary<'a> {
    pub(crate) fn new(
        columns: &'a [Measured<'a>],
        buckets: &'a Buckets<'a>,
        catalogue: &Catalogue,
        article_min_rows: usize,
    ) -> Self {
        let tally = Tally::new(columns, catalogue.n_items());
        Self {
            columns,
            buckets,
            applies: vec![true; columns.len()],
            article_min_rows,
            n_users_article: 0,
            per_user: Vec::new(),
            by_user_history: vec![tally.clone(); buckets.len()],
            // Lists are the same for any test rows, so that item buckets have no values of lists.
            by_item_history: vec![Tally::new(columns, 0); buckets.len()],
            total: tally,
            predictions: Vec::new(),
            n_candidates: 0,
        }
    }

    /// Adds a user, judged by all test rows, with a list as long as the longest that a metric looks at.
    pub(crate) fn add(&mut self, judged: &EvaluatedUser, ranked: &Ranked, catalogue: &Catalogue) {
        let n_rated = judged.rated.len();
        self.n_users_article += usize::from(n_rated >= self.article_min_rows);
        self.n_candidates += ranked.n_candidates;
        for (applies, outcome) in self.applies.iter_mut().zip(&judged.outcomes) {
            *applies &= *outcome != Outcome::DoesNotApply;
        }
        let scored = judged.rated.iter().filter(|(_, pair)| pair.yhat.is_finite());
        self.predictions.extend(scored.map(|&(item, Pair { y, yhat })| Prediction {
            user: judged.user,
            item,
            y,
            yhat,
        }));
        self.total.add(judged, &ranked.list);
        if let Some(tally) = self.by_user_history.get_mut(self.buckets.of(judged.n_train)) {
            tally.add(judged, &ranked.list);
        }
        self.per_user.push(UserValues {
            user: catalogue.users.id(judged.user).clone(),
            n_train: judged.n_train,
            n_test: judged.n_test,
            n_rated,
            n_relevant: judged.n_relevant,
            sums: judged.sums,
            values: judged.outcomes.iter().map(|outcome| outcome.value()).collect(),
        });
    }

    /// Adds the same user, judged by the test rows whose items lie in `bucket`; at least one.
    pub(crate) fn add_items(&mut self, bucket: usize, judged: &EvaluatedUser) {
        self.by_item_history[bucket].add(judged, &[]);
    }

    /// The evaluation, without the users shown in detail.
    pub(crate) fn finish(mut self) -> Evaluation {
        for user in &mut self.per_user {
            // What does not apply to one user is not shown for the others either: an average over some would mislead.
            user.values.iter_mut().zip(&self.applies).filter(|(_, applies)| !**applies).for_each(|(v, _)| *v = None);
        }
        let (columns, buckets, applies) = (self.columns, self.buckets, &self.applies);
        let named = |tallies: Vec<Tally>| {
            let tallies = buckets.names().into_iter().zip(tallies);
            tallies.map(|(bucket, tally)| tally.bucket(bucket, columns, applies)).collect()
        };
        Evaluation {
            n_users: self.total.n_users,
            n_test: self.total.n_test,
            n_users_without_relevant: self.total.n_users_without_relevant,
            n_users_article: self.n_users_article,
            n_candidates: self.n_candidates,
            by_user_history: named(self.by_user_history),
            by_item_history: named(self.by_item_history),
            metrics: self.total.metrics(columns, applies),
            per_user: self.per_user,
            predictions: self.predictions,
            ..Evaluation::default()
        }
    }
}

/// Running sums of users' values, for one number per metric.
#[derive(Clone)]
struct Tally {
    n_users: usize,
    n_test: usize,
    n_users_without_relevant: usize,
    /// How users' values are averaged, the weighted sum of their terms, and the sum of the weights.
    means: Vec<Option<(Average, f64, f64)>>,
    sums: Sums,
    /// Kept only where a metric asks.
    judgements: Option<Vec<Judgement>>,
    /// The lengths that metrics ask for, ascending, and for each item the number of lists that have it within that
    /// length and not within the one before.
    exposures: Vec<(NonZeroUsize, Vec<u32>)>,
}

impl Tally {
    fn new(columns: &[Measured<'_>], n_items: usize) -> Self {
        let mean = |column: &Measured<'_>| column.entry.measure.average().map(|average| (average, 0.0, 0.0));
        let exposed = columns.iter().filter(|column| matches!(column.entry.measure, Measure::Exposure(_)));
        let lengths: BTreeSet<NonZeroUsize> = exposed.map(Measured::k).collect();
        let judges = columns.iter().any(|column| matches!(column.entry.measure, Measure::Judgements(_)));
        Self {
            n_users: 0,
            n_test: 0,
            n_users_without_relevant: 0,
            means: columns.iter().map(mean).collect(),
            sums: Sums::default(),
            judgements: judges.then(Vec::new),
            exposures: lengths.into_iter().map(|k| (k, vec![0; n_items])).collect(),
        }
    }

    fn add(&mut self, judged: &EvaluatedUser, list: &[ItemIdx]) {
        self.n_users += 1;
        self.n_test += judged.n_test;
        self.n_users_without_relevant += usize::from(judged.n_relevant == 0);
        for (mean, outcome) in self.means.iter_mut().zip(&judged.outcomes) {
            if let (Some((average, sum, weights)), Some(value)) = (mean, outcome.value()) {
                let (term, weight) = average.term(value, judged.rated.len() as f64);
                *sum += term * weight;
                *weights += weight;
            }
        }
        self.sums.add(&judged.sums.unwrap_or_default(), 1.0);
        if let Some(judgements) = &mut self.judgements {
            judgements.extend(&judged.judgements);
        }
        let mut rest = list;
        let mut from = 0;
        for (k, counts) in &mut self.exposures {
            let (new, further) = rest.split_at((k.get() - from).min(rest.len()));
            new.iter().for_each(|item| counts[item.index()] += 1);
            (rest, from) = (further, k.get());
        }
    }

    fn metrics(&mut self, columns: &[Measured<'_>], applies: &[bool]) -> Metrics {
        let mut values = Vec::with_capacity(columns.len());
        let exposed = self.exposed(columns);
        for (at, column) in columns.iter().enumerate() {
            let value = match column.entry.measure {
                Measure::Exposure(_) => exposed[at],
                Measure::Sums(metric) => Some(self.sums).filter(|sums| sums.n > 0.0).as_ref().and_then(metric),
                Measure::Judgements(metric) => self.judgements.as_mut().and_then(|rows| metric(rows)),
                _ => match self.means[at] {
                    Some((average, sum, weights)) if weights > 0.0 => Some(average.of_mean(sum / weights)),
                    _ => None,
                },
            };
            values.push((column.column.clone(), value.filter(|_| applies[at])));
        }
        Metrics(values)
    }

    /// The values of metrics of all lists together, each in the place of its column.
    fn exposed(&self, columns: &[Measured<'_>]) -> Vec<Option<f64>> {
        let mut values = vec![None; columns.len()];
        let n_items = self.exposures.first().map_or(0, |(_, counts)| counts.len());
        let mut counts = vec![0_u64; n_items];
        for (k, new) in &self.exposures {
            counts.iter_mut().zip(new).for_each(|(count, new)| *count += u64::from(*new));
            for (value, column) in values.iter_mut().zip(columns).filter(|(_, column)| column.k() == *k) {
                if let Measure::Exposure(metric) = column.entry.measure {
                    *value = metric(&Exposure { counts: &counts });
                }
            }
        }
        values
    }

    fn bucket(mut self, bucket: String, columns: &[Measured<'_>], applies: &[bool]) -> BucketValues {
        BucketValues {
            bucket,
            n_users: self.n_users,
            n_test: self.n_test,
            n_users_without_relevant: self.n_users_without_relevant,
            metrics: self.metrics(columns, applies),
        }
    }
}

impl Average {
    /// What is averaged of a user's value, and its weight.
    pub(crate) fn term(self, value: f64, n_rated: f64) -> (f64, f64) {
        match self {
            Self::OverUsers => (value, 1.0),
            Self::OverRows => (value, n_rated),
            Self::RootMeanSquareOverRows => (value * value, n_rated),
        }
    }

    /// The metric from the weighted mean of the terms.
    pub(crate) fn of_mean(self, mean: f64) -> f64 {
        match self {
            Self::OverUsers | Self::OverRows => mean,
            Self::RootMeanSquareOverRows => mean.sqrt(),
        }
    }

    /// The derivative of [`Average::of_mean`]; 0 for a root of 0, which has neither slope nor uncertainty.
    pub(crate) fn slope(self, mean: f64) -> f64 {
        match self {
            Self::OverUsers | Self::OverRows => 1.0,
            Self::RootMeanSquareOverRows if mean > 0.0 => 0.5 / mean.sqrt(),
            Self::RootMeanSquareOverRows => 0.0,
        }
    }
}
