//! What was known of users and items before the test: training ratings and genres.
//!
//! Does not know recommenders or test rows: metrics beyond accuracy compare lists with it.
//!
//! **Invariant**: everything here comes from rows that the recommender was fitted on, and from the genres of items.

use reco_core::{Catalogue, Interactions, ItemIdx, UserIdx};

use crate::History;

/// Training ratings, user by user and item by item, and the genres of items.
#[derive(Clone, Debug)]
pub struct TrainingCounts {
    history: History,
    n_train_users: usize,
    /// Training items of each user.
    profiles: Lists<ItemIdx>,
    /// The items with the most training ratings first, ties in catalogue order.
    popular: Vec<ItemIdx>,
    /// Genres of each item.
    genres: Lists<usize>,
    n_genres: usize,
}

impl TrainingCounts {
    /// What the rows of `fit`, which a recommender was fitted on, say about `catalogue`. No genres.
    pub fn new(fit: &Interactions, catalogue: &Catalogue) -> Self {
        let history = History::of(fit, catalogue);
        let mut popular: Vec<ItemIdx> = catalogue.items.indices().collect();
        popular.sort_by_key(|item| std::cmp::Reverse(history.items()[item.index()]));
        let profiles = fit.users().iter().zip(fit.items()).map(|(user, item)| (user.index(), *item));
        Self {
            n_train_users: history.users().iter().filter(|n| **n > 0).count(),
            profiles: Lists::new(catalogue.n_users(), profiles),
            popular,
            genres: Lists::new(catalogue.n_items(), std::iter::empty()),
            n_genres: 0,
            history,
        }
    }

    /// The same, with the genres of each item of the catalogue, none of them named twice for one item.
    #[must_use]
    pub fn with_genres<'a>(self, of_items: impl IntoIterator<Item = &'a [String]> + Clone) -> Self {
        let mut names: Vec<&String> = of_items.clone().into_iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        let pairs =
            of_items.into_iter().enumerate().flat_map(|(item, genres)| genres.iter().map(move |one| (item, one)));
        let pairs = pairs.filter_map(|(item, genre)| Some((item, names.binary_search(&genre).ok()?)));
        Self {
            genres: Lists::new(self.history.items().len(), pairs.collect::<Vec<_>>().into_iter()),
            n_genres: names.len(),
            ..self
        }
    }

    /// Training rows of each user and of each item.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Users with a training row.
    pub fn n_train_users(&self) -> usize {
        self.n_train_users
    }

    /// Training ratings of `item`.
    pub fn n_ratings(&self, item: ItemIdx) -> usize {
        self.history.items()[item.index()]
    }

    /// The training items of `user`.
    pub fn profile(&self, user: UserIdx) -> &[ItemIdx] {
        self.profiles.of(user.index())
    }

    /// All items, those with the most training ratings first, ties in catalogue order.
    pub fn popular(&self) -> &[ItemIdx] {
        &self.popular
    }

    /// The mean of the share of training users who rated an item, over `items`; `None` of none.
    pub fn average_popularity(&self, items: &[ItemIdx]) -> Option<f64> {
        let sum: usize = items.iter().map(|item| self.n_ratings(*item)).sum();
        (!items.is_empty()).then(|| sum as f64 / (self.n_train_users.max(1) * items.len()) as f64)
    }

    /// [`TrainingCounts::average_popularity`] of the first of `items`, the first two, and so on.
    pub fn average_popularities(&self, items: &[ItemIdx]) -> Vec<f64> {
        let n_users = self.n_train_users.max(1);
        let mut sum = 0;
        let mean = |(n, item): (usize, &ItemIdx)| {
            sum += self.n_ratings(*item);
            sum as f64 / (n_users * n) as f64
        };
        (1..).zip(items).map(mean).collect()
    }

    /// The share of each genre in `items`, each item spreading a weight of 1 evenly over its genres; `None` where none
    /// of them has a genre.
    pub fn genre_shares(&self, items: &[ItemIdx]) -> Option<Vec<f64>> {
        let mut of_all = None;
        self.genre_shares_of_firsts(items, |n, shares| {
            if n == items.len() {
                of_all = shares();
            }
        });
        of_all
    }

    /// Calls `take` for the first of `items`, the first two, and so on, with how many they are and a function that
    /// computes their [`TrainingCounts::genre_shares`].
    pub fn genre_shares_of_firsts(
        &self,
        items: &[ItemIdx],
        mut take: impl FnMut(usize, &dyn Fn() -> Option<Vec<f64>>),
    ) {
        let mut weights = vec![0.0; self.n_genres];
        let mut n_items = 0.0;
        for (n, item) in (1..).zip(items) {
            let genres = self.genres.of(item.index());
            if !genres.is_empty() {
                n_items += 1.0;
                genres.iter().for_each(|genre| weights[*genre] += 1.0 / genres.len() as f64);
            }
            take(n, &|| (n_items > 0.0).then(|| weights.iter().map(|weight| weight / n_items).collect()));
        }
    }
}

/// A list for each of many rows, one after the other in memory.
#[derive(Clone, Debug)]
struct Lists<T> {
    ends: Vec<usize>,
    values: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// The values of `n_rows` rows, those of a row in the order given.
    fn new(n_rows: usize, pairs: impl Iterator<Item = (usize, T)> + Clone) -> Self {
        let mut ends = vec![0; n_rows];
        pairs.clone().for_each(|(row, _)| ends[row] += 1);
        let mut n = 0;
        // Where each row begins; writing a value moves it on, until it is where the row ends.
        for end in &mut ends {
            n += std::mem::replace(end, n);
        }
        let mut values: Vec<T> = pairs.clone().next().map_or_else(Vec::new, |(_, any)| vec![any; n]);
        for (row, value) in pairs {
            values[ends[row]] = value;
            ends[row] += 1;
        }
        Self { ends, values }
    }

    fn of(&self, row: usize) -> &[T] {
        &self.values[if row == 0 { 0 } else { self.ends[row - 1] }..self.ends[row]]
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::catalogue;
    use reco_core::{Interaction, Target};

    use super::*;

    #[test]
    fn counts_profiles_and_genres_by_hand() {
        let catalogue = catalogue(3, 3);
        let mut fit = Interactions::builder(0);
        for (user, item) in [(2, 1), (0, 1), (0, 2)] {
            let (user, item) = (catalogue.users.at(user).unwrap(), catalogue.items.at(item).unwrap());
            fit.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context: &[] });
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let genres = [names(&["b", "a"]), names(&[]), names(&["b"])];
        let known = TrainingCounts::new(&fit.finish(), &catalogue).with_genres(genres.iter().map(Vec::as_slice));
        let rows = |items: &[ItemIdx]| items.iter().map(|item| item.index()).collect::<Vec<_>>();
        assert_eq!((known.n_train_users(), rows(known.popular())), (2, vec![1, 2, 0]));
        let profiles: Vec<_> = catalogue.users.indices().map(|user| rows(known.profile(user))).collect();
        assert_eq!(profiles, [vec![1, 2], vec![], vec![1]]);
        let all: Vec<ItemIdx> = catalogue.items.indices().collect();
        assert_eq!(known.average_popularities(&all).last(), Some(&((2.0 + 1.0) / 2.0 / 3.0)));
        assert!(known.average_popularities(&[]).is_empty());
        assert_eq!(known.genre_shares(&all), Some(vec![0.25, 0.75]));
        assert_eq!(known.genre_shares(&all[1..2]), None);
    }
}
