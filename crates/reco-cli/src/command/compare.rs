//! Runs `reco compare`: compares runs or approaches user by user, or the arms of an A/B test, and says which
//! differences could be luck.
//!
//! Does not know statistics: reco-run leaves those to reco-eval.
//!
//! **Invariant**: the page is written whole or not at all; the answer goes to stdout.

use std::path::Path;

use reco_run::{
    ArmComparison, ArmMeasure, CompareOptions, Output, comparison_page, comparison_summary, comparison_table,
};

use crate::args::CompareArgs;
use crate::interrupt::Interrupt;
use crate::text;

/// `reco compare`
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<()> {
    if let Some(folder) = &args.exposures {
        return exposures(folder, args);
    }
    let options = CompareOptions {
        against: args.against.as_deref(),
        metrics: &args.metrics,
        groups: &args.groups,
        alpha: args.alpha,
        different_tests: args.different_tests,
        self_check: args.self_check,
    };
    let page = args.html.as_deref().map(Output::at).transpose()?;
    let comparison = reco_run::compare(&args.runs, &options)?;
    if let (Some(page), Some(file)) = (page, &args.html) {
        // From here on ctrl-C waits for the moment that writing takes, so that nothing half-written is left.
        Interrupt::listen()?;
        page.write_text(&comparison_page(&comparison))?;
        text::say(&format!("comparison: {}", file.display()));
    }
    match (args.json, args.details) {
        (true, _) => text::print_json(&comparison),
        (false, true) => text::print(&comparison_table(&comparison)),
        (false, false) => text::print(&comparison_summary(&comparison)),
    }
}

/// `reco compare --exposures`
fn exposures(folder: &Path, args: &CompareArgs) -> anyhow::Result<()> {
    let found = reco_run::compare_exposures(folder, args.alpha)?;
    if args.json { text::print_json(&found) } else { text::print(&arms_table(&found)) }
}

/// The arms in words and numbers.
fn arms_table(found: &ArmComparison) -> String {
    let head = ["arm", "users", "exposures", "events", "followed", "95 %", "per user", "95 %", "stars"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let none = || "–".to_owned();
    for arm in &found.arms {
        let (share, per_user) = (arm.share_interval, arm.per_user_interval);
        rows.push(vec![
            arm.name.clone(),
            arm.n_users.to_string(),
            arm.n_exposures.to_string(),
            arm.n_events.to_string(),
            percent(arm.share),
            format!("{} to {}", percent(share.low), percent(share.high)),
            format!("{:.3}", arm.per_user),
            per_user.map_or_else(none, |bounds| format!("{:.3} to {:.3}", bounds.low, bounds.high)),
            arm.mean_stars.map_or_else(none, |stars| format!("{stars:.2}")),
        ]);
    }
    let mut table = text::columns(&rows, &[false, true, true, true, true, true, true, true, true]);
    for one in &found.differences {
        let what = match one.measure {
            ArmMeasure::Share => ("followed", format!("{:+.1} points", 100.0 * one.difference)),
            ArmMeasure::PerUser => ("per user", format!("{:+.3}", one.difference)),
        };
        let how = match (one.p_holm, one.differs) {
            (None, _) => "no spread to judge by".to_owned(),
            (Some(p), true) => format!("not chance, p {p:.4}"),
            (Some(p), false) => format!("chance could explain it, p {p:.4}"),
        };
        let (a, b) = (text::on_one_line(&one.a), text::on_one_line(&one.b));
        table += &format!("{b} against {a}, {}: {} ({how})\n", what.0, what.1);
    }
    if found.n_in_several > 0 {
        table += &format!("{} users saw more than one arm and count in each.\n", found.n_in_several);
    }
    table += &format!(
        "followed: users with an event that names an answer they saw; two-proportion z and Welch's t test over users, \
         Holm, {}.\n",
        found.alpha
    );
    table
}
