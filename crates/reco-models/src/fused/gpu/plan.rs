//! Plans which embedding rows each step of an epoch meets, and which steps they miss in between.
//!
//! An epoch's order is known before it begins, so nothing has to be asked of the GPU. Does not know tensors.
//!
//! **Invariant**: at the end of a plan every row is up to date with its last step; a row's places are in batch order.

use crate::adam::{Adam, Clock, Met, MissedSteps};
use crate::batches::Columns;

/// Numbers of what a row missed.
const MISSED: usize = MissedSteps::NUMBERS;

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The batch in the order of the plan: `from .. from + n`.
    pub(super) from: usize,
    pub(super) n: usize,
    /// Its first slot: its users stand from there on, then its items.
    pub(super) slot: usize,
    pub(super) n_users: usize,
    pub(super) n_items: usize,
}

/// The plan of a number of steps.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// `[n_slots, 3]`: a row that a step meets, and where its places begin and end.
    pub(super) slots: Vec<i32>,
    /// For each slot, the ratings of its batch that have this row.
    pub(super) places: Vec<i32>,
    /// `[n_slots, MISSED]`: what the row misses from this step until it is next met, or the plan ends. Empty where rows
    /// never catch up.
    pub(super) missed: Vec<f32>,
    /// For users and for items, `[n_rows, MISSED]`: what each row misses until it is first met. Empty where that is
    /// nothing.
    pub(super) first: [Vec<f32>; 2],
}

/// The rows of one side.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) clock: Clock,
    /// The slot of this plan in which a row was last met.
    slot: Vec<Option<u32>>,
    /// For each distinct row of a batch, where its next place goes.
    next: Vec<usize>,
    /// For each rating of a batch, the index of its row among the distinct ones.
    distinct: Vec<u32>,
}

impl Rows {
    pub(super) fn new(n_rows: usize) -> Self {
        Self { clock: Clock::new(n_rows), slot: vec![None; n_rows], next: Vec::new(), distinct: Vec::new() }
    }

    /// Adds the rows of the batch that `step` meets to the plan; returns how many of them are distinct.
    fn meet(
        &mut self,
        batch: impl Iterator<Item = u32>,
        step: u32,
        adam: &Adam,
        side: usize,
        plan: &mut Plan,
    ) -> usize {
        let begin = plan.slots.len() / 3;
        self.next.clear();
        self.distinct.clear();
        for row in batch {
            let distinct = match self.clock.meet(row, step, self.next.len()) {
                Met::Again(distinct) => distinct,
                Met::First(last) => {
                    if let Some(missed) = MissedSteps::of(last, step, adam) {
                        self.miss(row, missed, side, plan);
                    }
                    let distinct = self.next.len() as u32;
                    self.slot[row as usize] = Some(begin as u32 + distinct);
                    self.next.push(0);
                    plan.slots.extend([row as i32, 0, 0]);
                    if adam.is_dense() {
                        plan.missed.extend(MissedSteps::numbers(None));
                    }
                    distinct
                }
            };
            self.distinct.push(distinct);
            self.next[distinct as usize] += 1;
        }
        let mut place = plan.places.len();
        for (next, slot) in self.next.iter_mut().zip(plan.slots[3 * begin..].chunks_exact_mut(3)) {
            let n = std::mem::replace(next, place);
            slot[1] = place as i32;
            place += n;
            slot[2] = place as i32;
        }
        plan.places.resize(place, 0);
        for (distinct, at) in self.distinct.iter().zip(0..) {
            let next = &mut self.next[*distinct as usize];
            plan.places[*next] = at;
            *next += 1;
        }
        self.next.len()
    }

    /// Brings every row up to date with `step`.
    fn close(&mut self, step: u32, adam: &Adam, side: usize, plan: &mut Plan) {
        let mut all = Vec::new();
        self.clock.settle(step, adam, |row, missed| all.push((row, missed)));
        all.into_iter().for_each(|(row, missed)| self.miss(row, missed, side, plan));
        self.slot.fill(None);
    }

    /// Writes down what `row` missed: at the slot where it was last met, or else in what is missed before the plan
    /// begins.
    fn miss(&self, row: u32, missed: MissedSteps, side: usize, plan: &mut Plan) {
        let (all, at) = match self.slot[row as usize] {
            Some(slot) => (&mut plan.missed, slot as usize),
            None => (&mut plan.first[side], row as usize),
        };
        if all.is_empty() {
            *all = MissedSteps::numbers(None).repeat(self.clock.n_rows());
        }
        all[at * MISSED..][..MISSED].copy_from_slice(&MissedSteps::numbers(Some(missed)));
    }
}

impl Plan {
    /// Plans to meet the rows `order` of `columns` in batches, by steps counted from `step + 1`.
    pub(super) fn new(
        [users, items]: &mut [Rows; 2],
        columns: &Columns,
        order: &[u32],
        batch_size: usize,
        step: u32,
        adam: &Adam,
    ) -> Self {
        let mut plan = Self::default();
        let mut step = step;
        for (batch, number) in order.chunks(batch_size).zip(0..) {
            step += 1;
            let slot = plan.slots.len() / 3;
            let met = |of: &[u32], row: &u32| of[*row as usize];
            let n_users = users.meet(batch.iter().map(|row| met(&columns.users, row)), step, adam, 0, &mut plan);
            let n_items = items.meet(batch.iter().map(|row| met(&columns.items, row)), step, adam, 1, &mut plan);
            plan.steps.push(Step { from: number * batch_size, n: batch.len(), slot, n_users, n_items });
        }
        users.close(step, adam, 0, &mut plan);
        items.close(step, adam, 1, &mut plan);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OptimizerKind;

    fn columns() -> Columns {
        Columns { users: vec![0, 1, 0, 2, 0], items: vec![3, 3, 1, 1, 0], ..Columns::default() }
    }

    #[test]
    fn slots_have_the_places_of_their_rows() {
        let mut rows = [Rows::new(3), Rows::new(4)];
        let adam = Adam::new(0.1, OptimizerKind::LazyAdam);
        let plan = Plan::new(&mut rows, &columns(), &[4, 3, 2, 1, 0], 3, 0, &adam);
        assert_eq!(
            plan.steps,
            [
                Step { from: 0, n: 3, slot: 0, n_users: 2, n_items: 2 },
                Step { from: 3, n: 2, slot: 4, n_users: 2, n_items: 1 }
            ]
        );
        // Users 0, 2, 0 and items 0, 1, 1; then users 1, 0 and items 3, 3.
        assert_eq!(plan.slots.chunks(3).map(|slot| slot[0]).collect::<Vec<_>>(), [0, 2, 0, 1, 1, 0, 3]);
        let places = |slot: usize| &plan.places[plan.slots[3 * slot + 1] as usize..plan.slots[3 * slot + 2] as usize];
        assert_eq!([places(0), places(1), places(2), places(3)], [&[0, 2][..], &[1], &[0], &[1, 2]]);
        assert_eq!([places(4), places(5), places(6)], [&[0][..], &[1], &[0, 1]]);
        assert!(plan.missed.is_empty() && plan.first.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_row_catches_up_when_it_is_last_met_and_before_it_is_first_met() {
        let mut rows = [Rows::new(3), Rows::new(4)];
        let adam = Adam::new(0.1, OptimizerKind::Adam);
        let steps = |last, step| MissedSteps::numbers(MissedSteps::of(last, step, &adam));
        // One rating a step: users 0, 1, 0, 2, 0.
        let plan = Plan::new(&mut rows, &columns(), &[0, 1, 2, 3, 4], 1, 0, &adam);
        let missed = |slot: usize| &plan.missed[slot * MISSED..][..MISSED];
        assert_eq!(missed(0), steps(1, 3), "user 0 misses step 2");
        assert_eq!(missed(2), steps(2, 6), "user 1 misses steps 3, 4 and 5");
        assert_eq!(missed(8), steps(5, 6), "user 0 misses nothing");
        assert_eq!(missed(8), MissedSteps::numbers(None));
        assert!(plan.first.iter().all(Vec::is_empty), "nobody had moved before");
        let plan = Plan::new(&mut rows, &columns(), &[3, 0], 1, 5, &adam);
        assert_eq!(plan.first[0][..MISSED], steps(5, 7), "user 0 is first met at step 7");
        assert_eq!(plan.first[0][MISSED..2 * MISSED], steps(5, 8), "user 1 is not met");
        assert_eq!(plan.first[0][2 * MISSED..], steps(5, 6), "user 2 is met at once");
    }
}
