//! Decides once, from ratings in few bytes each, who is kept, how rows are split and scaled; hands out rows by part.
//!
//! Does not know whether ratings come from memory or from disk, nor whether rows are collected or written.
//!
//! **Invariant**: every kept rating is in exactly one part, unless the split leaves it out and counts it; rows are
//! handed out by user and then by item; the same tables in any row order give the same rows.

use reco_core::{
    Catalogue, ContextColumn, Interaction, ItemIdx, Rating, RatingScale, Requirement, Scaling, Target, UserIdx,
};
use reco_data::{DatasetInfo, ItemRows, UserRows};

use crate::catalogue::{kept_items, kept_users};
use crate::context::Clock;
use crate::contexts::Contexts;
use crate::dataset::{Info, SplitInfo};
use crate::filter::Filter;
use crate::rows::Sorted;
use crate::scaling::fit_scaling;
use crate::split::{Part, SplitRows, find_split, split};
use crate::{FeaturesConfig, FeaturesError, ItemDetails, SplitConfig};

/// All that a data set is, its rows in few bytes each.
pub(crate) struct Plan {
    pub(crate) catalogue: Catalogue,
    pub(crate) details: Vec<ItemDetails>,
    pub(crate) info: Info,
    rows: Sorted,
    contexts: Contexts,
    parts: Vec<Part>,
}

/// What tables say beside the ratings.
pub(crate) struct Around<'a> {
    pub(crate) users: &'a UserRows,
    pub(crate) items: &'a ItemRows,
    pub(crate) scale: RatingScale,
    pub(crate) dataset: &'a DatasetInfo,
}

/// The experiment's choices.
#[derive(Clone, Copy)]
pub(crate) struct Choices<'a> {
    pub(crate) features: &'a FeaturesConfig,
    pub(crate) split: &'a SplitConfig,
    /// The seed of a split that has none of its own.
    pub(crate) seed: u64,
}

impl Plan {
    /// Splits `n` ratings, which `read` passes on, all at once or in chunks.
    ///
    /// # Errors
    /// Invalid choices, tables that do not fit together, a split that leaves a part empty; those of `read`.
    pub(crate) fn of<'a>(
        around: &Around<'_>,
        choices: Choices<'a>,
        n: usize,
        read: impl FnOnce(&mut Filter<'a>) -> Result<(), FeaturesError>,
    ) -> Result<Self, FeaturesError> {
        let Choices { features, split: split_config, seed } = choices;
        let seed = split_config.seed.unwrap_or(seed);
        features.check()?;
        find_split(&split_config.kind)?;
        split_config.check()?;
        let clock = Clock::new(&features.time_zone)?;

        let mut filter = Filter::new(around.users, around.items, features)?;
        filter.reserve(n);
        read(&mut filter)?;
        let (kept, gathered) = filter.keep()?;
        let users = kept_users(around.users, &kept.users)?;
        let items = kept_items(around.items, &kept.items, features)?;
        let rows = Sorted::of(gathered, &kept, &users.users, &items.items)?;
        for row in 0..rows.len() {
            if let Some(stars) = rows.stars(row) {
                let refuse = |source| FeaturesError::Rating { source_row: rows.source_row(row), source };
                around.scale.rating(stars).map_err(refuse)?;
            }
        }
        let contexts = Contexts::of(&rows, &clock)?;
        let assignment = split(&SplitRows::new(&users.users, &items.items, &rows, seed), split_config)?;
        let parts = assignment.parts;

        let mut catalogue = Catalogue {
            users: users.users,
            items: items.items,
            user_features: users.features,
            item_features: items.features,
            contexts: Vec::new(),
            scale: around.scale,
            scaling: Scaling::None,
        };
        let rated = (0..rows.len()).filter_map(|row| {
            let rating = around.scale.rating(rows.stars(row)?).ok()?;
            Some((item_of(&catalogue, &rows, row), rating, parts[row] == Part::Train))
        });
        catalogue.scaling = fit_scaling(features.scaling, around.scale, catalogue.n_items(), rated);
        let mut numbers = vec![0.0; contexts.names().len()];
        catalogue.contexts = ContextColumn::of_each(contexts.names().to_vec(), |each| {
            // Without contexts there is nothing to look at in the rows.
            let n_rows = if numbers.is_empty() { 0 } else { rows.len() };
            for row in (0..n_rows).filter(|row| parts[*row] == Part::Train) {
                contexts.read(&rows, row, &mut numbers);
                each(&numbers);
            }
        });
        let n_of = |part| parts.iter().filter(|of| **of == part).count();
        let n_fold_in = n_of(Part::FoldIn);
        let [n_test_users, n_test_users_without_train, n_test_items_without_train] =
            coverage(&catalogue, &rows, &parts);
        let lacks_stars = |row: usize| {
            rows.stars(row).is_none() && [Part::Train, Part::Validation, Part::FoldIn].contains(&parts[row])
        };
        let is_unmet = |need: &Requirement| match need {
            Requirement::Stars => (0..rows.len()).any(lacks_stars),
            Requirement::ItemFeatures => catalogue.item_features.names().is_empty(),
            Requirement::KnownUsers => n_fold_in > 0,
        };
        let info = Info {
            dataset: around.dataset.clone(),
            features: features.clone(),
            split: SplitInfo {
                config: split_config.clone(),
                seed,
                n_train: n_of(Part::Train),
                n_valid: n_of(Part::Validation),
                n_fold_in,
                n_test: n_of(Part::Test),
                n_test_dropped: n_of(Part::Untrained),
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
        Ok(Self { catalogue, details: items.details, info, rows, contexts, parts })
    }

    /// Calls `each` with the rows of `part` and where each stands in the raw file.
    ///
    /// # Errors
    /// Those of `each`.
    pub(crate) fn rows_of(
        &self,
        part: Part,
        mut each: impl FnMut(Interaction<'_>, u64) -> Result<(), FeaturesError>,
    ) -> Result<(), FeaturesError> {
        let Self { catalogue, rows, contexts, parts, .. } = self;
        let mut context = vec![0.0; catalogue.contexts.len()];
        for user in catalogue.users.indices() {
            for row in rows.of_user(user.index()).filter(|row| parts[*row] == part) {
                contexts.read(rows, row, &mut context);
                for (number, column) in context.iter_mut().zip(&catalogue.contexts) {
                    if number.is_nan() {
                        *number = column.mean;
                    }
                }
                each(self.interaction(user, row, &context), rows.source_row(row))?;
            }
        }
        Ok(())
    }

    fn interaction<'a>(&self, user: UserIdx, row: usize, context: &'a [f32]) -> Interaction<'a> {
        let Self { catalogue, rows, .. } = self;
        let item = item_of(catalogue, rows, row);
        // All stars were found to lie on the scale.
        let rating: Option<Rating> = rows.stars(row).and_then(|stars| catalogue.scale.rating(stars).ok());
        let target = rating.map_or(Target::EVENT, |rating| catalogue.scaling.target(item, rating));
        Interaction { user, item, rating, target, timestamp: rows.timestamp(row), context }
    }
}

fn item_of(catalogue: &Catalogue, rows: &Sorted, row: usize) -> ItemIdx {
    catalogue.items.at(rows.item(row)).expect("the rows are of the catalogue's items")
}

/// Counts users with a test row, and test users and test items without a train row.
fn coverage(catalogue: &Catalogue, rows: &Sorted, parts: &[Part]) -> [usize; 3] {
    let of_users = catalogue.users.indices().map(|user| &parts[rows.of_user(user.index())]);
    let test_users = of_users.filter(|parts| parts.contains(&Part::Test));
    let (mut n_test_users, mut n_untrained) = (0, 0);
    for parts in test_users {
        n_test_users += 1;
        n_untrained += usize::from(!parts.contains(&Part::Train));
    }
    let (mut is_tested, mut is_trained) = (vec![false; catalogue.n_items()], vec![false; catalogue.n_items()]);
    for (row, part) in parts.iter().enumerate() {
        match part {
            Part::Test => is_tested[rows.item(row)] = true,
            Part::Train => is_trained[rows.item(row)] = true,
            _ => {}
        }
    }
    let n_untrained_items = is_tested.iter().zip(is_trained).filter(|(tested, trained)| **tested && !trained).count();
    [n_test_users, n_untrained, n_untrained_items]
}
