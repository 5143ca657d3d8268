//! How does a chore get a Python with the packages that it needs?
//!
//! Does not know what they are for.
//!
//! **Invariant**: an environment lies under `target/python/`, has the pinned versions it was asked for, and is made anew when these
//! change.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::process::{Workspace, succeed};

/// The Python of an environment with `packages`, made on first use.
pub(crate) fn python(workspace: &Workspace, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = workspace.target().join("python").join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let made = folder.join("packages.txt");
    if fs::read_to_string(&made).ok().as_deref() == Some(packages.join("\n").as_str()) {
        return Ok(python);
    }
    let run = |program: &Path, arguments: &[&str]| succeed(workspace.command(program).args(arguments));
    run(Path::new("python3"), &["-m", "venv", "--clear", &folder.display().to_string()])?;
    run(&python, &[&["-m", "pip", "install", "--quiet"], packages].concat())?;
    fs::write(&made, packages.join("\n")).with_context(|| format!("cannot write `{}`", made.display()))?;
    Ok(python)
}
