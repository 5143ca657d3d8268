//! Parses numbers from digits, eight at a time, by the method of Wojciech Muła and Daniel Lemire.
//!
//! Does not know signs, nor what ends a field. Source: "Number Parsing at a Gigabyte per Second", Software:
//! Practice and Experience 51 (8), 2021.
//!
//! **Invariant**: the result is what [`str::parse`] would give for the same digits, to the last bit; numbers too long
//! for an exact result are not read.

/// The most digits whose value any 64-bit integer holds.
const MOST: usize = 18;
/// The most digits whose value a single-precision number holds exactly.
const MOST_EXACT: usize = 7;
/// Powers of ten that a single-precision number holds exactly, as far as [`MOST_EXACT`] digits need them.
const TENS: [f32; MOST_EXACT + 1] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0];

/// The number that begins at `at`, and how many digits it has, at least one.
#[inline]
pub(super) fn integer(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (mut value, mut n) = eight(bytes, at);
    if n == 8 {
        loop {
            let (more, n_more) = eight(bytes, at + n);
            n += n_more;
            if n > MOST {
                return None;
            }
            value = value * 10_u64.pow(n_more as u32) + more;
            if n_more < 8 {
                break;
            }
        }
    }
    (n > 0).then_some((value.cast_signed(), n))
}

/// The number of stars that begins at `at`, digits with or without a `point` and further digits, and how many bytes it
/// has.
#[inline]
pub(super) fn stars(bytes: &[u8], at: usize, point: u8) -> Option<(f32, usize)> {
    let (whole, n_whole) = eight(bytes, at);
    if n_whole == 0 || n_whole > MOST_EXACT {
        return None;
    }
    if bytes.get(at + n_whole) != Some(&point) {
        return Some((whole as f32, n_whole));
    }
    let (part, n_part) = eight(bytes, at + n_whole + 1);
    if n_part == 0 || n_whole + n_part > MOST_EXACT {
        return None;
    }
    // Both are exact, so that the one division rounds as a parser has to (Clinger 1990).
    let all = whole * 10_u64.pow(n_part as u32) + part;
    Some((all as f32 / TENS[n_part], n_whole + 1 + n_part))
}

/// The value of the first digits at `at`, at most eight, and how many they are.
#[inline]
fn eight(bytes: &[u8], at: usize) -> (u64, usize) {
    let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
        let digits = bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
        return digits.fold((0, 0), |(value, n), digit| (value * 10 + u64::from(digit - b'0'), n + 1));
    };
    // A digit becomes 0 to 9; any other byte sets its highest bit in `others`. Carries reach later bytes only.
    let word = u64::from_le_bytes(*eight) ^ 0x3030_3030_3030_3030;
    let others = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
    let n = others.trailing_zeros() as usize / 8;
    if n == 0 {
        return (0, 0);
    }
    // Earlier digits stand in lower bytes: zeros come before them.
    let word = word << (64 - 8 * n);
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let (even, odd) = (pairs & 0x0000_00ff_0000_00ff, (pairs >> 16) & 0x0000_00ff_0000_00ff);
    let sum = even.wrapping_mul(0x000f_4240_0000_0064).wrapping_add(odd.wrapping_mul(0x0000_2710_0000_0001));
    (sum >> 32, n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_up_to_the_first_other_byte() {
        assert_eq!(integer(b"7,", 0), Some((7, 1)));
        assert_eq!(integer(b"x964982703\n1", 1), Some((964_982_703, 9)));
        assert_eq!(integer(b"00012345678.5", 0), Some((12_345_678, 11)));
        assert_eq!(integer(b"", 0), None);
        assert_eq!(integer(b"-1", 0), None);
        assert_eq!(integer(b"1", 5), None);
        assert_eq!(integer(b"999999999999999999;", 0), Some((999_999_999_999_999_999, 18)));
        assert_eq!(integer(b"1000000000000000000;", 0), None);
        assert_eq!(stars(b"4.5,10", 0, b'.'), Some((4.5, 3)));
        assert_eq!(stars(b"4,10", 0, b'.'), Some((4.0, 1)));
        assert_eq!(stars(b"4.,10", 0, b'.'), None);
        assert_eq!(stars(b".5,10", 0, b'.'), None);
        assert_eq!(stars(b"12345678", 0, b'.'), None);
        assert_eq!(stars(b"4,5;10", 0, b','), Some((4.5, 3)));
    }

    proptest! {
        #[test]
        fn every_byte_but_a_digit_ends_a_number(number in 0_u64..100_000_000_000, other in any::<u8>(), rest in "[0-9,]{0,12}") {
            prop_assume!(!other.is_ascii_digit());
            let text = number.to_string();
            let bytes = [text.as_bytes(), &[other], rest.as_bytes()].concat();
            prop_assert_eq!(integer(&bytes, 0), Some((number.cast_signed(), text.len())));
        }

        #[test]
        fn stars_are_those_of_the_parser(text in "[0-9]{1,5}(\\.[0-9]{1,5})?", rest in "[,\n]?[0-9,]{0,9}") {
            prop_assume!(!rest.starts_with(|first: char| first.is_ascii_digit()));
            let read = stars(format!("{text}{rest}").as_bytes(), 0, b'.');
            if text.len() <= 6 {
                prop_assert_eq!(read, Some((text.parse().unwrap(), text.len())));
            }
            if let Some((stars, n)) = read {
                prop_assert_eq!((stars.to_bits(), n), (text.parse::<f32>().unwrap().to_bits(), text.len()));
            }
        }
    }
}
