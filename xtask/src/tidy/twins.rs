//! Checks that the files built into the binary are the same as those that a clone shows in `data/`.
//!
//! Does not know what they say.
//!
//! **Invariant**: whatever is built in has a twin that anyone can read, byte for byte the same.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::files;

/// A folder that a clone shows, and the one built in: inside a crate, so that its package has it.
const TWINS: &[(&str, &str)] = &[("data/experiments", "crates/reco-run/experiments")];

/// The same for single files.
const TWIN_FILES: &[(&str, &str)] = &[("data/checksums.toml", "crates/reco-data/checksums.toml")];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (shown, built_in) in TWINS {
        let unlike = compare(&read(&root.join(shown))?, &read(&root.join(built_in))?);
        findings.extend(unlike.iter().map(|name| finding(&format!("{shown}/{name}"), &format!("{built_in}/{name}"))));
    }
    for (shown, built_in) in TWIN_FILES {
        if files::bytes(&root.join(shown))? != files::bytes(&root.join(built_in))? {
            findings.push(finding(shown, built_in));
        }
    }
    Ok(findings)
}

fn finding(shown: &str, built_in: &str) -> String {
    format!("`{built_in}` is not `{shown}`\nhint: copy the newer over the older")
}

fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = files::with_extension(folder, "toml")?;
    found.iter().map(|path| Ok((name(path), files::bytes(path)?))).collect()
}

/// Names of files that are built in and have no equal twin.
fn compare(shown: &BTreeMap<String, Vec<u8>>, built_in: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    built_in.iter().filter(|&(name, text)| shown.get(name) != Some(text)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_and_a_changed_twin_are_found() {
        let folder = |files: &[(&str, &str)]| {
            files.iter().map(|&(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect::<BTreeMap<_, _>>()
        };
        let shown = folder(&[("a.toml", "1"), ("b.toml", "2")]);
        assert!(compare(&shown, &folder(&[("b.toml", "2")])).is_empty(), "what is shown need not be built in");
        assert_eq!(compare(&shown, &folder(&[("b.toml", "3"), ("c.toml", "4")])), ["b.toml", "c.toml"]);
    }
}
