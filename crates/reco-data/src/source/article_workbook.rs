//! Reads the article's workbook: an `.xlsx` file with the sheets `products` (items) and `users` (ratings).
//!
//! Does not know what the article does with it.
//!
//! **Invariant**: an empty cell of genres stays distinct from "(no genres listed)".

use std::path::Path;

use super::{Facts, Files, RawEntities, RawEntity, Source, Writing};
use super::{entities, movielens, names, only_file};
use crate::records::{Records, Sheet};
use crate::{DataConfig, DataError};

pub(super) struct ArticleWorkbook;

impl Source for ArticleWorkbook {
    fn name(&self) -> &'static str {
        "article-workbook"
    }

    fn files(&self, path: &Path, _config: &DataConfig) -> Result<Files, DataError> {
        let file = only_file(path, "xlsx")?;
        Ok(Files { ratings: file.clone(), items: Some(file), users: None })
    }

    fn facts(&self, _files: &Files) -> Facts {
        movielens(0.5)
    }

    fn ratings(&self, files: &Files, _config: &DataConfig, _: &Writing) -> Result<Box<dyn Records>, DataError> {
        let wanted = names(&["userId", "movieId", "rating", "timestamp"]);
        Ok(Box::new(Sheet::open(&files.ratings, "users", &wanted)?))
    }

    fn items(&self, path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        let mut sheet = Sheet::open(path, "products", &names(&["movieId", "title", "genres"]))?;
        entities(Vec::new(), &mut sheet, |row| Ok(RawEntity::item(row, "|")))
    }
}
