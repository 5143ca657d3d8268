//! Splits ratings into train, validation, fold-in and test parts, and lists all splits in [`SPLITS`].
//!
//! Does not know ratings: a split sees who, what, when and where in the source, never how many stars.
//!
//! **Invariant**: every row is in exactly one part; the same rows in any source order, on any machine, are split alike;
//! chance is [`keyed_hash`](reco_core::random::keyed_hash) of (seed, user, item), or
//! [`keyed_user_hash`](reco_core::random::keyed_user_hash) of (seed, user), and nothing else.

mod article;
mod file;
mod held_out_items;
mod held_out_users;
mod k_fold;
mod leave_last_out;
mod per_item_random;
mod per_user_last;
mod per_user_random;
mod random;
mod temporal;

mod order;

use std::collections::BTreeMap;
use std::ops::Range;

use reco_core::options::did_you_mean;
use reco_core::{ItemIdx, Items, UserIdx, Users};

pub use self::order::Order;
use crate::rows::Sorted;
use crate::{FeaturesError, SplitConfig};

/// All splits. `split.kind` names one; help, documents and the laws in `tests/laws.rs` walk this list.
pub static SPLITS: &[SplitEntry] = &[
    article::ENTRY,
    random::ENTRY,
    k_fold::ENTRY,
    per_user_random::ENTRY,
    per_item_random::ENTRY,
    per_user_last::ENTRY,
    leave_last_out::ENTRY,
    temporal::ENTRY,
    held_out_users::ENTRY,
    held_out_items::ENTRY,
    file::ENTRY,
];

/// One way to split.
#[derive(Clone, Copy, Debug)]
pub struct SplitEntry {
    /// What `split.kind` calls it.
    pub name: &'static str,
    /// One line for help and documents.
    pub about: &'static str,
    /// The keys of `[split]` that it reads, among those that not every split does: `validation`, `test`, `path`,
    /// `fold`, `folds`, `fold_in`, `given`.
    pub reads: &'static [&'static str],
    /// Says for each row which part it belongs to.
    pub assign: Assign,
}

/// How a split says which part each row belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Assign {
    /// Groups of rows are each divided in this order into the shares: the first train, the last test.
    Shares(Order),
    /// By a rule of its own.
    Rows(fn(&SplitRows<'_>, &SplitConfig) -> Result<Assignment, FeaturesError>),
}

impl SplitEntry {
    /// Whether it makes a validation part where `split.validation` is above 0.
    pub fn validates(&self) -> bool {
        self.reads.contains(&"validation")
    }
}

/// What a split sees: rows numbered from 0, by user and then by item, both in catalogue order.
#[derive(Clone, Copy, Debug)]
pub struct SplitRows<'a> {
    /// The catalogue's users.
    pub users: &'a Users,
    /// The catalogue's items.
    pub items: &'a Items,
    /// The experiment's seed.
    pub seed: u64,
    rows: &'a Sorted,
}

/// Where a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Trained on.
    Train,
    /// Used for early stopping.
    Validation,
    /// Given for a held-out user at the query, and never trained on.
    FoldIn,
    /// Held out.
    Test,
    /// Held out but not tested, where the experiment says so, because no train row has its item.
    Untrained,
}

/// The result of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The part of each row.
    pub parts: Vec<Part>,
    /// Where the cuts lie, for those who read the data set: `split_column`, `test_after`.
    pub cuts: BTreeMap<String, i64>,
}

impl Assignment {
    fn without_cuts(parts: Vec<Part>) -> Self {
        Self { parts, cuts: BTreeMap::new() }
    }
}

/// The entry called `kind`.
///
/// # Errors
/// A name that is not in [`SPLITS`].
pub fn find_split(kind: &str) -> Result<&'static SplitEntry, FeaturesError> {
    SPLITS.iter().find(|entry| entry.name == kind).ok_or_else(|| FeaturesError::Unknown {
        what: "split",
        name: kind.to_owned(),
        place: " in `split.kind`",
        hint: did_you_mean(kind, SPLITS.iter().map(|entry| entry.name)),
    })
}

/// Splits `rows` as `config` says: applies the split itself, then `refit`, then `drop_untrained_items`.
///
/// # Errors
/// An unknown kind, an invalid share, a split by time without times, a part that stays empty although it was asked for.
pub(crate) fn split(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let entry = find_split(&config.kind)?;
    config.check()?;
    let mut assignment = match entry.assign {
        Assign::Shares(order) => rows.divided(entry.name, order, |n| Sizes::of(n, config))?,
        Assign::Rows(assign) => assign(rows, config)?,
    };
    refuse_empty(entry, config, rows.len(), |part| assignment.parts.contains(&part))?;
    if config.refit {
        assignment.parts.iter_mut().filter(|part| **part == Part::Validation).for_each(|part| *part = Part::Train);
    }
    if config.drop_untrained_items {
        let is_trained = rows.trained_items(&assignment.parts);
        for (row, part) in assignment.parts.iter_mut().enumerate() {
            if *part == Part::Test && !is_trained[rows.item(row).index()] {
                *part = Part::Untrained;
            }
        }
        if !assignment.parts.contains(&Part::Test) {
            let n_rows = rows.len();
            return Err(FeaturesError::EmptyPart { kind: entry.name, part: "test", n_rows, hint: NONE_TRAINED });
        }
    }
    Ok(assignment)
}

/// Refuses a split of `n_rows` rows that leaves a part without rows although it was asked for; `has` says which parts
/// have some.
///
/// # Errors
/// The first such part, and what helps.
pub(crate) fn refuse_empty(
    entry: &SplitEntry,
    config: &SplitConfig,
    n_rows: usize,
    has: impl Fn(Part) -> bool,
) -> Result<(), FeaturesError> {
    let wanted = [
        (Part::Test, "test", true, "raise `split.test`, use more ratings, or choose another `split.kind`"),
        (Part::Train, "train", true, "lower `split.test`, use more ratings, or choose another `split.kind`"),
        (
            Part::Validation,
            "validation",
            entry.validates() && config.validation > 0.0,
            "raise `split.validation`, set it to 0 to do without, or use more ratings",
        ),
    ];
    for (part, name, wanted, hint) in wanted {
        if wanted && !has(part) {
            // The split itself may have dropped all its test rows as untrained.
            let hint = if part == Part::Test && has(Part::Untrained) { NONE_TRAINED } else { hint };
            return Err(FeaturesError::EmptyPart { kind: entry.name, part: name, n_rows, hint });
        }
    }
    Ok(())
}

const NONE_TRAINED: &str =
    "no item of the test has a train row: set `split.drop_untrained_items = false`, or choose another `split.kind`";

/// How many rows each part gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    train: usize,
    validation: usize,
    test: usize,
}

impl Sizes {
    /// The shares of `n` rows: validation and test rounded down, train the rest; then a part that was asked for and got
    /// nothing takes one row from train, test first, as long as train keeps one. This is the rule of `RecBole`'s ratio
    /// split: at 8:1:1, one row trains; two give 1, 0, 1 (train, validation, test); three to nine give n-2, 1, 1; ten
    /// give 8, 1, 1.
    fn of(n: usize, config: &SplitConfig) -> Self {
        Self::of_shares(n, config.validation, config.test)
    }

    /// The same for shares that are not those of the configuration.
    fn of_shares(n: usize, validation_share: f64, test_share: f64) -> Self {
        // The small addition makes up for what binary fractions lose: 0.29 × 100 is 28.999…
        let share = |share: f64| (share * n as f64 + 1e-9) as usize;
        let (mut validation, mut test) = (share(validation_share), share(test_share));
        let mut train = n.saturating_sub(validation + test);
        for (size, share) in [(&mut test, test_share), (&mut validation, validation_share)] {
            if *size == 0 && share > 0.0 && train > 1 {
                *size = 1;
                train -= 1;
            }
        }
        Self { train, validation, test }
    }

    /// The part of the row that stands at `position` of an order in which train comes first and test last.
    fn part(self, position: usize) -> Part {
        if position < self.train {
            Part::Train
        } else if position < self.train + self.validation {
            Part::Validation
        } else {
            Part::Test
        }
    }
}

impl<'a> SplitRows<'a> {
    pub(crate) fn new(users: &'a Users, items: &'a Items, rows: &'a Sorted, seed: u64) -> Self {
        Self { users, items, seed, rows }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The user of a row, found by halving.
    pub fn user(&self, row: usize) -> UserIdx {
        self.users.at(self.rows.user(row)).expect("the rows are of the catalogue's users")
    }

    /// The item of a row.
    pub fn item(&self, row: usize) -> ItemIdx {
        self.items.at(self.rows.item(row)).expect("the rows are of the catalogue's items")
    }

    /// The time of a row in UTC seconds since 1970.
    pub fn timestamp(&self, row: usize) -> Option<i64> {
        self.rows.timestamp(row)
    }

    /// The data line of the raw file, from zero.
    pub fn source_row(&self, row: usize) -> u64 {
        self.rows.source_row(row)
    }

    /// The users who have rows, in catalogue order, each with those rows.
    pub fn by_user(&self) -> impl Iterator<Item = (UserIdx, Range<usize>)> {
        let ranges = self.users.indices().map(|user| (user, self.rows.of_user(user.index())));
        ranges.filter(|(_, rows)| !rows.is_empty())
    }

    /// Which items of the catalogue have a train row in `parts`.
    fn trained_items(&self, parts: &[Part]) -> Vec<bool> {
        let mut is_trained = vec![false; self.items.len()];
        for (row, _) in parts.iter().enumerate().filter(|(_, part)| **part == Part::Train) {
            is_trained[self.rows.item(row)] = true;
        }
        is_trained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_as_documented() {
        let sizes = |n, validation, test| {
            let Sizes { train, validation, test } =
                Sizes::of(n, &SplitConfig { validation, test, ..SplitConfig::default() });
            (train, validation, test)
        };
        for (n, expected) in [(0, (0, 0, 0)), (1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (9, (7, 1, 1))] {
            assert_eq!(sizes(n, 0.1, 0.1), expected, "{n}");
        }
        assert_eq!(sizes(10, 0.1, 0.1), (8, 1, 1));
        assert_eq!(sizes(19, 0.1, 0.1), (17, 1, 1));
        assert_eq!(sizes(30, 0.1, 0.1), (24, 3, 3));
        assert_eq!(sizes(100, 0.0, 0.29), (71, 0, 29));
        assert_eq!(sizes(2, 0.45, 0.5), (1, 0, 1));
    }

    #[test]
    fn an_unknown_kind_and_a_share_that_is_none_are_refused() {
        let (users, items) = (Users::new(vec![]).unwrap(), Items::new(vec![]).unwrap());
        let none = Sorted::default();
        let rows = SplitRows::new(&users, &items, &none, 0);
        let refuse = |kind: &str, validation, test| {
            let config = SplitConfig { kind: kind.to_owned(), validation, test, ..SplitConfig::default() };
            split(&rows, &config).unwrap_err().to_string()
        };
        assert_eq!(
            refuse("per-user-rand", 0.1, 0.1),
            "unknown split `per-user-rand` in `split.kind`\nhint: did you mean `per-user-random`?"
        );
        assert!(refuse("random", 0.1, 1.5).starts_with("`split.test` is `1.5`\nhint: "));
        assert!(refuse("random", 0.1, 0.0).starts_with("`split.test` is `0`"));
        assert!(refuse("random", f64::NAN, 0.1).starts_with("`split.validation` is `NaN`"));
        assert!(refuse("random", 0.5, 0.5).contains("together stay below 1"));
        assert!(refuse("random", 0.1, 0.1).starts_with("split `random` leaves the test part of `0` ratings empty"));
    }
}
