//! Checks that `reco` goes on from what `reco-cluster` prepared, as from what it prepared itself.
//!
//! Does not know what the files mean.
//!
//! **Invariant**: the folder of features that `reco-cluster` makes has the bytes of that of `reco`, its manifest less
//! what was measured included.

use std::env;

use anyhow::{Result, bail};

use super::fixture::compare;
use crate::files;
use crate::process::{Workspace, answer, succeed};

/// The experiment: seconds long, and nothing to fetch.
const EXPERIMENT: &str = "data/experiments/fixture.toml";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let reco = workspace.build_reco(false)?;
    succeed(&mut workspace.cargo(&["build", "--locked", "--package", "reco-cluster"]))?;
    let cluster = reco.with_file_name(format!("reco-cluster{}", env::consts::EXE_SUFFIX));
    let folder = workspace.target().join("cluster");
    let [one, other] = ["one-process", "engine"].map(|name| folder.join(name));
    for (out, program, command) in [(&one, &reco, "features"), (&other, &cluster, "prepare")] {
        files::remove(out)?;
        succeed(workspace.command(&reco).args(["ingest", EXPERIMENT, "--out"]).arg(out))?;
        succeed(workspace.command(program).args([command, EXPERIMENT, "--out"]).arg(out))?;
    }
    let n_files = compare(&one.join("features"), &other.join("features"))?;
    if n_files == 0 {
        bail!("`{EXPERIMENT}` left no features");
    }
    // A stage that has nothing to do says that it skipped its work.
    let said = answer(workspace.command(&reco).args(["features", EXPERIMENT, "--json", "--out"]).arg(&other))?;
    if !said.contains("\"skipped\": true") {
        bail!("`reco features` makes anew what `reco-cluster prepare` made: {said}");
    }
    for stage in ["train", "evaluate"] {
        let mut command = workspace.command(&reco);
        succeed(command.args([stage, EXPERIMENT, "--approach", "popularity,ease", "--out"]).arg(&other))?;
    }
    println!("{n_files} files are equal, and training and evaluation went on from them");
    Ok(())
}
