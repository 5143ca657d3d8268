//! The approach `blend`: scores of other approaches, added up alike, or weighed by a ranker that is learned on inner
//! folds of the training rows (stacking: Wolpert 1992; Breiman 1996).
//!
//! A part's scores of a user are centred and divided by their deviation over the items that the user has not met, so
//! that parts of any scale add up. To learn the weights, some of each user's training rows are held out, several times
//! over; the parts are fitted to the others, and `ranker.rs` learns which weights put what was held out first, among
//! the items that all parts together put first. Then the parts are fitted to all training rows. Does not know the
//! approaches that it blends.
//!
//! **Invariant**: weights follow from training rows alone; the score of an item does not depend on the other
//! candidates.

mod ranker;

use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::{self, OptionsError};
use reco_core::random::keyed_hash;
use reco_core::{
    AnyApproach, ApproachEntry, Candidates, Catalogue, Cause, Explanation, FitError, Fitted, ItemIdx, LoadError, Query,
    Recommender, Requirement, Run, ScoreError, ScoreKind, Scores, Seen, Term, Train, Trained, Weights, Who,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::ranker::List;
use crate::part::{self, Part};

/// Its name in the registry.
pub(crate) const NAME: &str = "blend";

pub(crate) const ENTRY: ApproachEntry = ApproachEntry {
    name: NAME,
    about: "lists: scores of other approaches, added up or weighed by held-out training rows",
    defaults: || Blend::new(&json!({})).expect("its own defaults name approaches of the registry").options(),
    configure: |given| Ok(Box::new(Blend::new(given)?)),
};

/// The tensor of the weights of parts.
const WEIGHTS: &str = "parts.weight";

/// The options; each approach is named as in the experiment, or as in the registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BlendOptions {
    /// The approaches whose scores are blended.
    parts: Vec<Part>,
    /// How often training rows are held out to learn the weights: each time other rows. 0, the default, weighs all
    /// parts alike: with two parts, learned weights ranked no better on MovieLens 100K.
    n_folds: usize,
    /// The share of each user's training rows that is held out each time.
    held_out: f64,
    /// How many items, those that all parts together put first, are ranked to learn the weights.
    n_candidates: usize,
    /// Regularisation of the weights.
    reg: f64,
}

impl Default for BlendOptions {
    fn default() -> Self {
        Self {
            parts: ["ease", "ials"].map(|name| Part::from(name.to_owned())).to_vec(),
            n_folds: 0,
            held_out: 0.125,
            n_candidates: 120,
            reg: 0.003,
        }
    }
}

/// Replaces the names of parts in `given` by the experiment's approaches, `(name, kind, options)`.
pub(crate) fn resolve(given: &mut Value, siblings: &[(&str, &str, Value)]) {
    let defaults = json!(BlendOptions::default().parts);
    let parts = given.get("parts").unwrap_or(&defaults).as_array().cloned();
    if let (Some(mut parts), Some(given)) = (parts, given.as_object_mut()) {
        for part in &mut parts {
            *part = part::resolve(part, siblings).unwrap_or_else(|| part.take());
        }
        given.insert("parts".to_owned(), parts.into());
    }
}

/// The configured blend.
struct Blend {
    options: BlendOptions,
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
        let parts = options.parts.iter_mut().map(|part| part.configure(NAME, &format!("{place}.parts")));
        let parts = parts.collect::<Result<_, _>>()?;
        Ok(Self { options, parts })
    }

    /// Learns the weights of the parts from what is held out of `train`.
    fn weights(&self, train: &Train, run: &Run<'_>) -> Result<Vec<f64>, FitError> {
        let BlendOptions { n_folds, held_out, n_candidates, reg, .. } = self.options;
        let catalogue = &train.catalogue;
        let mut lists: Vec<List> = Vec::new();
        for fold in 0..n_folds {
            let (kept, held) = divided(train, run.seed, fold, held_out);
            let inner = Train { fit: train.fit.select(&kept), ..train.clone() };
            if held.is_empty() || inner.fit.is_empty() {
                continue;
            }
            let parts = self.parts.iter().map(|part| part.fit(&inner, run)).collect::<Result<Vec<_>, _>>()?;
            let met = Seen::by_user(catalogue.n_users(), [&inner.fit]);
            let mut asked = vec![Vec::new(); catalogue.n_users()];
            for row in held {
                asked[train.fit.users()[row].index()].push(train.fit.items()[row]);
            }
            for (user, asked) in catalogue.users.indices().zip(asked).filter(|(_, asked)| !asked.is_empty()) {
                let met = &met[user.index()];
                let query = Query { who: Who::Known(user), context: &[], candidates: Candidates::AllExcept(met) };
                let features = standardised(&parts, &query, met, catalogue);
                let features = features.map_err(|error| FitError::Other(error.into()))?;
                lists.extend(list(&features, met, &Seen::new(asked), n_candidates, catalogue));
            }
        }
        // Nothing says which part is better than another.
        if lists.is_empty() {
            return Ok(vec![1.0; self.parts.len()]);
        }
        Ok(ranker::fit(&lists, self.parts.len(), reg))
    }
}

/// The rows of `train` that are kept and those that are held out in `fold`: of each user's rows, in the order of their
/// draws, other ones each time.
fn divided(train: &Train, seed: u64, fold: usize, held_out: f64) -> (Vec<usize>, Vec<usize>) {
    let Catalogue { users, items, .. } = &*train.catalogue;
    let mut by_user = vec![Vec::new(); users.len()];
    for (row, (user, item)) in train.fit.users().iter().zip(train.fit.items()).enumerate() {
        by_user[user.index()].push((keyed_hash(seed, users.id(*user), items.id(*item)), row));
    }
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for mut rows in by_user {
        rows.sort_unstable();
        let end = |folds: usize| (rows.len() as f64 * held_out * folds as f64) as usize;
        let range = end(fold)..end(fold + 1);
        for (at, (_, row)) in rows.iter().enumerate() {
            if range.contains(&at) { held.push(*row) } else { kept.push(*row) }
        }
    }
    kept.sort_unstable();
    (kept, held)
}

/// The scores of each part for the whole catalogue, centred and divided by their deviation over the items outside
/// `met`.
fn standardised(
    parts: &[Box<dyn Fitted>],
    query: &Query<'_>,
    met: &Seen,
    catalogue: &Catalogue,
) -> Result<Vec<Vec<f32>>, ScoreError> {
    let query = Query { candidates: Candidates::AllExcept(met), ..*query };
    let mut scores = Scores::new();
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        part.score(&[query], &mut scores)?;
        let row = scores.row(0);
        let unmet =
            || catalogue.items.indices().filter(|item| !met.contains(*item)).map(|item| f64::from(row[item.index()]));
        let n = unmet().count().max(1) as f64;
        let mean = unmet().sum::<f64>() / n;
        let deviation = (unmet().map(|score| (score - mean) * (score - mean)).sum::<f64>() / n).sqrt();
        // A part that scores all items alike says nothing.
        let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        all.push(row.iter().map(|score| ((f64::from(*score) - mean) * scale) as f32).collect());
    }
    Ok(all)
}

/// The `n` items outside `met` that the sum of `features` puts first, with which of them are in `held`; `None` if none
/// is.
fn list(features: &[Vec<f32>], met: &Seen, held: &Seen, n: usize, catalogue: &Catalogue) -> Option<List> {
    let sum = |item: &ItemIdx| features.iter().map(|scores| scores[item.index()]).sum::<f32>();
    let mut items: Vec<(f32, ItemIdx)> =
        catalogue.items.indices().filter(|item| !met.contains(*item)).map(|item| (sum(&item), item)).collect();
    items.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    items.truncate(n);
    let relevant: Vec<usize> = (0..items.len()).filter(|at| held.contains(items[*at].1)).collect();
    let features = items.iter().flat_map(|(_, item)| features.iter().map(|scores| scores[item.index()])).collect();
    (!relevant.is_empty()).then_some(List { features, relevant })
}

impl AnyApproach for Blend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> Value {
        json!(self.options)
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        self.parts.iter().fold(Need::default(), |need, part| need.with(part.memory(catalogue)))
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        self.parts.iter().fold(Need::default(), |need, part| need.with(part.memory_to_load(catalogue)))
    }

    fn requires(&self) -> Vec<Requirement> {
        Requirement::ALL.into_iter().filter(|one| self.parts.iter().any(|part| part.requires().contains(one))).collect()
    }

    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.fit_with(train, run, &|_, _| Ok(None))
    }

    fn parts(&self) -> Vec<(&str, &Value)> {
        self.options.parts.iter().map(|part| (part.kind.as_str(), &part.options)).collect()
    }

    fn fit_with(&self, train: &Train, run: &Run<'_>, trained: Trained<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let weights = self.weights(train, run)?;
        let parts = self.options.parts.iter().zip(&self.parts);
        let parts = parts.map(|(part, approach)| part.fit(approach.as_ref(), train, run, trained));
        let met = Seen::by_user(train.catalogue.n_users(), [&train.fit]);
        let (parts, catalogue) = (parts.collect::<Result<_, _>>()?, Arc::clone(&train.catalogue));
        Ok(Box::new(FittedBlend { options: self.options.clone(), parts, weights, met, catalogue }))
    }

    fn load(&self, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Result<Box<dyn Fitted>, LoadError> {
        weights.read(NAME, catalogue, |from| {
            let weights = from.take(WEIGHTS, &[self.parts.len()])?;
            let met = Seen::load(from, catalogue)?;
            let parts = self.parts.iter().enumerate();
            let parts = parts.map(|(at, part)| part::load(part.as_ref(), from.take_part(&slot(at)), catalogue, run));
            let (parts, catalogue) = (parts.collect::<Result<_, _>>()?, Arc::clone(catalogue));
            let fitted = FittedBlend { options: self.options.clone(), parts, weights, met, catalogue };
            Ok(Box::new(fitted) as Box<dyn Fitted>)
        })
    }
}

/// What the names of a part's tensors begin with.
fn slot(at: usize) -> String {
    format!("parts.{at}")
}

/// The trained parts and their weights.
struct FittedBlend {
    options: BlendOptions,
    parts: Vec<Box<dyn Fitted>>,
    /// One per part.
    weights: Vec<f64>,
    /// What each user met in training.
    met: Vec<Seen>,
    catalogue: Arc<Catalogue>,
}

impl FittedBlend {
    /// What each part adds to the score of each item of the catalogue.
    fn added(&self, query: &Query<'_>) -> Result<Vec<Vec<f32>>, ScoreError> {
        let own;
        let met = match query.who {
            Who::Known(user) => &self.met[user.index()],
            Who::Visitor { history, .. } => {
                own = Seen::new(history.iter().map(|(item, _)| *item).collect());
                &own
            }
        };
        let mut added = standardised(&self.parts, query, met, &self.catalogue)?;
        for (scores, weight) in added.iter_mut().zip(&self.weights) {
            scores.iter_mut().for_each(|score| *score *= *weight as f32);
        }
        Ok(added)
    }
}

impl Recommender for FittedBlend {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Order
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        for (row, query) in queries.iter().enumerate() {
            let added = self.added(query)?;
            query.candidates.write(out.row_mut(row), |item| added.iter().map(|scores| scores[item]).sum());
        }
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let added = self.added(query)?;
        let explain = |item: &ItemIdx| {
            let terms: Vec<Term> = added
                .iter()
                .zip(&self.options.parts)
                .map(|(scores, part)| Term {
                    cause: Cause::Part { name: part.name.clone() },
                    effect: scores[item.index()],
                })
                .collect();
            Explanation { score: terms.iter().map(|term| term.effect).sum(), terms, without: Vec::new() }
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for FittedBlend {
    fn n_parameters(&self) -> usize {
        self.weights.len() + self.parts.iter().map(|part| part.n_parameters()).sum::<usize>()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let own =
            Weights::new(NAME, &self.catalogue).with(WEIGHTS, &[self.weights.len()], self.weights.iter().copied());
        let own = Seen::save(&self.met, own);
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
        let options = json!({ "parts": ["ease", "popularity"], "n_folds": 2 });
        check(&Suite { entry: &ENTRY, options, personal: Some(Feedback::Events), device: DeviceChoice::Cpu });
    }

    #[test]
    fn what_does_not_help_weighs_little() {
        let train = checkerboard(16, Feedback::Events).train;
        let weights = |options| Blend::new(&options).unwrap().weights(&train, &RUN).unwrap();
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
            let (kept, held) = divided(&train, 7, fold, 0.25);
            assert_eq!(kept.len() + held.len(), train.fit.len());
            held.iter().for_each(|row| n_held[*row] += 1);
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
        assert!(refused(json!({ "reg": -1 })).contains("`reg` is `-1`"));
    }
}
