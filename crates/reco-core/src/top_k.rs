//! Finds the `k` greatest of many numbers.
//!
//! Does not know items or users. Most numbers are looked at once, in blocks that a compiler turns into vector
//! instructions: only a block that holds a number above the worst of the best so far is searched number by number.
//!
//! **Invariant**: the result is the head of the sorted numbers, the greatest first, equal ones (0 and -0 among them) in
//! the order of their places.

use std::cmp::Ordering;

/// Numbers that are compared at once.
const BLOCK: usize = 64;

/// Writes the `k` greatest of `scores` with their places, the greatest first, into `best`, which is emptied before;
/// fewer where there are fewer. [`Scores::ABSENT`](crate::Scores::ABSENT) is skipped. NaN must not be among them.
pub fn top_k(scores: &[f32], k: usize, best: &mut Vec<(f32, u32)>) {
    let mut so_far = Best::reusing(std::mem::take(best), k, scores.len());
    so_far.offer(scores, 0);
    *best = so_far.finish();
}

/// The best so far of numbers that come part by part, in the order of their places.
pub(crate) struct Best {
    k: usize,
    /// Entries that are held before the worse ones are dropped.
    room: usize,
    /// A number that is not above it cannot be among the best, since of equal numbers the earlier ones win.
    threshold: f32,
    entries: Vec<(f32, u32)>,
}

impl Best {
    /// The best `k` of `n` numbers.
    pub(crate) fn new(k: usize, n: usize) -> Self {
        Self::reusing(Vec::new(), k, n)
    }

    /// The same, in the memory of `entries`.
    fn reusing(mut entries: Vec<(f32, u32)>, k: usize, n: usize) -> Self {
        entries.clear();
        Self { k, room: 2 * k.min(n), threshold: f32::NEG_INFINITY, entries }
    }

    /// Looks at the numbers whose places begin at `first`, after all places looked at before.
    pub(crate) fn offer(&mut self, scores: &[f32], first: u32) {
        if self.k == 0 {
            return;
        }
        for (block, first) in scores.chunks(BLOCK).zip((first..).step_by(BLOCK)) {
            let threshold = self.threshold;
            if block.iter().fold(false, |any, score| any | (*score > threshold)) {
                self.look(block, first);
            }
        }
    }

    fn look(&mut self, block: &[f32], first: u32) {
        for (&score, place) in block.iter().zip(first..) {
            if score > self.threshold {
                self.entries.push((score, place));
                if self.entries.len() >= self.room && self.entries.len() > self.k {
                    self.drop_worse();
                    self.threshold = self.entries[self.k - 1].0;
                }
            }
        }
    }

    /// The best, the greatest first.
    pub(crate) fn finish(mut self) -> Vec<(f32, u32)> {
        if self.entries.len() > self.k {
            self.drop_worse();
        }
        self.entries.sort_unstable_by(order);
        self.entries
    }

    fn drop_worse(&mut self) {
        self.entries.select_nth_unstable_by(self.k - 1, order);
        self.entries.truncate(self.k);
    }
}

fn order(a: &(f32, u32), b: &(f32, u32)) -> Ordering {
    (b.0 + 0.0).total_cmp(&(a.0 + 0.0)).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::unit_interval;

    fn sorted(scores: &[f32], k: usize) -> Vec<u32> {
        let mut all: Vec<(f32, u32)> = scores.iter().copied().zip(0..).collect();
        all.retain(|(score, _)| *score > f32::NEG_INFINITY);
        all.sort_by(order);
        all.into_iter().map(|(_, place)| place).take(k).collect()
    }

    #[test]
    fn it_is_the_head_of_the_sorted_numbers() {
        let mut best = Vec::new();
        for n in [0, 1, 5, 63, 64, 65, 500] {
            for levels in [1.0, 3.0, 1e6] {
                // Odd multipliers of a 64-bit hash: numbers without a pattern, the same in every run.
                let number = |at: u64| unit_interval(at.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31));
                let mut scores: Vec<f32> = (0..n).map(|at| (number(at) * levels).floor() as f32 - 1.0).collect();
                scores.iter_mut().step_by(7).for_each(|score| *score = f32::NEG_INFINITY);
                scores.iter_mut().skip(1).step_by(5).for_each(|score| *score = -*score * 0.0);
                for k in [0, 1, 2, 10, 64, 1000] {
                    top_k(&scores, k, &mut best);
                    let places: Vec<u32> = best.iter().map(|(_, place)| *place).collect();
                    assert_eq!(places, sorted(&scores, k), "{k} of {n} with {levels} levels");
                }
            }
        }
    }

    #[test]
    fn rising_and_falling_numbers_are_no_trap() {
        let (mut best, rising) = (Vec::new(), (0..1000).map(|n| n as f32).collect::<Vec<_>>());
        top_k(&rising, 3, &mut best);
        assert_eq!(best, [(999.0, 999), (998.0, 998), (997.0, 997)]);
        let falling: Vec<f32> = rising.iter().map(|n| -n).collect();
        top_k(&falling, 3, &mut best);
        assert_eq!(best, [(-0.0, 0), (-1.0, 1), (-2.0, 2)]);
    }
}
