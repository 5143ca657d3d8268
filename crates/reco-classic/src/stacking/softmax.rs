//! Learns how to weigh features of candidates so that relevant ones come first: softmax regression over lists, the
//! top-one form of ListNet (Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach",
//! section 4).
//!
//! The loss of a list is the mean of `-ln(e^(w·x_r) / Σ_c e^(w·x_c))` over its relevant candidates `r`, where `c` runs
//! over all of them; the mean over lists is minimised with `reg · |w - prior|²` by Newton's method, which suits a
//! handful of features. Does not know who the lists are for.
//!
//! **Invariant**: lists are summed in their order, so that the same lists give the same weights.

use std::iter;

use super::List;
use crate::cholesky::{cholesky, solved};

/// Steps at most; a convex loss of few weights takes less than ten.
const STEPS: usize = 50;
/// How often a step that helps nothing is halved, at most.
const HALVINGS: usize = 20;

/// The weights of the first features of lists that are `width` wide, as many as `prior` has, towards which they are
/// drawn. Costs some ten passes over all candidates, of n² / 2 multiplications each for n weights.
#[must_use]
pub fn softmax(lists: &[List], width: usize, prior: &[f64], reg: f64) -> Vec<f64> {
    let n = prior.len();
    let mut weights = prior.to_vec();
    let mut loss = Loss::of(lists, width, &weights, prior, reg);
    for _ in 0..STEPS {
        let Some(root) = cholesky(loss.curvature.clone(), n) else { break };
        let step = solved(&root, loss.slope.clone());
        let halved = iter::successors(Some(1.0), |length| Some(length / 2.0)).take(HALVINGS);
        let shortened = halved.into_iter().find_map(|length: f64| {
            let moved: Vec<f64> = weights.iter().zip(&step).map(|(weight, step)| weight - length * step).collect();
            let found = Loss::of(lists, width, &moved, prior, reg);
            (found.value < loss.value).then_some((moved, found))
        });
        // No step helps: as near as numbers can tell.
        let Some((moved, found)) = shortened else { break };
        (weights, loss) = (moved, found);
    }
    weights
}

/// The loss with its derivatives by the weights.
struct Loss {
    value: f64,
    /// `[n]`
    slope: Vec<f64>,
    /// `[n, n]`
    curvature: Vec<f64>,
}

impl Loss {
    fn of(lists: &[List], width: usize, weights: &[f64], prior: &[f64], reg: f64) -> Self {
        let n = weights.len();
        let share = 1.0 / lists.len().max(1) as f64;
        let off = || weights.iter().zip(prior).map(|(weight, prior)| weight - prior);
        let mut value = reg * off().map(|off| off * off).sum::<f64>();
        let mut slope: Vec<f64> = off().map(|off| 2.0 * reg * off).collect();
        let mut curvature = vec![0.0; n * n];
        (0..n).for_each(|at| curvature[at * n + at] = 2.0 * reg);
        let mut mean = vec![0.0; n];
        for List { features, relevant } in lists {
            let dot = |row: &[f32]| row.iter().zip(weights).map(|(x, weight)| f64::from(*x) * weight).sum::<f64>();
            let scores: Vec<f64> = features.chunks(width).map(dot).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| libm::exp(score - most)).sum();
            mean.fill(0.0);
            for (row, score) in features.chunks(width).zip(&scores) {
                let chance = libm::exp(score - most) / sum;
                for (a, x) in row[..n].iter().enumerate() {
                    mean[a] += chance * f64::from(*x);
                    for (b, y) in row[..=a].iter().enumerate() {
                        curvature[a * n + b] += share * chance * f64::from(*x) * f64::from(*y);
                    }
                }
            }
            for a in 0..n {
                for b in 0..=a {
                    curvature[a * n + b] -= share * mean[a] * mean[b];
                }
            }
            let share = share / relevant.len() as f64;
            for &at in relevant {
                value += share * (most + libm::log(sum) - scores[at]);
                for (a, x) in features[at * width..][..n].iter().enumerate() {
                    slope[a] += share * (mean[a] - f64::from(*x));
                }
            }
        }
        Self { value, slope, curvature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_feature_by_hand() {
        // Of two candidates with the features 1 and 0, the first is relevant in three lists of four: the chance
        // 1 / (1 + e^-w) is 3/4 at w = ln 3.
        let list = |relevant| List { features: vec![1.0, 0.0], relevant: vec![relevant] };
        let [weight] = softmax(&[list(0), list(0), list(0), list(1)], 1, &[1.0], 0.0)[..] else { panic!("one weight") };
        assert!((weight - 3.0_f64.ln()).abs() < 1e-6, "{weight}");
        // A second feature beside it, which is not asked for, changes nothing.
        let wide = |relevant| List { features: vec![1.0, 7.0, 0.0, -7.0], relevant: vec![relevant] };
        assert_eq!(softmax(&[wide(0), wide(0), wide(0), wide(1)], 2, &[1.0], 0.0), [weight]);
    }

    #[test]
    fn what_says_nothing_weighs_nothing_and_what_helps_most_weighs_most() {
        // The first feature marks the relevant candidate in nine lists of ten, the second in six, the third never.
        let list = |at: usize| {
            let marks = |share: usize| if at < share { [1.0, 0.0] } else { [0.0, 1.0] };
            let (first, second) = (marks(9), marks(6));
            List { features: vec![first[0], second[0], 0.5, first[1], second[1], 0.5], relevant: vec![0] }
        };
        let lists: Vec<List> = (0..10).map(list).collect();
        let weights = softmax(&lists, 3, &[0.0; 3], 0.003);
        assert!(weights[0] > 2.0 * weights[1].abs() && weights[2].abs() < 1e-9, "{weights:?}");
        // Much regularisation leaves what was thought before.
        let kept = softmax(&lists, 3, &[1.0, 0.5, 0.0], 1e6);
        assert!(kept.iter().zip([1.0, 0.5, 0.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{kept:?}");
        let slope = Loss::of(&lists, 3, &weights, &[0.0; 3], 0.003).slope;
        assert!(slope.iter().all(|slope| slope.abs() < 1e-6), "{slope:?}");
    }
}
