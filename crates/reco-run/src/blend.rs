//! The approach `blend`: scores of other approaches, added up alike, or joined by what is learned on inner folds of the
//! training rows (stacking: Wolpert 1992; Breiman 1996).
//!
//! A part's scores of a user are centred and divided by their deviation over the items that the user has not met, so
//! that parts of any scale add up. `mix.rs` learns weights and trees that put first what was held out, among the items
//! that all parts together put first; where all parts predict stars, it learns a linear mean of them instead. A fit
//! costs `n_folds` + 1 fits of each part; an answer one of each part, and of each tree for `n_candidates` items. Does
//! not know the approaches that it blends.
//!
//! **Invariant**: what is learned follows from training rows alone; the score of an item does not depend on the other
//! candidates, nor on who else is asked about.

mod evidence;
mod mix;

use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::{self, OptionsError};
use reco_core::{
    AnyApproach, ApproachEntry, Candidates, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, Loaded, Query,
    Recommender, Requirement, Run, ScoreError, ScoreKind, Scores, Seen, Term, Train, Trained, Weights, Who, parallel,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::evidence::Evidence;
use self::mix::{LISTS, Lesson, Mix, Weighed, reads_time, stars_of};
use crate::part::{self, Part};

/// Its name in the registry.
pub(crate) const NAME: &str = "blend";

pub(crate) const ENTRY: ApproachEntry = ApproachEntry {
    name: NAME,
    about: "scores of other approaches, added up or joined by what held-out training rows teach",
    defaults: || Blend::new(&json!({})).expect("its own defaults name approaches of the registry").options(),
    configure: |given| Ok(Box::new(Blend::new(given)?)),
};

/// The options; each approach is named as in the experiment, or as in the registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BlendOptions {
    /// The approaches whose scores are blended; what all of them together put first is ranked by what is learned.
    parts: Vec<Part>,
    /// Approaches whose scores what is learned looks at besides; none without `n_folds`.
    hints: Vec<Part>,
    /// How often training rows are held out to learn how parts are joined: each time other rows. 0, the default, adds
    /// all parts up alike; on MovieLens 100K what is learned ranks lists a little better, for five fits of each part.
    n_folds: usize,
    /// The share of each user's training rows that is held out each time.
    held_out: f64,
    /// How many items, those that all parts together put first, are ranked by what is learned.
    n_candidates: usize,
    /// Regularisation of the weights.
    reg: f64,
    /// How many trees are learned beside the weights; 0 for weights alone.
    n_trees: usize,
}

impl Default for BlendOptions {
    fn default() -> Self {
        Self {
            parts: ["ease", "ials"].map(|name| Part::from(name.to_owned())).to_vec(),
            hints: Vec::new(),
            n_folds: 0,
            held_out: 0.125,
            n_candidates: 120,
            reg: 0.01,
            n_trees: 60,
        }
    }
}

/// Replaces the names of parts in `given` by the experiment's approaches, `(name, kind, options)`.
pub(crate) fn resolve(given: &mut Value, siblings: &[(&str, &str, Value)]) {
    let defaults = json!(BlendOptions::default());
    for key in ["parts", "hints"] {
        let parts = given.get(key).unwrap_or(&defaults[key]).as_array().cloned();
        if let (Some(mut parts), Some(given)) = (parts, given.as_object_mut()) {
            for part in &mut parts {
                *part = part::resolve(part, siblings).unwrap_or_else(|| part.take());
            }
            given.insert(key.to_owned(), parts.into());
        }
    }
}

impl BlendOptions {
    /// Parts, then hints.
    fn all(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().chain(&self.hints)
    }
}

/// The configured blend.
struct Blend {
    options: BlendOptions,
    /// One for each of [`BlendOptions::all`].
    parts: Vec<Box<dyn AnyApproach>>,
}

impl Blend {
    /// # Errors
    /// An unknown key or approach; a number that is out of bounds; an option that an approach refuses.
    fn new(given: &Value) -> Result<Self, OptionsError> {
        let place = "[[approach]] blend";
        let mut options: BlendOptions = options::parse(place, given)?;
        let refuse = |reason: String| OptionsError::Value { place: place.to_owned(), reason };
        if options.parts.is_empty() {
            return Err(refuse("`parts` is empty\nhint: name at least one approach".to_owned()));
        }
        if !(options.reg >= 0.0 && options.reg.is_finite()) {
            return Err(refuse(format!("`reg` is `{}`\nhint: it is a number from 0", options.reg)));
        }
        if !(options.held_out > 0.0 && options.held_out * options.n_folds as f64 <= 1.0) {
            let (share, n) = (options.held_out, options.n_folds);
            let reason = format!("`held_out` is `{share}` and `n_folds` is `{n}`");
            return Err(refuse(format!("{reason}\nhint: a share above 0, of which all folds together are at most 1")));
        }
        if options.n_folds == 0 && !options.hints.is_empty() {
            let reason =
                "`hints` are named and `n_folds` is `0`, so that nothing learns from them\nhint: set `n_folds` to 4";
            return Err(refuse(reason.to_owned()));
        }
        let parts = options.parts.iter_mut().chain(&mut options.hints);
        let parts = parts.map(|part| part.configure(NAME, &format!("{place}.parts")));
        let parts = parts.collect::<Result<_, _>>()?;
        Ok(Self { options, parts })
    }
}

impl AnyApproach for Blend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> Value {
        json!(self.options)
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let BlendOptions { n_folds, n_candidates, .. } = self.options;
        let n_lists = LISTS.min(catalogue.n_users().saturating_mul(n_folds));
        let shape = [n_lists, n_candidates.min(catalogue.n_items()), self.parts.len()];
        let need = self.parts.iter().fold(Need::default(), |need, part| need.with(part.memory(catalogue)));
        need.and("candidates of held-out rows", &shape, 6)
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        self.parts.iter().fold(Need::default(), |need, part| need.with(part.memory_to_load(catalogue)))
    }

    fn requires(&self) -> Vec<Requirement> {
        Requirement::ALL.into_iter().filter(|one| self.parts.iter().any(|part| part.requires().contains(one))).collect()
    }

    fn uses_context(&self) -> bool {
        self.parts.iter().any(|part| part.uses_context())
    }

    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.fit_with(train, run, &|_, _| Ok(None))
    }

    fn parts(&self) -> Vec<(&str, &Value)> {
        self.options.all().map(|part| (part.kind.as_str(), &part.options)).collect()
    }

    fn fit_with(&self, train: &Train, run: &Run<'_>, trained: Trained<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let parts = self.options.all().zip(&self.parts);
        let parts = parts.map(|(part, approach)| part.fit(approach.as_ref(), train, run, trained));
        let parts: Vec<Box<dyn Fitted>> = parts.collect::<Result<_, _>>()?;
        let lesson = Lesson { approaches: &self.parts, options: &self.options, train, run };
        let mix = if are_stars(&parts) { lesson.stars(reads_time(&parts))? } else { lesson.lists()? };
        let met = Seen::by_user(train.catalogue.n_users(), [&train.fit]);
        let catalogue = Arc::clone(&train.catalogue);
        Ok(Box::new(FittedBlend { options: self.options.clone(), parts, mix, met, catalogue }))
    }

    fn load(&self, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        weights.read(NAME, catalogue, |from| {
            let parts = self.parts.iter().enumerate();
            let parts = parts.map(|(at, part)| part::load(part.as_ref(), from.take_part(&slot(at)), catalogue, run));
            let parts: Vec<Box<dyn Fitted>> = parts.collect::<Result<_, _>>()?;
            let mix = Mix::load(from, &parts, are_stars(&parts))?;
            let (met, catalogue) = (Seen::load(from, catalogue)?, Arc::clone(catalogue));
            let fitted = FittedBlend { options: self.options.clone(), parts, mix, met, catalogue };
            Ok(Box::new(fitted) as Box<dyn Fitted>)
        })
    }
}

/// Whether all parts predict stars, so that their mean does.
fn are_stars(parts: &[Box<dyn Fitted>]) -> bool {
    parts.iter().all(|part| part.score_kind() == ScoreKind::Stars)
}

/// What the names of a part's tensors begin with.
fn slot(at: usize) -> String {
    format!("parts.{at}")
}

/// The trained parts, and how they are joined.
struct FittedBlend {
    options: BlendOptions,
    parts: Vec<Box<dyn Fitted>>,
    mix: Mix,
    /// What each user met in training.
    met: Vec<Seen>,
    catalogue: Arc<Catalogue>,
}

impl FittedBlend {
    /// What the asker of each query has met.
    fn met(&self, queries: &[Query<'_>]) -> Vec<Seen> {
        let met = |query: &Query<'_>| match query.who {
            Who::Known(user) => self.met[user.index()].clone(),
            Who::Visitor { history, .. } => Seen::of(history),
        };
        queries.iter().map(met).collect()
    }

    /// The mean of stars, on their scale: of each part its weight times what it predicts.
    fn mean(&self, weighed: &Weighed, predicted: impl Iterator<Item = f32>) -> f32 {
        let sum = predicted.zip(&weighed.weights).map(|(stars, weight)| f64::from(stars) * weight).sum::<f64>();
        self.catalogue.scale.clamp((weighed.added + sum) as f32)
    }

    /// Writes the means of what the parts predict.
    fn write_means(&self, weighed: &Weighed, of_parts: &[Scores], out: &mut Scores) {
        for (row, out) in out.rows_mut().enumerate() {
            for (at, out) in out.iter_mut().enumerate() {
                *out = self.mean(weighed, of_parts.iter().map(|scores| scores.row(row)[at]));
            }
        }
    }

    /// A term for each part, given what it adds.
    fn terms(&self, added: impl Iterator<Item = f32>) -> Vec<Term> {
        let names = self.options.all().map(|part| part.name.as_str()).chain(["trees"]);
        let term = |(name, effect): (&str, f32)| Term { cause: Cause::Part { name: name.to_owned() }, effect };
        names.zip(added).map(term).collect()
    }
}

impl Recommender for FittedBlend {
    fn score_kind(&self) -> ScoreKind {
        match self.mix {
            Mix::Lists { .. } => ScoreKind::Order,
            Mix::Stars { .. } => ScoreKind::Stars,
        }
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        let n_items = self.catalogue.n_items();
        out.reset(queries, n_items);
        if let Mix::Stars { untimed, .. } = &self.mix {
            self.write_means(untimed, &stars_of(&self.parts, queries, None)?, out);
            return Ok(());
        }
        let met = self.met(queries);
        let asked: Vec<(Query<'_>, &Seen)> = queries.iter().copied().zip(&met).collect();
        let mut rows = out.rows_mut();
        for asked in asked.chunks(Evidence::tile(self.parts.len(), n_items)) {
            let evidence = Evidence::of(&self.parts, asked)?;
            parallel::each(
                asked.iter().zip(evidence).zip(rows.by_ref().take(asked.len())).collect(),
                || (),
                |(), (((query, met), evidence), row)| {
                    let added = self.mix.added(&evidence, met, &self.options);
                    query.candidates.write(row, |item| added.iter().map(|scores| scores[item]).sum());
                },
            );
        }
        Ok(())
    }

    fn reads_time(&self) -> bool {
        matches!(self.mix, Mix::Stars { timed: Some(_), .. })
    }

    fn score_at(&self, queries: &[Query<'_>], times: &[&[Option<i64>]], out: &mut Scores) -> Result<(), ScoreError> {
        let Mix::Stars { timed: Some(timed), .. } = &self.mix else { return self.score(queries, out) };
        out.reset(queries, self.catalogue.n_items());
        self.write_means(timed, &stars_of(&self.parts, queries, Some(times))?, out);
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let explanation = |terms: Vec<Term>, score| Explanation { score, terms, without: Vec::new() };
        if let Mix::Stars { untimed, .. } = &self.mix {
            let query = Query { candidates: Candidates::These(items), ..*query };
            let of_parts = stars_of(&self.parts, &[query], None)?;
            let explain = |at: usize| {
                let predicted = || of_parts.iter().map(|scores| scores.row(0)[at]);
                let score = self.mean(untimed, predicted());
                let effects = predicted().zip(&untimed.weights);
                let effects = effects.map(|(stars, weight)| (f64::from(stars) * weight) as f32);
                let mut terms = self.terms(effects);
                let rest = score - terms.iter().map(|term| term.effect).sum::<f32>();
                terms.push(Term { cause: Cause::Part { name: "added to all".to_owned() }, effect: rest });
                explanation(terms, score)
            };
            return Ok(Some((0..items.len()).map(explain).collect()));
        }
        let met = self.met(&[*query]);
        let evidence = Evidence::of(&self.parts, &[(*query, &met[0])])?;
        let added = self.mix.added(&evidence[0], &met[0], &self.options);
        let explain = |item: &ItemIdx| {
            let terms = self.terms(added.iter().map(|scores| scores[item.index()]));
            let score = terms.iter().map(|term| term.effect).sum();
            explanation(terms, score)
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for FittedBlend {
    fn n_parameters(&self) -> usize {
        self.mix.n_parameters() + self.parts.iter().map(|part| part.n_parameters()).sum::<usize>()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let own = Seen::save(&self.met, self.mix.save(Weights::new(NAME, &self.catalogue)));
        self.parts.iter().enumerate().try_fold(own, |all, (at, part)| Ok(all.with_part(&slot(at), part.save()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::conformance::{Suite, check};
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{DeviceChoice, Silent};

    const RUN: Run<'_> = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };

    #[test]
    fn it_conforms() {
        let hint = json!({ "name": "popular", "kind": "popularity", "options": {} });
        for options in [
            json!({ "parts": ["ease", "popularity"], "n_folds": 2 }),
            // Enough candidates for trees.
            json!({ "parts": ["ease"], "hints": [hint], "n_folds": 8, "n_trees": 5 }),
        ] {
            check(&Suite { entry: &ENTRY, options, personal: Some(Feedback::Events), device: DeviceChoice::Cpu });
        }
    }

    #[test]
    fn trees_look_at_hints_and_have_a_term_of_their_own() {
        let train = checkerboard(20, Feedback::Events).train;
        let options = json!({ "parts": ["ease"], "hints": ["popularity"], "n_folds": 8, "n_trees": 5 });
        let Mix::Lists { weights, trees } = lesson(&options, &train, |lesson| lesson.lists()) else { panic!("lists") };
        assert_eq!((weights.len(), trees.len()), (2, 5));
        let fitted = Blend::new(&options).unwrap().fit(&train, &RUN).unwrap();
        let who = Who::Known(train.catalogue.users.at(0).unwrap());
        let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        let items: Vec<ItemIdx> = train.catalogue.items.indices().take(2).collect();
        let explained = fitted.explain(&query, &items).unwrap().unwrap();
        let names = explained[0].terms.iter().map(|term| match &term.cause {
            Cause::Part { name } => name.as_str(),
            other => panic!("{other:?}"),
        });
        assert!(names.eq(["ease", "popularity", "trees"]));
    }

    #[test]
    fn stars_blend_into_stars() {
        let parts = ["svd", "baseline"].map(|name| json!({ "name": name, "kind": name, "options": {} }));
        let options = json!({ "parts": parts, "n_folds": 2 });
        check(&Suite { entry: &ENTRY, options: options.clone(), personal: None, device: DeviceChoice::Cpu });
        let train = checkerboard(16, Feedback::Stars).train;
        let fitted = Blend::new(&options).unwrap().fit(&train, &RUN).unwrap();
        assert_eq!(fitted.score_kind(), ScoreKind::Stars);
        let Mix::Stars { untimed, timed } = lesson(&options, &train, |lesson| lesson.stars(false)) else {
            panic!("stars")
        };
        // The baseline knows no taste.
        let weights = untimed.weights;
        assert!(weights[0] > 0.7 && weights[1] < 0.3 && timed.is_none(), "{weights:?}");
    }

    #[test]
    fn a_blend_of_one_part_orders_as_the_part() {
        let train = checkerboard(16, Feedback::Events).train;
        let catalogue = &train.catalogue;
        let [alone, blended] = [
            (find("ease").configure)(&json!({})).unwrap(),
            Box::new(Blend::new(&json!({ "parts": ["ease"], "n_folds": 2 })).unwrap()),
        ]
        .map(|approach| approach.fit(&train, &RUN).unwrap());
        let seen = Seen::by_user(16, [&train.fit]);
        let queries: Vec<Query<'_>> = catalogue
            .users
            .indices()
            .map(|user| Query {
                who: Who::Known(user),
                context: &[],
                candidates: Candidates::AllExcept(&seen[user.index()]),
            })
            .collect();
        let ranked = |fitted: &dyn Fitted| {
            let rankings = fitted.recommend(&queries, 16.try_into().unwrap()).unwrap();
            rankings.iter().map(|ranking| ranking.items().collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(ranked(&*alone), ranked(&*blended));
    }

    fn find(name: &str) -> &'static ApproachEntry {
        crate::approaches().find(|entry| entry.name == name).unwrap()
    }

    fn lesson(options: &Value, train: &Train, learn: impl FnOnce(&Lesson<'_>) -> Result<Mix, FitError>) -> Mix {
        let Blend { options, parts } = Blend::new(options).unwrap();
        learn(&Lesson { approaches: &parts, options: &options, train, run: &RUN }).unwrap()
    }

    #[test]
    fn what_does_not_help_weighs_little() {
        let train = checkerboard(16, Feedback::Events).train;
        let weights = |options: Value| match lesson(&options, &train, |lesson| lesson.lists()) {
            Mix::Lists { weights, .. } => weights,
            Mix::Stars { .. } => panic!("lists"),
        };
        let [random, ease] = weights(json!({ "parts": ["random", "ease"], "n_folds": 4 }))[..] else {
            panic!("two weights")
        };
        assert!(random.abs() < 0.5 * ease, "{random} {ease}");
        assert_eq!(weights(json!({ "parts": ["random", "ease"], "n_folds": 0 })), [1.0, 1.0]);
    }

    #[test]
    fn folds_hold_out_other_rows_and_never_all() {
        let train = checkerboard(16, Feedback::Events).train;
        let mut n_held = vec![0; train.fit.len()];
        for fold in 0..4 {
            let (kept, held) = mix::divided(&train, 7, fold, 0.25);
            assert_eq!(kept.len() + held.iter().map(Vec::len).sum::<usize>(), train.fit.len());
            held.iter().flatten().for_each(|row| n_held[*row] += 1);
        }
        assert!(n_held.iter().all(|n| *n == 1), "{n_held:?}");
    }

    #[test]
    fn parts_are_approaches_that_are_there_and_numbers_are_in_bounds() {
        let refused = |options| Blend::new(&options).err().unwrap().to_string();
        assert!(refused(json!({ "parts": ["esae"] })).contains("did you mean `ease`?"));
        assert!(refused(json!({ "parts": ["blend"] })).contains("no approach `blend`"));
        assert!(refused(json!({ "parts": [] })).contains("`parts` is empty"));
        assert!(refused(json!({ "held_out": 0.5, "n_folds": 4 })).contains("`held_out` is `0.5` and `n_folds` is `4`"));
        assert!(refused(json!({ "hints": ["ease"] })).contains("`hints` are named and `n_folds` is `0`"));
        assert!(refused(json!({ "reg": -1 })).contains("`reg` is `-1`"));
    }
}
