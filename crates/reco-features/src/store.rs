//! Writes a data set to disk and reads it back.
//!
//! Does not know what a row or a feature means.
//!
//! **Invariant**: what is written is read back equal, and the same data set always gives the same bytes. The
//! catalogue's files (`catalogue.json`, `users.parquet`, `items.parquet`) can be read without the others, and the
//! catalogue with the train and validation parts without those that test.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reco_core::{
    Catalogue, ContextColumn, Features, Indexed, Interaction, Interactions, ItemId, Items, Matrix, RatingScale, RawId,
    Scaling, Span, Target, Train, UserId, Users, Vocab,
};
use reco_data::DataError;
use reco_data::table::{Column, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Info, SourceRows};
use crate::{FeaturesError, ItemDetails};

/// Changes with the layout of the catalogue's files. Since version 2, contexts have their mean and bounds.
const CATALOGUE_VERSION: u32 = 2;
/// Changes with the layout of `dataset.json` and of the parts. Since version 2, there is a part `fold_in.parquet`.
const DATASET_VERSION: u32 = 2;

const FEATURE: &str = "feature:";
const CONTEXT: &str = "context:";

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

impl Dataset {
    /// Writes `dir`: the catalogue's files, `dataset.json`, `train.parquet`, `test.parquet` and, if there are such
    /// parts, `validation.parquet` and `fold_in.parquet`. Columns of a part: `user` and `item` (rows of the catalogue),
    /// `rating` (stars, missing for an event), `target`, `timestamp` (UTC seconds), `source_row`, and `context:…` for
    /// each context.
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn write(&self, dir: &Path) -> Result<(), FeaturesError> {
        self.write_catalogue(dir)?;
        self.write_info(dir)?;
        let contexts: Vec<String> = self.catalogue.context_names().map(str::to_owned).collect();
        let contexts = contexts.as_slice();
        write_part(&dir.join("train.parquet"), "train", contexts, &self.fit, &self.source_rows.fit)?;
        write_part(&dir.join("test.parquet"), "test", contexts, &self.test, &self.source_rows.test)?;
        let source_rows = &self.source_rows;
        for (name, part, source_rows) in [
            ("validation", &self.validation, &source_rows.validation),
            ("fold_in", &self.fold_in, &source_rows.fold_in),
        ] {
            if let Some(rows) = part {
                write_part(&dir.join(format!("{name}.parquet")), name, contexts, rows, source_rows)?;
            }
        }
        Ok(())
    }

    /// Writes `dataset.json`.
    pub(crate) fn write_info(&self, dir: &Path) -> Result<(), FeaturesError> {
        write_json(&dir.join("dataset.json"), &DatasetFile { version: DATASET_VERSION, info: self.info.clone() })
    }

    /// Writes the catalogue's files alone, for [`read_catalogue`].
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn write_catalogue(&self, dir: &Path) -> Result<(), FeaturesError> {
        std::fs::create_dir_all(dir).map_err(|source| io("create", dir, source))?;
        let Catalogue { users, items, user_features, item_features, contexts, scale, scaling } = &*self.catalogue;
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
        push_matrix(&mut table, FEATURE, user_features.names(), user_features.matrix())?;
        table.write(&dir.join("users.parquet"))?;

        let mut table = Table::new().with_metadata("table", "items");
        table.push("item_id", Column::of_ids(items.ids().iter().map(|id| &id.0)))?;
        let text = |read: fn(&ItemDetails) -> &String| {
            Column::Text(self.details.iter().map(|item| Some(read(item).clone())).collect())
        };
        table.push("title", text(|item| &item.title))?;
        table.push("name", text(|item| &item.name))?;
        table.push("year", Column::I64(self.details.iter().map(|item| item.year.map(i64::from)).collect()))?;
        table.push("genres", Column::TextList(self.details.iter().map(|item| item.genres.clone()).collect()))?;
        if let Some(ends) = ends {
            table.push("stars_min", Column::F32(ends.iter().map(|end| Some(end.0)).collect()))?;
            table.push("stars_max", Column::F32(ends.iter().map(|end| Some(end.1)).collect()))?;
        }
        push_matrix(&mut table, FEATURE, item_features.names(), item_features.matrix())?;
        Ok(table.write(&dir.join("items.parquet"))?)
    }

    /// Reads what [`Dataset::write`] wrote.
    ///
    /// # Errors
    /// A file that is missing, damaged, of another version, or does not fit the others.
    pub fn read(dir: &Path) -> Result<Self, FeaturesError> {
        let (training, [fit_rows, validation_rows]) = TrainingData::read_rows(dir)?;
        let TrainingData { catalogue, details, fit, validation, info } = training;
        let (test, test_rows) = read_part(&dir.join("test.parquet"), &catalogue, info.split.n_test)?;
        let (fold_in, fold_in_rows) = optional_part(&dir.join("fold_in.parquet"), &catalogue, info.split.n_fold_in)?;
        let source_rows =
            SourceRows { fit: fit_rows, validation: validation_rows, fold_in: fold_in_rows, test: test_rows };
        Ok(Self { catalogue, details, fit, validation, fold_in, test, source_rows, info })
    }
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
        Self::read_rows(dir).map(|(training, _)| training)
    }

    /// The same, and where the rows of train and of validation stand in the raw file.
    fn read_rows(dir: &Path) -> Result<(Self, [Vec<u64>; 2]), FeaturesError> {
        let (catalogue, details) = read_catalogue(dir)?;
        let DatasetFile { info, .. } = read_json(&dir.join("dataset.json"), DATASET_VERSION)?;
        let (fit, fit_rows) = read_part(&dir.join("train.parquet"), &catalogue, info.split.n_train)?;
        let (validation, validation_rows) =
            optional_part(&dir.join("validation.parquet"), &catalogue, info.split.n_valid)?;
        Ok((Self { catalogue, details, fit, validation, info }, [fit_rows, validation_rows]))
    }

    /// What a model may see.
    pub fn train(&self) -> Train {
        Train { catalogue: Arc::clone(&self.catalogue), fit: self.fit.clone(), validation: self.validation.clone() }
    }
}

/// A part of `n` rows, for which there is no file where `n` is 0.
fn optional_part(
    path: &Path,
    catalogue: &Catalogue,
    n: usize,
) -> Result<(Option<Interactions>, Vec<u64>), FeaturesError> {
    match n {
        0 => Ok((None, Vec::new())),
        n => read_part(path, catalogue, n).map(|(rows, source_rows)| (Some(rows), source_rows)),
    }
}

/// Reads the catalogue's files, as [`Dataset::write`] and [`Dataset::write_catalogue`] leave them.
///
/// # Errors
/// A file that is missing, damaged, of another version, or does not fit the others.
pub fn read_catalogue(dir: &Path) -> Result<(Arc<Catalogue>, Vec<ItemDetails>), FeaturesError> {
    let file: CatalogueFile = read_json(&dir.join("catalogue.json"), CATALOGUE_VERSION)?;

    let reader = Reader::open(dir.join("users.parquet"), file.n_users)?;
    let users: Users = reader.vocab("user_id", UserId)?;
    let user_features = reader.features()?.with_spans(file.spans.users);

    let reader = Reader::open(dir.join("items.parquet"), file.n_items)?;
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

fn write_part(
    path: &Path,
    name: &str,
    contexts: &[String],
    rows: &Interactions,
    source_rows: &[u64],
) -> Result<(), FeaturesError> {
    Ok(part_table(contexts, rows, source_rows)?.with_metadata("table", name).write(path)?)
}

/// Rows of a part, as its file has them.
pub(crate) fn part_table(
    contexts: &[String],
    rows: &Interactions,
    source_rows: &[u64],
) -> Result<Table, FeaturesError> {
    let mut table = Table::new();
    table.push("user", Column::U32(rows.users().iter().map(|user| user.get()).collect()))?;
    table.push("item", Column::U32(rows.items().iter().map(|item| item.get()).collect()))?;
    table.push("rating", Column::F32(rows.ratings().iter().map(|rating| rating.map(|r| r.stars())).collect()))?;
    table.push("target", Column::F32(rows.targets().iter().map(|target| Some(target.get())).collect()))?;
    table.push("timestamp", Column::I64(rows.timestamps().to_vec()))?;
    // A file has fewer lines than 2^63.
    table.push("source_row", Column::I64(source_rows.iter().map(|&row| Some(row as i64)).collect()))?;
    push_matrix(&mut table, CONTEXT, contexts, rows.contexts())?;
    Ok(table)
}

fn read_part(path: &Path, catalogue: &Catalogue, n: usize) -> Result<(Interactions, Vec<u64>), FeaturesError> {
    let reader = Reader::open(path.to_owned(), n)?;
    let (users, items) = (reader.column("user", Table::row_numbers)?, reader.column("item", Table::row_numbers)?);
    let (ratings, targets) = (reader.column("rating", Table::numbers)?, reader.column("target", Table::numbers)?);
    let (timestamps, source_rows) =
        (reader.column("timestamp", Table::integers)?, reader.column("source_row", Table::integers)?);
    let (names, contexts) = reader.prefixed(CONTEXT)?;
    if !names.iter().map(String::as_str).eq(catalogue.context_names()) {
        return Err(reader.damaged("its contexts are not those of `catalogue.json`"));
    }
    let source_row = |row: &Option<i64>| row.and_then(|row| u64::try_from(row).ok());
    let source_rows = source_rows.iter().map(|row| source_row(row).ok_or_else(|| reader.missing("source_row")));
    let source_rows = source_rows.collect::<Result<Vec<u64>, _>>()?;
    // Columns are borrowed rather than copied: a part has as many rows as there are ratings.
    let mut builder = Interactions::builder(names.len());
    let mut context = vec![0.0; names.len()];
    for row in 0..n {
        let rating = ratings[row]
            .map(|stars| catalogue.scale.rating(stars))
            .transpose()
            .map_err(|error| reader.damaged(error.to_string()))?;
        let target = targets[row].ok_or_else(|| reader.missing("target"))?;
        let target = Target::new(target).ok_or_else(|| reader.damaged("a `target` that is not finite"))?;
        for ((to, column), name) in context.iter_mut().zip(&contexts).zip(&names) {
            *to = column[row].ok_or_else(|| reader.missing(&format!("{CONTEXT}{name}")))?;
        }
        builder.push(Interaction {
            user: reader.at("user", users[row], &catalogue.users)?,
            item: reader.at("item", items[row], &catalogue.items)?,
            rating,
            target,
            timestamp: timestamps[row],
            context: &context,
        });
    }
    Ok((builder.finish(), source_rows))
}

fn push_matrix(table: &mut Table, prefix: &str, names: &[String], matrix: &Matrix) -> Result<(), FeaturesError> {
    for (column, name) in names.iter().enumerate() {
        let values = (0..matrix.n_rows()).map(|row| Some(matrix.row(row)[column])).collect();
        table.push(&format!("{prefix}{name}"), Column::F32(values))?;
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

/// A table with the path that its errors name.
struct Reader {
    path: std::path::PathBuf,
    table: Table,
}

impl Reader {
    /// Reads the table at `path`, which has `n` rows.
    fn open(path: std::path::PathBuf, n: usize) -> Result<Self, FeaturesError> {
        let reader = Self { table: Table::read(&path)?, path };
        match reader.table.n_rows() {
            found if found == n => Ok(reader),
            found => Err(reader.damaged(format!("it has `{found}` rows, not `{n}`"))),
        }
    }

    fn damaged(&self, reason: impl Into<String>) -> FeaturesError {
        FeaturesError::Damaged { path: self.path.clone(), reason: reason.into() }
    }

    fn vocab<Id>(&self, column: &str, id: fn(RawId) -> Id) -> Result<Vocab<Id>, FeaturesError>
    where
        Id: Indexed + std::fmt::Display,
    {
        let ids = self.column(column, Table::ids)?.into_iter().map(id).collect();
        Vocab::new(ids).map_err(|error| self.damaged(error.to_string()))
    }

    fn at<Id: Indexed>(&self, column: &str, row: u32, vocab: &Vocab<Id>) -> Result<Id::Idx, FeaturesError> {
        let beyond = || self.damaged(format!("{column} row `{row}` is beyond the catalogue"));
        vocab.at(row as usize).ok_or_else(beyond)
    }

    /// `column` as `take` finds it in the table.
    ///
    /// # Errors
    /// No such column, or one of another kind.
    fn column<'a, C>(
        &'a self,
        column: &str,
        take: impl FnOnce(&'a Table, &str) -> Result<C, DataError>,
    ) -> Result<C, FeaturesError> {
        let first_line = |error: DataError| error.to_string().lines().next().unwrap_or_default().to_owned();
        take(&self.table, column).map_err(|error| self.damaged(first_line(error)))
    }

    fn missing(&self, column: &str) -> FeaturesError {
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
    fn prefixed(&self, prefix: &str) -> Result<(Vec<String>, Vec<Numbers<'_>>), FeaturesError> {
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
