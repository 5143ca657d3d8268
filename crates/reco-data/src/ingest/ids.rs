//! Which number does an id get?
//!
//! Does not know what the ids are of.
//!
//! **Invariant**: numbers are given in the order of first appearance, from 0, without gaps.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use reco_core::RawId;
use xxhash_rust::xxh3::xxh3_64;

/// Ids and their numbers. Integers are looked up without being copied or allocated.
#[derive(Default)]
pub(super) struct Ids {
    numbers: HashMap<i64, u32, BuildHasherDefault<IdHasher>>,
    texts: HashMap<Box<str>, u32, BuildHasherDefault<IdHasher>>,
    ids: Vec<RawId>,
}

impl Ids {
    /// The id's number, and whether it was given just now.
    pub(super) fn intern(&mut self, text: &str) -> (u32, bool) {
        let starts_as_number = text.as_bytes().first().is_some_and(|&byte| byte.is_ascii_digit() || byte == b'-');
        let next = u32::try_from(self.ids.len()).expect("four thousand million ids do not fit into memory");
        let id = if starts_as_number { RawId::parse(text) } else { RawId::Text(text.into()) };
        let number = match &id {
            RawId::Integer(number) => *self.numbers.entry(*number).or_insert(next),
            RawId::Text(text) => match self.texts.get(text) {
                Some(&number) => number,
                None => *self.texts.entry(text.clone()).or_insert(next),
            },
        };
        let new = number == next;
        if new {
            self.ids.push(id);
        }
        (number, new)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether all are integers.
    pub(super) fn are_integers(&self) -> bool {
        self.texts.is_empty()
    }

    /// The ids by their numbers.
    pub(super) fn into_ids(self) -> Vec<RawId> {
        self.ids
    }
}

/// Hashes an integer by one multiplication, and bytes by XXH3: ids are looked up for every row of every file.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= xxh3_64(bytes);
    }

    fn write_u8(&mut self, _end_of_text: u8) {}

    fn write_i64(&mut self, number: i64) {
        let product = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_first_appearance() {
        let mut ids = Ids::default();
        let given: Vec<_> = ["7", "-1", "7", "0"].map(|id| ids.intern(id)).into();
        assert_eq!(given, [(0, true), (1, true), (0, false), (2, true)]);
        assert!(ids.are_integers());
        assert_eq!(ids.intern("07"), (3, true));
        assert_eq!(ids.intern("b"), (4, true));
        assert_eq!(ids.intern("07"), (3, false));
        assert!(!ids.are_integers());
        assert_eq!(ids.len(), 5);
        assert_eq!(ids.into_ids()[3], RawId::Text("07".into()));
    }
}
