//! Runs `reco tune`: searches for options, and says where the experiment with the best of them lies.
//!
//! Does not know how options are searched for: reco-run does.
//!
//! **Invariant**: the answer goes to stdout; it says what was found for every approach, and what was left out.

use std::num::NonZeroUsize;

use reco_run::{BEST, Method, Source, TUNING_PAGE, TuneSource, tuning_table};

use super::run;
use crate::args::TuneArgs;
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// Trials where time alone is to end a search.
const ENDLESS: NonZeroUsize = NonZeroUsize::MAX;

/// `reco tune`
pub(crate) fn tune(args: &TuneArgs) -> anyhow::Result<()> {
    let TuneArgs { experiment: of_experiment, trials, time, method, metric, seed } = args;
    let mut experiment = run::read(of_experiment)?;
    let config = &mut experiment.tune;
    if let Some(name) = method {
        config.method = Method::ALL.into_iter().find(|(_, known)| known == name).map_or(config.method, |(one, _)| one);
    }
    config.seconds = time.or(config.seconds);
    // Successive halving has to know its trials before the first.
    let is_open = time.is_some() && config.method != Method::SuccessiveHalving;
    config.trials = trials.or(is_open.then_some(ENDLESS)).unwrap_or(config.trials);
    config.seed = seed.or(config.seed);
    if let Some(metric) = metric {
        metric.clone_into(&mut config.metric);
    }
    let watch = Watch::new(Interrupt::listen()?);
    let command = text::command_line();
    let source = of_experiment.file.experiment.clone().map_or(Source::Default, Source::File);
    let read_from = TuneSource { source: &source, sets: &of_experiment.file.set };
    let tuning = reco_run::tune(&experiment, &run::options(of_experiment, &command, &watch), &read_from)?;
    if of_experiment.json {
        return text::print_json(&tuning);
    }
    text::print(&tuning_table(&tuning))?;
    let out = &of_experiment.folders.out;
    let tuned = out.join("tuned");
    text::say(&format!("what mattered: {}", tuned.join(TUNING_PAGE).display()));
    let best = tuned.join(BEST).display().to_string();
    let mut words = vec!["reco".to_owned(), "run".to_owned(), best];
    if out != std::path::Path::new("data") {
        words.extend(["--out".to_owned(), out.display().to_string()]);
    }
    text::say(&format!("to measure it on the test: {}", text::quoted(words.into_iter())));
    Ok(())
}
