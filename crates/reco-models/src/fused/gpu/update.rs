//! The GPU kernel of Adam on the rows that a batch met and on the dense layers.
//!
//! The equations are those of `adam/mod.rs`, which is their definition. Which steps a row will miss until it is next
//! met is known beforehand, and it catches up at once:
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

use super::shape::{LayerShape, Shape};
use crate::adam::{BETA_1, BETA_2, EPSILON, MissedSteps};

/// Numbers of what a row missed.
const MISSED: usize = MissedSteps::NUMBERS;

/// One step of Adam on the rows that a batch met, and on the dense layers.
///
/// # Shapes
/// - of_rows, of_dense, users, items, dense: as `gradients` has them
/// - slots: `[n_slots, 3]`, a row and where its places begin and end; from `slot` on `n_users` users, then `n_items`
///   items
/// - places: ratings of the batch; missed: `[n_slots, MISSED]`
/// - losses: `[n_steps, 2]`
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structures to put them into")]
pub(super) fn update(
    of_rows: &[f32],
    of_dense: &[f32],
    slots: &[u32],
    places: &[u32],
    missed: &[f32],
    users: &mut [f32],
    items: &mut [f32],
    dense: &mut [f32],
    losses: &mut [f32],
    slot: usize,
    n_users: usize,
    n_items: usize,
    n_shares: usize,
    step: usize,
    rate: f32,
    #[comptime] shape: Shape,
    #[comptime] catches_up: bool,
) {
    let of_users = n_users * comptime!(shape.tables[0].len() * shape.embedding_size);
    let of_both = of_users + n_items * comptime!(shape.tables[1].len() * shape.embedding_size);
    let n_dense = comptime!(shape.n_dense);
    if ABSOLUTE_POS < of_users {
        let at = ABSOLUTE_POS;
        update_row(of_rows, slots, places, missed, users, at, slot, rate, 0usize, comptime!(shape.clone()), catches_up);
    } else if ABSOLUTE_POS < of_both {
        let at = ABSOLUTE_POS - of_users;
        let slot = slot + n_users;
        update_row(of_rows, slots, places, missed, items, at, slot, rate, 1usize, comptime!(shape.clone()), catches_up);
    } else {
        let at = ABSOLUTE_POS - of_both;
        if at < n_dense + 2 {
            let mut sum = 0.0;
            for share in 0..n_shares {
                sum += of_dense[share * (n_dense + 2) + at];
            }
            if at < n_dense {
                let mut to = at;
                #[unroll]
                for layer in 0..comptime!(shape.layers.len()) {
                    to = untransposed(at, to, comptime!(shape.layers[layer]));
                }
                adam(dense, to, n_dense, sum, rate);
                dense[3 * n_dense + at] = dense[to];
            } else {
                losses[2 * step + at - n_dense] = sum;
            }
        }
    }
}

/// One step of Adam on the number `at` of those that a batch met on one side, whose slots begin at `slot`.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structures to put them into")]
fn update_row(
    of_rows: &[f32],
    slots: &[u32],
    places: &[u32],
    missed: &[f32],
    numbers: &mut [f32],
    at: usize,
    slot: usize,
    rate: f32,
    #[comptime] side: usize,
    #[comptime] shape: Shape,
    #[comptime] catches_up: bool,
) {
    let size = comptime!(shape.embedding_size);
    let width = comptime!((shape.tables[side].len() * shape.embedding_size).max(1));
    let slot = slot + at / width;
    let table = at % width / size;
    let column = at % size;
    let row = slots[3 * slot] as usize;
    let begin = slots[3 * slot + 1] as usize;
    let end = slots[3 * slot + 2] as usize;
    let mut from = column;
    #[unroll]
    for number in 0..comptime!(shape.tables[side].len()) {
        if table == number {
            from += comptime!(shape.tables[side][number]);
        }
    }
    let mut gradient = 0.0;
    for place in begin..end {
        gradient += of_rows[places[place] as usize * comptime!(shape.d_rows) + from];
    }
    let to = row * (3 * width) + table * (3 * size) + column;
    adam(numbers, to, size, gradient, rate);
    if catches_up {
        catch_up(numbers, to, size, missed, slot * MISSED);
    }
}

/// The place of the number whose gradient stands at `at`, if it is a weight of `layer`; else `to`.
#[cube]
fn untransposed(at: usize, to: usize, #[comptime] layer: LayerShape) -> usize {
    let mut place = to;
    let end = comptime!(layer.weight + layer.d_input * layer.d_output);
    if at >= comptime!(layer.weight) && at < end {
        let own = at - comptime!(layer.weight);
        let width = comptime!(layer.d_input);
        place = comptime!(layer.weight) + own % width * comptime!(layer.d_output) + own / width;
    }
    place
}

/// Brings every row of one side's tables up to date before it is first met.
///
/// # Shapes
/// - numbers: `[n_rows, n_tables, 3, size]`; missed: `[n_rows, MISSED]`
#[cube(launch)]
pub(super) fn catch_up_all(numbers: &mut [f32], missed: &[f32], #[comptime] n_tables: usize, #[comptime] size: usize) {
    let table = ABSOLUTE_POS / size;
    let row = table / n_tables;
    if row < missed.len() / MISSED {
        catch_up(numbers, table * (3 * size) + ABSOLUTE_POS % size, size, missed, row * MISSED);
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

/// Brings the weight at `at` up to date with the steps whose numbers begin at `from`.
#[cube]
fn catch_up(numbers: &mut [f32], at: usize, stride: usize, missed: &[f32], from: usize) {
    let m = numbers[at + stride];
    let v = numbers[at + 2 * stride];
    let root = f32::sqrt(v);
    let denominator = root + comptime!(EPSILON as f32);
    let rho = root / denominator;
    let series = missed[from] + rho * (missed[from + 1] + rho * missed[from + 2]);
    numbers[at] -= m / denominator * series;
    numbers[at + stride] = m * missed[from + 3];
    numbers[at + 2 * stride] = v * missed[from + 4];
}
