//! Writes the report's section on approaches: a line about each, its diagram and the course of its training.
//!
//! Does not know how any of them works.
//!
//! **Invariant**: approaches stand in the order of the results.

use maud::{Markup, PreEscaped, html};

use super::page::{cards, wide};
use crate::{ApproachFacts, Facts, Figures};

/// The section, an article for each.
pub(super) fn approaches(facts: &Facts, figures: &Figures) -> Markup {
    html! {
        @for ApproachFacts { name, about, .. } in &facts.approaches {
            article {
                h3 { (name) }
                p { (about) "." }
                @if let Some((_, diagram)) = figures.diagrams.iter().find(|(known, _)| known == name) {
                    figure.diagram {
                        (wide(&format!("Diagram of {name}"), &html! {
                            div style={ "--width:" (diagram.size.0) "px" } { (PreEscaped(diagram.inline())) }
                        }))
                    }
                }
                @if let Some((_, curves)) = figures.training.iter().find(|(known, _)| known == name) {
                    (cards(curves, true))
                }
            }
        }
    }
}
