//! What are one user's values, given the scores of the whole catalogue for that user?
//!
//! Does not know recommenders: it is handed a row of scores, and what kind of scores they are.
//!
//! **Invariant**: a user's values depend on that user's test rows, seen items and scores alone.

use std::num::NonZeroUsize;

use reco_core::{
    Candidates, Case, Catalogue, Interaction, ItemIdx, Predicts, Ranking, Rating, Relevant, ScoreError, Seen, Target,
    UserIdx,
};

use crate::config::Column;
use crate::metric::{OfUser, Pair, TopFive, TopK};

/// What is judged, and by which rules.
pub(crate) struct Judge<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) predicts: Predicts,
    pub(crate) columns: &'a [Column],
    pub(crate) relevance_threshold: f32,
    pub(crate) article_min_rows: usize,
}

/// What a recommender answers one user.
pub(crate) struct Answer<'a> {
    /// One for each item of the catalogue.
    scores: &'a [f32],
    /// As long as the longest list that a metric looks at.
    ranking: Ranking,
}

/// One user, judged.
pub(crate) struct Judged {
    pub(crate) user: UserIdx,
    pub(crate) n_test: usize,
    pub(crate) n_relevant: usize,
    /// One per column.
    pub(crate) outcomes: Vec<Outcome>,
    /// The rated test rows, as the article compares them.
    pub(crate) rated: Vec<(ItemIdx, Pair)>,
}

/// One metric of one user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Value(f64),
    /// The user has not the rows that the metric needs and is left out of the average.
    LeftOut,
    /// The metric has no meaning for these scores: it applies to no user, then.
    DoesNotApply,
}

impl Outcome {
    /// The value, where there is one.
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::LeftOut | Self::DoesNotApply => None,
        }
    }
}

/// A test row with a rating, and the score of its item.
struct Rated {
    item: ItemIdx,
    rating: Rating,
    target: Target,
    score: f32,
}

impl Judge<'_> {
    /// Ranks `scores`, one for each item of the catalogue, once for all that is asked of them.
    ///
    /// # Errors
    /// A score of a candidate that is not finite.
    pub(crate) fn answer<'a>(&self, seen: &Seen, scores: &'a [f32]) -> Result<Answer<'a>, ScoreError> {
        // The row is ranked for every user, so that a score that is not finite never goes unnoticed.
        let longest = self.columns.iter().map(|column| column.k).max().unwrap_or(NonZeroUsize::MIN);
        let candidates = Candidates::AllExcept(seen);
        Ok(Answer { scores, ranking: Ranking::top(self.catalogue.items.indices(), &candidates, scores, longest)? })
    }

    /// Judges an answer against those rows of `case` whose item is `wanted`.
    ///
    /// # Errors
    /// A score of a test item that is not finite.
    pub(crate) fn judge(
        &self,
        case: &Case,
        wanted: impl Fn(ItemIdx) -> bool,
        answer: &Answer<'_>,
    ) -> Result<Judged, ScoreError> {
        let rows = || case.rows().iter().filter(|row| wanted(row.item));
        let relevant = Relevant::new(
            rows()
                .filter(|row| row.rating.is_none_or(|rating| rating.stars() >= self.relevance_threshold))
                .map(|row| row.item)
                .collect(),
        );
        let is_hit = |item| relevant.as_ref().is_some_and(|relevant| relevant.contains(item));
        let hits: Vec<bool> = answer.ranking.items().map(is_hit).collect();

        let rated = rated(rows(), answer.scores)?;
        let stars = self.stars(&rated);
        let targets: Vec<(ItemIdx, Pair)> = rated.iter().map(|row| (row.item, self.target_pair(row))).collect();
        let pairs: Vec<Pair> = targets.iter().map(|(_, pair)| *pair).collect();
        let enough = targets.len() >= self.article_min_rows;
        let five = TopFive::new(&targets).filter(|_| enough);

        let outcomes = self.columns.iter().map(|column| match column.entry.of_user {
            OfUser::Ranking(metric) => match &relevant {
                Some(relevant) => Outcome::Value(metric(&TopK::new(&hits, relevant, column.k))),
                None => Outcome::LeftOut,
            },
            OfUser::Stars(_) if rated.is_empty() => Outcome::LeftOut,
            OfUser::Stars(metric) => {
                stars.as_deref().map_or(Outcome::DoesNotApply, |pairs| Outcome::Value(metric(pairs)))
            }
            OfUser::Targets(_) if self.predicts == Predicts::Order => Outcome::DoesNotApply,
            OfUser::Targets(_) if !enough => Outcome::LeftOut,
            OfUser::Targets(metric) => metric(&pairs).map_or(Outcome::DoesNotApply, Outcome::Value),
            OfUser::TopFive(metric) => five.as_ref().map_or(Outcome::LeftOut, |five| Outcome::Value(metric(five))),
        });
        Ok(Judged {
            user: case.user(),
            n_test: rows().count(),
            n_relevant: relevant.as_ref().map_or(0, Relevant::n),
            outcomes: outcomes.collect(),
            rated: targets,
        })
    }

    /// Ratings and predictions in stars; `None` where the scores, or one of them, have no way to stars.
    fn stars(&self, rated: &[Rated]) -> Option<Vec<Pair>> {
        let in_stars = |row: &Rated| match self.predicts {
            Predicts::Stars => Some(row.score),
            Predicts::Targets => self.catalogue.scaling.stars(row.item, row.score),
            Predicts::Order => None,
        };
        let pair = |row: &Rated| Some(Pair { y: f64::from(row.rating.stars()), yhat: f64::from(in_stars(row)?) });
        rated.iter().map(pair).collect()
    }

    /// Target and prediction as the article compares them, rounded so that ties do not depend on the order of sums. A score
    /// that is an order only has no unit to round in and stays as it is.
    fn target_pair(&self, row: &Rated) -> Pair {
        let yhat = match self.predicts {
            Predicts::Stars => rounded(self.catalogue.scaling.predicted_target(row.item, row.score)),
            Predicts::Targets => rounded(row.score),
            Predicts::Order => f64::from(row.score),
        };
        Pair { y: rounded(row.target.get()), yhat }
    }
}

fn rated<'a>(rows: impl Iterator<Item = Interaction<'a>>, scores: &[f32]) -> Result<Vec<Rated>, ScoreError> {
    rows.filter_map(|row| Some((row.item, row.rating?, row.target)))
        .map(|(item, rating, target)| match scores[item.index()] {
            score if score.is_finite() => Ok(Rated { item, rating, target, score }),
            value => Err(ScoreError::NotFinite { item: item.index(), value }),
        })
        .collect()
}

/// To 1e-6, as NumPy rounds: to even where both neighbours are as near.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e6).round_ties_even() / 1e6
}
