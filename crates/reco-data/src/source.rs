//! Defines what a source of raw data is, and lists all of them in [`SOURCES`].
//!
//! A source says where its files lie, which of their fields are what, and what is peculiar to them; it checks nothing.
//! Adding one takes a file here and a line in [`SOURCES`].
//!
//! **Invariant**: rows of ratings have their fields in the order user, item, rating, time, then [`Extra`]'s; a source
//! read twice gives the same rows.

mod article_workbook;
mod movielens_100k;
mod movielens_csv;
mod movielens_dat;
mod recbole;
mod table;

use std::path::{Path, PathBuf};

use reco_core::RatingScale;

use crate::fetch::HARPER_KONSTAN;
use crate::records::{Records, Row};
use crate::{DataConfig, DataError, Decimal, Detected, Times};

/// All sources; `auto` takes the first that recognises a path.
pub static SOURCES: &[&dyn Source] = &[
    &movielens_csv::MovielensCsv,
    &movielens_dat::MovielensDat,
    &movielens_100k::Movielens100k,
    &recbole::Recbole,
    &article_workbook::ArticleWorkbook,
    &table::OwnTable,
];

/// A kind of raw files.
pub trait Source: Sync {
    /// Its name in an experiment.
    fn name(&self) -> &'static str;

    /// Whether `path`, a file or a folder, looks like it: provided, if the files to read are there.
    fn detect(&self, path: &Path) -> bool {
        self.files(path, &DataConfig::default()).is_ok()
    }

    /// The files to read at `path`.
    ///
    /// # Errors
    /// If one is missing.
    fn files(&self, path: &Path, config: &DataConfig) -> Result<Files, DataError>;

    /// What is known of the data before it is read.
    fn facts(&self, files: &Files) -> Facts;

    /// Fields of a rating's row beyond the first four.
    fn extra(&self, _config: &DataConfig) -> Extra {
        Extra::default()
    }

    /// How the numbers and times of the ratings are written.
    ///
    /// # Errors
    /// A file that can't be read, or whose way of writing can't be detected.
    fn writing(&self, _files: &Files, _config: &DataConfig) -> Result<Writing, DataError> {
        Ok(Writing { decimal: Decimal::Point, times: Times::default(), said: Vec::new(), detected: None })
    }

    /// The ratings, which are written as [`Source::writing`] says.
    ///
    /// # Errors
    /// A file that can't be read, is empty, in another encoding, or lacks a column.
    fn ratings(&self, files: &Files, config: &DataConfig, writing: &Writing) -> Result<Box<dyn Records>, DataError>;

    /// The items that the file at `path`, one of [`Source::files`], describes.
    ///
    /// # Errors
    /// As [`Source::ratings`].
    fn items(&self, _path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        Ok(RawEntities::default())
    }

    /// The users that the file at `path`, one of [`Source::files`], describes.
    ///
    /// # Errors
    /// As [`Source::ratings`].
    fn users(&self, _path: &Path, _config: &DataConfig) -> Result<RawEntities, DataError> {
        Ok(RawEntities::default())
    }
}

/// The files of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The ratings.
    pub ratings: PathBuf,
    /// What describes the items; may be the same file.
    pub items: Option<PathBuf>,
    /// What describes the users.
    pub users: Option<PathBuf>,
}

/// What is known of data before it is read.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The stars that a rating can have; `None`: as observed.
    pub scale: Option<RatingScale>,
    /// Whether a row without a rating is bad, rather than an implicit event.
    pub is_rated: bool,
    /// Whether the digest of the ratings leaves out the first line, so that mirrors with and without a header agree.
    pub digest_skips_header: bool,
    /// Its terms of use.
    pub licence: &'static str,
    /// What to cite.
    pub citation: &'static str,
}

/// How numbers and times are written.
#[derive(Clone, Debug)]
pub struct Writing {
    /// What stands before the fraction of a rating.
    pub decimal: Decimal,
    /// How times are written.
    pub times: Times,
    /// What was concluded from the file, in words.
    pub said: Vec<String>,
    /// Where the fields stand in a file of one's own.
    pub detected: Option<Detected>,
}

/// Names of a rating row's further fields, in their order.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// Those that describe the moment.
    pub contexts: Vec<String>,
    /// Those that describe the user.
    pub user_attributes: Vec<String>,
    /// Those that describe the item.
    pub item_attributes: Vec<String>,
}

/// Items or users as a file describes them.
#[derive(Clone, Debug, Default)]
pub struct RawEntities {
    /// Names of further columns.
    pub attributes: Vec<String>,
    /// One for each line, good or bad.
    pub lines: Vec<RawLine>,
}

/// A line of an item or user file.
#[derive(Clone, Debug)]
pub struct RawLine {
    /// Its number, from 1.
    pub line: u64,
    /// How many line feeds stand within it.
    pub n_feeds: u64,
    /// What it says, or why it is bad.
    pub entity: Result<RawEntity, String>,
}

/// An item or a user as a file describes it.
#[derive(Clone, Debug, Default)]
pub struct RawEntity {
    /// Its id.
    pub id: String,
    /// The title of an item; empty if there is none.
    pub title: String,
    /// The genres of an item. `None`: the cell is empty; `Some([])`: the file says that there are none.
    pub genres: Option<Vec<String>>,
    /// One for each of [`RawEntities::attributes`]; empty if missing.
    pub attributes: Vec<String>,
}

impl RawEntity {
    /// The item of a row of id, title, genres and attributes.
    pub(crate) fn item(row: &Row, genre_separator: &str) -> Self {
        Self { title: row.get(1).to_owned(), genres: genres(row.get(2), genre_separator), ..Self::described(row, 3) }
    }

    /// The user of a row of id and attributes.
    pub(crate) fn user(row: &Row) -> Self {
        Self::described(row, 1)
    }

    /// The id of a row, and the attributes from its field `first` on.
    pub(crate) fn described(row: &Row, first: usize) -> Self {
        let attributes = (first..row.len()).map(|index| row.get(index).to_owned()).collect();
        Self { id: row.get(0).to_owned(), attributes, ..Self::default() }
    }
}

/// Applies `take` to each row of `records`.
pub(crate) fn entities(
    attributes: Vec<String>,
    records: &mut dyn Records,
    take: impl Fn(&Row) -> Result<RawEntity, String>,
) -> Result<RawEntities, DataError> {
    let mut lines = Vec::new();
    let mut row = Row::default();
    while records.read(&mut row)? {
        let entity = row.problem().map_or_else(|| take(&row), |problem| Err(problem.to_owned()));
        lines.push(RawLine { line: row.line(), n_feeds: row.n_feeds(), entity });
    }
    Ok(RawEntities { attributes, lines })
}

/// The genres in a cell, as MovieLens writes them since 1M.
pub(crate) fn genres(cell: &str, separator: &str) -> Option<Vec<String>> {
    match cell {
        "" => None,
        "(no genres listed)" => Some(Vec::new()),
        // Splitting at an empty separator would give single letters.
        cell if separator.is_empty() => Some(vec![cell.to_owned()]),
        cell => {
            Some(cell.split(separator).map(str::trim).filter(|genre| !genre.is_empty()).map(str::to_owned).collect())
        }
    }
}

/// Column names as owned texts, as readers take them.
pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The file called `name` in `folder`.
pub(crate) fn required(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(DataError::NotFound {
        what: format!("`{}` is missing", path.display()),
        hint: "the folder may have been unpacked only in part; fetch or copy it again".to_owned(),
    })
}

/// The file at `path`, or the only file in the folder `path`, with that extension.
pub(crate) fn only_file(path: &Path, extension: &str) -> Result<PathBuf, DataError> {
    let mut files = vec![path.to_owned()];
    if !path.is_file() {
        let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        files = entries.map(|entry| entry.path()).collect();
    }
    files.retain(|file| file.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension)));
    match &files[..] {
        [file] => Ok(file.clone()),
        _ => Err(DataError::NotFound {
            what: format!("`{}` is neither a `.{extension}` file nor a folder with exactly one", path.display()),
            hint: "name the file itself in `data.path`".to_owned(),
        }),
    }
}

/// What GroupLens asks of those who use MovieLens.
const GROUPLENS_LICENCE: &str = "\
    GroupLens: research use with citation; no commercial use without permission; passing on as the data set's README \
    says";

/// The facts of MovieLens, whose stars reach from `min` to 5.
pub(crate) fn movielens(min: f32) -> Facts {
    Facts {
        scale: Some(RatingScale::new(min, 5.0).expect("the scales of MovieLens are finite and ascending")),
        is_rated: true,
        licence: GROUPLENS_LICENCE,
        citation: HARPER_KONSTAN,
        ..Facts::default()
    }
}
