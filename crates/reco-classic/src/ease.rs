//! Shallow linear autoencoder over items, with side data (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse
//! Data", equation 8; with dropout, Steck 2020, "Autoencoders that don't overfit towards the Identity").
//!
//! With `X` the items that each user met, `P = (XᵀX + reg · I)⁻¹` gives the weight `B_ji = -P_ji / P_ii` of a met item
//! `j` for the item `i`, and 0 for itself; a score is the sum of the weights of the items that the asker met. Side data
//! extend `X`: a feature of items is one more user, who met the items that have it, and a user's attribute one more
//! item. Takes n³ multiplications and memory for n² numbers, for n items and attributes. For histories of a few items,
//! `ease/short.rs` computes other weights. Does not know stars, times or contexts.
//!
//! **Invariant**: a visitor with a user's history and attributes gets that user's scores, to the bit.

mod short;

use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Candidates, Catalogue, Cause, EachQuery, Explanation, FitError, Fitted, ItemIdx, Loaded, Matrix,
    Progress, Query, Run, ScoreError, Seen, Term, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::error::ClassicError;
use crate::inverse::Symmetric;
use crate::terms::part;

const NAME: &str = "ease";

/// The approach `ease`: a linear autoencoder over items in closed form (Steck 2019).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ease {
    /// Regularisation: added to the diagonal of the items' co-occurrences.
    pub reg: f64,
    /// The share of met items that are dropped at random in training, in expectation (Steck 2020, equation 8).
    pub dropout: f64,
    /// A user with n items counts (n / mean)^-`activity_discount`.
    pub activity_discount: f64,
    /// How much a feature of items counts, as a further user who met the items that have it; 0 leaves features out.
    pub item_features: f64,
    /// How much a user's attribute counts, as a further item; 0 leaves attributes out.
    pub user_features: f64,
    /// Above 0, the weights are those for histories of so many items, told from larger ones; `dropout`,
    /// `activity_discount` and `item_features` are then not read, and `reg` is best near 3.
    pub given: usize,
}

impl Default for Ease {
    fn default() -> Self {
        Self { reg: 300.0, dropout: 0.0, activity_discount: 0.2, item_features: 1.5, user_features: 0.3, given: 0 }
    }
}

impl Ease {
    /// How many rows of weights there are: items, attributes and, for short histories, ones.
    fn n_rows(&self, catalogue: &Catalogue) -> usize {
        catalogue.n_items() + self.n_attributes(catalogue) + usize::from(self.given > 0)
    }

    /// How many user attributes count.
    fn n_attributes(&self, catalogue: &Catalogue) -> usize {
        if self.user_features > 0.0 { catalogue.user_features.names().len() } else { 0 }
    }
}

impl Approach for Ease {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "lists: what people met beside what you met, and side data (linear autoencoder)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let Self { reg, dropout, activity_discount, item_features, user_features, given: _ } = *self;
        for (key, value) in [
            ("reg", reg),
            ("dropout", dropout),
            ("activity_discount", activity_discount),
            ("item_features", item_features),
            ("user_features", user_features),
        ] {
            not_negative(place, key, value)?;
        }
        let refuse = |reason| Err(OptionsError::Value { place: place.to_owned(), reason });
        if dropout >= 1.0 {
            return refuse(format!("`dropout` is `{dropout}`\nhint: it is a share, below 1"));
        }
        if reg == 0.0 && dropout == 0.0 {
            return refuse("`reg` and `dropout` are both `0`\nhint: one of them is above 0".to_owned());
        }
        Ok(())
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let n = self.n_rows(catalogue);
        // For short histories there are two tables of them.
        let bytes = if self.given > 0 { 16 } else { 8 };
        let need = Need::default().and("co-occurrences of items and attributes", &[n, n], bytes);
        need.with(self.memory_to_load(catalogue))
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        let n_items = catalogue.n_items();
        Need::default().and("weights of items", &[self.n_rows(catalogue), n_items], 4)
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let catalogue = &train.catalogue;
        let (n_items, n_attributes) = (catalogue.n_items(), self.n_attributes(catalogue));
        let met = Seen::by_user(catalogue.n_users(), [&train.fit]);
        run.progress.begin(NAME, 1, 1);
        if self.given > 0 {
            let weights = self.short(catalogue, &met, run.progress)?;
            run.progress.end();
            return Ok(Box::new(Model { options: *self, weights, met, catalogue: Arc::clone(catalogue) }));
        }
        let inverse = self.co_occurrences(catalogue, &met, run.progress).inverted(run.progress)?;
        let inverse = inverse.ok_or(ClassicError::Singular { approach: NAME })?;
        let mut weights = Matrix::zeros(n_items + n_attributes, n_items);
        for row in 0..n_items + n_attributes {
            for (item, weight) in weights.row_mut(row).iter_mut().enumerate().filter(|(item, _)| *item != row) {
                *weight = (-inverse.at(row, item) / inverse.at(item, item)) as f32;
            }
        }
        run.progress.end();
        Ok(Box::new(Model { options: *self, weights, met, catalogue: Arc::clone(catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let (n_rows, n_items) = (self.n_rows(catalogue), catalogue.n_items());
        let numbers = Matrix::new(n_rows, n_items, weights.take("weights", &[n_rows, n_items])?);
        let met = Seen::load(weights, catalogue)?;
        let weights = numbers.expect("a tensor has the shape that was asked for");
        Ok(Box::new(Model { options: *self, weights, met, catalogue: Arc::clone(catalogue) }))
    }
}

impl Ease {
    /// `XᵀX` with what regularises it; items first, then attributes. Not whole if it is asked to stop.
    fn co_occurrences(&self, catalogue: &Catalogue, met: &[Seen], progress: &dyn Progress) -> Symmetric {
        let n_items = catalogue.n_items();
        let n_attributes = self.n_attributes(catalogue);
        // What each item was met by, so that rows can be summed on all cores.
        let users = Seen::by_item(met, n_items);
        let n_met = || met.iter().map(|met| met.items().len()).filter(|n| *n > 0);
        let mean = n_met().sum::<usize>() as f64 / n_met().count() as f64;
        let weight = |met: &Seen| libm::pow(met.items().len().max(1) as f64 / mean, -self.activity_discount);
        let weights: Vec<f64> = met.iter().map(weight).collect();
        let attribute =
            |user: usize, at: usize| self.user_features * f64::from(catalogue.user_features.matrix().row(user)[at]);
        let features = catalogue.item_features.matrix();
        Symmetric::regularised(n_items + n_attributes, self.reg, self.dropout, progress, |row, sums| {
            match row.checked_sub(n_items) {
                None => {
                    for user in users[row].iter().map(|user| *user as usize) {
                        for item in met[user].items().iter().take_while(|item| item.index() <= row) {
                            sums[item.index()] += weights[user];
                        }
                    }
                    if self.item_features > 0.0 {
                        let own = features.row(row);
                        for (item, sum) in sums.iter_mut().enumerate() {
                            let pairs = own.iter().zip(features.row(item));
                            *sum += self.item_features * pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
                        }
                    }
                }
                Some(at) => {
                    for (user, items) in met.iter().enumerate().filter(|(_, items)| !items.items().is_empty()) {
                        let value = weights[user] * attribute(user, at);
                        if value != 0.0 {
                            items.items().iter().for_each(|item| sums[item.index()] += value);
                            (0..=at).for_each(|other| sums[n_items + other] += value * attribute(user, other));
                        }
                    }
                }
            }
        })
    }
}

struct Model {
    options: Ease,
    /// `[n_items + n_attributes, n_items]`, and a row of ones for short histories: the first index is what the asker
    /// met or has, the second the item scored.
    weights: Matrix,
    /// What each user met in training.
    met: Vec<Seen>,
    catalogue: Arc<Catalogue>,
}

/// Rows of the weights, ascending, and how much each counts.
type Counted = Vec<(usize, f32)>;

impl Model {
    /// What counts of the asker.
    fn asker(&self, who: &Who<'_>) -> Result<Counted, ScoreError> {
        let met = Seen::of_asker(&self.met, who);
        let attributes = match who {
            Who::Known(user) => {
                self.catalogue.user_features.matrix().row(user.index()).iter().copied().enumerate().collect()
            }
            Who::Visitor { profile, .. } => profile.stated(&self.catalogue)?.attributes,
        };
        let n_items = self.catalogue.n_items();
        let mut counted: Counted = met.items().iter().map(|item| (item.index(), 1.0)).collect();
        if self.options.user_features > 0.0 {
            let weight = self.options.user_features as f32;
            let attributes = attributes.into_iter().filter(|(_, value)| *value != 0.0);
            counted.extend(attributes.map(|(column, value)| (n_items + column, weight * value)));
        }
        if self.options.given > 0 {
            counted.push((self.weights.n_rows() - 1, 1.0));
        }
        Ok(counted)
    }
}

impl EachQuery for Model {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let counted = self.asker(&query.who)?;
        scores.fill(0.0);
        for (row, value) in counted {
            let weights = self.weights.row(row);
            match query.candidates {
                Candidates::AllExcept(_) => {
                    scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += value * weight);
                }
                Candidates::These(items) => {
                    scores.iter_mut().zip(items).for_each(|(score, item)| *score += value * weights[item.index()]);
                }
            }
        }
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let counted = self.asker(&query.who)?;
        let mut scores = vec![0.0; items.len()];
        self.answer(&Query { candidates: Candidates::These(items), ..*query }, &mut scores)?;
        let explain = |(item, score): (&ItemIdx, &f32)| {
            let term = |(row, value): &(usize, f32)| {
                let effect = value * self.weights.row(*row)[item.index()];
                match self.catalogue.items.at(*row) {
                    Some(item) => Term { cause: Cause::Item { item, similarity: effect, rating: None }, effect },
                    None => match self.catalogue.user_features.names().get(row - self.catalogue.n_items()) {
                        Some(name) if *row < self.catalogue.n_items() + self.options.n_attributes(&self.catalogue) => {
                            part(&format!("people of {name}"), effect.into())
                        }
                        _ => part("everyone", effect.into()),
                    },
                }
            };
            let terms = counted.iter().map(term).collect();
            Explanation { score: *score, terms, without: Vec::new() }
        };
        Ok(Some(items.iter().zip(&scores).map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        self.weights.values().len()
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(self.options.user_features > 0.0));
        Some(Box::new(Self { options: self.options, weights: self.weights.clone(), met: Vec::new(), catalogue }))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let shape = [self.weights.n_rows(), self.weights.n_columns()];
        let weights = Weights::new(NAME, &self.catalogue);
        Ok(Seen::save(&self.met, weights).with("weights", &shape, self.weights.values().iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::{ApproachEntry, RawInteraction, Visitor};
    use serde_json::json;

    /// `XᵀX` of Alien and Brazil is `[[2, 1], [1, 1]]`.
    fn train() -> Train {
        let met = [("ann", "Alien"), ("ann", "Brazil"), ("bob", "Alien")];
        Train::builder()
            .item_features(["Sci-Fi"], [("Alien", vec![1.0]), ("Brazil", vec![1.0])])
            .user_features(["gender=F"], [("ann", vec![1.0])])
            .rows(met.map(|(user, item)| RawInteraction::event(user, item)))
            .build()
            .unwrap()
    }

    const PLAIN: Ease =
        Ease { reg: 1.0, dropout: 0.0, activity_discount: 0.0, item_features: 0.0, user_features: 0.0, given: 0 };

    /// The weight of Alien for Brazil, and of Brazil for Alien.
    fn weights(options: Ease) -> [f32; 2] {
        let model = options.fit(&train(), &Run::default()).unwrap();
        [("Alien", "Brazil"), ("Brazil", "Alien")]
            .map(|(met, item)| model.score_items(Visitor::new().met(met), [item]).unwrap()[0])
    }

    fn near(found: [f32; 2], expected: [f32; 2]) {
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn weights_by_hand() {
        // P = [[3, 1], [1, 2]]⁻¹ = [[2, -1], [-1, 3]] / 5
        near(weights(PLAIN), [1.0 / 3.0, 1.0 / 2.0]);
        // Half dropped: the diagonal counts twice. P = [[5, 1], [1, 3]]⁻¹ = [[3, -1], [-1, 5]] / 14
        near(weights(Ease { dropout: 0.5, ..PLAIN }), [1.0 / 5.0, 1.0 / 3.0]);
        // The feature is a third user who met both. P = [[4, 2], [2, 3]]⁻¹ = [[3, -2], [-2, 4]] / 8
        near(weights(Ease { item_features: 1.0, ..PLAIN }), [2.0 / 4.0, 2.0 / 3.0]);
        // Ann has 2 of 1.5 items on average, and Bob 1: with a discount of 1 they count 3/4 and 3/2.
        // P = [[13/4, 3/4], [3/4, 7/4]]⁻¹ ~ [[7, -3], [-3, 13]]
        near(weights(Ease { activity_discount: 1.0, ..PLAIN }), [3.0 / 13.0, 3.0 / 7.0]);
        // One item of Ann's two is known, either with a chance of 1/2, and tells the other; Bob has no other. Alien,
        // Brazil and the ones: [[3, 0, 1], [0, 3, 1], [1, 1, 4]] / 2 times the weights is [1, 0, 1] / 2 for Brazil.
        near(weights(Ease { given: 1, ..PLAIN }), [4.0 / 15.0 + 1.0 / 5.0; 2]);
    }

    #[test]
    fn an_attribute_is_one_more_item() {
        // Alien, Brazil and `gender=F`:
        // P = [[3, 1, 1], [1, 2, 1], [1, 1, 2]]⁻¹ = [[3, -1, -1], [-1, 5, -2], [-1, -2, 5]] / 7
        let model = Ease { user_features: 1.0, ..PLAIN }.fit(&train(), &Run::default()).unwrap();
        let items = ["Alien", "Brazil"];
        let score = |visitor| <[f32; 2]>::try_from(model.score_items(visitor, items).unwrap()).unwrap();
        near(score(Visitor::new().attribute("gender", "F")), [1.0 / 3.0, 2.0 / 5.0]);
        let ann = score(Visitor::new().met("Alien").met("Brazil").attribute("gender", "F"));
        near(ann, [1.0 / 3.0 + 1.0 / 3.0, 1.0 / 5.0 + 2.0 / 5.0]);
        assert_eq!(model.score_items("ann", items).unwrap(), ann);
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let refuse = |given| (ApproachEntry::of::<Ease>().configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "dropout": 1 })).ends_with("`dropout` is `1`\nhint: it is a share, below 1"));
        assert!(refuse(json!({ "reg": 0 })).contains("`reg` and `dropout` are both `0`"));
        assert!(refuse(json!({ "item_features": -1 })).contains("`item_features` is `-1`"));
    }
}
