//! Answers a user or a new visitor with a trained model's best items and, on request, the reasons.
//!
//! Does not know how the answer is shown. The asker is a user of the catalogue, or a visitor who states something:
//! ratings, liked features, attributes.
//!
//! **Invariant**: an answer never holds an item that the asker has met; reasons are the model's own, with ids and names
//! in place of rows.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use reco_core::{
    Candidates, Cause, Choice, Explanation, ItemId, ItemIdx, Profile, Query, ScoreError, Scores, Seen, Target, UserId,
    UserIdx, Who,
};
use reco_features::find_item;
use serde::Serialize;

use crate::RunError;
use crate::artifact::{Artifact, Recommendation};
use crate::reasons::ItemFacts;

/// The asker: a user of the catalogue, or a visitor.
#[derive(Clone, Debug, PartialEq)]
pub enum Asker {
    /// A user of the catalogue, who is recommended nothing that the data say they have met.
    User(UserIdx),
    /// A user of the catalogue, as an evaluation asks: items held out for the test count as not met.
    Evaluated(UserIdx),
    /// Someone whom no model was trained on.
    Visitor(Visitor),
}

/// Someone whom no model was trained on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visitor {
    history: Vec<(ItemIdx, Target)>,
    seen: Seen,
    profile: Profile,
    /// The items of the history that were named without stars.
    liked: BTreeSet<ItemIdx>,
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The best items, best first; fewer than asked for where no more are left.
    pub items: Vec<Recommendation>,
    /// The approach that answers, where the model chooses among several.
    pub choice: Option<Choice>,
    /// The reasons for each item, where asked for and where the approach can give them.
    pub reasons: Option<Vec<Reasons>>,
    /// The reasons for each item as a sentence.
    pub because: Option<Vec<String>>,
    /// What the asker said that changed no score: `the ratings`, `what was stated`.
    pub unused: Vec<&'static str>,
    /// How many items there are to recommend, seen ones included.
    pub n_items: usize,
}

/// Why an item has its score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reasons {
    /// The terms of which the score is the sum, the greatest effect first, whatever its sign.
    pub terms: Vec<Reason>,
    /// How the score would change without a feature of the item, where the model looks at features.
    pub without: Vec<WithoutFeature>,
}

/// One summand of a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Where it comes from.
    #[serde(flatten)]
    pub cause: ReasonCause,
    /// What it adds, in the score's unit.
    pub effect: f32,
}

/// Where a summand of a score comes from: a [`Cause`] with ids and names.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum ReasonCause {
    /// A feature of the item.
    Feature {
        /// `Sci-Fi`.
        name: String,
        /// The weight that the asker gives it.
        weight: f32,
        /// Whether they said that they like it.
        #[serde(skip)]
        is_stated: bool,
    },
    /// An item that the asker has met.
    Item {
        /// Its id.
        item_id: ItemId,
        /// Its name.
        name: String,
        /// How alike it is.
        similarity: f32,
        /// In stars; `None` where it was named without any, or the model does not look at stars.
        rating: Option<f32>,
        /// Whether they said that they like it.
        #[serde(skip)]
        is_stated: bool,
    },
    /// Another user, who has rated the item.
    User {
        /// The user's id.
        user_id: UserId,
        /// How alike they are.
        similarity: f32,
        /// In stars.
        rating: f32,
    },
    /// A part of the model.
    Part {
        /// `cosine`, `user mean`.
        name: String,
    },
}

/// A score without one of the item's features.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithoutFeature {
    /// The feature.
    pub feature: String,
    /// The score without it, less the score with it.
    pub change: f32,
}

impl Asker {
    /// Whether the asker is a visitor of whom nothing at all is known.
    pub fn says_nothing(&self) -> bool {
        matches!(self, Self::Visitor(visitor) if visitor.history.is_empty() && visitor.profile.is_empty())
    }
}

impl Artifact {
    /// A visitor who states `profile` and has rated items, each named by its id as the ratings file writes it, with
    /// stars or without any. An item without stars counts as [`liked`](Self::liked) where ratings have stars, else as
    /// met.
    ///
    /// # Errors
    /// An item that is not there or is named twice, stars beyond the scale, a statement that the catalogue does not
    /// know.
    pub fn visitor(&self, profile: Profile, rated: &[(String, Option<f32>)]) -> Result<Asker, RunError> {
        let catalogue = self.catalogue();
        // Checked here as well, so that a mistake is found even if the approach does not read the profile.
        profile.stated(catalogue)?;
        let mut history = Vec::with_capacity(rated.len());
        let (mut met, mut liked) = (BTreeSet::new(), BTreeSet::new());
        for (id, stars) in rated {
            let item = find_item(catalogue, &self.details, id)?;
            if !met.insert(item) {
                return Err(RunError::RatedTwice { item: id.clone() });
            }
            if stars.is_none() {
                liked.insert(item);
            }
            let target = match stars.or(self.liked()) {
                None => Target::EVENT,
                Some(stars) => {
                    let rating = catalogue.scale.rating(stars);
                    let rating = rating.map_err(|source| RunError::Rated { item: id.clone(), source })?;
                    catalogue.scaling.target(item, rating)
                }
            };
            history.push((item, target));
        }
        Ok(Asker::Visitor(Visitor { history, seen: Seen::new(met.into_iter().collect()), profile, liked }))
    }

    /// The best `top` items that `asker` has not met, in the moment `context`; with reasons if `explain`.
    ///
    /// # Errors
    /// A visitor, if the approach knows only its own users; a context of the wrong length; a failing device.
    pub fn answer(&self, asker: &Asker, context: &[f32], top: NonZeroUsize, explain: bool) -> Result<Answer, RunError> {
        let (who, seen) = match asker {
            Asker::User(user) => (Who::Known(*user), &self.seen[user.index()]),
            Asker::Evaluated(user) => (Who::Known(*user), &self.before_test[user.index()]),
            Asker::Visitor(Visitor { history, seen, profile, .. }) => (Who::Visitor { history, profile }, seen),
        };
        let query = Query { who, context, candidates: Candidates::AllExcept(seen) };
        let ranking = self.model.recommend(&[query], top)?.remove(0);
        let reasons = if explain {
            let items: Vec<ItemIdx> = ranking.items().collect();
            let explanations = self.model.explain(&query, &items)?;
            explanations.map(|all| all.into_iter().map(|explanation| self.reasons(explanation, asker)).collect())
        } else {
            None
        };
        let sentence = |(item, reasons): (ItemIdx, &Reasons)| {
            // An artifact does not keep who gave how many stars.
            let n_people = self.n_people[item.index()];
            reasons.sentence(&ItemFacts { n_people, mean: None }, self.catalogue().scale)
        };
        Ok(Answer {
            because: reasons.as_ref().map(|reasons| ranking.items().zip(reasons).map(sentence).collect()),
            items: self.describe(&ranking),
            choice: self.model.choice(&query),
            reasons,
            unused: match asker {
                Asker::User(_) | Asker::Evaluated(_) => Vec::new(),
                Asker::Visitor(visitor) => self.unused(visitor, &query)?,
            },
            n_items: self.catalogue().n_items(),
        })
    }

    /// The parts of a visitor's words that change no score, found by leaving each of them out.
    fn unused(&self, visitor: &Visitor, query: &Query<'_>) -> Result<Vec<&'static str>, ScoreError> {
        let nobody = Profile::default();
        let Visitor { history, profile, .. } = visitor;
        let queries = [
            *query,
            Query { who: Who::Visitor { history: &[], profile }, ..*query },
            Query { who: Who::Visitor { history, profile: &nobody }, ..*query },
        ];
        let mut scores = Scores::new();
        self.model.score(&queries, &mut scores)?;
        let changes_nothing = |row: usize| scores.row(row) == scores.row(0);
        let mut unused = Vec::new();
        if !history.is_empty() && changes_nothing(1) {
            unused.push("the ratings");
        }
        if !profile.is_empty() && changes_nothing(2) {
            unused.push("what was stated");
        }
        Ok(unused)
    }

    fn reasons(&self, explanation: Explanation, asker: &Asker) -> Reasons {
        let Explanation { mut terms, without, .. } = explanation;
        // Stable: equal effects stay in the model's order.
        terms.sort_by(|one, other| other.effect.abs().total_cmp(&one.effect.abs()));
        let catalogue = self.catalogue();
        let said = |is: &dyn Fn(&Visitor) -> bool| matches!(asker, Asker::Visitor(visitor) if is(visitor));
        let cause = |cause| match cause {
            Cause::Feature { name, weight } => {
                let is_stated = said(&|visitor| visitor.profile.likes.contains(&name));
                ReasonCause::Feature { name, weight, is_stated }
            }
            Cause::Part { name } => ReasonCause::Part { name },
            Cause::Item { item, similarity, rating } => {
                let name = self.details[item.index()].name.clone();
                let is_stated = said(&|visitor| visitor.liked.contains(&item));
                let rating = rating.filter(|_| !is_stated);
                ReasonCause::Item { item_id: catalogue.items.id(item).clone(), name, similarity, rating, is_stated }
            }
            Cause::User { user, similarity, rating } => {
                ReasonCause::User { user_id: catalogue.users.id(user).clone(), similarity, rating }
            }
        };
        let without = without.into_iter().map(|one| WithoutFeature { feature: one.feature, change: one.change });
        Reasons {
            terms: terms.into_iter().map(|term| Reason { cause: cause(term.cause), effect: term.effect }).collect(),
            without: without.collect(),
        }
    }
}
