//! Knows when each row of a table was last updated, and what it missed since.
//!
//! Tables of one side are always met together, so that one clock serves them all. Does not know tables.
//!
//! **Invariant**: whoever meets a row in a batch is told once when it was last up to date, and from then on it is.

use super::Adam;

/// The steps that a row missed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MissedSteps {
    /// `S₀, S₁, S₂`
    pub(crate) series: [f32; 3],
    /// The factors by which both moments decay.
    pub(crate) decay: [f32; 2],
}

impl MissedSteps {
    /// How many numbers they are.
    pub(crate) const NUMBERS: usize = 5;

    /// Those of a row that was last up to date at step `last`, 0 for never, and is read at `step`; `None` if it misses
    /// nothing.
    #[inline(always)]
    pub(crate) fn of(last: u32, step: u32, adam: &Adam) -> Option<Self> {
        (adam.is_dense() && last > 0 && step - last > 1).then(|| {
            let (last, missed) = (last as usize, (step - 1 - last) as usize);
            Self {
                series: adam.series(last, missed).map(|s| s as f32),
                decay: adam.decay(missed).map(|decay| decay as f32),
            }
        })
    }

    /// Side by side; where nothing was missed, numbers that leave a row as it is.
    pub(crate) fn numbers(missed: Option<Self>) -> [f32; Self::NUMBERS] {
        let Self { series: [a, b, c], decay: [m, v] } = missed.unwrap_or(Self { series: [0.0; 3], decay: [1.0; 2] });
        [a, b, c, m, v]
    }
}

/// When each row of one side was last up to date.
#[derive(Debug)]
pub(crate) struct Clock {
    /// In steps, counted from 1; 0 for a row that was never met.
    last: Vec<u32>,
    /// The index of each row among the distinct rows of the batch in which it was last met.
    place: Vec<u32>,
}

/// A row that a batch meets.
#[derive(Debug)]
pub(crate) enum Met {
    /// For the first time in this batch: the step at which it was last up to date, 0 for never. It catches up before it
    /// is read.
    First(u32),
    /// Again: its index among the distinct rows of the batch.
    Again(u32),
}

impl Clock {
    pub(crate) fn new(n_rows: usize) -> Self {
        Self { last: vec![0; n_rows], place: vec![0; n_rows] }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.last.len()
    }

    /// When each row was last up to date, between two batches: all that it knows then.
    pub(crate) fn last(&self) -> &[u32] {
        &self.last
    }

    /// Takes what [`Clock::last`] gave.
    pub(crate) fn set(&mut self, last: Vec<u32>) {
        self.last = last;
    }

    /// Meets `row` in the batch of `step`, which reads and then updates it; `n_distinct` rows were met in it before.
    #[inline(always)]
    pub(crate) fn meet(&mut self, row: u32, step: u32, n_distinct: usize) -> Met {
        let row = row as usize;
        let last = std::mem::replace(&mut self.last[row], step);
        if last == step {
            return Met::Again(self.place[row]);
        }
        self.place[row] = n_distinct as u32;
        Met::First(last)
    }

    /// Brings every row up to date after `step`: calls `catch_up` on those that missed something.
    #[inline(always)]
    pub(crate) fn settle(&mut self, step: u32, adam: &Adam, mut catch_up: impl FnMut(u32, MissedSteps)) {
        for (last, row) in self.last.iter_mut().zip(0..) {
            if let Some(missed) = MissedSteps::of(*last, step + 1, adam) {
                catch_up(row, missed);
                *last = step;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OptimizerKind;

    #[test]
    fn what_a_row_missed_is_told_once() {
        let adam = Adam::new(0.1, OptimizerKind::Adam);
        let mut clock = Clock::new(3);
        let last = |met: Met| match met {
            Met::First(last) => last,
            Met::Again(place) => panic!("it is the first time, not as {place}"),
        };
        let steps = |last, step| MissedSteps::numbers(MissedSteps::of(last, step, &adam));
        assert_eq!([last(clock.meet(2, 1, 0)), last(clock.meet(0, 1, 1))], [0, 0], "never met");
        assert!(matches!(clock.meet(2, 1, 2), Met::Again(0)));
        assert_eq!(last(clock.meet(2, 4, 0)), 1);
        let mut settled = Vec::new();
        clock.settle(4, &adam, |row, missed| settled.push((row, MissedSteps::numbers(Some(missed)))));
        assert_eq!(settled, [(0, steps(1, 5))], "row 1 was never met, and row 2 just now");
        clock.settle(4, &adam, |row, _| panic!("{row} is up to date"));
        assert_eq!(last(clock.meet(0, 5, 0)), 4);
        assert_eq!([steps(0, 9), steps(1, 2)], [MissedSteps::numbers(None); 2]);
    }
}
