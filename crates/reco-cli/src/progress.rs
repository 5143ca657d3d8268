//! Shows the progress of a run on stderr, as bars and lines.
//!
//! Does not know what the work is: it shows what it is told.
//!
//! **Invariant**: bars are drawn only where stderr is a terminal; lines about finished work are always written.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use reco_core::{EpochLog, Progress};
use reco_run::fetch::FetchProgress;
use reco_run::{IngestProgress, Outcome, RunProgress};

use crate::interrupt::Interrupt;
use crate::text::say;

/// Bars and lines on stderr.
pub(crate) struct Watch {
    interrupt: Interrupt,
    state: Mutex<State>,
}

struct State {
    bar: ProgressBar,
    why: String,
    epochs: usize,
}

impl Watch {
    /// A watch that shows nothing yet.
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        let state = State { bar: ProgressBar::hidden(), why: String::new(), epochs: 0 };
        Self { interrupt, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state that a panicking thread left is still good enough to show.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a bar of `total` steps, or one without an end.
    fn show(&self, template: &str, total: Option<u64>) {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A rate that cannot be written is left out.
            let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
        };
        bar.set_style(style.progress_chars("━╸ ").with_key("rate", rate));
        bar.enable_steady_tick(Duration::from_millis(200));
        let mut state = self.state();
        state.bar.finish_and_clear();
        bar.set_prefix(state.bar.prefix());
        state.bar = bar;
    }

    /// Prints a line that stays, above the bar.
    fn line(&self, words: &str) {
        let bar = self.state().bar.clone();
        bar.suspend(|| say(words));
    }

    fn clear(&self) {
        self.state().bar.finish_and_clear();
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

    fn repetition(&self, label: &str, number: usize, n: usize) {
        say(&format!("--- {label} ({number} of {n})"));
    }

    fn began(&self, stage: &str, approach: Option<&str>, why: &str) {
        self.show("{prefix} {spinner}", None);
        let mut state = self.state();
        state.bar.set_prefix(format!("{stage:<9}{:<14}", approach.unwrap_or_default()));
        why.clone_into(&mut state.why);
    }

    fn set_aside(&self, file: &Path, kept: &Path) {
        self.clear();
        say(&format!("`{}` was changed since it was written: it is kept as `{}`", file.display(), kept.display()));
    }

    fn told(&self, words: &str) {
        self.state().bar.set_message(words.to_owned());
    }

    fn ended(&self, outcome: &Outcome) {
        self.clear();
        let how = if outcome.skipped {
            format!("{:>10}", "unchanged")
        } else {
            format!("{:>8.2} s  {}", outcome.seconds, self.state().why)
        };
        say(&format!("{:<9}{:<14}{how}", outcome.stage, outcome.approach.as_deref().unwrap_or_default()));
    }
}

impl Progress for Watch {
    fn begin(&self, what: &str, epochs: usize, rows: usize) {
        let rows_are = match what {
            "recommend" => "users",
            "tune" => "trials",
            _ => "ratings",
        };
        // Work that time alone ends has no bar.
        match epochs {
            usize::MAX => self.show("{prefix}{spinner} {msg}", None),
            _ => self.show(
                &format!("{{prefix}}{{bar:30}} {{percent:>3}} %  {{msg}}  {{rate}} {rows_are}/s"),
                Some((epochs as u64).saturating_mul(rows as u64)),
            ),
        }
        self.state().epochs = epochs;
    }

    fn advance(&self, rows: usize) {
        self.state().bar.inc(rows as u64);
    }

    fn skip(&self, rows: usize) {
        if rows == 0 {
            return;
        }
        let bar = self.state().bar.clone();
        bar.inc(rows as u64);
        // The message has the bar count these rows, before it forgets how fast they came.
        bar.set_message("goes on");
        bar.reset_eta();
    }

    fn epoch(&self, epoch: &EpochLog) {
        let state = self.state();
        let validation = epoch.validation_loss.map(|loss| format!(", validation {loss:.4}"));
        let validation = validation.or(epoch.validation_ndcg.map(|ndcg| format!(", validation ndcg@10 {ndcg:.4}")));
        let validation = validation.unwrap_or_default();
        let message = format!("epoch {}/{}, loss {:.4}{validation}", epoch.epoch, state.epochs, epoch.train_loss);
        state.bar.set_message(message);
    }

    fn end(&self) {
        self.clear();
    }

    fn note(&self, text: &str) {
        self.line(text);
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }
}

impl IngestProgress for Watch {
    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn begin(&self, total_bytes: u64) {
        self.show("{prefix}{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left", Some(total_bytes));
    }

    fn advance(&self, bytes: u64) {
        self.state().bar.inc(bytes);
    }

    fn end(&self) {
        self.clear();
    }

    fn said(&self, what: &str) {
        self.line(what);
    }
}

impl FetchProgress for Watch {
    fn begin(&self, total: Option<u64>) {
        let template = match total {
            Some(_) => "{prefix}{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
            None => "{prefix}{spinner} {bytes}  {bytes_per_sec}",
        };
        self.show(template, total);
    }

    fn advance(&self, bytes: u64) {
        self.state().bar.inc(bytes);
    }

    fn message(&self, message: &str) {
        self.line(message);
    }

    fn end(&self) {
        self.clear();
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }
}
