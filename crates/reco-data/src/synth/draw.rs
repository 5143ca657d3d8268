//! The generator's source of random numbers: SplitMix64 (Steele, Lea, Flood 2014).
//!
//! Does not know what is drawn.
//!
//! **Invariant**: the draws of one seed and purpose are the same on every machine.

use reco_core::random::SplitMix64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of draws, enough for data.
pub(super) struct Draw(SplitMix64);

impl Draw {
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        Self(SplitMix64(xxh3_64_with_seed(purpose.as_bytes(), seed)))
    }

    /// In [0, 1).
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.draw() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// One of `0..n`, by multiplication; `n` is small enough that the bias does not matter.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.draw()) * u128::from(n)) >> 64) as u64
    }

    /// About normal, mean 0 and deviation 1: the sum of twelve bytes, so that the result does not depend on a machine's
    /// logarithm.
    pub(super) fn normal(&mut self) -> f32 {
        let bytes = self.0.draw().to_le_bytes();
        let more = self.0.draw().to_le_bytes();
        let sum: u32 = bytes.iter().chain(&more[..4]).map(|&byte| u32::from(byte)).sum();
        (sum as f32 - 12.0 * 127.5) / 256.0
    }
}

/// Items drawn by popularity: the one of rank r has the weight 1 / (r + 10) (Zipf's law as Mandelbrot has it).
pub(super) struct Popularity {
    /// Sums of the weights up to each rank.
    sums: Vec<f64>,
    /// The first rank that a draw in each of equal parts of [0, 1) can give, so that few sums are looked at.
    starts: Vec<u32>,
    /// Which item has which rank.
    items: Vec<u32>,
}

impl Popularity {
    /// What one item takes, at most, in bytes.
    pub(super) const BYTES: usize = 8 + 2 * 4 + 4;

    pub(super) fn new(seed: u64, n_items: u32) -> Self {
        let mut draw = Draw::new(seed, "popularity");
        let mut items: Vec<u32> = (0..n_items).collect();
        for last in (1..items.len()).rev() {
            items.swap(last, draw.below(last as u64 + 1) as usize);
        }
        let mut sum = 0.0;
        let sums = (0..n_items).map(|rank| {
            sum += 1.0 / (f64::from(rank) + 10.0);
            sum
        });
        let sums: Vec<f64> = sums.collect();
        // A power of two, so that the part of a draw is exact.
        let n_parts = n_items.clamp(1, 1 << 20).next_power_of_two();
        let start = |part: u32| {
            let at = f64::from(part) / f64::from(n_parts) * sum;
            sums.partition_point(|&upto| upto <= at) as u32
        };
        Self { starts: (0..n_parts).map(start).collect(), sums, items }
    }

    /// Draws an item, by its row.
    pub(super) fn draw(&self, draw: &mut Draw) -> usize {
        let unit = draw.unit();
        let total = self.sums.last().copied().unwrap_or_default();
        let start = self.starts[(unit * self.starts.len() as f32) as usize];
        let rank = rank(&self.sums, start as usize, f64::from(unit) * total).min(self.items.len() - 1);
        self.items[rank] as usize
    }
}

/// The first rank from `start` on whose sum is above `at`; none before `start` is.
fn rank(sums: &[f64], start: usize, at: f64) -> usize {
    sums[start..].iter().position(|&sum| sum > at).map_or(sums.len(), |further| start + further)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread() {
        let mut draw = Draw::new(1, "test");
        let normals: Vec<f32> = (0..10_000).map(|_| draw.normal()).collect();
        let mean = normals.iter().sum::<f32>() / 10_000.0;
        let variance = normals.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((0..1_000).all(|_| draw.below(3) < 3 && (0.0..1.0).contains(&draw.unit())));
    }

    #[test]
    fn parts_lead_to_the_rank_that_a_search_finds() {
        for n_items in [1, 2, 3, 1_000, 70_000] {
            let popularity = Popularity::new(5, n_items);
            let total = popularity.sums.last().unwrap();
            let (mut one, mut other) = (Draw::new(5, "test"), Draw::new(5, "test"));
            for _ in 0..5_000 {
                let at = f64::from(one.unit()) * total;
                let rank = popularity.sums.partition_point(|&sum| sum <= at).min(n_items as usize - 1);
                assert_eq!(popularity.draw(&mut other), popularity.items[rank] as usize);
            }
        }
    }

    #[test]
    fn the_popular_are_drawn_more() {
        let popularity = Popularity::new(3, 1_000);
        let mut draw = Draw::new(3, "test");
        let mut counts = vec![0; 1_000];
        (0..20_000).for_each(|_| counts[popularity.draw(&mut draw)] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let head: i32 = counts[..100].iter().sum();
        assert!(head > 8_000, "a tenth of the items has {head} of 20,000");
    }
}
