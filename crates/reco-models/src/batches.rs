//! Training rows as columns, and the order in which an epoch visits them.
//!
//! Does not know networks, nor where rows come from.
//!
//! **Invariant**: an epoch visits every row once; its order follows from the seed and the epoch's number alone.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use reco_core::{Interactions, Matrix};

/// Rows as plain columns, ready to be gathered into batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) users: Vec<u32>,
    pub(crate) items: Vec<u32>,
    pub(crate) targets: Vec<f32>,
    pub(crate) contexts: Matrix,
}

impl Columns {
    /// The rows `range` of `rows`.
    pub(crate) fn of(rows: &Interactions, range: std::ops::Range<usize>) -> Self {
        let n_contexts = rows.contexts().n_columns();
        let contexts = rows.contexts().values()[range.start * n_contexts..range.end * n_contexts].to_vec();
        Self {
            users: rows.users()[range.clone()].iter().map(|user| user.get()).collect(),
            items: rows.items()[range.clone()].iter().map(|item| item.get()).collect(),
            targets: rows.targets()[range.clone()].iter().map(|target| target.get()).collect(),
            contexts: Matrix::new(range.len(), n_contexts, contexts).expect("as many numbers as the range has rows"),
        }
    }

    /// Adds all of `rows`.
    pub(crate) fn append(&mut self, rows: &Interactions) {
        self.users.extend(rows.users().iter().map(|user| user.get()));
        self.items.extend(rows.items().iter().map(|item| item.get()));
        self.targets.extend(rows.targets().iter().map(|target| target.get()));
        self.contexts.append(rows.contexts());
    }

    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// The rows from `rows.start` to before `rows.end`.
    pub(crate) fn part(&self, rows: std::ops::Range<usize>) -> Self {
        self.gather(&(rows.start as u32..rows.end as u32).collect::<Vec<_>>())
    }

    /// The rows numbered `order`, in that order.
    pub(crate) fn gather(&self, order: &[u32]) -> Self {
        let pick = |row: &u32| *row as usize;
        let mut contexts = Vec::with_capacity(order.len() * self.contexts.n_columns());
        for row in order {
            contexts.extend_from_slice(self.contexts.row(pick(row)));
        }
        Self {
            users: order.iter().map(|row| self.users[pick(row)]).collect(),
            items: order.iter().map(|row| self.items[pick(row)]).collect(),
            targets: order.iter().map(|row| self.targets[pick(row)]).collect(),
            contexts: Matrix::new(order.len(), self.contexts.n_columns(), contexts).expect("one context per row"),
        }
    }
}

/// The order of `n` rows in `epoch`, counted from 1.
pub(crate) fn shuffled(n: usize, seed: u64, epoch: usize) -> Vec<u32> {
    Orders::new(seed, epoch).draw(n)
}

/// Draws one order after the other.
pub(crate) struct Orders(ChaCha8Rng);

impl Orders {
    /// Those of `epoch`, counted from 1.
    pub(crate) fn new(seed: u64, epoch: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch as u64);
        Self(rng)
    }

    /// An order of `n` numbers from 0.
    pub(crate) fn draw(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.shuffle(&mut self.0);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_meets_every_row_once_in_an_order_of_its_own() {
        let first = shuffled(100, 7, 1);
        assert_eq!(first, shuffled(100, 7, 1));
        assert_ne!(first, shuffled(100, 7, 2));
        assert_ne!(first, shuffled(100, 8, 1));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
    }
}
