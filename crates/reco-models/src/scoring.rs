//! Scores of a network on the CPU: what they sum up of items is laid out once, what of an asker for each query.
//!
//! All of it follows from the description. Does not know how pairs are summed up.
//!
//! **Invariant**: the scores are those of `forward`, which tests of `network.rs` compare, and do not depend, to the
//! last bit, on what else is asked; where a layer overflows, they are not finite.

use std::mem::take;

use reco_core::{Candidates, Matrix, Query, ScoreError, Scores, UserIdx, parallel};

use crate::arithmetic::PairItems;
use crate::description::{Architecture, Side, Similarity, Source};
use crate::modules::bias_of;
use crate::network::Network;
use crate::tensors::{indices, scores};

/// Askers that a thread works on together, at most: what it reads of items is read once for all of them.
const ASKERS: usize = 32;

/// Items that are laid out at a time, so that their tables are not held twice.
const ITEMS: usize = 4_096;

/// A network laid out for scores.
pub(crate) struct Scoring {
    dense: Dense,
    items: PairItems,
}

/// The numbers of a network but for its tables.
struct Dense {
    architecture: Architecture,
    /// The weights, `[d_input, d_output]`, and the bias of each layer, and then of the unit that joins all branches.
    layers: Vec<[Vec<f32>; 2]>,
}

impl Scoring {
    /// Lays out `network` for items of these features.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn new(network: &Network, features: &Matrix) -> Result<Self, ScoreError> {
        let architecture = network.architecture();
        let layers = network.dense().iter();
        let layers = layers.map(|dense| Ok([scores(dense.weight.val())?, scores(bias_of(dense).val())?]));
        let layers = layers.collect::<Result<_, ScoreError>>()?;
        let dense = Dense { architecture: architecture.clone(), layers };
        let (n_items, size) = (architecture.sizes.n_items, architecture.sizes.embedding_size);
        let mut items = PairItems::zeros(n_items, architecture.products.len() * size, dense.hidden());
        let mut numbers = vec![0.0; items.depth()];
        let all: Vec<u32> = (0..).take(n_items).collect();
        for some in all.chunks(ITEMS) {
            let towers = rows(network, Side::Item, some)?;
            for (at, item) in some.iter().map(|item| *item as usize).enumerate() {
                let read = |source| match source {
                    Source::Tower(tower) => &towers[tower][at * size..][..size],
                    Source::Features => features.row(item),
                    Source::Contexts => &[],
                };
                dense.write(Side::Item, read, &mut numbers);
                items.set(item, &numbers);
            }
        }
        Ok(Self { dense, items })
    }

    /// Writes the scores of `queries` into the rows of `out`, given the users who ask and the contexts in which.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn score(
        &self,
        network: &Network,
        asked: &[(UserIdx, Vec<f32>)],
        queries: &[Query<'_>],
        out: &mut Scores,
    ) -> Result<(), ScoreError> {
        let (depth, size) = (self.items.depth(), self.dense.architecture.sizes.embedding_size);
        let users: Vec<u32> = asked.iter().map(|(user, _)| user.get()).collect();
        let towers = rows(network, Side::User, &users)?;
        let mut askers = vec![0.0; asked.len() * depth];
        for (at, ((_, context), to)) in asked.iter().zip(askers.chunks_mut(depth)).enumerate() {
            let read = |source| match source {
                Source::Tower(tower) => &towers[tower][at * size..][..size],
                Source::Features => &[],
                Source::Contexts => context.as_slice(),
            };
            self.dense.write(Side::User, read, to);
        }
        let rows = queries.iter().map(|query| query.candidates).zip(askers.chunks(depth)).zip(out.rows_mut());
        let (whole, named): (Vec<_>, Vec<_>) =
            rows.partition(|((candidates, _), _)| matches!(candidates, Candidates::AllExcept(_)));
        let (askers, mut rows): (Vec<&[f32]>, Vec<&mut [f32]>) =
            whole.into_iter().map(|((_, asker), row)| (asker, row)).unzip();
        let n = askers.len().div_ceil(parallel::threads()).clamp(1, ASKERS);
        let tiles = askers.chunks(n).zip(rows.chunks_mut(n)).collect();
        parallel::each(tiles, || (), |(), (askers, rows): (_, &mut [&mut [f32]])| self.items.score(askers, rows));
        parallel::each(named, Vec::new, |all, ((candidates, asker), row)| match candidates {
            // To gather an item takes as long as to score some thirty.
            Candidates::These(items) if items.len() * 32 <= self.items.n_items() => {
                self.items.of(items).score(&[asker], &mut [row]);
            }
            candidates => {
                all.resize(self.items.n_items(), 0.0);
                self.items.score(&[asker], &mut [all.as_mut_slice()]);
                candidates.write(row, |item| all[item]);
            }
        });
        Ok(())
    }
}

/// These rows of each tower of a side, one after the other; nothing of the others.
fn rows(network: &Network, side: Side, which: &[u32]) -> Result<Vec<Vec<f32>>, ScoreError> {
    let towers = network.tables().iter().zip(&network.architecture().towers);
    let rows = towers.map(|(table, tower)| {
        let table = table.weight.val();
        let which = (tower.side == side).then(|| indices(which, &table.device()));
        which.map_or_else(|| Ok(Vec::new()), |which| scores(table.select(0, which)))
    });
    rows.collect()
}

impl Dense {
    /// The weights of the unit that joins all branches: one for each product, then for each hidden unit; and its bias.
    fn output(&self) -> (&[f32], f32) {
        let [weight, bias] = self.layers.last().expect("a network has the unit that joins all branches");
        (weight, bias[0])
    }

    /// Whether a layer reads something of users, and of items.
    fn reads(&self, layer: usize) -> [bool; 2] {
        let inputs = &self.architecture.layers[layer].inputs;
        [Side::User, Side::Item].map(|side| inputs.iter().any(|input| self.architecture.side(input.source) == side))
    }

    /// The weights of the hidden units that depend on pairs.
    fn hidden(&self) -> Vec<f32> {
        let (mut rest, _) = self.output();
        rest = &rest[self.architecture.products.len()..];
        let mut hidden = Vec::new();
        for (at, layer) in self.architecture.layers.iter().enumerate() {
            let (weights, after) = rest.split_at(layer.d_output);
            rest = after;
            if self.reads(at) == [true, true] {
                hidden.extend_from_slice(weights);
            }
        }
        hidden
    }

    /// Writes what scores sum up of a user or an item into `to`, as [`PairItems`] takes it; `read` gives what a source
    /// is for that user or item.
    fn write<'a>(&self, side: Side, read: impl Fn(Source) -> &'a [f32], to: &mut [f32]) {
        let Architecture { products, layers, .. } = &self.architecture;
        let (output, bias) = self.output();
        let (weights, mut output) = output.split_at(products.len());
        let (start, mut to) = to.split_first_mut().expect("there is room for the start");
        *start = if side == Side::User { bias } else { 0.0 };
        for (product, weight) in products.iter().zip(weights) {
            let tower = product.towers[usize::from(side == Side::Item)];
            let numbers = read(Source::Tower(tower));
            let length = match product.of.similarity {
                Similarity::Cosine => numbers.iter().map(|x| x * x).sum::<f32>().max(1e-12).sqrt(),
                Similarity::Dot => 1.0,
            };
            let factor = if side == Side::User { *weight } else { 1.0 };
            let (here, after) = take(&mut to).split_at_mut(numbers.len());
            here.iter_mut().zip(numbers).for_each(|(to, number)| *to = number / length * factor);
            to = after;
        }
        for (at, layer) in layers.iter().enumerate() {
            let (of_layer, after) = output.split_at(layer.d_output);
            output = after;
            let [weight, bias] = &self.layers[at];
            let of_pairs = match (self.reads(at), side) {
                ([true, true], _) => true,
                ([true, false], Side::User) | ([false, true], Side::Item) => false,
                _ => continue,
            };
            // The bias is a user's, where a layer reads something of both.
            let mut half = if of_pairs && side == Side::Item { vec![0.0; layer.d_output] } else { bias.clone() };
            for input in layer.inputs.iter().filter(|input| self.architecture.side(input.source) == side) {
                let rows = weight.chunks(layer.d_output).skip(input.from);
                for (number, row) in read(input.source).iter().zip(rows) {
                    half.iter_mut().zip(row).for_each(|(sum, weight)| *sum += number * weight);
                }
            }
            // A rectifier may make 0 of what is no number; the score of a model that has failed is none.
            if half.iter().any(|sum| !sum.is_finite()) {
                *start = f32::NAN;
            }
            if of_pairs {
                let (here, after) = take(&mut to).split_at_mut(half.len());
                here.copy_from_slice(&half);
                to = after;
            } else {
                *start += half.iter().zip(of_layer).map(|(sum, weight)| sum.max(0.0) * weight).sum::<f32>();
            }
        }
    }
}
