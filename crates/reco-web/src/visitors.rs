//! Answers a visitor's question with the best items of a model, and finds items by their titles.
//!
//! Does not know the page: it takes questions as the page asks the service, and gives rows of the catalogue in place of
//! items.
//!
//! **Invariant**: items of an answer are new to the visitor and pass the filter; a model answers once its weights were
//! taken.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::options::did_you_mean;
use reco_core::{
    ApproachEntry, Candidates, Catalogue, ContextValue, DeviceChoice, Fitted, ItemId, ItemIdx, LoadError, Profile,
    Query, RatingError, Run, ScoreError, ScoreKind, Seen, Silent, Target, VocabError, Weights, Who,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::kinds::Kinds;
use crate::published::{About, Listed, Published, VERSION};
use crate::question::{MOST, NOTHING_LEFT, left_out, wanted};
use crate::rerank::{POOL, diversify};
use crate::search::Search;

/// Models that answer visitors, and the catalogue that they share.
pub struct Visitors {
    catalogue: Arc<Catalogue>,
    about: Vec<About>,
    has_stars: bool,
    search: Search,
    models: Vec<(Listed, Option<Box<dyn Fitted>>)>,
}

/// The best items, best first.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The approach that answers.
    pub approach: String,
    /// What the scores are.
    pub score_kind: ScoreKind,
    /// What the visitor should know.
    pub notes: Vec<String>,
    /// The items.
    pub items: Vec<Ranked>,
    /// `offset` of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<usize>,
}

/// An item of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Its row in the catalogue.
    pub row: usize,
    /// What the model answers; none for an item that was searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// JSON that is none, or another.
    #[error("the {what} cannot be read: {source}")]
    Json {
        /// What was to be read.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A catalogue that another version wrote.
    #[error(
        "`catalogue.json` is of version `{found}`, and `reco.wasm` of `{VERSION}`\nhint: export the folder again: `reco export --format web`"
    )]
    Version {
        /// The version that wrote it.
        found: String,
    },
    /// No catalogue was read yet.
    #[error("no catalogue was read yet\nhint: open one first")]
    NotOpen,
    /// A catalogue that contradicts itself.
    #[error(
        "`catalogue.json` has rows or columns that are not those of its items\nhint: export the folder again: `reco export --format web`"
    )]
    Catalogue,
    /// An id that stands twice.
    #[error(transparent)]
    Vocab(#[from] VocabError),
    /// A model that is not there.
    #[error("there is no approach `{name}`\nhint: {hint}")]
    Approach {
        /// What was asked for.
        name: String,
        /// The nearest known ones.
        hint: String,
    },
    /// A model whose weights were not taken yet.
    #[error("`{name}` has no weights yet\nhint: give them before it is asked")]
    Weights {
        /// The model.
        name: String,
    },
    /// Weights that cannot be taken.
    #[error("`{name}`: {source}")]
    Load {
        /// The model.
        name: String,
        /// What is wrong with them.
        source: LoadError,
    },
    /// Options of another version.
    #[error("`{name}`: {source}")]
    Options {
        /// The model.
        name: String,
        /// What is wrong with them.
        source: reco_core::options::OptionsError,
    },
    /// A user: none is published.
    #[error("nothing is known of user `{user}` here\nhint: rate items, or ask the service")]
    User {
        /// Who was asked for.
        user: String,
    },
    /// A rating off the scale.
    #[error("the rating of `{item}`: {source}")]
    Rating {
        /// What was rated.
        item: String,
        /// What is wrong with it.
        source: RatingError,
    },
    /// A diversity that is no share.
    #[error("`diversity` is `{diversity}`\nhint: it lies between 0 and 1")]
    Diversity {
        /// What was asked for.
        diversity: f32,
    },
    /// A number of items that cannot be given.
    #[error(
        "`k` is `{k}` and `offset` is `{offset}`\nhint: `k` is 1 or more, and the two together are `{most}` or less"
    )]
    Many {
        /// How many were asked for.
        k: usize,
        /// How many are passed over.
        offset: usize,
        /// How many they are together at most.
        most: usize,
    },
    /// A feature that the items do not have, or the model's own refusal.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

/// What the page asks: the fields that it asks the service with.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Question {
    user_id: Option<String>,
    ratings: Vec<Rated>,
    likes: Vec<String>,
    attributes: BTreeMap<String, String>,
    /// Models that answer here do not look at the moment.
    #[serde(rename = "context")]
    _context: BTreeMap<String, ContextValue>,
    k: usize,
    offset: usize,
    approach: String,
    #[serde(rename = "scenario")]
    _scenario: Option<String>,
    filter: Filter,
    diversity: Option<f32>,
    /// Reasons are given by the service alone.
    #[serde(rename = "explain")]
    _explain: bool,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            user_id: None,
            ratings: Vec::new(),
            likes: Vec::new(),
            attributes: BTreeMap::new(),
            _context: BTreeMap::new(),
            k: 10,
            offset: 0,
            approach: String::new(),
            _scenario: None,
            filter: Filter::default(),
            diversity: None,
            _explain: false,
        }
    }
}

/// An item that was met.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rated {
    #[serde(deserialize_with = "id")]
    item_id: ItemId,
    #[serde(default)]
    rating: Option<f32>,
}

/// Which items may be recommended.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Filter {
    features: Vec<String>,
    without_features: Vec<String>,
    year_from: Option<i32>,
    year_to: Option<i32>,
}

/// Items with what a model is told of them.
type History = Vec<(ItemIdx, Target)>;

/// What the page searches for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Searched {
    query: String,
    k: usize,
    offset: usize,
}

impl Default for Searched {
    fn default() -> Self {
        Self { query: String::new(), k: 10, offset: 0 }
    }
}

impl Visitors {
    /// Reads `catalogue.json`; its models have no weights yet.
    ///
    /// # Errors
    /// What is no such file.
    pub fn new(catalogue: &[u8]) -> Result<Self, WebError> {
        #[derive(Deserialize)]
        struct Of {
            version: String,
        }
        let unread = |source| WebError::Json { what: "catalogue", source };
        // First of all: another version's may have other fields.
        let Of { version: found } = serde_json::from_slice(catalogue).map_err(unread)?;
        if found != VERSION {
            return Err(WebError::Version { found });
        }
        let published: Published<About> = serde_json::from_slice(catalogue).map_err(unread)?;
        let catalogue = Arc::new(published.catalogue()?.ok_or(WebError::Catalogue)?);
        let Published { items: about, has_stars, models, .. } = published;
        let search = Search::new(about.iter().map(|item| (item.title.as_str(), item.n_users)));
        Ok(Self { catalogue, about, has_stars, search, models: models.into_iter().map(|one| (one, None)).collect() })
    }

    /// Takes the weights of the model called `name`.
    ///
    /// # Errors
    /// A model that is not listed; weights that are not its own.
    pub fn load(&mut self, name: &str, weights: &[u8]) -> Result<(), WebError> {
        let at = self.find(name)?;
        let (listed, model) = &mut self.models[at];
        let entry = entry(&listed.kind).ok_or_else(|| {
            let known = reco_classic::APPROACHES.iter().map(|entry| entry.name);
            WebError::Approach { name: listed.kind.clone(), hint: did_you_mean(&listed.kind, known) }
        })?;
        let options = |source| WebError::Options { name: name.to_owned(), source };
        let approach = (entry.configure)(&listed.options).map_err(options)?;
        let run = Run { seed: listed.seed, device: DeviceChoice::Cpu, progress: &Silent };
        let loaded = Weights::from_bytes(weights).and_then(|weights| approach.load(weights, &self.catalogue, &run));
        *model = Some(loaded.map_err(|source| WebError::Load { name: name.to_owned(), source })?);
        Ok(())
    }

    /// The best items for whoever `question` describes, in JSON as `POST /v1/recommendations` takes it.
    ///
    /// # Errors
    /// A question that is none; what it names and the catalogue does not have; a model without weights.
    pub fn recommend(&self, question: &[u8]) -> Result<Answer, WebError> {
        let question: Question =
            serde_json::from_slice(question).map_err(|source| WebError::Json { what: "question", source })?;
        if let Some(user) = question.user_id {
            return Err(WebError::User { user });
        }
        let wanted = wanted(question.k, question.offset, question.diversity, MOST)?;
        let (listed_model, model) = &self.models[self.find(&question.approach)?];
        let model = model.as_deref().ok_or_else(|| WebError::Weights { name: listed_model.name.clone() })?;
        let (history, mut notes) = self.history(&question.ratings)?;
        let profile = Profile { likes: question.likes, attributes: question.attributes };
        // Checked here as well, so that a mistake is found even if the model does not read the profile.
        profile.stated(&self.catalogue)?;
        let met = Seen::of(&history);
        let allowed = self.allowed(&question.filter, &met)?;
        let total = allowed.len();
        let diversity = question.diversity.filter(|&diversity| diversity > 0.0);
        let pool = NonZeroUsize::new(POOL).filter(|_| diversity.is_some()).unwrap_or(NonZeroUsize::MIN);
        let who = Who::Visitor { history: &history, profile: &profile };
        let query = Query { who, context: &[], candidates: Candidates::These(&allowed) };
        let ranking = model.recommend(&[query], wanted.saturating_mul(pool))?.remove(0);
        let mut ranked = ranking.entries().to_vec();
        if let Some(diversity) = diversity {
            let features = |item: ItemIdx| self.catalogue.item_features.matrix().row(item.index());
            ranked = diversify(&ranked, features, diversity, wanted.get());
        }
        let page = ranked.into_iter().skip(question.offset).take(question.k);
        let items: Vec<Ranked> =
            page.map(|(item, score)| Ranked { row: item.index(), score: Some(score.get()) }).collect();
        if items.is_empty() {
            notes.push(NOTHING_LEFT.to_owned());
        }
        let end = question.offset + items.len();
        let next_offset = (end < total && end < MOST).then_some(end);
        Ok(Answer { approach: listed_model.name.clone(), score_kind: model.score_kind(), notes, items, next_offset })
    }

    /// The items whose titles fit what is searched for, `{"query", "k", "offset"}`; those that most users met, without
    /// a query.
    ///
    /// # Errors
    /// A question that is none.
    pub fn search(&self, question: &[u8]) -> Result<(Vec<Ranked>, Option<usize>), WebError> {
        let Searched { query, k, offset } =
            serde_json::from_slice(question).map_err(|source| WebError::Json { what: "question", source })?;
        wanted(k, offset, None, MOST)?;
        let found: Vec<usize> = match query.trim() {
            "" => {
                let mut rows: Vec<usize> = (0..self.about.len()).collect();
                rows.sort_by_key(|&row| std::cmp::Reverse(self.about[row].n_users));
                rows
            }
            query => self.search.find(query).into_iter().map(|(row, _)| row).collect(),
        };
        let next = (found.len() > offset + k && offset + k < MOST).then_some(offset + k);
        Ok((found.into_iter().skip(offset).take(k).map(|row| Ranked { row, score: None }).collect(), next))
    }

    /// What the visitor met, as a model is told, and what could not be told.
    fn history(&self, ratings: &[Rated]) -> Result<(History, Vec<String>), WebError> {
        let mut history = BTreeMap::new();
        let mut unknown = Vec::new();
        for Rated { item_id, rating } in ratings {
            let Some(item) = self.catalogue.items.get(item_id) else {
                unknown.push(item_id.to_string());
                continue;
            };
            let told = self.catalogue.told(item, *rating, self.has_stars);
            history.insert(item, told.map_err(|source| WebError::Rating { item: item_id.to_string(), source })?);
        }
        let note = left_out(unknown.iter().map(String::as_str));
        Ok((history.into_iter().collect(), note.into_iter().collect()))
    }

    /// The items that pass `filter` and are not in `met`.
    fn allowed(&self, filter: &Filter, met: &Seen) -> Result<Vec<ItemIdx>, WebError> {
        let features = &self.catalogue.item_features;
        let years = (filter.year_from, filter.year_to);
        let kinds = Kinds::of(features, &filter.features, &filter.without_features, years)?;
        let features = features.matrix();
        let is_allowed = |item: &ItemIdx| {
            !met.contains(*item) && kinds.allow(features.row(item.index()), self.about[item.index()].year)
        };
        Ok(self.catalogue.items.indices().filter(is_allowed).collect())
    }

    fn find(&self, name: &str) -> Result<usize, WebError> {
        self.models.iter().position(|(listed, _)| listed.name == name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> WebError {
        let known: BTreeSet<&str> = self.models.iter().map(|(listed, _)| listed.name.as_str()).collect();
        WebError::Approach { name: name.to_owned(), hint: did_you_mean(name, known.into_iter()) }
    }
}

/// Whether models of the approach `kind` can be loaded here; not all that can be answer visitors.
pub fn loads(kind: &str) -> bool {
    entry(kind).is_some()
}

fn entry(kind: &str) -> Option<&'static ApproachEntry> {
    reco_classic::APPROACHES.iter().find(|entry| entry.name == kind)
}

/// An id as the ratings file writes it, be it a number or a text here.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ItemId, D::Error> {
    Ok(ItemId::parse(&ItemId::deserialize(deserializer)?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_classic::Ease;
    use reco_core::{Approach, Model, Recommender, Train, Visitor};
    use serde_json::json;

    fn train() -> Train {
        let rows = [
            ("ann", "7", 5.0),
            ("ann", "Brazil", 4.0),
            ("bob", "7", 4.0),
            ("bob", "Brazil", 5.0),
            ("bob", "Dune", 5.0),
            ("cid", "Casablanca", 5.0),
            ("cid", "Dune", 1.0),
        ];
        Train::from_ratings(rows).unwrap()
    }

    /// What is published of a model of `train`, read again, and the model itself.
    fn published() -> (Visitors, Model) {
        let model = Ease::default().fit(&train(), &Run::default()).unwrap();
        let alone = model.for_visitors().unwrap();
        let items = model.catalogue().items.ids().iter().zip([2, 2, 2, 1]);
        let about = |(id, n_users): (&ItemId, usize)| About {
            item_id: id.clone(),
            title: format!("The {id}"),
            year: Some(1980 + n_users as i32),
            n_users,
        };
        let options = serde_json::to_value(Ease::default()).unwrap();
        let (name, file, digest) = ("mine".to_owned(), "mine.safetensors".to_owned(), String::new());
        let listed = Listed { name, kind: "ease".to_owned(), options, seed: 42, file, digest };
        let mut published = Published::new(alone.catalogue(), items.map(about).collect(), true);
        published.models.push(listed);
        let mut visitors = Visitors::new(&serde_json::to_vec(&published).unwrap()).unwrap();
        let early = visitors.recommend(br#"{"approach": "mine"}"#).unwrap_err().to_string();
        assert!(early.contains("`mine` has no weights yet"), "{early}");
        visitors.load("mine", &alone.save().unwrap().to_bytes()).unwrap();
        (visitors, model)
    }

    fn asked(visitors: &Visitors, mut question: serde_json::Value) -> Result<Answer, String> {
        question.as_object_mut().unwrap().entry("approach").or_insert(json!("mine"));
        visitors.recommend(question.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_as_the_model_does() {
        let (visitors, model) = published();
        let answer = asked(&visitors, json!({ "ratings": [{ "item_id": "7", "rating": 5.0 }, { "item_id": "Dune" }] }));
        let answer = answer.unwrap();
        let expected = model.recommend(Visitor::new().rated(7, 5.0).met("Dune"), 10).unwrap();
        let ids = &model.catalogue().items;
        let found: Vec<(ItemId, f32)> = answer
            .items
            .iter()
            .map(|ranked| (ids.id(ids.at(ranked.row).unwrap()).clone(), ranked.score.unwrap()))
            .collect();
        assert_eq!((found.len(), found), (2, expected));
        assert_eq!((answer.approach.as_str(), answer.next_offset), ("mine", None));
    }

    #[test]
    fn filters_pages_and_varies() {
        let (visitors, _) = published();
        let rows = |question| {
            let answer = asked(&visitors, question).unwrap();
            (answer.items.iter().map(|one| one.row).collect::<Vec<_>>(), answer.next_offset)
        };
        let (all, _) = rows(json!({}));
        assert_eq!(all.len(), 4);
        assert_eq!(rows(json!({ "k": 2, "offset": 1 })), (all[1..3].to_vec(), Some(3)));
        assert_eq!(rows(json!({ "filter": { "year_to": 1981 } })).0, [3]);
        let mut varied = rows(json!({ "diversity": 1.0 })).0;
        varied.sort_unstable();
        assert_eq!(varied, [0, 1, 2, 3]);
        let noted = asked(&visitors, json!({ "ratings": [{ "item_id": 99 }] })).unwrap();
        assert_eq!(noted.notes, ["left out, since the run does not know them: `99`"]);
    }

    #[test]
    fn what_it_does_not_have_is_named() {
        let (visitors, _) = published();
        for (question, reason) in [
            (json!({ "user_id": "ann" }), "nothing is known of user `ann` here"),
            (json!({ "approach": "yours" }), "there is no approach `yours`"),
            (json!({ "k": 0 }), "`k` is `0`"),
            (json!({ "diversity": 2.0 }), "`diversity` is `2`"),
            (json!({ "ratings": [{ "item_id": 7, "rating": 9.0 }] }), "the rating of `7`"),
            (json!({ "filter": { "features": ["Sci-Fi"] } }), "unknown feature `Sci-Fi`"),
            (json!({ "likes": ["Sci-Fi"] }), "Sci-Fi"),
            (json!({ "liked": [] }), "unknown field `liked`"),
        ] {
            let error = asked(&visitors, question).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(loads("ease") && !loads("neural"));
        let mut visitors = visitors;
        let error = visitors.load("mine", b"rubbish").unwrap_err().to_string();
        assert!(error.starts_with("`mine`: the weights cannot be loaded"), "{error}");
        let refused = |text: &[u8]| Visitors::new(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused(b"{}").starts_with("the catalogue cannot be read"));
        assert!(refused(br#"{"version": "0.0.1"}"#).contains("of version `0.0.1`"));
    }

    #[test]
    fn titles_are_found() {
        let (visitors, _) = published();
        let found = |question: &str| {
            let (items, next) = visitors.search(question.as_bytes()).unwrap();
            (items.iter().map(|one| one.row).collect::<Vec<_>>(), next)
        };
        assert_eq!(found(r#"{"query": "casblanca"}"#), (vec![3], None));
        assert_eq!(found(r#"{"k": 3}"#), (vec![0, 1, 2], Some(3)), "those that most met");
    }
}
