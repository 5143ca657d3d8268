//! Reads raw files, checks them, and writes them as Parquet tables.
//!
//! Does not know formats (the sources do), nor features.
//!
//! **Invariant**: memory is bounded by the number of users and items, never by the number of ratings; every value is
//! checked once, here, whatever source it comes from; nothing is written outside of the given folder.
//!
//! Delimited text is read once, on all cores (`blocks`). Everything else, and all to which events are added, is read
//! row by row, and twice (`rows`): the
//! first pass checks each row, numbers users and items, and finds duplicates; the second writes what is left.

mod blocks;
pub(crate) mod check;
mod dedupe;
mod engine;
mod entities;
mod ids;
mod known;
mod rejects;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use reco_core::RatingScale;
use serde::{Deserialize, Serialize};

use crate::events::Events;
use crate::fetch::checksum::sha256_unless;
use crate::locate::{self, Found};
use crate::source::Writing;
use crate::tables::{DatasetInfo, ITEMS, USERS};
use crate::{DataConfig, DataError, Duplicates};

pub use engine::EngineTables;

use blocks::{Guess, Unread};
use check::Checks;
use entities::Joined;
use ids::Ids;
use known::Known;
use rejects::RejectLog;
use rows::{Added, First, Reading};

/// Receives the progress of reading.
pub trait IngestProgress: Sync {
    /// Reading of `total_bytes` begins.
    fn begin(&self, total_bytes: u64);
    /// `bytes` more are read.
    fn advance(&self, bytes: u64);
    /// Reading ends.
    fn end(&self);
    /// Something was concluded from a file, in words.
    fn said(&self, what: &str) {
        let _ = what;
    }
    /// Whether reading should stop, without a result.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentIngest;

impl IngestProgress for SilentIngest {
    fn begin(&self, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn end(&self) {}
}

/// What an ingestion has read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestSummary {
    /// Where it comes from.
    pub dataset: DatasetInfo,
    /// Data rows of the raw ratings, bad ones included.
    pub n_rows: u64,
    /// Ratings or events that were written.
    pub n_ratings: u64,
    /// Users, with and without ratings.
    pub n_users: u64,
    /// Items, with and without ratings.
    pub n_items: u64,
    /// The stars that a rating can have.
    pub scale: RatingScale,
    /// What was concluded from one's own files, in words: separators, columns, times, the scale.
    #[serde(default)]
    pub said: Vec<String>,
}

/// Reads the raw files that `config` stands for, and writes `ratings.parquet`, `items.parquet`, `users.parquet` and
/// `rejects.parquet` into `out_dir`, which exists. On an error the folder holds files that are not to be used: give a
/// temporary one, and rename it at the end. `progress` is told to begin again where a file has to be read from its
/// beginning once more.
///
/// # Errors
/// Files that are missing, empty, in another encoding, or lack a column; more bad rows than `config` allows; an
/// interruption.
pub fn ingest(
    config: &DataConfig,
    raw: &Path,
    out_dir: &Path,
    progress: &dyn IngestProgress,
) -> Result<IngestSummary, DataError> {
    ingest_guessing(config, raw, out_dir, progress, Guess::default())
}

fn ingest_guessing(
    config: &DataConfig,
    raw: &Path,
    out_dir: &Path,
    progress: &dyn IngestProgress,
    mut guess: Guess,
) -> Result<IngestSummary, DataError> {
    let found = locate::find(config, raw)?;
    config.fits(found.source.name())?;
    let writing = found.source.writing(&found.files, config)?;
    writing.said.iter().for_each(|what| progress.said(what));
    let events = Events::find(config)?;
    let task = Ingestion { config, found, writing, events, out_dir, progress };
    loop {
        match task.attempt(guess)? {
            Attempt::Done(summary) => {
                summary.said[task.writing.said.len()..].iter().for_each(|what| progress.said(what));
                return Ok(summary);
            }
            Attempt::Again(better) => guess = better,
        }
    }
}

/// How an attempt ended.
enum Attempt {
    Done(IngestSummary),
    /// A guess was wrong: this one is better.
    Again(Guess),
}

/// What is to be read, and where the tables go.
struct Ingestion<'a> {
    config: &'a DataConfig,
    found: Found,
    writing: Writing,
    events: Option<Events>,
    out_dir: &'a Path,
    progress: &'a dyn IngestProgress,
}

impl Ingestion<'_> {
    /// Reads and writes everything, or returns a better guess to start over with.
    fn attempt(&self, guess: Guess) -> Result<Attempt, DataError> {
        let Self { config, ref found, ref writing, ref events, out_dir, progress } = *self;
        let events = events.as_ref();
        let facts = found.source.facts(&found.files);
        let stated = config.stated_scale()?.or(facts.scale);
        let extra = found.source.extra(config);
        let mut rejects = RejectLog::create(out_dir, config.allowed_rejects()?)?;
        let (mut items, mut users) = (Ids::default(), Ids::default());
        let item_rows = entities::items(found, config, events, &mut items, &mut rejects)?;
        let user_rows = entities::users(found, config, events, &mut users, &mut rejects)?;

        let path = &found.files.ratings;
        let length = std::fs::metadata(path).map_err(DataError::io("read", path))?.len();
        rejects.begin(path);
        let checks = Checks { scale: stated, is_rated: facts.is_rated, decimal: writing.decimal, times: writing.times };
        let known = Known::new(users, items, rejects);
        let has_stars = facts.is_rated || writing.detected.as_ref().is_some_and(|own| !own.columns[2].is_empty());
        let events = events.map(|events| Added::new(events, stated, has_stars));
        let reading = Reading { found, config, writing, checks, events, extra: &extra, length, progress, out_dir };
        // The digest runs on a thread of its own, and stops early where reading fails or starts over.
        let is_over = AtomicBool::new(false);
        let stop = || is_over.load(Ordering::Relaxed) || progress.interrupted();
        let (read, sha256) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| sha256_unless(path, facts.digest_skips_header, &stop));
            let read = reading.first(known, &guess);
            is_over.store(read.is_err(), Ordering::Relaxed);
            let sha256 = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (read, sha256)
        });
        let First { known, dedupe, noted, mut dropped, writer } = match read {
            Ok(first) => first,
            Err(Unread::Guess(change)) => return Ok(Attempt::Again(guess.changed(change))),
            Err(Unread::Error(error)) => return Err(error),
        };
        let sha256 = sha256.map_err(DataError::io("read", path))?.ok_or(DataError::Interrupted)?;
        let Known { users, items, mut rejects, n_rows, n_before, n_erased, n_kept, observed, lowest } = known;
        if n_rows == 0 {
            return Err(DataError::Empty { path: path.clone() });
        }
        rejects.end(n_rows - n_before.unwrap_or(0))?;
        let n_found = dedupe.map_or(Ok(0), |dedupe| dedupe.finish(&mut dropped))?;
        let n_duplicates = n_found + guess.found.as_ref().map_or(0, |(_, n)| *n);
        if n_duplicates > 0 && config.duplicates == Duplicates::Refuse {
            return Err(DataError::Duplicates { path: path.clone(), n: n_duplicates });
        }
        if n_found > 0 && writer.is_some() {
            return Ok(Attempt::Again(Guess { found: Some((dropped, n_found)), ..guess }));
        }
        let n_ratings = n_kept - n_duplicates;
        if n_ratings == 0 {
            return Err(DataError::Empty { path: path.clone() });
        }

        let mut said = writing.said.clone();
        said.extend_from_slice(rejects.said());
        if n_duplicates > 0 {
            let which = if config.duplicates == Duplicates::First { "the first" } else { "the latest" };
            said.push(format!(
                "{n_duplicates} rows rate a pair of a user and an item again: {which} of each stays (`data.duplicates`)"
            ));
        }
        if reading.events.is_some() {
            let n_events = n_before.map_or(0, |before| n_rows - before);
            said.push(format!(
                "{n_events} rows are of users' events, and {n_erased} of erased users are left out (`data.events`)"
            ));
        }
        let joins = [
            (&found.files.users, "user", user_rows.len(), &users, lowest[0]),
            (&found.files.items, "item", item_rows.len(), &items, lowest[1]),
        ];
        for (path, what, n_known, ids, lowest) in joins {
            let own = path.as_deref().filter(|_| writing.detected.is_some());
            said.extend(own.map(|path| Joined { path, what, n_known, ids, lowest }.said()).transpose()?.flatten());
        }
        let scale = match (stated, observed) {
            (Some(scale), _) => scale,
            (None, Some((only, max))) if only == max => return Err(DataError::one_rating(only)),
            (None, Some((min, max))) => {
                said.push(format!(
                    "ratings are on the scale that occurs, from {min} to {max}; \
                     `data.rating_scale = [{min}, {max}]` states it"
                ));
                RatingScale::new(min, max).map_err(DataError::Scale)?
            }
            (None, None) => RatingScale::new(0.0, 1.0).map_err(DataError::Scale)?,
        };
        let (licence, citation) = entities::terms(found, &facts)?;
        let dataset = DatasetInfo {
            name: found.name.clone(),
            source: found.source.name().to_owned(),
            sha256,
            licence,
            citation,
            n_rejected: rejects.n_total(),
            n_duplicates,
        };
        let (n_users, n_items) = (users.len() as u64, items.len() as u64);
        let summary = IngestSummary { dataset, n_rows, n_ratings, n_users, n_items, scale, said };
        let metadata = |table: &str| metadata(&summary, table);

        match writer {
            Some(writer) => writer.finish(&metadata("ratings"))?,
            None => {
                let are_integers = [users.are_integers(), items.are_integers()];
                reading.second(are_integers, &noted, &dropped, &metadata("ratings"))?;
            }
        }
        progress.end();
        let item_rows = item_rows.into_items(items, noted.item_attributes, writing.decimal);
        crate::tables::items_table(item_rows)?.with_all_metadata(metadata("items")).write(&out_dir.join(ITEMS))?;
        let user_rows = user_rows.into_users(users, noted.user_attributes, writing.decimal);
        crate::tables::users_table(user_rows)?.with_all_metadata(metadata("users")).write(&out_dir.join(USERS))?;
        rejects.finish(&metadata("rejects"))?;
        Ok(Attempt::Done(summary))
    }
}

fn metadata(summary: &IngestSummary, table: &str) -> BTreeMap<String, String> {
    let dataset = &summary.dataset;
    let pairs = [
        ("table", table.to_owned()),
        ("dataset", dataset.name.clone()),
        ("source", dataset.source.clone()),
        ("sha256", dataset.sha256.clone()),
        ("licence", dataset.licence.clone()),
        ("citation", dataset.citation.clone()),
        ("n_rejected", dataset.n_rejected.to_string()),
        ("n_duplicates", dataset.n_duplicates.to_string()),
        ("scale_min", summary.scale.min().to_string()),
        ("scale_max", summary.scale.max().to_string()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
