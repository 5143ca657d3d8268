//! The stage `ingest`: turns raw files into checked tables.
//!
//! Does not know any format: reco-data does. Fetches what is not there.
//!
//! **Invariant**: the tables depend on `[data]` and the raw files alone.

use reco_data::{DataError, Located, STAGE_VERSION, fetch};
use serde_json::json;

use super::{Context, StageEntry, notes, own_version};
use crate::folder::{Folder, Made};
use crate::manifest::{Digests, Manifest};
use crate::{Outcome, RunError};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "ingest",
    about: "Reads raw files, fetched first if they are not there, into checked Parquet tables",
    example: "  reco ingest --set data.fetch=ml-1m --set data.name=ml-1m",
    folders: |context| vec![context.tables.join("tables")],
    run,
};

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let (data, progress) = (&context.experiment.data, context.progress);
    let located = locate(context)?;
    let folder = Folder { inputs: by_name(located), ..empty(context) };
    let outcome = context.work(&folder, None, |at| {
        let summary = reco_data::ingest(data, context.raw, at, progress.ingest())?;
        Ok(Made { device: None, notes: notes(&summary) })
    })?;
    Ok(vec![outcome])
}

/// The raw files. Missing ones are fetched, from the first place that has them.
fn locate(context: &Context<'_>) -> Result<Located, RunError> {
    let (data, raw) = (&context.experiment.data, context.raw);
    let missing = match reco_data::locate(data, raw) {
        Err(error @ DataError::NotFound { .. }) => error,
        found => return Ok(found?),
    };
    let mut failed = None;
    for name in data.fetchable() {
        context.progress.began("fetch", None, &name);
        match fetch::fetch(&name, raw, context.progress.fetch()) {
            Ok(_) => return Ok(reco_data::locate(data, raw)?),
            Err(_) if context.progress.train().interrupted() => return Err(RunError::Interrupted),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or(missing).into())
}

/// Digests by file name, so that data may be moved without being read again; by path where two files share a name.
fn by_name(located: Located) -> Digests {
    let mut digests = Digests::new();
    for (path, digest) in located.inputs {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let taken = digests.get(&name).is_some_and(|other| *other != digest);
        digests.insert(if taken { path.display().to_string() } else { name }, digest);
    }
    digests
}

/// The folder without its inputs.
fn empty(context: &Context<'_>) -> Folder {
    Folder {
        stage: ENTRY.name,
        version: STAGE_VERSION,
        path: context.tables.join("tables"),
        part: json!({ "data": context.experiment.part(&context.experiment.data) }),
        inputs: Digests::new(),
        versions: own_version(),
        // Nothing here is random: another seed makes the same tables.
        seed: 0,
    }
}

/// The finished tables. Raw files need not be there any more.
pub(super) fn ready(context: &Context<'_>) -> Result<(Manifest, Digests), RunError> {
    let mut folder = empty(context);
    if let Ok(manifest) = Manifest::read(&folder.path, "") {
        folder.inputs = manifest.inputs;
    }
    folder.ready(context, "tables")
}
