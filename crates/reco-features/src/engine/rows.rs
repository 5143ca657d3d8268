//! Reads the rows of a part that an engine left.
//!
//! Does not know what they are read for.
//!
//! **Invariant**: a row that is given out is of the catalogue, on the rating scale, and behind the one before it, by
//! user and then by item.

use reco_core::{ItemIdx, Items, Rating, UserIdx, Users};
use reco_data::Values;
use reco_data::table::{Column, SortedChunks, Table};

use super::{EngineParts, PART_COLUMNS, beyond, unfit};
use crate::FeaturesError;
use crate::split::Part;

/// Reads the parts of an engine in terms of a catalogue.
pub(super) struct Reader<'a> {
    pub(super) engine: &'a EngineParts<'a>,
    pub(super) users: &'a Users,
    pub(super) items: &'a Items,
}

/// Who rated what, when, and where it stands in the raw file.
pub(super) struct Row {
    pub(super) user: UserIdx,
    pub(super) item: ItemIdx,
    pub(super) timestamp: Option<i64>,
    pub(super) source_row: u64,
}

/// Some rows of a part, column by column.
pub(super) struct Chunk<'a> {
    reader: &'a Reader<'a>,
    users: &'a [Option<i64>],
    items: &'a [Option<i64>],
    ratings: &'a [Option<f32>],
    seconds: &'a [Option<i64>],
    source_rows: &'a [Option<i64>],
    /// The declared contexts, in the order of the tables.
    pub(super) contexts: Vec<Context<'a>>,
}

/// A declared context of some rows.
#[derive(Clone, Copy)]
pub(super) enum Context<'a> {
    Text(&'a [Option<String>]),
    Number(&'a [Option<f64>]),
}

impl Reader<'_> {
    /// Calls `take` with the rows of `part`, chunk by chunk.
    pub(super) fn each_chunk(
        &self,
        part: Part,
        progress: &mut dyn FnMut(u64),
        mut take: impl FnMut(&Chunk<'_>) -> Result<(), FeaturesError>,
    ) -> Result<(), FeaturesError> {
        let Some(path) = self.engine.parts.get(&part) else { return Ok(()) };
        let mut last = None;
        for table in SortedChunks::open(path, &PART_COLUMNS[..2])? {
            let table = table?;
            let chunk = self.chunk(&table)?;
            for at in 0..chunk.len() {
                let (row, _) = chunk.row(at)?;
                let place = (row.user, row.item);
                if last.is_some_and(|last| last >= place) {
                    let (user, item) = (self.users.id(row.user), self.items.id(row.item));
                    return Err(unfit(format!(
                        "`{}` is not in the order of users and items at user `{user}` and item `{item}`, or has them twice",
                        path.display()
                    )));
                }
                last = Some(place);
            }
            take(&chunk)?;
            progress(chunk.len() as u64);
        }
        Ok(())
    }

    fn chunk<'a>(&'a self, table: &'a Table) -> Result<Chunk<'a>, FeaturesError> {
        let [user, item, rating, seconds, source_row] = PART_COLUMNS;
        let mut contexts = Vec::new();
        for declared in &self.engine.tables.ratings.contexts {
            contexts.push(match (&declared.values, table.column(&declared.name)?) {
                (Values::Text(_), Column::Text(texts)) => Context::Text(texts),
                (Values::Number(_), Column::F64(numbers)) => Context::Number(numbers),
                _ => return Err(table.no_column(&declared.name, "the kind that the tables have").into()),
            });
        }
        Ok(Chunk {
            reader: self,
            users: table.integers(user)?,
            items: table.integers(item)?,
            ratings: table.numbers(rating)?,
            seconds: table.integers(seconds)?,
            source_rows: table.integers(source_row)?,
            contexts,
        })
    }
}

impl Chunk<'_> {
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// The row at `at`, and its rating.
    pub(super) fn row(&self, at: usize) -> Result<(Row, Option<Rating>), FeaturesError> {
        let Reader { engine, users, items } = self.reader;
        let known = |what: &str, value: Option<i64>| value.ok_or_else(|| unfit(format!("a row without `{what}`")));
        let (user, item) = (known("user_idx", self.users[at])?, known("item_idx", self.items[at])?);
        let place = |value: i64| usize::try_from(value).ok();
        let source_row = known("source_row", self.source_rows[at])?;
        let source_row = u64::try_from(source_row).map_err(|_| unfit(format!("source row `{source_row}`")))?;
        let row = Row {
            user: place(user).and_then(|row| users.at(row)).ok_or_else(|| beyond("user", user))?,
            item: place(item).and_then(|row| items.at(row)).ok_or_else(|| beyond("item", item))?,
            timestamp: self.seconds[at],
            source_row,
        };
        let rating = self.ratings[at].map(|stars| engine.tables.scale.rating(stars)).transpose();
        Ok((row, rating.map_err(|source| FeaturesError::Rating { source_row, source })?))
    }
}
