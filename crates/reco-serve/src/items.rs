//! Items that were added since the training: adds and removes them, places them among the run's own items by their
//! features, and scores them.
//!
//! Does not know the file that they are kept in, nor how a model comes to a score.
//!
//! **Invariant**: an item that the run knows is no added one; an added item's score is the mean of those that the model
//! gives to the items most like it, so that it follows whoever asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use reco_core::{ItemId, ItemIdx, Score, ScoreKind};
use reco_run::{Artifact, RunError, feature_of_year};
use reco_web::rerank::cosine;
use reco_web::search::Search;

use crate::api::{Answer, Item, NewItem};
use crate::engine::{Service, described};
use crate::events::{LONGEST_TEXT, unwritten};
use crate::filter::column;
use crate::problem::Problem;
use crate::store::{AddedItem, now};

/// How many items an added one is scored by, at most.
const NEAREST: usize = 10;
/// How like it they are at least, as a share of how like it the nearest is: what is merely of the same time says
/// little.
const NEAR: f32 = 0.8;
/// How many of them its reason names.
const NAMED: usize = 3;

/// An item of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnyItem {
    /// One of the run's.
    Known(ItemIdx),
    /// One that was added, by its place among these.
    Added(usize),
}

/// The added items that a run does not know, as that run sees them, in the order of their ids.
#[derive(Default)]
pub(crate) struct Added {
    items: Vec<Arc<Placed>>,
    search: Search,
}

/// An added item among those of a run.
struct Placed {
    item: Arc<AddedItem>,
    id: ItemId,
    /// One number per feature, as for the run's items.
    features: Vec<f32>,
    genres: Vec<String>,
    /// The items that are most like it, the nearest first; none where it shares nothing with any.
    nearest: Vec<ItemIdx>,
}

impl Added {
    /// Those of `items` that `artifact` does not know; what `before` has placed already is taken from there.
    pub(crate) fn among(artifact: &Artifact, items: &[Arc<AddedItem>], before: &Self) -> Self {
        let place = |item: &Arc<AddedItem>| {
            let same = before.find(&item.item_id).map(|place| &before.items[place]);
            let same = same.filter(|placed| Arc::ptr_eq(&placed.item, item));
            same.cloned().unwrap_or_else(|| Arc::new(Placed::new(artifact, item)))
        };
        let is_new = |item: &&Arc<AddedItem>| known(artifact, &item.item_id).is_none();
        let items: Vec<Arc<Placed>> = items.iter().filter(is_new).map(place).collect();
        let search = Search::new(items.iter().map(|placed| (placed.item.title.as_str(), 0)));
        Self { items, search }
    }

    /// Where the item called `id` stands.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        // As it was kept; they are in the order of these texts.
        let id = ItemId::parse(id.trim()).to_string();
        self.items.binary_search_by(|placed| placed.item.item_id.cmp(&id)).ok()
    }

    /// The places of all.
    pub(crate) fn places(&self) -> std::ops::Range<usize> {
        0..self.items.len()
    }

    pub(crate) fn search(&self) -> &Search {
        &self.search
    }

    /// The features of any item, one number per feature of the run.
    pub(crate) fn row<'a>(&'a self, artifact: &'a Artifact, item: AnyItem) -> &'a [f32] {
        match item {
            AnyItem::Known(item) => artifact.catalogue().item_features.matrix().row(item.index()),
            AnyItem::Added(place) => &self.items[place].features,
        }
    }

    /// Any item, as an answer has it.
    pub(crate) fn item(&self, artifact: &Artifact, item: AnyItem, score: Option<Score>) -> Item {
        match item {
            AnyItem::Known(item) => described(artifact, item, score),
            AnyItem::Added(place) => self.described(place, score),
        }
    }

    pub(crate) fn year(&self, place: usize) -> Option<i32> {
        self.items[place].item.year
    }

    /// The scores of those at `places`: of each the mean over the items most like it, for whom `score` asks the model.
    /// One without such items, or whose items the model leaves out, has none.
    pub(crate) fn scores(
        &self,
        places: &[usize],
        score: impl FnOnce(&[ItemIdx]) -> Result<Vec<(ItemIdx, Score)>, RunError>,
    ) -> Result<Vec<(usize, Score)>, RunError> {
        let near: BTreeSet<ItemIdx> =
            places.iter().flat_map(|&place| self.items[place].nearest.iter().copied()).collect();
        if near.is_empty() {
            return Ok(Vec::new());
        }
        let mut scores = score(&near.into_iter().collect::<Vec<_>>())?;
        scores.sort_by_key(|(item, _)| *item);
        let of = |item: &ItemIdx| {
            let at = scores.binary_search_by_key(item, |(item, _)| *item).ok()?;
            Some(f64::from(scores[at].1.get()))
        };
        let mean = |&place: &usize| {
            let given: Vec<f64> = self.items[place].nearest.iter().filter_map(of).collect();
            // The mean of none is no number, and no score.
            Some((place, Score::new((given.iter().sum::<f64>() / given.len() as f64) as f32)?))
        };
        Ok(places.iter().filter_map(mean).collect())
    }

    /// Why the item at `place` has its score.
    pub(crate) fn because(&self, place: usize, artifact: &Artifact) -> String {
        let nearest = self.items[place].nearest.iter().take(NAMED);
        let titles: Vec<&str> = nearest.map(|item| artifact.details[item.index()].title.as_str()).collect();
        format!("added since the training; scored as the items most like it: {}", titles.join("; "))
    }

    fn described(&self, place: usize, score: Option<Score>) -> Item {
        let Placed { item, id, genres, .. } = &*self.items[place];
        Item {
            item_id: id.clone(),
            title: item.title.clone(),
            year: item.year,
            genres: genres.clone(),
            features: item.features.iter().filter(|name| !genres.contains(name)).cloned().collect(),
            n_users: 0,
            is_added: true,
            score: score.map(Score::get),
            because: None,
            explanation: None,
        }
    }

    /// All items but the one at `place`, the most like it first, and how like it they are.
    pub(crate) fn like(&self, place: usize, artifact: &Artifact) -> Vec<(AnyItem, f32)> {
        let one = &self.items[place];
        let likeness = Likeness::to(artifact, &one.features, one.item.year);
        let known = artifact.catalogue().items.indices().map(|item| (AnyItem::Known(item), likeness.known(item)));
        let others = self.places().filter(|other| *other != place);
        let others = others.map(|other| {
            let Placed { features, item, .. } = &*self.items[other];
            (AnyItem::Added(other), likeness.of(features, item.year))
        });
        let mut like: Vec<(AnyItem, f32)> = known.chain(others).filter(|(_, likeness)| *likeness > 0.0).collect();
        // Stable: of equals, the run's items in the order of its catalogue come first.
        like.sort_by(|one, other| other.1.total_cmp(&one.1));
        like
    }
}

impl Placed {
    fn new(artifact: &Artifact, item: &Arc<AddedItem>) -> Self {
        let catalogue = artifact.catalogue();
        let (features, n_items) = (&catalogue.item_features, catalogue.n_items().max(1) as f32);
        let genres: BTreeSet<&String> = artifact.details.iter().flat_map(|details| &details.genres).collect();
        let is_genre = |name: &String| genres.contains(name);
        let number = |(column, name): (usize, &String)| {
            if features.spans().contains_key(name) {
                // What is not stated counts as the average, as in the data.
                return catalogue.items.indices().map(|item| features.matrix().row(item.index())[column]).sum::<f32>()
                    / n_items;
            }
            let is_stated = item.features.contains(name);
            let of_year = || !is_genre(name) && feature_of_year(name, item.year) == Some(true);
            f32::from(u8::from(is_stated || of_year()))
        };
        let row: Vec<f32> = features.names().iter().enumerate().map(number).collect();
        let likeness = Likeness::to(artifact, &row, item.year);
        let mut near: Vec<(ItemIdx, f32)> = catalogue
            .items
            .indices()
            .map(|item| (item, likeness.known(item)))
            .filter(|(_, like)| *like > 0.0)
            .collect();
        // Of equals, those that more people met say more.
        let people = |item: ItemIdx| artifact.n_people[item.index()];
        near.sort_by(|one, other| other.1.total_cmp(&one.1).then(people(other.0).cmp(&people(one.0))));
        near.truncate(NEAREST);
        let least = near.first().map_or(0.0, |(_, like)| NEAR * like);
        near.retain(|(_, like)| *like >= least);
        Self {
            id: ItemId::parse(&item.item_id),
            features: row,
            genres: item.features.iter().filter(|name| is_genre(name)).cloned().collect(),
            nearest: near.into_iter().map(|(item, _)| item).collect(),
            item: Arc::clone(item),
        }
    }
}

/// How like one item the others are: the cosine of features, beside which the year counts as one more. Years are an
/// angle, a right one between the first and the last of the run.
struct Likeness<'a> {
    artifact: &'a Artifact,
    row: Vec<f32>,
    years: (i32, i32),
}

impl<'a> Likeness<'a> {
    fn to(artifact: &'a Artifact, features: &[f32], year: Option<i32>) -> Self {
        let years = artifact.details.iter().filter_map(|details| details.year);
        let years = years.fold((i32::MAX, i32::MIN), |(low, high), year| (low.min(year), high.max(year)));
        let mut likeness = Self { artifact, row: Vec::new(), years };
        likeness.row = likeness.with_year(features, year);
        likeness
    }

    fn known(&self, item: ItemIdx) -> f32 {
        let row = self.artifact.catalogue().item_features.matrix().row(item.index());
        self.of(row, self.artifact.details[item.index()].year)
    }

    fn of(&self, features: &[f32], year: Option<i32>) -> f32 {
        cosine(&self.row, &self.with_year(features, year))
    }

    fn with_year(&self, features: &[f32], year: Option<i32>) -> Vec<f32> {
        let (low, high) = self.years;
        let angle = year.filter(|_| low <= high).map(|year| {
            let along = f64::from(year.clamp(low, high) - low) / f64::from((high - low).max(1));
            along * std::f64::consts::FRAC_PI_2
        });
        let (across, up) = angle.map_or((0.0, 0.0), |angle| (angle.cos() as f32, angle.sin() as f32));
        [features, &[across, up]].concat()
    }
}

impl Service {
    /// Adds an item; it can be recommended from then on.
    pub(crate) async fn add_item(&self, new: NewItem) -> Result<Item, Problem> {
        let store = self.store()?;
        let item = self.checked(new)?;
        let id = item.item_id.clone();
        if !store.add(item).await.map_err(unwritten)? {
            return Err(taken(&id));
        }
        self.place_added();
        self.item(&id)
    }

    /// Removes an item that was added.
    pub(crate) async fn remove_item(&self, id: &str) -> Result<Item, Problem> {
        let store = self.store()?;
        let item = self.item(id)?;
        let id = item.item_id.to_string();
        let names = |ids: &[String]| ids.iter().any(|named| ItemId::parse(named.trim()) == item.item_id);
        let filters = self.config.rules.scenario.iter().map(|(name, scenario)| (name, &scenario.filter));
        let naming =
            filters.into_iter().find(|(_, filter)| names(&filter.block) || filter.allow.as_deref().is_some_and(names));
        if let (Some((name, _)), true) = (naming, item.is_added) {
            let text = format!(
                "the scenario `{name}` names item `{id}`\nhint: take it from the service's configuration first"
            );
            return Err(Problem::new(StatusCode::CONFLICT, &text));
        }
        // What a later run knows too may still lie in the file.
        if !store.remove(&id).await.map_err(unwritten)? {
            let text =
                format!("item `{id}` is of the run, which is not changed\nhint: `block` it in a filter or a scenario");
            return Err(Problem::new(StatusCode::CONFLICT, &text));
        }
        self.place_added();
        Ok(item)
    }

    /// The added items that are kept, placed among those of the run that is served now.
    pub(crate) fn place_added(&self) {
        if let Some(store) = &self.store {
            self.bundle().place_added(store);
        }
    }

    /// What is to be kept of `new`, in the words of the run's data.
    fn checked(&self, new: NewItem) -> Result<AddedItem, Problem> {
        let first = self.bundle().first()?;
        let NewItem { item_id, title, year, features } = new;
        let item_id = ItemId::parse(item_id.trim()).to_string();
        for (name, text, most) in [("item_id", &item_id, LONGEST_TEXT), ("title", &title, LONGEST_TITLE)] {
            if text.trim().is_empty() || text.len() > most {
                let text =
                    format!("`{name}` has `{}` bytes\nhint: it has 1 to {most}, and not spaces alone", text.len());
                return Err(Problem::wrong(&text));
            }
        }
        if known(&first, &item_id).is_some() {
            return Err(taken(&item_id));
        }
        let catalogue = first.catalogue();
        for name in &features {
            let column = column(&first, name)?;
            if catalogue.item_features.spans().contains_key(&catalogue.item_features.names()[column]) {
                let text = format!(
                    "feature `{name}` is a number, which an added item cannot state\nhint: leave it out: it counts as the average"
                );
                return Err(Problem::wrong(&text));
            }
        }
        let features: BTreeSet<String> = features.into_iter().collect();
        let item = AddedItem { item_id, title, year, features: features.into_iter().collect(), timestamp: now() };
        if Placed::new(&first, &Arc::new(item.clone())).nearest.is_empty() {
            let text = format!(
                "item `{}` has nothing in common with any item of the run, so that nothing says whom it suits\nhint: \
                 state its `features` or its `year`; `/v1/models` lists the features",
                item.item_id
            );
            return Err(Problem::wrong(&text));
        }
        Ok(item)
    }

    /// The items most like the added one at `place`, by features alone: no model knows it.
    pub(crate) fn like_added(
        &self,
        artifact: &Artifact,
        added: &Added,
        place: usize,
        (k, offset): (usize, usize),
        run: &str,
    ) -> Answer {
        let like = added.like(place, artifact);
        let described = |&(item, likeness): &(AnyItem, f32)| added.item(artifact, item, Score::new(likeness));
        let items: Vec<Item> = like.iter().skip(offset).take(k).map(described).collect();
        let end = offset + items.len();
        Answer {
            recommendation_id: self.next_id(),
            user_id: None,
            run: run.to_owned(),
            approach: "features".to_owned(),
            why: Some("which compares items, since no model knows one that was added since the training".to_owned()),
            choice: None,
            arm: None,
            score_kind: ScoreKind::Order,
            notes: Vec::new(),
            items,
            next_offset: (end < like.len() && end < self.config.limits.k).then_some(end),
        }
    }
}

/// The run's item of that id, without the words that its absence would cost.
pub(crate) fn known(artifact: &Artifact, id: &str) -> Option<ItemIdx> {
    artifact.catalogue().items.get(&ItemId::parse(id.trim()))
}

/// An id that something has.
fn taken(id: &str) -> Problem {
    let text = format!(
        "there is an item `{id}` already\nhint: items go by ids of their own; `DELETE` removes one that was added"
    );
    Problem::new(StatusCode::CONFLICT, &text)
}

/// The most bytes of a title.
const LONGEST_TITLE: usize = 1024;
