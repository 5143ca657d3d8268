//! Reads a file in blocks, and cuts a block into parts that can be parsed in parallel.
//!
//! Does not know quotes: the reader of a part notices when a record goes beyond it.
//!
//! **Invariant**: without quotes, a part begins where a record ends, at the place where one reader of the whole text
//! would stand, so that line numbers are the same: after a line feed, or between a carriage return and its line feed,
//! and never among empty lines.

use std::io::{self, Read};

use crate::DataError;
use crate::records::{Layout, Text};

/// By what factor a block may grow while the end of a line is looked for.
const LONGEST: usize = 8;

/// A part of the text.
pub(super) struct Block {
    /// The bytes, followed by one that shows whether a record ended with them; the last block lacks that one.
    pub(super) text: Vec<u8>,
    /// How many bytes there are without that one.
    pub(super) end: usize,
    /// How many bytes of the file itself had been read by then.
    pub(super) position: u64,
}

/// Reads a file block by block.
pub(super) struct Blocks<'a> {
    layout: &'a Layout,
    text: Text,
    length: usize,
    /// Bytes that have been read and not returned yet.
    rest: Vec<u8>,
    is_over: bool,
}

impl<'a> Blocks<'a> {
    /// Blocks of about `length` bytes.
    pub(super) fn open(layout: &'a Layout, length: usize) -> Result<Self, DataError> {
        let mut text = Text::open(&layout.path, layout.is_own)?;
        let header = io::copy(&mut (&mut text).take(layout.start.0), &mut io::sink());
        header.map_err(DataError::io("read", &layout.path))?;
        Ok(Self { layout, text, length, rest: Vec::new(), is_over: false })
    }

    /// The next block, if there is one. `Some(None)`: a line is too long.
    pub(super) fn next(&mut self) -> Result<Option<Option<Block>>, DataError> {
        if self.is_over {
            return Ok(None);
        }
        let mut text = Vec::with_capacity(self.length + self.rest.len() + 1);
        text.append(&mut self.rest);
        while text.len() <= LONGEST * self.length {
            let wanted = (&mut self.text).take(self.length as u64);
            let n = { wanted }.read_to_end(&mut text).map_err(DataError::io("read", &self.layout.path))?;
            self.is_over = n < self.length;
            let end = if self.is_over { Some(text.len()) } else { last(&text) };
            if let Some(end) = end {
                if !self.is_over {
                    self.rest.extend_from_slice(&text[end..]);
                    text.truncate(end);
                    text.push(b'x');
                }
                return Ok(Some(Some(Block { text, end, position: self.text.position() })));
            }
        }
        Ok(Some(None))
    }
}

/// The parts of `text`, of `length` bytes or a little more.
pub(super) fn parts(text: &[u8], length: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut begin = 0;
    while begin < text.len() {
        let feeds = memchr::memchr_iter(b'\n', text.get(begin + length..).unwrap_or_default());
        let end = { feeds }.find_map(|at| place(text, begin + length + at)).unwrap_or(text.len());
        parts.push((begin, end));
        begin = end;
    }
    parts
}

/// The last place to cut at.
fn last(text: &[u8]) -> Option<usize> {
    memchr::memrchr_iter(b'\n', text).find_map(|at| place(text, at))
}

/// Where to cut at the line feed at `feed`; `None` if its line is empty.
fn place(text: &[u8], feed: usize) -> Option<usize> {
    let before = |n| feed.checked_sub(n).map_or(b'\n', |at| text[at]);
    let is_end = |byte| matches!(byte, b'\n' | b'\r');
    match before(1) {
        b'\n' => None,
        b'\r' if is_end(before(2)) => None,
        b'\r' => Some(feed),
        _ => Some(feed + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_behind_a_line_and_never_among_empty_ones() {
        let cut =
            |text: &str| parts(text.as_bytes(), 1).iter().map(|&(a, b)| text[a..b].to_owned()).collect::<Vec<_>>();
        assert_eq!(cut("a,b\nc\n\n\nd\ne"), ["a,b\n", "c\n", "\n\nd\n", "e"]);
        assert_eq!(cut("a\r\nbc\r\n\r\nd\r\n"), ["a\r", "\nbc\r", "\n\r\nd\r", "\n"]);
        assert_eq!(cut("\n\n"), ["\n\n"]);
        assert_eq!(last(b"a\nb"), Some(2));
        assert_eq!(last(b"a\n\n"), Some(2));
        assert_eq!(last(b"abc"), None);
    }
}
