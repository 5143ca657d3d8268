//! Which items an answer may hold: by features, by year, by lists of ids.
//!
//! Does not know who asks, nor what they have met.
//!
//! **Invariant**: an item that a filter refuses is never among those that it allows, however few these are.

use std::collections::BTreeSet;

use reco_run::{Artifact, RunError};
use reco_web::Kinds;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::items::{Added, AnyItem};

/// Which items an answer may hold; all of its rules hold at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// At least one of these features, by their names in the data: `Sci-Fi`, `brand=Acme`.
    pub features: Vec<String>,
    /// None of these features.
    pub without_features: Vec<String>,
    /// This year or later; items without a year are left out.
    pub year_from: Option<i32>,
    /// This year or earlier; items without a year are left out.
    pub year_to: Option<i32>,
    /// Only these items, by id.
    #[serde(deserialize_with = "crate::api::optional_ids")]
    pub allow: Option<Vec<String>>,
    /// None of these items, by id.
    #[serde(deserialize_with = "crate::api::ids")]
    pub block: Vec<String>,
}

impl Filter {
    /// Whether it allows everything.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The items of `artifact`, in catalogue order, and after them those of `added`, that every one of `filters`
    /// allows.
    ///
    /// # Errors
    /// A feature or an item that neither has.
    pub(crate) fn allowed(filters: &[&Self], artifact: &Artifact, added: &Added) -> Result<Vec<AnyItem>, RunError> {
        let rules = filters.iter().map(|filter| Rules::of(filter, artifact, added)).collect::<Result<Vec<_>, _>>()?;
        let items = artifact.catalogue().items.indices().map(AnyItem::Known).chain(added.places().map(AnyItem::Added));
        let allow = |item: &AnyItem| {
            let features = added.row(artifact, *item);
            let year = match *item {
                AnyItem::Known(item) => artifact.details[item.index()].year,
                AnyItem::Added(place) => added.year(place),
            };
            rules.iter().all(|rules| rules.allow(*item, features, year))
        };
        Ok(items.filter(allow).collect())
    }
}

/// A filter in terms of a catalogue.
struct Rules {
    kinds: Kinds,
    allow: Option<BTreeSet<AnyItem>>,
    block: BTreeSet<AnyItem>,
}

impl Rules {
    fn of(filter: &Filter, artifact: &Artifact, added: &Added) -> Result<Self, RunError> {
        let item = |id: &String| match added.find(id) {
            Some(place) => Ok(AnyItem::Added(place)),
            None => artifact.item(id).map(AnyItem::Known),
        };
        let items = |ids: &[String]| ids.iter().map(item).collect::<Result<_, _>>();
        let features = &artifact.catalogue().item_features;
        let years = (filter.year_from, filter.year_to);
        Ok(Self {
            kinds: Kinds::of(features, &filter.features, &filter.without_features, years)?,
            allow: filter.allow.as_deref().map(items).transpose()?,
            block: items(&filter.block)?,
        })
    }

    fn allow(&self, item: AnyItem, features: &[f32], year: Option<i32>) -> bool {
        self.kinds.allow(features, year)
            && self.allow.as_ref().is_none_or(|allow| allow.contains(&item))
            && !self.block.contains(&item)
    }
}

/// The column of the item feature called `name`.
///
/// # Errors
/// No such feature; the message names the nearest.
pub(crate) fn column(artifact: &Artifact, name: &str) -> Result<usize, RunError> {
    Ok(reco_web::column(&artifact.catalogue().item_features, name)?)
}
