//! Starts and ends clusters of Apache Ballista on this machine, in processes of their own.
//!
//! Does not know what they run.
//!
//! **Invariant**: ports are chosen free, and every process ends with the test that started it.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A process that ends with the test.
pub(crate) struct Process(Child);

impl Process {
    /// One that runs already.
    pub(crate) fn of(child: Child) -> Self {
        Self(child)
    }

    /// `command`, logging to the file `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        Self(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// The exit code, when it has ended by itself.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    /// Sends it a signal, as `-INT`.
    pub(crate) fn signal(&self, name: &str) {
        let signalled = Command::new("kill").args([name, &self.0.id().to_string()]).status();
        assert!(signalled.unwrap().success());
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scheduler and executors of one core each.
pub(crate) struct Cluster {
    port: u16,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    pub(crate) scheduler: Process,
    pub(crate) executors: Vec<Process>,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until someone listens at `port`.
pub(crate) fn wait_for(port: u16, what: &str, log: &Path) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what} does not start: {}",
            fs::read_to_string(log).unwrap()
        );
        sleep(Duration::from_millis(50));
    }
}

impl Cluster {
    /// With `environment` in all its processes. Logs and shuffled rows lie in `folder`, which exists.
    pub(crate) fn start(folder: &Path, n_executors: usize, environment: &[(&'static str, String)]) -> Self {
        let port = free_port();
        let scheduler = scheduler(folder, port, environment);
        let (folder, environment) = (folder.to_owned(), environment.to_owned());
        let mut cluster = Self { port, folder, environment, scheduler, executors: Vec::new() };
        (0..n_executors).for_each(|_| cluster.add_executor());
        cluster
    }

    pub(crate) fn add_executor(&mut self) {
        let n = self.executors.len();
        let (log, work) = (self.folder.join(format!("executor-{n}.log")), self.folder.join(format!("executor-{n}")));
        fs::create_dir_all(&work).unwrap();
        let health = free_port();
        let arguments = format!(
            "executor --bind-host 127.0.0.1 --external-host 127.0.0.1 --scheduler-host 127.0.0.1 --scheduler-port {} \
             --scheduler-connect-timeout-seconds 30 --bind-port {} --bind-grpc-port {} --bind-health-port {health} \
             --vcores 1 --memory-pool-size 1GiB --executor-heartbeat-interval-seconds 1 --work-dir",
            self.port,
            free_port(),
            free_port()
        );
        let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        arguments.push(work.to_str().unwrap().to_owned());
        self.executors.push(start(&arguments, &self.environment, &log));
        wait_for(health, "an executor", &log);
    }

    pub(crate) fn address(&self) -> String {
        format!("df://127.0.0.1:{}", self.port)
    }
}

fn scheduler(folder: &Path, port: u16, environment: &[(&'static str, String)]) -> Process {
    let log = folder.join("scheduler.log");
    let arguments = format!(
        "scheduler --bind-host 127.0.0.1 --external-host 127.0.0.1 --bind-port {port} --executor-timeout-seconds 15 \
         --expire-dead-executor-interval-seconds 1"
    );
    let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    let scheduler = start(&arguments, environment, &log);
    wait_for(port, "the scheduler", &log);
    scheduler
}

/// `reco-cluster` with these arguments.
fn start(arguments: &[String], environment: &[(&'static str, String)], log: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reco-cluster"));
    command.args(arguments).env("RUST_LOG", "warn").envs(environment.iter().cloned());
    Process::spawn(&mut command, log)
}
