//! Splits delimited text into records of fields, and counts lines.
//!
//! Does not know what a field means, nor its encoding.
//!
//! **Invariant**: a record's line is that of its first byte, however lines end and however many empty lines come before
//! it. A record is never longer than [`LONGEST`], and text with an unclosed quote is not a record.

use std::io::{self, BufRead};
use std::path::Path;

use super::delimited::Dialect;
use crate::DataError;

/// The most bytes in a record. A longer one is mostly the rest of a file after an unclosed quote.
pub(crate) const LONGEST: usize = 1 << 25;
/// The most fields in a record.
const MOST_FIELDS: usize = 1 << 20;

/// Why a record can't be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The file can't be read further.
    Io(io::Error),
    /// The text ends within quotes that open in the record at this line.
    Open(u64),
    /// The record at this line is too long.
    Long(u64),
}

impl Unread {
    /// The error, which names the file.
    pub(crate) fn of(self, path: &Path) -> DataError {
        let (reason, hint) = match self {
            Self::Io(error) => return DataError::io("read", path)(error),
            Self::Open(line) => (
                format!("a quote that opens in line {line} is never closed"),
                "close it; in a file of your own, `data.quote = \"none\"` makes quotes characters as any other",
            ),
            Self::Long(line) => (
                format!("what begins in line {line} is longer than {} MiB", LONGEST >> 20),
                "a quote may be open there, or an end of line may be missing",
            ),
        };
        DataError::Format { path: path.to_owned(), reason, hint: hint.to_owned() }
    }
}

/// The reader. Its memory is reused for each record.
pub(crate) struct Splitter {
    core: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    n_fields: usize,
    /// The line of the next byte, from 1.
    line: u64,
    /// The line of the record.
    record_line: u64,
    /// Line feeds within the record.
    n_feeds: u64,
    /// How many bytes have been read.
    position: u64,
}

impl Splitter {
    /// A splitter at the beginning of a text.
    pub(crate) fn new(dialect: Dialect) -> Self {
        let mut core =
            csv_core::ReaderBuilder::new().delimiter(dialect.delimiter).quoting(dialect.has_quotes()).build();
        // After this it does not remove a byte order mark: that is done where a text is opened.
        core.read_record(b"\n", &mut [0; 8], &mut [0; 2]);
        Self {
            core,
            text: vec![0; 256],
            ends: vec![0; 16],
            n_fields: 0,
            line: 1,
            record_line: 1,
            n_feeds: 0,
            position: 0,
        }
    }

    /// Skips a line that is not a record.
    pub(crate) fn skip_line(&mut self, text: &mut impl BufRead) -> io::Result<()> {
        loop {
            let ready = text.fill_buf()?;
            let end = memchr::memchr2(b'\n', b'\r', ready);
            let n = end.unwrap_or(ready.len());
            let is_over = end.is_some() || ready.is_empty();
            self.pass(n, 0);
            text.consume(n);
            if is_over {
                return Ok(());
            }
        }
    }

    /// Reads the next record; `false` if there is none. After an unclosed quote, what was read of the record is still
    /// available.
    pub(crate) fn read(&mut self, text: &mut impl BufRead) -> Result<bool, Unread> {
        // Empty lines are not records.
        loop {
            let ready = text.fill_buf().map_err(Unread::Io)?;
            let n = ready.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let is_over = n < ready.len() || ready.is_empty();
            self.pass(n, feeds(&ready[..n]));
            text.consume(n);
            if is_over {
                break;
            }
        }
        self.record_line = self.line;
        self.n_fields = 0;
        let mut n_text = 0;
        let (mut is_begun, mut is_ended, mut is_open) = (false, false, false);
        loop {
            let ready = text.fill_buf().map_err(Unread::Io)?;
            // At the end of the text, a line feed is tried: within quotes it is an ordinary character, which shows that
            // they are open.
            let is_probe = ready.is_empty() && is_begun && !is_open;
            let given = if is_probe { b"\n" } else { ready };
            let (result, n_in, n_out, n_ends) =
                self.core.read_record(given, &mut self.text[n_text..], &mut self.ends[self.n_fields..]);
            n_text += n_out;
            self.n_fields += n_ends;
            if is_probe {
                is_open = n_in > 0 && result == csv_core::ReadRecordResult::InputEmpty;
            } else if let Some(last) = ready[..n_in].last() {
                (is_begun, is_ended) = (true, *last == b'\n');
                let n_lines = feeds(&ready[..n_in]);
                self.pass(n_in, n_lines);
                text.consume(n_in);
            }
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull if n_text < LONGEST => {
                    self.text.resize(2 * self.text.len(), 0);
                }
                csv_core::ReadRecordResult::OutputEndsFull if self.n_fields < MOST_FIELDS => {
                    self.ends.resize(2 * self.ends.len(), 0);
                }
                csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull => {
                    return Err(Unread::Long(self.record_line));
                }
                csv_core::ReadRecordResult::Record if is_open => return Err(Unread::Open(self.record_line)),
                csv_core::ReadRecordResult::Record => {
                    self.n_feeds = self.line - self.record_line - u64::from(is_ended);
                    return Ok(true);
                }
                csv_core::ReadRecordResult::End => return Ok(false),
            }
        }
    }

    fn pass(&mut self, n_bytes: usize, n_lines: u64) {
        self.position += n_bytes as u64;
        self.line += n_lines;
    }

    /// How many fields the record has.
    pub(crate) fn len(&self) -> usize {
        self.n_fields
    }

    /// The field at a place, empty if there is none.
    pub(crate) fn get(&self, place: usize) -> &[u8] {
        if place >= self.n_fields {
            return &[];
        }
        &self.text[place.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[place]]
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.n_fields).map(|place| self.get(place))
    }

    /// The record's line, from 1.
    pub(crate) fn record_line(&self) -> u64 {
        self.record_line
    }

    /// How many line feeds the record has within it.
    pub(crate) fn n_feeds(&self) -> u64 {
        self.n_feeds
    }

    /// The line after the record, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes of text have been read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

fn feeds(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records' lines and fields.
    fn records(text: &str, capacity: usize) -> Vec<(u64, Vec<String>)> {
        let mut splitter = Splitter::new(Dialect::CSV);
        let mut text = io::BufReader::with_capacity(capacity, text.as_bytes());
        let mut records = Vec::new();
        while splitter.read(&mut text).unwrap() {
            let fields = splitter.fields().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect();
            records.push((splitter.record_line(), fields));
        }
        records
    }

    #[test]
    fn lines_are_those_of_the_first_byte_whatever_ends_them() {
        for capacity in [1, 2, 3, 100] {
            for end in ["\n", "\r\n"] {
                let text = ["a,b", "", "\"1", "2\",3", "", "", "4,\"5\"\"6\"", "7,8"].join(end);
                let lines: Vec<u64> = records(&text, capacity).iter().map(|(line, _)| *line).collect();
                assert_eq!(lines, [1, 3, 7, 8], "{end:?} {capacity}");
            }
            let read = records("a,b\r\n\"1\r\n2\",\r\n", capacity);
            assert_eq!(read[1], (2, vec!["1\r\n2".to_owned(), String::new()]));
        }
        assert!(records("\r\n\r\n", 1).is_empty());
        assert_eq!(records("a,\"b\"", 2), [(1, vec!["a".to_owned(), "b".to_owned()])]);
    }

    #[test]
    fn quotes_that_nothing_closes_are_an_error_with_their_line() {
        for capacity in [1, 3, 100] {
            for (text, line) in [("a,\"b", 1), ("a\n\"b\nc\n", 2), ("a\r\n1,\"\"\"\r\n", 2), ("\"", 1)] {
                let mut splitter = Splitter::new(Dialect::CSV);
                let mut reader = io::BufReader::with_capacity(capacity, text.as_bytes());
                let read = std::iter::from_fn(|| Some(splitter.read(&mut reader))).find(|read| read.is_err());
                assert!(matches!(read, Some(Err(Unread::Open(found))) if found == line), "{text:?}: {read:?}");
            }
            let mut splitter = Splitter::new(Dialect::CSV);
            let mut reader = io::BufReader::with_capacity(capacity, "1,\"a\nb\n\"\n2,c\n".as_bytes());
            let mut feeds = Vec::new();
            while splitter.read(&mut reader).unwrap() {
                feeds.push(splitter.n_feeds());
            }
            assert_eq!(feeds, [2, 0], "{capacity}");
        }
    }

    #[test]
    fn a_record_without_an_end_is_an_error_with_its_line() {
        let mut splitter = Splitter::new(Dialect::CSV);
        let mut endless = io::BufReader::new(io::Read::chain("a\nb".as_bytes(), io::repeat(b'x')));
        assert!(splitter.read(&mut endless).unwrap());
        assert!(matches!(splitter.read(&mut endless), Err(Unread::Long(2))));
    }
}
