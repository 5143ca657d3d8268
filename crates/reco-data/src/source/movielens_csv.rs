//! Reads MovieLens since 2013: `ratings.csv` and `movies.csv` (latest, latest-small, 20M, 25M, 32M), or the same tables
//! as Parquet, as `reco synth` writes them.
//!
//! Does not know `tags.csv`, `links.csv` or the genome.
//!
//! **Invariant**: ratings are half stars from 0.5 to 5.

use std::path::Path;

use super::{Facts, Files, RawEntities, RawEntity, Source, Writing};
use super::{entities, movielens, names, required};
use crate::records::{Delimited, Dialect, Records, open_table};
use crate::{DataConfig, DataError};

pub(super) struct MovielensCsv;

impl Source for MovielensCsv {
    fn name(&self) -> &'static str {
        "movielens-csv"
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let parquet = ["ratings.parquet", "movies.parquet"].map(|name| path.join(name));
        let has_parquet = parquet.iter().all(|file| file.is_file());
        // Where neither is whole, the error names the file that MovieLens has.
        let [ratings, items] = match has_parquet && !path.join("ratings.csv").exists() {
            true => parquet,
            false => [required(path, "ratings.csv")?, required(path, "movies.csv")?],
        };
        Ok(Files { ratings, items: Some(items), users: None })
    }

    fn facts(&self, _files: &Files) -> Facts {
        movielens(0.5)
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        open(&files.ratings, &["userId", "movieId", "rating", "timestamp"])
    }

    fn items(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        let mut records = open(path, &["movieId", "title", "genres"])?;
        entities(Vec::new(), &mut *records, |row| Ok(RawEntity::item(row, "|")))
    }
}

fn open(path: &Path, columns: &[&str]) -> Result<Box<dyn Records>, DataError> {
    match path.extension().is_some_and(|ending| ending == "parquet") {
        true => open_table(path, &names(columns), "|"),
        false => Ok(Box::new(Delimited::with_header(path, Dialect::CSV, &names(columns), |name| name)?)),
    }
}
