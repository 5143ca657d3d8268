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
    #[cfg(target_os = "linux")]
    quieten_mesa();
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

/// Mesa's layer that chooses among devices prints an error where there is no desktop session, though all is well. The
/// layer reads its switch at any time, and a process may not change its own environment while others read it: the
/// program starts once more, with the layer switched off.
#[cfg(target_os = "linux")]
fn quieten_mesa() {
    use std::os::unix::process::CommandExt as _;
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if ["XDG_RUNTIME_DIR", "NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT"].into_iter().any(is_set) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut again = std::process::Command::new(program);
        again.args(std::env::args_os().skip(1)).env("NODEVICE_SELECT", "1");
        // It returns only where it fails, and then the words are no harm.
        let _ = again.exec();
    }
}
