//! One run at a time works in a folder.
//!
//! Does not know what a run does. Whoever only reads takes no lock.
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

/// How every line of ours in it begins: whatever else it holds is not ours.
const OURS: &str = "reco: ";

/// The lock of one folder, taken when work begins.
pub(crate) struct Lock {
    out: PathBuf,
    held: OnceLock<Option<File>>,
}

impl Lock {
    /// The lock of the folder `out`, not taken yet.
    pub(crate) fn of(out: &Path) -> Self {
        Self { out: out.to_owned(), held: OnceLock::new() }
    }

    /// Takes it, unless it was taken; `command` is what others are told that is running.
    ///
    /// # Errors
    /// Another process has it, who is named; a file where the folder or the lock belongs.
    pub(crate) fn take(&self, command: &str) -> Result<(), RunError> {
        if self.held.get().is_none() {
            let file = self.locked(command)?;
            // Nobody else sets it: a lock has one owner.
            let _ = self.held.set(file);
        }
        Ok(())
    }

    fn locked(&self, command: &str) -> Result<Option<File>, RunError> {
        folder_fits(&self.out)?;
        fs::create_dir_all(&self.out).map_err(RunError::writing(&self.out))?;
        let path = self.out.join(FILE);
        let in_the_way = || RunError::InTheWay {
            path: path.display().to_string(),
            reason: "reco did not write it, and the lock of a run goes by this name".to_owned(),
            hint: RunError::ELSEWHERE.to_owned(),
        };
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(in_the_way());
        }
        let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = open.map_err(RunError::writing(&path))?;
        let free = file.try_lock();
        // A system whose locks keep others from reading says nothing of the holder.
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
                return Err(RunError::Busy { out: self.out.display().to_string(), holder: holder.to_owned() });
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
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(Some(file)) = self.held.get() {
            // A line that stays is written over by the next run; the lock itself goes with the file.
            let _ = rewrite(file, &[]);
        }
    }
}

fn rewrite(mut file: &File, text: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text)
}

fn host() -> String {
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
