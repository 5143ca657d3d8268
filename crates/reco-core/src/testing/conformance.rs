//! Checks that an approach keeps the promises of [`AnyApproach`], [`Recommender`](crate::Recommender) and [`Fitted`].
//!
//! After `RecommenderBaseTestMixin` in the tests of the Python package `implicit`. Does not know how good rankings are
//! on real ratings: metrics say that.
//!
//! **Invariant**: every check names the approach and what it broke; none depends on time or on the order of tests.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Checkerboard, Feedback, checkerboard, goes_on_as_if_never_stopped};
use crate::dot::Vectors;
use crate::{
    AnyApproach, ApproachEntry, Candidates, DeviceChoice, FitError, Fitted, Interactions, ItemIdx, LoadError, Profile,
    Progress, Query, Ranking, Run, ScoreError, Scores, Seen, Silent, Target, Train, Weights, Who, memory,
};

/// Users and items of the checkerboard.
const SIZE: usize = 20;

/// What to check, and under which circumstances.
pub struct Suite<'a> {
    /// The approach, as its registry lists it.
    pub entry: &'a ApproachEntry,
    /// Its options, with which it learns [`SIZE`](self) users and items in a second or so.
    pub options: Value,
    /// The feedback it learns from; `None` for an approach that is not personal, which is not asked to rank the
    /// diagonal first.
    pub personal: Option<Feedback>,
    /// Where to compute.
    pub device: DeviceChoice,
}

/// Fits the approach on a checkerboard and panics at the first promise that it breaks. Returns how often a fit asks
/// whether to keep its state: 0 for an approach that never does.
pub fn check(suite: &Suite<'_>) -> usize {
    let board = checkerboard(SIZE, suite.personal.unwrap_or(Feedback::Stars));
    let approach = configured(suite);
    let fitted = fit(suite, &*approach, &board.train);
    let held = Held { name: suite.entry.name, seen: Seen::by_user(SIZE, [&board.train.fit]), board, fitted };

    held.refuses_or_survives_no_rows(suite, &*approach);
    held.scores_have_their_shapes();
    held.ranks_unseen_distinct_items_best_first();
    held.answers_one_by_one_as_in_a_batch();
    held.answers_or_refuses_visitors();
    held.explains_what_it_scores();
    held.scores_by_its_vectors();
    if suite.personal.is_some() {
        held.ranks_the_diagonal_first();
    }
    held.fits_and_saves_the_same_twice(suite, &*approach);
    held.fits_and_saves_the_same_on_any_cpu(suite, &*approach);
    held.loads_what_it_saved(suite, &*approach);
    held.answers_visitors_without_its_users(suite, &*approach);
    held.refuses_other_weights(suite, &*approach);
    held.survives_changed_bytes(suite, &*approach);
    held.takes_or_refuses_any_number(suite);
    held.stops_when_asked(suite, &*approach);
    // A part would find the state of its whole, or of another part.
    if !approach.parts().is_empty() {
        return 0;
    }
    goes_on_as_if_never_stopped(suite.entry.name, |progress| {
        approach.fit(&held.board.train, &Run { progress, ..run(suite) })
    })
}

/// Numbers that may be given for any option by mistake.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "0.5",
    "2147483648",
    "4611686018427387904",
    "9223372036854775807",
    "18446744073709551615",
    "5e-324",
    "1e-308",
    "1e-30",
    "1e15",
    "3e38",
    "1e300",
    "1e308",
    "-1e308",
];

/// Asks to stop once it was asked `after` times.
struct Limited {
    after: usize,
    asked: AtomicUsize,
}

impl Limited {
    fn new(after: usize) -> Self {
        Self { after, asked: AtomicUsize::new(0) }
    }
}

impl Progress for Limited {
    fn interrupted(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.after
    }
}

/// The places of all values below `value` that are not tables, as lists of keys.
fn leaves(value: &Value) -> Vec<Vec<String>> {
    let Some(table) = value.as_object() else { return vec![Vec::new()] };
    let below = |(key, value)| {
        let key: &String = key;
        leaves(value).into_iter().map(move |rest| [vec![key.clone()], rest].concat())
    };
    table.iter().flat_map(below).collect()
}

fn configured(suite: &Suite<'_>) -> Box<dyn AnyApproach> {
    let ApproachEntry { name, about, defaults, configure } = suite.entry;
    assert!(!about.is_empty(), "`{name}` says nothing about itself");
    let unknown = configure(&json!({ "no_such_option": 1 })).err();
    let unknown = unknown.unwrap_or_else(|| panic!("`{name}` takes an option that it does not have")).to_string();
    assert!(unknown.contains("`no_such_option`"), "`{name}` does not name the unknown option: {unknown}");
    let plain = configure(&json!({})).unwrap_or_else(|error| panic!("`{name}` refuses its own defaults: {error}"));
    assert_eq!(plain.name(), *name, "the registry and the approach call it differently");
    assert_eq!(plain.options(), defaults(), "`{name}`: options that are not given are not the defaults");
    configure(&suite.options).unwrap_or_else(|error| panic!("`{name}` refuses the options of this test: {error}"))
}

fn run(suite: &Suite<'_>) -> Run<'static> {
    Run { seed: 7, device: suite.device, progress: &Silent }
}

fn fit(suite: &Suite<'_>, approach: &dyn AnyApproach, train: &Train) -> Box<dyn Fitted> {
    approach.fit(train, &run(suite)).unwrap_or_else(|error| panic!("`{}` does not fit: {error}", suite.entry.name))
}

/// A fitted approach and what it was fitted on.
struct Held {
    name: &'static str,
    board: Checkerboard,
    seen: Vec<Seen>,
    fitted: Box<dyn Fitted>,
}

impl Held {
    fn queries(&self) -> Vec<Query<'_>> {
        self.board
            .liked
            .iter()
            .map(|(user, _)| Query {
                who: Who::Known(*user),
                context: &[],
                candidates: Candidates::AllExcept(&self.seen[user.index()]),
            })
            .collect()
    }

    fn scores(&self, fitted: &dyn Fitted, queries: &[Query<'_>]) -> Scores {
        let mut scores = Scores::new();
        fitted.score(queries, &mut scores).unwrap_or_else(|error| panic!("`{}` does not score: {error}", self.name));
        scores
    }

    fn rankings(&self, queries: &[Query<'_>], k: usize) -> Vec<Ranking> {
        let k = NonZeroUsize::new(k).expect("no check asks for nothing");
        self.fitted.recommend(queries, k).unwrap_or_else(|error| panic!("`{}` does not recommend: {error}", self.name))
    }

    fn refuses_or_survives_no_rows(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let fit = Interactions::builder(self.board.train.catalogue.contexts.len()).finish();
        let empty = Train { fit, ..self.board.train.clone() };
        if let Err(error) = approach.fit(&empty, &run(suite)) {
            assert!(matches!(error, FitError::NoRows { .. }), "`{}`: no rows is `NoRows`, not: {error}", self.name);
        }
    }

    fn scores_have_their_shapes(&self) {
        let name = self.name;
        let three: Vec<ItemIdx> =
            [SIZE - 1, 0, 3].iter().filter_map(|&n| self.fitted.catalogue().items.at(n)).collect();
        let mut queries = self.queries();
        let who = queries[1].who;
        queries.insert(1, Query { who, context: &[], candidates: Candidates::These(&three) });
        queries.insert(1, Query { who, context: &[], candidates: Candidates::These(&[]) });
        let scores = self.scores(&*self.fitted, &queries);
        assert_eq!(scores.n_rows(), queries.len(), "`{name}`: one row per query");
        for (row, query) in queries.iter().enumerate() {
            assert_eq!(scores.row(row).len(), query.candidates.n_scores(SIZE), "`{name}`: one score per candidate");
            assert!(scores.row(row).iter().all(|score| score.is_finite()), "`{name}`: a score that is not finite");
        }
        let whole = scores.row(3);
        let named: Vec<f32> = three.iter().map(|item| whole[item.index()]).collect();
        assert_eq!(bits(scores.row(2)), bits(&named), "`{name}`: named items score as they do among all");
        assert_eq!(self.scores(&*self.fitted, &[]).n_rows(), 0, "`{name}`: no queries, no rows");
    }

    fn ranks_unseen_distinct_items_best_first(&self) {
        let name = self.name;
        let queries = self.queries();
        let scores = self.scores(&*self.fitted, &queries);
        for k in [1, 2, SIZE + 5] {
            for (row, ranking) in self.rankings(&queries, k).iter().enumerate() {
                let seen = &self.seen[row];
                assert_eq!(ranking.len(), k.min(SIZE - seen.items().len()), "`{name}`: `k` items or all that are left");
                assert!(ranking.items().all(|item| !seen.contains(item)), "`{name}` recommends what was seen");
                let best_first = ranking.entries().is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0));
                assert!(best_first, "`{name}`: best first, ties in catalogue order, no item twice");
                for (item, score) in ranking.entries() {
                    assert_eq!(
                        score.get(),
                        scores.row(row)[item.index()],
                        "`{name}` ranks by other scores than its own"
                    );
                }
            }
        }
    }

    fn answers_one_by_one_as_in_a_batch(&self) {
        let queries = self.queries();
        let batch = self.scores(&*self.fitted, &queries);
        let rankings = self.rankings(&queries, 3);
        for (row, query) in queries.iter().enumerate() {
            let alone = self.scores(&*self.fitted, &[*query]);
            assert_eq!(bits(alone.row(0)), bits(batch.row(row)), "`{}`: the batch changes a score", self.name);
            assert_eq!(self.rankings(&[*query], 3)[0], rankings[row], "`{}`: the batch changes a ranking", self.name);
        }
    }

    fn answers_or_refuses_visitors(&self) {
        let catalogue = self.fitted.catalogue();
        let five_stars = Target::new(5.0).expect("finite");
        let history: Vec<(ItemIdx, Target)> =
            catalogue.items.indices().take(1).map(|item| (item, five_stars)).collect();
        let who = Who::Visitor { history: &history, profile: &Profile::default() };
        let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        let mut scores = Scores::new();
        match self.fitted.score(&[query], &mut scores) {
            Ok(()) => {
                assert_eq!(scores.row(0).len(), SIZE, "`{}`: one score per candidate", self.name);
                assert!(scores.row(0).iter().all(|score| score.is_finite()), "`{}`: not finite", self.name);
            }
            Err(ScoreError::Visitor { approach }) => assert_eq!(approach, self.name),
            Err(error) => panic!("`{}` neither answers nor refuses a visitor: {error}", self.name),
        }
    }

    /// If an approach explains its scores, the terms add up to them.
    fn explains_what_it_scores(&self) {
        let catalogue = self.fitted.catalogue();
        let items: Vec<ItemIdx> = catalogue.items.indices().take(4).collect();
        let query = Query { candidates: Candidates::These(&items), ..self.queries()[0] };
        let explained = self.fitted.explain(&query, &items);
        let explained = explained.unwrap_or_else(|error| panic!("`{}` does not explain: {error}", self.name));
        let Some(explanations) = explained else { return };
        let scores = self.scores(&*self.fitted, &[query]);
        assert_eq!(explanations.len(), items.len(), "`{}`: one explanation per item", self.name);
        for (explanation, score) in explanations.iter().zip(scores.row(0)) {
            let sum: f32 = explanation.terms.iter().map(|term| term.effect).sum();
            assert!(!explanation.terms.is_empty(), "`{}`: a score without a reason", self.name);
            for (what, value) in [("the score of its explanation", explanation.score), ("the sum of its terms", sum)] {
                let near = (value - score).abs() <= 1e-4 * score.abs().max(1.0);
                assert!(near, "`{}`: {what} is `{value}`, and its score is `{score}`", self.name);
            }
        }
    }

    /// If an approach has vectors, their products are its scores.
    fn scores_by_its_vectors(&self) {
        let vectors = self.fitted.vectors().unwrap_or_else(|error| panic!("`{}` gives no vectors: {error}", self.name));
        let Some(Vectors { users, items, bounds }) = vectors else { return };
        let catalogue = self.fitted.catalogue();
        assert_eq!([users.n_rows(), items.n_rows()], [catalogue.n_users(), catalogue.n_items()], "`{}`", self.name);
        let queries = self.queries();
        let scores = self.scores(&*self.fitted, &queries);
        for (row, (user, _)) in self.board.liked.iter().enumerate() {
            for (item, score) in scores.row(row).iter().enumerate() {
                let product = users.row(user.index()).iter().zip(items.row(item)).map(|(a, b)| a * b).sum::<f32>();
                let product = bounds.map_or(product, |(low, high)| product.clamp(low, high));
                let near = (product - score).abs() <= 1e-5 * score.abs().max(1.0);
                assert!(near, "`{}`: the product is `{product}`, and the score `{score}`", self.name);
            }
        }
    }

    fn ranks_the_diagonal_first(&self) {
        for (ranking, (user, liked)) in self.rankings(&self.queries(), 1).iter().zip(&self.board.liked) {
            let first = ranking.entries()[0].0;
            assert_eq!(
                first,
                *liked,
                "`{}` does not put the withheld item first for user row {}",
                self.name,
                user.index()
            );
        }
    }

    fn fits_and_saves_the_same_twice(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let again = fit(suite, approach, &self.board.train);
        assert!(self.saved(&*self.fitted) == self.saved(&*again), "`{}`: same seed, other bytes", self.name);
    }

    fn fits_and_saves_the_same_on_any_cpu(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        super::same_on_any_cpu(&format!("what `{}` saves", self.name), || {
            self.saved(&*fit(suite, approach, &self.board.train))
        });
    }

    fn loads_what_it_saved(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let loaded = self
            .load(suite, approach, &self.saved(&*self.fitted))
            .unwrap_or_else(|error| panic!("`{}` does not load what it saved: {error}", self.name));
        let queries = self.queries();
        let (before, after) = (self.scores(&*self.fitted, &queries), self.scores(&*loaded, &queries));
        for row in 0..queries.len() {
            assert_eq!(bits(before.row(row)), bits(after.row(row)), "`{}`: loading changes a score", self.name);
        }
        assert_eq!(loaded.n_parameters(), self.fitted.n_parameters(), "`{}`: loading changes a count", self.name);
        assert_eq!(loaded.score_kind(), self.fitted.score_kind(), "`{}`: loading changes what scores are", self.name);
        assert!(self.saved(&*loaded) == self.saved(&*self.fitted), "`{}`: loading changes what is saved", self.name);
    }

    /// If an approach gives a model for visitors, it knows no user and answers visitors alike, loaded or not.
    fn answers_visitors_without_its_users(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let Some(alone) = self.fitted.for_visitors() else { return };
        let catalogue = alone.catalogue();
        assert_eq!((catalogue.n_users(), catalogue.n_items()), (0, SIZE), "`{}`", self.name);
        let loaded = Weights::from_bytes(&self.saved(&*alone))
            .and_then(|weights| approach.load(weights, catalogue, &run(suite)))
            .unwrap_or_else(|error| panic!("`{}` does not load what it saved for visitors: {error}", self.name));
        let five_stars = Target::new(5.0).expect("finite");
        let history: Vec<(ItemIdx, Target)> =
            catalogue.items.indices().take(3).map(|item| (item, five_stars)).collect();
        for history in [&history[..], &[]] {
            let who = Who::Visitor { history, profile: &Profile::default() };
            let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
            let [whole, alone, loaded] = [&self.fitted, &alone, &loaded].map(|one| self.scores(&**one, &[query]));
            assert_eq!(bits(whole.row(0)), bits(alone.row(0)), "`{}`: without users a score changes", self.name);
            assert_eq!(bits(whole.row(0)), bits(loaded.row(0)), "`{}`: loading changes a score", self.name);
        }
    }

    fn refuses_other_weights(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let larger = checkerboard(SIZE + 2, Feedback::Stars).train.catalogue;
        let of = |name, catalogue| Weights::new(name, catalogue).to_bytes();
        let whole = self.saved(&*self.fitted);
        let tensor = Weights::from_bytes(&whole).map(|weights| weights.with("foreign", &[1], [1_u32]).to_bytes());
        for (what, bytes) in [
            ("made for another catalogue", of(self.name, &larger)),
            ("another approach's", of("foreign", &self.board.train.catalogue)),
            ("without a tensor", of(self.name, &self.board.train.catalogue)),
            ("with one more tensor", tensor.unwrap_or_default()),
            ("empty", Vec::new()),
            ("cut in half", whole[..whole.len() / 2].to_vec()),
            ("foreign", br#"{"made_by":"somebody else"}"#.to_vec()),
        ] {
            self.refused(self.load(suite, approach, &bytes), what);
        }
        let weights = Weights::from_bytes(&whole).unwrap_or_else(|error| panic!("`{}`: {error}", self.name));
        self.refused(approach.load(weights, &larger, &run(suite)), "loaded for another catalogue");
    }

    /// A changed byte, wherever it is, is refused or makes a model that answers without a panic.
    fn survives_changed_bytes(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let whole = self.saved(&*self.fitted);
        for at in (0..whole.len()).step_by((whole.len() / 50).max(1)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            if let Ok(loaded) = self.load(suite, approach, &bytes) {
                drop(loaded.score(&self.queries(), &mut Scores::new()));
            }
        }
    }

    /// Any number in the place of an option is refused, or makes a model that can be saved, loaded and asked.
    fn takes_or_refuses_any_number(&self, suite: &Suite<'_>) {
        let ApproachEntry { name, defaults, configure, .. } = suite.entry;
        for place in leaves(&defaults()) {
            for number in NUMBERS {
                let mut options = suite.options.clone();
                if defaults().get("epochs").is_some() {
                    options["epochs"] = json!(2);
                }
                // An empty table of defaults has no place.
                let Some((last, tables)) = place.split_last() else { continue };
                let mut at = &mut options;
                for table in tables {
                    at = &mut at[table];
                }
                at[last] = serde_json::from_str(number).expect("a number is JSON");
                let what = || format!("`{name}` with `{} = {number}`", place.join("."));
                let Ok(approach) = configure(&options) else { continue };
                let catalogue = &self.board.train.catalogue;
                let [to_load, to_fit] = [approach.memory_to_load(catalogue), approach.memory(catalogue)];
                assert!(to_load.bytes() <= to_fit.bytes(), "{}: loading needs more than fitting", what());
                if memory::affordable(&*approach, catalogue, self.board.train.fit.len()).is_err() {
                    continue;
                }
                let progress = Limited::new(1_000);
                let Ok(fitted) = approach.fit(&self.board.train, &Run { progress: &progress, ..run(suite) }) else {
                    continue;
                };
                let loaded = self
                    .load(suite, &*approach, &self.saved(&*fitted))
                    .unwrap_or_else(|error| panic!("{} saves what it cannot load: {error}", what()));
                let queries = self.queries();
                let (before, after) = (self.scores(&*fitted, &queries), self.scores(&*loaded, &queries));
                for row in 0..queries.len() {
                    assert!(before.row(row).iter().all(|score| score.is_finite()), "{}: not finite", what());
                    assert_eq!(bits(before.row(row)), bits(after.row(row)), "{}: loading changes a score", what());
                }
            }
        }
    }

    /// A fit that is told to stop, at any time it asks, ends without a model.
    fn stops_when_asked(&self, suite: &Suite<'_>, approach: &dyn AnyApproach) {
        let never = Limited::new(usize::MAX);
        let fitted = approach.fit(&self.board.train, &Run { progress: &never, ..run(suite) });
        assert!(fitted.is_ok(), "`{}` stops without being asked", self.name);
        let n_asked = never.asked.load(Ordering::Relaxed);
        for after in [0, n_asked / 2, n_asked.saturating_sub(1)].into_iter().filter(|after| *after < n_asked) {
            let progress = Limited::new(after);
            let stopped = approach.fit(&self.board.train, &Run { progress: &progress, ..run(suite) });
            let stopped = stopped.err().unwrap_or_else(|| panic!("`{}` goes on when asked to stop", self.name));
            assert!(matches!(stopped, FitError::Interrupted), "`{}`: to stop is no other error: {stopped}", self.name);
        }
    }

    fn refused(&self, loaded: Result<Box<dyn Fitted>, LoadError>, what: &str) {
        match loaded {
            Err(LoadError::Weights { reason }) => {
                assert!(!reason.is_empty(), "`{}` does not say why it refuses weights: {what}", self.name);
            }
            Err(error) => panic!("`{}` refuses weights by another error: {what}: {error}", self.name),
            Ok(_) => panic!("`{}` loads weights that it should refuse: {what}", self.name),
        }
    }

    fn saved(&self, fitted: &dyn Fitted) -> Vec<u8> {
        fitted.save().unwrap_or_else(|error| panic!("`{}` does not save: {error}", self.name)).to_bytes()
    }

    fn load(&self, suite: &Suite<'_>, approach: &dyn AnyApproach, bytes: &[u8]) -> Result<Box<dyn Fitted>, LoadError> {
        approach.load(Weights::from_bytes(bytes)?, &self.board.train.catalogue, &run(suite))
    }
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}
