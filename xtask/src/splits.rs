//! Makes the splits of MovieLens 100K that tests and measurements share with other programs: `cargo xtask splits`.
//!
//! Does not know how they are drawn: `splits.py` has Surprise and NumPy draw them.
//!
//! **Invariant**: a file that is there has the digest that the script names; nothing that is committed changes.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::files;
use crate::process::{Workspace, succeed};
use crate::python::SURPRISE;

/// Where they lie, beside what is fetched; `reco_core::testing::ml_100k` looks here.
const FOLDER: &str = "data/raw/splits";

/// The script that makes them and knows their digests.
const SCRIPT: &str = include_str!("splits.py");

/// The five folds of Surprise's benchmark.
pub(crate) const FOLDS: &str = "surprise_folds.csv";

/// 8 : 1 : 1 of each user's ratings.
pub(crate) const RATIO: &str = "ratio811.csv";

/// The ratings, in the order that the splits count them.
pub(crate) const RATINGS: &str = "data/raw/ml-100k/ml-100k.inter";

/// Makes both again.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let reco = workspace.build_reco(false)?;
    let ratings = ratings(workspace, &reco)?;
    succeed(SURPRISE.command(workspace)?.arg("xtask/src/splits.py").arg(ratings).arg(FOLDER))
}

/// Makes both if one is missing or has changed. Returns why they cannot be made on this machine; a split with a wrong
/// digest is an error.
pub(crate) fn all(workspace: &Workspace) -> Result<Option<String>> {
    if are_there(workspace)? {
        return Ok(None);
    }
    let reco = workspace.build_reco(false)?;
    match ratings(workspace, &reco).and_then(|_| SURPRISE.command(workspace)) {
        Ok(_) => run(workspace).map(|()| None),
        // The error's hint is a line of its own.
        Err(error) => Ok(Some(format!("{error:#}").lines().next().unwrap_or_default().to_owned())),
    }
}

/// The ratings and the split `name`, fetched and made if they are missing.
pub(crate) fn files(workspace: &Workspace, name: &str) -> Result<(PathBuf, PathBuf)> {
    if !are_there(workspace)? {
        run(workspace)?;
    }
    Ok((place_of_ratings(workspace), workspace.root().join(FOLDER).join(name)))
}

/// Whether the ratings are there, and the splits with their digests.
fn are_there(workspace: &Workspace) -> Result<bool> {
    Ok(place_of_ratings(workspace).is_file() && are_sound(&workspace.root().join(FOLDER))?)
}

/// Whether both splits are there, with their digests.
fn are_sound(folder: &Path) -> Result<bool> {
    for name in [FOLDS, RATIO] {
        let path = folder.join(name);
        if !path.is_file() {
            return Ok(false);
        }
        if Some(files::sha256(&path)?.as_str()) != digest_of(name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The digest that the script expects.
fn digest_of(name: &str) -> Option<&'static str> {
    let stated = |line: &'static str| line.trim().strip_prefix(&format!("\"{name}\": \""))?.strip_suffix("\",");
    SCRIPT.lines().find_map(stated)
}

fn place_of_ratings(workspace: &Workspace) -> PathBuf {
    env::var_os("RECO_ML100K").map_or_else(|| workspace.root().join(RATINGS), PathBuf::from)
}

/// The file of ratings, fetched if it is missing.
pub(crate) fn ratings(workspace: &Workspace, reco: &Path) -> Result<PathBuf> {
    let ratings = place_of_ratings(workspace);
    if !ratings.is_file() && env::var_os("RECO_ML100K").is_none() {
        succeed(workspace.command(reco).args(["fetch", "ml-100k"]))?;
    }
    Ok(ratings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_not_what_it_was_is_not_taken_for_it() {
        let folder = env::temp_dir().join(format!("splits-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(!are_sound(&folder).unwrap());
        for name in [FOLDS, RATIO] {
            assert_eq!(digest_of(name).map(str::len), Some(64), "{name}");
            fs::write(folder.join(name), "row,fold\n").unwrap();
        }
        assert!(!are_sound(&folder).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}
