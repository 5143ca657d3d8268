//! Matrix factorisation with biases (Koren, Bell, Volinsky 2009, equation 4; Funk 2006), called `svd` as in Surprise.
//!
//! Does not know features, contexts or what an item is. A score is `mean + b_u + b_i + q_i · p_u`, clamped to the
//! rating scale ("Matrix Factorization Techniques for Recommender Systems"); `factors.rs` trains the numbers. The
//! defaults are Surprise's. No singular values are computed.
//!
//! **Invariant**: a user or an item without training rows adds 0; a ranking's scores are those of `score`, to the bit.

use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::dot::{ItemTable, TableFormat, Vectors};
use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Candidates, Catalogue, Explanation, FitError, Fitted, ItemIdx, Loaded, Matrix, Query, Ranking,
    Recommender, Requirement, Run, ScoreError, ScoreKind, Scores, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::error::ClassicError;
use crate::factors::{self, Embeddings, Factors, SgdOptions};
use crate::rating_matrix::{Stars, in_stars};
use crate::terms;

const NAME: &str = "svd";

/// The approach `svd`: matrix factorisation with biases (Koren, Bell, Volinsky 2009, equation 4).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Svd {
    /// Width of each user's and each item's embedding.
    pub embedding_size: NonZeroUsize,
    /// Passes over all ratings.
    pub epochs: usize,
    /// Standard deviation of the initial embeddings; biases start at 0.
    pub init_std: f32,
    /// How far a number moves at each rating.
    pub learning_rate: f32,
    /// Regularisation: how strongly all numbers are drawn to 0, per rating.
    pub reg: f32,
    /// The format of the item table after training: `f32`, `f16` or `int8`.
    pub item_table: TableFormat,
}

impl Default for Svd {
    fn default() -> Self {
        Self {
            embedding_size: NonZeroUsize::new(100).expect("100 is not 0"),
            epochs: 20,
            init_std: 0.1,
            learning_rate: 0.005,
            reg: 0.02,
            item_table: TableFormat::F32,
        }
    }
}

impl Svd {
    fn options(&self) -> SgdOptions {
        let Self { embedding_size, epochs, init_std, learning_rate, reg, .. } = *self;
        SgdOptions { embedding_size: embedding_size.get(), epochs, init_std, learning_rate, reg }
    }
}

impl Approach for Svd {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: mean, biases and tastes learned as numbers (matrix factorisation)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "init_std", self.init_std.into())?;
        not_negative(place, "learning_rate", self.learning_rate.into())?;
        not_negative(place, "reg", self.reg.into())
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let (rows, size) = (catalogue.n_users() + catalogue.n_items(), self.embedding_size.get());
        // Those in training, and those that are kept.
        Need::default().and("rows of users and items", &[2, rows, size], 4).lowered_by("embedding_size")
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let stars = Stars::new(train, NAME)?;
        let Factors { mean, users, items } = factors::fit(&stars, self.options(), (NAME, &train.catalogue), run)?;
        let format = self.item_table;
        let table = ItemTable::new(&items.embeddings, Some(&items.biases), format);
        let finite = users.embeddings.values().iter().chain(&users.biases).all(|number| number.is_finite());
        let table = table.filter(|_| finite).ok_or(ClassicError::NotHeld { approach: NAME, format })?;
        Ok(Box::new(Model::new(self.options(), mean, users, table, &train.catalogue)))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let size = self.embedding_size.get();
        let users = Embeddings::take("users", [catalogue.n_users(), size], weights)?;
        let items = ItemTable::load(weights, catalogue.n_items(), size, self.item_table)?;
        Ok(Box::new(Model::new(self.options(), weights.take_one("mean")?, users, items, catalogue)))
    }
}

struct Model {
    options: SgdOptions,
    mean: f32,
    users: Embeddings,
    /// Its scores are clamped to the scale.
    items: ItemTable,
    catalogue: Arc<Catalogue>,
}

impl Model {
    fn new(options: SgdOptions, mean: f32, users: Embeddings, items: ItemTable, catalogue: &Arc<Catalogue>) -> Self {
        let scale = catalogue.scale;
        Self { options, mean, users, items: items.clamped(scale.min(), scale.max()), catalogue: Arc::clone(catalogue) }
    }

    /// Writes the asker's embedding into `embedding`, and returns their bias.
    fn asker(&self, who: &Who<'_>, embedding: &mut [f32]) -> f32 {
        match who {
            Who::Known(user) => {
                embedding.copy_from_slice(self.users.embeddings.row(user.index()));
                self.users.biases[user.index()]
            }
            Who::Visitor { history, .. } => {
                let rated = in_stars(history, &self.catalogue);
                let mut items = Embeddings {
                    embeddings: Matrix::zeros(rated.len(), self.options.embedding_size),
                    biases: vec![0.0; rated.len()],
                };
                for (row, entry) in rated.iter().enumerate() {
                    let item = self.catalogue.items.at(entry.index()).expect("a history names items of the catalogue");
                    self.items.embedding(item, items.embeddings.row_mut(row));
                    items.biases[row] = self.items.bias(item);
                }
                let stars: Vec<f32> = rated.iter().map(|entry| entry.value).collect();
                let (row, bias) = factors::fold_in(self.mean, &items, &stars, self.options);
                embedding.copy_from_slice(&row);
                bias
            }
        }
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
        self.items.score(queries, out, |query, embedding| Ok(self.mean + self.asker(&query.who, embedding)))
    }

    fn recommend(&self, queries: &[Query<'_>], k: NonZeroUsize) -> Result<Vec<Ranking>, ScoreError> {
        let user = |query: &Query<'_>, embedding: &mut [f32]| Ok(self.mean + self.asker(&query.who, embedding));
        self.items.recommend(&self.catalogue.items, queries, k, user)
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let mut user = vec![0.0; self.options.embedding_size];
        let user_bias = self.asker(&query.who, &mut user);
        let mut scores = Scores::new();
        self.score(&[Query { candidates: Candidates::These(items), ..*query }], &mut scores)?;
        let mut embedding = vec![0.0; self.options.embedding_size];
        let explain = |(item, score): (&ItemIdx, &f32)| {
            self.items.embedding(*item, &mut embedding);
            let parts = terms::factorised([self.mean, user_bias, self.items.bias(*item)], &user, &embedding);
            // The score's own sum has 32 bits.
            Explanation { score: *score, ..terms::of_parts(&parts, self.catalogue.scale) }
        };
        Ok(Some(items.iter().zip(scores.row(0)).map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        let rows = self.users.biases.len() + self.items.n_items();
        1 + rows * (1 + self.options.embedding_size)
    }

    fn vectors(&self) -> Result<Option<Vectors>, ScoreError> {
        let user = |query: &Query<'_>, embedding: &mut [f32]| Ok(self.mean + self.asker(&query.who, embedding));
        self.items.vectors(&self.catalogue, user).map(Some)
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(false));
        let embeddings = Matrix::zeros(0, self.options.embedding_size);
        let users = Embeddings { embeddings, biases: Vec::new() };
        Some(Box::new(Self::new(self.options, self.mean, users, self.items.clone(), &catalogue)))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let weights = Weights::new(NAME, &self.catalogue).with("mean", &[], [self.mean]);
        Ok(self.items.save(self.users.save("users", weights)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::{self, query, scores_of, three_users, visitor_like};
    use reco_core::ApproachEntry;
    use serde_json::{Value, json};

    const ENTRY: ApproachEntry = ApproachEntry::of::<Svd>();

    fn fit(options: Value) -> Box<dyn Fitted> {
        tests::fit(&ENTRY, &options, &three_users().1)
    }

    #[test]
    fn whoever_rated_nothing_gets_the_mean_and_the_items() {
        let fitted = fit(json!({}));
        let dan = scores_of(&*fitted, 3);
        let explained = fitted.explain(&query(&*fitted, 3), &fitted.catalogue().items.indices().collect::<Vec<_>>());
        for (explanation, score) in explained.unwrap().unwrap().iter().zip(&dan) {
            assert_eq!(
                (explanation.score, explanation.terms[1].effect, explanation.terms[3].effect),
                (*score, 0.0, 0.0)
            );
        }
        // Item 4 adds nothing either.
        assert_eq!(dan[4], (28.0_f64 / 9.0) as f32);
        assert_eq!(visitor_like(&*fitted, &three_users().0, 3), dan);
        assert_eq!(fitted.n_parameters(), 1 + (4 + 5) * 101);
    }

    #[test]
    fn a_visitor_is_learned_from_what_they_rated() {
        let (rows, _) = three_users();
        let fitted = fit(json!({ "epochs": 300, "learning_rate": 0.02 }));
        let ann = visitor_like(&*fitted, &rows, 0);
        assert!(ann.iter().zip([1.0, 3.0, 5.0]).all(|(found, given)| (found - given).abs() < 0.5), "{ann:?}");
    }

    #[test]
    fn what_is_clipped_is_said() {
        let fitted = fit(json!({ "epochs": 1, "learning_rate": 1e-6, "init_std": 1.0 }));
        let items: Vec<ItemIdx> = fitted.catalogue().items.indices().collect();
        // Initial embeddings alone give scores far off the scale.
        let mut n_clipped = 0;
        for user in 0..3 {
            for explanation in fitted.explain(&query(&*fitted, user), &items).unwrap().unwrap() {
                n_clipped += usize::from(explanation.terms.len() == 5);
                let sum: f32 = explanation.terms.iter().map(|term| term.effect).sum();
                assert!((sum - explanation.score).abs() < 1e-4 && (1.0..=5.0).contains(&explanation.score));
            }
        }
        assert!(n_clipped > 3, "{n_clipped}");
    }

    #[test]
    fn smaller_item_tables_are_near_and_load_as_they_were() {
        let exact = scores_of(&*fit(json!({})), 0);
        for format in ["f16", "int8"] {
            let options = json!({ "item_table": format });
            let fitted = fit(options.clone());
            let scores = scores_of(&*fitted, 0);
            assert!(scores != exact && scores.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 0.01), "{scores:?}");
            let run = Run { seed: 1, device: reco_core::DeviceChoice::Auto, progress: &reco_core::Silent };
            let weights = Weights::from_bytes(&fitted.save().unwrap().to_bytes()).unwrap();
            let loaded = (ENTRY.configure)(&options).unwrap().load(weights, fitted.catalogue(), &run).unwrap();
            assert_eq!(scores_of(&*loaded, 0), scores);
        }
    }

    #[test]
    fn whoever_reads_safetensors_can_compute_a_score() {
        let fitted = fit(json!({ "embedding_size": 8 }));
        let bytes = fitted.save().unwrap().to_bytes();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let numbers = |name: &str| -> Vec<f32> {
            let data = file.tensor(name).unwrap().data();
            data.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
        };
        assert_eq!(file.tensor("items.embedding").unwrap().shape(), [5, 8]);
        let (users, items) = (numbers("users.embedding"), numbers("items.embedding"));
        let (user, item) = (1, 3);
        let tastes = users[user * 8..][..8].iter().zip(&items[item * 8..][..8]).map(|(p, q)| p * q).sum::<f32>();
        let score = numbers("mean")[0] + numbers("users.bias")[user] + numbers("items.bias")[item] + tastes;
        assert!((score - scores_of(&*fitted, user)[item]).abs() < 1e-5, "{score}");
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let refuse = |given| (ENTRY.configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "reg": -1 })).starts_with("[[approach]] svd: `reg` is `-1`\nhint: "));
        assert!(refuse(json!({ "item_table": "f8" })).contains("`int8`"));
        assert!(refuse(json!({ "n_factors": 8 })).starts_with("unknown key `n_factors`"));
    }
}
