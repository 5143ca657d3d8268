//! Runs code with the vectors of every CPU that this one can stand for.
//!
//! Does not know what is run. While one test has narrower vectors, those beside it have them, too: they give the same
//! bits, if more slowly.
//!
//! **Invariant**: after a run, or a panic in it, the vectors are again the widest.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use pulp::Arch;

use super::left_out;

/// Whose turn it is to choose.
static TURN: Mutex<()> = Mutex::new(());

/// Which of [`archs`] was chosen, counted from 1; 0 for the widest that there are. Whoever computes asks, tests or not,
/// so that it costs one load.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// What `work` gives with each kind of vectors that this CPU has; panics unless these are equal.
///
/// `what` names the work in that message, and where a kind is left out.
pub fn same_on_any_cpu<T: PartialEq + Debug>(what: &str, work: impl Fn() -> T) -> T {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _widest = Widest;
    let mut first = None;
    for (place, (name, arch)) in archs().into_iter().enumerate() {
        if arch.is_none() {
            left_out(&format!("{what} with {name}: this CPU has none"));
            continue;
        }
        CHOSEN.store(place + 1, Ordering::Relaxed);
        let found = work();
        if let Some((kind, expected)) = &first {
            assert!(found == *expected, "{what}: {found:?} with {name}, {expected:?} with {kind}");
        }
        first = Some((name, found));
    }
    first.expect("every CPU can do without vectors").1
}

/// XXH3-64 of the bits of these numbers: a test that pins it compares every CPU that runs it with all others.
pub fn digest(numbers: impl IntoIterator<Item = f32>) -> String {
    let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes))
}

/// The widest first.
fn archs() -> Vec<(&'static str, Option<Arch>)> {
    #[cfg(target_arch = "x86_64")]
    let vectors =
        [("AVX-512", pulp::x86::V4::try_new().map(Arch::V4)), ("AVX2", pulp::x86::V3::try_new().map(Arch::V3))];
    #[cfg(target_arch = "aarch64")]
    let vectors = [("NEON", pulp::aarch64::Neon::try_new().map(Arch::Neon))];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let vectors = [];
    vectors.into_iter().chain([("no vectors", Some(Arch::Scalar))]).collect()
}

/// The vectors that a test has chosen.
#[inline]
pub(crate) fn chosen_arch() -> Option<Arch> {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => None,
        place => archs().get(place - 1)?.1,
    }
}

/// Takes the choice back when it is dropped.
struct Widest;

impl Drop for Widest {
    fn drop(&mut self) {
        CHOSEN.store(0, Ordering::Relaxed);
    }
}
