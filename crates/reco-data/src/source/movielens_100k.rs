//! Reads MovieLens 100K: `u.data`, `u.item` and `u.user`.
//!
//! Does not know the splits (`u1.base`, …) that lie beside them.
//!
//! **Invariant**: items are in Latin-1; genres are in the order of `u.genre`, `unknown` among them.

use std::path::Path;

use super::{
    Facts, Files, GROUPLENS_CITATION, GROUPLENS_LICENCE, RawItem, RawItems, RawUser, RawUsers, Source, Writing,
};
use super::{lines, names, required, stars};
use crate::records::{Bytes, Delimited, Dialect, Quotes, Records};
use crate::{DataConfig, DataError};

pub(super) struct Movielens100k;

/// The flags of `u.item`, from its sixth field on.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

const PIPES: Dialect = Dialect { delimiter: b'|', quotes: Quotes::None, encoding: Bytes::Latin1 };

impl Source for Movielens100k {
    fn name(&self) -> &'static str {
        "movielens-100k"
    }

    fn about(&self) -> &'static str {
        "MovieLens 100K: a folder with u.data, u.item and u.user"
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
        Facts {
            scale: Some(stars(1.0, 5.0)),
            is_rated: true,
            licence: GROUPLENS_LICENCE,
            citation: GROUPLENS_CITATION,
            ..Facts::default()
        }
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        Ok(Box::new(Delimited::without_header(&files.ratings, Dialect::TSV, 4, &[0, 1, 2, 3])?))
    }

    fn items(&self, files: &Files, _config: &DataConfig) -> Result<RawItems, DataError> {
        let Some(path) = &files.items else { return Ok(RawItems::default()) };
        // movie id | title | release date | video release date | IMDb URL | 19 flags
        let places: Vec<usize> = [0, 1].into_iter().chain(5..24).collect();
        let lines = lines(Delimited::without_header(path, PIPES, 24, &places)?, |row| {
            let mut genres = Vec::new();
            for (i, genre) in GENRES.iter().enumerate() {
                match row.get(2 + i) {
                    "1" => genres.push((*genre).to_owned()),
                    "0" => {}
                    other => return Err(format!("flag `{other}` of genre `{genre}` is neither 0 nor 1")),
                }
            }
            let (id, title) = (row.get(0).to_owned(), row.get(1).to_owned());
            Ok(RawItem { id, title, genres: Some(genres), attributes: Vec::new() })
        })?;
        Ok(RawItems { attributes: Vec::new(), lines })
    }

    fn users(&self, files: &Files, _config: &DataConfig) -> Result<RawUsers, DataError> {
        let Some(path) = &files.users else { return Ok(RawUsers::default()) };
        let lines = lines(Delimited::without_header(path, PIPES, 5, &[0, 1, 2, 3, 4])?, |row| {
            let attributes = (1..5).map(|index| row.get(index).to_owned()).collect();
            Ok(RawUser { id: row.get(0).to_owned(), attributes })
        })?;
        Ok(RawUsers { attributes: names(&["age", "gender", "occupation", "zip_code"]), lines })
    }
}
