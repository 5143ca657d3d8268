//! Applies the filters of `[features]`: decides which ratings, users and items an experiment keeps.
//!
//! Does not know features or splits, which see only what it keeps.
//!
//! **Invariant**: every kept rating is of a kept user and a kept item; each kept user and item has at least the ratings
//! that the experiment asks for; what is kept does not depend on the order of the rows.

use reco_core::{Items, RawId, Users};
use reco_data::{ItemRows, Tables};
use serde::{Deserialize, Serialize};

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

/// What stays of the tables.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Rows of the users' table, ascending.
    pub(crate) users: Vec<usize>,
    /// Rows of the items' table, ascending.
    pub(crate) items: Vec<usize>,
    /// The ratings, in the order of their table.
    pub(crate) ratings: Vec<Edge>,
    /// Items that `drop_items_without_genres` and `drop_items` dropped.
    pub(crate) n_items_dropped: usize,
    /// Ratings dropped with these items.
    pub(crate) n_ratings_dropped: usize,
    /// What `min_rating` and the minimum counts of ratings dropped.
    pub(crate) filtered: Filtered,
}

/// What `config` keeps of `tables`.
///
/// # Errors
/// An item to drop that is not there; an id that occurs twice; a rating of a user or an item that is not listed;
/// filters that leave no rating.
pub(crate) fn filter(tables: &Tables, config: &FeaturesConfig) -> Result<Kept, FeaturesError> {
    let (ratings, items) = (&tables.ratings, &tables.items);
    let mut item_stays = item_stays(items, config)?;
    let vocab = |table| move |source| FeaturesError::Vocab { table, source };
    let users = Users::new(tables.users.user_id.clone()).map_err(vocab("users"))?;
    let items_by_id = Items::new(items.item_id.clone()).map_err(vocab("items"))?;
    let n_items_dropped = item_stays.iter().filter(|stays| !**stays).count();

    // The rows that stay, each with the rows of its user and its item.
    let mut rows: Vec<Edge> = Vec::with_capacity(ratings.len());
    let (users_at, items_at) = (Places::of(&tables.users.user_id, |id| &id.0), Places::of(&items.item_id, |id| &id.0));
    let (mut n_ratings_dropped, mut n_ratings_below) = (0, 0);
    for (rating, (user_id, item_id)) in ratings.user_id.iter().zip(&ratings.item_id).enumerate() {
        let not_listed = |kind, id: &dyn ToString| FeaturesError::NotListed {
            kind,
            id: id.to_string(),
            source_row: ratings.source_row[rating],
        };
        let user = users_at.get(&user_id.0).or_else(|| Some(users.get(user_id)?.get()));
        let item = items_at.get(&item_id.0).or_else(|| Some(items_by_id.get(item_id)?.get()));
        let user = user.ok_or_else(|| not_listed("user", user_id))?;
        let item = item.ok_or_else(|| not_listed("item", item_id))?;
        let stars = ratings.rating[rating];
        if !item_stays[item as usize] {
            n_ratings_dropped += 1;
        } else if config.min_rating.zip(stars).is_some_and(|(least, stars)| stars < least) {
            n_ratings_below += 1;
        } else {
            rows.push(Edge { rating, user, item });
        }
    }
    let mut filtered = Filtered { n_ratings_below, ..Filtered::default() };
    let mut user_stays = vec![true; users.len()];
    let n_before = rows.len();
    core(&mut rows, &mut user_stays, &mut item_stays, config);
    let n_left = |stays: &[bool]| stays.iter().filter(|stays| **stays).count();
    filtered.n_users = user_stays.len() - n_left(&user_stays);
    filtered.n_items = item_stays.len() - n_items_dropped - n_left(&item_stays);
    filtered.n_ratings = n_before - rows.len();
    if rows.is_empty() {
        return Err(nothing_left(ratings.len(), n_ratings_dropped, n_before, config));
    }
    let staying = |stays: &[bool]| (0..stays.len()).filter(|row| stays[*row]).collect();
    Ok(Kept {
        users: staying(&user_stays),
        items: staying(&item_stays),
        ratings: rows,
        n_items_dropped,
        n_ratings_dropped,
        filtered,
    })
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

/// A rating that joins a user and an item, all by their rows in the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) rating: usize,
    user: u32,
    item: u32,
}

impl Edge {
    /// The row in the users' table.
    pub(crate) fn user(self) -> usize {
        self.user as usize
    }

    /// The row in the items' table.
    pub(crate) fn item(self) -> usize {
        self.item as usize
    }
}

/// Drops the users and the items with fewer ratings than `config` asks for, until each that stays has enough: what is
/// left is the (p, q)-core of the bipartite graph (Seidman 1983 for p = q). It is unique, whatever is dropped first.
fn core(edges: &mut Vec<Edge>, user_stays: &mut [bool], item_stays: &mut [bool], config: &FeaturesConfig) {
    loop {
        let n_before = edges.len();
        if config.min_ratings_per_user > 0 {
            drop_rare(edges, user_stays, Edge::user, config.min_ratings_per_user);
        }
        if config.min_ratings_per_item > 0 {
            drop_rare(edges, item_stays, Edge::item, config.min_ratings_per_item);
        }
        if edges.len() == n_before {
            return;
        }
    }
}

/// Drops the nodes with fewer than `least` edges, and their edges.
fn drop_rare(edges: &mut Vec<Edge>, stays: &mut [bool], node: fn(Edge) -> usize, least: usize) {
    let mut degrees = vec![0; stays.len()];
    edges.iter().for_each(|edge| degrees[node(*edge)] += 1);
    for (stays, degree) in stays.iter_mut().zip(degrees) {
        *stays &= degree >= least;
    }
    edges.retain(|edge| stays[node(*edge)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core_of(pairs: &[(u32, u32)], sizes: (usize, usize), least: (usize, usize)) -> (Vec<bool>, Vec<bool>) {
        let mut edges: Vec<Edge> =
            pairs.iter().enumerate().map(|(rating, &(user, item))| Edge { rating, user, item }).collect();
        let config = FeaturesConfig {
            min_ratings_per_user: least.0,
            min_ratings_per_item: least.1,
            ..FeaturesConfig::default()
        };
        let (mut user_stays, mut item_stays) = (vec![true; sizes.0], vec![true; sizes.1]);
        core(&mut edges, &mut user_stays, &mut item_stays, &config);
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
