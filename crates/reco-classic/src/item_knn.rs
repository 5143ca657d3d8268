//! Item-based k-nearest-neighbour rating prediction (Sarwar et al. 2001).
//!
//! Does not know features or contexts. All pairs of items are compared when the model is made ("Item-based
//! Collaborative Filtering Recommendation Algorithms"); those that are alike are kept, 8 bytes a pair, and more pairs
//! than the machine has memory for are refused. An answer for the whole catalogue walks the lists of the asker's items
//! alone, and costs what these hold. Only the ratings are saved; the pairs are compared again on loading.
//!
//! **Invariant**: a visitor whose history is a user's rows gets that user's scores; the number of threads changes no
//! bit of a similarity or a score.

use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Candidates, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, Loaded, Progress, Query,
    Requirement, Run, Train, Weights, parallel,
};
use serde::{Deserialize, Serialize};

use crate::error::Interrupted;
use crate::neighbours::{Knn, Model, Neighbour, Neighbourhood, Ratings, Start, Sum, Variant, mean};
use crate::rating_matrix::{Asker, Entry};
use crate::terms::part;

const NAME: &str = "item-knn";

/// The approach `item-knn`: what the user gave the most similar items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemKnn(pub Knn);

impl Approach for ItemKnn {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: what the user gave the most similar items";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        self.0.check(place)
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let n_items = catalogue.n_items();
        // A row of sums for each thread beside them.
        Need::default().and("similarities of items", &[n_items, n_items], 8).and(
            "sums",
            &[parallel::threads(), n_items],
            52,
        )
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        Model::<Items>::learn(self.0, train, run)
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        Model::<Items>::load(self.0, weights, catalogue, run)
    }
}

/// The ratings, and what follows from them.
struct Items {
    ratings: Ratings,
    /// The mean of each item's ratings.
    means: Vec<f64>,
    /// For each item the others with a similarity above 0, in catalogue order.
    similarities: Vec<Vec<Entry>>,
}

/// The asker, with all that predictions need.
struct Asked<'a> {
    asker: Asker<'a>,
    bias: f64,
    /// What counts of each of their ratings.
    deviation: Vec<f32>,
}

/// A rating of the asker that counts for an item.
#[derive(Clone, Copy, Default)]
struct Own {
    /// Its position among the asker's.
    at: u32,
    /// The bits of the similarity: those of floats above 0 are in the floats' own order, and integers are selected
    /// faster.
    similarity: u32,
}

/// Memory that a thread uses again and again.
#[derive(Default)]
struct Scratch {
    /// How many of the asker's ratings could count for each item.
    n: Vec<u32>,
    /// The sums of each item, complete where no more than k could count.
    sums: Vec<Sum>,
    /// For each item where more could count, the end of its ratings in `own`.
    ends: Vec<usize>,
    own: Vec<Own>,
    selected: Vec<u32>,
}

impl Items {
    fn asked(&self, query: &Query<'_>) -> Asked<'_> {
        let (asker, bias) = self.ratings.asker(query);
        let expected = |entry: &Entry| match self.ratings.options.variant {
            Variant::Basic => 0.0,
            Variant::WithMeans => self.means[entry.index()],
            Variant::WithBaseline => self.ratings.baseline(bias, entry.index()),
        };
        let deviation = asker.rated.iter().map(|entry| (f64::from(entry.value) - expected(entry)) as f32).collect();
        Asked { asker, bias, deviation }
    }

    fn start(&self, asked: &Asked<'_>, item: usize) -> Start {
        self.ratings.start(&asked.asker, asked.bias, item, self.means[item])
    }

    /// The ratings of the asker whose items are like `item`, in the asker's order.
    fn alike<'a>(&'a self, asked: &'a Asked<'_>, item: usize) -> impl Iterator<Item = Own> + 'a {
        let list = &self.similarities[item];
        let own = |(at, entry): (u32, &Entry)| {
            let found = list.binary_search_by_key(&entry.row, |other| other.row).ok()?;
            Some(Own { at, similarity: list[found].value.to_bits() })
        };
        (0..).zip(asked.asker.rated.iter()).filter_map(own)
    }

    /// Calls `take` with the k nearest of `own`, in their order: the position among the asker's, and the similarity.
    fn nearest(&self, own: &[Own], selected: &mut Vec<u32>, mut take: impl FnMut(usize, f32)) {
        let k = self.ratings.options.k.get();
        // Of those exactly as similar as the last that counts, the first are taken until there are k.
        let (mut last, mut n_last) = (0, 0);
        if own.len() > k {
            selected.clear();
            selected.extend(own.iter().map(|own| own.similarity));
            let (nearer, at, _) = selected.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
            last = *at;
            n_last = k - nearer.iter().filter(|&&similarity| similarity > last).count();
        }
        for Own { at, similarity } in own.iter().copied() {
            if similarity > last {
                take(at as usize, f32::from_bits(similarity));
            } else if similarity == last && n_last > 0 {
                n_last -= 1;
                take(at as usize, f32::from_bits(similarity));
            }
        }
    }

    /// Fills `scratch.sums` for the whole catalogue, from the lists of the asker's items.
    fn sum_all(&self, asked: &Asked<'_>, scratch: &mut Scratch) {
        let Scratch { n, sums, ends, own, selected } = scratch;
        let (n_items, k) = (self.means.len(), self.ratings.options.k);
        let lists = || asked.asker.rated.iter().map(|entry| &self.similarities[entry.index()]);
        n.clear();
        n.resize(n_items, 0);
        lists().flatten().for_each(|entry| n[entry.index()] += 1);
        ends.clear();
        let mut end = 0;
        ends.extend(n.iter().map(|n| {
            let start = end;
            end += if *n as usize > k.get() { *n as usize } else { 0 };
            start
        }));
        own.clear();
        own.resize(end, Own::default());
        sums.clear();
        sums.resize(n_items, Sum::default());
        for ((at, list), deviation) in (0..).zip(lists()).zip(&asked.deviation) {
            for entry in list {
                let item = entry.index();
                if n[item] as usize > k.get() {
                    own[ends[item]] = Own { at, similarity: entry.value.to_bits() };
                    ends[item] += 1;
                } else {
                    sums[item].add(k, entry.value, *deviation);
                }
            }
        }
        for (item, n) in n.iter().map(|n| *n as usize).enumerate().filter(|(_, n)| *n > k.get()) {
            let own = &own[ends[item] - n..ends[item]];
            self.nearest(own, selected, |at, similarity| sums[item].add(k, similarity, asked.deviation[at]));
        }
    }
}

impl Neighbourhood for Items {
    const NAME: &'static str = NAME;
    type Scratch = Scratch;

    fn new(ratings: Ratings, progress: &dyn Progress) -> Result<Self, Interrupted> {
        let Ratings { options, stars, .. } = &ratings;
        let means = stars.by_item.iter().map(|(_, list)| mean(list)).collect();
        let n_items = stars.by_item.len();
        let mut similarities = vec![Vec::new(); n_items];
        let residuals = ratings.compared_by().map(|biases| {
            let left = |user: usize, item: usize, entry: Entry| {
                f64::from(entry.value) - biases.expected(biases.users[user], item)
            };
            let by_user = stars.by_user.map(|user, entry| left(user, entry.index(), entry));
            (stars.by_item.map(|item, entry| left(entry.index(), item, entry)), by_user)
        });
        let (by_item, by_user) = residuals.as_ref().map_or((&stars.by_item, &stars.by_user), |(a, b)| (a, b));
        parallel::each(
            similarities.iter_mut().enumerate().collect(),
            || vec![0.0; n_items],
            |row, (item, alike)| {
                if !progress.interrupted() {
                    options.measure().row(by_item.of(item), by_user, row);
                    row[item] = 0.0;
                    let entries = (0..).zip(row.iter()).filter(|(_, similarity)| **similarity > 0.0);
                    alike.reserve_exact(entries.clone().count());
                    alike.extend(entries.map(|(row, value)| Entry { row, value: *value }));
                }
            },
        );
        Interrupted::ask(progress)?;
        Ok(Self { means, similarities, ratings })
    }

    fn ratings(&self) -> &Ratings {
        &self.ratings
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let asked = self.asked(query);
        match query.candidates {
            Candidates::AllExcept(_) => self.sum_all(&asked, scratch),
            Candidates::These(items) => {
                scratch.sums.resize(self.means.len(), Sum::default());
                for item in items.iter().map(|item| item.index()) {
                    scratch.own.clear();
                    scratch.own.extend(self.alike(&asked, item));
                    let mut sum = Sum::default();
                    self.nearest(&scratch.own, &mut scratch.selected, |at, similarity| {
                        sum.add(self.ratings.options.k, similarity, asked.deviation[at]);
                    });
                    scratch.sums[item] = sum;
                }
            }
        }
        query.candidates.write(scores, |item| self.ratings.score(&scratch.sums[item], self.start(&asked, item)));
    }

    fn reasons(&self, query: &Query<'_>, items: &[ItemIdx]) -> Vec<Explanation> {
        let asked = self.asked(query);
        let neighbour = |at: usize, similarity| {
            let Entry { value: rating, .. } = asked.asker.rated[at];
            let item = self.ratings.catalogue.items.at(asked.asker.rated[at].index());
            let item = item.expect("ratings name rows of the catalogue");
            Neighbour {
                similarity,
                deviation: asked.deviation[at],
                cause: Cause::Item { item, similarity, rating: Some(rating) },
            }
        };
        let explain = |item: &ItemIdx| {
            let mut neighbours = Vec::new();
            let own: Vec<Own> = self.alike(&asked, item.index()).collect();
            self.nearest(&own, &mut Vec::new(), |at, similarity| neighbours.push(neighbour(at, similarity)));
            let (start, mean) = (self.start(&asked, item.index()), part("item mean", self.means[item.index()]));
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

    const ENTRY: ApproachEntry = ApproachEntry::of::<ItemKnn>();

    fn ann(options: Value) -> Vec<f32> {
        scores_of(&*fit(&ENTRY, &options, &three_users().1), 0)
    }

    fn near(found: f32, expected: f32) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn own_stars_of_similar_items_by_hand() {
        // Item 3 is like items 0, 1 and 2 by 1/2, 1/5 and 1/10: Bob and Cem rated it one star from item 0, Bob two from
        // item 1 and three from item 2. Ann gave them 1, 3 and 5 stars.
        near(ann(json!({ "variant": "basic" }))[3], (0.5 * 1.0 + 0.2 * 3.0 + 0.1 * 5.0) / 0.8);
        near(ann(json!({ "variant": "basic", "k": 2 }))[3], (0.5 * 1.0 + 0.2 * 3.0) / 0.7);
        near(ann(json!({ "variant": "basic", "k": 1000 }))[3], 2.0);
        near(ann(json!({ "variant": "basic", "min_k": 4 }))[3], 28.0 / 9.0);
        near(ann(json!({ "variant": "basic" }))[4], 28.0 / 9.0);
        // Items' means are 7/3, 3, 9/2 and 3.
        near(ann(json!({ "variant": "with-means" }))[3], 3.0 + (0.5 * (1.0 - 7.0 / 3.0) + 0.1 * 0.5) / 0.8);
        near(ann(json!({ "variant": "with-means" }))[4], 28.0 / 9.0);
        near(ann(json!({ "variant": "with-means", "min_k": 4 }))[3], 3.0);
    }

    #[test]
    fn of_items_as_alike_the_first_count() {
        // Everybody gave every item three stars but item 3: all are alike, and Ann's first two are items 0 and 1.
        let rows: Vec<_> = (0..2).flat_map(|user| (0..4).map(move |item| (user, item, 3.0))).collect();
        let own = [(2, 0, 1.0), (2, 1, 2.0), (2, 2, 5.0)];
        let mut rows = rows;
        rows.extend(own);
        let train = crate::rating_matrix::tests::train(3, 4, &rows);
        let fitted = fit(&ENTRY, &json!({ "variant": "basic", "k": 2 }), &train);
        near(scores_of(&*fitted, 2)[3], 1.5);
    }

    #[test]
    fn the_reasons_are_ones_own_ratings() {
        let fitted = fit(&ENTRY, &json!({ "variant": "with-means" }), &three_users().1);
        let items: Vec<ItemIdx> = fitted.catalogue().items.indices().collect();
        let explained = fitted.explain(&query(&*fitted, 0), &items[3..]).unwrap().unwrap();
        let causes: Vec<&Cause> = explained[0].terms.iter().map(|term| &term.cause).collect();
        let own = |row: usize, similarity, rating| Cause::Item { item: items[row], similarity, rating: Some(rating) };
        let mean = Cause::Part { name: "item mean".to_owned() };
        assert_eq!(causes, [&mean, &own(0, 0.5, 1.0), &own(1, 0.2, 3.0), &own(2, 0.1, 5.0)]);
        near(explained[0].terms[1].effect, 0.5 * (1.0 - 7.0 / 3.0) / 0.8);
        assert_eq!(explained[1].terms, [part("global mean", 28.0 / 9.0)]);
    }

    #[test]
    fn a_visitor_with_a_users_history_is_answered_as_that_user() {
        let (rows, train) = three_users();
        for variant in ["basic", "with-means", "with-baseline"] {
            let options = json!({ "variant": variant, "similarity": "pearson-baseline", "k": 2 });
            let fitted = fit(&ENTRY, &options, &train);
            for user in 0..4 {
                assert_eq!(visitor_like(&*fitted, &rows, user), scores_of(&*fitted, user), "{variant} {user}");
            }
        }
    }

    #[test]
    fn a_million_items_need_the_square_of_that() {
        let of = |n_items| ItemKnn(Knn::default()).memory(&reco_core::testing::catalogue(1, n_items));
        let least = of(10_000).bytes();
        assert!((800_000_000..810_000_000).contains(&least), "{least}");
        let error = of(1_000_000).check(NAME, 24 << 30).unwrap_err().to_string();
        assert!(error.starts_with("`item-knn` needs about 7450."), "{error}");
        assert!(error.contains("similarities of items 1,000,000 × 1,000,000 × 8 bytes"), "{error}");
    }
}
