//! Writes the report's section on the data: the ratings, their terms of use and how they were split.
//!
//! Does not know how figures are drawn.
//!
//! **Invariant**: terms of use stand beside the data they are about.

use maud::{Markup, html};

use super::page::{cards, definitions};
use crate::{Facts, Figures, Results, tables};

/// The section on data.
pub(super) fn data(results: &Results, facts: &Facts, figures: &Figures) -> Markup {
    html! {
        div.columns {
            div { h3 { "Ratings" } (definitions(&tables::of_data(results, facts))) }
            div { h3 { "Protocol" } (definitions(&tables::of_protocol(results, facts))) }
        }
        @if !figures.ratings.is_empty() { (cards(&figures.ratings, true)) }
    }
}
