//! Calls a function on each row, on all cores, with one scratch value for each thread.
//!
//! Does not know what a row is.
//!
//! **Invariant**: one thread computes a row from start to end; if that does not depend on what former rows left in the
//! scratch value, the number of threads changes no bit.

use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::thread;

/// Calls `work` on each of `rows`; each thread has a value of its own, which `scratch` makes.
pub fn each<Row: Send, Scratch>(
    rows: Vec<Row>,
    scratch: impl Fn() -> Scratch + Sync,
    work: impl Fn(&mut Scratch, Row) + Sync,
) {
    each_on(threads(), rows, scratch, work);
}

/// How many threads the machine runs at once.
pub fn threads() -> usize {
    // Asking reads files of the system, which takes longer than many a row.
    static THREADS: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
    *THREADS
}

/// As [`each`], on at most `n_threads` threads.
pub fn each_on<Row: Send, Scratch>(
    n_threads: usize,
    rows: Vec<Row>,
    scratch: impl Fn() -> Scratch + Sync,
    work: impl Fn(&mut Scratch, Row) + Sync,
) {
    let n_threads = n_threads.min(rows.len());
    if n_threads < 2 {
        let mut scratch = scratch();
        return rows.into_iter().for_each(|row| work(&mut scratch, row));
    }
    // Rows are dealt out like cards, since neighbours in the catalogue often cost alike.
    let mut hands: Vec<Vec<Row>> = (0..n_threads).map(|_| Vec::new()).collect();
    for (at, row) in rows.into_iter().enumerate() {
        hands[at % n_threads].push(row);
    }
    thread::scope(|scope| {
        for hand in hands {
            scope.spawn(|| {
                let mut scratch = scratch();
                hand.into_iter().for_each(|row| work(&mut scratch, row));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_worked_on_once() {
        let mut squares = vec![0_usize; 1000];
        each(
            squares.iter_mut().enumerate().collect(),
            || 0,
            |done, (at, square)| {
                *square += at * at;
                *done += 1;
            },
        );
        assert!(squares.iter().enumerate().all(|(at, square)| *square == at * at));
        each(Vec::<usize>::new(), || (), |(), _| unreachable!("there is no row"));
    }
}
