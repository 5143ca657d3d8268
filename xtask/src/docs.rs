//! Builds the documentation as a site, and runs what its pages show: `cargo xtask docs`.
//!
//! Does not know what the pages say.
//!
//! **Invariant**: pages stay where a clone shows them: the site is laid out as the repository is, so that a link leads
//! to the same in both.

#[cfg(unix)]
mod blocks;
pub(crate) mod page;
#[cfg(unix)]
mod python;
#[cfg(unix)]
mod rust;
#[cfg(unix)]
mod shell;
pub(crate) mod site;

use std::process::ExitCode;

use anyhow::Result;

use crate::process::Workspace;

/// Arguments of `cargo xtask docs`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run what the pages show, block by block, instead of building the site
    #[cfg(unix)]
    #[arg(long)]
    test: bool,
    /// With --test, only pages whose path has one of these in it, as `start`
    #[cfg(unix)]
    #[arg(requires = "test", value_name = "PAGE")]
    pages: Vec<String>,
}

/// `cargo xtask docs`
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    #[cfg(unix)]
    if arguments.test {
        return blocks::run(workspace, &arguments.pages);
    }
    let _ = arguments;
    site::run(workspace)?;
    println!("{}", workspace.target().join(site::FOLDER).join("index.html").display());
    Ok(ExitCode::SUCCESS)
}
