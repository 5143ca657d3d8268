//! Collects what has been learned from the rows read so far.
//!
//! Does not know how rows are read. **Invariant**: it grows row by row, in the file's order.

use super::ids::Ids;
use super::rejects::RejectLog;

/// All that later steps need, except the duplicates.
pub(super) struct Known {
    pub(super) users: Ids,
    pub(super) items: Ids,
    pub(super) rejects: RejectLog,
    /// Data rows, bad ones included.
    pub(super) n_rows: u64,
    /// Rows before the first of events, once there is one.
    pub(super) n_before: Option<u64>,
    /// Rows of users who were erased.
    pub(super) n_erased: u64,
    /// Good rows.
    pub(super) n_kept: u64,
    /// The lowest and the highest rating.
    pub(super) observed: Option<(f32, f32)>,
    /// The lowest number of a user and of an item that a good row names; those that files list are numbered first.
    pub(super) lowest: [u32; 2],
}

impl Known {
    /// Before any rating: only what files about users and items say.
    pub(super) fn new(users: Ids, items: Ids, rejects: RejectLog) -> Self {
        let (n_before, lowest) = (None, [u32::MAX; 2]);
        Self { users, items, rejects, n_rows: 0, n_before, n_erased: 0, n_kept: 0, observed: None, lowest }
    }

    /// Notes the numbers of a user and an item, or the lowest of several.
    pub(super) fn meet(&mut self, numbers: [u32; 2]) {
        self.lowest = [0, 1].map(|of| self.lowest[of].min(numbers[of]));
    }

    /// Notes a rating.
    #[inline]
    pub(super) fn observe(&mut self, rating: f32) {
        let (min, max) = self.observed.unwrap_or((rating, rating));
        self.observed = Some((min.min(rating), max.max(rating)));
    }
}
