//! Puts parsed parts together in order: numbers ids, counts lines, and finds duplicates.
//!
//! Does not know how parts are read, nor how rows are written.
//!
//! **Invariant**: parts come in the file's order, and each row has the effect that it has where rows are read one by
//! one.

use arrow::array::ArrayRef;

use super::piece::{IdColumn, NO_TIME, Piece};
use super::staging::Staging;
use super::{Change, Unread};
use crate::ingest::dedupe::{Dedupe, Keys, RowSet};
use crate::ingest::ids::Ids;
use crate::ingest::known::Known;

/// How repeated pairs of user and item are found.
pub(super) enum Repeats<'a> {
    /// Each user's rows stand together: it is enough to know who rated an item last.
    Together(Together),
    /// A user's rows may stand anywhere: it is checked whether any pair is repeated.
    Anywhere(Keys),
    /// Some pairs are repeated: the duplicates are searched for.
    Some(Dedupe),
    /// The duplicates are known.
    Found(&'a RowSet),
}

/// Users and items of rows in which no user comes back.
#[derive(Default)]
pub(super) struct Together {
    current: Option<u32>,
    /// The users that have occurred.
    been: Vec<bool>,
    /// The user who rated each item last, plus one; 0: nobody yet.
    last: Vec<u32>,
}

impl Together {
    /// Notes a row. Fails if its user has come back, or has rated the item before.
    #[inline]
    fn note(&mut self, user: u32, item: u32) -> Result<(), Change> {
        if self.current != Some(user) {
            self.current = Some(user);
            if std::mem::replace(at(&mut self.been, user), true) {
                return Err(Change::Anywhere);
            }
        }
        let before = std::mem::replace(at(&mut self.last, item), user + 1);
        if before == user + 1 { Err(Change::Repeated) } else { Ok(()) }
    }
}

/// The value at `index`; the vector grows if needed.
#[inline]
fn at<T: Clone + Default>(values: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if index >= values.len() {
        values.resize((index + 1).next_power_of_two(), T::default());
    }
    &mut values[index]
}

/// Puts parts together in order.
pub(super) struct Stitch<'a> {
    pub(super) known: Known,
    repeats: Repeats<'a>,
    staging: Staging,
    /// The line that the next part begins in.
    line: u64,
    are_integers: [bool; 2],
    /// The numbers of a part's users and items.
    numbers: [Vec<u32>; 2],
}

impl<'a> Stitch<'a> {
    /// Begins in `line`.
    pub(super) fn new(known: Known, repeats: Repeats<'a>, line: u64, are_integers: [bool; 2]) -> Self {
        let (staging, numbers) = (Staging::new(are_integers), [Vec::new(), Vec::new()]);
        Self { known, repeats, staging, line, are_integers, numbers }
    }

    /// Adds the next part. Returns the chunks that are full, or the guess that was wrong.
    pub(super) fn take(&mut self, piece: &Piece) -> Result<Vec<Vec<ArrayRef>>, Unread> {
        if piece.is_odd {
            return Err(Change::RowByRow.into());
        }
        for (of, ids) in [&piece.users, &piece.items].into_iter().enumerate() {
            if self.are_integers[of] && matches!(ids, IdColumn::Texts { .. }) {
                return Err(Change::AreTexts(of).into());
            }
        }
        for bad in &piece.rejects {
            self.known.rejects.push(self.line + bad.line, bad.n_feeds, bad.reason.clone())?;
        }
        piece.users.number(&mut self.known.users, &mut self.numbers[0]);
        piece.items.number(&mut self.known.items, &mut self.numbers[1]);
        self.known.meet([0, 1].map(|ids: usize| self.numbers[ids].iter().copied().min().unwrap_or(u32::MAX)));
        piece.ratings.iter().filter(|rating| !rating.is_nan()).for_each(|rating| self.known.observe(*rating));
        self.repeats(piece)?;
        let first = self.known.n_rows;
        for (from, n, row) in runs(piece) {
            match self.repeats {
                Repeats::Found(duplicates) => {
                    for at in (0..n).filter(|at| !duplicates.contains(first + row + *at as u64)) {
                        self.staging.extend(piece, from + at, 1, first + row + at as u64);
                    }
                }
                _ => self.staging.extend(piece, from, n, first + row),
            }
        }
        self.known.n_rows += piece.n_rows;
        self.known.n_kept += piece.ratings.len() as u64;
        self.line += piece.n_lines;
        Ok(self.staging.take())
    }

    /// Looks for pairs of user and item that have occurred before.
    fn repeats(&mut self, piece: &Piece) -> Result<(), Unread> {
        let [users, items] = &self.numbers;
        match &mut self.repeats {
            Repeats::Found(_) => {}
            Repeats::Together(together) => {
                users.iter().zip(items).try_for_each(|(&user, &item)| together.note(user, item))?;
            }
            Repeats::Anywhere(keys) => {
                users.iter().zip(items).try_for_each(|(&user, &item)| keys.push(user, item))?;
            }
            Repeats::Some(dedupe) => {
                for (from, n, row) in runs(piece) {
                    for at in 0..n {
                        let time = Some(piece.times[from + at]).filter(|time| *time != NO_TIME);
                        let row = self.known.n_rows + row + at as u64;
                        dedupe.push(users[from + at], items[from + at], time, row)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What is known of all rows, the last chunks, and the state of the search for repeated pairs.
    pub(super) fn finish(self) -> (Known, Vec<Vec<ArrayRef>>, Repeats<'a>) {
        (self.known, self.staging.finish(), self.repeats)
    }
}

/// The runs of good rows between bad ones. For each: the place of its first row among the good ones, its length, and
/// the place of its first row among all rows of the part.
fn runs(piece: &Piece) -> impl Iterator<Item = (usize, usize, u64)> {
    let bad = piece.rejects.iter().map(|bad| bad.row).chain([piece.n_rows]);
    let (mut from, mut row) = (0, 0);
    bad.map(move |bad| {
        let n = (bad - row) as usize;
        let run = (from, n, row);
        (from, row) = (from + n, bad + 1);
        run
    })
}

impl IdColumn {
    /// The text at a place, of a column of texts.
    pub(super) fn text(&self, at: usize) -> &str {
        match self {
            Self::Integers(_) => "",
            Self::Texts { text, ends } => &text[at.checked_sub(1).map_or(0, |before| ends[before])..ends[at]],
        }
    }

    /// Replaces the content of `numbers` by the ids' numbers.
    fn number(&self, ids: &mut Ids, numbers: &mut Vec<u32>) {
        numbers.clear();
        match self {
            // The rows of one user mostly stand together, so that most ids equal the one before.
            Self::Integers(column) => {
                let mut before = None;
                numbers.extend(column.iter().map(|&id| match before {
                    Some((same, number)) if same == id => number,
                    _ => {
                        let number = ids.intern_integer(id).0;
                        before = Some((id, number));
                        number
                    }
                }));
            }
            Self::Texts { ends, .. } => {
                let mut before = None;
                numbers.extend((0..ends.len()).map(|at| match before {
                    Some((same, number)) if same == self.text(at) => number,
                    _ => {
                        let number = ids.intern(self.text(at)).0;
                        before = Some((self.text(at), number));
                        number
                    }
                }));
            }
        }
    }
}
