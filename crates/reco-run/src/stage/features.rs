//! How do tables become training rows and held-out cases?
//!
//! Does not know how: reco-features does.
//!
//! **Invariant**: the folder depends on the tables, `[features]`, `[split]` and the seed alone.

use reco_data::Tables;
use reco_features::prepare;
use serde_json::json;

use super::{Context, StageEntry, ingest, notes, own_version};
use crate::folder::{Folder, Made};
use crate::{Outcome, RunError};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "features",
    about: "Makes vocabularies, features, context and the split out of the tables",
    example: "  reco features --set split.kind=temporal",
    run,
};

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let folder = folder(context)?;
    let experiment = context.experiment;
    let outcome = context.work(&folder, None, |at| {
        let tables = Tables::read(&context.tables.join("tables"))?;
        let dataset = prepare(&tables, &experiment.features, &experiment.split, experiment.seed)?;
        dataset.write(at)?;
        Ok(Made { device: None, notes: notes(&dataset.info) })
    })?;
    Ok(vec![outcome])
}

/// The folder, as it is to be for this experiment.
pub(super) fn folder(context: &Context<'_>) -> Result<Folder, RunError> {
    let experiment = context.experiment;
    Ok(Folder {
        stage: ENTRY.name,
        version: 1,
        path: context.at("features"),
        part: json!({
            "features": experiment.part(&experiment.features),
            "split": experiment.part(&experiment.split),
        }),
        inputs: ingest::ready(context)?.1,
        versions: own_version(),
        seed: experiment.seed,
    })
}
