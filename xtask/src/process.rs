//! Runs other programs, and measures what they cost.
//!
//! Does not know what the programs do.
//!
//! **Invariant**: every program runs in the workspace's root, so that relative paths mean the same for everyone.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What `cargo metadata --no-deps` says.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest_path: PathBuf,
}

/// One of its dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// Where the workspace is, and what is in it.
pub(crate) struct Workspace {
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// Finds the workspace by asking cargo.
    pub(crate) fn find() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run `cargo metadata`")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed");
        }
        let metadata = serde_json::from_slice(&output.stdout).context("`cargo metadata` answered something else")?;
        Ok(Self { metadata })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.metadata.workspace_root
    }

    pub(crate) fn target(&self) -> &Path {
        &self.metadata.target_directory
    }

    /// A program that will run in the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root());
        // What the cargo that runs us says of us. Build scripts that read such variables, as `ring`'s does, would run
        // again, and all that uses them be compiled again, whenever cargo is called directly after us or before: by
        // itself, or by a program such as maturin.
        for (name, _) in env::vars_os() {
            let told = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| told.starts_with(start)) {
                command.env_remove(name);
            }
        }
        command
    }

    /// A call of cargo, in the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(cargo());
        command.args(arguments);
        command
    }

    /// Builds `reco`, and returns its path.
    pub(crate) fn build_reco(&self, release: bool) -> Result<PathBuf> {
        let mut command = self.cargo(&["build", "--package", "reco-cli"]);
        if release {
            command.arg("--release");
        }
        succeed(&mut command)?;
        Ok(self.reco(release))
    }

    /// Builds an example, and returns its path.
    pub(crate) fn build_example(&self, package: &str, example: &str, release: bool) -> Result<PathBuf> {
        let mut command = self.cargo(&["build", "--quiet", "--package", package, "--example", example]);
        if release {
            command.arg("--release");
        }
        succeed(&mut command)?;
        let profile = if release { "release" } else { "debug" };
        Ok(self.target().join(profile).join("examples").join(example))
    }

    /// Where cargo puts `reco`, built or not.
    pub(crate) fn reco(&self, release: bool) -> PathBuf {
        let profile = if release { "release" } else { "debug" };
        self.target().join(profile).join(format!("reco{}", env::consts::EXE_SUFFIX))
    }
}

/// The cargo that runs us, so that the toolchain stays the same.
fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let words = command.get_args().map(|word| {
        let word = word.to_string_lossy();
        if word.is_empty() || word.contains([' ', '"']) { format!("'{word}'") } else { word.into_owned() }
    });
    [name.into_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Runs a command, and fails if it fails.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(command)))?;
    check(command, status)
}

/// Runs a command, and returns what it printed; fails if it fails.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run `{}`", shown(command)))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("`{}` answered no text", shown(command)))
}

/// What rustc calls machines like this.
pub(crate) fn host() -> Result<String> {
    let version = answer(Command::new("rustc").arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("`rustc -vV` names no host")?.to_owned())
}

/// Reads a line of JSON that a program printed.
pub(crate) fn parsed<T: DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line.trim()).with_context(|| format!("the program answered `{line}`"))
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Whether `program --version` answers.
pub(crate) fn is_installed(program: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What a program cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// The largest resident memory, in bytes, where the system tells.
    pub(crate) peak: Option<u64>,
}

/// Runs a command with its standard output thrown away, and fails if it fails.
pub(crate) fn measure(command: &mut Command) -> Result<Cost> {
    let (status, cost) = watch(command, Duration::MAX)?;
    check(command, status)?;
    Ok(cost)
}

/// The same, without a word on how it ended; it is killed if it has not ended after `limit`.
pub(crate) fn watch(command: &mut Command, limit: Duration) -> Result<(ExitStatus, Cost)> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    let mut peak = None;
    let status = loop {
        // The system keeps the high-water mark: reading it now and then misses only what the last few milliseconds add.
        peak = bytes_of(&format!("/proc/{}/status", child.id()), "VmHWM").max(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > limit {
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(10));
    };
    Ok((status, Cost { wall: begun.elapsed(), peak }))
}

/// Processor seconds of all programs that have ended so far, with those that they ran, where the system tells.
pub(crate) fn children_seconds() -> Option<f64> {
    processor_seconds("self", 16)
}

/// The sum of two fields of `/proc/PROCESS/stat`, `first` and the next, which are processor times.
pub(crate) fn processor_seconds(process: &str, first: usize) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Fields are numbered from 3 after the name, which may hold anything. Times are ticks, a hundred a second on Linux.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(first)? + ticks(first + 1)?) / 100.0)
}

/// The value of the first line `key: value` of a file.
pub(crate) fn value_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The same, where the value is a number of bytes, given as `5120 kB`.
pub(crate) fn bytes_of(path: &str, key: &str) -> Option<u64> {
    let kibibytes = value_of(path, key)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/somewhere/bin/reco");
        command.args(["run", "--set", "data.fetch=", "", "a b"]);
        assert_eq!(shown(&command), "reco run --set data.fetch= '' 'a b'");
    }

    #[test]
    fn a_value_is_found_by_its_key() {
        let path = env::temp_dir().join(format!("process-{}", std::process::id()));
        fs::write(&path, "model\t\t: 79\nmodel name\t: Some CPU\nVmHWM:\t 5 kB\n").unwrap();
        let file = path.to_str().unwrap();
        assert_eq!(value_of(file, "model name").as_deref(), Some("Some CPU"));
        assert_eq!(value_of(file, "absent"), None);
        assert_eq!((bytes_of(file, "VmHWM"), bytes_of(file, "model")), (Some(5120), None));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_measured_program_has_a_cost_and_its_failure_is_ours() {
        let cost = measure(Command::new("sleep").arg("0.05")).unwrap();
        assert!(cost.wall >= Duration::from_millis(50), "{cost:?}");
        if cfg!(target_os = "linux") {
            assert!(cost.peak.is_some_and(|peak| peak > 100_000), "{cost:?}");
            let before = children_seconds().unwrap();
            measure(Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"])).unwrap();
            assert!(children_seconds().unwrap() > before);
        }
        let error = measure(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("`sh -c 'exit 3'` failed"), "{error}");
    }
}
