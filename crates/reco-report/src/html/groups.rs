//! Writes the report's section on groups of users that are served worse than others.
//!
//! Does not know how groups were made.
//!
//! **Invariant**: a gap whose interval holds 0 is shown as no gap.

use maud::{Markup, html};
use reco_eval::metric::Better;
use reco_eval::{Column, Gap, GroupValues};

use super::page::{numbers, results as results_table};
use crate::facts::GROUPS;
use crate::{Facts, Results, cells};

/// The section, a table for each approach; `None` where the evaluation has no groups.
pub(super) fn by_group(results: &Results, facts: &Facts) -> Option<Markup> {
    let columns = results.main_columns();
    let main = columns.first().filter(|_| facts.groups.iter().any(|(_, groups)| !groups.is_empty()))?;
    Some(html! {
        p { (GROUPS) }
        @for (approach, groups) in facts.groups.iter().filter(|(_, groups)| !groups.is_empty()) {
            details {
                summary { (approach) ": " (worst(groups, main, results)) }
                (table(approach, groups, &columns, results))
            }
        }
    })
}

/// Says in a few words who is served worst.
fn worst(groups: &[GroupValues], column: &Column, results: &Results) -> String {
    let found = groups.iter().filter_map(|group| {
        let (value, gap) = group.get(column)?;
        let Gap { difference, .. } = gap.filter(Gap::is_sure)?;
        let loss = if results.better(column) == Better::Lower { difference } else { -difference };
        (loss > 0.0).then_some((loss, group, value))
    });
    match found.max_by(|a, b| a.0.total_cmp(&b.0)) {
        None => format!("no group has a {column} that is surely worse than that of the others"),
        Some((loss, group, value)) => format!(
            "worst for {} {}, whose {column} of {value:.4} is {loss:.4} worse than that of the others",
            group.attribute, group.group
        ),
    }
}

fn table(approach: &str, groups: &[GroupValues], columns: &[&Column], results: &Results) -> Markup {
    let head = html! {
        th scope="col" { "group" }
        th.number scope="col" { "users" }
        @for column in columns { (numbers(&[results.heading(column), "less the others’".to_owned()])) }
    };
    let gap = |gap: Gap| {
        let text = format!("{:+.4}", gap.difference);
        html! {
            @if gap.is_sure() { strong { (text) } } @else { (text) }
            small { " (" (format!("{:+.4}", gap.low)) " to " (format!("{:+.4}", gap.high)) ")" }
        }
    };
    let cells = |group: &GroupValues| {
        html! {
            td.number { (cells::count(group.n_users)) }
            @for column in columns {
                @let (value, difference) = group.get(column).unzip();
                td.number { (cells::metric(value)) }
                td.number { @match difference.flatten() { None => (cells::NOTHING), Some(known) => (gap(known)) } }
            }
        }
    };
    let rows = groups.iter().map(|group| (html! { (group.attribute) " " (group.group) }, cells(group)));
    results_table(&format!("Groups of users by {approach}"), &head, rows)
}

#[cfg(test)]
mod tests {
    use reco_eval::Metrics;

    use super::*;
    use crate::results::tests::{column, sample};

    #[test]
    fn only_a_gap_whose_interval_leaves_out_zero_is_told() {
        let group = |name: &str, gap: Option<[f64; 3]>| GroupValues {
            attribute: "gender".to_owned(),
            group: name.to_owned(),
            n_users: 273,
            metrics: Metrics(vec![(column("ndcg@10"), Some(0.05))]),
            gaps: vec![gap.map(|[difference, low, high]| Gap { difference, low, high })],
        };
        let page = |groups| {
            let facts = Facts { groups: vec![("neural".to_owned(), groups)], ..Facts::default() };
            by_group(&sample(), &facts).map(Markup::into_string).unwrap_or_default()
        };
        let worse = page(vec![group("F", Some([-0.02, -0.03, -0.01])), group("M", Some([0.02, 0.01, 0.03]))]);
        let told = "worst for gender F, whose ndcg@10 of 0.0500 is 0.0200 worse than that of the others";
        assert!(worse.contains(told) && worse.contains("<strong>-0.0200</strong>"), "{worse}");
        let equal = page(vec![group("F", Some([-0.02, -0.05, 0.01])), group("M", None)]);
        assert!(equal.contains("no group has a ndcg@10") && !equal.contains("<strong>"), "{equal}");
        assert_eq!(page(Vec::new()), "");
    }
}
