//! Reports the outcome of all repetitions of an experiment.
//!
//! Does not know what they differ in. The user shown and the suggestions come from the first one.
//!
//! **Invariant**: each number is the mean of the repetitions' own, which stand beside it in the file of results.

use serde_json::json;

use super::report::{of_repetition, write_all};
use super::{Context, headline, own_version};
use crate::folder::{Folder, Made};
use crate::manifest::{Digests, MANIFEST, digest};
use crate::{Outcome, RunError, results};
use reco_report::{Facts, Provenance, Results};

/// Writes the report of an experiment whose repetitions have their own reports already.
///
/// # Errors
/// A repetition without results; a file that cannot be written.
pub(crate) fn repeated(context: &Context<'_>) -> Result<Outcome, RunError> {
    let experiment = context.experiment;
    let mut inputs = Digests::new();
    for repetition in &experiment.repetitions {
        let manifest = context.at(&repetition.label).join("report").join(MANIFEST);
        inputs.insert(format!("{}/report/{MANIFEST}", repetition.label), digest(&manifest)?);
    }
    let labels: Vec<&str> = experiment.repetitions.iter().map(|repetition| repetition.label.as_str()).collect();
    let folder = Folder {
        stage: super::report::ENTRY.name,
        version: 9,
        path: context.at("report"),
        part: json!({ "name": experiment.name, "repetitions": labels }),
        inputs,
        versions: own_version(),
        seed: experiment.seed,
    };
    context.work(&folder, None, |at| {
        let each = labels
            .iter()
            .map(|label| Ok(((*label).to_owned(), results(&context.at(label))?)))
            .collect::<Result<Vec<(String, Results)>, RunError>>()?;
        let mut mean = Results { seed: experiment.seed, ..Results::mean(each) };
        mean.summary = Some(headline::of_repetitions(experiment, &mean));
        let provenance = Provenance {
            command: context.command.to_owned(),
            experiment: experiment.to_toml(),
            ..Provenance::default()
        };
        let mut facts = Facts { provenance, ..Facts::default() };
        if let (Some(first), Some(headline)) = (experiment.repetitions.first(), &mean.summary) {
            let out = context.at(&first.label);
            of_repetition(&context.of_repetition(first, &out), headline, &mut facts)?;
        }
        write_all(at, &mean, &facts, &experiment.report)?;
        Ok(Made::default())
    })
}
