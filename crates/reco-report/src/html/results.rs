//! Writes the report's sections on results: a table for each family of metrics, what they mean, and their intervals.
//!
//! Does not know how figures are drawn.
//!
//! **Invariant**: a metric that applies to no approach has no column, and is named.

use maud::{Markup, html};
use reco_eval::Column;

use super::page::{breakable, cards, table, wide};
use crate::facts::SHARES;
use crate::results::meaning;
use crate::terminal::how_repeated;
use crate::{ApproachResult, Figures, HOW_TO_READ, Results, cells};

/// How many metrics are drawn where they are seen at once.
const FIRST_METRICS: usize = 8;

/// The tables of all metrics.
pub(super) fn all(results: &Results) -> Markup {
    let absent = results.columns().into_iter().filter(|column| !results.applies(column));
    let absent: Vec<String> = absent.map(Column::to_string).collect();
    html! {
        @for (title, names) in results.families() {
            @let shown: Vec<&Column> = names.iter().copied().filter(|name| results.applies(name)).collect();
            @if !shown.is_empty() {
                @if !title.is_empty() { h3 { (title) } }
                (table_of(results, title, &shown))
                (meanings(&shown))
            }
        }
        p.soft { (HOW_TO_READ) }
        @if results.repeat.is_some() { p.soft { (how_repeated(results)) } (shares(results)) }
        @if !absent.is_empty() { p.soft { "Of no meaning for these data: " (absent.join(", ")) "." } }
    }
}

/// What the columns of a table mean, beside it, each metric once.
fn meanings(shown: &[&Column]) -> Markup {
    let mut told: Vec<(&Column, &str)> = Vec::new();
    for name in shown {
        let Some(about) = meaning(name) else { continue };
        if told.iter().all(|(_, known)| *known != about) {
            told.push((name, about));
        }
    }
    html! {
        @if !told.is_empty() {
            dl.meanings { @for (name, about) in told { div { dt { (name) } dd { (about) } } } }
        }
    }
}

/// The share of each metric's variance that is due to the repetitions.
fn shares(results: &Results) -> Markup {
    let names = results.columns_with_shares();
    let share = |approach: &str, name: &Column| {
        let share = results.share_of_repetitions(approach, name);
        share.map_or_else(|| cells::NOTHING.to_owned(), |share| format!("{:.0} %", 100.0 * share))
    };
    let row = |approach: &ApproachResult| {
        let shares = names.iter().map(|name| share(&approach.name, name));
        [approach.name.clone()].into_iter().chain(shares).collect::<Vec<_>>()
    };
    let rows = results.approaches.iter().map(row);
    let rows: Vec<Vec<String>> = rows.filter(|row| row[1..].iter().any(|cell| cell != cells::NOTHING)).collect();
    let header: Vec<String> =
        ["approach".to_owned()].into_iter().chain(names.iter().map(ToString::to_string)).collect();
    html! {
        @if !rows.is_empty() {
            h3 { "Share of variance due to the repetitions" }
            p { (SHARES) }
            (wide("Share of variance", &table(&header, 1, rows.into_iter())))
        }
    }
}

fn table_of(results: &Results, title: &str, shown: &[&Column]) -> Markup {
    let label = if title.is_empty() { "Table of results".to_owned() } else { format!("Table of results: {title}") };
    html! {
        (wide(&label, &html! {
            table.results {
                thead {
                    tr {
                        th scope="col" { "approach" }
                        @for name in shown {
                            th.number scope="col" { (breakable(name)) @if results.is_error(name) { abbr title="lower is better" { " ↓" } } }
                        }
                    }
                }
                tbody {
                    @for approach in &results.approaches {
                        tr {
                            th scope="row" { (approach.name) }
                            @for name in shown {
                                @let value = approach.metrics.get(name);
                                @let cell = cells::repeated(value, results.deviation(&approach.name, name));
                                @if value.is_some() && value == results.best(name) {
                                    td.number.best { strong { (cell) "*" } }
                                } @else {
                                    td.number { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }))
    }
}

/// Each metric with its intervals.
pub(super) fn metrics(results: &Results, figures: &Figures) -> Markup {
    html! {
        @if results.approaches.iter().any(|one| !one.intervals.is_empty()) {
            p {
                "The line around a dot is its 95 % interval: how far the number could be off because the test set has these "
                "users and not others (bootstrap over users). Where two lines overlap widely, the difference may be luck. "
                "Another split or another seed is another matter."
            }
        }
        // Nobody reads a page of thirty figures.
        @let (first, further) = figures.metrics.split_at(figures.metrics.len().min(FIRST_METRICS));
        (cards(first, false))
        @if !further.is_empty() {
            details {
                summary { "Further metrics" }
                (cards(further, false))
            }
        }
    }
}
