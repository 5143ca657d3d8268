//! Multiplies a group of users with a block of items by vector instructions.
//!
//! The sums of a group of users and two vectors of items stay in registers over all factors: 12 fused multiply-adds for
//! 8 numbers read. `pulp` picks the vectors at run time. Does not know how items are stored, nor what scores are for.
//!
//! **Invariant**: each score is one chain of multiply-adds over the factors in their order, whatever its neighbours.

use pulp::{Simd, WithSimd};

use super::table::PANEL;
use crate::lanes::mul_add;

/// Users that are multiplied at once: six by two vectors of sums fill twelve of sixteen registers.
pub(super) const GROUP: usize = 6;

/// Vectors of items that they are multiplied with.
const VECTORS: usize = 2;

/// `clamp(starts_u + biases_i + Σ_f users_uf · panels_fi)` for the users of a group and the items of a block.
pub(super) struct Product<'a> {
    /// `[n_factors, GROUP]`, of which the first `n_users` columns are looked at.
    pub(super) users: &'a [f32],
    /// One per user, at most [`GROUP`] of them.
    pub(super) starts: &'a [f32],
    /// `[n_items / PANEL, n_factors, PANEL]`
    pub(super) panels: &'a [f32],
    /// `[n_items]`, whole panels.
    pub(super) biases: &'a [f32],
    /// The least and the greatest score.
    pub(super) range: (f32, f32),
    /// `[GROUP, stride]`: the scores.
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) n_factors: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match self.starts.len() {
            GROUP => self.some::<S, GROUP>(simd, 0),
            n => {
                // One user at a time: the tail of a tile, or a single query.
                for user in 0..n {
                    self.some::<S, 1>(simd, user);
                }
            }
        }
    }
}

impl Product<'_> {
    /// `R` users from the one at `first`.
    #[inline(always)]
    fn some<S: Simd, const R: usize>(&mut self, simd: S, first: usize) {
        // All of a panel with AVX-512, a half of it with AVX2, a quarter with 128 bits.
        for from in (0..PANEL / S::F32_LANES).step_by(VECTORS) {
            self.panels::<S, R>(simd, first, from);
        }
    }

    /// [`VECTORS`] vectors of every panel, from the one at `from`.
    #[inline(always)]
    fn panels<S: Simd, const R: usize>(&mut self, simd: S, first: usize, from: usize) {
        let vectors = PANEL / S::F32_LANES;
        let starts: [f32; R] = std::array::from_fn(|r| self.starts[first + r]);
        let (low, high) = (simd.splat_f32s(self.range.0), simd.splat_f32s(self.range.1));
        let (biases, _) = S::as_simd_f32s(self.biases);
        let panel_len = self.n_factors * PANEL;
        for (panel, biases) in biases.chunks_exact(vectors).enumerate() {
            let (items, _) = S::as_simd_f32s(&self.panels[panel * panel_len..][..panel_len]);
            let mut sums: [[S::f32s; VECTORS]; R] = std::array::from_fn(|r| {
                let start = simd.splat_f32s(starts[r]);
                std::array::from_fn(|p| simd.add_f32s(start, biases[from + p]))
            });
            for (users, items) in self.users.chunks_exact(GROUP).zip(items.chunks_exact(vectors)) {
                let items: [S::f32s; VECTORS] = std::array::from_fn(|p| items[from + p]);
                for r in 0..R {
                    let user = simd.splat_f32s(users[first + r]);
                    for p in 0..VECTORS {
                        sums[r][p] = mul_add(simd, user, items[p], sums[r][p]);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                let at = (first + r) * self.stride + panel * PANEL;
                let (out, _) = S::as_mut_simd_f32s(&mut self.out[at..][..PANEL]);
                for p in 0..VECTORS {
                    out[from + p] = simd.min_f32s(simd.max_f32s(sums[p], low), high);
                }
            }
        }
    }
}
