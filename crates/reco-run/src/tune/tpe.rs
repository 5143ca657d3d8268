//! Proposes a place to try near the better places so far: the tree-structured Parzen estimator (Bergstra et al. 2011,
//! "Algorithms for Hyper-Parameter Optimization", section 4).
//!
//! The better fifth of the trials has the density l of each dimension, the others have g; of some places drawn from l,
//! the one with the greatest l / g is proposed. Dimensions are taken by themselves. Does not know options or values:
//! places lie in [0, 1], and those of a list of n values in n equal parts of it.
//!
//! **Invariant**: a proposal lies in [0, 1]; the same trials and draws give the same proposal, on every platform.

use reco_core::random::Draws;

/// Of how many trials one counts as good.
const GOOD: usize = 5;

/// Good trials, at most (Bergstra et al. 2013, hyperopt).
const MOST_GOOD: usize = 25;

/// Places that are drawn for a proposal.
const DRAWN: usize = 24;

/// A trial: its place in each dimension, `None` where it lies outside, and its loss, the lower the better.
pub(super) type Tried = (Vec<Option<f64>>, f64);

/// The next place. `sizes` has, for each dimension, how many values its list has, `None` for a range.
pub(super) fn propose(sizes: &[Option<usize>], tried: &[Tried], draws: &mut Draws) -> Vec<f64> {
    let mut order: Vec<&Tried> = tried.iter().collect();
    // A stable sort: of equals, the earlier comes first.
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let (good, others) = order.split_at(order.len().div_ceil(GOOD).min(MOST_GOOD));
    let density = |trials: &[&Tried], at: usize| {
        let places: Vec<f64> = trials.iter().filter_map(|(places, _)| places[at]).collect();
        Density::new(sizes[at], places)
    };
    let densities: Vec<(Density, Density)> =
        (0..sizes.len()).map(|at| (density(good, at), density(others, at))).collect();
    let mut best: Option<(f64, Vec<f64>)> = None;
    for _ in 0..DRAWN {
        let places: Vec<f64> = densities.iter().map(|(good, _)| good.draw(draws)).collect();
        let of_all = densities.iter().zip(&places);
        let gain: f64 = of_all.map(|((good, others), place)| libm::log(good.at(*place) / others.at(*place))).sum();
        if best.as_ref().is_none_or(|(most, _)| gain > *most) {
            best = Some((gain, places));
        }
    }
    best.map(|(_, places)| places).unwrap_or_default()
}

/// A density over [0, 1].
enum Density {
    /// Normal distributions, cut to [0, 1], and the uniform one, each counting alike.
    Range { places: Vec<f64>, widths: Vec<f64> },
    /// The share of each value of a list, each counted once more than it was seen.
    List(Vec<f64>),
}

impl Density {
    fn new(size: Option<usize>, mut places: Vec<f64>) -> Self {
        if let Some(n) = size {
            let mut counts = vec![1.0; n];
            places.iter().for_each(|place| counts[value(*place, n)] += 1.0);
            let total: f64 = counts.iter().sum();
            return Self::List(counts.into_iter().map(|count| count / total).collect());
        }
        places.sort_by(f64::total_cmp);
        // As wide as the farther of the two neighbours is away, and no narrower than many places could tell apart.
        let least = 1.0 / (places.len() as f64 + 1.0).min(100.0);
        let width = |at: usize| {
            let before = if at == 0 { 0.0 } else { places[at - 1] };
            let after = places.get(at + 1).copied().unwrap_or(1.0);
            (places[at] - before).max(after - places[at]).clamp(least, 1.0)
        };
        let widths = (0..places.len()).map(width).collect();
        Self::Range { places, widths }
    }

    fn at(&self, place: f64) -> f64 {
        match self {
            Self::List(shares) => shares[value(place, shares.len())] * shares.len() as f64,
            Self::Range { places, widths } => {
                let one = |(middle, width): (&f64, &f64)| {
                    let distance = (place - middle) / width;
                    let within = normal_below((1.0 - middle) / width) - normal_below(-middle / width);
                    libm::exp(-0.5 * distance * distance) / (width * std::f64::consts::TAU.sqrt() * within)
                };
                let sum: f64 = places.iter().zip(widths).map(one).sum();
                (1.0 + sum) / (places.len() as f64 + 1.0)
            }
        }
    }

    fn draw(&self, draws: &mut Draws) -> f64 {
        match self {
            Self::List(shares) => {
                let mut rest = draws.uniform();
                let mut at = 0;
                while at + 1 < shares.len() && rest >= shares[at] {
                    rest -= shares[at];
                    at += 1;
                }
                (at as f64 + 0.5) / shares.len() as f64
            }
            Self::Range { places, widths } => {
                let which = (draws.uniform() * (places.len() as f64 + 1.0)) as usize;
                let Some((middle, width)) = places.get(which).zip(widths.get(which)) else { return draws.uniform() };
                loop {
                    let drawn = middle + width * draws.normal();
                    if (0.0..=1.0).contains(&drawn) {
                        return drawn;
                    }
                }
            }
        }
    }
}

/// The value of a list of `n` in whose part of [0, 1] a place lies.
fn value(place: f64, n: usize) -> usize {
    ((place * n as f64) as usize).min(n - 1)
}

/// The share of the standard normal distribution below `z`.
fn normal_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least loss after `n` trials, of which all after the first eight are proposed by `next`.
    fn least(seed: u64, n: u32, loss: fn(&[f64]) -> f64, next: impl Fn(&[Tried], &mut Draws) -> Vec<f64>) -> f64 {
        let mut tried: Vec<Tried> = Vec::new();
        for trial in 0..n {
            let mut draws = Draws::new(seed, 1, trial);
            let places = if trial < 8 { vec![draws.uniform(), draws.uniform()] } else { next(&tried, &mut draws) };
            let value = loss(&places);
            tried.push((places.into_iter().map(Some).collect(), value));
        }
        tried.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn it_finds_a_valley_sooner_than_chance() {
        let loss = |places: &[f64]| (places[0] - 0.3).powi(2) + 0.5 * (places[1] - 0.8).powi(2);
        let mean = |next: &dyn Fn(&[Tried], &mut Draws) -> Vec<f64>| {
            (0..20).map(|seed| least(seed, 40, loss, next)).sum::<f64>() / 20.0
        };
        let chance = mean(&|_, draws| vec![draws.uniform(), draws.uniform()]);
        let proposed = mean(&|tried, draws| propose(&[None, None], tried, draws));
        assert!(proposed < 0.5 * chance, "{proposed} against {chance}");
    }

    #[test]
    fn it_takes_the_better_value_of_a_list_more_often() {
        let tried: Vec<Tried> =
            (0..20).map(|n| (vec![Some((f64::from(n % 4) + 0.5) / 4.0)], f64::from(u8::from(n % 4 != 2)))).collect();
        let draws = (0..50).map(|row| propose(&[Some(4)], &tried, &mut Draws::new(1, 0, row))[0]);
        let n_better = draws.filter(|place| (0.5..0.75).contains(place)).count();
        assert!(n_better > 40, "{n_better}");
    }

    #[test]
    fn a_density_has_the_area_of_one() {
        for places in [vec![], vec![0.0], vec![0.1, 0.1, 0.9], (0..50).map(|n| f64::from(n) / 200.0).collect()] {
            let density = Density::new(None, places);
            let area: f64 = (0..10_000).map(|n| density.at((f64::from(n) + 0.5) / 10_000.0)).sum::<f64>() / 10_000.0;
            assert!((area - 1.0).abs() < 1e-4, "{area}");
        }
    }

    proptest! {
        #[test]
        fn proposals_lie_within_bounds_and_repeat(
            trials in prop::collection::vec((prop::option::of(0.0..=1.0), 0.0..=1.0, -1e3..1e3), 0..30),
            seed: u64,
        ) {
            let tried: Vec<Tried> = trials.iter().map(|(a, b, loss)| (vec![*a, Some(*b)], *loss)).collect();
            let next = || propose(&[None, Some(3)], &tried, &mut Draws::new(seed, 0, 0));
            let places = next();
            prop_assert_eq!(places.len(), 2);
            prop_assert!(places.iter().all(|place| (0.0..=1.0).contains(place)), "{:?}", places);
            prop_assert_eq!(places, next());
        }
    }
}
