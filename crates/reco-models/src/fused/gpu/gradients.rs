//! The GPU kernel of the forward and backward pass over a batch.
//!
//! The equations stand in the head of `fused/mod.rs`. A cube takes a share of the batch, tile by tile. Its units first
//! fetch what the ratings of a tile read into shared memory, and then each computes its part of every array, with `x_r`
//! and `h_r` a rating's inputs and hidden units, `p_r` its products, `δ_r = g w [h_r > 0]`:
//!
//! ```text
//! h_r = relu(x_r W + z)      ŷ_r = v·p_r + w·h_r + z₀      ∂L/∂W += Σ_r x_rᵀ δ_r      ∂L/∂x_r = δ_r Wᵀ
//! ```
//!
//! Does not know Adam, nor which rows a batch meets twice.
//!
//! **Invariant**: every number is summed by one unit, over ratings in their order, and written by no other: the result
//! does not depend on when units run.

use cubecl::prelude::*;

use super::shape::{InputShape, LayerShape, Place, Shape};
use crate::description::Similarity;

/// Writes the gradients of each rating's embeddings, and each share's part of the dense gradients.
///
/// # Shapes
/// - order: rows of the columns, in the order of training; the batch is `from .. from + n`
/// - ids: `[n_rows, 2]`, user and item; numbers: `[n_rows, 1 + n_contexts]`, target and contexts
/// - users, items: `[n_rows, n_tables, 3, embedding_size]`, weight and moments; features: `[n_items, n_features]`
/// - dense: `[4, n_dense]`, weight, moments, and the weight with its layers transposed
/// - of_rows: `[n, d_rows]`; of_dense: `[n_shares, n_dense + 2]`, layers transposed, the last two Σ |ŷ - y| and
///   Σ |ŷ - y| / |y|
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structures to put them into")]
pub(super) fn gradients(
    order: &[u32],
    ids: &[u32],
    numbers: &[f32],
    users: &[f32],
    items: &[f32],
    features: &[f32],
    dense: &[f32],
    of_rows: &mut [f32],
    of_dense: &mut [f32],
    from: usize,
    n: usize,
    n_tiles: usize,
    #[comptime] shape: Shape,
) {
    let tile = comptime!(shape.tile);
    let size = comptime!(shape.embedding_size);
    let d_hidden = comptime!(shape.d_hidden);
    let d_slope = comptime!(shape.d_slope());
    let n_products = comptime!(shape.products.len());
    let units = comptime!(shape.units);
    let unit = UNIT_POS as usize;
    let share = CUBE_POS;
    let sums = share * comptime!(shape.n_dense + 2);

    // For each rating of the tile: its row, user and item.
    let mut met = Shared::<[u32]>::new_slice(comptime!(3 * shape.tile));
    let mut a =
        Shared::<[f32]>::new_slice(comptime!((shape.products.len() * shape.tile * shape.embedding_size).max(1)));
    let mut b =
        Shared::<[f32]>::new_slice(comptime!((shape.products.len() * shape.tile * shape.embedding_size).max(1)));
    let mut x = Shared::<[f32]>::new_slice(comptime!(shape.tile * shape.d_input.max(1)));
    let mut h = Shared::<[f32]>::new_slice(comptime!(shape.tile * shape.d_hidden.max(1)));
    let mut delta = Shared::<[f32]>::new_slice(comptime!(shape.tile * shape.d_hidden.max(1)));
    // For each rating: g, and for each product its value and the factors of the gradients of `a` and `b`.
    let mut slope = Shared::<[f32]>::new_slice(comptime!(shape.d_slope() * shape.tile));
    let mut loss = Shared::<[f32]>::new_slice(comptime!(2 * shape.tile));
    if unit < tile {
        loss[2 * unit] = 0.0;
        loss[2 * unit + 1] = 0.0;
    }

    for number in 0..n_tiles {
        let first = (share * n_tiles + number) * tile;
        if unit < tile {
            // Beyond the batch, its last rating is repeated, with a slope of 0.
            let row = order[from + usize::min(first + unit, n - 1)];
            met[3 * unit] = row;
            met[3 * unit + 1] = ids[2 * row as usize];
            met[3 * unit + 2] = ids[2 * row as usize + 1];
        }
        sync_cube();

        #[unroll]
        for number in 0..comptime!(shape.products.len()) {
            let product = comptime!(shape.products[number]);
            for at in range_stepped(unit, tile * size, units) {
                let rating = at / size;
                let column = at % size;
                let user = met[3 * rating + 1] as usize * comptime!(shape.tables[0].len() * 3 * shape.embedding_size);
                let item = met[3 * rating + 2] as usize * comptime!(shape.tables[1].len() * 3 * shape.embedding_size);
                let to = comptime!(number * shape.tile * shape.embedding_size) + at;
                a[to] = users[user + comptime!(product.users * 3 * shape.embedding_size) + column];
                b[to] = items[item + comptime!(product.items * 3 * shape.embedding_size) + column];
            }
        }
        #[unroll]
        for input in 0..comptime!(shape.inputs.len()) {
            let input = comptime!(shape.inputs[input]);
            if comptime!(input.place == Place::Users) {
                fetch(&mut x, &met, users, unit, 1usize, input, comptime!(shape.clone()));
            }
            if comptime!(input.place == Place::Items) {
                fetch(&mut x, &met, items, unit, 2usize, input, comptime!(shape.clone()));
            }
            if comptime!(input.place == Place::Features) {
                fetch(&mut x, &met, features, unit, 2usize, input, comptime!(shape.clone()));
            }
            if comptime!(input.place == Place::Contexts) {
                fetch(&mut x, &met, numbers, unit, 0usize, input, comptime!(shape.clone()));
            }
        }
        sync_cube();

        #[unroll]
        for layer in 0..comptime!(shape.layers.len()) {
            let layer = comptime!(shape.layers[layer]);
            forward(&x, &mut h, dense, unit, layer, comptime!(shape.clone()));
        }
        // The last units have the least to do.
        if unit >= units - tile {
            #[unroll]
            for number in 0..comptime!(shape.products.len()) {
                product(&a, &b, &mut slope, units - 1 - unit, number, comptime!(shape.clone()));
            }
        }
        sync_cube();

        if unit < tile {
            let weight = comptime!(shape.output);
            let mut predicted = dense[weight + n_products + d_hidden];
            #[unroll]
            for number in 0..comptime!(shape.products.len()) {
                predicted += dense[weight + number] * slope[d_slope * unit + comptime!(1 + 4 * number)];
            }
            for hidden in 0..d_hidden {
                predicted += dense[weight + n_products + hidden] * h[unit * d_hidden + hidden];
            }
            let y = numbers[met[3 * unit] as usize * comptime!(shape.n_contexts + 1)];
            let error = predicted - y;
            let mut g = 0.0;
            if first + unit < n {
                let size_of_error = f32::abs(error);
                loss[2 * unit] += size_of_error;
                loss[2 * unit + 1] += size_of_error / f32::max(f32::abs(y), 1e-7);
                let one = 1.0 / n as f32;
                if error > 0.0 {
                    g = one;
                }
                if error < 0.0 {
                    g = -one;
                }
            }
            slope[d_slope * unit] = g;
            #[unroll]
            for number in 0..comptime!(shape.products.len()) {
                let back = g * dense[weight + number];
                let factors = d_slope * unit + comptime!(2 + 4 * number);
                slope[factors] *= back;
                slope[factors + 1] *= back;
                slope[factors + 2] *= back;
            }
        }
        sync_cube();

        for at in range_stepped(unit, tile * d_hidden, units) {
            let rating = at / comptime!(shape.d_hidden.max(1));
            let hidden = at % comptime!(shape.d_hidden.max(1));
            let mut passes = 0.0;
            if h[at] > 0.0 {
                passes = slope[d_slope * rating] * dense[comptime!(shape.output + shape.products.len()) + hidden];
            }
            delta[at] = passes;
        }
        sync_cube();

        let n_left = n - usize::min(first, n);
        let d_rows = comptime!(shape.d_rows);
        #[unroll]
        for layer in 0..comptime!(shape.layers.len()) {
            let layer = comptime!(shape.layers[layer]);
            let to = first * d_rows + comptime!(layer.row);
            backward(
                &x,
                &delta,
                dense,
                of_dense,
                of_rows,
                sums,
                number,
                unit,
                to,
                n_left,
                layer,
                comptime!(shape.clone()),
            );
        }
        for at in range_stepped(unit, n_products + d_hidden + 1, units) {
            let mut sum = 0.0;
            for rating in 0..tile {
                let mut factor = 1.0;
                if at < n_products {
                    factor = slope[d_slope * rating + 1 + 4 * at];
                }
                if at >= n_products && at < n_products + d_hidden {
                    factor = h[rating * d_hidden + at - n_products];
                }
                sum += slope[d_slope * rating] * factor;
            }
            add(of_dense, sums + comptime!(shape.output) + at, sum, number);
        }

        #[unroll]
        for product in 0..comptime!(shape.products.len()) {
            let begin = comptime!(product * shape.tile * shape.embedding_size);
            for at in range_stepped(unit, tile * size, units) {
                let rating = at / size;
                if first + rating < n {
                    let to = (first + rating) * d_rows + comptime!(2 * product * shape.embedding_size) + at % size;
                    let factors = d_slope * rating + comptime!(2 + 4 * product);
                    let scale = slope[factors];
                    of_rows[to] = b[begin + at] * scale - a[begin + at] * slope[factors + 1];
                    of_rows[to + size] = a[begin + at] * scale - b[begin + at] * slope[factors + 2];
                }
            }
        }
        sync_cube();
    }

    if unit < 2 {
        let mut sum = 0.0;
        for rating in 0..tile {
            sum += loss[2 * rating + unit];
        }
        of_dense[sums + comptime!(shape.n_dense) + unit] = sum;
    }
}

/// Fetches one input of a layer for the ratings of a tile; `of` says by which number of a rating: its row (0), user (1)
/// or item (2).
#[cube]
fn fetch(
    x: &mut [f32],
    met: &[u32],
    from: &[f32],
    unit: usize,
    #[comptime] of: usize,
    #[comptime] input: InputShape,
    #[comptime] shape: Shape,
) {
    let width = comptime!(input.width);
    for at in range_stepped(unit, comptime!(shape.tile * input.width), comptime!(shape.units)) {
        let rating = at / width;
        let column = at % width;
        let row = met[3 * rating + of] as usize * comptime!(input.stride) + comptime!(input.begin);
        x[rating * comptime!(shape.d_input) + comptime!(input.x) + column] = from[row + column];
    }
}

/// `relu(x W + z)` of one layer, for the ratings of a tile. A unit computes two hidden units for all ratings, so that
/// each weight is read once, and each input once for both.
#[cube]
fn forward(
    x: &[f32],
    h: &mut [f32],
    dense: &[f32],
    unit: usize,
    #[comptime] layer: LayerShape,
    #[comptime] shape: Shape,
) {
    let tile = comptime!(shape.tile);
    let width = comptime!(layer.d_output);
    let half = comptime!(layer.d_output.div_ceil(2));
    let bias = comptime!(layer.weight + layer.d_input * layer.d_output);
    for hidden in range_stepped(unit, half, comptime!(shape.units)) {
        // Where their number is odd, the last is its own partner: it is computed twice, and written once.
        let other = usize::min(hidden + half, comptime!(layer.d_output - 1));
        let mut sums = Array::<f32>::new(tile);
        let mut others = Array::<f32>::new(tile);
        #[unroll]
        for rating in 0..tile {
            sums[rating] = dense[bias + hidden];
            others[rating] = dense[bias + other];
        }
        for column in 0..comptime!(layer.d_input) {
            let weight = dense[comptime!(layer.weight) + column * width + hidden];
            let other_weight = dense[comptime!(layer.weight) + column * width + other];
            #[unroll]
            for rating in 0..tile {
                let input = x[rating * comptime!(shape.d_input) + comptime!(layer.x) + column];
                sums[rating] += input * weight;
                others[rating] += input * other_weight;
            }
        }
        #[unroll]
        for rating in 0..tile {
            let to = rating * comptime!(shape.d_hidden) + comptime!(layer.h);
            h[to + hidden] = f32::max(sums[rating], 0.0);
            if hidden + half < width {
                h[to + other] = f32::max(others[rating], 0.0);
            }
        }
    }
}

/// The backward pass of one layer: adds a tile's part of the gradients of its weights, transposed, and of its bias to
/// those of the share. Where the layer reads towers, writes the gradients of what it reads from `to` on, for the
/// `n_left` ratings that there are. A unit takes two inputs of all ratings; the bias is one more input, which is 1.
#[cube]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structures to put them into")]
fn backward(
    x: &[f32],
    delta: &[f32],
    dense: &[f32],
    of_dense: &mut [f32],
    of_rows: &mut [f32],
    sums: usize,
    number: usize,
    unit: usize,
    to: usize,
    n_left: usize,
    #[comptime] layer: LayerShape,
    #[comptime] shape: Shape,
) {
    let tile = comptime!(shape.tile);
    let width = comptime!(layer.d_input);
    let n_weights = comptime!(layer.d_input * layer.d_output);
    let transposed = comptime!(3 * shape.n_dense + layer.weight);
    let n_columns = comptime!(layer.d_input + 1);
    let half = comptime!((layer.d_input + 1).div_ceil(2));
    for column in range_stepped(unit, half, comptime!(shape.units)) {
        // The first half never has the bias. Beside it stands the second half, which lacks its last where the number is
        // odd.
        let second = column + half;
        let is_bias = second == width;
        let other = usize::min(second, comptime!(layer.d_input - 1));
        let mut inputs = Array::<f32>::new(tile);
        let mut others = Array::<f32>::new(tile);
        let mut back = Array::<f32>::new(tile);
        let mut other_back = Array::<f32>::new(tile);
        #[unroll]
        for rating in 0..tile {
            back[rating] = 0.0;
            other_back[rating] = 0.0;
            let from = rating * comptime!(shape.d_input) + comptime!(layer.x);
            inputs[rating] = x[from + column];
            others[rating] = x[from + other];
            if is_bias {
                others[rating] = 1.0;
            }
        }
        for hidden in 0..comptime!(layer.d_output) {
            let mut weight = 0.0;
            let mut other_weight = 0.0;
            if comptime!(layer.reads_towers) {
                weight = dense[transposed + hidden * width + column];
                other_weight = dense[transposed + hidden * width + other];
            }
            let mut sum = 0.0;
            let mut other_sum = 0.0;
            #[unroll]
            for rating in 0..tile {
                let slope = delta[rating * comptime!(shape.d_hidden) + comptime!(layer.h) + hidden];
                sum += inputs[rating] * slope;
                other_sum += others[rating] * slope;
                if comptime!(layer.reads_towers) {
                    back[rating] += slope * weight;
                    other_back[rating] += slope * other_weight;
                }
            }
            let place = sums + comptime!(layer.weight);
            add(of_dense, place + hidden * width + column, sum, number);
            if second < n_columns {
                let mut at = hidden * width + second;
                if is_bias {
                    at = n_weights + hidden;
                }
                add(of_dense, place + at, other_sum, number);
            }
        }
        if comptime!(layer.reads_towers) {
            #[unroll]
            for rating in 0..tile {
                if rating < n_left {
                    let to = to + rating * comptime!(shape.d_rows);
                    of_rows[to + column] = back[rating];
                    if second < width {
                        of_rows[to + second] = other_back[rating];
                    }
                }
            }
        }
    }
}

/// `sums[at] += sum`, from 0 at the first tile.
#[cube]
fn add(sums: &mut [f32], at: usize, sum: f32, number: usize) {
    if number == 0 {
        sums[at] = sum;
    } else {
        sums[at] += sum;
    }
}

/// The product numbered `number` of a rating, and what its backward pass needs besides the slope: `1 / (|a| |b|)`, `p /
/// a·a`, `p / b·b`; the last two are 0 where a length is too small to count. For a dot product: 1, 0, 0.
#[cube]
fn product(
    a: &[f32],
    b: &[f32],
    slope: &mut [f32],
    rating: usize,
    #[comptime] number: usize,
    #[comptime] shape: Shape,
) {
    let size = comptime!(shape.embedding_size);
    let begin = comptime!(number * shape.tile * shape.embedding_size) + rating * size;
    let to = rating * comptime!(shape.d_slope()) + comptime!(1 + 4 * number);
    let mut ab = 0.0;
    let mut aa = 0.0;
    let mut bb = 0.0;
    for column in 0..size {
        let one = a[begin + column];
        let other = b[begin + column];
        ab += one * other;
        aa += one * one;
        bb += other * other;
    }
    if comptime!(shape.products[number].similarity == Similarity::Cosine) {
        let least = 1e-12;
        let scale = 1.0 / f32::sqrt(f32::max(aa, least) * f32::max(bb, least));
        let c = ab * scale;
        slope[to] = c;
        slope[to + 1] = scale;
        let mut shrink_a = 0.0;
        if aa > least {
            shrink_a = c / aa;
        }
        let mut shrink_b = 0.0;
        if bb > least {
            shrink_b = c / bb;
        }
        slope[to + 2] = shrink_a;
        slope[to + 3] = shrink_b;
    } else {
        slope[to] = ab;
        slope[to + 1] = 1.0;
        slope[to + 2] = 0.0;
        slope[to + 3] = 0.0;
    }
}
