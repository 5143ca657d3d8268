//! Opens a text file, compressed with gzip or not, as UTF-8.
//!
//! Does not know lines or fields. Windows-1252 and Latin-1 pass through unchanged: fields can be split at their
//! separators without being decoded.
//!
//! **Invariant**: a byte order mark is never part of what is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};
use flate2::bufread::MultiGzDecoder;

use super::splitter::{LONGEST, Unread};
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
            [0xff, 0xfe, ..] => Some(UTF_16LE),
            [0xfe, 0xff, ..] => Some(UTF_16BE),
            _ => None,
        };
        let has_mark = utf16.is_some() || beginning.starts_with(&MARK);
        match utf16 {
            Some(_) if !may_be_utf16 => return Err(DataError::Utf16 { path: path.to_owned() }),
            Some(encoding) => {
                reader.consume(2);
                let decoder = encoding.new_decoder_without_bom_handling();
                reader = Box::new(BufReader::with_capacity(BUFFER, Utf16 { reader, decoder, is_over: false }));
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

/// The lines of a text that are not empty.
pub(super) struct Lines {
    path: PathBuf,
    text: Text,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// As [`Text::open`].
    pub(super) fn open(path: &Path, may_be_utf16: bool) -> Result<Self, DataError> {
        Ok(Self { path: path.to_owned(), text: Text::open(path, may_be_utf16)?, line: Vec::new(), number: 0 })
    }

    /// The bytes that come next.
    pub(super) fn beginning(&mut self) -> Result<&[u8], DataError> {
        self.text.fill_buf().map_err(DataError::io("read", &self.path))
    }

    /// The next line with its end, and its number from 1; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, DataError> {
        loop {
            self.line.clear();
            let n = (&mut self.text).take(LONGEST as u64 + 1).read_until(b'\n', &mut self.line);
            self.number += 1;
            match n.map_err(DataError::io("read", &self.path))? {
                0 => return Ok(None),
                n if n > LONGEST => return Err(Unread::Long(self.number).of(&self.path)),
                _ if self.line.trim_ascii().is_empty() => {}
                _ => return Ok(Some((self.number, &self.line))),
            }
        }
    }

    /// As [`Text::position`].
    pub(super) fn position(&self) -> u64 {
        self.text.position()
    }
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
    decoder: Decoder,
    is_over: bool,
}

impl<R: BufRead> Read for Utf16<R> {
    /// `buffer` has room for a character at least: it is that of a [`BufReader`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n_written = 0;
        while n_written == 0 && !self.is_over {
            let text = self.reader.fill_buf()?;
            let is_last = text.is_empty();
            let (result, n_read, n) = self.decoder.decode_to_utf8_without_replacement(text, buffer, is_last);
            self.reader.consume(n_read);
            n_written = n;
            match result {
                DecoderResult::Malformed(..) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "its UTF-16 is damaged"));
                }
                DecoderResult::InputEmpty => self.is_over = is_last,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(n_written)
    }
}
