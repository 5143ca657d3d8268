//! Gives out the rows of an epoch buffer by buffer, each with the order in which it is visited.
//!
//! Rows in memory are one buffer, shuffled whole. Of rows in groups, the seed and the epoch draw the order of the
//! groups; in this order as many are read as fit into a buffer, at least one; the buffer is shuffled and given out, but
//! for what is less than a batch, which begins the next one. A thread reads a buffer while the one before is learned
//! from. Does not know networks.
//!
//! **Invariant**: an epoch gives out every row once, in an order that follows from the groups, the seed, the epoch's
//! number and the options alone; at most two buffers lie in memory; only the last batch of an epoch is short.

use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use reco_core::{FitError, RowGroups, Run, check_stars};

use crate::batches::{Columns, Orders, shuffled};
use crate::options::{NetworkOptions, Shuffle};

/// Rows, and where they lie.
pub(crate) enum Rows<'a> {
    /// In memory.
    Whole(Columns),
    /// Where they are read group by group.
    Groups(&'a dyn RowGroups),
}

/// Rows of an epoch.
#[derive(Clone, Copy)]
pub(crate) struct Buffer<'a> {
    pub(crate) columns: &'a Columns,
    /// Which of them are visited now, one after the other.
    pub(crate) order: &'a [u32],
    /// Whether the rows are others than in the buffer before.
    pub(crate) is_new: bool,
}

/// An epoch.
#[derive(Clone, Copy)]
pub(crate) struct Epoch<'a> {
    /// Who learns, for errors.
    pub(crate) approach: &'static str,
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) options: &'a NetworkOptions,
    pub(crate) run: &'a Run<'a>,
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Whole(columns) => columns.len(),
            Self::Groups(groups) => groups.len(),
        }
    }

    /// How many rows a buffer has, at most.
    pub(crate) fn longest(&self, options: &NetworkOptions) -> usize {
        match self {
            Self::Whole(columns) => columns.len(),
            Self::Groups(groups) => {
                let largest = (0..groups.n_groups()).map(|group| groups.n_rows(group)).max().unwrap_or(0);
                options.shuffle_buffer.max(largest.saturating_add(options.batch_size)).min(groups.len())
            }
        }
    }

    /// Calls `work` with the buffers of an epoch.
    ///
    /// # Errors
    /// An interruption; rows that can't be read, or that have no stars; those of `work`.
    pub(crate) fn each_buffer(
        &self,
        epoch: Epoch<'_>,
        mut work: impl FnMut(Buffer<'_>) -> Result<(), FitError>,
    ) -> Result<(), FitError> {
        let groups = match self {
            Self::Groups(groups) => *groups,
            Self::Whole(columns) => {
                let drawn = if epoch.options.shuffle == Shuffle::Once { 1 } else { epoch.number };
                let order = shuffled(columns.len(), epoch.run.seed, drawn);
                return work(Buffer { columns, order: &order, is_new: epoch.number == 1 });
            }
        };
        thread::scope(|scope| {
            // The thread waits until its buffer is taken before it fills the next one.
            let (full, buffers) = sync_channel(0);
            let reader = scope.spawn(move || read(groups, epoch, &full));
            let worked = buffers.iter().try_for_each(|(columns, order): (Columns, Vec<u32>)| {
                work(Buffer { columns: &columns, order: &order, is_new: true })
            });
            // After an error in the work, the thread ends with its next buffer.
            drop(buffers);
            let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
            worked.and(read)
        })
    }

    /// Calls `work` with all rows in their order, some at a time.
    ///
    /// # Errors
    /// Rows that can't be read; those of `work`.
    pub(crate) fn each_in_order(&self, mut work: impl FnMut(&Columns) -> Result<(), FitError>) -> Result<(), FitError> {
        match self {
            Self::Whole(columns) => work(columns),
            Self::Groups(groups) => (0..groups.n_groups()).try_for_each(|group| {
                let mut columns = Columns::default();
                columns.append(&groups.read(group)?);
                work(&columns)
            }),
        }
    }
}

/// Fills the buffers of an epoch from `groups`, and sends each with its order, until nobody takes them.
fn read(groups: &dyn RowGroups, epoch: Epoch<'_>, full: &SyncSender<(Columns, Vec<u32>)>) -> Result<(), FitError> {
    let NetworkOptions { shuffle_buffer, batch_size, .. } = *epoch.options;
    let mut orders = Orders::new(epoch.run.seed, epoch.number);
    let mut waiting = orders.draw(groups.n_groups()).into_iter().map(|group| group as usize).peekable();
    let mut columns = Columns::default();
    while waiting.peek().is_some() {
        let mut is_first = true;
        let fits = |columns: &Columns, group: usize| columns.len() + groups.n_rows(group) <= shuffle_buffer;
        while let Some(group) = waiting.next_if(|group| is_first || fits(&columns, *group)) {
            if epoch.run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            let rows = groups.read(group)?;
            if rows.ratings().iter().any(Option::is_none) {
                check_stars(epoch.approach, &[groups])?;
            }
            columns.append(&rows);
            is_first = false;
        }
        let mut order = orders.draw(columns.len());
        let n = if waiting.peek().is_some() { order.len() - order.len() % batch_size } else { order.len() };
        let rest = columns.gather(&order[n..]);
        order.truncate(n);
        let buffer = std::mem::replace(&mut columns, rest);
        if n > 0 && full.send((buffer, order)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{DeviceChoice, Grouped, Interactions, Progress, Silent};

    use super::*;

    /// Groups of `size` rows, of which it is counted how many were read.
    struct Counted {
        groups: Grouped,
        n_read: AtomicUsize,
    }

    impl Counted {
        fn new(size: usize) -> Self {
            let groups = Grouped::new(&checkerboard(12, Feedback::Stars).train.fit, size);
            Self { groups, n_read: AtomicUsize::new(0) }
        }
    }

    impl RowGroups for Counted {
        fn n_groups(&self) -> usize {
            self.groups.n_groups()
        }

        fn n_rows(&self, group: usize) -> usize {
            self.groups.n_rows(group)
        }

        fn read(&self, group: usize) -> Result<Interactions, FitError> {
            self.n_read.fetch_add(1, Ordering::SeqCst);
            self.groups.read(group)
        }
    }

    fn options(shuffle_buffer: usize, batch_size: usize) -> NetworkOptions {
        NetworkOptions { shuffle: Shuffle::RowGroups, shuffle_buffer, batch_size, ..NetworkOptions::default() }
    }

    fn epoch<'a>(number: usize, options: &'a NetworkOptions, run: &'a Run<'a>) -> Epoch<'a> {
        Epoch { approach: "test", number, options, run }
    }

    fn run(seed: u64, progress: &dyn Progress) -> Run<'_> {
        Run { seed, device: DeviceChoice::Cpu, progress }
    }

    /// The pairs of user and item of each buffer, in the order of the visit.
    fn visited(groups: &dyn RowGroups, seed: u64, number: usize, options: &NetworkOptions) -> Vec<Vec<(u32, u32)>> {
        let mut visited = Vec::new();
        let rows = Rows::Groups(groups);
        let run = run(seed, &Silent);
        rows.each_buffer(epoch(number, options, &run), |Buffer { columns, order, is_new }| {
            assert!(is_new);
            visited.push(
                order.iter().map(|&row| row as usize).map(|row| (columns.users[row], columns.items[row])).collect(),
            );
            assert!(columns.len() <= rows.longest(options));
            Ok(())
        })
        .unwrap();
        visited
    }

    #[test]
    fn an_epoch_visits_every_row_once_in_whole_batches() {
        for (at, size) in [1, 2, 7, 10, 49, 120, 121].into_iter().enumerate() {
            let (groups, seed) = (Counted::new(size), at as u64);
            for (buffer, batch) in [1, 9, 20, 64, 119, 500].into_iter().flat_map(|n| [(n, 1), (n, 8), (n, 37)]) {
                let (options, what) = (options(buffer, batch), format!("{size}, {buffer}, {batch}"));
                let first = visited(&groups, seed, 1, &options);
                assert_eq!(first, visited(&groups, seed, 1, &options), "{what}: the same seed, another order");
                let all = first.concat();
                assert_eq!(all.len(), groups.len(), "{what}");
                assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), groups.len(), "{what}");
                assert!(first[..first.len() - 1].iter().all(|rows| rows.len() % batch == 0), "{what}");
                assert!(first.iter().all(|rows| !rows.is_empty()), "{what}");
                assert_ne!(all, visited(&groups, seed, 2, &options).concat(), "{what}: the order of another epoch");
                assert_ne!(all, visited(&groups, seed + 1, 1, &options).concat(), "{what}: that of another seed");
            }
        }
    }

    #[test]
    fn a_buffer_that_holds_all_rows_mixes_all_of_them() {
        let groups = Counted::new(10);
        assert_eq!(visited(&groups, 3, 1, &options(1_000, 7)).len(), 1);
        let users: BTreeSet<u32> = visited(&groups, 3, 1, &options(30, 10))[0].iter().map(|(user, _)| *user).collect();
        assert!(users.len() >= 3, "three groups are in a buffer of thirty rows: {users:?}");
    }

    #[test]
    fn no_more_is_read_than_the_buffer_that_is_learned_from_and_the_next() {
        let groups = Counted::new(10);
        let options = options(20, 10);
        let run = run(5, &Silent);
        let mut n_taken = 0;
        let taken = Rows::Groups(&groups).each_buffer(epoch(1, &options, &run), |_| {
            n_taken += 1;
            // Two groups in each buffer: those that were taken, and the one that waits.
            assert!(groups.n_read.load(Ordering::SeqCst) <= 2 * (n_taken + 1));
            Ok(())
        });
        taken.unwrap();
        assert_eq!((n_taken, groups.n_read.load(Ordering::SeqCst)), (6, 12));
    }

    /// Asks to stop after some questions.
    struct Limited(AtomicUsize);

    impl Progress for Limited {
        fn interrupted(&self) -> bool {
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
        }
    }

    #[test]
    fn reading_stops_when_asked_and_with_an_error_of_the_work() {
        let groups = Counted::new(10);
        let options = options(20, 10);
        for after in 0..12 {
            let progress = Limited(AtomicUsize::new(after));
            let stopped = Rows::Groups(&groups).each_buffer(epoch(1, &options, &run(5, &progress)), |_| Ok(()));
            assert!(matches!(stopped, Err(FitError::Interrupted)), "after {after}");
        }
        let failed = Rows::Groups(&groups)
            .each_buffer(epoch(1, &options, &run(5, &Silent)), |_| Err(FitError::NoRows { approach: "work" }));
        assert!(matches!(failed, Err(FitError::NoRows { approach: "work" })));
    }

    #[test]
    fn rows_without_stars_are_refused() {
        let events = Grouped::new(&checkerboard(12, Feedback::Events).train.fit, 10);
        let options = options(20, 10);
        let refused = Rows::Groups(&events).each_buffer(epoch(1, &options, &run(5, &Silent)), |_| Ok(()));
        assert!(refused.unwrap_err().to_string().starts_with("`test` predicts stars, and `60` of `60` training rows"));
    }
}
