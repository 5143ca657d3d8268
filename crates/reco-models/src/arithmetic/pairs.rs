//! Scores pairs of a user and an item by SIMD, where a score is a sum over both and what depends on items alone is laid
//! out once.
//!
//! `score[u, i] = start[u] + start[i] + Σ_k a[u, k] b[i, k] + Σ_d w[d] relu(c[u, d] + e[i, d])`: one instruction for a
//! vector of items and a factor, three for a hidden unit. Items lie in blocks that are read once for all users that a
//! thread works on, and only scores are written. Does not know networks.
//!
//! **Invariant**: each number is one sum in one order, whatever else is asked, on any CPU's vectors. Halves of hidden
//! units are numbers: a rectifier of what is none is 0 on some CPUs.

use pulp::{Simd, WithSimd};
use reco_core::ItemIdx;
use reco_core::lanes::{arch, mul_add};

use super::matrix::Padded;

/// Items of a block: whole vectors of any CPU.
const BLOCK: usize = 64;

/// Vectors of items that are summed at once, for each of two users: enough sums not to wait for each other.
const VECTORS: usize = 4;

/// The items' part of the scores of pairs.
pub(crate) struct PairItems {
    n_items: usize,
    /// How wide the products of vectors are together.
    n_factors: usize,
    /// Of the hidden units, `[n_hidden]`.
    weights: Vec<f32>,
    /// For each block `[1 + n_factors + n_hidden, BLOCK]`: starts, factors, and the halves of hidden units.
    blocks: Padded,
}

impl PairItems {
    /// Room for `n_items`, with the hidden units' weights.
    pub(crate) fn zeros(n_items: usize, n_factors: usize, weights: Vec<f32>) -> Self {
        let depth = 1 + n_factors + weights.len();
        Self { n_items, n_factors, weights, blocks: Padded::zeros(n_items.div_ceil(BLOCK) * depth, BLOCK) }
    }

    /// Sets the numbers of an item, `[depth]`.
    pub(crate) fn set(&mut self, item: usize, numbers: &[f32]) {
        let first = item / BLOCK * self.depth();
        for (row, number) in (first..).zip(numbers) {
            self.blocks.row_mut(row)[item % BLOCK] = *number;
        }
    }

    pub(crate) fn n_items(&self) -> usize {
        self.n_items
    }

    /// How many numbers a user or an item is: start, factors, and the halves of hidden units.
    pub(crate) fn depth(&self) -> usize {
        1 + self.n_factors + self.weights.len()
    }

    /// The same of some items, in their order.
    pub(crate) fn of(&self, items: &[ItemIdx]) -> Self {
        let mut some = Self::zeros(items.len(), self.n_factors, self.weights.clone());
        let mut numbers = vec![0.0; self.depth()];
        for (at, item) in items.iter().enumerate() {
            let first = item.index() / BLOCK * self.depth();
            for (row, number) in (first..).zip(&mut numbers) {
                *number = self.blocks.row(row)[item.index() % BLOCK];
            }
            some.set(at, &numbers);
        }
        some
    }

    /// Writes the scores of all items for each of `users`, `[depth]`, into the row of `out` at its place, `[n_items]`.
    pub(crate) fn score(&self, users: &[&[f32]], out: &mut [&mut [f32]]) {
        arch().dispatch(Pairs { items: self, users, out });
    }
}

/// Some users and all items.
struct Pairs<'a, 'b> {
    items: &'a PairItems,
    users: &'a [&'a [f32]],
    out: &'a mut [&'b mut [f32]],
}

impl WithSimd for Pairs<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { items, users, out } = self;
        let numbers = S::as_simd_f32s(items.blocks.values()).0;
        let n_vectors = items.depth() * (BLOCK / S::F32_LANES);
        for (first, block) in (0..items.n_items).step_by(BLOCK).zip(numbers.chunks_exact(n_vectors)) {
            let n_here = BLOCK.min(items.n_items - first);
            for (users, out) in users.chunks(2).zip(out.chunks_mut(2)) {
                match (users, out) {
                    ([a, b], [of_a, of_b]) => {
                        let out = [&mut of_a[first..][..n_here], &mut of_b[first..][..n_here]];
                        score_block(simd, items, block, [*a, *b], out);
                    }
                    ([a], [of_a]) => score_block(simd, items, block, [*a], [&mut of_a[first..][..n_here]]),
                    _ => {}
                }
            }
        }
    }
}

/// The scores of a block's items for some users.
#[inline(always)]
fn score_block<S: Simd, const U: usize>(
    simd: S,
    items: &PairItems,
    block: &[S::f32s],
    users: [&[f32]; U],
    mut out: [&mut [f32]; U],
) {
    let (stride, zero) = (BLOCK / S::F32_LANES, simd.splat_f32s(0.0));
    let (starts, rest) = block.split_at(stride);
    let (factors, halves) = rest.split_at(items.n_factors * stride);
    let factors_of = users.map(|user| &user[1..=items.n_factors]);
    let halves_of = users.map(|user| &user[1 + items.n_factors..]);
    for from in (0..stride).step_by(VECTORS) {
        let mut sums = [[zero; VECTORS]; U];
        for (sums, user) in sums.iter_mut().zip(users) {
            let start = simd.splat_f32s(user[0]);
            for (sum, b) in sums.iter_mut().zip(&starts[from..]) {
                *sum = simd.add_f32s(start, *b);
            }
        }
        // Nothing in these loops can panic, or else sums would be kept in memory.
        for (at, row) in factors.chunks_exact(stride).enumerate() {
            let Some(b) = row.get(from..).and_then(<[_]>::first_chunk::<VECTORS>) else { break };
            for (sums, a) in sums.iter_mut().zip(factors_of) {
                let Some(a) = a.get(at) else { break };
                let a = simd.splat_f32s(*a);
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = mul_add(simd, a, *b, *sum);
                }
            }
        }
        for ((at, row), weight) in halves.chunks_exact(stride).enumerate().zip(&items.weights) {
            let Some(b) = row.get(from..).and_then(<[_]>::first_chunk::<VECTORS>) else { break };
            let weight = simd.splat_f32s(*weight);
            for (sums, a) in sums.iter_mut().zip(halves_of) {
                let Some(a) = a.get(at) else { break };
                let a = simd.splat_f32s(*a);
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = mul_add(simd, simd.max_f32s(simd.add_f32s(a, *b), zero), weight, *sum);
                }
            }
        }
        for (sums, out) in sums.iter().zip(&mut out) {
            // The last vector may reach beyond the last item.
            for (out, sum) in out.chunks_mut(S::F32_LANES).skip(from).zip(sums) {
                simd.partial_store_f32s(out, *sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::{catalogue, same_on_any_cpu};

    use super::*;

    #[test]
    fn every_pair_is_the_sum_of_its_terms() {
        let shapes = [(1, 1, 1, 1), (9, 7, 3, 0), (17, 133, 25, 50), (3, 64, 0, 8), (2, 70, 0, 0)];
        same_on_any_cpu("scores of pairs", || shapes.map(pairs));
    }

    /// Compares scores with sums over their terms, those of some items with those of all, and those of one user with
    /// those of several; returns their bits.
    fn pairs((q, n, n_factors, n_hidden): (usize, usize, usize, usize)) -> Vec<u32> {
        let numbers = |n: usize, by: usize| (0..n).map(|at| ((at * by % 13) as f32 - 6.0) / 7.0).collect::<Vec<_>>();
        let (weights, depth) = (numbers(n_hidden, 4), 1 + n_factors + n_hidden);
        let of_items = numbers(n * depth, 5);
        let mut items = PairItems::zeros(n, n_factors, weights.clone());
        of_items.chunks(depth).enumerate().for_each(|(item, numbers)| items.set(item, numbers));
        let users: Vec<Vec<f32>> = (0..q).map(|user| numbers(depth, 2 + user)).collect();
        let users: Vec<&[f32]> = users.iter().map(Vec::as_slice).collect();
        let score = |items: &PairItems, users: &[&[f32]]| {
            let mut out = vec![vec![f32::NAN; items.n_items]; users.len()];
            let mut rows: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
            items.score(users, &mut rows);
            out
        };
        let ours = score(&items, &users);
        let some: Vec<ItemIdx> =
            catalogue(1, n).items.indices().step_by(3).collect::<Vec<_>>().into_iter().rev().collect();
        let of_some = score(&items.of(&some), &users);
        for (at, user) in users.iter().enumerate() {
            for (item, got) in ours[at].iter().enumerate() {
                let item = &of_items[item * depth..][..depth];
                let products = user[1..=n_factors].iter().zip(&item[1..]).map(|(a, b)| a * b);
                let units = user[1 + n_factors..].iter().zip(&item[1 + n_factors..]).zip(&weights);
                let units = units.map(|((a, b), w)| w * (a + b).max(0.0));
                let expected = user[0] + item[0] + products.chain(units).sum::<f32>();
                assert!((got - expected).abs() < 1e-5, "{q} {n}: {got} for {expected}");
            }
            let picked: Vec<f32> = some.iter().map(|item| ours[at][item.index()]).collect();
            assert_eq!(of_some[at], picked);
            assert_eq!(score(&items, &[user])[0], ours[at]);
        }
        ours.into_iter().flatten().map(f32::to_bits).collect()
    }
}
