//! Rounds the length of a row up to whole vectors of this CPU.
//!
//! `pulp` picks the widest vectors that a CPU has when a program runs; code that works on whole vectors pads its rows
//! to them. Does not know what rows hold.
//!
//! **Invariant**: the width of a vector does not change while a program runs.

use pulp::{Arch, Simd, WithSimd};

/// `n` rounded up to whole vectors of `f32`: 16 numbers with AVX-512, 8 with AVX2, 4 with NEON, 1 without any.
#[must_use]
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(Arch::new().dispatch(Lanes))
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_vectors_hold_all_numbers_and_nothing_is_left_over() {
        struct Holds(Vec<f32>);
        impl WithSimd for Holds {
            type Output = [usize; 2];
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> [usize; 2] {
                let (vectors, rest) = S::as_simd_f32s(&self.0);
                [vectors.len() * S::F32_LANES, rest.len()]
            }
        }
        for n in [0, 1, 7, 16, 25, 50, 100] {
            assert_eq!(Arch::new().dispatch(Holds(vec![0.0; padded(n)])), [padded(n), 0], "{n}");
            assert!((n..n + 16).contains(&padded(n)), "{n}: {}", padded(n));
        }
    }
}
