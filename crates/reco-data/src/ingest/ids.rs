//! Assigns a number to each id.
//!
//! Does not know what the ids are of.
//!
//! **Invariant**: numbers are given in the order of first appearance, from 0, without gaps.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use reco_core::RawId;
use xxhash_rust::xxh3::xxh3_64;

use crate::records::cut;

/// Integers below this are looked up in a table, which takes a tenth of a hash map's time and at most 16 MiB.
const DENSE: usize = 1 << 22;

/// Ids and their numbers. Integers are looked up without being copied or allocated.
#[derive(Default)]
pub(super) struct Ids {
    /// For each integer from 0 to below [`DENSE`], its number plus one; 0 where it has none yet.
    dense: Vec<u32>,
    /// The numbers of other integers.
    numbers: HashMap<i64, u32, BuildHasherDefault<IdHasher>>,
    texts: HashMap<Box<str>, u32, BuildHasherDefault<IdHasher>>,
    ids: Vec<RawId>,
}

impl Ids {
    /// The id's number, and whether it is new.
    pub(super) fn intern(&mut self, text: &str) -> (u32, bool) {
        let starts_as_number = text.as_bytes().first().is_some_and(|&byte| byte.is_ascii_digit() || byte == b'-');
        if starts_as_number && let RawId::Integer(id) = RawId::parse(text) {
            return self.intern_integer(id);
        }
        if let Some(&number) = self.texts.get(text) {
            return (number, false);
        }
        let next = self.next();
        self.texts.insert(text.into(), next);
        self.ids.push(RawId::Text(text.into()));
        (next, true)
    }

    /// Like [`Ids::intern`], for an id that is an integer.
    #[inline]
    pub(super) fn intern_integer(&mut self, id: i64) -> (u32, bool) {
        let next = self.next();
        let number = match usize::try_from(id) {
            Ok(place) if place < DENSE => {
                if place >= self.dense.len() {
                    self.dense.resize((place + 1).next_power_of_two(), 0);
                }
                let number = &mut self.dense[place];
                if *number == 0 {
                    *number = next + 1;
                }
                *number - 1
            }
            _ => *self.numbers.entry(id).or_insert(next),
        };
        let is_new = number == next;
        if is_new {
            self.ids.push(RawId::Integer(id));
        }
        (number, is_new)
    }

    #[inline]
    fn next(&self) -> u32 {
        let next = u32::try_from(self.ids.len()).ok().filter(|next| *next < u32::MAX);
        next.expect("four thousand million ids do not fit into memory")
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id of a number, as messages show it.
    pub(super) fn shown(&self, number: usize) -> String {
        self.ids.get(number).map(|id| cut(&id.to_string()).into_owned()).unwrap_or_default()
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
    fn small_and_large_integers_are_told_apart() {
        let mut ids = Ids::default();
        let dense = i64::try_from(DENSE).unwrap();
        for (number, id) in (0..).zip([dense, dense - 1, i64::MIN, i64::MAX, 0, -1]) {
            assert_eq!(ids.intern_integer(id), (number, true));
            assert_eq!(ids.intern(&id.to_string()), (number, false));
        }
    }

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
