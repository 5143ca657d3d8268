//! Checks that tests of a single crate, the program and the wheel find Burn, and our crates, as they were compiled for
//! the whole workspace.
//!
//! Cargo compiles a crate once for each set of features, and takes the features from the crates that a command
//! selects. Does not know Burn: it compares the features of everything that is compiled.
//!
//! **Invariant**: a crate passes only if it asks, tests included, for nothing with other features than the workspace
//! does.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::{CLUSTER, WHEEL};
use crate::process::{Workspace, answer};

/// What brings Burn: the crates that are tested, those that are built, and how they are called.
const WITH_BURN: [(&str, &str, &[&str]); 2] = [
    ("cargo test -p", "normal,build,dev", &["reco-models", "reco-run", "reco-serve"]),
    ("cargo build -p", "normal,build", &["reco-cli", WHEEL]),
];

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let whole = features(workspace, "normal,build,dev", &["--workspace", "--exclude", CLUSTER])?;
    let mut findings = Vec::new();
    for (call, edges, names) in WITH_BURN {
        for name in names {
            let differing = features(workspace, edges, &["--package", name])?;
            let told = |line: &String| finding(&format!("{call} {name}"), name, line, &whole);
            findings.extend(differing.difference(&whole).map(told));
        }
    }
    if findings.is_empty() { Ok(()) } else { bail!("{}", findings.join("\n")) }
}

/// Each crate as `name version features`, once for each set of features that it is compiled with.
fn features(workspace: &Workspace, edges: &str, selected: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = workspace.cargo(&["tree", "--locked", "--edges", edges, "--prefix", "none"]);
    let said = answer(command.args(["--format", "{p} {f}"]).args(selected))?;
    Ok(said.lines().map(line).collect())
}

/// A line without what is said of a crate that was listed before, and without the path of one of ours.
fn line(said: &str) -> String {
    let line = said.trim_end_matches(" (*)").trim_end();
    match line.split_once(" (/") {
        Some((name, rest)) => format!("{name}{}", rest.split_once(')').map_or("", |(_, features)| features)),
        None => line.to_owned(),
    }
}

fn finding(call: &str, package: &str, line: &str, whole: &BTreeSet<String>) -> String {
    let name = line.split_inclusive(' ').take(2).collect::<String>();
    let others: Vec<&str> = whole.iter().filter(|other| other.starts_with(&name)).map(String::as_str).collect();
    format!(
        "`{call}` compiles `{line}`, and the workspace `{}`, so that it is compiled twice, and what uses it\n\
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
        let told = finding("cargo test -p reco-models", "reco-models", "memchr v2.8.3 alloc,std", &whole);
        assert!(
            told.contains(
                "compiles `memchr v2.8.3 alloc,std`, and the workspace `memchr v2.8.3 alloc,default,std`, so"
            )
        );
        assert!(told.contains("\nhint: "));
    }

    #[test]
    fn a_crate_of_ours_is_compared_without_its_path() {
        assert_eq!(line("reco-core v0.1.0 (/home/me/reco/crates/reco-core) testing (*)"), "reco-core v0.1.0 testing");
        assert_eq!(line("reco-core v0.1.0 (/home/me/reco/crates/reco-core)"), "reco-core v0.1.0");
        assert_eq!(line("syn v2.0.119 (proc-macro) default"), "syn v2.0.119 (proc-macro) default");
    }
}
