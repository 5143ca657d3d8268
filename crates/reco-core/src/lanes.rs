//! Sums and fused multiply-adds that give the same bits on every CPU.
//!
//! `pulp` picks the widest vectors that a CPU has when a program runs: sixteen numbers with AVX-512, eight with AVX2,
//! four with NEON, one without any. Work on numbers that do not meet gives the same bits at any width; a sum over a row
//! does so only if its order is fixed. Here it runs over `LANES` partial sums, held in as many vectors as that takes,
//! and these are added in halves: lane 0 with lane 16, and so on. Does not know what rows hold.
//!
//! **Invariant**: the width of a vector changes no bit.

use pulp::{Arch, Simd};

/// Partial sums of a sum over a row. Two registers of AVX-512, and four of AVX2: fewer would wait for each other.
const LANES: usize = 32;

/// Rows are padded to whole vectors of this many numbers, the widest there are.
const WIDEST: usize = 16;

/// `n` rounded up to whole vectors of any CPU.
#[must_use]
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(WIDEST)
}

/// How many vectors of this CPU hold `n` numbers. A padded row has at least as many.
#[inline(always)]
#[must_use]
pub fn vectors<S: Simd>(n: usize) -> usize {
    n.div_ceil(S::F32_LANES)
}

/// The vectors that this CPU computes with. Whoever works on vectors asks here, so that tests can choose narrower ones.
#[must_use]
pub fn arch() -> Arch {
    crate::testing::chosen_arch().unwrap_or_default()
}

/// `a · b + c`, rounded once.
#[inline(always)]
pub fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if S::F32_LANES == 1 {
        // The sum over one lane is its number.
        let (a, b, c) = (simd.reduce_sum_f32s(a), simd.reduce_sum_f32s(b), simd.reduce_sum_f32s(c));
        return simd.splat_f32s(fused(a, b, c));
    }
    simd.mul_add_f32s(a, b, c)
}

/// `a · b + c`, rounded once by a CPU that has no instruction for it: the product is exact in 64 bits, the sum is
/// rounded to the odd neighbour, and rounding that to 32 bits rounds as once (Boldo and Melquiond 2008). It compiles to
/// vectors of 64-bit numbers, unlike a call of the platform's `fmaf`.
#[inline(always)]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    // What the sum lacks, exactly (Knuth's two-sum); not a number where the sum is infinite.
    let of_c = sum - product;
    let lack = (product - (sum - of_c)) + (c - of_c);
    let bits = sum.to_bits();
    let is_even = bits & 1 == 0;
    let away = if (lack > 0.0) == (sum > 0.0) { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
    f64::from_bits(if lack.abs() > 0.0 && is_even { away } else { bits }) as f32
}

/// `a · b` of each pair of rows, all of one length.
#[inline(always)]
pub fn dots<S: Simd, const N: usize>(simd: S, pairs: [[&[S::f32s]; 2]; N]) -> [f32; N] {
    // As many vectors as hold the partial sums: a constant of the CPU, which the compiler knows for each.
    match LANES / S::F32_LANES {
        2 => dots_of::<S, N, 2>(simd, pairs),
        4 => dots_of::<S, N, 4>(simd, pairs),
        8 => dots_of::<S, N, 8>(simd, pairs),
        _ => dots_of::<S, N, LANES>(simd, pairs),
    }
}

// Vectors are never computed with in closures here: the compiler does not always give these the instructions of `S`.
#[inline(always)]
fn dots_of<S: Simd, const N: usize, const V: usize>(simd: S, pairs: [[&[S::f32s]; 2]; N]) -> [f32; N] {
    let zeros = [simd.splat_f32s(0.0); V];
    let mut sums = [zeros; N];
    let len = pairs.first().map_or(0, |[a, _]| a.len());
    for at in 0..len / V {
        for (sums, [a, b]) in sums.iter_mut().zip(pairs) {
            add_products(simd, &a[at * V..][..V], &b[at * V..][..V], sums);
        }
    }
    if !len.is_multiple_of(V) {
        // What is left, with zeros to whole sums.
        for (sums, [a, b]) in sums.iter_mut().zip(pairs) {
            let (mut last_a, mut last_b) = (zeros, zeros);
            let rest = len - len % V;
            last_a[..len - rest].copy_from_slice(&a[rest..]);
            last_b[..len - rest].copy_from_slice(&b[rest..]);
            add_products(simd, &last_a, &last_b, sums);
        }
    }
    let mut out = [0.0; N];
    for (out, sums) in out.iter_mut().zip(&mut sums) {
        let mut n = V;
        while n > 1 {
            n /= 2;
            for at in 0..n {
                sums[at] = simd.add_f32s(sums[at], sums[at + n]);
            }
        }
        *out = simd.reduce_sum_f32s(sums[0]);
    }
    out
}

/// `sums += a · b`, vector by vector.
#[inline(always)]
fn add_products<S: Simd, const V: usize>(simd: S, a: &[S::f32s], b: &[S::f32s], sums: &mut [S::f32s; V]) {
    for v in 0..V {
        sums[v] = mul_add(simd, a[v], b[v], sums[v]);
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::testing::{chance, same_on_any_cpu};

    struct Dots<'a>(&'a [f32], &'a [f32], usize);

    impl WithSimd for Dots<'_> {
        type Output = [f32; 3];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [f32; 3] {
            let [a, b] = [self.0, self.1].map(|row| {
                let (row, rest) = S::as_simd_f32s(row);
                assert!(rest.is_empty(), "rows are whole vectors");
                &row[..vectors::<S>(self.2)]
            });
            dots(simd, [[a, b], [a, a], [b, b]])
        }
    }

    /// Numbers of all sizes, so that every order of a sum rounds in its own way.
    fn row(n: usize, seed: u64) -> Vec<f32> {
        let number = |at: u64| (chance(seed + at) - 0.5) * 10_f64.powi((chance(seed + at + 500) * 6.0) as i32);
        let mut row: Vec<f32> = (0..n as u64).map(|at| number(at) as f32).collect();
        row.resize(padded(n), 0.0);
        row
    }

    #[test]
    fn a_dot_product_is_one_order_of_sums_on_any_cpu() {
        for n in [0, 1, 3, 4, 15, 16, 17, 25, 32, 50, 63, 100, 129] {
            let (a, b) = (row(n, 1), row(n, 1_000));
            let found = same_on_any_cpu("a dot product", || arch().dispatch(Dots(&a, &b, n)));
            let mut sums = [0.0_f32; 32];
            for at in 0..n {
                sums[at % 32] = a[at].mul_add(b[at], sums[at % 32]);
            }
            for half in [16, 8, 4, 2, 1] {
                for at in 0..half {
                    sums[at] += sums[at + half];
                }
            }
            assert_eq!(found[0].to_bits(), sums[0].to_bits(), "{n}: {} and {}", found[0], sums[0]);
            assert!((n..n + 16).contains(&padded(n)), "{n}: {}", padded(n));
        }
    }

    #[test]
    fn a_product_and_a_sum_are_rounded_once_on_any_cpu() {
        struct Once([f32; 3]);
        impl WithSimd for Once {
            type Output = f32;
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> f32 {
                let [a, b, c] = self.0.map(|one| simd.splat_f32s(one));
                simd.reduce_max_f32s(mul_add(simd, a, b, c))
            }
        }
        // Twice rounded, the square would be 1 + 2⁻¹¹, and the sum 2⁻¹¹.
        let one_and_a_bit = 1.0 + 2_f32.powi(-12);
        let square = same_on_any_cpu("a square", || arch().dispatch(Once([one_and_a_bit, one_and_a_bit, -1.0])));
        assert_eq!(square, 2_f32.powi(-11) + 2_f32.powi(-24));
    }

    #[test]
    fn without_an_instruction_it_is_rounded_as_with_one() {
        // Numbers of few bits, so that sums often lie in the middle between two numbers, or beside it.
        let drawn = |at: u64| {
            let bits = (chance(at) * f64::from(u32::MAX)) as u32;
            f32::from_bits(bits & [0xffff_ffff, 0xffff_f000, 0xfff0_0000, 0xff80_0001][(at / 3 % 4) as usize])
        };
        let near = |at: u64| drawn(at) % 2.0;
        let bounds = [0.0, -0.0, 1.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY];
        let of_bounds = bounds.iter().flat_map(|a| bounds.iter().flat_map(|b| bounds.map(|c| [*a, *b, c])));
        let drawn = (0..2_000_000).map(|at| {
            let [a, b, c] = [3 * at, 3 * at + 1, 3 * at + 2];
            if at % 2 == 0 { [drawn(a), drawn(b), drawn(c)] } else { [near(a), near(b), drawn(c)] }
        });
        // The square lies in the middle between two numbers, and the last number beside it, beyond 64 bits.
        let (a, beside) = (1.0 + 2_f32.powi(-12), 2_f32.powi(-60));
        let middle = [[a, a, beside], [a, a, -beside]];
        let mut n_differing = 0;
        for [a, b, c] in of_bounds.chain(drawn).chain(middle) {
            let (found, expected) = (fused(a, b, c), a.mul_add(b, c));
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{a:e} · {b:e} + {c:e}: {found:e}, and not {expected:e}"
            );
            let wide = (f64::from(a) * f64::from(b) + f64::from(c)) as f32;
            n_differing += usize::from(wide != found && found.is_finite());
        }
        assert!(n_differing > 0, "no number needs the odd neighbour");
    }
}
