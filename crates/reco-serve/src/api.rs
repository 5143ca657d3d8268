//! What requests and answers look like: the types behind the OpenAPI document.
//!
//! Does not know how an answer comes about.
//!
//! **Invariant**: a field that a request misspells is an error; ids may be numbers or texts, as the ratings file has
//! them.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use reco_core::{ContextValue, ItemId, ScoreKind};
use reco_run::{EventCounts, Reasons};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};

use crate::filter::Filter;

/// For whom items are wanted, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ask {
    /// A user; left out for someone who has no id. What the user did since the training counts.
    #[serde(deserialize_with = "optional_id")]
    #[schema(example = "1")]
    pub(crate) user_id: Option<String>,
    /// Items that the visitor has met; for a user, besides those that are known. One that the run does not know is
    /// left out, and `notes` says so.
    pub(crate) ratings: Vec<Rated>,
    /// Features of items that the visitor likes: `Sci-Fi`.
    pub(crate) likes: Vec<String>,
    /// What the visitor says of themselves: `{"age": 34, "gender": "F"}`.
    #[serde(deserialize_with = "texts")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) attributes: BTreeMap<String, String>,
    /// The moment, by context names; what is not stated is the average of training: `{"daytime": 0}`.
    #[schema(value_type = BTreeMap<String, f64>)]
    pub(crate) context: BTreeMap<String, ContextValue>,
    /// How many items.
    #[schema(minimum = 1, example = 10)]
    pub(crate) k: usize,
    /// How many of the best items to pass over: `next_offset` of the page before.
    pub(crate) offset: usize,
    /// Which approach answers; left out, the scenario's, else the one that ranked best on validation.
    pub(crate) approach: Option<String>,
    /// A scenario of the service's configuration.
    pub(crate) scenario: Option<String>,
    /// Which items may be recommended.
    pub(crate) filter: Filter,
    /// Whether items that were met are left out.
    pub(crate) exclude_seen: bool,
    /// Whether each item comes with its reasons.
    pub(crate) explain: bool,
    /// From 0, the best items, to 1, items that are as unlike each other as can be.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) diversity: Option<f32>,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            user_id: None,
            ratings: Vec::new(),
            likes: Vec::new(),
            attributes: BTreeMap::new(),
            context: BTreeMap::new(),
            k: 10,
            offset: 0,
            approach: None,
            scenario: None,
            filter: Filter::default(),
            exclude_seen: true,
            explain: false,
            diversity: None,
        }
    }
}

/// An item that was met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rated {
    /// The item.
    #[serde(deserialize_with = "id")]
    #[schema(example = "50")]
    pub(crate) item_id: String,
    /// Stars; left out, the item counts as liked.
    #[serde(default)]
    #[schema(example = 5.0)]
    pub(crate) rating: Option<f32>,
}

/// The parameters of `GET /v1/users/{id}/recommendations`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AskParams {
    /// How many items
    #[serde(default = "ten")]
    #[param(minimum = 1, default = 10)]
    k: usize,
    /// How many of the best items to pass over: `next_offset` of the page before
    #[serde(default)]
    offset: usize,
    /// Which approach answers
    approach: Option<String>,
    /// A scenario of the service's configuration
    scenario: Option<String>,
    /// The moment: `daytime:0,weekend:1`
    #[serde(default)]
    context: String,
    /// At least one of these features: `Sci-Fi,Drama`
    #[serde(default)]
    features: String,
    /// None of these features
    #[serde(default)]
    without_features: String,
    /// This year or later
    year_from: Option<i32>,
    /// This year or earlier
    year_to: Option<i32>,
    /// Whether items that were met are left out
    #[serde(default = "yes")]
    #[param(default = true)]
    exclude_seen: bool,
    /// Whether each item comes with its reasons
    #[serde(default)]
    explain: bool,
    /// From 0, the best items, to 1, items that are as unlike each other as can be
    #[param(minimum = 0, maximum = 1)]
    diversity: Option<f32>,
}

impl AskParams {
    /// The same as a body would ask for `user`.
    pub(crate) fn ask(self, user: String) -> Result<Ask, String> {
        let list =
            |text: &str| text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let context = |pair: &str| {
            let (name, value) = pair.split_once(':').ok_or_else(|| {
                format!("the context `{pair}` has no value\nhint: write `name:value`, as `daytime:0`")
            })?;
            Ok((name.trim().to_owned(), ContextValue::from(value.trim())))
        };
        let pairs = self.context.split(',').filter(|pair| !pair.trim().is_empty());
        Ok(Ask {
            user_id: Some(user),
            context: pairs.map(context).collect::<Result<_, String>>()?,
            k: self.k,
            offset: self.offset,
            approach: self.approach,
            scenario: self.scenario,
            filter: Filter {
                features: list(&self.features),
                without_features: list(&self.without_features),
                year_from: self.year_from,
                year_to: self.year_to,
                ..Filter::default()
            },
            exclude_seen: self.exclude_seen,
            explain: self.explain,
            diversity: self.diversity,
            ..Ask::default()
        })
    }
}

/// Several questions at once.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// Each is answered as it would be alone.
    #[serde(deserialize_with = "few")]
    pub(crate) requests: Vec<Ask>,
}

/// The answers to several questions, in their order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Answers {
    /// One per question.
    pub(crate) answers: Vec<BatchAnswer>,
}

/// The answer to one question of several.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum BatchAnswer {
    /// It has one.
    Answer(Answer),
    /// It has none, and the others are answered all the same.
    Problem(crate::problem::Problem),
}

/// Items to be put in order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RankAsk {
    /// The items, by id; each once.
    #[serde(deserialize_with = "ids")]
    pub(crate) items: Vec<String>,
    /// For whom, as in `POST /v1/recommendations`; `k` and `filter` are not looked at.
    #[serde(default)]
    pub(crate) ask: Ask,
}

/// The best items, best first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Names this answer in the events that follow from it.
    pub(crate) recommendation_id: String,
    /// For whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    /// The run that answers.
    pub(crate) run: String,
    /// The approach that answers.
    pub(crate) approach: String,
    /// Why it is this one, where none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// Which of its parts answers, from an approach that chooses among several, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) choice: Option<String>,
    /// The arm of the A/B test that the user is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arm: Option<String>,
    /// What the scores are: `stars`, `targets` (scaled stars) or `order`.
    #[schema(value_type = String)]
    pub(crate) score_kind: ScoreKind,
    /// What the asker should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// The items.
    pub(crate) items: Vec<Item>,
    /// `offset` of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_offset: Option<usize>,
}

/// An item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    /// Its id.
    #[schema(schema_with = number_or_text)]
    pub(crate) item_id: ItemId,
    /// As the data write it.
    #[schema(example = "Star Wars (1977)")]
    pub(crate) title: String,
    /// Its year, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) year: Option<i32>,
    /// Its genres, where the data have any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) genres: Vec<String>,
    /// Its other features, by their names in the data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) features: Vec<String>,
    /// How many users met it in training.
    pub(crate) n_users: usize,
    /// Whether it was added since the training.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_added: bool,
    /// What the model answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<f32>,
    /// The reason in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
    /// What the score is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) explanation: Option<Reasons>,
}

/// An item that no model was trained on.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewItem {
    /// Its id, which nothing else has.
    #[serde(deserialize_with = "id")]
    #[schema(example = "2001")]
    pub(crate) item_id: String,
    /// As the data write titles.
    #[schema(example = "Heat (1995)")]
    pub(crate) title: String,
    /// Its year, where known.
    #[serde(default)]
    pub(crate) year: Option<i32>,
    /// Its features, by their names in the data, genres among them; those that follow from the year need not be named.
    #[serde(default)]
    pub(crate) features: Vec<String>,
}

/// The parameters of `GET /v1/items`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParams {
    /// Words of the title; left out, the items that most users met
    #[serde(default)]
    pub(crate) query: String,
    /// How many items
    #[serde(default = "ten")]
    #[param(minimum = 1, default = 10)]
    pub(crate) k: usize,
    /// How many to pass over
    #[serde(default)]
    pub(crate) offset: usize,
}

/// The parameters of `GET /v1/items/{id}/similar`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarParams {
    /// How many items
    #[serde(default = "ten")]
    #[param(minimum = 1, default = 10)]
    pub(crate) k: usize,
    /// How many to pass over
    #[serde(default)]
    pub(crate) offset: usize,
    /// Which approach answers
    pub(crate) approach: Option<String>,
    /// Whether each item comes with its reasons
    #[serde(default)]
    pub(crate) explain: bool,
}

impl SimilarParams {
    /// As many from there on, by whoever answers, without reasons.
    pub(crate) fn of(k: usize, offset: usize) -> Self {
        Self { k, offset, approach: None, explain: false }
    }
}

/// Items that were found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    /// Best first.
    pub(crate) items: Vec<Item>,
    /// `offset` of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_offset: Option<usize>,
}

/// Things that happened.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvents {
    /// In any order.
    pub(crate) events: Vec<NewEvent>,
}

/// A user met an item.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// Who; a user whom no model knows yet may be named.
    #[serde(deserialize_with = "id")]
    #[schema(example = "1")]
    pub(crate) user_id: String,
    /// What.
    #[serde(deserialize_with = "id")]
    #[schema(example = "50")]
    pub(crate) item_id: String,
    /// Stars, where there are any.
    #[serde(default)]
    pub(crate) rating: Option<f32>,
    /// What kind of event: `rating`, `click`, …; left out, `rating` with stars and else `event`.
    #[serde(default)]
    pub(crate) kind: Option<String>,
    /// Seconds since 1970; left out, now.
    #[serde(default)]
    pub(crate) timestamp: Option<i64>,
    /// The answer that led to it.
    #[serde(default)]
    pub(crate) recommendation_id: Option<String>,
    /// An idempotency key: an event that comes twice under one key counts once.
    #[serde(default)]
    pub(crate) key: Option<String>,
}

/// What became of events: all are on disk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct KeptEvents {
    /// How many were new.
    pub(crate) kept: usize,
    /// How many had come before under the same key.
    pub(crate) repeated: usize,
    /// How many name an item that the served models do not know: they are kept, and change no answer yet.
    pub(crate) unknown_items: usize,
}

/// What became of a user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Erased {
    /// How many events of theirs there were.
    pub(crate) events: usize,
    /// Whether the models that are served were trained on them: no answer uses that from now on.
    pub(crate) is_in_models: bool,
}

/// What was exported for the next training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exported {
    /// The folder beside the events' file, on the machine of the service.
    pub folder: String,
    /// Events, without exposures.
    pub events: usize,
    /// Those of them that have stars.
    pub rated: usize,
    /// Answers of an A/B test that were seen.
    pub exposures: usize,
    /// Users who were erased: the next training leaves them out.
    pub erased_users: usize,
}

impl Exported {
    /// What was written into `folder`, which is there.
    pub(crate) fn new(folder: &Path, counts: EventCounts) -> std::io::Result<Self> {
        let EventCounts { events, rated, exposures, erased } = counts;
        let folder = folder.canonicalize()?.display().to_string();
        Ok(Self { folder, events, rated, exposures, erased_users: erased })
    }
}

/// What is served.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Models {
    /// The run that is served.
    pub(crate) run: String,
    /// The runs that can be activated.
    pub(crate) runs: Vec<String>,
    /// The data set that its models were trained on.
    pub(crate) dataset: String,
    /// How many users.
    pub(crate) n_users: usize,
    /// How many items.
    pub(crate) n_items: usize,
    /// The least and the most stars; left out where the data have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stars: Option<(f32, f32)>,
    /// The step from one rating to the next: 0.5 where the data have half stars; left out where they have no step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) star_step: Option<f32>,
    /// Its models.
    pub(crate) approaches: Vec<ApproachInfo>,
    /// Features of items that a filter and a visitor can name.
    pub(crate) features: Vec<String>,
    /// Those of them that follow from an item's year.
    pub(crate) year_features: Vec<String>,
    /// Attributes that a visitor can state; with values where these are texts.
    pub(crate) attributes: BTreeMap<String, Vec<String>>,
    /// Contexts that a moment can state, with their least and greatest numbers.
    pub(crate) contexts: BTreeMap<String, (f32, f32)>,
    /// The scenarios that a request can name.
    pub(crate) scenarios: Vec<String>,
}

/// A model that is served.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ApproachInfo {
    /// Its name.
    pub(crate) name: String,
    /// The kind of approach.
    pub(crate) kind: String,
    /// How good its lists of validation rows were, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation: Option<f64>,
    /// Whether it answers users that no approach was named for.
    pub(crate) is_default: bool,
    /// Whether it answers visitors; if not, it answers users of the data alone.
    pub(crate) answers_visitors: bool,
    /// Whether what a visitor rates changes its lists.
    pub(crate) follows_ratings: bool,
    /// Whether the context changes its scores.
    pub(crate) uses_context: bool,
}

/// Which run is to be served.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activate {
    /// Its name, one of `runs`; the same run is read again from its folder.
    pub(crate) run: String,
}

pub(crate) fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
}

/// An id or a value as the caller writes it: a text, or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Integer(i64),
    /// Beyond the other's range: as a floating-point number it would lose digits.
    Large(u64),
    Number(f64),
    Text(String),
}

impl From<Written> for String {
    fn from(written: Written) -> Self {
        match written {
            Written::Integer(number) => number.to_string(),
            Written::Large(number) => number.to_string(),
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        }
    }
}

/// The schema of an id in an answer, which is what the data have.
fn number_or_text() -> Object {
    let kinds = SchemaType::from_iter([Type::Integer, Type::String]);
    ObjectBuilder::new().schema_type(kinds).description(Some("Its id, as the data write it")).build()
}

/// More entries than this are no list of questions: an empty one takes three bytes to send, and hundreds to keep.
const FEW: usize = 1000;

/// A list that is read no further than [`FEW`] entries.
fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of {FEW} entries at most")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let mut few = Vec::new();
            while let Some(entry) = entries.next_element()? {
                few.push(entry);
                if few.len() > FEW {
                    return Err(A::Error::invalid_length(few.len(), &self));
                }
            }
            Ok(few)
        }
    }
    deserializer.deserialize_seq(Few(PhantomData))
}

pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Written::deserialize(deserializer).map(String::from)
}

fn optional_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Written>::deserialize(deserializer)?.map(String::from))
}

pub(crate) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Written>::deserialize(deserializer)?.into_iter().map(String::from).collect())
}

pub(crate) fn optional_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let written = Option::<Vec<Written>>::deserialize(deserializer)?;
    Ok(written.map(|ids| ids.into_iter().map(String::from).collect()))
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let written = BTreeMap::<String, Written>::deserialize(deserializer)?;
    Ok(written.into_iter().map(|(name, value)| (name, value.into())).collect())
}
