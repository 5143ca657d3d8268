//! Writes a comparison for a terminal, as a short summary or in full.
//!
//! Does not know colours.
//!
//! **Invariant**: every significant verdict has a mark; no number is shown that JSON does not have; a summary has at
//! most twenty lines.

use reco_eval::compare::{Difference, Planted, Rejections, SelfCheck, Verdict};
use reco_eval::main_columns;
use reco_eval::metric::Better;

use super::{ComparedPair, Comparison, interval, probability, share, shares, signed, who, words};
use crate::cells;
use crate::terminal::{TextColumn, render};

/// How many pairs, or metrics of a single pair, a summary shows.
const SUMMARISED: usize = 8;

/// What matters most in at most twenty lines: for one pair its metrics, for several pairs one or two metrics of each,
/// then how many of the others are better and worse. Ends with a newline.
pub fn comparison_summary(comparison: &Comparison) -> String {
    let mut text = String::new();
    let left_out = match comparison.pairs.as_slice() {
        [pair] => {
            text += &format!("B = {} against A = {}: {}\n", pair.b.label, pair.a.label, who(pair).join("; "));
            one_pair(&mut text, pair)
        }
        pairs => several_pairs(&mut text, pairs),
    };
    let n_groups =
        comparison.differences().flat_map(|one| &one.groups).filter(|group| group.verdict.is_significant()).count();
    if n_groups > 0 {
        text += &format!("Groups of users for whom a difference is no chance: {}.\n", cells::count(n_groups));
    }
    if let Some(SelfCheck { n_rounds, expected: (least, most), .. }) = comparison.self_check() {
        let checks = || comparison.differences().filter_map(|one| one.self_check);
        text += &format!(
            "Self-check: of {n_rounds} random exchanges a sound test rejects {least} to {most}; \
             sound for {} of {} metrics.\n",
            checks().filter(|check| check.is_sound).count(),
            checks().count()
        );
    }
    match comparison.notes.as_slice() {
        [] => {}
        [note] => text += &format!("{note}\n"),
        notes => text += &format!("{} (and {} more notes)\n", notes[0], notes.len() - 1),
    }
    text += &format!(
        "* not chance (paired t test over users, Holm, {}); unclear: chance could explain it; ↓ lower is better.\n",
        comparison.alpha
    );
    let left_out = if left_out.is_empty() { String::new() } else { format!("{left_out}; ") };
    text += &format!("All of it: {left_out}--details, --html FILE, --json.\n");
    text
}

/// Writes the metrics of a pair, the main ones first; returns what has no room.
fn one_pair(text: &mut String, pair: &ComparedPair) -> String {
    if pair.metrics.is_empty() {
        *text += "No metric has values of both.\n";
        return String::new();
    }
    let main = main_columns(pair.metrics.iter().map(|one| &one.metric));
    let is_main = |one: &&Difference| main.contains(&&one.metric);
    let (first, rest): (Vec<&Difference>, Vec<&Difference>) = pair.metrics.iter().partition(is_main);
    let shown: Vec<Difference> = first.into_iter().chain(rest).take(SUMMARISED).cloned().collect();
    *text += &render(&columns(&shown));
    *text += &format!("\nOf {} metrics {}.\n", pair.metrics.len(), verdicts(&pair.metrics));
    let n_more = pair.metrics.len() - shown.len();
    if n_more > 0 { format!("{n_more} more metrics") } else { String::new() }
}

/// Writes each pair with its main metrics; returns what has no room.
fn several_pairs(text: &mut String, pairs: &[ComparedPair]) -> String {
    let Some(first) = pairs.first() else { return String::new() };
    let main = main_columns(pairs.iter().flat_map(|pair| &pair.metrics).map(|one| &one.metric));
    // If all are measured against one, it is named once.
    let against = pairs.iter().all(|pair| pair.a.label == first.a.label).then_some(&first.a.label);
    let n_users = pairs.iter().map(|pair| pair.n_users).max().unwrap_or(0);
    let what = against.map_or_else(|| "B against A".to_owned(), |label| format!("B against A = {label}"));
    *text += &format!("{what}: {} pairs, up to {} users in both\n", pairs.len(), cells::count(n_users));
    let n_different = pairs.iter().filter(|pair| pair.n_different_tests > 0).count();
    if n_different > 0 {
        *text += &format!("NOT measured on the same test: {n_different} of {} pairs\n", pairs.len());
    }
    let column = |header: &str, cell: &dyn Fn(&ComparedPair) -> String| {
        TextColumn::new(header, pairs.iter().take(SUMMARISED).map(cell))
    };
    let mut table = vec![column("B", &|pair| match against {
        Some(_) => pair.b.label.clone(),
        None => format!("{} against {}", pair.b.label, pair.a.label),
    })];
    for name in &main {
        let better = pairs.iter().find_map(|pair| pair.of(name)).map_or(Better::Higher, |one| one.better);
        let header = cells::heading(name, better);
        let of = |pair: &ComparedPair, say: fn(&Difference) -> String| cells::or_nothing(pair.of(name), say);
        table.push(column(&header, &|pair| of(pair, |one| cells::metric(Some(one.paired.mean_b)))));
        table.push(column("B - A", &|pair| of(pair, |one| signed(one.paired.difference))));
        table.push(column("95 %", &|pair| of(pair, |one| interval(one.paired.interval))));
        table.push(column("B is", &|pair| of(pair, |one| verdict(one.verdict))));
    }
    *text += &render(&table);
    *text += "\n";
    let all: Vec<Difference> = pairs.iter().flat_map(|pair| pair.metrics.clone()).collect();
    *text += &format!("Over all pairs and metrics, {} comparisons: {}.\n", cells::count(all.len()), verdicts(&all));
    let n_more = pairs.len().saturating_sub(SUMMARISED);
    if n_more > 0 { format!("{n_more} more pairs") } else { String::new() }
}

/// `3 better, 1 worse, 8 unclear`
fn verdicts(metrics: &[Difference]) -> String {
    use Verdict::{Better, Equal, Higher, Lower, TooFew, Unclear, Worse};
    let told = [Better, Worse, Higher, Lower, Unclear, Equal, TooFew].into_iter().filter_map(|verdict| {
        let n = metrics.iter().filter(|one| one.verdict == verdict).count();
        (n > 0).then(|| format!("{} {}", cells::count(n), words(verdict)))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn verdict(verdict: Verdict) -> String {
    format!("{}{}", if verdict.is_significant() { "*" } else { "" }, words(verdict))
}

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
        if let Some(plan) = comparison.self_check() {
            text += &self_check(metrics, plan);
        }
        text += "\n";
    }
    for note in &comparison.notes {
        text += &format!("{note}\n");
    }
    text += &format!(
        "The paired t test over users decides, after Holm's correction, at {}. A and B are means over users.\n\
         * not chance; unclear: chance could explain it; ↓ lower is better.\n\
         Effect sizes and all tests: --html, --json.\n\
         One fitted model each: two seeds of one approach are two models too, and may well differ.\n",
        comparison.alpha
    );
    text
}

fn columns(metrics: &[Difference]) -> Vec<TextColumn> {
    let column = |header: &str, cell: &dyn Fn(&Difference) -> String| TextColumn::new(header, metrics.iter().map(cell));
    vec![
        column("metric", &|one| cells::heading(&one.metric, one.better)),
        column("users", &|one| cells::count(one.paired.n)),
        column("A", &|one| cells::metric(Some(one.paired.mean_a))),
        column("B", &|one| cells::metric(Some(one.paired.mean_b))),
        column("B - A", &|one| signed(one.paired.difference)),
        column("95 %", &|one| interval(one.paired.interval)),
        column("p (t)", &|one| probability(one.paired.t.map(|test| test.p))),
        column("Holm", &|one| probability(one.paired.t.and_then(|test| test.p_holm))),
        column("p (ranks)", &|one| probability(one.paired.wilcoxon.map(|test| test.p))),
        column("B is", &|one| verdict(one.verdict)),
    ]
}

/// How often users gain, and the groups of users whose difference chance does not explain: a line for each attribute.
fn groups(metrics: &[Difference]) -> String {
    let mut text = String::new();
    for one in metrics {
        let shares = shares(one).map(|(n, what)| format!("{} {what}", share(n, one.paired.n)));
        text += &format!("{}: {}\n", one.metric, shares.join(", "));
        let mut attribute = "";
        for group in one.groups.iter().filter(|group| group.verdict.is_significant()) {
            if attribute == group.attribute {
                text.insert_str(text.len() - 1, ", ");
            } else {
                attribute = &group.attribute;
                text += &format!("  not chance by {attribute}: \n");
            }
            let (word, difference) = (words(group.verdict), signed(group.paired.difference));
            let told = format!("{} {word} {difference} ({})", group.group, cells::count(group.paired.n));
            text.insert_str(text.len() - 1, &told);
        }
    }
    text
}

fn self_check(metrics: &[Difference], plan: &SelfCheck) -> String {
    let SelfCheck { n_rounds, expected: (least, most), .. } = plan;
    let mut text = format!(
        "Self-check: of {n_rounds} random exchanges of A and B, user by user, a sound test rejects {least} to {most} \
         (99 %)\n"
    );
    for one in metrics {
        let Some(check) = &one.self_check else {
            text += &format!("  {}: nothing to exchange\n", one.metric);
            continue;
        };
        let planted = check.planted.map_or_else(
            || "too few users to plant a difference".to_owned(),
            |Planted { shift, found: Rejections { t, wilcoxon, sign }, .. }| {
                format!("a planted {} found {t} / {wilcoxon} / {sign}", signed(shift))
            },
        );
        text += &format!(
            "  {}: t {}, ranks {}, sign {}; {planted}{}\n",
            one.metric,
            check.rejections.t,
            check.rejections.wilcoxon,
            check.rejections.sign,
            if check.is_sound { "" } else { "  NOT SOUND" }
        );
    }
    text
}
