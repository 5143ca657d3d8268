//! Computes one user's values of all metrics from the scores of that user's candidates.
//!
//! Does not know recommenders: it is handed a row of scores, and what kind of scores they are.
//!
//! **Invariant**: a user's values depend on that user's test rows, seen items and scores alone.

use std::num::NonZeroUsize;

use reco_core::{
    Candidates, Catalogue, Interaction, ItemIdx, Rating, ScoreError, ScoreKind, Scores, Target, TestUser, UserIdx,
};

use crate::TrainingCounts;
use crate::buckets::Buckets;
use crate::config::Measured;
use crate::metric::{Judgement, List, Measure, Pair, Placed, Sums, TopFive, TopK, Whole};
use crate::rank::{Answer, Ranked, Ranker};

/// What is judged, and by which rules.
pub(crate) struct UserEvaluator<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) predicts: ScoreKind,
    pub(crate) known: &'a TrainingCounts,
    pub(crate) columns: &'a [Measured<'a>],
    pub(crate) buckets: &'a Buckets<'a>,
    pub(crate) relevance_threshold: f32,
    pub(crate) article_min_rows: usize,
}

/// One user, judged.
pub(crate) struct EvaluatedUser {
    pub(crate) user: UserIdx,
    /// Ratings that the recommender knew of: in training, or given with the query.
    pub(crate) n_train: usize,
    pub(crate) n_test: usize,
    pub(crate) n_relevant: usize,
    /// One per column.
    pub(crate) outcomes: Vec<Outcome>,
    /// The rated test rows, as the article compares them.
    pub(crate) rated: Vec<(ItemIdx, Pair)>,
    /// The same by the scores of lists, which read no row's time.
    pub(crate) of_lists: Vec<(ItemIdx, Pair)>,
    /// The rated test rows in stars; `None` where scores cannot be turned into stars.
    pub(crate) sums: Option<Sums>,
    /// The rated test rows as right or wrong.
    pub(crate) judgements: Vec<Judgement>,
}

/// One metric of one user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Value(f64),
    /// The user does not have the rows that the metric needs and is left out of the average.
    LeftOut,
    /// The metric has no meaning for these scores, and so applies to no user.
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

    fn of_list(value: Option<f64>) -> Self {
        value.map_or(Self::LeftOut, Self::Value)
    }

    fn of_predictions(value: Option<f64>) -> Self {
        value.map_or(Self::DoesNotApply, Self::Value)
    }
}

/// A test row with a rating, and the score of its item.
struct Rated {
    item: ItemIdx,
    rating: Rating,
    target: Target,
    score: f32,
}

impl UserEvaluator<'_> {
    /// The bucket of training ratings that `item` lies in.
    pub(crate) fn bucket(&self, item: ItemIdx) -> usize {
        self.buckets.of(self.known.n_ratings(item))
    }

    /// The relevant items of `test_user`, ascending, each with its gain.
    fn relevant(&self, test_user: &TestUser) -> Vec<(ItemIdx, f64)> {
        let stars = |row: Interaction<'_>| row.rating.map_or(1.0, |rating| f64::from(rating.stars()).max(0.0));
        let rows = test_user.rows().iter();
        let relevant = rows.filter(|row| row.rating.is_none_or(|rating| self.is_relevant(rating)));
        let mut relevant: Vec<(ItemIdx, f64)> = relevant.map(|row| (row.item, stars(row))).collect();
        relevant.sort_by_key(|(item, _)| *item);
        relevant.dedup_by_key(|(item, _)| *item);
        relevant
    }

    fn is_relevant(&self, rating: Rating) -> bool {
        rating.stars() >= self.relevance_threshold
    }

    /// The length of the longest list that a metric looks at.
    fn longest(&self) -> NonZeroUsize {
        self.columns.iter().map(Measured::k).max().unwrap_or(NonZeroUsize::MIN)
    }

    /// Ranks the candidates of `test_user` once for all metrics.
    ///
    /// # Errors
    /// A score of a candidate that is not finite.
    pub(crate) fn rank(
        &self,
        test_user: &TestUser,
        answer: &Answer<'_>,
        ranker: &mut Ranker,
    ) -> Result<Ranked, ScoreError> {
        // The row is ranked for every user, so that a score that is not finite never goes unnoticed.
        ranker.rank(answer, self.catalogue, self.relevant(test_user), self.longest())
    }

    /// Judges an answer against all rows of `test_user`, or against those whose item lies in a bucket. Metrics of lists
    /// alone then have no value: the list is the same, whichever rows are looked at.
    ///
    /// # Errors
    /// A score of a test item that is not finite.
    pub(crate) fn evaluate(
        &self,
        test_user: &TestUser,
        bucket: Option<usize>,
        answer: &Answer<'_>,
        ranked: &Ranked,
    ) -> Result<EvaluatedUser, ScoreError> {
        let of_list = if bucket.is_none() { self.of_list(answer, ranked) } else { None };
        let given = test_user.fold_in().items();
        let list = of_list.as_ref().map(|(hits, popular)| List {
            items: &ranked.list,
            hits: hits.as_deref(),
            popular,
            profile: if given.is_empty() { self.known.profile(test_user.user()) } else { given },
            known: self.known,
            catalogue: self.catalogue,
        });
        let wanted = |item: ItemIdx| bucket.is_none_or(|bucket| self.bucket(item) == bucket);
        let rows = || test_user.rows().iter().filter(|row| wanted(row.item));
        let of = |pairs: &[(ItemIdx, Placed)]| -> Vec<Placed> {
            pairs.iter().filter(|(item, _)| wanted(*item)).map(|(_, placed)| *placed).collect()
        };
        let placed = of(&ranked.relevant);
        let mut ideal: Vec<f64> =
            ranked.gains.iter().filter(|(item, _)| wanted(*item)).map(|(_, gain)| *gain).collect();
        ideal.sort_unstable_by(|a, b| b.total_cmp(a));

        let numbered = || test_user.rows().iter().enumerate().filter(|(_, row)| wanted(row.item));
        let untimed = rated(numbered(), answer, None)?;
        let rated = rated(numbered(), answer, answer.of_rows)?;
        let stars = self.stars(&rated);
        let targets: Vec<(ItemIdx, Pair)> = rated.iter().map(|row| (row.item, self.target_pair(row))).collect();
        let pairs: Vec<Pair> = targets.iter().map(|(_, pair)| *pair).collect();
        let of_lists: Vec<(ItemIdx, Pair)> = untimed.iter().map(|row| (row.item, self.target_pair(row))).collect();
        let enough = targets.len() >= self.article_min_rows;
        let lacks_a_score = enough && pairs.iter().any(|pair| !pair.yhat.is_finite());
        let five = TopFive::new(&of_lists).filter(|_| enough);
        let whole = Whole { placed: &placed, n_relevant: ideal.len(), n_candidates: ranked.n_candidates };

        let outcome = |column: &Measured<'_>| match column.entry.measure {
            Measure::TopK(_) | Measure::Whole(_) if ideal.is_empty() => Outcome::LeftOut,
            Measure::TopK(metric) => Outcome::of_list(metric(&TopK::new(&placed, &ideal, column.k()))),
            Measure::Whole(metric) => Outcome::of_list(metric(&whole)),
            Measure::Sums(_) if stars.is_none() => Outcome::DoesNotApply,
            // Lists are judged at all lengths at once, below; the others of all users together.
            Measure::List(_) | Measure::Exposure(_) | Measure::Sums(_) | Measure::Judgements(_) => Outcome::LeftOut,
            Measure::Stars(..) if rated.is_empty() => Outcome::LeftOut,
            Measure::Stars(metric, _) => Outcome::of_predictions(stars.as_deref().and_then(metric)),
            Measure::Targets(_) if self.predicts == ScoreKind::Order || lacks_a_score => Outcome::DoesNotApply,
            Measure::Targets(_) if !enough => Outcome::LeftOut,
            Measure::Targets(metric) => Outcome::of_predictions(metric(&pairs)),
            Measure::TopFive(metric) => Outcome::of_list(five.as_ref().map(metric)),
        };
        let mut outcomes = Vec::with_capacity(self.columns.len());
        for columns in self.columns.chunk_by(|a, b| a.entry.name == b.entry.name) {
            match (columns[0].entry.measure, &list) {
                (Measure::List(metric), Some(list)) => {
                    let lengths: Vec<NonZeroUsize> = columns.iter().map(Measured::k).collect();
                    // A caller's own metric may give too few values, or numbers that are not finite.
                    let values = metric(list, &lengths).into_iter().chain(std::iter::repeat(None));
                    let finite = values.take(lengths.len()).map(|value| value.filter(|value| value.is_finite()));
                    outcomes.extend(finite.map(Outcome::of_list));
                }
                _ => outcomes.extend(columns.iter().map(outcome)),
            }
        }
        let judgement = |row: &Rated| Judgement { score: row.score, is_relevant: self.is_relevant(row.rating) };
        Ok(EvaluatedUser {
            user: test_user.user(),
            n_train: self.known.profile(test_user.user()).len() + test_user.fold_in().len(),
            n_test: rows().count(),
            n_relevant: ideal.len(),
            outcomes,
            sums: stars.as_deref().map(Sums::of),
            judgements: untimed.iter().map(judgement).collect(),
            rated: targets,
            of_lists,
        })
    }

    /// Which items of the list are relevant, and the most popular candidates; `None` where nothing was recommended, or
    /// no metric looks at lists.
    fn of_list(&self, answer: &Answer<'_>, ranked: &Ranked) -> Option<(Option<Vec<bool>>, Vec<ItemIdx>)> {
        let list = ranked.list.as_slice();
        if list.is_empty() || !self.columns.iter().any(|column| matches!(column.entry.measure, Measure::List(_))) {
            return None;
        }
        let is_relevant = |item: &ItemIdx| ranked.gains.binary_search_by_key(item, |(item, _)| *item).is_ok();
        let hits = (!ranked.gains.is_empty()).then(|| list.iter().map(is_relevant).collect());
        let is_candidate = |item: &&ItemIdx| match answer.among {
            Candidates::AllExcept(seen) => !seen.contains(**item),
            Candidates::These(items) => items.binary_search(item).is_ok(),
        };
        // As many as the longest list. This one is shorter where candidates have no score.
        let popular = self.known.popular().iter().filter(is_candidate).take(self.longest().get()).copied().collect();
        Some((hits, popular))
    }

    /// Ratings and predictions in stars; `None` where a score cannot be turned into stars.
    fn stars(&self, rated: &[Rated]) -> Option<Vec<Pair>> {
        let in_stars = |row: &Rated| match self.predicts {
            _ if row.score == Scores::ABSENT => None,
            ScoreKind::Stars => Some(row.score),
            ScoreKind::Targets => self.catalogue.scaling.stars(row.item, row.score),
            ScoreKind::Order => None,
        };
        let pair = |row: &Rated| Some(Pair { y: f64::from(row.rating.stars()), yhat: f64::from(in_stars(row)?) });
        rated.iter().map(pair).collect()
    }

    /// Target and prediction as the article compares them, rounded so that ties do not depend on the order of sums. A
    /// score that is an order only has no unit to round in and stays as it is.
    fn target_pair(&self, row: &Rated) -> Pair {
        let yhat = match self.predicts {
            ScoreKind::Stars => rounded(self.catalogue.scaling.predicted_target(row.item, row.score)),
            ScoreKind::Targets => rounded(row.score),
            ScoreKind::Order => f64::from(row.score),
        };
        Pair { y: rounded(row.target.get()), yhat }
    }
}

/// The rated ones of `rows`, numbered among the user's, with the scores `of_rows` or those of their items. A test item
/// without a score keeps [`Scores::ABSENT`].
fn rated<'a>(
    rows: impl Iterator<Item = (usize, Interaction<'a>)>,
    answer: &Answer<'_>,
    of_rows: Option<&[f32]>,
) -> Result<Vec<Rated>, ScoreError> {
    let score = |at: usize, item| of_rows.map_or_else(|| answer.score(item).unwrap_or(Scores::ABSENT), |of| of[at]);
    rows.filter_map(|(at, row)| Some((row.item, row.rating?, row.target, score(at, row.item))))
        .map(|(item, rating, target, score)| match score {
            score if score.is_finite() || score == Scores::ABSENT => Ok(Rated { item, rating, target, score }),
            value => Err(ScoreError::NotFinite { item: item.index(), value }),
        })
        .collect()
}

/// Rounds to 1e-6 as NumPy does: to even where both neighbours are equally near.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e6).round_ties_even() / 1e6
}
