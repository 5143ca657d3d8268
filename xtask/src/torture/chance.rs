//! Draws random numbers from a seed, the name of a trial and its number, by SplitMix64.
//!
//! Does not know what is drawn by them. SplitMix64 (Steele, Lea and Flood 2014) is small, and the same everywhere.
//!
//! **Invariant**: a trial draws the same whichever trials ran before it, so that one alone can be repeated.

/// A source of chance.
pub(super) struct Chance(u64);

impl Chance {
    /// The chance of trial `number` of `part`.
    pub(super) fn new(seed: u64, part: &str, number: usize) -> Self {
        let mut chance = Self(seed);
        for byte in part.bytes() {
            chance.0 = chance.draw() ^ u64::from(byte);
        }
        chance.0 = chance.draw() ^ number as u64;
        chance
    }

    /// 64 bits.
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`, or 0 where there is none.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.draw() % (n.max(1) as u64)) as usize
    }

    /// True in one case of `n`.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `among`, which has some.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trial_draws_the_same_and_another_something_else() {
        let first = |seed, part, number| Chance::new(seed, part, number).draw();
        assert_eq!(first(1, "inputs", 7), first(1, "inputs", 7));
        let others = [first(2, "inputs", 7), first(1, "kills", 7), first(1, "inputs", 8)];
        assert!(!others.contains(&first(1, "inputs", 7)));
        let mut chance = Chance::new(1, "x", 0);
        let drawn: Vec<usize> = (0..1000).map(|_| chance.below(10)).collect();
        assert!((0..10).all(|n| drawn.iter().filter(|&&one| one == n).count() > 60), "{drawn:?}");
        assert_eq!(chance.below(0), 0);
    }
}
