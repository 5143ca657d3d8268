//! Helpers for tests: the conformance suite of all approaches, and the data it runs on.
//!
//! For tests only: a crate that adds an approach calls [`conformance::check`] on every entry of its registry. It is
//! behind no feature of cargo, so that tests use what was compiled for the program. Does not know any approach.
//!
//! **Invariant**: what is made here is small, the same on every machine, and holds no withheld row in its
//! [`Train`](crate::Train).

mod any_cpu;
mod assigned;
mod checkerboard;
mod checkpoints;
pub mod conformance;
mod left_out;
mod python;

pub(crate) use any_cpu::chosen_arch;
pub use any_cpu::{digest, same_on_any_cpu};
pub use assigned::Assigned;
pub use checkerboard::{Checkerboard, Feedback, checkerboard};
pub use checkpoints::goes_on_as_if_never_stopped;
pub use left_out::{left_out, ml_100k};
pub use python::{python, succeeds};

use crate::{Catalogue, Features, Items, Matrix, RatingScale, Scaling, Users};

/// A catalogue of users `1..=n_users` and items `1..=n_items` without user features, with one item feature of ones, no
/// contexts, ratings of 1 to 5 stars and targets that are stars.
pub fn catalogue(n_users: usize, n_items: usize) -> Catalogue {
    let ids = |n: usize| 1..=i64::try_from(n).expect("a test's catalogue is small");
    let ones = Matrix::new(n_items, 1, vec![1.0; n_items]).expect("one number per item");
    Catalogue {
        users: Users::new(ids(n_users).map(Into::into).collect()).expect("counted ids are distinct"),
        items: Items::new(ids(n_items).map(Into::into).collect()).expect("counted ids are distinct"),
        user_features: Features::none(n_users),
        item_features: Features::new(vec!["any".to_owned()], ones).expect("one name"),
        contexts: Vec::new(),
        scale: RatingScale::new(1.0, 5.0).expect("1 is less than 5"),
        scaling: Scaling::None,
    }
}

/// A number in [0, 1) for each `at`, without a pattern and the same in every run; generated data are drawn from it.
pub fn chance(at: u64) -> f64 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    crate::random::unit_interval(mixed ^ (mixed >> 31))
}
