//! The ordered probit: ratings as a normal variable between cutpoints (McCullagh 1980; Albert and Chib 1993).
//!
//! A rating of level `y` means that a hidden number, normal around what a model expects with variance 1, lies between
//! cutpoint `y - 1` and cutpoint `y`. Cutpoints are drawn by the likelihood of the levels, hidden numbers integrated
//! out (Cowles 1996), each from the normal approximation at its mode, corrected by Metropolis and Hastings. Does not
//! know what the model is, nor how many stars a level has.
//!
//! **Invariant**: cutpoints ascend strictly; a hidden number lies between its cutpoints.

use libm::erfc;
use reco_core::random::Draws;

/// The share of a standard normal variable between `low` and `high`, exact far from 0 too.
pub(super) fn between(low: f64, high: f64) -> f64 {
    // Both on the side of 0 where shares are small and do not cancel.
    let (near, far) = if low > 0.0 { (low, high) } else { (-high, -low) };
    0.5 * (erfc(near * std::f64::consts::FRAC_1_SQRT_2) - erfc(far * std::f64::consts::FRAC_1_SQRT_2))
}

/// The density of a standard normal variable.
pub(super) fn density(x: f64) -> f64 {
    const FACTOR: f64 = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    FACTOR * libm::exp(-0.5 * x * x)
}

/// The mean of a standard normal variable between `low` and `high`.
pub(super) fn mean_between(low: f64, high: f64) -> f64 {
    let share = between(low, high);
    if share < 1e-290 {
        // Too far out for the ratio: nearly all of it lies at the end that is nearer to 0.
        return if low > 0.0 { low } else { high };
    }
    (density(low) - density(high)) / share
}

/// A standard normal number between `low` and `high` (Robert 1995, "Simulation of truncated normal variables").
fn normal_between(low: f64, high: f64, draws: &mut Draws) -> f64 {
    if high < 0.0 {
        return -normal_between(-high, -low, draws);
    }
    // From here, `high` is not below 0. Each way is rejection; which is taken decides only how often.
    if low <= 0.0 && high - low > 2.5 {
        loop {
            let z = draws.normal();
            if z >= low && z <= high {
                return z;
            }
        }
    }
    let nearest = low.max(0.0);
    if high - low < 2.5_f64.min(2.0 / nearest) {
        loop {
            let z = low + (high - low) * draws.uniform();
            if draws.uniform() <= libm::exp(0.5 * (nearest * nearest - z * z)) {
                return z;
            }
        }
    }
    let rate = 0.5 * (low + (low * low + 4.0).sqrt());
    loop {
        let z = low - libm::log(1.0 - draws.uniform()) / rate;
        if z <= high && draws.uniform() <= libm::exp(-0.5 * (z - rate) * (z - rate)) {
            return z;
        }
    }
}

/// The width of a bin of expected numbers; variance within it is 1/12 of its square, beside the 1 of the model.
const BIN: f64 = 1.0 / 32.0;
const MOST_BINS: f64 = 4096.0;

/// The bounds between the levels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cutpoints(Vec<f64>);

impl Cutpoints {
    /// Bounds of `n_levels` levels, at least 1, evenly from -1 to 1.
    pub(super) fn new(n_levels: usize) -> Self {
        let n = n_levels - 1;
        let at = |cutpoint| if n < 2 { 0.0 } else { 2.0 * cutpoint as f64 / (n - 1) as f64 - 1.0 };
        Self((0..n).map(at).collect())
    }

    /// These bounds, ascending.
    pub(super) fn of(values: Vec<f64>) -> Self {
        Self(values)
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.0
    }

    /// The ends of `level`.
    fn ends(&self, level: usize) -> (f64, f64) {
        let low = if level == 0 { f64::NEG_INFINITY } else { self.0[level - 1] };
        (low, self.0.get(level).copied().unwrap_or(f64::INFINITY))
    }

    /// The hidden number of a rating of `level`, where `expected` is.
    pub(super) fn hidden(&self, level: usize, expected: f64, draws: &mut Draws) -> f64 {
        let (low, high) = self.ends(level);
        expected + normal_between(low - expected, high - expected, draws)
    }

    /// The mean of [`Cutpoints::hidden`], for cutpoints given as numbers.
    pub(super) fn mean_hidden(cutpoints: impl Fn(usize) -> Option<f64>, level: usize, expected: f64) -> f64 {
        let low = level.checked_sub(1).and_then(&cutpoints).unwrap_or(f64::NEG_INFINITY);
        let high = cutpoints(level).unwrap_or(f64::INFINITY);
        expected + mean_between(low - expected, high - expected)
    }

    /// Draws all cutpoints anew, by the levels and what is expected of each rating, which is finite.
    pub(super) fn draw(&mut self, expected: &[f64], levels: &[u8], draws: &mut Draws) {
        let bins = Bins::new(expected, levels, self.0.len() + 1);
        for at in 0..self.0.len() {
            let (low, high) = (self.ends(at).0, self.ends(at + 1).1);
            let now = self.0[at];
            let mut mode = now;
            let mut curvature = 0.0;
            for _ in 0..20 {
                let likelihood = bins.likelihood(at, (low, mode, high));
                curvature = likelihood.curvature;
                // Concave: Newton's method, held within the neighbours.
                let step = -likelihood.slope / curvature;
                let next = (mode + step).clamp((mode + low) / 2.0, (mode + high) / 2.0);
                if !(curvature < 0.0 && next.is_finite()) {
                    break;
                }
                let moved = (next - mode).abs();
                mode = next;
                if moved < 1e-7 {
                    break;
                }
            }
            let deviation = (-1.0 / curvature).sqrt();
            let proposed = mode + deviation * draws.normal();
            let chance = draws.uniform();
            if !(proposed > low && proposed < high) {
                continue;
            }
            let log = |cutpoint: f64| {
                let off = (cutpoint - mode) / deviation;
                bins.likelihood(at, (low, cutpoint, high)).log + 0.5 * off * off
            };
            if libm::log(1.0 - chance) < log(proposed) - log(now) {
                self.0[at] = proposed;
            }
        }
    }
}

/// How many ratings of each level are expected where, each shared between the two nearest bins.
struct Bins {
    first: f64,
    width: f64,
    /// `[n_levels][n_bins]`
    counts: Vec<Vec<f64>>,
}

/// The log-likelihood of a cutpoint, with its first two derivatives.
#[derive(Clone, Copy, Default)]
struct Likelihood {
    log: f64,
    slope: f64,
    curvature: f64,
}

impl Bins {
    fn new(expected: &[f64], levels: &[u8], n_levels: usize) -> Self {
        let (first, last) = expected
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), &number| (first.min(number), last.max(number)));
        let width = BIN.max((last - first) / MOST_BINS);
        let n_bins = ((last - first) / width) as usize + 2;
        let mut counts = vec![vec![0.0; n_bins]; n_levels];
        for (&number, &level) in expected.iter().zip(levels) {
            let place = (number - first) / width;
            let (bin, upper) = (place as usize, place.fract());
            let counts = &mut counts[usize::from(level)];
            counts[bin] += 1.0 - upper;
            counts[bin + 1] += upper;
        }
        Self { first, width, counts }
    }

    /// Of cutpoint `at`, the middle one of three: that below, itself, that above.
    fn likelihood(&self, at: usize, (low, cutpoint, high): (f64, f64, f64)) -> Likelihood {
        let mut sum = Likelihood::default();
        for (level, sign) in [(at, 1.0), (at + 1, -1.0)] {
            let ends = if level == at { (low, cutpoint) } else { (cutpoint, high) };
            for (bin, &count) in self.counts[level].iter().enumerate().filter(|(_, count)| **count > 0.0) {
                let expected = self.first + self.width * bin as f64;
                let share = between(ends.0 - expected, ends.1 - expected).max(1e-300);
                let off = cutpoint - expected;
                let slope = sign * density(off) / share;
                sum.log += count * libm::log(share);
                sum.slope += count * slope;
                sum.curvature -= count * (off * slope + slope * slope);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_means_between_two_numbers() {
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        near(between(f64::NEG_INFINITY, 0.0), 0.5);
        near(between(-1.0, 1.0), 0.682_689_492_137_085_9);
        // As far out as 10 standard deviations: 7.6e-24.
        near(between(10.0, f64::INFINITY), 7.619_853_024_160_527e-24);
        near(between(f64::NEG_INFINITY, -10.0), 7.619_853_024_160_527e-24);
        near(density(0.0), 0.398_942_280_401_432_7);
        near(mean_between(0.0, f64::INFINITY), 0.797_884_560_802_865_4);
        assert_eq!(mean_between(50.0, 51.0), 50.0);
    }

    #[test]
    fn numbers_are_drawn_between_their_ends() {
        let mut draws = Draws::new(1, 0, 0);
        let infinite = f64::INFINITY;
        for (low, high) in [
            (-infinite, infinite),
            (-0.3, 0.4),
            (0.5, 0.9),
            (1.0, infinite),
            (3.0, 9.0),
            (-infinite, -2.0),
            (-5.0, -4.5),
            (-1.0, infinite),
            (-infinite, 0.5),
        ] {
            let drawn: Vec<f64> = (0..20_000).map(|_| normal_between(low, high, &mut draws)).collect();
            assert!(drawn.iter().all(|z| *z >= low && *z <= high), "{low} to {high}");
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            assert!((mean - mean_between(low, high)).abs() < 0.03, "{low} to {high}: {mean}");
        }
        // Nothing is too far out to end.
        assert!(normal_between(1e100, infinite, &mut draws) >= 1e100);
        assert!(normal_between(-1e100, -1e99, &mut draws) <= -1e99);
    }

    #[test]
    fn cutpoints_are_found_again() {
        let mut draws = Draws::new(3, 0, 0);
        let given = [-1.5, -0.2, 0.9];
        let expected: Vec<f64> = (0..20_000).map(|_| draws.normal()).collect();
        let level = |hidden: f64| given.iter().filter(|cutpoint| hidden > **cutpoint).count() as u8;
        let levels: Vec<u8> = expected.iter().map(|number| level(number + draws.normal())).collect();
        let mut cutpoints = Cutpoints::new(4);
        assert_eq!(cutpoints.values(), [-1.0, 0.0, 1.0]);
        let (mut sums, mut moved) = ([0.0; 3], 0);
        for round in 0..60 {
            let before = cutpoints.clone();
            cutpoints.draw(&expected, &levels, &mut draws);
            if round >= 10 {
                sums.iter_mut().zip(cutpoints.values()).for_each(|(sum, value)| *sum += value / 50.0);
                moved += usize::from(before != cutpoints);
            }
        }
        assert!(sums.iter().zip(given).all(|(found, given)| (found - given).abs() < 0.04), "{sums:?}");
        assert!(moved > 45, "{moved}");
        let hidden = cutpoints.hidden(1, 0.3, &mut draws);
        assert!(hidden >= cutpoints.values()[0] && hidden <= cutpoints.values()[1]);
    }
}
