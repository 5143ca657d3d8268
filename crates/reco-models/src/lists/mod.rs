//! Networks that are trained for lists: the tables of one, and the vectors of users and items that follow from them.
//!
//! A score is the dot product of a user's and an item's vector, beside the item's bias. What the vectors are the sums
//! of is said by [`Part`]. The step (`step.rs`) and what it lowers (`loss.rs`) know the rest. Does not know how a
//! query is answered.
//!
//! **Invariant**: each table is there exactly if the description and the catalogue have what it is for; a vector is one
//! sum in one order, in training as in an answer.

mod events;
mod fitted;
mod loss;
mod standing;
mod step;
#[cfg(test)]
mod tests;
mod training;

use pulp::Simd;
use reco_core::lanes::mul_add;
use reco_core::memory::Need;
use reco_core::random::Draws;
use reco_core::{Catalogue, ContextColumn, LoadError, Matrix, Weights};

pub(crate) use self::fitted::FittedLists;
pub(crate) use self::training::train;
use crate::arithmetic::Padded;
use crate::options::{NetworkOptions, Part};

/// What a table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    /// Users: their own embeddings.
    Users,
    /// Columns of the users' attributes.
    Attributes,
    /// Items, as they stand in a history.
    History,
    /// Columns of the items' features, as they stand in a history.
    HistoryFeatures,
    /// Items, as they are recommended.
    Items,
    /// Columns of the items' features, as they are recommended.
    Features,
    /// Contexts.
    Contexts,
}

impl Table {
    const ALL: [Self; 7] = [
        Self::Users,
        Self::Attributes,
        Self::History,
        Self::HistoryFeatures,
        Self::Items,
        Self::Features,
        Self::Contexts,
    ];

    /// What its tensor is called.
    fn name(self) -> &'static str {
        match self {
            Self::Users => "users.embedding",
            Self::Attributes => "attributes.embedding",
            Self::Contexts => "contexts.embedding",
            Self::History => "history.embedding",
            Self::HistoryFeatures => "history_features.embedding",
            Self::Items => "items.embedding",
            Self::Features => "features.embedding",
        }
    }

    /// What the tensor of its biases is called, where it has any.
    fn biases(self) -> Option<&'static str> {
        match self {
            Self::Items => Some("items.bias"),
            Self::Features => Some("features.bias"),
            _ => None,
        }
    }
}

/// A network for lists over a catalogue: which tables it has, and how large they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Whether each part is there, in the order of [`Part`].
    parts: [bool; 5],
    /// Width of each embedding. Rows have one number more, the bias; a user's vector has a 1 there.
    size: usize,
    n_users: usize,
    n_items: usize,
    n_features: usize,
    n_attributes: usize,
    n_contexts: usize,
}

impl Shape {
    /// The network of `parts`, less what the options leave out.
    pub(crate) fn of(parts: &[Part], options: &NetworkOptions, catalogue: &Catalogue) -> Self {
        let mut are_there = [false; 5];
        for part in parts {
            are_there[*part as usize] = !options.without.contains(part);
        }
        Self {
            parts: are_there,
            size: options.embedding_size,
            n_users: catalogue.n_users(),
            n_items: catalogue.n_items(),
            n_features: catalogue.item_features.names().len(),
            n_attributes: catalogue.user_features.names().len(),
            n_contexts: catalogue.contexts.len(),
        }
    }

    fn has(&self, part: Part) -> bool {
        self.parts[part as usize]
    }

    /// How many rows `table` has; `None` where there is no such table.
    fn rows(&self, table: Table) -> Option<usize> {
        let (is_there, n) = match table {
            Table::Users => (self.has(Part::Embedding), self.n_users),
            Table::Attributes => (self.has(Part::Attributes), self.n_attributes),
            Table::Contexts => (self.has(Part::Contexts), self.n_contexts),
            Table::History => (self.has(Part::History), self.n_items),
            Table::HistoryFeatures => (self.has(Part::History) && self.has(Part::Features), self.n_features),
            Table::Items => (true, self.n_items),
            Table::Features => (self.has(Part::Features), self.n_features),
        };
        (is_there && n > 0).then_some(n)
    }

    /// `n` times the tables, and how much is added to them.
    pub(crate) fn copies(&self, n: usize) -> Need {
        let rows = Table::ALL.iter().filter_map(|table| self.rows(*table)).sum();
        let need = Need::default().and("embeddings", &[n, rows, self.size.saturating_add(1)], 4);
        need.lowered_by("embedding_size")
    }
}

/// A network's numbers.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    shape: Shape,
    /// In the order of [`Table::ALL`]: `[n_rows, size + 1]`.
    of: [Option<Padded>; Table::ALL.len()],
}

impl Tables {
    /// Embeddings uniform in ±0.05, as Keras' `Embedding`; biases of 0.
    pub(crate) fn drawn(shape: Shape, seed: u64) -> Self {
        let of = Table::ALL.map(|table| {
            let mut rows = Padded::zeros(shape.rows(table)?, shape.size + 1);
            for row in 0..rows.n_rows() {
                let mut draws = Draws::new(seed, table as u32, row as u32);
                rows.row_mut(row)[..shape.size].fill_with(|| (0.1 * draws.uniform() - 0.05) as f32);
            }
            Some(rows)
        });
        Self { shape, of }
    }

    fn get(&self, table: Table) -> Option<&Padded> {
        self.of[table as usize].as_ref()
    }

    /// Moves each number by `share` of its way to that of `other`.
    fn move_to(&mut self, other: &Self, share: f32) {
        for (rows, others) in self.of.iter_mut().flatten().zip(other.of.iter().flatten()) {
            rows.values_mut().iter_mut().zip(others.values()).for_each(|(x, other)| *x += share * (other - *x));
        }
    }

    fn n_parameters(&self) -> usize {
        let numbers = |table: &Table| {
            let rows = self.shape.rows(*table).unwrap_or(0);
            rows * (self.shape.size + usize::from(table.biases().is_some()))
        };
        Table::ALL.iter().map(numbers).sum()
    }

    /// Adds each table to `weights`, by its name, `[n_rows, size]`, and its biases, `[n_rows]`.
    fn save(&self, mut weights: Weights) -> Weights {
        let size = self.shape.size;
        for table in Table::ALL {
            let Some(rows) = self.get(table) else { continue };
            let numbers = (0..rows.n_rows()).flat_map(|row| &rows.row(row)[..size]).copied();
            weights = weights.with(table.name(), &[rows.n_rows(), size], numbers);
            if let Some(name) = table.biases() {
                weights = weights.with(name, &[rows.n_rows()], (0..rows.n_rows()).map(|row| rows.row(row)[size]));
            }
        }
        weights
    }

    /// Adds all numbers of each table to the state of a training, `[n_rows, size + 1]`, by `part` and its name.
    fn keep(&self, part: &str, state: Weights) -> Weights {
        let tables = Table::ALL.iter().filter_map(|table| Some((table, self.get(*table)?)));
        tables.fold(state, |state, (table, rows)| {
            state.with(&format!("{part}.{}", table.name()), &[rows.n_rows(), rows.n_columns()], rows.to_vec())
        })
    }

    /// Takes out what [`Tables::keep`] added.
    fn take(shape: Shape, part: &str, state: &mut Weights) -> Result<Self, LoadError> {
        let mut of = [const { None }; Table::ALL.len()];
        for (table, place) in Table::ALL.into_iter().zip(&mut of) {
            let Some(n) = shape.rows(table) else { continue };
            let width = shape.size + 1;
            *place = Some(Padded::of(&state.take::<f32>(&format!("{part}.{}", table.name()), &[n, width])?, width));
        }
        Ok(Self { shape, of })
    }

    /// Takes out what [`Tables::save`] added.
    fn load(shape: Shape, weights: &mut Weights) -> Result<Self, LoadError> {
        let mut of = [const { None }; Table::ALL.len()];
        for (table, place) in Table::ALL.into_iter().zip(&mut of) {
            let Some(n) = shape.rows(table) else { continue };
            let numbers: Vec<f32> = weights.take(table.name(), &[n, shape.size])?;
            let biases: Option<Vec<f32>> = table.biases().map(|name| weights.take(name, &[n])).transpose()?;
            let mut rows = Padded::zeros(n, shape.size + 1);
            for (row, numbers) in numbers.chunks(shape.size).enumerate() {
                rows.row_mut(row)[..shape.size].copy_from_slice(numbers);
                rows.row_mut(row)[shape.size] = biases.as_ref().map_or(0.0, |biases| biases[row]);
            }
            *place = Some(rows);
        }
        Ok(Self { shape, of })
    }
}

/// `features` less the mean of each column, so that they say how a row differs from the others, and their embeddings do
/// not do the work of biases.
fn centred(features: &Matrix) -> Matrix {
    let mut centred = features.clone();
    for (column, mean) in means(features).into_iter().enumerate() {
        (0..features.n_rows()).for_each(|row| centred.row_mut(row)[column] -= mean);
    }
    centred
}

/// The mean of each column.
fn means(features: &Matrix) -> Vec<f32> {
    let n = features.n_rows().max(1) as f64;
    let mean = |column: usize| (0..features.n_rows()).map(|row| f64::from(features.row(row)[column])).sum::<f64>() / n;
    (0..features.n_columns()).map(|column| mean(column) as f32).collect()
}

/// A moment as one number for each of `contexts`: how far it is from the average, as a share of the range.
fn from_average(contexts: &[ContextColumn], moment: &[f32]) -> Vec<f32> {
    let share = |(context, number): (&ContextColumn, &f32)| {
        let range = context.high - context.low;
        if range > 0.0 { (number - context.mean) / range } else { 0.0 }
    };
    contexts.iter().zip(moment).map(share).collect()
}

/// `to += factor · from`
#[inline(always)]
fn add<S: Simd>(simd: S, factor: f32, from: &[f32], to: &mut [f32]) {
    let factor = simd.splat_f32s(factor);
    for (to, from) in S::as_mut_simd_f32s(to).0.iter_mut().zip(S::as_simd_f32s(from).0) {
        *to = mul_add(simd, factor, *from, *to);
    }
}
