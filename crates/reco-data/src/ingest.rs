//! How do raw files become checked tables?
//!
//! Does not know formats (the sources do), nor features.
//!
//! **Invariant**: memory is bounded by the number of users and items, never by the number of ratings; every value is
//! checked once, here, whatever source it comes from; nothing is written outside of the given folder.
//!
//! The ratings are read twice. The first pass checks each row, numbers users and items, and finds the rows that give way to
//! a later one of the same user and item; the second writes what stays.

mod check;
mod dedupe;
mod ids;
mod rejects;
mod side;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use reco_core::RatingScale;
use serde::{Deserialize, Serialize};

use crate::locate::{self, Found};
use crate::records::{Records, Row};
use crate::source::Extra;
use crate::tables::{DatasetInfo, ITEMS, RATINGS, USERS};
use crate::{DataConfig, DataError, Duplicates};

use check::Checks;
use dedupe::{Dedupe, RowSet};
use ids::Ids;
use rejects::RejectLog;
use side::Attributes;

/// Who is told how far reading has come.
pub trait IngestProgress: Sync {
    /// Reading begins; so many bytes are to be read.
    fn begin(&self, total_bytes: u64);
    /// So many more are read.
    fn advance(&self, bytes: u64);
    /// Reading ends.
    fn end(&self);
    /// Whether reading should stop, without a result.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Tells no one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentIngest;

impl IngestProgress for SilentIngest {
    fn begin(&self, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn end(&self) {}
}

/// What was read.
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
}

/// Reads the raw files that `config` stands for, and writes `ratings.parquet`, `items.parquet`, `users.parquet` and
/// `rejects.parquet` into `out_dir`, which exists. On an error the folder holds files that are not to be used: give a
/// temporary one, and rename it at the end.
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
    let found = locate::find(config, raw)?;
    let facts = found.source.facts(&found.files);
    let stated = config.stated_scale()?.or(facts.scale);
    let extra = found.source.extra(config);
    let mut rejects = RejectLog::create(out_dir, config.allowed_rejects()?)?;
    let (mut items, mut users) = (Ids::default(), Ids::default());
    let item_rows = side::items(&found, config, &mut items, &mut rejects)?;
    let user_rows = side::users(&found, config, &mut users, &mut rejects)?;

    let path = &found.files.ratings;
    let length = std::fs::metadata(path).map_err(DataError::io("read", path))?.len();
    progress.begin(2 * length);
    rejects.begin(path);
    // The digest takes a second core while the first reads.
    let (pass, sha256) = std::thread::scope(|scope| {
        let digest = scope.spawn(|| locate::sha256(path, facts.digest_skips_header));
        let checks = Checks { scale: stated, is_rated: facts.is_rated };
        let mut pass = Pass {
            checks,
            users,
            items,
            dedupe: Dedupe::new(out_dir, config.duplicates),
            rejects,
            dropped: RowSet::default(),
            n_rows: 0,
            n_kept: 0,
            observed: None,
            user_attributes: Attributes::new(&extra.user_attributes),
            item_attributes: Attributes::new(&extra.item_attributes),
            contexts_are_numbers: vec![true; extra.contexts.len()],
        };
        let read = each_row(&found, config, progress, length, |row| pass.take(row, &extra));
        let sha256 = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.map(|()| (pass, sha256))
    })?;
    let sha256 = sha256?;
    let Pass { users, items, dedupe, mut rejects, mut dropped, n_rows, n_kept, observed, .. } = pass;
    if n_rows == 0 {
        return Err(DataError::Empty { path: path.clone() });
    }
    rejects.end(n_rows)?;
    let n_duplicates = dedupe.finish(&mut dropped)?;
    if n_duplicates > 0 && config.duplicates == Duplicates::Refuse {
        return Err(DataError::Duplicates { path: path.clone(), n: n_duplicates });
    }
    let n_ratings = n_kept - n_duplicates;
    if n_ratings == 0 {
        return Err(DataError::Empty { path: path.clone() });
    }

    let scale = match (stated, observed) {
        (Some(scale), _) => scale,
        (None, Some((min, max))) => RatingScale::new(min, max).map_err(DataError::Scale)?,
        (None, None) => RatingScale::new(0.0, 1.0).map_err(DataError::Scale)?,
    };
    let (licence, citation) = side::terms(&found, &facts)?;
    let dataset = DatasetInfo {
        name: found.name.clone(),
        source: found.source.name().to_owned(),
        sha256,
        licence,
        citation,
        n_rejected: rejects.n_total(),
        n_duplicates,
    };
    let summary =
        IngestSummary { dataset, n_rows, n_ratings, n_users: users.len() as u64, n_items: items.len() as u64, scale };
    let metadata = |table: &str| metadata(&summary, table);

    let writing = write::Ratings {
        path: &out_dir.join(RATINGS),
        users_are_integers: users.are_integers(),
        items_are_integers: items.are_integers(),
        contexts: extra.contexts.iter().cloned().zip(pass.contexts_are_numbers).collect(),
        metadata: metadata("ratings"),
    };
    writing.write(|sink| {
        let mut number = 0;
        each_row(&found, config, progress, length, |row| {
            number += 1;
            if dropped.contains(number - 1) { Ok(()) } else { sink.push(number - 1, row) }
        })
    })?;
    progress.end();
    let item_rows = item_rows.complete(items, pass.item_attributes);
    crate::tables::items_table(item_rows)?.with_all_metadata(metadata("items")).write(&out_dir.join(ITEMS))?;
    let user_rows = user_rows.complete(users, pass.user_attributes);
    crate::tables::users_table(user_rows)?.with_all_metadata(metadata("users")).write(&out_dir.join(USERS))?;
    rejects.finish(&metadata("rejects"))?;
    Ok(summary)
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

/// Calls `take` with every data row that the experiment wants, in order.
fn each_row(
    found: &Found,
    config: &DataConfig,
    progress: &dyn IngestProgress,
    length: u64,
    mut take: impl FnMut(&Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    /// Rows between two reports.
    const REPORT: u64 = 1 << 15;
    let mut records = found.source.ratings(&found.files, config)?;
    let limit = if config.rows == 0 { u64::MAX } else { config.rows };
    let (mut n_rows, mut reported) = (0, 0);
    let mut row = Row::default();
    while n_rows < limit && records.read(&mut row)? {
        take(&row)?;
        n_rows += 1;
        if n_rows % REPORT == 0 {
            let position = records.position().min(length);
            progress.advance(position - reported);
            reported = position;
            if progress.interrupted() {
                return Err(DataError::Interrupted);
            }
        }
    }
    progress.advance(length - reported);
    Ok(())
}

/// The first pass: what is learned from all rows before any is written.
struct Pass {
    checks: Checks,
    users: Ids,
    items: Ids,
    dedupe: Dedupe,
    rejects: RejectLog,
    /// Data rows that are not written: bad ones, and those that give way.
    dropped: RowSet,
    n_rows: u64,
    n_kept: u64,
    /// The lowest and the highest rating.
    observed: Option<(f32, f32)>,
    user_attributes: Attributes,
    item_attributes: Attributes,
    contexts_are_numbers: Vec<bool>,
}

impl Pass {
    fn take(&mut self, row: &Row, extra: &Extra) -> Result<(), DataError> {
        let number = self.n_rows;
        self.n_rows += 1;
        let checked = match self.checks.check(row) {
            Ok(checked) => checked,
            Err(reason) => {
                self.dropped.insert(number);
                return self.rejects.push(row.line(), reason);
            }
        };
        self.n_kept += 1;
        let (user, _) = self.users.intern(row.get(check::USER));
        let (item, _) = self.items.intern(row.get(check::ITEM));
        self.dedupe.push(user, item, checked.timestamp, number)?;
        if let Some(rating) = checked.rating {
            let (min, max) = self.observed.unwrap_or((rating, rating));
            self.observed = Some((min.min(rating), max.max(rating)));
        }
        let mut field = check::EXTRA;
        for is_number in &mut self.contexts_are_numbers {
            *is_number &= row.get(field).is_empty() || check::finite(row.get(field)).is_some();
            field += 1;
        }
        self.user_attributes.note(user, row, field);
        self.item_attributes.note(item, row, field + extra.user_attributes.len());
        Ok(())
    }
}
