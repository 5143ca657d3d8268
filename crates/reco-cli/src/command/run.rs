//! Runs `reco run`, and the command of each stage.
//!
//! Does not know stages: reco-run does.
//!
//! **Invariant**: a run that wrote a report ends with the table of results, the best approach and the path of the
//! report.

use std::path::Path;

use reco_run::{Experiment, RunOptions, Source, Summary, last_words, terminal_table};

use crate::args::{ExperimentArgs, RunArgs};
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco run`
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    execute(&args.experiment, args.from.as_deref(), args.only.as_deref())
}

/// `reco ingest`, `reco train`, …
pub(crate) fn stage(stage: &str, args: &ExperimentArgs) -> anyhow::Result<()> {
    execute(args, None, Some(stage))
}

/// The experiment that was asked for.
pub(super) fn read(args: &ExperimentArgs) -> anyhow::Result<Experiment> {
    let source = args.experiment.clone().map_or(Source::Default, Source::File);
    let mut experiment = Experiment::read(&source, &args.set, &args.approach)?;
    if let Some(device) = args.device {
        experiment.compute_on(device);
    }
    Ok(experiment)
}

/// The options of a run of all its stages.
pub(super) fn options<'a>(args: &'a ExperimentArgs, command: &'a str, watch: &'a Watch) -> RunOptions<'a> {
    RunOptions {
        raw: &args.folders.raw,
        out: &args.folders.out,
        from: None,
        only: None,
        force: args.force,
        command,
        progress: watch,
    }
}

/// The option that tells `reco recommend` where a run lies; empty for the default folder.
fn models_option(out: &Path) -> String {
    if out == Path::new("data") {
        return String::new();
    }
    let out = out.display().to_string();
    format!(" --models {}", text::quoted([out].into_iter()))
}

fn execute(args: &ExperimentArgs, from: Option<&str>, only: Option<&str>) -> anyhow::Result<()> {
    let experiment = read(args)?;
    let watch = Watch::new(Interrupt::listen()?);
    let command = text::command_line(std::env::args_os());
    let options = RunOptions { from, only, ..options(args, &command, &watch) };
    let Summary { results, page, .. } = &match reco_run::run(&experiment, &options)? {
        summary if args.json => return text::print_json(&summary),
        summary => summary,
    };
    if let Some(results) = results {
        text::print(&terminal_table(results))?;
        match last_words(results).as_str() {
            "" => {}
            words => text::print(&format!("\n{words}"))?,
        }
    }
    if let Some(page) = page {
        text::say(&format!("report: {}", page.display()));
        let out = &args.folders.out;
        let out = experiment.repetitions.first().map_or_else(|| out.clone(), |first| out.join(&first.label));
        text::say(&format!("to ask: reco recommend --user ID{}", models_option(&out)));
    }
    Ok(())
}
