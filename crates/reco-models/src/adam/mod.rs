//! The mathematics of Adam (Kingma and Ba 2015, algorithm 1) at the cost of the embedding rows that a batch meets.
//!
//! Operations are in Keras' order: with bias-corrected step size `α_t = α √(1 − β₂ᵗ) / (1 − β₁ᵗ)`, the update is `w −=
//! α_t m / (√v + ε)`, `ε = 1e-7` outside the bias correction.
//!
//! An embedding row that no batch meets has gradient zero, but dense Adam still moves it, by its momentum. A row last
//! updated at step `s` and read at step `t` has missed `Σ_j α_{s+j} β₁ʲ m / (√(β₂ʲ v) + ε)`, `j = 1 … t−1−s`. With `q =
//! √β₂`, `D = √v + ε` and `ρ = √v / D`, the denominator is `D (1 − ρ (1 − qʲ))`, and since terms count for small `j`
//! only, where `1 − qʲ` is small, three terms of the geometric series in `ρ (1 − qʲ)` are exact to 1e-6: it catches up
//! by `m / D · (S₀ + ρ (S₁ + ρ S₂))` with `S_k = Σ_j α_{s+j} β₁ʲ (1 − qʲ)ᵏ`. The `S_k` are numbers per row, found in
//! constant time from tables over steps. So `adam` has dense Adam's trajectory at row-sparse cost; `lazy-adam` is the
//! other optimizer, in which rows never catch up.
//!
//! Does not know tensors: `optimizer.rs`, `fused/cpu/adam.rs` and `fused/gpu/update.rs` apply it.
//!
//! **Invariant**: a row that was never updated has moments of zero and misses nothing; powers have the same bits on
//! every platform.

mod clock;

pub(crate) use self::clock::{Clock, Met, MissedSteps};
use crate::OptimizerKind;

pub(crate) const BETA_1: f64 = 0.9;
pub(crate) const BETA_2: f64 = 0.999;
pub(crate) const EPSILON: f64 = 1e-7;

/// After this step `β₂ᵗ` no longer matters to an `f32` step size.
const STEADY_STEP: usize = 20_000;

/// Powers below this one are found in a table.
const POWERS: usize = 4_096;

/// How many terms of the series are kept.
const TERMS: usize = 3;

/// Step sizes, and sums over the steps that a row missed.
#[derive(Debug)]
pub(crate) struct Adam {
    learning_rate: f64,
    kind: OptimizerKind,
    /// For each `i`, over steps `s`: `Σ_{j ≥ 1} α_{s+j}/α (β₁ qⁱ)ʲ`.
    tails: [Vec<f64>; TERMS],
    /// For each `i`, over steps missed `n`: `(β₁ qⁱ)ⁿ`; then `β₁ⁿ` and `β₂ⁿ`.
    powers: Vec<[f64; TERMS + 2]>,
}

impl Adam {
    pub(crate) fn new(learning_rate: f64, kind: OptimizerKind) -> Self {
        let corrections: Vec<f64> = (1..=STEADY_STEP).map(correction).collect();
        let tails = std::array::from_fn(|i| {
            let ratio = ratio(i);
            // Beyond the steady step the tail is a plain geometric series.
            let mut tail = vec![ratio / (1.0 - ratio); STEADY_STEP + 1];
            for s in (0..STEADY_STEP).rev() {
                tail[s] = ratio * (corrections[s] + tail[s + 1]);
            }
            tail
        });
        let powers = (0..POWERS).map(powers).collect();
        Self { learning_rate, kind, tails, powers }
    }

    /// Whether rows that no batch meets move on.
    pub(crate) fn is_dense(&self) -> bool {
        self.kind == OptimizerKind::Adam
    }

    /// `α_t`.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        self.learning_rate * correction(step)
    }

    /// The factors by which a row's moments decay over the steps that it missed.
    pub(crate) fn decay(&self, missed: usize) -> [f64; 2] {
        let powers = self.powers(missed);
        [powers[TERMS], powers[TERMS + 1]]
    }

    fn powers(&self, missed: usize) -> [f64; TERMS + 2] {
        self.powers.get(missed).copied().unwrap_or_else(|| powers(missed))
    }

    /// `S₀, S₁, S₂` for a row last updated at step `last` that missed `missed` steps since.
    pub(crate) fn series(&self, last: usize, missed: usize) -> [f64; TERMS] {
        let tail = |i: usize, s: usize| self.tails[i][s.min(STEADY_STEP)];
        let powers = self.powers(missed);
        let sum = |i: usize| tail(i, last) - powers[i] * tail(i, last + missed);
        let [b0, b1, b2] = std::array::from_fn(sum);
        [b0, b0 - b1, b0 - 2.0 * b1 + b2].map(|s| self.learning_rate * s)
    }
}

/// For each `i` `(β₁ qⁱ)ⁿ`, then `β₁ⁿ` and `β₂ⁿ`.
fn powers(n: usize) -> [f64; TERMS + 2] {
    let base = |i| match i {
        TERMS => BETA_1,
        i if i > TERMS => BETA_2,
        i => ratio(i),
    };
    std::array::from_fn(|i| libm::pow(base(i), n as f64))
}

/// `α_t / α`.
fn correction(step: usize) -> f64 {
    let t = step as f64;
    (1.0 - libm::pow(BETA_2, t)).sqrt() / (1.0 - libm::pow(BETA_1, t))
}

/// `β₁ qⁱ`.
fn ratio(i: usize) -> f64 {
    BETA_1 * libm::pow(BETA_2.sqrt(), i as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_sum_of_the_steps_missed() {
        let adam = Adam::new(1.0, OptimizerKind::Adam);
        for (last, missed, v) in [(1, 1, 1.0_f64), (3, 40, 1e-6), (500, 300, 1e-14), (STEADY_STEP - 5, 20, 1e-4)] {
            let plain: f64 = (1..=missed)
                .map(|j| {
                    let decayed = (BETA_2.powi(j as i32) * v).sqrt() + EPSILON;
                    adam.rate(last + j) * BETA_1.powi(j as i32) / decayed
                })
                .sum();
            let (root, [s0, s1, s2]) = (v.sqrt(), adam.series(last, missed));
            let rho = root / (root + EPSILON);
            let ours = (s0 + rho * (s1 + rho * s2)) / (root + EPSILON);
            assert!((ours / plain - 1.0).abs() < 2e-6, "{ours} for {plain}");
        }
    }
}
