//! The program `reco-cluster`: parses its command line, calls the library, and prints.
//!
//! Does not know SQL or engines.
//!
//! **Invariant**: a plan goes to stdout, all else to stderr; 0 is done, 1 failed, 2 a command line that is wrong, 130
//! interrupted.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use reco_cluster::{
    Address, ClusterError, DataFusion, ExecutorOptions, Experiment, INTERRUPTED, Job, Plan, Said, SchedulerOptions,
    Work,
};
use reco_core::memory::of_machine;

const EXAMPLES: &str = "\
Examples:
  reco ingest shop.toml --out data            # any files to checked tables, in bounded memory
  reco-cluster prepare shop.toml --out data   # what `reco features` does, on the disk
  reco train shop.toml --out data             # goes on as ever

  reco-cluster scheduler                                          # on one machine
  reco-cluster executor --scheduler-host HOST                     # on each machine of a cluster
  reco-cluster prepare shop.toml --out data --cluster df://HOST:50050

docs/scale.md says when to use it, and how other engines run the same plan.";

/// Prepare data sets that are too large for one process, by SQL
#[derive(Parser)]
#[command(name = "reco-cluster", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the folder `features` of a run, on DataFusion in this process or on a cluster
    ///
    /// Reads the folder `tables` that `reco ingest` made, or else raw events in Parquet, which `data.path` names; makes
    /// of them the folder that `reco features` makes, row for row, and of events the folder `tables` too. `reco train`
    /// and `reco evaluate` go on from there. What does not fit into memory goes to the disk of `--out`, and is gone at
    /// the end: some 130 bytes a rating. What `--out` holds already is never replaced. After a failure or ctrl-C, the
    /// same command goes on from the steps that were finished.
    Prepare {
        #[command(flatten)]
        of: Of,
        /// What sorts, joins and groups may take, as `4GiB` or `512MiB` [default: half of the machine's memory]
        ///
        /// The process takes more than this: what is being read and written is not counted.
        #[arg(long, value_name = "SIZE", value_parser = bytes, conflicts_with = "cluster")]
        memory: Option<u64>,
        /// Run the steps on the executors of this scheduler of Apache Ballista, as `df://localhost:50050`
        ///
        /// Scheduler, executors and this program see `--out` and the input under the same paths: a shared disk.
        #[arg(long, value_name = "ADDRESS")]
        cluster: Option<Address>,
        /// Into how many tasks a step is divided on a cluster: two or three for each of its cores
        #[arg(long, value_name = "N", default_value_t = 16, requires = "cluster", value_parser = tasks)]
        tasks: usize,
    },
    /// Print the plan: the SELECTs that DuckDB, DataFusion, Ballista, Spark and Sail run alike
    ///
    /// Before each stands a line `-- step: NAME (KIND)`. The rows of a step are called NAME by later ones. A `view` may
    /// be computed whenever it is read. A `table` is kept. An `output` is kept, and left as Parquet in its order.
    /// `rounds` take the place of the rows of the same name, and that again, until a round drops no row.
    Sql {
        /// The experiment's file
        experiment: PathBuf,
        /// Begin with raw events, instead of the tables that `reco ingest` makes
        #[arg(long)]
        events: bool,
    },
    /// Write what another engine needs: `plan.sql`, and the users and items that the plan reads
    Export {
        #[command(flatten)]
        of: Of,
        /// The folder for it, which is made if it is not there
        #[arg(long, value_name = "DIR")]
        work: PathBuf,
    },
    /// Make the folder `features` of a run out of what another engine left, as `prepare` does
    Import {
        #[command(flatten)]
        of: Of,
        /// The folder in which the engine left `NAME.parquet`, a file or a folder, for each output of the plan
        #[arg(long, value_name = "DIR")]
        work: PathBuf,
    },
    /// Run a scheduler of Apache Ballista, with Ballista's own options
    ///
    /// One for each cluster. Whoever reaches its port can read and write what executors can: keep it inside.
    #[command(mut_args(ours))]
    Scheduler(Box<SchedulerOptions>),
    /// Run an executor of Apache Ballista, with Ballista's own options
    ///
    /// One for each machine, and as many as there are machines.
    #[command(mut_args(ours))]
    Executor(Box<ExecutorOptions>),
}

#[derive(Args)]
struct Of {
    /// The experiment's file: its seed, and its tables [data], [features] and [split] are read
    experiment: PathBuf,
    /// The folder of the run, as `reco` calls it
    #[arg(long, value_name = "DIR", default_value = "data")]
    out: PathBuf,
}

impl Of {
    fn job(&self) -> Result<Job, ClusterError> {
        Job::new(Experiment::read(&self.experiment)?, &self.out)
    }
}

/// Ballista's options with our defaults, and without those that its own programs alone read.
///
/// Ballista 55.0 does not recover from the loss of an executor: where it tries, it loses count of cores and waits for
/// ever, or computes some rows twice. So executors ask for tasks, and nothing is tried again.
fn ours(argument: clap::Arg) -> clap::Arg {
    match argument.get_id().as_str() {
        "log_dir" | "log_rotation_policy" | "print_thread_info" => argument.hide(true),
        "task_max_failures" | "stage_max_failures" => argument.default_value("1"),
        "scheduler_policy" | "task_scheduling_policy" => argument.default_value("pull-staged"),
        _ => argument,
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match work(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ClusterError::Interrupted) => {
            say("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn work(command: Command) -> Result<(), ClusterError> {
    match command {
        Command::Prepare { of, memory, cluster, tasks } => prepare(&of, memory, cluster.as_ref(), tasks)?,
        Command::Sql { experiment, events } => {
            let experiment = Experiment::read(&experiment)?;
            let plan = if events { Plan::of_events(&experiment)? } else { Plan::of_tables(&experiment)? };
            print(&plan.to_string())?;
        }
        Command::Export { of, work } => {
            let job = of.job()?;
            let plan = job.plan()?;
            fs::create_dir_all(&work).map_err(|source| failed("make", &work, source))?;
            let inputs = job.inputs(&work)?;
            let path = work.join("plan.sql");
            fs::write(&path, plan.to_string()).map_err(|source| failed("write", &path, source))?;
            for (name, path) in inputs {
                say(&format!("{name:<16}{}", path.display()));
            }
            say(&format!("{:<16}{}", "plan", path.display()));
        }
        Command::Import { of, work } => {
            let mut progress = Progress::default();
            let info = of.job()?.finish(&work, Instant::now(), &mut |said| progress.say(said))?;
            made(&info, &of.out);
        }
        Command::Scheduler(options) => reco_cluster::scheduler(*options)?,
        Command::Executor(options) => reco_cluster::executor(*options)?,
    }
    Ok(())
}

fn prepare(of: &Of, memory: Option<u64>, cluster: Option<&Address>, n_tasks: usize) -> Result<(), ClusterError> {
    let interrupted = reco_cluster::interrupted()?;
    let job = of.job()?;
    // An experiment that no SQL states is refused before a folder is made.
    let work = Work::take(&of.out, &job.key()?)?;
    let engine = match cluster {
        None => DataFusion::in_process(memory.unwrap_or_else(|| of_machine() / 2), &work.path().join("spill"))?,
        Some(cluster) => {
            let engine = DataFusion::on_cluster(cluster, n_tasks)?;
            say(&format!("on `{cluster}`: a step waits for as long as no executor is there"));
            engine
        }
    };
    let mut progress = Progress::default();
    let prepared = job.prepare(&mut engine.stopped_by(interrupted), work.path(), &mut |said| progress.say(said));
    match prepared {
        Ok(info) => {
            work.done();
            made(&info, &of.out);
            Ok(())
        }
        // What was made of finished steps is wrong: so may they be.
        Err(error) if error.is_of_content() => {
            work.done();
            Err(error)
        }
        Err(error) => {
            if work.has_finished_steps() {
                let path = work.path().display();
                say(&format!("what was finished is kept in `{path}`: the same command goes on from there"));
            }
            Err(error)
        }
    }
}

/// Says what was made.
fn made(info: &reco_features::Info, out: &Path) {
    let split = &info.split;
    say(&format!(
        "{} users, {} items; {} ratings train, {} validate, {} are given, {} test",
        info.n_users, info.n_items, split.n_train, split.n_valid, split.n_fold_in, split.n_test
    ));
    say(&format!("made `{}`", out.join("features").display()));
}

/// Tells of steps, and of every ten million rows.
#[derive(Default)]
struct Progress {
    n_read: u64,
}

impl Progress {
    fn say(&mut self, said: Said) {
        const EACH: u64 = 10_000_000;
        match said {
            Said::Step(step) => {
                let took =
                    step.seconds.map_or_else(|| "finished before".to_owned(), |seconds| format!("{seconds:.1} s"));
                say(&format!("{:<16}{:>14} rows{took:>17}", step.name, step.n_rows));
            }
            Said::Anew(name) => {
                say(&format!("{name:<16}begins anew: an executor was lost, or someone cancelled its job"))
            }
            Said::Rows(n_rows) => {
                let before = self.n_read / EACH;
                self.n_read += n_rows;
                if self.n_read / EACH > before {
                    say(&format!("{:<16}{:>14} rows read", "features", self.n_read));
                }
            }
        }
    }
}

/// Prints a line on stderr. Where nobody listens, work goes on.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints `text` on stdout. Whoever stops listening has had enough.
fn print(text: &str) -> Result<(), ClusterError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed("write", Path::new("stdout"), error)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> ClusterError {
    ClusterError::Io { action, path: path.to_owned(), source }
}

/// `4GiB` as a number of bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20)];
    let parsed = units.into_iter().find_map(|(unit, size)| {
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(size)
    });
    parsed.filter(|bytes| *bytes > 0).ok_or_else(|| "write a whole number of `GiB` or `MiB`, as in `4GiB`".to_owned())
}

/// A number of tasks.
fn tasks(text: &str) -> Result<usize, String> {
    let parsed = text.parse().ok().filter(|n| (1..=100_000).contains(n));
    parsed.ok_or_else(|| "write a whole number from 1 to 100000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!((bytes("4GiB"), bytes("512 MiB")), (Ok(4 << 30), Ok(512 << 20)));
        for wrong in ["4", "4GB", "0GiB", "-1GiB", "99999999999GiB", ""] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
