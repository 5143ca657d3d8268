//! Detects the encoding of a text.
//!
//! Does not know fields.
//!
//! **Invariant**: text that is UTF-8 except for a few bytes stays UTF-8: its other letters are never read as something
//! else.

use super::delimitation::Head;
use crate::Obstacle;
use crate::config::Encoding;
use crate::records::{Bytes, Text};

/// Detects the encoding of the bytes.
pub(super) fn encoding(head: &Head, text: &Text, stated: Encoding, obstacles: &mut Vec<Obstacle>) -> Bytes {
    let mut refuse = |what: String, hint: &str| obstacles.push(Obstacle { what, hint: hint.to_owned() });
    match stated {
        Encoding::Windows1252 if text.has_mark => {
            refuse("it begins with the mark of UTF-8 or UTF-16".to_owned(), "`data.encoding = \"auto\"`");
        }
        Encoding::Windows1252 => return Bytes::Windows1252,
        Encoding::Utf16 if !text.is_utf16 => refuse(
            "it does not begin with the mark of UTF-16".to_owned(),
            "`data.encoding = \"auto\"`, or convert it, e.g. `iconv -f UTF-16LE -t UTF-8`",
        ),
        Encoding::Utf8 if text.is_utf16 => refuse("it is UTF-16".to_owned(), "`data.encoding = \"auto\"`"),
        Encoding::Auto if head.bytes.contains(&0) => refuse(
            "it has bytes of zero, as UTF-16 without a mark has, and what is no text".to_owned(),
            "convert it, e.g. `iconv -f UTF-16LE -t UTF-8`",
        ),
        Encoding::Auto => {
            let wrong = match std::str::from_utf8(&head.bytes) {
                Ok(_) => return Bytes::Utf8,
                // The head may end within a character.
                Err(error) if error.error_len().is_none() && !head.is_whole => return Bytes::Utf8,
                Err(error) => error.valid_up_to(),
            };
            let line = 1 + head.bytes[..wrong].iter().filter(|byte| **byte == b'\n').count();
            let (n_letters, n_wrong) = of_utf8(&head.bytes);
            if n_letters >= n_wrong {
                // Rows with invalid bytes are refused later.
                return Bytes::Utf8;
            }
            if n_letters > 0 {
                refuse(
                    format!("line {line} is not UTF-8, and other lines are"),
                    "`data.encoding = \"utf-8\"` if they are, or `data.encoding = \"windows-1252\"`",
                );
            } else if is_western(&head.bytes) {
                return Bytes::Windows1252;
            } else {
                refuse(
                    format!("line {line} is not UTF-8, and does not look like Windows-1252 either"),
                    "`data.encoding = \"windows-1252\"` if it is, or convert it, e.g. `iconv -f SHIFT_JIS -t UTF-8`",
                );
            }
        }
        Encoding::Utf8 | Encoding::Utf16 => {}
    }
    Bytes::Utf8
}

/// How many letters beyond ASCII are valid UTF-8, and at how many places bytes are not.
fn of_utf8(bytes: &[u8]) -> (usize, usize) {
    bytes.utf8_chunks().fold((0, 0), |(n_letters, n_wrong), chunk| {
        let letters = chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        (n_letters + letters, n_wrong + usize::from(!chunk.invalid().is_empty()))
    })
}

/// Whether bytes beyond ASCII are letters that stand alone or in pairs, as in Western European languages; in other
/// alphabets they form whole words.
fn is_western(bytes: &[u8]) -> bool {
    bytes.split(u8::is_ascii).all(|run| {
        let is_letter = |byte: &u8| {
            *byte >= 0xc0
                || matches!(byte, 0x80 | 0x8a | 0x8c | 0x8e | 0x91..=0x97 | 0x9a | 0x9c | 0x9e | 0x9f | 0xa0..=0xbf)
        };
        run.len() <= 2 && run.iter().all(is_letter)
    })
}
