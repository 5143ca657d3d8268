//! Reads MovieLens since 2013: `ratings.csv` and `movies.csv` (latest, latest-small, 20M, 25M, 32M).
//!
//! Does not know `tags.csv`, `links.csv` or the genome.
//!
//! **Invariant**: ratings are half stars from 0.5 to 5.

use std::path::Path;

use super::{Facts, Files, GROUPLENS_CITATION, GROUPLENS_LICENCE, RawItem, RawItems, Source, Writing};
use super::{genres, lines, names, required, stars};
use crate::records::{Delimited, Dialect, Records};
use crate::{DataConfig, DataError};

pub(super) struct MovielensCsv;

impl Source for MovielensCsv {
    fn name(&self) -> &'static str {
        "movielens-csv"
    }

    fn about(&self) -> &'static str {
        "MovieLens latest, latest-small, 20M, 25M, 32M: a folder with ratings.csv and movies.csv"
    }

    fn detect(&self, path: &Path) -> bool {
        path.join("ratings.csv").is_file() && path.join("movies.csv").is_file()
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let (ratings, items) = (required(path, "ratings.csv")?, required(path, "movies.csv")?);
        Ok(Files { ratings, items: Some(items), users: None })
    }

    fn facts(&self, _files: &Files) -> Facts {
        Facts {
            scale: Some(stars(0.5, 5.0)),
            is_rated: true,
            licence: GROUPLENS_LICENCE,
            citation: GROUPLENS_CITATION,
            ..Facts::default()
        }
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        let wanted = names(&["userId", "movieId", "rating", "timestamp"]);
        Ok(Box::new(Delimited::with_header(&files.ratings, Dialect::CSV, &wanted, |name| name)?))
    }

    fn items(&self, files: &Files, _config: &DataConfig) -> Result<RawItems, DataError> {
        let Some(path) = &files.items else { return Ok(RawItems::default()) };
        let wanted = names(&["movieId", "title", "genres"]);
        let records = Delimited::with_header(path, Dialect::CSV, &wanted, |name| name)?;
        let lines = lines(records, |row| {
            let (id, title) = (row.get(0).to_owned(), row.get(1).to_owned());
            Ok(RawItem { id, title, genres: genres(row.get(2), "|"), attributes: Vec::new() })
        })?;
        Ok(RawItems { attributes: Vec::new(), lines })
    }
}
