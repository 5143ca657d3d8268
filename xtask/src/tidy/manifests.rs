//! Checks that every crate's manifest takes what the workspace shares.
//!
//! Does not know dependencies; [`super::arrows`] does.
//!
//! **Invariant**: a crate cannot opt out of the workspace's lints unnoticed.

use std::path::Path;

use anyhow::{Context as _, Result};
use toml::Table;

use crate::files;
use crate::process::Workspace;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in &workspace.metadata.packages {
        let text = files::read(&package.manifest_path)?;
        let shown = package.manifest_path.strip_prefix(workspace.root()).unwrap_or(&package.manifest_path);
        findings.extend(check_one(shown, &text)?);
    }
    Ok(findings)
}

/// Crates that another language calls.
const OF_UNSAFE: [&str; 2] = ["crates/reco-python", "crates/reco-web"];

fn check_one(path: &Path, text: &str) -> Result<Vec<String>> {
    let shown = path.display();
    let manifest: Table = text.parse().with_context(|| format!("`{shown}` is not TOML"))?;
    let inherits =
        |value: Option<&toml::Value>| value.is_some_and(|value| value.get("workspace") == Some(&true.into()));
    let mut findings = Vec::new();
    // A crate with unsafe code has a copy of the lints, in which that is denied and not forbidden.
    let is_denied = || {
        let unsafe_code = manifest.get("lints").and_then(|lints| lints.get("rust")?.get("unsafe_code"));
        OF_UNSAFE.iter().any(|name| path.starts_with(name)) && unsafe_code == Some(&"deny".into())
    };
    if !inherits(manifest.get("lints")) && !is_denied() {
        findings.push(format!("{shown}: not under the workspace's lints\nhint: add `[lints]` with `workspace = true`"));
    }
    for key in ["version", "edition", "rust-version", "license"] {
        if !inherits(manifest.get("package").and_then(|package| package.get(key))) {
            findings.push(format!("{shown}: its own `{key}`\nhint: `{key}.workspace = true`"));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shared_is_found() {
        let shared = "package = { version.workspace = true, edition.workspace = true, rust-version.workspace = true, \
                      license.workspace = true }\n[lints]\nworkspace = true\n";
        assert!(check_one(Path::new("a"), shared).unwrap().is_empty());
        let own = check_one(Path::new("a"), "[package]\nversion = \"1.0.0\"\n").unwrap();
        assert!(own[0].contains("lints") && own[1].contains("its own `version`"), "{own:?}");
    }
}
