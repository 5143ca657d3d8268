//! Answers a user or a new visitor with a trained model's best items and, on request, the reasons.
//!
//! Does not know how the answer is shown. The asker is a user of the catalogue, or a visitor who states something:
//! ratings, liked features, attributes.
//!
//! **Invariant**: an answer never holds an item that the asker has met; reasons are the model's own, with ids and names
//! in place of rows.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use reco_core::{
    Candidates, Cause, Choice, Explanation, ItemId, ItemIdx, Profile, Query, Ranking, ScoreError, Scores, Seen, Target,
    UserId, UserIdx, Who,
};
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

    fn who(&self) -> Who<'_> {
        match self {
            Self::User(user) | Self::Evaluated(user) => Who::Known(*user),
            Self::Visitor(Visitor { history, profile, .. }) => Who::Visitor { history, profile },
        }
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
            let item = self.item(id)?;
            if !met.insert(item) {
                return Err(RunError::RatedTwice { item: id.clone() });
            }
            if stars.is_none() {
                liked.insert(item);
            }
            history.push((item, self.target(item, *stars)?));
        }
        Ok(Asker::Visitor(Visitor { history, seen: Seen::new(met.into_iter().collect()), profile, liked }))
    }

    /// The user `user`, who has since met `newest`, each item with stars or without any, as a visitor with their whole
    /// history and their attributes. The newest word on an item counts.
    ///
    /// # Errors
    /// Stars beyond the scale.
    pub fn returning(&self, user: UserIdx, newest: &[(ItemIdx, Option<f32>)]) -> Result<Asker, RunError> {
        let mut targets: BTreeMap<ItemIdx, Target> = self.histories[user.index()].iter().copied().collect();
        let mut liked = BTreeSet::new();
        for &(item, stars) in newest {
            if stars.is_none() {
                liked.insert(item);
            }
            targets.insert(item, self.target(item, stars)?);
        }
        let history: Vec<(ItemIdx, Target)> = targets.into_iter().collect();
        let profile = Profile::of(self.catalogue(), user);
        Ok(Asker::Visitor(Visitor { seen: Seen::of(&history), history, profile, liked }))
    }

    /// Whether the run has that `user` met `item` with just these stars, or without any where nothing has stars.
    pub fn holds(&self, user: UserIdx, item: ItemIdx, stars: Option<f32>) -> bool {
        let told = match (stars, self.config.has_stars) {
            (None, true) => None,
            (stars, _) => self.target(item, stars).ok(),
        };
        told.is_some_and(|told| self.histories[user.index()].contains(&(item, told)))
    }

    /// What a model is told of an item with these stars, or without any.
    fn target(&self, item: ItemIdx, stars: Option<f32>) -> Result<Target, RunError> {
        let catalogue = self.catalogue();
        let told = catalogue.told(item, stars, self.config.has_stars);
        told.map_err(|source| RunError::Rated { item: catalogue.items.id(item).to_string(), source })
    }

    /// What `asker` has met.
    pub fn met<'a>(&'a self, asker: &'a Asker) -> &'a Seen {
        match asker {
            Asker::User(user) => &self.seen[user.index()],
            Asker::Evaluated(user) => &self.before_test[user.index()],
            Asker::Visitor(visitor) => &visitor.seen,
        }
    }

    /// The best `top` items that `asker` has not met, in the moment `context`; with reasons if `explain`.
    ///
    /// # Errors
    /// A visitor, if the approach knows only its own users; a context of the wrong length; a failing device.
    pub fn answer(&self, asker: &Asker, context: &[f32], top: NonZeroUsize, explain: bool) -> Result<Answer, RunError> {
        let candidates = Candidates::AllExcept(self.met(asker));
        let ranking = self.rank(asker, candidates, context, top)?;
        let items: Vec<ItemIdx> = ranking.items().collect();
        let explained = if explain { self.explain(asker, context, &items)? } else { None };
        let (reasons, because) = explained.map(|all| all.into_iter().unzip()).unzip();
        let query = Query { who: asker.who(), context, candidates };
        Ok(Answer {
            because,
            items: self.describe(ranking.entries()),
            choice: self.model.choice(&query),
            reasons,
            unused: match asker {
                Asker::User(_) | Asker::Evaluated(_) => Vec::new(),
                Asker::Visitor(visitor) => self.unused(visitor, &query)?,
            },
            n_items: self.catalogue().n_items(),
        })
    }

    /// The best `top` of `candidates` for `asker`, whether met or not, in the moment `context`.
    ///
    /// # Errors
    /// As [`Artifact::answer`]; a candidate that is named twice.
    pub fn rank(
        &self,
        asker: &Asker,
        candidates: Candidates<'_>,
        context: &[f32],
        top: NonZeroUsize,
    ) -> Result<Ranking, RunError> {
        Ok(self.model.recommend(&[Query { who: asker.who(), context, candidates }], top)?.remove(0))
    }

    /// The reasons for each of `items`, and the same as a sentence; `None` from an approach that cannot give any.
    ///
    /// # Errors
    /// As [`Artifact::answer`].
    pub fn explain(
        &self,
        asker: &Asker,
        context: &[f32],
        items: &[ItemIdx],
    ) -> Result<Option<Vec<(Reasons, String)>>, RunError> {
        let query = Query { who: asker.who(), context, candidates: Candidates::These(items) };
        let Some(explanations) = self.model.explain(&query, items)? else { return Ok(None) };
        let explained = items.iter().zip(explanations).map(|(item, explanation)| {
            let reasons = self.reasons(explanation, asker);
            // An artifact does not keep who gave how many stars.
            let facts = ItemFacts { n_people: self.n_people[item.index()], mean: None };
            let because = reasons.sentence(&facts, self.catalogue().scale);
            (reasons, because)
        });
        Ok(Some(explained.collect()))
    }

    /// Which approach answers `asker`, where the model chooses among several.
    pub fn choice(&self, asker: &Asker, context: &[f32]) -> Option<Choice> {
        self.model.choice(&Query { who: asker.who(), context, candidates: Candidates::AllExcept(self.met(asker)) })
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
