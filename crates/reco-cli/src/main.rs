//! Starts the program `reco`.
//!
//! Does not know the command line: the library of this crate does.
//!
//! **Invariant**: it only calls [`reco_cli::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    reco_cli::main(std::env::args_os())
}
