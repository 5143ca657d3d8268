//! Trains a matrix factorisation by stochastic gradient descent (Funk 2006; Koren, Bell, Volinsky 2009, equation 5).
//!
//! Takes the ratings one at a time, as Surprise's `SVD` (Funk, "Netflix Update: Try This at Home"; Koren et al.,
//! "Matrix Factorization Techniques for Recommender Systems", equation 5 and the updates below it): with `e = r_ui -
//! (mean + b_u + b_i + q_i · p_u)`, each of `b_u, b_i, p_u, q_i` moves by `learning_rate · (e · x - reg · itself)`,
//! where `x` is 1 for a bias, the old `q_i` for `p_u` and the old `p_u` for `q_i`. Users come in catalogue order, and
//! so do each user's ratings.
//!
//! Many ratings are divided into blocks of users × blocks of items. Blocks that share neither are trained on at once,
//! on all cores, one diagonal after the other (Gemulla et al. 2011, "Large-Scale Matrix Factorization with Distributed
//! Stochastic Gradient SgdOptions"). Does not know rating scales, nor who asks.
//!
//! **Invariant**: the number of blocks follows from the number of ratings alone, so that the number of threads changes
//! no bit, nor does the CPU; users and items without ratings have zeros.

use pulp::{Simd, WithSimd};
use reco_core::lanes::{arch, dots, mul_add, padded, vectors};
use reco_core::random::normals;
use reco_core::{Catalogue, FitError, LoadError, Matrix, Run, Weights, parallel};

use crate::rating_matrix::Stars;

/// Options of the descent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SgdOptions {
    pub(crate) embedding_size: usize,
    pub(crate) epochs: usize,
    /// Standard deviation of the initial numbers.
    pub(crate) init_std: f32,
    pub(crate) learning_rate: f32,
    pub(crate) reg: f32,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Factors {
    /// The mean of all stars.
    pub(crate) mean: f32,
    pub(crate) users: Embeddings,
    pub(crate) items: Embeddings,
}

/// A row and a bias for each user, or for each item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Embeddings {
    /// `[n, embedding_size]`
    pub(crate) embeddings: Matrix,
    /// `[n]`
    pub(crate) biases: Vec<f32>,
}

/// Learns from `stars`, for an approach over a catalogue.
///
/// # Errors
/// A loss that is not finite, an interruption.
pub(crate) fn fit(
    stars: &Stars,
    options: SgdOptions,
    of: (&'static str, &Catalogue),
    run: &Run<'_>,
) -> Result<Factors, FitError> {
    Plan { n_blocks: n_blocks(stars.len()), n_threads: parallel::threads() }.fit(stars, options, of, run)
}

/// Ratings that one thread learns from between two checks for an interruption.
const BETWEEN_LOOKS: usize = 1 << 17;

/// How the work is shared out.
struct Plan {
    /// Blocks of users, and of items; decides the order in which ratings are learned from.
    n_blocks: usize,
    /// Does not change the result.
    n_threads: usize,
}

impl Plan {
    fn fit(
        &self,
        stars: &Stars,
        options: SgdOptions,
        (approach, catalogue): (&'static str, &Catalogue),
        run: &Run<'_>,
    ) -> Result<Factors, FitError> {
        let (n_blocks, progress, size) = (self.n_blocks, run.progress, options.embedding_size);
        let [n_users, n_items] = [stars.by_user.len(), stars.by_item.len()];
        let left = run.epochs_from_checkpoint(approach, catalogue, options.epochs, |state| {
            let users = Embeddings::take("users", [n_users, size], state)?;
            Ok((users, Embeddings::take("items", [n_items, size], state)?))
        });
        let (n_done, mut users, mut items) = match left {
            Some((n_done, (users, items))) => (n_done, divided(&users, n_blocks), divided(&items, n_blocks)),
            None => {
                (0, blocks(n_users, n_blocks, options, run.seed, 0), blocks(n_items, n_blocks, options, run.seed, 1))
            }
        };
        let mut ratings: Vec<Vec<Vec<Rated>>> = vec![vec![Vec::new(); n_blocks]; n_blocks];
        for (user, list) in stars.by_user.iter() {
            for entry in list {
                let (item, rating) = (entry.index(), entry.value);
                let rated = Rated { user: (user / n_blocks) as u32, item: (item / n_blocks) as u32, rating };
                ratings[user % n_blocks][item % n_blocks].push(rated);
            }
        }
        let arch = arch();
        progress.begin(approach, options.epochs, stars.len());
        progress.skip(n_done.saturating_mul(stars.len()));
        for epoch in 1 + n_done..=options.epochs {
            run.keep_epochs_if_due(approach, catalogue, epoch - 1, |state| {
                let state = joined(&users, n_users, size).save("users", state);
                joined(&items, n_items, size).save("items", state)
            });
            let mut losses = vec![0.0; n_blocks * n_blocks];
            for (diagonal, losses) in losses.chunks_mut(n_blocks).enumerate() {
                if progress.interrupted() {
                    return Err(FitError::Interrupted);
                }
                // Items have moved on by `diagonal` blocks, so that each user block meets the next one.
                let pairs = users.iter_mut().zip(&mut items).zip(losses).enumerate();
                let pairs = pairs.map(|(at, ((users, items), loss))| {
                    let ratings = ratings[at][(at + diagonal) % n_blocks].as_slice();
                    (Pass { users, items, ratings, mean: stars.mean as f32, options, items_learn: true }, loss)
                });
                parallel::each_on(
                    self.n_threads,
                    pairs.collect(),
                    || (),
                    |(), (Pass { users, items, ratings, .. }, loss)| {
                        // In parts, between which it can stop; the order is the same.
                        for ratings in ratings.chunks(BETWEEN_LOOKS).take_while(|_| !progress.interrupted()) {
                            let (users, items) = (&mut *users, &mut *items);
                            let mean = stars.mean as f32;
                            *loss += arch.dispatch(Pass { users, items, ratings, mean, options, items_learn: true });
                        }
                    },
                );
                if progress.interrupted() {
                    return Err(FitError::Interrupted);
                }
                items.rotate_left(1);
            }
            let loss = losses.iter().sum::<f64>() / stars.len() as f64;
            if !loss.is_finite() {
                return Err(FitError::Diverged { approach, epoch, loss });
            }
            progress.advance(stars.len());
        }
        progress.end();
        let mut factors = Factors {
            mean: stars.mean as f32,
            users: joined(&users, n_users, size),
            items: joined(&items, n_items, size),
        };
        stars.by_user.iter().for_each(|(user, list)| factors.users.forget_unless(!list.is_empty(), user));
        stars.by_item.iter().for_each(|(item, list)| factors.items.forget_unless(!list.is_empty(), item));
        Ok(factors)
    }
}

/// The embedding and the bias of a new user with these ratings, one for each row of `items`: the same descent from
/// zeros, with `items` fixed.
pub(crate) fn fold_in(mean: f32, items: &Embeddings, ratings: &[f32], options: SgdOptions) -> (Vec<f32>, f32) {
    let mut items = Block::of(items);
    let mut user = Block { rows: vec![0.0; padded(options.embedding_size)], biases: vec![0.0] };
    let rated = |(item, rating): (u32, &f32)| Rated { user: 0, item, rating: *rating };
    let ratings: Vec<Rated> = (0..).zip(ratings).map(rated).collect();
    for _ in 0..options.epochs {
        let (users, items) = (&mut user, &mut items);
        arch().dispatch(Pass { users, items, ratings: &ratings, mean, options, items_learn: false });
    }
    user.rows.truncate(options.embedding_size);
    (user.rows, user.biases[0])
}

/// The number of blocks of users, and of items. On a busy machine a thread waits milliseconds for another, so few
/// ratings, which take one core less than half a second, are one block.
fn n_blocks(n_ratings: usize) -> usize {
    match n_ratings {
        ..400_000 => 1,
        400_000..4_000_000 => 4,
        _ => 8,
    }
}

/// Every `n`-th row, with the biases.
struct Block {
    /// `[n, stride]`, zeros beyond a row.
    rows: Vec<f32>,
    biases: Vec<f32>,
}

impl Block {
    fn of(side: &Embeddings) -> Self {
        let stride = padded(side.embeddings.n_columns());
        let mut rows = vec![0.0; side.embeddings.n_rows() * stride];
        for (at, row) in rows.chunks_exact_mut(stride).enumerate() {
            row[..side.embeddings.n_columns()].copy_from_slice(side.embeddings.row(at));
        }
        Self { rows, biases: side.biases.clone() }
    }
}

impl Embeddings {
    /// Adds `<side>.embedding`, `[n, embedding_size]`, and `<side>.bias`, `[n]`, to `weights`.
    pub(crate) fn save(&self, side: &str, weights: Weights) -> Weights {
        let Self { embeddings, biases } = self;
        let shape = [biases.len(), embeddings.n_columns()];
        weights.with(&format!("{side}.embedding"), &shape, embeddings.values().iter().copied()).with(
            &format!("{side}.bias"),
            &shape[..1],
            biases.iter().copied(),
        )
    }

    /// Takes out what [`Embeddings::save`] added, `[n, embedding_size]`.
    pub(crate) fn take(side: &str, shape: [usize; 2], weights: &mut Weights) -> Result<Self, LoadError> {
        let embeddings = Matrix::new(shape[0], shape[1], weights.take(&format!("{side}.embedding"), &shape)?);
        let embeddings = embeddings.expect("a tensor has the shape that was asked for");
        Ok(Self { embeddings, biases: weights.take(&format!("{side}.bias"), &shape[..1])? })
    }

    fn forget_unless(&mut self, known: bool, row: usize) {
        if !known {
            self.embeddings.row_mut(row).fill(0.0);
            self.biases[row] = 0.0;
        }
    }
}

/// `n` rows divided into blocks, with random numbers and biases of 0.
fn blocks(n: usize, n_blocks: usize, options: SgdOptions, seed: u64, table: u32) -> Vec<Block> {
    let stride = padded(options.embedding_size);
    let block = |at: usize| {
        let n = (n + n_blocks - 1 - at) / n_blocks;
        Block { rows: vec![0.0; n * stride], biases: vec![0.0; n] }
    };
    let mut blocks: Vec<Block> = (0..n_blocks).map(block).collect();
    let rows = blocks.iter_mut().enumerate().flat_map(|(block, blocks)| {
        let rows = blocks.rows.chunks_exact_mut(stride).enumerate();
        rows.map(move |(at, row)| ((at * n_blocks + block) as u32, row))
    });
    parallel::each(
        rows.collect(),
        || (),
        |(), (at, row)| {
            let values = row[..options.embedding_size].iter_mut();
            values.zip(normals(seed, table, at)).for_each(|(value, normal)| *value = options.init_std * normal);
        },
    );
    blocks
}

/// Rows divided into blocks.
fn divided(side: &Embeddings, n_blocks: usize) -> Vec<Block> {
    let block = |at: usize| {
        let rows: Vec<usize> = (at..side.biases.len()).step_by(n_blocks).collect();
        let mut own = Embeddings {
            embeddings: Matrix::zeros(rows.len(), side.embeddings.n_columns()),
            biases: rows.iter().map(|row| side.biases[*row]).collect(),
        };
        for (to, row) in rows.into_iter().enumerate() {
            own.embeddings.row_mut(to).copy_from_slice(side.embeddings.row(row));
        }
        Block::of(&own)
    };
    (0..n_blocks).map(block).collect()
}

/// The inverse of [`blocks`] and [`divided`].
fn joined(blocks: &[Block], n: usize, embedding_size: usize) -> Embeddings {
    let mut side = Embeddings { embeddings: Matrix::zeros(n, embedding_size), biases: vec![0.0; n] };
    let stride = padded(embedding_size);
    for row in 0..n {
        let (block, at) = (&blocks[row % blocks.len()], row / blocks.len());
        side.embeddings.row_mut(row).copy_from_slice(&block.rows[at * stride..][..embedding_size]);
        side.biases[row] = block.biases[at];
    }
    side
}

/// A rating, with its rows in the blocks.
#[derive(Clone, Copy)]
struct Rated {
    user: u32,
    item: u32,
    rating: f32,
}

/// One pass over the ratings of two blocks; returns the sum of the absolute errors, each taken before its step.
struct Pass<'a> {
    users: &'a mut Block,
    items: &'a mut Block,
    ratings: &'a [Rated],
    mean: f32,
    options: SgdOptions,
    items_learn: bool,
}

impl WithSimd for Pass<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let SgdOptions { learning_rate, reg, embedding_size, .. } = self.options;
        let (width, stride) = (vectors::<S>(embedding_size), vectors::<S>(padded(embedding_size)));
        let (users, _) = S::as_mut_simd_f32s(&mut self.users.rows);
        let (items, _) = S::as_mut_simd_f32s(&mut self.items.rows);
        // x + rate · (e · y - reg · x) = (1 - rate · reg) · x + rate · e · y
        let keep = 1.0 - learning_rate * reg;
        let kept = simd.splat_f32s(keep);
        let mut loss = 0.0;
        for Rated { user, item, rating } in self.ratings {
            let (user, item) = (*user as usize, *item as usize);
            let (user_bias, item_bias) = (&mut self.users.biases[user], &mut self.items.biases[item]);
            let p = &mut users[user * stride..][..width];
            let q = &mut items[item * stride..][..width];
            let [product] = dots(simd, [[p, q]]);
            let error = rating - (self.mean + *user_bias + *item_bias + product);
            loss += f64::from(error.abs());
            let step = learning_rate * error;
            *user_bias = keep * *user_bias + step;
            let step_vector = simd.splat_f32s(step);
            if self.items_learn {
                *item_bias = keep * *item_bias + step;
                for (p, q) in p.iter_mut().zip(q) {
                    let (old_p, old_q) = (*p, *q);
                    *p = mul_add(simd, step_vector, old_q, simd.mul_f32s(kept, old_p));
                    *q = mul_add(simd, step_vector, old_p, simd.mul_f32s(kept, old_q));
                }
            } else {
                for (p, q) in p.iter_mut().zip(q) {
                    *p = mul_add(simd, step_vector, *q, simd.mul_f32s(kept, *p));
                }
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::train;
    use reco_core::testing::{catalogue, digest, same_on_any_cpu};
    use reco_core::{DeviceChoice, Silent};

    const RUN: Run<'_> = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };

    const OPTIONS: SgdOptions =
        SgdOptions { embedding_size: 11, epochs: 30, init_std: 0.1, learning_rate: 0.02, reg: 0.02 };

    /// Users and items of two kinds: a user gives five stars to their own kind and two to the other; every seventh pair
    /// is unknown.
    fn stars() -> Stars {
        let pairs = (0..40).flat_map(|user| (0..30).map(move |item| (user, item)));
        let rows: Vec<_> = pairs
            .filter(|(user, item)| (user + item) % 7 != 0 && *user != 5 && *item != 4)
            .map(|(user, item)| (user, item, given(user, item)))
            .collect();
        Stars::new(&train(40, 30, &rows), "x").unwrap()
    }

    fn given(user: usize, item: usize) -> f32 {
        if user % 3 % 2 == item % 5 % 2 { 5.0 } else { 2.0 }
    }

    fn fit(n_blocks: usize, n_threads: usize, options: SgdOptions) -> Factors {
        Plan { n_blocks, n_threads }.fit(&stars(), options, ("x", &catalogue(40, 30)), &RUN).unwrap()
    }

    fn predicted(factors: &Factors, user: usize, item: usize) -> f32 {
        let (users, items) = (&factors.users, &factors.items);
        let pairs = users.embeddings.row(user).iter().zip(items.embeddings.row(item));
        factors.mean + users.biases[user] + items.biases[item] + pairs.map(|(p, q)| p * q).sum::<f32>()
    }

    #[test]
    fn threads_change_no_bit_and_blocks_only_the_order() {
        for n_blocks in [1, 2, 3, 8] {
            let one = fit(n_blocks, 1, OPTIONS);
            for n_threads in [2, 3, 8] {
                assert_eq!(fit(n_blocks, n_threads, OPTIONS), one, "{n_blocks} blocks on {n_threads} threads");
            }
            // Pairs that nobody rated, of one's own kind and of the other.
            let (own, other) = (predicted(&one, 7, 21), predicted(&one, 7, 0));
            assert!(own > 4.5 && other < 2.5, "{n_blocks} blocks: {own} and {other}");
        }
        assert_eq!([399_999, 400_000, 25_000_000].map(n_blocks), [1, 4, 8]);
    }

    #[test]
    fn rows_are_divided_and_joined_again() {
        let whole = fit(3, 2, OPTIONS).users;
        for n_blocks in [1, 2, 3, 8, 64] {
            let blocks = divided(&whole, n_blocks);
            assert_eq!(joined(&blocks, 40, 11), whole, "{n_blocks} blocks");
            let drawn = super::blocks(40, n_blocks, OPTIONS, 3, 0);
            let sizes = |blocks: &[Block]| blocks.iter().map(|block| block.rows.len()).collect::<Vec<_>>();
            assert_eq!(sizes(&blocks), sizes(&drawn), "{n_blocks} blocks");
        }
    }

    #[test]
    fn what_is_learned_is_the_same_on_any_cpu() {
        let learned = same_on_any_cpu("factors", || {
            [11, 100].map(|embedding_size| {
                let options = SgdOptions { embedding_size, epochs: 3, ..OPTIONS };
                let Factors { users, items, .. } = fit(2, 2, options);
                let (mut numbers, bias) = fold_in(3.0, &items, &[5.0, 2.0, 4.0], options);
                numbers.push(bias);
                for Embeddings { embeddings, biases } in [users, items] {
                    numbers.extend(embeddings.values().iter().chain(&biases));
                }
                numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            })
        });
        let found = learned.map(|bits| digest(bits.into_iter().map(f32::from_bits)));
        assert_eq!(found, ["9194b04042f17a03", "430f779f5e719ea9"]);
    }

    #[test]
    fn two_steps_by_hand() {
        // User 0 gave item 0 five stars and item 1 one: the mean is 3. All starts at 0 but the rows.
        let stars = Stars::new(&train(1, 2, &[(0, 0, 5.0), (0, 1, 1.0)]), "x").unwrap();
        let options = SgdOptions { embedding_size: 1, epochs: 1, init_std: 1.0, learning_rate: 0.1, reg: 0.5 };
        let [mut p, mut q, mut r] = [(0, 0), (1, 0), (1, 1)].map(|(table, row)| normals(3, table, row).next().unwrap());
        let (mut user, mut items) = (0.0, [0.0; 2]);
        let error = 5.0 - (3.0 + p * q);
        (user, items[0]) = (user + 0.1 * error, items[0] + 0.1 * error);
        (p, q) = (p + 0.1 * (error * q - 0.5 * p), q + 0.1 * (error * p - 0.5 * q));
        let error = 1.0 - (3.0 + user + p * r);
        (user, items[1]) = (user + 0.1 * (error - 0.5 * user), items[1] + 0.1 * error);
        (p, r) = (p + 0.1 * (error * r - 0.5 * p), r + 0.1 * (error * p - 0.5 * r));
        let found = Plan { n_blocks: 1, n_threads: 1 }.fit(&stars, options, ("x", &catalogue(1, 2)), &RUN).unwrap();
        let numbers = [
            (found.mean, 3.0),
            (found.users.biases[0], user),
            (found.items.biases[0], items[0]),
            (found.items.biases[1], items[1]),
            (found.users.embeddings.row(0)[0], p),
            (found.items.embeddings.row(0)[0], q),
            (found.items.embeddings.row(1)[0], r),
        ];
        assert!(numbers.iter().all(|(found, expected)| (found - expected).abs() < 1e-6), "{numbers:?}");
    }

    #[test]
    fn what_nobody_rated_is_zero_and_what_flies_off_is_said() {
        let factors = fit(2, 2, OPTIONS);
        let zero = |side: &Embeddings, row: usize| {
            side.biases[row] == 0.0 && side.embeddings.row(row).iter().all(|x| *x == 0.0)
        };
        assert!(zero(&factors.users, 5) && zero(&factors.items, 4));
        assert!(!zero(&factors.users, 6) && !zero(&factors.items, 5));
        let plan = Plan { n_blocks: 1, n_threads: 1 };
        let wild = SgdOptions { learning_rate: 50.0, ..OPTIONS };
        let error = plan.fit(&stars(), wild, ("x", &catalogue(40, 30)), &RUN).unwrap_err();
        assert!(matches!(error, FitError::Diverged { approach: "x", .. }), "{error}");
    }

    #[test]
    fn someone_new_is_answered_as_those_who_rated_alike() {
        let factors = fit(1, 1, OPTIONS);
        let rated: Vec<usize> = (0..30).filter(|item| (7 + item) % 7 != 0 && *item != 4).collect();
        let mut items = Embeddings { embeddings: Matrix::zeros(rated.len(), 11), biases: Vec::new() };
        for (row, item) in rated.iter().enumerate() {
            items.embeddings.row_mut(row).copy_from_slice(factors.items.embeddings.row(*item));
            items.biases.push(factors.items.biases[*item]);
        }
        let ratings: Vec<f32> = rated.iter().map(|item| given(7, *item)).collect();
        let (row, bias) = fold_in(factors.mean, &items, &ratings, OPTIONS);
        for item in 0..30 {
            let pairs = row.iter().zip(factors.items.embeddings.row(item));
            let new = factors.mean + bias + factors.items.biases[item] + pairs.map(|(p, q)| p * q).sum::<f32>();
            let known = predicted(&factors, 7, item);
            assert!((new - known).abs() < 0.3, "{item}: {new} and {known}");
        }
        assert_eq!(
            fold_in(3.0, &Embeddings { embeddings: Matrix::zeros(0, 11), biases: vec![] }, &[], OPTIONS),
            (vec![0.0; 11], 0.0)
        );
    }
}
