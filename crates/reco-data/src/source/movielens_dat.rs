//! Reads MovieLens 1M and 10M: `ratings.dat` and `movies.dat` with `::` between fields; 1M has `users.dat` too.
//!
//! Does not know `tags.dat`.
//!
//! **Invariant**: 1M, the one with users, has whole stars from 1; 10M has half stars from 0.5. Ages and occupations,
//! which are codes in the file, are given in the words of its README.

use std::path::Path;

use super::{
    Facts, Files, GROUPLENS_CITATION, GROUPLENS_LICENCE, RawItem, RawItems, RawUser, RawUsers, Source, Writing,
};
use super::{genres, lines, names, required, stars};
use crate::records::{DoubleColon, Records};
use crate::{DataConfig, DataError};

pub(super) struct MovielensDat;

const AGES: [(&str, &str); 7] = [
    ("1", "under 18"),
    ("18", "18-24"),
    ("25", "25-34"),
    ("35", "35-44"),
    ("45", "45-49"),
    ("50", "50-55"),
    ("56", "56+"),
];

/// By their code, from 0.
const OCCUPATIONS: [&str; 21] = [
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
];

impl Source for MovielensDat {
    fn name(&self) -> &'static str {
        "movielens-dat"
    }

    fn about(&self) -> &'static str {
        "MovieLens 1M, 10M: a folder with ratings.dat, movies.dat and for 1M users.dat"
    }

    fn detect(&self, path: &Path) -> bool {
        path.join("ratings.dat").is_file() && path.join("movies.dat").is_file()
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let users = path.join("users.dat");
        Ok(Files {
            ratings: required(path, "ratings.dat")?,
            items: Some(required(path, "movies.dat")?),
            users: users.is_file().then_some(users),
        })
    }

    fn facts(&self, files: &Files) -> Facts {
        Facts {
            scale: Some(if files.users.is_some() { stars(1.0, 5.0) } else { stars(0.5, 5.0) }),
            is_rated: true,
            licence: GROUPLENS_LICENCE,
            citation: GROUPLENS_CITATION,
            ..Facts::default()
        }
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        Ok(Box::new(DoubleColon::open(&files.ratings, 4)?))
    }

    fn items(&self, files: &Files, _config: &DataConfig) -> Result<RawItems, DataError> {
        let Some(path) = &files.items else { return Ok(RawItems::default()) };
        let lines = lines(DoubleColon::open(path, 3)?, |row| {
            let (id, title) = (row.get(0).to_owned(), row.get(1).to_owned());
            Ok(RawItem { id, title, genres: genres(row.get(2), "|"), attributes: Vec::new() })
        })?;
        Ok(RawItems { attributes: Vec::new(), lines })
    }

    fn users(&self, files: &Files, _config: &DataConfig) -> Result<RawUsers, DataError> {
        let Some(path) = &files.users else { return Ok(RawUsers::default()) };
        // UserID::Gender::Age::Occupation::Zip-code
        let lines = lines(DoubleColon::open(path, 5)?, |row| {
            let (age, occupation) = (row.get(2), row.get(3));
            let age = AGES.iter().find(|(code, _)| *code == age).map(|(_, words)| *words);
            let age = age.ok_or_else(|| format!("age `{}` is no code of this format", row.get(2)))?;
            let occupation = occupation.parse().ok().and_then(|code: usize| OCCUPATIONS.get(code).copied());
            let occupation =
                occupation.ok_or_else(|| format!("occupation `{}` is no code of this format", row.get(3)))?;
            Ok(RawUser { id: row.get(0).to_owned(), attributes: names(&[age, row.get(1), occupation, row.get(4)]) })
        })?;
        Ok(RawUsers { attributes: names(&["age", "gender", "occupation", "zip_code"]), lines })
    }
}
