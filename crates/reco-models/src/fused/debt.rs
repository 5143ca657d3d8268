//! The Adam updates that an embedding row owes for the steps in which no batch met it.
//!
//! The equations are those of `optimizer.rs`. Does not know tables.
//!
//! **Invariant**: a row that was never updated has moments of zero and owes nothing.

use crate::optimizer::Adam;

/// Numbers of a [`Debt`].
pub(super) const DEBT: usize = 5;

/// What a row owes for the steps that it missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Debt {
    /// `S₀, S₁, S₂`
    pub(super) series: [f32; 3],
    /// The factors by which both moments decay.
    pub(super) decay: [f32; 2],
}

impl Debt {
    /// The debt of a row that was last updated, or brought up to date, at step `last`, 0 for never, and is read at
    /// `step`; `None` if it owes nothing.
    pub(super) fn of(last: u32, step: u32, adam: &Adam) -> Option<Self> {
        let missed = if last == 0 { 0 } else { step - 1 - last };
        (adam.is_dense() && missed > 0).then(|| Self {
            series: adam.debt(last as usize, missed as usize).map(|s| s as f32),
            decay: adam.decay(missed as usize).map(|decay| decay as f32),
        })
    }

    /// The numbers of a debt side by side; without a debt, numbers that leave a row as it is.
    pub(super) fn numbers(debt: Option<Self>) -> [f32; DEBT] {
        let Self { series: [a, b, c], decay: [m, v] } = debt.unwrap_or(Self { series: [0.0; 3], decay: [1.0; 2] });
        [a, b, c, m, v]
    }
}
