//! Keeps the state of a training in the folder of its run, so that the next run goes on there: `[checkpoint]`.
//!
//! `<out>/checkpoints/<approach>/` is a folder as a stage makes it: written beside its place and renamed, with a
//! manifest that says of which training the state is. Does not know what a state is.
//!
//! **Invariant**: a state is handed only to the training that it was kept of, by all that the model's own manifest
//! names; that one cannot be written or taken stops no training, and is said.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reco_core::{Checkpoints, Progress, Weights};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::experiment::Configured;
use crate::folder::{Folder, Made, first_line, write};
use crate::manifest::Manifest;
use crate::place::Place;
use crate::stage::Context;
use crate::{RunError, RunProgress};

/// The folder of states, in the folder of the run.
pub(crate) const FOLDER: &str = "checkpoints";

/// The file of a state.
const STATE: &str = "state.safetensors";

/// The table `[checkpoint]` of an experiment. What it says changes no result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointConfig {
    /// How often the state of a training is kept: `30s`, `5min`, `1h`. Left out, it is not.
    pub every: Option<Every>,
}

/// A duration of whole milliseconds, above 0, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Every(Duration);

/// Units of a duration, with their milliseconds: the largest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl TryFrom<Value> for Every {
    type Error = String;

    fn try_from(given: Value) -> Result<Self, String> {
        let parse = |text: &str| {
            let text = text.trim();
            let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
            let (_, milliseconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
            let number: f64 = number.trim().parse().ok()?;
            let every = (number * milliseconds as f64).round();
            (1.0..=1e15).contains(&every).then(|| Self(Duration::from_millis(every as u64)))
        };
        let found = given.as_str().and_then(parse);
        let wrong = "it is no number above 0 with the unit `ms`, `s`, `min` or `h`\nhint: write `30s`, `5min` or `1h`";
        found.ok_or_else(|| wrong.to_owned())
    }
}

impl From<Every> for String {
    fn from(Every(every): Every) -> Self {
        let milliseconds = every.as_millis() as u64;
        let (unit, of_unit) = UNITS.into_iter().find(|(_, of)| milliseconds.is_multiple_of(*of)).unwrap_or(("ms", 1));
        format!("{}{unit}", milliseconds / of_unit)
    }
}

/// The state of one training, as it is kept and taken; receives its progress, and passes it on.
pub(crate) struct Checkpoint<'a> {
    name: &'a str,
    folder: Folder,
    place: Place<'a>,
    every: Option<Duration>,
    /// Whether there is a state, or will be one.
    is_used: bool,
    times: Mutex<Times>,
    /// Whether the last state could not be kept, which is said once.
    is_failing: AtomicBool,
    progress: &'a dyn Progress,
}

/// What a training took, and when its state was kept.
struct Times {
    began: Instant,
    /// When a state was kept last, or the training began.
    kept: Instant,
    /// Seconds of the processes before this one, up to the state from which it goes on.
    before: f64,
}

/// What a state's manifest notes.
#[derive(Default, Serialize, Deserialize)]
struct Notes {
    /// What the training took so far.
    train_seconds: f64,
}

impl<'a> Checkpoint<'a> {
    /// That of the training of `configured`, of which the folder `model` is to be made. One of another training, which
    /// would never be taken, is removed.
    ///
    /// # Errors
    /// Something in its folder that is not ours; what the system says.
    pub(crate) fn of(
        context: &'a Context<'_>,
        configured: &'a Configured,
        model: Folder,
        progress: &'a dyn Progress,
    ) -> Result<Self, RunError> {
        let folder = folder(context, &configured.name, model);
        let place = context.place(&folder.path)?;
        let name = configured.name.as_str();
        if folder.path.exists()
            && let Some(why) = folder.why(context.hashed)
        {
            place.remove()?;
            progress.note(&format!("`{name}` begins anew, and its checkpoint is removed: {why}"));
        }
        let every = context.experiment.checkpoint.every.map(|Every(every)| every);
        let is_used = every.is_some() || folder.path.exists();
        let (began, is_failing) = (Instant::now(), AtomicBool::new(false));
        let times = Mutex::new(Times { began, kept: began, before: 0.0 });
        Ok(Self { name, folder, place, every, is_used, times, is_failing, progress })
    }

    /// Seconds that the training took before this process, as far as this one goes on from there.
    pub(crate) fn seconds_before(&self) -> f64 {
        self.times().before
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago the state was written, in words.
    fn age(&self) -> Option<String> {
        let written = fs::metadata(self.folder.path.join(STATE)).and_then(|state| state.modified()).ok()?;
        written.elapsed().ok().map(ago)
    }

    /// Says, where `error` is an interruption, that not all is lost.
    pub(crate) fn stopped(&self, error: &RunError) {
        if let (RunError::Interrupted, Some(age)) = (error, self.age()) {
            let words = format!("`{}` can go on from its checkpoint of {age}: give the same command again", self.name);
            self.progress.note(&words);
        }
    }

    fn write(&self, state: &Weights) -> Result<(), RunError> {
        let make = |at: &Path| {
            write(&at.join(STATE), state.to_bytes())?;
            let times = self.times();
            let notes = Notes { train_seconds: times.before + times.began.elapsed().as_secs_f64() };
            Ok(Made { notes: crate::stage::notes(&notes), ..Made::default() })
        };
        self.folder.fill(&self.place, make).map(drop)
    }
}

/// The folder of the state of the training that makes `model`, called `name`.
fn folder(context: &Context<'_>, name: &str, model: Folder) -> Folder {
    Folder { stage: "checkpoint", path: context.at(FOLDER).join(name), ..model }
}

/// Removes the state of the training of `model`, called `name`, which was made just now or before; then there may be a
/// state of another training, which stays.
///
/// # Errors
/// Something in its folder that is not ours; what the system says.
pub(crate) fn remove(context: &Context<'_>, name: &str, model: Folder, is_new: bool) -> Result<(), RunError> {
    let folder = folder(context, name, model);
    // A kill while it is removed leaves a part of it, which is nobody's.
    let of_another = || Manifest::read(&folder.path, "").is_ok_and(|manifest| folder.differs(&manifest).is_some());
    if folder.path.exists() && (is_new || !of_another()) {
        context.place(&folder.path)?.remove()?;
    }
    // It stays while there are others in it, as intended.
    let _ = fs::remove_dir(context.at(FOLDER));
    Ok(())
}

/// Removes all states under `out`, and names them as paths there.
///
/// # Errors
/// As [`remove`].
pub(crate) fn remove_all(out: &Path, progress: &dyn RunProgress) -> Result<Vec<String>, RunError> {
    let folder = out.join(FOLDER);
    let mut removed = Vec::new();
    for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Those with hidden names are found by the names that they are to have.
        let name =
            name.strip_prefix('.').and_then(|name| name.rsplit_once('.')).map_or(name.as_str(), |(name, _)| name);
        let place = Place::new(out, &folder.join(name), progress)?;
        place.recover()?;
        if folder.join(name).exists() {
            place.remove()?;
        }
        removed.push(format!("{FOLDER}/{name}"));
    }
    let _ = fs::remove_dir(folder);
    removed.sort();
    removed.dedup();
    Ok(removed)
}

impl Checkpoints for Checkpoint<'_> {
    fn left(&self) -> Option<Weights> {
        let path = self.folder.path.join(STATE);
        let why = match fs::read(&path) {
            Ok(bytes) => match Weights::from_bytes(&bytes) {
                Ok(state) => return Some(state),
                Err(error) => first_line(&error),
            },
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
            Err(error) => first_line(&RunError::reading(&path)(error)),
        };
        self.taken(Err(&why));
        None
    }

    fn taken(&self, outcome: Result<&str, &str>) {
        let name = self.name;
        let words = match outcome {
            Ok(place) => {
                let notes = Manifest::read(&self.folder.path, "").map(|manifest| manifest.notes).unwrap_or_default();
                let notes: Notes = serde_json::from_value(notes).unwrap_or_default();
                self.times().before = notes.train_seconds;
                let saved = self.age().map_or_else(String::new, |age| format!(", saved {age}"));
                format!("`{name}` goes on from {place}{saved}")
            }
            Err(why) => match self.place.remove() {
                Ok(()) => format!("`{name}` begins anew, and its checkpoint is removed: {why}"),
                Err(error) => {
                    let error = first_line(&error);
                    format!("`{name}` begins anew, as its checkpoint cannot be taken: {why}; nor removed: {error}")
                }
            },
        };
        self.progress.note(&words);
    }

    fn is_due(&self) -> bool {
        self.every.is_some_and(|every| self.times().kept.elapsed() >= every)
    }

    fn keep(&self, state: &Weights) {
        let kept = self.write(state);
        let was_failing = self.is_failing.swap(kept.is_err(), Ordering::Relaxed);
        if let Err(error) = kept
            && !was_failing
        {
            let (name, error) = (self.name, first_line(&error));
            self.progress.note(&format!("`{name}` goes on, but its checkpoint cannot be written: {error}"));
        }
        // From now on, so that most of the time is the training's, however long a state takes to write.
        self.times().kept = Instant::now();
    }
}

impl Progress for Checkpoint<'_> {
    fn inner(&self) -> Option<&dyn Progress> {
        Some(self.progress)
    }

    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        self.is_used.then_some(self)
    }
}

/// How long ago something was, in words.
fn ago(since: Duration) -> String {
    let (n, unit) = match since.as_secs() {
        seconds @ 0..60 => (seconds, "second"),
        seconds @ 60..3_600 => (seconds / 60, "minute"),
        seconds @ 3_600..172_800 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
