//! Reads what files say about items and users, and completes it with what the ratings name.
//!
//! Does not know ratings beyond the attributes that their rows carry.
//!
//! **Invariant**: an id has one row; the rows of the file come first, in its order.

use std::path::Path;

use reco_core::{ItemId, UserId};
use serde::Deserialize;

use super::check;
use super::ids::Ids;
use super::rejects::RejectLog;
use crate::fetch::FetchRecord;
use crate::locate::Found;
use crate::records::{Row, cut};
use crate::source::{Facts, RawItem, RawUser};
use crate::title;
use crate::{DataConfig, DataError, Decimal, ItemRows, NamedColumn, UserRows, Values};

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
            Err(reason) => rejects.push(line.line, line.n_feeds, reason)?,
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
            Err(reason) => rejects.push(line.line, line.n_feeds, reason)?,
        }
    }
    rejects.end(n_lines)?;
    Ok(Users { attributes: raw.attributes, rows })
}

fn number(ids: &mut Ids, id: &str, what: &str) -> Result<(), String> {
    if let Some(problem) = check::no_id(id, what) {
        return Err(problem);
    }
    match ids.intern(id) {
        (_, true) => Ok(()),
        (_, false) => Err(format!("{what} `{}` has a line already", cut(id))),
    }
}

/// A file about users or items, as it is joined to the ratings.
pub(super) struct Joined<'a> {
    pub(super) path: &'a Path,
    /// `user` or `item`.
    pub(super) what: &'static str,
    /// How many of them the file describes.
    pub(super) n_known: usize,
    /// All of them, those of the file first.
    pub(super) ids: &'a Ids,
    /// The lowest number that the ratings name.
    pub(super) lowest: u32,
}

impl Joined<'_> {
    /// What the file lacks, in words, if it lacks anything.
    ///
    /// # Errors
    /// A file that describes none of those that the ratings name.
    pub(super) fn said(&self) -> Result<Option<String>, DataError> {
        let Self { path, what, n_known, ids, lowest } = *self;
        let n_unknown = ids.len() - n_known;
        if n_known == 0 || n_unknown == 0 {
            return Ok(None);
        }
        let rated = ids.shown(n_known);
        if lowest as usize >= n_known {
            return Err(DataError::Format {
                path: path.to_owned(),
                reason: format!(
                    "no {what} of the ratings is in it: here one is called `{}`, there `{rated}`",
                    ids.shown(0)
                ),
                hint: format!(
                    "`data.columns.{what}_table.id` names the column of ids that the ratings have, written alike"
                ),
            });
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Some(format!("`{file}` lacks {n_unknown} {what}s that the ratings name, such as `{rated}`")))
    }
}

impl Items {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the items that only ratings name, and the attributes that ratings carry.
    pub(super) fn complete(self, ids: Ids, noted: Attributes, decimal: Decimal) -> ItemRows {
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
        items.attributes = named(columns.into_iter().chain(noted.into_columns(n_items)), decimal);
        items
    }
}

impl Users {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the users that only ratings name, and the attributes that ratings carry.
    pub(super) fn complete(self, ids: Ids, noted: Attributes, decimal: Decimal) -> UserRows {
        let n_users = ids.len();
        let mut columns = columns(self.attributes, n_users);
        for (i, row) in self.rows.into_iter().enumerate() {
            fill(&mut columns, i, row.attributes);
        }
        UserRows {
            user_id: ids.into_ids().into_iter().map(UserId).collect(),
            attributes: named(columns.into_iter().chain(noted.into_columns(n_users)), decimal),
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

fn named(columns: impl Iterator<Item = TextColumn>, decimal: Decimal) -> Vec<NamedColumn> {
    columns.map(|(name, texts)| NamedColumn { name, values: Values::infer(texts, decimal) }).collect()
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

/// The terms of use in a `dataset.toml` beside the raw files; the generator writes one.
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
