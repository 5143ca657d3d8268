//! Holds whole numbers, some perhaps missing, in four bytes each where they lie close together.
//!
//! Does not know what is counted: times, or lines of a file.
//!
//! **Invariant**: what is pushed is given back, whatever it is; numbers within 2³¹ of the first take four bytes each,
//! and one that is farther away makes all of them take sixteen.

/// A column of whole numbers, some perhaps missing.
#[derive(Clone, Debug, Default)]
pub struct Integers(Held);

#[derive(Clone, Debug)]
enum Held {
    /// How far each is above `base`, which follows from the first one; [`MISSING`] for none.
    Near {
        base: Option<i64>,
        above: Vec<u32>,
    },
    Any(Vec<Option<i64>>),
}

const MISSING: u32 = u32::MAX;

impl Default for Held {
    fn default() -> Self {
        Self::Near { base: None, above: Vec::new() }
    }
}

impl Integers {
    /// Makes room for `n` more numbers, where there is so much memory: a number that a damaged file states must not end
    /// the program.
    pub fn reserve(&mut self, n: usize) {
        let reserved = match &mut self.0 {
            Held::Near { above, .. } => above.try_reserve_exact(n),
            Held::Any(numbers) => numbers.try_reserve_exact(n),
        };
        // Where room cannot be reserved at once, the column grows as numbers come.
        drop(reserved);
    }

    /// Adds a number.
    pub fn push(&mut self, number: Option<i64>) {
        match &mut self.0 {
            Held::Any(numbers) => numbers.push(number),
            Held::Near { base, above } => match place(base, number) {
                Some(place) => above.push(place),
                None => self.0 = Held::Any(self.iter().chain([number]).collect()),
            },
        }
    }

    /// How many there are, missing ones among them.
    pub fn len(&self) -> usize {
        match &self.0 {
            Held::Near { above, .. } => above.len(),
            Held::Any(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at `row`. Panics beyond the last.
    pub fn get(&self, row: usize) -> Option<i64> {
        match &self.0 {
            Held::Near { base, above } => match above[row] {
                MISSING => None,
                place => base.map(|base| base + i64::from(place)),
            },
            Held::Any(numbers) => numbers[row],
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<i64>> + Clone {
        (0..self.len()).map(|row| self.get(row))
    }
}

/// How far `number` is above the base, which is set where there is none yet; `None` where it is too far.
fn place(base: &mut Option<i64>, number: Option<i64>) -> Option<u32> {
    let Some(number) = number else { return Some(MISSING) };
    let base = *base.get_or_insert(number.saturating_sub(1 << 31));
    u32::try_from(number.checked_sub(base)?).ok().filter(|place| *place != MISSING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    fn of(numbers: &[Option<i64>]) -> Integers {
        let mut integers = Integers::default();
        numbers.iter().for_each(|number| integers.push(*number));
        integers
    }

    #[test]
    fn what_is_close_is_small_and_what_is_far_is_kept() {
        let is_near = |numbers: &[i64]| {
            let numbers: Vec<_> = numbers.iter().copied().map(Some).collect();
            let integers = of(&numbers);
            assert!(integers.iter().eq(numbers.iter().copied()), "{integers:?}");
            matches!(integers.0, Held::Near { .. })
        };
        let first = 964_982_703;
        assert!(is_near(&[first, first - (1 << 31), first + (1 << 31) - 2]));
        assert!(!is_near(&[first, first + (1 << 31) - 1]), "that place stands for a missing number");
        assert!(!is_near(&[first, first - (1 << 31) - 1]));
        assert!(is_near(&[i64::MIN, i64::MIN + 5]));
        assert!(!is_near(&[i64::MIN, i64::MAX]));
        let missing = of(&[None, None]);
        assert!(matches!(missing.0, Held::Near { base: None, .. }) && missing.iter().eq([None, None]));
    }

    #[test]
    fn every_number_is_given_back() {
        let mut draws = SplitMix64(7);
        for n in 0..200 {
            let mut number = |is_near: bool| match draws.draw() {
                draw if draw % 5 == 0 => None,
                draw if is_near => Some((draw % 1000) as i64),
                draw => Some(draw as i64),
            };
            // Those that are far come at the end, if at all.
            let numbers: Vec<_> = (0..n).map(|at| number(at < 190)).collect();
            let integers = of(&numbers);
            assert_eq!(integers.len(), numbers.len());
            assert!(integers.iter().eq(numbers.iter().copied()), "{integers:?}");
            assert!((0..numbers.len()).all(|row| integers.get(row) == numbers[row]));
        }
    }
}
