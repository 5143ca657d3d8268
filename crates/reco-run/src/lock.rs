//! Locks the folder of a run, so that one run at a time works in it.
//!
//! Does not know what a run does. Commands that only read take no lock.
//!
//! **Invariant**: the lock is the system's, and goes with its process however that ends; the file that carries it says
//! who holds it while it is held and is empty afterwards, and no file of anyone else's is written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::RunError;
use crate::place::folder_fits;

/// The file's name, in the folder of a run.
pub(crate) const FILE: &str = ".reco.lock";

/// The beginning of every line of ours in it: anything else that it holds is not ours.
const OURS: &str = "reco: ";

/// The locks of one folder, or of several that one run fills, taken when work begins.
pub(crate) struct Lock {
    outs: Vec<PathBuf>,
    /// One for each folder whose file system has locks.
    held: OnceLock<Held>,
}

impl Lock {
    /// The lock of the folder `out`, not taken yet.
    pub(crate) fn of(out: &Path) -> Self {
        Self { outs: vec![out.to_owned()], held: OnceLock::new() }
    }

    /// Adds the lock of the folder `out`.
    pub(crate) fn and(mut self, out: &Path) -> Self {
        if self.outs.iter().all(|one| one != out) {
            self.outs.push(out.to_owned());
        }
        self
    }

    /// Takes the locks, unless they were taken; others are told that `command` is running.
    ///
    /// # Errors
    /// Another process has one, and the error names it; a file where the folder or the lock belongs.
    pub(crate) fn take(&self, command: &str) -> Result<(), RunError> {
        if self.held.get().is_none() {
            let mut held = Held(Vec::new());
            for out in &self.outs {
                held.0.extend(locked(out, command)?);
            }
            // Nobody else sets it: a lock has one owner.
            let _ = self.held.set(held);
        }
        Ok(())
    }
}

/// Files that carry locks of ours.
struct Held(Vec<File>);

impl Drop for Held {
    fn drop(&mut self) {
        for file in &self.0 {
            // If the line stays, the next run overwrites it; the lock itself goes with the file.
            let _ = rewrite(file, &[]);
        }
    }
}

fn locked(out: &Path, command: &str) -> Result<Option<File>, RunError> {
    folder_fits(out)?;
    fs::create_dir_all(out).map_err(RunError::writing(out))?;
    let path = out.join(FILE);
    let in_the_way = || RunError::in_the_way(&path, "reco did not write it, and the lock of a run goes by this name");
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(in_the_way());
    }
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = open.map_err(RunError::writing(&path))?;
    let free = file.try_lock();
    // On a system whose locks keep others from reading, the holder stays unknown.
    let mut holder = Vec::new();
    let _ = (&mut file).take(4096).read_to_end(&mut holder);
    if !holder.is_empty() && !holder.starts_with(OURS.as_bytes()) {
        return Err(in_the_way());
    }
    match free {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = String::from_utf8_lossy(&holder);
            let holder = holder.trim_end().strip_prefix(OURS).unwrap_or("another process");
            return Err(RunError::Busy { out: out.display().to_string(), holder: holder.to_owned() });
        }
        // A file system without locks is no reason not to run.
        Err(TryLockError::Error(_)) => return Ok(None),
    }
    let command = if command.is_empty() { "a run" } else { command };
    let command: String = command.chars().filter(|c| !c.is_control()).take(1000).collect();
    let (process, host, now) = (std::process::id(), host(), reco_features::now_in_utc());
    let line = format!("{OURS}`{command}`, process {process} on {host}, since {now}\n");
    rewrite(&file, line.as_bytes()).map_err(RunError::writing(&path))?;
    Ok(Some(file))
}

fn rewrite(mut file: &File, text: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text)
}

/// The name of this machine.
pub(crate) fn host() -> String {
    let named = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = named.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "this host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/out");
        let first = Lock::of(&out);
        first.take("reco run a.toml").unwrap();
        first.take("reco run a.toml").unwrap();
        let refused = Lock::of(&out).take("reco run b.toml").unwrap_err().to_string();
        let process = format!("process {} on ", std::process::id());
        for part in ["out` is in use", "by `reco run a.toml`, ", &process, ", since 20", " UTC\nhint: wait"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        drop(first);
        assert_eq!(fs::read(out.join(FILE)).unwrap(), b"");
        Lock::of(&out).take("").unwrap();
        // Left by a process that was killed.
        fs::write(out.join(FILE), format!("{OURS}`reco run`, process 1\n")).unwrap();
        Lock::of(&out).take("").unwrap();
    }

    #[test]
    fn several_folders_are_taken_together_or_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let [out, one, two] = ["out", "out/seed=1", "out/seed=2"].map(|name| folder.path().join(name));
        let whole = || Lock::of(&out).and(&one).and(&two).and(&out);
        let alone = Lock::of(&two);
        alone.take("reco run b.toml").unwrap();
        let refused = whole().take("reco run a.toml").unwrap_err().to_string();
        assert!(refused.contains("seed=2` is in use by `reco run b.toml`, "), "{refused}");
        Lock::of(&one).take("").unwrap();
        drop(alone);
        let whole = whole();
        whole.take("reco run a.toml").unwrap();
        for out in [&out, &one, &two] {
            let refused = Lock::of(out).take("").unwrap_err().to_string();
            assert!(refused.contains("` is in use by `reco run a.toml`, "), "{refused}");
        }
    }

    #[test]
    fn a_file_of_someone_else_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "my notes").unwrap();
        let refused = Lock::of(folder.path()).take("").unwrap_err().to_string();
        assert!(refused.contains(".reco.lock` is in the way: reco did not write it"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes");
        let inside = Lock::of(&path).take("").unwrap_err().to_string();
        assert!(inside.contains("it is a file, and a folder belongs there\nhint: "), "{inside}");
    }
}
