//! Ridge regression of what a user met on the features of items, which ranks items that nobody met.
//!
//! With `F` the features of the items that someone met, a row each, and a column of ones, a user who met the items `x`
//! has the weights `(FᵀF + reg · I)⁻¹ Fᵀ x` (Hoerl and Kennard 1970, "Ridge Regression"; of users over items'
//! features, as in Gantner et al. 2010, "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations",
//! section 3): the sum of a column of `(FᵀF + reg · I)⁻¹ Fᵀ` for each item met. A score is weights times features.
//! Costs m² numbers and m³ multiplications for m features. Does not know stars, users' attributes or contexts.
//!
//! **Invariant**: the score of an item depends on its features alone; a visitor with a user's history gets that user's
//! scores, to the bit.

use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, Cause, EachQuery, Explanation, FitError, Fitted, ItemIdx, Loaded, Query, Requirement, Run,
    ScoreError, Seen, Term, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::error::ClassicError;
use crate::inverse::Symmetric;
use crate::terms::part;

const NAME: &str = "item-features";

/// The approach `item-features`: what has the features of what the user met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemFeatures {
    /// Regularisation of a user's weights.
    pub reg: f64,
}

impl Default for ItemFeatures {
    fn default() -> Self {
        Self { reg: 100.0 }
    }
}

impl Approach for ItemFeatures {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "lists: what has the features of what you met, rated by others or not (ridge)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "reg", self.reg)?;
        if self.reg == 0.0 {
            let reason = "`reg` is `0`\nhint: a number above 0, such as `100`".to_owned();
            return Err(OptionsError::Value { place: place.to_owned(), reason });
        }
        Ok(())
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::ItemFeatures]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let catalogue = &train.catalogue;
        let met = Seen::by_user(catalogue.n_users(), [&train.fit]);
        let mut items = vec![false; catalogue.n_items()];
        train.fit.items().iter().for_each(|item| items[item.index()] = true);
        // An item that nobody met says nothing of what users do not like.
        let trained = || (0..items.len()).filter(|item| items[*item]);
        let n_features = catalogue.item_features.names().len() + 1;
        let mut sums = Symmetric::zeros(n_features);
        for (row, sums) in sums.rows_mut() {
            for item in trained() {
                let own = feature(catalogue, item, row);
                if own != 0.0 {
                    sums.iter_mut()
                        .enumerate()
                        .for_each(|(column, sum)| *sum += own * feature(catalogue, item, column));
                }
            }
            sums[row] += self.reg;
        }
        let inverse = sums.inverted(run.progress)?.ok_or(ClassicError::Singular { approach: NAME })?;
        let weight = |item: usize, row: usize| {
            (0..n_features).map(|column| inverse.at(row, column) * feature(catalogue, item, column)).sum::<f64>() as f32
        };
        let weights = (0..items.len())
            .flat_map(|item| (0..n_features).map(move |row| (item, row)))
            .map(|(item, row)| if items[item] { weight(item, row) } else { 0.0 })
            .collect();
        Ok(Box::new(Model { weights, met, catalogue: Arc::clone(catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let shape = [catalogue.n_items(), catalogue.item_features.names().len() + 1];
        let numbers = weights.take("items.weight", &shape)?;
        let met = Seen::load(weights, catalogue)?;
        Ok(Box::new(Model { weights: numbers, met, catalogue: Arc::clone(catalogue) }))
    }
}

/// A feature of an item; the last is 1 for every item.
fn feature(catalogue: &Catalogue, item: usize, column: usize) -> f64 {
    catalogue.item_features.matrix().row(item).get(column).map_or(1.0, |value| f64::from(*value))
}

struct Model {
    /// `[n_items, n_features + 1]`: what having met an item adds to the weight of each feature.
    weights: Vec<f32>,
    /// What each user met in training.
    met: Vec<Seen>,
    catalogue: Arc<Catalogue>,
}

impl Model {
    /// The asker's weight of each feature, and of the ones.
    fn asker(&self, who: &Who<'_>) -> Vec<f32> {
        let n_features = self.catalogue.item_features.names().len() + 1;
        let mut weights = vec![0.0; n_features];
        for item in Seen::of_asker(&self.met, who).items() {
            let added = &self.weights[item.index() * n_features..][..n_features];
            weights.iter_mut().zip(added).for_each(|(weight, added)| *weight += added);
        }
        weights
    }

    /// What each feature that `item` has adds to its score, by its column.
    fn effects<'a>(&'a self, weights: &'a [f32], item: usize) -> impl Iterator<Item = (usize, f32)> + 'a {
        let own = self.catalogue.item_features.matrix().row(item).iter().chain([&1.0]).zip(weights).enumerate();
        own.filter(|(_, (value, _))| **value != 0.0).map(|(column, (value, weight))| (column, value * weight))
    }
}

impl EachQuery for Model {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let weights = self.asker(&query.who);
        query.candidates.write(scores, |item| self.effects(&weights, item).map(|(_, effect)| effect).sum());
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let weights = self.asker(&query.who);
        let names = self.catalogue.item_features.names();
        let explain = |item: &ItemIdx| {
            let term = |(column, effect): (usize, f32)| match names.get(column) {
                Some(name) => Term { cause: Cause::Feature { name: name.clone(), weight: weights[column] }, effect },
                None => part("any item", effect.into()),
            };
            let terms: Vec<Term> = self.effects(&weights, item.index()).map(term).collect();
            Explanation { score: terms.iter().map(|term| term.effect).sum(), terms, without: Vec::new() }
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        self.weights.len()
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(false));
        Some(Box::new(Self { weights: self.weights.clone(), met: Vec::new(), catalogue }))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let shape = [self.catalogue.n_items(), self.catalogue.item_features.names().len() + 1];
        let weights = Seen::save(&self.met, Weights::new(NAME, &self.catalogue));
        Ok(weights.with("items.weight", &shape, self.weights.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::{ApproachEntry, RawInteraction, Visitor};
    use serde_json::json;

    #[test]
    fn scores_by_hand_also_of_what_nobody_met() {
        let one = |which: usize| (0..2).map(|column| f32::from(u8::from(column == which))).collect::<Vec<_>>();
        let train = Train::builder()
            .item_features(["Sci-Fi", "Drama"], [("Alien", one(0)), ("Dune", one(0)), ("Casablanca", one(1))])
            .rows([("ann", "Alien"), ("bob", "Casablanca")].map(|(user, item)| RawInteraction::event(user, item)))
            .build()
            .unwrap();
        let model = ItemFeatures { reg: 1.0 }.fit(&train, &Run::default()).unwrap();
        // FᵀF + I of Alien and Casablanca is [[2, 0, 1], [0, 2, 1], [1, 1, 3]]; its inverse times Alien's [1, 0, 1] is
        // [3, -1, 2] / 8.
        let scores = model.score_items(Visitor::new().met("Alien"), ["Alien", "Dune", "Casablanca"]).unwrap();
        for (found, expected) in scores.iter().zip([5.0 / 8.0, 5.0 / 8.0, 1.0 / 8.0]) {
            assert!((found - expected).abs() < 1e-6, "{scores:?}");
        }
        assert_eq!(model.score_items("ann", ["Alien", "Dune", "Casablanca"]).unwrap(), scores);
    }

    #[test]
    fn a_reg_that_is_none_is_refused() {
        let refuse = |options| (ApproachEntry::of::<ItemFeatures>().configure)(&options).err().unwrap().to_string();
        assert!(refuse(json!({ "reg": 0 })).contains("`reg` is `0`\nhint: "));
        assert!(refuse(json!({ "reg": -1 })).contains("`reg` is `-1`"));
    }
}
