//! Applies the filters of `[features]`: decides which ratings, users and items an experiment keeps.
//!
//! Does not know features or splits, which see only what it keeps.
//!
//! **Invariant**: every kept rating is of a kept user and a kept item; each kept user and item has at least the ratings
//! that the experiment asks for; what is kept does not depend on the order of the rows.

use reco_core::{Items, RawId, Users};
use reco_data::{ItemRows, Ratings, UserRows};
use serde::{Deserialize, Serialize};

use crate::rows::Gathered;
use crate::{FeaturesConfig, FeaturesError};

/// What the filters of `[features]` dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    /// Ratings of kept items below `min_rating`.
    pub n_ratings_below: usize,
    /// Users dropped by `min_ratings_per_user`.
    pub n_users: usize,
    /// Items dropped by `min_ratings_per_item`.
    pub n_items: usize,
    /// Ratings dropped with these users and items.
    pub n_ratings: usize,
}

/// Which users and items stay.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Rows of the users' table, ascending.
    pub(crate) users: Vec<usize>,
    /// Rows of the items' table, ascending.
    pub(crate) items: Vec<usize>,
    /// Items that `drop_items_without_genres` and `drop_items` dropped.
    pub(crate) n_items_dropped: usize,
    /// Ratings dropped with these items.
    pub(crate) n_ratings_dropped: usize,
    /// What `min_rating` and the minimum counts of ratings dropped.
    pub(crate) filtered: Filtered,
}

/// Looks up the users and items of ratings as they come, and applies the filters.
pub(crate) struct Filter<'a> {
    config: &'a FeaturesConfig,
    users: Users,
    items: Items,
    users_at: Places,
    items_at: Places,
    item_stays: Vec<bool>,
    /// The ratings that no filter for single ratings drops.
    rows: Gathered,
    n_ratings: usize,
    n_ratings_dropped: usize,
    n_ratings_below: usize,
}

impl<'a> Filter<'a> {
    /// A filter for ratings of these users and items.
    ///
    /// # Errors
    /// An item to drop that is not there; an id that occurs twice.
    pub(crate) fn new(users: &UserRows, items: &ItemRows, config: &'a FeaturesConfig) -> Result<Self, FeaturesError> {
        let item_stays = item_stays(items, config)?;
        let vocab = |table| move |source| FeaturesError::Vocab { table, source };
        Ok(Self {
            config,
            users: Users::new(users.user_id.clone()).map_err(vocab("users"))?,
            items: Items::new(items.item_id.clone()).map_err(vocab("items"))?,
            users_at: Places::of(&users.user_id, |id| &id.0),
            items_at: Places::of(&items.item_id, |id| &id.0),
            item_stays,
            rows: Gathered::default(),
            n_ratings: 0,
            n_ratings_dropped: 0,
            n_ratings_below: 0,
        })
    }

    /// Makes room for `n` ratings, where there is so much memory.
    pub(crate) fn reserve(&mut self, n: usize) {
        self.rows.reserve(n);
    }

    /// Adds ratings, all or a chunk of them.
    ///
    /// # Errors
    /// A rating of a user or an item that is not listed; more ratings than a place can count.
    pub(crate) fn add(&mut self, ratings: &Ratings) -> Result<(), FeaturesError> {
        self.rows.begin(ratings);
        self.n_ratings += ratings.len();
        for (row, (user_id, item_id)) in ratings.user_id.iter().zip(&ratings.item_id).enumerate() {
            let not_listed = |kind, id: &dyn ToString| FeaturesError::NotListed {
                kind,
                id: id.to_string(),
                source_row: ratings.source_row[row],
            };
            let user = self.users_at.get(&user_id.0).or_else(|| Some(self.users.get(user_id)?.get()));
            let item = self.items_at.get(&item_id.0).or_else(|| Some(self.items.get(item_id)?.get()));
            let user = user.ok_or_else(|| not_listed("user", user_id))?;
            let item = item.ok_or_else(|| not_listed("item", item_id))?;
            let stars = ratings.rating[row];
            if !self.item_stays[item as usize] {
                self.n_ratings_dropped += 1;
            } else if self.config.min_rating.zip(stars).is_some_and(|(least, stars)| stars < least) {
                self.n_ratings_below += 1;
            } else {
                self.rows.push(user, item, ratings, row)?;
            }
        }
        Ok(())
    }

    /// Who and what stays, and the ratings, of which those of others are still among them.
    ///
    /// # Errors
    /// Filters that leave no rating.
    pub(crate) fn keep(self) -> Result<(Kept, Gathered), FeaturesError> {
        let Self { config, users, mut item_stays, rows, n_ratings, n_ratings_dropped, n_ratings_below, .. } = self;
        let n_left = |stays: &[bool]| stays.iter().filter(|stays| **stays).count();
        let n_items_dropped = item_stays.len() - n_left(&item_stays);
        let mut user_stays = vec![true; users.len()];
        let n_rows = core((&rows.users, &rows.items), &mut user_stays, &mut item_stays, config);
        if n_rows == 0 {
            return Err(nothing_left(n_ratings, n_ratings_dropped, rows.len(), config));
        }
        let filtered = Filtered {
            n_ratings_below,
            n_users: user_stays.len() - n_left(&user_stays),
            n_items: item_stays.len() - n_items_dropped - n_left(&item_stays),
            n_ratings: rows.len() - n_rows,
        };
        let staying = |stays: &[bool]| (0..stays.len()).filter(|row| stays[*row]).collect();
        let (users, items) = (staying(&user_stays), staying(&item_stays));
        Ok((Kept { users, items, n_items_dropped, n_ratings_dropped, filtered }, rows))
    }
}

/// Whether each of `items` stays before anything is counted: what `drop_items_without_genres` and `drop_items` say.
///
/// # Errors
/// An item to drop that is not there.
pub fn item_stays(items: &ItemRows, config: &FeaturesConfig) -> Result<Vec<bool>, FeaturesError> {
    if let Some(item) = config.drop_items.iter().find(|item| !items.item_id.contains(item)) {
        return Err(FeaturesError::NothingToDrop { item: item.clone() });
    }
    let stays = |row: usize| {
        let has_genres = !config.drop_items_without_genres || items.genres[row].is_some();
        has_genres && !config.drop_items.contains(&items.item_id[row])
    };
    Ok((0..items.item_id.len()).map(stays).collect())
}

/// Which filter left no rating, and what helps: of `n_ratings`, `n_dropped` are of dropped items, and `n_before_core`
/// passed the filters of single ratings.
pub(crate) fn nothing_left(
    n_ratings: usize,
    n_dropped: usize,
    n_before_core: usize,
    config: &FeaturesConfig,
) -> FeaturesError {
    if n_ratings == n_dropped {
        let hint = if n_ratings == 0 {
            "look at the rejected rows: `rejects.parquet`"
        } else {
            "set `features.drop_items_without_genres = false`"
        };
        return FeaturesError::NoRatings { n_ratings, n_dropped, hint };
    }
    let FeaturesConfig { min_ratings_per_user, min_ratings_per_item, .. } = config;
    match config.min_rating {
        Some(min_rating) if n_before_core == 0 => FeaturesError::FilteredAway {
            filter: format!("features.min_rating = {min_rating}"),
            n_ratings: n_ratings - n_dropped,
            hint: "lower it: it is a number of stars, and a rating equal to it stays",
        },
        _ => FeaturesError::FilteredAway {
            filter: format!(
                "features.min_ratings_per_user = {min_ratings_per_user}` with \
                 `features.min_ratings_per_item = {min_ratings_per_item}"
            ),
            n_ratings: n_before_core,
            hint: "lower them: the ratings of a dropped user or item are dropped too, which may leave others too few",
        },
    }
}

/// The rows of ids that are small integers, as most are, in a table by id: that saves a hash for every rating.
struct Places(Vec<u32>);

impl Places {
    /// Larger integers are looked up in the vocabulary.
    const MOST: usize = 1 << 22;

    fn of<Id>(ids: &[Id], raw: fn(&Id) -> &RawId) -> Self {
        let mut places = Vec::new();
        for (row, id) in (0_u32..).zip(ids) {
            if let Some(at) = Self::place(raw(id)) {
                if at >= places.len() {
                    places.resize((at + 1).next_power_of_two(), u32::MAX);
                }
                places[at] = row;
            }
        }
        Self(places)
    }

    fn get(&self, id: &RawId) -> Option<u32> {
        self.0.get(Self::place(id)?).copied().filter(|row| *row != u32::MAX)
    }

    fn place(id: &RawId) -> Option<usize> {
        match id {
            RawId::Integer(id) => usize::try_from(*id).ok().filter(|at| *at < Self::MOST),
            RawId::Text(_) => None,
        }
    }
}

/// Drops the users and the items with fewer ratings than `config` asks for, until each that stays has enough: what is
/// left is the (p, q)-core of the bipartite graph (Seidman 1983 for p = q). It is unique, whatever is dropped first.
/// Rating `n` is of the user and the item that stand at `n`; returns how many are left, of those that stay.
fn core(
    (users, items): (&[u32], &[u32]),
    user_stays: &mut [bool],
    item_stays: &mut [bool],
    config: &FeaturesConfig,
) -> usize {
    let FeaturesConfig { min_ratings_per_user, min_ratings_per_item, .. } = *config;
    let mut n_left = users.len();
    if (min_ratings_per_user, min_ratings_per_item) == (0, 0) {
        return n_left;
    }
    let left = |user_stays: &[bool], item_stays: &[bool], each: &mut dyn FnMut(usize, usize)| {
        for (user, item) in users.iter().zip(items) {
            let (user, item) = (*user as usize, *item as usize);
            if user_stays[user] && item_stays[item] {
                each(user, item);
            }
        }
    };
    loop {
        if min_ratings_per_user > 0 {
            let mut degrees = vec![0; user_stays.len()];
            left(user_stays, item_stays, &mut |user, _| degrees[user] += 1);
            drop_rare(user_stays, &degrees, min_ratings_per_user);
        }
        if min_ratings_per_item > 0 {
            let mut degrees = vec![0; item_stays.len()];
            left(user_stays, item_stays, &mut |_, item| degrees[item] += 1);
            drop_rare(item_stays, &degrees, min_ratings_per_item);
        }
        let n_before = n_left;
        n_left = 0;
        left(user_stays, item_stays, &mut |_, _| n_left += 1);
        if n_left == n_before {
            return n_left;
        }
    }
}

/// Drops the nodes with fewer than `least` edges.
fn drop_rare(stays: &mut [bool], degrees: &[usize], least: usize) {
    for (stays, degree) in stays.iter_mut().zip(degrees) {
        *stays &= *degree >= least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core_of(pairs: &[(u32, u32)], sizes: (usize, usize), least: (usize, usize)) -> (Vec<bool>, Vec<bool>) {
        let (users, items): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let config = FeaturesConfig {
            min_ratings_per_user: least.0,
            min_ratings_per_item: least.1,
            ..FeaturesConfig::default()
        };
        let (mut user_stays, mut item_stays) = (vec![true; sizes.0], vec![true; sizes.1]);
        let n_left = core((&users, &items), &mut user_stays, &mut item_stays, &config);
        let stays = |(user, item): &&(u32, u32)| user_stays[*user as usize] && item_stays[*item as usize];
        assert_eq!(n_left, pairs.iter().filter(stays).count());
        (user_stays, item_stays)
    }

    #[test]
    fn a_dropped_user_or_item_may_leave_others_too_few() {
        // A square of users 0, 1 and items 0, 1, with a tail: item 2 is rated by users 1 and 2, and user 2 rated
        // nothing else.
        let pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2)];
        assert_eq!(core_of(&pairs, (3, 3), (2, 2)), (vec![true, true, false], vec![true, true, false]));
        assert_eq!(core_of(&pairs, (3, 3), (1, 1)), (vec![true; 3], vec![true; 3]));
        // Only user 1 has three ratings, and no item has two from such users.
        assert_eq!(core_of(&pairs, (3, 3), (3, 2)), (vec![false; 3], vec![false; 3]));
        // No bound for items: they stay without a rating.
        assert_eq!(core_of(&pairs, (3, 3), (3, 0)), (vec![false, true, false], vec![true; 3]));
        // User 3 and item 3 have no rating.
        let (users, items) = core_of(&pairs, (4, 4), (1, 1));
        assert_eq!((users[3], items[3]), (false, false));
        let (users, items) = core_of(&pairs, (4, 4), (1, 0));
        assert_eq!((users[3], items[3]), (false, true));
    }
}
