//! Which rows does chance choose?
//!
//! Does not know streams or positions: every draw is a hash of what it is drawn for.
//!
//! **Invariant**: the draw for one (seed, user, item), or one (seed, user), is the same in any order, on any thread count,
//! in any engine that has XXH3.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{ItemId, ItemIdx, UserId, UserIdx};

/// XXH3-64, seeded with `seed`, of `user`, a zero byte and `item`, each as the file writes it (UTF-8).
pub fn keyed_hash(seed: u64, user: &UserId, item: &ItemId) -> u64 {
    xxh3_64_with_seed(format!("{user}\0{item}").as_bytes(), seed)
}

/// XXH3-64, seeded with `seed`, of `user` as the file writes it (UTF-8): a draw for all that the user did.
pub fn keyed_user_hash(seed: u64, user: &UserId) -> u64 {
    xxh3_64_with_seed(user.to_string().as_bytes(), seed)
}

/// XXH3-64, seeded with `seed`, of the two row numbers, four little-endian bytes each.
pub fn keyed_row_hash(seed: u64, user: UserIdx, item: ItemIdx) -> u64 {
    keyed_pair(seed, user.get(), item.get())
}

/// XXH3-64, seeded with `seed`, of a user's row number and the number of a draw for that user, four little-endian bytes each.
pub fn keyed_draw(seed: u64, user: UserIdx, draw: u32) -> u64 {
    keyed_pair(seed, user.get(), draw)
}

fn keyed_pair(seed: u64, a: u32, b: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&a.to_le_bytes());
    bytes[4..].copy_from_slice(&b.to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

/// A hash as a number in [0, 1), from its upper 53 bits.
pub fn unit_interval(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_pinned_and_spreads() {
        // `xxhash.xxh3_64_intdigest(b"1\x001193", seed=42)` in Python gives the same number.
        assert_eq!(keyed_hash(42, &1.into(), &1193.into()), xxh3_64_with_seed(b"1\x001193", 42));
        assert_eq!(keyed_user_hash(42, &7.into()), xxh3_64_with_seed(b"7", 42));
        assert_ne!(keyed_user_hash(42, &7.into()), keyed_hash(42, &7.into(), &ItemId::parse("")));
        let mean = (0..1000).map(|i| unit_interval(keyed_hash(0, &1.into(), &ItemId::from(i)))).sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        assert_eq!(unit_interval(0), 0.0);
        assert!(unit_interval(u64::MAX) < 1.0);
    }
}
