//! Reads MovieLens 1M and 10M: `ratings.dat` and `movies.dat` with `::` between fields; 1M has `users.dat` too.
//!
//! Does not know `tags.dat`.
//!
//! **Invariant**: 1M, the one with users, has whole stars from 1; 10M has half stars from 0.5. Ages and occupations,
//! which are codes in the file, are given in the words of its README.

use std::path::Path;

use super::{Facts, Files, RawEntities, RawEntity, Source, Writing};
use super::{entities, movielens, names, required};
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
const OCCUPATIONS: &str = "other, academic/educator, artist, clerical/admin, college/grad student, customer service, \
                           doctor/health care, executive/managerial, farmer, homemaker, K-12 student, lawyer, \
                           programmer, retired, sales/marketing, scientist, self-employed, technician/engineer, \
                           tradesman/craftsman, unemployed, writer";

impl Source for MovielensDat {
    fn name(&self) -> &'static str {
        "movielens-dat"
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
        movielens(if files.users.is_some() { 1.0 } else { 0.5 })
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        Ok(Box::new(DoubleColon::open(&files.ratings, 4)?))
    }

    fn items(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        entities(Vec::new(), &mut DoubleColon::open(path, 3)?, |row| Ok(RawEntity::item(row, "|")))
    }

    fn users(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        // UserID::Gender::Age::Occupation::Zip-code
        let attributes = names(&["age", "gender", "occupation", "zip_code"]);
        entities(attributes, &mut DoubleColon::open(path, 5)?, |row| {
            let [id, gender, code, occupation, zip_code] = [0, 1, 2, 3, 4].map(|field| row.get(field));
            let age = AGES.iter().find(|(known, _)| *known == code).map(|(_, words)| *words);
            let age = age.ok_or_else(|| format!("age `{code}` is not a code of this format"))?;
            let job = occupation.parse().ok().and_then(|code| OCCUPATIONS.split(", ").nth(code));
            let job = job.ok_or_else(|| format!("occupation `{occupation}` is not a code of this format"))?;
            let attributes = names(&[age, gender, job, zip_code]);
            Ok(RawEntity { id: id.to_owned(), attributes, ..RawEntity::default() })
        })
    }
}
