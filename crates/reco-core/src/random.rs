//! Random numbers that follow from a seed and a key alone: hashes of both.
//!
//! Ids are hashed by MD5, which every SQL engine has, row numbers by XXH3-64, which is faster. Does not know
//! other keys: each has its own draw, or its own sequence of draws.
//!
//! **Invariant**: the draw for one (seed, user, item), or one (seed, user), is the same in any order and on any thread
//! count; an SQL engine orders `md5(seed || ':' || user || ':' || item)` as the draws by MD5 are ordered.

use std::fmt::{self, Write};

use md5::{Digest, Md5};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{ItemId, ItemIdx, UserId, UserIdx};

/// The first 16 hexadecimal digits of `md5("{seed}:{user}:{item}")` as a number, ids as the file writes them (UTF-8).
///
/// Numbers are ordered as the digits are, compared as lower-case text.
pub fn keyed_hash(seed: u64, user: &UserId, item: &ItemId) -> u64 {
    keyed_hashes(seed, user)(item)
}

/// [`keyed_hash`] of many items of one user, whose id is written and hashed once.
pub fn keyed_hashes(seed: u64, user: &UserId) -> impl Fn(&ItemId) -> u64 {
    let of_user = Hasher::default().and(format_args!("{seed}:{user}:"));
    move |item| of_user.clone().and(format_args!("{item}")).number()
}

/// The first 16 hexadecimal digits of `md5("{seed}:{user}")` as a number, the id as the file writes it (UTF-8): a draw
/// for all rows of a user.
pub fn keyed_user_hash(seed: u64, user: &UserId) -> u64 {
    Hasher::default().and(format_args!("{seed}:{user}")).number()
}

/// Hashes formatted text piece by piece, without allocating it.
#[derive(Clone, Default)]
struct Hasher(Md5);

impl Hasher {
    fn and(mut self, text: fmt::Arguments<'_>) -> Self {
        self.write_fmt(text).expect("numbers and ids can be formatted");
        self
    }

    fn number(self) -> u64 {
        let [first @ .., _, _, _, _, _, _, _, _]: [u8; 16] = self.0.finalize().into();
        u64::from_be_bytes(first)
    }
}

impl Write for Hasher {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.update(piece);
        Ok(())
    }
}

/// XXH3-64, seeded with `seed`, of the two row numbers, four little-endian bytes each.
pub fn keyed_row_hash(seed: u64, user: UserIdx, item: ItemIdx) -> u64 {
    keyed_pair(seed, user.get(), item.get())
}

/// XXH3-64, seeded with `seed`, of a user's row number and the number of a draw for that user, four little-endian bytes
/// each.
pub fn keyed_draw(seed: u64, user: UserIdx, draw: u32) -> u64 {
    keyed_pair(seed, user.get(), draw)
}

fn keyed_pair(seed: u64, a: u32, b: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&a.to_le_bytes());
    bytes[4..].copy_from_slice(&b.to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

/// An endless sequence of standard normal numbers for row `row` of the table numbered `table`: those of [`Draws`].
pub fn normals(seed: u64, table: u32, row: u32) -> impl Iterator<Item = f32> {
    let mut draws = Draws::new(seed, table, row);
    std::iter::from_fn(move || Some(draws.normal() as f32))
}

/// An endless sequence of random numbers, 64 bits each, that starts behind a state: Steele, Lea, Flood 2014, "Fast
/// Splittable Pseudorandom Number Generators".
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number, in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        unit_interval(self.draw())
    }
}

/// An endless sequence of random numbers for row `row` of the table numbered `table`: [`SplitMix64`],
/// which starts at XXH3-64, seeded with `seed`, of the two numbers, four little-endian bytes each. The same bits on
/// every platform.
#[derive(Clone, Debug)]
pub struct Draws {
    numbers: SplitMix64,
    /// The second of a pair of normal numbers.
    spare: Option<f64>,
}

impl Draws {
    /// The sequence of row `row` of the table numbered `table`.
    pub fn new(seed: u64, table: u32, row: u32) -> Self {
        Self { numbers: SplitMix64(keyed_pair(seed, table, row)), spare: None }
    }

    /// Where the sequence is, for [`Draws::from_state`].
    pub fn state(&self) -> (u64, Option<f64>) {
        (self.numbers.0, self.spare)
    }

    /// The rest of a sequence.
    pub fn from_state((numbers, spare): (u64, Option<f64>)) -> Self {
        Self { numbers: SplitMix64(numbers), spare }
    }

    /// A number in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.numbers.uniform()
    }

    /// A standard normal number: Box and Muller (1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // `1.0 - uniform()` is above 0, so that it has a logarithm.
        let length = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sine, cosine) = libm::sincos(std::f64::consts::TAU * self.uniform());
        self.spare = Some(length * sine);
        length * cosine
    }

    /// A number of the gamma distribution with this `shape`, from 1/3, and rate 1: Marsaglia and Tsang (2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        loop {
            let normal = self.normal();
            let root = 1.0 + normal / (9.0 * d).sqrt();
            let cube = root * root * root;
            // The logarithm of what is not above 0 is not a number, and accepts nothing.
            if libm::log(1.0 - self.uniform()) < 0.5 * normal * normal + d * (1.0 - cube + libm::log(cube)) {
                return d * cube;
            }
        }
    }
}

/// A hash as a number in [0, 1), from its upper 53 bits.
pub fn unit_interval(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_their_authors() {
        let mut numbers = SplitMix64(0);
        assert_eq!([numbers.draw(), numbers.draw()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn the_hash_is_pinned_and_spreads() {
        // `SELECT md5('42:1:1193')`, and `hashlib.md5(b"42:1:1193").hexdigest()` in Python, begin with these digits.
        assert_eq!(format!("{:016x}", keyed_hash(42, &1.into(), &1193.into())), "5a22c251ec0bb2c2");
        assert_eq!(format!("{:016x}", keyed_user_hash(42, &UserId::parse("ann"))), "bdbd4c22342ecce3");
        assert_ne!(keyed_user_hash(42, &7.into()), keyed_hash(42, &7.into(), &ItemId::parse("")));
        let mean = (0..1000).map(|i| unit_interval(keyed_hash(0, &1.into(), &ItemId::from(i)))).sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        let drawn: Vec<f64> = normals(1, 0, 7).take(10_000).map(f64::from).collect();
        let moment = |power: i32| drawn.iter().map(|x| x.powi(power)).sum::<f64>() / drawn.len() as f64;
        let found = [moment(1), moment(2) - 1.0, moment(3), moment(4) - 3.0];
        assert!(found.iter().zip([0.05, 0.05, 0.15, 0.4]).all(|(found, off)| found.abs() < off), "{found:?}");
        assert!(
            normals(1, 1, 7).next() != normals(1, 0, 7).next() && normals(1, 0, 8).next() != normals(1, 0, 7).next()
        );
        let mut draws = Draws::new(1, 0, 7);
        for shape in [1.0, 2.5, 60.0] {
            let drawn: Vec<f64> = (0..10_000).map(|_| draws.gamma(shape)).collect();
            let mean = drawn.iter().sum::<f64>() / 10_000.0;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 10_000.0;
            assert!((mean / shape - 1.0).abs() < 0.05 && (variance / shape - 1.0).abs() < 0.1, "{mean} {variance}");
        }
        assert_eq!(unit_interval(0), 0.0);
        assert!(unit_interval(u64::MAX) < 1.0);
    }
}
