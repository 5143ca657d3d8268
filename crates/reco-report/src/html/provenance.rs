//! Writes the report's last sections: what it takes to do the run again, and what this run took.
//!
//! Does not know who measured it.
//!
//! **Invariant**: times and memory stand in [`run`] alone.

use maud::{Markup, html};

use super::page::{definitions, table, wide};
use crate::{Facts, Results, Work, cells};

/// What another run needs to come to the same numbers.
pub(super) fn again(results: &Results, facts: &Facts) -> Markup {
    let experiment = &facts.provenance.experiment;
    let mut conditions =
        vec![("seed".to_owned(), results.seed.to_string()), ("device".to_owned(), results.device.clone())];
    conditions.extend(facts.provenance.versions.iter().cloned());
    html! {
        (definitions(&conditions))
        @if !experiment.is_empty() {
            p { "Save the experiment below as " code { "experiment.toml" } ", and " code { "reco run experiment.toml" } " does it again, to the last bit on such a device." }
            details {
                summary { "The whole experiment, every default filled in" }
                pre tabindex="0" { code { (experiment) } }
            }
        }
        @if !facts.checksums.is_empty() {
            details {
                summary { "Checksums (SHA-256)" }
                (wide("Checksums", &html! {
                    (table(&["file", "sha256"], 0, facts.checksums.iter().map(|(file, sum)| vec![file.clone(), sum.clone()])))
                }))
            }
        }
    }
}

/// All that another run would measure differently.
pub(super) fn run(results: &Results, facts: &Facts) -> Markup {
    let or_nothing = |n: Option<usize>| n.map_or_else(|| cells::NOTHING.to_owned(), cells::count);
    let training = results.approaches.iter().map(|approach| {
        let log = facts.training.iter().find(|(name, _)| *name == approach.name).map(|(_, log)| log);
        vec![
            approach.name.clone(),
            cells::count(approach.n_parameters),
            or_nothing(approach.epochs),
            or_nothing(log.map(|log| log.best_epoch)),
            cells::seconds(approach.train_seconds),
            or_nothing(approach.ratings_per_second.map(|rate| rate.round() as usize)),
        ]
    });
    let header = ["approach", "parameters", "epochs", "best epoch", "seconds", "ratings a second"];
    html! {
        @if !facts.provenance.command.is_empty() { pre tabindex="0" { code { (facts.provenance.command) } } }
        (wide("Training", &html! { (table(&header, 1, training)) }))
        @if !facts.provenance.work.is_empty() {
            details {
                summary { "What each folder took" }
                (wide("Work", &html! {
                    (table(&["folder", "device", "seconds", "peak memory"], 2, facts.provenance.work.iter().map(work)))
                }))
            }
        }
    }
}

fn work(work: &Work) -> Vec<String> {
    let memory = work.peak_memory_bytes.map(|bytes| format!("{} MiB", cells::count((bytes >> 20) as usize)));
    let device = if work.device.is_empty() { cells::NOTHING } else { &work.device };
    vec![
        work.what.clone(),
        device.to_owned(),
        cells::seconds(work.seconds),
        memory.unwrap_or_else(|| cells::NOTHING.to_owned()),
    ]
}
