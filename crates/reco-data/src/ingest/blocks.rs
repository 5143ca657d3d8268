//! Reads delimited ratings block by block on all cores.
//!
//! Does not know sources; reads any [`Layout`] of user, item, rating and time, in whatever order they stand.
//!
//! **Invariant**: the tables, the rejects and every error are those of reading row by row, whatever the number of
//! threads: parts are read at the same time and put together in their order. Memory is bounded by a few blocks, a row
//! group, and what users and items take.
//!
//! The file is read once, and rows are written while it is read. What is certain only at its end is guessed: that ids
//! which are integers so far remain so, that a user's rows stand together, that no pair of user and item is repeated.
//! Where a guess turns out wrong, reading starts over with what is known by then ([`Change`]).

mod cut;
mod digits;
mod piece;
mod staging;
mod stitch;

use arrow::array::ArrayRef;
use rayon::prelude::*;

use super::IngestProgress;
use super::check::Checks;
use super::dedupe::{Dedupe, Keys, RowSet};
use super::known::Known;
use crate::DataError;
use crate::records::Layout;
use crate::table::TableWriter;
use cut::{Block, Blocks};
use piece::{Parser, Piece};
use stitch::{Repeats, Stitch, Together};

/// How many bytes a block has, and how many a part that one thread parses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) block: usize,
    pub(super) part: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { block: 1 << 22, part: 1 << 18 }
    }
}

/// What is known of the file so far; by default, the most favourable is assumed until a row contradicts it.
#[derive(Default)]
pub(super) struct Guess {
    pub(super) sizes: Sizes,
    /// Parts cannot be read by themselves.
    pub(super) row_by_row: bool,
    /// Whether some ids of users, and some of items, are not integers.
    pub(super) are_texts: [bool; 2],
    /// A user's rows do not stand together.
    pub(super) anywhere: bool,
    /// Some pair of user and item occurs again.
    pub(super) repeated: bool,
    /// The duplicates, and their number.
    pub(super) found: Option<(RowSet, u64)>,
}

/// Which guess was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    RowByRow,
    /// Of users (0) or items (1).
    AreTexts(usize),
    Anywhere,
    Repeated,
}

/// Why rows were not read to their end.
pub(super) enum Unread {
    /// A guess was wrong, and reading starts over.
    Guess(Change),
    Error(DataError),
}

impl From<Change> for Unread {
    fn from(change: Change) -> Self {
        Self::Guess(change)
    }
}

impl From<DataError> for Unread {
    fn from(error: DataError) -> Self {
        Self::Error(error)
    }
}

impl Guess {
    /// The guess with the wrong assumption corrected.
    pub(super) fn changed(mut self, change: Change) -> Self {
        match change {
            // The duplicates are searched for again.
            Change::RowByRow => (self.row_by_row, self.found) = (true, None),
            Change::AreTexts(of) => self.are_texts[of] = true,
            Change::Anywhere => self.anywhere = true,
            Change::Repeated => self.repeated = true,
        }
        self
    }
}

/// What is read, and where it goes.
pub(super) struct Job<'a> {
    pub(super) layout: &'a Layout,
    pub(super) checks: &'a Checks,
    pub(super) guess: &'a Guess,
    /// What the files about users and items say.
    pub(super) known: Known,
    /// Collects the rows if there are duplicates.
    pub(super) dedupe: Dedupe,
    /// Collects the pairs if a user's rows do not stand together.
    pub(super) keys: Keys,
    /// Its columns of ids have the guessed types.
    pub(super) writer: TableWriter,
    pub(super) are_integers: [bool; 2],
    pub(super) progress: &'a dyn IngestProgress,
}

/// What was read and written.
pub(super) struct Read {
    pub(super) known: Known,
    /// Finds the duplicates, if there may be any that are not known yet.
    pub(super) dedupe: Option<Dedupe>,
    /// The file, still to be finished.
    pub(super) writer: TableWriter,
}

/// Whether rows of that layout can be read block by block.
pub(super) fn can_read(layout: &Layout, checks: &Checks) -> bool {
    Parser::new(layout, checks).is_some()
}

/// Reads all rows and writes those that stay, or returns the guess that was wrong.
pub(super) fn read(job: Job<'_>) -> Result<Read, Unread> {
    // Within the pool, so that threads do not fall asleep between blocks.
    let mut result = None;
    rayon::scope(|_| result = Some(read_blocks(job)));
    result.expect("the scope has run what it was given")
}

fn read_blocks(job: Job<'_>) -> Result<Read, Unread> {
    let Job { layout, checks, guess, known, dedupe, keys, mut writer, are_integers, progress } = job;
    let parser = Parser::new(layout, checks).ok_or(Change::RowByRow)?;
    let repeats = match &guess.found {
        Some((duplicates, _)) => Repeats::Found(duplicates),
        None if guess.repeated => Repeats::Some(dedupe),
        None if guess.anywhere => Repeats::Anywhere(keys),
        None => Repeats::Together(Together::default()),
    };
    let mut blocks = Blocks::open(layout, guess.sizes.block)?;
    let mut stitch = Stitch::new(known, repeats, layout.start.1, are_integers);
    let mut reported = 0;
    // While one block is read, the one before it is parsed, the one before that put together, and the one before that
    // written.
    let (mut block, mut pieces, mut chunks) = (None, Vec::new(), Vec::new());
    loop {
        let given = (std::mem::take(&mut pieces), std::mem::take(&mut chunks));
        let ((next, parsed), (stitched, written)) = rayon::join(
            || rayon::join(|| blocks.next(), || parse(&parser, block.as_ref(), guess.sizes.part)),
            || rayon::join(|| put_together(&mut stitch, &given.0), || write(&mut writer, &given.1)),
        );
        written?;
        chunks = stitched?;
        let is_over = block.is_none() && given.0.is_empty() && chunks.is_empty();
        pieces = parsed;
        if let Some(block) = block.take() {
            progress.advance(block.position - reported);
            reported = block.position;
            if progress.interrupted() {
                return Err(DataError::Interrupted.into());
            }
        }
        block = match next? {
            Some(Some(block)) => Some(block),
            Some(None) => return Err(Change::RowByRow.into()),
            None if is_over && pieces.is_empty() => break,
            None => None,
        };
    }
    let (known, chunks, repeats) = stitch.finish();
    let dedupe = match repeats {
        Repeats::Some(dedupe) => Some(dedupe),
        Repeats::Anywhere(keys) => match keys.any_repeats()? {
            true => return Err(Change::Repeated.into()),
            false => None,
        },
        Repeats::Together(_) | Repeats::Found(_) => None,
    };
    write(&mut writer, &chunks)?;
    Ok(Read { known, dedupe, writer })
}

fn parse(parser: &Parser<'_>, block: Option<&Block>, part: usize) -> Vec<Piece> {
    let Some(block) = block else { return Vec::new() };
    cut::parts(&block.text[..block.end], part).into_par_iter().map(|part| parser.read(block, part)).collect()
}

type Chunks = Vec<Vec<ArrayRef>>;

fn put_together(stitch: &mut Stitch<'_>, pieces: &[Piece]) -> Result<Chunks, Unread> {
    let mut chunks = Vec::new();
    for piece in pieces {
        chunks.extend(stitch.take(piece)?);
    }
    Ok(chunks)
}

fn write(writer: &mut TableWriter, chunks: &[Vec<ArrayRef>]) -> Result<(), DataError> {
    chunks.iter().try_for_each(|chunk| writer.write_arrays(chunk))
}
