//! Finds duplicates: the rows that are dropped for another row of the same user and item.
//!
//! Does not know what is in a row beyond its key and its time.
//!
//! **Invariant**: of the rows of one key exactly one stays. They are compared in order: a row replaces the one before
//! unless both have times and its own is earlier; where the first is to stay, it replaces the one before only in that
//! case. Memory is bounded by a partition for each core, whatever the number of rows.
//!
//! Rows are spread over partitions by their user and spilled to nameless files; each partition is then sorted on its
//! own, several at the same time.

mod keys;
mod spill;

use std::path::Path;

use crate::{DataError, Duplicates};
pub(super) use keys::Keys;
use spill::{BUFFER, Spill};

const RECORD: usize = 24;
/// Stands for a missing time; a row's own time is never negative.
const NO_TIME: i64 = -1;

/// Rows by their number, one bit each.
#[derive(Default)]
pub(super) struct RowSet(Vec<u64>);

impl RowSet {
    /// Adds `row`.
    pub(super) fn insert(&mut self, row: u64) {
        let word = (row / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (row % 64);
    }

    /// Whether `row` is in the set.
    pub(super) fn contains(&self, row: u64) -> bool {
        self.0.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

/// Finds the duplicates.
pub(super) struct Dedupe {
    keep: Duplicates,
    spill: Spill<RECORD>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    key: u64,
    row: u64,
    time: i64,
}

impl Dedupe {
    /// Spills into `dir` once its buffers are full.
    pub(super) fn new(dir: &Path, keep: Duplicates) -> Self {
        Self::with_buffer(dir, keep, BUFFER)
    }

    fn with_buffer(dir: &Path, keep: Duplicates, buffer: usize) -> Self {
        Self { keep, spill: Spill::new(dir, buffer) }
    }

    /// Remembers a row. Rows come in ascending order.
    pub(super) fn push(&mut self, user: u32, item: u32, time: Option<i64>, row: u64) -> Result<(), DataError> {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&spill::key(user, item));
        record[8..16].copy_from_slice(&row.to_le_bytes());
        record[16..].copy_from_slice(&time.unwrap_or(NO_TIME).to_le_bytes());
        self.spill.push(user, &record)
    }

    /// Puts the duplicates into `duplicates`, and counts them.
    pub(super) fn finish(self, duplicates: &mut RowSet) -> Result<u64, DataError> {
        let keep = self.keep;
        let found = self.spill.finish(|bytes| {
            let mut records: Vec<Record> = bytes.as_chunks().0.iter().map(decode).collect();
            drop(bytes);
            records.sort_unstable();
            let mut rows = Vec::new();
            for same in records.chunk_by(|one, other| one.key == other.key) {
                let mut winner = same[0];
                for &record in &same[1..] {
                    let is_earlier = record.time != NO_TIME && winner.time != NO_TIME && record.time < winner.time;
                    let stays = is_earlier == (keep == Duplicates::First);
                    let loser = if stays { std::mem::replace(&mut winner, record) } else { record };
                    rows.push(loser.row);
                }
            }
            rows
        })?;
        found.iter().flatten().for_each(|row| duplicates.insert(*row));
        Ok(found.iter().map(|rows| rows.len() as u64).sum())
    }
}

fn decode(record: &[u8; RECORD]) -> Record {
    let word = |at: usize| {
        u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes of the twenty-four of a record"))
    };
    Record { key: word(0), row: word(8), time: word(16).cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Event = (u32, u32, Option<i64>);

    fn losers(events: &[Event], buffer: usize) -> (Vec<u64>, u64) {
        losers_of(events, Duplicates::Latest, buffer)
    }

    fn losers_of(events: &[Event], keep: Duplicates, buffer: usize) -> (Vec<u64>, u64) {
        let dir = tempfile::tempdir().unwrap();
        let mut dedupe = Dedupe::with_buffer(dir.path(), keep, buffer);
        for (row, &(user, item, time)) in (0..).zip(events) {
            dedupe.push(user, item, time, row).unwrap();
        }
        let mut losers = RowSet::default();
        let n = dedupe.finish(&mut losers).unwrap();
        ((0..events.len() as u64).filter(|&row| losers.contains(row)).collect(), n)
    }

    /// The same by brute force: each row is compared with all that stay.
    fn naive(events: &[Event]) -> Vec<u64> {
        let mut stays: Vec<(u64, Event)> = Vec::new();
        let mut losers = Vec::new();
        for (row, &event) in (0..).zip(events) {
            let same = stays.iter().position(|(_, (user, item, _))| (*user, *item) == (event.0, event.1));
            match same {
                None => stays.push((row, event)),
                Some(at) => match (stays[at].1.2, event.2) {
                    (Some(before), Some(now)) if now < before => losers.push(row),
                    _ => losers.push(std::mem::replace(&mut stays[at], (row, event)).0),
                },
            }
        }
        losers.sort_unstable();
        losers
    }

    #[test]
    fn the_latest_stays_and_of_equals_the_last() {
        let one = |times: &[Option<i64>]| losers(&times.iter().map(|&time| (1, 1, time)).collect::<Vec<_>>(), BUFFER).0;
        assert_eq!(one(&[Some(5), Some(9), Some(7)]), [0, 2]);
        assert_eq!(one(&[Some(5), Some(5)]), [0]);
        assert_eq!(one(&[None, None]), [0]);
        assert_eq!(one(&[Some(9), None, Some(3)]), [0, 1]);
        assert_eq!(losers(&[(1, 2, None), (2, 1, None)], BUFFER), (vec![], 0));
    }

    #[test]
    fn the_first_stays_where_it_is_asked_for() {
        let one = |times: &[Option<i64>]| {
            let events: Vec<Event> = times.iter().map(|&time| (1, 1, time)).collect();
            losers_of(&events, Duplicates::First, BUFFER).0
        };
        assert_eq!(one(&[Some(5), Some(9), Some(3)]), [0, 1]);
        assert_eq!(one(&[Some(5), Some(5)]), [1]);
        assert_eq!(one(&[None, None]), [1]);
    }

    proptest! {
        #[test]
        fn keys_know_whether_any_comes_again(
            pairs in prop::collection::vec((0_u32..200, 0_u32..9), 0..60),
            buffer in prop::sample::select(vec![8, 40, BUFFER]),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut keys = Keys::with_buffer(dir.path(), buffer);
            pairs.iter().for_each(|&(user, item)| keys.push(user, item).unwrap());
            let distinct: std::collections::BTreeSet<_> = pairs.iter().collect();
            prop_assert_eq!(keys.any_repeats().unwrap(), distinct.len() < pairs.len());
        }

        #[test]
        fn agrees_with_the_naive_way(
            events in prop::collection::vec((0_u32..150, 0_u32..4, prop::option::of(0_i64..5)), 0..400),
            buffer in prop::sample::select(vec![RECORD, 5 * RECORD, BUFFER]),
        ) {
            let (found, n) = losers(&events, buffer);
            prop_assert_eq!(n, found.len() as u64);
            prop_assert_eq!(&found, &naive(&events));
            let mut kept: Vec<(u32, u32)> = events.iter().map(|&(user, item, _)| (user, item)).collect();
            kept.sort_unstable();
            kept.dedup();
            prop_assert_eq!(events.len() - found.len(), kept.len());
        }
    }
}
