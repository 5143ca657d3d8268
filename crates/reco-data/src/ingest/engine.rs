//! Writes the tables of events that an SQL engine has checked and of whose duplicates it has kept one.
//!
//! Does not know the engine or its SQL. Users and items are known by their ids alone.
//!
//! **Invariant**: the ratings, items and users are those that [`ingest`](super::ingest) makes of the same events in one
//! file, in the order of their numbers; memory grows with users and items, never with ratings.

use std::path::Path;

use reco_core::{ItemId, RatingScale, RawId, UserId};

use super::check::no_id;
use super::rejects::RejectLog;
use super::{IngestSummary, metadata};
use crate::records::cut;
use crate::table::{Column, SortedChunks, Table, TableWriter};
use crate::tables::{DatasetInfo, ITEMS, RATING_COLUMNS, RATINGS, USERS, items_table, users_table};
use crate::{DataConfig, DataError, Duplicates, ItemRows, UserRows};

/// What an SQL engine made of raw events. Each path is a Parquet file, or a folder of such files.
#[derive(Clone, Debug)]
pub struct EngineTables<'a> {
    /// `[data]` of the experiment.
    pub config: &'a DataConfig,
    /// The events, for messages.
    pub events: &'a Path,
    /// The data set's name in results.
    pub name: String,
    /// SHA-256 of the events, in hexadecimal digits.
    pub sha256: String,
    /// The stars that a rating can have.
    pub scale: RatingScale,
    /// How many events there are.
    pub n_events: u64,
    /// How many events passed the checks.
    pub n_good: u64,
    /// `user_id` (text) and `user_row`, sorted by the rows, which are numbered from 0.
    pub users: &'a Path,
    /// `item_id` (text) and `item_row`, the same.
    pub items: &'a Path,
    /// `user_id`, `item_id` (texts), `rating`, `timestamp` and `source_row`, sorted by `source_row`.
    pub ratings: &'a Path,
    /// `source_row` and `problem` of the events that did not pass, sorted by `source_row`.
    pub rejected: &'a Path,
}

impl EngineTables<'_> {
    /// Writes `ratings.parquet`, `items.parquet`, `users.parquet` and `rejects.parquet` into `out_dir`, which exists.
    ///
    /// # Errors
    /// Ids that [`ingest`](super::ingest) would refuse or change; rows out of order; more bad rows, or duplicates, than
    /// the experiment allows; no rating at all.
    pub fn write(&self, out_dir: &Path) -> Result<IngestSummary, DataError> {
        let mut rejects = RejectLog::create(out_dir, self.config.allowed_rejects()?)?;
        rejects.begin(self.events);
        for chunk in SortedChunks::open(self.rejected, &["source_row"])? {
            let chunk = chunk?;
            for (row, problem) in chunk.integers("source_row")?.iter().zip(chunk.texts("problem")?) {
                let line = row.map_or(0, |row| row.saturating_add(1).unsigned_abs());
                rejects.push(line, 0, problem.clone().unwrap_or_default())?;
            }
        }
        if rejects.n_total() != self.n_events.saturating_sub(self.n_good) {
            let (n_found, n_bad) = (rejects.n_total(), self.n_events.saturating_sub(self.n_good));
            return Err(DataError::parquet(self.rejected)(format!("it has `{n_found}` of `{n_bad}` bad events")));
        }
        rejects.end(self.n_events)?;
        let users = self.ids(self.users, "user")?;
        let items = self.ids(self.items, "item")?;

        let mut summary = IngestSummary {
            dataset: DatasetInfo {
                name: self.name.clone(),
                source: "table".to_owned(),
                sha256: self.sha256.clone(),
                licence: String::new(),
                citation: String::new(),
                n_rejected: rejects.n_total(),
                n_duplicates: 0,
            },
            n_rows: self.n_events,
            n_ratings: 0,
            n_users: users.len() as u64,
            n_items: items.len() as u64,
            scale: self.scale,
            said: Vec::new(),
        };
        self.write_ratings(&mut summary, [&users, &items].map(|ids| are_integers(ids)), &out_dir.join(RATINGS))?;

        let shown: Vec<String> = items.iter().map(ToString::to_string).collect();
        let item_rows = ItemRows {
            item_id: items.into_iter().map(ItemId).collect(),
            title: shown.clone(),
            year: vec![None; shown.len()],
            genres: vec![None; shown.len()],
            name: shown,
            attributes: Vec::new(),
        };
        let user_rows = UserRows { user_id: users.into_iter().map(UserId).collect(), attributes: Vec::new() };
        let write = |table: Table, name: &str, file: &str| {
            table.with_all_metadata(metadata(&summary, name)).write(&out_dir.join(file))
        };
        write(items_table(item_rows)?, "items", ITEMS)?;
        write(users_table(user_rows)?, "users", USERS)?;
        rejects.finish(&metadata(&summary, "rejects"))?;
        Ok(summary)
    }

    /// The ids of a table of users or items, by their rows.
    fn ids(&self, path: &Path, what: &str) -> Result<Vec<RawId>, DataError> {
        let mut ids = Vec::new();
        let row = format!("{what}_row");
        for chunk in SortedChunks::open(path, &[&row])? {
            let chunk = chunk?;
            let rows = chunk.integers(&row)?;
            for (id, row) in chunk.texts(&format!("{what}_id"))?.iter().zip(rows) {
                if *row != Some(ids.len() as i64) {
                    return Err(self.not_numbered(format!("{what} `{}` is not the only one of its number", ids.len())));
                }
                let id = id.as_deref().unwrap_or_default();
                let is_padded = (id.trim() != id).then(|| format!("{what} `{}` has spaces around it", cut(id)));
                if let Some(reason) = no_id(id, what).or(is_padded) {
                    return Err(DataError::Format {
                        path: self.events.to_owned(),
                        reason,
                        hint: "an engine compares ids byte by byte: correct them, or let `reco ingest` read the events"
                            .to_owned(),
                    });
                }
                ids.push(RawId::parse(id));
            }
        }
        Ok(ids)
    }

    /// Two events have one number, from which all others follow.
    fn not_numbered(&self, reason: String) -> DataError {
        let hint = "`source_row` numbers the events from 0, each by a number of its own".to_owned();
        DataError::Format { path: self.events.to_owned(), reason, hint }
    }

    /// Writes the ratings, and notes in `summary` how many there are.
    fn write_ratings(
        &self,
        summary: &mut IngestSummary,
        are_integers: [bool; 2],
        path: &Path,
    ) -> Result<(), DataError> {
        let table = |columns: Vec<Column>| {
            let mut table = Table::new();
            for (name, column) in RATING_COLUMNS.into_iter().zip(columns) {
                table.push(name, column)?;
            }
            Ok::<_, DataError>(table)
        };
        let ids = |texts: &[Option<String>], are_integers: bool| match are_integers {
            true => Column::I64(texts.iter().map(|id| id.as_deref().and_then(|id| id.parse().ok())).collect()),
            false => Column::Text(texts.to_vec()),
        };
        let empty = table(vec![
            ids(&[], are_integers[0]),
            ids(&[], are_integers[1]),
            Column::F32(Vec::new()),
            Column::I64(Vec::new()),
            Column::I64(Vec::new()),
        ])?;
        let mut writer = TableWriter::create(path, &empty)?;
        let mut last = None;
        for chunk in SortedChunks::open(self.ratings, &["source_row"])? {
            let chunk = chunk?;
            let rows = chunk.integers("source_row")?;
            for row in rows {
                if row.is_none_or(|row| row < 0) || *row <= last {
                    let (row, last) = (row.unwrap_or_default(), last.unwrap_or_default());
                    return Err(self.not_numbered(format!("`source_row` is `{row}` after `{last}`")));
                }
                last = *row;
            }
            writer.write(&table(vec![
                ids(chunk.texts("user_id")?, are_integers[0]),
                ids(chunk.texts("item_id")?, are_integers[1]),
                Column::F32(chunk.numbers("rating")?.to_vec()),
                Column::I64(chunk.integers("timestamp")?.to_vec()),
                Column::I64(rows.to_vec()),
            ])?)?;
            summary.n_ratings += rows.len() as u64;
        }
        if summary.n_ratings == 0 {
            return Err(DataError::Empty { path: self.events.to_owned() });
        }
        let n_duplicates = self.n_good.saturating_sub(summary.n_ratings);
        if n_duplicates > 0 && self.config.duplicates == Duplicates::Refuse {
            return Err(DataError::Duplicates { path: self.events.to_owned(), n: n_duplicates });
        }
        summary.dataset.n_duplicates = n_duplicates;
        writer.finish(&metadata(summary, "ratings"))
    }
}

fn are_integers(ids: &[RawId]) -> bool {
    ids.iter().all(|id| matches!(id, RawId::Integer(_)))
}
