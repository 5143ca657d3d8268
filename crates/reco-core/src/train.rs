//! The training rows, and how they are made of ratings or events in memory.
//!
//! Does not know how rows were split, nor where they were read from.
//!
//! **Invariant**: a [`Train`] has no test row. Rows made here are in the order of users, then of items; users and items
//! are in the order in which they are met first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    Catalogue, ContextColumn, Features, Interaction, Interactions, ItemId, Items, Matrix, RatingError, RatingScale,
    Scaling, Target, UserId, Users, VocabError,
};

/// All that a model may see while it is fitted. A copy shares the rows.
#[derive(Clone, Debug)]
pub struct Train {
    /// Users, items, features, scaling.
    pub catalogue: Arc<Catalogue>,
    /// The rows to learn from.
    pub fit: Interactions,
    /// Rows for early stopping; part of training, never of the test.
    pub validation: Option<Interactions>,
}

/// A rating that is off the scale, or no number.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("row `{row}`, `{user}` and `{item}`: {source}")]
pub struct RowError {
    /// Counted from 0 in the order given, validation rows after the others.
    pub row: usize,
    /// Who.
    pub user: UserId,
    /// What.
    pub item: ItemId,
    /// What is wrong with it.
    pub source: RatingError,
}

/// Why rows in memory are no training data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// No rows at all.
    #[error("there are no rows to learn from\nhint: give at least one rating or event")]
    NoRows,
    /// A rating off the scale, or no number.
    #[error(transparent)]
    Rating(#[from] RowError),
    /// All ratings are equal, so that their scale cannot be told.
    #[error(
        "all ratings are `{stars}`, so that their scale cannot be told\nhint: state it: `Train::builder().scale(1.0, 5.0)`"
    )]
    NoScale {
        /// The one number.
        stars: f32,
    },
    /// The scale given is none.
    #[error(transparent)]
    Scale(#[from] RatingError),
    /// A user rated an item twice.
    #[error("row `{row}`: `{user}` rated `{item}` in row `{first}` already\nhint: keep one of them")]
    Twice {
        /// The later row.
        row: usize,
        /// The earlier row.
        first: usize,
        /// Who.
        user: UserId,
        /// What.
        item: ItemId,
    },
    /// A row of numbers of the wrong length.
    #[error(
        "{what} has `{given}` numbers and there are `{expected}` names\nhint: give one number for each name, in their order"
    )]
    Length {
        /// `the context of row 3`, `item Alien`.
        what: String,
        /// How many were given.
        given: usize,
        /// How many were named.
        expected: usize,
    },
    /// A number that is NaN or infinite.
    #[error("{what} has the number `{value}`\nhint: numbers are finite")]
    NotFinite {
        /// `the context of row 3`, `item Alien`.
        what: String,
        /// The number.
        value: f32,
    },
    /// Features of the same user or item twice.
    #[error("{what} has features twice\nhint: keep one of them")]
    FeaturesTwice {
        /// `item Alien`.
        what: String,
    },
    /// More users or items than a row number can count.
    #[error(transparent)]
    TooMany(#[from] VocabError),
}

/// One row of [`TrainBuilder`]: who met what, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawInteraction {
    /// Who.
    pub user: UserId,
    /// What.
    pub item: ItemId,
    /// How many stars; `None` for an event, such as a click.
    pub stars: Option<f32>,
    /// When, in UTC seconds since 1970, where known.
    pub timestamp: Option<i64>,
    /// One number per context named by [`TrainBuilder::contexts`].
    pub context: Vec<f32>,
}

impl RawInteraction {
    /// A rating without time and context.
    pub fn rating(user: impl Into<UserId>, item: impl Into<ItemId>, stars: f32) -> Self {
        Self { stars: Some(stars), ..Self::event(user, item) }
    }

    /// An event without time and context.
    pub fn event(user: impl Into<UserId>, item: impl Into<ItemId>) -> Self {
        Self { user: user.into(), item: item.into(), stars: None, timestamp: None, context: Vec::new() }
    }
}

/// Collects rows, features and contexts, and makes a [`Train`] of them.
#[derive(Clone, Debug, Default)]
pub struct TrainBuilder {
    rows: Vec<RawInteraction>,
    validation: Vec<RawInteraction>,
    scale: Option<(f32, f32)>,
    contexts: Vec<String>,
    users: Named<UserId>,
    items: Named<ItemId>,
}

/// Named numbers of users or items.
type Named<Id> = (Vec<String>, Vec<(Id, Vec<f32>)>);

impl Train {
    /// Ratings `(user, item, stars)`: ids are text or integers. The scale is from the lowest rating to the highest;
    /// where that is not so, [`Train::builder`] states it.
    ///
    /// # Errors
    /// No rows; a rating that is no finite number; the same user and item twice; ratings that are all equal.
    pub fn from_ratings<U: Into<UserId>, I: Into<ItemId>>(
        ratings: impl IntoIterator<Item = (U, I, f32)>,
    ) -> Result<Self, TrainError> {
        Self::builder()
            .rows(ratings.into_iter().map(|(user, item, stars)| RawInteraction::rating(user, item, stars)))
            .build()
    }

    /// Events `(user, item)` without stars, such as clicks or purchases. What happened several times counts once.
    ///
    /// # Errors
    /// No rows.
    pub fn from_events<U: Into<UserId>, I: Into<ItemId>>(
        events: impl IntoIterator<Item = (U, I)>,
    ) -> Result<Self, TrainError> {
        Self::builder().rows(events.into_iter().map(|(user, item)| RawInteraction::event(user, item))).build()
    }

    /// The rows to learn from, then those for early stopping.
    pub fn parts(&self) -> impl Iterator<Item = &Interactions> {
        [&self.fit].into_iter().chain(&self.validation)
    }

    /// Rows with whatever else is known: a scale, features, contexts, times, validation rows.
    ///
    /// ```
    /// use reco_core::{RawInteraction, Train};
    /// let train = Train::builder()
    ///     .scale(1.0, 5.0)
    ///     .item_features(["Sci-Fi", "Comedy"], [("Alien", vec![1.0, 0.0]), ("Brazil", vec![1.0, 1.0])])
    ///     .contexts(["weekend"])
    ///     .rows([RawInteraction { context: vec![1.0], ..RawInteraction::rating("ann", "Alien", 5.0) }])
    ///     .validation([RawInteraction { context: vec![0.0], ..RawInteraction::rating("ann", "Brazil", 3.0) }])
    ///     .build()?;
    /// assert_eq!((train.fit.len(), train.catalogue.n_items()), (1, 2));
    /// # Ok::<(), reco_core::TrainError>(())
    /// ```
    pub fn builder() -> TrainBuilder {
        TrainBuilder::default()
    }
}

impl TrainBuilder {
    /// The lowest and the highest rating that there can be.
    #[must_use]
    pub fn scale(mut self, min: f32, max: f32) -> Self {
        self.scale = Some((min, max));
        self
    }

    /// The names of the numbers that describe the moment of a row, in the order of [`RawInteraction::context`].
    #[must_use]
    pub fn contexts<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.contexts = names.into_iter().map(Into::into).collect();
        self
    }

    /// Further rows to learn from.
    #[must_use]
    pub fn rows(mut self, rows: impl IntoIterator<Item = RawInteraction>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// Further rows for early stopping.
    #[must_use]
    pub fn validation(mut self, rows: impl IntoIterator<Item = RawInteraction>) -> Self {
        self.validation.extend(rows);
        self
    }

    /// Features of items, best from 0 to 1: one number for each of `names`. An item without any has zeros; one that
    /// nobody rated is in the catalogue, and can be recommended.
    #[must_use]
    pub fn item_features<N: Into<String>, I: Into<ItemId>>(
        mut self,
        names: impl IntoIterator<Item = N>,
        items: impl IntoIterator<Item = (I, Vec<f32>)>,
    ) -> Self {
        self.items = named(names, items);
        self
    }

    /// Features of users, as [`TrainBuilder::item_features`].
    #[must_use]
    pub fn user_features<N: Into<String>, U: Into<UserId>>(
        mut self,
        names: impl IntoIterator<Item = N>,
        users: impl IntoIterator<Item = (U, Vec<f32>)>,
    ) -> Self {
        self.users = named(names, users);
        self
    }

    /// The training rows. Targets are stars, or 1 for events.
    ///
    /// # Errors
    /// As [`Train::from_ratings`]; numbers that are not finite or not one for each name; features of one item twice.
    pub fn build(self) -> Result<Train, TrainError> {
        let Self { rows, validation, scale, contexts, users: user_features, items: item_features } = self;
        if rows.is_empty() {
            return Err(TrainError::NoRows);
        }
        let n_fit = rows.len();
        let mut all: Vec<RawInteraction> = rows.into_iter().chain(validation).collect();
        for (at, row) in all.iter_mut().enumerate() {
            if row.context.is_empty() && !contexts.is_empty() {
                // Not stated: the mean of the others takes its place.
                row.context = vec![f32::NAN; contexts.len()];
            } else {
                check(|| format!("the context of row `{at}`"), &row.context, contexts.len())?;
            }
        }
        let scale = match scale {
            Some((min, max)) => RatingScale::new(min, max)?,
            None => scale_of(&all)?,
        };
        let users = vocabulary(all.iter().map(|row| &row.user), &user_features);
        let users = Users::new(users)?;
        let items = vocabulary(all.iter().map(|row| &row.item), &item_features);
        let items = Items::new(items)?;

        let values = all.iter().flat_map(|row| row.context.iter().copied()).collect();
        let values = Matrix::new(all.len(), contexts.len(), values).expect("every context was checked");
        let columns = ContextColumn::of(contexts, &values, 0..n_fit);
        for row in &mut all {
            for (number, column) in row.context.iter_mut().zip(&columns) {
                *number = if number.is_nan() { column.mean } else { *number };
            }
        }
        let [fit, validation] = [0..n_fit, n_fit..all.len()].map(|part| {
            let mut part: Vec<_> = part.map(|at| (users.get(&all[at].user), items.get(&all[at].item), at)).collect();
            part.sort_unstable();
            part
        });
        let mut met: BTreeMap<_, usize> = BTreeMap::new();
        let mut take = |part: &[(Option<_>, Option<_>, usize)]| {
            let mut builder = Interactions::builder(columns.len());
            for &(user, item, at) in part {
                let row = &all[at];
                let (Some(user), Some(item)) = (user, item) else { continue };
                if let Some(&first) = met.get(&(user, item)) {
                    if row.stars.is_none() && all[first].stars.is_none() {
                        continue;
                    }
                    let (user, item) = (row.user.clone(), row.item.clone());
                    return Err(TrainError::Twice { row: first.max(at), first: first.min(at), user, item });
                }
                met.insert((user, item), at);
                let refuse = |source| RowError { row: at, user: row.user.clone(), item: row.item.clone(), source };
                let rating = row.stars.map(|stars| scale.rating(stars)).transpose().map_err(refuse)?;
                let target = rating.map_or(Target::EVENT, |rating| Scaling::None.target(item, rating));
                builder.push(Interaction {
                    user,
                    item,
                    rating,
                    target,
                    timestamp: row.timestamp,
                    context: &row.context,
                });
            }
            Ok(builder.finish())
        };
        let (fit, validation) = (take(&fit)?, take(&validation)?);
        let catalogue = Catalogue {
            user_features: features("user", &user_features, users.ids())?,
            item_features: features("item", &item_features, items.ids())?,
            users,
            items,
            contexts: columns,
            scale,
            scaling: Scaling::None,
        };
        let validation = (!validation.is_empty()).then_some(validation);
        Ok(Train { catalogue: Arc::new(catalogue), fit, validation })
    }
}

fn named<N: Into<String>, I: Into<Id>, Id>(
    names: impl IntoIterator<Item = N>,
    rows: impl IntoIterator<Item = (I, Vec<f32>)>,
) -> Named<Id> {
    (names.into_iter().map(Into::into).collect(), rows.into_iter().map(|(id, row)| (id.into(), row)).collect())
}

/// The ids of rows in the order in which they are met first, then those that have features alone.
fn vocabulary<'a, Id: Clone + Ord + 'a>(ids: impl Iterator<Item = &'a Id>, (_, rows): &'a Named<Id>) -> Vec<Id> {
    let mut met = BTreeSet::new();
    ids.chain(rows.iter().map(|(id, _)| id)).filter(|id| met.insert(*id)).cloned().collect()
}

/// From the lowest to the highest of all stars; of events alone, 0 to 1.
fn scale_of(rows: &[RawInteraction]) -> Result<RatingScale, TrainError> {
    let stars = || rows.iter().filter_map(|row| row.stars).filter(|stars| stars.is_finite());
    let (min, max) = stars().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), x| (min.min(x), max.max(x)));
    match min {
        f32::INFINITY => Ok(RatingScale::new(0.0, 1.0)?),
        min if min == max => Err(TrainError::NoScale { stars: min }),
        min => Ok(RatingScale::new(min, max)?),
    }
}

fn features<Id: Clone + Ord + std::fmt::Display>(
    kind: &str,
    (names, rows): &Named<Id>,
    ids: &[Id],
) -> Result<Features, TrainError> {
    let mut of: BTreeMap<&Id, &[f32]> = BTreeMap::new();
    for (id, row) in rows {
        let what = || format!("{kind} `{id}`");
        check(what, row, names.len())?;
        if of.insert(id, row).is_some() {
            return Err(TrainError::FeaturesTwice { what: what() });
        }
    }
    let zeros = vec![0.0; names.len()];
    let values = ids.iter().flat_map(|id| of.get(id).copied().unwrap_or(&zeros).iter().copied()).collect();
    let matrix = Matrix::new(ids.len(), names.len(), values).expect("every row was checked");
    Ok(Features::new(names.clone(), matrix).expect("there is a column for each name"))
}

fn check(what: impl Fn() -> String, numbers: &[f32], expected: usize) -> Result<(), TrainError> {
    if numbers.len() != expected {
        return Err(TrainError::Length { what: what(), given: numbers.len(), expected });
    }
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(&value) => Err(TrainError::NotFinite { what: what(), value }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(train: Result<Train, TrainError>) -> String {
        train.unwrap_err().to_string()
    }

    #[test]
    fn ratings_are_rows_by_user_and_item_in_the_order_of_first_meeting() {
        let train =
            Train::from_ratings([("bob", "Alien", 4.0), ("ann", "Alien", 5.0), ("bob", "Brazil", 2.5)]).unwrap();
        let catalogue = &train.catalogue;
        let rows: Vec<_> = train
            .fit
            .iter()
            .map(|row| (catalogue.users.id(row.user).to_string(), row.item.index(), row.target.get()))
            .collect();
        let bob = || "bob".to_owned();
        assert_eq!(rows, [(bob(), 0, 4.0), (bob(), 1, 2.5), ("ann".to_owned(), 0, 5.0)]);
        assert_eq!((catalogue.scale.min(), catalogue.scale.max()), (2.5, 5.0));
        assert!(train.validation.is_none());
        // Integers, and text that is one, are the same id.
        let numbers = Train::from_ratings([(7, 1_u32, 1.0), (8, 1, 2.0)]).unwrap();
        assert!(numbers.catalogue.users.get(&"7".into()).is_some());
    }

    #[test]
    fn events_count_once_and_have_no_stars() {
        let train = Train::from_events([("ann", "Alien"), ("ann", "Alien"), ("bob", "Alien")]).unwrap();
        assert_eq!(train.fit.len(), 2);
        assert!(train.fit.ratings().iter().all(Option::is_none) && train.fit.targets()[0] == Target::EVENT);
    }

    #[test]
    fn what_cannot_be_names_the_row() {
        let of = |rows: &[(&'static str, &'static str, f32)]| refusal(Train::from_ratings(rows.iter().copied()));
        assert!(of(&[]).starts_with("there are no rows"));
        assert!(of(&[("a", "x", 3.0), ("b", "x", 3.0)]).starts_with("all ratings are `3`"));
        let nan = of(&[("a", "x", 1.0), ("a", "y", 5.0), ("b", "x", f32::NAN)]);
        assert_eq!(nan, "row `2`, `b` and `x`: rating `NaN` is outside the scale `1` to `5`");
        let twice = of(&[("a", "x", 1.0), ("b", "x", 2.0), ("a", "x", 5.0)]);
        assert!(twice.starts_with("row `2`: `a` rated `x` in row `0` already\nhint: "), "{twice}");
        let off = Train::builder().scale(1.0, 5.0).rows([RawInteraction::rating("a", "x", 6.0)]);
        assert_eq!(refusal(off.build()), "row `0`, `a` and `x`: rating `6` is outside the scale `1` to `5`");
        let held = Train::builder()
            .rows([RawInteraction::rating("a", "x", 1.0)])
            .validation([RawInteraction::rating("a", "x", 2.0)]);
        assert!(refusal(held.build()).starts_with("row `1`: `a` rated `x` in row `0`"));
        assert!(Train::builder().scale(5.0, 5.0).rows([RawInteraction::rating("a", "x", 5.0)]).build().is_err());
    }

    #[test]
    fn features_and_contexts_have_a_number_for_each_name() {
        let rows = || {
            [
                RawInteraction { context: vec![1.0], ..RawInteraction::event("ann", "Alien") },
                RawInteraction::event("bob", "Brazil"),
            ]
        };
        let train = |items: &[(&'static str, Vec<f32>)]| {
            let items = items.to_vec();
            Train::builder().contexts(["weekend"]).item_features(["Sci-Fi"], items).rows(rows()).build()
        };
        let made = train(&[("Solaris", vec![1.0]), ("Alien", vec![0.5])]).unwrap();
        // Items are rated ones first; Brazil has no features.
        assert_eq!(made.catalogue.item_features.matrix().values(), [0.5, 0.0, 1.0]);
        // The context of bob's row is not stated: the mean of the others.
        assert_eq!(made.fit.contexts().values(), [1.0, 1.0]);
        assert!(
            refusal(train(&[("Alien", vec![])])).starts_with("item `Alien` has `0` numbers and there are `1` names")
        );
        assert!(refusal(train(&[("Alien", vec![f32::NAN])])).starts_with("item `Alien` has the number `NaN`"));
        let twice = train(&[("Alien", vec![1.0]), ("Alien", vec![1.0])]);
        assert!(refusal(twice).starts_with("item `Alien` has features twice"));
        let context = Train::builder()
            .rows([RawInteraction { context: vec![1.0], ..RawInteraction::event("ann", "Alien") }])
            .build();
        assert!(refusal(context).starts_with("the context of row `0` has `1` numbers and there are `0` names"));
    }
}
