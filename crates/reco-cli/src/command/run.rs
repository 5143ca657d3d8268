//! Runs `reco run`, and the command of each stage.
//!
//! Does not know stages: reco-run does.
//!
//! **Invariant**: a run that wrote a report ends with the table of results, the best approach and the path of the
//! report.

use std::path::Path;

use reco_run::{Experiment, RunOptions, Source, Summary, last_words, terminal_table};

use crate::args::{ExperimentArgs, ExperimentFile, RunArgs};
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
pub(super) fn experiment(args: &ExperimentFile) -> anyhow::Result<Experiment> {
    let source = args.experiment.clone().map_or(Source::Default, Source::File);
    Ok(Experiment::read(&source, &args.set, &args.approach)?)
}

/// The experiment that was asked for, on the device that was asked for.
pub(super) fn read(args: &ExperimentArgs) -> anyhow::Result<Experiment> {
    let mut experiment = experiment(&args.file)?;
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

fn execute(args: &ExperimentArgs, from: Option<&str>, only: Option<&str>) -> anyhow::Result<()> {
    let experiment = read(args)?;
    let summary = work(args, &experiment, from, only)?;
    tell(args, &experiment, &summary)
}

/// Runs `experiment`, or a part of it.
pub(super) fn work(
    args: &ExperimentArgs,
    experiment: &Experiment,
    from: Option<&str>,
    only: Option<&str>,
) -> anyhow::Result<Summary> {
    let watch = Watch::new(Interrupt::listen()?);
    let command = text::command_line();
    Ok(reco_run::run(experiment, &RunOptions { from, only, ..options(args, &command, &watch) })?)
}

/// Prints what came of it.
pub(super) fn tell(args: &ExperimentArgs, experiment: &Experiment, summary: &Summary) -> anyhow::Result<()> {
    if args.json {
        return text::print_json(summary);
    }
    let Summary { results, page, .. } = summary;
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
        let models = (out != Path::new("data")).then(|| ["--models".to_owned(), out.display().to_string()]);
        let words = ["reco", "recommend", "--user", "ID"].map(str::to_owned).into_iter();
        text::say(&format!("to ask: {}", text::quoted(words.chain(models.into_iter().flatten()))));
    }
    Ok(())
}
