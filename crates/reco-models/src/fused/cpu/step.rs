//! One fused training step on the CPU: forward, backward and update of a batch.
//!
//! The equations stand in the head of `fused/mod.rs`. Does not know epochs.
//!
//! **Invariant**: a share's gradients depend on its own rows alone.

use pulp::{Simd, WithSimd};
use reco_core::lanes::{dots, mul_add};

use super::adam::{self, MetRows};
use super::{BLOCK, OnCpu, SHARES, Tower, zeros};
use crate::arithmetic::{Padded, Rows, add_transposed_product, product};
use crate::batches::Columns;
use crate::description::{Architecture, DenseOver, Reader, Segment, Side, Similarity, Source};

/// The least squared length.
const LEAST_SQUARE: f32 = 1e-12;

/// A dense layer before a rectifier, with its moments.
#[derive(Debug)]
pub(super) struct DenseLayer {
    /// `[d_input, d_output]`: weight, first and second moment.
    weight: [Padded; 3],
    /// `[d_output, d_input]`: the weight again, for the backward pass.
    transposed: Padded,
    /// `[d_output]`, as the weight.
    bias: [Vec<f32>; 3],
}

impl DenseLayer {
    /// Zeros.
    pub(super) fn new(of: &DenseOver) -> Self {
        let DenseOver { d_input, d_output, .. } = *of;
        Self {
            weight: [0; 3].map(|_| Padded::zeros(d_input, d_output)),
            transposed: Padded::zeros(d_output, d_input),
            bias: [0; 3].map(|_| zeros(d_output)),
        }
    }

    /// Takes the weight and the bias (0) or one of their moments (1, 2).
    pub(super) fn set(&mut self, which: usize, weight: &[f32], bias: &[f32]) {
        self.weight[which] = Padded::of(weight, bias.len());
        self.bias[which][..bias.len()].copy_from_slice(bias);
        if which == 0 {
            self.weight[0].transpose_into(&mut self.transposed);
        }
    }

    /// The weight (0) or one of its moments (1, 2).
    pub(super) fn weight(&self, which: usize) -> Vec<f32> {
        self.weight[which].to_vec()
    }

    /// The bias (0) or one of its moments (1, 2).
    pub(super) fn bias(&self, which: usize) -> Vec<f32> {
        self.bias[which][..self.weight[0].n_columns()].to_vec()
    }
}

/// The unit that joins the branches, with its moments: each product's weight, the bias, and each layer's weights.
#[derive(Debug)]
pub(super) struct Output {
    /// The products' weights and then the bias: weight, first and second moment.
    scalars: [Vec<f32>; 3],
    n_products: usize,
    /// One per layer, `[d_output]`.
    layers: Vec<[Vec<f32>; 3]>,
    widths: Vec<usize>,
}

impl Output {
    /// Zeros.
    pub(super) fn new(n_products: usize, widths: Vec<usize>) -> Self {
        let state = |n: usize| [0; 3].map(|_| zeros(n));
        let layers = widths.iter().map(|width| state(*width)).collect();
        Self { layers, scalars: state(n_products + 1), n_products, widths }
    }

    /// Takes the weight and the bias (0) or one of their moments (1, 2).
    pub(super) fn set(&mut self, which: usize, weight: &[f32], bias: f32) {
        let (products, mut rest) = weight.split_at(self.n_products);
        self.scalars[which][..self.n_products].copy_from_slice(products);
        self.scalars[which][self.n_products] = bias;
        for (layer, width) in self.layers.iter_mut().zip(&self.widths) {
            let (own, others) = rest.split_at(*width);
            layer[which][..*width].copy_from_slice(own);
            rest = others;
        }
    }

    /// The weight (0) or one of its moments (1, 2).
    pub(super) fn weight(&self, which: usize) -> Vec<f32> {
        let layers = self.layers.iter().zip(&self.widths).flat_map(|(layer, width)| &layer[which][..*width]);
        self.scalars[which][..self.n_products].iter().chain(layers).copied().collect()
    }

    /// The bias (0) or one of its moments (1, 2).
    pub(super) fn bias(&self, which: usize) -> f32 {
        self.scalars[which][self.n_products]
    }
}

/// What a share of a batch computes: gradients of its own rows' embeddings, and its part of the dense gradients.
#[derive(Debug)]
pub(super) struct Share {
    /// Rows that it has room for: whole blocks.
    room: usize,
    /// Gradients of each product's rows, `[room, embedding_size]`.
    products: Vec<[Padded; 2]>,
    /// Each product, of the rows of the block that is being worked on.
    found: Vec<[Found; BLOCK]>,
    layers: Vec<ShareOfLayer>,
    /// Gradients of the products' weights and of the bias.
    scalars: Vec<f32>,
    /// Σ |ŷ - y| and Σ |ŷ - y| / |y|.
    sums: [f64; 2],
}

#[derive(Debug)]
struct ShareOfLayer {
    /// `[room, d_input]`: what the layer reads; where that is embeddings, then their gradients.
    input: Padded,
    /// `[BLOCK, d_output]`: the rectifier's output, then the gradient of its input.
    hidden: Padded,
    /// `[d_input, d_output]`
    weight: Padded,
    bias: Vec<f32>,
    /// Gradients of this layer's weights in the joining unit.
    output: Vec<f32>,
}

impl Share {
    /// Room for `n` rows of a batch of `fused`.
    pub(super) fn new(fused: &OnCpu, n: usize) -> Self {
        let room = n.div_ceil(BLOCK) * BLOCK;
        let Architecture { sizes, products, layers, .. } = fused.network.architecture();
        let layer = |layer: &DenseOver| ShareOfLayer {
            input: Padded::zeros(room, layer.d_input),
            hidden: Padded::zeros(BLOCK, layer.d_output),
            weight: Padded::zeros(layer.d_input, layer.d_output),
            bias: zeros(layer.d_output),
            output: zeros(layer.d_output),
        };
        Self {
            room,
            products: products.iter().map(|_| [0, 1].map(|_| Padded::zeros(room, sizes.embedding_size))).collect(),
            found: vec![[Found::default(); BLOCK]; products.len()],
            layers: layers.iter().map(layer).collect(),
            scalars: zeros(products.len() + 1),
            sums: [0.0; 2],
        }
    }

    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn sums(&self) -> [f64; 2] {
        self.sums
    }

    #[inline(always)]
    fn clear(&mut self) {
        self.scalars.fill(0.0);
        self.sums = [0.0; 2];
        for layer in &mut self.layers {
            layer.weight.values_mut().fill(0.0);
            layer.bias.fill(0.0);
            layer.output.fill(0.0);
        }
    }
}

/// Finds the distinct rows of a batch and brings them up to date.
pub(super) struct Touch<'a> {
    pub(super) fused: &'a mut OnCpu,
    pub(super) columns: &'a Columns,
    pub(super) rows: &'a [u32],
}

impl WithSimd for Touch<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let OnCpu { tables, users, items, adam, step, .. } = self.fused;
        for (side, met, of) in [(Side::User, users, &self.columns.users), (Side::Item, items, &self.columns.items)] {
            let batch = self.rows.iter().map(|row| of[*row as usize]);
            met.touch(batch, *step, adam, |row, missed| {
                let own = tables.iter_mut().filter(|tower| tower.side == side);
                own.for_each(|tower| tower.states.catch_up(simd, row, missed));
            });
        }
    }
}

/// Forward and backward over a share of a batch; each row's error weighs `weight`.
pub(super) struct Gradients<'a> {
    pub(super) fused: &'a OnCpu,
    pub(super) columns: &'a Columns,
    pub(super) rows: &'a [u32],
    pub(super) weight: f32,
    pub(super) share: &'a mut Share,
}

impl WithSimd for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.share.clear();
        for (rows, block) in self.rows.chunks(BLOCK).zip(0..) {
            self.fused.gradients(simd, self.columns, rows, self.weight, block * BLOCK, self.share);
        }
    }
}

/// Adam on the dense layers.
pub(super) struct UpdateDense<'a> {
    pub(super) layers: &'a mut [DenseLayer],
    pub(super) output: &'a mut Output,
    /// Where the shares' gradients are added up.
    pub(super) total: &'a mut Share,
    pub(super) shares: &'a [Share],
    pub(super) rate: f32,
}

impl WithSimd for UpdateDense<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layers, output, total, shares, rate } = self;
        total.clear();
        for share in shares {
            add(simd, &mut total.scalars, &share.scalars);
            for (total, share) in total.layers.iter_mut().zip(&share.layers) {
                add(simd, total.weight.values_mut(), share.weight.values());
                add(simd, &mut total.bias, &share.bias);
                add(simd, &mut total.output, &share.output);
            }
        }
        let state = |[w, m, v]: &mut [Vec<f32>; 3], gradient: &[f32]| adam::step(simd, [w, m, v], gradient, rate);
        state(&mut output.scalars, &total.scalars);
        for ((total, own), output) in total.layers.iter().zip(layers).zip(&mut output.layers) {
            let [w, m, v] = &mut own.weight;
            adam::step(simd, [w.values_mut(), m.values_mut(), v.values_mut()], total.weight.values(), rate);
            state(&mut own.bias, &total.bias);
            state(output, &total.output);
            own.weight[0].transpose_into(&mut own.transposed);
        }
    }
}

/// Adam on the rows of one table that the batch met.
pub(super) struct UpdateRows<'a> {
    pub(super) tower: &'a mut Tower,
    pub(super) met: &'a MetRows,
    pub(super) shares: &'a [Share],
    /// Rows of each share but the last.
    pub(super) n_per_share: usize,
    pub(super) rate: f32,
}

impl WithSimd for UpdateRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tower: Tower { states, reader, .. }, met, shares, n_per_share, rate } = self;
        // Where each share has its gradients, and which of their columns are this table's.
        let all: [&Share; SHARES] = std::array::from_fn(|at| &shares[at.min(shares.len() - 1)]);
        let (of_shares, columns) = match *reader {
            Reader::Product { product, factor } => {
                (all.map(|share| &share.products[product][factor]), 0..states.whole::<S>())
            }
            // Side by side, as the layer read them.
            Reader::Layer { layer, from } => (all.map(|share| &share.layers[layer].input), from..from + states.width()),
        };
        let mut gradient = zeros(states.width());
        for (row, distinct) in met.distinct.iter().zip(0..) {
            gradient.fill(0.0);
            for place in met.places(distinct) {
                let from = &of_shares[place / n_per_share].row(place % n_per_share)[columns.clone()];
                gradient.iter_mut().zip(from).for_each(|(sum, one)| *sum += one);
            }
            states.update(simd, *row, &gradient, rate);
        }
    }
}

/// Brings every row of every table up to date.
pub(super) struct Settle<'a> {
    pub(super) fused: &'a mut OnCpu,
}

impl WithSimd for Settle<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let OnCpu { tables, users, items, adam, step, .. } = self.fused;
        for (side, rows) in [(Side::User, users), (Side::Item, items)] {
            rows.settle(*step, adam, |row, missed| {
                let own = tables.iter_mut().filter(|tower| tower.side == side);
                own.for_each(|tower| tower.states.catch_up(simd, row, missed));
            });
        }
    }
}

impl OnCpu {
    /// Forward and backward over at most [`BLOCK`] rows, which are rows `from` and on of the share; each row's error
    /// weighs `weight`.
    #[inline(always)]
    fn gradients<S: Simd>(
        &self,
        simd: S,
        columns: &Columns,
        rows: &[u32],
        weight: f32,
        from: usize,
        share: &mut Share,
    ) {
        let n = rows.len();
        let architecture = self.network.architecture();
        let Share { products, found, layers, scalars, sums, .. } = share;
        for (layer, (own, of)) in layers.iter_mut().zip(self.layers.iter().zip(&architecture.layers)) {
            for (row, to) in rows.iter().zip(from..) {
                self.input::<S>(&of.inputs, columns, *row as usize, layer.input.row_mut(to));
            }
            let hidden = Rows { matrix: &mut layer.hidden, from: 0 };
            product(simd, n, Rows { matrix: &layer.input, from }, &own.weight[0], &own.bias[0], hidden);
        }
        let (weights, bias) = (&self.output.scalars[0], self.output.bias(0));
        let zero = simd.splat_f32s(0.0);
        let (mut predicted, mut slopes) = ([0.0; BLOCK], [0.0; BLOCK]);
        // Sums are kept here meanwhile: beside a share's there may be another core's.
        let (mut errors, mut of_bias) = (*sums, scalars[architecture.products.len()]);
        for ((product, found), weight) in architecture.products.iter().zip(&mut *found).zip(weights) {
            let [users, items] = product.towers.map(|tower| &self.tables[tower].states);
            for ((row, found), predicted) in rows.iter().zip(found).zip(&mut predicted) {
                let (a, b) =
                    (users.row::<S>(columns.users[*row as usize]), items.row::<S>(columns.items[*row as usize]));
                *found = Found::of(simd, product.of.similarity, a, b);
                *predicted += weight * found.value;
            }
        }
        for ((row, at), (predicted, to)) in rows.iter().zip(0..).zip(predicted.iter().zip(&mut slopes)) {
            let row = *row as usize;
            let mut joined = 0.0;
            for (layer, own) in layers.iter_mut().zip(&self.output.layers) {
                let weights = S::as_simd_f32s(&own[0]).0;
                let hidden = S::as_mut_simd_f32s(layer.hidden.row_mut(at)).0;
                hidden.iter_mut().for_each(|h| *h = simd.max_f32s(*h, zero));
                let [sum] = dots(simd, [[hidden, weights]]);
                joined += sum;
            }
            let y = columns.targets[row];
            let error = predicted + joined + bias - y;
            let slope = if error == 0.0 { 0.0 } else { weight * error.signum() };
            errors[0] += f64::from(error.abs());
            errors[1] += f64::from(error.abs() / y.abs().max(1e-7));
            of_bias += slope;
            *to = slope;
            let slope = simd.splat_f32s(slope);
            for (layer, own) in layers.iter_mut().zip(&self.output.layers) {
                let weights = S::as_simd_f32s(&own[0]).0;
                let outputs = S::as_mut_simd_f32s(&mut layer.output).0;
                let biases = S::as_mut_simd_f32s(&mut layer.bias).0;
                let hidden = S::as_mut_simd_f32s(layer.hidden.row_mut(at)).0;
                for (((h, w), output), bias) in hidden.iter_mut().zip(weights).zip(outputs).zip(biases) {
                    *output = mul_add(simd, slope, *h, *output);
                    let passes = simd.greater_than_f32s(*h, zero);
                    *h = simd.select_f32s(passes, simd.mul_f32s(slope, *w), zero);
                    *bias = simd.add_f32s(*bias, *h);
                }
            }
        }
        (*sums, scalars[architecture.products.len()]) = (errors, of_bias);
        let numbers = found.iter().zip(weights).zip(&mut *scalars);
        for ((product, to), ((found, weight), scalar)) in architecture.products.iter().zip(products).zip(numbers) {
            let [users, items] = product.towers.map(|tower| &self.tables[tower].states);
            let ([to_a, to_b], mut of_weight) = (to, *scalar);
            for ((row, to), (found, slope)) in rows.iter().zip(from..).zip(found.iter().zip(&slopes)) {
                let (a, b) =
                    (users.row::<S>(columns.users[*row as usize]), items.row::<S>(columns.items[*row as usize]));
                of_weight += slope * found.value;
                found.back(simd, a, b, slope * weight, to_a.row_mut(to), to_b.row_mut(to));
            }
            *scalar = of_weight;
        }
        for (layer, (own, of)) in layers.iter_mut().zip(self.layers.iter().zip(&architecture.layers)) {
            add_transposed_product(simd, n, Rows { matrix: &layer.input, from }, &layer.hidden, &mut layer.weight);
            if of.reads_towers() {
                let back = Rows { matrix: &mut layer.input, from };
                product(simd, n, Rows { matrix: &layer.hidden, from: 0 }, &own.transposed, &self.zeros, back);
            }
        }
    }

    /// Writes the input of a layer for a row.
    #[inline(always)]
    fn input<S: Simd>(&self, inputs: &[Segment], columns: &Columns, row: usize, to: &mut [f32]) {
        for Segment { source, from, width } in inputs {
            let values = match source {
                Source::Tower(at) => {
                    let Tower { states, side, .. } = &self.tables[*at];
                    states.row::<S>(if *side == Side::User { columns.users[row] } else { columns.items[row] })
                }
                Source::Features => self.features.row(columns.items[row] as usize),
                Source::Contexts => columns.contexts.row(row),
            };
            to[*from..from + width].copy_from_slice(&values[..*width]);
        }
    }
}

/// `sums += others`
#[inline(always)]
fn add<S: Simd>(simd: S, sums: &mut [f32], others: &[f32]) {
    for (sum, other) in S::as_mut_simd_f32s(sums).0.iter_mut().zip(S::as_simd_f32s(others).0) {
        *sum = simd.add_f32s(*sum, *other);
    }
}

/// The product of two rows, and what its backward pass needs.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    value: f32,
    /// 1 / √(max(a·a, ε) max(b·b, ε)); 1 for a dot product.
    scale: f32,
    /// `value / a·a` and `value / b·b`; 0 where a length is too small to count, and for a dot product.
    shrink: [f32; 2],
}

impl Found {
    #[inline(always)]
    fn of<S: Simd>(simd: S, similarity: Similarity, a: &[f32], b: &[f32]) -> Self {
        let [a, b] = [a, b].map(|row| S::as_simd_f32s(row).0);
        let [dot, aa, bb] = dots(simd, [[a, b], [a, a], [b, b]]);
        if similarity == Similarity::Dot {
            return Self { value: dot, scale: 1.0, shrink: [0.0; 2] };
        }
        let scale = 1.0 / (aa.max(LEAST_SQUARE) * bb.max(LEAST_SQUARE)).sqrt();
        let value = dot * scale;
        let shrink = [aa, bb].map(|square| if square > LEAST_SQUARE { value / square } else { 0.0 });
        Self { value, scale, shrink }
    }

    /// Writes the gradients of both rows, given `slope`, the gradient of the product.
    #[inline(always)]
    fn back<S: Simd>(self, simd: S, a: &[f32], b: &[f32], slope: f32, to_a: &mut [f32], to_b: &mut [f32]) {
        let scale = simd.splat_f32s(slope * self.scale);
        let (shrink_a, shrink_b) = (simd.splat_f32s(-slope * self.shrink[0]), simd.splat_f32s(-slope * self.shrink[1]));
        let rows = S::as_simd_f32s(a).0.iter().zip(S::as_simd_f32s(b).0);
        let gradients = S::as_mut_simd_f32s(to_a).0.iter_mut().zip(S::as_mut_simd_f32s(to_b).0);
        for ((a, b), (to_a, to_b)) in rows.zip(gradients) {
            *to_a = mul_add(simd, *b, scale, simd.mul_f32s(*a, shrink_a));
            *to_b = mul_add(simd, *a, scale, simd.mul_f32s(*b, shrink_b));
        }
    }
}
