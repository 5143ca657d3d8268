//! Shallow linear autoencoder over users, with features of items (Steck 2019, "Embarrassingly Shallow Autoencoders for
//! Sparse Data", equation 8, for the transposed matrix; dropout as in Steck 2020, "Autoencoders that don't overfit
//! towards the Identity").
//!
//! What a user met is predicted from what others met: with `X` a column for each user and a row for each item,
//! `P = (XᵀX + reg · I)⁻¹` gives user `v` the weight `-P_vu / P_uu` for user `u`, and a score is the sum of the weights
//! of those who met the item. Features of items are further columns. A new user's weights are the ridge regression of
//! their history on all columns. A fit costs n³ multiplications for n users and features, and n² numbers; an answer as
//! many additions as there are training rows. Does not know stars, times, attributes of users or contexts.
//!
//! **Invariant**: a user's own column never counts for them; an item scores alike alone and among all.

use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, Cause, EachQuery, Explanation, FitError, Fitted, ItemIdx, Loaded, Matrix, Progress, Query,
    Run, ScoreError, Seen, Term, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::error::ClassicError;
use crate::inverse::Symmetric;
use crate::terms::part;

const NAME: &str = "user-ease";

/// The approach `user-ease`: a linear autoencoder over users in closed form (Steck 2019, transposed).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserEase {
    /// Regularisation: added to the diagonal of how many items two users have both met.
    pub reg: f64,
    /// The share of met items that are dropped at random in training, in expectation (Steck 2020, equation 8).
    pub dropout: f64,
    /// How much a feature of items counts, as a further user who met the items that have it; 0 leaves features out.
    pub item_features: f64,
}

impl Default for UserEase {
    fn default() -> Self {
        Self { reg: 400.0, dropout: 0.4, item_features: 1.0 }
    }
}

impl UserEase {
    /// How many features count.
    fn n_features(&self, catalogue: &Catalogue) -> usize {
        if self.item_features > 0.0 { catalogue.item_features.names().len() } else { 0 }
    }

    fn n_columns(&self, catalogue: &Catalogue) -> usize {
        catalogue.n_users() + self.n_features(catalogue)
    }

    /// `XᵀX` with what regularises it; users first, then features. Not whole if it is asked to stop.
    fn co_occurrences(&self, catalogue: &Catalogue, met: &[Seen], progress: &dyn Progress) -> Symmetric {
        let (n_users, weight) = (catalogue.n_users(), self.item_features);
        let users = Seen::by_item(met, catalogue.n_items());
        let features = catalogue.item_features.matrix();
        Symmetric::regularised(self.n_columns(catalogue), self.reg, self.dropout, progress, |row, sums| {
            if let Some(met) = met.get(row) {
                for item in met.items() {
                    let users = &users[item.index()];
                    users.iter().take_while(|user| **user as usize <= row).for_each(|user| sums[*user as usize] += 1.0);
                }
            } else {
                let own = row - n_users;
                for (item, users) in users.iter().enumerate() {
                    let values = features.row(item);
                    let value = weight * f64::from(values[own]);
                    if value != 0.0 {
                        users.iter().for_each(|user| sums[*user as usize] += value);
                        let others = sums[n_users..].iter_mut().zip(values);
                        others.for_each(|(sum, other)| *sum += value * weight * f64::from(*other));
                    }
                }
            }
        })
    }
}

impl Approach for UserEase {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "lists: what people like you met, and features of items (linear autoencoder)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let Self { reg, dropout, item_features } = *self;
        for (key, value) in [("reg", reg), ("dropout", dropout), ("item_features", item_features)] {
            not_negative(place, key, value)?;
        }
        let refuse = |reason| Err(OptionsError::Value { place: place.to_owned(), reason });
        if dropout >= 1.0 {
            return refuse(format!("`dropout` is `{dropout}`\nhint: it is a share, below 1"));
        }
        if reg == 0.0 {
            return refuse("`reg` is `0`\nhint: it is above 0".to_owned());
        }
        Ok(())
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let n = self.n_columns(catalogue);
        Need::default().and("co-occurrences of users and features", &[n, n], 8).with(self.memory_to_load(catalogue))
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        let n = self.n_columns(catalogue);
        Need::default().and("weights of users", &[n, n], 4)
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let catalogue = &train.catalogue;
        let (n, n_users) = (self.n_columns(catalogue), catalogue.n_users());
        let met = Seen::by_user(n_users, [&train.fit]);
        run.progress.begin(NAME, 1, 1);
        let inverse = self.co_occurrences(catalogue, &met, run.progress).inverted(run.progress)?;
        let inverse = inverse.ok_or(ClassicError::Singular { approach: NAME })?;
        // Columns of features are the features times their weight: that stands in the weights, so that sums are over
        // the features themselves.
        let scale = |column: usize| if column < n_users { 1.0 } else { self.item_features };
        let mut weights = Matrix::zeros(n, n);
        for row in 0..n {
            for (column, weight) in weights.row_mut(row).iter_mut().enumerate().filter(|(column, _)| *column != row) {
                *weight = (-scale(column) * inverse.at(row, column) / inverse.at(row, row)) as f32;
            }
        }
        let diagonal: Vec<f64> = (0..n).map(|at| scale(at) * inverse.at(at, at)).collect();
        if !weights.values().iter().all(|weight| weight.is_finite()) {
            return Err(ClassicError::Singular { approach: NAME }.into());
        }
        run.progress.end();
        Ok(Box::new(Model::new(*self, weights, diagonal, met, catalogue)))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let n = self.n_columns(catalogue);
        let numbers = Matrix::new(n, n, weights.take("weights", &[n, n])?);
        let numbers = numbers.expect("a tensor has the shape that was asked for");
        let diagonal = weights.take("diagonal", &[n])?;
        let met = Seen::load(weights, catalogue)?;
        Ok(Box::new(Model::new(*self, numbers, diagonal, met, catalogue)))
    }
}

struct Model {
    options: UserEase,
    /// `[n_users + n_features, n_users + n_features]`: a row has what each column counts for one.
    weights: Matrix,
    /// Of `P`, times the weight of features.
    diagonal: Vec<f64>,
    /// What each user met in training.
    met: Vec<Seen>,
    /// Who met each item.
    users: Vec<Vec<u32>>,
    catalogue: Arc<Catalogue>,
}

impl Model {
    fn new(options: UserEase, weights: Matrix, diagonal: Vec<f64>, met: Vec<Seen>, catalogue: &Arc<Catalogue>) -> Self {
        let users = Seen::by_item(&met, catalogue.n_items());
        Self { options, weights, diagonal, met, users, catalogue: Arc::clone(catalogue) }
    }

    /// What each column counts for the asker.
    fn asker(&self, who: &Who<'_>) -> Vec<f32> {
        let history = match who {
            Who::Known(user) => return self.weights.row(user.index()).to_vec(),
            Who::Visitor { history, .. } => Seen::of(history),
        };
        let n_users = self.catalogue.n_users();
        let features = self.catalogue.item_features.matrix();
        // `Xᵀ` times the history.
        let mut met = vec![0.0; self.diagonal.len()];
        for item in history.items() {
            self.users[item.index()].iter().for_each(|user| met[*user as usize] += 1.0);
            met[n_users..].iter_mut().zip(features.row(item.index())).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let mut counted = vec![0.0; met.len()];
        for (column, (met, diagonal)) in met.iter().zip(&self.diagonal).enumerate().filter(|(_, (met, _))| **met != 0.0)
        {
            let value = met * diagonal;
            counted
                .iter_mut()
                .zip(self.weights.row(column))
                .for_each(|(sum, weight)| *sum -= value * f64::from(*weight));
            counted[column] += if column < n_users { value } else { value * self.options.item_features };
        }
        counted.into_iter().map(|number| number as f32).collect()
    }

    /// What people and features add to the score of `item`.
    fn added(&self, counted: &[f32], item: usize) -> [f32; 2] {
        let (users, features) = counted.split_at(self.catalogue.n_users());
        let people = self.users[item].iter().map(|user| users[*user as usize]).sum();
        let own = self.catalogue.item_features.matrix().row(item);
        [people, features.iter().zip(own).map(|(weight, x)| weight * x).sum()]
    }
}

impl EachQuery for Model {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let counted = self.asker(&query.who);
        query.candidates.write(scores, |item| self.added(&counted, item).iter().sum());
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let counted = self.asker(&query.who);
        let n_users = self.catalogue.n_users();
        let features = &self.catalogue.item_features;
        let explain = |item: &ItemIdx| {
            let [people, of_features] = self.added(&counted, item.index());
            let mut terms = vec![part("people who met it", people.into())];
            let own = features.matrix().row(item.index());
            for ((name, x), weight) in features.names().iter().zip(own).zip(&counted[n_users..]) {
                if *x != 0.0 {
                    terms.push(Term {
                        cause: Cause::Feature { name: name.clone(), weight: *weight },
                        effect: x * weight,
                    });
                }
            }
            Explanation { score: people + of_features, terms, without: Vec::new() }
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        self.weights.values().len()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let n = self.weights.n_rows();
        let weights = Seen::save(&self.met, Weights::new(NAME, &self.catalogue));
        let weights = weights.with("weights", &[n, n], self.weights.values().iter().copied());
        Ok(weights.with("diagonal", &[n], self.diagonal.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::{ApproachEntry, RawInteraction, Visitor};
    use serde_json::json;

    /// Ann and Bob have one item in common. Ann met 2, Bob met 2, one is Sci-Fi: Alien, which both met.
    fn model(options: UserEase) -> reco_core::Model {
        let met = [("ann", "Alien"), ("ann", "Brazil"), ("bob", "Alien"), ("bob", "Casablanca")];
        let features = [("Alien", vec![1.0]), ("Brazil", vec![0.0]), ("Casablanca", vec![0.0])];
        let builder = Train::builder().item_features(["Sci-Fi"], features);
        let train = builder.rows(met.map(|(user, item)| RawInteraction::event(user, item))).build().unwrap();
        options.fit(&train, &Run::default()).unwrap()
    }

    const PLAIN: UserEase = UserEase { reg: 1.0, dropout: 0.0, item_features: 0.0 };

    fn near(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn weights_by_hand() {
        let scores = |options, user: &str| model(options).score_items(user, ["Alien", "Brazil", "Casablanca"]).unwrap();
        // P = [[3, 1], [1, 3]]⁻¹ ~ [[3, -1], [-1, 3]]: Bob counts 1/3 for Ann, with what he met.
        near(&scores(PLAIN, "ann"), &[1.0 / 3.0, 0.0, 1.0 / 3.0]);
        // Half dropped: the diagonal is 1 + 2 · 2. P = [[5, 1], [1, 5]]⁻¹
        near(&scores(UserEase { dropout: 0.5, ..PLAIN }, "bob"), &[1.0 / 5.0, 1.0 / 5.0, 0.0]);
        // The feature is a third user who met Alien, and counts twice: 2, 2 and 4 in common.
        // P = [[3, 1, 2], [1, 3, 2], [2, 2, 5]]⁻¹ ~ [[11, -1, -4], [-1, 11, -4], [-4, -4, 8]]
        let expected = [1.0 / 11.0 + 2.0 * 4.0 / 11.0, 0.0, 1.0 / 11.0];
        near(&scores(UserEase { item_features: 2.0, ..PLAIN }, "ann"), &expected);
    }

    #[test]
    fn a_visitor_is_a_regression_on_all_columns() {
        let model = model(UserEase { item_features: 2.0, ..PLAIN });
        // Who met Alien: Xᵀx = [1, 1, 2]; P of the test above, / 24, gives [2, 2, 8] / 24, and Sci-Fi counts twice.
        let scores = model.score_items(Visitor::new().met("Alien"), ["Alien", "Brazil"]).unwrap();
        near(&scores, &[(2.0 + 2.0 + 2.0 * 8.0) / 24.0, 2.0 / 24.0]);
        near(&model.score_items(Visitor::new(), ["Alien"]).unwrap(), &[0.0]);
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let refuse = |given| (ApproachEntry::of::<UserEase>().configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "dropout": 1 })).ends_with("`dropout` is `1`\nhint: it is a share, below 1"));
        assert!(refuse(json!({ "reg": 0 })).contains("`reg` is `0`"));
        assert!(refuse(json!({ "item_features": -1 })).contains("`item_features` is `-1`"));
    }
}
