//! Runs `reco fetch`: lists the public data sets, or fetches one of them.
//!
//! Does not know mirrors: reco-data does.
//!
//! **Invariant**: the terms of use and the citation are told before anyone uses the data.

use reco_run::fetch::{DATASETS, Dataset, fetch_again};
use serde_json::json;

use crate::args::FetchArgs;
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco fetch`
pub(crate) fn fetch(args: &FetchArgs) -> anyhow::Result<()> {
    let Some(name) = &args.name else { return list(args) };
    let watch = Watch::new(Interrupt::listen()?);
    let fetch = if args.again { fetch_again } else { reco_run::fetch::fetch };
    let fetched = fetch(name, &args.raw, &watch)?;
    if let Some(dataset) = Dataset::named(name) {
        text::say(&format!("licence: {}\ncite: {}", dataset.licence, dataset.citation));
    }
    if args.json {
        return text::print_json(&json!({
            "name": name, "folder": fetched.folder.display().to_string(), "new": fetched.new, "record": fetched.record,
        }));
    }
    text::say(&fetched.to_string());
    Ok(())
}

fn list(args: &FetchArgs) -> anyhow::Result<()> {
    if args.json {
        let described = |dataset: &Dataset| {
            json!({
                "name": dataset.name, "about": dataset.about, "licence": dataset.licence,
                "citation": dataset.citation, "page": dataset.page, "there": args.raw.join(dataset.name).exists(),
            })
        };
        return text::print_json(&DATASETS.iter().map(described).collect::<Vec<_>>());
    }
    let row = |dataset: &Dataset| {
        let there = if args.raw.join(dataset.name).exists() { "there" } else { "" };
        vec![dataset.name.to_owned(), there.to_owned(), dataset.about.to_owned()]
    };
    let rows: Vec<Vec<String>> = DATASETS.iter().map(row).collect();
    text::print(&text::columns(&rows, &[]))
}
