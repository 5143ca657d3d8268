//! Recommenders that answer each query by itself.
//!
//! Does not know what a score is.
//!
//! **Invariant**: a query's row does not depend on the other queries, nor on the number of threads; of several queries
//! that fail, the first one's error is given.

use std::sync::Arc;

use crate::{Catalogue, Explanation, ItemIdx, Query, Recommender, ScoreError, ScoreKind, Scores, parallel};

/// A [`Recommender`] by one row of scores at a time; rows are written on all cores. One that fuses the rows of many
/// queries, or keeps memory from query to query, is a `Recommender` of its own.
pub trait EachQuery: Send + Sync {
    /// As [`Recommender::score_kind`]: provided, an order.
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Order
    }

    /// As [`Recommender::leaves_out`].
    fn leaves_out(&self) -> bool {
        false
    }

    /// As [`Recommender::catalogue`].
    fn catalogue(&self) -> &Arc<Catalogue>;

    /// Writes one query's row of [`Scores`].
    ///
    /// # Errors
    /// As [`Recommender::score`].
    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError>;

    /// As [`Recommender::explain`].
    ///
    /// # Errors
    /// As [`Recommender::score`].
    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let _ = (query, items);
        Ok(None)
    }
}

impl<M: EachQuery> Recommender for M {
    fn score_kind(&self) -> ScoreKind {
        EachQuery::score_kind(self)
    }

    fn leaves_out(&self) -> bool {
        EachQuery::leaves_out(self)
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        EachQuery::catalogue(self)
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, EachQuery::catalogue(self).n_items());
        let mut done: Vec<_> = queries.iter().map(|_| Ok(())).collect();
        parallel::each(
            queries.iter().zip(out.rows_mut()).zip(&mut done).collect(),
            || (),
            |(), ((query, scores), done)| *done = self.answer(query, scores),
        );
        done.into_iter().collect()
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        EachQuery::explain(self, query, items)
    }
}
