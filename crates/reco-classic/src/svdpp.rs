//! SVD++: matrix factorisation with biases and implicit feedback (Koren 2008, "Factorization Meets the Neighborhood").
//!
//! A score is `mean + b_u + b_i + q_i · (p_u + |N(u)|^-½ Σ_j y_j)` over the items `j` that the user rated (equation
//! 15), clamped to the rating scale. Trained by stochastic gradient descent, a rating at a time, as Surprise's `SVDpp`
//! is: every number moves by `rate · (e · x - reg · itself)`, where `e` is the error and `x` what the number is
//! multiplied with, but for `y`. A rating moves all `y_j` of its user alike, by `rate · e · |N(u)|^-½ q_i`, so that
//! they are moved at once after the user's last rating, and drawn to 0 once for each user. Does not know features or
//! contexts.
//!
//! **Invariant**: a user or an item without training rows adds 0; one thread trains, so that their number changes no
//! bit.

use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::dot::Vectors;
use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::random::normals;
use reco_core::{
    Approach, Catalogue, Explanation, FitError, Fitted, ItemIdx, LoadError, Loaded, Matrix, Progress, Query,
    Recommender, Requirement, Run, ScoreError, ScoreKind, Scores, Train, Weights, Who, parallel,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::rating_matrix::{Entry, Stars, in_stars};
use crate::terms;

const NAME: &str = "svdpp";

/// Users between two checks for an interruption.
const USERS: usize = 256;

/// The approach `svdpp`: matrix factorisation with biases and implicit feedback (Koren 2008, equation 15).
///
/// An epoch takes `n_ratings × embedding_size` steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvdPlusPlus {
    /// Width of each embedding: of users, of items, and of having rated an item.
    pub embedding_size: NonZeroUsize,
    /// Passes over all ratings.
    pub epochs: usize,
    /// Standard deviation of the initial embeddings; biases start at 0.
    pub init_std: f32,
    /// How far a number moves at each rating of the first epoch.
    pub learning_rate: f32,
    /// What each further epoch multiplies that with, at most 1.
    pub learning_rate_decay: f32,
    /// Regularisation: how strongly embeddings are drawn to 0, per rating.
    pub reg: f32,
    /// The same for biases.
    pub bias_reg: f32,
}

impl Default for SvdPlusPlus {
    fn default() -> Self {
        Self {
            embedding_size: NonZeroUsize::new(20).expect("20 is not 0"),
            epochs: 60,
            init_std: 0.1,
            learning_rate: 0.007,
            learning_rate_decay: 0.97,
            reg: 0.15,
            bias_reg: 0.03,
        }
    }
}

impl Approach for SvdPlusPlus {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: biases and tastes, those shown by what was rated among them (SVD++)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "init_std", self.init_std.into())?;
        not_negative(place, "learning_rate", self.learning_rate.into())?;
        not_negative(place, "reg", self.reg.into())?;
        not_negative(place, "bias_reg", self.bias_reg.into())?;
        let decay = self.learning_rate_decay;
        if (0.0..=1.0).contains(&decay) {
            return Ok(());
        }
        let reason = format!("`learning_rate_decay` is `{decay}`\nhint: it is a number from 0 to 1");
        Err(OptionsError::Value { place: place.to_owned(), reason })
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let rows = catalogue.n_users() + 2 * catalogue.n_items();
        Need::default()
            .and("rows of users and items", &[rows, self.embedding_size.get()], 4)
            .lowered_by("embedding_size")
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let stars = Stars::new(train, NAME)?;
        let catalogue = &train.catalogue;
        let left = run.epochs_from_checkpoint(NAME, catalogue, self.epochs, |state| {
            Learned::take(self.embedding_size.get(), state, catalogue)
        });
        let (n_done, mut learned) = left.unwrap_or_else(|| (0, Learned::new(*self, &stars, run.seed)));
        run.progress.begin(NAME, self.epochs, stars.len());
        run.progress.skip(n_done.saturating_mul(stars.len()));
        for epoch in n_done..self.epochs {
            run.keep_epochs_if_due(NAME, catalogue, epoch, |state| learned.save(state));
            let loss = learned.epoch(&stars, self.rate(epoch), *self, run.progress) / stars.len() as f64;
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            if !(loss.is_finite() && learned.is_finite()) {
                return Err(FitError::Diverged { approach: NAME, epoch: epoch + 1, loss });
            }
            run.progress.advance(stars.len());
        }
        run.progress.end();
        learned.finish(&stars);
        if !learned.is_finite() {
            return Err(FitError::Diverged { approach: NAME, epoch: self.epochs, loss: f64::INFINITY });
        }
        Ok(Box::new(Model { options: *self, learned, catalogue: Arc::clone(catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let learned = Learned::take(self.embedding_size.get(), weights, catalogue)?;
        Ok(Box::new(Model { options: *self, learned, catalogue: Arc::clone(catalogue) }))
    }
}

impl SvdPlusPlus {
    fn rate(&self, epoch: usize) -> f32 {
        self.learning_rate * libm::powf(self.learning_rate_decay, epoch as f32)
    }
}

/// What is learned. Rows are end to end, `size` numbers each.
#[derive(Clone, Debug, PartialEq)]
struct Learned {
    size: usize,
    mean: f32,
    user_biases: Vec<f32>,
    item_biases: Vec<f32>,
    /// While learning, `p`; then `p` and what was rated, together.
    users: Vec<f32>,
    items: Vec<f32>,
    /// Of having rated an item.
    rated: Vec<f32>,
}

impl Learned {
    fn new(options: SvdPlusPlus, stars: &Stars, seed: u64) -> Self {
        let size = options.embedding_size.get();
        let rows = |table: u32, known: Vec<bool>| -> Vec<f32> {
            let row = |(row, known): (usize, bool)| {
                let std = if known { options.init_std } else { 0.0 };
                normals(seed, table, row as u32).take(size).map(move |normal| std * normal)
            };
            known.into_iter().enumerate().flat_map(row).collect()
        };
        let users: Vec<bool> = stars.by_user.iter().map(|(_, list)| !list.is_empty()).collect();
        let items: Vec<bool> = stars.by_item.iter().map(|(_, list)| !list.is_empty()).collect();
        Self {
            size,
            mean: stars.mean as f32,
            user_biases: vec![0.0; users.len()],
            item_biases: vec![0.0; items.len()],
            users: rows(0, users),
            items: rows(1, items.clone()),
            rated: rows(2, items),
        }
    }

    /// One pass over all ratings, or over some if it is asked to stop; returns the sum of absolute errors, each taken
    /// before its step.
    fn epoch(&mut self, stars: &Stars, rate: f32, options: SvdPlusPlus, progress: &dyn Progress) -> f64 {
        let size = self.size;
        let (keep, bias_keep) = (1.0 - rate * options.reg, 1.0 - rate * options.bias_reg);
        let mut loss = 0.0;
        for (user, list) in stars.by_user.iter().filter(|(_, list)| !list.is_empty()) {
            if user % USERS == 0 && progress.interrupted() {
                break;
            }
            let mut rated = vec![0.0; size];
            self.add_rated(list, &mut rated);
            let before = rated.clone();
            let p = &mut self.users[user * size..][..size];
            for entry in list {
                let q = &mut self.items[entry.index() * size..][..size];
                let (user_bias, item_bias) = (&mut self.user_biases[user], &mut self.item_biases[entry.index()]);
                let pairs: f32 = p.iter().zip(&rated).zip(&*q).map(|((p, rated), q)| (p + rated) * q).sum();
                let error = entry.value - (self.mean + *user_bias + *item_bias + pairs);
                loss += f64::from(error.abs());
                let step = rate * error;
                *user_bias = bias_keep * *user_bias + step;
                *item_bias = bias_keep * *item_bias + step;
                for ((p, rated), q) in p.iter_mut().zip(&mut rated).zip(q) {
                    let (old_row, old_q) = (*p + *rated, *q);
                    *p = keep * *p + step * old_q;
                    *rated += step * old_q;
                    *q = keep * old_q + step * old_row;
                }
            }
            let share = share(list);
            for entry in list {
                let numbers = self.rated[entry.index() * size..][..size].iter_mut();
                let moved = rated.iter().zip(&before).map(|(after, before)| share * (after - before));
                numbers.zip(moved).for_each(|(number, moved)| *number = keep * *number + moved);
            }
        }
        loss
    }

    /// A user's `p` and what they rated, together.
    fn user(&self, user: usize, list: &[Entry]) -> Vec<f32> {
        let mut row = self.users[user * self.size..][..self.size].to_vec();
        self.add_rated(list, &mut row);
        row
    }

    /// Adds `|N(u)|^-½ Σ_j y_j`.
    fn add_rated(&self, list: &[Entry], row: &mut [f32]) {
        let share = share(list);
        for entry in list {
            let rated = &self.rated[entry.index() * self.size..][..self.size];
            row.iter_mut().zip(rated).for_each(|(sum, number)| *sum += share * number);
        }
    }

    /// Makes the users' rows those that answers are computed from.
    fn finish(&mut self, stars: &Stars) {
        for (user, list) in stars.by_user.iter() {
            let row = self.user(user, list);
            self.users[user * self.size..][..self.size].copy_from_slice(&row);
        }
    }

    /// Adds all of it to `weights`.
    fn save(&self, weights: Weights) -> Weights {
        let Self { size, mean, user_biases, item_biases, users, items, rated } = self;
        let (n_users, n_items) = (user_biases.len(), item_biases.len());
        weights
            .with("mean", &[], [*mean])
            .with("users.bias", &[n_users], user_biases.iter().copied())
            .with("items.bias", &[n_items], item_biases.iter().copied())
            .with("users.embedding", &[n_users, *size], users.iter().copied())
            .with("items.embedding", &[n_items, *size], items.iter().copied())
            .with("items.rated", &[n_items, *size], rated.iter().copied())
    }

    /// Takes out what [`Learned::save`] added.
    fn take(size: usize, weights: &mut Weights, catalogue: &Catalogue) -> Result<Self, LoadError> {
        let (n_users, n_items) = (catalogue.n_users(), catalogue.n_items());
        Ok(Self {
            size,
            mean: weights.take_one("mean")?,
            user_biases: weights.take("users.bias", &[n_users])?,
            item_biases: weights.take("items.bias", &[n_items])?,
            users: weights.take("users.embedding", &[n_users, size])?,
            items: weights.take("items.embedding", &[n_items, size])?,
            rated: weights.take("items.rated", &[n_items, size])?,
        })
    }

    fn all(&self) -> [&Vec<f32>; 5] {
        [&self.user_biases, &self.item_biases, &self.users, &self.items, &self.rated]
    }

    fn is_finite(&self) -> bool {
        self.all().into_iter().flatten().all(|number| number.is_finite())
    }
}

/// `|N(u)|^-½`
fn share(list: &[Entry]) -> f32 {
    1.0 / (list.len() as f32).sqrt()
}

struct Model {
    options: SvdPlusPlus,
    learned: Learned,
    catalogue: Arc<Catalogue>,
}

impl Model {
    /// The asker's bias and row.
    fn asker(&self, who: &Who<'_>) -> (f32, Vec<f32>) {
        let size = self.learned.size;
        match who {
            Who::Known(user) => {
                let user = user.index();
                (self.learned.user_biases[user], self.learned.users[user * size..][..size].to_vec())
            }
            Who::Visitor { history, .. } => self.fold_in(&in_stars(history, &self.catalogue)),
        }
    }

    /// The bias and the row of someone new: the same descent from zeros, with all numbers of items fixed.
    fn fold_in(&self, list: &[Entry]) -> (f32, Vec<f32>) {
        let Learned { size, mean, items, item_biases, .. } = &self.learned;
        let mut rated = vec![0.0; *size];
        self.learned.add_rated(list, &mut rated);
        let (mut bias, mut row) = (0.0, vec![0.0; *size]);
        for epoch in 0..self.options.epochs {
            let rate = self.options.rate(epoch);
            let (keep, bias_keep) = (1.0 - rate * self.options.reg, 1.0 - rate * self.options.bias_reg);
            for entry in list {
                let q = &items[entry.index() * size..][..*size];
                let pairs: f32 = row.iter().zip(&rated).zip(q).map(|((p, rated), q)| (p + rated) * q).sum();
                let step = rate * (entry.value - (mean + bias + item_biases[entry.index()] + pairs));
                bias = bias_keep * bias + step;
                row.iter_mut().zip(q).for_each(|(p, q)| *p = keep * *p + step * q);
            }
        }
        let row: Vec<f32> = row.iter().zip(rated).map(|(p, rated)| p + rated).collect();
        match bias.is_finite() && row.iter().all(|number| number.is_finite()) {
            true => (bias, row),
            // The descent flew off: nothing is known of them.
            false => (0.0, vec![0.0; *size]),
        }
    }

    /// What the score adds up: the mean, both biases and the product.
    fn parts(&self, (bias, row): &(f32, Vec<f32>), item: usize) -> [(&'static str, f64); 4] {
        let Learned { size, mean, items, item_biases, .. } = &self.learned;
        terms::factorised([*mean, *bias, item_biases[item]], row, &items[item * size..][..*size])
    }
}

impl Recommender for Model {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        let rows: Vec<_> = queries.iter().zip(out.rows_mut()).collect();
        parallel::each(
            rows,
            || (),
            |(), (query, scores)| {
                let asker = self.asker(&query.who);
                let scale = self.catalogue.scale;
                query.candidates.write(scores, |item| terms::clipped(terms::sum(&self.parts(&asker, item)), scale));
            },
        );
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let asker = self.asker(&query.who);
        let explain = |item: &ItemIdx| terms::of_parts(&self.parts(&asker, item.index()), self.catalogue.scale);
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        1 + self.learned.all().into_iter().map(Vec::len).sum::<usize>()
    }

    fn vectors(&self) -> Result<Option<Vectors>, ScoreError> {
        let Learned { size, mean, items, item_biases, .. } = &self.learned;
        let joined = |rows: &mut dyn Iterator<Item = (Vec<f32>, [f32; 2])>, n: usize| {
            let values = rows.flat_map(|(row, ends)| row.into_iter().chain(ends)).collect();
            Matrix::new(n, size + 2, values).expect("each row has as many numbers")
        };
        let known = self.catalogue.users.indices().map(|user| self.asker(&Who::Known(user)));
        let mut users = known.map(|(bias, row)| (row, [mean + bias, 1.0]));
        let mut rows = items.chunks(*size).zip(item_biases).map(|(row, bias)| (row.to_vec(), [1.0, *bias]));
        Ok(Some(Vectors {
            users: joined(&mut users, self.catalogue.n_users()),
            items: joined(&mut rows, self.catalogue.n_items()),
            bounds: Some((self.catalogue.scale.min(), self.catalogue.scale.max())),
        }))
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(false));
        let learned = Learned { user_biases: Vec::new(), users: Vec::new(), ..self.learned.clone() };
        Some(Box::new(Self { options: self.options, learned, catalogue }))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        Ok(self.learned.save(Weights::new(NAME, &self.catalogue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::{self, scores_of, three_users, visitor_like};
    use reco_core::ApproachEntry;
    use serde_json::{Value, json};

    const ENTRY: ApproachEntry = ApproachEntry::of::<SvdPlusPlus>();

    fn fit(options: Value) -> Box<dyn Fitted> {
        tests::fit(&ENTRY, &options, &three_users().1)
    }

    #[test]
    fn an_epoch_is_the_descent_of_the_paper_written_out() {
        let options =
            SvdPlusPlus { embedding_size: NonZeroUsize::new(3).unwrap(), init_std: 0.5, ..Default::default() };
        let stars = Stars::new(&three_users().1, "x").unwrap();
        let mut found = Learned::new(options, &stars, 7);
        let mut slow = found.clone();
        let (rate, size) = (0.05, 3);
        found.epoch(&stars, rate, options, &reco_core::Silent);
        for (user, list) in stars.by_user.iter() {
            let before = slow.rated.clone();
            for entry in list {
                let (item, row) = (entry.index(), slow.user(user, list));
                let q = slow.items[item * size..][..size].to_vec();
                let pairs: f32 = row.iter().zip(&q).map(|(p, q)| p * q).sum();
                let error = entry.value - (slow.mean + slow.user_biases[user] + slow.item_biases[item] + pairs);
                let step = |number: &mut f32, x: f32, reg: f32| *number += rate * (error * x - reg * *number);
                step(&mut slow.user_biases[user], 1.0, options.bias_reg);
                step(&mut slow.item_biases[item], 1.0, options.bias_reg);
                for at in 0..size {
                    step(&mut slow.users[user * size + at], q[at], options.reg);
                    step(&mut slow.items[item * size + at], row[at], options.reg);
                    for rated in list {
                        step(&mut slow.rated[rated.index() * size + at], share(list) * q[at], 0.0);
                    }
                }
            }
            for number in list.iter().flat_map(|rated| rated.index() * size..(rated.index() + 1) * size) {
                slow.rated[number] -= rate * options.reg * before[number];
            }
        }
        for (found, slow) in found.all().into_iter().zip(slow.all()) {
            assert!(found.iter().zip(slow).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {slow:?}");
        }
    }

    #[test]
    fn whoever_rated_nothing_gets_the_mean_and_the_items() {
        let fitted = fit(json!({}));
        let dan = scores_of(&*fitted, 3);
        assert_eq!(dan[4], (28.0_f64 / 9.0) as f32, "item 4 adds nothing either");
        assert_eq!(visitor_like(&*fitted, &three_users().0, 3), dan);
        assert_eq!(fitted.n_parameters(), 1 + (4 + 5) * 21 + 5 * 20);
    }

    #[test]
    fn a_visitor_is_learned_from_what_they_rated() {
        let (rows, _) = three_users();
        let fitted = fit(json!({ "epochs": 300, "learning_rate": 0.02, "learning_rate_decay": 1.0, "reg": 0.02 }));
        let ann = visitor_like(&*fitted, &rows, 0);
        assert!(ann.iter().zip([1.0, 3.0, 5.0]).all(|(found, given)| (found - given).abs() < 0.5), "{ann:?}");
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let error = (ENTRY.configure)(&json!({ "learning_rate_decay": 1.5 })).err().unwrap().to_string();
        assert_eq!(error, "[[approach]] svdpp: `learning_rate_decay` is `1.5`\nhint: it is a number from 0 to 1");
    }
}
