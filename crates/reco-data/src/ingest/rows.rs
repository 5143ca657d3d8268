//! Reads the ratings: on all cores through `blocks` where possible, otherwise row by row in two passes.
//!
//! Does not know formats, nor whether there are too many bad rows.
//!
//! **Invariant**: both passes see the same rows in the same order.

use std::collections::BTreeMap;
use std::path::Path;

use reco_core::RatingScale;

use super::IngestProgress;
use super::blocks::{self, Guess, Unread};
use super::check::{self, Checks};
use super::dedupe::{Dedupe, Keys, RowSet};
use super::entities::Attributes;
use super::known::Known;
use super::write;
use crate::events::Events;
use crate::locate::Found;
use crate::records::{Records, Row};
use crate::source::{Extra, Writing};
use crate::table::TableWriter;
use crate::tables::RATINGS;
use crate::values::{Decimal, Times};
use crate::{DataConfig, DataError};

/// The ratings that are to be read.
pub(super) struct Reading<'a> {
    pub(super) found: &'a Found,
    pub(super) config: &'a DataConfig,
    pub(super) writing: &'a Writing,
    pub(super) checks: Checks,
    /// Rows that follow those of the file.
    pub(super) events: Option<Added<'a>>,
    pub(super) extra: &'a Extra,
    /// Bytes of the file.
    pub(super) length: u64,
    pub(super) progress: &'a dyn IngestProgress,
    pub(super) out_dir: &'a Path,
}

/// Events that are added to the ratings.
pub(super) struct Added<'a> {
    events: &'a Events,
    /// Whether the ratings have stars: then only events with stars are added, else all, without theirs.
    has_stars: bool,
    checks: Checks,
}

impl<'a> Added<'a> {
    pub(super) fn new(events: &'a Events, scale: Option<RatingScale>, has_stars: bool) -> Self {
        let checks = Checks { scale, is_rated: has_stars, decimal: Decimal::Point, times: Times::default() };
        Self { events, has_stars, checks }
    }
}

/// What is known once all rows have been read.
pub(super) struct First {
    pub(super) known: Known,
    /// Finds the duplicates, if they are not known yet.
    pub(super) dedupe: Option<Dedupe>,
    pub(super) noted: Noted,
    /// Rows that are not to be written because they are bad.
    pub(super) dropped: RowSet,
    /// The ratings file, if rows were written while they were read.
    pub(super) writer: Option<TableWriter>,
}

/// What rows say beyond user, item, rating and time.
pub(super) struct Noted {
    pub(super) user_attributes: Attributes,
    pub(super) item_attributes: Attributes,
    contexts_are_numbers: Vec<bool>,
}

impl Reading<'_> {
    /// Reads all rows, on all cores where that is possible, or returns the guess that was wrong.
    pub(super) fn first(&self, known: Known, guess: &Guess) -> Result<First, Unread> {
        let mut records = self.found.source.ratings(&self.found.files, self.config, self.writing)?;
        let dedupe = Dedupe::new(self.out_dir, self.config.duplicates);
        let noted = Noted {
            user_attributes: Attributes::new(&self.extra.user_attributes),
            item_attributes: Attributes::new(&self.extra.item_attributes),
            contexts_are_numbers: vec![true; self.extra.contexts.len()],
        };
        let layout = records.layout().filter(|layout| blocks::can_read(layout, &self.checks));
        let alone = self.events.is_none() && self.config.rows == 0;
        if let Some(layout) = layout.filter(|_| !guess.row_by_row && alone) {
            let known_ids = [&known.users, &known.items];
            let are_integers = [0, 1].map(|of: usize| known_ids[of].are_integers() && !guess.are_texts[of]);
            let writer = self.file(are_integers, &noted).create()?;
            let (checks, progress, keys) = (&self.checks, self.progress, Keys::new(self.out_dir));
            progress.begin(self.length);
            let blocks::Read { known, dedupe, writer } = blocks::read(blocks::Job {
                layout,
                checks,
                guess,
                known,
                dedupe,
                keys,
                writer,
                are_integers,
                progress,
            })?;
            return Ok(First { known, dedupe, noted, dropped: RowSet::default(), writer: Some(writer) });
        }
        self.progress.begin(2 * self.length);
        let mut pass = Pass { extra: self.extra, known, dedupe, noted, dropped: RowSet::default() };
        let events = self.events.as_ref();
        self.each_row(&mut *records, |row, checks, is_event| {
            if is_event && pass.known.n_before.is_none() {
                pass.end_file(events)?;
            }
            pass.take(row, checks, events)
        })?;
        let Pass { known, dedupe, noted, dropped, .. } = pass;
        Ok(First { known, dedupe: Some(dedupe), noted, dropped, writer: None })
    }

    /// Writes the rows that are not `dropped`.
    pub(super) fn second(
        &self,
        are_integers: [bool; 2],
        noted: &Noted,
        dropped: &RowSet,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), DataError> {
        let mut records = self.found.source.ratings(&self.found.files, self.config, self.writing)?;
        self.file(are_integers, noted).write(metadata, |sink| {
            let mut number = 0;
            self.each_row(&mut *records, |row, checks, _| {
                number += 1;
                if dropped.contains(number - 1) { Ok(()) } else { sink.push(number - 1, row, checks) }
            })
        })
    }

    fn file(&self, are_integers: [bool; 2], noted: &Noted) -> write::Ratings {
        let are_numbers = noted.contexts_are_numbers.iter().copied();
        write::Ratings {
            path: self.out_dir.join(RATINGS),
            are_integers,
            contexts: self.extra.contexts.iter().cloned().zip(are_numbers).collect(),
        }
    }

    /// Calls `take` with every data row that the experiment wants, in order, then with every event that is added, each
    /// with what it is checked against and whether it is an event.
    fn each_row(
        &self,
        records: &mut dyn Records,
        mut take: impl FnMut(&Row, &Checks, bool) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        /// Rows between two reports.
        const REPORT: u64 = 1 << 15;
        let limit = if self.config.rows == 0 { u64::MAX } else { self.config.rows };
        let (mut n_rows, mut reported) = (0, 0);
        let mut row = Row::default();
        while n_rows < limit && records.read(&mut row)? {
            take(&row, &self.checks, false)?;
            n_rows += 1;
            if n_rows % REPORT == 0 {
                let position = records.position().min(self.length);
                self.progress.advance(position - reported);
                reported = position;
                if self.progress.interrupted() {
                    return Err(DataError::Interrupted);
                }
            }
        }
        self.progress.advance(self.length - reported);
        let Some(Added { events, has_stars, checks }) = &self.events else { return Ok(()) };
        let mut records = events.rows(*has_stars)?;
        while records.read(&mut row)? {
            if row.line() % REPORT == 0 && self.progress.interrupted() {
                return Err(DataError::Interrupted);
            }
            if !has_stars || !row.get(check::RATING).is_empty() {
                take(&row, checks, true)?;
            }
        }
        Ok(())
    }
}

/// The first pass: what is learned from all rows before any is written.
struct Pass<'a> {
    extra: &'a Extra,
    known: Known,
    dedupe: Dedupe,
    noted: Noted,
    /// Bad rows, which are not written.
    dropped: RowSet,
}

impl Pass<'_> {
    /// The rows of the file have ended, and those of `events` begin.
    fn end_file(&mut self, events: Option<&Added<'_>>) -> Result<(), DataError> {
        let known = &mut self.known;
        known.n_before = Some(known.n_rows);
        known.rejects.end(known.n_rows)?;
        events.into_iter().for_each(|added| known.rejects.begin_any(&added.events.path()));
        Ok(())
    }

    fn take(&mut self, row: &Row, checks: &Checks, events: Option<&Added<'_>>) -> Result<(), DataError> {
        let known = &mut self.known;
        let number = known.n_rows;
        known.n_rows += 1;
        // First of all, so that nothing of theirs is noted anywhere, not even why a row is bad.
        if events.is_some_and(|added| added.events.is_erased(row.get(check::USER))) {
            known.n_erased += 1;
            self.dropped.insert(number);
            return Ok(());
        }
        let checked = match checks.check(row) {
            Ok(checked) => checked,
            Err(reason) => {
                self.dropped.insert(number);
                return known.rejects.push(row.line(), row.n_feeds(), reason);
            }
        };
        known.n_kept += 1;
        let (user, _) = known.users.intern(row.get(check::USER));
        let (item, _) = known.items.intern(row.get(check::ITEM));
        known.meet([user, item]);
        self.dedupe.push(user, item, checked.timestamp, number)?;
        checked.rating.into_iter().for_each(|rating| known.observe(rating));
        let mut field = check::EXTRA;
        for is_number in &mut self.noted.contexts_are_numbers {
            *is_number &= row.get(field).is_empty() || checks.context(row.get(field)).is_some();
            field += 1;
        }
        self.noted.user_attributes.note(user, row, field);
        self.noted.item_attributes.note(item, row, field + self.extra.user_attributes.len());
        Ok(())
    }
}
