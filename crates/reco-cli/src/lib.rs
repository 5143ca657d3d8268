//! The command line of reco as a library, for the program `reco` and for other programs that embed it.
//!
//! Parses the command line, calls reco-run and prints. Does not know anything else.
//!
//! **Invariant**: answers go to stdout, messages and progress to stderr; exit code 0 is success, 1 a failure, 2 a wrong
//! command line.

mod args;
mod command;
mod interrupt;
mod progress;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

/// Runs the command line `arguments`, the program's name first, and gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    text::asked(&arguments);
    let done = match args::parse(arguments.clone()) {
        Ok(parsed) => {
            #[cfg(target_os = "linux")]
            if parsed.looks_for_devices() {
                quieten_mesa(&arguments);
            }
            command::execute(parsed)
        }
        Err(error) => {
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                // Help and version are no errors: clap prints them to stdout. A closed pipe is the reader's wish.
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

/// Starts the program once more with Mesa's device-choosing layer switched off. Where there is no desktop session, that
/// layer prints an error though all is well. It reads its switch at any time, and a process may not change its own
/// environment while others read it, hence the restart. Another program that embeds the command line is left alone.
#[cfg(target_os = "linux")]
fn quieten_mesa(arguments: &[OsString]) {
    use std::os::unix::process::CommandExt as _;
    if !std::env::args_os().eq(arguments.iter().cloned()) {
        return;
    }
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if ["XDG_RUNTIME_DIR", "NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT"].into_iter().any(is_set) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut again = std::process::Command::new(program);
        again.args(arguments.iter().skip(1)).env("NODEVICE_SELECT", "1");
        // `exec` returns only if it fails, and then Mesa's message does no harm.
        let _ = again.exec();
    }
}
