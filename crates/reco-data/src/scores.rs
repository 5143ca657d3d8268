//! Reads a table of scores from another recommender.
//!
//! Does not know users or items of a data set, nor how the scores came to be. A table has the columns `user`, `item`
//! and either `score` (more is better) or `rank` (1 is the best); further columns are not read.
//!
//! **Invariant**: scores are finite; each pair of a user and an item has one.

use std::path::Path;

use reco_core::{ItemId, UserId};

use crate::DataError;
use crate::records::{Row, open_table, table_columns};

/// Pairs of users and items with scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreRows {
    /// The user of each pair.
    pub users: Vec<UserId>,
    /// The item of each pair.
    pub items: Vec<ItemId>,
    /// The score of each pair, more is better; the negative rank where the file has ranks.
    pub scores: Vec<f64>,
    /// Whether the file has ranks.
    pub are_ranks: bool,
}

const HINT: &str = "\
    a table of scores has the columns `user`, `item` and `score`, or `user`, `item` and `rank`; a pair without a score \
    is left out";

/// Reads a table of scores: CSV, TSV, JSON lines or Parquet.
///
/// # Errors
/// A file that is not there, is damaged, or lacks a column; a cell that is empty or no finite number; a rank that is
/// not a whole number from 1; a pair that stands twice; no rows at all.
pub fn read_scores(path: &Path) -> Result<ScoreRows, DataError> {
    let columns = table_columns(path)?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    let are_ranks = has("rank") && !has("score");
    let wanted = ["user", "item", if are_ranks { "rank" } else { "score" }].map(str::to_owned);
    let mut records = open_table(path, &wanted, "|").map_err(|error| match error {
        DataError::MissingColumn { path, column, hint } => {
            DataError::MissingColumn { path, column, hint: format!("{hint}; {HINT}") }
        }
        other => other,
    })?;
    let mut rows = ScoreRows { are_ranks, ..ScoreRows::default() };
    let mut row = Row::default();
    while records.read(&mut row)? {
        let refuse = |reason: String| DataError::Format {
            path: path.to_owned(),
            reason: format!("row {}: {reason}", row.line()),
            hint: HINT.to_owned(),
        };
        if let Some(problem) = row.problem() {
            return Err(refuse(problem.to_owned()));
        }
        let [user, item, number] = [0, 1, 2].map(|field| row.get(field));
        if user.is_empty() || item.is_empty() {
            return Err(refuse(format!("its {} is empty", if user.is_empty() { "user" } else { "item" })));
        }
        let value: f64 = number.parse().map_err(|_| refuse(format!("`{number}` is not a number")))?;
        if !value.is_finite() {
            return Err(refuse(format!("the score of item `{item}` for user `{user}` is `{number}`")));
        }
        if are_ranks && (value < 1.0 || value.fract() != 0.0) {
            return Err(refuse(format!("rank `{number}` is not a whole number from 1")));
        }
        rows.users.push(UserId::parse(user));
        rows.items.push(ItemId::parse(item));
        rows.scores.push(if are_ranks { -value } else { value });
    }
    if rows.users.is_empty() {
        let (reason, hint) = ("it has no row".to_owned(), HINT.to_owned());
        return Err(DataError::Format { path: path.to_owned(), reason, hint });
    }
    let mut order: Vec<usize> = (0..rows.users.len()).collect();
    order.sort_unstable_by_key(|row| (&rows.users[*row], &rows.items[*row]));
    let pair = |row: usize| (&rows.users[row], &rows.items[row]);
    match order.windows(2).find(|two| pair(two[0]) == pair(two[1])) {
        None => Ok(rows),
        Some(two) => Err(DataError::Format {
            path: path.to_owned(),
            reason: format!("item `{}` stands twice for user `{}`", rows.items[two[0]], rows.users[two[0]]),
            hint: "keep one score for each pair".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Table};

    fn read(text: &str) -> Result<ScoreRows, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        std::fs::write(&path, text).unwrap();
        read_scores(&path).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn scores_and_ranks_of_text_and_parquet() {
        let rows = read("item,user,score,more\n10,a,0.25,x\n20,a,-1e3,y\n").unwrap();
        assert_eq!((rows.users[0].to_string(), rows.items[1].to_string()), ("a".to_owned(), "20".to_owned()));
        assert_eq!((rows.scores, rows.are_ranks), (vec![0.25, -1000.0], false));
        let ranks = read("\u{feff}user,item,rank\n1,10,1\n1,20,2\n").unwrap();
        assert_eq!((ranks.scores, ranks.are_ranks), (vec![-1.0, -2.0], true));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.parquet");
        let mut table = Table::new();
        table.push("user", Column::I64(vec![Some(7)])).unwrap();
        table.push("item", Column::Text(vec![Some("x y".to_owned())])).unwrap();
        table.push("score", Column::F64(vec![Some(0.1)])).unwrap();
        table.write(&path).unwrap();
        let rows = read_scores(&path).unwrap();
        assert_eq!((rows.users[0].clone(), rows.scores), (UserId::from(7), vec![0.1]));
    }

    #[test]
    fn rubbish_is_refused_by_name() {
        for (text, expected) in [
            ("", "has no rows"),
            ("user,item,score\n", "it has no row\nhint: a table of scores has"),
            (
                "user,item,stars\n1,2,3\n",
                "has no column `score`\nhint: it has `user`, `item`, `stars`; a table of scores",
            ),
            ("user,item,score\n1,2,high\n", "row 2: `high` is not a number"),
            ("user,item,score\n1,2,NaN\n", "the score of item `2` for user `1` is `NaN`"),
            ("user,item,score\n1,,2\n", "row 2: its item is empty"),
            ("user,item,score\n1,2\n", "row 2: it has `2` fields, not `3`"),
            ("user,item,rank\n1,2,0\n", "rank `0` is not a whole number from 1"),
            ("user,item,score\n1,2,3\n2,2,3\n1,2,4\n", "item `2` stands twice for user `1`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
