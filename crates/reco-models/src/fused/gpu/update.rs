//! The GPU kernel of Adam on the rows that a batch met and on the dense layers.
//!
//! The equations are those of `optimizer.rs`, which is their definition. What a row will owe when it is next met is
//! known beforehand and paid at once:
//!
//! ```text
//! m ← β₁ m + (1 - β₁) g     v ← β₂ v + (1 - β₂) g²     w ← w - α_t m / (√v + ε)
//! ρ = √v / (√v + ε)         w ← w - m / (√v + ε) (S₀ + ρ (S₁ + ρ S₂))     m ← β₁ⁿ m     v ← β₂ⁿ v
//! ```
//!
//! Does not know networks.
//!
//! **Invariant**: a unit moves one number, by the sum of its gradients in the order of the batch.

use cubecl::prelude::*;

use super::shape::{Layer, N_LAYERS, Shape};
use crate::fused::debt::DEBT;
use crate::optimizer::{BETA_1, BETA_2, EPSILON};

/// One step of Adam on the rows that a batch met, and on the dense layers.
///
/// # Shapes
/// - of_rows, of_dense, tables, dense: as `gradients` has them
/// - slots: `[n_slots, 3]`, a row and where its places begin and end; from `slot` on `n_users` users, then `n_items` items
/// - places: ratings of the batch; debts: `[n_slots, DEBT]`
/// - losses: `[n_steps, 2]`
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structures to put them into")]
pub(super) fn update(
    of_rows: &[f32],
    of_dense: &[f32],
    slots: &[u32],
    places: &[u32],
    debts: &[f32],
    user_cosine: &mut [f32],
    item_cosine: &mut [f32],
    user_dense: &mut [f32],
    item_dense: &mut [f32],
    dense: &mut [f32],
    losses: &mut [f32],
    slot: usize,
    n_users: usize,
    n_items: usize,
    n_shares: usize,
    step: usize,
    rate: f32,
    #[comptime] shape: Shape,
    #[comptime] pays: bool,
) {
    let size = comptime!(shape.embedding_size);
    let n_rows = n_users + n_items;
    let n_numbers = n_rows * comptime!(shape.n_tables / 2 * shape.embedding_size);
    let n_dense = comptime!(shape.n_dense);
    if ABSOLUTE_POS < n_numbers {
        let number = ABSOLUTE_POS / size;
        let column = ABSOLUTE_POS % size;
        let own = number % n_rows;
        let is_second = number >= n_rows;
        let is_item = own >= n_users;
        let row = slots[3 * (slot + own)] as usize;
        let begin = slots[3 * (slot + own) + 1] as usize;
        let end = slots[3 * (slot + own) + 2] as usize;
        let mut from = column;
        if is_item {
            from += size;
        }
        if is_second {
            from += 2 * size;
        }
        let mut gradient = 0.0;
        for at in begin..end {
            gradient += of_rows[places[at] as usize * comptime!(shape.n_tables * shape.embedding_size) + from];
        }
        let to = row * (3 * size) + column;
        let debt = (slot + own) * DEBT;
        if is_second {
            if comptime!(shape.n_tables > 2) {
                if is_item {
                    advance(item_dense, to, size, gradient, rate, debts, debt, pays);
                } else {
                    advance(user_dense, to, size, gradient, rate, debts, debt, pays);
                }
            }
        } else if is_item {
            advance(item_cosine, to, size, gradient, rate, debts, debt, pays);
        } else {
            advance(user_cosine, to, size, gradient, rate, debts, debt, pays);
        }
    } else {
        let at = ABSOLUTE_POS - n_numbers;
        if at < n_dense + 2 {
            let mut sum = 0.0;
            for share in 0..n_shares {
                sum += of_dense[share * (n_dense + 2) + at];
            }
            if at < n_dense {
                let mut to = at;
                #[unroll]
                for layer in 0..comptime!(N_LAYERS) {
                    to = untransposed(at, to, comptime!(shape.layers()[layer]));
                }
                adam(dense, to, n_dense, sum, rate);
                dense[3 * n_dense + at] = dense[to];
            } else {
                losses[2 * step + at - n_dense] = sum;
            }
        }
    }
}

/// The place of the number whose gradient stands at `at`, if it is a weight of `layer`; else `to`.
#[cube]
fn untransposed(at: usize, to: usize, #[comptime] layer: Layer) -> usize {
    let mut place = to;
    let end = comptime!(layer.weight + layer.d_input * layer.d_output);
    if at >= comptime!(layer.weight) && at < end {
        let own = at - comptime!(layer.weight);
        let width = comptime!(layer.d_input.max(1));
        place = comptime!(layer.weight) + own % width * comptime!(layer.d_output) + own / width;
    }
    place
}

/// Pays what every row of a table owes before it is first met.
///
/// # Shapes
/// - table: `[n_rows, 3, embedding_size]`; debts: `[n_rows, DEBT]`
#[cube(launch)]
pub(super) fn pay_all(table: &mut [f32], debts: &[f32], #[comptime] size: usize) {
    let row = ABSOLUTE_POS / size;
    if row < debts.len() / DEBT {
        pay(table, row * (3 * size) + ABSOLUTE_POS % size, size, debts, row * DEBT);
    }
}

/// One step of Adam on one number of a row, and what it will owe.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structures to put them into")]
fn advance(
    table: &mut [f32],
    at: usize,
    size: usize,
    gradient: f32,
    rate: f32,
    debts: &[f32],
    debt: usize,
    #[comptime] pays: bool,
) {
    adam(table, at, size, gradient, rate);
    if pays {
        pay(table, at, size, debts, debt);
    }
}

/// One step on the weight at `at`; its moments stand `stride` and twice `stride` further on.
#[cube]
fn adam(numbers: &mut [f32], at: usize, stride: usize, gradient: f32, rate: f32) {
    let m = numbers[at + stride] * comptime!(BETA_1 as f32) + gradient * comptime!((1.0 - BETA_1) as f32);
    let v =
        numbers[at + 2 * stride] * comptime!(BETA_2 as f32) + gradient * gradient * comptime!((1.0 - BETA_2) as f32);
    numbers[at + stride] = m;
    numbers[at + 2 * stride] = v;
    numbers[at] -= m * rate / (f32::sqrt(v) + comptime!(EPSILON as f32));
}

/// Pays the debt at `debt` of the weight at `at`.
#[cube]
fn pay(numbers: &mut [f32], at: usize, stride: usize, debts: &[f32], debt: usize) {
    let m = numbers[at + stride];
    let v = numbers[at + 2 * stride];
    let root = f32::sqrt(v);
    let denominator = root + comptime!(EPSILON as f32);
    let rho = root / denominator;
    let series = debts[debt] + rho * (debts[debt + 1] + rho * debts[debt + 2]);
    numbers[at] -= m / denominator * series;
    numbers[at + stride] = m * debts[debt + 3];
    numbers[at + 2 * stride] = v * debts[debt + 4];
}
