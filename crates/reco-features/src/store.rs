//! Writes a data set to disk and reads it back.
//!
//! Does not know what a row or a feature means.
//!
//! **Invariant**: what is written is read back equal, and the same data set always gives the same bytes. The
//! catalogue's files (`catalogue.json`, `users.parquet`, `items.parquet`) can be read without the others, and the
//! catalogue with the train and validation parts without those that test.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reco_core::{
    Catalogue, ContextColumn, Features, Indexed, Interactions, ItemId, Items, Matrix, Progress, RatingScale, RawId,
    RowGroups, Scaling, Silent, Span, StreamedTrain, Train, UserId, Users, Vocab,
};
use reco_data::DataError;
use reco_data::table::{Column, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Info, SourceRows};
use crate::parts::{PartWriter, StoredPart, read_part};
use crate::plan::Plan;
use crate::split::Part;
use crate::{FeaturesError, ItemDetails};

/// Changes with the layout of the catalogue's files. Since version 2, contexts have their mean and bounds.
const CATALOGUE_VERSION: u32 = 2;
/// Changes with the layout of `dataset.json` and of the parts. Since version 2, there is a part `fold_in.parquet`.
const DATASET_VERSION: u32 = 2;

const FEATURE: &str = "feature:";

/// `catalogue.json`: what is not in a table.
#[derive(Serialize, Deserialize)]
struct CatalogueFile {
    version: u32,
    n_users: usize,
    n_items: usize,
    contexts: Vec<ContextColumn>,
    scale: RatingScale,
    scaling: ScalingFile,
    /// The numbers that became 0 and 1, by column; older catalogues, which did not keep them, have none.
    #[serde(default)]
    spans: Spans,
}

/// The columns that were scaled, of each table.
#[derive(Default, Serialize, Deserialize)]
struct Spans {
    users: BTreeMap<String, Span>,
    items: BTreeMap<String, Span>,
}

/// A [`Scaling`] without the ends of each item, which are columns of `items.parquet`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum ScalingFile {
    None,
    MinMax { from: (f32, f32), to: (f32, f32) },
    ItemMinMax { to: (f32, f32) },
}

/// `dataset.json`.
#[derive(Serialize, Deserialize)]
struct DatasetFile {
    version: u32,
    #[serde(flatten)]
    info: Info,
}

impl Plan {
    /// Writes what [`Dataset::write`] would write of the data set, without holding it.
    ///
    /// # Errors
    /// A folder that can't be written; an interruption.
    pub(crate) fn write(&self, dir: &Path, progress: &dyn Progress) -> Result<(), FeaturesError> {
        write_around(dir, &self.catalogue, &self.details, &self.info)?;
        let split = &self.info.split;
        for (name, part, n) in [
            ("train", Part::Train, split.n_train),
            ("test", Part::Test, split.n_test),
            ("validation", Part::Validation, split.n_valid),
            ("fold_in", Part::FoldIn, split.n_fold_in),
        ] {
            if has_file(part, n) {
                let mut writer = PartWriter::create(dir, name, &self.catalogue, progress)?;
                self.rows_of(part, |row, source_row| writer.push(row, source_row))?;
                writer.finish()?;
            }
        }
        Ok(())
    }
}

/// Whether there is a file of a part with `n` rows.
pub(crate) fn has_file(part: Part, n: usize) -> bool {
    n > 0 || matches!(part, Part::Train | Part::Test)
}

impl Dataset {
    /// Writes `dir`: the catalogue's files, `dataset.json`, `train.parquet`, `test.parquet` and, if there are such
    /// parts, `validation.parquet` and `fold_in.parquet`. Columns of a part: `user` and `item` (rows of the catalogue),
    /// `rating` (stars, missing for an event), `target`, `timestamp` (UTC seconds), `source_row`, and `context:…` for
    /// each context.
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn write(&self, dir: &Path) -> Result<(), FeaturesError> {
        write_around(dir, &self.catalogue, &self.details, &self.info)?;
        let lines = &self.source_rows;
        for (name, rows, lines) in [
            ("train", Some(&self.fit), &lines.fit),
            ("test", Some(&self.test), &lines.test),
            ("validation", self.validation.as_ref(), &lines.validation),
            ("fold_in", self.fold_in.as_ref(), &lines.fold_in),
        ] {
            let Some(rows) = rows else { continue };
            if rows.len() != lines.len() {
                let reason = format!("it has `{}` rows, the others have `{}`", lines.len(), rows.len());
                return Err(DataError::BadColumn { column: "source_row".to_owned(), reason }.into());
            }
            let mut writer = PartWriter::create(dir, name, &self.catalogue, &Silent)?;
            rows.iter().zip(lines).try_for_each(|(row, line)| writer.push(row, *line))?;
            writer.finish()?;
        }
        Ok(())
    }

    /// Writes the catalogue's files alone, for [`read_catalogue`].
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn write_catalogue(&self, dir: &Path) -> Result<(), FeaturesError> {
        write_catalogue(dir, &self.catalogue, &self.details)
    }

    /// Reads what [`Dataset::write`] wrote.
    ///
    /// # Errors
    /// A file that is missing, damaged, of another version, or does not fit the others.
    pub fn read(dir: &Path) -> Result<Self, FeaturesError> {
        let mut source_rows = SourceRows::default();
        let lines = (&mut source_rows.fit, &mut source_rows.validation);
        let TrainingData { catalogue, details, fit, validation, info } = TrainingData::read_rows(dir, Some(lines))?;
        let test = read_part(&dir.join("test.parquet"), &catalogue, info.split.n_test, Some(&mut source_rows.test))?;
        let lines = Some(&mut source_rows.fold_in);
        let fold_in = optional_part(&dir.join("fold_in.parquet"), &catalogue, info.split.n_fold_in, lines)?;
        Ok(Self { catalogue, details, fit, validation, fold_in, test, source_rows, info })
    }
}

/// Writes all that [`Dataset::write`] does but the parts.
pub(crate) fn write_around(
    dir: &Path,
    catalogue: &Catalogue,
    details: &[ItemDetails],
    info: &Info,
) -> Result<(), FeaturesError> {
    write_catalogue(dir, catalogue, details)?;
    write_json(&dir.join("dataset.json"), &DatasetFile { version: DATASET_VERSION, info: info.clone() })
}

fn write_catalogue(dir: &Path, catalogue: &Catalogue, details: &[ItemDetails]) -> Result<(), FeaturesError> {
    std::fs::create_dir_all(dir).map_err(|source| io("create", dir, source))?;
    let Catalogue { users, items, user_features, item_features, contexts, scale, scaling } = catalogue;
    let (scaling, ends) = match scaling {
        Scaling::None => (ScalingFile::None, None),
        Scaling::MinMax { from, to } => (ScalingFile::MinMax { from: *from, to: *to }, None),
        Scaling::ItemMinMax { from, to } => (ScalingFile::ItemMinMax { to: *to }, Some(from)),
    };
    let (n_users, n_items) = (users.len(), items.len());
    let file = CatalogueFile {
        version: CATALOGUE_VERSION,
        n_users,
        n_items,
        contexts: contexts.clone(),
        scale: *scale,
        scaling,
        spans: Spans { users: user_features.spans().clone(), items: item_features.spans().clone() },
    };
    write_json(&dir.join("catalogue.json"), &file)?;

    let mut table = Table::new().with_metadata("table", "users");
    table.push("user_id", Column::of_ids(users.ids().iter().map(|id| &id.0)))?;
    push_matrix(&mut table, user_features)?;
    table.write(&dir.join("users.parquet"))?;

    let mut table = Table::new().with_metadata("table", "items");
    table.push("item_id", Column::of_ids(items.ids().iter().map(|id| &id.0)))?;
    let text =
        |read: fn(&ItemDetails) -> &String| Column::Text(details.iter().map(|item| Some(read(item).clone())).collect());
    table.push("title", text(|item| &item.title))?;
    table.push("name", text(|item| &item.name))?;
    table.push("year", Column::I64(details.iter().map(|item| item.year.map(i64::from)).collect()))?;
    table.push("genres", Column::TextList(details.iter().map(|item| item.genres.clone()).collect()))?;
    if let Some(ends) = ends {
        table.push("stars_min", Column::F32(ends.iter().map(|end| Some(end.0)).collect()))?;
        table.push("stars_max", Column::F32(ends.iter().map(|end| Some(end.1)).collect()))?;
    }
    push_matrix(&mut table, item_features)?;
    Ok(table.write(&dir.join("items.parquet"))?)
}

/// A data set without its test part: all that a choice between models may look at.
#[derive(Clone, Debug)]
pub struct TrainingData {
    /// As [`Dataset::catalogue`].
    pub catalogue: Arc<Catalogue>,
    /// As [`Dataset::details`].
    pub details: Vec<ItemDetails>,
    /// As [`Dataset::fit`].
    pub fit: Interactions,
    /// As [`Dataset::validation`].
    pub validation: Option<Interactions>,
    /// As [`Dataset::info`].
    pub info: Info,
}

impl TrainingData {
    /// Reads of what [`Dataset::write`] wrote the catalogue, train and validation; the files of the other parts are not
    /// opened.
    ///
    /// # Errors
    /// A file that is missing, damaged, of another version, or does not fit the others.
    pub fn read(dir: &Path) -> Result<Self, FeaturesError> {
        Self::read_rows(dir, None)
    }

    /// The same; where rows of train and validation stand in the raw file is added to `lines`, if that is wanted.
    fn read_rows(dir: &Path, lines: Option<(&mut Vec<u64>, &mut Vec<u64>)>) -> Result<Self, FeaturesError> {
        let (catalogue, details) = read_catalogue(dir)?;
        let DatasetFile { info, .. } = read_json(&dir.join("dataset.json"), DATASET_VERSION)?;
        let (of_fit, of_validation) = lines.unzip();
        let fit = read_part(&dir.join("train.parquet"), &catalogue, info.split.n_train, of_fit)?;
        let validation = optional_part(&dir.join("validation.parquet"), &catalogue, info.split.n_valid, of_validation)?;
        Ok(Self { catalogue, details, fit, validation, info })
    }

    /// What a model may see.
    pub fn train(&self) -> Train {
        Train { catalogue: Arc::clone(&self.catalogue), fit: self.fit.clone(), validation: self.validation.clone() }
    }
}

/// A data set on the disk, of which the catalogue is read and of each part any row group can be.
pub struct StoredDataset {
    /// As [`Dataset::catalogue`].
    pub catalogue: Arc<Catalogue>,
    /// As [`Dataset::details`].
    pub details: Vec<ItemDetails>,
    /// As [`Dataset::fit`].
    pub fit: StoredPart,
    /// As [`Dataset::validation`].
    pub validation: Option<StoredPart>,
    /// As [`Dataset::fold_in`].
    pub fold_in: Option<StoredPart>,
    /// As [`Dataset::test`].
    pub test: StoredPart,
    /// As [`Dataset::info`].
    pub info: Info,
}

impl StoredDataset {
    /// Opens what [`Dataset::write`] wrote; no row is read yet.
    ///
    /// # Errors
    /// A file that is missing, damaged, of another version, or does not fit the others.
    pub fn open(dir: &Path) -> Result<Self, FeaturesError> {
        let (catalogue, details) = read_catalogue(dir)?;
        let DatasetFile { info, .. } = read_json(&dir.join("dataset.json"), DATASET_VERSION)?;
        let part = |name: &str, n: usize| StoredPart::open(&dir.join(name), &catalogue, n);
        let optional = |name: &str, n: usize| if n == 0 { Ok(None) } else { part(name, n).map(Some) };
        let fit = part("train.parquet", info.split.n_train)?;
        let validation = optional("validation.parquet", info.split.n_valid)?;
        let fold_in = optional("fold_in.parquet", info.split.n_fold_in)?;
        let test = part("test.parquet", info.split.n_test)?;
        Ok(Self { catalogue, details, fit, validation, fold_in, test, info })
    }

    /// What a model may see.
    pub fn train(&self) -> StreamedTrain<'_> {
        let validation = self.validation.as_ref().map(|part| part as &dyn RowGroups);
        StreamedTrain { catalogue: &self.catalogue, fit: &self.fit, validation }
    }

    /// As [`Dataset::write_catalogue`].
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn write_catalogue(&self, dir: &Path) -> Result<(), FeaturesError> {
        write_catalogue(dir, &self.catalogue, &self.details)
    }
}

/// A part of `n` rows, for which there is no file where `n` is 0.
fn optional_part(
    path: &Path,
    catalogue: &Catalogue,
    n: usize,
    lines: Option<&mut Vec<u64>>,
) -> Result<Option<Interactions>, FeaturesError> {
    if n == 0 { Ok(None) } else { read_part(path, catalogue, n, lines).map(Some) }
}

/// Reads the catalogue's files, as [`Dataset::write`] and [`Dataset::write_catalogue`] leave them.
///
/// # Errors
/// A file that is missing, damaged, of another version, or does not fit the others.
pub fn read_catalogue(dir: &Path) -> Result<(Arc<Catalogue>, Vec<ItemDetails>), FeaturesError> {
    let file: CatalogueFile = read_json(&dir.join("catalogue.json"), CATALOGUE_VERSION)?;

    let path = dir.join("users.parquet");
    let reader = Reader::open(&path, file.n_users)?;
    let users: Users = reader.vocab("user_id", UserId)?;
    let user_features = reader.features()?.with_spans(file.spans.users);

    let path = dir.join("items.parquet");
    let reader = Reader::open(&path, file.n_items)?;
    let items: Items = reader.vocab("item_id", ItemId)?;
    let item_features = reader.features()?.with_spans(file.spans.items);
    let titles = reader.texts("title")?;
    let names = reader.texts("name")?;
    let years = reader.column("year", Table::integers)?.to_vec();
    let genres = reader.lists("genres")?;
    let mut details = Vec::with_capacity(items.len());
    for (((title, name), year), genres) in titles.into_iter().zip(names).zip(years).zip(genres) {
        let year = year.map(i32::try_from).transpose().map_err(|error| reader.damaged(format!("year: {error}")))?;
        details.push(ItemDetails { title, name, year, genres });
    }
    let scaling = match file.scaling {
        ScalingFile::None => Scaling::None,
        ScalingFile::MinMax { from, to } => Scaling::MinMax { from, to },
        ScalingFile::ItemMinMax { to } => {
            let from = reader.numbers("stars_min")?.into_iter().zip(reader.numbers("stars_max")?).collect();
            Scaling::ItemMinMax { from, to }
        }
    };
    let CatalogueFile { contexts, scale, .. } = file;
    Ok((Arc::new(Catalogue { users, items, user_features, item_features, contexts, scale, scaling }), details))
}

fn push_matrix(table: &mut Table, features: &Features) -> Result<(), FeaturesError> {
    let matrix = features.matrix();
    for (column, name) in features.names().iter().enumerate() {
        let values = (0..matrix.n_rows()).map(|row| Some(matrix.row(row)[column])).collect();
        table.push(&format!("{FEATURE}{name}"), Column::F32(values))?;
    }
    Ok(())
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> FeaturesError {
    DataError::Io { action, path: path.to_owned(), source }.into()
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FeaturesError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| io("write", path, error.into()))?;
    std::fs::write(path, text + "\n").map_err(|error| io("write", path, error))
}

fn read_json<T: DeserializeOwned>(path: &Path, reads: u32) -> Result<T, FeaturesError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let damaged = |reason: String| FeaturesError::Damaged { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| io("read", path, error))?;
    let Versioned { version } = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if version != reads {
        return Err(damaged(format!("its version is `{version}` and this program reads `{reads}`")));
    }
    serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))
}

/// A borrowed column of numbers, some perhaps missing.
type Numbers<'a> = &'a [Option<f32>];

/// A table, or a chunk of one, with the path that its errors name.
pub(crate) struct Reader<'t> {
    pub(crate) path: &'t Path,
    pub(crate) table: Cow<'t, Table>,
}

impl<'t> Reader<'t> {
    /// Reads the table at `path`, which has `n` rows.
    fn open(path: &'t Path, n: usize) -> Result<Self, FeaturesError> {
        let reader = Self { path, table: Cow::Owned(Table::read(path)?) };
        reader.check_n_rows(reader.table.n_rows(), n)?;
        Ok(reader)
    }

    /// Refuses a table that has `found` rows and not `n`.
    pub(crate) fn check_n_rows(&self, found: usize, n: usize) -> Result<(), FeaturesError> {
        if found == n { Ok(()) } else { Err(self.damaged(format!("it has `{found}` rows, not `{n}`"))) }
    }

    pub(crate) fn damaged(&self, reason: impl Into<String>) -> FeaturesError {
        FeaturesError::Damaged { path: self.path.to_owned(), reason: reason.into() }
    }

    fn vocab<Id>(&self, column: &str, id: fn(RawId) -> Id) -> Result<Vocab<Id>, FeaturesError>
    where
        Id: Indexed + std::fmt::Display,
    {
        let ids = self.column(column, Table::ids)?.into_iter().map(id).collect();
        Vocab::new(ids).map_err(|error| self.damaged(error.to_string()))
    }

    pub(crate) fn at<Id: Indexed>(&self, column: &str, row: u32, vocab: &Vocab<Id>) -> Result<Id::Idx, FeaturesError> {
        let beyond = || self.damaged(format!("{column} row `{row}` is beyond the catalogue"));
        vocab.at(row as usize).ok_or_else(beyond)
    }

    /// `column` as `take` finds it in the table.
    ///
    /// # Errors
    /// No such column, or one of another kind.
    pub(crate) fn column<'a, C>(
        &'a self,
        column: &str,
        take: impl FnOnce(&'a Table, &str) -> Result<C, DataError>,
    ) -> Result<C, FeaturesError> {
        let first_line = |error: DataError| error.to_string().lines().next().unwrap_or_default().to_owned();
        take(&self.table, column).map_err(|error| self.damaged(first_line(error)))
    }

    pub(crate) fn missing(&self, column: &str) -> FeaturesError {
        self.damaged(format!("a value is missing in column `{column}`"))
    }

    fn numbers(&self, column: &str) -> Result<Vec<f32>, FeaturesError> {
        let numbers: Option<Vec<f32>> = self.column(column, Table::numbers)?.iter().copied().collect();
        numbers.ok_or_else(|| self.missing(column))
    }

    fn texts(&self, column: &str) -> Result<Vec<String>, FeaturesError> {
        let texts: Option<Vec<String>> = self.column(column, Table::texts)?.iter().cloned().collect();
        texts.ok_or_else(|| self.missing(column))
    }

    fn lists(&self, column: &str) -> Result<Vec<Vec<String>>, FeaturesError> {
        let Column::TextList(lists) = self.table.column(column)? else {
            return Err(self.table.no_column(column, "lists of texts").into());
        };
        Ok(lists.clone())
    }

    /// The columns whose names begin with `prefix`, in order, and their names without the prefix.
    pub(crate) fn prefixed(&self, prefix: &str) -> Result<(Vec<String>, Vec<Numbers<'_>>), FeaturesError> {
        let columns = self.table.names().filter_map(|name| Some((name.strip_prefix(prefix)?, name)));
        columns.map(|(bare, name)| Ok((bare.to_owned(), self.column(name, Table::numbers)?))).collect()
    }

    fn features(&self) -> Result<Features, FeaturesError> {
        let (names, columns) = self.prefixed(FEATURE)?;
        let mut matrix = Matrix::zeros(self.table.n_rows(), columns.len());
        for ((at, column), name) in columns.into_iter().enumerate().zip(&names) {
            for (row, value) in column.iter().enumerate() {
                matrix.row_mut(row)[at] = value.ok_or_else(|| self.missing(&format!("{FEATURE}{name}")))?;
            }
        }
        Ok(Features::new(names, matrix).expect("the matrix was made with a column for each name"))
    }
}
