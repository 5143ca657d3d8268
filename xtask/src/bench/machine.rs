//! Describes the machine, the compiler and the commit of a measurement.
//!
//! Does not know what was measured.
//!
//! **Invariant**: what the system does not tell is left out, never guessed.

use std::fs;
use std::thread;

use crate::process::Workspace;

/// Processor, cores, memory, compiler and commit, in one line; a tree with changes is called dirty and names no commit.
pub(super) fn describe(workspace: &Workspace) -> String {
    let mut parts = Vec::new();
    parts.extend(value_of("/proc/cpuinfo", "model name"));
    parts.extend(thread::available_parallelism().ok().map(|cores| format!("{cores} cores")));
    if let Some(kibibytes) = value_of("/proc/meminfo", "MemTotal")
        .and_then(|value| value.strip_suffix("kB").and_then(|number| number.trim().parse::<u64>().ok()))
    {
        parts.push(format!("{} of memory", bytes(kibibytes * 1024)));
    }
    parts.extend(answer(workspace, "rustc", &["--version"]));
    let commit = answer(workspace, "git", &["rev-parse", "--short", "HEAD"]);
    // Files that measuring itself writes do not count as changes.
    let status = ["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs", ":!README.md"];
    let is_dirty = answer(workspace, "git", &status).is_some();
    parts.extend(commit.map(|commit| if is_dirty { "dirty tree".to_owned() } else { format!("commit {commit}") }));
    parts.join(", ")
}

/// A number of bytes, for reading.
pub(super) fn bytes(n: u64) -> String {
    let mebibytes = n as f64 / 1024.0 / 1024.0;
    if mebibytes < 10_240.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.0} GiB", mebibytes / 1024.0) }
}

/// The value of the first line `key : value`.
fn value_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// What a program prints; `None` for nothing.
fn answer(workspace: &Workspace, program: &str, arguments: &[&str]) -> Option<String> {
    let output = workspace.command(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well_and_a_value_is_found_by_its_key() {
        assert_eq!([bytes(500 << 20), bytes(24 << 30)], ["500 MiB", "24 GiB"]);
        let path = std::env::temp_dir().join(format!("machine-{}", std::process::id()));
        fs::write(&path, "model\t\t: 79\nmodel name\t: Some CPU\n").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(value_of(path, "model name").as_deref(), Some("Some CPU"));
        assert_eq!(value_of(path, "absent"), None);
        fs::remove_file(path).unwrap();
    }
}
