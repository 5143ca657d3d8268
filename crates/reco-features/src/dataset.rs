//! Makes a [`Dataset`] of checked tables: catalogue, train, validation, fold-in and test parts; in memory or on disk.
//!
//! Does not know how rows are split, `plan` does; nor how they are written, which `store` does.
//!
//! **Invariant**: what [`prepare_into`] writes has the bytes of what [`prepare`] makes and [`Dataset::write`] writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reco_core::{Catalogue, Interactions, Progress, Requirement, Seen, Silent, TestUser, Train};
use reco_data::{DatasetInfo, StoredTables, Tables};
use serde::{Deserialize, Serialize};

use crate::filter::{Filter, Filtered};
use crate::plan::{Around, Choices, Plan};
use crate::split::Part;
use crate::{FeaturesConfig, FeaturesError, ItemDetails, SplitConfig};

/// One experiment's data: who and what there is, the rows to learn from, and those held out.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Users, items, features, scaling.
    pub catalogue: Arc<Catalogue>,
    /// The details of each item for display, in catalogue order.
    pub details: Vec<ItemDetails>,
    /// The rows to train on.
    pub fit: Interactions,
    /// The rows for early stopping.
    pub validation: Option<Interactions>,
    /// The rows of held-out users that are given at the query, and never trained on.
    pub fold_in: Option<Interactions>,
    /// The rows held out.
    pub test: Interactions,
    /// Where each row stands in the raw file.
    pub source_rows: SourceRows,
    /// How it was made, and what it counts.
    pub info: Info,
}

/// The data line of the raw file, from zero, for each row of each part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceRows {
    /// For [`Dataset::fit`].
    pub fit: Vec<u64>,
    /// For [`Dataset::validation`]; empty without one.
    pub validation: Vec<u64>,
    /// For [`Dataset::fold_in`]; empty without one.
    pub fold_in: Vec<u64>,
    /// For [`Dataset::test`].
    pub test: Vec<u64>,
}

/// How a data set was made, and what it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Where the ratings come from.
    pub dataset: DatasetInfo,
    /// The choices of features.
    pub features: FeaturesConfig,
    /// The split.
    pub split: SplitInfo,
    /// Users of the catalogue, with or without ratings.
    pub n_users: usize,
    /// Items of the catalogue, with or without ratings.
    pub n_items: usize,
    /// Rows of all parts together, and those that the split leaves out of its test.
    pub n_ratings: usize,
    /// Items dropped because their genres cell is empty, or by name.
    pub n_items_dropped: usize,
    /// Ratings dropped with these items.
    pub n_ratings_dropped: usize,
    /// What the filters of `[features]` dropped of the rest.
    #[serde(default)]
    pub filtered: Filtered,
    /// Ratings without a time, in a table where others have one: their `daytime` and `weekend` are the training
    /// average.
    pub n_without_time: usize,
    /// Attributes with too many values to be features: `zip_code`.
    pub left_out: Vec<String>,
    /// The requirements of approaches that these data do not meet.
    pub unmet: Vec<Requirement>,
}

/// How rows were split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitInfo {
    /// The choices.
    pub config: SplitConfig,
    /// The seed that the draws were keyed with.
    pub seed: u64,
    /// Rows of the train part.
    pub n_train: usize,
    /// Rows of the validation part.
    pub n_valid: usize,
    /// Rows of the fold-in part, given for held-out users.
    #[serde(default)]
    pub n_fold_in: usize,
    /// Rows of the test part.
    pub n_test: usize,
    /// Rows in no part: test or fold-in rows that were dropped because no train row has their item.
    #[serde(default)]
    pub n_test_dropped: usize,
    /// Users with a test row.
    pub n_test_users: usize,
    /// Test users without a train row.
    pub n_test_users_without_train: usize,
    /// Test items without a train row.
    pub n_test_items_without_train: usize,
    /// Where the cuts lie: `split_column` (the first item row of the test part), `validation_after`, `test_after` (UTC
    /// seconds; later rows are in that part).
    pub cuts: BTreeMap<String, i64>,
}

/// Makes a data set of `tables`. Chance is keyed with the split's own seed, or with `seed` where it has none.
///
/// # Errors
/// Invalid choices (see [`FeaturesConfig`], [`SplitConfig`]), tables that do not fit together, a split that leaves a
/// part empty.
pub fn prepare(
    tables: &Tables,
    features: &FeaturesConfig,
    split: &SplitConfig,
    seed: u64,
) -> Result<Dataset, FeaturesError> {
    let Tables { ratings, users, items, scale, dataset } = tables;
    let around = Around { users, items, scale: *scale, dataset };
    let read = |filter: &mut Filter<'_>| filter.add(ratings);
    Plan::of(&around, Choices { features, split, seed }, ratings.len(), read)?.collect()
}

/// As [`prepare`], of tables on disk, of which ratings are read chunk by chunk.
///
/// # Errors
/// As [`prepare`]; a damaged table.
pub fn prepare_stored(
    tables: StoredTables,
    features: &FeaturesConfig,
    split: &SplitConfig,
    seed: u64,
) -> Result<Dataset, FeaturesError> {
    planned(tables, Choices { features, split, seed }, &Silent)?.collect()
}

/// Writes into `dir` what [`Dataset::write`] would write of the data set that [`prepare`] makes, without ever holding
/// it: a rating takes about 30 bytes of memory. Rows are reported to `progress` when they are read and when they are
/// written; it can stop the work.
///
/// # Errors
/// As [`prepare`]; a damaged table, a folder that can't be written, an interruption.
pub fn prepare_into(
    dir: &Path,
    tables: StoredTables,
    features: &FeaturesConfig,
    split: &SplitConfig,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Info, FeaturesError> {
    progress.begin("features", 2, tables.ratings.len());
    let plan = planned(tables, Choices { features, split, seed }, progress);
    let written = plan.and_then(|plan| plan.write(dir, progress).map(|()| plan.info));
    progress.end();
    written
}

fn planned(tables: StoredTables, choices: Choices<'_>, progress: &dyn Progress) -> Result<Plan, FeaturesError> {
    let StoredTables { ratings, users, items, scale, dataset } = tables;
    let around = Around { users: &users, items: &items, scale, dataset: &dataset };
    Plan::of(&around, choices, ratings.len(), |filter| {
        ratings.each(|chunk| {
            progress.advance(chunk.len());
            if progress.interrupted() { Err(FeaturesError::Interrupted) } else { filter.add(chunk) }
        })
    })
}

impl Plan {
    /// The data set, with all its rows.
    fn collect(self) -> Result<Dataset, FeaturesError> {
        let part = |part, n| {
            let mut rows = Interactions::builder(self.catalogue.contexts.len()).with_room(n);
            let mut source_rows = Vec::with_capacity(n);
            self.rows_of(part, |row, source_row| {
                rows.push(row);
                source_rows.push(source_row);
                Ok(())
            })?;
            Ok::<_, FeaturesError>((rows.finish(), source_rows))
        };
        let SplitInfo { n_train, n_valid, n_fold_in, n_test, .. } = self.info.split;
        let (fit, fit_rows) = part(Part::Train, n_train)?;
        let (validation, validation_rows) = part(Part::Validation, n_valid)?;
        let (fold_in, fold_in_rows) = part(Part::FoldIn, n_fold_in)?;
        let (test, test_rows) = part(Part::Test, n_test)?;
        Ok(Dataset {
            catalogue: Arc::new(self.catalogue),
            details: self.details,
            fit,
            validation: (!validation.is_empty()).then_some(validation),
            fold_in: (!fold_in.is_empty()).then_some(fold_in),
            test,
            source_rows: SourceRows {
                fit: fit_rows,
                validation: validation_rows,
                fold_in: fold_in_rows,
                test: test_rows,
            },
            info: self.info,
        })
    }
}

impl Dataset {
    /// What a model may see.
    pub fn train(&self) -> Train {
        Train { catalogue: Arc::clone(&self.catalogue), fit: self.fit.clone(), validation: self.validation.clone() }
    }

    /// What an evaluation asks about: the test rows by user, each with that user's fold-in rows.
    pub fn test_users(&self) -> Vec<TestUser> {
        match &self.fold_in {
            Some(fold_in) => TestUser::group_with_fold_in(&self.test, fold_in, self.catalogue.n_users()),
            None => TestUser::group(&self.test, self.catalogue.n_users()),
        }
    }

    /// What each user has met before the test: in train, validation and fold-in. One entry per user of the catalogue.
    pub fn seen(&self) -> Vec<Seen> {
        let parts = [&self.fit].into_iter().chain(&self.validation).chain(&self.fold_in);
        Seen::by_user(self.catalogue.n_users(), parts)
    }
}
