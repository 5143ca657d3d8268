//! Writes the user's output file whole or not at all; follows links, and writes into pipes and devices as they are.
//!
//! Does not know what is written.
//!
//! **Invariant**: a regular file has its old content or all of the new one, and keeps its permissions; nothing else
//! that lies at a path (a link, a pipe, a device, a folder) is ever replaced.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::table::{CsvWriter, Table, TableWriter};

/// How many links are followed at most.
const MAX_LINKS: usize = 40;

/// A file, pipe or device that the user named, checked to be writable.
#[derive(Debug)]
pub struct Output {
    named: PathBuf,
    to: Target,
}

#[derive(Debug)]
enum Target {
    /// The path at the end of all links, with a regular file or nothing at it.
    File(PathBuf),
    /// A pipe or a device.
    Stream(PathBuf),
    /// The program's own stdout, wherever it is redirected to.
    Stdout,
    /// Its stderr.
    Stderr,
}

impl Output {
    /// Checks what lies at `path`, and writes nothing yet.
    ///
    /// # Errors
    /// A folder, a disk, a file that is read-only, links in a circle, a folder that is not there.
    pub fn at(path: &Path) -> Result<Self, DataError> {
        let refuse = |reason: String, hint: &str| {
            Err(DataError::Output { path: path.to_owned(), reason, hint: hint.to_owned() })
        };
        let name_a_file = "name a file in a folder that is there";
        let is_folder = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        if is_folder || path.file_name().is_none() {
            return refuse("it is not the name of a file".to_owned(), name_a_file);
        }
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            if let Some(to) = descriptor(&at) {
                return Ok(Self { named: path.to_owned(), to });
            }
            let folder = folder_of(&at);
            let found = match fs::symlink_metadata(&at) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => None,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return refuse(format!("there is no folder `{}`", folder.display()), name_a_file);
                }
                found => Some(found.map_err(DataError::io("write", path))?),
            };
            let to = match found {
                Some(found) if found.is_symlink() => {
                    at = folder.join(fs::read_link(&at).map_err(DataError::io("read the link", &at))?);
                    continue;
                }
                Some(found) if found.is_dir() => return refuse("it is a folder".to_owned(), name_a_file),
                Some(found) if found.is_file() && found.permissions().readonly() => {
                    return refuse("the file is read-only".to_owned(), "name another one, or let it be written");
                }
                Some(found) if is_disk(&found) => return refuse("it is a disk".to_owned(), name_a_file),
                Some(found) if !found.is_file() => Target::Stream(at),
                _ => Target::File(at),
            };
            return Ok(Self { named: path.to_owned(), to });
        }
        refuse("its links lead in a circle".to_owned(), name_a_file)
    }

    /// Writes what `fill` writes.
    ///
    /// # Errors
    /// Those of `fill`, which leave a regular file as it was; what the system says.
    pub fn write<T, E: From<DataError>>(&self, fill: impl FnOnce(File) -> Result<T, E>) -> Result<T, E> {
        let io = |error| E::from(DataError::io("write", &self.named)(error));
        match &self.to {
            // Appends, so that what a shell opened by `>>` is not overwritten.
            Target::Stream(path) => fill(OpenOptions::new().append(true).open(path).map_err(io)?),
            Target::Stdout => fill(own(io::stdout()).map_err(io)?),
            Target::Stderr => fill(own(io::stderr()).map_err(io)?),
            Target::File(path) => {
                let partial = beside().tempfile_in(folder_of(path)).map_err(io)?;
                let done = fill(partial.as_file().try_clone().map_err(io)?)?;
                partial.as_file().sync_all().map_err(io)?;
                // Somebody may have put something else there meanwhile.
                if !matches!(Self::at(&self.named)?.to, Target::File(now) if now == *path) {
                    return Err(E::from(DataError::Output {
                        path: self.named.clone(),
                        reason: "something else was put there meanwhile".to_owned(),
                        hint: "run it again, or name another file".to_owned(),
                    }));
                }
                if let Ok(old) = fs::metadata(path) {
                    keep_owner(partial.path(), &old);
                    fs::set_permissions(partial.path(), old.permissions()).map_err(io)?;
                }
                partial.persist(path).map_err(|error| io(error.error))?;
                Ok(done)
            }
        }
    }

    /// Writes `text`.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_text(&self, text: &str) -> Result<(), DataError> {
        self.write_bytes(text.as_bytes())
    }

    /// Writes `bytes`.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_bytes(&self, bytes: &[u8]) -> Result<(), DataError> {
        self.write(|mut file| file.write_all(bytes).map_err(DataError::io("write", &self.named)))
    }
}

/// The user's output file for a table, in the format that its ending says.
#[derive(Debug)]
pub struct TableOutput {
    output: Output,
    is_csv: bool,
}

impl TableOutput {
    /// The endings that say how a table is written.
    pub const ENDINGS: [&str; 2] = ["csv", "parquet"];

    /// Looks at what lies at `path`, and writes nothing yet. A pipe or a device without an ending takes CSV.
    ///
    /// # Errors
    /// As [`Output::at`]; an ending that says no format.
    pub fn at(path: &Path) -> Result<Self, DataError> {
        let output = Output::at(path)?;
        let ending = path.extension().map(OsStr::to_ascii_lowercase);
        let is_csv = match ending.as_deref().and_then(OsStr::to_str) {
            Some("csv") => true,
            Some("parquet") => false,
            None if !matches!(output.to, Target::File(_)) => true,
            _ => {
                return Err(DataError::Output {
                    path: path.to_owned(),
                    reason: "its ending says no format".to_owned(),
                    hint: format!("let it end in `.{}`", Self::ENDINGS.join("` or `.")),
                });
            }
        };
        Ok(Self { output, is_csv })
    }

    /// Writes `table`.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, table: &Table) -> Result<(), DataError> {
        self.write_pieces(table, |to| to.write(table))
    }

    /// Writes the rows that `fill` gives piece by piece, each a table with the columns of `like`, under the metadata of
    /// `like`. Memory does not grow with the rows.
    ///
    /// # Errors
    /// Those of `fill`, which leave a regular file as it was; what the system says.
    pub fn write_pieces<T, E: From<DataError>>(
        &self,
        like: &Table,
        fill: impl FnOnce(&mut TablePieces) -> Result<T, E>,
    ) -> Result<T, E> {
        let named = &self.output.named;
        self.output.write(|file| {
            let to = match self.is_csv {
                true => Pieces::Csv(CsvWriter::new(file, like).map_err(DataError::io("write", named))?),
                false => Pieces::Parquet(TableWriter::new(file, named, like)?),
            };
            let mut pieces = TablePieces { named: named.clone(), to };
            let done = fill(&mut pieces)?;
            match pieces.to {
                Pieces::Csv(writer) => writer.finish().map_err(DataError::io("write", named))?,
                Pieces::Parquet(writer) => writer.finish(like.all_metadata())?,
            }
            Ok(done)
        })
    }

    /// The metadata and the number of rows of the Parquet table that lies there; `None` where there is none that can be
    /// read, or where this is CSV, which says nothing of itself.
    pub fn found(&self) -> Option<(BTreeMap<String, String>, u64)> {
        match &self.output.to {
            Target::File(path) if !self.is_csv => {
                let (table, n_rows) = Table::read_first(path, 0).ok()?;
                Some((table.all_metadata().clone(), n_rows))
            }
            _ => None,
        }
    }
}

/// A table that is being written piece by piece.
pub struct TablePieces {
    named: PathBuf,
    to: Pieces,
}

enum Pieces {
    Csv(CsvWriter),
    Parquet(TableWriter),
}

impl TablePieces {
    /// Adds the rows of `piece`, which has the columns that the table was begun with.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, piece: &Table) -> Result<(), DataError> {
        match &mut self.to {
            Pieces::Csv(writer) => writer.write(piece).map_err(DataError::io("write", &self.named)),
            Pieces::Parquet(writer) => writer.write(piece),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file beside the one that it will replace, with the permissions of any new file.
pub(crate) fn beside() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".reco-").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}

/// Stdout, stderr or another open file, if `path` stands for one; what the shell opened is written to as it was opened.
fn descriptor(path: &Path) -> Option<Target> {
    let path = path.to_str()?;
    let own = format!("/proc/{}/fd/", std::process::id());
    let number = match path {
        "/dev/stdout" => "1",
        "/dev/stderr" => "2",
        _ => ["/dev/fd/", "/proc/self/fd/", &own].iter().find_map(|folder| path.strip_prefix(folder))?,
    };
    Some(match number {
        "1" => Target::Stdout,
        "2" => Target::Stderr,
        _ => Target::Stream(path.into()),
    })
}

#[cfg(unix)]
fn own(stream: impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(stream.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn own(stream: impl std::os::windows::io::AsHandle) -> io::Result<File> {
    Ok(stream.as_handle().try_clone_to_owned()?.into())
}

#[cfg(unix)]
fn is_disk(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_disk(_: &fs::Metadata) -> bool {
    false
}

/// Gives the new file the owner of the old one, where the system permits it.
fn keep_owner(path: &Path, old: &fs::Metadata) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let _ = chown(path, Some(old.uid()), Some(old.gid()));
    }
    #[cfg(not(unix))]
    let _ = (path, old);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    fn write(path: &Path, text: &str) -> Result<(), String> {
        Output::at(path).and_then(|output| output.write_text(text)).map_err(|error| error.to_string())
    }

    fn left(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_stays_where_filling_fails() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.txt");
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        let failed = Output::at(&file).unwrap().write(|mut file| {
            file.write_all(b"half").unwrap();
            Err::<(), _>(DataError::Interrupted)
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(left(folder.path()), ["x.txt"]);
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("kept"), "").unwrap();
        let mut permissions = fs::metadata(at("kept")).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(at("kept"), permissions).unwrap();
        for (name, reason) in [
            ("folder", "it is a folder"),
            ("new/", "it is not the name of a file"),
            ("nowhere/x", "there is no folder"),
            ("kept", "the file is read-only"),
        ] {
            let error = write(&at(name), "").unwrap_err();
            assert!(error.contains(reason) && error.contains("\nhint: "), "{error}");
        }
        assert_eq!(left(folder.path()), ["folder", "kept"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_what_is_written_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        fs::write(at("elsewhere/x"), "old").unwrap();
        fs::set_permissions(at("elsewhere/x"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("elsewhere/x", at("one")).unwrap();
        symlink("one", at("two")).unwrap();
        symlink("elsewhere/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        symlink("nowhere/new", at("lost")).unwrap();
        write(&at("two"), "new").unwrap();
        write(&at("dangling"), "made").unwrap();
        assert!(write(&at("circle"), "").unwrap_err().contains("lead in a circle"));
        assert!(write(&at("lost"), "").unwrap_err().contains("there is no folder"));
        assert_eq!(fs::read_to_string(at("elsewhere/x")).unwrap(), "new");
        assert_eq!(fs::read_to_string(at("elsewhere/new")).unwrap(), "made");
        assert_eq!(fs::metadata(at("elsewhere/x")).unwrap().permissions().mode() & 0o777, 0o640);
        for link in ["one", "two", "dangling", "circle", "lost"] {
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_came_to_lie_there_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.txt");
        let with = |meanwhile: &dyn Fn()| {
            let output = Output::at(&file).unwrap();
            let written = output.write(|_| {
                meanwhile();
                Ok(())
            });
            written.map_err(|error: DataError| error.to_string())
        };
        let refused = |error: &str| {
            assert!(error.contains("something else was put there") && error.contains("\nhint: "), "{error}")
        };
        let link = || std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        refused(&with(&link).unwrap_err());
        assert_eq!(fs::read_link(&file).unwrap(), Path::new("elsewhere"));
        fs::remove_file(&file).unwrap();
        let made = || fs::create_dir(&file).unwrap();
        assert!(with(&made).unwrap_err().contains("it is a folder"));
        assert_eq!(left(folder.path()), ["x.txt"]);
        fs::remove_dir(&file).unwrap();
        with(&|| fs::write(&file, "theirs").unwrap()).unwrap();
    }

    #[test]
    fn endings_say_the_format_of_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut table = Table::new();
        table.push("who", Column::Text(vec![Some("a,\"b\"".to_owned()), None])).unwrap();
        table.push("n", Column::F32(vec![Some(0.1), Some(4.0)])).unwrap();
        let genres = vec![vec!["x".to_owned(), "y".to_owned()], Vec::new()];
        table.push("genres", Column::TextList(genres)).unwrap();
        let write = |name: &str| TableOutput::at(&at(name)).and_then(|output| output.write(&table));
        write("x.CSV").unwrap();
        write("x.parquet").unwrap();
        assert_eq!(fs::read_to_string(at("x.CSV")).unwrap(), "who,n,genres\n\"a,\"\"b\"\"\",0.1,x|y\n,4,\n");
        assert_eq!(Table::read(&at("x.parquet")).unwrap(), table);
        assert_eq!(TableOutput::at(&at("x.csv")).unwrap().found(), None);
        for name in ["x.xlsx", "x", "x.csv.bak"] {
            let error = write(name).unwrap_err().to_string();
            assert!(error.contains("hint: let it end in `.csv` or `.parquet`"), "{error}");
        }
        assert_eq!(left(folder.path()), ["x.CSV", "x.parquet"]);
    }

    #[test]
    fn a_table_in_pieces_is_the_table_and_one_that_is_not_finished_is_not_left() {
        let folder = tempfile::tempdir().unwrap();
        let table = |n: Vec<u32>| {
            let mut table = Table::new().with_metadata("made_from", "numbers");
            table.push("n", Column::U32(n)).unwrap();
            table
        };
        for name in ["x.csv", "x.parquet"] {
            let to = TableOutput::at(&folder.path().join(name)).unwrap();
            assert_eq!(to.found(), None);
            let stopped: Result<(), DataError> = to.write_pieces(&table(Vec::new()), |pieces| {
                pieces.write(&table(vec![1]))?;
                Err(DataError::Interrupted)
            });
            assert!(matches!(stopped, Err(DataError::Interrupted)));
            assert!(left(folder.path()).iter().all(|left| left != name), "{name}");
            to.write_pieces(&table(Vec::new()), |pieces| {
                [vec![1, 2], vec![], vec![3]].into_iter().try_for_each(|piece| pieces.write(&table(piece)))
            })
            .unwrap();
        }
        assert_eq!(fs::read_to_string(folder.path().join("x.csv")).unwrap(), "n\n1\n2\n3\n");
        let file = folder.path().join("x.parquet");
        assert_eq!(Table::read(&file).unwrap(), table(vec![1, 2, 3]));
        let (metadata, n_rows) = TableOutput::at(&file).unwrap().found().unwrap();
        assert_eq!((metadata["made_from"].as_str(), n_rows), ("numbers", 3));
        fs::write(&file, "no table").unwrap();
        assert_eq!(TableOutput::at(&file).unwrap().found(), None);
    }
}
