//! Replaces a folder of a run, only while everything in it is reco's own.
//!
//! Does not know what a stage writes, nor whether it is out of date.
//!
//! **Invariant**: nothing is deleted except files that a manifest of ours names with the digest that they still have,
//! and what a run was still writing when it was killed, which is marked as such; a file of ours that was changed is set
//! aside. At every moment either the old folder or the new one is there whole, if under its hidden name.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use reco_data::{DataError, Output};
use serde_json::Value;

use crate::folder::write;
use crate::manifest::{Digests, MANIFEST, digest, is_edited};
use crate::{RunError, RunProgress};

/// Written first into a folder that is being filled, and removed last: whatever lies beside it is unfinished work of
/// ours.
pub(crate) const MARKER: &str = ".reco-unfinished";

const MARKED: &str =
    "reco is filling this folder. If no run is at work, it was stopped, and the next one empties it.\n";

/// The folder for what the user changed, in the folder of the run.
const ASIDE: &str = "set-aside";

/// Where a folder of a run lies, or is to lie.
pub(crate) struct Place<'a> {
    /// Its path, with links followed.
    path: PathBuf,
    /// The folder for files that were changed.
    aside: PathBuf,
    progress: &'a dyn RunProgress,
}

impl<'a> Place<'a> {
    /// The place `path` of a run in `out`.
    ///
    /// # Errors
    /// A link that leads nowhere.
    pub(crate) fn new(out: &Path, path: &Path, progress: &'a dyn RunProgress) -> Result<Self, RunError> {
        let name = path.strip_prefix(out).ok().filter(|inside| !inside.as_os_str().is_empty());
        let name = name.unwrap_or_else(|| Path::new(path.file_name().unwrap_or_default()));
        let linked = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let (path, beside) = match linked.then(|| fs::canonicalize(path)) {
            None => (path.to_owned(), out.to_owned()),
            // Beside the folder that the link leads to, on its disk.
            Some(Ok(led_to)) => (led_to.clone(), led_to.parent().unwrap_or(out).to_owned()),
            Some(Err(_)) => return Err(RunError::in_the_way(path, "it is a link that leads nowhere")),
        };
        Ok(Self { path, aside: beside.join(ASIDE).join(name), progress })
    }

    /// Tidies up what a killed run left.
    ///
    /// # Errors
    /// Something under a hidden name of ours that is not ours.
    pub(crate) fn recover(&self) -> Result<(), RunError> {
        self.refuse_foreign()?;
        let old = self.hidden("old");
        if exists(&old) {
            // The run was stopped between the two renames, or while the old folder was emptied.
            match exists(&self.path) {
                false => fs::rename(&old, &self.path).map_err(RunError::writing(&self.path))?,
                true => self.dispose(&old)?,
            }
        }
        self.clear()
    }

    /// Removes what a killed run left while it filled the hidden folder.
    ///
    /// # Errors
    /// Something under that name that is not ours.
    pub(crate) fn clear(&self) -> Result<(), RunError> {
        self.refuse_foreign_partial()?;
        let partial = self.hidden("partial");
        match exists(&partial) {
            false => Ok(()),
            true if is_marked(&partial) => discard(&partial).map_err(RunError::writing(&partial)),
            // The run was stopped just before the folder, whole and with its manifest, got its name; or just after it
            // was made.
            true => self.dispose(&partial),
        }
    }

    /// Refuses anything at the place, or under its hidden names, that no manifest of ours names.
    ///
    /// # Errors
    /// What is in the way.
    pub(crate) fn refuse_foreign(&self) -> Result<(), RunError> {
        folder_fits(&self.path)?;
        folder_fits(&self.aside)?;
        for folder in [&self.path, &self.hidden("old")].into_iter().filter(|folder| exists(folder)) {
            named(folder)?;
        }
        self.refuse_foreign_partial()
    }

    /// Refuses anything under the hidden name of unfinished work that is not ours.
    ///
    /// # Errors
    /// What is in the way.
    pub(crate) fn refuse_foreign_partial(&self) -> Result<(), RunError> {
        let partial = self.hidden("partial");
        if exists(&partial) && !is_marked(&partial) {
            named(&partial)?;
        }
        Ok(())
    }

    /// An empty folder that is marked as unfinished, with its hidden name.
    ///
    /// # Errors
    /// What is in the way; what the system says.
    pub(crate) fn begin(&self) -> Result<Partial, RunError> {
        self.recover()?;
        self.fill()
    }

    /// Writes `text` into the file at the place, whole or not at all. A kill leaves the hidden folder, for
    /// [`Place::clear`].
    ///
    /// # Errors
    /// What is in the way; what the system says.
    pub(crate) fn replace_file(&self, text: &str) -> Result<(), RunError> {
        self.clear()?;
        let partial = self.fill()?;
        let file = partial.path.join(self.path.file_name().unwrap_or_default());
        write(&file, text)?;
        fs::rename(&file, &self.path).map_err(RunError::writing(&self.path))
    }

    fn fill(&self) -> Result<Partial, RunError> {
        let path = self.hidden("partial");
        fs::create_dir_all(&path).map_err(RunError::writing(&path))?;
        let partial = Partial { path };
        let marker = partial.path.join(MARKER);
        fs::write(&marker, MARKED).map_err(RunError::writing(&marker))?;
        Ok(partial)
    }

    /// Puts a folder that has its manifest into its place.
    ///
    /// # Errors
    /// What came to lie in the way meanwhile; what the system says.
    pub(crate) fn publish(&self, partial: Partial) -> Result<(), RunError> {
        self.refuse_foreign()?;
        let (old, marker) = (self.hidden("old"), partial.path.join(MARKER));
        fs::remove_file(&marker).map_err(RunError::writing(&marker))?;
        let replaces = exists(&self.path);
        if replaces {
            fs::rename(&self.path, &old).map_err(RunError::writing(&self.path))?;
        }
        if let Err(error) = fs::rename(&partial.path, &self.path) {
            if replaces {
                // The first error is the one to tell; the next run tries this again.
                let _ = fs::rename(&old, &self.path);
            }
            return Err(RunError::writing(&self.path)(error));
        }
        if replaces { self.dispose(&old) } else { Ok(()) }
    }

    /// Removes the folder, which nothing replaces.
    ///
    /// # Errors
    /// Something in it that is not ours; what the system says.
    pub(crate) fn remove(&self) -> Result<(), RunError> {
        self.recover()?;
        self.dispose(&self.path)
    }

    /// Empties a folder that was replaced, its manifest last, and keeps in `set-aside` whatever is not as we wrote it.
    fn dispose(&self, old: &Path) -> Result<(), RunError> {
        let outputs = outputs(old).unwrap_or_default();
        self.empty(old, "", &outputs)?;
        self.keep_edited(old, MANIFEST)?;
        let manifest = old.join(MANIFEST);
        match fs::remove_file(&manifest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(RunError::writing(&manifest)(error)),
            _ => fs::remove_dir(old).map_err(RunError::writing(old)),
        }
    }

    /// Sets the file `name` in `folder` aside if we sealed it and somebody has changed it since.
    pub(crate) fn keep_edited(&self, folder: &Path, name: &str) -> Result<(), RunError> {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(text) if is_edited(&text) => self.set_aside(&path, name),
            _ => Ok(()),
        }
    }

    fn set_aside(&self, path: &Path, name: &str) -> Result<(), RunError> {
        let aside = self.free_name(name)?;
        move_to(path, &aside)?;
        self.progress.set_aside(&self.path.join(name), &aside);
        Ok(())
    }

    fn empty(&self, folder: &Path, prefix: &str, outputs: &Digests) -> Result<(), RunError> {
        for (path, kind) in entries(folder)? {
            let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
            if kind.is_dir() && is_folder_of(&name, outputs) {
                self.empty(&path, &format!("{name}/"), outputs)?;
                fs::remove_dir(&path).map_err(RunError::writing(&path))?;
            } else if kind.is_file() && outputs.get(&name).is_some_and(|was| digest(&path).is_ok_and(|is| is == *was)) {
                fs::remove_file(&path).map_err(RunError::writing(&path))?;
            } else if name != MANIFEST {
                self.set_aside(&path, &name)?;
            }
        }
        Ok(())
    }

    /// A free name under `set-aside`; its folder is made.
    fn free_name(&self, name: &str) -> Result<PathBuf, RunError> {
        let wanted = self.aside.join(name);
        let folder = wanted.parent().unwrap_or(&self.aside);
        fs::create_dir_all(folder).map_err(RunError::writing(folder))?;
        let mut free = wanted.clone();
        for number in 2.. {
            if !exists(&free) {
                break;
            }
            free = wanted.with_added_extension(number.to_string());
        }
        Ok(free)
    }

    fn hidden(&self, ending: &str) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(format!(".{ending}"));
        self.path.with_file_name(name)
    }
}

/// A folder that is being filled, removed when dropped before it has its place.
pub(crate) struct Partial {
    pub(crate) path: PathBuf,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename nothing is left here. A failure to tidy up must not hide the failure that led here. A folder
        // that is whole and could not get its name is removed when the next run begins.
        let _ = if is_marked(&self.path) { discard(&self.path) } else { fs::remove_dir(&self.path) };
    }
}

/// Removes a folder that is marked as unfinished. The mark goes last, so that whatever is left if this is stopped is
/// known to be ours.
fn discard(folder: &Path) -> io::Result<()> {
    let marker = folder.join(MARKER);
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        match kind.is_dir() {
            true => fs::remove_dir_all(&path)?,
            false if path != marker => fs::remove_file(&path)?,
            false => {}
        }
    }
    fs::remove_file(&marker)?;
    fs::remove_dir(folder)
}

/// Moves what lies at `from` to the free name `to`. The two may be on different disks, as a link or a mount may lie in
/// between.
fn move_to(from: &Path, to: &Path) -> Result<(), RunError> {
    let is_file = || fs::symlink_metadata(from).is_ok_and(|found| found.is_file());
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices && is_file() => {}
        done => return done.map_err(RunError::writing(to)),
    }
    let mut file = File::open(from).map_err(RunError::reading(from))?;
    // The copy is whole under its name, and on the disk, before the original goes.
    let copy = |mut into: File| match io::copy(&mut file, &mut into) {
        Ok(_) => Ok(()),
        Err(source) => Err(DataError::Io { action: "write", path: to.to_owned(), source }),
    };
    Output::at(to)?.write(copy)?;
    fs::remove_file(from).map_err(RunError::writing(from))
}

/// Refuses a file in the place of `path`, or of a folder that it lies in.
///
/// # Errors
/// The file, or a link that leads nowhere.
pub(crate) fn folder_fits(path: &Path) -> Result<(), RunError> {
    let there = path.ancestors().filter(|folder| !folder.as_os_str().is_empty()).find(|folder| exists(folder));
    match there.map(|folder| (folder, fs::metadata(folder))) {
        Some((file, Ok(found))) if !found.is_dir() => {
            Err(RunError::in_the_way(file, "it is a file, and a folder belongs there"))
        }
        Some((link, Err(error))) if error.kind() == io::ErrorKind::NotFound => {
            Err(RunError::in_the_way(link, "it is a link that leads nowhere, and a folder belongs there"))
        }
        _ => Ok(()),
    }
}

/// Refuses any of `inputs`, which the run is to read, in `folder`, which it would replace.
///
/// # Errors
/// The first of `inputs` that lies there.
pub(crate) fn refuse_inputs_inside(inputs: &[PathBuf], folder: &Path) -> Result<(), RunError> {
    match inputs.iter().find(|input| is_inside(input, folder)) {
        None => Ok(()),
        Some(input) => Err(RunError::InTheWay {
            path: input.display().to_string(),
            reason: format!("it is to be read, and lies in `{}`, which the run replaces", folder.display()),
            hint: "name another folder with `--out`, or move it elsewhere and name it there".to_owned(),
        }),
    }
}

/// Whether `path` is `folder` or lies in it, or would; links are followed as far as there is something.
pub(crate) fn is_inside(path: &Path, folder: &Path) -> bool {
    whole(path).starts_with(whole(folder))
}

/// The whole of a path, with links of what is there followed.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or(path.to_owned());
    let there =
        path.ancestors().find_map(|above| Some((fs::canonicalize(above).ok()?, path.strip_prefix(above).ok()?)));
    there.map_or_else(|| path.clone(), |(above, rest)| above.join(rest))
}

/// Whether we were filling a folder when the process ended.
fn is_marked(folder: &Path) -> bool {
    let marker = folder.join(MARKER);
    let is = |path: &Path, kind: fn(&fs::Metadata) -> bool| fs::symlink_metadata(path).is_ok_and(|found| kind(&found));
    is(folder, fs::Metadata::is_dir)
        && is(&marker, fs::Metadata::is_file)
        && fs::read(&marker).is_ok_and(|text| {
            // The process may have ended while it wrote the mark, before anything else.
            let alone = || entries(folder).is_ok_and(|entries| entries.len() == 1);
            text == MARKED.as_bytes() || (MARKED.as_bytes().starts_with(&text) && alone())
        })
}

/// What the manifest of `folder` names, if it names everything that is there; nothing for an empty folder.
///
/// # Errors
/// What is in the way: no folder, no manifest of ours, or something that the manifest does not name.
fn named(folder: &Path) -> Result<Digests, RunError> {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
    if !is_folder {
        return Err(RunError::in_the_way(folder, "it is no folder, and a folder of the run goes by this name"));
    }
    let entries = entries(folder)?;
    let Some((first, _)) = entries.first() else { return Ok(Digests::new()) };
    let outputs = match outputs(folder) {
        Ok(outputs) => outputs,
        Err(Some(reason)) => {
            let reason = format!("{reason}, so that nobody knows whose files lie beside it");
            return Err(RunError::in_the_way(&folder.join(MANIFEST), reason));
        }
        Err(None) => return Err(foreign(first, folder)),
    };
    match stranger(folder, "", &outputs)? {
        None => Ok(outputs),
        Some(path) => Err(foreign(&path, folder)),
    }
}

/// The digests in the manifest of `folder`, of whatever version. The error is the reason why it is not ours, or `None`
/// if there is no manifest.
fn outputs(folder: &Path) -> Result<Digests, Option<String>> {
    let path = folder.join(MANIFEST);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(Some(format!("it cannot be read: {error}"))),
        Ok(found) if !found.is_file() => return Err(Some("it is no file".to_owned())),
        Ok(_) => {}
    }
    let text = fs::read(&path).map_err(|error| Some(format!("it cannot be read: {error}")))?;
    let read = || {
        let manifest: Value = serde_json::from_slice(&text).ok()?;
        let ours = manifest.get("schema_version")?.is_u64() && manifest.get("stage")?.is_string();
        ours.then(|| serde_json::from_value(manifest.get("outputs")?.clone()).ok())?
    };
    read().ok_or_else(|| Some("it is no manifest of reco".to_owned()))
}

/// The first thing in `folder`, by name, that `outputs` does not name: a file, a link, a pipe, or a folder without any
/// file of ours.
fn stranger(folder: &Path, prefix: &str, outputs: &Digests) -> Result<Option<PathBuf>, RunError> {
    for (path, kind) in entries(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).map(|name| format!("{prefix}{name}"));
        let found = match name {
            Some(name) if kind.is_dir() && is_folder_of(&name, outputs) => {
                stranger(&path, &format!("{name}/"), outputs)?
            }
            Some(name) if kind.is_file() && (name == MANIFEST || outputs.contains_key(&name)) => None,
            _ => Some(path),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn is_folder_of(name: &str, outputs: &Digests) -> bool {
    let inside = format!("{name}/");
    outputs.range(inside.clone()..).next().is_some_and(|(file, _)| file.starts_with(&inside))
}

/// What lies in a folder, by name, links not followed.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, fs::FileType)>, RunError> {
    let entry = |entry: io::Result<fs::DirEntry>| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(entry).collect::<io::Result<Vec<_>>>());
    let mut entries = entries.map_err(RunError::reading(folder))?;
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(entries)
}

/// Whether something has that name, even if only a link that leads nowhere.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn foreign(path: &Path, folder: &Path) -> RunError {
    RunError::in_the_way(path, format!("reco did not write it, and the run would replace `{}`", folder.display()))
}
