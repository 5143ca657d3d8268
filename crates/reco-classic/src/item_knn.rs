//! Item-based k-nearest-neighbour rating prediction (Sarwar et al. 2001).
//!
//! Does not know features or contexts. All pairs of items are compared when the model is made ("Item-based
//! Collaborative Filtering Recommendation Algorithms"); those that are alike are kept, 8 bytes a pair, and more pairs
//! than the machine has memory for are refused. An answer for the whole catalogue walks the lists of the asker's items
//! alone, a stretch of the catalogue at a time, and costs little more than what these hold. Only the ratings are saved;
//! the pairs are compared again on loading.
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

/// The asker's ratings for one stretch of the catalogue that stay in a core's cache: 256 KiB of them.
const STRETCH_RATINGS: usize = 1 << 15;
/// The most items of a stretch. Each takes ratings at a place of its own, and so many places stay in the fastest cache.
const MOST_ITEMS: usize = 256;
/// The fewest, however many ratings they take: lists are looked up once for a stretch.
const FEWEST_ITEMS: usize = 16;

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
        // For each thread a row of sums beside them, and a stretch of the catalogue for someone who rated all of it.
        let need = Need::default().and("similarities of items", &[n_items, n_items], 8);
        need.and("sums", &[parallel::threads(), n_items], 48 + 8 * FEWEST_ITEMS)
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
    sums: Vec<Sum>,
    /// For each of the asker's items, how much of its list is done.
    done: Vec<usize>,
    /// For each item of a stretch, the end of the ratings in `own` that could count.
    ends: Vec<usize>,
    /// `[n_items][n_rated]` of a stretch: these ratings, in the asker's order.
    own: Vec<Own>,
    nearest: Nearest,
}

/// Memory that [`Nearest::of`] uses again and again.
#[derive(Default)]
struct Nearest {
    similarities: Vec<u32>,
    chosen: Vec<Own>,
}

impl Nearest {
    /// The k nearest of `own`, in their order; of those exactly as similar as the last that counts, the first.
    fn of<'a>(&'a mut self, own: &'a [Own], k: usize) -> &'a [Own] {
        if own.len() <= k {
            return own;
        }
        self.similarities.clear();
        self.similarities.extend(own.iter().map(|own| own.similarity));
        let (last, mut n_last) = kth(&self.similarities, k);
        if self.chosen.len() <= k {
            self.chosen.resize(k + 1, Own::default());
        }
        // Written always and kept if it counts: the CPU has no branch to foresee.
        let mut n = 0_usize;
        for own in own {
            self.chosen[n] = *own;
            let is_last = (own.similarity == last) & (n_last > 0);
            n_last = n_last.wrapping_sub(usize::from(is_last));
            n = n.wrapping_add(usize::from((own.similarity > last) | is_last));
        }
        &self.chosen[..n]
    }
}

/// A number, and how many of exactly that size count: the k largest of `numbers`, of which there are more than k, are
/// all that are larger, and so many of that size.
fn kth(numbers: &[u32], k: usize) -> (u32, usize) {
    // Counting all of a few hundred is faster than moving half of them. So a number that k of them reach is looked for
    // between one that more reach and one that fewer do, in the manner of the regula falsi.
    let (least, most) = numbers.iter().fold((u32::MAX, 0), |(least, most), n| (least.min(*n), most.max(*n)));
    let (mut low, mut high) = (u64::from(least), u64::from(most) + 1);
    let (mut n_low, mut n_high) = (numbers.len(), 0);
    let mut round = 0_u32;
    while high - low > 1 {
        let share = if round % 3 == 2 { (1, 2) } else { ((n_low - k) as u64, (n_low - n_high) as u64) };
        let middle = (low + (high - low) * share.0 / share.1).clamp(low + 1, high - 1);
        let bound = middle as u32;
        let n = numbers.iter().fold(0_u32, |n, number| n.wrapping_add(u32::from(*number >= bound))) as usize;
        if n == k {
            // Those that are larger than the number before are those that reach it.
            return (bound - 1, 0);
        }
        // Where many are alike, bounds that are among the numbers meet soon.
        let is_late = round >= ROUNDS_OF_UNLIKE;
        if n > k {
            let reaching = |least: u32, number: &u32| least.min(if *number >= bound { *number } else { u32::MAX });
            (low, n_low) = (if is_late { numbers.iter().fold(u32::MAX, reaching).into() } else { middle }, n);
        } else {
            let below = |most: u32, number: &u32| most.max(if *number < bound { *number } else { 0 });
            (high, n_high) = (if is_late { u64::from(numbers.iter().fold(0, below)) + 1 } else { middle }, n);
        }
        round += 1;
    }
    (low as u32, k - n_high)
}

/// After so many rounds most numbers that are not alike are told apart.
const ROUNDS_OF_UNLIKE: u32 = 3;

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

    /// Fills `scratch.sums` for the whole catalogue, from the lists of the asker's items.
    fn sum_all(&self, asked: &Asked<'_>, scratch: &mut Scratch) {
        let Scratch { sums, done, ends, own, nearest } = scratch;
        let (n_items, n_rated) = (self.means.len(), asked.asker.rated.len());
        let n_stretch = (STRETCH_RATINGS / n_rated.max(1)).clamp(FEWEST_ITEMS, MOST_ITEMS);
        sums.clear();
        sums.resize(n_items, Sum::default());
        done.clear();
        done.resize(n_rated, 0);
        if own.len() < n_stretch * n_rated {
            own.resize(n_stretch * n_rated, Own::default());
        }
        for (stretch, sums) in sums.chunks_mut(n_stretch).enumerate() {
            let first = stretch * n_stretch;
            let starts = (0..sums.len()).map(|item| item * n_rated);
            ends.clear();
            ends.extend(starts.clone());
            for ((at, entry), done) in (0..).zip(asked.asker.rated.iter()).zip(done.iter_mut()) {
                let list = &self.similarities[entry.index()][*done..];
                let mut n = 0_usize;
                for entry in list {
                    let Some(end) = ends.get_mut(entry.index().wrapping_sub(first)) else { break };
                    own[*end] = Own { at, similarity: entry.value.to_bits() };
                    *end = end.wrapping_add(1);
                    n = n.wrapping_add(1);
                }
                *done += n;
            }
            for ((sum, start), end) in sums.iter_mut().zip(starts).zip(&*ends) {
                *sum = self.sum(asked, nearest.of(&own[start..*end], self.k()));
            }
        }
    }

    fn k(&self) -> usize {
        self.ratings.options.k.get()
    }

    /// The sum of the ratings that count.
    fn sum(&self, asked: &Asked<'_>, nearest: &[Own]) -> Sum {
        let mut sum = Sum::default();
        for Own { at, similarity } in nearest {
            sum.add(self.ratings.options.k, f32::from_bits(*similarity), asked.deviation[*at as usize]);
        }
        sum
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
                    scratch.sums[item] = self.sum(&asked, scratch.nearest.of(&scratch.own, self.k()));
                }
            }
        }
        query.candidates.write(scores, |item| self.ratings.score(&scratch.sums[item], self.start(&asked, item)));
    }

    fn reasons(&self, query: &Query<'_>, items: &[ItemIdx]) -> Vec<Explanation> {
        let asked = self.asked(query);
        let neighbour = |own: &Own| {
            let (at, similarity) = (own.at as usize, f32::from_bits(own.similarity));
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
            let own: Vec<Own> = self.alike(&asked, item.index()).collect();
            let neighbours = Nearest::default().of(&own, self.k()).iter().map(neighbour).collect();
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
    fn the_nearest_are_the_first_of_the_sorted() {
        let mut nearest = Nearest::default();
        // Of few different numbers, of many, and of numbers far apart.
        for (round, different) in (0..400).zip([1_u64, 2, 5, 40, 1 << 20].into_iter().cycle()) {
            let drawn = |at: u64| (reco_core::testing::chance(1_000 * round + at) * different as f64).floor() as f32;
            let similarity = |at: u64| if round % 7 == 0 { drawn(at).exp2() } else { 1.0 / (1.0 + drawn(at)) };
            let n = 1 + (round as usize * 37) % 300;
            let own: Vec<Own> =
                (0..n as u32).map(|at| Own { at, similarity: similarity(at.into()).to_bits() }).collect();
            for k in [1, 2, 40, 299] {
                let mut sorted = own.clone();
                sorted.sort_by_key(|own| std::cmp::Reverse(own.similarity));
                sorted.truncate(k);
                sorted.sort_by_key(|own| own.at);
                let places = |own: &[Own]| own.iter().map(|own| own.at).collect::<Vec<_>>();
                assert_eq!(places(nearest.of(&own, k)), places(&sorted), "{n} of {different} numbers, k {k}");
            }
        }
    }

    #[test]
    fn a_catalogue_of_many_stretches_is_scored_as_item_by_item() {
        let drawn = (0..9_000_u64).map(|at| [0, 1, 2].map(|seed| reco_core::testing::chance(3 * at + seed)));
        let stars: std::collections::BTreeMap<_, _> = drawn
            .map(|[user, item, stars]| {
                (((user * 60.0) as usize, (item * item * 700.0) as usize), 1 + (stars * 5.0) as u8)
            })
            .collect();
        let rows: Vec<_> = stars.iter().map(|((user, item), stars)| (*user, *item, f32::from(*stars))).collect();
        let train = crate::rating_matrix::tests::train(60, 700, &rows);
        let fitted = fit(&ENTRY, &json!({ "k": 7 }), &train);
        let items: Vec<ItemIdx> = fitted.catalogue().items.indices().collect();
        for user in [0, 7, 59] {
            let mut named = reco_core::Scores::new();
            let asked = Query { candidates: Candidates::These(&items), ..query(&*fitted, user) };
            fitted.score(&[asked], &mut named).unwrap();
            assert_eq!(named.row(0), scores_of(&*fitted, user));
        }
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
        let for_threads = parallel::threads() * 10_000 * (48 + 8 * FEWEST_ITEMS);
        assert_eq!(of(10_000).bytes(), 800_000_000 + for_threads as u128);
        let error = of(1_000_000).check(NAME, 24 << 30).unwrap_err().to_string();
        let gib = of(1_000_000).bytes() as f64 / f64::from(1 << 30);
        assert!(error.starts_with(&format!("`item-knn` needs about {gib:.1} GiB: ")), "{error}");
        assert!(error.contains("similarities of items 1,000,000 × 1,000,000 × 8 bytes"), "{error}");
    }
}
