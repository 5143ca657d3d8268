//! Writes the folder of events that a service leaves for the next training, and reads it.
//!
//! `events.parquet` has what users did, `exposures.parquet` which arm of an A/B test they saw, `erased.parquet` digests
//! of the ids of users who are to be in no table, `items.parquet` items that were added. Does not know where a service
//! keeps its events, nor how ratings are read.
//!
//! **Invariant**: each file is there whole or as it was before, that of erased users first; the same events give the
//! same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use reco_core::RawId;
use sha2::{Digest as _, Sha256};

use crate::locate::expand;
use crate::records::ParquetRows;
use crate::source::{RawEntity, names};
use crate::table::{Column, Table};
use crate::{DataConfig, DataError, TableOutput, title};

const EVENTS: &str = "events.parquet";
const EXPOSURES: &str = "exposures.parquet";
const ERASED: &str = "erased.parquet";
const ITEMS: &str = "items.parquet";
/// The column of `erased.parquet`.
const DIGEST: &str = "sha256";

/// The kind of an event that says what an A/B test showed; no sign of a user's taste.
pub const EXPOSURE: &str = "exposure";

/// Something that happened: a user met an item.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Who.
    pub user_id: String,
    /// What.
    pub item_id: String,
    /// Stars, where there are any.
    pub rating: Option<f32>,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// `rating`, `click`, [`EXPOSURE`], or whatever the sender calls it.
    pub kind: String,
    /// The answer that led to it.
    pub recommendation_id: Option<String>,
    /// The arm of an A/B test that the answer was of.
    pub arm: Option<String>,
}

/// An item that was added beside those of the raw files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRow {
    /// Its id.
    pub item_id: String,
    /// Its title.
    pub title: String,
    /// Its year, where known.
    pub year: Option<i32>,
    /// What it has: genres, and attributes as `name=value`.
    pub features: Vec<String>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events, without exposures.
    pub events: usize,
    /// Those of them that have stars.
    pub rated: usize,
    /// Exposures.
    pub exposures: usize,
    /// Users who were erased.
    pub erased: usize,
}

/// The digest that stands for a user who was erased.
pub fn erased_digest(user: &str) -> [u8; 32] {
    Sha256::digest(user).into()
}

/// Writes `rows`, in the order in which they came, `items`, and the digests of those who were `erased` into `folder`,
/// which is made. An event whose answer was an exposure of the same user is given that arm.
///
/// # Errors
/// What the system says.
pub fn write_events(
    folder: &Path,
    rows: Vec<EventRow>,
    items: &[ItemRow],
    erased: &BTreeSet<[u8; 32]>,
) -> Result<EventCounts, DataError> {
    fs::create_dir_all(folder).map_err(DataError::io("create", folder))?;
    remove_unfinished(folder)?;
    let write = |name: &str, table: &Table| TableOutput::at(&folder.join(name))?.write(table);
    let mut digests = Table::new();
    digests.push(DIGEST, Column::Text(erased.iter().map(|digest| Some(hexadecimal(digest))).collect()))?;
    // First: whoever reads in between leaves these users out of older files, too.
    write(ERASED, &digests)?;
    let (exposures, mut events): (Vec<EventRow>, Vec<EventRow>) =
        rows.into_iter().partition(|row| row.kind == EXPOSURE);
    let arms: BTreeMap<&str, &EventRow> =
        exposures.iter().filter_map(|row| Some((row.recommendation_id.as_deref()?, row))).collect();
    for event in &mut events {
        let shown = event.recommendation_id.as_deref().and_then(|id| arms.get(id));
        event.arm = shown.filter(|shown| shown.user_id == event.user_id).and_then(|shown| shown.arm.clone());
    }
    write(ITEMS, &items_table(items)?)?;
    write(EVENTS, &table(&events)?)?;
    write(EXPOSURES, &table(&exposures)?)?;
    Ok(EventCounts {
        events: events.len(),
        rated: events.iter().filter(|event| event.rating.is_some()).count(),
        exposures: exposures.len(),
        erased: erased.len(),
    })
}

/// The events in `folder` and its exposures.
///
/// # Errors
/// A file that is missing or was not written by [`write_events`].
pub fn read_events(folder: &Path) -> Result<[Vec<EventRow>; 2], DataError> {
    let read = |name: &str| rows(&Table::read(&folder.join(name))?);
    Ok([read(EVENTS)?, read(EXPOSURES)?])
}

fn table(rows: &[EventRow]) -> Result<Table, DataError> {
    let ids = |of: fn(&EventRow) -> &str| {
        let ids: Vec<RawId> = rows.iter().map(|row| RawId::parse(of(row))).collect();
        Column::of_ids(ids.iter())
    };
    let texts = |of: fn(&EventRow) -> Option<&String>| Column::Text(rows.iter().map(|row| of(row).cloned()).collect());
    let mut table = Table::new();
    table.push("user_id", ids(|row| &row.user_id))?;
    table.push("item_id", ids(|row| &row.item_id))?;
    table.push("rating", Column::F32(rows.iter().map(|row| row.rating).collect()))?;
    table.push("timestamp", Column::I64(rows.iter().map(|row| Some(row.timestamp)).collect()))?;
    table.push("kind", texts(|row| Some(&row.kind)))?;
    table.push("recommendation_id", texts(|row| row.recommendation_id.as_ref()))?;
    table.push("arm", texts(|row| row.arm.as_ref()))?;
    Ok(table)
}

fn items_table(items: &[ItemRow]) -> Result<Table, DataError> {
    let ids: Vec<RawId> = items.iter().map(|item| RawId::parse(&item.item_id)).collect();
    // As titles with years are written in the raw files that have any.
    let title = |item: &ItemRow| match item.year.filter(|_| title::year(&item.title).is_none()) {
        Some(year) => format!("{} ({year})", item.title),
        None => item.title.clone(),
    };
    let mut table = Table::new();
    table.push("item_id", Column::of_ids(ids.iter()))?;
    table.push("title", Column::Text(items.iter().map(|item| Some(title(item))).collect()))?;
    table.push("features", Column::TextList(items.iter().map(|item| item.features.clone()).collect()))?;
    Ok(table)
}

fn rows(table: &Table) -> Result<Vec<EventRow>, DataError> {
    let (users, items) = (table.ids("user_id")?, table.ids("item_id")?);
    let (ratings, times) = (table.numbers("rating")?, table.integers("timestamp")?);
    let [kinds, answers, arms] = [table.texts("kind")?, table.texts("recommendation_id")?, table.texts("arm")?];
    let row = |at: usize| EventRow {
        user_id: users[at].to_string(),
        item_id: items[at].to_string(),
        rating: ratings[at],
        timestamp: times[at].unwrap_or_default(),
        kind: kinds[at].clone().unwrap_or_default(),
        recommendation_id: answers[at].clone(),
        arm: arms[at].clone(),
    };
    Ok((0..table.n_rows()).map(row).collect())
}

/// Removes what a write that was killed left: it may hold a user who was erased since.
fn remove_unfinished(folder: &Path) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let path = entry.map_err(DataError::io("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(".reco-") && name.ends_with(".partial") {
            fs::remove_file(&path).map_err(DataError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all text");
        text
    })
}

/// The folder that `data.events` names, as ingestion reads it.
pub(crate) struct Events {
    folder: PathBuf,
    /// Digests of users who are in no table.
    erased: BTreeSet<String>,
}

impl Events {
    /// The events that `config` names; `None` where it names none.
    ///
    /// # Errors
    /// A folder without events; a file in it that is damaged.
    pub(crate) fn find(config: &DataConfig) -> Result<Option<Self>, DataError> {
        if config.events.is_empty() {
            return Ok(None);
        }
        let missing = |reason: String| DataError::Config {
            key: "events",
            reason,
            hint: "it names the folder that a service exports, such as `data/events.export`; `reco retrain` makes it"
                .to_owned(),
        };
        let folder = expand(&config.events)
            .map_err(|unset| missing(format!("`{}` cannot be read, as ${unset} is not set", config.events)))?;
        let mut found = Self { folder: PathBuf::from(folder), erased: BTreeSet::new() };
        if !found.folder.join(EVENTS).is_file() {
            return Err(missing(format!("there is no `{}`", found.folder.join(EVENTS).display())));
        }
        let erased = found.folder.join(ERASED);
        if erased.is_file() {
            found.erased.extend(Table::read(&erased)?.texts(DIGEST)?.iter().flatten().cloned());
        }
        Ok(Some(found))
    }

    /// The files that are read.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = [EVENTS, ERASED, ITEMS].map(|name| self.folder.join(name));
        files.into_iter().filter(|path| path.is_file()).collect()
    }

    /// The file of events, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(EVENTS)
    }

    /// Whether `user` is to be in no table.
    pub(crate) fn is_erased(&self, user: &str) -> bool {
        !self.erased.is_empty() && self.erased.contains(&hexadecimal(&erased_digest(user)))
    }

    /// The events, in the order of a rating's fields; without stars, unless the data have `stars`.
    pub(crate) fn rows(&self, stars: bool) -> Result<ParquetRows, DataError> {
        let rating = if stars { "rating" } else { "" };
        ParquetRows::open(&self.path(), &names(&["user_id", "item_id", rating, "timestamp"]), "|")
    }

    /// The items that were added, with a value for each of `attributes`.
    pub(crate) fn items(&self, attributes: &[String]) -> Result<Vec<RawEntity>, DataError> {
        let path = self.folder.join(ITEMS);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let table = Table::read(&path)?;
        let Column::TextList(features) = table.column("features")? else {
            return Err(table.no_column("features", "lists of texts"));
        };
        let described = table.ids("item_id")?.into_iter().zip(table.texts("title")?).zip(features);
        let item = |((id, title), features): ((RawId, &Option<String>), &Vec<String>)| {
            let value = |name: &String| {
                let stated = features.iter().filter_map(|feature| feature.split_once('='));
                stated.into_iter().find(|(of, _)| of == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
            };
            RawEntity {
                id: id.to_string(),
                title: title.clone().unwrap_or_default(),
                genres: Some(features.iter().filter(|feature| !feature.contains('=')).cloned().collect()),
                attributes: attributes.iter().map(value).collect(),
            }
        };
        Ok(described.map(item).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user: &str, item: &str, kind: &str, answer: Option<&str>) -> EventRow {
        EventRow {
            user_id: user.to_owned(),
            item_id: item.to_owned(),
            rating: (kind == "rating").then_some(4.5),
            timestamp: 7,
            kind: kind.to_owned(),
            recommendation_id: answer.map(str::to_owned),
            arm: (kind == EXPOSURE).then(|| "b".to_owned()),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_events_know_their_arm() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("events.export");
        let given = vec![
            row("7", "1", EXPOSURE, Some("r")),
            row("7", "1", "rating", Some("r")),
            row("8", "1", "rating", Some("r")),
            row("7", "2", "click", None),
        ];
        let erased = BTreeSet::from([erased_digest("eve")]);
        let counts = write_events(&at, given.clone(), &[], &erased).unwrap();
        assert_eq!(counts, EventCounts { events: 3, rated: 2, exposures: 1, erased: 1 });
        let first = fs::read(at.join(EVENTS)).unwrap();
        fs::write(at.join(".reco-x.partial"), "eve").unwrap();
        write_events(&at, given.clone(), &[], &erased).unwrap();
        assert_eq!(fs::read(at.join(EVENTS)).unwrap(), first, "the same events, the same bytes");
        assert!(!at.join(".reco-x.partial").exists());
        let [events, exposures] = read_events(&at).unwrap();
        assert_eq!(exposures, given[..1]);
        let arms: Vec<Option<&str>> = events.iter().map(|event| event.arm.as_deref()).collect();
        assert_eq!(arms, [Some("b"), None, None], "another user's answer has no arm of theirs");
        assert_eq!(events[2], given[3]);
        let integers = Table::read(&at.join(EVENTS)).unwrap();
        assert!(matches!(integers.column("user_id").unwrap(), Column::I64(_)));
    }
}
