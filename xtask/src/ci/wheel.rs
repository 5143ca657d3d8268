//! Builds the Python wheel in the profile that everything else uses, installs it, and tests it as its users have it.
//!
//! Does not know what the package does: its tests and stubs do.
//!
//! **Invariant**: the environment has no reco but the wheel that was just built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::files;
use crate::process::{Workspace, succeed};
use crate::python::{Environment, WHEEL};

/// The crate.
const CRATE: &str = "crates/reco-python";

/// What cannot be had for it here; nothing where all is well.
pub(crate) fn lacking(workspace: &Workspace) -> Option<String> {
    WHEEL.command(workspace).err().map(|error| format!("{error:#}"))
}

/// `cargo xtask wheel`
pub(crate) fn make(workspace: &Workspace) -> Result<()> {
    println!("{}", build(workspace)?.display());
    Ok(())
}

/// Builds the wheel, and returns its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("wheels");
    files::empty(&folder)?;
    let mut maturin = WHEEL.command(workspace)?;
    maturin.args(["-m", "maturin", "build", "--profile", "dev", "--locked", "--manifest-path"]);
    maturin.arg(workspace.root().join(CRATE).join("Cargo.toml")).arg("--out").arg(&folder);
    // Compiled beside everything else, so that nothing is compiled twice.
    succeed(maturin.env("CARGO_TARGET_DIR", workspace.target()))?;
    let wheels = files::with_extension(&folder, "whl")?;
    wheels.into_iter().next().context("maturin left no wheel")
}

/// Installs a wheel, in the place of any that is there.
pub(crate) fn install(workspace: &Workspace, wheel: &Path, environment: &Environment) -> Result<()> {
    let mut pip = environment.command(workspace)?;
    pip.args(["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps"]);
    succeed(pip.arg(wheel))
}

/// Builds, installs, tests.
pub(super) fn run(workspace: &Workspace) -> Result<Option<String>> {
    if let Some(why) = lacking(workspace) {
        return Ok(Some(why));
    }
    install(workspace, &build(workspace)?, &WHEEL)?;
    let python = |arguments: &[&str]| -> Result<()> { succeed(WHEEL.command(workspace)?.args(arguments)) };
    python(&["-m", "pytest", "--quiet", &format!("{CRATE}/tests")])?;
    python(&["-m", "mypy", "--strict", &format!("{CRATE}/python/reco")])?;
    python(&["-m", "mypy.stubtest", "reco._reco"])?;
    Ok(None)
}
