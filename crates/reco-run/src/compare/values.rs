//! Reads each user's values of an approach's metrics, and a digest of each user's test rows.
//!
//! Does not know how a value was measured.
//!
//! **Invariant**: every user is there once; every value is finite.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reco_core::UserId;
use reco_core::random::keyed_hash;
use reco_data::table::{Column, Table};
use reco_eval::compare::{MetricValues, RunValues, UserRow};
use reco_eval::{Column as MetricColumn, METRICS};

use super::CompareError;
use super::operands::Operand;
use crate::RunError;

/// The columns that are no metrics, besides the user's id.
const COUNTS: [&str; 4] = ["n_train", "n_test", "n_rated", "n_relevant"];

/// The test rows of the runs that were read already, by folder.
#[derive(Default)]
pub(super) struct TestRows(BTreeMap<PathBuf, BTreeMap<UserId, (usize, u64)>>);

impl TestRows {
    /// What [`test_rows`] says of `run`.
    fn of(&mut self, run: &Path) -> Result<&BTreeMap<UserId, (usize, u64)>, RunError> {
        Ok(match self.0.entry(run.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(test_rows(run)?),
        })
    }
}

/// Reads each user's values of one approach of one run, and what was in each user's test.
pub(super) fn read(operand: &Operand, tests: &mut TestRows, notes: &mut Vec<String>) -> Result<RunValues, RunError> {
    let mut values = read_file(&operand.file(), notes)?;
    let tests = tests.of(&operand.run)?;
    for row in &mut values.users {
        // A split that was made again after the evaluation says nothing about it.
        row.test_rows = tests.get(&row.user).filter(|(n, _)| *n == row.n_test).map(|(_, rows)| *rows);
    }
    Ok(values)
}

/// Reads each user's values of an approach from the file that an evaluation left, without what was in the tests.
pub(crate) fn read_file(path: &Path, notes: &mut Vec<String>) -> Result<RunValues, RunError> {
    let values = Values { table: Table::read(path)?, path };
    let [n_train, n_test, n_rated, n_relevant] = COUNTS.map(|column| values.counts(column));
    let (n_train, n_test, n_rated, n_relevant) = (n_train?, n_test?, n_rated?, n_relevant?);
    let row = |(at, user): (usize, UserId)| UserRow {
        user,
        n_train: n_train[at],
        n_test: n_test[at],
        n_rated: n_rated[at],
        n_relevant: n_relevant[at],
        test_rows: None,
    };
    let users = values.users()?.into_iter().enumerate().map(row).collect();
    Ok(RunValues { users, metrics: values.metrics(notes)? })
}

/// The file of an approach's values while it is read.
struct Values<'a> {
    path: &'a Path,
    table: Table,
}

impl Values<'_> {
    fn foreign(&self, reason: String) -> RunError {
        CompareError::Foreign { path: self.path.display().to_string(), reason }.into()
    }

    fn users(&self) -> Result<Vec<UserId>, RunError> {
        let ids: Option<Vec<UserId>> = match self.table.column("user_id")? {
            Column::I64(ids) => ids.iter().map(|id| id.map(UserId::from)).collect(),
            Column::Text(ids) => ids.iter().map(|id| id.as_deref().map(UserId::parse)).collect(),
            _ => return Err(self.table.no_column("user_id", "integers or texts").into()),
        };
        let ids = ids.ok_or_else(|| self.foreign("an id is missing in `user_id`".to_owned()))?;
        let mut known = BTreeSet::new();
        match ids.iter().find(|id| !known.insert(*id)) {
            Some(twice) => Err(self.foreign(format!("user `{twice}` stands twice"))),
            None => Ok(ids),
        }
    }

    fn counts(&self, column: &str) -> Result<Vec<usize>, RunError> {
        let Column::I64(counts) = self.table.column(column)? else {
            return Err(self.table.no_column(column, "integers").into());
        };
        let counts: Option<Vec<usize>> = counts.iter().map(|n| n.and_then(|n| usize::try_from(n).ok())).collect();
        counts.ok_or_else(|| self.foreign(format!("`{column}` has a value that is no count")))
    }

    fn metrics(&self, notes: &mut Vec<String>) -> Result<Vec<MetricValues>, RunError> {
        let mut metrics = Vec::new();
        for (name, column) in self.table.columns() {
            let Column::F64(values) = column else { continue };
            let of_metric = name.parse::<MetricColumn>().ok();
            let Some((of_metric, entry)) = of_metric.and_then(|one| Some((one.clone(), one.entry(METRICS)?))) else {
                notes.push(format!("`{name}` is no metric that this reco knows, left out"));
                continue;
            };
            if values.iter().flatten().any(|value| !value.is_finite()) {
                return Err(self.foreign(format!("`{name}` has a value that is not finite")));
            }
            metrics.push(MetricValues { column: of_metric, better: entry.better, values: values.clone() });
        }
        Ok(metrics)
    }
}

/// The number of each user's test rows, and a number that is the same for the same items and stars in any order. Empty
/// where the run's features are gone.
fn test_rows(run: &Path) -> Result<BTreeMap<UserId, (usize, u64)>, RunError> {
    let features = run.join("features");
    let path = features.join("test.parquet");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let (catalogue, _) = reco_features::read_catalogue(&features)?;
    let table = Table::read(&path)?;
    let (Column::U32(users), Column::U32(items)) = (table.column("user")?, table.column("item")?) else {
        return Err(table.no_column("user", "row numbers").into());
    };
    let Column::F32(ratings) = table.column("rating")? else {
        return Err(table.no_column("rating", "single-precision numbers").into());
    };
    let mut rows: BTreeMap<UserId, (usize, u64)> = BTreeMap::new();
    for ((&user, &item), stars) in users.iter().zip(items).zip(ratings) {
        let (Some(user), Some(item)) = (catalogue.users.at(user as usize), catalogue.items.at(item as usize)) else {
            let reason = "it names rows that the catalogue does not have".to_owned();
            return Err(CompareError::Foreign { path: path.display().to_string(), reason }.into());
        };
        let (user, item) = (catalogue.users.id(user), catalogue.items.id(item));
        // The stars are the seed; an event has none.
        let hash = keyed_hash(stars.map_or(u64::MAX, |stars| u64::from(stars.to_bits())), user, item);
        let (n, sum) = rows.entry(user.clone()).or_default();
        (*n, *sum) = (*n + 1, sum.wrapping_add(hash));
    }
    Ok(rows)
}
