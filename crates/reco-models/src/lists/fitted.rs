//! A trained network for lists as a recommender: scores, explanations, visitors, saving and loading.
//!
//! Does not know how it was trained.
//!
//! **Invariant**: a user's vector follows from the tables and from what the user met; a visitor of the same history and
//! attributes has the same one, but for the user's own embedding, in whose place stands the mean of all.

use std::num::NonZeroUsize;
use std::sync::Arc;

use pulp::{Simd, WithSimd};
use reco_core::dot::{ItemTable, TableFormat, Vectors};
use reco_core::lanes::arch;
use reco_core::{
    Ablation, Candidates, Catalogue, Cause, Explanation, Fitted, ItemIdx, LayerGraph, LoadError, Matrix, Profile,
    Query, Ranking, Recommender, ScoreError, ScoreKind, Scores, Seen, Term, TrainingLog, Weights, Who,
};

use super::step::scale;
use super::{Shape, Table, Tables, add, centred, from_average, means};
use crate::arithmetic::Padded;
use crate::options::Part;

/// A trained network for lists with the catalogue it was trained on.
pub(crate) struct FittedLists {
    name: &'static str,
    title: &'static str,
    tables: Tables,
    /// The events of each user.
    met: Arc<Vec<Seen>>,
    /// The items' vectors, as they stand in a history.
    history: Option<Padded>,
    items: ItemTable,
    /// The mean of the users' embeddings.
    average: Vec<f32>,
    /// The mean of each attribute.
    means: Vec<f32>,
    /// An event has at least as many stars.
    threshold: f32,
    catalogue: Arc<Catalogue>,
    log: TrainingLog,
}

/// What a user's vector is the sum of, `[size]` each.
struct Summands<'a> {
    embedding: Option<&'a [f32]>,
    /// The items of the history.
    history: Vec<u32>,
    /// Rows of attributes, with the user's numbers.
    attributes: Vec<(usize, f32)>,
    /// The moment, as [`from_average`] gives it.
    moment: Vec<f32>,
}

impl FittedLists {
    /// `None` where a number is not finite.
    pub(super) fn new(
        [name, title]: [&'static str; 2],
        tables: Tables,
        met: Arc<Vec<Seen>>,
        threshold: f32,
        catalogue: &Arc<Catalogue>,
        log: TrainingLog,
    ) -> Option<Self> {
        let size = tables.shape.size;
        let features = &centred(catalogue.item_features.matrix());
        let items = vectors(&tables, Table::Items, Table::Features, features)?;
        let mut numbers = Vec::with_capacity(items.n_rows() * size);
        (0..items.n_rows()).for_each(|item| numbers.extend_from_slice(&items.row(item)[..size]));
        let biases: Vec<f32> = (0..items.n_rows()).map(|item| items.row(item)[size]).collect();
        let embeddings = Matrix::new(items.n_rows(), size, numbers)?;
        let history = vectors(&tables, Table::History, Table::HistoryFeatures, features);
        let is_finite = |rows: &Padded| rows.values().iter().all(|number| number.is_finite());
        if !tables.of.iter().flatten().chain(&history).all(is_finite) {
            return None;
        }
        let mut average = vec![0.0; size];
        if let Some(users) = tables.get(Table::Users) {
            let known = || (0..users.n_rows()).filter(|user| !met[*user].items().is_empty());
            for user in known() {
                average.iter_mut().zip(users.row(user)).for_each(|(sum, number)| *sum += number);
            }
            let n = known().count().max(1) as f32;
            average.iter_mut().for_each(|sum| *sum /= n);
        }
        Some(Self {
            items: ItemTable::new(&embeddings, Some(&biases), TableFormat::F32)?,
            tables,
            name,
            title,
            met,
            history,
            average,
            means: means(catalogue.user_features.matrix()),
            threshold,
            catalogue: Arc::clone(catalogue),
            log,
        })
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The same network with the log of its training.
    pub(super) fn with_log(self, log: TrainingLog) -> Self {
        Self { log, ..self }
    }

    /// Takes out what `save` put in.
    pub(crate) fn load(
        names: [&'static str; 2],
        weights: &mut Weights,
        shape: Shape,
        threshold: f32,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self, LoadError> {
        let log = weights.take_value("training")?;
        let tables = Tables::load(shape, weights)?;
        let met = Arc::new(Seen::load(weights, catalogue)?);
        let model = Self::new(names, tables, met, threshold, catalogue, log);
        model.ok_or_else(|| LoadError::Weights { reason: "the sums of its embeddings are not finite".to_owned() })
    }

    fn summands(&self, query: &Query<'_>) -> Result<Summands<'_>, ScoreError> {
        let shape = &self.tables.shape;
        let has_history = shape.has(Part::History);
        let users = self.tables.get(Table::Users);
        let (embedding, history, attributes) = match &query.who {
            Who::Known(user) => {
                let own = self.catalogue.user_features.matrix().row(user.index());
                let met = &self.met[user.index()];
                let embedding = match users {
                    Some(_) if met.items().is_empty() => Some(&self.average[..]),
                    Some(users) => Some(&users.row(user.index())[..shape.size]),
                    None => None,
                };
                let own = own.iter().zip(&self.means).map(|(number, mean)| number - mean);
                (embedding, met.items().to_vec(), own.enumerate().collect())
            }
            Who::Visitor { .. } if !has_history => return Err(ScoreError::Visitor { approach: self.name }),
            Who::Visitor { history, profile } => {
                let is_event = |item: ItemIdx, target: f32| {
                    let stars = self.catalogue.scaling.stars(item, target);
                    self.threshold == 0.0 || stars.is_none_or(|stars| stars >= self.threshold)
                };
                let events = history.iter().filter(|(item, target)| is_event(*item, target.get()));
                let met = Seen::new(events.map(|(item, _)| *item).collect());
                let attributes = self.stated(profile)?;
                (users.map(|_| &self.average[..]), met.items().to_vec(), attributes)
            }
        };
        let is_read = shape.rows(Table::Attributes).is_some();
        Ok(Summands {
            embedding,
            history: if has_history { history.into_iter().map(ItemIdx::get).collect() } else { Vec::new() },
            attributes: attributes.into_iter().filter(|(_, number)| is_read && *number != 0.0).collect(),
            moment: from_average(&self.catalogue.contexts, &query.context_or_average(&self.catalogue)?),
        })
    }

    /// What a visitor states, less the means; of what is not stated, nothing.
    fn stated(&self, profile: &Profile) -> Result<Vec<(usize, f32)>, ScoreError> {
        let stated = profile.stated(&self.catalogue)?.attributes;
        let names = self.catalogue.user_features.names();
        let family = |column: usize| names[column].split_once('=').map_or(&names[column][..], |(family, _)| family);
        let of_family = |column: &usize| stated.iter().any(|(other, _)| family(*other) == family(*column));
        let number =
            |column: usize| stated.iter().find(|(other, _)| *other == column).map_or(0.0, |(_, number)| *number);
        Ok((0..names.len()).filter(of_family).map(|column| (column, number(column) - self.means[column])).collect())
    }

    /// Writes the vector of the asker into `to`, `[size]`.
    fn asker(&self, query: &Query<'_>, to: &mut [f32]) -> Result<f32, ScoreError> {
        let summands = self.summands(query)?;
        arch().dispatch(Vector { model: self, summands: &summands, to });
        Ok(0.0)
    }
}

/// The rows of `table`, each with the rows of `of_features` that belong to the item's features; `None` where there is
/// no such table.
fn vectors(tables: &Tables, table: Table, of_features: Table, features: &Matrix) -> Option<Padded> {
    let mut vectors = tables.get(table)?.clone();
    if let Some(of_features) = tables.get(of_features) {
        arch().dispatch(AddFeatures { features, of_features, to: &mut vectors });
    }
    Some(vectors)
}

struct AddFeatures<'a> {
    features: &'a Matrix,
    of_features: &'a Padded,
    to: &'a mut Padded,
}

impl WithSimd for AddFeatures<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { features, of_features, to } = self;
        for item in 0..to.n_rows() {
            for (feature, number) in features.row(item).iter().enumerate() {
                add(simd, *number, of_features.row(feature), to.row_mut(item));
            }
        }
    }
}

/// The sum that a user's vector is.
struct Vector<'a> {
    model: &'a FittedLists,
    summands: &'a Summands<'a>,
    to: &'a mut [f32],
}

impl WithSimd for Vector<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { model, summands, to } = self;
        let mut sum = Padded::zeros(1, model.tables.shape.size + 1);
        let sum = sum.row_mut(0);
        if let Some(history) = &model.history {
            summands.history.iter().for_each(|item| add(simd, 1.0, history.row(*item as usize), sum));
            let scale = scale(summands.history.len());
            sum.iter_mut().for_each(|x| *x *= scale);
        }
        if let Some(attributes) = model.tables.get(Table::Attributes) {
            summands.attributes.iter().for_each(|(row, number)| add(simd, *number, attributes.row(*row), sum));
        }
        if let Some(contexts) = model.tables.get(Table::Contexts) {
            let moment = summands.moment.iter().enumerate();
            moment.for_each(|(row, number)| add(simd, *number, contexts.row(row), sum));
        }
        let own = summands.embedding.unwrap_or(&[]);
        sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        to.iter_mut().zip(sum).for_each(|(to, sum)| *to = *sum);
    }
}

impl Recommender for FittedLists {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Order
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.items.score(queries, out, |query, vector| self.asker(query, vector))
    }

    fn recommend(&self, queries: &[Query<'_>], k: NonZeroUsize) -> Result<Vec<Ranking>, ScoreError> {
        self.items.recommend(&self.catalogue.items, queries, k, |query, vector| self.asker(query, vector))
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let mut scores = Scores::new();
        self.score(&[Query { candidates: Candidates::These(items), ..*query }], &mut scores)?;
        let summands = self.summands(query)?;
        let mut user = vec![0.0; self.tables.shape.size];
        self.asker(query, &mut user)?;
        let explain = |(item, score): (&ItemIdx, &f32)| self.explanation(*item, *score, &summands, &user);
        Ok(Some(items.iter().zip(scores.row(0)).map(explain).collect()))
    }
}

impl FittedLists {
    fn explanation(&self, item: ItemIdx, score: f32, summands: &Summands<'_>, user: &[f32]) -> Explanation {
        let mut vector = vec![0.0; self.tables.shape.size];
        self.items.embedding(item, &mut vector);
        let times = |row: &[f32]| row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let part =
            |name: &str, effect: f64| Term { cause: Cause::Part { name: name.to_owned() }, effect: effect as f32 };
        let mut terms = vec![part("item bias", self.items.bias(item).into())];
        terms.extend(summands.embedding.map(|embedding| part("embedding", times(embedding))));
        if let Some(attributes) = self.tables.get(Table::Attributes) {
            let effects =
                summands.attributes.iter().map(|(row, number)| f64::from(*number) * times(attributes.row(*row)));
            terms.push(part("attributes", effects.sum()));
        }
        if let Some(contexts) = self.tables.get(Table::Contexts) {
            let effects = summands.moment.iter().enumerate();
            let effects = effects.map(|(row, number)| f64::from(*number) * times(contexts.row(row)));
            terms.push(part("context", effects.sum()));
        }
        if let Some(history) = &self.history {
            let scale = f64::from(scale(summands.history.len()));
            terms.extend(summands.history.iter().filter_map(|met| {
                let similarity = times(history.row(*met as usize));
                let item = self.catalogue.items.at(*met as usize)?;
                let cause = Cause::Item { item, similarity: similarity as f32, rating: None };
                Some(Term { cause, effect: (scale * similarity) as f32 })
            }));
        }
        let Some(of_features) = self.tables.get(Table::Features) else {
            return Explanation { score, terms, without: Vec::new() };
        };
        let features = &self.catalogue.item_features;
        let numbers = features.matrix().row(item.index()).iter().enumerate().filter(|(_, number)| **number != 0.0);
        let without = numbers.map(|(feature, number)| {
            let row = of_features.row(feature);
            let adds: f64 = row.iter().zip(user).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let bias = f64::from(row[self.tables.shape.size]);
            Ablation {
                feature: features.names()[feature].clone(),
                change: (-f64::from(*number) * (adds + bias)) as f32,
            }
        });
        let without = without.collect();
        Explanation { score, terms, without }
    }
}

impl Fitted for FittedLists {
    fn n_parameters(&self) -> usize {
        self.tables.n_parameters()
    }

    fn training(&self) -> Option<&TrainingLog> {
        Some(&self.log)
    }

    fn layers(&self) -> Option<LayerGraph> {
        Some(graph(self.title, &self.tables.shape))
    }

    fn vectors(&self) -> Result<Option<Vectors>, ScoreError> {
        self.items.vectors(&self.catalogue, |query, vector| self.asker(query, vector)).map(Some)
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        // Equal weights are equal bytes, so there are no times among them; the manifest has them.
        let log = TrainingLog { train_seconds: 0.0, ..self.log.clone() };
        let weights = Weights::new(self.name, &self.catalogue).with_value("training", log);
        Ok(Seen::save(&self.met, self.tables.save(weights)))
    }
}

/// The network as layers.
fn graph(title: &str, shape: &Shape) -> LayerGraph {
    let mut graph = LayerGraph::new(title);
    let size = shape.size;
    let sources = [
        (Table::Users, "user_in", "user_emb", ""),
        (Table::History, "history_in", "history_emb", "sum / √n"),
        (Table::HistoryFeatures, "history_features_in", "history_features_emb", "sum / √n"),
        (Table::Attributes, "attributes_in", "attributes_emb", "sum"),
        (Table::Contexts, "contexts_in", "contexts_emb", "sum"),
        (Table::Items, "item_in", "item_emb", ""),
        (Table::Features, "features_in", "features_emb", "sum"),
    ];
    let mut sides = [Vec::new(), Vec::new()];
    for (table, input, name, detail) in sources {
        let Some(n) = shape.rows(table) else { continue };
        let width = if matches!(table, Table::Users | Table::Items) { 1 } else { n };
        let n_parameters = n * (size + usize::from(table.biases().is_some()));
        graph.add(input, "Input", "", &[], width, 0);
        graph.add(name, "Embedding", detail, &[input], size, n_parameters);
        sides[usize::from(matches!(table, Table::Items | Table::Features))].push(name);
    }
    let mut ends = Vec::new();
    for (names, name) in sides.iter().zip(["user", "item"]) {
        match names[..] {
            [one] => ends.push(one),
            _ => {
                graph.add(name, "Add", "", names, size, 0);
                ends.push(name);
            }
        }
    }
    graph.add("score", "Dot", "and the item's bias", &ends, 1, 0);
    graph
}
