//! A trained network as a recommender: scores, explanations, saving and loading.
//!
//! Does not know which network it is, nor how it was trained.
//!
//! **Invariant**: a score does not depend, to the last bit, on the queries that are asked with it: every call to a GPU
//! has the same shape, with the last tile filled up with copies; for the CPU see `scoring.rs`.

use std::sync::{Arc, OnceLock};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use reco_core::{
    Ablation, Candidates, Catalogue, Cause, Explanation, Fitted, ItemIdx, LayerGraph, LoadError, Query, Recommender,
    ScoreError, ScoreKind, Scores, Term, TrainingLog, UserIdx, Weights, Who,
};

use crate::description::{Architecture, Side, Source};
use crate::device::ComputeDevice;
use crate::network::{Batch, Network};
use crate::scoring::Scoring;
use crate::tensors::{self, indices, matrix, rows, scores};

/// Numbers that a GPU holds at once where the whole catalogue is scored: 16 MiB.
const TILE: usize = 4 << 20;

/// Users that a GPU scores at a time, at most.
const TILE_USERS: usize = 64;

/// A trained network with the catalogue it was trained on.
pub(crate) struct FittedNetwork {
    network: Network,
    catalogue: Arc<Catalogue>,
    /// `[n_items, n_features]`, where the network reads features and there are any.
    item_features: Option<Tensor<2>>,
    device: ComputeDevice,
    log: TrainingLog,
    /// On the CPU, from the first question on.
    scoring: OnceLock<Result<Scoring, String>>,
}

/// The features of all items on the device, where the network reads them and there are any.
pub(crate) fn item_features(architecture: &Architecture, catalogue: &Catalogue, device: &Device) -> Option<Tensor<2>> {
    architecture.reads(Source::Features).then(|| matrix(catalogue.item_features.matrix(), device))
}

impl FittedNetwork {
    pub(crate) fn new(
        network: Network,
        catalogue: Arc<Catalogue>,
        item_features: Option<Tensor<2>>,
        device: ComputeDevice,
        log: TrainingLog,
    ) -> Self {
        Self { network, catalogue, item_features, device, log, scoring: OnceLock::new() }
    }

    /// Takes out what `save` put in.
    pub(crate) fn load(
        weights: &mut Weights,
        catalogue: &Arc<Catalogue>,
        architecture: Architecture,
        device: ComputeDevice,
    ) -> Result<Self, LoadError> {
        let layers: LayerGraph = weights.take_value("layers")?;
        if layers != architecture.graph() {
            let names: Vec<&str> = layers.layers.iter().map(|layer| layer.name.as_str()).collect();
            let reason = format!("its layers `{}` are not, or not as wide as, those wanted", names.join("`, `"));
            return Err(LoadError::Weights { reason });
        }
        let log = weights.take_value("training")?;
        let network = Network::load(architecture, weights, &device.device)?;
        let item_features = item_features(network.architecture(), catalogue, &device.device);
        Ok(Self::new(network, Arc::clone(catalogue), item_features, device, log))
    }

    /// The network laid out for scores on the CPU; whoever asks meanwhile waits.
    fn scoring(&self) -> Result<&Scoring, ScoreError> {
        let lay_out = || Scoring::new(&self.network, self.catalogue.item_features.matrix());
        let scoring = self.scoring.get_or_init(|| lay_out().map_err(|error| error.to_string()));
        scoring.as_ref().map_err(|error| ScoreError::Device(error.clone().into()))
    }

    /// Scores of the whole catalogue for `users` on a GPU, `[users, n_items]`.
    fn score_all(&self, users: &[(UserIdx, Vec<f32>)]) -> Result<Vec<f32>, ScoreError> {
        let device = &self.device.device;
        let index = indices(&users.iter().map(|(user, _)| user.get()).collect::<Vec<_>>(), device);
        let architecture = self.network.architecture();
        let batch = Batch {
            rows: self.network.rows(|side, table| match side {
                Side::User => table.select(0, index.clone()),
                Side::Item => table,
            }),
            features: self.item_features.clone(),
            contexts: architecture.reads(Source::Contexts).then(|| {
                let contexts: Vec<f32> = users.iter().flat_map(|(_, context)| context.iter().copied()).collect();
                rows(contexts, architecture.sizes.n_contexts, device)
            }),
        };
        scores(self.network.forward_all(&batch))
    }

    /// Users scored at a time: the same for every call, so that shapes never change.
    fn tile_users(&self) -> usize {
        let architecture = self.network.architecture();
        (TILE / (architecture.n_joined() * architecture.sizes.n_items).max(1)).clamp(1, TILE_USERS)
    }
}

impl Recommender for FittedNetwork {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::of(&self.catalogue.scaling)
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        let n_items = self.catalogue.n_items();
        out.reset(queries, n_items);
        if queries.is_empty() {
            return Ok(());
        }
        let mut users = Vec::with_capacity(queries.len());
        for query in queries {
            let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: self.network.name() }) };
            users.push((user, query.context_or_average(&self.catalogue)?));
        }
        if self.device.device == Device::flex() {
            return self.scoring()?.score(&self.network, &users, queries, out);
        }
        let tile = self.tile_users();
        for (n, chunk) in users.chunks(tile).enumerate() {
            let mut filled = chunk.to_vec();
            filled.resize(tile, chunk[0].clone());
            let scores = self.score_all(&filled)?;
            for (place, scores) in (n * tile..).take(chunk.len()).zip(scores.chunks(n_items)) {
                queries[place].candidates.write(out.row_mut(place), |item| scores[item]);
            }
        }
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: self.network.name() }) };
        if items.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let context = query.context_or_average(&self.catalogue)?;
        let mut scores = Scores::new();
        self.score(&[Query { candidates: Candidates::These(items), ..*query }], &mut scores)?;
        let features = self.item_features.as_ref().map(|features| {
            let rows = indices(&items.iter().map(|item| item.get()).collect::<Vec<_>>(), &self.device.device);
            features.clone().select(0, rows)
        });
        let parts = self.parts_of(user, items, &context, features)?;
        let without = self.without(user, items, &context)?;
        let explain = |(row, without)| Explanation {
            score: scores.row(0)[row],
            terms: parts
                .iter()
                .map(|(name, part)| Term { cause: Cause::Part { name: (*name).to_owned() }, effect: part[row] })
                .collect(),
            without,
        };
        Ok(Some(without.into_iter().enumerate().map(explain).collect()))
    }
}

impl FittedNetwork {
    /// The parts that the score of each of `items` is the sum of, as `[part][row]`, given the features of `items`.
    fn parts_of(
        &self,
        user: UserIdx,
        items: &[ItemIdx],
        context: &[f32],
        features: Option<Tensor<2>>,
    ) -> Result<Vec<(&'static str, Vec<f32>)>, ScoreError> {
        let device = &self.device.device;
        let users = indices(&vec![user.get(); items.len()], device);
        let item_rows = indices(&items.iter().map(|item| item.get()).collect::<Vec<_>>(), device);
        let batch = Batch {
            rows: self.network.rows(|side, table| {
                table.select(0, if side == Side::User { users.clone() } else { item_rows.clone() })
            }),
            features,
            contexts: self
                .network
                .architecture()
                .reads(Source::Contexts)
                .then(|| rows(context.to_vec(), context.len(), device).repeat_dim(0, items.len())),
        };
        self.network.parts(&batch).into_iter().map(|(name, part)| Ok((name, scores(part)?))).collect()
    }

    /// The change of each item's score without each feature that it has.
    fn without(&self, user: UserIdx, items: &[ItemIdx], context: &[f32]) -> Result<Vec<Vec<Ablation>>, ScoreError> {
        let all = self.catalogue.item_features.matrix();
        let mut changes = vec![Vec::new(); items.len()];
        if self.item_features.is_none() {
            return Ok(changes);
        }
        // Each item as it is, then once without each of its features; `place` says where each row belongs.
        let (mut rows, mut features, mut place) = (Vec::new(), Vec::new(), Vec::new());
        for (at, &item) in items.iter().enumerate() {
            let has = all.row(item.index());
            let present = (0..has.len()).filter(|&feature| has[feature] != 0.0).map(Some);
            for left_out in [None].into_iter().chain(present) {
                features.extend(has.iter().enumerate().map(|(n, &x)| if Some(n) == left_out { 0.0 } else { x }));
                rows.push(item);
                place.push((at, left_out));
            }
        }
        let features = tensors::rows(features, all.n_columns(), &self.device.device);
        let parts = self.parts_of(user, &rows, context, Some(features))?;
        let score = |row: usize| parts.iter().map(|(_, part)| part[row]).sum::<f32>();
        let mut with = 0.0;
        for (row, (at, left_out)) in place.into_iter().enumerate() {
            match left_out {
                None => with = score(row),
                Some(feature) => changes[at].push(Ablation {
                    feature: self.catalogue.item_features.names()[feature].clone(),
                    change: score(row) - with,
                }),
            }
        }
        Ok(changes)
    }
}

impl Fitted for FittedNetwork {
    fn n_parameters(&self) -> usize {
        self.network.num_params()
    }

    fn device(&self) -> String {
        self.device.name().to_owned()
    }

    fn training(&self) -> Option<&TrainingLog> {
        Some(&self.log)
    }

    fn layers(&self) -> Option<LayerGraph> {
        Some(self.network.architecture().graph())
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        // Equal weights are equal bytes, so there are no times among them; the manifest has them.
        let log = TrainingLog { train_seconds: 0.0, ..self.log.clone() };
        let weights = Weights::new(self.network.name(), &self.catalogue)
            .with_value("layers", self.network.architecture().graph())
            .with_value("training", log);
        self.network.save(weights)
    }
}
