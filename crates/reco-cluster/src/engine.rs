//! Runs a plan on an engine, step by step.
//!
//! Does not know which engine it is, nor SQL.
//!
//! **Invariant**: steps run in the order of the plan; the rows of a table or an output lie in the work folder as
//! `<name>.parquet`; rounds end, since each but the last drops a row.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::io;
use crate::{ClusterError, Kind, Plan};

/// The Parquet of each input of a plan, a file or a folder of files.
pub type Inputs = BTreeMap<&'static str, PathBuf>;

/// Something that runs the SELECTs of a plan.
pub trait Engine {
    /// Lets later SELECTs call the Parquet at `path` by `name`, in the place of what was called so before.
    ///
    /// # Errors
    /// What is no Parquet.
    fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError>;

    /// Lets later SELECTs call the rows of `sql` by `name`, without computing them now.
    ///
    /// # Errors
    /// A SELECT that the engine refuses.
    fn view(&mut self, name: &str, sql: &str) -> Result<(), ClusterError>;

    /// Computes the rows of `sql`, and writes them to `path` in their order: how many there are. It does not read what
    /// lies at `path`.
    ///
    /// # Errors
    /// A SELECT that the engine refuses, or cannot finish.
    fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError>;
}

/// A step that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepEnded {
    /// Its name.
    pub name: &'static str,
    /// How many rows it has.
    pub n_rows: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Runs `plan` on `inputs`, with its tables and outputs in the folder `work`, and tells `ended` of each step that took
/// time.
///
/// # Errors
/// A step that the engine cannot run; a file that cannot be moved.
pub fn run(
    plan: &Plan,
    inputs: &Inputs,
    engine: &mut dyn Engine,
    work: &Path,
    ended: &mut dyn FnMut(StepEnded),
) -> Result<(), ClusterError> {
    for (name, path) in inputs {
        engine.read(name, path)?;
    }
    // How many rows a step of rounds had before.
    let mut n_before = BTreeMap::new();
    for step in &plan.steps {
        let path = work.join(format!("{}.parquet", step.name));
        let mut once = |engine: &mut dyn Engine, path: &Path| {
            let begun = Instant::now();
            let n_rows = engine.write(step.name, &step.sql, path)?;
            engine.read(step.name, path)?;
            ended(StepEnded { name: step.name, n_rows, seconds: begun.elapsed().as_secs_f64() });
            Ok::<u64, ClusterError>(n_rows)
        };
        match step.kind {
            Kind::View => engine.view(step.name, &step.sql)?,
            Kind::Table | Kind::Output => drop(n_before.insert(step.name, once(engine, &path)?)),
            Kind::Rounds => {
                let mut n_rows = n_before.get(step.name).copied().unwrap_or(u64::MAX);
                let mut read_from = path;
                for round in 1.. {
                    let path = work.join(format!("{}-{round}.parquet", step.name));
                    let n_left = once(engine, &path)?;
                    remove(&read_from)?;
                    read_from = path;
                    if n_left == n_rows {
                        break;
                    }
                    n_rows = n_left;
                }
            }
        }
    }
    Ok(())
}

/// Removes the rows of the round before.
fn remove(path: &Path) -> Result<(), ClusterError> {
    match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
    .map_err(io("remove", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    /// Writes, for a SELECT `3,2`, files of three and then of two bytes.
    #[derive(Default)]
    struct Counting {
        said: Vec<String>,
        n_written: BTreeMap<String, usize>,
    }

    impl Engine for Counting {
        fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError> {
            self.said.push(format!("read {name} {}", path.file_name().unwrap().display()));
            Ok(())
        }

        fn view(&mut self, name: &str, _sql: &str) -> Result<(), ClusterError> {
            self.said.push(format!("view {name}"));
            Ok(())
        }

        fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError> {
            let at = self.n_written.entry(name.to_owned()).or_default();
            let n = sql.split(',').nth(*at).unwrap().parse().unwrap();
            *at += 1;
            fs::write(path, vec![0; n]).unwrap();
            Ok(n as u64)
        }
    }

    #[test]
    fn rounds_are_repeated_until_one_drops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let step = |name, kind, sql: &str| Step { name, kind, sql: sql.to_owned() };
        let steps = vec![
            step("joined", Kind::View, ""),
            step("rated", Kind::Table, "9,7,4,4"),
            step("rated", Kind::Rounds, "9,7,4,4"),
            step("train", Kind::Output, "3"),
        ];
        let plan = Plan { inputs: &["ratings"], steps };
        let inputs = Inputs::from([("ratings", folder.path().join("r.parquet"))]);
        let mut engine = Counting::default();
        let mut ended = Vec::new();
        run(&plan, &inputs, &mut engine, folder.path(), &mut |step| ended.push((step.name, step.n_rows))).unwrap();
        assert_eq!(ended, [("rated", 9), ("rated", 7), ("rated", 4), ("rated", 4), ("train", 3)]);
        assert_eq!(engine.said[..3], ["read ratings r.parquet", "view joined", "read rated rated.parquet"]);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["rated-3.parquet", "train.parquet"], "rows of earlier rounds are removed");
    }
}
