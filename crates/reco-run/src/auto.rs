//! The approach `auto`, which chooses one of four recommenders by how many ratings a user has.
//!
//! It is the article's rule of the cold start, made exact: without history, what is stated and what is popular; with a
//! few ratings, also what the same people met beside them; from enough ratings by a user and enough users on,
//! what is learned of whole histories, first blended with the former, then alone. Items that nobody has rated keep the
//! scores that they have together, and share them out in the order of an approach that knows items by their features.
//! Does not know the approaches that it chooses among.
//!
//! **Invariant**: every part was trained on the same rows; the choice depends on numbers of training ratings alone and
//! can be asked for; its weights hold those of all its parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::{self, OptionsError};
use reco_core::{
    AnyApproach, ApproachEntry, Candidates, Catalogue, Cause, Choice, Explanation, FitError, Fitted, ItemIdx,
    LoadError, Loaded, Profile, Query, Recommender, Requirement, Run, ScoreError, ScoreKind, Scores, Seen, Term, Train,
    Trained, Weights, Who,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::blend;
use crate::part::{self, Part};

/// Its name in the registry.
pub(crate) const NAME: &str = "auto";

pub(crate) const ENTRY: ApproachEntry = ApproachEntry {
    name: NAME,
    about: "by length of history: what is known, what goes together, blends of ease and ials",
    defaults: || Auto::new(&json!({})).expect("its own defaults name approaches of the registry").options(),
    configure: |given| Ok(Box::new(Auto::new(given)?)),
};

/// The tensor of how many ratings each user has.
const N_RATINGS: &str = "users.n_ratings";

/// The options; each approach is named as in the experiment, or as in the registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AutoOptions {
    /// The approach for those of whom nothing is known.
    no_history: Part,
    /// The approach for those who have rated something.
    short_history: Part,
    /// The approach for those who have rated some more.
    medium_history: Part,
    /// The approach for those who have rated enough.
    long_history: Part,
    /// The approach that orders the items without training ratings among themselves, where items have features.
    new_items: Part,
    /// The number of training ratings from which a history is no longer short.
    min_medium: usize,
    /// The number of training ratings from which a history is long.
    min_ratings: usize,
    /// The number of users with training ratings from which `medium_history` and `long_history` are used.
    min_users: usize,
}

impl Default for AutoOptions {
    fn default() -> Self {
        // Whose options are filled in by `filled`: here, keys would be all that can be given.
        let part = |name: &str, kind: &str| Part { name: name.to_owned(), kind: kind.to_owned(), options: json!({}) };
        Self {
            no_history: part(SHORT, "profile"),
            short_history: part(SHORT, "profile"),
            medium_history: part(MEDIUM, blend::NAME),
            long_history: blend::NAME.to_owned().into(),
            new_items: "item-features".to_owned().into(),
            min_medium: 6,
            min_ratings: 40,
            min_users: 101,
        }
    }
}

/// The name of the default part for those who have rated little or nothing.
const SHORT: &str = "short-history";
/// The name of the default part for those who have rated some more.
const MEDIUM: &str = "medium-history";

/// The options of a default part where none are given, for users of MovieLens 100K who were held out whole.
fn filled(name: &str) -> Option<Value> {
    // All that was met counts, as in what long histories are learned from.
    let short = json!({ "enjoyed": 0.0, "prior_people": 200.0, "history": true });
    match name {
        SHORT => Some(short),
        MEDIUM => {
            let ridge = json!({ "reg": 3.0, "user_features": 1.0, "given": 8 });
            let part = |name: &str, kind: &str, options| json!({ "name": name, "kind": kind, "options": options });
            Some(json!({ "parts": [part(SHORT, "profile", short), part("short-ridge", "ease", ridge), "ials"] }))
        }
        _ => None,
    }
}

/// The names of the options that are approaches, in the order of growing histories. The names of their tensors begin
/// so.
const SLOTS: [&str; 4] = ["no_history", "short_history", "medium_history", "long_history"];
/// The same of the option for new items.
const NEW: &str = "new_items";
/// The tensor of the items that share their scores out: those without training ratings, or none.
const NEW_ITEMS: &str = "items.new";

/// Replaces the names of approaches in `given` by the experiment's approaches, `(name, kind, options)`.
pub(crate) fn resolve(given: &mut Value, siblings: &[(&str, &str, Value)]) {
    let defaults = json!(AutoOptions::default());
    for slot in SLOTS.into_iter().chain([NEW]) {
        let named = given.get(slot).unwrap_or(&defaults[slot]);
        let mut part = part::resolve(named, siblings).unwrap_or_else(|| named.clone());
        if let Some(options) = part["name"].as_str().and_then(filled).filter(|_| part["options"] == json!({})) {
            part["options"] = options;
        }
        if part["kind"] == blend::NAME {
            blend::resolve(&mut part["options"], siblings);
        }
        if let Some(given) = given.as_object_mut() {
            given.insert(slot.to_owned(), part);
        }
    }
}

/// The configured choice.
pub(crate) struct Auto {
    options: AutoOptions,
    /// One per slot.
    parts: Vec<Box<dyn AnyApproach>>,
    new_items: Box<dyn AnyApproach>,
}

impl Auto {
    /// Reads its options.
    ///
    /// # Errors
    /// An unknown key or approach; an option that an approach refuses; `auto` among its own parts.
    pub(crate) fn new(given: &Value) -> Result<Self, OptionsError> {
        let place = "[[approach]] auto";
        let mut options: AutoOptions = options::parse(place, given)?;
        for part in options.parts_mut() {
            if let Some(options) = filled(&part.name).filter(|_| part.options == json!({})) {
                part.options = options;
            }
        }
        let parts = SLOTS.iter().zip(options.parts_mut());
        let parts =
            parts.map(|(slot, part)| part.configure(NAME, &format!("{place}.{slot}"))).collect::<Result<_, _>>()?;
        let new_items = options.new_items.configure(NAME, &format!("{place}.{NEW}"))?;
        Ok(Self { options, parts, new_items })
    }
}

impl AutoOptions {
    fn parts(&self) -> [&Part; 4] {
        [&self.no_history, &self.short_history, &self.medium_history, &self.long_history]
    }

    fn parts_mut(&mut self) -> [&mut Part; 4] {
        [&mut self.no_history, &mut self.short_history, &mut self.medium_history, &mut self.long_history]
    }
}

impl AnyApproach for Auto {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> Value {
        json!(self.options)
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let parts = self.parts.iter().chain([&self.new_items]);
        parts.fold(Need::default(), |need, part| need.with(part.memory(catalogue)))
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        let parts = self.parts.iter().chain([&self.new_items]);
        parts.fold(Need::default(), |need, part| need.with(part.memory_to_load(catalogue)))
    }

    fn requires(&self) -> Vec<Requirement> {
        // A part that knows only its own users gives way to one that answers visitors; without features, new items keep
        // their scores.
        let wanted = |one: &Requirement| self.parts.iter().any(|part| part.requires().contains(one));
        Requirement::ALL.into_iter().filter(|one| *one != Requirement::KnownUsers && wanted(one)).collect()
    }

    fn uses_context(&self) -> bool {
        self.parts.iter().any(|part| part.uses_context())
    }

    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.fit_with(train, run, &|_, _| Ok(None))
    }

    fn parts(&self) -> Vec<(&str, &Value)> {
        let parts = self.options.parts().into_iter().chain([&self.options.new_items]);
        parts.map(|part| (part.kind.as_str(), &part.options)).collect()
    }

    fn fit_with(&self, train: &Train, run: &Run<'_>, trained: Trained<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let parts = self.options.parts().into_iter().zip(&self.parts);
        let parts = parts.map(|(part, approach)| part.fit(approach.as_ref(), train, run, trained));
        let parts: Vec<Box<dyn Fitted>> = parts.collect::<Result<_, _>>()?;
        let mut n_ratings = vec![0; train.catalogue.n_users()];
        for user in train.fit.users() {
            n_ratings[user.index()] += 1;
        }
        let rated = Seen::new(train.fit.items().to_vec());
        let new: Vec<ItemIdx> = train.catalogue.items.indices().filter(|item| !rated.contains(*item)).collect();
        let knows = self.new_items.requires().iter().all(|need| need.check(NAME, train).is_ok());
        // Stars are no order, and are not shared out.
        let in_order = parts.iter().any(|part| part.score_kind() != ScoreKind::Stars);
        let new_items = (knows && in_order && !new.is_empty())
            .then(|| self.options.new_items.fit(self.new_items.as_ref(), train, run, trained))
            .transpose()?
            .map(|part| NewItems { items: new, part });
        let catalogue = Arc::clone(&train.catalogue);
        Ok(Box::new(FittedAuto::new(self.options.clone(), parts, new_items, n_ratings, catalogue)))
    }

    fn load(&self, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        weights.read(NAME, catalogue, |weights| {
            let n_ratings = weights.take(N_RATINGS, &[catalogue.n_users()])?;
            let parts = SLOTS.iter().zip(&self.parts);
            let parts = parts.map(|(slot, part)| part::load(part.as_ref(), weights.take_part(slot), catalogue, run));
            let parts = parts.collect::<Result<_, _>>()?;
            let n_new = weights.n_rows(NEW_ITEMS)?;
            let new: Vec<u32> = weights.take(NEW_ITEMS, &[n_new])?;
            let items: Option<Vec<ItemIdx>> = new.iter().map(|item| catalogue.items.at(*item as usize)).collect();
            let items = items.filter(|items| items.is_sorted_by(|a, b| a < b)).ok_or_else(|| LoadError::Weights {
                reason: format!("its `{NEW_ITEMS}` are no rows of the catalogue in order"),
            })?;
            let new_items = match items.is_empty() {
                true => None,
                false => {
                    let part = part::load(self.new_items.as_ref(), weights.take_part(NEW), catalogue, run)?;
                    Some(NewItems { items, part })
                }
            };
            let fitted = FittedAuto::new(self.options.clone(), parts, new_items, n_ratings, Arc::clone(catalogue));
            Ok(Box::new(fitted) as Box<dyn Fitted>)
        })
    }
}

/// The items without training ratings, ascending and at least one, and what orders them.
struct NewItems {
    items: Vec<ItemIdx>,
    part: Box<dyn Fitted>,
}

impl NewItems {
    /// Hands the scores `levels`, one for each of the items, out in the order of the part.
    fn shared(&self, query: &Query<'_>, mut levels: Vec<f32>) -> Result<Vec<f32>, ScoreError> {
        let mut scores = Scores::new();
        self.part.score(&[Query { candidates: Candidates::These(&self.items), ..*query }], &mut scores)?;
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by(|a, b| scores.row(0)[*b].total_cmp(&scores.row(0)[*a]).then(a.cmp(b)));
        levels.sort_by(|a, b| b.total_cmp(a));
        let mut shared = vec![0.0; levels.len()];
        let mut before: Option<(f32, f32)> = None;
        for (at, level) in order.into_iter().zip(levels) {
            let score = scores.row(0)[at];
            // What the slot ties, the part may not.
            let level = match before {
                Some((equal, above)) if equal == score => above,
                Some((_, above)) => level.min(above.next_down()),
                None => level,
            };
            shared[at] = level;
            before = Some((score, level));
        }
        Ok(shared)
    }
}

/// The trained parts.
struct FittedAuto {
    options: AutoOptions,
    /// One per slot.
    parts: Vec<Box<dyn Fitted>>,
    /// Whether each of them has an answer for someone it was not trained on.
    answers_visitors: Vec<bool>,
    /// Where there are such, and features to order them by.
    new_items: Option<NewItems>,
    /// Training ratings of each user.
    n_ratings: Vec<u32>,
    n_active: usize,
    catalogue: Arc<Catalogue>,
}

impl FittedAuto {
    fn new(
        options: AutoOptions,
        parts: Vec<Box<dyn Fitted>>,
        new_items: Option<NewItems>,
        n_ratings: Vec<u32>,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        let visitor = Query {
            who: Who::Visitor { history: &[], profile: &Profile::default() },
            context: &[],
            candidates: Candidates::These(&[]),
        };
        let answers =
            |part: &dyn Fitted| !matches!(part.score(&[visitor], &mut Scores::new()), Err(ScoreError::Visitor { .. }));
        Self {
            answers_visitors: parts.iter().map(|part| answers(part.as_ref())).collect(),
            n_active: n_ratings.iter().filter(|&&n| n > 0).count(),
            options,
            parts,
            new_items,
            n_ratings,
            catalogue,
        }
    }

    /// Shares the scores of new items among the candidates of `query` out, which `scores` has from its slot.
    fn share(&self, new: &NewItems, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        match query.candidates {
            Candidates::AllExcept(_) => {
                let levels = new.items.iter().map(|item| scores[item.index()]).collect();
                let shared = new.shared(query, levels)?;
                new.items.iter().zip(shared).for_each(|(item, level)| scores[item.index()] = level);
            }
            Candidates::These(items) => {
                let places: Vec<(usize, usize)> =
                    (0..items.len()).filter_map(|at| Some((at, new.items.binary_search(&items[at]).ok()?))).collect();
                if !places.is_empty() {
                    let mut levels = Scores::new();
                    let all = Query { candidates: Candidates::These(&new.items), ..*query };
                    self.parts[self.slot(&query.who).0].score(&[all], &mut levels)?;
                    let shared = new.shared(query, levels.row(0).to_vec())?;
                    places.into_iter().for_each(|(at, place)| scores[at] = shared[place]);
                }
            }
        }
        Ok(())
    }

    /// The slot that answers, and why.
    fn slot(&self, who: &Who<'_>) -> (usize, String) {
        let AutoOptions { min_medium, min_ratings, min_users, .. } = self.options;
        let n = match who {
            Who::Known(user) => self.n_ratings[user.index()] as usize,
            Who::Visitor { history, .. } => history.len(),
        };
        let (slot, reason) = match n {
            0 => (0, "no ratings yet".to_owned()),
            n if n < min_medium => (1, format!("{n} ratings, fewer than {min_medium}")),
            n if self.n_active < min_users => {
                (1, format!("{n} ratings, but only {} users have any, fewer than {min_users}", self.n_active))
            }
            n if n < min_ratings => (2, format!("{n} ratings, fewer than {min_ratings}")),
            n => (3, format!("{n} ratings, at least {min_ratings}")),
        };
        let visitor = matches!(who, Who::Visitor { .. });
        match (0..=slot).rev().find(|&slot| !visitor || self.answers_visitors[slot]) {
            Some(answering) if answering < slot => {
                let name = &self.options.parts()[slot].name;
                (answering, format!("{reason}, but `{name}` knows only the users it was trained on"))
            }
            _ => (slot, reason),
        }
    }
}

impl Recommender for FittedAuto {
    /// Stars if all parts predict stars; else the scores of two users need not be comparable.
    fn score_kind(&self) -> ScoreKind {
        let stars = self.parts.iter().all(|part| part.score_kind() == ScoreKind::Stars);
        if stars { ScoreKind::Stars } else { ScoreKind::Order }
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        let mut by_slot: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, query) in queries.iter().enumerate() {
            by_slot.entry(self.slot(&query.who).0).or_default().push(row);
        }
        let mut scores = Scores::new();
        for (slot, rows) in by_slot {
            let mine: Vec<Query<'_>> = rows.iter().map(|&row| queries[row]).collect();
            self.parts[slot].score(&mine, &mut scores)?;
            for (from, row) in rows.into_iter().enumerate() {
                out.row_mut(row).copy_from_slice(scores.row(from));
            }
        }
        if let Some(new) = &self.new_items {
            for (row, query) in queries.iter().enumerate() {
                self.share(new, query, out.row_mut(row))?;
            }
        }
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let explained = self.parts[self.slot(&query.who).0].explain(query, items)?;
        let Some(new) = &self.new_items else { return Ok(explained) };
        let Some(mut explained) = explained else { return Ok(None) };
        let mut scores = Scores::new();
        self.score(&[Query { candidates: Candidates::These(items), ..*query }], &mut scores)?;
        for ((item, explanation), score) in items.iter().zip(&mut explained).zip(scores.row(0)) {
            if new.items.binary_search(item).is_ok() {
                let name = "its place among new items".to_owned();
                explanation.terms.push(Term { cause: Cause::Part { name }, effect: score - explanation.score });
                explanation.score = *score;
            }
        }
        Ok(Some(explained))
    }

    fn choice(&self, query: &Query<'_>) -> Option<Choice> {
        let (slot, reason) = self.slot(&query.who);
        Some(Choice { approach: self.options.parts()[slot].name.clone(), reason })
    }
}

impl Fitted for FittedAuto {
    fn n_parameters(&self) -> usize {
        let parts = self.parts.iter().chain(self.new_items.iter().map(|new| &new.part));
        parts.map(|part| part.n_parameters()).sum()
    }

    fn device(&self) -> String {
        // The last part is the one with a device of its own, where any has.
        self.parts[SLOTS.len() - 1].device()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let n_ratings = self.n_ratings.iter().copied();
        let weights = Weights::new(NAME, &self.catalogue).with(N_RATINGS, &[self.n_ratings.len()], n_ratings);
        let new = self.new_items.iter().flat_map(|new| &new.items).map(|item| item.get());
        let weights = weights.with(NEW_ITEMS, &[new.clone().count()], new);
        let parts = SLOTS.iter().zip(&self.parts);
        let mut parts = parts.chain(self.new_items.iter().map(|new| (&NEW, &new.part)));
        parts.try_fold(weights, |weights, (slot, part)| Ok(weights.with_part(slot, part.save()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::conformance::{Suite, check};
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{DeviceChoice, Silent, Target};

    #[test]
    fn it_conforms_whoever_answers() {
        for (min_medium, min_ratings, min_users) in [(1, 1, 1), (1, 100, 1), (2, 2, 101)] {
            let options = json!({ "min_medium": min_medium, "min_ratings": min_ratings, "min_users": min_users });
            check(&Suite { entry: &ENTRY, options, personal: Some(Feedback::Events), device: DeviceChoice::Cpu });
        }
    }

    #[test]
    fn the_history_decides_and_the_reason_is_told() {
        let train = checkerboard(4, Feedback::Stars).train;
        // User 0 keeps one rating, users 1 and 2 both of theirs, user 3 none.
        let kept: Vec<usize> = (0..train.fit.len())
            .filter(|&row| match train.fit.users()[row].index() {
                0 => train.fit.users()[..row].iter().all(|user| user.index() != 0),
                user => user != 3,
            })
            .collect();
        let train = Train { fit: train.fit.select(&kept), ..train };
        let entry = json!({
            "short_history": "content", "long_history": "collaborative", "min_medium": 2, "min_ratings": 2, "min_users": 3
        });
        let run = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };
        let fitted = Auto::new(&entry).unwrap().fit(&train, &run).unwrap();
        let choice = |who| {
            let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
            let mut scores = Scores::new();
            fitted.score(&[query], &mut scores).unwrap();
            let Choice { approach, reason } = fitted.choice(&query).unwrap();
            (approach, reason)
        };
        let known = |user| choice(Who::Known(train.catalogue.users.at(user).unwrap()));
        assert_eq!(known(3), ("short-history".to_owned(), "no ratings yet".to_owned()));
        assert_eq!(known(0), ("content".to_owned(), "1 ratings, fewer than 2".to_owned()));
        assert_eq!(known(1), ("collaborative".to_owned(), "2 ratings, at least 2".to_owned()));
        let profile = Profile::default();
        let history: Vec<_> =
            train.catalogue.items.indices().take(2).map(|item| (item, Target::new(5.0).unwrap())).collect();
        let visitor = |n: usize| choice(Who::Visitor { history: &history[..n], profile: &profile });
        assert_eq!(visitor(0).0, "short-history");
        assert_eq!(visitor(1).0, "content");
        let (approach, reason) = visitor(2);
        assert!(
            approach == "medium-history" && reason.contains("`collaborative` knows only the users"),
            "{approach} {reason}"
        );

        let few = Auto::new(&json!({ "min_medium": 2 })).unwrap().fit(&train, &run).unwrap();
        let user = Who::Known(train.catalogue.users.at(1).unwrap());
        let query = Query { who: user, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        let Choice { approach, reason } = few.choice(&query).unwrap();
        assert!(approach == "short-history" && reason.contains("only 3 users have any, fewer than 101"), "{reason}");
    }

    #[test]
    fn items_without_ratings_share_their_scores_out_by_their_features() {
        let train = checkerboard(8, Feedback::Events).train;
        // Nobody met the last four items.
        let kept: Vec<usize> = (0..train.fit.len()).filter(|row| train.fit.items()[*row].index() < 4).collect();
        let train = Train { fit: train.fit.select(&kept), ..train };
        let run = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };
        let auto =
            Auto::new(&json!({ "min_medium": 1, "min_ratings": 1, "min_users": 1, "long_history": "popularity" }))
                .unwrap();
        let fitted = auto.fit(&train, &run).unwrap();
        let loaded = auto.load(fitted.save().unwrap(), &train.catalogue, &run).unwrap();
        let user = train.fit.users()[0];
        let parity = train.fit.items()[0].index() % 2;
        let new: Vec<ItemIdx> = train.catalogue.items.indices().skip(4).collect();
        for fitted in [&fitted, &loaded] {
            let mut scores = Scores::new();
            let all = Query { who: Who::Known(user), context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
            fitted.score(&[all, Query { candidates: Candidates::These(&new), ..all }], &mut scores).unwrap();
            assert_eq!(scores.row(0)[4..], *scores.row(1), "the other candidates do not matter");
            let of = |parity: usize| {
                let items = new.iter().zip(scores.row(1)).filter(|(item, _)| item.index() % 2 == parity);
                items.map(|(_, score)| *score).collect::<Vec<f32>>()
            };
            let (alike, other) = (of(parity), of(1 - parity));
            assert!(alike[0] == alike[1] && other[0] == other[1], "they have the same features");
            assert!(alike[0] > other[0] && alike[0] <= 0.0, "popularity ties them: {alike:?} {other:?}");
            let told = fitted.explain(&all, &new).unwrap().unwrap();
            assert!(told.iter().zip(scores.row(1)).all(|(told, score)| told.score == *score));
        }
    }

    #[test]
    fn parts_are_approaches_that_are_there_and_not_itself() {
        let refused = |options| Auto::new(&options).err().unwrap().to_string();
        assert!(refused(json!({ "long_history": "hybird" })).contains("did you mean `hybrid`?"));
        assert!(refused(json!({ "no_history": "auto" })).contains("no approach `auto`"));
        let nested = json!({ "name": "mine", "kind": "blend", "options": { "parts": ["blend"] } });
        assert!(refused(json!({ "long_history": nested })).contains("no approach `blend`"));
        assert!(refused(json!({ "minimum": 3 })).contains("`minimum`"));
        let bad = json!({ "name": "mine", "kind": "hybrid", "options": { "epochs": 0 } });
        assert!(refused(json!({ "long_history": bad })).contains("`epochs` is `0`"));
    }
}
