//! Damages bytes: anywhere, or in the pages and the footer of a Parquet file.
//!
//! Does not know who reads them.
//!
//! **Invariant**: the same chance damages the same bytes in the same way.

use super::chance::Chance;

/// Numbers at the edges of what a length can be, as Thrift writes them.
const LENGTHS: [&[u8]; 6] = [
    &[0],
    &[1],
    &[0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// What ends a Parquet file: four bytes of the footer's length, and a mark.
const PARQUET_END: usize = 8;

/// Damages `bytes` in one to four places.
pub(super) fn damaged(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    for _ in 0..=chance.below(4) {
        damage(&mut bytes, chance);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) {
    if bytes.is_empty() {
        bytes.push(chance.draw() as u8);
        return;
    }
    let at = chance.below(bytes.len());
    let some = at..bytes.len().min(at + 1 + chance.below(64));
    match chance.below(9) {
        0 | 1 => bytes[at] ^= 1 << chance.below(8),
        2 => bytes[at] = chance.draw() as u8,
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(some)),
        5 => {
            let copy = bytes[some].to_vec();
            let to = chance.below(bytes.len());
            bytes.splice(to..to, copy);
        }
        6 => bytes[some].fill(*chance.pick(&[&0, &0xff, &b'"', &b'\n'])),
        7 => {
            // A piece over another one of the same length: a page where a page was.
            let copy = bytes[some].to_vec();
            let to = chance.below(bytes.len() - copy.len() + 1);
            bytes[to..to + copy.len()].copy_from_slice(&copy);
        }
        _ => {
            let new: Vec<u8> = (0..=chance.below(16)).map(|_| chance.draw() as u8).collect();
            bytes.splice(at..at, new);
        }
    }
}

/// Damages a Parquet file: anywhere, or in its footer, whose length is then made to fit again.
pub(super) fn damaged_parquet(bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    let Some((footer, end)) = footer(&bytes) else { return damaged(bytes, chance) };
    let (before, after) = (bytes[..footer].to_vec(), bytes[end..].to_vec());
    let mut inside = bytes[footer..end].to_vec();
    match chance.below(6) {
        0 => damaged(bytes, chance),
        // Pages alone, so that the footer is still read.
        1 | 2 => {
            let mut pages = before;
            for _ in 0..=chance.below(3) {
                let at = chance.below(pages.len());
                let some = at..pages.len().min(at + 1 + chance.below(32));
                match chance.below(4) {
                    0 => pages[at] ^= 1 << chance.below(8),
                    1 => pages[some].fill(0xff),
                    2 => {
                        let number = LENGTHS[chance.below(LENGTHS.len())];
                        let to = pages.len().min(at + number.len());
                        pages[at..to].copy_from_slice(&number[..to - at]);
                    }
                    _ => {
                        let copy = pages[some].to_vec();
                        let to = chance.below(pages.len() - copy.len() + 1);
                        pages[to..to + copy.len()].copy_from_slice(&copy);
                    }
                }
            }
            [pages, inside, after].concat()
        }
        // The footer's length itself.
        3 => {
            let mut after = after;
            let length = match chance.below(3) {
                0 => chance.draw() as u32,
                1 => (inside.len() as u32).wrapping_add(chance.below(9) as u32).wrapping_sub(4),
                _ => *chance.pick(&[&0, &1, &u32::MAX, &(i32::MAX as u32)]),
            };
            after[..4].copy_from_slice(&length.to_le_bytes());
            [before, inside, after].concat()
        }
        // Numbers in the footer, whose lengths may change.
        _ => {
            for _ in 0..=chance.below(3) {
                let at = chance.below(inside.len());
                match chance.below(3) {
                    0 => inside[at] ^= 1 << chance.below(8),
                    1 => {
                        let number = LENGTHS[chance.below(LENGTHS.len())];
                        inside.splice(at..=at, number.iter().copied());
                    }
                    _ => damage(&mut inside, chance),
                }
            }
            let length = (inside.len() as u32).to_le_bytes();
            [&before[..], &inside, &length, &after[4.min(after.len())..]].concat()
        }
    }
}

/// Where a Parquet file's footer begins and ends.
fn footer(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.len().checked_sub(PARQUET_END)?;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().ok()?);
    let begin = end.checked_sub(usize::try_from(length).ok()?)?;
    (begin > 4 && begin < end).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_changes_bytes_and_follows_from_chance() {
        let sound: Vec<u8> = [b"PAR1".as_slice(), &[7; 200], &[9; 50], &50_u32.to_le_bytes(), b"PAR1"].concat();
        assert_eq!(footer(&sound), Some((204, 254)));
        for how in [damaged, damaged_parquet] {
            let made = |number| how(sound.clone(), &mut Chance::new(1, "bytes", number));
            assert!((0..500).all(|number| made(number) == made(number)));
            // Some damage is none: a page over an equal one.
            assert!((0..500).filter(|&number| made(number) != sound).count() > 350);
        }
        assert!(!damaged(Vec::new(), &mut Chance::new(1, "bytes", 0)).is_empty());
        assert_eq!(footer(b"PAR1"), None);
    }
}
