//! Obtains an archive that is part of a Python package, by `pip download`.
//!
//! Does not know the package index: pip does, with the user's own settings for it. **Invariant**: nothing of the
//! package is run or installed; it is downloaded as a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::error::{FetchError, Locally, MirrorError, Stop};
use super::progress::FetchProgress;

/// The ways to call pip, tried in order until one is there.
pub(super) const COMMANDS: &[&[&str]] = &[&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip"], &["pip3"]];

/// Runs `pip download` in the folder `into`, which it makes, and returns the file called `archive` there. A connection
/// may take as long as `timeout`, and pip 24 times as long in all.
pub(super) fn download(
    commands: &[&[&str]],
    requirement: &str,
    archive: &str,
    into: &Path,
    timeout: Duration,
    dataset: &str,
    progress: &dyn FetchProgress,
) -> Result<PathBuf, Stop> {
    fs::create_dir_all(into).locally("create", into)?;
    let log = into.join("pip.log");
    for command in commands {
        let (program, arguments) = command.split_first().expect("a command has a program");
        let child = Command::new(program)
            .args(arguments)
            .args(["download", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1", "--timeout"])
            .arg(timeout.as_secs().to_string())
            // Only a wheel, whatever this Python is: it is unpacked here and never run.
            .args(["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--dest"])
            .arg(into)
            .arg(requirement)
            .env("PIP_REQUIRE_VIRTUALENV", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).locally("create", &log)?)
            .spawn();
        // A program that cannot be started counts as missing.
        let Ok(child) = child else { continue };
        let status = wait(child, 24 * timeout, dataset, progress)?;
        let said = fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        if status.success() {
            let wheel = into.join(archive);
            return if wheel.is_file() {
                Ok(wheel)
            } else {
                Err(MirrorError::Pip { reason: format!("pip downloaded something else than `{archive}`") }.into())
            };
        }
        if status.code() != Some(127) && !said.contains("No module named pip") {
            return Err(
                MirrorError::Pip { reason: format!("`{}`: {}", command.join(" "), reason(&said, status)) }.into()
            );
        }
    }
    let tried: Vec<String> = commands.iter().map(|command| format!("`{}`", command.join(" "))).collect();
    Err(MirrorError::Pip { reason: format!("pip is not installed (tried {})", tried.join(", ")) }.into())
}

fn wait(mut child: Child, at_most: Duration, dataset: &str, progress: &dyn FetchProgress) -> Result<ExitStatus, Stop> {
    let start = Instant::now();
    let stop: Stop = loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Err(error) => break MirrorError::Pip { reason: error.to_string() }.into(),
            Ok(None) if progress.interrupted() => break FetchError::Interrupted { name: dataset.to_owned() }.into(),
            Ok(None) if start.elapsed() > at_most => {
                break MirrorError::Pip { reason: format!("pip was not done after {} s", at_most.as_secs()) }.into();
            }
            Ok(None) => thread::sleep(Duration::from_millis(20)),
        }
    };
    // The process may have ended by itself meanwhile; either way it is over.
    let _ = child.kill();
    let _ = child.wait();
    Err(stop)
}

/// One line of what pip said: that it has no network, or else its last error.
fn reason(said: &str, status: ExitStatus) -> String {
    if said.contains("connection broken by") {
        return "no connection to the package index".to_owned();
    }
    let line = said
        .lines()
        .rev()
        .find(|line| line.starts_with("ERROR:"))
        .or_else(|| said.lines().rfind(|line| !line.trim().is_empty()));
    line.map_or_else(|| status.to_string(), |line| line.trim_start_matches("ERROR:").trim().to_owned())
}
