//! Defines an experiment's `[features]` and `[split]` tables, with their defaults and checks.
//!
//! Does not know which splits there are: [`SPLITS`](crate::SPLITS) does.
//!
//! **Invariant**: every key stands in the default's serialisation, so that an unknown key can be told from a known one;
//! `check` has passed before a value is used.

use reco_core::ItemId;
use reco_core::options::listed;
use serde::{Deserialize, Serialize};

use crate::{FeaturesError, SPLITS, find_split};

/// `[features]` of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeaturesConfig {
    /// The IANA name of the time zone in which `daytime` and `weekend` are derived from a rating's time.
    pub time_zone: String,
    /// Drops the items whose genres cell is empty, and their ratings, before anything is counted. Items that say
    /// `(no genres listed)` stay.
    pub drop_items_without_genres: bool,
    /// Ids of further items to drop, in the same way.
    pub drop_items: Vec<ItemId>,
    /// Drops the ratings below this, in stars, before users and items are counted: `4` keeps four and five stars. An
    /// event without stars stays. An experiment that extends one with a bound undoes it with `0`, which no rating is
    /// below.
    pub min_rating: Option<f32>,
    /// Drops the users with fewer ratings than this, and their ratings, repeatedly until both this and
    /// `min_ratings_per_item` hold (the core of the ratings). They leave the catalogue too; at 1, so do users without
    /// ratings.
    pub min_ratings_per_user: usize,
    /// The same for items: one with fewer ratings is no longer a candidate. At 0 all items stay, rated or not.
    pub min_ratings_per_item: usize,
    /// The number of bands, with about equally many items each, into which the years of items are divided, where they
    /// are known; each is a feature beside `old` and the genres, `1995 to 1996`. 0 for none.
    pub year_bands: usize,
    /// How stars are scaled to targets.
    pub scaling: ScalingConfig,
}

impl Default for FeaturesConfig {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            drop_items_without_genres: false,
            drop_items: Vec::new(),
            min_rating: None,
            min_ratings_per_user: 0,
            min_ratings_per_item: 0,
            year_bands: 0,
            scaling: ScalingConfig::default(),
        }
    }
}

impl FeaturesConfig {
    pub(crate) fn check(&self) -> Result<(), FeaturesError> {
        match self.min_rating {
            Some(value) if !value.is_finite() => Err(FeaturesError::Value {
                key: "features.min_rating",
                value: value.to_string(),
                hint: "it is a number of stars, as in `4`".to_owned(),
            }),
            _ => self.scaling.check(),
        }
    }
}

/// `[features.scaling]` of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingConfig {
    /// Which line takes stars to targets.
    pub kind: ScalingKind,
    /// The targets of the lowest and the highest rating; not read by `none`.
    pub to: (f32, f32),
    /// Which ratings the line is drawn through; read by `item-min-max` only.
    pub fit: ScalingFit,
}

impl Default for ScalingConfig {
    fn default() -> Self {
        Self { kind: ScalingKind::None, to: (0.5, 1.0), fit: ScalingFit::Train }
    }
}

impl ScalingConfig {
    fn check(self) -> Result<(), FeaturesError> {
        let (from, to) = self.to;
        if from.is_finite() && to.is_finite() && from < to {
            Ok(())
        } else {
            Err(FeaturesError::Value {
                key: "features.scaling.to",
                value: format!("[{from}, {to}]"),
                hint: "both ends are finite and the first is the smaller, as in `[0.5, 1.0]`".to_owned(),
            })
        }
    }
}

/// Which line takes stars to targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScalingKind {
    /// Targets are stars.
    None,
    /// One line for all items, from the ends of the rating scale.
    MinMax,
    /// A line for each item, from its lowest and highest rating, as scikit-learn's `MinMaxScaler` over the columns of
    /// the user-item matrix.
    ItemMinMax,
}

/// Which ratings an `item-min-max` scaling is drawn through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScalingFit {
    /// Those of the train part. An item with fewer than two distinct ones there takes the ends of the rating scale, so
    /// that its targets can be read back as stars; a held-out rating may then lie beyond `to`.
    Train,
    /// All ratings, the held-out ones too: as the article, which scales before it splits. Test ratings leak into the
    /// targets; an item with one distinct rating gets the lower end, from which there is no way back to stars.
    All,
}

/// `[split]` of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SplitConfig {
    /// An entry of [`SPLITS`](crate::SPLITS).
    pub kind: String,
    /// The seed of all draws of the split; if left out, the experiment's seed. With a seed of its own, experiments with
    /// different seeds have the same test rows, and can be compared row by row.
    pub seed: Option<u64>,
    /// The share of ratings used for early stopping, in [0, 1); 0 for none. `leave-last-out` reads only whether it is
    /// 0; `article`, `k-fold`, `held-out-users`, `held-out-items` and `file` do not read it.
    pub validation: f64,
    /// The share of ratings to hold out, in (0, 1); of users for `held-out-users`, of items for
    /// `held-out-items`. `article`, `k-fold`, `leave-last-out` and `file` do not read it.
    pub test: f64,
    /// Read by `file` alone: the CSV or Parquet file that says where each row goes. `$NAME` in it is replaced from the
    /// environment.
    pub path: String,
    /// Read by `k-fold`, and by `file` where its file numbers folds: the fold that tests, while all others train.
    pub fold: u64,
    /// Read by `k-fold` alone: how many folds there are, at least 2.
    pub folds: u64,
    /// Read by `held-out-users` alone: the share of each held-out user's ratings that is given at the query, in (0, 1).
    pub fold_in: f64,
    /// Read by `held-out-users` alone: how many ratings of each held-out user are given at the query, in place of the
    /// share `fold_in`; 0 gives none.
    pub given: Option<usize>,
    /// Whether the validation part is trained on as well, as in protocols that train again on everything before the
    /// test. Nothing is then left for early stopping.
    pub refit: bool,
    /// Whether test rows whose item has no train row are left out, and counted separately. Models that know an item
    /// only by its ratings cannot score it.
    pub drop_untrained_items: bool,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            kind: "per-user-random".to_owned(),
            seed: None,
            validation: 0.1,
            test: 0.1,
            path: String::new(),
            fold: 0,
            folds: 5,
            fold_in: 0.8,
            given: None,
            refit: false,
            drop_untrained_items: false,
        }
    }
}

impl SplitConfig {
    /// The keys of `[split]` that some splits read and this `kind` does not.
    pub fn unread(kind: &str) -> impl Iterator<Item = &'static str> {
        let read = find_split(kind).map_or(&[] as &[&str], |entry| entry.reads);
        SPLITS.iter().flat_map(|entry| entry.reads).copied().filter(|key| !read.contains(key))
    }

    /// Refuses a key that this split does not read and that has another value than its default.
    ///
    /// # Errors
    /// The key, the split that does not read it, and those that do.
    pub fn check_keys(&self) -> Result<(), FeaturesError> {
        let (Self { kind, .. }, plain) = (self, Self::default());
        let is_given = |key: &str| match key {
            // None is what such a split has.
            "validation" => self.validation != plain.validation && self.validation != 0.0,
            "test" => self.test != plain.test,
            "path" => self.path != plain.path,
            "fold" => self.fold != plain.fold,
            "folds" => self.folds != plain.folds,
            "given" => self.given != plain.given,
            _ => self.fold_in != plain.fold_in,
        };
        let Some(key) = Self::unread(kind).find(|key| is_given(key)) else { return Ok(()) };
        let readers = SPLITS.iter().filter(|entry| entry.reads.contains(&key)).map(|entry| entry.name);
        Err(FeaturesError::UnreadKey { key, kind: kind.clone(), readers: listed(readers) })
    }

    pub(crate) fn check(&self) -> Result<(), FeaturesError> {
        let refuse = |key, value: f64, hint: &str| {
            Err(FeaturesError::Value { key, value: value.to_string(), hint: hint.to_owned() })
        };
        if !(self.test > 0.0 && self.test < 1.0) {
            return refuse("split.test", self.test, "a share lies between 0 and 1, as in `0.1`");
        }
        if !(self.validation >= 0.0 && self.validation < 1.0) {
            let hint = "a share is 0 or lies between 0 and 1, as in `0.1`";
            return refuse("split.validation", self.validation, hint);
        }
        if !(self.fold_in > 0.0 && self.fold_in < 1.0) {
            return refuse("split.fold_in", self.fold_in, "a share lies between 0 and 1, as in `0.8`");
        }
        if self.test + self.validation >= 1.0 {
            let hint = "`split.validation` and `split.test` together stay below 1";
            return refuse("split.validation", self.validation, hint);
        }
        Ok(())
    }
}
