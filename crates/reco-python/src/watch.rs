//! Runs work on a thread of its own while Python waits: shows its progress, and stops it at an interrupt.
//!
//! Does not know what the work is.
//!
//! **Invariant**: work has ended, one way or another, when the call returns.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use reco_core::{EpochLog, Progress};
use reco_run::fetch::FetchProgress;
use reco_run::{IngestProgress, RunProgress};

use crate::refused;

/// How often Python is asked whether to stop.
const OFTEN: Duration = Duration::from_millis(50);

/// Progress is shown of what takes longer.
const LONG: Duration = Duration::from_secs(1);

/// What work says of itself, and whether it should stop.
#[derive(Default)]
pub(crate) struct Watch {
    stop: AtomicBool,
    state: Mutex<State>,
    done: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

#[derive(Clone, Default)]
struct State {
    what: String,
    total: usize,
}

/// What `work` gives, which runs on another thread.
///
/// # Errors
/// Those of `work`; an interrupt.
pub(crate) fn attended<T: Send>(py: Python<'_>, work: impl FnOnce(&Watch) -> PyResult<T> + Send) -> PyResult<T> {
    let watch = Watch::default();
    let shows = shows(py);
    let begun = Instant::now();
    thread::scope(|scope| {
        let worker = scope.spawn(|| work(&watch));
        let mut interrupt = None;
        let mut shown = String::new();
        // Short work is not waited for long.
        let mut pause = Duration::from_micros(100);
        while !worker.is_finished() {
            py.detach(|| thread::sleep(pause));
            pause = OFTEN.min(2 * pause);
            if interrupt.is_none()
                && let Err(error) = py.check_signals()
            {
                watch.stop.store(true, Ordering::SeqCst);
                interrupt = Some(error);
            }
            watch.tell(py, &mut shown);
            if shows && begun.elapsed() > LONG {
                let line = watch.line();
                if line != shown {
                    show(py, &format!("\r{line:width$}", width = shown.chars().count()));
                    shown = line;
                }
            }
        }
        if !shown.is_empty() {
            show(py, &format!("\r{:width$}\r", "", width = shown.chars().count()));
        }
        let done = py.detach(|| worker.join());
        watch.tell(py, &mut String::new());
        match (interrupt, done) {
            (Some(interrupt), _) => Err(interrupt),
            (None, Ok(done)) => done,
            (None, Err(_)) => {
                Err(refused("reco failed at something that it should not fail at\nhint: what it printed says where"))
            }
        }
    })
}

/// Whether anyone would see progress: on a terminal, or in a notebook.
fn shows(py: Python<'_>) -> bool {
    let in_notebook = || py.import("sys")?.getattr("modules")?.contains("ipykernel");
    std::io::stderr().is_terminal() || in_notebook().unwrap_or(false)
}

/// Writes to Python's standard error, which a notebook shows. That it cannot be written stops nothing.
fn show(py: Python<'_>, text: &str) {
    let write = || {
        let stderr = py.import("sys")?.getattr("stderr")?;
        stderr.call_method1("write", (text,))?;
        stderr.call_method0("flush")
    };
    drop(write());
}

impl Watch {
    fn begins(&self, what: String, total: usize) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { what, total };
        self.done.store(0, Ordering::Relaxed);
    }

    fn advances(&self, n: usize) {
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    /// What is being done, and how much of it.
    fn line(&self) -> String {
        let State { what, total } = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match total {
            0 => what,
            _ => format!("{what} {:3.0} %", 100.0 * self.done.load(Ordering::Relaxed) as f64 / total as f64),
        }
    }

    /// Prints what is to be known, in the place of the line `shown`.
    fn tell(&self, py: Python<'_>, shown: &mut String) {
        for note in std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner)) {
            let width = std::mem::take(shown).chars().count();
            show(py, &if width > 0 { format!("\r{note:width$}\n") } else { format!("{note}\n") });
        }
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Progress for Watch {
    fn begin(&self, approach: &str, epochs: usize, rows: usize) {
        self.begins(approach.to_owned(), epochs * rows);
    }

    fn advance(&self, rows: usize) {
        self.advances(rows);
    }

    fn epoch(&self, epoch: &EpochLog) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let name = state.what.split(',').next().unwrap_or_default().to_owned();
        state.what =
            format!("{name}, epoch {} with loss {:.4}", epoch.epoch, epoch.validation_loss.unwrap_or(epoch.train_loss));
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    fn interrupted(&self) -> bool {
        self.stops()
    }
}

impl IngestProgress for Watch {
    fn begin(&self, total_bytes: u64) {
        self.begins("reading".to_owned(), usize::try_from(total_bytes).unwrap_or(0));
    }

    fn advance(&self, bytes: u64) {
        self.advances(usize::try_from(bytes).unwrap_or(0));
    }

    fn end(&self) {}

    fn interrupted(&self) -> bool {
        self.stops()
    }
}

impl FetchProgress for Watch {
    fn begin(&self, total: Option<u64>) {
        self.begins("fetching".to_owned(), total.and_then(|total| usize::try_from(total).ok()).unwrap_or(0));
    }

    fn advance(&self, bytes: u64) {
        self.advances(usize::try_from(bytes).unwrap_or(0));
    }

    fn interrupted(&self) -> bool {
        self.stops()
    }
}

impl RunProgress for Watch {
    fn fetch(&self) -> &dyn FetchProgress {
        self
    }

    fn ingest(&self) -> &dyn IngestProgress {
        self
    }

    fn train(&self) -> &dyn Progress {
        self
    }

    fn began(&self, stage: &str, approach: Option<&str>, _why: &str) {
        self.begins([stage, approach.unwrap_or_default()].join(" "), 0);
    }
}
