//! Reads a user's own ratings or events: CSV and its relatives, JSON lines or Parquet.
//!
//! Does not know how a file is written: `dialect` finds out what the experiment does not state.
//!
//! **Invariant**: a column that the experiment names is there, or the error lists those that are.

use std::path::{Path, PathBuf};

use super::{Extra, Facts, Files, RawEntities, RawEntity, Source, Writing, entities};
use crate::dialect::{detect, is_table};
use crate::records::{Records, Row, cut, open_table};
use crate::{DataConfig, DataError, Obstacle};

pub(super) struct OwnTable;

/// The file that the experiment names beside the ratings.
fn beside(ratings: &Path, name: &str) -> Result<Option<PathBuf>, DataError> {
    if name.is_empty() {
        return Ok(None);
    }
    let path = ratings.parent().unwrap_or(Path::new("")).join(name);
    if path.is_file() {
        return Ok(Some(path));
    }
    Err(DataError::NotFound {
        what: format!("`{}` is missing", path.display()),
        hint: "`data.columns` names it; the path is relative to the ratings' folder".to_owned(),
    })
}

fn stated(key: &'static str, name: &str) -> Result<String, DataError> {
    if name.is_empty() {
        return Err(DataError::Config {
            key,
            reason: "it is not stated".to_owned(),
            hint: "the source `table` needs the column's name".to_owned(),
        });
    }
    Ok(name.to_owned())
}

/// Refuses a list where an id is wanted.
fn not_a_list(row: &Row) -> Result<(), String> {
    match row.is_list(0) {
        true => Err(format!("`{}` is a list, not an id", cut(row.get(0)))),
        false => Ok(()),
    }
}

impl Source for OwnTable {
    fn name(&self) -> &'static str {
        "table"
    }

    fn detect(&self, path: &Path) -> bool {
        path.is_file() && is_table(path)
    }

    fn files(&self, path: &Path, config: &DataConfig) -> Result<Files, DataError> {
        if !path.is_file() {
            return Err(DataError::NotFound {
                what: format!("`{}` is not a file", path.display()),
                hint: "the source `table` reads one file, named in `data.path`".to_owned(),
            });
        }
        let items = beside(path, &config.columns.item_table.path)?;
        let users = beside(path, &config.columns.user_table.path)?;
        Ok(Files { ratings: path.to_owned(), items, users })
    }

    fn facts(&self, _files: &Files) -> Facts {
        Facts::default()
    }

    fn extra(&self, config: &DataConfig) -> Extra {
        Extra {
            contexts: config.columns.context.clone(),
            user_attributes: config.columns.user_attributes.clone(),
            item_attributes: config.columns.item_attributes.clone(),
        }
    }

    fn writing(&self, files: &Files, config: &DataConfig) -> Result<Writing, DataError> {
        let mut found = detect(&files.ratings, config);
        if let Err(DataError::Obstacles { obstacles, .. }) = &mut found {
            // Obstacles of the files beside it are reported together with its own.
            let items = files.items.as_ref().and_then(|path| self.items(path, config).err());
            let users = files.users.as_ref().and_then(|path| self.users(path, config).err());
            obstacles.extend([items, users].into_iter().flatten().filter_map(Obstacle::of));
        }
        let found = found?;
        Ok(Writing { decimal: found.decimal, times: found.times, said: found.said.clone(), detected: Some(found) })
    }

    fn ratings(&self, files: &Files, config: &DataConfig, writing: &Writing) -> Result<Box<dyn Records>, DataError> {
        let columns = &config.columns;
        let extra = [&columns.context, &columns.user_attributes, &columns.item_attributes];
        let extra: Vec<String> = extra.into_iter().flatten().cloned().collect();
        match &writing.detected {
            Some(detected) => detected.open(&files.ratings, &extra, "|"),
            None => detect(&files.ratings, config)?.open(&files.ratings, &extra, "|"),
        }
    }

    fn items(&self, path: &Path, config: &DataConfig) -> Result<RawEntities, DataError> {
        let table = &config.columns.item_table;
        let mut wanted = vec![stated("columns.item_table.id", &table.id)?, table.title.clone(), table.genres.clone()];
        wanted.extend(table.attributes.iter().cloned());
        entities(table.attributes.clone(), &mut *open_table(path, &wanted, &table.genre_separator)?, |row| {
            not_a_list(row)?;
            Ok(RawEntity::item(row, &table.genre_separator))
        })
    }

    fn users(&self, path: &Path, config: &DataConfig) -> Result<RawEntities, DataError> {
        let table = &config.columns.user_table;
        let mut wanted = vec![stated("columns.user_table.id", &table.id)?];
        wanted.extend(table.attributes.iter().cloned());
        entities(table.attributes.clone(), &mut *open_table(path, &wanted, "|")?, |row| {
            not_a_list(row)?;
            Ok(RawEntity::user(row))
        })
    }
}
