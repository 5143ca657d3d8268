//! What was known of users and items before the test: training ratings and genres.
//!
//! Does not know recommenders or test rows: metrics beyond accuracy compare lists with it.
//!
//! **Invariant**: everything here comes from rows that the recommender was fitted on, and from the genres of items.

use reco_core::{Catalogue, Interactions, ItemIdx, UserIdx};

/// Training ratings, user by user and item by item, and the genres of items.
#[derive(Clone, Debug)]
pub struct TrainingCounts {
    n_train_users: usize,
    /// Training items of each user.
    profiles: Vec<Vec<ItemIdx>>,
    /// Training ratings of each item.
    n_ratings: Vec<usize>,
    /// The items with the most training ratings first, ties in catalogue order.
    popular: Vec<ItemIdx>,
    /// Genres of each item.
    genres: Vec<Vec<usize>>,
    n_genres: usize,
}

impl TrainingCounts {
    /// What the rows of `fit`, which a recommender was fitted on, say about `catalogue`. No genres.
    pub fn new(fit: &Interactions, catalogue: &Catalogue) -> Self {
        let mut profiles = vec![Vec::new(); catalogue.n_users()];
        let mut n_ratings = vec![0; catalogue.n_items()];
        for (user, item) in fit.users().iter().zip(fit.items()) {
            profiles[user.index()].push(*item);
            n_ratings[item.index()] += 1;
        }
        profiles.iter_mut().for_each(Vec::shrink_to_fit);
        let mut popular: Vec<ItemIdx> = catalogue.items.indices().collect();
        popular.sort_by_key(|item| std::cmp::Reverse(n_ratings[item.index()]));
        Self {
            n_train_users: profiles.iter().filter(|profile| !profile.is_empty()).count(),
            profiles,
            n_ratings,
            popular,
            genres: vec![Vec::new(); catalogue.n_items()],
            n_genres: 0,
        }
    }

    /// The same, with the genres of each item of the catalogue, none of them named twice for one item.
    #[must_use]
    pub fn with_genres<'a>(self, of_items: impl IntoIterator<Item = &'a [String]> + Clone) -> Self {
        let mut names: Vec<&String> = of_items.clone().into_iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        let genres = |names_of: &[String]| names_of.iter().filter_map(|one| names.binary_search(&one).ok()).collect();
        let mut genres: Vec<Vec<usize>> = of_items.into_iter().map(genres).collect();
        genres.resize(self.genres.len(), Vec::new());
        Self { genres, n_genres: names.len(), ..self }
    }

    /// How many users and items the catalogue has whose training rows these are.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.profiles.len(), self.n_ratings.len()]
    }

    /// Users of the catalogue, with or without a training row.
    pub fn n_users(&self) -> usize {
        self.profiles.len()
    }

    /// Users with a training row.
    pub fn n_train_users(&self) -> usize {
        self.n_train_users
    }

    /// Training ratings of `item`.
    pub fn n_ratings(&self, item: ItemIdx) -> usize {
        self.n_ratings[item.index()]
    }

    /// The training items of `user`.
    pub fn profile(&self, user: UserIdx) -> &[ItemIdx] {
        &self.profiles[user.index()]
    }

    /// All items, those with the most training ratings first, ties in catalogue order.
    pub fn popular(&self) -> &[ItemIdx] {
        &self.popular
    }

    /// The mean share of training users who rated an item, over the first of `items`, the first two, and so on.
    pub fn average_popularities(&self, items: &[ItemIdx]) -> Vec<f64> {
        let n_users = self.n_train_users.max(1);
        let mut sum = 0;
        let mean = |(n, item): (usize, &ItemIdx)| {
            sum += self.n_ratings(*item);
            sum as f64 / (n_users * n) as f64
        };
        (1..).zip(items).map(mean).collect()
    }

    /// The share of each genre in the first `n` of `items`, for each `n` of `lengths`. Each item spreads a weight of 1
    /// evenly over its genres. `None` where none of the items has a genre.
    pub(crate) fn genre_shares(&self, items: &[ItemIdx], lengths: &[usize]) -> Vec<Option<Vec<f64>>> {
        let mut shares = vec![None; items.len() + 1];
        let mut is_wanted = vec![false; items.len() + 1];
        lengths.iter().for_each(|n| is_wanted[*n] = true);
        let (mut weights, mut n_items) = (vec![0.0; self.n_genres], 0.0);
        for (n, item) in (1..).zip(items) {
            let genres = &self.genres[item.index()];
            if !genres.is_empty() {
                n_items += 1.0;
                genres.iter().for_each(|genre| weights[*genre] += 1.0 / genres.len() as f64);
            }
            if is_wanted[n] && n_items > 0.0 {
                shares[n] = Some(weights.iter().map(|weight| weight / n_items).collect());
            }
        }
        lengths.iter().map(|n| shares[*n].clone()).collect()
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
        assert_eq!(known.genre_shares(&all, &[3, 1]), [Some(vec![0.25, 0.75]), Some(vec![0.5, 0.5])]);
        assert_eq!(known.genre_shares(&all[1..2], &[1]), [None]);
    }
}
