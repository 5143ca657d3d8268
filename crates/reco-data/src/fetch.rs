//! Fetches a public dataset into the folder of raw data.
//!
//! Does not know formats: the sources read the files.
//!
//! **Invariant**: a dataset's folder appears at once, whole and with its `fetched.json`, or not at all. Everything
//! before that happens in a hidden folder beside it, which keeps a broken download for the next try.
//!
//! ```no_run
//! use std::path::Path;
//! use reco_data::fetch;
//!
//! let fetched = fetch::fetch("ml-100k", Path::new("data/raw"), &fetch::Silent)?;
//! println!("{fetched}");
//! # Ok::<(), reco_data::DataError>(())
//! ```

pub(crate) mod checksum;
mod dataset;
mod download;
mod error;
mod pip;
mod progress;
mod record;
mod unpack;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reco_core::options::did_you_mean;
use ureq::Agent;

use checksum::{Pins, check, sha256};
use dataset::{Mirror, Origin};
use error::{Locally, Stop};
use unpack::Archive;

use crate::DataError;

pub use checksum::{Check, FileDigest};
pub(crate) use dataset::HARPER_KONSTAN;
pub use dataset::{DATASETS, Dataset};
pub use error::{FetchError, MirrorError, MirrorFailed};
pub use progress::{FetchProgress, Silent};
pub use record::{FetchRecord, FetchedFile};

/// Fetches the dataset called `name` into the folder `<raw>/<name>`, unless it is there.
///
/// Its mirrors are tried in order, each waited for only a few seconds (`RECO_MIRROR_TIMEOUT_SECONDS`, 5 unless set). An
/// archive that lies in `raw` under its own name (`ml-100k.zip`) is used instead. A folder of that name that was
/// unpacked by hand is taken as it is.
///
/// # Errors
/// An unknown name; no mirror that gives it; an archive placed by hand that is not the right one; a folder in the way;
/// an interruption; a file that cannot be written. A mirror's own problems (checksum mismatch, truncated archive) are
/// listed in [`FetchError::AllMirrorsFailed`]. In no case is `<raw>/<name>` half-written.
pub fn fetch(name: &str, raw: &Path, progress: &dyn FetchProgress) -> Result<Fetched, DataError> {
    Ok(Fetch { dataset: named(name)?, raw, settings: &Settings::from_environment()?, progress }.run(false)?)
}

/// Like [`fetch`], but replaces a dataset that is there already, once everything else has succeeded.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_again(name: &str, raw: &Path, progress: &dyn FetchProgress) -> Result<Fetched, DataError> {
    Ok(Fetch { dataset: named(name)?, raw, settings: &Settings::from_environment()?, progress }.run(true)?)
}

/// Unpacks a zip archive into the existing, empty folder `into`, without a top folder that all its entries share.
///
/// # Errors
/// An archive that is damaged, or has an entry that would lie outside of the folder; an interruption; a file that
/// cannot be written.
pub fn unpack(archive: &Path, into: &Path, progress: &dyn FetchProgress) -> Result<Vec<FetchedFile>, DataError> {
    let name = archive.display().to_string();
    let unpacked = Archive { path: archive, name: &name }.unpack(None, into, &name, progress);
    Ok(unpacked.map_err(|stop| match stop {
        Stop::Fetch(error) => error,
        Stop::Mirror(reason) => FetchError::PlacedByHand {
            path: archive.to_owned(),
            reason: Box::new(reason),
            remedy: "copy or download the archive again".to_owned(),
        },
    })?)
}

/// A dataset that is in its folder.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether this call fetched it.
    pub new: bool,
    /// Where it comes from; `None` for a folder that was unpacked by hand.
    pub record: Option<FetchRecord>,
}

impl fmt::Display for Fetched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.new { "is now" } else { "is already" };
        write!(formatter, "`{}` {verb} there: ", self.folder.display())?;
        match &self.record {
            None => write!(formatter, "unpacked by hand, not verified"),
            Some(record) => {
                let verified = if record.verified { "verified" } else { "not verified" };
                write!(formatter, "{} files from {}, {verified}", record.files.len(), record.mirror)
            }
        }
    }
}

/// The settings of a fetch, which tests replace.
struct Settings {
    agent: Agent,
    /// For a connection; other waits are multiples of it.
    timeout: Duration,
    pip: &'static [&'static [&'static str]],
    pins: Pins,
}

impl Settings {
    fn from_environment() -> Result<Self, FetchError> {
        let timeout = std::env::var_os("RECO_MIRROR_TIMEOUT_SECONDS");
        let timeout = timeout_of(&timeout.map_or("5".into(), |value| value.to_string_lossy().into_owned()))?;
        Ok(Self { agent: download::agent(timeout), timeout, pip: pip::COMMANDS, pins: Pins::built_in() })
    }
}

fn timeout_of(seconds: &str) -> Result<Duration, FetchError> {
    match seconds.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err(FetchError::Timeout { value: seconds.to_owned() }),
    }
}

fn named(name: &str) -> Result<&'static Dataset, FetchError> {
    Dataset::named(name).ok_or_else(|| FetchError::UnknownDataset {
        name: name.to_owned(),
        hint: did_you_mean(name, DATASETS.iter().map(|dataset| dataset.name)),
    })
}

/// The file in the hidden folder that carries the lock.
const LOCK: &str = "lock";

struct Fetch<'a> {
    dataset: &'a Dataset,
    raw: &'a Path,
    settings: &'a Settings,
    progress: &'a dyn FetchProgress,
}

impl Fetch<'_> {
    fn run(&self, again: bool) -> Result<Fetched, FetchError> {
        if !again && let Some(fetched) = self.already_there()? {
            return Ok(fetched);
        }
        let work = self.work();
        fs::create_dir_all(&work).locally("create", &work)?;
        let lock = self.lock(&work)?;
        self.clear(&work)?;
        // Another process may have fetched it before this one had the lock.
        if !again && let Some(fetched) = self.already_there()? {
            self.tidy(&work, lock, true);
            return Ok(fetched);
        }
        self.progress.message(&format!("terms of use of `{}`: {}", self.dataset.name, self.dataset.licence));
        self.progress.message(&format!("please cite: {}", self.dataset.citation));
        let fetched = self.obtain(&work).and_then(|record| {
            self.publish(&work)?;
            Ok(Fetched { folder: self.folder(), new: true, record: Some(record) })
        });
        self.tidy(&work, lock, fetched.is_ok());
        fetched
    }

    fn folder(&self) -> PathBuf {
        self.raw.join(self.dataset.name)
    }

    fn work(&self) -> PathBuf {
        self.raw.join(format!(".{}.fetch", self.dataset.name))
    }

    /// Whether the dataset's folder is complete.
    fn already_there(&self) -> Result<Option<Fetched>, FetchError> {
        let folder = self.folder();
        if let Some(record) = FetchRecord::read(&folder)? {
            return Ok(match record.missing(&folder) {
                None => Some(Fetched { folder, new: false, record: Some(record) }),
                Some(file) => {
                    self.progress.message(&format!("`{}` has lost `{file}`: fetching it again", folder.display()));
                    None
                }
            });
        }
        let mut entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries.locally("read", &folder)?,
        };
        if self.dataset.mirrors.iter().any(|mirror| folder.join(mirror.ratings.file).is_file()) {
            return Ok(Some(Fetched { folder, new: false, record: None }));
        }
        match (entries.next(), self.dataset.mirrors.first()) {
            (Some(_), Some(mirror)) => Err(FetchError::InTheWay { folder, missing: mirror.ratings.file }),
            _ => Ok(None),
        }
    }

    /// Keeps other processes out until the file is dropped.
    fn lock(&self, work: &Path) -> Result<File, FetchError> {
        let path = work.join(LOCK);
        let file = File::create(&path).locally("create", &path)?;
        match file.try_lock() {
            // Without locks in the file system, the fetch goes on. The last holder may have removed the file.
            Ok(()) | Err(TryLockError::Error(_)) if path.exists() => Ok(file),
            _ => Err(FetchError::Busy { name: self.dataset.name.to_owned() }),
        }
    }

    /// Removes what an earlier fetch left, but not what it had downloaded.
    fn clear(&self, work: &Path) -> Result<(), FetchError> {
        let (folder, old) = (self.folder(), work.join("old"));
        if exists(&old) && !exists(&folder) {
            // The earlier fetch was stopped between the two renames of `publish`.
            fs::rename(&old, &folder).locally("move back to", &folder)?;
        }
        self.keep_what_is_not_ours(&old)?;
        for leftover in [old, work.join("unpacked"), work.join("pip")] {
            remove(&leftover)?;
        }
        Ok(())
    }

    /// Moves a replaced folder beside the new one, unless all its files are as they were fetched.
    fn keep_what_is_not_ours(&self, old: &Path) -> Result<(), FetchError> {
        let is_ours = || FetchRecord::read(old).ok().flatten().is_some_and(|record| record.names_all_of(old));
        if !exists(old) || is_ours() {
            return Ok(());
        }
        let mut kept = self.raw.join(format!("{}.set-aside", self.dataset.name));
        while exists(&kept) {
            kept.add_extension("again");
        }
        fs::rename(old, &kept).locally("move aside to", &kept)?;
        let folder = self.folder();
        self.progress.message(&format!(
            "`{}` was not as fetched: it is kept as `{}`",
            folder.display(),
            kept.display()
        ));
        Ok(())
    }

    /// Removes the hidden folder, except for a broken download, and releases `lock` when nothing is left to remove.
    /// An error is ignored: the fetch itself is over.
    fn tidy(&self, work: &Path, lock: File, done: bool) {
        // What could not be kept aside stays where it is.
        if self.clear(work).is_ok() && done {
            for mirror in self.dataset.mirrors {
                let _ = fs::remove_file(work.join(format!("{}.part", mirror.archive)));
            }
        }
        let _ = fs::remove_file(work.join(LOCK));
        drop(lock);
        // This fails on purpose where a broken download is left or another process has begun.
        let _ = fs::remove_dir(work);
    }

    /// Gets a checked copy into `work/unpacked`: from an archive placed by hand, or from the first mirror that works.
    fn obtain(&self, work: &Path) -> Result<FetchRecord, FetchError> {
        for mirror in self.dataset.mirrors {
            let path = self.raw.join(mirror.archive);
            if path.is_file() {
                self.progress.message(&format!("using `{}`, which lies there", path.display()));
                let record = self.accept(mirror, &path, work, format!("`{}`, placed by hand", mirror.archive));
                return record.map_err(|stop| stop.by_hand(&path, mirror.by_hand()));
            }
        }
        let mut failures = Vec::new();
        for mirror in self.dataset.mirrors {
            self.progress.message(&format!("fetching `{}` from {mirror}", self.dataset.name));
            match self.obtain_from(mirror, work) {
                Ok(record) => return Ok(record),
                Err(Stop::Fetch(error)) => return Err(error),
                Err(Stop::Mirror(reason)) => {
                    let failure = MirrorFailed { mirror: mirror.to_string(), reason };
                    self.progress.message(&format!("mirror failed: {failure}"));
                    failures.push(failure);
                }
            }
        }
        let remedy = self.dataset.mirrors.iter().map(|mirror| {
            let place = self.raw.join(mirror.archive);
            format!("{} and put the file at `{}`", mirror.by_hand(), place.display())
        });
        let remedy =
            format!("where there is a network, {}; then fetch again", remedy.collect::<Vec<_>>().join(", or "));
        Err(FetchError::AllMirrorsFailed { name: self.dataset.name.to_owned(), failures, remedy })
    }

    fn obtain_from(&self, mirror: &Mirror, work: &Path) -> Result<FetchRecord, Stop> {
        let Settings { agent, timeout, pip, .. } = self.settings;
        let origin = mirror.to_string();
        match mirror.origin {
            Origin::Pip { requirement } => {
                let into = work.join("pip");
                remove(&into)?;
                let name = self.dataset.name;
                let wheel = pip::download(pip, requirement, mirror.archive, &into, *timeout, name, self.progress)?;
                self.accept(mirror, &wheel, work, origin)
            }
            Origin::Http { url } => {
                let part = work.join(format!("{}.part", mirror.archive));
                loop {
                    let pieced = download::download(agent, url, &part, self.dataset.name, self.progress)?;
                    match self.accept(mirror, &part, work, origin.clone()) {
                        Err(Stop::Mirror(error)) => {
                            fs::remove_file(&part).locally("remove", &part)?;
                            if !pieced {
                                return Err(error.into());
                            }
                            // The pieces may come from two versions of the file.
                            self.progress.message(&format!("{error}; downloading it again from the start"));
                        }
                        done => return done,
                    }
                }
            }
        }
    }

    /// Checks an archive, unpacks it into `work/unpacked`, checks what is in it, and writes the record.
    fn accept(&self, mirror: &Mirror, archive: &Path, work: &Path, origin: String) -> Result<FetchRecord, Stop> {
        let (name, pins) = (self.dataset.name, &self.settings.pins);
        let found = sha256(archive, false).locally("read", archive)?;
        let mut digests = vec![check(mirror.archive, found, pins.get(name, mirror.archive))?];

        let unpacked = work.join("unpacked");
        remove(&unpacked)?;
        fs::create_dir(&unpacked).locally("create", &unpacked)?;
        let zip = Archive { path: archive, name: mirror.archive };
        let files = zip.unpack(mirror.folder, &unpacked, name, self.progress)?;
        let ratings = unpacked.join(mirror.ratings.file);
        if !ratings.is_file() {
            return Err(MirrorError::NoRatings { archive: mirror.archive.to_owned(), file: mirror.ratings.file }.into());
        }
        if let Some(pinned) = pins.get(name, "ratings") {
            let found = sha256(&ratings, mirror.ratings.header).locally("read", &ratings)?;
            let part = if mirror.ratings.header { " less its header line" } else { "" };
            let file = format!("{}{part}", mirror.ratings.file);
            digests.push(check(&file, found, Some(pinned))?);
        }

        let verified = digests.iter().any(|digest| digest.check == Check::Pinned);
        if !verified {
            self.progress.message(&format!(
                "`{}` is not verified: its sha256 is recorded in `{}`",
                mirror.archive,
                FetchRecord::FILE
            ));
        }
        if let Some(note) = mirror.note {
            self.progress.message(&format!("note: {note}"));
        }
        let record = FetchRecord {
            dataset: name.to_owned(),
            licence: self.dataset.licence.to_owned(),
            citation: self.dataset.citation.to_owned(),
            mirror: origin,
            verified,
            digests,
            notes: mirror.note.map(str::to_owned).into_iter().collect(),
            files,
        };
        record.write(&unpacked)?;
        Ok(record)
    }

    /// Gives the unpacked folder its final name. An older one is moved aside first, and restored if that fails.
    fn publish(&self, work: &Path) -> Result<(), FetchError> {
        let (folder, old) = (self.folder(), work.join("old"));
        let replaces = exists(&folder);
        if replaces {
            fs::rename(&folder, &old).locally("replace", &folder)?;
        }
        fs::rename(work.join("unpacked"), &folder)
            .inspect_err(|_| {
                if replaces {
                    // The first error is reported; `clear` tries this again.
                    let _ = fs::rename(&old, &folder);
                }
            })
            .locally("create", &folder)
    }
}

/// Whether anything exists at that path, even a dangling link.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.locally("remove", path),
    }
}
