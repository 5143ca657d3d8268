//! Loads a trained model from its folder and uses it, far from the run that made it.
//!
//! Does not know the run's other folders: a model's folder stands alone.
//!
//! **Invariant**: an [`Artifact`] that exists was checked: every file has the digest it was written with, and its
//! schema version is ours.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use reco_core::memory::loadable;
use reco_core::{
    Candidates, Catalogue, ContextValue, DeviceChoice, Fitted, ItemId, ItemIdx, LayerGraph, LoadError, Progress, Query,
    Ranking, Run, Score, Seen, Target, UserIdx, Weights, Who,
};
use reco_data::table::{Column, Table, TableReader};
use reco_features::{ItemDetails, context_vector, find_item, find_user, read_catalogue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::experiment::entry;
use crate::manifest::{Digests, Hashed, Manifest};
use crate::models::find_with;
use crate::{ManifestError, RunError};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "weights.safetensors";
pub(crate) const CATALOGUE: &str = "catalogue";
pub(crate) const SEEN: &str = "seen.parquet";
pub(crate) const SEEN_USER: &str = "user_row";
pub(crate) const SEEN_ITEM: &str = "item_row";
/// The part that a row is of: 0 for those that the model was fitted to, 1 for others met before the test, 2 for the
/// test.
pub(crate) const SEEN_PART: &str = "part";
/// The target that the model was to learn.
pub(crate) const SEEN_TARGET: &str = "target";
pub(crate) const HISTORY: &str = "history.json";
pub(crate) const LAYERS: &str = "layers.json";
pub(crate) const HINT: &str = "train again: `reco train`";

/// An artifact's description of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactConfig {
    /// Its name in the experiment.
    pub name: String,
    /// The registry's entry.
    pub kind: String,
    /// The approach's options.
    pub options: Value,
    /// The seed of all random choices in its training.
    pub seed: u64,
    /// The data set that it was trained on.
    pub dataset: String,
    /// Whether all its training rows have stars: an item that is named without any then counts as liked.
    #[serde(default)]
    pub has_stars: bool,
}

/// A trained model with all that an answer needs.
pub struct Artifact {
    /// Its description of itself.
    pub config: ArtifactConfig,
    /// The record of how it was made.
    pub manifest: Manifest,
    /// The model.
    pub model: Box<dyn Fitted>,
    /// Titles, names, years and genres, by item.
    pub details: Arc<[ItemDetails]>,
    /// The items that each user met, held out or not: none of them is new to the user.
    pub seen: Arc<[Seen]>,
    /// What each user rated, held out or not, row by row: what a model is told of a user who comes back.
    pub histories: Arc<[Vec<(ItemIdx, Target)>]>,
    /// The items that each user met before the test; the others are what an evaluation asks for.
    pub before_test: Arc<[Seen]>,
    /// For each item, the number of users' rows that the model was fitted to.
    pub n_people: Arc<[usize]>,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Counted from 1.
    pub rank: usize,
    /// The item's id, as the ratings file writes it.
    pub item_id: ItemId,
    /// The item's name, without year.
    pub name: String,
    /// Its year, where known.
    pub year: Option<i32>,
    /// Its genres.
    pub genres: Vec<String>,
    /// What the model answers: stars, scaled stars or an order, see [`score_kind`](reco_core::Recommender::score_kind).
    pub score: f32,
}

impl Artifact {
    /// Reads the model in `folder`.
    ///
    /// # Errors
    /// A folder that is missing, damaged, foreign or of another schema version; a missing device; more memory than
    /// there is.
    pub fn load(folder: &Path, device: DeviceChoice) -> Result<Self, RunError> {
        Self::load_watched(folder, device, &reco_core::Silent)
    }

    /// As [`Artifact::load`], where `progress` is asked whether to stop.
    ///
    /// # Errors
    /// As [`Artifact::load`]; an interruption.
    pub fn load_watched(folder: &Path, device: DeviceChoice, progress: &dyn Progress) -> Result<Self, RunError> {
        Self::load_once(folder, device, progress, &Hashed::default(), None)
    }

    /// As [`Artifact::load`], beside a model of the same run: what both know of users and items is held once.
    ///
    /// # Errors
    /// As [`Artifact::load`].
    pub fn load_beside(folder: &Path, device: DeviceChoice, other: &Self) -> Result<Self, RunError> {
        Self::load_once(folder, device, &reco_core::Silent, &Hashed::default(), Some(other))
    }

    /// As [`Artifact::load_watched`], where files that `hashed` knows are not hashed again, and what is as in `beside`
    /// is not read again.
    pub(crate) fn load_once(
        folder: &Path,
        device: DeviceChoice,
        progress: &dyn Progress,
        hashed: &Hashed,
        beside: Option<&Self>,
    ) -> Result<Self, RunError> {
        let foreign = |reason: String| RunError::ForeignModel { path: folder.display().to_string(), reason };
        let manifest = Manifest::read(folder, HINT)?;
        if manifest.stage != "train" {
            return Err(foreign(format!("its manifest is of the stage `{}`", manifest.stage)));
        }
        manifest.verify_once(folder, HINT, hashed)?;
        if !manifest.outputs.contains_key(WEIGHTS) {
            return Err(foreign(format!("it has no `{WEIGHTS}`: another version of reco trained it")));
        }
        let path = folder.join(CONFIG);
        let text = fs::read_to_string(&path).map_err(RunError::reading(&path))?;
        let config: ArtifactConfig =
            serde_json::from_str(&text).map_err(|error| foreign(format!("`{CONFIG}`: {error}")))?;
        // The model's description of itself has to agree with what its manifest says it was made with.
        let made = &manifest.experiment;
        let said = [("name", json!(config.name)), ("kind", json!(config.kind)), ("options", config.options.clone())];
        if let Some((key, said)) = said.iter().find(|(key, said)| made.get(key) != Some(said)) {
            return Err(foreign(format!("`{CONFIG}` has `{key}` as `{said}`, and its manifest as `{}`", made[*key])));
        }
        if config.seed != manifest.seed {
            return Err(foreign(format!(
                "`{CONFIG}` has the seed `{}`, and its manifest `{}`",
                config.seed, manifest.seed
            )));
        }
        // Equal digests, which were just checked, are equal files.
        let shared = |made: &Manifest| -> Digests {
            let of_all = |path: &str| path == SEEN || path.starts_with(CATALOGUE);
            made.outputs.iter().filter(|(path, _)| of_all(path)).map(|(path, it)| (path.clone(), it.clone())).collect()
        };
        let beside = beside.filter(|other| shared(&other.manifest) == shared(&manifest));
        let (catalogue, details) = match beside {
            Some(other) => (Arc::clone(other.catalogue()), Arc::clone(&other.details)),
            None => {
                let (catalogue, details) = read_catalogue(&folder.join(CATALOGUE))?;
                (catalogue, details.into())
            }
        };
        let Met { seen, before_test, histories, n_people } = match beside {
            Some(other) => Met {
                seen: Arc::clone(&other.seen),
                before_test: Arc::clone(&other.before_test),
                histories: Arc::clone(&other.histories),
                n_people: Arc::clone(&other.n_people),
            },
            None => read_seen(&folder.join(SEEN), &catalogue)?,
        };
        let approach = (entry(&path.display().to_string(), &config.kind)?.configure)(&config.options)
            .map_err(|error| foreign(error.to_string()))?;
        loadable(approach.as_ref(), &catalogue)?;
        let run = Run { seed: config.seed, device, progress };
        let path = folder.join(WEIGHTS);
        let weights = fs::read(&path).map(|bytes| Weights::from_bytes(&bytes)).map_err(RunError::reading(&path))?;
        let model =
            weights.and_then(|weights| approach.load(weights, &catalogue, &run)).map_err(|error| match error {
                LoadError::Interrupted => RunError::Interrupted,
                LoadError::Weights { reason } => {
                    RunError::Weights { path: path.display().to_string(), approach: config.kind.clone(), reason }
                }
                LoadError::Other(other) => LoadError::Other(other).into(),
            })?;
        Ok(Self { config, manifest, model, details, seen, histories, before_test, n_people })
    }

    /// Users, items, features.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        self.model.catalogue()
    }

    /// The stars that an item counts for if it is named without any: the most on the scale; `None` where nothing has
    /// stars.
    pub fn liked(&self) -> Option<f32> {
        self.config.has_stars.then(|| self.catalogue().scale.max())
    }

    /// The moment that `stated` describes, one number per context; contexts not stated are the
    /// training average.
    ///
    /// # Errors
    /// A context that the catalogue does not have, or a value that it cannot take.
    pub fn context(&self, stated: &BTreeMap<String, ContextValue>) -> Result<Vec<f32>, RunError> {
        Ok(context_vector(self.catalogue(), stated)?)
    }

    /// The user of that id, as the ratings file writes it.
    ///
    /// # Errors
    /// No such user.
    pub fn user(&self, id: &str) -> Result<UserIdx, RunError> {
        Ok(find_user(self.catalogue(), id)?)
    }

    /// The item of that id, as the ratings file writes it.
    ///
    /// # Errors
    /// No such item.
    pub fn item(&self, id: &str) -> Result<ItemIdx, RunError> {
        Ok(find_item(self.catalogue(), &self.details, id)?)
    }

    /// The best `top` items that each of `users` has not met according to `met` ([`Artifact::seen`] or
    /// [`Artifact::before_test`]), in the moment `context`.
    ///
    /// # Errors
    /// A score that is not finite, a context of the wrong length, a failing device.
    pub fn recommend(
        &self,
        users: &[UserIdx],
        met: &[Seen],
        context: &[f32],
        top: NonZeroUsize,
    ) -> Result<Vec<Ranking>, RunError> {
        let query = |&user: &UserIdx| Query {
            who: Who::Known(user),
            context,
            candidates: Candidates::AllExcept(&met[user.index()]),
        };
        let queries: Vec<Query<'_>> = users.iter().map(query).collect();
        Ok(self.model.recommend(&queries, top)?)
    }

    /// The items of a ranking with names and genres.
    pub fn describe(&self, entries: &[(ItemIdx, Score)]) -> Vec<Recommendation> {
        let line = |(row, (item, score)): (usize, &(ItemIdx, Score))| {
            let details = &self.details[item.index()];
            Recommendation {
                rank: row + 1,
                item_id: self.catalogue().items.id(*item).clone(),
                name: details.name.clone(),
                year: details.year,
                genres: details.genres.clone(),
                score: score.get(),
            }
        };
        entries.iter().enumerate().map(line).collect()
    }
}

/// The name and the layers of a network that was trained under `models`: the one called `name`, else the last in the
/// registry's order that has layers.
///
/// # Errors
/// No such model, or one that is not of the last run; a folder that is damaged or foreign; an approach that is no
/// network.
pub fn describe(models: &Path, name: Option<&str>) -> Result<(String, LayerGraph), RunError> {
    let folder = find_with(models, name, LAYERS)?;
    Manifest::read(&folder, HINT)?.verify(&folder, HINT)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = folder.join(LAYERS);
    if !path.exists() {
        return Err(RunError::NoNetwork { name });
    }
    let text = fs::read_to_string(&path).map_err(RunError::reading(&path))?;
    let graph = serde_json::from_str(&text).map_err(|error| RunError::Json {
        path: path.display().to_string(),
        reason: error.to_string(),
        hint: HINT.to_owned(),
    })?;
    Ok((name, graph))
}

/// Which user met which item.
struct Met {
    seen: Arc<[Seen]>,
    before_test: Arc<[Seen]>,
    histories: Arc<[Vec<(ItemIdx, Target)>]>,
    n_people: Arc<[usize]>,
}

fn read_seen(path: &Path, catalogue: &Catalogue) -> Result<Met, RunError> {
    let foreign = || ManifestError::Foreign {
        path: path.display().to_string(),
        reason: "it names rows that the catalogue does not have".to_owned(),
        hint: HINT.to_owned(),
    };
    let mut histories = vec![Vec::new(); catalogue.n_users()];
    let mut before_test = vec![Vec::new(); catalogue.n_users()];
    let mut n_people = vec![0; catalogue.n_items()];
    let mut add = |table: &Table| -> Result<(), RunError> {
        let column = |name| match table.get(name) {
            Some(Column::U32(rows)) => Ok(rows),
            _ => Err(table.no_column(name, "row numbers")),
        };
        let (users, items, parts) = (column(SEEN_USER)?, column(SEEN_ITEM)?, column(SEEN_PART)?);
        let Some(Column::F32(targets)) = table.get(SEEN_TARGET) else {
            return Err(table.no_column(SEEN_TARGET, "targets").into());
        };
        for (((&user, &item), &part), target) in users.iter().zip(items).zip(parts).zip(targets) {
            let item = catalogue.items.at(item as usize).ok_or_else(foreign)?;
            let target = target.and_then(Target::new).ok_or_else(foreign)?;
            histories.get_mut(user as usize).ok_or_else(foreign)?.push((item, target));
            if part < 2 {
                before_test[user as usize].push(item);
            }
            n_people[item.index()] += usize::from(part == 0);
        }
        Ok(())
    };
    let table = TableReader::open(path)?;
    // A file without rows has the columns, too.
    add(table.like())?;
    table.each(add)?;
    let before_test = before_test.into_iter().map(Seen::new).collect();
    let seen = histories.iter().map(|history| Seen::of(history)).collect();
    Ok(Met { seen, before_test, histories: histories.into(), n_people: n_people.into() })
}
