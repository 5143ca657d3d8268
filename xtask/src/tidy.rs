//! Checks that the workspace keeps the rules that no compiler checks: `cargo xtask tidy`.
//!
//! Does not know what the code does: it reads manifests, file headers, marks and pages.
//!
//! **Invariant**: it only reads, needs no network, and takes well under a second.

mod arrows;
mod manifests;
mod pages;
mod sources;
mod twins;

use anyhow::{Result, bail};

use crate::process::Workspace;

/// Reports every finding, then fails if there is one.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let packages = &workspace.metadata.packages;
    let mut findings = arrows::check(packages);
    findings.extend(manifests::check(workspace)?);
    let (of_sources, n_code) = sources::check(workspace.root())?;
    findings.extend(of_sources);
    println!("{n_code} lines of code");
    findings.extend(twins::check(workspace.root())?);
    findings.extend(crate::bench::readme::check(workspace.root())?);
    findings.extend(pages::check(workspace.root())?);
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("tidy found 1 thing"),
        n => bail!("tidy found {n} things"),
    }
}
