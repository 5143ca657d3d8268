//! Options, prediction formulas and the model of k-nearest neighbours, shared by `user-knn` and `item-knn`.
//!
//! Does not know whether neighbours are users or items. Formulas, defaults and fallbacks are those of Surprise (Hug
//! 2020, <https://surprise.readthedocs.io/en/stable/knn_inspired.html>): of all with a rating, the k most similar
//! count whose similarity is above 0. A prediction is the mean of their ratings, weighted by similarity; with means
//! (Resnick et al. 1994, equation for predictions) and with baseline (Koren 2010, "Factor in the Neighbors", equation
//! 3) it is what is expected plus the weighted mean of how far their ratings are from what was expected of them.
//!
//! **Invariant**: nobody is their own neighbour; of two equally near, the one earlier in the catalogue is taken.

use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Approach as _, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, Loaded, Progress, Query, Recommender, Run,
    ScoreError, ScoreKind, Scores, Term, Train, Weights, parallel,
};
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Biases, not_negative};
use crate::error::Interrupted;
use crate::rating_matrix::{Asker, Entry, Stars};
use crate::similarity::{Measure, Similarity};
use crate::terms::{self, part};

/// Options of `user-knn` and `item-knn`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knn {
    /// What counts of a neighbour's rating.
    pub variant: Variant,
    /// The measure of similarity.
    pub similarity: Similarity,
    /// How many neighbours count, at most.
    pub k: NonZeroUsize,
    /// How many neighbours are needed; with fewer, none counts.
    pub min_k: usize,
    /// How many ratings two need in common for a similarity other than 0.
    pub min_support: usize,
    /// Read by `pearson-baseline` alone: how strongly similarities over few common ratings are shrunk.
    pub shrinkage: f64,
    /// The baseline of `with-baseline` and of `pearson-baseline`.
    pub baseline: Baseline,
}

/// What counts of a neighbour's rating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The stars.
    Basic,
    /// How far they are from the neighbour's mean.
    WithMeans,
    /// How far they are from the baseline.
    WithBaseline,
}

impl Default for Knn {
    fn default() -> Self {
        Self {
            variant: Variant::WithBaseline,
            similarity: Similarity::Msd,
            k: NonZeroUsize::new(40).expect("40 is not 0"),
            min_k: 1,
            min_support: 1,
            shrinkage: 100.0,
            baseline: Baseline::default(),
        }
    }
}

impl Knn {
    /// # Errors
    /// A value out of bounds.
    pub(crate) fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "shrinkage", self.shrinkage)?;
        self.baseline.check(&format!("{place}.baseline"))
    }

    pub(crate) fn measure(&self) -> Measure {
        Measure { similarity: self.similarity, min_support: self.min_support, shrinkage: self.shrinkage }
    }

    /// Whether neighbours are compared by what baselines leave of the stars, and not by the stars.
    fn compares_residuals(&self) -> bool {
        self.similarity == Similarity::PearsonBaseline
    }

    /// The biases, where anything needs them.
    ///
    /// # Errors
    /// An interruption.
    fn biases(&self, stars: &Stars, progress: &dyn Progress) -> Result<Option<Biases>, Interrupted> {
        let needed = self.compares_residuals() || self.variant == Variant::WithBaseline;
        needed.then(|| Biases::new(stars, self.baseline, progress)).transpose()
    }
}

/// What neighbours are found among, users or items: the ratings, and what is expected of each.
pub(crate) struct Ratings {
    pub(crate) options: Knn,
    pub(crate) stars: Stars,
    pub(crate) biases: Option<Biases>,
    pub(crate) catalogue: Arc<Catalogue>,
}

impl Ratings {
    /// # Errors
    /// An interruption.
    pub(crate) fn new(
        options: Knn,
        stars: Stars,
        catalogue: &Arc<Catalogue>,
        progress: &dyn Progress,
    ) -> Result<Self, Interrupted> {
        let biases = options.biases(&stars, progress)?;
        Ok(Self { options, biases, stars, catalogue: Arc::clone(catalogue) })
    }

    /// The biases, where neighbours are compared by what these leave of the stars, and not by the stars.
    pub(crate) fn compared_by(&self) -> Option<&Biases> {
        self.biases.as_ref().filter(|_| self.options.compares_residuals())
    }

    /// The asker, and their bias: as fitted for a user, from their ratings for a visitor; 0 without biases.
    pub(crate) fn asker(&self, query: &Query<'_>) -> (Asker<'_>, f64) {
        let asker = self.stars.asker(&query.who, &self.catalogue);
        let bias = match (&self.biases, asker.user) {
            (None, _) => 0.0,
            (Some(biases), Some(user)) => biases.users[user.index()],
            (Some(biases), None) => biases.of_user(&asker.rated, self.options.baseline),
        };
        (asker, bias)
    }

    /// What is expected by biases alone; 0 without.
    pub(crate) fn baseline(&self, user_bias: f64, item: usize) -> f64 {
        self.biases.as_ref().map_or(0.0, |biases| biases.expected(user_bias, item))
    }

    /// What the prediction of one pair starts from, before neighbours count; `mean` is that of the user or the item.
    pub(crate) fn start(&self, asker: &Asker<'_>, user_bias: f64, item: usize, mean: f64) -> Start {
        let known = !asker.rated.is_empty() && !self.stars.by_item.of(item).is_empty();
        match self.options.variant {
            Variant::Basic => Start::Neighbours,
            Variant::WithMeans if known => Start::At(mean),
            Variant::WithMeans => Start::Nothing,
            Variant::WithBaseline => Start::At(self.baseline(user_bias, item)),
        }
    }

    /// The prediction that a sum of neighbours gives, on the scale of the ratings.
    pub(crate) fn score(&self, sum: &Sum, start: Start) -> f32 {
        terms::clipped(sum.predict(start, &self.options, self.stars.mean), self.catalogue.scale)
    }

    /// Explains one prediction by its neighbours; a [`Start::At`] is made of the baseline's terms, or of `mean` alone.
    pub(crate) fn explain(
        &self,
        start: Start,
        (user_bias, item): (f64, ItemIdx),
        mean: Term,
        neighbours: Vec<Neighbour>,
    ) -> Explanation {
        let Self { options, stars, biases, catalogue } = self;
        let mut sum = Sum::default();
        neighbours.iter().for_each(|neighbour| sum.add(options.k, neighbour.similarity, neighbour.deviation));
        let asked = start != Start::Nothing && sum.mean(options.min_k).is_some();
        let mut terms = match (start, options.variant, biases) {
            (Start::At(_), Variant::WithBaseline, Some(biases)) => biases.terms(user_bias, item),
            (Start::At(_), ..) => vec![mean],
            (Start::Neighbours, ..) if asked => Vec::new(),
            (Start::Neighbours | Start::Nothing, ..) => vec![part("global mean", stars.mean)],
        };
        if asked {
            terms.extend(neighbours.into_iter().map(|Neighbour { similarity, deviation, cause }| {
                let effect = f64::from(similarity) * f64::from(deviation) / sum.similarity;
                Term { cause, effect: effect as f32 }
            }));
        }
        terms::explanation(terms, sum.predict(start, options, stars.mean), catalogue.scale)
    }
}

/// What `user-knn` and `item-knn` do each in their way.
pub(crate) trait Neighbourhood: Send + Sync + Sized + 'static {
    /// The approach.
    const NAME: &'static str;
    /// Memory that a thread uses again and again.
    type Scratch: Default;

    /// Compares what is to be compared before anyone asks.
    ///
    /// # Errors
    /// An interruption.
    fn new(ratings: Ratings, progress: &dyn Progress) -> Result<Self, Interrupted>;

    fn ratings(&self) -> &Ratings;

    /// Writes the scores of one query.
    fn answer(&self, query: &Query<'_>, scores: &mut [f32], scratch: &mut Self::Scratch);

    /// An explanation for each of `items`.
    fn reasons(&self, query: &Query<'_>, items: &[ItemIdx]) -> Vec<Explanation>;
}

/// A neighbourhood as a model.
pub(crate) struct Model<N>(N);

impl<N: Neighbourhood> Model<N> {
    /// # Errors
    /// No rows, or rows without stars; an interruption.
    pub(crate) fn learn(options: Knn, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let ratings = Ratings::new(options, Stars::new(train, N::NAME)?, &train.catalogue, run.progress)?;
        Ok(Box::new(Self(N::new(ratings, run.progress)?)))
    }

    /// Takes out what the model saved.
    pub(crate) fn load(options: Knn, weights: &mut Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        let ratings = Ratings::new(options, Stars::load(weights, catalogue)?, catalogue, run.progress)?;
        Ok(Box::new(Self(N::new(ratings, run.progress)?)))
    }
}

impl<N: Neighbourhood> Recommender for Model<N> {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.0.ratings().catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue().n_items());
        let rows: Vec<_> = queries.iter().zip(out.rows_mut()).collect();
        parallel::each(rows, N::Scratch::default, |scratch, (query, scores)| self.0.answer(query, scores, scratch));
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        Ok(Some(self.0.reasons(query, items)))
    }
}

impl<N: Neighbourhood> Fitted for Model<N> {
    /// The ratings and the biases; similarities follow from them.
    fn n_parameters(&self) -> usize {
        let Ratings { stars, biases, .. } = self.0.ratings();
        stars.len() + biases.as_ref().map_or(0, Biases::len)
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        Ok(self.0.ratings().stars.save(Weights::new(N::NAME, self.catalogue())))
    }
}

/// What a prediction starts from, before neighbours count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    /// Nothing: the prediction comes from neighbours alone, or is the global mean where they are too few.
    Neighbours,
    /// The global mean, since the user or the item has no rating: neighbours do not count.
    Nothing,
    /// The expected rating, to which neighbours add.
    At(f64),
}

/// The weighted sum of the neighbours of one pair.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    n: usize,
    similarity: f64,
    weighted: f64,
}

impl Sum {
    /// Adds one neighbour, unless there are `k` already.
    pub(crate) fn add(&mut self, k: NonZeroUsize, similarity: f32, deviation: f32) {
        if self.n < k.get() {
            self.n += 1;
            self.similarity += f64::from(similarity);
            self.weighted += f64::from(similarity) * f64::from(deviation);
        }
    }

    /// Whether further neighbours would change nothing.
    pub(crate) fn is_full(&self, k: NonZeroUsize) -> bool {
        self.n >= k.get()
    }

    /// The weighted mean, of enough neighbours.
    fn mean(&self, min_k: usize) -> Option<f64> {
        (self.n >= min_k && self.similarity > 0.0).then(|| self.weighted / self.similarity)
    }

    /// The prediction, unclipped.
    fn predict(&self, start: Start, options: &Knn, global_mean: f64) -> f64 {
        match start {
            Start::Neighbours => self.mean(options.min_k).unwrap_or(global_mean),
            Start::Nothing => global_mean,
            Start::At(expected) => expected + self.mean(options.min_k).unwrap_or(0.0),
        }
    }
}

/// One neighbour, in the order in which they were added.
pub(crate) struct Neighbour {
    pub(crate) similarity: f32,
    /// What counts of its rating.
    pub(crate) deviation: f32,
    /// The user or the item.
    pub(crate) cause: Cause,
}

/// A place in the order of nearness: the greater place is nearer; of equal similarities the lower row has the greater
/// place.
pub(crate) fn place(similarity: f32, row: usize) -> u64 {
    // The bits of floats above 0 are in the floats' own order.
    (u64::from(similarity.to_bits()) << 32) | u64::from(u32::MAX - row as u32)
}

/// The similarity and the row of a [`place`].
pub(crate) fn at_place(place: u64) -> (f32, usize) {
    (f32::from_bits((place >> 32) as u32), (u32::MAX - place as u32) as usize)
}

/// The mean of a list; 0 for an empty one.
pub(crate) fn mean(list: &[Entry]) -> f64 {
    let sum: f64 = list.iter().map(|entry| f64::from(entry.value)).sum();
    sum / list.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserKnn;
    use reco_core::ApproachEntry;
    use serde_json::json;

    const ENTRY: ApproachEntry = ApproachEntry::of::<UserKnn>();

    #[test]
    fn places_are_in_the_order_of_nearness() {
        let places = [place(0.5, 7), place(0.25, 0), place(0.5, 8), place(1e-30, 3)];
        assert!(places[0] > places[2] && places[2] > places[1] && places[1] > places[3]);
        assert_eq!(at_place(places[2]), (0.5, 8));
    }

    #[test]
    fn options_beyond_their_bounds_are_refused() {
        let refuse = |given| (ENTRY.configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "k": 0 })).starts_with("[[approach]] user-knn `k`: `0`: invalid value"));
        assert!(refuse(json!({ "variant": "with-z-score" })).contains("`with-means`"));
        assert!(refuse(json!({ "shrinkage": -1 })).contains("`shrinkage` is `-1`\nhint: "));
        assert!(refuse(json!({ "baseline": { "reg_i": -2 } })).starts_with("[[approach]] user-knn.baseline: `reg_i`"));
        assert!(refuse(json!({ "baseline": { "regi": 2 } })).contains("did you mean `reg_i`?"));
    }
}
