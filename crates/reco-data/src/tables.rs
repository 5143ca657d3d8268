//! Defines the checked tables in memory, and reads them from disk, whole or ratings chunk by chunk.
//!
//! Does not know the raw files that they were made from.
//!
//! **Invariant**: the columns of each table are equally long; every user and item of a rating stands in the users' and
//! the items' table, whose order is the source's.

use std::path::Path;

use reco_core::{ItemId, RatingScale, UserId};
use serde::{Deserialize, Serialize};

use crate::table::{Column, Table, TableReader};
use crate::{DataError, Decimal};

/// File names of the three tables.
pub(crate) const RATINGS: &str = "ratings.parquet";
pub(crate) const ITEMS: &str = "items.parquet";
pub(crate) const USERS: &str = "users.parquet";

/// Columns that every ratings table has; those after them are contexts.
pub(crate) const RATING_COLUMNS: [&str; 5] = ["user_id", "item_id", "rating", "timestamp", "source_row"];
/// Columns that every items table has; those after them are attributes.
pub(crate) const ITEM_COLUMNS: [&str; 5] = ["item_id", "title", "name", "year", "genres"];
/// The column that every users table has; those after it are attributes.
pub(crate) const USER_COLUMNS: [&str; 1] = ["user_id"];

/// The checked tables of one data set.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Who rated what, in source order.
    pub ratings: Ratings,
    /// All items: those of the item file in its order, then those met only in ratings.
    pub items: ItemRows,
    /// All users: those of the user file in its order, then those met only in ratings.
    pub users: UserRows,
    /// The stars that a rating can have.
    pub scale: RatingScale,
    /// Where it all comes from.
    pub dataset: DatasetInfo,
}

/// Where a data set comes from, and what was done to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Its name in results.
    pub name: String,
    /// The entry of [`SOURCES`](crate::SOURCES) that read it.
    pub source: String,
    /// SHA-256 of the raw ratings, in hexadecimal digits.
    pub sha256: String,
    /// Its terms of use.
    pub licence: String,
    /// What to cite.
    pub citation: String,
    /// How many rows were refused, of all files.
    pub n_rejected: u64,
    /// How many ratings were dropped for another of the same user and item.
    pub n_duplicates: u64,
}

/// Ratings or implicit events, column by column, in source order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ratings {
    /// The user of each row.
    pub user_id: Vec<UserId>,
    /// The item of each row.
    pub item_id: Vec<ItemId>,
    /// The stars; `None` for an implicit event.
    pub rating: Vec<Option<f32>>,
    /// The time in UTC seconds since 1970, where known.
    pub timestamp: Vec<Option<i64>>,
    /// The zero-based data line of the raw file; events that were added follow.
    pub source_row: Vec<u64>,
    /// Further columns that describe the moment of a rating.
    pub contexts: Vec<NamedColumn>,
}

impl Ratings {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.user_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.user_id.is_empty()
    }

    /// The rows of a table, or of a chunk of one.
    fn of(table: &Table) -> Result<Self, DataError> {
        Ok(Self {
            rating: table.numbers("rating")?.to_vec(),
            timestamp: table.integers("timestamp")?.to_vec(),
            contexts: further(table, &RATING_COLUMNS)?,
            source_row: table.integers("source_row")?.iter().map(|row| row.unwrap_or_default() as u64).collect(),
            user_id: table.ids("user_id")?.into_iter().map(UserId).collect(),
            item_id: table.ids("item_id")?.into_iter().map(ItemId).collect(),
        })
    }

    /// Makes room for `n` rows, if there is so much memory: the number that a damaged file states must not end the
    /// process.
    fn reserve(&mut self, n: usize) {
        let Self { user_id, item_id, rating, timestamp, source_row, contexts: _ } = self;
        let reserved = (user_id.try_reserve_exact(n))
            .and_then(|()| item_id.try_reserve_exact(n))
            .and_then(|()| rating.try_reserve_exact(n))
            .and_then(|()| timestamp.try_reserve_exact(n))
            .and_then(|()| source_row.try_reserve_exact(n));
        // Where room cannot be reserved at once, columns grow as rows come.
        drop(reserved);
    }

    /// Adds the rows of `other`, a chunk of the same table.
    fn append(&mut self, other: &Self) {
        let Self { user_id, item_id, rating, timestamp, source_row, contexts } = other;
        self.user_id.extend_from_slice(user_id);
        self.item_id.extend_from_slice(item_id);
        self.rating.extend_from_slice(rating);
        self.timestamp.extend_from_slice(timestamp);
        self.source_row.extend_from_slice(source_row);
        if self.contexts.is_empty() {
            self.contexts.clone_from(contexts);
            return;
        }
        for (column, more) in self.contexts.iter_mut().zip(contexts) {
            match (&mut column.values, &more.values) {
                (Values::Text(values), Values::Text(more)) => values.extend_from_slice(more),
                (Values::Number(values), Values::Number(more)) => values.extend_from_slice(more),
                _ => {}
            }
        }
    }
}

/// Items, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemRows {
    /// The items' ids.
    pub item_id: Vec<ItemId>,
    /// The title as the source writes it; the id where the source has none.
    pub title: Vec<String>,
    /// The title without its bracketed parts.
    pub name: Vec<String>,
    /// The year that the title ends in.
    pub year: Vec<Option<i32>>,
    /// `None` where the source's cell is empty, `Some([])` where it says that there are none.
    pub genres: Vec<Option<Vec<String>>>,
    /// Further columns.
    pub attributes: Vec<NamedColumn>,
}

/// Users, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRows {
    /// The users' ids.
    pub user_id: Vec<UserId>,
    /// Age, gender, occupation, or whatever else the source knows.
    pub attributes: Vec<NamedColumn>,
}

/// A column beyond those that every source has.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// Values of a [`NamedColumn`], some perhaps missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A column with at least one value that is not a finite number.
    Text(Vec<Option<String>>),
    /// A column of numbers.
    Number(Vec<Option<f64>>),
}

impl Values {
    /// Numbers if every text is a finite one, else the texts.
    pub(crate) fn infer(texts: Vec<Option<String>>, decimal: Decimal) -> Self {
        let number = |text: &String| decimal.finite(text);
        if texts.iter().flatten().all(|text| number(text).is_some()) {
            Self::Number(texts.iter().map(|text| text.as_ref().and_then(number)).collect())
        } else {
            Self::Text(texts)
        }
    }

    pub(crate) fn into_column(self) -> Column {
        match self {
            Self::Text(values) => Column::Text(values),
            Self::Number(values) => Column::F64(values),
        }
    }
}

impl Tables {
    /// Reads the tables that [`ingest`](crate::ingest) wrote into `dir`.
    ///
    /// # Errors
    /// A file that is missing, damaged, or not one of ours.
    pub fn read(dir: &Path) -> Result<Self, DataError> {
        let StoredTables { ratings: stored, items, users, scale, dataset } = StoredTables::open(dir)?;
        let mut ratings = Ratings::default();
        ratings.reserve(stored.len());
        stored.each(|chunk| {
            ratings.append(chunk);
            Ok::<(), DataError>(())
        })?;
        Ok(Self { ratings, items, users, scale, dataset })
    }

    /// The same without the ratings, of which it says how many there are: for whoever leaves them to an engine.
    ///
    /// # Errors
    /// As [`Tables::read`].
    pub fn read_listed(dir: &Path) -> Result<(Self, u64), DataError> {
        let StoredTables { ratings: StoredRatings(reader), items, users, scale, dataset } = StoredTables::open(dir)?;
        let ratings = Ratings::of(reader.like())?;
        Ok((Self { ratings, items, users, scale, dataset }, reader.n_rows() as u64))
    }
}

/// The checked tables of one data set on disk, of which those of items and users are read.
pub struct StoredTables {
    /// Who rated what, in source order.
    pub ratings: StoredRatings,
    /// As [`Tables::items`].
    pub items: ItemRows,
    /// As [`Tables::users`].
    pub users: UserRows,
    /// As [`Tables::scale`].
    pub scale: RatingScale,
    /// As [`Tables::dataset`].
    pub dataset: DatasetInfo,
}

/// Ratings that are read chunk by chunk, so that memory does not grow with their number.
pub struct StoredRatings(TableReader);

impl StoredTables {
    /// Opens the tables that [`ingest`](crate::ingest) wrote into `dir`.
    ///
    /// # Errors
    /// A file that is missing, damaged, or not one of ours.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        let path = dir.join(RATINGS);
        let reader = TableReader::open(&path)?;
        let items = Table::read(&dir.join(ITEMS))?;
        let users = Table::read(&dir.join(USERS))?;
        let like = reader.like();
        let said = |key: &str| {
            like.metadata(key)
                .map(str::to_owned)
                .ok_or_else(|| DataError::Parquet { path: path.clone(), reason: format!("its metadata lacks `{key}`") })
        };
        let number = |key: &str| {
            let text = said(key)?;
            text.parse::<f64>().map_err(DataError::parquet(&path))
        };
        let scale =
            RatingScale::new(number("scale_min")? as f32, number("scale_max")? as f32).map_err(DataError::Scale)?;
        let dataset = DatasetInfo {
            name: said("dataset")?,
            source: said("source")?,
            sha256: said("sha256")?,
            licence: said("licence")?,
            citation: said("citation")?,
            n_rejected: number("n_rejected")? as u64,
            n_duplicates: number("n_duplicates")? as u64,
        };
        // Columns are checked before any row is read.
        Ratings::of(like)?;
        Ok(Self {
            ratings: StoredRatings(reader),
            items: ItemRows {
                item_id: items.ids("item_id")?.into_iter().map(ItemId).collect(),
                title: texts(&items, "title")?,
                name: texts(&items, "name")?,
                year: items.integers("year")?.iter().map(|year| year.and_then(|year| year.try_into().ok())).collect(),
                genres: match items.column("genres")? {
                    Column::OptionalTextList(values) => values.clone(),
                    _ => return Err(items.no_column("genres", "optional lists of texts")),
                },
                attributes: further(&items, &ITEM_COLUMNS)?,
            },
            users: UserRows {
                user_id: users.ids("user_id")?.into_iter().map(UserId).collect(),
                attributes: further(&users, &USER_COLUMNS)?,
            },
            scale,
            dataset,
        })
    }
}

impl StoredRatings {
    /// How many rows the file says that it has.
    pub fn len(&self) -> usize {
        self.0.n_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `work` with the ratings of each chunk, in order; at least once, so that it sees which contexts there are.
    ///
    /// # Errors
    /// A damaged file; those of `work`.
    pub fn each<E: From<DataError> + Send>(
        self,
        mut work: impl FnMut(&Ratings) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        work(&Ratings::of(self.0.like())?)?;
        self.0.each(|chunk| work(&Ratings::of(chunk)?))
    }
}

fn texts(table: &Table, name: &str) -> Result<Vec<String>, DataError> {
    Ok(table.texts(name)?.iter().map(|text| text.clone().unwrap_or_default()).collect())
}

fn further(table: &Table, known: &[&str]) -> Result<Vec<NamedColumn>, DataError> {
    let further = table.columns().filter(|(name, _)| !known.contains(name));
    further
        .map(|(name, column)| {
            let values = match column {
                Column::Text(values) => Values::Text(values.clone()),
                Column::F64(values) => Values::Number(values.clone()),
                _ => return Err(table.no_column(name, "texts or double-precision numbers")),
            };
            Ok(NamedColumn { name: name.to_owned(), values })
        })
        .collect()
}

/// The columns of `items`, ready to be written.
pub(crate) fn items_table(items: ItemRows) -> Result<Table, DataError> {
    let mut table = Table::new();
    table.push("item_id", Column::of_ids(items.item_id.iter().map(|id| &id.0)))?;
    table.push("title", Column::Text(items.title.into_iter().map(Some).collect()))?;
    table.push("name", Column::Text(items.name.into_iter().map(Some).collect()))?;
    table.push("year", Column::I64(items.year.into_iter().map(|year| year.map(i64::from)).collect()))?;
    table.push("genres", Column::OptionalTextList(items.genres))?;
    for attribute in items.attributes {
        table.push(&attribute.name, attribute.values.into_column())?;
    }
    Ok(table)
}

/// The columns of `users`, ready to be written.
pub(crate) fn users_table(users: UserRows) -> Result<Table, DataError> {
    let mut table = Table::new();
    table.push("user_id", Column::of_ids(users.user_id.iter().map(|id| &id.0)))?;
    for attribute in users.attributes {
        table.push(&attribute.name, attribute.values.into_column())?;
    }
    Ok(table)
}
