//! A Bayesian factorization machine of ids, histories and features (Rendle 2012, "Factorization Machines with libFM").
//!
//! A user's row has a column for the user, one for each item that they rated (`1/√n` each, whatever the stars), and the
//! user's features; an item's row has a column for the item, one for each user who rated it, and the item's features.
//! `gibbs.rs` draws samples of all weights and factors, `ordinal.rs` has the ordered probit. A score is the mean of the
//! samples' expectations. Since the columns of a row add up, a sample is a bias and `embedding_size` factors for each
//! user and item, as in matrix factorisation.
//!
//! With `reads_time` a rating has columns of its moment besides, without factors (`moments.rs`).
//!
//! Does not know contexts. Someone new is a row of what they say of themselves and have rated; the weights of
//! their own column are what their stars say, for each sample.
//!
//! **Invariant**: whoever has no training rows has the mean column of all; the number of threads changes no bit.

mod checkpoint;
mod gibbs;
mod model;
mod moments;
mod ordinal;
mod side;
mod tables;
mod visitor;

use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{Approach, Catalogue, Features, FitError, Fitted, LoadError, Loaded, Requirement, Run, Train, Weights};
use serde::{Deserialize, Serialize};

pub use self::model::BayesianFmModel;

use self::gibbs::{Output, Settings};
use self::moments::Moments;
use self::side::Block;
use self::tables::{Shape, Tables};
use crate::baseline::not_negative;
use crate::error::ClassicError;
use crate::rating_matrix::{Entry, RatingMatrix, Stars};

const NAME: &str = "bayesian-fm";

/// More different ratings than this are no levels.
const MOST_LEVELS: usize = 20;

/// The approach `bayesian-fm`: a Bayesian factorization machine of ids, histories and features (Rendle 2012).
///
/// An epoch takes `n_ratings × embedding_size` steps; an answer `samples × embedding_size` for each item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BayesianFm {
    /// The number of factors of each column.
    pub embedding_size: NonZeroUsize,
    /// Epochs of each chain before the first of which samples are kept.
    pub burn_in: usize,
    /// Epochs of each chain after them.
    pub epochs: NonZeroUsize,
    /// Chains of samples, each from a start of its own, on a core of its own if there is one.
    pub chains: NonZeroUsize,
    /// How many samples are kept of all chains together, evenly among their epochs: at least one of each chain, and at
    /// most one of each epoch.
    pub samples: NonZeroUsize,
    /// Standard deviation of the initial factors.
    pub init_std: f32,
    /// What a rating is to the model.
    pub output: RatingModel,
    /// Whether a rating's time is read: its week, the user's day, the place in that day's session, and the age of the
    /// item. What is asked for without a time is predicted for the average moment of the user's own ratings. An
    /// evaluation gives times only where `[evaluate] row_times` grants them, and for stars alone.
    pub reads_time: bool,
}

/// What a rating is to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RatingModel {
    /// A number with normal noise.
    Gaussian,
    /// One of a few levels, whose distances are learned (ordered probit). Where there are more than 20 different
    /// ratings, `gaussian` takes its place.
    #[default]
    OrderedProbit,
}

impl Default for BayesianFm {
    fn default() -> Self {
        let number = |number| NonZeroUsize::new(number).expect("no default is 0");
        Self {
            embedding_size: number(10),
            burn_in: 30,
            epochs: number(120),
            chains: number(2),
            samples: number(120),
            init_std: 0.1,
            output: RatingModel::OrderedProbit,
            reads_time: false,
        }
    }
}

impl BayesianFm {
    fn settings(&self) -> Settings {
        let n_chains = self.chains.get();
        Settings {
            n_factors: self.embedding_size.get(),
            init_std: self.init_std,
            burn_in: self.burn_in,
            epochs: self.epochs.get(),
            n_chains,
            n_kept: (self.samples.get() / n_chains).clamp(1, self.epochs.get()),
        }
    }
}

impl Approach for BayesianFm {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: a Bayesian factorization machine of ids, histories and features";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "init_std", self.init_std.into())
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let Settings { n_chains, n_kept, n_factors, .. } = self.settings();
        let n_features = catalogue.user_features.names().len() + catalogue.item_features.names().len();
        let (width, n) = (n_factors.saturating_add(1), n_chains.saturating_mul(n_kept));
        // As they are drawn: sums, own columns and columns of histories; and as they are kept.
        let drawn = 3 * (catalogue.n_users() + catalogue.n_items()) + n_features;
        let kept = catalogue.n_users() + 2 * catalogue.n_items() + n_features;
        let need = Need::default().and("samples as drawn", &[drawn, width, n], 8);
        let need = need.and("samples as kept", &[kept, width, n], 4);
        // Where ratings are levels, what a sample expects leads to stars by a table.
        let need = need.and("curves", &[n, 1_300], 4);
        // Of each user a day and all others, and mostly more; ratings say how many.
        let days = if self.reads_time { 2 * catalogue.n_users() } else { 0 };
        let need = need.and("moments as kept", &[days, n], 12);
        need.lowered_by("samples").lowered_by("embedding_size")
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        Ok(Box::new(self.learn_model(train, run)?))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let moments = self.reads_time.then(|| Moments::load(weights, catalogue)).transpose()?;
        let n_moments = moments.as_ref().map_or(0, |moments| moments.sizes().iter().sum());
        let (shape, tables) = Tables::load(weights, n_moments, catalogue)?;
        let Settings { n_factors, n_chains, n_kept, .. } = self.settings();
        if (shape.embedding_size, shape.n_samples) != (n_factors, n_chains * n_kept) {
            let (size, n) = (shape.embedding_size, shape.n_samples);
            let reason = format!("its `{n}` samples of `{size}` factors are those of other options");
            return Err(LoadError::Weights { reason });
        }
        Ok(Box::new(BayesianFmModel::new(shape, tables, moments, catalogue)))
    }
}

impl BayesianFm {
    /// As [`Approach::learn`], but gives a model that says how sure it is.
    ///
    /// # Errors
    /// As [`Approach::learn`].
    pub fn learn_model(&self, train: &Train, run: &Run<'_>) -> Result<BayesianFmModel, FitError> {
        let (stars, catalogue) = (Stars::new(train, NAME)?, &train.catalogue);
        let users = block(&stars.by_user, &stars.by_item, &catalogue.user_features);
        let items = block(&stars.by_item, &stars.by_user, &catalogue.item_features);
        let (output, levels) = match self.output {
            RatingModel::Gaussian => (Output::Gaussian, Vec::new()),
            RatingModel::OrderedProbit => levels(&stars, run),
        };
        let settings = self.settings();
        if self.reads_time && train.fit.timestamps().iter().all(|time| time.is_none()) {
            run.progress.note(&format!("`{NAME}`: no training row has a time, so that `reads_time` reads nothing"));
        }
        let (moments, groups) = self.reads_time.then(|| Moments::of(train)).unzip();
        let groups = groups.unwrap_or_default();
        let blocks = [&users, &items];
        let mut samples = gibbs::samples(&stars, blocks, &groups, &output, settings, (NAME, catalogue), run)?;
        if let Some(moments) = &moments {
            samples.iter_mut().for_each(|sample| moments.settle(sample, &stars, &groups));
        }
        let shape = Shape { embedding_size: settings.n_factors, n_samples: samples.len(), levels };
        let tables = Tables::of(&samples, &shape, catalogue).ok_or(ClassicError::TooLarge { approach: NAME })?;
        Ok(BayesianFmModel::new(shape, tables, moments, catalogue))
    }
}

/// The columns of users, or of items: ids, what they met or who met them, features.
fn block(own: &RatingMatrix, met: &RatingMatrix, features: &Features) -> Block {
    let ids = (0..own.len()).map(|row| vec![Entry { row: row as u32, value: 1.0 }]).collect();
    let history = met.map(|_, entry| 1.0 / (own.of(entry.index()).len() as f64).sqrt());
    let values = features.matrix();
    let feature = |column: usize| {
        let entries = (0..own.len()).map(|row| Entry { row: row as u32, value: values.row(row)[column] });
        entries.filter(|entry| entry.value != 0.0).collect()
    };
    let features = (0..features.names().len()).map(feature).collect();
    Block { n_rows: own.len(), groups: vec![ids, history, features] }
}

/// The level of each rating, and the stars of each level.
fn levels(stars: &Stars, run: &Run<'_>) -> (Output, Vec<f32>) {
    let given = || stars.by_user.iter().flat_map(|(_, list)| list).map(|entry| entry.value);
    let mut levels: Vec<f32> = Vec::new();
    for stars in given() {
        if let Err(place) = levels.binary_search_by(|level| level.total_cmp(&stars)) {
            if levels.len() == MOST_LEVELS {
                run.progress.note(&format!(
                    "`{NAME}`: there are more than {MOST_LEVELS} different ratings: `output` is `gaussian`"
                ));
                return (Output::Gaussian, Vec::new());
            }
            levels.insert(place, stars);
        }
    }
    let of_ratings = given().map(|stars| levels.partition_point(|level| *level < stars) as u8).collect();
    (Output::Levels { of_ratings, n: levels.len() }, levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::{self, scores_of, three_users, visitor_like};
    use reco_core::{ApproachEntry, DeviceChoice, Progress, Silent};
    use serde_json::{Value, json};
    use std::sync::Mutex;

    const ENTRY: ApproachEntry = ApproachEntry::of::<BayesianFm>();

    fn fit(options: Value) -> Box<dyn Fitted> {
        tests::fit(&ENTRY, &options, &three_users().1)
    }

    #[test]
    fn whoever_rated_nothing_is_the_mean_of_all() {
        let (rows, _) = three_users();
        for output in ["gaussian", "ordered-probit"] {
            let fitted = fit(json!({ "output": output }));
            let near = |a: &[f32], b: &[f32], off: f32| a.iter().zip(b).all(|(a, b)| (a - b).abs() < off);
            let (dan, nobody) = (scores_of(&*fitted, 3), visitor_like(&*fitted, &rows, 3));
            assert!(near(&dan, &nobody, 1e-5), "{output}: {dan:?} {nobody:?}");
            // Their own column is drawn for a user, and its mean taken for a visitor.
            let (ann, visitor) = (scores_of(&*fitted, 0), visitor_like(&*fitted, &rows, 0));
            assert!(near(&ann, &visitor, 0.6), "{output}: {ann:?} {visitor:?}");
            assert!(ann[2] > ann[0] && visitor[2] > visitor[0], "{output}: {ann:?} {visitor:?}");
        }
    }

    #[test]
    fn times_that_are_read_change_stars_and_nothing_without_them() {
        // Stars fall from the first week to the second.
        let catalogue = Arc::new(reco_core::testing::catalogue(12, 12));
        let mut fit = reco_core::Interactions::builder(0);
        for (user, item) in (0..12).flat_map(|user| (0..12).map(move |item| (user, item))) {
            let (late, day) = ((user + item) % 2, i64::from((user * 5 + item * 3) % 3) * 86_400);
            let rating = catalogue.scale.rating([4.0, 2.0][late as usize]).unwrap();
            let (user, item) = (catalogue.users.at(user as usize).unwrap(), catalogue.items.at(item as usize).unwrap());
            let target = catalogue.scaling.target(item, rating);
            let timestamp = Some(day + 604_800 * i64::from(late));
            fit.push(reco_core::Interaction { user, item, rating: Some(rating), target, timestamp, context: &[] });
        }
        let train = Train { catalogue: Arc::clone(&catalogue), fit: fit.finish(), validation: None };
        let options = json!({ "reads_time": true, "epochs": 20, "samples": 20 });
        let fitted = tests::fit(&ENTRY, &options, &train);
        let items: Vec<_> = catalogue.items.indices().take(4).collect();
        let query = reco_core::Query { candidates: reco_core::Candidates::These(&items), ..tests::query(&*fitted, 0) };
        let at = |fitted: &dyn Fitted, times: [Option<i64>; 4]| {
            let mut scores = reco_core::Scores::new();
            fitted.score_at(&[query], &[&times], &mut scores).unwrap();
            scores.row(0).to_vec()
        };
        let found = at(&*fitted, [Some(0), Some(604_800), Some(86_400), None]);
        assert!(found[0] > 3.5 && found[1] < 2.5 && found[2] > 3.5, "{found:?}");
        // The average moment of the user's own ratings lies between.
        let untimed = scores_of(&*fitted, 0);
        assert_eq!(at(&*fitted, [None; 4]), untimed[..4]);
        assert!(found[3] == untimed[3] && (untimed[3] - 3.0).abs() < 0.6, "{untimed:?}");
        assert!(fitted.reads_time() && !fit_plain(&train).reads_time());
        let run = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };
        let approach = (ENTRY.configure)(&options).unwrap();
        let loaded = approach.load(fitted.save().unwrap(), &catalogue, &run).unwrap();
        let times = [Some(5), None, Some(700_000), Some(i64::MAX)];
        assert_eq!(at(&*loaded, times), at(&*fitted, times));
    }

    fn fit_plain(train: &Train) -> Box<dyn Fitted> {
        tests::fit(&ENTRY, &json!({ "epochs": 1, "burn_in": 0, "samples": 1 }), train)
    }

    #[test]
    fn samples_are_those_of_all_chains_together() {
        // Four users, five items twice, one feature of items that is no column of users, two rows of priors.
        let n_parameters = |options| fit(options).n_parameters();
        let numbers = |n_samples: usize| n_samples * 11 * (4 + 5 + 5 + 2) + n_samples * (2 + 4);
        assert_eq!(n_parameters(json!({ "epochs": 10, "samples": 7, "chains": 3 })), numbers(6));
        assert_eq!(n_parameters(json!({ "epochs": 10, "samples": 1, "chains": 3 })), numbers(3));
        assert_eq!(n_parameters(json!({ "epochs": 4, "samples": 100, "chains": 1 })), numbers(4));
    }

    #[test]
    fn many_different_ratings_are_numbers() {
        struct Notes(Mutex<Vec<String>>);
        impl Progress for Notes {
            fn note(&self, text: &str) {
                self.0.lock().unwrap().push(text.to_owned());
            }
        }
        let rows: Vec<_> = (0..30).map(|at| (at % 4, at / 4, 1.0 + at as f32 / 10.0)).collect();
        let train = tests::train(4, 8, &rows);
        let notes = Notes(Mutex::default());
        let options = BayesianFm { epochs: NonZeroUsize::new(3).unwrap(), ..BayesianFm::default() };
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &notes };
        let model = options.learn_model(&train, &run).unwrap();
        assert!(model.shape.levels.is_empty());
        let noted = notes.0.lock().unwrap().concat();
        assert_eq!(noted, "`bayesian-fm`: there are more than 20 different ratings: `output` is `gaussian`");
        let few = options.learn_model(&three_users().1, &Run { progress: &Silent, ..run }).unwrap();
        assert_eq!(few.shape.levels, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!([0.0, 2.6, 9.0].map(|stars| few.level(stars)), [0, 2, 4]);
    }
}
