//! Asks a fitted model by ids: for a user it was trained on, or for a visitor with a history.
//!
//! Does not know how scores are made; its own methods ask in the average moment.
//!
//! **Invariant**: methods of [`Model`] itself take and give ids only, and `recommend` leaves out what was met; those of
//! [`Recommender`] use rows.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use crate::dot::Vectors;
use crate::options::did_you_mean;
use crate::{
    Candidates, Catalogue, Cause, Choice, Explanation, Fitted, ItemId, ItemIdx, LayerGraph, Profile, Query, Ranking,
    RatingError, Recommender, ScoreError, ScoreKind, Scores, Seen, Target, Train, TrainingLog, UserId, UserIdx,
    Weights, Who,
};

/// A fitted model, with the rows that it was fitted to.
pub struct Model {
    fitted: Box<dyn Fitted>,
    train: Train,
    /// Whether every training row has stars.
    has_stars: bool,
    seen: OnceLock<Vec<Seen>>,
}

/// For whom a model is asked: `"ann"`, `7`, or a [`Visitor`].
#[derive(Clone, Debug, PartialEq)]
pub enum Asker {
    /// A user of the catalogue.
    User(UserId),
    /// Someone whom no model was trained on.
    Visitor(Visitor),
}

/// Someone whom no model was trained on, with what they say of themselves.
///
/// ```
/// use reco_core::Visitor;
/// let eve = Visitor::new().rated("Alien", 5.0).rated("Brazil", 2.0).likes("Sci-Fi");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visitor {
    /// Items, with stars where they were rated.
    history: Vec<(ItemId, Option<f32>)>,
    profile: Profile,
}

/// What a score is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Reasons {
    /// The score.
    pub score: f32,
    /// What adds up to it, in words: `item bias`, `rated Brazil 3`, `user bob`; the greatest effect first.
    pub terms: Vec<(String, f32)>,
}

/// Why a model has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// A user of whom there is no row.
    #[error("unknown user `{user}`\nhint: {hint}; for someone new, ask for a `Visitor`")]
    User {
        /// Who was asked for.
        user: UserId,
        /// The nearest known ones.
        hint: String,
    },
    /// An item that is not in the catalogue.
    #[error("unknown item `{item}`\nhint: {hint}")]
    Item {
        /// What was asked for.
        item: ItemId,
        /// The nearest known ones.
        hint: String,
    },
    /// A visitor's rating off the scale.
    #[error("the rating of `{item}`: {source}")]
    Rating {
        /// What was rated.
        item: ItemId,
        /// What is wrong with it.
        source: RatingError,
    },
    /// A visitor's rating, told to a model of events.
    #[error("`{item}` is rated, and the training rows have no stars\nhint: say that it was met: `Visitor::met`")]
    NoStars {
        /// What was rated.
        item: ItemId,
    },
    /// A visitor who names an item twice.
    #[error("the visitor names `{item}` twice\nhint: keep one of them")]
    Twice {
        /// What was named.
        item: ItemId,
    },
    /// The model's own refusal.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl<T: Into<UserId>> From<T> for Asker {
    fn from(user: T) -> Self {
        Self::User(user.into())
    }
}

impl From<Visitor> for Asker {
    fn from(visitor: Visitor) -> Self {
        Self::Visitor(visitor)
    }
}

impl Visitor {
    /// A visitor of whom nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// They gave `item` this many stars.
    #[must_use]
    pub fn rated(mut self, item: impl Into<ItemId>, stars: f32) -> Self {
        self.history.push((item.into(), Some(stars)));
        self
    }

    /// They met `item`: a click, a purchase. To a model of stars it counts as the highest rating.
    #[must_use]
    pub fn met(mut self, item: impl Into<ItemId>) -> Self {
        self.history.push((item.into(), None));
        self
    }

    /// They like items with this feature.
    #[must_use]
    pub fn likes(mut self, feature: impl Into<String>) -> Self {
        self.profile.likes.push(feature.into());
        self
    }

    /// They say this of themselves: `attribute("age", 34)`, `attribute("gender", "F")`.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.profile.attributes.insert(name.into(), value.to_string());
        self
    }
}

/// An asker in terms of rows.
enum Found {
    User(UserIdx),
    Visitor { history: Vec<(ItemIdx, Target)>, seen: Seen, profile: Profile, met: Vec<ItemIdx> },
}

impl Model {
    /// `fitted`, which was fitted to `train`.
    pub fn new(fitted: Box<dyn Fitted>, train: &Train) -> Self {
        let has_stars = train.fit.ratings().iter().all(Option::is_some);
        Self { fitted, train: train.clone(), has_stars, seen: OnceLock::new() }
    }

    /// The best `n` items that the asker has not met, best first, each with its score; fewer where no more are left.
    ///
    /// # Errors
    /// An unknown user or item, a rating off the scale, a visitor asked of a model that knows only its users.
    pub fn recommend(&self, asker: impl Into<Asker>, n: usize) -> Result<Vec<(ItemId, f32)>, AskError> {
        let found = self.find(asker.into())?;
        self.best(&found, n)
    }

    /// The score of each of `items` for the asker, in the order given. [`Recommender::score_kind`] says what it is.
    ///
    /// # Errors
    /// As [`Model::recommend`].
    pub fn score_items<I: Into<ItemId>>(
        &self,
        asker: impl Into<Asker>,
        items: impl IntoIterator<Item = I>,
    ) -> Result<Vec<f32>, AskError> {
        let found = self.find(asker.into())?;
        let items = items.into_iter().map(|item| self.item(&item.into())).collect::<Result<Vec<ItemIdx>, _>>()?;
        let mut scores = Scores::new();
        self.fitted.score(&[self.query(&found, Candidates::These(&items))], &mut scores)?;
        Ok(scores.row(0).to_vec())
    }

    /// The `n` items that the model recommends to someone who met `item` alone and liked it: item-to-item by folding
    /// in.
    ///
    /// # Errors
    /// An unknown item; a model that knows only its users.
    pub fn similar_items(&self, item: impl Into<ItemId>, n: usize) -> Result<Vec<(ItemId, f32)>, AskError> {
        self.recommend(Visitor::new().met(item), n)
    }

    /// What the score of `item` for the asker is made of; `None` from a model that cannot say.
    ///
    /// # Errors
    /// As [`Model::recommend`].
    pub fn reasons(&self, asker: impl Into<Asker>, item: impl Into<ItemId>) -> Result<Option<Reasons>, AskError> {
        let found = self.find(asker.into())?;
        let items = [self.item(&item.into())?];
        let explanations = self.fitted.explain(&self.query(&found, Candidates::These(&items)), &items)?;
        let met = if let Found::Visitor { met, .. } = &found { met.as_slice() } else { &[] };
        Ok(explanations.and_then(|mut all| all.pop()).map(|explanation| self.in_words(explanation, met)))
    }

    /// What the model was fitted to.
    pub fn train(&self) -> &Train {
        &self.train
    }

    fn best(&self, found: &Found, n: usize) -> Result<Vec<(ItemId, f32)>, AskError> {
        let Some(n) = NonZeroUsize::new(n) else { return Ok(Vec::new()) };
        let seen = match found {
            Found::User(user) => &self.seen()[user.index()],
            Found::Visitor { seen, .. } => seen,
        };
        let rankings = self.fitted.recommend(&[self.query(found, Candidates::AllExcept(seen))], n)?;
        let entries = rankings.iter().flat_map(Ranking::entries);
        Ok(entries.map(|(item, score)| (self.catalogue().items.id(*item).clone(), score.get())).collect())
    }

    fn query<'a>(&self, found: &'a Found, candidates: Candidates<'a>) -> Query<'a> {
        let who = match found {
            Found::User(user) => Who::Known(*user),
            Found::Visitor { history, profile, .. } => Who::Visitor { history, profile },
        };
        Query { who, context: &[], candidates }
    }

    /// What each user met in training, gathered when it is first asked for.
    fn seen(&self) -> &[Seen] {
        self.seen.get_or_init(|| Seen::by_user(self.catalogue().n_users(), self.train.parts()))
    }

    fn find(&self, asker: Asker) -> Result<Found, AskError> {
        let catalogue = self.catalogue();
        match asker {
            Asker::User(user) => match catalogue.users.get(&user) {
                Some(user) => Ok(Found::User(user)),
                None => {
                    let hint = hint(&user.to_string(), catalogue.users.ids().iter().map(ToString::to_string));
                    Err(AskError::User { user, hint })
                }
            },
            Asker::Visitor(visitor) => self.visitor(visitor),
        }
    }

    fn visitor(&self, Visitor { history: told, profile }: Visitor) -> Result<Found, AskError> {
        let catalogue = self.catalogue();
        // Checked here as well, so that a mistake is found even if the model does not read the profile.
        profile.stated(catalogue)?;
        let (mut history, mut met) = (Vec::new(), Vec::new());
        for (item, stars) in told {
            let row = self.item(&item)?;
            if history.iter().any(|(other, _)| *other == row) {
                return Err(AskError::Twice { item });
            }
            if stars.is_none() {
                met.push(row);
            }
            if stars.is_some() && !self.has_stars {
                return Err(AskError::NoStars { item });
            }
            let target = catalogue.told(row, stars, self.has_stars);
            history.push((row, target.map_err(|source| AskError::Rating { item, source })?));
        }
        let seen = Seen::of(&history);
        Ok(Found::Visitor { history, seen, profile, met })
    }

    fn item(&self, item: &ItemId) -> Result<ItemIdx, AskError> {
        let items = &self.catalogue().items;
        items.get(item).ok_or_else(|| {
            let hint = hint(&item.to_string(), items.ids().iter().map(ToString::to_string));
            AskError::Item { item: item.clone(), hint }
        })
    }

    /// `met` are items that were told without stars.
    fn in_words(&self, Explanation { score, mut terms, .. }: Explanation, met: &[ItemIdx]) -> Reasons {
        // Stable: equal effects stay in the model's order.
        terms.sort_by(|one, other| other.effect.abs().total_cmp(&one.effect.abs()));
        let Catalogue { users, items, .. } = &**self.catalogue();
        let cause = |cause| match cause {
            Cause::Feature { name, .. } => name,
            Cause::Part { name } => name,
            Cause::Item { item, .. } if met.contains(&item) => format!("met {}", items.id(item)),
            Cause::Item { item, rating: Some(rating), .. } => format!("rated {} {rating}", items.id(item)),
            Cause::Item { item, rating: None, .. } => format!("met {}", items.id(item)),
            Cause::User { user, rating, .. } => format!("user {}, who gave {rating}", users.id(user)),
        };
        Reasons { score, terms: terms.into_iter().map(|term| (cause(term.cause), term.effect)).collect() }
    }
}

/// The nearest of `known`, of which the first are looked at: a catalogue may have millions.
fn hint(wanted: &str, known: impl Iterator<Item = String>) -> String {
    let known: Vec<String> = known.take(10_000).collect();
    did_you_mean(wanted, known.iter().map(String::as_str))
}

impl std::fmt::Display for Reasons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4}", self.score)?;
        self.terms.iter().try_for_each(|(name, effect)| write!(f, "\n  {effect:+.4}  {name}"))
    }
}

impl Recommender for Model {
    fn score_kind(&self) -> ScoreKind {
        self.fitted.score_kind()
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        self.fitted.catalogue()
    }

    fn leaves_out(&self) -> bool {
        self.fitted.leaves_out()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.fitted.score(queries, out)
    }

    fn reads_time(&self) -> bool {
        self.fitted.reads_time()
    }

    fn score_at(&self, queries: &[Query<'_>], times: &[&[Option<i64>]], out: &mut Scores) -> Result<(), ScoreError> {
        self.fitted.score_at(queries, times, out)
    }

    fn recommend(&self, queries: &[Query<'_>], k: NonZeroUsize) -> Result<Vec<Ranking>, ScoreError> {
        self.fitted.recommend(queries, k)
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        self.fitted.explain(query, items)
    }

    fn choice(&self, query: &Query<'_>) -> Option<Choice> {
        self.fitted.choice(query)
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        self.fitted.n_parameters()
    }

    fn device(&self) -> String {
        self.fitted.device()
    }

    fn training(&self) -> Option<&TrainingLog> {
        self.fitted.training()
    }

    fn layers(&self) -> Option<LayerGraph> {
        self.fitted.layers()
    }

    fn vectors(&self) -> Result<Option<Vectors>, ScoreError> {
        self.fitted.vectors()
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        self.fitted.for_visitors()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        self.fitted.save()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EachQuery, Term, Train};

    /// Scores an item by its row; an explanation has one term of each kind.
    struct ByRow(Arc<Catalogue>);

    impl EachQuery for ByRow {
        fn catalogue(&self) -> &Arc<Catalogue> {
            &self.0
        }

        fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
            let told = match query.who {
                Who::Known(_) => 0.0,
                Who::Visitor { history, .. } => history.iter().map(|(_, target)| target.get()).sum(),
            };
            query.candidates.write(scores, |item| item as f32 + told);
            Ok(())
        }

        fn explain(&self, _: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
            let user = self.0.users.at(1).unwrap();
            let causes = [
                (Cause::Part { name: "bias".to_owned() }, 0.5),
                (Cause::Item { item: items[0], similarity: 1.0, rating: Some(3.0) }, 0.25),
                (Cause::User { user, similarity: 1.0, rating: 4.0 }, -1.0),
            ];
            let terms = causes.into_iter().map(|(cause, effect)| Term { cause, effect }).collect();
            Ok(Some(vec![Explanation { score: -0.25, terms, without: Vec::new() }]))
        }
    }

    impl Fitted for ByRow {
        fn n_parameters(&self) -> usize {
            0
        }

        fn save(&self) -> Result<Weights, ScoreError> {
            Ok(Weights::new("by-row", &self.0))
        }
    }

    fn model() -> Model {
        let rows = [("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0), ("bob", "Casablanca", 1.0)];
        let train = Train::from_ratings(rows).unwrap();
        Model::new(Box::new(ByRow(Arc::clone(&train.catalogue))), &train)
    }

    fn ids(best: Vec<(ItemId, f32)>) -> Vec<(String, f32)> {
        best.into_iter().map(|(item, score)| (item.to_string(), score)).collect()
    }

    #[test]
    fn a_user_is_recommended_what_they_have_not_met() {
        let model = model();
        assert_eq!(ids(model.recommend("ann", 10).unwrap()), [("Casablanca".to_owned(), 2.0)]);
        assert_eq!(ids(model.recommend("bob", 10).unwrap()), [("Brazil".to_owned(), 1.0)]);
        assert!(model.recommend("bob", 0).unwrap().is_empty());
        let unknown = model.recommend("anne", 10).unwrap_err().to_string();
        assert_eq!(unknown, "unknown user `anne`\nhint: did you mean `ann`?; for someone new, ask for a `Visitor`");
    }

    #[test]
    fn a_visitor_tells_of_items_and_is_not_recommended_them() {
        let model = model();
        let told = Visitor::new().rated("Casablanca", 2.0).met("Alien");
        // What was met counts as the highest rating.
        assert_eq!(ids(model.recommend(told, 10).unwrap()), [("Brazil".to_owned(), 1.0 + 2.0 + 5.0)]);
        assert_eq!(ids(model.similar_items("Casablanca", 1).unwrap()), [("Brazil".to_owned(), 6.0)]);
        let off = model.recommend(Visitor::new().rated("Alien", 9.0), 1).unwrap_err().to_string();
        assert_eq!(off, "the rating of `Alien`: rating `9` is outside the scale `1` to `5`");
        let unknown = model.similar_items("Aliens", 1).unwrap_err().to_string();
        assert!(unknown.starts_with("unknown item `Aliens`\nhint: did you mean `Alien`?"), "{unknown}");
        let refuse = |visitor: Visitor| model.recommend(visitor, 1).unwrap_err().to_string();
        assert!(refuse(Visitor::new().met("Alien").rated("Alien", 2.0)).starts_with("the visitor names `Alien` twice"));
        assert!(refuse(Visitor::new().likes("Sci-Fi")).contains("unknown liked feature `Sci-Fi`"));
        let events = Train::from_events([("ann", "Alien"), ("bob", "Brazil")]).unwrap();
        let events = Model::new(Box::new(ByRow(Arc::clone(&events.catalogue))), &events);
        let told = events.recommend(Visitor::new().rated("Alien", 1.0), 1).unwrap_err().to_string();
        assert!(told.starts_with("`Alien` is rated, and the training rows have no stars\nhint: "), "{told}");
    }

    #[test]
    fn scores_and_reasons_are_told_by_ids() {
        let model = model();
        assert_eq!(model.score_items("ann", ["Brazil", "Alien"]).unwrap(), [1.0, 0.0]);
        let reasons = model.reasons("ann", "Alien").unwrap().unwrap();
        assert_eq!(
            reasons.to_string(),
            "-0.2500\n  -1.0000  user bob, who gave 4\n  +0.5000  bias\n  +0.2500  rated Alien 3"
        );
    }
}
