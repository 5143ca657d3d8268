//! Writes records as TensorFlow's files have them: a length, the bytes, and a checksum of each.
//!
//! Does not know what a record says.
//!
//! **Invariant**: a record is written at once, so that whoever reads along finds whole ones.

use std::io::{self, Write};

/// A file of records.
pub(super) struct Records<W>(W);

impl<W: Write> Records<W> {
    /// Records that go to `to`.
    pub(super) fn new(to: W) -> Self {
        Self(to)
    }

    /// Writes one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let length = (record.len() as u64).to_le_bytes();
        let checksums = [masked(&length), masked(record)].map(u32::to_le_bytes);
        self.0.write_all(&[&length[..], &checksums[0], record, &checksums[1]].concat())?;
        self.0.flush()
    }
}

/// The checksum of `bytes`, turned and shifted, since a checksum of bytes that hold their checksum says little.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The cyclic redundancy check of Castagnoli (RFC 3720, appendix B.4); a crate would be larger than these lines.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8))
}

/// The remainder of each byte.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { (remainder >> 1) ^ 0x82f6_3b78 } else { remainder >> 1 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_of_the_standard() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (bytes, checksum) in [
            (&[0; 32][..], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
            (b"", 0),
        ] {
            assert_eq!(crc32c(bytes), checksum, "{bytes:?}");
        }
    }

    #[test]
    fn a_record_stands_between_its_length_and_its_checksum() {
        let mut file = Vec::new();
        let mut records = Records::new(&mut file);
        records.write(&[7; 24]).unwrap();
        records.write(b"").unwrap();
        // The first twelve bytes of every event file, whose first record has 24 bytes.
        assert_eq!(file[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(file[12..36], [7; 24]);
        assert_eq!(file[36..40], masked(&[7; 24]).to_le_bytes());
        assert_eq!(file[40..48], [0; 8]);
        assert_eq!(file.len(), 56);
        assert_eq!(file[52..], 0xa282_ead8_u32.to_le_bytes());
    }
}
