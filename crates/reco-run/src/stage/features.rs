//! The stage `features`: turns tables into training rows and held-out rows.
//!
//! Does not know how: reco-features does.
//!
//! **Invariant**: the folder depends on the tables, `[features]`, `[split]`, the file that it names, and the seed
//! alone.

use std::path::Path;

use reco_data::StoredTables;
use reco_features::{FeaturesError, STAGE_VERSION, SplitConfig, prepare_into};
use serde_json::json;

use super::{Context, StageEntry, ingest, notes, own_version};
use crate::folder::{Folder, Made};
use crate::manifest::{Digests, Manifest};
use crate::{Outcome, RunError};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "features",
    about: "Makes vocabularies, features, context and the split out of the tables",
    example: "  reco features --set split.kind=temporal",
    folders: |context| vec![context.at("features")],
    run,
};

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let mut folder = folder(context)?;
    let experiment = context.experiment;
    if experiment.split.file()?.is_some_and(|file| context.hashed.digest(&file).is_err()) {
        // Whether the file changed cannot be told, so the split is made again, and its own error says what is missing.
        folder.inputs.remove(&split_file(&experiment.split));
    }
    let outcome = context.work(&folder, None, |at| {
        let tables = StoredTables::open(&context.tables.join("tables"))?;
        let (features, split) = (&experiment.features, &experiment.split);
        let info = prepare_into(at, tables, features, split, experiment.seed, context.progress.train());
        let info = info.map_err(stopped)?;
        context.go_on()?;
        Ok(Made { device: None, notes: notes(&info) })
    })?;
    Ok(vec![outcome])
}

/// Reports a request to stop as an interruption, not as a split that failed.
fn stopped(error: FeaturesError) -> RunError {
    match error {
        FeaturesError::Interrupted => RunError::Interrupted,
        other => other.into(),
    }
}

/// The digests of what the stage left for this experiment.
///
/// # Errors
/// Nothing that was made for it.
pub(crate) fn digests(context: &Context<'_>) -> Result<Digests, RunError> {
    folder(context)?.ready(context, "features").map(|(_, digests)| digests)
}

/// The folder as this experiment requires it. Once a split's file was read, it need not be there any more.
pub(super) fn folder(context: &Context<'_>) -> Result<Folder, RunError> {
    let experiment = context.experiment;
    let path = context.at("features");
    let mut inputs = ingest::ready(context)?.1;
    let file = experiment.split.file();
    if !matches!(file, Ok(None)) {
        let name = split_file(&experiment.split);
        let there = file.ok().flatten().and_then(|file| context.hashed.digest(&file).ok());
        let read_then = || Manifest::read(&path, "").ok().and_then(|manifest| manifest.inputs.get(&name).cloned());
        inputs.extend(there.or_else(read_then).map(|digest| (name, digest)));
    }
    Ok(Folder {
        stage: ENTRY.name,
        version: STAGE_VERSION,
        path,
        part: json!({
            "features": experiment.part(&experiment.features),
            "split": experiment.part(&experiment.split),
        }),
        inputs,
        versions: own_version(),
        seed: experiment.seed,
    })
}

/// The name of a split's file in a manifest: without its folder, so that the file may be moved.
fn split_file(split: &SplitConfig) -> String {
    let name = Path::new(&split.path).file_name().unwrap_or_default();
    format!("split/{}", name.to_string_lossy())
}
