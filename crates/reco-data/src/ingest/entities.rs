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
use crate::events::Events;
use crate::fetch::FetchRecord;
use crate::locate::Found;
use crate::records::{Row, cut};
use crate::source::{Facts, RawEntities, RawEntity};
use crate::title;
use crate::{DataConfig, DataError, Decimal, ItemRows, NamedColumn, UserRows, Values};

/// Items or users of a file about them.
#[derive(Default)]
pub(super) struct Entities {
    attributes: Vec<String>,
    rows: Vec<RawEntity>,
}

/// Reads the item file, if there is one, and numbers its items, then those that were added with `events`.
pub(super) fn items(
    found: &Found,
    config: &DataConfig,
    events: Option<&Events>,
    ids: &mut Ids,
    rejects: &mut RejectLog,
) -> Result<Entities, DataError> {
    let mut items = match &found.files.items {
        Some(path) => Entities::number(found.source.items(path, config)?, path, "item", ids, rejects)?,
        None => Entities::default(),
    };
    let added = events.map(|events| events.items(&items.attributes)).transpose()?.unwrap_or_default();
    // What the item file says of an item goes before what was added.
    let added = added.into_iter().filter(|item| check::is_id(&item.id));
    items.rows.extend(added.filter(|item| ids.intern(&item.id).1));
    Ok(items)
}

/// Reads the user file, if there is one, and numbers its users, without those who were erased.
pub(super) fn users(
    found: &Found,
    config: &DataConfig,
    events: Option<&Events>,
    ids: &mut Ids,
    rejects: &mut RejectLog,
) -> Result<Entities, DataError> {
    let Some(path) = &found.files.users else { return Ok(Entities::default()) };
    let mut users = found.source.users(path, config)?;
    let is_erased = |user: &RawEntity| events.is_some_and(|events| events.is_erased(&user.id));
    users.lines.retain(|line| !line.entity.as_ref().is_ok_and(is_erased));
    Entities::number(users, path, "user", ids, rejects)
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

impl Entities {
    /// Numbers the entities that the file at `path` describes; `what` is `item` or `user`.
    fn number(
        raw: RawEntities,
        path: &Path,
        what: &str,
        ids: &mut Ids,
        rejects: &mut RejectLog,
    ) -> Result<Self, DataError> {
        let is_new = |ids: &mut Ids, id: &str| match check::no_id(id, what) {
            Some(problem) => Err(problem),
            None if ids.intern(id).1 => Ok(()),
            None => Err(format!("{what} `{}` has a line already", cut(id))),
        };
        rejects.begin(path);
        let n_lines = raw.lines.len() as u64;
        let mut rows = Vec::new();
        for line in raw.lines {
            match line.entity.and_then(|entity| is_new(ids, &entity.id).map(|()| entity)) {
                Ok(entity) => rows.push(entity),
                Err(reason) => rejects.push(line.line, line.n_feeds, reason)?,
            }
        }
        rejects.end(n_lines)?;
        Ok(Self { attributes: raw.attributes, rows })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The items of the file and those that only ratings name, with the attributes that ratings carry.
    pub(super) fn into_items(mut self, ids: Ids, noted: Attributes, decimal: Decimal) -> ItemRows {
        let item_id: Vec<ItemId> = ids.into_ids().into_iter().map(ItemId).collect();
        let mut items = ItemRows::default();
        for row in &mut self.rows {
            let title = std::mem::take(if row.title.is_empty() { &mut row.id } else { &mut row.title });
            items.name.push(title::name(&title));
            items.year.push(title::year(&title));
            items.title.push(title);
            items.genres.push(row.genres.take());
        }
        for id in &item_id[self.rows.len()..] {
            items.title.push(id.to_string());
            items.name.push(id.to_string());
            items.year.push(None);
            items.genres.push(None);
        }
        let attributes = self.into_columns(item_id.len(), noted, decimal);
        ItemRows { item_id, attributes, ..items }
    }

    /// The users of the file and those that only ratings name, with the attributes that ratings carry.
    pub(super) fn into_users(self, ids: Ids, noted: Attributes, decimal: Decimal) -> UserRows {
        let attributes = self.into_columns(ids.len(), noted, decimal);
        UserRows { user_id: ids.into_ids().into_iter().map(UserId).collect(), attributes }
    }

    fn into_columns(self, n_rows: usize, noted: Attributes, decimal: Decimal) -> Vec<NamedColumn> {
        let mut columns: Vec<TextColumn> = self.attributes.into_iter().map(|name| (name, vec![None; n_rows])).collect();
        for (at, row) in self.rows.into_iter().enumerate() {
            for ((_, column), value) in columns.iter_mut().zip(row.attributes) {
                column[at] = Some(value).filter(|value| !value.is_empty());
            }
        }
        for (name, mut column) in noted.0 {
            column.resize(n_rows, None);
            columns.push((name, column));
        }
        columns.into_iter().map(|(name, texts)| NamedColumn { name, values: Values::infer(texts, decimal) }).collect()
    }
}

type TextColumn = (String, Vec<Option<String>>);

/// Attributes of users or items that stand in the rows of ratings: the first value met counts.
pub(super) struct Attributes(Vec<TextColumn>);

impl Attributes {
    pub(super) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| (name.clone(), Vec::new())).collect())
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
