//! Checks that packed crates compile outside the workspace, and that a stranger's crate can use some of them alone.
//!
//! Does not know what is in a package. The crates that bring Burn or Arrow, and the facade that may, are left out: they
//! would compile it three times more.
//!
//! **Invariant**: nothing of an earlier run is compiled. Cargo assumes that a packed crate of one name and version
//! never changes, and keeps in its home the sources that it once unpacked and what it built of them.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{HEAVY, PACKAGE};
use crate::files::remove;
use crate::process::{Workspace, answer, succeed};

/// The crate that re-exports the others.
const FACADE: &str = "reco";

/// Packs the light crates and compiles what was packed.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let target = workspace.target().join("packages");
    remove(&target)?;
    for unpacked in unpacked(workspace)? {
        remove(&unpacked)?;
    }
    let mut command = workspace.cargo(PACKAGE);
    for heavy in HEAVY.iter().chain(&[FACADE]) {
        command.args(["--exclude", heavy]);
    }
    succeed(command.arg("--target-dir").arg(target))
}

/// Builds and runs the crate `xtask/outside`, which depends on two crates of ours.
///
/// # Errors
/// It fails, or what it brings is among what those crates are to keep out.
pub(super) fn outside(workspace: &Workspace) -> Result<()> {
    const KEPT_OUT: [&str; 4] = ["burn", "arrow", "parquet", "wgpu"];
    let of_outside = |what: &str| {
        let mut command = workspace.cargo(&[what, "--locked", "--manifest-path", "xtask/outside/Cargo.toml"]);
        command.env("CARGO_TARGET_DIR", workspace.target().join("outside"));
        command
    };
    let tree = answer(of_outside("tree").args(["--prefix", "none"]))?;
    let brought: Vec<&str> = tree.lines().filter(|line| KEPT_OUT.iter().any(|name| line.starts_with(name))).collect();
    if !brought.is_empty() {
        bail!("`xtask/outside` compiles `{}`, which its two crates must keep out", brought.join("`, `"));
    }
    succeed(of_outside("run").arg("--quiet"))
}

/// Our own crates as cargo unpacked them: under the registries of packing, whose names begin with a dash because they
/// have no host.
fn unpacked(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let Some(home) = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
    else {
        return Ok(Vec::new());
    };
    let ours = |folder: &Path| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        workspace.metadata.packages.iter().any(|package| name.starts_with(&format!("{}-", package.name)))
    };
    let mut found = Vec::new();
    for registry in folders(&home.join("registry/src"))? {
        if registry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('-')) {
            found.extend(folders(&registry)?.into_iter().filter(|folder| ours(folder)));
        }
    }
    Ok(found)
}

/// What lies in `folder`; nothing if it does not exist.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", folder.display())),
    }
}
