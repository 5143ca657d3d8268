//! Reads a split from a file, so that another program's split can be used.
//!
//! Does not know how the file was made. A CSV or Parquet file that names each row by `row`, the data line of the raw
//! ratings from zero, or by `user` and `item`, their ids as the raw ratings write them; and that says in `part` where
//! it goes (`train`, `validation` or `valid`, `fold-in`, `test`), or in `fold`, a number: the rows of the fold
//! `split.fold` test, all others train. Further columns are not read.
//!
//! **Invariant**: the file names each row of the tables once and no other; a missing row is an error, since it would be
//! dropped silently. A user with fold-in rows has no train or validation row.

mod lines;

use std::collections::BTreeSet;
use std::path::PathBuf;

use reco_core::{ItemId, UserId};

use self::lines::{Key, Line, Lines, Place};
use super::{Assign, Assignment, Part, SplitEntry, SplitRows};
use crate::catalogue::known;
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "file",
    about: "as the file `split.path` says, row by row: its column `part`, or its column `fold`, \
            of which `split.fold` tests",
    reads: &["path", "fold"],
    assign: Assign::Rows(assign),
};

const COLUMNS: &str = "\
    it is a CSV or Parquet file with a column `row`, or the columns `user` and `item`, and with a column `part` or \
    `fold`";
const COUNTED: &str = "\
    rows are counted from 0, after the header of the raw ratings; rejected rows, duplicates and ratings that \
    `[features]` drops have no place in it";
const PAIRED: &str = "\
    ids are those of the raw ratings; rejected rows and ratings that `[features]` drops have no place in it";

impl SplitConfig {
    /// The file that the split reads, variables expanded; `None` for a split that reads none.
    ///
    /// # Errors
    /// No file named, or a variable that is not set.
    pub fn file(&self) -> Result<Option<PathBuf>, FeaturesError> {
        if self.kind != ENTRY.name {
            return Ok(None);
        }
        if self.path.is_empty() {
            let hint = format!("name it: `split.path = \"folds.csv\"`; {COLUMNS}");
            return Err(self.refuse("none is named".to_owned(), hint));
        }
        let expanded = reco_data::expand(&self.path).map_err(|unset| {
            self.refuse(format!("${unset} is not set"), format!("set it, or write the path out: `export {unset}=…`"))
        })?;
        Ok(Some(PathBuf::from(expanded)))
    }

    fn refuse(&self, reason: String, hint: impl Into<String>) -> FeaturesError {
        FeaturesError::SplitFile { path: self.path.clone(), reason, hint: hint.into() }
    }
}

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let mut lines = Lines::open(config)?;
    let names = Names::of(rows, lines.are_pairs());
    let mut parts: Vec<Option<Part>> = vec![None; rows.len()];
    let mut folds = BTreeSet::new();
    while let Some(line) = lines.next()? {
        let part = match line.place {
            Place::Part(part) => part,
            Place::Fold(fold) => {
                folds.insert(fold);
                if fold == config.fold { Part::Test } else { Part::Train }
            }
        };
        let at = names.find(&line, config)?;
        if parts[at].replace(part).is_some() {
            let reason = format!("{}: {} stands there twice", line.name(), names.name(at));
            return Err(config.refuse(reason, "keep one line for each row"));
        }
    }
    if let (Some(first), Some(last)) = (folds.first(), folds.last())
        && !folds.contains(&config.fold)
    {
        let reason = format!("no row is of fold `{}`", config.fold);
        return Err(config.refuse(reason, format!("`split.fold` is one of its folds, `{first}` to `{last}`")));
    }
    let forgotten = || (0..parts.len()).filter(|at| parts[*at].is_none());
    if let Some(first) = forgotten().min_by_key(|at| rows.source_row(*at)) {
        let reason = format!(
            "it says nothing of `{}` of `{}` rows, the first of them {}",
            forgotten().count(),
            parts.len(),
            names.name(first)
        );
        return Err(config.refuse(reason, "say of each row where it goes; none is dropped in silence"));
    }
    let parts: Vec<Part> = parts.into_iter().flatten().collect();
    for (part, name) in [(Part::Test, "test"), (Part::Train, "train")] {
        if !parts.contains(&part) {
            return Err(FeaturesError::EmptyPart {
                kind: ENTRY.name,
                part: name,
                n_rows: rows.len(),
                hint: "the file `split.path` has to name rows for training and rows for the test",
            });
        }
    }
    for (user, range) in rows.by_user() {
        let of_user = &parts[range];
        let learned = [(Part::Train, "train"), (Part::Validation, "validation")];
        if of_user.contains(&Part::FoldIn)
            && let Some((_, name)) = learned.iter().find(|(part, _)| of_user.contains(part))
        {
            let user = rows.users.id(user);
            let reason = format!("user `{user}` has rows of the part `fold-in` and of the part `{name}`");
            let hint = "what is given of a user at the query is all that is known of them: their other rows test";
            return Err(config.refuse(reason, hint));
        }
    }
    Ok(Assignment::without_cuts(parts))
}

/// How the file names the rows.
struct Names<'a> {
    rows: &'a SplitRows<'a>,
    /// The rows in source order, where the file names rows by number.
    in_source: Option<Vec<u32>>,
}

impl<'a> Names<'a> {
    fn of(rows: &'a SplitRows<'a>, are_pairs: bool) -> Self {
        let in_source = || {
            // There are fewer rows than 2^32.
            let mut sorted: Vec<u32> = (0..rows.len() as u32).collect();
            sorted.sort_unstable_by_key(|row| (rows.source_row(*row as usize), *row));
            sorted
        };
        Self { rows, in_source: (!are_pairs).then(in_source) }
    }

    /// The row at `at`, as messages name it.
    fn name(&self, at: usize) -> String {
        let SplitRows { users, items, .. } = self.rows;
        match self.in_source {
            Some(_) => format!("row `{}`", self.rows.source_row(at)),
            None => {
                let (user, item) = (users.id(self.rows.user(at)), items.id(self.rows.item(at)));
                format!("the pair of user `{user}` and item `{item}`")
            }
        }
    }

    /// The place of the row that `line` names.
    ///
    /// # Errors
    /// A row that is not among the tables'.
    fn find(&self, line: &Line<'_>, config: &SplitConfig) -> Result<usize, FeaturesError> {
        let rows = self.rows;
        let SplitRows { users, items, .. } = *rows;
        let refuse = |reason: String, hint: String| config.refuse(format!("{}: {reason}", line.name()), hint);
        match line.key {
            Key::Row(row) => self.numbered(row).ok_or_else(|| {
                refuse(format!("row `{row}` is not among the `{}` of the tables", rows.len()), COUNTED.to_owned())
            }),
            Key::Pair(user_id, item_id) => {
                let unknown = |what, id, hint| refuse(format!("unknown {what} `{id}`"), hint);
                let user = users
                    .get(&UserId::parse(user_id))
                    .ok_or_else(|| unknown("user", user_id, known(users.ids(), "users", user_id)))?;
                let item = items
                    .get(&ItemId::parse(item_id))
                    .ok_or_else(|| unknown("item", item_id, known(items.ids(), "items", item_id)))?;
                rows.rows.find(user.index(), item.get()).ok_or_else(|| {
                    let reason = format!("the tables have no rating of item `{item_id}` by user `{user_id}`");
                    refuse(reason, PAIRED.to_owned())
                })
            }
        }
    }

    /// The place of the row with this number in the source.
    fn numbered(&self, number: u64) -> Option<usize> {
        let sorted = self.in_source.as_ref()?;
        let n_before = sorted.partition_point(|row| self.rows.source_row(*row as usize) <= number);
        let found = *sorted.get(n_before.checked_sub(1)?)? as usize;
        (self.rows.source_row(found) == number).then_some(found)
    }
}
