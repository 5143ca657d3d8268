//! Writes a comparison as an HTML page.
//!
//! Does not know how a number came about.
//!
//! **Invariant**: all text is escaped by the template library; nothing is loaded from a network; without its script the
//! page says the same.

use maud::{Markup, PreEscaped, html};
use reco_eval::Column;
use reco_eval::compare::{Difference, GroupDifference, Paired, Planted, Rejections, SelfCheck, TestResult, Verdict};
use reco_eval::metric::Better;

use super::forest::{forest, reach};
use super::{ASSUMPTIONS, ComparedPair, Comparison, interval, probability, share, shares, signed, who, words};
use crate::cells;
use crate::html::{Section, heading, numbers, page, results_table};

/// The text of a self-contained page.
pub fn comparison_page(comparison: &Comparison) -> String {
    let mut sections = Vec::new();
    let mut add = |id, title, body| sections.push(Section { id, title, body });
    if comparison.pairs.len() > 1 {
        add("overview", "Overview", overview(comparison));
    }
    add("differences", "Differences", with_notes(comparison));
    add("tests", "All tests and effect sizes", html! { (pairs(comparison, tests)) p.soft { (EFFECTS) } });
    if comparison.differences().any(|one| !one.groups.is_empty()) {
        add("groups", "By groups of users", pairs(comparison, groups));
    }
    if let Some(plan) = comparison.self_check() {
        add("self-check", "Self-check of the tests", checks(comparison, plan));
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
const EFFECTS: &str = "d_z: the mean difference in standard deviations of the differences (Cohen). Rank-biserial: the \
    share of ranks that are up less the share that are down, −1 to 1. Gain, lose, stay: the share of users for whom B \
    is better, worse, the same.";

/// Pairs as rows and metrics as columns.
fn overview(comparison: &Comparison) -> Markup {
    let mut names: Vec<&Column> = Vec::new();
    for one in comparison.differences() {
        if !names.contains(&&one.metric) {
            names.push(&one.metric);
        }
    }
    // If all are measured against one, it is named once.
    let against = comparison.pairs.first().map(|pair| &pair.a.label);
    let against = against.filter(|label| comparison.pairs.iter().all(|pair| pair.a.label == **label));
    let head = html! {
        th scope="col" { @match against { Some(label) => { "against " (label) }, None => "B against A" } }
        (numbers(&names.iter().map(ToString::to_string).collect::<Vec<_>>()))
    };
    let rows = comparison.pairs.iter().map(|pair| {
        let name = html! { (pair.b.label) @if against.is_none() { " against " (pair.a.label) } };
        let cell = |name: &Column| {
            html! {
                @match pair.of(name) {
                    None => td.number { (cells::NOTHING) },
                    Some(one) => td.number.best[one.verdict == Verdict::Better] {
                        (signed(one.paired.difference)) (mark(one.verdict))
                    },
                }
            }
        };
        (name, html! { @for name in &names { (cell(name)) } })
    });
    html! {
        (results_table("All differences", &head, rows))
        p.soft { "B less A. " (marks(comparison)) }
    }
}

/// A mark beside a difference that chance alone does not explain.
fn mark(verdict: Verdict) -> Markup {
    html! {
        @match verdict {
            Verdict::Better => abbr title="better than chance explains" { " *" },
            Verdict::Worse => abbr title="worse than chance explains" { " ×" },
            Verdict::Higher | Verdict::Lower => abbr title="more than chance explains" { " ≠" },
            _ => "",
        }
    }
}

fn marks(comparison: &Comparison) -> String {
    format!(
        "* B is better, × worse, or ≠ different where neither is better, by more than chance explains: paired t test \
         after Holm's correction, at {}. Unclear: chance could explain it.",
        comparison.alpha
    )
}

fn differences(pair: &ComparedPair, comparison: &Comparison) -> Markup {
    let scale =
        |metric: &Column| reach(comparison.differences().filter(|one| one.metric == *metric).map(|one| &one.paired));
    let rows = pair
        .metrics
        .iter()
        .map(|one| (name(one), row(&one.metric.to_string(), &one.paired, one.verdict, scale(&one.metric))));
    html! {
        p.soft { (who(pair).join("; ")) "." }
        (results_table(&format!("Differences of {}", pair.b.label), &head("metric", "p (t)"), rows))
    }
}

/// The cells of a difference, after its name.
fn row(title: &str, paired: &Paired, told: Verdict, scale: f64) -> Markup {
    let test = paired.deciding();
    html! {
        td.number { (signed(paired.difference)) }
        (verdict(told))
        td { (PreEscaped(forest(title, paired, told, scale).inline())) }
        td.number { (interval(paired.interval)) }
        td.number { (probability(test.map(|test| test.p))) }
        td.number { (probability(test.and_then(|test| test.p_holm))) }
        td.number { (cells::metric(Some(paired.mean_a))) }
        td.number { (cells::metric(Some(paired.mean_b))) }
        td.number { (cells::count(paired.n)) }
    }
}

fn name(one: &Difference) -> Markup {
    heading(&cells::heading(&one.metric, one.better))
}

fn verdict(verdict: Verdict) -> Markup {
    html! {
        @if verdict.is_significant() {
            td.best[verdict == Verdict::Better] { strong { (words(verdict)) } (mark(verdict)) }
        } @else {
            td { (words(verdict)) }
        }
    }
}

fn tests(pair: &ComparedPair, _: &Comparison) -> Markup {
    let number = |value: Option<f64>| cells::or_nothing(value, |value| format!("{value:+.3}"));
    let pair_of = |test: Option<TestResult>| {
        [probability(test.map(|test| test.p)), probability(test.and_then(|test| test.p_holm))]
    };
    let row = |one: &Difference| {
        let Paired { n: all, t, wilcoxon, sign, d_z, rank_biserial, .. } = one.paired;
        let mut cells = Vec::new();
        cells.extend([t, wilcoxon, sign].into_iter().flat_map(pair_of));
        cells.extend([number(d_z), number(rank_biserial)]);
        cells.extend(shares(one).map(|(n, word)| match one.better {
            Better::Neither => format!("{} {word}", share(n, all)),
            _ => share(n, all),
        }));
        (name(one), html! { @for cell in cells { td.number { (cell) } } })
    };
    let header =
        ["p (t)", "Holm", "p (ranks)", "Holm", "p (sign)", "Holm", "d_z", "rank-biserial", "gain", "lose", "stay"];
    let head = html! { th scope="col" { "metric" } (numbers(&header)) };
    results_table(&format!("Tests of {}", pair.b.label), &head, pair.metrics.iter().map(row))
}

fn groups(pair: &ComparedPair, _: &Comparison) -> Markup {
    html! {
        @for (at, one) in pair.metrics.iter().filter(|one| !one.groups.is_empty()).enumerate() {
            details open[at == 0] {
                summary { (one.metric) ": " (found(&one.groups)) }
                (group_table(one))
            }
        }
    }
}

fn found(groups: &[GroupDifference]) -> String {
    let verdicts = [Verdict::Better, Verdict::Worse, Verdict::Higher, Verdict::Lower];
    let counts = verdicts.map(|verdict| (verdict, groups.iter().filter(|group| group.verdict == verdict).count()));
    let told: Vec<String> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(verdict, n)| format!("{} for {n}", words(*verdict))).collect();
    match told.as_slice() {
        [] => "no group stands out".to_owned(),
        told => format!("{} of {} groups", told.join(", "), groups.len()),
    }
}

/// The head of a table of differences: what its rows are, and the name of the deciding test.
fn head(what: &str, p: &str) -> Markup {
    html! {
        th scope="col" { (what) }
        th.number scope="col" { "B − A" }
        th scope="col" { "B is" }
        th scope="col" { "lower | higher" }
        (numbers(&["95 %", p, "Holm", "A", "B", "users"]))
    }
}

fn group_table(one: &Difference) -> Markup {
    let scale = reach(one.groups.iter().map(|group| &group.paired));
    let rows = one.groups.iter().map(|group| {
        let title = format!("{}, {} {}", one.metric, group.attribute, group.group);
        let name = html! { (group.attribute) " " (group.group) };
        (name, row(&title, &group.paired, group.verdict, scale))
    });
    results_table(&format!("{} by groups", one.metric), &head("group", "p"), rows)
}

fn checks(comparison: &Comparison, plan: &SelfCheck) -> Markup {
    let SelfCheck { n_rounds, expected: (least, most), .. } = plan;
    html! {
        p {
            "The values of A and B were exchanged at random, user by user, " (n_rounds) " times. Then neither run is "
            "better, and a sound test rejects " (least) " to " (most) " times at " (comparison.alpha) " (in 99 of 100 "
            "such checks), or fewer where few users differ. After that, a difference was planted in noise as wide as "
            "the real differences. A sound test finds it."
        }
        (pairs(comparison, check_table))
    }
}

fn check_table(pair: &ComparedPair, _: &Comparison) -> Markup {
    let header = ["t rejects", "ranks reject", "signs reject", "planted", "t finds", "ranks find", "signs find"];
    let row = |one: &Difference| {
        let mut cells = vec![cells::NOTHING.to_owned(); header.len()];
        let mut verdict = "nothing to exchange";
        let of_each = |Rejections { t, wilcoxon, sign }: Rejections| [t, wilcoxon, sign].map(|n| n.to_string());
        if let Some(check) = &one.self_check {
            verdict = if check.is_sound { "sound" } else { "NOT sound" };
            cells[..3].clone_from_slice(&of_each(check.rejections));
            if let Some(Planted { shift, found, .. }) = check.planted {
                cells[3] = signed(shift);
                cells[4..].clone_from_slice(&of_each(found));
            }
        }
        (name(one), html! { @for cell in cells { td.number { (cell) } } td { (verdict) } })
    };
    let head = html! { th scope="col" { "metric" } (numbers(&header)) th scope="col" { "the tests are" } };
    results_table(&format!("Checks of {}", pair.b.label), &head, pair.metrics.iter().map(row))
}
