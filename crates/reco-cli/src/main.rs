//! The program `reco`.
//!
//! Does not know the command line: the library of this crate does.
//!
//! **Invariant**: nothing is done here.

use std::process::ExitCode;

fn main() -> ExitCode {
    reco_cli::main(std::env::args_os())
}
