//! Reads MovieLens since 2013: `ratings.csv` and `movies.csv` (latest, latest-small, 20M, 25M, 32M).
//!
//! Does not know `tags.csv`, `links.csv` or the genome.
//!
//! **Invariant**: ratings are half stars from 0.5 to 5.

use std::path::Path;

use super::{Facts, Files, RawEntities, RawEntity, Source, Writing};
use super::{entities, movielens, names, required};
use crate::records::{Delimited, Dialect, Records};
use crate::{DataConfig, DataError};

pub(super) struct MovielensCsv;

impl Source for MovielensCsv {
    fn name(&self) -> &'static str {
        "movielens-csv"
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let (ratings, items) = (required(path, "ratings.csv")?, required(path, "movies.csv")?);
        Ok(Files { ratings, items: Some(items), users: None })
    }

    fn facts(&self, _files: &Files) -> Facts {
        movielens(0.5)
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        let wanted = names(&["userId", "movieId", "rating", "timestamp"]);
        Ok(Box::new(Delimited::with_header(&files.ratings, Dialect::CSV, &wanted, |name| name)?))
    }

    fn items(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        let wanted = names(&["movieId", "title", "genres"]);
        let mut records = Delimited::with_header(path, Dialect::CSV, &wanted, |name| name)?;
        entities(Vec::new(), &mut records, |row| Ok(RawEntity::item(row, "|")))
    }
}
