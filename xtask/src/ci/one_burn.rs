//! Checks that tests of a single crate find Burn as it was compiled for the whole workspace.
//!
//! Cargo compiles a dependency once for each set of features, and takes the features from the crates that a command
//! selects. Does not know Burn: it compares the features of every dependency.
//!
//! **Invariant**: a crate passes only if it asks, tests included, for no dependency with other features than the
//! workspace does.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::CLUSTER;
use crate::process::{Workspace, answer};

/// The crates that bring Burn, below the binary.
const WITH_BURN: &[&str] = &["reco-models", "reco-run", "reco-serve"];

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let whole = features(workspace, &["--workspace", "--exclude", CLUSTER])?;
    let mut findings = Vec::new();
    for name in WITH_BURN {
        let differing = features(workspace, &["--package", name])?;
        findings.extend(differing.difference(&whole).map(|line| finding(name, line, &whole)));
    }
    if findings.is_empty() { Ok(()) } else { bail!("{}", findings.join("\n")) }
}

/// Each dependency as `name version features`, once for each set of features that it is compiled with.
fn features(workspace: &Workspace, selected: &[&str]) -> Result<BTreeSet<String>> {
    let tree = ["tree", "--locked", "--edges", "normal,build,dev", "--prefix", "none"];
    let mut command = workspace.cargo(&tree);
    let said = answer(command.args(["--format", "{p} {f}"]).args(selected))?;
    // What was listed before is marked; our own crates have a path.
    let lines = said.lines().map(|line| line.trim_end_matches(" (*)"));
    Ok(lines.filter(|line| !line.contains(" (/")).map(str::to_owned).collect())
}

fn finding(package: &str, line: &str, whole: &BTreeSet<String>) -> String {
    let name = line.split_inclusive(' ').take(2).collect::<String>();
    let others: Vec<&str> = whole.iter().filter(|other| other.starts_with(&name)).map(String::as_str).collect();
    format!(
        "`cargo test -p {package}` compiles `{line}`, and the workspace `{}`, so that Burn is compiled twice\n\
         hint: name the features in the root `Cargo.toml` (\"Features alone\") and in [dev-dependencies] of \
         `{package}`",
        others.join("`, `")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_with_what_the_workspace_has() {
        let whole = BTreeSet::from(["memchr v2.8.3 alloc,default,std".to_owned(), "memchrs v2.8.3 x".to_owned()]);
        let told = finding("reco-models", "memchr v2.8.3 alloc,std", &whole);
        assert!(
            told.contains(
                "compiles `memchr v2.8.3 alloc,std`, and the workspace `memchr v2.8.3 alloc,default,std`, so"
            )
        );
        assert!(told.contains("\nhint: "));
    }
}
