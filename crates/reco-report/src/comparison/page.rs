//! Writes a comparison as an HTML page.
//!
//! Does not know how a number came about.
//!
//! **Invariant**: all text is escaped by the template library; nothing is loaded from a network; without its script the
//! page says the same.

use maud::{Markup, PreEscaped, html};

use super::forest::{forest, reach};
use super::{
    ASSUMPTIONS, BetterValue, ComparedGroup, ComparedMetric, ComparedPair, Comparison, ComparisonVerdict,
    SelfCheckPlan, TestOutcome, interval, probability, share, signed, who,
};
use crate::cells;
use crate::html::{Section, breakable, page, wide};

/// The text of a self-contained page.
pub fn comparison_page(comparison: &Comparison) -> String {
    let mut sections = Vec::new();
    let mut add = |id, title, body| sections.push(Section { id, title, body });
    if comparison.pairs.len() > 1 {
        add("overview", "All at a glance", overview(comparison));
    }
    add("differences", "Differences", with_notes(comparison));
    add("tests", "All tests and effect sizes", html! { (pairs(comparison, tests)) p.soft { (EFFECTS) } });
    if comparison.pairs.iter().flat_map(|pair| &pair.metrics).any(|one| !one.groups.is_empty()) {
        add("groups", "By groups of users", pairs(comparison, groups));
    }
    if let Some(plan) = &comparison.self_check {
        add("self-check", "Do the tests keep their promise?", checks(comparison, plan));
    }
    add("assumptions", "What the tests assume", html! { @for text in ASSUMPTIONS { p { (text) } } });
    let subtitle = match comparison.pairs.as_slice() {
        [pair] => format!("{} against {}, user by user.", pair.b.label, pair.a.label),
        pairs => format!("{} pairs, user by user.", pairs.len()),
    };
    page("Comparison", &subtitle, &sections, "Numbers are rounded for reading; reco compare --json has every bit.")
}

/// One article per pair.
fn pairs(comparison: &Comparison, body: fn(&ComparedPair, &Comparison) -> Markup) -> Markup {
    html! {
        @for pair in &comparison.pairs {
            article {
                h3 { (pair.b.label) " against " (pair.a.label) }
                (body(pair, comparison))
            }
        }
    }
}

/// The differences of every pair, how to read them, and what was left out.
fn with_notes(comparison: &Comparison) -> Markup {
    html! {
        p.soft { (marks(comparison)) " A metric's lines are of one scale in all tables." }
        (pairs(comparison, differences))
        @for note in &comparison.notes { p.soft { (note) "." } }
    }
}

/// What the effect sizes are.
const EFFECTS: &str = "d_z: the mean difference in standard deviations of the differences (Cohen). Rank-biserial: the ranks that are \
    up less those that are down, −1 to 1. Gain, lose, stay: the share of users for whom B is better, worse, the same.";

/// Pairs as rows and metrics as columns.
fn overview(comparison: &Comparison) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for one in comparison.pairs.iter().flat_map(|pair| &pair.metrics) {
        if !names.contains(&one.metric.as_str()) {
            names.push(&one.metric);
        }
    }
    // If all are measured against one, it is named once.
    let against = comparison.pairs.first().map(|pair| &pair.a.label);
    let against = against.filter(|label| comparison.pairs.iter().all(|pair| pair.a.label == **label));
    html! {
        (wide("All differences", &html! {
            table.results {
                thead {
                    tr {
                        th scope="col" { @match against { Some(label) => { "against " (label) }, None => "B against A" } }
                        @for name in &names { th.number scope="col" { (breakable(name)) } }
                    }
                }
                tbody {
                    @for pair in &comparison.pairs {
                        tr {
                            th scope="row" { (pair.b.label) @if against.is_none() { " against " (pair.a.label) } }
                            @for name in &names {
                                @match pair.metrics.iter().find(|one| one.metric == *name) {
                                    None => td.number { (cells::NOTHING) },
                                    Some(one) => td.number.best[one.verdict == ComparisonVerdict::Better] {
                                        (signed(one.difference)) (mark(one.verdict))
                                    },
                                }
                            }
                        }
                    }
                }
            }
        }))
        p.soft { "B less A. " (marks(comparison)) }
    }
}

/// A mark beside a difference that chance alone does not explain.
fn mark(verdict: ComparisonVerdict) -> Markup {
    html! {
        @match verdict {
            ComparisonVerdict::Better => abbr title="better than chance explains" { " *" },
            ComparisonVerdict::Worse => abbr title="worse than chance explains" { " ×" },
            ComparisonVerdict::Higher | ComparisonVerdict::Lower => abbr title="more than chance explains" { " ≠" },
            _ => "",
        }
    }
}

fn marks(comparison: &Comparison) -> String {
    format!(
        "* B is better, × worse, and ≠ other where neither is better, than chance explains, by the paired t test after Holm's correction, at {}; \
         unclear: chance would do.",
        comparison.alpha
    )
}

fn differences(pair: &ComparedPair, comparison: &Comparison) -> Markup {
    let scale = |metric: &str| {
        let all = comparison.pairs.iter().flat_map(|pair| &pair.metrics).filter(|one| one.metric == metric);
        reach(all.flat_map(|one| [one.low, one.high, Some(one.difference)]).flatten())
    };
    html! {
        p.soft { (who(pair).join("; ")) "." }
        (wide(&format!("Differences of {}", pair.b.label), &html! {
            table.results {
                (head("metric", "p (t)"))
                tbody {
                    @for one in &pair.metrics {
                        @let test = one.t.or(one.wilcoxon);
                        tr {
                            th scope="row" { (name(one)) }
                            td.number { (signed(one.difference)) }
                            (verdict(one.verdict))
                            td { (PreEscaped(forest(&one.metric, one.difference, one.low.zip(one.high), one.verdict, scale(&one.metric)).inline())) }
                            td.number { (interval(one.low, one.high)) }
                            td.number { (probability(test.map(|test| test.p))) }
                            td.number { (probability(test.map(|test| test.p_holm))) }
                            td.number { (cells::metric(Some(one.mean_a))) }
                            td.number { (cells::metric(Some(one.mean_b))) }
                            td.number { (cells::count(one.n)) }
                        }
                    }
                }
            }
        }))
    }
}

fn name(one: &ComparedMetric) -> Markup {
    html! { (breakable(&one.metric)) @if one.better == BetterValue::Lower { abbr title="lower is better" { " ↓" } } }
}

fn verdict(verdict: ComparisonVerdict) -> Markup {
    html! {
        @if verdict.is_significant() {
            td.best[verdict == ComparisonVerdict::Better] { strong { (verdict.words()) } (mark(verdict)) }
        } @else {
            td { (verdict.words()) }
        }
    }
}

fn tests(pair: &ComparedPair, _: &Comparison) -> Markup {
    let number = |value: Option<f64>| value.map_or_else(|| cells::NOTHING.to_owned(), |value| format!("{value:+.3}"));
    let pair_of =
        |test: Option<TestOutcome>| [probability(test.map(|test| test.p)), probability(test.map(|test| test.p_holm))];
    let row = |one: &ComparedMetric| {
        let mut cells = Vec::new();
        cells.extend([one.t, one.wilcoxon, one.sign].into_iter().flat_map(pair_of));
        cells.extend([number(one.d_z), number(one.rank_biserial)]);
        cells.extend(one.shares().map(|(n, word)| match one.better {
            BetterValue::Neither => format!("{} {word}", share(n, one.n)),
            _ => share(n, one.n),
        }));
        cells
    };
    let header =
        ["p (t)", "Holm", "p (ranks)", "Holm", "p (sign)", "Holm", "d_z", "rank-biserial", "gain", "lose", "stay"];
    html! {
        (wide(&format!("Tests of {}", pair.b.label), &html! {
            table.results {
                thead { tr { th scope="col" { "metric" } @for name in header { th.number scope="col" { (name) } } } }
                tbody {
                    @for one in &pair.metrics {
                        tr { th scope="row" { (name(one)) } @for cell in row(one) { td.number { (cell) } } }
                    }
                }
            }
        }))
    }
}

fn groups(pair: &ComparedPair, _: &Comparison) -> Markup {
    html! {
        @for (at, one) in pair.metrics.iter().filter(|one| !one.groups.is_empty()).enumerate() {
            details open[at == 0] {
                summary { (one.metric) ": " (found(&one.groups)) }
                (wide(&format!("{} by groups", one.metric), &html! { (group_table(one)) }))
            }
        }
    }
}

fn found(groups: &[ComparedGroup]) -> String {
    let verdicts =
        [ComparisonVerdict::Better, ComparisonVerdict::Worse, ComparisonVerdict::Higher, ComparisonVerdict::Lower];
    let counts = verdicts.map(|verdict| (verdict, groups.iter().filter(|group| group.verdict == verdict).count()));
    let told: Vec<String> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(verdict, n)| format!("{} for {n}", verdict.words())).collect();
    match told.as_slice() {
        [] => "no group stands out".to_owned(),
        told => format!("{} of {} groups", told.join(", "), groups.len()),
    }
}

/// The columns of a table of differences, of which `what` is a row and `p` the test.
fn head(what: &str, p: &str) -> Markup {
    html! {
        thead {
            tr {
                th scope="col" { (what) }
                th.number scope="col" { "B − A" }
                th scope="col" { "B is" }
                th scope="col" { "lower | higher" }
                @for name in ["95 %", p, "Holm", "A", "B", "users"] { th.number scope="col" { (name) } }
            }
        }
    }
}

fn group_table(one: &ComparedMetric) -> Markup {
    let scale = reach(one.groups.iter().flat_map(|group| [group.low, group.high, Some(group.difference)]).flatten());
    html! {
        table.results {
            (head("group", "p"))
            tbody {
                @for group in &one.groups {
                    @let title = format!("{}, {} {}", one.metric, group.attribute, group.group);
                    tr {
                        th scope="row" { (group.attribute) " " (group.group) }
                        td.number { (signed(group.difference)) }
                        (verdict(group.verdict))
                        td { (PreEscaped(forest(&title, group.difference, group.low.zip(group.high), group.verdict, scale).inline())) }
                        td.number { (interval(group.low, group.high)) }
                        td.number { (probability(group.p)) }
                        td.number { (probability(group.p_holm)) }
                        td.number { (cells::metric(Some(group.mean_a))) }
                        td.number { (cells::metric(Some(group.mean_b))) }
                        td.number { (cells::count(group.n)) }
                    }
                }
            }
        }
    }
}

fn checks(comparison: &Comparison, plan: &SelfCheckPlan) -> Markup {
    let SelfCheckPlan { n_rounds, expected_least, expected_most } = plan;
    html! {
        p {
            "The values of A and B were exchanged at random, user by user, " (n_rounds) " times. No run is better then, and a test "
            "that is sound rejects " (expected_least) " to " (expected_most) " times at " (comparison.alpha) " (in 99 of 100 such checks); "
            "fewer where few users differ. Then a difference was planted among as much noise as there is: a sound test finds it."
        }
        @for pair in &comparison.pairs {
            article {
                h3 { (pair.b.label) " against " (pair.a.label) }
                (wide(&format!("Checks of {}", pair.b.label), &html! { (check_table(pair)) }))
            }
        }
    }
}

fn check_table(pair: &ComparedPair) -> Markup {
    let header = ["t rejects", "ranks reject", "signs reject", "planted", "t finds", "ranks find", "signs find"];
    let row = |one: &ComparedMetric| match &one.self_check {
        None => (vec![cells::NOTHING.to_owned(); header.len()], "nothing to exchange"),
        Some(check) => {
            let found = [check.t_found, check.wilcoxon_found, check.sign_found];
            let found = found.map(|n| if check.planted.is_some() { n.to_string() } else { cells::NOTHING.to_owned() });
            let mut cells: Vec<String> = [check.t, check.wilcoxon, check.sign].map(|n| n.to_string()).to_vec();
            cells.push(check.planted.map_or_else(|| cells::NOTHING.to_owned(), signed));
            cells.extend(found);
            (cells, if check.is_sound { "sound" } else { "NOT sound" })
        }
    };
    html! {
        table.results {
            thead {
                tr {
                    th scope="col" { "metric" }
                    @for name in header { th.number scope="col" { (name) } }
                    th scope="col" { "the tests are" }
                }
            }
            tbody {
                @for one in &pair.metrics {
                    @let (cells, word) = row(one);
                    tr { th scope="row" { (name(one)) } @for cell in cells { td.number { (cell) } } td { (word) } }
                }
            }
        }
    }
}
