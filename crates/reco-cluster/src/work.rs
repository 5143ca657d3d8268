//! Keeps the folder in which an embedded engine works, beside the folders of a run.
//!
//! Does not know what lies in it.
//!
//! **Invariant**: one process at a time has the folder; it is emptied when it is taken, and gone when it is left. What
//! a process that was killed left in it is of no use to anybody.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::ClusterError;
use crate::error::io;

/// The folder's name in that of the run.
const NAME: &str = ".reco-cluster";
/// The file in it by which it is known as ours, and which its process holds.
const LOCK: &str = "lock";

/// The folder of an engine, for as long as this lives.
pub struct Work {
    path: PathBuf,
    /// Held until the folder is gone.
    _lock: File,
}

impl Work {
    /// Takes the folder in `out`, which is made if it is not there.
    ///
    /// # Errors
    /// Another process has it; it is not ours; it cannot be made.
    pub fn take(out: &Path) -> Result<Self, ClusterError> {
        let path = out.join(NAME);
        let lock_path = path.join(LOCK);
        if path.exists() && !lock_path.is_file() {
            return Err(ClusterError::InTheWay { path });
        }
        fs::create_dir_all(&path).map_err(io("make", &path))?;
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(io("write", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ClusterError::NotReady {
                    reason: format!("another `reco-cluster` works in `{}`", path.display()),
                    hint: "wait until it has ended, or name another folder in `--out`".to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(io("lock", &lock_path)(error)),
        }
        let work = Self { path, _lock: lock };
        for entry in fs::read_dir(&work.path).map_err(io("read", &work.path))? {
            let entry = entry.map_err(io("read", &work.path))?.path();
            if entry != lock_path {
                let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
                removed.map_err(io("remove", &entry))?;
            }
        }
        Ok(work)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What is left is emptied by the next one who takes it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_it_and_what_was_left_is_emptied() {
        let out = tempfile::tempdir().unwrap();
        let work = Work::take(out.path()).unwrap();
        fs::write(work.path().join("rated.parquet"), "").unwrap();
        let other = Work::take(out.path()).err().unwrap().to_string();
        assert!(other.starts_with("another `reco-cluster` works in `"), "{other}");
        let path = work.path().to_owned();
        drop(work);
        assert!(!path.exists());
        // As a killed process leaves it.
        fs::create_dir_all(path.join("spill")).unwrap();
        fs::write(path.join(LOCK), "").unwrap();
        let work = Work::take(out.path()).unwrap();
        assert_eq!(fs::read_dir(work.path()).unwrap().count(), 1);
        drop(work);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("mine"), "").unwrap();
        let foreign = Work::take(out.path()).err().unwrap().to_string();
        assert!(foreign.contains("is there already") && path.join("mine").exists(), "{foreign}");
    }
}
