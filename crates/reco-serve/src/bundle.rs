//! A run's models, loaded as they are asked for, and which of them answers whom.
//!
//! Does not know requests.
//!
//! **Invariant**: all models of a bundle are of one run: they were trained on the same rows; the one that answers users
//! was loaded and asked before the bundle is served.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use reco_core::options::did_you_mean;
use reco_core::{Candidates, DeviceChoice, Profile, UserIdx};
use reco_run::{Artifact, AskedBy, Asker, Available, RunError, available, chooser, feature_of_year};
use reco_web::search::Search;

use crate::api::{ApproachInfo, Models};
use crate::config::ServeError;
use crate::items::Added;
use crate::problem::Problem;
use crate::store::Store;

/// A run's models.
pub(crate) struct Bundle {
    /// The name of the run.
    pub(crate) name: String,
    models: BTreeMap<String, Slot>,
    /// Their names in the registry's order.
    order: Vec<String>,
    /// Who answers unnamed, by what is known of the asker.
    defaults: BTreeMap<(usize, bool), Result<Choice, String>>,
    for_users: Choice,
    search: Search,
    added: RwLock<Arc<Added>>,
    star_step: Option<f32>,
    year_features: Vec<String>,
    device: DeviceChoice,
}

/// The model that answers unnamed.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) name: String,
    /// Why it is this one, worded to follow its name.
    pub(crate) why: String,
}

struct Slot {
    available: Available,
    loaded: OnceLock<Result<Arc<Artifact>, Problem>>,
}

/// The numbers of ratings from which another model may answer a visitor.
pub(crate) const STEPS: [usize; 3] = [0, 1, 5];

impl Bundle {
    /// The run called `name` in `folder`: the model that answers users is loaded and asked, the others are loaded when
    /// they are needed.
    ///
    /// # Errors
    /// A folder without models, a damaged model, one that does not answer.
    pub(crate) fn open(name: &str, folder: &Path, device: DeviceChoice) -> Result<Self, ServeError> {
        let listed = available(folder)?;
        let choose = chooser(folder)?;
        let chosen = |by| choose(by).map(|chosen| Choice { name: folder_name(&chosen.folder), why: chosen.why });
        let for_users = chosen(AskedBy::Users)?;
        let visitor = |n_rated, states| {
            let choice = chosen(AskedBy::Visitor { n_rated, states }).map_err(|error| error.to_string());
            ((n_rated, states), choice)
        };
        let defaults = STEPS.iter().flat_map(|&n| [visitor(n, false), visitor(n, true)]).collect();
        let first = listed
            .iter()
            .find(|one| one.name == for_users.name)
            .map(|one| Artifact::load(&one.folder, device))
            .transpose()?;
        let Some(first) = first.map(Arc::new) else { return Err(RunError::NoModels { path: name.to_owned() }.into()) };
        self_test(name, &first)?;
        let titles = first.details.iter().map(|item| item.title.as_str());
        let search = Search::new(titles.zip(first.n_people.iter().copied()));
        let order = listed.iter().map(|one| one.name.clone()).collect();
        let slot = |one: Available| (one.name.clone(), Slot { available: one, loaded: OnceLock::new() });
        let bundle = Self {
            name: name.to_owned(),
            models: listed.into_iter().map(slot).collect(),
            order,
            defaults,
            for_users,
            search,
            added: RwLock::default(),
            star_step: star_step(&first),
            year_features: year_features(&first),
            device,
        };
        let _ = bundle.models[&bundle.for_users.name].loaded.set(Ok(first));
        Ok(bundle)
    }

    /// The models' names in the registry's order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(String::as_str)
    }

    /// The model called `name`.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Artifact>, Problem> {
        let slot = self.models.get(name).ok_or_else(|| {
            let hint = did_you_mean(name, self.order.iter().map(String::as_str));
            Problem::missing(&format!("there is no approach `{name}`\nhint: {hint}"))
        })?;
        let load = || {
            let first = self.models[&self.for_users.name].loaded.get().and_then(|first| first.as_ref().ok());
            let folder = &slot.available.folder;
            let artifact = match first {
                Some(first) => Artifact::load_beside(folder, self.device, first)?,
                None => Artifact::load(folder, self.device)?,
            };
            if first.is_some_and(|first| first.manifest.inputs != artifact.manifest.inputs) {
                let text = format!(
                    "`{name}` was trained on other rows than the models that are served\nhint: activate the run again"
                );
                return Err(Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, &text));
            }
            Ok(Arc::new(artifact))
        };
        slot.loaded.get_or_init(load).clone()
    }

    /// The models in the registry's order.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Available> {
        self.order.iter().map(|name| &self.models[name].available)
    }

    /// A model that is loaded: for the catalogue, which all of them share.
    pub(crate) fn first(&self) -> Result<Arc<Artifact>, Problem> {
        self.get(&self.for_users.name)
    }

    /// Who answers users that no approach was named for.
    pub(crate) fn for_users(&self) -> &Choice {
        &self.for_users
    }

    /// Who answers visitors that no approach was named for.
    pub(crate) fn for_visitors(&self, n_rated: usize, states: bool) -> Result<&Choice, Problem> {
        let step = STEPS.iter().rev().find(|&&step| n_rated >= step).copied().unwrap_or_default();
        self.defaults[&(step, states)].as_ref().map_err(|text| Problem::wrong(text))
    }

    /// What it has, and what a request can name.
    pub(crate) fn described(&self) -> Result<Models, Problem> {
        let first = self.first()?;
        let catalogue = first.catalogue();
        let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in catalogue.user_features.names() {
            match name.split_once('=') {
                Some((name, value)) => attributes.entry(name.to_owned()).or_default().push(value.to_owned()),
                None => attributes.entry(name.clone()).or_default().clear(),
            }
        }
        let info = |model: &Available| ApproachInfo {
            name: model.name.clone(),
            kind: model.kind.clone(),
            validation: model.validation,
            is_default: model.name == self.for_users.name,
            answers_visitors: model.answers_visitors,
            follows_ratings: model.follows_ratings,
            uses_context: model.uses_context && !catalogue.contexts.is_empty(),
        };
        Ok(Models {
            run: self.name.clone(),
            runs: Vec::new(),
            dataset: first.config.dataset.clone(),
            n_users: catalogue.n_users(),
            n_items: catalogue.n_items(),
            stars: first.config.has_stars.then(|| (catalogue.scale.min(), catalogue.scale.max())),
            star_step: self.star_step,
            approaches: self.models().map(info).collect(),
            features: catalogue.item_features.names().to_vec(),
            year_features: self.year_features.clone(),
            attributes,
            contexts: catalogue.contexts.iter().map(|one| (one.name.clone(), (one.low, one.high))).collect(),
            scenarios: Vec::new(),
        })
    }

    pub(crate) fn search(&self) -> &Search {
        &self.search
    }

    /// The items that were added since the training and that this run does not know.
    pub(crate) fn added(&self) -> Arc<Added> {
        Arc::clone(&self.added.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Places the added items that `store` keeps among those of this run.
    pub(crate) fn place_added(&self, store: &Store) {
        // What loads it is asked for first: it is there, since the bundle was made with it.
        let Ok(first) = self.first() else { return };
        // Read under the lock: of two at once, the later one has what both know.
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        *added = Arc::new(Added::among(&first, &store.items(), &added));
    }
}

/// The greatest step from the least stars on which all ratings of `artifact` lie, or the first million of them.
fn star_step(artifact: &Artifact) -> Option<f32> {
    let catalogue = artifact.catalogue();
    let min = catalogue.scale.min();
    let is_on = |step: f32| {
        let mut rows = artifact.histories.iter().flatten().take(1_000_000);
        rows.all(|&(item, target)| {
            // Rounding on the way to a target and back is far below a thousandth of a step.
            let steps = catalogue.scaling.stars(item, target.get()).map(|stars| (stars - min) / step);
            steps.is_none_or(|steps| (steps - steps.round()).abs() < 1e-3)
        })
    };
    [1.0, 0.5, 0.25, 0.1].into_iter().find(|&step| artifact.config.has_stars && is_on(step))
}

fn year_features(artifact: &Artifact) -> Vec<String> {
    let details = || artifact.details.iter();
    let is_of_year =
        |name: &&String| feature_of_year(name, None).is_some() && details().all(|item| !item.genres.contains(name));
    let names = artifact.catalogue().item_features.names().iter();
    names.filter(|_| details().any(|item| item.year.is_some())).filter(is_of_year).cloned().collect()
}

fn folder_name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Asks `artifact` for the first user and, where it can, for a visitor of whom nothing is known.
fn self_test(run: &str, artifact: &Artifact) -> Result<(), ServeError> {
    let failed =
        |reason: String| ServeError::SelfTest { run: run.to_owned(), name: artifact.config.name.clone(), reason };
    let catalogue = artifact.catalogue();
    let (user, items) = (catalogue.users.indices().next(), catalogue.items.indices().collect::<Vec<_>>());
    let Some(asker): Option<Asker> = user.map(|user: UserIdx| Asker::User(user)) else {
        return Err(failed("it knows no user".to_owned()));
    };
    let ask = |asker: &Asker| artifact.rank(asker, Candidates::These(&items), &[], NonZeroUsize::MIN);
    let ranking = ask(&asker).map_err(|error| failed(error.to_string()))?;
    if ranking.len() != 1 {
        return Err(failed("it has no item for its first user".to_owned()));
    }
    // What knows only its users refuses here, which is no failure.
    if let Ok(visitor) = artifact.visitor(Profile::default(), &[]) {
        let _ = ask(&visitor);
    }
    Ok(())
}
