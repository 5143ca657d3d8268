//! A trained model, as Python asks it.
//!
//! Does not know how scores are made: reco-run's [`Artifact`](reco_run::Artifact) answers.
//!
//! **Invariant**: ids go in and out as the ratings write them; rows of an answer stand in the order asked for.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use reco_core::{Candidates, ContextValue, ItemIdx, Profile, Progress, Query, Scores, UserIdx, Who};
use reco_data::table::{Column, Table as Rows};
use reco_run::{Asker, ExportFormat, ListOptions};

use crate::frame::{Batches, Table};
use crate::watch::{Watch, attended};
use crate::{_reco, refused};

/// A trained model with all that an answer needs.
#[pyclass(frozen, module = "reco")]
pub(crate) struct Artifact(Arc<reco_run::Artifact>);

impl Artifact {
    pub(crate) fn share(&self) -> Arc<reco_run::Artifact> {
        Arc::clone(&self.0)
    }
}

/// How many users are asked for at once.
const USERS_AT_ONCE: usize = 128;

/// How many are asked for.
fn count(k: usize) -> PyResult<NonZeroUsize> {
    NonZeroUsize::new(k).ok_or_else(|| refused("`k` is 0\nhint: ask for one item at least"))
}

#[pymethods]
impl Artifact {
    /// The model in a folder that a run or `save` wrote.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, device: &str) -> PyResult<Self> {
        let device = _reco::device(device)?;
        attended(py, move |watch: &Watch| {
            let artifact = reco_run::Artifact::load_watched(&path, device, watch).map_err(refused)?;
            Ok(Self(Arc::new(artifact)))
        })
    }

    /// Name, kind, options, seed, counts and score kind, as JSON.
    fn facts(&self) -> PyResult<String> {
        let reco_run::Artifact { config, model, manifest, .. } = &*self.0;
        let catalogue = self.0.catalogue();
        let facts = serde_json::json!({
            "name": config.name,
            "kind": config.kind,
            "options": config.options,
            "seed": config.seed,
            "dataset": config.dataset,
            "device": manifest.device,
            "n_users": catalogue.n_users(),
            "n_items": catalogue.n_items(),
            "n_parameters": model.n_parameters(),
            "epochs": model.training().map(|log| &log.epochs),
            "notes": manifest.notes,
        });
        serde_json::to_string(&facts).map_err(refused)
    }

    /// The best `k` items of each of `users`, or of everyone.
    fn recommend(
        &self,
        py: Python<'_>,
        users: Option<Vec<String>>,
        k: usize,
        exclude_seen: bool,
        explain: bool,
        context: BTreeMap<String, Stated>,
    ) -> PyResult<Table> {
        let (artifact, k) = (self.share(), count(k)?);
        attended(py, move |watch: &Watch| {
            let users: Vec<UserIdx> = match users {
                Some(ids) => ids.iter().map(|id| artifact.user(id)).collect::<Result<_, _>>().map_err(refused)?,
                None => artifact.catalogue().users.indices().collect(),
            };
            let context = artifact.context(&stated(context)).map_err(refused)?;
            let options = ListOptions { exclude_seen, explain, context: &context, top: k };
            artifact.lists(&users, options, watch).map(Table::of).map_err(refused)
        })
    }

    /// The best `k` items for someone new, with what they met, like and say of themselves.
    #[expect(clippy::too_many_arguments, reason = "all that a visitor can say")]
    fn recommend_new(
        &self,
        py: Python<'_>,
        rated: Vec<(String, Option<f32>)>,
        likes: Vec<String>,
        attributes: BTreeMap<String, String>,
        k: usize,
        explain: bool,
        context: BTreeMap<String, Stated>,
    ) -> PyResult<Table> {
        let (artifact, k) = (self.share(), count(k)?);
        py.detach(move || {
            let profile = Profile { likes, attributes };
            let asker = artifact.visitor(profile, &rated).map_err(refused)?;
            let context = artifact.context(&stated(context)).map_err(refused)?;
            answer(&artifact, &asker, &context, k, explain)
        })
    }

    /// Writes the model as `onnx` or `embeddings`.
    fn export(&self, py: Python<'_>, format: &str, path: PathBuf) -> PyResult<()> {
        let format = match format {
            "onnx" => ExportFormat::Onnx,
            "embeddings" => ExportFormat::Embeddings,
            other => return Err(refused(format!("there is no format `{other}`\nhint: `onnx` or `embeddings`"))),
        };
        py.detach(|| reco_run::export(&self.0, format, &path).map_err(refused))
    }

    /// The score of each pair of a frame whose first two columns are users and items.
    fn predict(&self, py: Python<'_>, pairs: &Bound<'_, PyAny>, context: BTreeMap<String, Stated>) -> PyResult<Table> {
        let batches = Batches::of(pairs)?;
        let artifact = self.share();
        attended(py, move |watch: &Watch| {
            let pairs = reco_data::pairs(&batches.read()?).map_err(refused)?;
            let context = artifact.context(&stated(context)).map_err(refused)?;
            predict(&artifact, &pairs, &context, watch)
        })
    }
}

/// The value of a context.
#[derive(FromPyObject)]
enum Stated {
    Number(f64),
    Text(String),
}

fn stated(context: BTreeMap<String, Stated>) -> BTreeMap<String, ContextValue> {
    let value = |stated| match stated {
        Stated::Number(number) => ContextValue::Number(number),
        Stated::Text(text) => ContextValue::Text(text),
    };
    context.into_iter().map(|(name, stated)| (name, value(stated))).collect()
}

/// The best `k` of one asker.
fn answer(
    artifact: &reco_run::Artifact,
    asker: &Asker,
    context: &[f32],
    k: NonZeroUsize,
    explain: bool,
) -> PyResult<Table> {
    let answer = artifact.answer(asker, context, k, explain).map_err(refused)?;
    let mut rows = Rows::new();
    let items = &answer.items;
    let columns = [
        ("item_id", Column::of_ids(items.iter().map(|item| &item.item_id.0))),
        ("rank", Column::U32((1..).take(items.len()).collect())),
        ("score", Column::F32(items.iter().map(|item| Some(item.score)).collect())),
        ("name", Column::Text(items.iter().map(|item| Some(item.name.clone())).collect())),
        ("genres", Column::TextList(items.iter().map(|item| item.genres.clone()).collect())),
    ];
    for (name, column) in columns {
        rows.push(name, column).map_err(refused)?;
    }
    if explain {
        let because = answer.because.unwrap_or_default();
        let because = (0..items.len()).map(|row| because.get(row).cloned()).collect();
        rows.push("because", Column::Text(because)).map_err(refused)?;
    }
    Ok(Table::of(rows))
}

/// The score of each pair.
fn predict(
    artifact: &reco_run::Artifact,
    pairs: &[(String, String)],
    context: &[f32],
    progress: &dyn Progress,
) -> PyResult<Table> {
    let mut known: Vec<(UserIdx, ItemIdx)> = Vec::with_capacity(pairs.len());
    for (user, item) in pairs {
        known.push((artifact.user(user).map_err(refused)?, artifact.item(item).map_err(refused)?));
    }
    // Each user is asked for once, and many at a time.
    let mut places: BTreeMap<UserIdx, Vec<usize>> = BTreeMap::new();
    for (place, (user, _)) in known.iter().enumerate() {
        places.entry(*user).or_default().push(place);
    }
    let places: Vec<(UserIdx, Vec<usize>)> = places.into_iter().collect();
    let mut score = vec![None; known.len()];
    let mut scores = Scores::new();
    progress.begin("predict", 1, places.len());
    for users in places.chunks(USERS_AT_ONCE) {
        if progress.interrupted() {
            return Err(refused("interrupted"));
        }
        let items: Vec<Vec<ItemIdx>> =
            users.iter().map(|(_, places)| places.iter().map(|&place| known[place].1).collect()).collect();
        let query = |((user, _), items): (&(UserIdx, Vec<usize>), _)| Query {
            who: Who::Known(*user),
            context,
            candidates: Candidates::These(items),
        };
        let queries: Vec<Query<'_>> = users.iter().zip(items.iter().map(Vec::as_slice)).map(query).collect();
        artifact.model.score(&queries, &mut scores).map_err(refused)?;
        for (row, (_, places)) in users.iter().enumerate() {
            for (place, found) in places.iter().zip(scores.row(row)) {
                score[*place] = Some(*found);
            }
        }
        progress.advance(users.len());
    }
    progress.end();
    let catalogue = artifact.catalogue();
    let mut rows = Rows::new();
    let columns = [
        ("user_id", Column::of_ids(known.iter().map(|(user, _)| &catalogue.users.id(*user).0))),
        ("item_id", Column::of_ids(known.iter().map(|(_, item)| &catalogue.items.id(*item).0))),
        ("score", Column::F32(score)),
    ];
    for (name, column) in columns {
        rows.push(name, column).map_err(refused)?;
    }
    Ok(Table::of(rows))
}
