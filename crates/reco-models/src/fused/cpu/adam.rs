//! Adam by SIMD on embedding rows and dense layers, without tensors.
//!
//! The equations are those of `adam/mod.rs`. Does not know networks.
//!
//! **Invariant**: padding stays 0: a weight whose gradient and moments are 0 does not move.

use pulp::Simd;
use reco_core::lanes::{mul_add, padded, vectors};

use crate::adam::{Adam, BETA_1, BETA_2, Clock, EPSILON, Met, MissedSteps};

/// An embedding table with its moments: each row's weight, first and second moment side by side.
#[derive(Debug)]
pub(super) struct RowStates {
    width: usize,
    stride: usize,
    values: Vec<f32>,
}

impl RowStates {
    /// Zeros, `[n_rows, width]`.
    pub(super) fn zeros(n_rows: usize, width: usize) -> Self {
        let stride = padded(width);
        Self { width, stride, values: vec![0.0; n_rows * 3 * stride] }
    }

    /// Takes the weights (0) or one of their moments (1, 2), row by row: `[n_rows, width]`.
    pub(super) fn set(&mut self, which: usize, numbers: &[f32]) {
        for (row, numbers) in self.values.chunks_mut(3 * self.stride).zip(numbers.chunks(self.width)) {
            row[which * self.stride..][..self.width].copy_from_slice(numbers);
        }
    }

    /// Numbers of a row.
    #[inline(always)]
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The weights (0) or one of their moments (1, 2), row by row: `[n_rows, width]`.
    pub(super) fn numbers(&self, which: usize) -> Vec<f32> {
        let rows = self.values.chunks(3 * self.stride);
        rows.flat_map(|row| row[which * self.stride..][..self.width].iter().copied()).collect()
    }

    /// The weight of a row, in whole vectors.
    #[inline(always)]
    pub(super) fn row<S: Simd>(&self, row: u32) -> &[f32] {
        &self.values[row as usize * 3 * self.stride..][..self.whole::<S>()]
    }

    /// Weight, first and second moment of a row, in whole vectors.
    #[inline(always)]
    fn state<S: Simd>(&mut self, row: u32) -> [&mut [f32]; 3] {
        let (stride, whole) = (self.stride, self.whole::<S>());
        let all = &mut self.values[row as usize * 3 * stride..][..3 * stride];
        let (w, moments) = all.split_at_mut(stride);
        let (m, v) = moments.split_at_mut(stride);
        [w, m, v].map(|one| &mut one[..whole])
    }

    /// The numbers of the vectors that a row takes on this CPU.
    #[inline(always)]
    pub(super) fn whole<S: Simd>(&self) -> usize {
        vectors::<S>(self.width) * S::F32_LANES
    }

    /// One step on a row whose gradient is `gradient`.
    #[inline(always)]
    pub(super) fn update<S: Simd>(&mut self, simd: S, row: u32, gradient: &[f32], rate: f32) {
        let [w, m, v] = self.state::<S>(row);
        step(simd, [w, m, v], gradient, rate);
    }

    /// Catches a row up with the steps that it missed.
    #[inline(always)]
    pub(super) fn catch_up<S: Simd>(&mut self, simd: S, row: u32, missed: &MissedSteps) {
        let [s0, s1, s2] = missed.series;
        let (s0, s1, s2) = (simd.splat_f32s(s0), simd.splat_f32s(s1), simd.splat_f32s(s2));
        let (decay_m, decay_v) = (simd.splat_f32s(missed.decay[0]), simd.splat_f32s(missed.decay[1]));
        let epsilon = simd.splat_f32s(EPSILON as f32);
        let [w, m, v] = self.state::<S>(row);
        let vectors = S::as_mut_simd_f32s(w).0.iter_mut().zip(S::as_mut_simd_f32s(m).0).zip(S::as_mut_simd_f32s(v).0);
        for ((w, m), v) in vectors {
            let root = simd.sqrt_f32s(*v);
            let denominator = simd.add_f32s(root, epsilon);
            let rho = simd.div_f32s(root, denominator);
            let series = mul_add(simd, mul_add(simd, rho, s2, s1), rho, s0);
            *w = simd.sub_f32s(*w, simd.mul_f32s(simd.div_f32s(*m, denominator), series));
            *m = simd.mul_f32s(*m, decay_m);
            *v = simd.mul_f32s(*v, decay_v);
        }
    }
}

/// One step of Adam on `[weight, first moment, second moment]`, all of one padded length.
#[inline(always)]
pub(crate) fn step<S: Simd>(simd: S, [w, m, v]: [&mut [f32]; 3], gradient: &[f32], rate: f32) {
    let (beta_1, rest_1) = (simd.splat_f32s(BETA_1 as f32), simd.splat_f32s((1.0 - BETA_1) as f32));
    let (beta_2, rest_2) = (simd.splat_f32s(BETA_2 as f32), simd.splat_f32s((1.0 - BETA_2) as f32));
    let (epsilon, rate) = (simd.splat_f32s(EPSILON as f32), simd.splat_f32s(rate));
    let gradients = S::as_simd_f32s(gradient).0;
    let vectors = S::as_mut_simd_f32s(w).0.iter_mut().zip(S::as_mut_simd_f32s(m).0).zip(S::as_mut_simd_f32s(v).0);
    for (((w, m), v), g) in vectors.zip(gradients) {
        *m = mul_add(simd, *m, beta_1, simd.mul_f32s(*g, rest_1));
        *v = mul_add(simd, *v, beta_2, simd.mul_f32s(simd.mul_f32s(*g, *g), rest_2));
        let denominator = simd.add_f32s(simd.sqrt_f32s(*v), epsilon);
        *w = simd.sub_f32s(*w, simd.div_f32s(simd.mul_f32s(*m, rate), denominator));
    }
}

/// The rows of one side, and which of them a batch meets.
#[derive(Debug)]
pub(super) struct MetRows {
    pub(super) clock: Clock,
    /// The distinct rows of the batch, in the order of their first appearance.
    pub(super) distinct: Vec<u32>,
    /// When each of them was up to date before.
    last: Vec<u32>,
    /// The places of each distinct row in the batch, as linked lists: the first, and after each place the next.
    first: Vec<u32>,
    last_place: Vec<u32>,
    next: Vec<u32>,
}

/// Ends a chain.
const NONE: u32 = u32::MAX;

impl MetRows {
    pub(super) fn new(n_rows: usize) -> Self {
        Self {
            clock: Clock::new(n_rows),
            distinct: Vec::new(),
            last: Vec::new(),
            first: Vec::new(),
            last_place: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Finds the distinct rows of a batch, which is read and then updated at `step`, counted from 1; calls `catch_up`
    /// on those that missed something.
    #[inline(always)]
    pub(super) fn touch(
        &mut self,
        batch: impl Iterator<Item = u32>,
        step: u32,
        adam: &Adam,
        mut catch_up: impl FnMut(u32, &MissedSteps),
    ) {
        self.distinct.clear();
        self.last.clear();
        self.first.clear();
        self.last_place.clear();
        self.next.clear();
        for (row, at) in batch.zip(0_u32..) {
            self.next.push(NONE);
            match self.clock.meet(row, step, self.distinct.len()) {
                Met::Again(distinct) => {
                    let last = &mut self.last_place[distinct as usize];
                    self.next[*last as usize] = at;
                    *last = at;
                }
                Met::First(last) => {
                    self.distinct.push(row);
                    self.last.push(last);
                    self.first.push(at);
                    self.last_place.push(at);
                }
            }
        }
        // In a loop of its own, so that rows are fetched ahead.
        if adam.is_dense() {
            for (row, last) in self.distinct.iter().zip(&self.last) {
                if let Some(missed) = MissedSteps::of(*last, step, adam) {
                    catch_up(*row, &missed);
                }
            }
        }
    }

    /// Calls `catch_up` on every row that missed something until `step`.
    #[inline(always)]
    pub(super) fn settle(&mut self, step: u32, adam: &Adam, mut catch_up: impl FnMut(u32, &MissedSteps)) {
        self.clock.settle(step, adam, |row, missed| catch_up(row, &missed));
    }

    /// The places in the batch where the `distinct`-th distinct row stands, ascending.
    #[inline(always)]
    pub(super) fn places(&self, distinct: usize) -> impl Iterator<Item = usize> + '_ {
        let mut at = self.first[distinct];
        std::iter::from_fn(move || {
            let found = at;
            (found != NONE).then(|| {
                at = self.next[found as usize];
                found as usize
            })
        })
    }
}
