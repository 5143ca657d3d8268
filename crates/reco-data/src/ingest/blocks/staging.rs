//! Gathers good rows into Arrow arrays of one chunk each, ready to be written.
//!
//! Does not know which rows were dropped.
//!
//! **Invariant**: arrays have [`CHUNK`] rows each, except for the last ones, whatever parts the rows came in.

use std::sync::Arc;

use arrow::array::builder::{Float32Builder, Int64Builder, StringBuilder};
use arrow::array::{ArrayRef, Float32Array, Int64Array};

use super::piece::{IdColumn, NO_TIME, Piece};
use crate::ingest::write::CHUNK;

/// Collects rows until they fill a chunk.
pub(super) struct Staging {
    users: Ids,
    items: Ids,
    ratings: Float32Builder,
    times: Int64Builder,
    rows: Int64Builder,
    n_rows: usize,
    full: Vec<Vec<ArrayRef>>,
}

/// A builder of the type of the column's ids.
enum Ids {
    Integers(Int64Builder),
    Texts(StringBuilder),
}

impl Ids {
    fn new(are_integers: bool) -> Self {
        if are_integers { Self::Integers(Int64Builder::new()) } else { Self::Texts(StringBuilder::new()) }
    }

    /// Adds the ids at `from..from + n`. Integers may stand in a column of texts, and texts never in one of integers.
    fn extend(&mut self, ids: &IdColumn, from: usize, n: usize) {
        match (self, ids) {
            (Self::Integers(builder), IdColumn::Integers(ids)) => builder.append_slice(&ids[from..from + n]),
            (Self::Texts(builder), IdColumn::Integers(ids)) => {
                ids[from..from + n].iter().for_each(|id| builder.append_value(id.to_string()));
            }
            (Self::Texts(builder), IdColumn::Texts { .. }) => {
                (from..from + n).for_each(|at| builder.append_value(ids.text(at)));
            }
            (Self::Integers(builder), IdColumn::Texts { .. }) => builder.append_nulls(n),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integers(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
        }
    }
}

impl Staging {
    pub(super) fn new([users_are_integers, items_are_integers]: [bool; 2]) -> Self {
        Self {
            users: Ids::new(users_are_integers),
            items: Ids::new(items_are_integers),
            ratings: Float32Builder::new(),
            times: Int64Builder::new(),
            rows: Int64Builder::new(),
            n_rows: 0,
            full: Vec::new(),
        }
    }

    /// Adds the good rows `from..from + n` of `piece`, which are consecutive data rows of the file, the first of them
    /// `row`.
    pub(super) fn extend(&mut self, piece: &Piece, mut from: usize, mut n: usize, mut row: u64) {
        while n > 0 {
            let taken = n.min(CHUNK - self.n_rows);
            self.users.extend(&piece.users, from, taken);
            self.items.extend(&piece.items, from, taken);
            let ratings = &piece.ratings[from..from + taken];
            if ratings.iter().any(|rating| rating.is_nan()) {
                ratings.iter().for_each(|rating| self.ratings.append_option(Some(*rating).filter(|r| !r.is_nan())));
            } else {
                self.ratings.append_slice(ratings);
            }
            let times = &piece.times[from..from + taken];
            if times.contains(&NO_TIME) {
                times.iter().for_each(|time| self.times.append_option(Some(*time).filter(|time| *time != NO_TIME)));
            } else {
                self.times.append_slice(times);
            }
            // A file has fewer lines than 2^63.
            (row..row + taken as u64).for_each(|row| self.rows.append_value(row as i64));
            self.n_rows += taken;
            if self.n_rows == CHUNK {
                self.end_chunk();
            }
            (from, n, row) = (from + taken, n - taken, row + taken as u64);
        }
    }

    /// The chunks that are full.
    pub(super) fn take(&mut self) -> Vec<Vec<ArrayRef>> {
        std::mem::take(&mut self.full)
    }

    /// The chunks that are left, the last one perhaps not full.
    pub(super) fn finish(mut self) -> Vec<Vec<ArrayRef>> {
        if self.n_rows > 0 {
            self.end_chunk();
        }
        self.full
    }

    fn end_chunk(&mut self) {
        let (ratings, times, rows): (Float32Array, Int64Array, Int64Array) =
            (self.ratings.finish(), self.times.finish(), self.rows.finish());
        let (users, items) = (self.users.finish(), self.items.finish());
        self.full.push(vec![users, items, Arc::new(ratings), Arc::new(times), Arc::new(rows)]);
        self.n_rows = 0;
    }
}
