//! Reports what a test leaves out because the machine lacks something, and finds MovieLens 100K.
//!
//! Does not know what else machines lack.
//!
//! **Invariant**: a report is one line that begins as `cargo xtask ci` expects; nothing is left out without one.

use std::path::{Path, PathBuf};

/// Prints `left out: {what}`; `cargo xtask ci` gathers such lines from what passing tests print, and ends with them.
///
/// `what` is a test or a part of one, a colon, and what is missing: `wgpu beside the CPU: there is no adapter`.
#[expect(clippy::print_stdout, reason = "a test's standard output is what CI reads")]
pub fn left_out(what: &str) {
    println!("left out: {what}");
}

/// The ratings of MovieLens 100K in their original order, and the file `name` of `splits/` that says where each row
/// goes.
///
/// Ratings: `RECO_ML100K` (`u.data`, or RecBole's `.inter`, which is the same under a header line), else what
/// `reco fetch ml-100k` fetched. Splits: what `cargo xtask splits` made, else `splits/` in the folder that
/// `RECO_EXTRA_DATA` names. Without one of them, `None`, and a line that says which.
pub fn ml_100k(name: &str) -> Option<(PathBuf, PathBuf)> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let raw = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/raw");
    let ratings = variable("RECO_ML100K").unwrap_or_else(|| raw.join("ml-100k/ml-100k.inter"));
    let extra = variable("RECO_EXTRA_DATA").map(|extra| extra.join("splits").join(name));
    let split = [Some(raw.join("splits").join(name)), extra].into_iter().flatten().find(|split| split.is_file());
    match split {
        _ if !ratings.is_file() => {
            left_out(&format!("MovieLens 100K by {name}: its ratings are not fetched: `reco fetch ml-100k`"));
            None
        }
        None => {
            left_out(&format!("MovieLens 100K by {name}: the split is not made: `cargo xtask splits`"));
            None
        }
        Some(split) => Some((ratings, split)),
    }
}
