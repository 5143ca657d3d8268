//! Opens a text file, compressed with gzip or not, as UTF-8.
//!
//! Does not know lines or fields. Windows-1252 and Latin-1 pass through unchanged: fields can be split at their
//! separators without being decoded.
//!
//! **Invariant**: a byte order mark is never part of what is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::DataError;

/// How many bytes are read from a file at once.
const BUFFER: usize = 1 << 16;
/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The mark that Windows' programs put before UTF-8.
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// An open text.
pub(crate) struct Text {
    reader: Box<dyn BufRead + Send>,
    raw: Arc<AtomicU64>,
    /// Whether gzip packed it.
    pub(crate) is_packed: bool,
    /// Whether a byte order mark stood before it.
    pub(crate) has_mark: bool,
    /// Whether it is UTF-16 in the file.
    pub(crate) is_utf16: bool,
}

impl Text {
    /// Opens a file. UTF-16, which is recognised by its mark alone, is refused unless `may_be_utf16`.
    ///
    /// # Errors
    /// A file that is not there, is empty, or is UTF-16 where it may not be.
    pub(crate) fn open(path: &Path, may_be_utf16: bool) -> Result<Self, DataError> {
        let raw = Arc::new(AtomicU64::new(0));
        let file = File::open(path).map_err(DataError::io("read", path))?;
        let mut reader: Box<dyn BufRead + Send> =
            Box::new(BufReader::with_capacity(BUFFER, Counted { file, raw: Arc::clone(&raw) }));
        let read_error = || DataError::io("read", path);
        let is_packed = reader.fill_buf().map_err(read_error())?.starts_with(&GZIP);
        if is_packed {
            reader = Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader)));
        }
        let beginning = reader.fill_buf().map_err(read_error())?;
        if beginning.is_empty() {
            return Err(DataError::Empty { path: path.to_owned() });
        }
        let utf16 = match beginning {
            [0xff, 0xfe, ..] => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
            [0xfe, 0xff, ..] => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
            _ => None,
        };
        let has_mark = utf16.is_some() || beginning.starts_with(&MARK);
        match utf16 {
            Some(_) if !may_be_utf16 => {
                let path = path.to_owned();
                return Err(DataError::Encoding { path, found: "UTF-16 text", expected: "UTF-8", from: "UTF-16" });
            }
            Some(unit) => {
                reader.consume(2);
                reader =
                    Box::new(BufReader::with_capacity(BUFFER, Utf16 { reader, unit, ready: Vec::new(), given: 0 }));
            }
            None if has_mark => reader.consume(MARK.len()),
            None => {}
        }
        if ends_lines_by_returns(reader.fill_buf().map_err(read_error())?) {
            reader = Box::new(BufReader::with_capacity(BUFFER, Feeds(reader)));
        }
        Ok(Self { reader, raw, is_packed, has_mark, is_utf16: utf16.is_some() })
    }

    /// How many bytes of the file itself have been read, buffered ones included.
    pub(crate) fn position(&self) -> u64 {
        self.raw.load(Ordering::Relaxed)
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
    }
}

/// Whether lines end with carriage returns alone, as old spreadsheets write them.
fn ends_lines_by_returns(beginning: &[u8]) -> bool {
    let at = memchr::memchr2(b'\n', b'\r', beginning);
    at.is_some_and(|at| beginning[at] == b'\r' && at + 1 < beginning.len())
        && memchr::memchr(b'\n', beginning).is_none()
}

/// Turns carriage returns into line feeds, so that counting line feeds is enough.
struct Feeds<R>(R);

impl<R: BufRead> Read for Feeds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        buffer[..n].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(n)
    }
}

/// Reads a line with its end; of one longer than `longest` bytes, only one byte more than that.
pub(crate) fn read_line(text: &mut impl BufRead, line: &mut Vec<u8>, longest: usize) -> io::Result<usize> {
    line.clear();
    text.take(longest as u64 + 1).read_until(b'\n', line)
}

/// Counts the bytes that are read.
struct Counted {
    file: File,
    raw: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.raw.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Converts UTF-16 to UTF-8.
struct Utf16<R> {
    reader: R,
    unit: fn([u8; 2]) -> u16,
    ready: Vec<u8>,
    given: usize,
}

impl<R: BufRead> Utf16<R> {
    /// The next unit, if there is one.
    fn next(&mut self) -> io::Result<Option<u16>> {
        let mut bytes = [0; 2];
        let mut n = 0;
        while n < 2 {
            match self.reader.read(&mut bytes[n..])? {
                0 if n == 0 => return Ok(None),
                0 => return Err(io::Error::new(io::ErrorKind::InvalidData, "its UTF-16 ends within a character")),
                more => n += more,
            }
        }
        Ok(Some((self.unit)(bytes)))
    }

    /// Decodes the next few thousand characters.
    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is no whole UTF-16 text");
        while self.ready.len() < BUFFER {
            let Some(first) = self.next()? else { return Ok(()) };
            let second = if (0xd800..0xdc00).contains(&first) { self.next()? } else { None };
            for character in char::decode_utf16([Some(first), second].into_iter().flatten()) {
                let character = character.map_err(|_| damaged())?;
                self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.fill()?;
        }
        let n = buffer.len().min(self.ready.len() - self.given);
        buffer[..n].copy_from_slice(&self.ready[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}
