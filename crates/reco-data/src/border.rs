//! Turns a reader's panic on a damaged file into an error.
//!
//! The `parquet` crate trusts some values in a file. Where they are wrong, it panics instead of reporting an error.
//! Does not know formats.
//!
//! Panics that 14,400 small changed files (three codecs, six encodings, both versions of pages, eleven types) caused
//! in version 60.1, to be reported upstream:
//!
//! | where | cause |
//! | --- | --- |
//! | parquet `file/metadata/mod.rs:1043` | a footer's negative offset or size of a column chunk is asserted on, not refused |
//! | parquet `column/reader/decoder.rs:374` | a page encoded by a dictionary, in a chunk without a dictionary page |
//! | parquet `arrow/decoder/delta_byte_array.rs:101` | lengths of suffixes that go beyond the page |
//! | parquet `encodings/decoding.rs:773` | a block of deltas with more values left than the page has |
//! | parquet `arrow/array_reader/byte_array.rs:391` | a page of no values that has bytes: a division by zero |
//! | arrow-buffer `util/bit_chunk_iterator.rs:235` | levels that name more bits than the buffer has |
//! | bytes `bytes.rs:374`, called by parquet | lengths of levels that go beyond the page |
//!
//! **Invariant**: a panic in a guarded read shows nothing on stderr and never reaches the caller; other panics are
//! shown as before.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread runs a guarded read.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The result of `read`, or the message of its panic. After a panic, the state of what `read` works on is unknown: drop
/// it. Work that `read` hands to other threads is not guarded.
pub(crate) fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let shown = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                shown(panic);
            }
        }));
    });
    let outer = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(read));
    IS_GUARDED.set(outer);
    done.map_err(|panic| format!("its parts contradict each other: {}", words(panic.as_ref())))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason is given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_words_and_the_next_one_is_caught_as_well() {
        assert_eq!(guarded(|| 7), Ok(7));
        for n in 0..2 {
            let place = [1, 2, 3].len() + n;
            let caught = guarded(|| [1, 2, 3][place]).unwrap_err();
            assert!(caught.contains(&format!("the index is {place}")), "{caught}");
        }
        assert!(!IS_GUARDED.get());
    }
}
