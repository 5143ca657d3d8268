//! Tells whether any pair of user and item occurs twice.
//!
//! Does not know where, nor which row would stay: that takes three times the memory, and is rarely needed.
//!
//! **Invariant**: as for [`Dedupe`](super::Dedupe), memory is bounded by a partition for each core.

use std::path::Path;

use super::spill::{self, BUFFER, Spill};
use crate::DataError;

const KEY: usize = 8;

/// Pairs of user and item.
pub(in crate::ingest) struct Keys(Spill<KEY>);

impl Keys {
    /// Spills into `dir` once its buffers are full.
    pub(in crate::ingest) fn new(dir: &Path) -> Self {
        Self::with_buffer(dir, BUFFER)
    }

    pub(super) fn with_buffer(dir: &Path, buffer: usize) -> Self {
        Self(Spill::new(dir, buffer))
    }

    /// Remembers a pair.
    #[inline]
    pub(in crate::ingest) fn push(&mut self, user: u32, item: u32) -> Result<(), DataError> {
        self.0.push(user, &spill::key(user, item))
    }

    /// Whether a pair has been pushed twice.
    pub(in crate::ingest) fn any_repeats(self) -> Result<bool, DataError> {
        let found = self.0.finish(|bytes| {
            let mut keys: Vec<u64> = bytes.as_chunks().0.iter().map(|key| u64::from_le_bytes(*key)).collect();
            drop(bytes);
            keys.sort_unstable();
            keys.windows(2).any(|pair| pair[0] == pair[1])
        })?;
        Ok(found.contains(&true))
    }
}
