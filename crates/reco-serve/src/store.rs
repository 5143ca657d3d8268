//! Keeps events and added items on disk: one writer that commits whatever waits at once, and an index by user.
//!
//! Does not know models: users and items are the texts that were sent.
//!
//! **Invariant**: an event is acknowledged after the commit that holds it reached the disk (`fsync`); one that comes
//! twice under one idempotency key is kept once; after an error of the disk the file is opened again before more is
//! written; a user who was erased is neither in the file nor in what was exported of it.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use reco_run::{EXPOSURE, EventCounts, erased_digest, write_events};
use redb::Database;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::file::{Rows, copy_without, open, read, rows, settle, write};
use crate::config::ServeError;

/// The ending of the file that takes the events' place when a user is erased.
const ERASING: &str = "erasing";

/// How many requests may wait for the writer.
const WAITING: usize = 1024;

/// Something that happened: a user met an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Who.
    pub(crate) user_id: String,
    /// What.
    pub(crate) item_id: String,
    /// `rating`, `click`, `exposure`, or whatever the caller calls it.
    pub(crate) kind: String,
    /// Stars, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rating: Option<f32>,
    /// Seconds since 1970.
    pub(crate) timestamp: i64,
    /// The answer that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recommendation_id: Option<String>,
    /// The arm of an A/B test that the answer was of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arm: Option<String>,
    /// What tells a repeated event from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// An item that was added since the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddedItem {
    /// Its id, as ratings files would write it.
    pub(crate) item_id: String,
    /// Its title.
    pub(crate) title: String,
    /// Its year, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) year: Option<i32>,
    /// Its features, by their names in the data.
    #[serde(default)]
    pub(crate) features: Vec<String>,
    /// When it was added, in seconds since 1970.
    pub(crate) timestamp: i64,
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// More waits than the writer takes.
    #[error("too much waits to be written")]
    Busy,
    /// What the disk or the store says.
    #[error("{0}")]
    Failed(String),
}

/// Who waits for what became of a job: for how many events were written or erased.
type Done<T = usize> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is to do, and who waits for it.
enum Job {
    Write { change: Change, done: Done },
    Erase { user: String, done: Done },
    Export { done: Done<EventCounts> },
}

/// What shares a commit with whatever else waits.
enum Change {
    Keep(Vec<Event>),
    /// Unless there is one of its id.
    Add(AddedItem),
    /// If there is one of this id.
    Remove(String),
}

/// What of the file is kept in memory.
#[derive(Default)]
struct Known {
    by_user: BTreeMap<String, Vec<Event>>,
    items: BTreeMap<String, Arc<AddedItem>>,
    erased: BTreeSet<[u8; 32]>,
}

/// A store of events.
pub(crate) struct Store {
    jobs: SyncSender<Job>,
    known: Arc<RwLock<Known>>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Store {
    /// Opens the file `path`, or makes it, and reads what it has.
    ///
    /// # Errors
    /// A file of something else, one that another service has open, a folder that is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, ServeError> {
        let wrong = |reason: String| ServeError::Store { path: path.display().to_string(), reason };
        // What a kill in the middle of erasing left holds events, too.
        let _ = std::fs::remove_file(path.with_extension(ERASING));
        let database = open(path).map_err(wrong)?;
        let known = Arc::new(RwLock::new(read(&database).map_err(|error| wrong(error.to_string()))?));
        let (jobs, waiting) = mpsc::sync_channel(WAITING);
        let writer = Writer { path: path.to_owned(), database: Some(database), known: Arc::clone(&known) };
        let writer = thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(&waiting));
        let writer = Mutex::new(Some(writer.map_err(|error| wrong(error.to_string()))?));
        Ok(Self { jobs, known, writer })
    }

    /// Keeps `events` and returns how many of them were new; the rest had come before under the same key.
    ///
    /// # Errors
    /// What the disk says; too many that wait.
    pub(crate) async fn append(&self, events: Vec<Event>) -> Result<usize, StoreError> {
        self.ask(|done| Job::Write { change: Change::Keep(events), done }).await
    }

    /// Keeps `item`; whether there was none of its id.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub(crate) async fn add(&self, item: AddedItem) -> Result<bool, StoreError> {
        Ok(self.ask(|done| Job::Write { change: Change::Add(item), done }).await? > 0)
    }

    /// Removes the added item called `id`; whether there was one.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub(crate) async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.ask(|done| Job::Write { change: Change::Remove(id.to_owned()), done }).await? > 0)
    }

    /// All added items, in the order of their ids.
    pub(crate) fn items(&self) -> Vec<Arc<AddedItem>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.items.values().cloned().collect()
    }

    /// Removes the events of `user` from the file, which is written anew, and keeps a digest of the id, so that models
    /// that were trained before do not answer by it; returns how many events there were.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub(crate) async fn erase(&self, user: &str) -> Result<usize, StoreError> {
        self.ask(|done| Job::Erase { user: user.to_owned(), done }).await
    }

    /// Writes all events into the folder of [`export_folder`], for the next training; they stay in the file. Meanwhile,
    /// new ones wait.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub(crate) async fn export(&self) -> Result<EventCounts, StoreError> {
        self.ask(|done| Job::Export { done }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Done<T>) -> Job) -> Result<T, StoreError> {
        let (done, heard) = oneshot::channel();
        self.jobs.try_send(job(done)).map_err(|_| StoreError::Busy)?;
        heard.await.map_err(|_| StoreError::Failed("the writer of events has stopped".to_owned()))?
    }

    /// The events of `user`, oldest first, without exposures.
    pub(crate) fn of_user(&self, user: &str) -> Vec<Event> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.by_user.get(user).cloned().unwrap_or_default()
    }

    /// Whether `user` was erased.
    pub(crate) fn is_erased(&self, user: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        !known.erased.is_empty() && known.erased.contains(&erased_digest(user))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // A writer without senders ends after what waits.
        let (jobs, _) = mpsc::sync_channel(0);
        self.jobs = jobs;
        let writer = self.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

/// Now, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "an event has the time at which it came; no result of a run does")]
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs() as i64).unwrap_or_default()
}

/// Where the events of the file `path` are exported: beside it, so that no request names a path.
pub(crate) fn export_folder(path: &Path) -> PathBuf {
    path.with_extension("export")
}

/// Exports the events of the file `path`, which no service has open.
///
/// # Errors
/// A file that is not there, is something else, or is open; what the disk says.
pub(crate) fn export(path: &Path) -> Result<EventCounts, ServeError> {
    let wrong = |reason: String| ServeError::Store { path: path.display().to_string(), reason };
    if !path.is_file() {
        return Err(wrong("there is no such file\nhint: name the one that `reco serve --events` keeps".to_owned()));
    }
    let is_open = |reason: String| format!("{reason}\nhint: if a service has it open, name that with `--service`");
    let database = open(path).map_err(|reason| wrong(is_open(reason)))?;
    let Rows { events, items, erased } = rows(&database).map_err(|error| wrong(error.to_string()))?;
    write_events(&export_folder(path), events, &items, &erased).map_err(|error| wrong(error.to_string()))
}

impl Known {
    fn remember(&mut self, event: Event) {
        if event.kind != EXPOSURE {
            self.by_user.entry(event.user_id.clone()).or_default().push(event);
        }
    }

    /// Takes in what was written of `change`: that which is `fresh`.
    fn take_in(&mut self, change: Change, fresh: &[bool]) {
        match change {
            Change::Keep(events) => {
                let new = events.into_iter().zip(fresh).filter(|(_, fresh)| **fresh);
                new.for_each(|(event, _)| self.remember(event));
            }
            Change::Add(item) if fresh[0] => drop(self.items.insert(item.item_id.clone(), Arc::new(item))),
            Change::Add(_) => {}
            Change::Remove(id) => drop(self.items.remove(&id)),
        }
    }
}

/// The thread that writes.
struct Writer {
    path: PathBuf,
    /// `None` after an error, until it is opened again.
    database: Option<Database>,
    known: Arc<RwLock<Known>>,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            // All that came meanwhile shares one commit, which is what costs.
            let mut changes = Vec::new();
            for job in std::iter::once(first).chain(waiting.try_iter().take(WAITING)) {
                match job {
                    Job::Write { change, done } => changes.push((change, done)),
                    Job::Erase { user, done } => {
                        self.write(std::mem::take(&mut changes));
                        // Whoever asked may be gone.
                        let _ = done.send(self.erase(&user));
                    }
                    Job::Export { done } => {
                        self.write(std::mem::take(&mut changes));
                        let _ = done.send(self.export());
                    }
                }
            }
            self.write(changes);
        }
    }

    fn write(&mut self, jobs: Vec<(Change, Done)>) {
        if jobs.is_empty() {
            return;
        }
        let written = self.with(|database| write(database, jobs.iter().map(|(change, _)| change)));
        match written {
            Ok(written) => {
                for ((change, done), fresh) in jobs.into_iter().zip(written) {
                    let n = fresh.iter().filter(|&&fresh| fresh).count();
                    self.known.write().unwrap_or_else(PoisonError::into_inner).take_in(change, &fresh);
                    let _ = done.send(Ok(n));
                }
            }
            Err(reason) => jobs.into_iter().for_each(|(_, done)| {
                let _ = done.send(Err(reason.clone()));
            }),
        }
    }

    /// Does something with the file, which is opened again after an error.
    fn with<T>(&mut self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => {
                let database = open(&self.path).map_err(StoreError::Failed)?;
                // A commit that failed may have reached the disk all the same.
                let found = read(&database).map_err(|error| StoreError::Failed(error.to_string()))?;
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = found;
                database
            }
        };
        let done = work(&database).map_err(|error| StoreError::Failed(error.to_string()))?;
        self.database = Some(database);
        Ok(done)
    }

    fn export(&mut self) -> Result<EventCounts, StoreError> {
        let folder = export_folder(&self.path);
        let Rows { events, items, erased } = self.with(rows)?;
        write_events(&folder, events, &items, &erased).map_err(|error| StoreError::Failed(error.to_string()))
    }

    /// Writes all but the events of `user` to a new file, which takes the place of this one: pages that a store frees
    /// keep their bytes. What was exported is written anew before, so that a user whose erasure was acknowledged is not
    /// in it.
    fn erase(&mut self, user: &str) -> Result<usize, StoreError> {
        let new = self.path.with_extension(ERASING);
        let copied = open(&new).map_err(StoreError::Failed);
        let copied = copied.and_then(|to| {
            let n_erased = self.with(|from| copy_without(from, &to, user))?;
            let folder = export_folder(&self.path);
            if folder.exists() {
                let failed = |error: &dyn std::fmt::Display| StoreError::Failed(error.to_string());
                let Rows { events, items, erased } = rows(&to).map_err(|error| failed(&error))?;
                write_events(&folder, events, &items, &erased).map_err(|error| failed(&error))?;
            }
            Ok(n_erased)
        });
        let said = |error: std::io::Error| StoreError::Failed(error.to_string());
        let moved = copied.and_then(|n_erased| {
            self.database = None;
            std::fs::rename(&new, &self.path).map_err(said)?;
            Ok(n_erased)
        });
        if moved.is_err() {
            // It would fill a disk that is full already.
            let _ = std::fs::remove_file(&new);
        }
        let n_erased = moved?;
        settle(&self.path).map_err(said)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by_user.remove(user);
        known.erased.insert(erased_digest(user));
        Ok(n_erased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, item: &str, key: Option<&str>) -> Event {
        Event {
            user_id: user.to_owned(),
            item_id: item.to_owned(),
            kind: "rating".to_owned(),
            rating: Some(4.0),
            timestamp: 7,
            recommendation_id: None,
            arm: None,
            key: key.map(str::to_owned),
        }
    }

    fn wait<T>(of: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(of)
    }

    #[test]
    fn events_are_there_after_opening_again_and_a_key_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let store = Store::open(&path).unwrap();
        let exposure = Event { kind: EXPOSURE.to_owned(), ..event("ann", "1", None) };
        let events = vec![event("ann", "1", Some("a")), event("ann", "2", Some("a")), exposure];
        assert_eq!(wait(store.append(events)), Ok(2));
        assert_eq!(wait(store.append(vec![event("ann", "1", Some("a")), event("bob", "3", None)])), Ok(1));
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.of_user("ann"), [event("ann", "1", Some("a"))]);
        assert_eq!(store.of_user("bob"), [event("bob", "3", None)]);
        assert_eq!(store.of_user("eve"), []);
    }

    #[test]
    fn an_erased_user_is_nowhere_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let store = Store::open(&path).unwrap();
        let ann = || event("ann-of-a-rare-name", "1", Some("ann-of-a-rare-name/1"));
        assert_eq!(wait(store.append(vec![ann(), event("bob", "2", Some("b"))])), Ok(2));
        // What is compressed would hide the name: it is exported, and the folder read again below.
        assert_eq!(wait(store.export()), Ok(EventCounts { events: 2, rated: 2, exposures: 0, erased: 0 }));
        let exported = || reco_run::read_events(&export_folder(&path)).unwrap()[0].clone();
        assert_eq!(exported()[0].user_id, "ann-of-a-rare-name");
        assert!(export(&path).unwrap_err().to_string().contains("\nhint: if a service has it open"));
        assert_eq!(wait(store.erase("ann-of-a-rare-name")), Ok(1));
        assert_eq!(exported().len(), 1, "the erased are gone from what was exported, too");
        assert_eq!(exported()[0].user_id, "bob");
        assert!(store.is_erased("ann-of-a-rare-name") && !store.is_erased("bob"));
        assert_eq!(wait(store.append(vec![event("bob", "2", Some("b"))])), Ok(0), "keys of others stay");
        drop(store);
        assert_eq!(export(&path).unwrap(), EventCounts { events: 1, rated: 1, exposures: 0, erased: 1 });
        let inside = std::fs::read_dir(export_folder(&path)).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap().chain(inside) {
            let Ok(bytes) = std::fs::read(file.unwrap().path()) else { continue };
            assert!(!bytes.windows(18).any(|window| window == b"ann-of-a-rare-name"));
        }
        let store = Store::open(&path).unwrap();
        assert!(store.is_erased("ann-of-a-rare-name"));
        assert_eq!((store.of_user("ann-of-a-rare-name").len(), store.of_user("bob").len()), (0, 1));
    }

    #[test]
    fn added_items_outlive_a_user_who_is_erased() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let store = Store::open(&path).unwrap();
        let item = |id: &str| AddedItem {
            item_id: id.to_owned(),
            title: "Heat (1995)".to_owned(),
            year: Some(1995),
            features: vec!["Crime".to_owned()],
            timestamp: 7,
        };
        assert_eq!(wait(store.add(item("b"))), Ok(true));
        assert_eq!(wait(store.add(item("b"))), Ok(false), "one of each id");
        assert_eq!((wait(store.add(item("a"))), wait(store.remove("c"))), (Ok(true), Ok(false)));
        assert_eq!(wait(store.append(vec![event("ann", "a", None)])), Ok(1));
        assert_eq!(wait(store.erase("ann")), Ok(1));
        assert_eq!(wait(store.remove("b")), Ok(true));
        drop(store);
        let items = Store::open(&path).unwrap().items();
        assert_eq!(items, [Arc::new(item("a"))]);
    }

    #[test]
    fn what_is_no_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        std::fs::write(&path, "not a database").unwrap();
        let error = Store::open(&path).err().unwrap().to_string();
        assert!(error.contains("cannot be used"), "{error}");
    }
}
