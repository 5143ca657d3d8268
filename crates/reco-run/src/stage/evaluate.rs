//! How good is each model?
//!
//! Does not know any metric: reco-eval does. Trains nothing.
//!
//! **Invariant**: a model is judged from its artifact, as anyone would load it, by held-out rows it never saw.

use reco_core::Catalogue;
use reco_data::table::{Column, Table};
use reco_eval::{Evaluation, History};
use serde_json::json;

use super::{Context, StageEntry, features, own_version, train};
use crate::artifact::{Artifact, ids};
use crate::folder::{Folder, Made, write_json};
use crate::{Outcome, RunError};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "evaluate",
    about: "Judges every trained model by the held-out ratings",
    example: "  reco evaluate --set 'evaluate.k=[5, 10]'",
    run,
};

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let experiment = context.experiment;
    let folder = folder(context)?;
    let outcome = context.work(&folder, None, |at| {
        let dataset = reco_features::Dataset::read(&context.at("features"))?;
        let (cases, seen) = (dataset.cases(), dataset.seen());
        let history = History::of(&dataset.fit, &dataset.catalogue);
        let moment = reco_features::context_vector(&dataset.catalogue, &experiment.evaluate.context)?;
        let mut devices = Vec::new();
        for configured in &experiment.approaches {
            if context.progress.train().interrupted() {
                return Err(RunError::Interrupted);
            }
            let artifact = Artifact::load(&context.at("models").join(&configured.name), experiment.device)?;
            let model = artifact.model.as_ref();
            let evaluation = reco_eval::evaluate(model, &cases, &seen, &history, &experiment.evaluate, &moment)?;
            write_json(&at.join(format!("{}.json", configured.name)), &evaluation)?;
            let table = predictions(&evaluation, &dataset.catalogue, &configured.name)?;
            table.write(&at.join(format!("{}.parquet", configured.name)))?;
            let device = artifact.model.device();
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        Ok(Made { device: Some(devices.join(", ")), notes: json!({ "n_users": cases.len() }) })
    })?;
    Ok(vec![outcome])
}

/// Every rated test row with what was predicted for it: `user_id`, `item_id` (as the ratings file writes them), `y` (the
/// rating after scaling) and `yhat` (on the same scale; a raw score where the recommender gives an order only).
fn predictions(evaluation: &Evaluation, catalogue: &Catalogue, name: &str) -> Result<Table, RunError> {
    let rows = &evaluation.predictions;
    let mut table = Table::new().with_metadata("model", name);
    table.push("user_id", ids(rows.iter().map(|row| catalogue.users.id(row.user).0.clone()).collect()))?;
    table.push("item_id", ids(rows.iter().map(|row| catalogue.items.id(row.item).0.clone()).collect()))?;
    table.push("y", Column::F64(rows.iter().map(|row| Some(row.y)).collect()))?;
    table.push("yhat", Column::F64(rows.iter().map(|row| Some(row.yhat)).collect()))?;
    Ok(table)
}

/// The folder, as it is to be for this experiment.
pub(super) fn folder(context: &Context<'_>) -> Result<Folder, RunError> {
    let experiment = context.experiment;
    let (_, features) = features::folder(context)?.ready("features")?;
    let mut inputs = features.clone();
    for configured in &experiment.approaches {
        let prefix = format!("models/{}", configured.name);
        inputs.extend(train::folder(context, configured, &features).ready(&prefix)?.1);
    }
    let names: Vec<&str> = experiment.approaches.iter().map(|one| one.name.as_str()).collect();
    Ok(Folder {
        stage: ENTRY.name,
        version: 3,
        path: context.at("evaluation"),
        part: json!({
            "evaluate": experiment.part(&experiment.evaluate),
            // A metric that is new in the registry changes no key of the experiment.
            "columns": experiment.evaluate.column_names()?,
            "approaches": names,
            "device": experiment.device,
        }),
        inputs,
        versions: own_version(),
        seed: experiment.seed,
    })
}
