//! The article's content-based filtering: scores items by the features of what a user has rated.
//!
//! `weights = ratings · features / sum`, `ŷ = weights · featuresᵀ`, where an item without a rating counts 0. Scores
//! depend on features alone, so an item that no one has rated has one too. Does not know embeddings.
//!
//! **Invariant**: a user without ratings of items with features has weights of zero, never NaN; the weights of any
//! other user sum to 1.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use reco_core::{
    Ablation, Approach, Candidates, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, LayerGraph, LoadError,
    Loaded, Query, Recommender, Requirement, Run, Scaling, ScoreError, ScoreKind, Scores, Target, Term, Train, Weights,
    Who,
};
use serde::{Deserialize, Serialize};

use crate::device::ComputeDevice;
use crate::tensors::{indices, matrix, rows, scores as values};

const NAME: &str = "content";

/// The tensor of weights.
const WEIGHT: &str = "users.weight";

/// Numbers of the user-item matrix held at once: 16 MiB.
const TILE: usize = 4 << 20;

/// Queries scored at a time.
const QUERIES: usize = 64;

/// The approach `content`: a user's ratings times item features are weights, these times features are scores. It has no
/// options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {}

/// Each user's weights of the item features.
struct FittedContent {
    /// `[n_users, n_features]`
    weights: Tensor<2>,
    /// `[n_items, n_features]`
    features: Tensor<2>,
    catalogue: Arc<Catalogue>,
    device: ComputeDevice,
}

/// `ratings · features / sum`.
///
/// # Shapes
/// - ratings: `[q, n_items]`, features: `[n_items, n_features]`
/// - output: `[q, n_features]`
fn weigh(ratings: Tensor<2>, features: Tensor<2>) -> Tensor<2> {
    let sums = ratings.matmul(features);
    let total = sums.clone().sum_dim(1);
    // Nothing rated: 0 / 1 instead of 0 / 0.
    let nothing = total.clone().equal_elem(0.0).float();
    sums / (total + nothing)
}

/// The rows of a user-item matrix, zero where there is no rating, on the device.
fn ratings(rows: &[Vec<(ItemIdx, Target)>], n_rows: usize, n_items: usize, device: &ComputeDevice) -> Tensor<2> {
    let mut dense = vec![0.0; n_rows * n_items];
    for (row, rated) in rows.iter().enumerate() {
        for (item, target) in rated {
            dense[row * n_items + item.index()] = target.get();
        }
    }
    Tensor::from_data(TensorData::new(dense, [n_rows, n_items]), &device.device)
}

impl FittedContent {
    fn features(catalogue: &Catalogue, device: &ComputeDevice) -> Option<Tensor<2>> {
        let features = catalogue.item_features.matrix();
        (features.n_columns() > 0 && features.n_rows() > 0).then(|| matrix(features, &device.device))
    }

    /// The asker's weights, as a row of `[1, n_features]`.
    fn weights_of(&self, who: &Who<'_>) -> Tensor<2> {
        match who {
            Who::Known(user) => {
                let row = indices(&[user.get()], &self.device.device);
                self.weights.clone().select(0, row)
            }
            Who::Visitor { history, .. } => {
                let rows = [history.to_vec()];
                weigh(ratings(&rows, 1, self.catalogue.n_items(), &self.device), self.features.clone())
            }
        }
    }
}

impl Approach for Content {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "ratings times item features give a user's weights, weights times features give scores";

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::ItemFeatures]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let device = ComputeDevice::find(run.device)?;
        let catalogue = &train.catalogue;
        let features =
            FittedContent::features(catalogue, &device).ok_or(FitError::NoItemFeatures { approach: NAME })?;
        let mut rated = vec![Vec::new(); catalogue.n_users()];
        for row in train.fit.iter() {
            rated[row.user.index()].push((row.item, row.target));
        }
        let tile = (TILE / catalogue.n_items()).max(1);
        run.progress.begin(NAME, 1, rated.len());
        let mut weights = Vec::with_capacity(rated.len().div_ceil(tile));
        for users in rated.chunks(tile) {
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            weights.push(weigh(ratings(users, users.len(), catalogue.n_items(), &device), features.clone()));
            run.progress.advance(users.len());
        }
        run.progress.end();
        let weights = Tensor::cat(weights, 0);
        Ok(Box::new(FittedContent { weights, features, catalogue: Arc::clone(catalogue), device }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        let device = ComputeDevice::find(run.device)?;
        let features = FittedContent::features(catalogue, &device)
            .ok_or_else(|| LoadError::Weights { reason: "the catalogue beside it has no item features".to_owned() })?;
        let n_features = features.dims()[1];
        let weights = rows(weights.take(WEIGHT, &[catalogue.n_users(), n_features])?, n_features, &device.device);
        Ok(Box::new(FittedContent { weights, features, catalogue: Arc::clone(catalogue), device }))
    }
}

impl Recommender for FittedContent {
    fn score_kind(&self) -> ScoreKind {
        // Weights sum to 1, so scores lie in [0, 1]: comparable with targets only where these do as well.
        match self.catalogue.scaling {
            Scaling::ItemMinMax { .. } => ScoreKind::Targets,
            Scaling::None | Scaling::MinMax { .. } => ScoreKind::Order,
        }
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        let n_items = self.catalogue.n_items();
        out.reset(queries, n_items);
        for (tile, chunk) in queries.chunks(QUERIES).enumerate() {
            let mut weights: Vec<_> = chunk.iter().map(|query| self.weights_of(&query.who)).collect();
            // Always the same shape, so that a score does not depend on what else is asked.
            weights.resize(QUERIES, weights[0].clone());
            let scores = values(Tensor::cat(weights, 0).matmul(self.features.clone().transpose()))?;
            for (place, (query, scores)) in chunk.iter().zip(scores.chunks(n_items)).enumerate() {
                query.candidates.write(out.row_mut(tile * QUERIES + place), |item| scores[item]);
            }
        }
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let mut scores = Scores::new();
        self.score(&[Query { candidates: Candidates::These(items), ..*query }], &mut scores)?;
        let weights = values(self.weights_of(&query.who))?;
        let explain = |(item, score): (&ItemIdx, &f32)| self.explanation(&weights, *item, *score);
        Ok(Some(items.iter().zip(scores.row(0)).map(explain).collect()))
    }
}

impl FittedContent {
    /// What each feature adds to the score of `item`, given the user's `weights`.
    fn explanation(&self, weights: &[f32], item: ItemIdx, score: f32) -> Explanation {
        let features = &self.catalogue.item_features;
        let mut explanation = Explanation { score, terms: Vec::new(), without: Vec::new() };
        for ((name, weight), of_item) in features.names().iter().zip(weights).zip(features.matrix().row(item.index())) {
            let effect = weight * of_item;
            if effect != 0.0 {
                let cause = Cause::Feature { name: name.clone(), weight: *weight };
                explanation.terms.push(Term { cause, effect });
                // A score is a sum over features: taking one away changes no other.
                explanation.without.push(Ablation { feature: name.clone(), change: -effect });
            }
        }
        if explanation.terms.is_empty() {
            let cause = Cause::Part { name: "no feature that the user has rated".to_owned() };
            explanation.terms.push(Term { cause, effect: 0.0 });
        }
        explanation
    }
}

impl Fitted for FittedContent {
    fn n_parameters(&self) -> usize {
        self.weights.shape().num_elements()
    }

    fn device(&self) -> String {
        self.device.name().to_owned()
    }

    fn layers(&self) -> Option<LayerGraph> {
        let [n_users, n_features] = self.weights.dims();
        let mut graph = LayerGraph::new("ContentBased");
        graph.add("users_in", "Input", "", &[], 1, 0);
        graph.add("weights", "Embedding", "ratings · features / sum", &["users_in"], n_features, n_users * n_features);
        graph.add("features_in", "Input", "", &[], n_features, 0);
        graph.add("y_out", "Dot", "", &["weights", "features_in"], 1, 0);
        Some(graph)
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let shape = self.weights.dims();
        Ok(Weights::new(NAME, &self.catalogue).with(WEIGHT, &shape, values(self.weights.clone())?))
    }
}
