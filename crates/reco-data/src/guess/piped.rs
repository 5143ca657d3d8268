//! Keeps a table that comes through a pipe as a file, so that it can be looked at and read again.
//!
//! Does not know what is in it, except how its name should end.
//!
//! **Invariant**: the file has a hidden name until it is kept, is removed unless it is, and replaces nothing.

use std::fs;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::DataError;
use crate::output::beside;
use crate::records::Text;

/// How long an interruption may go unnoticed.
const A_MOMENT: Duration = Duration::from_millis(50);

/// So many bytes tell what it is.
const BEGINNING: usize = 1 << 16;

/// A table that came through a pipe.
#[derive(Debug)]
pub struct Piped {
    file: NamedTempFile,
    ending: &'static str,
}

impl Piped {
    /// Reads `input` to its end into a file in `folder`; asks `interrupted` meanwhile, also while nothing comes. Where
    /// it is to be `kept_beside` a file, by that name with its own ending, it is refused as soon as that is known to be
    /// taken.
    ///
    /// # Errors
    /// An input that is empty; a name that is taken; what the system says; an interruption.
    pub fn read(
        mut input: impl Read + Send + 'static,
        folder: &Path,
        mut kept_beside: Option<&Path>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Self, DataError> {
        let named = Path::new("-");
        let mut file = beside().tempfile_in(folder).map_err(DataError::io("write", folder))?;
        // Reading waits for whoever writes, so that it has a thread of its own, which ends with the program.
        let (send, pieces) = mpsc::sync_channel::<io::Result<Vec<u8>>>(4);
        let read = move || {
            loop {
                let mut piece = vec![0; 1 << 16];
                let read = input.read(&mut piece);
                let is_last = !matches!(read, Ok(n) if n > 0);
                let sent = match read {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    read => send.send(read.map(|n| {
                        piece.truncate(n);
                        piece
                    })),
                };
                if is_last || sent.is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().spawn(read).map_err(DataError::io("read", named))?;
        let mut n_read = 0;
        loop {
            match pieces.recv_timeout(A_MOMENT) {
                _ if interrupted() => return Err(DataError::Interrupted),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(piece) => {
                    let piece = piece.map_err(DataError::io("read", named))?;
                    file.write_all(&piece).map_err(DataError::io("write", folder))?;
                    n_read += piece.len();
                    if n_read >= BEGINNING
                        && let Some(other) = kept_beside.take()
                        && let Ok(ending) = ending(file.path())
                    {
                        let path = other.with_extension(ending);
                        if fs::symlink_metadata(&path).is_ok() {
                            return Err(taken(&path));
                        }
                    }
                }
            }
        }
        if n_read == 0 {
            return Err(DataError::Empty { path: named.to_owned() });
        }
        file.as_file().sync_all().map_err(DataError::io("write", folder))?;
        let ending = ending(file.path())?;
        Ok(Self { file, ending })
    }

    /// Where it lies for now.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The ending that its name should have.
    pub fn ending(&self) -> &'static str {
        self.ending
    }

    /// Keeps it as `path`, where nothing lies yet.
    ///
    /// # Errors
    /// Something that lies there; what the system says.
    pub fn keep(self, path: &Path) -> Result<(), DataError> {
        match self.file.persist_noclobber(path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(taken(path)),
            Err(error) => Err(DataError::io("write", path)(error.error)),
        }
    }
}

/// The ending for the table that begins as the file at `path` does.
fn ending(path: &Path) -> Result<&'static str, DataError> {
    let mut text = Text::open(path, true)?;
    let is_packed = text.is_packed;
    let head = text.fill_buf().map_err(DataError::io("read", Path::new("-")))?;
    Ok(match (head.trim_ascii_start().first(), is_packed) {
        _ if head.starts_with(b"PAR1") => "parquet",
        (Some(b'{'), false) => "jsonl",
        (Some(b'{'), true) => "jsonl.gz",
        (_, false) => "csv",
        (_, true) => "csv.gz",
    })
}

fn taken(path: &Path) -> DataError {
    DataError::Output {
        path: path.to_owned(),
        reason: "something is there already, and the piped table would replace it".to_owned(),
        hint: "name another experiment with `--out-file`: the table is kept beside it".to_owned(),
    }
}
