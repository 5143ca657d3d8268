//! Reads RecBole's atomic files: `<name>.inter`, and `<name>.item` and `<name>.user` where they exist.
//!
//! Does not read `.kg`, `.link` and `.net`; of sequences, genres alone are taken apart.
//!
//! **Invariant**: MovieLens 100K read from here has the ratings, titles, years and genres of its own archive.

use std::path::Path;

use super::{Facts, Files, RawEntities, RawEntity, Source, Writing};
use super::{entities, movielens, names, only_file};
use crate::records::{Delimited, Dialect, Records, header};
use crate::{DataConfig, DataError};

pub(super) struct Recbole;

/// The name in a header's `name:type`.
fn bare(name: &str) -> &str {
    name.split_once(':').map_or(name, |(name, _)| name)
}

fn columns(path: &Path) -> Result<Vec<String>, DataError> {
    Ok(header(path, Dialect::TSV)?.iter().map(|name| bare(name).to_owned()).collect())
}

/// The first of `candidates` that is among `columns`; empty if none is.
fn first_of(columns: &[String], candidates: &[&str]) -> String {
    let found = candidates.iter().find(|candidate| columns.iter().any(|column| column == *candidate));
    found.map_or_else(String::new, |name| (*name).to_owned())
}

/// The title as MovieLens itself writes it, followed by the year. The mirror cut off the last parenthesis of every
/// title as the year, including the `(V)` of a video; it also misspells `unknown`.
fn whole_title(title: &str, year: &str) -> String {
    match (title, year) {
        ("unkonwn", _) => "unknown".to_owned(),
        (title, "" | "unkonwn") => title.to_owned(),
        (title, year) => format!("{title} ({year})"),
    }
}

impl Source for Recbole {
    fn name(&self) -> &'static str {
        "recbole"
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let ratings = only_file(path, "inter")?;
        let beside = |extension| Some(ratings.with_extension(extension)).filter(|path| path.is_file());
        Ok(Files { items: beside("item"), users: beside("user"), ratings })
    }

    fn facts(&self, files: &Files) -> Facts {
        let stem = files.ratings.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let facts = match stem.as_str() {
            "ml-100k" | "ml-1m" => movielens(1.0),
            _ if stem.starts_with("ml-") => movielens(0.5),
            _ => Facts::default(),
        };
        Facts { digest_skips_header: true, ..facts }
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        let found = columns(&files.ratings)?;
        let mut wanted = names(&["user_id", "item_id"]);
        wanted.extend(["rating", "timestamp"].map(|name| first_of(&found, &[name])));
        Ok(Box::new(Delimited::with_header(&files.ratings, Dialect::TSV, &wanted, bare)?))
    }

    fn items(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        let found = columns(path)?;
        let title = first_of(&found, &["movie_title", "title", "name"]);
        let year = first_of(&found, &["release_year"]);
        let genre = first_of(&found, &["class", "genre", "genres", "categories"]);
        let known = ["item_id".to_owned(), title, year, genre];
        let attributes: Vec<String> = found.into_iter().filter(|name| !known.contains(name)).collect();
        let wanted = [known.as_slice(), &attributes].concat();
        entities(attributes, &mut Delimited::with_header(path, Dialect::TSV, &wanted, bare)?, |row| {
            let genres = Some(row.get(3)).filter(|cell| !cell.is_empty());
            Ok(RawEntity {
                title: whole_title(row.get(1), row.get(2)),
                genres: genres.map(|cell| cell.split_whitespace().map(str::to_owned).collect()),
                ..RawEntity::described(row, 4)
            })
        })
    }

    fn users(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        let mut wanted = columns(path)?;
        wanted.retain(|name| name != "user_id");
        wanted.insert(0, "user_id".to_owned());
        let mut records = Delimited::with_header(path, Dialect::TSV, &wanted, bare)?;
        entities(wanted.split_off(1), &mut records, |row| Ok(RawEntity::user(row)))
    }
}
