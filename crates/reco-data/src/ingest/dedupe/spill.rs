//! Spills records that are too many for memory to temporary files, partitioned by user.
//!
//! Does not know what is in a record beyond its length.
//!
//! **Invariant**: records of one user come back together, in the order in which they were pushed.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::DataError;

const N_PARTITIONS: usize = 64;
/// Bytes of a partition that are kept in memory before they are spilled.
pub(super) const BUFFER: usize = 1 << 18;

/// Records of so many bytes, in partitions by user.
pub(super) struct Spill<const RECORD: usize> {
    /// Where files are spilled to.
    dir: PathBuf,
    partitions: Vec<Partition>,
    buffer: usize,
}

#[derive(Default)]
struct Partition {
    buffer: Vec<u8>,
    spilled: Option<File>,
}

/// User and item in eight bytes.
pub(super) fn key(user: u32, item: u32) -> [u8; 8] {
    (u64::from(user) << 32 | u64::from(item)).to_le_bytes()
}

impl<const RECORD: usize> Spill<RECORD> {
    /// Spills into `dir`, whenever a partition has `buffer` bytes.
    pub(super) fn new(dir: &Path, buffer: usize) -> Self {
        let partitions = std::iter::repeat_with(Partition::default).take(N_PARTITIONS).collect();
        Self { dir: dir.to_owned(), partitions, buffer }
    }

    #[inline]
    pub(super) fn push(&mut self, user: u32, record: &[u8; RECORD]) -> Result<(), DataError> {
        // Users are numbered without gaps, so that the remainder spreads them evenly.
        let partition = &mut self.partitions[user as usize % N_PARTITIONS];
        partition.buffer.extend_from_slice(record);
        if partition.buffer.len() >= self.buffer { partition.spill(&self.dir) } else { Ok(()) }
    }

    /// Applies `look` to each partition on all cores; the results are in order.
    pub(super) fn finish<T: Send>(self, look: impl Fn(Vec<u8>) -> T + Sync) -> Result<Vec<T>, DataError> {
        let Self { dir, partitions, .. } = self;
        partitions.into_par_iter().map(|partition| partition.bytes(&dir).map(&look)).collect()
    }
}

impl Partition {
    fn spill(&mut self, dir: &Path) -> Result<(), DataError> {
        let file = match &mut self.spilled {
            Some(file) => file,
            None => self.spilled.insert(tempfile::tempfile_in(dir).map_err(DataError::io("create a file in", dir))?),
        };
        file.write_all(&self.buffer).map_err(DataError::io("write to a file in", dir))?;
        self.buffer.clear();
        Ok(())
    }

    fn bytes(self, dir: &Path) -> Result<Vec<u8>, DataError> {
        let Some(mut file) = self.spilled else { return Ok(self.buffer) };
        let length = file.stream_position().map_err(DataError::io("read a file in", dir))?;
        let mut bytes = Vec::with_capacity(length as usize + self.buffer.len());
        file.rewind().map_err(DataError::io("read a file in", dir))?;
        file.read_to_end(&mut bytes).map_err(DataError::io("read a file in", dir))?;
        bytes.extend_from_slice(&self.buffer);
        Ok(bytes)
    }
}
