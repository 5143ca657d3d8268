//! Writes what a search for options found as an HTML page with its figures.
//!
//! Does not know how a figure is drawn.
//!
//! **Invariant**: all text is escaped by the template library; nothing is loaded from a network.

use maud::{Markup, html};

use super::{HOW_TO_READ, Tuned, Tuning, percent, signed, tuning_figures, word, words};
use crate::cells;
use crate::html::{Section, cards, heading, numbers, page, results_table};

/// How many trials the table of an approach shows, the best first.
const SHOWN: usize = 20;

/// The text of a self-contained page.
pub fn tuning_page(tuning: &Tuning) -> String {
    let mut sections = vec![Section { id: "found", title: "What was found", body: found(tuning) }];
    let mattered = html! { @for one in &tuning.approaches { article { h3 { (one.name) } (mattered(tuning, one)) } } };
    sections.push(Section { id: "mattered", title: "What mattered", body: mattered });
    let trials = html! { @for one in &tuning.approaches { article { h3 { (one.name) } (trials(tuning, one)) } } };
    sections.push(Section { id: "trials", title: "The best trials", body: trials });
    let footer = "Numbers are rounded for reading; reco tune --json and trials.parquet have every bit.";
    page(&format!("{}: options", tuning.experiment), &format!("{}.", tuning.what()), &sections, footer)
}

fn found(tuning: &Tuning) -> Markup {
    let head = html! {
        th scope="col" { "approach" }
        th.number scope="col" { (heading(&cells::heading(&tuning.metric, tuning.better))) }
        (numbers(&["default", "difference", "95 %", "trials"]))
        th scope="col" { "options" }
    };
    let row = |one: &Tuned| {
        let interval = one.difference.and_then(|found| found.interval);
        let interval =
            cells::or_nothing(interval, |interval| format!("{} to {}", signed(interval.low), signed(interval.high)));
        let difference = cells::or_nothing(one.difference, |found| signed(found.difference));
        let cells = html! {
            td.number { (cells::metric(Some(one.value))) }
            td.number { (cells::metric(one.default_value)) }
            td.number { (difference) }
            td.number { (interval) }
            td.number { (one.trials.len()) }
            td { @if one.best_trial == 0 { "as they were: " } (words(&one.options)) }
        };
        (html! { (one.name) }, cells)
    };
    html! {
        (results_table("What was found", &head, tuning.approaches.iter().map(row)))
        p.soft { (HOW_TO_READ) }
        @for sentence in &tuning.left_out { p.soft { "Left out: " (sentence) } }
    }
}

fn mattered(tuning: &Tuning, one: &Tuned) -> Markup {
    html! {
        @if one.searched.iter().any(|one| one.explains.is_some()) {
            p {
                "Of what trials differ by, "
                @for (at, one) in one.searched.iter().enumerate() {
                    @if let Some(share) = one.explains { @if at > 0 { ", " } (one.option) " alone explains " (percent(share)) }
                }
                "."
            }
            p.soft {
                "The share of variance between groups of an option's values, less what chance puts there (epsilon squared). "
                "What options do together is in no share, and a search that looks near the best sees less of what is poor."
            }
        }
        (cards(&tuning_figures(tuning, one), false))
    }
}

fn trials(tuning: &Tuning, one: &Tuned) -> Markup {
    let mut order: Vec<_> = one.trials.iter().filter_map(|trial| Some((trial.value?, trial))).collect();
    let is_error = tuning.better == reco_eval::metric::Better::Lower;
    let loss = |value: f64| if is_error { value } else { -value };
    // Whole trainings first: what was measured on less is another number.
    order.sort_by(|a, b| b.1.share.total_cmp(&a.1.share).then(loss(a.0).total_cmp(&loss(b.0))));
    let options: Vec<&str> = one.searched.iter().map(|one| one.option.as_str()).collect();
    let head = html! {
        th scope="col" { "trial" }
        th.number scope="col" { (heading(&cells::heading(&tuning.metric, tuning.better))) }
        (numbers(&["training"]))
        (numbers(&options))
    };
    let rows = order.iter().take(SHOWN).map(|(value, trial)| {
        let cells = html! {
            td.number { (cells::metric(Some(*value))) }
            td.number { (percent(trial.share)) }
            @for option in &options { td.number { @if let Some(value) = trial.options.get(*option) { (word(value)) } } }
        };
        (html! { (trial.trial) @if trial.trial == 0 { " (default)" } }, cells)
    });
    html! {
        (results_table(&format!("Trials of {}", one.name), &head, rows))
        @if one.n_failed() > 0 {
            ul { @for trial in one.trials.iter().filter(|trial| trial.failure.is_some()).take(SHOWN) {
                li { "trial " (trial.trial) " failed: " (trial.failure.as_deref().unwrap_or_default()) }
            } }
        }
    }
}
