//! `reco`: train, compare and use recommenders from a table of ratings.
//!
//! Parses the command line, calls reco-run, prints. Does not know anything else.
//!
//! **Invariant**: what was asked for goes to stdout, words and progress to stderr; exit code 0 is success, 1 a failure, 2 a
//! command line that is wrong.

mod args;
mod command;
mod interrupt;
mod progress;
mod text;

use std::process::ExitCode;

use clap::error::ErrorKind;

fn main() -> ExitCode {
    let done = match args::parse(std::env::args_os()) {
        Ok(parsed) => command::execute(parsed),
        Err(error) => {
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                // No errors: clap prints them to stdout. A closed pipe is the reader's wish.
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            text::say(error.to_string().trim_end());
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if text::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            text::error(&error);
            ExitCode::FAILURE
        }
    }
}
