//! Writes report.html, one file that needs nothing else.
//!
//! Does not know how a figure is drawn, nor how a number came about.
//!
//! **Invariant**: what was measured in this run alone, times and memory, stands in the section `run` and nowhere else.

mod approaches;
mod data;
mod groups;
mod history;
mod page;
mod provenance;
mod results;
mod summary;
#[cfg(test)]
mod tests;
mod users;

use maud::Markup;

pub(crate) use self::page::{Section, cards, heading, numbers, page, results as results_table};

use crate::{Facts, Figures, ReportConfig, Results};

/// The text of report.html.
pub fn html(results: &Results, facts: &Facts, figures: &Figures, config: &ReportConfig) -> String {
    let sections = sections(results, facts, figures, config);
    let footer = "Numbers are rounded for reading; results.json has every bit.";
    page(&results.experiment, &subtitle(results), &sections, footer)
}

fn sections(results: &Results, facts: &Facts, figures: &Figures, config: &ReportConfig) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |id, title, body: Option<Markup>| sections.extend(body.map(|body| Section { id, title, body }));
    add("summary", "In short", summary::summary(results, facts, figures));
    add("results", "Results", Some(results::all(results)));
    add("metrics", "How sure is that?", (!figures.metrics.is_empty()).then(|| results::metrics(results, figures)));
    add("history", "Results by history", history::by_history(results, figures));
    add("groups", "Results by group", groups::by_group(results, facts));
    add("data", "Data and licence", Some(data::data(results, facts, figures)));
    add("features", "Item features", (!figures.features.is_empty()).then(|| cards(&figures.features, true)));
    add("context", "Context", (!figures.contexts.is_empty()).then(|| cards(&figures.contexts, false)));
    add("approaches", "Approaches", (!facts.approaches.is_empty()).then(|| approaches::approaches(facts, figures)));
    add(
        "users",
        "One user in detail",
        (!facts.details.is_empty()).then(|| users::users(&facts.details, &facts.chosen_by, config)),
    );
    add("provenance", "Reproduce this run", Some(provenance::again(results, facts)));
    add("run", "This run", Some(provenance::run(results, facts)));
    sections
}

fn subtitle(results: &Results) -> String {
    let Results { dataset, split, .. } = results;
    let approaches = match results.approaches.len() {
        1 => "one approach".to_owned(),
        n => format!("{n} approaches"),
    };
    let [[ratings, users, items], [train, validation, test]] = results.counts();
    let data = format!("{}: {ratings} ratings by {users} users of {items} items", dataset.name);
    let parts = format!("{train} ratings for training, {validation} for validation, {test} for the test");
    format!("{approaches} on {data}; split {}, {parts}.", split.kind)
}
