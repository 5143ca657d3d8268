//! Builds a [`Dataset`] from checked tables: catalogue, train, validation, fold-in and test parts.
//!
//! Does not know files: `store` writes and reads a [`Dataset`].
//!
//! **Invariant**: every kept rating is in exactly one part, unless the split leaves it out and counts it; the rows of
//! each part are in user-major, item-ascending order, each with its line in the raw file; the same tables in any row
//! order give the same data set.

use std::collections::BTreeMap;
use std::sync::Arc;

use reco_core::{
    Catalogue, ContextColumn, Interaction, Interactions, Items, Matrix, Rating, Requirement, Seen, Target, TestUser,
    Train, Users,
};
use reco_data::{DatasetInfo, Ratings, Tables};
use serde::{Deserialize, Serialize};

use crate::catalogue::{kept_items, kept_users};
use crate::columns::{Columns, MISSING};
use crate::context::{Clock, Moment};
use crate::filter::{Edge, Filtered, Kept, filter};
use crate::scaling::fit_scaling;
use crate::split::{Part, SplitRow, SplitRows, find_split, split};
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
    split_config: &SplitConfig,
    seed: u64,
) -> Result<Dataset, FeaturesError> {
    let seed = split_config.seed.unwrap_or(seed);
    features.check()?;
    find_split(&split_config.kind)?;
    split_config.check()?;
    let clock = Clock::new(&features.time_zone)?;

    let kept = filter(tables, features)?;
    let users = kept_users(&tables.users, &kept.users)?;
    let items = kept_items(&tables.items, &kept.items, features)?;
    // The kept ratings, and the row in the table of each.
    let (rows, table_rows): (Vec<SplitRow>, Vec<usize>) =
        sort_rows(&tables.ratings, &kept, &users.users, &items.items)?.into_iter().unzip();
    let ratings = rows
        .iter()
        .zip(&table_rows)
        .map(|(row, at)| match tables.ratings.rating[*at] {
            None => Ok(None),
            Some(stars) => tables
                .scale
                .rating(stars)
                .map(Some)
                .map_err(|source| FeaturesError::Rating { source_row: row.source_row, source }),
        })
        .collect::<Result<Vec<Option<Rating>>, _>>()?;
    let mut contexts = contexts(&tables.ratings, &rows, &table_rows, &clock)?;

    let split_rows = SplitRows { users: &users.users, items: &items.items, rows: &rows, seed };
    let assignment = split(&split_rows, split_config)?;
    let rated = rows.iter().zip(&ratings).zip(&assignment.parts);
    let rated = rated.filter_map(|((row, rating), part)| Some((row.item, (*rating)?, *part == Part::Train)));
    let scaling = fit_scaling(features.scaling, tables.scale, items.items.len(), rated);

    let in_train = (0..rows.len()).filter(|at| assignment.parts[*at] == Part::Train);
    let columns = ContextColumn::of(contexts.names, &contexts.matrix, in_train);
    for row in 0..rows.len() {
        for (number, column) in contexts.matrix.row_mut(row).iter_mut().zip(&columns) {
            if number.is_nan() {
                *number = column.mean;
            }
        }
    }
    let catalogue = Catalogue {
        users: users.users,
        items: items.items,
        user_features: users.features,
        item_features: items.features,
        contexts: columns,
        scale: tables.scale,
        scaling,
    };
    let part = |part| {
        let mut builder = Interactions::builder(catalogue.contexts.len());
        let mut source_rows = Vec::new();
        for (at, row) in rows.iter().enumerate().filter(|(at, _)| assignment.parts[*at] == part) {
            let SplitRow { user, item, timestamp, source_row } = *row;
            let rating = ratings[at];
            let target = rating.map_or(Target::EVENT, |rating| catalogue.scaling.target(item, rating));
            builder.push(Interaction { user, item, rating, target, timestamp, context: contexts.matrix.row(at) });
            source_rows.push(source_row);
        }
        (builder.finish(), source_rows)
    };
    let (fit, fit_rows) = part(Part::Train);
    let (validation, validation_rows) = part(Part::Validation);
    let (fold_in, fold_in_rows) = part(Part::FoldIn);
    let (test, test_rows) = part(Part::Test);
    let n_test_dropped = assignment.parts.iter().filter(|part| **part == Part::Untrained).count();

    let [n_test_users, n_test_users_without_train, n_test_items_without_train] = coverage(&catalogue, &fit, &test);
    let is_unmet = |need: &Requirement| match need {
        Requirement::Stars => {
            [&fit, &validation, &fold_in].iter().any(|part| part.ratings().iter().any(Option::is_none))
        }
        Requirement::ItemFeatures => catalogue.item_features.names().is_empty(),
        Requirement::KnownUsers => !fold_in.is_empty(),
    };
    let info = Info {
        dataset: tables.dataset.clone(),
        features: features.clone(),
        split: SplitInfo {
            config: split_config.clone(),
            seed,
            n_train: fit.len(),
            n_valid: validation.len(),
            n_fold_in: fold_in.len(),
            n_test: test.len(),
            n_test_dropped,
            cuts: assignment.cuts,
            n_test_users,
            n_test_users_without_train,
            n_test_items_without_train,
        },
        n_users: catalogue.n_users(),
        n_items: catalogue.n_items(),
        n_ratings: rows.len(),
        n_items_dropped: kept.n_items_dropped,
        n_ratings_dropped: kept.n_ratings_dropped,
        filtered: kept.filtered,
        n_without_time: contexts.n_without_time,
        left_out: [users.left_out, items.left_out].concat(),
        unmet: Requirement::ALL.into_iter().filter(is_unmet).collect(),
    };
    Ok(Dataset {
        catalogue: Arc::new(catalogue),
        details: items.details,
        fit,
        validation: (!validation.is_empty()).then_some(validation),
        fold_in: (!fold_in.is_empty()).then_some(fold_in),
        test,
        source_rows: SourceRows { fit: fit_rows, validation: validation_rows, fold_in: fold_in_rows, test: test_rows },
        info,
    })
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

/// The kept ratings, each with its row in the table, by user and then by item.
fn sort_rows(
    ratings: &Ratings,
    kept: &Kept,
    users: &Users,
    items: &Items,
) -> Result<Vec<(SplitRow, usize)>, FeaturesError> {
    // The catalogue has the kept rows of a table in their order, so that a row's place among them is its catalogue row.
    let places = |kept: &[usize]| {
        let mut places = vec![usize::MAX; kept.last().map_or(0, |last| last + 1)];
        kept.iter().enumerate().for_each(|(place, row)| places[*row] = place);
        places
    };
    let (user_places, item_places) = (places(&kept.users), places(&kept.items));
    let split_row = |edge: &Edge| {
        let row = SplitRow {
            user: users.at(user_places[edge.user()]).expect("a kept rating is of a kept user"),
            item: items.at(item_places[edge.item()]).expect("a kept rating is of a kept item"),
            timestamp: ratings.timestamp[edge.rating],
            source_row: ratings.source_row[edge.rating],
        };
        (row, edge.rating)
    };
    let mut sorted: Vec<_> = kept.ratings.iter().map(split_row).collect();
    sorted.sort_unstable_by_key(|(row, _)| (row.user, row.item, row.source_row));
    if let Some(pair) =
        sorted.windows(2).find(|pair| (pair[0].0.user, pair[0].0.item) == (pair[1].0.user, pair[1].0.item))
    {
        let (first, second) = (pair[0].0, pair[1].0);
        return Err(FeaturesError::PairTwice {
            user: users.id(first.user).to_string(),
            item: items.id(first.item).to_string(),
            first: first.source_row,
            second: second.source_row,
        });
    }
    Ok(sorted)
}

/// The contexts of the sorted rows; [`MISSING`] where a row has none.
struct Contexts {
    names: Vec<String>,
    matrix: Matrix,
    n_without_time: usize,
}

/// `daytime` and `weekend` if any row has a time, then the declared contexts.
fn contexts(
    ratings: &Ratings,
    rows: &[SplitRow],
    table_rows: &[usize],
    clock: &Clock,
) -> Result<Contexts, FeaturesError> {
    let mut columns = Columns::new("contexts", rows.len());
    let n_timed = rows.iter().filter(|row| row.timestamp.is_some()).count();
    if n_timed > 0 {
        let moment = |row: &SplitRow| match row.timestamp {
            None => Ok(None),
            Some(seconds) => {
                let moment = clock.moment(seconds);
                moment.map(Some).ok_or(FeaturesError::Time { seconds, source_row: row.source_row })
            }
        };
        let moments = rows.iter().map(moment).collect::<Result<Vec<_>, _>>()?;
        let column = |read: fn(&Moment) -> bool| {
            let number = |moment: &Option<Moment>| moment.as_ref().map_or(MISSING, |at| f32::from(u8::from(read(at))));
            moments.iter().map(number).collect()
        };
        columns.push("daytime".to_owned(), column(|moment| moment.daytime))?;
        columns.push("weekend".to_owned(), column(|moment| moment.weekend))?;
    }
    columns.push_contexts(&ratings.contexts, table_rows)?;
    let (names, matrix) = columns.into_parts();
    Ok(Contexts { names, matrix, n_without_time: if n_timed > 0 { rows.len() - n_timed } else { 0 } })
}

/// Counts users with a test row, and test users and test items without a train row.
fn coverage(catalogue: &Catalogue, fit: &Interactions, test: &Interactions) -> [usize; 3] {
    let mark = |n, indices: &mut dyn Iterator<Item = usize>| {
        let mut marks = vec![false; n];
        indices.for_each(|index| marks[index] = true);
        marks
    };
    let users = |rows: &Interactions| mark(catalogue.n_users(), &mut rows.users().iter().map(|user| user.index()));
    let items = |rows: &Interactions| mark(catalogue.n_items(), &mut rows.items().iter().map(|item| item.index()));
    let missing = |of: &[bool], among: &[bool]| of.iter().zip(among).filter(|(of, among)| **of && !**among).count();
    let test_users = users(test);
    let n_test_users = test_users.iter().filter(|is| **is).count();
    [n_test_users, missing(&test_users, &users(fit)), missing(&items(test), &items(fit))]
}
