//! Writes the report's first section: the best approaches, what one user would be recommended, what to try next.
//!
//! Does not know how any of it was found.
//!
//! **Invariant**: a reader needs no knowledge of the field; each term is explained where it is used.

use maud::{Markup, html};

use reco_eval::{BestFor, Column};

use super::page::cards;
use crate::facts::ELSEWHERE;
use crate::headline::{metric_name, number};
use crate::results::meaning;
use crate::{Best, Facts, Figures, Headline, Lead, Recommended, Results, Suggestion, cells};

/// What a reader should know of the best approach.
const FLATTERED: &str = "The best approach was chosen on the held-out ratings themselves, so its lead is a little too \
    large. 95 %: the range in which the lead would lie with other users. The table below has all approaches.";

/// The section; `None` where nothing tells who is best.
pub(super) fn summary(results: &Results, facts: &Facts, figures: &Figures) -> Option<Markup> {
    let headline = results.summary.as_ref().filter(|headline| !headline.best.is_empty())?;
    Some(html! {
        div.verdicts { @for best in &headline.best { (verdict(best, headline)) } }
        div.first {
            @if !figures.leads.is_empty() { (cards(&figures.leads, false)) }
            div {
                @if let Some(recommended) = &facts.recommended { (told(recommended, &facts.chosen_by)) }
                @if !facts.suggestions.is_empty() { (next(&facts.suggestions)) }
            }
        }
        @if results.approaches.len() > 1 { p.soft { (FLATTERED) } }
    })
}

/// One task: its best approach, by how much, and how surely.
fn verdict(best: &Best, headline: &Headline) -> Markup {
    let Best { task, metric, approach, value, .. } = best;
    let (task, question) = match task {
        BestFor::Lists => ("Best for lists", "names items worth a look"),
        BestFor::Stars => ("Best for stars", "says how a user would rate an item"),
    };
    let is_twice = headline.best.len() > 1 && headline.best.iter().all(|one| one.approach == *approach);
    html! {
        div.verdict {
            p.task { (task) " " small { "(" (question) ")" } }
            p.winner {
                @if best.hit_nothing() { "none: no list hit anything" } @else { (approach) }
                @if is_twice { small { " here too" } }
                small { " " strong { (metric_name(metric)) " " (number(*value)) } }
            }
            @if let Some(about) = in_plain_words(metric).or_else(|| meaning(metric)) {
                p { small { (metric_name(metric)) ": " (about) } }
            }
            @if best.leads.is_empty() { p.soft { "No other approach was measured, so nothing can be compared." } }
            ul.leads {
                @if let Some(lead) = best.next() { li { (words(lead, lead.place())) } }
                @if let Some(lead) = best.over_plain() { li { (words(lead, "")) } }
            }
        }
    }
}

/// Explains the metrics that tell approaches apart, for someone who never heard of them.
fn in_plain_words(metric: &Column) -> Option<&'static str> {
    let told = [
        ("rmse", "how many stars a prediction is off, large errors counting more; 0 is perfect"),
        ("mae", "how many stars a prediction is off; 0 is perfect"),
        ("ndcg@k", "how early a list names what the user then rates well, from 0 to 1"),
    ];
    told.into_iter().find(|(name, _)| metric.is(name)).map(|(_, words)| words)
}

fn words(lead: &Lead, place: &str) -> Markup {
    let class = match lead.is_sure() {
        Some(true) => "sure",
        Some(false) => "luck",
        None => "soft",
    };
    html! {
        @if let Some(by) = lead.by() { strong { (by) } " than " } @else { "no better than " }
        (lead.over) (place)
        @if let Some(verdict) = lead.verdict() { ": " span class=(class) { (verdict) } }
        @if let Some(range) = lead.range() { " " small { "(" (range) ")" } }
    }
}

fn told(recommended: &Recommended, chosen_by: &str) -> Markup {
    let Recommended { approach, user, n_seen, liked, items } = recommended;
    html! {
        h3 { "What " (approach) " recommends to user " (user) }
        p.soft {
            "Met " (cells::count(*n_seen)) " items before"
            @if !liked.is_empty() {
                @if liked.iter().any(|(_, stars)| stars.is_some()) { ", liked best " } @else { ", among them " }
                @for (at, (item, given)) in liked.iter().enumerate() {
                    @if at > 0 { ", " }
                    (item) @if let Some(given) = given { " (" (cells::stars(*given)) ")" }
                }
            }
            ". " (chosen_by)
        }
        @if items.is_empty() { p { "Nothing is left to recommend: this user has met everything." } }
        ol.told {
            @for one in items {
                li {
                    strong { (one.item) } @if let Some(year) = one.year { " (" (year) ")" }
                    @match one.held_out {
                        Some(Some(given)) => span.hit { "held out: rated " (cells::stars(given)) },
                        Some(None) => span.hit { "held out: met" },
                        None => {},
                    }
                    br;
                    small { (one.because) }
                }
            }
        }
    }
}

fn next(suggestions: &[Suggestion]) -> Markup {
    html! {
        h3 { "What to try next" }
        ul.next {
            @for Suggestion { words, command } in suggestions {
                li { (words) @if !command.is_empty() { br; code { (command) } } }
            }
        }
        p.soft { (ELSEWHERE) }
    }
}
