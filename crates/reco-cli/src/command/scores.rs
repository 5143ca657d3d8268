//! Runs `reco evaluate --scores`: measures scores that somebody else computed.
//!
//! Does not know the metrics: reco-run does.
//!
//! **Invariant**: whatever plays no part in the numbers is named beside them.

use std::path::Path;

use reco_run::{ScoresOptions, measure_scores, terminal_table};

use super::run::{options, read};
use crate::args::{ExperimentArgs, ScoresArgs};
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco evaluate --scores`
pub(crate) fn scores(args: &ExperimentArgs, file: &Path, scores: &ScoresArgs) -> anyhow::Result<()> {
    let experiment = read(args)?;
    let watch = Watch::new(Interrupt::listen()?);
    let command = text::command_line();
    let which = ScoresOptions {
        path: file,
        are_stars: scores.stars,
        repetition: scores.repetition.as_deref(),
        per_user: scores.per_user.as_deref(),
    };
    let scored = measure_scores(&experiment, &options(args, &command, &watch), &which)?;
    if args.json {
        return text::print_json(&scored);
    }
    text::print(&terminal_table(&scored.results))?;
    scored.remarks().iter().for_each(|remark| text::say(remark));
    Ok(())
}
