//! The training options that all networks share.
//!
//! Does not know which network it is for.
//!
//! **Invariant**: checked options can be trained with: sizes are positive, shares lie in [0, 1).

use reco_core::options::OptionsError;
use serde::{Deserialize, Serialize};

/// Negatives of an event, at most.
const MOST_NEGATIVES: usize = 1_000;

/// Options of every network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkOptions {
    /// Width of each embedding.
    pub embedding_size: usize,
    /// Passes over the training rows, at most.
    pub epochs: usize,
    /// Rows per step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// How embedding rows that a batch does not touch are treated.
    pub optimizer: OptimizerKind,
    /// The order in which epochs visit the rows, and whether the rows lie in memory.
    pub shuffle: Shuffle,
    /// With `shuffle = "row-groups"`: rows that are shuffled together, at most. Two such buffers lie in memory.
    pub shuffle_buffer: usize,
    /// How a step is computed.
    pub training_step: TrainingStep,
    /// With `training_step = "plain"`: how many devices of one kind each batch is divided among. All tables lie on the
    /// first.
    pub devices: usize,
    /// The embedding of a user or item that no training row has, as it is scored.
    pub untrained_rows: UntrainedRows,
    /// Keras' own validation: this last share of the training rows is left out of the fit. 0: the split's validation
    /// rows.
    pub validation_split: f64,
    /// Stop after this many epochs without a lower validation loss, and keep the best epoch. 0: train all epochs, keep
    /// the last.
    pub patience: usize,
    /// What training lowers. Any but the first trains the network for lists: every row is an event, a step takes
    /// `batch_size` users with all of theirs, and the best epoch is that of the highest NDCG@10 of the validation rows.
    pub loss: Loss,
    /// For lists: a training row with fewer stars is no event. 0: all are.
    pub event_threshold: f32,
    /// For lists: items that a user did not meet, drawn for each event. 0, with the softmax alone: the whole catalogue.
    pub negatives: usize,
    /// For lists: how they are drawn.
    pub negatives_by: NegativesBy,
    /// For lists: the share of a user's events that a step hides from the user's history, and predicts from the others.
    pub history_dropout: f64,
    /// For lists: whether epochs are judged, and the best is kept, by the average of the weights so far, the later the
    /// more (polynomial-decay averaging, Shamir and Zhang 2013, "Stochastic Gradient Descent for Non-smooth
    /// Optimization", equation 4, η = 8, over the ends of epochs), and not by the weights themselves.
    pub averaged: bool,
    /// For lists: parts of the network that are left out, to see what each brings.
    pub without: Vec<Part>,
    /// For lists: how strongly each embedding is drawn to 0; added to the gradient, times the embedding.
    pub weight_decay: f64,
    /// For lists: the same for embeddings of attributes and features, which many events have in common.
    pub feature_decay: f64,
}

/// What training lowers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The mean absolute error of the targets, as in the article.
    MeanAbsoluteError,
    /// Of each event and its negatives: the binary cross-entropy (He et al. 2017, "Neural Collaborative Filtering",
    /// equation 7).
    Bce,
    /// Of each event against each of its negatives: the logarithm of the odds (Rendle et al. 2009, "BPR: Bayesian
    /// Personalized Ranking from Implicit Feedback", section 4).
    Bpr,
    /// Of each event among the whole catalogue, the multinomial likelihood (Liang et al. 2018, "Variational
    /// Autoencoders for Collaborative Filtering", equation 2); with `negatives`, of each event among these, less the
    /// logarithm of the chance to be drawn (Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling", equation 3).
    Softmax,
}

/// How negatives are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NegativesBy {
    /// Every item alike.
    Uniform,
    /// As often as it has events.
    Popularity,
}

/// What the vectors of a network for lists are sums of, besides the embeddings of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A user's vector: the user's embedding.
    Embedding,
    /// A user's vector: those of the n items that the user met, from a table of their own, added up and divided by √n.
    History,
    /// A user's vector: an embedding for each of the user's attributes, times the number that it is.
    Attributes,
    /// A user's vector: an embedding for each context, times the number that it is at that moment.
    Contexts,
    /// An item's vector, as it is recommended and in a history: an embedding for each of the item's features.
    Features,
}

/// The optimizer. Both are Adam (Kingma and Ba 2015, algorithm 1) as Keras computes it; they differ in untouched rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Dense Adam's own trajectory: rows that a batch does not touch move on by their moments.
    Adam,
    /// Rows that a batch does not touch stay as they are, as TensorFlow's `LazyAdam` and PyTorch's `SparseAdam`.
    LazyAdam,
}

/// The order in which epochs visit their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shuffle {
    /// A new order every epoch.
    EveryEpoch,
    /// One order for all epochs, and so the same short last batch in each of them. It is what Keras'
    /// `fit(shuffle=True)` does on TensorFlow under `keras.utils.set_random_seed`: the shuffle is seeded anew with each
    /// pass over the data.
    Once,
    /// A new order every epoch, of rows that need not lie in memory: row groups are read in an order that is drawn, as
    /// many as fit into a buffer of `shuffle_buffer` rows (at least one), which is shuffled and emptied in batches;
    /// what is left of it begins the next one. Rows that are near each other in the table, as those of one user are,
    /// come in one buffer. The stage `train` reads them from the disk in each epoch, while it trains.
    RowGroups,
}

/// How a step is computed. Both are the same mathematics; their sums differ in the last bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingStep {
    /// As one piece of code on the CPU, by kernels on a GPU. What these cannot do is trained by autodiff, and the run
    /// says so.
    Fused,
    /// By autodiff over Burn's tensors: the definition.
    Plain,
}

/// The embedding of a user or item that no training row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UntrainedRows {
    /// The mean of all trained rows, so that a new item is scored from its features alone, and a new user as an average
    /// one.
    Mean,
    /// The random row that it began with, as Keras leaves it: the score then depends on noise.
    Initial,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            embedding_size: 50,
            epochs: 100,
            batch_size: 128,
            learning_rate: 1e-3,
            optimizer: OptimizerKind::Adam,
            shuffle: Shuffle::EveryEpoch,
            shuffle_buffer: 1_000_000,
            training_step: TrainingStep::Fused,
            devices: 1,
            untrained_rows: UntrainedRows::Mean,
            validation_split: 0.0,
            patience: 0,
            loss: Loss::MeanAbsoluteError,
            event_threshold: 0.0,
            negatives: 0,
            negatives_by: NegativesBy::Uniform,
            history_dropout: 0.5,
            averaged: true,
            without: Vec::new(),
            weight_decay: 1e-3,
            feature_decay: 0.2,
        }
    }
}

impl NetworkOptions {
    /// Whether the network is trained for lists.
    pub(crate) fn for_lists(&self) -> bool {
        self.loss != Loss::MeanAbsoluteError
    }

    /// Refuses options that the network `name`, whose lists have `parts`, cannot be trained with; `place` is where they
    /// stand, for the message.
    ///
    /// # Errors
    /// The first option that is beyond its bounds, or a part that the network does not have.
    pub(crate) fn check(&self, name: &str, parts: &[Part], place: &str) -> Result<(), OptionsError> {
        let Self { embedding_size, epochs, batch_size, learning_rate, validation_split, loss, .. } = *self;
        let Self { event_threshold, negatives, history_dropout, weight_decay, feature_decay, .. } = *self;
        let Self { shuffle, shuffle_buffer, training_step, devices, .. } = *self;
        let is_decay = |decay: f64| decay.is_finite() && decay >= 0.0;
        let is_sampled = matches!(loss, Loss::Bce | Loss::Bpr);
        let bounds = [
            ("embedding_size", embedding_size.to_string(), embedding_size > 0, "it is at least 1"),
            ("epochs", epochs.to_string(), epochs > 0, "it is at least 1"),
            ("batch_size", batch_size.to_string(), batch_size > 0, "it is at least 1"),
            (
                "learning_rate",
                learning_rate.to_string(),
                learning_rate.is_finite() && learning_rate > 0.0,
                "it is above 0",
            ),
            (
                "validation_split",
                validation_split.to_string(),
                (0.0..1.0).contains(&validation_split),
                "it is at least 0 and below 1",
            ),
            ("devices", devices.to_string(), devices > 0, "it is at least 1"),
            ("shuffle_buffer", shuffle_buffer.to_string(), shuffle_buffer > 0, "it is at least 1"),
            ("event_threshold", event_threshold.to_string(), event_threshold.is_finite(), "it is a number of stars"),
            ("negatives", negatives.to_string(), !is_sampled || negatives > 0, "`loss = \"softmax\"` alone needs none"),
            ("negatives", negatives.to_string(), negatives <= MOST_NEGATIVES, "it is at most 1,000"),
            (
                "history_dropout",
                history_dropout.to_string(),
                history_dropout > 0.0 && history_dropout < 1.0,
                "it is above 0 and below 1",
            ),
            ("weight_decay", weight_decay.to_string(), is_decay(weight_decay), "it is at least 0"),
            ("feature_decay", feature_decay.to_string(), is_decay(feature_decay), "it is at least 0"),
        ];
        let refusal = |reason: String| Err(OptionsError::Value { place: place.to_owned(), reason });
        let listed = |parts: &[Part]| {
            let names = parts.iter().map(|part| format!("`{part:?}`").to_lowercase());
            names.collect::<Vec<_>>().join(", ")
        };
        if shuffle == Shuffle::RowGroups && self.for_lists() {
            return refusal(
                "`shuffle = \"row-groups\"` is for stars, and this `loss` is for lists, which need each user's whole \
                 history in memory\nhint: set `shuffle = \"every-epoch\"`"
                    .to_owned(),
            );
        }
        if devices > 1 && (training_step == TrainingStep::Fused || self.for_lists()) {
            return refusal(
                "`devices` divides the steps of autodiff alone\nhint: set `training_step = \"plain\"`, of a network for stars"
                    .to_owned(),
            );
        }
        if shuffle == Shuffle::RowGroups && validation_split > 0.0 {
            return refusal(
                "`validation_split` cuts rows in memory, and `shuffle = \"row-groups\"` reads them from the disk\n\
                 hint: leave it out, and let the split make validation rows: `split.validation`"
                    .to_owned(),
            );
        }
        if let Some(part) = self.without.iter().find(|part| !parts.contains(part)) {
            let reason = format!("`{name}` has no {} to be without\nhint: it has {}", listed(&[*part]), listed(parts));
            return refusal(reason);
        }
        if !self.without.is_empty() && !self.for_lists() {
            return refusal("`without` is for lists\nhint: set `loss = \"softmax\"` as well".to_owned());
        }
        if parts.iter().all(|part| *part == Part::Features || self.without.contains(part)) {
            return refusal("`without` leaves nothing of a user's vector\nhint: take one of its parts out".to_owned());
        }
        match bounds.into_iter().find(|(.., holds, _)| !holds) {
            Some((key, value, _, bound)) => refusal(format!("`{key}` is `{value}`\nhint: {bound}")),
            None => Ok(()),
        }
    }
}
