//! Measures the most that the CPU's cores can do: bandwidth, arithmetic, comparisons and gathers.
//!
//! By the widest vectors that the training step is dispatched to. Does not know tensors.
//!
//! **Invariant**: each thread has numbers of its own, to read and to write; all begin and end together.

use std::convert::Infallible;
use std::hint::black_box;

use pulp::{Arch, Simd, WithSimd};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use reco_core::parallel;

use super::{Ceiling, Kind, ROW, Unit, seconds, turns};

const READ_MEMORY: Kind =
    Kind { name: "read-memory", about: "adding up an array that no cache holds", unit: Unit::Bytes };
const TRIAD_MEMORY: Kind = Kind {
    name: "triad-memory",
    about: "a = b + 2 c over arrays that no cache holds, 12 bytes a number as STREAM counts",
    unit: Unit::Bytes,
};
const READ_CACHE: Kind = Kind { name: "read-cache", about: "adding up 128 KiB, a row of scores", unit: Unit::Bytes };
const MULTIPLY_ADD: Kind =
    Kind { name: "multiply-add", about: "fused multiply-adds within registers", unit: Unit::MultiplyAdds };
const ROOT_QUOTIENT: Kind =
    Kind { name: "root-quotient", about: "a / √b within the nearest cache, as Adam has it", unit: Unit::Numbers };
const COMPARE: Kind =
    Kind { name: "compare", about: "counting numbers above another within 128 KiB", unit: Unit::Numbers };
const GATHER_CACHE: Kind =
    Kind { name: "gather-cache", about: "rows of 64 floats at random places of 256 KiB", unit: Unit::Rows };
const GATHER_MEMORY: Kind = Kind {
    name: "gather-memory",
    about: "rows of 64 floats at random places of an array that no cache holds",
    unit: Unit::Rows,
};

/// Numbers in a row of scores, and in each of the two arrays of a quotient.
const SCORES: usize = 32 * 1024;
const QUOTIENTS: usize = 2 * 1024;
/// Rows of the table that a cache holds.
const NEAR_ROWS: usize = 1024;
/// Independent sums: with two operands they fill sixteen registers.
const CHAINS: usize = 12;
/// Multiply-adds of each chain in a pass.
const LINKS: usize = 4096;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Numbers of all large arrays together.
    far: usize,
    /// Rows that one pass fetches from random places, all threads together.
    fetched: usize,
}

impl Size {
    /// 256 MiB: more than the caches of all but the largest servers.
    pub(super) const FULL: Self = Self { far: 1 << 26, fetched: 1 << 17 };

    /// For tests, which do not measure speed.
    #[cfg(test)]
    pub(super) const SMALL: Self = Self { far: 1 << 16, fetched: 1 << 10 };
}

/// Every ceiling, for each of these numbers of threads; `began` is called with what is measured.
pub(super) fn measure(threads: &[usize], size: Size, began: &dyn Fn(&str)) -> Vec<Ceiling> {
    let mut far: Vec<f32> = (0..size.far).map(|at| (at % 7) as f32).collect();
    let mut ceilings = Vec::new();
    for &n_threads in threads {
        let threads = Some(n_threads);
        let mut add = |kind: Kind, per_pass: usize, passes: &mut dyn FnMut(usize) -> f64| {
            began(kind.name);
            let Ok(seconds) = turns(|n| Ok::<_, Infallible>(passes(n)));
            ceilings.push(kind.ceiling(seconds, per_pass as f64, threads));
        };
        let arch = Arch::new();
        // Shares of whole rows, so that no vector lies across two of them.
        let share = size.far / ROW / n_threads * ROW;

        let mut shares: Vec<&[f32]> = far.chunks_exact(share).collect();
        add(
            READ_MEMORY,
            n_threads * share * 4,
            &mut on_threads(&mut shares, |share| {
                black_box(arch.dispatch(Sum(share)));
            }),
        );
        let places: Vec<u32> = random_places(share / ROW, size.fetched / n_threads);
        add(
            GATHER_MEMORY,
            n_threads * places.len(),
            &mut on_threads(&mut shares, |share| {
                black_box(arch.dispatch(Gather { table: share, places: &places }));
            }),
        );
        let third = share / 3 / ROW * ROW;
        let mut shares: Vec<Triad<'_>> = far.chunks_exact_mut(share).map(|share| Triad::of(share, third)).collect();
        add(TRIAD_MEMORY, n_threads * third * 12, &mut on_threads(&mut shares, |triad| arch.dispatch(triad.again())));

        let own = |n: usize| vec![(0..n).map(|at| (at % 7) as f32 + 1.0).collect::<Vec<_>>(); n_threads];
        let mut shares: Vec<Vec<f32>> = own(SCORES);
        add(
            READ_CACHE,
            n_threads * SCORES * 4,
            &mut on_threads(&mut shares, |share| {
                black_box(arch.dispatch(Sum(share)));
            }),
        );
        add(
            COMPARE,
            n_threads * SCORES,
            &mut on_threads(&mut shares, |share| {
                black_box(arch.dispatch(CountAbove { numbers: share, than: black_box(3.5) }));
            }),
        );
        let mut shares: Vec<Vec<f32>> = own(NEAR_ROWS * ROW);
        let places = random_places(NEAR_ROWS, 4 * NEAR_ROWS);
        add(
            GATHER_CACHE,
            n_threads * places.len(),
            &mut on_threads(&mut shares, |share| {
                black_box(arch.dispatch(Gather { table: share, places: &places }));
            }),
        );
        let mut shares: Vec<Vec<f32>> = own(2 * QUOTIENTS);
        add(
            ROOT_QUOTIENT,
            n_threads * QUOTIENTS,
            &mut on_threads(&mut shares, |share| {
                let (a, b) = share.split_at(QUOTIENTS);
                black_box(arch.dispatch(Quotients { a, b }));
            }),
        );
        let mut shares = vec![(); n_threads];
        let per_pass = n_threads * arch.dispatch(MultiplyAdds(0.0)).0;
        add(
            MULTIPLY_ADD,
            per_pass,
            &mut on_threads(&mut shares, |()| {
                black_box(arch.dispatch(MultiplyAdds(black_box(0.5))));
            }),
        );
    }
    ceilings
}

/// A function that makes a number of passes over each share, one thread a share, and returns how long all took.
fn on_threads<'a, Share: Send>(
    shares: &'a mut [Share],
    pass: impl Fn(&mut Share) + Sync + 'a,
) -> impl FnMut(usize) -> f64 + 'a {
    move |n| {
        seconds(|| {
            let each = |(): &mut (), share: &mut Share| (0..n).for_each(|_| pass(share));
            parallel::each_on(shares.len(), shares.iter_mut().collect(), || (), each);
        })
    }
}

/// `n` rows of a table of `n_rows`, the same ones each time.
fn random_places(n_rows: usize, n: usize) -> Vec<u32> {
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    (0..n).map(|_| chance.random_range(0..n_rows as u32)).collect()
}

/// The sum of an array.
struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (blocks, _) = S::as_simd_f32s(self.0).0.as_chunks::<8>();
        let mut sums = [simd.splat_f32s(0.0); 8];
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum = simd.add_f32s(*sum, *value);
            }
        }
        total(simd, sums)
    }
}

/// `a = b + 2 c`.
struct Triad<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
    c: &'a [f32],
}

impl<'a> Triad<'a> {
    /// Three arrays of `n` numbers in one.
    fn of(share: &'a mut [f32], n: usize) -> Self {
        let (a, rest) = share.split_at_mut(n);
        let (b, rest) = rest.split_at(n);
        Self { a, b, c: &rest[..n] }
    }

    fn again(&mut self) -> Triad<'_> {
        Triad { a: self.a, b: self.b, c: self.c }
    }
}

impl WithSimd for Triad<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ((a, _), (b, _), (c, _)) = (S::as_mut_simd_f32s(self.a), S::as_simd_f32s(self.b), S::as_simd_f32s(self.c));
        let two = simd.splat_f32s(2.0);
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            *a = simd.mul_add_e_f32s(two, *c, *b);
        }
    }
}

/// How many numbers are above another.
struct CountAbove<'a> {
    numbers: &'a [f32],
    than: f32,
}

impl WithSimd for CountAbove<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (blocks, _) = S::as_simd_f32s(self.numbers).0.as_chunks::<8>();
        let [than, one, none] = [self.than, 1.0, 0.0].map(|x| simd.splat_f32s(x));
        let mut counts = [none; 8];
        for block in blocks {
            for (count, value) in counts.iter_mut().zip(block) {
                let is_above = simd.greater_than_f32s(*value, than);
                *count = simd.add_f32s(*count, simd.select_f32s(is_above, one, none));
            }
        }
        total(simd, counts)
    }
}

/// The sum of all rows of a table at these places.
struct Gather<'a> {
    table: &'a [f32],
    places: &'a [u32],
}

impl WithSimd for Gather<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat_f32s(0.0); 8];
        for place in self.places {
            let (row, _) = S::as_simd_f32s(&self.table[*place as usize * ROW..][..ROW]);
            // Eight vectors of eight numbers are a row, or four of sixteen; narrower ones are taken eight at a time as
            // well.
            for vectors in row.chunks(8) {
                for (sum, value) in sums.iter_mut().zip(vectors) {
                    *sum = simd.add_f32s(*sum, *value);
                }
            }
        }
        total(simd, sums)
    }
}

/// The sum of all `a / √b`.
struct Quotients<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Quotients<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (S::as_simd_f32s(self.a).0.as_chunks::<8>().0, S::as_simd_f32s(self.b).0.as_chunks::<8>().0);
        let mut sums = [simd.splat_f32s(0.0); 8];
        for (a, b) in a.iter().zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum = simd.add_f32s(*sum, simd.div_f32s(*a, simd.sqrt_f32s(*b)));
            }
        }
        total(simd, sums)
    }
}

/// Chains of `sum = sum · x + x`, and how many multiply-adds they have.
struct MultiplyAdds(f32);

impl WithSimd for MultiplyAdds {
    type Output = (usize, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (usize, f32) {
        let x = simd.splat_f32s(self.0);
        let mut sums = [x; CHAINS];
        for _ in 0..LINKS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, x, x);
            }
        }
        let [a, b, c, d, e, f, g, h, rest @ ..] = sums;
        let sum = total(simd, [a, b, c, d, e, f, g, h]);
        (LINKS * CHAINS * S::F32_LANES, rest.into_iter().fold(sum, |sum, one| sum + simd.reduce_sum_f32s(one)))
    }
}

#[inline(always)]
fn total<S: Simd>(simd: S, [a, b, c, d, e, f, g, h]: [S::f32s; 8]) -> f32 {
    let [a, b, c, d] = [(a, b), (c, d), (e, f), (g, h)].map(|(one, other)| simd.add_f32s(one, other));
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_timed_computes_what_it_says() {
        let numbers: Vec<f32> = (0..1024).map(|at| (at % 8) as f32).collect();
        for arch in [Arch::new(), Arch::Scalar] {
            assert_eq!(arch.dispatch(Sum(&numbers)), 3584.0);
            assert_eq!(arch.dispatch(CountAbove { numbers: &numbers, than: 4.5 }), 384.0);
            let rows = Gather { table: &numbers, places: &[3, 0, 3] };
            assert_eq!(arch.dispatch(rows), 3.0 * 8.0 * 28.0);
            let (a, b) = (vec![3.0; 512], vec![4.0; 512]);
            assert_eq!(arch.dispatch(Quotients { a: &a, b: &b }), 768.0);
            let mut share = numbers.clone();
            arch.dispatch(Triad::of(&mut share, 320));
            assert!((0..320).all(|at| share[at] == numbers[320 + at] + 2.0 * numbers[640 + at]));
            // Each chain comes to x / (1 - x) = 1, in every lane.
            let (n, sum) = arch.dispatch(MultiplyAdds(0.5));
            assert_eq!(sum as usize, n / LINKS);
        }
    }
}
