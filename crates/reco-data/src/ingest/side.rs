//! What do files say about items and users, and what do ratings add?
//!
//! Does not know ratings beyond the attributes that their rows carry.
//!
//! **Invariant**: an id has one row; the rows of the file come first, in its order.

use std::path::Path;

use reco_core::{ItemId, UserId};
use serde::Deserialize;

use super::ids::Ids;
use super::rejects::RejectLog;
use crate::fetch::FetchRecord;
use crate::locate::Found;
use crate::records::Row;
use crate::source::{Facts, RawItem, RawUser};
use crate::title;
use crate::{DataConfig, DataError, ItemRows, NamedColumn, UserRows, Values};

/// Items of the item file.
pub(super) struct Items {
    attributes: Vec<String>,
    rows: Vec<RawItem>,
}

/// Users of the user file.
pub(super) struct Users {
    attributes: Vec<String>,
    rows: Vec<RawUser>,
}

/// Reads the item file, and numbers its items.
pub(super) fn items(
    found: &Found,
    config: &DataConfig,
    ids: &mut Ids,
    rejects: &mut RejectLog,
) -> Result<Items, DataError> {
    let raw = found.source.items(&found.files, config)?;
    rejects.begin(found.files.items.as_deref().unwrap_or(&found.files.ratings));
    let n_lines = raw.lines.len() as u64;
    let mut rows = Vec::new();
    for line in raw.lines {
        match line.row.and_then(|item| number(ids, &item.id, "item").map(|()| item)) {
            Ok(item) => rows.push(item),
            Err(reason) => rejects.push(line.line, reason)?,
        }
    }
    rejects.end(n_lines)?;
    Ok(Items { attributes: raw.attributes, rows })
}

/// Reads the user file, and numbers its users.
pub(super) fn users(
    found: &Found,
    config: &DataConfig,
    ids: &mut Ids,
    rejects: &mut RejectLog,
) -> Result<Users, DataError> {
    let raw = found.source.users(&found.files, config)?;
    rejects.begin(found.files.users.as_deref().unwrap_or(&found.files.ratings));
    let n_lines = raw.lines.len() as u64;
    let mut rows = Vec::new();
    for line in raw.lines {
        match line.row.and_then(|user| number(ids, &user.id, "user").map(|()| user)) {
            Ok(user) => rows.push(user),
            Err(reason) => rejects.push(line.line, reason)?,
        }
    }
    rejects.end(n_lines)?;
    Ok(Users { attributes: raw.attributes, rows })
}

fn number(ids: &mut Ids, id: &str, what: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err(format!("it names no {what}"));
    }
    match ids.intern(id) {
        (_, true) => Ok(()),
        (_, false) => Err(format!("{what} `{id}` has a line already")),
    }
}

impl Items {
    /// Adds the items that only ratings name, and the attributes that ratings carry.
    pub(super) fn complete(self, ids: Ids, noted: Attributes) -> ItemRows {
        let n_items = ids.len();
        let mut items = ItemRows { item_id: ids.into_ids().into_iter().map(ItemId).collect(), ..ItemRows::default() };
        let mut columns = columns(self.attributes, n_items);
        for (i, row) in self.rows.into_iter().enumerate() {
            let title = if row.title.is_empty() { row.id } else { row.title };
            items.name.push(title::name(&title));
            items.year.push(title::year(&title));
            items.title.push(title);
            items.genres.push(row.genres);
            fill(&mut columns, i, row.attributes);
        }
        for id in &items.item_id[items.title.len()..] {
            items.title.push(id.to_string());
            items.name.push(id.to_string());
            items.year.push(None);
            items.genres.push(None);
        }
        items.attributes = named(columns.into_iter().chain(noted.into_columns(n_items)));
        items
    }
}

impl Users {
    /// Adds the users that only ratings name, and the attributes that ratings carry.
    pub(super) fn complete(self, ids: Ids, noted: Attributes) -> UserRows {
        let n_users = ids.len();
        let mut columns = columns(self.attributes, n_users);
        for (i, row) in self.rows.into_iter().enumerate() {
            fill(&mut columns, i, row.attributes);
        }
        UserRows {
            user_id: ids.into_ids().into_iter().map(UserId).collect(),
            attributes: named(columns.into_iter().chain(noted.into_columns(n_users))),
        }
    }
}

type TextColumn = (String, Vec<Option<String>>);

fn columns(names: Vec<String>, n_rows: usize) -> Vec<TextColumn> {
    names.into_iter().map(|name| (name, vec![None; n_rows])).collect()
}

fn fill(columns: &mut [TextColumn], row: usize, values: Vec<String>) {
    for ((_, column), value) in columns.iter_mut().zip(values) {
        column[row] = Some(value).filter(|value| !value.is_empty());
    }
}

fn named(columns: impl Iterator<Item = TextColumn>) -> Vec<NamedColumn> {
    columns.map(|(name, texts)| NamedColumn { name, values: Values::infer(texts) }).collect()
}

/// Attributes of users or items that stand in the rows of ratings: the first value met counts.
pub(super) struct Attributes(Vec<TextColumn>);

impl Attributes {
    pub(super) fn new(names: &[String]) -> Self {
        Self(columns(names.to_vec(), 0))
    }

    /// Notes what `row` says, from its field `first` on, about the user or item with that number.
    pub(super) fn note(&mut self, number: u32, row: &Row, first: usize) {
        let number = number as usize;
        for (i, (_, column)) in self.0.iter_mut().enumerate() {
            if column.len() <= number {
                column.resize(number + 1, None);
            }
            let text = row.get(first + i);
            if column[number].is_none() && !text.is_empty() {
                column[number] = Some(text.to_owned());
            }
        }
    }

    fn into_columns(self, n_rows: usize) -> impl Iterator<Item = TextColumn> {
        self.0.into_iter().map(move |(name, mut column)| {
            column.resize(n_rows, None);
            (name, column)
        })
    }
}

/// What `dataset.toml`, where it lies beside the raw files, says about terms; the generator writes one.
#[derive(Deserialize)]
struct Terms {
    licence: String,
    citation: String,
}

/// Licence and citation: those that lie beside the raw files, or else the source's own.
pub(super) fn terms(found: &Found, facts: &Facts) -> Result<(String, String), DataError> {
    let folder = found.files.ratings.parent().unwrap_or(Path::new(""));
    let path = folder.join("dataset.toml");
    if path.is_file() {
        let text = std::fs::read_to_string(&path).map_err(DataError::io("read", &path))?;
        let terms: Terms = toml::from_str(&text).map_err(|error| DataError::Format {
            path,
            reason: error.message().to_owned(),
            hint: "two texts: `licence` and `citation`".to_owned(),
        })?;
        return Ok((terms.licence, terms.citation));
    }
    if let Some(record) = FetchRecord::read(folder)? {
        return Ok((record.licence, record.citation));
    }
    Ok((facts.licence.to_owned(), facts.citation.to_owned()))
}
