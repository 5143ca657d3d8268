//! Neighbours for lists: what was met beside what the asker met, or by whom the asker resembles.
//!
//! Two rows, of items or of users, are alike by the columns that both have: users who met both items, items that both
//! users met. By items (Deshpande and Karypis 2004, "Item-based top-N recommendation algorithms"), a score is the sum
//! of the similarities of the asker's items that are among the `k` nearest of the item scored. By users (Sarwar et al.
//! 2000, "Analysis of recommendation algorithms for e-commerce"), it is the sum of the similarities of those of the
//! asker's `k` nearest users who met the item. A fit by items costs an addition for each pair of one user's items, and
//! keeps `k` pairs of each item; an answer walks the lists of the asker's items alone. By users there is nothing to
//! fit; an answer walks those who met the asker's items, then what the nearest of them met. Only what users met is
//! saved; items are compared again on loading. Does not know stars, features, times or contexts.
//!
//! **Invariant**: ties are in the order of the catalogue; the number of threads changes no bit; by items, a visitor
//! with a user's history gets that user's scores, to the bit.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, LoadError, Progress, Query, Recommender, Run,
    ScoreError, Scores, Seen, Term, Train, Weights, Who, parallel,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::error::Interrupted;
use crate::terms::part;

const NAME: &str = "implicit-knn";

/// The approach `implicit-knn`: neighbours by what was met, for lists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImplicitKnn {
    /// Whose neighbours count.
    pub side: Side,
    /// What a common column counts, and how rows of different lengths are compared.
    pub weighting: Weighting,
    /// How many neighbours each item, or the asker, has at most.
    pub k: NonZeroUsize,
    /// A similarity from n common columns counts n / (n + `shrinkage`).
    pub shrinkage: f64,
    /// How slowly BM25 saturates; read by `bm25` alone.
    pub k1: f64,
    /// How much a long row is held back, from 0 to 1; read by `bm25` alone.
    pub b: f64,
}

/// Whose neighbours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The nearest items of each item.
    Items,
    /// The nearest users of the asker.
    Users,
}

/// How two rows are compared by the columns that both have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// The cosine: every column counts 1.
    Cosine,
    /// The cosine where a column that n of N rows have counts ln(1 + N / n) in each row (Salton and Buckley 1988,
    /// "Term-weighting approaches in automatic text retrieval").
    TfIdf,
    /// A product with the columns of `tf-idf`, where a row of length l, of the mean length m, counts
    /// (`k1` + 1) / (`k1` · (1 - `b` + `b` · l / m) + 1) (Robertson and Zaragoza 2009, "The Probabilistic Relevance
    /// Framework", equation 3.15).
    Bm25,
}

impl Default for ImplicitKnn {
    fn default() -> Self {
        let k = NonZeroUsize::new(100).expect("it is not 0");
        Self { side: Side::Items, weighting: Weighting::TfIdf, k, shrinkage: 4.0, k1: 1.2, b: 0.75 }
    }
}

impl Approach for ImplicitKnn {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "lists: what was met beside what you met, or by people like you (neighbours)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let Self { shrinkage, k1, b, .. } = *self;
        for (key, value) in [("shrinkage", shrinkage), ("k1", k1), ("b", b)] {
            not_negative(place, key, value)?;
        }
        if b > 1.0 {
            let reason = format!("`b` is `{b}`\nhint: it is a share, at most 1");
            return Err(OptionsError::Value { place: place.to_owned(), reason });
        }
        Ok(())
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let n_items = catalogue.n_items();
        let need = match self.side {
            // Those of an item, and those that an item is among.
            Side::Items => {
                Need::default().and("neighbours of items", &[2, n_items, self.k.get().min(n_items)], 8).lowered_by("k")
            }
            Side::Users => Need::default(),
        };
        need.and("sums", &[parallel::threads(), n_items.max(catalogue.n_users())], 16)
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let met = Seen::by_user(train.catalogue.n_users(), [&train.fit]);
        run.progress.begin(NAME, 1, 1);
        let model = Model::new(*self, met, &train.catalogue, run.progress)?;
        run.progress.end();
        Ok(Box::new(model))
    }

    fn load(
        &self,
        weights: &mut Weights,
        catalogue: &Arc<Catalogue>,
        run: &Run<'_>,
    ) -> Result<Box<dyn Fitted>, LoadError> {
        let met = Seen::load(weights, catalogue)?;
        Ok(Box::new(Model::new(*self, met, catalogue, run.progress)?))
    }
}

/// A similarity and the row that has it.
type Neighbour = (f32, u32);

/// The rows that are compared, and what a comparison needs.
struct Compared {
    options: ImplicitKnn,
    /// The columns of each row, ascending.
    columns: Vec<Vec<u32>>,
    /// The rows of each column, ascending.
    rows: Vec<Vec<u32>>,
    /// What a column counts where two rows have it.
    weights: Vec<f64>,
    mean_length: f64,
    /// What the length of each row makes of a similarity.
    scales: Vec<f64>,
}

/// What two rows have in common.
#[derive(Clone, Copy, Default)]
struct Common {
    n: u32,
    weight: f64,
}

/// Memory that a thread uses again and again: all zeros and empty between two uses.
struct Scratch {
    common: Vec<Common>,
    touched: Vec<u32>,
    sums: Vec<f32>,
}

impl Compared {
    fn new(options: ImplicitKnn, columns: Vec<Vec<u32>>, rows: Vec<Vec<u32>>) -> Self {
        let count = |row: &Vec<u32>| match options.weighting {
            Weighting::Cosine => 1.0,
            Weighting::TfIdf | Weighting::Bm25 => {
                let counted = libm::log1p(columns.len() as f64 / row.len().max(1) as f64);
                counted * counted
            }
        };
        let weights = rows.iter().map(count).collect();
        let lengths = columns.iter().map(Vec::len).filter(|length| *length > 0);
        let (sum, n) = lengths.fold((0, 0_usize), |(sum, n), length| (sum + length, n + 1));
        let mean_length = sum as f64 / n.max(1) as f64;
        let mut compared = Self { options, columns, rows, weights, mean_length, scales: Vec::new() };
        compared.scales = compared.columns.iter().map(|own| compared.scale(own)).collect();
        compared
    }

    /// What the length of a row with the columns `own` makes of a similarity.
    fn scale(&self, own: &[u32]) -> f64 {
        let ImplicitKnn { weighting, k1, b, .. } = self.options;
        match weighting {
            Weighting::Cosine | Weighting::TfIdf => {
                1.0 / own.iter().map(|column| self.weights[*column as usize]).sum::<f64>().sqrt()
            }
            Weighting::Bm25 => {
                let length = b.mul_add(own.len() as f64 / self.mean_length, 1.0 - b);
                (k1 + 1.0) / k1.mul_add(length, 1.0)
            }
        }
    }

    /// The nearest of the other rows, the nearest first, equal ones in the order of the catalogue.
    fn nearest(&self, own: &[u32], except: Option<u32>, scratch: &mut Scratch) -> Vec<Neighbour> {
        let Scratch { common, touched, .. } = scratch;
        for column in own {
            let weight = self.weights[*column as usize];
            for row in &self.rows[*column as usize] {
                let common = &mut common[*row as usize];
                if common.n == 0 {
                    touched.push(*row);
                }
                common.n += 1;
                common.weight += weight;
            }
        }
        let scale = self.scale(own);
        let neighbour = |row: u32| {
            let Common { n, weight } = std::mem::take(&mut common[row as usize]);
            let shrunk = f64::from(n) / (f64::from(n) + self.options.shrinkage);
            ((weight * (scale * self.scales[row as usize]) * shrunk) as f32, row)
        };
        let neighbours = touched.drain(..).map(neighbour);
        let mut nearest: Vec<Neighbour> =
            neighbours.filter(|(alike, row)| *alike > 0.0 && Some(*row) != except).collect();
        let order = |a: &Neighbour, b: &Neighbour| -> Ordering { b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)) };
        let k = self.options.k.get();
        if nearest.len() > k {
            nearest.select_nth_unstable_by(k, order);
            nearest.truncate(k);
        }
        nearest.sort_unstable_by(order);
        nearest
    }
}

/// What answers.
enum Kept {
    /// For each item those that it is among the nearest of, ascending, with their similarities.
    Items(Vec<Vec<(u32, f32)>>),
    Users(Compared),
}

struct Model {
    kept: Kept,
    /// What each user met in training.
    met: Vec<Seen>,
    catalogue: Arc<Catalogue>,
}

impl Model {
    fn new(
        options: ImplicitKnn,
        met: Vec<Seen>,
        catalogue: &Arc<Catalogue>,
        progress: &dyn Progress,
    ) -> Result<Self, Interrupted> {
        let n_items = catalogue.n_items();
        let (items_of, users_of) = (met.iter().map(numbers).collect(), Seen::by_item(&met, n_items));
        let kept = match options.side {
            Side::Users => Kept::Users(Compared::new(options, items_of, users_of)),
            Side::Items => {
                let compared = Compared::new(options, users_of, items_of);
                let mut nearest = vec![Vec::new(); n_items];
                parallel::each(
                    (0..).zip(&compared.columns).zip(&mut nearest).collect(),
                    || Scratch::new(n_items, 0),
                    |scratch, ((item, users), nearest)| {
                        if !progress.interrupted() {
                            *nearest = compared.nearest(users, Some(item), scratch);
                        }
                    },
                );
                Interrupted::ask(progress)?;
                let mut lists = vec![Vec::new(); n_items];
                for (item, nearest) in (0..).zip(nearest) {
                    nearest.iter().for_each(|(alike, other)| lists[*other as usize].push((item, *alike)));
                }
                Kept::Items(lists)
            }
        };
        Ok(Self { kept, met, catalogue: Arc::clone(catalogue) })
    }

    fn scratch(&self) -> Scratch {
        let n_users = if matches!(self.kept, Kept::Users(_)) { self.met.len() } else { 0 };
        Scratch::new(n_users, self.catalogue.n_items())
    }

    /// What the asker met, and who of the catalogue they are.
    fn asker(&self, who: &Who<'_>) -> (Cow<'_, Seen>, Option<u32>) {
        let user = if let Who::Known(user) = who { Some(user.get()) } else { None };
        (Seen::of_asker(&self.met, who), user)
    }

    /// Adds up the score of every item in the sums of `scratch`.
    fn add(&self, who: &Who<'_>, scratch: &mut Scratch) {
        scratch.sums.fill(0.0);
        let (history, user) = self.asker(who);
        match &self.kept {
            Kept::Items(lists) => {
                for item in history.items() {
                    lists[item.index()].iter().for_each(|(other, alike)| scratch.sums[*other as usize] += alike);
                }
            }
            Kept::Users(compared) => {
                for (alike, other) in compared.nearest(&numbers(&history), user, scratch) {
                    compared.columns[other as usize].iter().for_each(|item| scratch.sums[*item as usize] += alike);
                }
            }
        }
    }
}

fn numbers(met: &Seen) -> Vec<u32> {
    met.items().iter().map(|item| item.get()).collect()
}

impl Scratch {
    fn new(n_rows: usize, n_items: usize) -> Self {
        Self { common: vec![Common::default(); n_rows], touched: Vec::new(), sums: vec![0.0; n_items] }
    }
}

impl Recommender for Model {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        parallel::each(
            queries.iter().zip(out.rows_mut()).collect(),
            || self.scratch(),
            |scratch, (query, scores)| {
                self.add(&query.who, scratch);
                query.candidates.write(scores, |item| scratch.sums[item]);
            },
        );
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let mut scratch = self.scratch();
        self.add(&query.who, &mut scratch);
        let (history, user) = self.asker(&query.who);
        let nearest = match &self.kept {
            Kept::Items(_) => Vec::new(),
            Kept::Users(compared) => compared.nearest(&numbers(&history), user, &mut scratch),
        };
        let explain = |item: &ItemIdx| {
            let score = scratch.sums[item.index()];
            let terms = match &self.kept {
                Kept::Items(lists) => {
                    let term = |own: &ItemIdx| {
                        let list = &lists[own.index()];
                        let at = list.binary_search_by_key(&item.get(), |(other, _)| *other).ok()?;
                        let similarity = list[at].1;
                        Some(Term { cause: Cause::Item { item: *own, similarity, rating: None }, effect: similarity })
                    };
                    let terms: Vec<Term> = history.items().iter().filter_map(term).collect();
                    if terms.is_empty() { vec![part("nothing that you met is near it", 0.0)] } else { terms }
                }
                Kept::Users(_) => {
                    let n = nearest.iter().filter(|(_, other)| self.met[*other as usize].contains(*item)).count();
                    vec![part(&format!("{n} of {} people most like you met it", nearest.len()), score.into())]
                }
            };
            Explanation { score, terms, without: Vec::new() }
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        match &self.kept {
            Kept::Items(lists) => lists.iter().map(Vec::len).sum(),
            Kept::Users(compared) => compared.columns.iter().map(Vec::len).sum(),
        }
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        Ok(Seen::save(&self.met, Weights::new(NAME, &self.catalogue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::{ApproachEntry, Visitor};
    use serde_json::json;

    /// Ann, Bob and Cid. Alien was met by all, Brazil by Ann and Bob, Casablanca by Cid, Dune by Bob.
    const MET: [(&str, &str); 7] = [
        ("ann", "Alien"),
        ("ann", "Brazil"),
        ("bob", "Alien"),
        ("bob", "Brazil"),
        ("cid", "Alien"),
        ("cid", "Casablanca"),
        ("bob", "Dune"),
    ];
    const ITEMS: [&str; 4] = ["Alien", "Brazil", "Casablanca", "Dune"];

    fn model(options: ImplicitKnn) -> reco_core::Model {
        options.fit(&Train::from_events(MET).unwrap(), &Run::default()).unwrap()
    }

    fn with(side: Side, weighting: Weighting, k: usize) -> ImplicitKnn {
        ImplicitKnn { side, weighting, k: NonZeroUsize::new(k).unwrap(), shrinkage: 0.0, ..ImplicitKnn::default() }
    }

    fn near(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        let pairs = || found.iter().zip(expected);
        assert!(
            pairs().all(|(found, expected)| (f64::from(*found) - expected).abs() < 1e-6),
            "{found:?}, {expected:?}"
        );
    }

    #[test]
    fn similarities_of_items_by_hand() {
        let alien = |options| model(options).score_items(Visitor::new().met("Alien"), ITEMS).unwrap();
        let of_alien = [0.0, 2.0 / 6_f64.sqrt(), 1.0 / 3_f64.sqrt(), 1.0 / 3_f64.sqrt()];
        near(&alien(with(Side::Items, Weighting::Cosine, 9)), &of_alien);
        // Two in common count 2 / 3, one counts 1 / 2.
        let shrunk = ImplicitKnn { shrinkage: 1.0, ..with(Side::Items, Weighting::Cosine, 9) };
        near(&alien(shrunk), &[0.0, of_alien[1] * 2.0 / 3.0, of_alien[2] / 2.0, of_alien[3] / 2.0]);
        // Ann and Cid have 2 of 4 items, Bob 3.
        let [few, many] = [2.0, 3.0].map(|n: f64| (1.0 + 4.0 / n).ln().powi(2));
        let norm = 2.0_f64.mul_add(few, many).sqrt();
        let expected = [0.0, (few + many).sqrt() / norm, few.sqrt() / norm, many.sqrt() / norm];
        near(&alien(with(Side::Items, Weighting::TfIdf, 9)), &expected);
        // Rows of 3, 2, 1 and 1 users, 7 / 4 in the mean.
        let scale = |n: f64| 2.2 / 1.2_f64.mul_add(0.75_f64.mul_add(n * 4.0 / 7.0, 0.25), 1.0);
        let expected = [0.0, (few + many) * scale(3.0) * scale(2.0), few * scale(3.0) * scale(1.0)];
        near(&alien(with(Side::Items, Weighting::Bm25, 9))[..3], &expected);
    }

    #[test]
    fn an_item_counts_where_it_is_among_the_nearest_of_the_item_scored() {
        let model = model(with(Side::Items, Weighting::Cosine, 1));
        // Nearest of Alien and of Dune is Brazil, and of Brazil Alien.
        near(
            &model.score_items(Visitor::new().met("Brazil"), ITEMS).unwrap(),
            &[2.0 / 6_f64.sqrt(), 0.0, 0.0, 1.0 / 2_f64.sqrt()],
        );
        let visitor = Visitor::new().met("Alien").met("Brazil");
        assert_eq!(model.score_items("ann", ITEMS).unwrap(), model.score_items(visitor, ITEMS).unwrap());
    }

    #[test]
    fn neighbours_among_users_by_hand() {
        let all = |user: &str| model(with(Side::Users, Weighting::Cosine, 9)).score_items(user, ITEMS).unwrap();
        let (bob, cid) = (2.0 / 6_f64.sqrt(), 0.5);
        near(&all("ann"), &[bob + cid, bob, cid, bob]);
        // A visitor is nobody of the catalogue: Ann, who met the same, is the nearest.
        let model = model(with(Side::Users, Weighting::Cosine, 1));
        near(&model.score_items("ann", ITEMS).unwrap(), &[bob, bob, 0.0, bob]);
        let visitor = Visitor::new().met("Alien").met("Brazil");
        near(&model.score_items(visitor, ITEMS).unwrap(), &[1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn it_says_what_counted() {
        let reasons = |options, item: &str| model(options).reasons("ann", item).unwrap().unwrap();
        let own = reasons(with(Side::Items, Weighting::Cosine, 9), "Dune");
        let said: Vec<&str> = own.terms.iter().map(|(cause, _)| cause.as_str()).collect();
        assert_eq!(said, ["met Brazil", "met Alien"]);
        assert!((own.terms.iter().map(|(_, effect)| effect).sum::<f32>() - own.score).abs() < 1e-6, "{own:?}");
        let stranger = model(ImplicitKnn::default()).reasons(Visitor::new(), "Dune").unwrap().unwrap();
        assert_eq!(stranger.terms, [("nothing that you met is near it".to_owned(), 0.0)]);
        let people = reasons(with(Side::Users, Weighting::Cosine, 9), "Dune");
        assert_eq!(people.terms, [("1 of 2 people most like you met it".to_owned(), people.score)]);
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let refuse = |given| (ApproachEntry::of::<ImplicitKnn>().configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "b": 2 })).ends_with("`b` is `2`\nhint: it is a share, at most 1"));
        assert!(refuse(json!({ "k": 0 })).contains("`k`: `0`"));
        assert!(refuse(json!({ "shrinkage": -1 })).contains("`shrinkage` is `-1`"));
    }
}
