//! Runs `reco` once under limits of time and memory, and judges how it ended.
//!
//! Does not know what `reco` was asked.
//!
//! **Invariant**: a trial runs in a folder of its own; what lay there before and is not reco's to replace has to be the
//! same afterwards, to the byte.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::process::processor_seconds;

/// How many seconds of processor time a run on a small input may take: the same on a busy machine.
const SECONDS: f64 = 10.0;
/// How many it may take to stop when asked to.
const SECONDS_TO_STOP: f64 = 5.0;
/// How many an interruption may take, on [`THREADS`] threads: a second by the clock of an idle machine.
const SECONDS_INTERRUPTED: f64 = 1.2 * THREADS as f64;
/// The number of threads that it computes on.
const THREADS: usize = 2;
/// How many times as long it may take by the clock, waiting included.
const WAITING: f64 = 8.0;
/// How much memory it may ask for, in KiB: a small input needs a hundredth of it.
const MEMORY: u64 = 6 << 20;
/// The largest file that it may write, in blocks of 512 bytes.
const FILE: u64 = 1 << 20;
/// The longest message.
const MESSAGE: usize = 20_000;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It was asked to stop at the limit of time, and did.
    Long,
    /// It was asked to stop, and did not.
    Hang,
}

/// What a run left.
pub(super) struct Ended {
    pub(super) how: How,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
    /// From the request to stop to the end, where there was a request.
    pub(super) stopping: Option<Duration>,
    /// Seconds of processor time that it used while stopping, as far as was seen.
    pub(super) used_stopping: f64,
}

/// When a run is stopped from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) after: Duration,
    /// As `kill` calls it.
    pub(super) signal: &'static str,
}

/// Runs `reco` in `folder`; its output goes to files beside it.
pub(super) fn reco(reco: &Path, folder: &Path, words: &[String], stop: Option<Stop>) -> Result<Ended> {
    let beside = |name: &str| folder.with_extension(name);
    let create =
        |name: &str| File::create(beside(name)).with_context(|| format!("cannot write beside `{}`", folder.display()));
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("ulimit -v {MEMORY}; ulimit -f {FILE}; ulimit -c 0; exec \"$0\" \"$@\"")])
        .arg(reco)
        .args(words)
        .current_dir(folder)
        // Nothing is fetched: no pip, and mirrors that do not answer.
        .env("PATH", "")
        .env("RECO_MIRROR_TIMEOUT_SECONDS", "1")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("RAYON_NUM_THREADS", THREADS.to_string())
        .env_remove("RECO_EXTRA_DATA")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(create("stdout")?)
        .stderr(create("stderr")?)
        .spawn()
        .context("cannot run `/bin/sh`")?;
    let begun = Instant::now();
    let id = child.id();
    let signal = |name: &str| Command::new("/bin/sh").args(["-c", &format!("kill -{name} {id}")]).status();
    let over = |since: Instant, used_before: f64, limit: f64| {
        used(id) - used_before >= limit || since.elapsed().as_secs_f64() >= limit * WAITING
    };
    let is_time = || stop.map_or_else(|| over(begun, 0.0, SECONDS), |stop| begun.elapsed() >= stop.after);
    let (mut asked, mut how) = (None::<(Instant, f64)>, None);
    let mut used_stopping = 0.0;
    let status = loop {
        if let Some((_, before)) = asked {
            // The system tells no more of a process that has ended.
            used_stopping = f64::max(used_stopping, used(id) - before);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        match asked {
            None if is_time() => {
                if stop.is_none() {
                    how = Some(How::Long);
                }
                signal(stop.map_or("INT", |stop| stop.signal))?;
                asked = Some((Instant::now(), used(id)));
            }
            Some((since, before)) if over(since, before, SECONDS_TO_STOP) => {
                how = Some(How::Hang);
                signal("KILL")?;
                asked = Some((Instant::now(), used(id)));
            }
            _ => thread::sleep(Duration::from_millis(if begun.elapsed().as_millis() < 200 { 2 } else { 10 })),
        }
    };
    let ended = status.code().map_or_else(|| How::Signal(status.signal().unwrap_or_default()), How::Code);
    // A failure while stopping is worse than taking long.
    let broke = how == Some(How::Long) && !matches!(ended, How::Code(0 | 1 | 130));
    let read =
        |name: &str| fs::read(beside(name)).with_context(|| format!("cannot read beside `{}`", folder.display()));
    Ok(Ended {
        how: how.filter(|_| !broke).unwrap_or(ended),
        stdout: read("stdout")?,
        stderr: String::from_utf8_lossy(&read("stderr")?).into_owned(),
        stopping: asked.map(|(since, _)| since.elapsed()),
        used_stopping,
    })
}

/// Seconds of processor time that a process has used so far; 0 where the system does not tell.
fn used(id: u32) -> f64 {
    processor_seconds(&id.to_string(), 14).unwrap_or_default()
}

impl Ended {
    /// What is wrong with it, where it was stopped by `signal` from outside.
    pub(super) fn problems_when_stopped(&self, signal: &str) -> Vec<String> {
        // Being killed by us is no problem, and neither is an interruption before it listens, or one that the work did
        // not heed.
        let by_us: &[How] = if signal == "INT" { &[How::Signal(2), How::Code(130)] } else { &[How::Signal(9)] };
        let mut problems = if by_us.contains(&self.how) { Vec::new() } else { self.problems() };
        if signal == "INT" && self.used_stopping > SECONDS_INTERRUPTED {
            let used = self.used_stopping;
            problems.push(format!("it took {used:.1} s of processor time to stop when it was asked to"));
        }
        problems
    }

    /// What is wrong with it, whatever was asked.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.how {
            How::Code(0..=2) | How::Long => {}
            How::Code(code) => problems.push(format!("exit code {code}")),
            How::Signal(signal) => problems.push(format!("ended by signal {signal}")),
            How::Hang => problems.push(format!("it did not stop within {SECONDS_TO_STOP} s of being asked to")),
        }
        if let Some(line) = self.stderr.lines().find(|line| line.contains("panicked at")) {
            problems.push(format!("a panic: {line}"));
        }
        if matches!(self.how, How::Code(1 | 2)) && !self.stderr.lines().any(|line| line.starts_with("error")) {
            problems.push("a failure without a line that starts with `error`".to_owned());
        }
        if self.stderr.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\t')) {
            problems.push("a message with control characters".to_owned());
        }
        if self.stderr.len() > MESSAGE {
            problems.push(format!("a message of {} bytes", self.stderr.len()));
        }
        problems
    }
}

/// Something in a folder.
#[derive(PartialEq, Eq)]
enum Entry {
    File(Vec<u8>),
    Link(PathBuf),
    Folder,
}

/// The user's files in a folder.
pub(super) struct Foreign(BTreeMap<PathBuf, Entry>);

impl Foreign {
    /// Reads `folder`, leaving out what is `ours` by its path in it.
    pub(super) fn of(folder: &Path, ours: impl Fn(&Path) -> bool) -> Result<Self> {
        let mut found = BTreeMap::new();
        walk(folder, Path::new(""), &mut found)?;
        found.retain(|path, _| !ours(path));
        Ok(Self(found))
    }

    /// The user's files that are gone or have changed.
    pub(super) fn changed(&self, folder: &Path) -> Result<Vec<String>> {
        let mut now = BTreeMap::new();
        walk(folder, Path::new(""), &mut now)?;
        let gone = |path: &&PathBuf| now.get(*path) != self.0.get(*path);
        Ok(self
            .0
            .keys()
            .filter(gone)
            .map(|path| format!("the user's `{}` is gone or has changed", path.display()))
            .collect())
    }
}

fn walk(folder: &Path, name: &Path, found: &mut BTreeMap<PathBuf, Entry>) -> Result<()> {
    let context = || format!("cannot read `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let kind = entry.file_type().with_context(context)?;
        let entry = if kind.is_symlink() {
            Entry::Link(fs::read_link(&path).with_context(context)?)
        } else if kind.is_dir() {
            walk(&path, &name, found)?;
            Entry::Folder
        } else {
            Entry::File(fs::read(&path).with_context(context)?)
        };
        found.insert(name, entry);
    }
    Ok(())
}

/// Copies a folder; links are followed.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy `{}` to `{}`", from.display(), to.display());
    fs::create_dir_all(to).with_context(context)?;
    for entry in fs::read_dir(from).with_context(context)? {
        let entry = entry.with_context(context)?;
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to).with_context(context)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(how: How, stderr: &str) -> Vec<String> {
        with(how, stderr, 0.0).problems()
    }

    fn with(how: How, stderr: &str, used_stopping: f64) -> Ended {
        Ended { how, stdout: Vec::new(), stderr: stderr.to_owned(), stopping: None, used_stopping }
    }

    #[test]
    fn what_a_signal_of_ours_does_is_no_problem_unless_it_takes_long() {
        let stopped = |how, signal, used| with(how, "stopping\n", used).problems_when_stopped(signal);
        for (how, signal) in
            [(How::Code(130), "INT"), (How::Signal(2), "INT"), (How::Code(0), "INT"), (How::Signal(9), "KILL")]
        {
            assert!(stopped(how, signal, 0.5).is_empty(), "{how:?} {signal}");
        }
        assert_eq!(stopped(How::Code(130), "KILL", 0.0), ["exit code 130"]);
        assert_eq!(stopped(How::Signal(9), "INT", 0.0), ["ended by signal 9"]);
        let long = "it took 4.0 s of processor time to stop when it was asked to";
        assert_eq!(stopped(How::Code(130), "INT", 4.0), [long]);
        assert_eq!(stopped(How::Signal(9), "KILL", 4.0), [""; 0]);
    }

    #[test]
    fn each_bad_end_is_a_problem_and_a_plain_refusal_is_none() {
        assert!(ended(How::Code(0), "reading\n").is_empty());
        assert!(ended(How::Code(2), "reading\nerror: no\nhint: yes\n").is_empty());
        assert!(ended(How::Long, "stopping\n").is_empty());
        assert_eq!(ended(How::Code(101), "thread 'main' panicked at src/a.rs:1:2\n").len(), 2);
        assert_eq!(ended(How::Signal(6), "memory allocation failed\n"), ["ended by signal 6"]);
        assert_eq!(ended(How::Hang, "").len(), 1);
        assert_eq!(ended(How::Code(1), "no\n").len(), 1);
        assert_eq!(ended(How::Code(1), "error: \u{1b}[31m\n"), ["a message with control characters"]);
        assert_eq!(ended(How::Code(1), &format!("error: {}", "x".repeat(MESSAGE))).len(), 1);
    }

    #[test]
    fn a_run_is_stopped_at_its_limit_and_its_files_are_watched() {
        let folder = std::env::temp_dir().join(format!("trial-{}", std::process::id()));
        fs::create_dir_all(folder.join("work/own")).unwrap();
        fs::write(folder.join("work/keep.txt"), "keep").unwrap();
        let work = folder.join("work");
        let run = |script: &str, stop| reco(Path::new("/bin/sh"), &work, &["-c".to_owned(), script.to_owned()], stop);
        let foreign = Foreign::of(&work, |path| path.starts_with("own")).unwrap();
        let done = run("echo out; echo error: no >&2; echo x > own/file; exit 1", None).unwrap();
        assert_eq!((done.how, done.stdout.as_slice()), (How::Code(1), b"out\n".as_slice()));
        assert!(done.problems().is_empty() && foreign.changed(&work).unwrap().is_empty());
        let stop = Stop { after: Duration::from_millis(50), signal: "KILL" };
        let killed = run("while :; do :; done", Some(stop)).unwrap();
        assert!(killed.how == How::Signal(9) && killed.stopping.is_some());
        run("echo other > keep.txt", None).unwrap();
        assert_eq!(foreign.changed(&work).unwrap(), ["the user's `keep.txt` is gone or has changed"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
