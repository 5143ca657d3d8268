//! Reads RecBole's atomic files: `<name>.inter`, and `<name>.item` and `<name>.user` where they exist.
//!
//! Does not know `.kg`, `.link` and `.net`, nor sequences.
//!
//! **Invariant**: MovieLens 100K read from here has the ratings, titles, years and genres of its own archive.

use std::path::{Path, PathBuf};

use super::{
    Facts, Files, GROUPLENS_CITATION, GROUPLENS_LICENCE, RawItem, RawItems, RawUser, RawUsers, Source, Writing,
};
use super::{has_extension, lines, names, stars, with_extension};
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

fn inter_file(path: &Path) -> Option<PathBuf> {
    if has_extension(path, "inter") && path.is_file() {
        return Some(path.to_owned());
    }
    let mut files = with_extension(path, "inter");
    (files.len() == 1).then(|| files.remove(0))
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

    fn about(&self) -> &'static str {
        "RecBole atomic files: a folder with one .inter, perhaps .item and .user of the same name"
    }

    fn detect(&self, path: &Path) -> bool {
        inter_file(path).is_some()
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let ratings = inter_file(path).ok_or_else(|| DataError::NotFound {
            what: format!("`{}` is no `.inter` file, nor a folder with exactly one", path.display()),
            hint: "name the file itself in `data.path`".to_owned(),
        })?;
        let beside = |extension| Some(ratings.with_extension(extension)).filter(|path| path.is_file());
        Ok(Files { items: beside("item"), users: beside("user"), ratings })
    }

    fn facts(&self, files: &Files) -> Facts {
        let stem = files.ratings.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let is_movielens = stem.starts_with("ml-");
        Facts {
            scale: match stem.as_str() {
                "ml-100k" | "ml-1m" => Some(stars(1.0, 5.0)),
                _ if is_movielens => Some(stars(0.5, 5.0)),
                _ => None,
            },
            is_rated: is_movielens,
            digest_skips_header: true,
            licence: if is_movielens { GROUPLENS_LICENCE } else { "" },
            citation: if is_movielens { GROUPLENS_CITATION } else { "" },
        }
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        let found = columns(&files.ratings)?;
        let mut wanted = names(&["user_id", "item_id"]);
        wanted.extend(["rating", "timestamp"].map(|name| first_of(&found, &[name])));
        Ok(Box::new(Delimited::with_header(&files.ratings, Dialect::TSV, &wanted, bare)?))
    }

    fn items(&self, files: &Files, _config: &DataConfig) -> Result<RawItems, DataError> {
        let Some(path) = &files.items else { return Ok(RawItems::default()) };
        let found = columns(path)?;
        let title = first_of(&found, &["movie_title", "title", "name"]);
        let year = first_of(&found, &["release_year"]);
        let genre = first_of(&found, &["class", "genre", "genres", "categories"]);
        let known = [&"item_id".to_owned(), &title, &year, &genre].map(String::clone);
        let attributes: Vec<String> = found.into_iter().filter(|name| !known.contains(name)).collect();
        let wanted: Vec<String> = known.into_iter().chain(attributes.iter().cloned()).collect();
        let n_attributes = attributes.len();
        let lines = lines(Delimited::with_header(path, Dialect::TSV, &wanted, bare)?, |row| {
            let genres = Some(row.get(3)).filter(|cell| !cell.is_empty());
            Ok(RawItem {
                id: row.get(0).to_owned(),
                title: whole_title(row.get(1), row.get(2)),
                genres: genres.map(|cell| cell.split_whitespace().map(str::to_owned).collect()),
                attributes: (4..4 + n_attributes).map(|index| row.get(index).to_owned()).collect(),
            })
        })?;
        Ok(RawItems { attributes, lines })
    }

    fn users(&self, files: &Files, _config: &DataConfig) -> Result<RawUsers, DataError> {
        let Some(path) = &files.users else { return Ok(RawUsers::default()) };
        let attributes: Vec<String> = columns(path)?.into_iter().filter(|name| name != "user_id").collect();
        let mut wanted = names(&["user_id"]);
        wanted.extend(attributes.iter().cloned());
        let n_attributes = attributes.len();
        let lines = lines(Delimited::with_header(path, Dialect::TSV, &wanted, bare)?, |row| {
            let attributes = (1..=n_attributes).map(|index| row.get(index).to_owned()).collect();
            Ok(RawUser { id: row.get(0).to_owned(), attributes })
        })?;
        Ok(RawUsers { attributes, lines })
    }
}
