//! Keeps a table that comes through a pipe as a file, so that it can be looked at and read again.
//!
//! Does not know what is in it, except how its name should end.
//!
//! **Invariant**: the file has a hidden name until it is kept, is removed unless it is, and replaces nothing.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::DataError;
use crate::output::beside;
use crate::records::Text;

/// A table that came through a pipe.
#[derive(Debug)]
pub struct Piped {
    file: NamedTempFile,
    ending: &'static str,
}

impl Piped {
    /// Reads `input` to its end into a file in `folder`; asks `interrupted` between pieces.
    ///
    /// # Errors
    /// An input that is empty; what the system says; an interruption.
    pub fn read(input: &mut dyn Read, folder: &Path, interrupted: &dyn Fn() -> bool) -> Result<Self, DataError> {
        let named = Path::new("-");
        let mut file = beside().tempfile_in(folder).map_err(DataError::io("write", folder))?;
        let mut buffer = vec![0; 1 << 16];
        let mut n_read = 0;
        loop {
            if interrupted() {
                return Err(DataError::Interrupted);
            }
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    file.write_all(&buffer[..n]).map_err(DataError::io("write", folder))?;
                    n_read += n;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(DataError::io("read", named)(error)),
            }
        }
        // Whoever is interrupted with us ends what it writes.
        if interrupted() {
            return Err(DataError::Interrupted);
        }
        if n_read == 0 {
            return Err(DataError::Empty { path: named.to_owned() });
        }
        file.as_file().sync_all().map_err(DataError::io("write", folder))?;
        let mut text = Text::open(file.path(), true)?;
        let is_packed = text.is_packed;
        let head = text.fill_buf().map_err(DataError::io("read", named))?;
        let ending = match (head.trim_ascii_start().first(), is_packed) {
            _ if head.starts_with(b"PAR1") => "parquet",
            (Some(b'{'), false) => "jsonl",
            (Some(b'{'), true) => "jsonl.gz",
            (_, false) => "csv",
            (_, true) => "csv.gz",
        };
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
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(DataError::Output {
                path: path.to_owned(),
                reason: "something is there already, and the piped table would replace it".to_owned(),
                hint: "name another experiment with `--out-file`: the table is kept beside it".to_owned(),
            }),
            Err(error) => Err(DataError::io("write", path)(error.error)),
        }
    }
}
