//! Runs `reco compare`: compares runs or approaches user by user, and says which differences could be luck.
//!
//! Does not know statistics: reco-run leaves those to reco-eval.
//!
//! **Invariant**: the page is written whole or not at all; the answer goes to stdout.

use reco_run::{CompareOptions, Output, comparison_page, comparison_summary, comparison_table};

use crate::args::CompareArgs;
use crate::interrupt::Interrupt;
use crate::text;

/// `reco compare`
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<()> {
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
