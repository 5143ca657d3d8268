//! Checks that TensorBoard and a server of MLflow have what `reco` tells them.
//!
//! Does not know what that is: the tests do.
//!
//! **Invariant**: the tests run the `reco` that was just built, and stop every server that they start.

use anyhow::Result;

use crate::process::{Workspace, succeed};
use crate::python::TRACKING;

/// The tests.
const TESTS: &str = "crates/reco-cli/tests/tracking";

pub(super) fn run(workspace: &Workspace) -> Result<Option<String>> {
    let mut pytest = match TRACKING.command(workspace) {
        Ok(pytest) => pytest,
        Err(why) => return Ok(Some(format!("{why:#}"))),
    };
    let reco = workspace.build_reco(false)?;
    succeed(pytest.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider", TESTS]).env("RECO", reco))?;
    Ok(None)
}
