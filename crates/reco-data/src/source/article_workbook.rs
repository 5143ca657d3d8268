//! Reads the article's workbook: an `.xlsx` file with the sheets `products` and `users`.
//!
//! Does not know what the article does with it.
//!
//! **Invariant**: an empty cell of genres stays distinct from "(no genres listed)".

use std::path::{Path, PathBuf};

use super::{Facts, Files, GROUPLENS_CITATION, GROUPLENS_LICENCE, RawItem, RawItems, Source, Writing};
use super::{genres, has_extension, lines, names, stars, with_extension};
use crate::records::{Records, Sheet};
use crate::{DataConfig, DataError};

pub(super) struct ArticleWorkbook;

fn workbook(path: &Path) -> Option<PathBuf> {
    if has_extension(path, "xlsx") && path.is_file() {
        return Some(path.to_owned());
    }
    let mut files = with_extension(path, "xlsx");
    (files.len() == 1).then(|| files.remove(0))
}

impl Source for ArticleWorkbook {
    fn name(&self) -> &'static str {
        "article-workbook"
    }

    fn about(&self) -> &'static str {
        "the article's workbook: an .xlsx file with the sheets products and users"
    }

    fn detect(&self, path: &Path) -> bool {
        workbook(path).is_some()
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let file = workbook(path).ok_or_else(|| DataError::NotFound {
            what: format!("`{}` is no `.xlsx` file, nor a folder with exactly one", path.display()),
            hint: "name the file itself in `data.path`".to_owned(),
        })?;
        Ok(Files { ratings: file, items: None, users: None })
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
        Ok(Box::new(Sheet::open(&files.ratings, "users", &wanted)?))
    }

    fn items(&self, files: &Files, _config: &DataConfig) -> Result<RawItems, DataError> {
        let wanted = names(&["movieId", "title", "genres"]);
        let lines = lines(Sheet::open(&files.ratings, "products", &wanted)?, |row| {
            let (id, title) = (row.get(0).to_owned(), row.get(1).to_owned());
            Ok(RawItem { id, title, genres: genres(row.get(2), "|"), attributes: Vec::new() })
        })?;
        Ok(RawItems { attributes: Vec::new(), lines })
    }
}
