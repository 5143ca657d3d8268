//! Runs `reco runs`: lists the runs below a folder.
//!
//! Does not know what a run is: reco-run does.
//!
//! **Invariant**: one line per run, the newest first; what is wrong with a run stands in its line.

use anyhow::bail;
use reco_run::{FoundRun, RunState};

use crate::args::RunsArgs;
use crate::text;

/// `reco runs`
pub(crate) fn runs(args: &RunsArgs) -> anyhow::Result<()> {
    if !args.folder.is_dir() {
        bail!(
            "there is no folder `{}`\nhint: name one that `reco run --out` wrote into, or one above it",
            args.folder.display()
        );
    }
    let found = reco_run::runs(&args.folder)?;
    if args.json {
        return text::print_json(&found);
    }
    if found.is_empty() {
        text::say(&format!("no run is in `{}` or below it", args.folder.display()));
        return Ok(());
    }
    let head = ["when (UTC)", "folder", "experiment", "data", "split", "approaches", "best", "seed", "device"];
    let rows: Vec<Vec<String>> = [head.map(str::to_owned).to_vec()].into_iter().chain(found.iter().map(line)).collect();
    text::print(&text::columns(&rows, &[false, false, false, false, false, false, false, true, false]))
}

fn line(run: &FoundRun) -> Vec<String> {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let approaches = match &run.approaches[..] {
        [] => "–".to_owned(),
        few if few.len() <= 2 => few.join(", "),
        many => format!("{} of them", many.len()),
    };
    let best = run.best.iter().map(|best| format!("{} {} {:.4}", best.approach, best.metric, best.value));
    let mut best = best.collect::<Vec<_>>().join("; ");
    if run.n_repetitions > 0 {
        best += &format!(" (mean of {})", run.n_repetitions);
    }
    let state = match run.state {
        RunState::Done => best,
        RunState::Unfinished => format!("unfinished: {}", run.problem.as_deref().unwrap_or_default()),
        RunState::Broken => format!("broken: {}", run.problem.as_deref().unwrap_or_default()),
    };
    vec![
        known(&run.when),
        run.folder.display().to_string(),
        known(&run.experiment),
        known(&run.data),
        known(&run.split),
        approaches,
        if state.is_empty() { "–".to_owned() } else { state },
        run.seed.map_or_else(|| "–".to_owned(), |seed| seed.to_string()),
        known(&run.device),
    ]
}
