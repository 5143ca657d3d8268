//! Puts rows into the orders in which splits divide them: by chance or by time, all together or by user or item.
//!
//! Does not know shares beyond how many rows of a group each part gets.
//!
//! **Invariant**: an order depends on the rows alone, not on the number of threads; rows that tie stand in source
//! order. What is held beside the rows is at most a draw and a place for each.

use reco_core::random::keyed_hashes;
use reco_core::{UserIdx, parallel};

use super::{Assignment, Part, Sizes, SplitRows};
use crate::FeaturesError;

/// Which rows are divided together, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All rows, by their draws.
    Chance,
    /// The rows of each user, by their draws.
    ChanceOfUser,
    /// The rows of each item, by their draws.
    ChanceOfItem,
    /// The rows of each user, from the earliest to the latest.
    TimeOfUser,
}

/// What rows are sorted by: a draw or a time, then the data line of the raw file; and the row.
type Key = (u64, u64, usize);

/// How many rows of all are about sorted at once.
const AT_ONCE: usize = 1 << 22;

impl SplitRows<'_> {
    /// Divides each group of rows in its order into the sizes for its length. `kind` is the split.
    ///
    /// # Errors
    /// An order by time of rows of which one has no time.
    pub(super) fn divided(
        &self,
        kind: &'static str,
        order: Order,
        sizes: impl Fn(usize) -> Sizes + Sync,
    ) -> Result<Assignment, FeaturesError> {
        let mut parts = vec![Part::Train; self.len()];
        match order {
            Order::Chance => {
                let sizes = sizes(self.len());
                self.by_chance(|position, row| parts[row] = sizes.part(position));
            }
            Order::ChanceOfItem => self.by_chance_of_item(|n, position, row| parts[row] = sizes(n).part(position)),
            Order::ChanceOfUser | Order::TimeOfUser => {
                if order == Order::TimeOfUser {
                    self.check_times(kind)?;
                }
                let of_users = self.users.indices().zip(self.rows.by_user(&mut parts)).collect();
                parallel::each(of_users, Vec::new, |keys: &mut Vec<Key>, (user, parts)| {
                    let range = self.rows.of_user(user.index());
                    keys.clear();
                    match order {
                        // As unsigned numbers, times have the same order.
                        Order::TimeOfUser => keys.extend(range.clone().filter_map(|row| {
                            Some((self.timestamp(row)?.cast_unsigned() ^ (1 << 63), self.source_row(row), row))
                        })),
                        _ => self.draw(user, range.clone(), keys),
                    }
                    keys.sort_unstable();
                    let sizes = sizes(keys.len());
                    for (position, (_, _, row)) in keys.iter().enumerate() {
                        parts[row - range.start] = sizes.part(position);
                    }
                });
            }
        }
        Ok(Assignment::without_cuts(parts))
    }

    /// `rows` of one user in the order of their draws.
    pub(super) fn shuffled(&self, user: UserIdx, rows: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut keys = Vec::new();
        self.draw(user, rows, &mut keys);
        keys.sort_unstable();
        keys.into_iter().map(|(_, _, row)| row).collect()
    }

    /// Calls `each` with the position and the row of all rows in the order of their draws.
    pub(super) fn by_chance(&self, each: impl FnMut(usize, usize)) {
        self.by_chance_in_pieces(AT_ONCE, each);
    }

    /// The same; about `at_once` rows are sorted at once.
    fn by_chance_in_pieces(&self, at_once: usize, mut each: impl FnMut(usize, usize)) {
        let draws = self.draws();
        // The highest bits of a draw say in which piece it is.
        let n_bits = draws.len().div_ceil(at_once).next_power_of_two().trailing_zeros();
        let piece_of = |draw: u64| draw.checked_shr(u64::BITS - n_bits).unwrap_or_default();
        let mut keys: Vec<Key> = Vec::new();
        let mut position = 0;
        for piece in 0..1_u64 << n_bits {
            keys.clear();
            let of_piece = draws.iter().enumerate().filter(|(_, draw)| piece_of(**draw) == piece);
            keys.extend(of_piece.map(|(row, draw)| (*draw, self.source_row(row), row)));
            keys.sort_unstable();
            for (_, _, row) in &keys {
                each(position, *row);
                position += 1;
            }
        }
    }

    /// Calls `each` with the number of an item's rows, the position among them and the row.
    fn by_chance_of_item(&self, mut each: impl FnMut(usize, usize, usize)) {
        let draws = self.draws();
        let mut starts = vec![0; self.items.len() + 1];
        (0..self.len()).for_each(|row| starts[self.rows.item(row) + 1] += 1);
        for item in 0..self.items.len() {
            starts[item + 1] += starts[item];
        }
        let mut ends = starts.clone();
        let mut rows = vec![0_u32; self.len()];
        // There are fewer rows than 2^32.
        for row in 0..self.len() {
            let end = &mut ends[self.rows.item(row)];
            rows[*end] = row as u32;
            *end += 1;
        }
        let mut keys: Vec<Key> = Vec::new();
        for ends in starts.windows(2) {
            keys.clear();
            let of_item = rows[ends[0]..ends[1]].iter().map(|row| *row as usize);
            keys.extend(of_item.map(|row| (draws[row], self.source_row(row), row)));
            keys.sort_unstable();
            for (position, (_, _, row)) in keys.iter().enumerate() {
                each(keys.len(), position, *row);
            }
        }
    }

    /// The time of each row.
    ///
    /// # Errors
    /// A row without one.
    pub(super) fn times(&self, kind: &'static str) -> Result<Vec<i64>, FeaturesError> {
        self.check_times(kind)?;
        Ok((0..self.len()).filter_map(|row| self.timestamp(row)).collect())
    }

    fn check_times(&self, kind: &'static str) -> Result<(), FeaturesError> {
        match (0..self.len()).filter(|row| self.timestamp(*row).is_none()).count() {
            0 => Ok(()),
            n_missing => Err(FeaturesError::NoTimes { kind, n_missing, n_rows: self.len() }),
        }
    }

    /// The draw of each row.
    fn draws(&self) -> Vec<u64> {
        let mut draws = vec![0; self.len()];
        let of_users = self.users.indices().zip(self.rows.by_user(&mut draws)).collect();
        parallel::each(
            of_users,
            || (),
            |(), (user, draws)| {
                let draw = keyed_hashes(self.seed, self.users.id(user));
                for (to, row) in draws.iter_mut().zip(self.rows.of_user(user.index())) {
                    *to = draw(self.items.id(self.item(row)));
                }
            },
        );
        draws
    }

    /// Adds the draws of `rows` of one user.
    fn draw(&self, user: UserIdx, rows: impl IntoIterator<Item = usize>, keys: &mut Vec<Key>) {
        let draw = keyed_hashes(self.seed, self.users.id(user));
        keys.extend(rows.into_iter().map(|row| (draw(self.items.id(self.item(row))), self.source_row(row), row)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reco_core::random::keyed_hash;

    use super::*;
    use crate::rows::testing::sorted;

    proptest! {
        /// Every order by its definition: keys of all rows, sorted.
        #[test]
        fn orders_are_those_of_a_plain_sort(
            pairs in proptest::collection::btree_map((0..5_i64, 0..7_i64), 0..4_i64, 1..30)
                .prop_map(|pairs| {
                    pairs.into_iter().map(|((user, item), time)| (user, item, Some(time - 2))).collect::<Vec<_>>()
                })
                .prop_shuffle(),
            seed: u64,
            at_once in 1..40_usize,
        ) {
            let (users, items, rows) = sorted(&pairs).unwrap();
            let rows = SplitRows::new(&users, &items, &rows, seed);
            let draw = |row: usize| {
                (keyed_hash(seed, users.id(rows.user(row)), items.id(rows.item(row))), rows.source_row(row))
            };
            let plain = |group: &dyn Fn(usize) -> bool, key: &dyn Fn(usize) -> (i128, u64)| {
                let mut of_group: Vec<usize> = (0..rows.len()).filter(|row| group(*row)).collect();
                of_group.sort_by_key(|row| key(*row));
                of_group
            };
            let by_draw = |row: usize| (i128::from(draw(row).0), draw(row).1);
            let by_time = |row: usize| (i128::from(rows.timestamp(row).unwrap()), rows.source_row(row));

            let mut found = Vec::new();
            rows.by_chance_in_pieces(at_once, |position, row| {
                assert_eq!(position, found.len());
                found.push(row);
            });
            prop_assert_eq!(&found, &plain(&|_| true, &by_draw));

            // A group of `n` rows tests the last `n - n / 2`, so that a place moved across the middle shows.
            let sizes = |n: usize| Sizes { train: n / 2, validation: 0, test: n - n / 2 };
            let expected = |groups: Vec<Vec<usize>>| {
                let mut parts = vec![Part::Untrained; rows.len()];
                for group in groups {
                    for (position, row) in group.iter().enumerate() {
                        parts[*row] = if position < group.len() / 2 { Part::Train } else { Part::Test };
                    }
                }
                parts
            };
            let of_users = |key: &dyn Fn(usize) -> (i128, u64)| {
                users.indices().map(|user| plain(&|row| rows.user(row) == user, key)).collect::<Vec<_>>()
            };
            let of_items = items.indices().map(|item| plain(&|row| rows.item(row) == item, &by_draw));
            let of_items = of_items.collect::<Vec<_>>();
            for (order, groups) in [
                (Order::Chance, vec![plain(&|_| true, &by_draw)]),
                (Order::ChanceOfUser, of_users(&by_draw)),
                (Order::ChanceOfItem, of_items),
                (Order::TimeOfUser, of_users(&by_time)),
            ] {
                let divided = rows.divided("test", order, sizes).unwrap();
                prop_assert_eq!(divided.parts, expected(groups), "{:?}", order);
            }
            for user in users.indices() {
                prop_assert_eq!(
                    rows.shuffled(user, rows.rows.of_user(user.index())),
                    plain(&|row| rows.user(row) == user, &by_draw)
                );
            }
        }
    }
}
