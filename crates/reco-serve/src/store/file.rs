//! The tables of the events' file: opened, read, written, and copied without a user.
//!
//! Does not know who waits for what, nor what is kept in memory beside them.
//!
//! **Invariant**: what is written in one call is one transaction: all of it is on disk when the call returns, or none.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use reco_run::{EventRow, ItemRow, erased_digest, feature_of_year};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::Serialize;

use super::{AddedItem, Change, Event, Known};

/// Events by number, from 1, as JSON.
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// The number of the event that came under an idempotency key.
const KEYS: TableDefinition<'_, &str, u64> = TableDefinition::new("keys");

/// Digests of the ids of users who were erased: models that were trained before still know them.
const ERASED: TableDefinition<'_, &[u8], ()> = TableDefinition::new("erased");

/// Items that were added since the training, by id, as JSON.
const ITEMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("items");

pub(super) fn open(path: &Path) -> Result<Database, String> {
    let made = || -> Result<Database, redb::Error> {
        let database = Database::create(path)?;
        let write = database.begin_write()?;
        write.open_table(EVENTS)?;
        write.open_table(KEYS)?;
        write.open_table(ERASED)?;
        write.open_table(ITEMS)?;
        write.commit()?;
        settle(path)?;
        Ok(database)
    };
    made().map_err(|error| error.to_string())
}

/// Makes the name of the file at `path` last: a commit is the file's alone.
pub(super) fn settle(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    // Folders cannot be opened everywhere.
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Hands out every event and every item that was added, in their order, and returns the digests of users who were
/// erased.
fn each(
    database: &Database,
    mut event: impl FnMut(Event),
    mut item: impl FnMut(AddedItem),
) -> Result<BTreeSet<[u8; 32]>, redb::Error> {
    let foreign = |what: String, error| redb::Error::Corrupted(format!("{what} is not one of ours: {error}"));
    let read = database.begin_read()?;
    for entry in read.open_table(EVENTS)?.iter()? {
        let (number, bytes) = entry?;
        let parsed = serde_json::from_slice(bytes.value());
        event(parsed.map_err(|error| foreign(format!("event `{}`", number.value()), error))?);
    }
    for entry in read.open_table(ITEMS)?.iter()? {
        let (id, bytes) = entry?;
        let parsed = serde_json::from_slice(bytes.value());
        item(parsed.map_err(|error| foreign(format!("item `{}`", id.value()), error))?);
    }
    let mut erased = BTreeSet::new();
    for entry in read.open_table(ERASED)?.iter()? {
        erased.extend(<[u8; 32]>::try_from(entry?.0.value()));
    }
    Ok(erased)
}

/// What is kept in memory.
pub(super) fn read(database: &Database) -> Result<Known, redb::Error> {
    let (mut known, mut items) = (Known::default(), Vec::new());
    let erased = each(database, |event| known.remember(event), |item| items.push(item))?;
    known.items.extend(items.into_iter().map(|item| (item.item_id.clone(), Arc::new(item))));
    known.erased.extend(erased);
    Ok(known)
}

/// Writes all changes in one transaction; for each, which of its events were new, or whether it changed anything.
pub(super) fn write<'a>(
    database: &Database,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<Vec<Vec<bool>>, redb::Error> {
    let write = database.begin_write()?;
    let mut written = Vec::new();
    {
        let mut table = write.open_table(EVENTS)?;
        let mut keys = write.open_table(KEYS)?;
        let mut items = write.open_table(ITEMS)?;
        let mut number = table.last()?.map_or(0, |(number, _)| number.value());
        for change in changes {
            let events = match change {
                Change::Keep(events) => events,
                Change::Add(item) => {
                    let is_new = items.get(item.item_id.as_str())?.is_none();
                    if is_new {
                        items.insert(item.item_id.as_str(), bytes(item).as_slice())?;
                    }
                    written.push(vec![is_new]);
                    continue;
                }
                Change::Remove(id) => {
                    written.push(vec![items.remove(id.as_str())?.is_some()]);
                    continue;
                }
            };
            let mut fresh = Vec::with_capacity(events.len());
            for event in events {
                let known = match &event.key {
                    Some(key) => keys.get(key.as_str())?.is_some(),
                    None => false,
                };
                if !known {
                    number += 1;
                    table.insert(number, bytes(event).as_slice())?;
                    if let Some(key) = &event.key {
                        keys.insert(key.as_str(), number)?;
                    }
                }
                fresh.push(!known);
            }
            written.push(fresh);
        }
    }
    write.commit()?;
    Ok(written)
}

fn bytes(what: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(what).expect("events and items are texts and finite numbers")
}

/// What is exported.
pub(super) struct Rows {
    /// In their order.
    pub(super) events: Vec<EventRow>,
    pub(super) items: Vec<ItemRow>,
    /// Digests of users who were erased.
    pub(super) erased: BTreeSet<[u8; 32]>,
}

pub(super) fn rows(database: &Database) -> Result<Rows, redb::Error> {
    let (mut events, mut items) = (Vec::new(), Vec::new());
    let event = |event| {
        let Event { user_id, item_id, kind, rating, timestamp, recommendation_id, arm, key: _ } = event;
        events.push(EventRow { user_id, item_id, rating, timestamp, kind, recommendation_id, arm });
    };
    let item = |item| {
        let AddedItem { item_id, title, year, mut features, timestamp: _ } = item;
        // What follows from the year is made again from it.
        features.retain(|name| feature_of_year(name, year).is_none());
        items.push(ItemRow { item_id, title, year, features });
    };
    let erased = each(database, event, item)?;
    Ok(Rows { events, items, erased })
}

/// Copies all but what is of `user`, and adds the digest of the id; returns how many events were left out.
pub(super) fn copy_without(from: &Database, to: &Database, user: &str) -> Result<usize, redb::Error> {
    let (read, write) = (from.begin_read()?, to.begin_write()?);
    let mut n_left_out = 0;
    {
        let (mut events, mut keys, mut erased) =
            (write.open_table(EVENTS)?, write.open_table(KEYS)?, write.open_table(ERASED)?);
        for entry in read.open_table(EVENTS)?.iter()? {
            let (number, bytes) = entry?;
            let event: Option<Event> = serde_json::from_slice(bytes.value()).ok();
            match event {
                Some(event) if event.user_id == user => n_left_out += 1,
                event => {
                    events.insert(number.value(), bytes.value())?;
                    // A key may hold an id of its user, so that keys go with their events.
                    if let Some(key) = event.and_then(|event| event.key) {
                        keys.insert(key.as_str(), number.value())?;
                    }
                }
            }
        }
        for entry in read.open_table(ERASED)?.iter()? {
            erased.insert(entry?.0.value(), ())?;
        }
        let mut items = write.open_table(ITEMS)?;
        for entry in read.open_table(ITEMS)?.iter()? {
            let (id, bytes) = entry?;
            items.insert(id.value(), bytes.value())?;
        }
        erased.insert(erased_digest(user).as_slice(), ())?;
    }
    write.commit()?;
    Ok(n_left_out)
}
