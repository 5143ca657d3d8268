//! Are the experiments that a clone shows those that the binary has built in?
//!
//! Does not know what an experiment says.
//!
//! **Invariant**: whatever is built in has a twin that anyone can read, byte for byte the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// What a clone shows.
const SHOWN: &str = "data/experiments";
/// What is built in: inside the crate, so that its package has it.
const BUILT_IN: &str = "crates/reco-run/experiments";

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    Ok(compare(&read(&root.join(SHOWN))?, &read(&root.join(BUILT_IN))?))
}

fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let context = || format!("cannot read `{}`", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read(&path).with_context(context)?);
        }
    }
    Ok(files)
}

fn compare(shown: &BTreeMap<String, Vec<u8>>, built_in: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let unlike = built_in.iter().filter(|&(name, text)| shown.get(name) != Some(text));
    unlike
        .map(|(name, _)| format!("`{BUILT_IN}/{name}` is not `{SHOWN}/{name}`\nhint: copy the newer over the older"))
        .collect()
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
        let found = compare(&shown, &folder(&[("b.toml", "3"), ("c.toml", "4")]));
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("b.toml` is not `data/experiments/b.toml`"), "{found:?}");
        assert!(found[1].contains("c.toml` is not"), "{found:?}");
    }
}
