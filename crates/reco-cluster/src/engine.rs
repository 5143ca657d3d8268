//! Runs a plan on an engine, step by step.
//!
//! Does not know which engine it is, nor SQL.
//!
//! **Invariant**: steps run in the order of the plan, but for those that the work folder lists as finished; the rows of
//! an output lie in that folder as `<name>.parquet`; rounds end, since each but the last drops a row.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::io;
use crate::finished::Finished;
use crate::{ClusterError, Kind, Plan, Step};

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
    /// A SELECT that the engine refuses, or cannot finish: [`ClusterError::Lost`] where it may if it begins anew.
    fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError>;
}

/// A step that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepEnded {
    /// Its name.
    pub name: &'static str,
    /// How many rows it has.
    pub n_rows: u64,
    /// How long it took; `None` for one that an earlier run finished.
    pub seconds: Option<f64>,
}

/// What is told while work is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// A step of the engine has ended.
    Step(StepEnded),
    /// The step of this name begins anew, since the cluster lost what it had of it.
    Anew(&'static str),
    /// So many more rows were read of what the engine left.
    Rows(u64),
}

/// How often a step is begun anew after a loss: also a job that began since may be cancelled.
const N_MORE: usize = 3;

/// Runs `plan` on `inputs`, with its tables and outputs in the folder `work`, and tells `said` of each step that took
/// time. Steps that an earlier run finished in this folder are taken from there.
///
/// # Errors
/// A step that the engine cannot run; a file that cannot be removed; a list of steps that cannot be written.
pub fn run(
    plan: &Plan,
    inputs: &Inputs,
    engine: &mut dyn Engine,
    work: &Path,
    said: &mut dyn FnMut(Said),
) -> Result<(), ClusterError> {
    for (name, path) in inputs {
        engine.read(name, path)?;
    }
    let mut finished = Finished::read(work);
    // How many rows a step of rounds had before.
    let mut n_before = BTreeMap::new();
    for step in &plan.steps {
        let first = format!("{}.parquet", step.name);
        // Rows with the first name are those that the rounds begin with.
        let taken = finished.get(step.name).filter(|rows| step.kind != Kind::Rounds || rows.file != first);
        if let Some(rows) = taken {
            engine.read(step.name, &work.join(rows.file))?;
            n_before.insert(step.name, rows.n_rows);
            said(Said::Step(StepEnded { name: step.name, n_rows: rows.n_rows, seconds: None }));
            continue;
        }
        let mut once = |file: &str| {
            let (begun, path) = (Instant::now(), work.join(file));
            let n_rows = write(engine, step, &path, said)?;
            engine.read(step.name, &path)?;
            said(Said::Step(StepEnded { name: step.name, n_rows, seconds: Some(begun.elapsed().as_secs_f64()) }));
            Ok::<u64, ClusterError>(n_rows)
        };
        match step.kind {
            Kind::View => engine.view(step.name, &step.sql)?,
            Kind::Table | Kind::Output => {
                let n_rows = once(&first)?;
                finished.add(step.name, first, n_rows)?;
                n_before.insert(step.name, n_rows);
            }
            Kind::Rounds => {
                let mut n_rows = n_before.get(step.name).copied().unwrap_or(u64::MAX);
                let (mut round, mut read_from) = (1, None::<String>);
                let last = loop {
                    let file = format!("{}-{round}.parquet", step.name);
                    let n_left = once(&file)?;
                    if let Some(before) = read_from.replace(file.clone()) {
                        remove(&work.join(before))?;
                    }
                    if n_left == n_rows {
                        break file;
                    }
                    (round, n_rows) = (round + 1, n_left);
                };
                // Until here, a run that goes on from a broken one begins its rounds anew.
                finished.add(step.name, last, n_rows)?;
                remove(&work.join(first))?;
            }
        }
    }
    Ok(())
}

/// Lets the engine write the rows of `step`, anew where it lost them.
fn write(engine: &mut dyn Engine, step: &Step, path: &Path, said: &mut dyn FnMut(Said)) -> Result<u64, ClusterError> {
    for _ in 0..N_MORE {
        match engine.write(step.name, &step.sql, path) {
            Err(ClusterError::Lost { .. }) => said(Said::Anew(step.name)),
            written => return written,
        }
    }
    engine.write(step.name, &step.sql, path)
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
        run(&plan, &inputs, &mut engine, folder.path(), &mut |said| {
            let Said::Step(step) = said else { panic!("{said:?}") };
            ended.push((step.name, step.n_rows));
        })
        .unwrap();
        assert_eq!(ended, [("rated", 9), ("rated", 7), ("rated", 4), ("rated", 4), ("train", 3)]);
        assert_eq!(engine.said[..3], ["read ratings r.parquet", "view joined", "read rated rated.parquet"]);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["finished.json", "rated-3.parquet", "train.parquet"], "rows of earlier rounds are removed");
    }

    /// Fails at the write of this number.
    struct Failing(Counting, usize);

    impl Engine for Failing {
        fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError> {
            assert!(name == "ratings" || path.exists(), "{name} is read from where it is not");
            self.0.read(name, path)
        }

        fn view(&mut self, name: &str, sql: &str) -> Result<(), ClusterError> {
            self.0.view(name, sql)
        }

        fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError> {
            if self.0.n_written.values().sum::<usize>() == self.1 {
                return Err(ClusterError::Interrupted);
            }
            self.0.write(name, sql, path)
        }
    }

    #[test]
    fn a_run_goes_on_from_wherever_another_broke() {
        let step = |name, kind, sql: &str| Step { name, kind, sql: sql.to_owned() };
        let steps = vec![
            step("rated", Kind::Table, "9,9"),
            step("rated", Kind::Rounds, "9,7,4,4"),
            step("kept", Kind::Output, "1"),
            step("train", Kind::Output, "3"),
        ];
        let plan = Plan { inputs: &["ratings"], steps };
        for (broken_at, n_again) in [(0, 6), (1, 5), (2, 5), (3, 5), (4, 2), (5, 1), (6, 0)] {
            let folder = tempfile::tempdir().unwrap();
            let inputs = Inputs::from([("ratings", folder.path().join("r.parquet"))]);
            let mut first = Failing(Counting::default(), broken_at);
            let broken = run(&plan, &inputs, &mut first, folder.path(), &mut |_| {});
            assert_eq!(broken.is_ok(), broken_at == 6);
            // Rounds begin with the rows of the table, whose write does not come again.
            let n_written = BTreeMap::from([("rated".to_owned(), usize::from(broken_at > 0))]);
            let mut again = Failing(Counting { n_written, ..Counting::default() }, usize::MAX);
            let n_before: usize = again.0.n_written.values().sum();
            let mut n_rows = BTreeMap::new();
            let mut said = |said| {
                let Said::Step(step) = said else { panic!("{said:?}") };
                n_rows.extend([(step.name, step.n_rows)]);
            };
            run(&plan, &inputs, &mut again, folder.path(), &mut said).unwrap();
            assert_eq!(again.0.n_written.values().sum::<usize>() - n_before, n_again, "{broken_at}");
            assert_eq!(n_rows, BTreeMap::from([("kept", 1), ("rated", 4), ("train", 3)]), "{broken_at}");
            let names = ["finished.json", "kept.parquet", "rated-3.parquet", "train.parquet"];
            assert!(names.iter().all(|name| folder.path().join(name).exists()), "{broken_at}");
        }
    }

    /// Loses a step so many times before it writes it.
    struct Losing(Counting, usize);

    impl Engine for Losing {
        fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError> {
            self.0.read(name, path)
        }

        fn view(&mut self, name: &str, sql: &str) -> Result<(), ClusterError> {
            self.0.view(name, sql)
        }

        fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError> {
            match self.1.checked_sub(1) {
                Some(n_left) => {
                    self.1 = n_left;
                    Err(ClusterError::Lost { step: name.to_owned() })
                }
                None => self.0.write(name, sql, path),
            }
        }
    }

    #[test]
    fn a_lost_step_begins_anew_three_times_and_that_is_said() {
        let plan = Plan { inputs: &[], steps: vec![Step { name: "train", kind: Kind::Output, sql: "3".to_owned() }] };
        for n_lost in 0..=4 {
            let folder = tempfile::tempdir().unwrap();
            let (mut n_anew, mut n_ended) = (0, 0);
            let mut engine = Losing(Counting::default(), n_lost);
            let ran = run(&plan, &Inputs::new(), &mut engine, folder.path(), &mut |said| match said {
                Said::Anew("train") => n_anew += 1,
                Said::Step(StepEnded { name: "train", n_rows: 3, .. }) => n_ended += 1,
                said => panic!("{said:?}"),
            });
            assert_eq!((n_anew, n_ended), (n_lost.min(3), usize::from(n_lost <= 3)));
            match ran {
                Ok(()) => assert!(n_lost <= 3),
                Err(error) => assert_eq!(
                    error.to_string(),
                    "the engine failed in step `train`: an executor was lost, or someone cancelled its job\n\
                     hint: the same command goes on from the finished steps"
                ),
            }
        }
    }
}
