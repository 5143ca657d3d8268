//! Writes the report's sections on results: a table for each family of metrics, what they mean, and their intervals.
//!
//! Does not know how figures are drawn.
//!
//! **Invariant**: a metric that applies to no approach has no column, and is named.

use maud::{Markup, html};
use reco_eval::Column;

use super::page::{cards, of_numbers};
use crate::facts::SHARES;
use crate::results::meanings;
use crate::tables::TextTable;
use crate::terminal::remarks;
use crate::{Figures, HOW_TO_READ, Results};

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
                @let label = format!("Table of results: {}", if title.is_empty() { "others" } else { title });
                (of_numbers(&label, &TextTable::of_metrics(results, &shown)))
                @let meanings = meanings(&shown);
                @if !meanings.is_empty() {
                    dl.meanings { @for (name, about) in meanings { div { dt { (name) } dd { (about) } } } }
                }
            }
        }
        p.soft { (HOW_TO_READ) }
        @for line in remarks(results) { p.soft { (line) } }
        @if let Some(shares) = TextTable::of_shares(results) {
            h3 { "Share of variance due to the repetitions" }
            p { (SHARES) }
            (of_numbers("Share of variance", &shares))
        }
        @if !absent.is_empty() { p.soft { "Do not apply to these data: " (absent.join(", ")) "." } }
    }
}

/// Each metric with its intervals.
pub(super) fn metrics(results: &Results, figures: &Figures) -> Markup {
    html! {
        @if results.approaches.iter().any(|one| !one.intervals.is_empty()) {
            p {
                "The line around a dot is its 95 % interval: how far the number could be off because the test set "
                "has these users and not others (bootstrap over users). Where two lines overlap widely, the "
                "difference may be luck. The interval says nothing about another split or another seed."
            }
        }
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
