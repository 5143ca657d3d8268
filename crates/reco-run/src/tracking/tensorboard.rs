//! Follows models in TensorBoard's event files: a folder for each run, in it a file for each time it is followed.
//!
//! Numbers are scalars; what a model is trained with are its hyperparameters. Messages and fields are those of
//! `event.proto`, `summary.proto`, `tensor.proto`, and of the plugin `hparams`. Does not know what the numbers mean.
//!
//! **Invariant**: but for times and the names of files, equal runs leave equal bytes; a folder is of one run alone.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use reco_core::Progress;
use reco_features::now_in_milliseconds;
use serde_json::Value;

use super::records::Records;
use super::{End, Kind, Problems, Subject, TrackedRun, Tracker, TrackingError};
use crate::lock::host;
use crate::place::is_inside;
use crate::protobuf::Message;

/// What the first event of every file says.
const VERSION: &str = "brain.Event:2";

/// The plugin that shows hyperparameters, and the tags of what it reads.
const PLUGIN: &str = "hparams";
const START: &str = "_hparams_/session_start_info";
const END: &str = "_hparams_/session_end_info";

/// `DT_FLOAT` of `types.proto`.
const FLOAT: u64 = 1;

/// A folder of runs.
pub(super) struct TensorBoard {
    folder: PathBuf,
    experiment: String,
    problems: Arc<Problems>,
}

impl TensorBoard {
    /// Runs of `experiment` in `folder`.
    pub(super) fn new(folder: &Path, experiment: &str) -> Self {
        Self { folder: folder.to_owned(), experiment: folder_name(experiment), problems: Arc::default() }
    }

    /// Refuses a place that is in the way of folders that a run replaces.
    ///
    /// # Errors
    /// The first of `replaced` that event files would lie in, or that lies where they are to be.
    pub(super) fn refuse_beside(&self, replaced: impl IntoIterator<Item = PathBuf>) -> Result<(), TrackingError> {
        let events = self.folder.join(&self.experiment);
        let is_in_the_way = |of_run: &PathBuf| is_inside(&events, of_run) || is_inside(of_run, &events);
        replaced.into_iter().find(is_in_the_way).map_or(Ok(()), |of_run| {
            let (events, of_run) = (events.display(), of_run.display());
            let reason = format!("event files would be in `{events}`, and the run replaces `{of_run}`");
            Err(self.unusable(reason, "name a folder of their own, as `runs`"))
        })
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn make(&self) -> Result<(), TrackingError> {
        fs::create_dir_all(self.folder.join(&self.experiment)).map_err(|error| {
            let reason = format!("it cannot be written: {error}");
            self.unusable(reason, "name a folder for event files, as `runs`; `tensorboard --logdir runs` shows it")
        })
    }

    fn unusable(&self, reason: String, hint: &'static str) -> TrackingError {
        TrackingError::Folder { path: self.folder.display().to_string(), reason, hint }
    }

    /// A new folder for a run of the model `name`, below that of all runs.
    fn new_run(&self, name: &str) -> io::Result<String> {
        let wanted = format!("{}/{}", self.experiment, name);
        let mut id = wanted.clone();
        let mut number = 1;
        loop {
            let folder = self.folder.join(&id);
            fs::create_dir_all(folder.parent().unwrap_or(&self.folder))?;
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    id = format!("{wanted}-{number}");
                }
                made => return made.map(|()| id),
            }
        }
    }

    /// A new file in the folder of the run `of`, and its path. TensorBoard reads the files of a run in the order of
    /// their names.
    fn new_file(&self, of: &str) -> io::Result<(File, String)> {
        let (seconds, host, process) = (now_in_milliseconds() / 1000, folder_name(&host()), std::process::id());
        let mut number = 0;
        loop {
            let path = format!("{of}/events.out.tfevents.{seconds:010}.{host}.{process}.{number}");
            match File::create_new(self.folder.join(&path)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => return made.map(|file| (file, path)),
            }
        }
    }

    /// A file of events: of the run whose first file is `known`, while that is there, or of a new one.
    fn begin(&self, model: &Subject, known: Option<&str>) -> io::Result<EventFile> {
        let is_below = |id: &str| Path::new(id).components().all(|part| matches!(part, Component::Normal(_)));
        let known = known.filter(|id| id.contains('/') && is_below(id) && self.folder.join(id).is_file());
        let of = match known.and_then(|id| id.rsplit_once('/')) {
            Some((of, _)) => of.to_owned(),
            None => self.new_run(&model.name)?,
        };
        let (file, path) = self.new_file(&of)?;
        let (id, problems) = (known.map_or(path, str::to_owned), Arc::clone(&self.problems));
        let mut file = EventFile { records: Some(Records::new(file)), id, is_new: known.is_none(), problems };
        file.write(event(0).text(3, VERSION))?;
        if file.is_new {
            let parameters = model.parameters.iter();
            let entries = parameters.map(|(name, one)| Message::new().text(1, name).message(2, value(one)));
            let info = entries.fold(Message::new(), |info, entry| info.message(1, entry));
            file.write(session(START, Message::new().message(3, info.double(5, seconds()))))?;
        }
        Ok(file)
    }
}

impl Tracker for TensorBoard {
    fn key(&self) -> &'static str {
        "tensorboard"
    }

    fn problems(&self) -> &Problems {
        &self.problems
    }

    fn open(&self, model: &Subject, known: Option<&str>) -> Option<Box<dyn TrackedRun>> {
        match self.begin(model, known) {
            Ok(file) => Some(Box::new(file)),
            Err(error) => {
                self.problems.add(Kind::Refused, unwritten(&self.folder, &error));
                None
            }
        }
    }
}

/// The file of events of a run.
struct EventFile {
    /// `None` once it could not be written.
    records: Option<Records<File>>,
    /// The first file of the run, by its path.
    id: String,
    is_new: bool,
    problems: Arc<Problems>,
}

impl EventFile {
    fn write(&mut self, event: Message) -> io::Result<()> {
        self.records.as_mut().map_or(Ok(()), |records| records.write(&event.into_bytes()))
    }

    /// Writes an event. After a failure, the file may end within a record, so that nothing more goes there.
    fn try_write(&mut self, event: Message) {
        if let Err(error) = self.write(event) {
            self.problems.add(Kind::Refused, unwritten(Path::new(&self.id), &error));
            self.records = None;
        }
    }
}

impl TrackedRun for EventFile {
    fn numbers(&mut self, step: usize, numbers: &[(String, f64)]) {
        let scalar = |(tag, number): &(String, f64)| Message::new().text(1, tag).float(2, *number as f32);
        let summary = numbers.iter().map(scalar).fold(Message::new(), |summary, one| summary.message(1, one));
        self.try_write(event(step).message(5, summary));
    }

    fn end(mut self: Box<Self>, end: End, _device: Option<&str>, _progress: &dyn Progress) -> Option<String> {
        if self.is_new {
            let status = if end == End::Finished { 1 } else { 2 };
            let info = Message::new().number(1, status).double(2, seconds());
            self.try_write(session(END, Message::new().message(4, info)));
        }
        Some(self.id)
    }
}

/// An event of now, without what happened.
fn event(step: usize) -> Message {
    let event = Message::new().double(1, seconds());
    // As others write it: a field that is 0 is left out.
    if step > 0 { event.number(2, step as u64) } else { event }
}

/// An event for the plugin of hyperparameters. Its tensor has one zero, which nobody reads, but none may be missing.
fn session(tag: &str, data: Message) -> Message {
    let plugin = Message::new().text(1, PLUGIN).message(2, data);
    let shape = Message::new().message(2, Message::new().number(1, 1));
    let tensor = Message::new().number(1, FLOAT).message(2, shape).bytes(5, &0_f32.to_le_bytes());
    let value = Message::new().text(1, tag).message(8, tensor).message(9, Message::new().message(1, plugin));
    event(0).message(5, Message::new().message(1, value))
}

/// A value of `struct.proto`.
fn value(value: &Value) -> Message {
    match value {
        Value::Number(number) => Message::new().double(2, number.as_f64().unwrap_or(f64::NAN)),
        Value::Bool(is) => Message::new().number(4, u64::from(*is)),
        Value::String(text) => Message::new().text(3, text),
        other => Message::new().text(3, &other.to_string()),
    }
}

fn seconds() -> f64 {
    now_in_milliseconds() as f64 / 1000.0
}

/// `name` as the name of a folder that is not hidden.
fn folder_name(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.=".contains(c);
    let name = name.replace(|c| !is_plain(c), "-");
    match name.trim_start_matches('.') {
        "" => "reco".to_owned(),
        name => name.to_owned(),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("event files of `{}` cannot be written: {error}; the work goes on without them", path.display())
}
