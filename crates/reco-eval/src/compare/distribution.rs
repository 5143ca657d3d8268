//! Probabilities of Student's t, the normal and the binomial distribution, and quantiles of t.
//!
//! Does not know tests. The special functions are those of `statrs`.
//!
//! **Invariant**: a probability is in [0, 1].

use statrs::function::beta::{beta_reg, inv_beta_reg};
use statrs::function::erf::erfc;

/// P(|T| ≥ |t|) for Student's t with `freedom` degrees of freedom, at least 1.
pub(super) fn t_two_sided(t: f64, freedom: f64) -> f64 {
    // The incomplete beta function of x = f / (f + t²) (Abramowitz, Stegun 1964, 26.7.1).
    beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)).clamp(0.0, 1.0)
}

/// The t for which P(|T| ≥ t) is `two_sided`, with `freedom` degrees of freedom.
pub(super) fn t_quantile(two_sided: f64, freedom: f64) -> f64 {
    let x = inv_beta_reg(freedom / 2.0, 0.5, two_sided);
    let start = (freedom * (1.0 - x) / x).sqrt();
    // `1 - x` loses digits where x is near 1, as with many users. Newton's steps on the probability, whose slope is
    // twice the density, find them again.
    (0..4).fold(start, |t, _| {
        let step = 1e-4 * t;
        let slope = (t_two_sided(t + step, freedom) - t_two_sided(t - step, freedom)) / (2.0 * step);
        t - (t_two_sided(t, freedom) - two_sided) / slope
    })
}

/// P(|Z| ≥ |z|) for a standard normal Z.
pub(super) fn normal_two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2).clamp(0.0, 1.0)
}

/// P(X ≤ k) for the number X of successes in `n` trials that succeed with probability `p` each.
pub(super) fn binomial_at_most(k: usize, n: usize, p: f64) -> f64 {
    // Abramowitz, Stegun 1964, 26.5.24.
    if k >= n { 1.0 } else { beta_reg((n - k) as f64, k as f64 + 1.0, 1.0 - p).clamp(0.0, 1.0) }
}
