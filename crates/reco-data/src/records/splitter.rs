//! Takes one record after another off a text with one character between fields, and counts lines.
//!
//! Does not know what a field means, nor its encoding.
//!
//! **Invariant**: a record's line is that of its first byte, whichever ends lines have and however many are empty
//! before it.

use std::io::{self, BufRead};

use super::delimited::Dialect;

/// The reader. Its memory is used again for each record.
pub(crate) struct Splitter {
    core: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    n_fields: usize,
    /// The line of the next byte, from 1.
    line: u64,
    /// The line of the record.
    record_line: u64,
    /// Bytes that lie behind.
    position: u64,
}

impl Splitter {
    /// At the beginning of a text.
    pub(crate) fn new(dialect: Dialect) -> Self {
        let mut core =
            csv_core::ReaderBuilder::new().delimiter(dialect.delimiter).quoting(dialect.has_quotes()).build();
        // From here on it takes no byte order mark off: who opens a text has done that.
        core.read_record(b"\n", &mut [0; 8], &mut [0; 2]);
        Self { core, text: vec![0; 256], ends: vec![0; 16], n_fields: 0, line: 1, record_line: 1, position: 0 }
    }

    /// Takes the next record; `false` if there is none.
    pub(crate) fn read(&mut self, text: &mut impl BufRead) -> io::Result<bool> {
        // Empty lines are no records.
        loop {
            let ready = text.fill_buf()?;
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
        loop {
            let ready = text.fill_buf()?;
            let (result, n_in, n_out, n_ends) =
                self.core.read_record(ready, &mut self.text[n_text..], &mut self.ends[self.n_fields..]);
            let n_lines = feeds(&ready[..n_in]);
            self.pass(n_in, n_lines);
            text.consume(n_in);
            n_text += n_out;
            self.n_fields += n_ends;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                csv_core::ReadRecordResult::Record => return Ok(true),
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

    /// The line behind the record, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes of text lie behind.
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
        assert_eq!(records("a,\"b", 2), [(1, vec!["a".to_owned(), "b".to_owned()])]);
    }
}
