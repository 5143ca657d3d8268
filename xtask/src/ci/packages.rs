//! Checks that packed crates compile outside the workspace.
//!
//! Does not know what is in a package. The crates that bring Burn or Arrow are left out: they would compile it three
//! times more.
//!
//! **Invariant**: nothing of an earlier run is compiled. Cargo assumes that a packed crate of one name and version
//! never changes, and keeps in its home the sources that it once unpacked and what it built of them.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{HEAVY, PACKAGE, WITH_DATA};
use crate::process::{Workspace, succeed};

/// Packs the light crates and compiles what was packed.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let target = workspace.target().join("packages");
    remove(&target)?;
    for unpacked in unpacked(workspace)? {
        remove(&unpacked)?;
    }
    let mut command = workspace.cargo(PACKAGE);
    for heavy in [WITH_DATA, HEAVY].concat() {
        command.args(["--exclude", heavy]);
    }
    succeed(command.arg("--target-dir").arg(target))
}

/// Our own crates as cargo unpacked them: under the registries of packing, whose names begin with a dash because they have
/// no host.
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

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}
