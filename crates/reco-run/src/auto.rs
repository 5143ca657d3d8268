//! The approach `auto`, which chooses one of four recommenders by how many ratings a user has.
//!
//! It is the article's rule of the cold start, made exact: without history, what is stated and what is popular; with a
//! few ratings, also what the same people met beside them; from enough ratings by a user and enough users on,
//! what is learned of whole histories, first blended with the former, then alone. Does not know the approaches that it
//! chooses among.
//!
//! **Invariant**: every part was trained on the same rows; the choice depends on numbers of training ratings alone and
//! can be asked for; its weights hold those of all its parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::{self, OptionsError};
use reco_core::{
    AnyApproach, ApproachEntry, Candidates, Catalogue, Choice, Explanation, FitError, Fitted, ItemIdx, LoadError,
    Profile, Query, Recommender, Requirement, Run, ScoreError, ScoreKind, Scores, Train, Trained, Weights, Who,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::blend;
use crate::part::{self, Part};

/// Its name in the registry.
pub(crate) const NAME: &str = "auto";

pub(crate) const ENTRY: ApproachEntry = ApproachEntry {
    name: NAME,
    about: "what is known for who has no history, what goes together for a short one, a blend for a long one",
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
    /// The number of training ratings from which a history is no longer short.
    min_medium: usize,
    /// The number of training ratings from which a history is long.
    min_ratings: usize,
    /// The number of users with training ratings from which `medium_history` and `long_history` are used.
    min_users: usize,
}

impl Default for AutoOptions {
    fn default() -> Self {
        let part = |name: &str, kind: &str, options| Part { name: name.to_owned(), kind: kind.to_owned(), options };
        // All that was met counts, as in what long histories are learned from.
        let short = part("short-history", "profile", json!({ "enjoyed": 0.0, "prior_people": 30.0, "history": true }));
        Self {
            no_history: short.clone(),
            short_history: short.clone(),
            medium_history: part("medium-history", "blend", json!({ "parts": [short, "ease", "ials"] })),
            long_history: "blend".to_owned().into(),
            min_medium: 10,
            min_ratings: 50,
            min_users: 101,
        }
    }
}

/// The names of the options that are approaches, in the order of growing histories. The names of their tensors begin
/// so.
const SLOTS: [&str; 4] = ["no_history", "short_history", "medium_history", "long_history"];

/// Replaces the names of approaches in `given` by the experiment's approaches, `(name, kind, options)`.
pub(crate) fn resolve(given: &mut Value, siblings: &[(&str, &str, Value)]) {
    let defaults = json!(AutoOptions::default());
    for slot in SLOTS {
        let named = given.get(slot).unwrap_or(&defaults[slot]);
        let mut part = part::resolve(named, siblings).unwrap_or_else(|| named.clone());
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
}

impl Auto {
    /// Reads its options.
    ///
    /// # Errors
    /// An unknown key or approach; an option that an approach refuses; `auto` among its own parts.
    pub(crate) fn new(given: &Value) -> Result<Self, OptionsError> {
        let place = "[[approach]] auto";
        let mut options: AutoOptions = options::parse(place, given)?;
        let parts = SLOTS.iter().zip(options.parts_mut());
        let parts = parts.map(|(slot, part)| part.configure(NAME, &format!("{place}.{slot}"))).collect::<Result<_, _>>()?;
        Ok(Self { options, parts })
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
        self.parts.iter().fold(Need::default(), |need, part| need.with(part.memory(catalogue)))
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        self.parts.iter().fold(Need::default(), |need, part| need.with(part.memory_to_load(catalogue)))
    }

    fn requires(&self) -> Vec<Requirement> {
        // A part that knows only its own users gives way to one that answers visitors.
        let all = self.parts.iter().flat_map(|part| part.requires()).filter(|one| *one != Requirement::KnownUsers);
        all.fold(Vec::new(), |mut all, one| {
            if !all.contains(&one) {
                all.push(one);
            }
            all
        })
    }

    fn fit(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        self.fit_with(train, run, &|_, _| Ok(None))
    }

    fn parts(&self) -> Vec<(&str, &Value)> {
        self.options.parts().map(|part| (part.kind.as_str(), &part.options)).to_vec()
    }

    fn fit_with(&self, train: &Train, run: &Run<'_>, trained: Trained<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let parts = self.options.parts().into_iter().zip(&self.parts);
        let parts = parts.map(|(part, approach)| part.fit(approach.as_ref(), train, run, trained));
        let parts = parts.collect::<Result<_, _>>()?;
        let mut n_ratings = vec![0; train.catalogue.n_users()];
        for user in train.fit.users() {
            n_ratings[user.index()] += 1;
        }
        Ok(Box::new(FittedAuto::new(self.options.clone(), parts, n_ratings, Arc::clone(&train.catalogue))))
    }

    fn load(&self, weights: Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Result<Box<dyn Fitted>, LoadError> {
        weights.read(NAME, catalogue, |weights| {
            let n_ratings = weights.take(N_RATINGS, &[catalogue.n_users()])?;
            let parts = SLOTS.iter().zip(&self.parts);
            let parts = parts.map(|(slot, part)| part::load(part.as_ref(), weights.take_part(slot), catalogue, run));
            let parts = parts.collect::<Result<_, _>>()?;
            let fitted = FittedAuto::new(self.options.clone(), parts, n_ratings, Arc::clone(catalogue));
            Ok(Box::new(fitted) as Box<dyn Fitted>)
        })
    }
}

/// The trained parts.
struct FittedAuto {
    options: AutoOptions,
    /// One per slot.
    parts: Vec<Box<dyn Fitted>>,
    /// Whether each of them has an answer for someone it was not trained on.
    answers_visitors: Vec<bool>,
    /// Training ratings of each user.
    n_ratings: Vec<u32>,
    n_active: usize,
    catalogue: Arc<Catalogue>,
}

impl FittedAuto {
    fn new(options: AutoOptions, parts: Vec<Box<dyn Fitted>>, n_ratings: Vec<u32>, catalogue: Arc<Catalogue>) -> Self {
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
            n_ratings,
            catalogue,
        }
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
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        self.parts[self.slot(&query.who).0].explain(query, items)
    }

    fn choice(&self, query: &Query<'_>) -> Option<Choice> {
        let (slot, reason) = self.slot(&query.who);
        Some(Choice { approach: self.options.parts()[slot].name.clone(), reason })
    }
}

impl Fitted for FittedAuto {
    fn n_parameters(&self) -> usize {
        self.parts.iter().map(|part| part.n_parameters()).sum()
    }

    fn device(&self) -> String {
        // The last part is the one with a device of its own, where any has.
        self.parts[SLOTS.len() - 1].device()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let n_ratings = self.n_ratings.iter().copied();
        let weights = Weights::new(NAME, &self.catalogue).with(N_RATINGS, &[self.n_ratings.len()], n_ratings);
        let mut parts = SLOTS.iter().zip(&self.parts);
        parts.try_fold(weights, |weights, (slot, part)| Ok(weights.with_part(slot, part.save()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::conformance::{Suite, check};
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{DeviceChoice, Seen, Silent, Target};

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
        let entry = json!({ "short_history": "content", "long_history": "collaborative", "min_medium": 2, "min_ratings": 2, "min_users": 3 });
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
