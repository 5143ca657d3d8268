//! Holds the ratings in few bytes each, and sorts them by user and item.
//!
//! A rating takes 20 bytes while rows come and once they are sorted, and 28 in between, beside 4 for each context that
//! the table declares. Does not know which ratings are kept, nor what becomes of them.
//!
//! **Invariant**: rows are sorted by user and then by item, and no pair stands twice; a row holds what the table says.

use std::collections::HashMap;
use std::ops::Range;

use reco_core::{Integers, Items, Users, parallel};
use reco_data::{NamedColumn, Ratings, Values};

use crate::FeaturesError;
use crate::filter::Kept;

/// Ratings in the order in which they come, users and items by their rows in the tables.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) users: Vec<u32>,
    pub(crate) items: Vec<u32>,
    cells: Cells,
}

/// Ratings by user and then by item, both by their rows in the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Where the rows of each user begin, and where those of the last end.
    starts: Vec<usize>,
    /// The item of each row in the upper half, its place among the cells in the lower.
    keys: Vec<u64>,
    cells: Cells,
}

/// What ratings hold beside their users and items, in the order in which they came.
#[derive(Debug, Default)]
struct Cells {
    /// [`NO_STARS`] for an event.
    stars: Vec<f32>,
    times: Integers,
    source_rows: Integers,
    contexts: Vec<(String, Context)>,
}

/// No arithmetic gives this NaN.
const NO_STARS: f32 = f32::from_bits(u32::MAX);

/// The values of one declared context.
#[derive(Debug)]
pub(crate) enum Context {
    Number {
        /// NaN where a row has none, infinite where it has one that no `f32` can hold.
        numbers: Vec<f32>,
        /// The place and the number of each that is infinite or NaN.
        not_finite: HashMap<u32, f64>,
    },
    Text {
        /// The number of each row's text, [`NO_TEXT`] for none.
        codes: Vec<u32>,
        /// The texts by their numbers.
        texts: Vec<String>,
        known: HashMap<String, u32>,
    },
}

pub(crate) const NO_TEXT: u32 = u32::MAX;

impl Gathered {
    /// Makes room for `n` rows, where there is so much memory.
    pub(crate) fn reserve(&mut self, n: usize) {
        let Self { users, items, cells } = self;
        let reserved = users.try_reserve_exact(n).and_then(|()| items.try_reserve_exact(n));
        // Where room cannot be reserved at once, columns grow as rows come.
        drop(reserved.and_then(|()| cells.stars.try_reserve_exact(n)));
        cells.times.reserve(n);
        cells.source_rows.reserve(n);
    }

    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// Prepares for the rows of `ratings`, which have the same contexts as those before.
    pub(crate) fn begin(&mut self, ratings: &Ratings) {
        if self.cells.contexts.is_empty() {
            let context = |column: &NamedColumn| match column.values {
                Values::Number(_) => Context::Number { numbers: Vec::new(), not_finite: HashMap::new() },
                Values::Text(_) => Context::Text { codes: Vec::new(), texts: Vec::new(), known: HashMap::new() },
            };
            self.cells.contexts =
                ratings.contexts.iter().map(|column| (column.name.clone(), context(column))).collect();
        }
    }

    /// Adds the row `row` of `ratings`.
    ///
    /// # Errors
    /// More rows than a place can count.
    pub(crate) fn push(&mut self, user: u32, item: u32, ratings: &Ratings, row: usize) -> Result<(), FeaturesError> {
        let place = u32::try_from(self.len()).ok().filter(|place| *place < u32::MAX);
        let place = place.ok_or(FeaturesError::TooManyRatings { most: u32::MAX })?;
        let Self { users, items, cells: Cells { stars, times, source_rows, contexts } } = self;
        users.push(user);
        items.push(item);
        // A NaN of the table is not taken for no stars: no scale has it.
        stars.push(ratings.rating[row].map_or(NO_STARS, |stars| if stars.is_nan() { f32::NAN } else { stars }));
        times.push(ratings.timestamp[row]);
        // A file has fewer lines than 2^63.
        source_rows.push(Some(ratings.source_row[row] as i64));
        for ((_, context), column) in contexts.iter_mut().zip(&ratings.contexts) {
            match (context, &column.values) {
                (Context::Number { numbers, not_finite }, Values::Number(values)) => {
                    numbers.push(match values[row] {
                        None => f32::NAN,
                        Some(number) if (number as f32).is_finite() => number as f32,
                        Some(number) => {
                            not_finite.insert(place, number);
                            f32::INFINITY
                        }
                    });
                }
                (Context::Text { codes, texts, known }, Values::Text(values)) => {
                    codes.push(match &values[row] {
                        None => NO_TEXT,
                        Some(text) => known.get(text).copied().unwrap_or_else(|| {
                            // There are no more texts than rows.
                            let code = texts.len() as u32;
                            texts.push(text.clone());
                            known.insert(text.clone(), code);
                            code
                        }),
                    });
                }
                _ => unreachable!("the chunks of a table have the same columns"),
            }
        }
        Ok(())
    }
}

impl Sorted {
    /// The rows of kept users and items, sorted. `users` and `items` are those of `kept`, in its order.
    ///
    /// # Errors
    /// A user who rated an item twice.
    pub(crate) fn of(rows: Gathered, kept: &Kept, users: &Users, items: &Items) -> Result<Self, FeaturesError> {
        let Gathered { users: of_users, items: of_items, cells } = rows;
        let (user_places, item_places) = (places(&kept.users), places(&kept.items));
        let place = |places: &[u32], row: u32| places.get(row as usize).copied().filter(|place| *place != u32::MAX);
        let pairs = || {
            let pairs = (0_u32..).zip(of_users.iter().zip(&of_items));
            pairs.filter_map(|(at, (user, item))| {
                Some((place(&user_places, *user)? as usize, place(&item_places, *item)?, at))
            })
        };
        let mut starts = vec![0; users.len() + 1];
        pairs().for_each(|(user, ..)| starts[user + 1] += 1);
        for user in 0..users.len() {
            starts[user + 1] += starts[user];
        }
        let mut ends = starts.clone();
        let mut keys = vec![0; starts[users.len()]];
        for (user, item, at) in pairs() {
            keys[ends[user]] = (u64::from(item) << 32) | u64::from(at);
            ends[user] += 1;
        }
        drop((of_users, of_items));
        parallel::each(slices(&starts, &mut keys), || (), |(), of_user| of_user.sort_unstable());
        let sorted = Self { starts, keys, cells };
        sorted.twice(users, items).map_or(Ok(sorted), Err)
    }

    /// The first pair that stands twice.
    fn twice(&self, users: &Users, items: &Items) -> Option<FeaturesError> {
        for user in users.indices() {
            let rows = self.of_user(user.index());
            let pair = self.keys[rows.clone()].windows(2).find(|pair| pair[0] >> 32 == pair[1] >> 32);
            let Some(item) = pair.map(|pair| pair[0] >> 32) else { continue };
            let mut lines: Vec<u64> =
                rows.filter(|row| self.keys[*row] >> 32 == item).map(|row| self.source_row(row)).collect();
            lines.sort_unstable();
            return Some(FeaturesError::PairTwice {
                user: users.id(user).to_string(),
                item: items.at(item as usize).map(|item| items.id(item).to_string()).unwrap_or_default(),
                first: lines[0],
                second: lines[1],
            });
        }
        None
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The rows of the user at `user` of the catalogue.
    pub(crate) fn of_user(&self, user: usize) -> Range<usize> {
        self.starts[user]..self.starts[user + 1]
    }

    /// The user of a row.
    pub(crate) fn user(&self, row: usize) -> usize {
        self.starts.partition_point(|start| *start <= row) - 1
    }

    /// The row of a user's rating of an item.
    pub(crate) fn find(&self, user: usize, item: u32) -> Option<usize> {
        let rows = self.of_user(user);
        let at = self.keys[rows.clone()].binary_search_by_key(&u64::from(item), |key| key >> 32);
        at.ok().map(|at| rows.start + at)
    }

    /// The item of a row.
    pub(crate) fn item(&self, row: usize) -> usize {
        (self.keys[row] >> 32) as usize
    }

    pub(crate) fn stars(&self, row: usize) -> Option<f32> {
        let stars = self.cells.stars[self.place(row)];
        (stars.to_bits() != NO_STARS.to_bits()).then_some(stars)
    }

    pub(crate) fn timestamp(&self, row: usize) -> Option<i64> {
        self.cells.times.get(self.place(row))
    }

    pub(crate) fn source_row(&self, row: usize) -> u64 {
        // Every row was pushed with one.
        self.cells.source_rows.get(self.place(row)).unwrap_or_default() as u64
    }

    /// The declared contexts: their names, and their values by [`Sorted::place`].
    pub(crate) fn contexts(&self) -> &[(String, Context)] {
        &self.cells.contexts
    }

    /// Where the values of a row's contexts stand.
    pub(crate) fn place(&self, row: usize) -> usize {
        self.keys[row] as u32 as usize
    }

    /// `values`, one for each row, by user.
    pub(crate) fn by_user<'a, T>(&self, values: &'a mut [T]) -> Vec<&'a mut [T]> {
        slices(&self.starts, values)
    }
}

/// The place of each row of a table among those that are kept, [`u32::MAX`] for one that is not.
fn places(kept: &[usize]) -> Vec<u32> {
    let mut places = vec![u32::MAX; kept.last().map_or(0, |last| last + 1)];
    (0..).zip(kept).for_each(|(place, row)| places[*row] = place);
    places
}

/// `values` cut at `starts`.
fn slices<'a, T>(starts: &[usize], mut values: &'a mut [T]) -> Vec<&'a mut [T]> {
    let lengths = starts.windows(2).map(|ends| ends[1] - ends[0]);
    let cut = lengths.map(|length| {
        let (slice, rest) = std::mem::take(&mut values).split_at_mut(length);
        values = rest;
        slice
    });
    cut.collect()
}

#[cfg(test)]
pub(crate) mod testing {
    use reco_data::{ItemRows, UserRows};

    use super::*;
    use crate::FeaturesConfig;
    use crate::filter::Filter;

    /// Users 0 to 4, items 0 to 6, and their ratings `(user, item, time)`, each with its place as its line.
    pub(crate) fn sorted(pairs: &[(i64, i64, Option<i64>)]) -> Result<(Users, Items, Sorted), FeaturesError> {
        let users = UserRows { user_id: (0..5).map(Into::into).collect(), attributes: vec![] };
        let items =
            ItemRows { item_id: (0..7).map(Into::into).collect(), genres: vec![None; 7], ..ItemRows::default() };
        let ratings = Ratings {
            user_id: pairs.iter().map(|pair| pair.0.into()).collect(),
            item_id: pairs.iter().map(|pair| pair.1.into()).collect(),
            rating: vec![None; pairs.len()],
            timestamp: pairs.iter().map(|pair| pair.2).collect(),
            source_row: (0..pairs.len() as u64).collect(),
            contexts: vec![],
        };
        let config = FeaturesConfig::default();
        let mut filter = Filter::new(&users, &items, &config)?;
        filter.add(&ratings)?;
        let (kept, gathered) = filter.keep()?;
        let (users, items) = (Users::new(users.user_id).unwrap(), Items::new(items.item_id).unwrap());
        let sorted = Sorted::of(gathered, &kept, &users, &items)?;
        Ok((users, items, sorted))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::sorted;

    proptest! {
        #[test]
        fn rows_are_those_of_a_plain_sort(
            pairs in proptest::collection::btree_map((0..5_i64, 0..7_i64), proptest::option::of(any::<i64>()), 1..30)
                .prop_map(|pairs| pairs.into_iter().map(|((user, item), time)| (user, item, time)).collect::<Vec<_>>())
                .prop_shuffle(),
        ) {
            let (.., rows) = sorted(&pairs).unwrap();
            let mut plain: Vec<_> = pairs.iter().zip(0_u64..).collect();
            plain.sort_unstable();
            prop_assert_eq!(rows.len(), plain.len());
            for (row, ((user, item, time), line)) in plain.into_iter().enumerate() {
                let found = (rows.user(row) as i64, rows.item(row) as i64, rows.timestamp(row), rows.source_row(row));
                prop_assert_eq!(found, (*user, *item, *time, line));
                prop_assert!(rows.of_user(*user as usize).contains(&row) && rows.stars(row).is_none());
                prop_assert_eq!(rows.find(*user as usize, *item as u32), Some(row));
            }
            let is_rated = |user, item| pairs.iter().any(|pair| (pair.0, pair.1) == (user, item));
            let missing = (0..5).flat_map(|user| (0..7).map(move |item| (user, item)));
            for (user, item) in missing.filter(|(user, item)| !is_rated(*user, *item)) {
                prop_assert_eq!(rows.find(user as usize, item as u32), None);
            }
        }
    }

    #[test]
    fn the_first_two_lines_of_a_pair_that_stands_twice_are_named() {
        let pairs = [(3, 1, None), (2, 6, None), (1, 4, None), (2, 6, None), (0, 0, None), (2, 6, None), (3, 1, None)];
        let error = sorted(&pairs).unwrap_err().to_string();
        assert!(error.starts_with("user `2` rated item `6` at source rows `1` and `3`\nhint: "), "{error}");
    }
}
