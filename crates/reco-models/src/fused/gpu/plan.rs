//! Plans which embedding rows each step of an epoch meets, and which missed updates they owe.
//!
//! An epoch's order is known before it begins, so nothing has to be asked of the GPU. Does not know tensors.
//!
//! **Invariant**: at the end of a plan every row is up to date with its last step; a row's places are in batch order.

use crate::batches::Columns;
use crate::fused::debt::{DEBT, Debt};
use crate::optimizer::Adam;

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
    /// `[n_slots, DEBT]`: what the row owes from this step until it is next met, or the plan ends. Empty where nothing is ever owed.
    pub(super) debts: Vec<f32>,
    /// For users and for items, `[n_rows, DEBT]`: what each row owes until it is first met. Empty where nothing is
    /// owed.
    pub(super) first: [Vec<f32>; 2],
}

/// The rows of one side.
#[derive(Debug)]
pub(super) struct Rows {
    /// The step up to which a row is up to date; 0 if it was never met.
    last: Vec<u32>,
    /// The step at which a row was last met, and its index among the distinct rows of that batch.
    stamp: Vec<u32>,
    distinct: Vec<u32>,
    /// The slot of this plan in which a row was last met.
    slot: Vec<Option<u32>>,
    /// For each distinct row of a batch, where its next place goes.
    next: Vec<usize>,
}

impl Rows {
    pub(super) fn new(n_rows: usize) -> Self {
        Self {
            last: vec![0; n_rows],
            stamp: vec![0; n_rows],
            distinct: vec![0; n_rows],
            slot: vec![None; n_rows],
            next: Vec::new(),
        }
    }

    /// Adds the rows of the batch that `step` meets to the plan; returns how many of them are distinct.
    fn meet(
        &mut self,
        batch: impl Iterator<Item = u32> + Clone,
        step: u32,
        adam: &Adam,
        side: usize,
        plan: &mut Plan,
    ) -> usize {
        let begin = plan.slots.len() / 3;
        self.next.clear();
        for row in batch.clone() {
            if self.stamp[row as usize] != step {
                self.stamp[row as usize] = step;
                self.distinct[row as usize] = self.next.len() as u32;
                self.next.push(0);
                plan.slots.extend([row as i32, 0, 0]);
            }
            self.next[self.distinct[row as usize] as usize] += 1;
        }
        let mut place = plan.places.len();
        for (next, slot) in self.next.iter_mut().zip(plan.slots[3 * begin..].chunks_exact_mut(3)) {
            let n = std::mem::replace(next, place);
            slot[1] = place as i32;
            place += n;
            slot[2] = place as i32;
        }
        plan.places.resize(place, 0);
        for (row, at) in batch.zip(0..) {
            let next = &mut self.next[self.distinct[row as usize] as usize];
            plan.places[*next] = at;
            *next += 1;
        }
        if adam.is_dense() {
            plan.debts.resize(plan.slots.len() / 3 * DEBT, 0.0);
            for slot in begin..plan.slots.len() / 3 {
                let row = plan.slots[3 * slot] as usize;
                self.owe(row, step, adam, side, plan);
                self.last[row] = step;
                self.slot[row] = Some(slot as u32);
            }
        }
        self.next.len()
    }

    /// Brings every row up to date with `step`.
    fn close(&mut self, step: u32, adam: &Adam, side: usize, plan: &mut Plan) {
        for row in 0..self.last.len() {
            if self.last[row] > 0 {
                self.owe(row, step + 1, adam, side, plan);
                self.last[row] = step;
                self.slot[row] = None;
            }
        }
    }

    /// Writes down what `row` owes before it is read at `step`: at the slot where it was last met, or else in what is
    /// owed before the plan begins.
    fn owe(&self, row: usize, step: u32, adam: &Adam, side: usize, plan: &mut Plan) {
        let debt = Debt::of(self.last[row], step, adam);
        let (debts, at) = match self.slot[row] {
            Some(slot) => (&mut plan.debts, slot as usize),
            None if debt.is_none() => return,
            None => (&mut plan.first[side], row),
        };
        if debts.is_empty() {
            *debts = (0..self.last.len()).flat_map(|_| Debt::numbers(None)).collect();
        }
        debts[at * DEBT..][..DEBT].copy_from_slice(&Debt::numbers(debt));
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
        if adam.is_dense() {
            users.close(step, adam, 0, &mut plan);
            items.close(step, adam, 1, &mut plan);
        }
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
        assert!(plan.debts.is_empty() && plan.first.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_row_pays_when_it_is_last_met_and_before_it_is_first_met() {
        let mut rows = [Rows::new(3), Rows::new(4)];
        let adam = Adam::new(0.1, OptimizerKind::Adam);
        let owed = |last, step| Debt::numbers(Debt::of(last, step, &adam));
        // One rating a step: users 0, 1, 0, 2, 0.
        let plan = Plan::new(&mut rows, &columns(), &[0, 1, 2, 3, 4], 1, 0, &adam);
        let debt = |slot: usize| &plan.debts[slot * DEBT..][..DEBT];
        assert_eq!(debt(0), owed(1, 3), "user 0 misses step 2");
        assert_eq!(debt(2), owed(2, 6), "user 1 misses steps 3, 4 and 5");
        assert_eq!(debt(8), owed(5, 6), "user 0 misses nothing");
        assert_eq!(debt(8), Debt::numbers(None));
        assert!(plan.first.iter().all(Vec::is_empty), "nobody had moved before");
        let plan = Plan::new(&mut rows, &columns(), &[3, 0], 1, 5, &adam);
        assert_eq!(plan.first[0][..DEBT], owed(5, 7), "user 0 is first met at step 7");
        assert_eq!(plan.first[0][DEBT..2 * DEBT], owed(5, 8), "user 1 is not met");
        assert_eq!(plan.first[0][2 * DEBT..], owed(5, 6), "user 2 is met at once");
    }
}
