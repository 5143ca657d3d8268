//! Makes the splits of MovieLens 100K that tests and measurements share with other programs: `cargo xtask splits`.
//!
//! Does not know how they are drawn: `splits.py` has Surprise and NumPy draw them.
//!
//! **Invariant**: a file that is there is the one that its digest in the script names; nothing that is committed changes.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::process::{Workspace, succeed};
use crate::python::SURPRISE;

/// Where they lie, beside what is fetched; `reco_core::testing::ml_100k` looks here.
const FOLDER: &str = "data/raw/splits";

/// The five folds of Surprise's benchmark.
pub(crate) const FOLDS: &str = "surprise_folds.csv";

/// 8 : 1 : 1 of each user's ratings.
pub(crate) const RATIO: &str = "ratio811.csv";

/// The ratings, in the order that the splits count them.
pub(crate) const RATINGS: &str = "data/raw/ml-100k/ml-100k.inter";

/// Makes both anew.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let ratings = ratings(workspace)?;
    succeed(SURPRISE.command(workspace)?.arg("xtask/src/splits.py").arg(ratings).arg(FOLDER))
}

/// Makes both where one is missing.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    let is_there = |name: &&str| workspace.root().join(FOLDER).join(name).is_file();
    if workspace.root().join(RATINGS).is_file() && [FOLDS, RATIO].iter().all(is_there) {
        return Ok(());
    }
    run(workspace)
}

/// The ratings and the file `name`, which are fetched and made if they are not there.
pub(crate) fn files(workspace: &Workspace, name: &str) -> Result<(PathBuf, PathBuf)> {
    all(workspace)?;
    Ok((ratings(workspace)?, workspace.root().join(FOLDER).join(name)))
}

/// Where the ratings lie, which are fetched if they are not there.
fn ratings(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("RECO_ML100K") {
        return Ok(PathBuf::from(named));
    }
    let ratings = workspace.root().join(RATINGS);
    if !ratings.is_file() {
        let reco = workspace.build_reco(false)?;
        succeed(workspace.command(reco).args(["fetch", "ml-100k"]))?;
    }
    Ok(ratings)
}
