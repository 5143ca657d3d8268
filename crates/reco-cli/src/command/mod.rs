//! Dispatches each command to the function that runs it.
//!
//! Does not know how anything is done: reco-run does it.
//!
//! **Invariant**: a command prints its answer, and nothing else, to stdout.

mod check;
mod compare;
mod describe;
mod doctor;
mod export;
mod fetch;
mod init;
mod recommend;
mod retrain;
mod run;
mod runs;
mod scores;
mod serve;
mod show;
mod synth;
mod tune;

use crate::args::{self, Command, Parsed};
use crate::text;

/// Runs the command that was asked for.
pub(crate) fn execute(parsed: Parsed) -> anyhow::Result<()> {
    match parsed {
        Parsed::Stage(stage, args) => run::stage(stage, &args),
        Parsed::Scores(experiment, file, args) => scores::scores(&experiment, &file, &args),
        Parsed::Command(Command::Run(args)) => run::run(&args),
        Parsed::Command(Command::Init(args)) => init::init(&args),
        Parsed::Command(Command::Runs(args)) => runs::runs(&args),
        Parsed::Command(Command::Tune(args)) => tune::tune(&args),
        Parsed::Command(Command::Retrain(args)) => retrain::retrain(args),
        Parsed::Command(Command::Recommend(args)) => recommend::recommend(&args),
        Parsed::Command(Command::Serve(args)) => serve::serve(&args),
        Parsed::Command(Command::Describe(args)) => describe::describe(&args),
        Parsed::Command(Command::Export(args)) => export::export(&args),
        Parsed::Command(Command::Check(args)) => check::check(&args),
        Parsed::Command(Command::Compare(args)) => compare::compare(&args),
        Parsed::Command(Command::Fetch(args)) => fetch::fetch(&args),
        Parsed::Command(Command::Synth(args)) => synth::synth(&args),
        Parsed::Command(Command::Show(args)) => show::show(&args),
        Parsed::Command(Command::Doctor(args)) => doctor::doctor(&args),
        Parsed::Command(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut args::command(), "reco", &mut script);
            text::print(&String::from_utf8(script)?)
        }
    }
}
