//! What does a comparison look like on a terminal?
//!
//! Does not know colours.
//!
//! **Invariant**: every verdict that is significant has a mark; no number is shown that JSON does not have.

use super::{
    BetterValue, ComparedMetric, ComparedPair, Comparison, SelfCheckPlan, interval, probability, share, signed, who,
};
use crate::cells;
use crate::terminal::{Column, render};

/// One table per pair, the groups that stand out, and how to read it. Ends with a newline.
pub fn comparison_table(comparison: &Comparison) -> String {
    let mut text = String::new();
    for pair in &comparison.pairs {
        let ComparedPair { a, b, metrics, .. } = pair;
        text += &format!("B = {} against A = {}: {}\n", b.label, a.label, who(pair).join("; "));
        if metrics.is_empty() {
            text += "No metric has values of both.\n\n";
            continue;
        }
        text += &render(&columns(metrics));
        text += "\n";
        text += &groups(metrics);
        if let Some(plan) = &comparison.self_check {
            text += &self_check(metrics, plan);
        }
        text += "\n";
    }
    for note in &comparison.notes {
        text += &format!("{note}\n");
    }
    text += &format!(
        "The paired t test over users decides, after Holm's correction, at {}. A and B are means over users.\n\
         * not chance; unclear: chance would do; ↓ lower is better.\n\
         Effect sizes and all tests: --html, --json.\n\
         {TWO_MODELS}\n",
        comparison.alpha
    );
    text
}

/// What [`super::ASSUMPTIONS`] say of seeds, in a line.
const TWO_MODELS: &str = "One fitted model each: two seeds of one approach are two models too, and may well differ.";

fn columns(metrics: &[ComparedMetric]) -> Vec<Column> {
    let column = |header: &str, cell: &dyn Fn(&ComparedMetric) -> String| Column::new(header, metrics.iter().map(cell));
    let name = |one: &ComparedMetric| {
        if one.better == BetterValue::Lower { format!("{} ↓", one.metric) } else { one.metric.clone() }
    };
    vec![
        column("metric", &name),
        column("users", &|one| cells::count(one.n)),
        column("A", &|one| cells::metric(Some(one.mean_a))),
        column("B", &|one| cells::metric(Some(one.mean_b))),
        column("B - A", &|one| signed(one.difference)),
        column("95 %", &|one| interval(one.low, one.high)),
        column("p (t)", &|one| probability(one.t.map(|test| test.p))),
        column("Holm", &|one| probability(one.t.map(|test| test.p_holm))),
        column("p (ranks)", &|one| probability(one.wilcoxon.map(|test| test.p))),
        column("B is", &|one| {
            format!("{}{}", if one.verdict.is_significant() { "*" } else { "" }, one.verdict.words())
        }),
    ]
}

/// Who gains how often, and the groups of users for whom the difference is no chance: a line for each attribute.
fn groups(metrics: &[ComparedMetric]) -> String {
    let mut text = String::new();
    for one in metrics {
        let shares = one.shares().map(|(n, what)| format!("{} {what}", share(n, one.n)));
        text += &format!("{}: {}\n", one.metric, shares.join(", "));
        let mut attribute = "";
        for group in one.groups.iter().filter(|group| group.verdict.is_significant()) {
            if attribute == group.attribute {
                text.insert_str(text.len() - 1, ", ");
            } else {
                attribute = &group.attribute;
                text += &format!("  not chance by {attribute}: \n");
            }
            let (word, difference) = (group.verdict.words(), signed(group.difference));
            let told = format!("{} {word} {difference} ({})", group.group, cells::count(group.n));
            text.insert_str(text.len() - 1, &told);
        }
    }
    text
}

fn self_check(metrics: &[ComparedMetric], plan: &SelfCheckPlan) -> String {
    let SelfCheckPlan { n_rounds, expected_least, expected_most } = plan;
    let mut text = format!(
        "Self-check: of {n_rounds} random exchanges of A and B, user by user, a sound test rejects {expected_least} to {expected_most} (99 %)\n"
    );
    for one in metrics {
        let Some(check) = &one.self_check else {
            text += &format!("  {}: nothing to exchange\n", one.metric);
            continue;
        };
        let planted = check.planted.map_or_else(
            || "too few users to plant a difference".to_owned(),
            |shift| {
                format!(
                    "a planted {} found {} / {} / {}",
                    signed(shift),
                    check.t_found,
                    check.wilcoxon_found,
                    check.sign_found
                )
            },
        );
        text += &format!(
            "  {}: t {}, ranks {}, sign {}; {planted}{}\n",
            one.metric,
            check.t,
            check.wilcoxon,
            check.sign,
            if check.is_sound { "" } else { "  NOT SOUND" }
        );
    }
    text
}
