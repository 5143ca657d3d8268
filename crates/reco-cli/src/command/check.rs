//! Runs `reco check`: prints what makes an experiment's numbers too good.
//!
//! Does not know the checks: reco-run does.
//!
//! **Invariant**: what was found, what is fine and what could not be looked at are told apart; none is left out.

use std::fmt::Write as _;

use anyhow::bail;
use reco_run::{Checked, Finding, Severity, Unchecked};

use crate::args::{CheckArgs, ExperimentFile};
use crate::text;

/// `reco check`
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let experiment = super::run::experiment(&args.file)?;
    let checked = reco_run::check(&experiment, &args.out, &arguments(args))?;
    if args.json {
        text::print_json(&checked)?;
    } else {
        text::print(&describe(&checked))?;
    }
    if args.strict && checked.is_too_good() {
        let [leaks, optimistic] = [Severity::Leak, Severity::Optimistic].map(|severity| checked.count(severity));
        bail!(
            "the numbers of `{}` are too good; leaks: `{leaks}`, optimistic findings: `{optimistic}`\n\
             hint: each of them names its remedy",
            checked.experiment
        );
    }
    Ok(())
}

/// The typed arguments, as other commands take them.
fn arguments(args: &CheckArgs) -> String {
    let ExperimentFile { experiment, set, approach } = &args.file;
    let mut words: Vec<String> = experiment.iter().map(|path| path.display().to_string()).collect();
    words.extend(set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    if !approach.is_empty() {
        words.extend(["--approach".to_owned(), approach.join(",")]);
    }
    if args.out.as_os_str() != "data" {
        words.extend(["--out".to_owned(), args.out.display().to_string()]);
    }
    text::quoted(words.into_iter())
}

fn describe(checked: &Checked) -> String {
    let mut shown = String::new();
    if let Some(repetition) = &checked.repetition {
        let _ = writeln!(shown, "data and results are those of the repetition `{repetition}`\n");
    }
    for severity in Severity::ALL {
        let of: Vec<&Finding> = checked.findings.iter().filter(|finding| finding.severity == severity).collect();
        if !of.is_empty() {
            let _ = writeln!(shown, "{}", title(severity));
        }
        for Finding { check, found, why, remedy, .. } in of {
            let _ = writeln!(shown, "  {check}: {found}\n    why: {why}\n    remedy: {remedy}");
        }
    }
    let row = |check: &str, about: &str| vec![format!("  {check}"), about.to_owned()];
    if !checked.fine.is_empty() {
        let rows: Vec<_> = checked.fine.iter().map(|fine| row(fine.check, fine.about)).collect();
        let _ = write!(shown, "fine: looked for, and not found\n{}", text::columns(&rows, &[]));
    }
    // Checks that lack the same thing are listed together, with the one command that makes it.
    let mut rest: Vec<&Unchecked> = checked.unchecked.iter().collect();
    while let Some(&first) = rest.first() {
        let (of, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|one| one.why == first.why && one.command == first.command);
        let rows: Vec<_> = of.iter().map(|one| row(one.check, one.about)).collect();
        let _ = write!(shown, "not checked: {}\n{}", first.why, text::columns(&rows, &[]));
        if let Some(command) = &first.command {
            let _ = writeln!(shown, "  hint: `{command}` makes it");
        }
        rest = others;
    }
    shown
}

fn title(severity: Severity) -> &'static str {
    match severity {
        Severity::Leak => "leak: a held-out row reached training, or the choice of a model",
        Severity::Optimistic => "optimistic: the task is easier than it looks",
        Severity::Note => "note: worth knowing before a number is quoted",
    }
}
