//! User-based k-nearest-neighbour rating prediction, with the formulas of `neighbours.rs`.
//!
//! Does not know features or contexts. The ratings are kept, and each asker, known or a visitor, is compared with all
//! users when they ask. Users are taken from the nearest on, and each of their ratings is added to its item until the
//! item has its k, so that no item needs a search of its own. Popular items fill early, and ratings of distant users
//! are not even read: a user's list has the rarest items first, and reading stops where all that follow are full.
//!
//! **Invariant**: a visitor is compared by the history alone; the number of threads changes no bit of a score.

use std::borrow::Cow;
use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, Loaded, Progress, Query, Requirement, Run,
    Train, Weights,
};
use serde::{Deserialize, Serialize};

use crate::error::Interrupted;
use crate::neighbours::{Knn, Model, Neighbour, Neighbourhood, Ratings, Start, Sum, Variant, at_place, mean, place};
use crate::rating_matrix::{Asker, Entry, RatingMatrix};
use crate::terms::part;

const NAME: &str = "user-knn";

/// The approach `user-knn`: what the most similar users gave the item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserKnn(pub Knn);

impl Approach for UserKnn {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: what the most similar users gave the item";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        self.0.check(place)
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        Model::<Users>::learn(self.0, train, run)
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        Model::<Users>::load(self.0, weights, catalogue, run)
    }
}

/// The ratings, and what follows from them.
struct Users {
    ratings: Ratings,
    /// For each item, its ratings as users are compared by them: stars, or what baselines leave.
    compared: RatingMatrix,
    /// What counts of each rating, by user; items are named by rank, the last rank first.
    deviations: RatingMatrix,
    /// Each item's rank by its number of ratings, most first.
    ranks: Vec<u32>,
    /// Each user's mean.
    means: Vec<f64>,
}

/// The asker, with all that predictions need.
struct Asked<'a> {
    asker: Asker<'a>,
    mean: f64,
    bias: f64,
}

/// Memory that a thread uses again and again.
#[derive(Default)]
struct Scratch {
    similarities: Vec<f32>,
    /// Users from the nearest on.
    nearest: Vec<u64>,
    sums: Vec<Sum>,
}

impl Users {
    /// What counts of a user's rating.
    fn deviation(ratings: &Ratings, means: &[f64], user: usize, entry: Entry) -> f64 {
        let expected = match (ratings.options.variant, &ratings.biases) {
            (Variant::WithMeans, _) => means[user],
            (Variant::WithBaseline, Some(biases)) => biases.expected(biases.users[user], entry.index()),
            _ => 0.0,
        };
        f64::from(entry.value) - expected
    }

    fn asked(&self, query: &Query<'_>) -> Asked<'_> {
        let (asker, bias) = self.ratings.asker(query);
        Asked { mean: mean(&asker.rated), bias, asker }
    }

    /// Fills `scratch.nearest`.
    fn find_nearest(&self, asked: &Asked<'_>, scratch: &mut Scratch) {
        let rated: Cow<'_, [Entry]> = match self.ratings.compared_by() {
            Some(biases) => {
                let left = |entry: &Entry| f64::from(entry.value) - biases.expected(asked.bias, entry.index());
                let rated = asked.asker.rated.iter();
                rated.map(|entry| Entry { value: left(entry) as f32, ..*entry }).collect()
            }
            None => Cow::Borrowed(&asked.asker.rated),
        };
        scratch.similarities.resize(self.ratings.stars.by_user.len(), 0.0);
        self.ratings.options.measure().row(&rated, &self.compared, &mut scratch.similarities);
        if let Some(user) = asked.asker.user {
            scratch.similarities[user.index()] = 0.0;
        }
        let alike = scratch.similarities.iter().enumerate().filter(|(_, similarity)| **similarity > 0.0);
        scratch.nearest.clear();
        scratch.nearest.extend(alike.map(|(user, similarity)| place(*similarity, user)));
        scratch.nearest.sort_unstable_by(|a, b| b.cmp(a));
    }

    fn start(&self, asked: &Asked<'_>, item: usize) -> Start {
        self.ratings.start(&asked.asker, asked.bias, item, asked.mean)
    }

    /// The neighbours that count for `item`, nearest first.
    fn neighbours(&self, item: ItemIdx, nearest: &[u64]) -> Vec<Neighbour> {
        let neighbour = |place: &u64| {
            let (similarity, user) = at_place(*place);
            let rated = self.ratings.stars.by_user.of(user);
            let entry = rated[rated.binary_search_by_key(&item.get(), |entry| entry.row).ok()?];
            let user_idx = self.ratings.catalogue.users.at(user);
            let user_idx = user_idx.expect("users are compared by their rows in the catalogue");
            let cause = Cause::User { user: user_idx, similarity, rating: entry.value };
            let deviation = Self::deviation(&self.ratings, &self.means, user, entry);
            Some(Neighbour { similarity, deviation: deviation as f32, cause })
        };
        nearest.iter().filter_map(neighbour).take(self.ratings.options.k.get()).collect()
    }
}

impl Neighbourhood for Users {
    const NAME: &'static str = NAME;
    type Scratch = Scratch;

    fn new(ratings: Ratings, _: &dyn Progress) -> Result<Self, Interrupted> {
        let stars = &ratings.stars;
        let compared = match ratings.compared_by() {
            Some(biases) => stars
                .by_item
                .map(|item, entry| f64::from(entry.value) - biases.expected(biases.users[entry.index()], item)),
            None => stars.by_item.clone(),
        };
        let means: Vec<f64> = stars.by_user.iter().map(|(_, list)| mean(list)).collect();
        let mut by_rank: Vec<u32> = (0..stars.by_item.len() as u32).collect();
        by_rank.sort_by_key(|item| std::cmp::Reverse(stars.by_item.of(*item as usize).len()));
        let mut ranks = vec![0; by_rank.len()];
        (0..).zip(&by_rank).for_each(|(rank, item)| ranks[*item as usize] = rank);
        let deviations = stars.by_user.map(|user, entry| Self::deviation(&ratings, &means, user, entry));
        let deviations = deviations.renamed(|item| ranks[item]);
        Ok(Self { compared, deviations, ranks, means, ratings })
    }

    fn ratings(&self) -> &Ratings {
        &self.ratings
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let asked = self.asked(query);
        self.find_nearest(&asked, scratch);
        scratch.sums.clear();
        scratch.sums.resize(self.ratings.catalogue.n_items(), Sum::default());
        let (k, sums) = (self.ratings.options.k, &mut scratch.sums);
        // All items of a lower rank have their k.
        let mut open = 0;
        for (similarity, user) in scratch.nearest.iter().map(|place| at_place(*place)) {
            while sums.get(open).is_some_and(|sum| sum.is_full(k)) {
                open += 1;
            }
            for entry in self.deviations.of(user) {
                if entry.index() < open {
                    break;
                }
                sums[entry.index()].add(k, similarity, entry.value);
            }
        }
        query.candidates.write(scores, |item| {
            self.ratings.score(&scratch.sums[self.ranks[item] as usize], self.start(&asked, item))
        });
    }

    fn reasons(&self, query: &Query<'_>, items: &[ItemIdx]) -> Vec<Explanation> {
        let asked = self.asked(query);
        let mut scratch = Scratch::default();
        self.find_nearest(&asked, &mut scratch);
        let explain = |item: &ItemIdx| {
            let neighbours = self.neighbours(*item, &scratch.nearest);
            let (start, mean) = (self.start(&asked, item.index()), part("user mean", asked.mean));
            self.ratings.explain(start, (asked.bias, *item), mean, neighbours)
        };
        items.iter().map(explain).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::{fit, query, scores_of, three_users, visitor_like};
    use reco_core::ApproachEntry;
    use serde_json::{Value, json};

    const ENTRY: ApproachEntry = ApproachEntry::of::<UserKnn>();

    fn model(options: Value) -> Box<dyn Fitted> {
        fit(&ENTRY, &options, &three_users().1)
    }

    /// The similarity of Ann to Bob and to Cem.
    const BOB: f32 = 0.6;
    const CEM: f32 = 0.1;

    fn near(found: f32, expected: f32) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn stars_of_neighbours_by_hand() {
        let basic = |more: Value| {
            let mut options = json!({ "variant": "basic" });
            options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            scores_of(&*model(options), 0)
        };
        let ann = basic(json!({}));
        // Bob gave item 3 one star and Cem five. Ann's own rating of item 0 does not count.
        near(ann[3], (BOB * 1.0 + CEM * 5.0) / (BOB + CEM));
        near(ann[0], (BOB * 2.0 + CEM * 4.0) / (BOB + CEM));
        near(ann[4], 28.0 / 9.0);
        near(basic(json!({ "k": 1 }))[3], 1.0);
        near(basic(json!({ "k": 1000 }))[3], ann[3]);
        near(basic(json!({ "min_k": 3 }))[3], 28.0 / 9.0);
        // Ann and Cem have one item in common.
        near(basic(json!({ "min_support": 2 }))[3], 1.0);
        // Dan has rated nothing: the mean of all.
        assert_eq!(scores_of(&*model(json!({ "variant": "basic" })), 3), [28.0 / 9.0_f32; 5]);
    }

    #[test]
    fn differences_from_means_by_hand() {
        let fitted = model(json!({ "variant": "with-means" }));
        let ann = scores_of(&*fitted, 0);
        near(ann[3], 3.0 + (BOB * (1.0 - 2.5) + CEM * (5.0 - 4.5)) / (BOB + CEM));
        near(ann[4], 28.0 / 9.0);
        // Too few neighbours leave Ann's mean, and Dan has none.
        near(scores_of(&*model(json!({ "variant": "with-means", "min_k": 3 })), 0)[3], 3.0);
        assert_eq!(scores_of(&*fitted, 3), [28.0 / 9.0_f32; 5]);
    }

    #[test]
    fn differences_from_baselines_by_hand() {
        // One epoch without regularisation: mean and item bias are the item's mean, 7/3 and 3 of items 0 and 3, and
        // Ann's bias is the mean of 1 - 7/3, 3 - 3 and 5 - 9/2.
        let fitted = model(json!({ "baseline": { "epochs": 1, "reg_u": 0.0, "reg_i": 0.0 } }));
        let (ann, bob, cem) = (-5.0 / 18.0, -17.0 / 24.0, 11.0 / 6.0);
        let neighbours = (BOB * (1.0 - (3.0 + bob)) + CEM * (5.0 - (3.0 + cem))) / (BOB + CEM);
        near(scores_of(&*fitted, 0)[3], 3.0 + ann + neighbours);
        near(scores_of(&*fitted, 0)[4], 28.0 / 9.0 + ann);
        near(scores_of(&*fitted, 3)[0], 7.0 / 3.0);
    }

    #[test]
    fn the_reasons_are_the_neighbours() {
        let fitted = model(json!({ "variant": "basic" }));
        let items = &fitted.catalogue().items;
        let [third, fourth] = [3, 4].map(|row| items.at(row).unwrap());
        let explained = fitted.explain(&query(&*fitted, 0), &[third, fourth]).unwrap().unwrap();
        let [bob, cem] = [1, 2].map(|row| fitted.catalogue().users.at(row).unwrap());
        let term =
            |user, similarity, rating| (Cause::User { user, similarity, rating }, similarity * rating / (BOB + CEM));
        for (term, (cause, effect)) in explained[0].terms.iter().zip([term(bob, BOB, 1.0), term(cem, CEM, 5.0)]) {
            assert_eq!(term.cause, cause);
            near(term.effect, effect);
        }
        assert_eq!(explained[0].terms.len(), 2);
        assert_eq!(explained[1].terms, [part("global mean", 28.0 / 9.0)]);
    }

    #[test]
    fn a_visitor_is_compared_by_the_history() {
        let (rows, train) = three_users();
        let fitted = fit(&ENTRY, &json!({ "variant": "basic", "min_support": 2 }), &train);
        // A visitor with Ann's history has a similarity of 1 to Ann, and the same similarity to Bob as Ann has.
        near(visitor_like(&*fitted, &rows, 0)[0], (1.0 * 1.0 + BOB * 2.0) / (1.0 + BOB));
        assert_eq!(visitor_like(&*fitted, &rows, 3), scores_of(&*fitted, 3));
    }
}
