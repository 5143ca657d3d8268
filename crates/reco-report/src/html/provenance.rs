//! Writes the report's last sections: what it takes to do the run again, and what this run took.
//!
//! Does not know who measured it.
//!
//! **Invariant**: times and memory stand in [`run`] alone.

use maud::{Markup, html};

use super::page::{definitions, of_numbers};
use crate::tables::{Cell, TextTable};
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
            p {
                "Save the experiment below as " code { "experiment.toml" } ". Then "
                code { "reco run experiment.toml" } " repeats it, to the last bit on such a device."
            }
            details {
                summary { "The whole experiment, every default filled in" }
                pre tabindex="0" { code { (experiment) } }
            }
        }
        @if !facts.checksums.is_empty() {
            details { summary { "Checksums (SHA-256)" } (definitions(&facts.checksums)) }
        }
    }
}

/// All that another run would measure differently.
pub(super) fn run(results: &Results, facts: &Facts) -> Markup {
    let provenance = &facts.provenance;
    let header = ["folder", "device", "seconds", "peak memory"].map(str::to_owned).into();
    let work = TextTable { header, rows: provenance.work.iter().map(work).collect() };
    html! {
        @if !provenance.command.is_empty() { pre tabindex="0" { code { (provenance.command) } } }
        (of_numbers("Training", &TextTable::of_training(results, facts)))
        @if !work.rows.is_empty() {
            details { summary { "What each folder took" } (of_numbers("Work", &work)) }
        }
    }
}

fn work(work: &Work) -> (String, Vec<Cell>) {
    let device = Some(work.device.clone()).filter(|device| !device.is_empty());
    let memory = |bytes: u64| format!("{} MiB", cells::count((bytes >> 20) as usize));
    let cells = [
        cells::or_nothing(device, |device| device),
        cells::seconds(work.seconds),
        cells::or_nothing(work.peak_memory_bytes, memory),
    ];
    (work.what.clone(), cells.map(Cell::from).into())
}
