//! Describes the machine, the compiler and the commit of a measurement.
//!
//! Does not know what was measured.
//!
//! **Invariant**: what the system does not tell is left out, never guessed.

use std::thread;

use crate::process::{Workspace, bytes_of, value_of};

/// Processor, cores, memory, compiler and commit in one line. A tree with changes is called dirty, without a commit.
pub(super) fn describe(workspace: &Workspace) -> String {
    let mut parts = Vec::new();
    parts.extend(value_of("/proc/cpuinfo", "model name"));
    parts.extend(thread::available_parallelism().ok().map(|cores| format!("{cores} cores")));
    parts.extend(bytes_of("/proc/meminfo", "MemTotal").map(|n| format!("{} of memory", bytes(n))));
    parts.extend(answer(workspace, "rustc", &["--version"]));
    let commit = answer(workspace, "git", &["rev-parse", "--short", "HEAD"]);
    // Files that measuring itself writes do not count as changes.
    let status = ["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs", ":!README.md"];
    let is_dirty = answer(workspace, "git", &status).is_some();
    parts.extend(commit.map(|commit| if is_dirty { "dirty tree".to_owned() } else { format!("commit {commit}") }));
    parts.join(", ")
}

/// A number of bytes, for reading: whole kibibytes, rounded up; in larger units two digits or more.
pub(super) fn bytes(n: u64) -> String {
    let mebibytes = n as f64 / 1024.0 / 1024.0;
    match mebibytes {
        n if n < 1.0 => format!("{:.0} KiB", (n * 1024.0).ceil()),
        n if n < 10.0 => format!("{n:.1} MiB"),
        n if n < 1024.0 => format!("{n:.0} MiB"),
        n if n < 10_240.0 => format!("{:.1} GiB", n / 1024.0),
        n => format!("{:.0} GiB", n / 1024.0),
    }
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
    fn bytes_read_well() {
        let read = [0, 1, 600 << 10, 3 << 20, 500 << 20, 3 << 29, 24 << 30].map(bytes);
        assert_eq!(read, ["0 KiB", "1 KiB", "600 KiB", "3.0 MiB", "500 MiB", "1.5 GiB", "24 GiB"]);
    }
}
