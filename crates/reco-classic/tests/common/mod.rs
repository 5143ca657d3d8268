//! Reads Surprise's five folds of MovieLens 100K, and measures models over them.
//!
//! They are on this machine where `reco_core::testing::ml_100k` finds the ratings and `surprise_folds.csv`
//! (`row,fold`). Where RecBole's tables of users and items lie beside the ratings, there are features: age, gender and
//! occupation; genres and decades. Does not know what is expected.
//!
//! **Invariant**: a fold's test rows are in no other fold's; errors are means over the folds of each fold's error.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reco_classic::APPROACHES;
use reco_core::testing::{Assigned, ml_100k};
use reco_core::{Candidates, DeviceChoice, Features, Matrix, Query, Run, Scores, Seen, Silent, TestUser, Train, Who};
use serde_json::Value;

/// The result of anything that reads files.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Errors in stars, and how long all fits and all scores took, over five folds.
pub(crate) struct Measured {
    pub(crate) rmse: f64,
    pub(crate) mae: f64,
    pub(crate) fit: Duration,
    pub(crate) score: Duration,
}

/// What is scored for each user of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scored {
    /// Every item of the catalogue.
    Catalogue,
    /// The items of the test rows.
    TestRows,
}

/// Fits on four folds, scores for every user of the fifth, and compares.
pub(crate) fn measured(name: &str, options: &Value, folds: &[Fold], scored: Scored) -> Result<Measured> {
    let entry = APPROACHES.iter().find(|entry| entry.name == name).ok_or(name)?;
    let run = Run { seed: 42, device: DeviceChoice::Cpu, progress: &Silent };
    let mut measured = Measured { rmse: 0.0, mae: 0.0, fit: Duration::ZERO, score: Duration::ZERO };
    for fold in folds {
        let clock = Instant::now();
        let fitted = (entry.configure)(options)?.fit(&fold.train, &run)?;
        measured.fit += clock.elapsed();
        let queries: Vec<Query<'_>> = fold.cases.iter().map(|case| query(case, scored)).collect();
        let clock = Instant::now();
        let mut scores = Scores::new();
        fitted.score(&queries, &mut scores)?;
        measured.score += clock.elapsed();
        let (mut n, mut squares, mut absolute) = (0.0, 0.0, 0.0);
        for (row, case) in fold.cases.iter().enumerate() {
            let scores = scores.row(row);
            for (at, (item, rating)) in case.rows().items().iter().zip(case.rows().ratings()).enumerate() {
                let score = if scored == Scored::TestRows { scores[at] } else { scores[item.index()] };
                let error = f64::from(score - rating.ok_or("stars")?.stars());
                n += 1.0;
                squares += error * error;
                absolute += error.abs();
            }
        }
        measured.rmse += (squares / n).sqrt() / folds.len() as f64;
        measured.mae += absolute / n / folds.len() as f64;
    }
    Ok(measured)
}

/// The query for one user.
fn query(case: &TestUser, scored: Scored) -> Query<'_> {
    let candidates = match scored {
        Scored::Catalogue => Candidates::AllExcept(Seen::NOTHING),
        Scored::TestRows => Candidates::These(case.rows().items()),
    };
    Query { who: Who::Known(case.user()), context: &[], candidates }
}

/// One fold: the training rows outside of it, and its own rows by user.
pub(crate) struct Fold {
    train: Train,
    cases: Vec<TestUser>,
}

/// The five folds; `None`, after a message, where they are not on this machine.
pub(crate) fn folds() -> Result<Option<Vec<Fold>>> {
    let Some((ratings, split)) = ml_100k("surprise_folds.csv") else { return Ok(None) };
    let mut assigned = Assigned::read(&std::fs::read_to_string(&ratings)?, &std::fs::read_to_string(split)?)?;
    let catalogue = Arc::make_mut(&mut assigned.catalogue);
    let users: Vec<String> = catalogue.users.ids().iter().map(ToString::to_string).collect();
    catalogue.user_features = features(&ratings.with_extension("user"), &users)?;
    let items: Vec<String> = catalogue.items.ids().iter().map(ToString::to_string).collect();
    catalogue.item_features = features(&ratings.with_extension("item"), &items)?;
    let catalogue = &assigned.catalogue;
    let fold = |name: &str| {
        let (fit, test) = (assigned.part(|fold| fold != name)?, assigned.part(|fold| fold == name)?);
        let train = Train { catalogue: Arc::clone(catalogue), fit, validation: None };
        Ok(Fold { train, cases: TestUser::group(&test, catalogue.n_users()) })
    };
    ["0", "1", "2", "3", "4"].map(fold).into_iter().collect::<Result<Vec<_>>>().map(Some)
}

/// The features of `ids`, in this order, by RecBole's table at `path`; none without it.
fn features(path: &Path, ids: &[String]) -> Result<Features> {
    if !path.is_file() {
        return Ok(Features::none(ids.len()));
    }
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().ok_or("a header")?.split('\t').collect();
    let rows: Vec<(usize, Vec<(String, f32)>)> = lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let row = ids.iter().position(|id| id == fields[0])?;
            let columns = header.iter().zip(&fields).flat_map(|(name, field)| columns(name, field));
            Some((row, columns.collect()))
        })
        .collect();
    let names: BTreeSet<&str> = rows.iter().flat_map(|(_, columns)| columns).map(|(name, _)| name.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut matrix = Matrix::zeros(ids.len(), names.len());
    for (row, columns) in &rows {
        for (name, value) in columns {
            let column = names.binary_search(&name.as_str()).map_err(|_| "every name is listed")?;
            matrix.row_mut(*row)[column] = *value;
        }
    }
    Ok(Features::new(names.into_iter().map(str::to_owned).collect(), matrix).ok_or("a column for each name")?)
}

/// The columns of one field, with their numbers.
fn columns(name: &str, field: &str) -> Vec<(String, f32)> {
    match name.split(':').next() {
        Some("age") => field.parse().map(|age: f32| ("age".to_owned(), age / 100.0)).into_iter().collect(),
        Some("release_year") => field.parse().map(|year: u32| (format!("{}0s", year / 10), 1.0)).into_iter().collect(),
        Some("gender" | "occupation") => vec![(field.to_owned(), 1.0)],
        Some("class") => {
            field.split(' ').filter(|genre| !genre.is_empty()).map(|genre| (genre.to_owned(), 1.0)).collect()
        }
        _ => Vec::new(),
    }
}
