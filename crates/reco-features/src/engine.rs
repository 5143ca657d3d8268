//! Makes the folder of a data set out of parts that an SQL engine has filtered, numbered, split and sorted.
//!
//! Does not know the engine or its SQL: it reads the Parquet that one left. Users, items and their features are made
//! here as [`prepare`](crate::prepare) makes them; so are targets and contexts, row by row.
//!
//! **Invariant**: memory grows with users and items, never with ratings; from the rows that `prepare` would split come
//! the files that [`Dataset::write`](crate::Dataset::write) would write; a row that the engine lost is an error.

mod rows;
mod survey;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reco_core::{Catalogue, Interaction, ItemIdx, Rating, Requirement, Silent, Target};
use reco_data::Tables;

use crate::catalogue::{kept_items, kept_users};
use crate::context::Clock;
use crate::dataset::{Info, SplitInfo};
use crate::filter::{Filtered, item_stays, nothing_left};
use crate::parts::PartWriter;
use crate::scaling::fit_scaling;
use crate::split::{Part, SplitEntry, find_split, refuse_empty};
use crate::store::{has_file, write_around};
use crate::{FeaturesConfig, FeaturesError, SplitConfig};

use rows::Reader;
use survey::Survey;

/// What an SQL engine made of the ratings of some tables.
#[derive(Clone, Debug)]
pub struct EngineParts<'a> {
    /// The tables, without their ratings ([`Tables::read_listed`]).
    pub tables: &'a Tables,
    /// How many ratings the tables have.
    pub n_ratings: u64,
    /// The choices of features.
    pub features: &'a FeaturesConfig,
    /// The split.
    pub split: &'a SplitConfig,
    /// The experiment's seed.
    pub seed: u64,
    /// Rows of the users' table that stay, ascending.
    pub users: Vec<usize>,
    /// Rows of the items' table that stay, ascending.
    pub items: Vec<usize>,
    /// Items by their rows in the catalogue, each with the lowest and the highest of the ratings that a scaling by
    /// items is fitted to; empty for another scaling.
    pub ends: Vec<(usize, f32, f32)>,
    /// The cuts of a split by time: `validation_after`, `test_after`.
    pub cuts: BTreeMap<String, i64>,
    /// What the filters left.
    pub counted: Counted,
    /// The file, or the folder of files, of each part, in the order of users and then of items. Its columns are
    /// [`PART_COLUMNS`], then the contexts of the tables by their names.
    pub parts: BTreeMap<Part, PathBuf>,
}

/// How many ratings are left after each step of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Those whose user and item are listed.
    pub n_listed: u64,
    /// Those of items that stay.
    pub n_of_kept_items: u64,
    /// Those that are not below `min_rating`.
    pub n_rated_enough: u64,
    /// Those in the core of `min_ratings_per_user` and `min_ratings_per_item`.
    pub n_kept: u64,
    /// Those of these that validate, before `refit` gives them to train.
    pub n_validated: u64,
}

/// The columns of a part: rows of the catalogue, stars, UTC seconds, and the line of the raw file.
pub const PART_COLUMNS: [&str; 5] = ["user_idx", "item_idx", "rating", "seconds", "source_row"];

/// Every part, with the name of its file. Rows of the last one are left out of the test, and counted.
const PARTS: [(Part, &str); 5] = [
    (Part::Train, "train"),
    (Part::Validation, "validation"),
    (Part::FoldIn, "fold_in"),
    (Part::Test, "test"),
    (Part::Untrained, "untrained"),
];

/// What helps where an engine's rows do not fit.
const AGAIN: &str = "let the engine run all steps again, on these tables and for this experiment";

impl EngineParts<'_> {
    /// Writes the files of [`Dataset::write`](crate::Dataset::write) into `dir`. `progress` is told how many rows were
    /// read since it was told last: each row is read twice.
    ///
    /// # Errors
    /// As [`prepare`](crate::prepare); parts that are missing, lack rows, or are not in order.
    pub fn write(&self, dir: &Path, progress: &mut dyn FnMut(u64)) -> Result<Info, FeaturesError> {
        let (entry, clock) = checked(self.features, self.split)?;
        let stays = item_stays(&self.tables.items, self.features)?;
        self.check_counts()?;
        check_kept(&self.users, self.tables.users.user_id.len(), "users")?;
        check_kept(&self.items, stays.len(), "items")?;
        let users = kept_users(&self.tables.users, &self.users)?;
        let items = kept_items(&self.tables.items, &self.items, self.features)?;

        let reader = Reader { engine: self, users: &users.users, items: &items.items };
        let survey = Survey::of(&reader, &clock, progress)?;
        self.check_parts(entry, &survey)?;
        let contexts = survey.columns(&self.tables.ratings.contexts)?;
        let mut ends: Vec<(ItemIdx, Rating, bool)> = Vec::with_capacity(2 * self.ends.len());
        for &(item, low, high) in &self.ends {
            let item = items.items.at(item).ok_or_else(|| beyond("item", item as i64))?;
            for stars in [low, high] {
                let rating = self.tables.scale.rating(stars).map_err(|error| unfit(error.to_string()))?;
                ends.push((item, rating, true));
            }
        }
        let n_items = items.items.len();
        let catalogue = Catalogue {
            users: users.users,
            items: items.items,
            user_features: users.features,
            item_features: items.features,
            contexts,
            scale: self.tables.scale,
            scaling: fit_scaling(self.features.scaling, self.tables.scale, n_items, ends.into_iter()),
        };
        let n_dropped = stays.iter().filter(|stays| !**stays).count();
        let left_out = [users.left_out, items.left_out].concat();
        let info = self.info(&survey, &catalogue, n_dropped, left_out);
        write_around(dir, &catalogue, &items.details, &info)?;
        for (part, name) in PARTS {
            if part != Part::Untrained && has_file(part, survey.n(part)) {
                self.write_part((part, name), &catalogue, (&survey, &clock), dir, progress)?;
            }
        }
        Ok(info)
    }

    /// Refuses counts that do not fit the tables, and filters that left nothing.
    fn check_counts(&self) -> Result<(), FeaturesError> {
        let Counted { n_listed, n_of_kept_items, n_rated_enough, n_kept, .. } = self.counted;
        if n_listed != self.n_ratings {
            return Err(unfit(format!(
                "it found the user and the item of `{n_listed}` ratings, and the tables have `{}`",
                self.n_ratings
            )));
        }
        if n_kept == 0 {
            let n_dropped = (n_listed - n_of_kept_items.min(n_listed)) as usize;
            return Err(nothing_left(n_listed as usize, n_dropped, n_rated_enough as usize, self.features));
        }
        Ok(())
    }

    /// Refuses parts that lack rows, and those that [`prepare`](crate::prepare) refuses.
    fn check_parts(&self, entry: &SplitEntry, survey: &Survey) -> Result<(), FeaturesError> {
        let (n_rows, n_kept) = (survey.n_rows(), self.counted.n_kept);
        if n_rows as u64 != n_kept {
            return Err(unfit(format!("its parts have `{n_rows}` rows, and the filters left `{n_kept}`")));
        }
        let by_time = ["per-user-last", "leave-last-out", "temporal"].contains(&entry.name);
        if by_time && survey.n_without_time > 0 {
            return Err(FeaturesError::NoTimes { kind: entry.name, n_missing: survey.n_without_time, n_rows });
        }
        refuse_empty(entry, self.split, n_rows, |part| match part {
            Part::Validation => self.counted.n_validated > 0,
            part => survey.n(part) > 0,
        })
    }

    fn info(&self, survey: &Survey, catalogue: &Catalogue, n_items_dropped: usize, left_out: Vec<String>) -> Info {
        let Counted { n_listed, n_of_kept_items, n_rated_enough, n_kept, .. } = self.counted;
        let mut cuts = self.cuts.clone();
        if self.split.kind == "article" {
            cuts.insert("split_column".to_owned(), (catalogue.n_items() * 4 / 5) as i64);
        }
        let is_unmet = |need: &Requirement| match need {
            Requirement::Stars => survey.lacks_stars,
            Requirement::ItemFeatures => catalogue.item_features.names().is_empty(),
            Requirement::KnownUsers => survey.n(Part::FoldIn) > 0,
        };
        let [n_test_users, n_test_users_without_train, n_test_items_without_train] = survey.coverage();
        Info {
            dataset: self.tables.dataset.clone(),
            features: self.features.clone(),
            split: SplitInfo {
                config: self.split.clone(),
                seed: self.split.seed.unwrap_or(self.seed),
                n_train: survey.n(Part::Train),
                n_valid: survey.n(Part::Validation),
                n_fold_in: survey.n(Part::FoldIn),
                n_test: survey.n(Part::Test),
                n_test_dropped: survey.n(Part::Untrained),
                n_test_users,
                n_test_users_without_train,
                n_test_items_without_train,
                cuts,
            },
            n_users: catalogue.n_users(),
            n_items: catalogue.n_items(),
            n_ratings: survey.n_rows(),
            n_items_dropped,
            n_ratings_dropped: (n_listed - n_of_kept_items) as usize,
            filtered: Filtered {
                n_ratings_below: (n_of_kept_items - n_rated_enough) as usize,
                n_users: self.tables.users.user_id.len() - catalogue.n_users(),
                n_items: self.tables.items.item_id.len() - n_items_dropped - catalogue.n_items(),
                n_ratings: (n_rated_enough - n_kept) as usize,
            },
            n_without_time: if survey.has_times() { survey.n_without_time } else { 0 },
            left_out,
            unmet: Requirement::ALL.into_iter().filter(is_unmet).collect(),
        }
    }

    /// Writes the rows of one part with their targets and contexts.
    fn write_part(
        &self,
        (part, name): (Part, &'static str),
        catalogue: &Catalogue,
        (survey, clock): (&Survey, &Clock),
        dir: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), FeaturesError> {
        let reader = Reader { engine: self, users: &catalogue.users, items: &catalogue.items };
        let mut writer = PartWriter::create(dir, name, catalogue, &Silent)?;
        let mut context = Vec::with_capacity(catalogue.contexts.len());
        reader.each_chunk(part, progress, |chunk| {
            for at in 0..chunk.len() {
                let (row, rating) = chunk.row(at)?;
                context.clear();
                survey.push_contexts(&catalogue.contexts, clock, &row, chunk, at, &mut context)?;
                let interaction = Interaction {
                    user: row.user,
                    item: row.item,
                    rating,
                    target: rating.map_or(Target::EVENT, |rating| catalogue.scaling.target(row.item, rating)),
                    timestamp: row.timestamp,
                    context: &context,
                };
                writer.push(interaction, row.source_row)?;
            }
            Ok(())
        })?;
        writer.finish()
    }
}

/// Refuses choices that [`prepare`](crate::prepare) would refuse on any data, before an engine begins.
///
/// # Errors
/// A value that a key cannot have; an unknown split or time zone.
pub fn check_choices(features: &FeaturesConfig, split: &SplitConfig) -> Result<(), FeaturesError> {
    checked(features, split).map(drop)
}

fn checked(features: &FeaturesConfig, split: &SplitConfig) -> Result<(&'static SplitEntry, Clock), FeaturesError> {
    features.check()?;
    let entry = find_split(&split.kind)?;
    split.check()?;
    let clock = Clock::new(&features.time_zone)?;
    split.check_folds()?;
    Ok((entry, clock))
}

/// Refuses kept rows of a table of `n` that are not ascending or beyond it.
fn check_kept(rows: &[usize], n: usize, table: &str) -> Result<(), FeaturesError> {
    match rows.is_sorted_by(|one, next| one < next) && rows.last().is_none_or(|last| *last < n) {
        true => Ok(()),
        false => Err(unfit(format!("the kept {table} are not rows of their table, in its order"))),
    }
}

fn unfit(reason: String) -> FeaturesError {
    FeaturesError::Engine { reason, hint: AGAIN }
}

fn beyond(what: &str, row: i64) -> FeaturesError {
    unfit(format!("{what} row `{row}` is beyond the catalogue"))
}
