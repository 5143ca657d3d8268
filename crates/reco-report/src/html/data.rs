//! Writes the report's section on the data: the ratings, their terms of use and how they were split.
//!
//! Does not know how figures are drawn.
//!
//! **Invariant**: terms of use stand beside the data they are about.

use maud::{Markup, html};

use super::page::{cards, definitions};
use crate::{Facts, Figures, Results, cells};

/// The section on data.
pub(super) fn data(results: &Results, facts: &Facts, figures: &Figures) -> Markup {
    let Results { dataset, split, .. } = results;
    let mut rows = vec![
        ("data set".to_owned(), dataset.name.clone()),
        ("ratings".to_owned(), cells::count(dataset.n_ratings)),
        ("users".to_owned(), cells::count(dataset.n_users)),
        ("products".to_owned(), cells::count(dataset.n_items)),
        ("rated pairs".to_owned(), density(results)),
    ];
    rows.extend(facts.dataset.iter().cloned());
    rows.push(("SHA-256".to_owned(), dataset.sha256.clone()));
    let mut protocol = vec![
        ("split".to_owned(), split.kind.clone()),
        ("train".to_owned(), cells::count(split.n_train)),
        ("validation".to_owned(), cells::count(split.n_valid)),
        ("test".to_owned(), cells::count(split.n_test)),
    ];
    if split.n_fold_in > 0 {
        protocol.push(("fold-in".to_owned(), cells::count(split.n_fold_in)));
    }
    protocol.extend(facts.evaluation.iter().cloned());
    html! {
        div.columns {
            div { h3 { "Ratings" } (definitions(&rows)) }
            div { h3 { "Protocol" } (definitions(&protocol)) }
        }
        @if !figures.ratings.is_empty() { (cards(&figures.ratings, true)) }
    }
}

fn density(results: &Results) -> String {
    let pairs = results.dataset.n_users as f64 * results.dataset.n_items as f64;
    if pairs > 0.0 {
        format!("{:.2} %", 100.0 * results.dataset.n_ratings as f64 / pairs)
    } else {
        cells::NOTHING.to_owned()
    }
}
