//! Builds `reco`, then runs `reco run` with the arguments that follow: `cargo xtask pipeline`.
//!
//! Does not know stages: `reco run` does, and takes its arguments as they are.
//!
//! **Invariant**: what `cargo xtask pipeline …` does after the build is what `reco run …` does in the workspace's root.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::process::{Workspace, shown};

/// Arguments of `cargo xtask pipeline`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask pipeline                                        MovieLens 100K, the best approaches
  cargo xtask pipeline data/experiments/article.toml --set seed=3
  cargo xtask pipeline --release --set data.fetch=ml-1m --set data.name=ml-1m
What may follow: `cargo run -- run --help`")]
pub(crate) struct Arguments {
    /// Build with the release profile: everything is optimised, and Burn takes several times as long to compile
    #[arg(long)]
    release: bool,
    /// The experiment's file and `reco run`'s own flags
    #[arg(value_name = "EXPERIMENT AND FLAGS", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(workspace: &Workspace, mut arguments: Arguments) -> Result<ExitCode> {
    // Once the first of `reco run`'s arguments is met, clap leaves the rest alone, and with it a late `--release`.
    let given = arguments.rest.len();
    arguments.rest.retain(|word| word != "--release");
    let release = arguments.release || arguments.rest.len() < given;
    if !workspace.reco(release).exists() {
        let minutes = if release { "20 minutes or more" } else { "5 to 10 minutes" };
        eprintln!(
            "building reco: the first time compiles Burn and its GPU libraries, {minutes} on 2 cores; later, seconds"
        );
    }
    let reco = workspace.build_reco(release)?;
    let mut command = workspace.command(reco);
    command.arg("run").args(arguments.rest);
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    // reco has said what went wrong; its exit code is ours.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
