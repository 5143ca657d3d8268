//! Checks each crate's dependencies against the crates of the workspace that it may use, and against the homes of
//! outside crates.
//!
//! Does not know the reasons: docs/architecture.md has them.
//!
//! **Invariant**: every crate of the workspace is listed; a dependency on one that is not listed for it is a finding.

use crate::process::Package;

/// The arrows between our crates. A build or test dependency counts as one: it would be compiled all the same.
const ARROWS: &[(&str, &[&str])] = &[
    ("reco-core", &[]),
    ("reco-data", &["reco-core"]),
    ("reco-features", &["reco-core", "reco-data"]),
    ("reco-classic", &["reco-core"]),
    ("reco-models", &["reco-core"]),
    ("reco-eval", &["reco-core"]),
    ("reco-report", &["reco-core", "reco-eval"]),
    (
        "reco-run",
        &["reco-core", "reco-data", "reco-features", "reco-classic", "reco-models", "reco-eval", "reco-report"],
    ),
    ("reco-web", &["reco-core", "reco-classic"]),
    ("reco-serve", &["reco-core", "reco-run", "reco-web"]),
    ("reco-cli", &["reco-core", "reco-run", "reco-serve"]),
    ("reco-cluster", &["reco-core", "reco-data", "reco-features"]),
    ("reco-python", &["reco-core", "reco-data", "reco-run", "reco-cli"]),
    ("reco", &["reco-core", "reco-classic", "reco-eval", "reco-data", "reco-features", "reco-models"]),
    ("xtask", &[]),
];

/// Further arrows that only tests may use: none of them brings Burn, Arrow or Parquet to a crate that does without.
const TEST_ARROWS: &[(&str, &[&str])] = &[("reco-eval", &["reco-classic"]), ("reco-cli", &["reco-data"])];

/// Outside crates with one home, so that they can be replaced there; `*` stands for any ending.
const HOMES: &[(&str, &[&str])] = &[
    ("burn*", &["reco-models"]),
    ("pyo3", &["reco-python"]),
    ("cubecl*", &["reco-models"]),
    ("wgpu*", &["reco-models"]),
    ("arrow*", &["reco-data", "reco-python"]),
    ("parquet", &["reco-data"]),
    ("calamine", &["reco-data"]),
    ("ureq", &["reco-data", "reco-run", "reco-serve"]),
    ("jiff", &["reco-features"]),
    ("statrs", &["reco-eval"]),
    ("comfy-table", &["reco-report"]),
    ("svg", &["reco-report", "xtask"]),
    ("maud", &["reco-report"]),
    ("clap*", &["reco-cli", "reco-cluster", "xtask"]),
    ("datafusion*", &["reco-cluster"]),
    ("ballista*", &["reco-cluster"]),
    ("object_store", &["reco-cluster"]),
    ("ctrlc", &["reco-cli"]),
    ("anyhow", &["reco-cli", "xtask"]),
    ("axum", &["reco-serve"]),
    ("hyper*", &["reco-serve"]),
    ("tokio", &["reco-cluster", "reco-serve"]),
    ("utoipa*", &["reco-serve"]),
    ("redb", &["reco-serve"]),
    ("prometheus-client", &["reco-serve"]),
];

pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    packages.iter().flat_map(|package| check_one(package, &names)).collect()
}

fn check_one(package: &Package, ours: &[&str]) -> Vec<String> {
    let name = package.name.as_str();
    let mut findings = Vec::new();
    if row(ARROWS, name).is_none() {
        findings.push(format!("`{name}` has no row in ARROWS\nhint: add it in `xtask/src/tidy/arrows.rs`"));
    }
    for dependency in &package.dependencies {
        let on = dependency.name.as_str();
        let in_tests = dependency.kind.as_deref() == Some("dev");
        let allowed = |arrows| row(arrows, name).is_some_and(|to| to.contains(&on));
        if ours.contains(&on) && on != name && !allowed(ARROWS) && !(in_tests && allowed(TEST_ARROWS)) {
            findings
                .push(format!("`{name}` depends on `{on}`, and no arrow leads there\nhint: see docs/architecture.md"));
        }
        let home = HOMES.iter().find(|(pattern, _)| matches(pattern, on));
        if let Some((_, homes)) = home
            && !homes.contains(&name)
        {
            findings.push(format!("`{name}` depends on `{on}`, whose home is `{}`", homes.join("`, `")));
        }
    }
    findings
}

fn row<'a>(arrows: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    arrows.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Dependency;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|&(name, kind)| Dependency { name: name.to_owned(), kind: kind.map(str::to_owned) })
            .collect();
        Package { name: name.to_owned(), dependencies, manifest_path: "Cargo.toml".into() }
    }

    fn findings(name: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<String> {
        let packages = [package("reco-core", &[]), package("reco-classic", &[]), package(name, dependencies)];
        check(&packages)
    }

    #[test]
    fn a_stray_arrow_is_found() {
        assert!(findings("reco-eval", &[("reco-core", None), ("serde", None)]).is_empty());
        let found = findings("reco-eval", &[("reco-classic", None)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`reco-eval` depends on `reco-classic`"), "{found:?}");
        assert_eq!(findings("reco-data", &[("reco-classic", Some("build"))]).len(), 1);
    }

    #[test]
    fn tests_may_use_a_few_arrows_more() {
        assert!(findings("reco-eval", &[("reco-classic", Some("dev"))]).is_empty());
        assert_eq!(findings("reco-report", &[("reco-classic", Some("dev"))]).len(), 1);
    }

    #[test]
    fn an_outside_crate_away_from_home_is_found() {
        for (name, on) in [("reco-run", "burn-wgpu"), ("reco-features", "parquet"), ("reco-run", "anyhow")] {
            let found = findings(name, &[(on, None)]);
            assert!(found.len() == 1 && found[0].contains("whose home is"), "{found:?}");
        }
        assert!(findings("reco-data", &[("parquet", None), ("arrow", None)]).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let found = findings("reco-new", &[]);
        assert!(found[0].contains("`reco-new` has no row"), "{found:?}");
    }
}
