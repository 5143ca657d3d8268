//! Keeps the folder in which an engine works, beside the folders of a run.
//!
//! Does not know what lies in it, but for the list of finished steps.
//!
//! **Invariant**: one process at a time has the folder; when it is taken, all is removed from it but finished steps of
//! the same work; it is gone when the work is done, or nothing was finished.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::ClusterError;
use crate::error::io;
use crate::finished::Finished;

/// The folder's name in that of the run.
const NAME: &str = ".reco-cluster";
/// The file in it by which it is known as ours, and which its process holds.
const LOCK: &str = "lock";

/// The folder of an engine, for as long as this lives.
pub struct Work {
    path: PathBuf,
    is_done: bool,
    /// Held until the folder is gone.
    _lock: File,
}

impl Work {
    /// Takes the folder in `out`, which is made if it is not there. Steps that were finished for the work `key` stay.
    ///
    /// # Errors
    /// Another process has it; it is not ours; it cannot be made.
    pub fn take(out: &Path, key: &str) -> Result<Self, ClusterError> {
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
        let work = Self { path, is_done: false, _lock: lock };
        let finished = Finished::of(&work.path, key);
        for entry in fs::read_dir(&work.path).map_err(io("read", &work.path))? {
            let entry = entry.map_err(io("read", &work.path))?;
            let (path, name) = (entry.path(), entry.file_name());
            if path != lock_path && !name.to_str().is_some_and(|name| finished.names(name)) {
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(io("remove", &path))?;
            }
        }
        finished.save()?;
        Ok(work)
    }

    /// Whether there is something that the next run can go on from.
    pub fn has_finished_steps(&self) -> bool {
        !Finished::read(&self.path).is_empty()
    }

    /// Leaves the folder for good: the work is done.
    pub fn done(mut self) {
        self.is_done = true;
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.is_done || !self.has_finished_steps() {
            // What is left is removed by the next one who takes it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn one_process_has_it_and_finished_steps_of_the_same_work_stay() {
        let out = tempfile::tempdir().unwrap();
        let work = Work::take(out.path(), "one").unwrap();
        let path = work.path().to_owned();
        fs::write(path.join("unfinished.parquet"), "").unwrap();
        let other = Work::take(out.path(), "one").err().unwrap().to_string();
        assert!(other.starts_with("another `reco-cluster` works in `"), "{other}");
        drop(work);
        assert!(!path.exists(), "nothing was finished");
        // As a killed process leaves it.
        let finish = || {
            fs::create_dir_all(path.join("spill")).unwrap();
            fs::write(path.join(LOCK), "").unwrap();
            fs::write(path.join("rated.parquet"), "abc").unwrap();
            Finished::of(&path, "one").add("rated", "rated.parquet".to_owned(), 3).unwrap();
        };
        finish();
        let work = Work::take(out.path(), "one").unwrap();
        assert_eq!(names(&path), ["finished.json", LOCK, "rated.parquet"]);
        assert!(work.has_finished_steps());
        drop(work);
        assert!(path.exists());
        let work = Work::take(out.path(), "other").unwrap();
        assert_eq!(
            (names(&path), work.has_finished_steps()),
            (vec!["finished.json".to_owned(), LOCK.to_owned()], false)
        );
        drop(work);
        finish();
        Work::take(out.path(), "one").unwrap().done();
        assert!(!path.exists(), "the work is done");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("mine"), "").unwrap();
        let foreign = Work::take(out.path(), "one").err().unwrap().to_string();
        assert!(foreign.contains("is there already") && path.join("mine").exists(), "{foreign}");
    }
}
