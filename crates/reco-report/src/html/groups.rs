//! Writes the report's section on groups of users that are served worse than others.
//!
//! Does not know how groups were made.
//!
//! **Invariant**: a gap whose interval holds 0 is shown as no gap.

use maud::{Markup, html};

use super::wide;
use crate::facts::GROUPS;
use crate::{Facts, GroupFacts, GroupMetric, Results, cells};

/// The section, a table for each approach; `None` where the evaluation has no groups.
pub(super) fn by_group(results: &Results, facts: &Facts) -> Option<Markup> {
    let names = results.main_metrics();
    let of = |approach: &str| facts.groups.iter().filter(|group| group.approach == approach).collect::<Vec<_>>();
    (!facts.groups.is_empty() && !names.is_empty()).then(|| {
        html! {
            p { (GROUPS) }
            @for approach in results.approaches.iter().filter(|approach| !of(&approach.name).is_empty()) {
                details {
                    summary { (approach.name) ": " (worst(&of(&approach.name), names[0], results)) }
                    (table(&approach.name, &of(&approach.name), &names, results))
                }
            }
        }
    })
}

/// Whether a gap counts as one: its interval lies on one side of 0.
fn is_gap(metric: &GroupMetric) -> bool {
    metric.gap.is_some_and(|[_, low, high]| low > 0.0 || high < 0.0)
}

/// Says in a few words who is served worst.
fn worst(groups: &[&GroupFacts], name: &str, results: &Results) -> String {
    let loss = |metric: &GroupMetric| {
        let [difference, ..] = metric.gap?;
        Some(if results.is_error(name) { difference } else { -difference })
    };
    let found = groups.iter().filter_map(|group| {
        let metric = group.metrics.iter().find(|metric| metric.metric == name && is_gap(metric))?;
        loss(metric).filter(|loss| *loss > 0.0).map(|loss| (loss, group, metric))
    });
    match found.max_by(|a, b| a.0.total_cmp(&b.0)) {
        None => format!("no group has a {name} that is surely worse than that of the others"),
        Some((loss, group, metric)) => format!(
            "worst for {} {}, whose {name} of {:.4} is {loss:.4} worse than that of the others",
            group.attribute, group.group, metric.value
        ),
    }
}

fn table(approach: &str, groups: &[&GroupFacts], names: &[&str], results: &Results) -> Markup {
    let of = |group: &GroupFacts, name: &str| group.metrics.iter().find(|metric| metric.metric == name).cloned();
    html! {
        (wide(&format!("Groups of users by {approach}"), &html! {
            table.results {
                thead {
                    tr {
                        th scope="col" { "group" }
                        th.number scope="col" { "users" }
                        @for name in names {
                            th.number scope="col" { (name) @if results.is_error(name) { " ↓" } }
                            th.number scope="col" { "less the others’" }
                        }
                    }
                }
                tbody {
                    @for group in groups {
                        tr {
                            th scope="row" { (group.attribute) " " (group.group) }
                            td.number { (cells::count(group.n_users)) }
                            @for name in names {
                                @let metric = of(group, name);
                                td.number { (cells::metric(metric.as_ref().map(|metric| metric.value))) }
                                td.number {
                                    @match metric.as_ref().and_then(|metric| Some((metric, metric.gap?))) {
                                        None => (cells::NOTHING),
                                        Some((metric, [difference, low, high])) => {
                                            @let text = format!("{difference:+.4}");
                                            @if is_gap(metric) { strong { (text) } } @else { (text) }
                                            small { " (" (format!("{low:+.4}")) " to " (format!("{high:+.4}")) ")" }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::sample;

    #[test]
    fn only_a_gap_whose_interval_leaves_out_zero_is_told() {
        let group = |name: &str, gap| GroupFacts {
            approach: "neural".to_owned(),
            attribute: "gender".to_owned(),
            group: name.to_owned(),
            n_users: 273,
            metrics: vec![GroupMetric { metric: "ndcg@10".to_owned(), value: 0.05, gap }],
        };
        let page = |groups| {
            let facts = Facts { groups, ..Facts::default() };
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
