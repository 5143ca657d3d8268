//! Similarity of two users or two items: mean squared difference, cosine and Pearson.
//!
//! Does not know whether it compares users or items: it compares one list of ratings with all others, over the ratings
//! in common. The measures are those of Surprise (Hug 2020,
//! <https://surprise.readthedocs.io/en/stable/similarities.html>).
//!
//! **Invariant**: the similarity of two lists is the same to the bit from either side, and 0 where fewer than
//! `min_support` ratings are in common or a measure is not defined.

use serde::{Deserialize, Serialize};

use crate::rating_matrix::{Entry, RatingMatrix};

/// A measure of how alike two lists of ratings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// 1 / (1 + mean squared difference).
    Msd,
    /// The cosine of the angle between the common ratings.
    Cosine,
    /// Pearson's correlation of the common ratings.
    Pearson,
    /// The cosine of what the baselines leave of the common ratings, shrunk by (n - 1) / (n - 1 + shrinkage) for n in
    /// common (Koren 2010, "Factor in the Neighbors", equation 2).
    PearsonBaseline,
}

/// A measure with its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) similarity: Similarity,
    pub(crate) min_support: usize,
    pub(crate) shrinkage: f64,
}

impl Measure {
    /// Writes into `out` the similarity of `own` to every list on its own side, users' or items'. `raters` has for each
    /// row in `own` the list of all who rated it. Both hold what the measure compares: stars, or what baselines leave.
    pub(crate) fn row(&self, own: &[Entry], raters: &RatingMatrix, out: &mut [f32]) {
        let min_support = self.min_support.max(1) as f64;
        match self.similarity {
            Similarity::Msd => row::<Differences>(own, raters, min_support, out, |sums| sums.similarity()),
            Similarity::Cosine => row::<Products>(own, raters, min_support, out, |sums| sums.cosine()),
            Similarity::Pearson => row::<Moments>(own, raters, min_support, out, |sums| sums.correlation()),
            Similarity::PearsonBaseline => row::<Products>(own, raters, min_support.max(2.0), out, |sums| {
                sums.cosine() * (sums.n - 1.0) / (sums.n - 1.0 + self.shrinkage)
            }),
        }
    }
}

/// Sums over the ratings that two lists have in common.
trait Sums: Clone + Default {
    fn add(&mut self, own: f64, other: f64);
    fn n(&self) -> f64;
}

/// Takes a few multiply-adds for each pair of ratings of one item. Only the sums of the other list are looked up, and
/// they stay in the cache.
fn row<S: Sums>(
    own: &[Entry],
    raters: &RatingMatrix,
    min_support: f64,
    out: &mut [f32],
    similarity: impl Fn(&S) -> f64,
) {
    let mut sums = vec![S::default(); out.len()];
    for entry in own {
        let value = f64::from(entry.value);
        for other in raters.of(entry.index()) {
            sums[other.index()].add(value, f64::from(other.value));
        }
    }
    for (out, sums) in out.iter_mut().zip(&sums) {
        let value = if sums.n() < min_support { 0.0 } else { similarity(sums) as f32 };
        *out = if value.is_finite() { value } else { 0.0 };
    }
}

#[derive(Clone, Default)]
struct Differences {
    n: f64,
    squares: f64,
}

impl Sums for Differences {
    fn add(&mut self, own: f64, other: f64) {
        let difference = own - other;
        self.n += 1.0;
        self.squares += difference * difference;
    }

    fn n(&self) -> f64 {
        self.n
    }
}

impl Differences {
    fn similarity(&self) -> f64 {
        1.0 / (self.squares / self.n + 1.0)
    }
}

#[derive(Clone, Default)]
struct Products {
    n: f64,
    product: f64,
    own_square: f64,
    other_square: f64,
}

impl Sums for Products {
    fn add(&mut self, own: f64, other: f64) {
        self.n += 1.0;
        self.product += own * other;
        self.own_square += own * own;
        self.other_square += other * other;
    }

    fn n(&self) -> f64 {
        self.n
    }
}

impl Products {
    fn cosine(&self) -> f64 {
        self.product / (self.own_square * self.other_square).sqrt()
    }
}

#[derive(Clone, Default)]
struct Moments {
    products: Products,
    own: f64,
    other: f64,
}

impl Sums for Moments {
    fn add(&mut self, own: f64, other: f64) {
        self.products.add(own, other);
        self.own += own;
        self.other += other;
    }

    fn n(&self) -> f64 {
        self.products.n
    }
}

impl Moments {
    fn correlation(&self) -> f64 {
        let Products { n, product, own_square, other_square } = self.products;
        let spread = (n * own_square - self.own * self.own) * (n * other_square - self.other * self.other);
        (n * product - self.own * self.other) / spread.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::Stars;
    use crate::rating_matrix::tests::train;

    /// Ann gave items 0, 1, 2 the stars 1, 3, 5; Bob gave them 2, 3, 4 and item 3 one star; Cem gave item 0 four stars.
    fn stars() -> Stars {
        let rows =
            [(0, 0, 1.0), (0, 1, 3.0), (0, 2, 5.0), (1, 0, 2.0), (1, 1, 3.0), (1, 2, 4.0), (1, 3, 1.0), (2, 0, 4.0)];
        Stars::new(&train(3, 4, &rows), "x").unwrap()
    }

    fn measure(similarity: Similarity, min_support: usize) -> Measure {
        Measure { similarity, min_support, shrinkage: 100.0 }
    }

    fn of_ann(measure: Measure) -> [f32; 3] {
        let stars = stars();
        let mut out = [9.0; 3];
        measure.row(stars.by_user.of(0), &stars.by_item, &mut out);
        out
    }

    #[test]
    fn mean_squared_differences_by_hand() {
        // Ann and Bob differ by 1, 0, 1: 1 / (2/3 + 1) = 3/5. Ann and Cem differ by 3 in one item: 1 / (9 + 1).
        assert_eq!(of_ann(measure(Similarity::Msd, 1)), [1.0, 0.6, 0.1]);
        assert_eq!(of_ann(measure(Similarity::Msd, 2)), [1.0, 0.6, 0.0]);
    }

    #[test]
    fn cosines_by_hand() {
        // (1·2 + 3·3 + 5·4) / √((1 + 9 + 25) (4 + 9 + 16)); of one common rating always 1.
        let [own, bob, cem] = of_ann(measure(Similarity::Cosine, 1));
        assert_eq!((own, cem), (1.0, 1.0));
        assert!((bob - 31.0 / (35.0_f32 * 29.0).sqrt()).abs() < 1e-7, "{bob}");
    }

    #[test]
    fn correlations_by_hand() {
        // Bob's stars rise with Ann's on a line. One common rating has no spread.
        assert_eq!(of_ann(measure(Similarity::Pearson, 1)), [1.0, 1.0, 0.0]);
    }

    #[test]
    fn correlations_of_what_baselines_leave_by_hand() {
        // As if every baseline were 3: Ann leaves -2, 0, 2 and Bob -1, 0, 1, in line; three in common: 2 / (2 + 100).
        let stars = stars();
        let residual = |_, entry: Entry| f64::from(entry.value) - 3.0;
        let (by_user, by_item) = (stars.by_user.map(residual), stars.by_item.map(residual));
        let mut out = [9.0; 3];
        measure(Similarity::PearsonBaseline, 1).row(by_user.of(0), &by_item, &mut out);
        assert_eq!(out, [(2.0_f64 / 102.0) as f32, (2.0_f64 / 102.0) as f32, 0.0], "one in common is not enough");
    }

    #[test]
    fn either_side_gives_the_same_bits() {
        let rows: Vec<_> = (0..40).flat_map(|user| (0..30).map(move |item| (user, item))).collect();
        let draw = |user: usize, item: usize| (user * 7919 + item * 104_729 + user * item * 31) % 11;
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|&(user, item)| draw(user, item) < 6)
            .map(|(user, item)| (user, item, 1.0 + 0.7 * draw(item, user).min(5) as f32))
            .collect();
        let stars = Stars::new(&train(40, 30, &rows), "x").unwrap();
        for similarity in [Similarity::Msd, Similarity::Cosine, Similarity::Pearson, Similarity::PearsonBaseline] {
            let row = |user| {
                let mut out = vec![0.0; 40];
                measure(similarity, 1).row(stars.by_user.of(user), &stars.by_item, &mut out);
                out
            };
            let all: Vec<Vec<f32>> = (0..40).map(row).collect();
            assert!(all.iter().flatten().any(|value| *value != 0.0));
            for (a, b) in (0..40).flat_map(|a| (0..40).map(move |b| (a, b))) {
                assert_eq!(all[a][b].to_bits(), all[b][a].to_bits(), "{similarity:?} of {a} and {b}");
            }
        }
    }
}
