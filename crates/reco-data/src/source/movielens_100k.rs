//! Reads MovieLens 100K: `u.data`, `u.item` and `u.user`.
//!
//! Does not know the splits (`u1.base`, …) that lie beside them.
//!
//! **Invariant**: items are in Latin-1; genres are in the order of `u.genre`, `unknown` among them.

use std::path::Path;

use super::{Facts, Files, RawEntities, RawEntity, Source, Writing};
use super::{entities, movielens, names, required};
use crate::records::{Bytes, Delimited, Dialect, Quotes, Records};
use crate::{DataConfig, DataError};

pub(super) struct Movielens100k;

/// The flags of `u.item`, from its sixth field on.
const GENRES: &str = "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir \
                      Horror Musical Mystery Romance Sci-Fi Thriller War Western";

const PIPES: Dialect = Dialect { delimiter: b'|', quotes: Quotes::None, encoding: Bytes::Latin1 };

impl Source for Movielens100k {
    fn name(&self) -> &'static str {
        "movielens-100k"
    }

    fn detect(&self, path: &Path) -> bool {
        path.join("u.data").is_file() && path.join("u.item").is_file()
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        Ok(Files {
            ratings: required(path, "u.data")?,
            items: Some(required(path, "u.item")?),
            users: Some(required(path, "u.user")?),
        })
    }

    fn facts(&self, _files: &Files) -> Facts {
        movielens(1.0)
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        Ok(Box::new(Delimited::without_header(&files.ratings, Dialect::TSV, 4, 0..4)?))
    }

    fn items(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        // movie id | title | release date | video release date | IMDb URL | 19 flags
        let mut records = Delimited::without_header(path, PIPES, 24, (0..2).chain(5..24))?;
        entities(Vec::new(), &mut records, |row| {
            let mut genres = Vec::new();
            for (field, genre) in (2..).zip(GENRES.split(' ')) {
                match row.get(field) {
                    "1" => genres.push(genre.to_owned()),
                    "0" => {}
                    other => return Err(format!("flag `{other}` of genre `{genre}` is neither 0 nor 1")),
                }
            }
            let (id, title) = (row.get(0).to_owned(), row.get(1).to_owned());
            Ok(RawEntity { id, title, genres: Some(genres), attributes: Vec::new() })
        })
    }

    fn users(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        let mut records = Delimited::without_header(path, PIPES, 5, 0..5)?;
        entities(names(&["age", "gender", "occupation", "zip_code"]), &mut records, |row| Ok(RawEntity::user(row)))
    }
}
