//! Answers questions: who asks, which model answers, which items it may name, in which order.
//!
//! Does not know HTTP.
//!
//! **Invariant**: an answer comes from one bundle, whatever is activated meanwhile; what a filter refuses is not among
//! the candidates that a model is asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;
use reco_core::{Candidates, ItemIdx, Profile, Score, ScoreError, UserIdx};
use reco_run::{Artifact, Asker, RunError};
use reco_web::question::{NOTHING_LEFT, left_out, wanted};
use reco_web::rerank::{POOL, boost, diversify};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::api::{Activate, Answer, Ask, Found, Item, Models, Rated, SimilarParams};
use crate::bundle::Bundle;
use crate::config::{Scenario, ServeConfig, ServeError};
use crate::filter::{Filter, column};
use crate::items::{Added, AnyItem, known};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::store::{Store, now};

/// A service: runs of which one is active, and the events since.
pub struct Service {
    pub(crate) config: ServeConfig,
    active: RwLock<Arc<Bundle>>,
    /// One run is read at a time.
    reading: Mutex<()>,
    pub(crate) store: Option<Store>,
    pub(crate) metrics: Metrics,
    /// As many answers are computed at once as there are places.
    pub(crate) places: Arc<Semaphore>,
    /// What the ids of this process begin with.
    prefix: u64,
    answered: AtomicU64,
}

/// Who asks, in terms of one model.
struct Whom {
    asker: Asker,
    /// What they have met since the training, besides what `asker` knows.
    also_met: BTreeSet<AnyItem>,
    notes: Vec<String>,
}

/// What is known of the asker before a model is chosen.
struct Known {
    user: Option<UserIdx>,
    /// Items since the training, and those that the question names; the newest last.
    newest: Vec<(ItemIdx, Option<f32>)>,
    /// The items that were added since the training, and those of them that the asker met.
    added: Arc<Added>,
    met_added: BTreeSet<AnyItem>,
    notes: Vec<String>,
}

impl Service {
    /// The service that `config` describes: the first run is loaded, the events are read.
    ///
    /// # Errors
    /// A run or a store that cannot be used, a rule that names what the run does not have.
    pub fn open(config: ServeConfig) -> Result<Arc<Self>, ServeError> {
        let Some((name, folder)) = config.runs.first() else {
            return Err(RunError::NoModels { path: String::new() }.into());
        };
        let bundle = Bundle::open(name, folder, config.device)?;
        let store = config.events.as_deref().map(Store::open).transpose()?;
        store.iter().for_each(|store| bundle.place_added(store));
        check_rules(&config, &bundle)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let service = Arc::new(Self {
            config,
            active: RwLock::new(Arc::new(bundle)),
            reading: Mutex::new(()),
            store,
            metrics: Metrics::new(),
            places: Arc::new(Semaphore::new(2 * cores)),
            prefix: RandomState::new().hash_one(now()),
            answered: AtomicU64::new(0),
        });
        service.load_others();
        Ok(service)
    }

    /// Loads, beside the work, the models that nobody has asked for yet, until another run is served.
    fn load_others(self: &Arc<Self>) {
        let (bundle, service) = (self.bundle(), Arc::downgrade(self));
        let is_served =
            move |bundle: &Arc<Bundle>| service.upgrade().is_some_and(|service| Arc::ptr_eq(&service.bundle(), bundle));
        let load = move || {
            // The first answers have the cores and the memory to themselves.
            std::thread::sleep(HEAD_START);
            // A model that fails says so to whoever asks for it.
            bundle.names().take_while(|_| is_served(&bundle)).for_each(|name| drop(bundle.get(name)));
        };
        // If no thread can be had, each model is loaded when it is asked for.
        let _ = std::thread::Builder::new().name("loading".to_owned()).spawn(load);
    }

    /// What is served now.
    pub(crate) fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.active.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads a run, checks it, and serves it from then on; answers under way end with what they began with.
    pub(crate) fn activate(self: &Arc<Self>, activate: &Activate) -> Result<Models, Problem> {
        let name = &activate.run;
        let Some((_, folder)) = self.config.runs.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = self.config.runs.iter().map(|(name, _)| name.as_str()).collect();
            let text = format!(
                "there is no run `{name}`\nhint: runs are named when the service starts: `{}`",
                known.join("`, `")
            );
            return Err(Problem::missing(&text));
        };
        let refused = |error: ServeError| {
            let text = format!(
                "run `{name}` cannot be served, and the one before it stays\nhint: the service's log has the reason"
            );
            Problem::new(StatusCode::CONFLICT, &text).because(error.to_string())
        };
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let bundle = Bundle::open(name, folder, self.config.device).map_err(refused)?;
        self.store.iter().for_each(|store| bundle.place_added(store));
        check_rules(&self.config, &bundle).map_err(refused)?;
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bundle);
        // Once more, for what was added meanwhile.
        self.place_added();
        self.metrics.swaps.inc();
        self.load_others();
        self.models()
    }

    /// What is served, and what a request can name.
    pub(crate) fn models(&self) -> Result<Models, Problem> {
        let runs = self.config.runs.iter().map(|(name, _)| name.clone()).collect();
        Ok(Models {
            runs,
            scenarios: self.config.rules.scenario.keys().cloned().collect(),
            ..self.bundle().described()?
        })
    }

    /// The best items for whoever asks.
    pub(crate) fn answer(&self, ask: &Ask) -> Result<Answer, Problem> {
        let bundle = self.bundle();
        let scenario = match &ask.scenario {
            Some(name) => Some(self.config.rules.scenario(name).map_err(|text| Problem::wrong(&text))?),
            None => None,
        };
        let wanted = self.wanted(ask)?;
        self.may_explain([ask].into_iter())?;
        let known = self.known(ask, bundle.first()?.as_ref(), bundle.added());
        let arm = self.arm(ask);
        let named = ask.approach.as_ref().or(scenario.and_then(|scenario| scenario.approach.as_ref()));
        let named = named.or(arm.as_ref().map(|(_, approach)| *approach));
        let (name, why) = match (named, known.user) {
            (Some(name), _) => (name.clone(), None),
            (None, Some(_)) => (bundle.for_users().name.clone(), Some(bundle.for_users().why.clone())),
            (None, None) => {
                let states = !(ask.likes.is_empty() && ask.attributes.is_empty());
                let choice = bundle.for_visitors(known.newest.len(), states)?;
                (choice.name.clone(), Some(choice.why.clone()))
            }
        };
        let artifact = bundle.get(&name)?;
        let context = artifact.context(&ask.context)?;
        let whom = whom(ask, &known, &artifact, &context)?;
        let added = &known.added;
        let ranked = rank(ask, scenario, (&artifact, added), &whom, &context, wanted);
        let (ranked, total) = ranked.map_err(|error| match error {
            // A number that is far from all of the data is the asker's.
            RunError::Score(ScoreError::NotFinite { .. }) if !(ask.attributes.is_empty() && ask.context.is_empty()) => {
                let text =
                    "what is stated leads to scores that are no numbers\nhint: state numbers like those of the data";
                Problem::wrong(text)
            }
            other => other.into(),
        })?;
        let page: Vec<(AnyItem, Score)> = ranked.into_iter().skip(ask.offset).take(ask.k).collect();
        let own = page.iter().filter_map(|(item, _)| if let AnyItem::Known(item) = item { Some(*item) } else { None });
        let own: Vec<ItemIdx> = own.collect();
        let explained = match ask.explain && !own.is_empty() {
            true => artifact.explain(&whom.asker, &context, &own)?,
            false => None,
        };
        let mut notes = whom.notes;
        if ask.explain && explained.is_none() && !own.is_empty() {
            notes.push(format!("`{name}` cannot give reasons"));
        }
        if page.is_empty() {
            notes.push(NOTHING_LEFT.to_owned());
        }
        let mut explained = explained.into_iter().flatten();
        let line = |&(item, score): &(AnyItem, Score)| {
            let mut line = added.item(&artifact, item, Some(score));
            match item {
                AnyItem::Added(place) if ask.explain => line.because = Some(added.because(place, &artifact)),
                AnyItem::Added(_) => {}
                AnyItem::Known(_) => (line.explanation, line.because) = explained.next().unzip(),
            }
            line
        };
        let items: Vec<Item> = page.iter().map(line).collect();
        let end = ask.offset + items.len();
        let choice = artifact.choice(&whom.asker, &context);
        Ok(Answer {
            recommendation_id: self.next_id(),
            user_id: ask.user_id.clone(),
            run: bundle.name.clone(),
            approach: name,
            why,
            choice: choice.map(|choice| format!("{} answers, {}", choice.approach, choice.reason)),
            arm: arm.map(|(arm, _)| arm.to_owned()),
            score_kind: artifact.model.score_kind(),
            notes,
            items,
            next_offset: (end < total && end < self.config.limits.k).then_some(end),
        })
    }

    /// How many of the best items are looked for.
    fn wanted(&self, ask: &Ask) -> Result<NonZeroUsize, Problem> {
        let wanted = wanted(ask.k, ask.offset, ask.diversity, self.config.limits.k);
        wanted.map_err(|error| Problem::wrong(&error.to_string()))
    }

    /// Whether the reasons of all that `asks` want are few enough.
    pub(crate) fn may_explain<'a>(&self, asks: impl Iterator<Item = &'a Ask>) -> Result<(), Problem> {
        let most = self.config.limits.explained;
        let n = asks.filter(|ask| ask.explain).map(|ask| ask.k).fold(0, usize::saturating_add);
        match n > most {
            true => {
                let text =
                    format!("`explain` is asked for `{n}` items\nhint: a request has reasons for `{most}` at most");
                Err(Problem::wrong(&text))
            }
            false => Ok(()),
        }
    }

    /// Who asks, in terms of the run, with what happened since the training.
    fn known(&self, ask: &Ask, first: &Artifact, added: Arc<Added>) -> Known {
        let mut newest = Vec::new();
        let mut met_added = BTreeSet::new();
        let mut notes = Vec::new();
        let mut user = None;
        // White space tells no users apart: models know them without.
        if let Some(id) = ask.user_id.as_deref().map(str::trim) {
            let erased = self.store.as_ref().is_some_and(|store| store.is_erased(id));
            user = first.user(id).ok().filter(|_| !erased);
            let events = self.store.as_ref().map(|store| store.of_user(id)).unwrap_or_default();
            for event in events {
                if let Some(item) = known(first, &event.item_id) {
                    newest.push((item, event.rating.filter(|&stars| first.catalogue().scale.rating(stars).is_ok())));
                } else {
                    // Items that the run does not know wait for the next one.
                    met_added.extend(added.find(&event.item_id).map(AnyItem::Added));
                }
            }
            if user.is_none() && newest.is_empty() {
                notes.push(format!("nothing is known of user `{id}`: the answer is that for someone new"));
            }
        }
        let mut unknown = Vec::new();
        for Rated { item_id, rating } in &ask.ratings {
            match (known(first, item_id), added.find(item_id)) {
                (Some(item), _) => newest.push((item, *rating)),
                (None, Some(place)) => drop(met_added.insert(AnyItem::Added(place))),
                (None, None) => unknown.push(item_id.as_str()),
            }
        }
        notes.extend(left_out(unknown.into_iter()));
        if !met_added.is_empty() {
            notes.push("no model knows yet what you think of items that were added since the training".to_owned());
        }
        // The newest word on an item counts.
        let latest: BTreeMap<ItemIdx, Option<f32>> = newest.iter().copied().collect();
        Known { user, newest: latest.into_iter().collect(), added, met_added, notes }
    }

    /// The arm that the user is in, and its approach.
    fn arm(&self, ask: &Ask) -> Option<(&str, &String)> {
        let (ab, user) = (self.config.rules.ab.as_ref()?, ask.user_id.as_ref()?);
        let digest = Sha256::digest(format!("{}:{user}", ab.name));
        let draw = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
        let (arm, approach) = ab.arms.iter().nth((draw % ab.arms.len() as u64) as usize)?;
        Some((arm, approach))
    }

    /// Items like the one called `id`: what a visitor is recommended who met it alone and liked it.
    pub(crate) fn similar(&self, id: &str, params: SimilarParams) -> Result<Answer, Problem> {
        let SimilarParams { k, offset, approach, explain } = params;
        let bundle = self.bundle();
        let first = bundle.first()?;
        if let Err(error) = first.item(id) {
            let added = bundle.added();
            let place = added.find(id).ok_or_else(|| Problem::missing(&error.to_string()))?;
            self.wanted(&Ask { k, offset, ..Ask::default() })?;
            return Ok(self.like_added(&first, &added, place, (k, offset), &bundle.name));
        }
        let approach = match approach {
            Some(name) => name,
            // Who follows ratings at all, whatever the number.
            None => bundle.for_visitors(usize::MAX, false)?.name.clone(),
        };
        let ratings = vec![Rated { item_id: id.to_owned(), rating: None }];
        self.answer(&Ask { ratings, k, offset, explain, approach: Some(approach), ..Ask::default() })
    }

    /// The items whose titles fit `query`; those that most users met, without one.
    pub(crate) fn find(&self, query: &str, k: usize, offset: usize) -> Result<Found, Problem> {
        let wanted = self.wanted(&Ask { k, offset, ..Ask::default() })?;
        if query.len() > LONGEST_QUERY {
            let text = format!("`query` has `{}` bytes\nhint: it has {LONGEST_QUERY} at most", query.len());
            return Err(Problem::wrong(&text));
        }
        let bundle = self.bundle();
        let first = bundle.first()?;
        let added = bundle.added();
        let own = first.catalogue().items.indices();
        let found: Vec<AnyItem> = match query.trim() {
            "" => {
                let mut items: Vec<ItemIdx> = own.collect();
                items.sort_by_key(|item| std::cmp::Reverse(first.n_people[item.index()]));
                items.into_iter().map(AnyItem::Known).chain(added.places().map(AnyItem::Added)).collect()
            }
            query => {
                let own: Vec<ItemIdx> = own.collect();
                let known =
                    bundle.search().find(query).into_iter().map(|(place, fit)| (AnyItem::Known(own[place]), fit));
                let added = added.search().find(query).into_iter().map(|(place, fit)| (AnyItem::Added(place), fit));
                let mut found: Vec<(AnyItem, f64)> = known.chain(added).collect();
                // Stable: of equals, the run's items come first.
                found.sort_by(|one, other| other.1.total_cmp(&one.1));
                found.into_iter().map(|(item, _)| item).collect()
            }
        };
        let more = found.len() > offset + k && wanted.get() < self.config.limits.k;
        let page = found.into_iter().skip(offset).take(k);
        let items = page.map(|item| added.item(&first, item, None)).collect();
        Ok(Found { items, next_offset: more.then_some(offset + k) })
    }

    /// The item called `id`.
    pub(crate) fn item(&self, id: &str) -> Result<Item, Problem> {
        let bundle = self.bundle();
        let (first, added) = (bundle.first()?, bundle.added());
        let item = match added.find(id) {
            Some(place) => AnyItem::Added(place),
            None => AnyItem::Known(first.item(id).map_err(|error| Problem::missing(&error.to_string()))?),
        };
        Ok(added.item(&first, item, None))
    }

    /// An id that no other answer has.
    pub(crate) fn next_id(&self) -> String {
        format!("{:016x}-{:x}", self.prefix, self.answered.fetch_add(1, Ordering::Relaxed))
    }
}

/// How long models that nobody has asked for wait for those that were.
const HEAD_START: Duration = Duration::from_millis(200);

/// The most bytes of a query: each of its words is compared with all words of titles.
const LONGEST_QUERY: usize = 256;

/// The best candidates, best first, and how many candidates there are.
fn rank(
    ask: &Ask,
    scenario: Option<&Scenario>,
    (artifact, added): (&Artifact, &Added),
    whom: &Whom,
    context: &[f32],
    wanted: NonZeroUsize,
) -> Result<(Vec<(AnyItem, Score)>, usize), RunError> {
    let met = artifact.met(&whom.asker);
    let is_new = |item: &AnyItem| {
        let is_met = matches!(item, AnyItem::Known(item) if met.contains(*item));
        !is_met && !whom.also_met.contains(item)
    };
    let filters: Vec<&Filter> =
        [Some(&ask.filter), scenario.map(|scenario| &scenario.filter)].into_iter().flatten().collect();
    let everything = filters.iter().all(|filter| filter.is_empty()) && whom.also_met.is_empty() && ask.exclude_seen;
    let allowed: Option<Vec<AnyItem>> = match everything {
        true => None,
        false => {
            let allowed = Filter::allowed(&filters, artifact, added)?.into_iter();
            Some(allowed.filter(|item| !ask.exclude_seen || is_new(item)).collect())
        }
    };
    let own: Option<Vec<ItemIdx>> = allowed.as_ref().map(|allowed| {
        allowed.iter().filter_map(|item| if let AnyItem::Known(item) = item { Some(*item) } else { None }).collect()
    });
    let others: Vec<usize> = match &allowed {
        Some(allowed) => allowed
            .iter()
            .filter_map(|item| if let AnyItem::Added(place) = item { Some(*place) } else { None })
            .collect(),
        None => added.places().collect(),
    };
    let (candidates, n) = match &own {
        Some(own) => (Candidates::These(own), own.len()),
        None => (Candidates::AllExcept(met), artifact.catalogue().n_items() - met.items().len()),
    };
    let ask_model = |candidates: Candidates<'_>, top| artifact.rank(&whom.asker, candidates, context, top);
    let others = added.scores(&others, |near| {
        let top = NonZeroUsize::new(near.len()).unwrap_or(NonZeroUsize::MIN);
        Ok(ask_model(Candidates::These(near), top)?.entries().to_vec())
    })?;
    let n_all = n + others.len();
    let Some(all) = NonZeroUsize::new(n_all) else { return Ok((Vec::new(), 0)) };
    let diversity = ask.diversity.or(scenario.and_then(|scenario| scenario.diversity)).filter(|&d| d > 0.0);
    let boosts = scenario.map(|scenario| &scenario.boost).filter(|boosts| !boosts.is_empty());
    let top = match (boosts, diversity) {
        (Some(_), _) => all,
        (None, Some(_)) => all.min(wanted.saturating_mul(NonZeroUsize::new(POOL).unwrap_or(NonZeroUsize::MIN))),
        (None, None) => all.min(wanted),
    };
    let mut ranked: Vec<(AnyItem, Score)> = match n {
        0 => Vec::new(),
        _ => ask_model(candidates, top)?.entries().iter().map(|&(item, score)| (AnyItem::Known(item), score)).collect(),
    };
    if !others.is_empty() {
        ranked.extend(others.into_iter().map(|(place, score)| (AnyItem::Added(place), score)));
        // Stable: of equals, what the model knows comes first.
        ranked.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        ranked.truncate(top.get());
    }
    let features = |item| added.row(artifact, item);
    if let Some(boosts) = boosts {
        let columns = boosts.iter().map(|(name, &weight)| Ok((column(artifact, name)?, weight)));
        boost(&mut ranked, features, &columns.collect::<Result<Vec<_>, RunError>>()?);
    }
    if let Some(diversity) = diversity {
        ranked.truncate(POOL * wanted.get());
        ranked = diversify(&ranked, features, diversity, wanted.get());
    }
    Ok((ranked, n_all))
}

/// Who asks, in terms of `artifact`.
fn whom(ask: &Ask, known: &Known, artifact: &Artifact, context: &[f32]) -> Result<Whom, Problem> {
    let mut notes = known.notes.clone();
    let also_met = known.met_added.clone();
    let Some(user) = known.user else {
        let profile = Profile { likes: ask.likes.clone(), attributes: ask.attributes.clone() };
        let items = &artifact.catalogue().items;
        let rated: Vec<(String, Option<f32>)> =
            known.newest.iter().map(|&(item, stars)| (items.id(item).to_string(), stars)).collect();
        return Ok(Whom { asker: artifact.visitor(profile, &rated)?, also_met, notes });
    };
    if known.newest.is_empty() {
        return Ok(Whom { asker: Asker::User(user), also_met, notes });
    }
    let asker = artifact.returning(user, &known.newest)?;
    let probe = artifact.rank(&asker, Candidates::These(&[known.newest[0].0]), context, NonZeroUsize::MIN);
    match probe {
        Err(RunError::Score(ScoreError::Visitor { .. })) => {
            if known.newest.iter().any(|&(item, stars)| !artifact.holds(user, item, stars)) {
                notes.push(format!("`{}` does not look at what the user did since the training", artifact.config.name));
            }
            let newest = known.newest.iter().map(|(item, _)| AnyItem::Known(*item));
            let also_met = newest.chain(also_met).collect();
            Ok(Whom { asker: Asker::User(user), also_met, notes })
        }
        Err(other) => Err(other.into()),
        Ok(_) => Ok(Whom { asker, also_met, notes }),
    }
}

pub(crate) fn described(artifact: &Artifact, item: ItemIdx, score: Option<Score>) -> Item {
    let details = &artifact.details[item.index()];
    let catalogue = artifact.catalogue();
    let features = catalogue.item_features.names().iter().zip(catalogue.item_features.matrix().row(item.index()));
    let others = features.filter(|(name, value)| **value == 1.0 && !details.genres.contains(name));
    Item {
        item_id: catalogue.items.id(item).clone(),
        title: details.title.clone(),
        year: details.year,
        genres: details.genres.clone(),
        features: others.map(|(name, _)| name.clone()).collect(),
        n_users: artifact.n_people[item.index()],
        is_added: false,
        score: score.map(Score::get),
        because: None,
        explanation: None,
    }
}

/// Refuses rules that name what the run does not have.
fn check_rules(config: &ServeConfig, bundle: &Bundle) -> Result<(), ServeError> {
    let wrong = |reason: String| ServeError::Rules { path: "--config".to_owned(), reason };
    let said = |problem: Problem| problem.text();
    let first = bundle.first().map_err(|problem| wrong(said(problem)))?;
    let approaches = config.rules.scenario.values().filter_map(|scenario| scenario.approach.as_ref());
    let arms = config.rules.ab.iter().flat_map(|ab| ab.arms.values());
    for name in approaches.chain(arms) {
        bundle.get(name).map_err(|problem| wrong(said(problem)))?;
    }
    for (name, scenario) in &config.rules.scenario {
        let named = |error: RunError| wrong(format!("scenario `{name}`: {error}"));
        Filter::allowed(&[&scenario.filter], &first, &bundle.added()).map_err(named)?;
        for feature in scenario.boost.keys() {
            column(&first, feature).map_err(named)?;
        }
    }
    Ok(())
}
