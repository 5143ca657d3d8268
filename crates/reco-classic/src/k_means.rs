//! k-means clustering: Lloyd's algorithm (1982) from the centres of k-means++ (Arthur and Vassilvitskii 2007).
//!
//! Does not know what a point stands for. Each next centre is drawn with a probability proportional to the squared
//! distance from the nearest one before it. Written out, since each crate that has k-means either takes no seed or
//! switches on features of `num-traits` under Burn, which would then be compiled twice.
//!
//! **Invariant**: there are as many centroids as asked for, or as there are distinct points, whichever is less; the
//! same points and seed give the same bits.

use std::num::NonZeroUsize;

use reco_core::random::{keyed_hash, unit_interval};
use reco_core::{ItemId, Progress, UserId};

use crate::error::Interrupted;

/// Points between two checks for an interruption.
const POINTS: usize = 1024;

/// The means of at most `n` clusters of `points`, which all have the same length.
pub(crate) fn centroids(
    points: &[Vec<f64>],
    n: NonZeroUsize,
    max_iterations: NonZeroUsize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f64>>, Interrupted> {
    let mut centroids = spread(points, n, seed, progress)?;
    let mut of_point: Vec<Option<usize>> = vec![None; points.len()];
    for _ in 0..max_iterations.get() {
        let mut now: Vec<Option<usize>> = Vec::with_capacity(points.len());
        for some in points.chunks(POINTS) {
            Interrupted::ask(progress)?;
            now.extend(some.iter().map(|point| nearest(point, &centroids)));
        }
        if now == of_point {
            break;
        }
        of_point = now;
        let mut sums = vec![(0.0, vec![0.0; points[0].len()]); centroids.len()];
        for (point, cluster) in points.iter().zip(&of_point) {
            let Some(cluster) = cluster else { continue };
            let (count, sum) = &mut sums[*cluster];
            *count += 1.0;
            sum.iter_mut().zip(point).for_each(|(sum, number)| *sum += number);
        }
        // A cluster that lost its last point stays where it was.
        for (centroid, (count, sum)) in centroids.iter_mut().zip(sums).filter(|(_, (count, _))| *count > 0.0) {
            *centroid = sum.into_iter().map(|number| number / count).collect();
        }
    }
    Ok(centroids)
}

/// The nearest of `centroids`, the first of equally near ones; `None` without any.
pub(crate) fn nearest(point: &[f64], centroids: &[Vec<f64>]) -> Option<usize> {
    let distances = centroids.iter().map(|centroid| distance(point, centroid)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(cluster, _)| cluster)
}

/// At most `n` distinct points far from each other.
fn spread(
    points: &[Vec<f64>],
    n: NonZeroUsize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f64>>, Interrupted> {
    let mut centres: Vec<Vec<f64>> = Vec::new();
    // The first is drawn uniformly.
    let mut weights = vec![1.0; points.len()];
    while centres.len() < n.get() {
        Interrupted::ask(progress)?;
        // An exponential race: each point waits a random time, a hash of its own, with its weight as the rate; the
        // point with the shortest time is a draw by weight.
        let waits = weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0).map(|(point, weight)| {
            let hash = keyed_hash(seed, &UserId::from(point as i64), &ItemId::from(centres.len() as i64));
            (-libm::log(1.0 - unit_interval(hash)) / weight, point)
        });
        let Some((_, drawn)) = waits.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        let first = centres.is_empty();
        for (weight, point) in weights.iter_mut().zip(points) {
            let to_drawn = distance(point, &points[drawn]);
            *weight = if first { to_drawn } else { to_drawn.min(*weight) };
        }
        centres.push(points[drawn].clone());
    }
    Ok(centres)
}

/// The squared distance.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::Silent;

    fn count(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    /// Two heaps of three, around (0, 1) and (100, 1): so far apart that both centres begin in one of them with a
    /// chance of 2 in 10,000.
    fn heaps() -> Vec<Vec<f64>> {
        [(0.0, 0.0), (100.0, 0.0), (0.0, 1.0), (100.0, 1.0), (0.0, 2.0), (100.0, 2.0)].map(|(x, y)| vec![x, y]).to_vec()
    }

    #[test]
    fn heaps_are_found_from_every_seed() {
        for seed in 0..50 {
            let mut found = centroids(&heaps(), count(2), count(100), seed, &Silent).unwrap();
            found.sort_by(|a, b| a[0].total_cmp(&b[0]));
            assert_eq!(found, [[0.0, 1.0], [100.0, 1.0]], "{seed}");
        }
    }

    #[test]
    fn seeds_draw_other_centres_and_the_same_seed_the_same() {
        let firsts: Vec<_> = (0..20).map(|seed| spread(&heaps(), count(1), seed, &Silent).unwrap()).collect();
        assert_eq!(firsts, (0..20).map(|seed| spread(&heaps(), count(1), seed, &Silent).unwrap()).collect::<Vec<_>>());
        assert!(heaps().into_iter().all(|point| firsts.contains(&vec![point])), "twenty draws of six: {firsts:?}");
    }

    #[test]
    fn centres_are_distinct_and_no_more_than_there_are_points() {
        let points = vec![vec![1.0], vec![1.0], vec![2.0]];
        let mut found = centroids(&points, count(5), count(10), 3, &Silent).unwrap();
        found.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(found, [[1.0], [2.0]]);
        assert!(centroids(&[], count(5), count(10), 3, &Silent).unwrap().is_empty());
        assert_eq!(nearest(&[1.5], &found), Some(0), "of two as near the first");
        assert_eq!(nearest(&[1.5], &[]), None);
    }
}
