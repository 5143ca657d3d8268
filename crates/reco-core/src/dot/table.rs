//! Stores the items of a dot-product model in 32, 16 or 8 bits per number.
//!
//! Items are kept in panels of thirty-two: the first factor of all of them, then the second, as the product reads them.
//! The formats are 32-bit numbers, 16-bit numbers (IEEE 754 binary16), and 8-bit integers with one scale per item,
//! whose largest number becomes 127 (symmetric quantisation, Jacob et al. 2018, without a zero point). The smaller two
//! are turned back into 32 bits block by block, once for all users of a tile. Does not know who asks.
//!
//! **Invariant**: values beyond the last item are 0; a table that was written is read back to the bit.

use std::fmt;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use crate::{ItemIdx, LoadError, Matrix, Number, Weights, lanes};

/// Items of a panel: two vectors of the widest registers there are, AVX-512's.
pub(super) const PANEL: usize = 32;

/// Items of a block: with 64 factors they take 64 KiB.
pub(super) const BLOCK: usize = 256;

/// The format in which an item table keeps its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// 32 bits, as they were learned.
    #[default]
    F32,
    /// 16 bits: half the memory, 11 bits of precision.
    F16,
    /// 8 bits and a scale per item: a quarter of the memory.
    Int8,
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        })
    }
}

/// The items of a model of dot products: an embedding and a bias each.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemTable {
    n_items: usize,
    n_factors: usize,
    panels: Panels,
    /// Whole panels.
    biases: Vec<f32>,
    /// Scores are clamped to it.
    range: (f32, f32),
    /// The largest magnitude in all embeddings, and that of all biases.
    largest: (f32, f32),
}

/// `[n_panels, n_factors, PANEL]`
#[derive(Clone, Debug, PartialEq)]
enum Panels {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Int8 {
        codes: Vec<i8>,
        /// One per item, whole panels.
        scales: Vec<f32>,
    },
}

impl ItemTable {
    /// A table of `embeddings`, `[n_items, n_factors]`, kept as `format`, with a bias for each item, or none at all.
    /// `None` if there is another number of biases, or a number is not finite, or not finite in that format.
    pub fn new(embeddings: &Matrix, biases: Option<&[f32]>, format: TableFormat) -> Option<Self> {
        let (n_items, n_factors) = (embeddings.n_rows(), embeddings.n_columns());
        let padded = n_items.div_ceil(PANEL) * PANEL;
        let mut panels = vec![0.0; padded * n_factors];
        for item in 0..n_items {
            for (factor, value) in embeddings.row(item).iter().enumerate() {
                panels[place(n_factors, item, factor)] = *value;
            }
        }
        let mut padded_biases = vec![0.0; padded];
        if let Some(biases) = biases {
            padded_biases[..n_items].copy_from_slice((biases.len() == n_items).then_some(biases)?);
        }
        let panels = match format {
            TableFormat::F32 => Panels::F32(panels),
            TableFormat::F16 => Panels::F16(panels.iter().map(|value| f16::from_f32(*value)).collect()),
            TableFormat::Int8 => Panels::quantised(&panels, padded, n_factors),
        };
        Self::checked(n_items, n_factors, panels, padded_biases)
    }

    /// The same table; scores below `low` become `low`, and those above `high` become `high`.
    pub fn clamped(self, low: f32, high: f32) -> Self {
        Self { range: (low, high), ..self }
    }

    fn checked(n_items: usize, n_factors: usize, panels: Panels, biases: Vec<f32>) -> Option<Self> {
        let range = (f32::NEG_INFINITY, f32::INFINITY);
        let mut table = Self { n_items, n_factors, panels, biases, range, largest: (0.0, 0.0) };
        let mut scratch = Vec::new();
        let mut largest = 0.0_f32;
        for panel in 0..table.n_panels() {
            let values = table.panels(panel..panel + 1, lanes::arch(), &mut scratch);
            largest = values.iter().fold(largest, |largest, value| larger(largest, *value));
        }
        table.largest = (largest, table.biases.iter().fold(0.0, |largest, value| larger(largest, *value)));
        (table.largest.0.is_finite() && table.largest.1.is_finite()).then_some(table)
    }

    /// How many items there are.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// How many numbers an embedding has.
    pub fn n_factors(&self) -> usize {
        self.n_factors
    }

    /// The format of the numbers.
    pub fn format(&self) -> TableFormat {
        match self.panels {
            Panels::F32(_) => TableFormat::F32,
            Panels::F16(_) => TableFormat::F16,
            Panels::Int8 { .. } => TableFormat::Int8,
        }
    }

    /// Bytes of embeddings, scales and biases.
    pub fn n_bytes(&self) -> usize {
        let panels = match &self.panels {
            Panels::F32(values) => 4 * values.len(),
            Panels::F16(values) => 2 * values.len(),
            Panels::Int8 { codes, scales } => codes.len() + 4 * scales.len(),
        };
        panels + 4 * self.biases.len()
    }

    /// Writes the embedding of an item, as scores are computed with it, into `out`, `[n_factors]`.
    pub fn embedding(&self, item: ItemIdx, out: &mut [f32]) {
        for (factor, out) in out[..self.n_factors].iter_mut().enumerate() {
            let at = place(self.n_factors, item.index(), factor);
            *out = match &self.panels {
                Panels::F32(values) => values[at],
                Panels::F16(values) => values[at].to_f32(),
                Panels::Int8 { codes, scales } => f32::from(codes[at]) * scales[item.index()],
            };
        }
    }

    /// The bias of an item.
    pub fn bias(&self, item: ItemIdx) -> f32 {
        self.biases[item.index()]
    }

    /// Adds everything but the range to `weights`: `items.embedding`, `[n_items, n_factors]`, in the table's format,
    /// `items.bias`, and the scale of each item's integers as `items.scale`.
    #[must_use]
    pub fn save(&self, weights: Weights) -> Weights {
        fn rows<T: Number>(table: &ItemTable, weights: Weights, values: &[T]) -> Weights {
            let (n, d) = (table.n_items, table.n_factors);
            let values = (0..n).flat_map(|item| (0..d).map(move |factor| values[place(d, item, factor)]));
            weights.with("items.embedding", &[n, d], values)
        }
        let weights = match &self.panels {
            Panels::F32(values) => rows(self, weights, values),
            Panels::F16(values) => rows(self, weights, values),
            Panels::Int8 { codes, scales } => {
                let scales = scales[..self.n_items].iter().copied();
                rows(self, weights, codes).with("items.scale", &[self.n_items], scales)
            }
        };
        weights.with("items.bias", &[self.n_items], self.biases[..self.n_items].iter().copied())
    }

    /// Takes out what [`ItemTable::save`] added for a table of this shape and format.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub fn load(
        weights: &mut Weights,
        n_items: usize,
        n_factors: usize,
        format: TableFormat,
    ) -> Result<Self, LoadError> {
        fn rows<T: Number + Default>(weights: &mut Weights, [n, d]: [usize; 2]) -> Result<Vec<T>, LoadError> {
            let values: Vec<T> = weights.take("items.embedding", &[n, d])?;
            let mut panels = vec![T::default(); n.next_multiple_of(PANEL) * d];
            for (at, value) in values.into_iter().enumerate() {
                panels[place(d, at / d, at % d)] = value;
            }
            Ok(panels)
        }
        let column = |weights: &mut Weights, name| {
            let mut column: Vec<f32> = weights.take(name, &[n_items])?;
            column.resize(n_items.next_multiple_of(PANEL), 0.0);
            Ok(column)
        };
        let shape = [n_items, n_factors];
        let panels = match format {
            TableFormat::F32 => Panels::F32(rows(weights, shape)?),
            TableFormat::F16 => Panels::F16(rows(weights, shape)?),
            TableFormat::Int8 => Panels::Int8 { codes: rows(weights, shape)?, scales: column(weights, "items.scale")? },
        };
        let table = Self::checked(n_items, n_factors, panels, column(weights, "items.bias")?);
        table.ok_or_else(|| LoadError::Weights { reason: "an item's embedding is not finite".to_owned() })
    }

    pub(super) fn n_panels(&self) -> usize {
        self.n_items.div_ceil(PANEL)
    }

    pub(super) fn range(&self) -> (f32, f32) {
        self.range
    }

    /// One per item of these panels.
    pub(super) fn biases(&self, panels: std::ops::Range<usize>) -> &[f32] {
        &self.biases[panels.start * PANEL..panels.end * PANEL]
    }

    /// These panels in 32 bits: a slice of the table, or decoded into `scratch`.
    pub(super) fn panels<'a>(
        &'a self,
        panels: std::ops::Range<usize>,
        arch: Arch,
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let per_panel = self.n_factors * PANEL;
        let numbers = panels.start * per_panel..panels.end * per_panel;
        if let Panels::F32(values) = &self.panels {
            return &values[numbers];
        }
        scratch.resize(numbers.len(), 0.0);
        match &self.panels {
            Panels::F32(_) => {}
            Panels::F16(values) => values[numbers].convert_to_f32_slice(scratch),
            Panels::Int8 { codes, scales } => {
                let scales = &scales[panels.start * PANEL..panels.end * PANEL];
                arch.dispatch(Scaled { codes: &codes[numbers], scales, n_factors: self.n_factors, out: scratch });
            }
        }
        scratch
    }

    /// Whether every score of a user with this embedding and start is within what 32 bits hold.
    pub(super) fn is_bounded(&self, user: &[f32], start: f32) -> bool {
        let length: f32 = user.iter().map(|value| value.abs()).sum();
        // A sum of sums is rounded; half of the largest number leaves room for that.
        let bound = start.abs() + self.largest.1 + length * self.largest.0;
        bound < f32::MAX / 2.0
    }
}

impl Panels {
    fn quantised(panels: &[f32], padded: usize, n_factors: usize) -> Self {
        let largest = |item: usize| {
            let values = (0..n_factors).map(|factor| panels[place(n_factors, item, factor)]);
            values.fold(0.0, larger)
        };
        let scales: Vec<f32> = (0..padded).map(|item| largest(item) / 127.0).collect();
        let mut codes = vec![0; panels.len()];
        for (item, scale) in scales.iter().enumerate().filter(|(_, scale)| **scale > 0.0) {
            for factor in 0..n_factors {
                let at = place(n_factors, item, factor);
                // Rounding alone can go beyond 127, where the cast saturates.
                codes[at] = (panels[at] / scale).round().max(-127.0) as i8;
            }
        }
        Self::Int8 { codes, scales }
    }
}

/// The index of an item's number in the panels.
fn place(n_factors: usize, item: usize, factor: usize) -> usize {
    ((item / PANEL) * n_factors + factor) * PANEL + item % PANEL
}

/// The larger magnitude; NaN and infinity are kept.
fn larger(largest: f32, value: f32) -> f32 {
    let value = value.abs();
    if value > largest || value.is_nan() { value } else { largest }
}

/// Turns codes into numbers.
struct Scaled<'a> {
    codes: &'a [i8],
    scales: &'a [f32],
    n_factors: usize,
    out: &'a mut [f32],
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    // Plain loops over a panel: inside the dispatch a compiler turns them into vector instructions of the CPU.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let per_panel = self.n_factors * PANEL;
        let panels = self.codes.chunks_exact(per_panel).zip(self.out.chunks_exact_mut(per_panel));
        for ((codes, out), scales) in panels.zip(self.scales.chunks_exact(PANEL)) {
            for (codes, out) in codes.chunks_exact(PANEL).zip(out.chunks_exact_mut(PANEL)) {
                for ((code, out), scale) in codes.iter().zip(out).zip(scales) {
                    *out = f32::from(*code) * scale;
                }
            }
        }
    }
}
