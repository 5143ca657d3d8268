//! Defines what `catalogue.json` holds: items, features and models, without any user.
//!
//! Does not know who writes or reads it.
//!
//! **Invariant**: a catalogue that was published and read again has the same items, features and scale.

use std::collections::BTreeMap;

use reco_core::{
    Catalogue, ContextColumn, Features, ItemId, Items, Matrix, RatingScale, Scaling, Span, Users, VocabError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version that writes `catalogue.json` and reads it: another one's is refused.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A catalogue without users, and the models that answer visitors. `Item` is how an item is described: the page is
/// given more than [`Visitors`](crate::Visitors) read, which is [`About`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Published<Item> {
    /// [`VERSION`]
    pub version: String,
    /// All items, in the catalogue's order.
    pub items: Vec<Item>,
    /// What is known of items.
    pub item_features: Columns,
    /// For each item its features that are not 0, by column.
    pub item_rows: Vec<Vec<(usize, f32)>>,
    /// What a visitor can say of themselves.
    pub user_features: Columns,
    /// What describes a moment.
    pub contexts: Vec<ContextColumn>,
    /// The stars that a rating can have.
    pub scale: RatingScale,
    /// From stars to targets.
    pub scaling: Scaling,
    /// Whether ratings have stars.
    pub has_stars: bool,
    /// The models.
    pub models: Vec<Listed>,
    /// Which of them answers where none is named.
    pub unnamed: Vec<Unnamed>,
}

/// Which model answers where none is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unnamed {
    /// From so many ratings on.
    pub n_rated: usize,
    /// For who states something of themselves, or for others.
    pub states: bool,
    /// The model.
    pub approach: String,
    /// Why it is this one, worded to follow its name.
    pub why: String,
}

/// Names of features, and from which numbers they were scaled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Columns {
    /// One for each column.
    pub names: Vec<String>,
    /// Columns that were scaled to [0, 1], by name.
    pub spans: BTreeMap<String, Span>,
}

/// A model that answers visitors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in the experiment.
    pub name: String,
    /// The registry's entry.
    pub kind: String,
    /// Its options.
    pub options: Value,
    /// The seed of its training.
    pub seed: u64,
    /// The file of its weights, beside `catalogue.json`.
    pub file: String,
    /// The first digits of the file's SHA-256: part of its address, so that no browser keeps an older one for it.
    pub digest: String,
}

/// What is looked at of an item's description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its id.
    pub item_id: ItemId,
    /// As the data write it.
    pub title: String,
    /// Its year, where known.
    #[serde(default)]
    pub year: Option<i32>,
    /// How many users met it in training.
    pub n_users: usize,
}

impl Columns {
    fn of(features: &Features) -> Self {
        Self { names: features.names().to_vec(), spans: features.spans().clone() }
    }

    /// Features called so; `None` unless `matrix` has a column for each.
    fn with(&self, matrix: Matrix) -> Option<Features> {
        Some(Features::new(self.names.clone(), matrix)?.with_spans(self.spans.clone()))
    }
}

impl<Item> Published<Item> {
    /// Publishes `catalogue`, whose items are described by `items`, without models yet.
    pub fn new(catalogue: &Catalogue, items: Vec<Item>, has_stars: bool) -> Self {
        let matrix = catalogue.item_features.matrix();
        let row = |at| matrix.row(at).iter().copied().enumerate().filter(|(_, value)| *value != 0.0).collect();
        Self {
            version: VERSION.to_owned(),
            items,
            item_features: Columns::of(&catalogue.item_features),
            item_rows: (0..matrix.n_rows()).map(row).collect(),
            user_features: Columns::of(&catalogue.user_features),
            contexts: catalogue.contexts.clone(),
            scale: catalogue.scale,
            scaling: catalogue.scaling.clone(),
            has_stars,
            models: Vec::new(),
            unnamed: Vec::new(),
        }
    }
}

impl Published<About> {
    /// The catalogue, without users; `None` where rows or columns are not those of the items.
    ///
    /// # Errors
    /// An id that stands twice.
    pub(crate) fn catalogue(&self) -> Result<Option<Catalogue>, VocabError> {
        let items = Items::new(self.items.iter().map(|item| item.item_id.clone()).collect())?;
        let mut matrix = Matrix::zeros(items.len(), self.item_features.names.len());
        let is_scaled = |from: &[(f32, f32)]| from.len() == items.len();
        let is_whole = match &self.scaling {
            Scaling::ItemMinMax { from, .. } => is_scaled(from),
            Scaling::None | Scaling::MinMax { .. } => true,
        };
        if self.item_rows.len() != items.len() || !is_whole {
            return Ok(None);
        }
        for (at, row) in self.item_rows.iter().enumerate() {
            for &(column, value) in row {
                let Some(number) = matrix.row_mut(at).get_mut(column) else { return Ok(None) };
                *number = value;
            }
        }
        let nobody = Matrix::zeros(0, self.user_features.names.len());
        let (Some(item_features), Some(user_features)) =
            (self.item_features.with(matrix), self.user_features.with(nobody))
        else {
            return Ok(None);
        };
        Ok(Some(Catalogue {
            users: Users::new(Vec::new())?,
            items,
            user_features,
            item_features,
            contexts: self.contexts.clone(),
            scale: self.scale,
            scaling: self.scaling.clone(),
        }))
    }
}
