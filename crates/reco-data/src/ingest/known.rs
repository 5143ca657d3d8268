//! What has been learned from the rows that were read?
//!
//! Does not know how rows are read. **Invariant**: it grows row by row, in the file's order.

use super::ids::Ids;
use super::rejects::RejectLog;

/// All that later steps need, but for what gives way.
pub(super) struct Known {
    pub(super) users: Ids,
    pub(super) items: Ids,
    pub(super) rejects: RejectLog,
    /// Data rows, bad ones included.
    pub(super) n_rows: u64,
    /// Good ones.
    pub(super) n_kept: u64,
    /// The lowest and the highest rating.
    pub(super) observed: Option<(f32, f32)>,
}

impl Known {
    /// Notes a rating.
    #[inline]
    pub(super) fn observe(&mut self, rating: f32) {
        let (min, max) = self.observed.unwrap_or((rating, rating));
        self.observed = Some((min.min(rating), max.max(rating)));
    }
}
