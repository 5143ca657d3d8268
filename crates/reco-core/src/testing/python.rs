//! Makes a Python with packages from PyPI, for tests by other people's programs, and runs programs.
//!
//! Does not know the packages.
//!
//! **Invariant**: packages are installed only where `RECO_NETWORK_TESTS` allows it, and once for each list of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use super::left_out;

/// The oldest Python that the packages run in.
const OLDEST: (u32, u32) = (3, 11);

/// A Python with the packages that the file `requirements` pins, in an environment at `folder`; `None` where it cannot
/// be had, and that `what` is left out is then said. `RECO_PYTHON` names the Python to begin with.
///
/// # Panics
/// If the packages cannot be installed.
pub fn python(what: &str, requirements: &Path, folder: &Path) -> Option<PathBuf> {
    // Tests of one program ask at the same time.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if env::var_os("RECO_NETWORK_TESTS").is_none() {
        left_out(&format!("{what}: RECO_NETWORK_TESTS is not set"));
        return None;
    }
    let Some(base) = base() else {
        left_out(&format!("{what}: there is no Python from {}.{} on", OLDEST.0, OLDEST.1));
        return None;
    };
    Some(made(&base, requirements, folder))
}

/// The Python that environments are made with.
fn base() -> Option<String> {
    let version = |program: &String| {
        let said = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
        let said = String::from_utf8(said.stdout).ok()?;
        let mut parts = said.trim().strip_prefix("Python ")?.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    };
    let chosen = env::var("RECO_PYTHON").into_iter();
    let named = ["python3".to_owned()].into_iter().chain((11..20).map(|minor| format!("python3.{minor}")));
    chosen.chain(named).find(|program| version(program).is_some_and(|version| version >= OLDEST))
}

/// The Python of the environment, which is made anew where it has other packages.
fn made(base: &str, requirements: &Path, folder: &Path) -> PathBuf {
    let (python, stamp) = (folder.join("bin/python"), folder.join("packages.txt"));
    let wanted = fs::read_to_string(requirements).expect("the requirements are part of the project");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return python;
    }
    succeeds(Command::new(base).args(["-m", "venv", "--clear"]).arg(folder));
    succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements));
    fs::write(stamp, wanted).expect("the environment was just made");
    python
}

/// Runs a program.
///
/// # Panics
/// If it cannot be run or fails, with what it said.
pub fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", said(&output.stdout), said(&output.stderr));
    output
}
