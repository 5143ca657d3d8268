//! Errors of numbers that overflow, do not fit a table's format or cannot be inverted, which become [`FitError`], and
//! the interruption, which becomes [`FitError`] or [`LoadError`].
//!
//! Does not know how errors are printed.
//!
//! **Invariant**: each message of [`ClassicError`] names the approach and ends with a hint; [`Interrupted`] becomes the
//! core error of that name.

use reco_core::dot::TableFormat;
use reco_core::{FitError, LoadError, Progress};

/// Why a model of this crate cannot be fitted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClassicError {
    /// An item table cannot hold the numbers that were learned.
    #[error(
        "`{approach}` learned numbers that an item table of `{format}` cannot hold\nhint: set `item_table` to `f32`, or train with a lower `learning_rate`"
    )]
    NotHeld {
        /// The approach.
        approach: &'static str,
        /// The format that the table was to have.
        format: TableFormat,
    },
    /// Numbers were drawn that are too large to compute with, or no numbers.
    #[error(
        "`{approach}` drew numbers that are too large to compute with\nhint: set `init_std` to a lower number, such as 0.1"
    )]
    TooLarge {
        /// The approach.
        approach: &'static str,
    },
    /// Numbers that are not finite.
    #[error("`{approach}` learned numbers that are not finite\nhint: lower `alpha` or `init_std`, or raise `reg`")]
    NotFinite {
        /// The approach.
        approach: &'static str,
    },
    /// Co-occurrences whose inverse 64-bit numbers cannot hold.
    #[error("`{approach}` cannot invert the co-occurrences of these rows\nhint: raise `reg`")]
    Singular {
        /// The approach.
        approach: &'static str,
    },
}

impl From<ClassicError> for FitError {
    fn from(error: ClassicError) -> Self {
        Self::Other(Box::new(error))
    }
}

/// The caller asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; nothing was written")]
pub(crate) struct Interrupted;

impl Interrupted {
    /// # Errors
    /// The caller asked to stop.
    pub(crate) fn ask(progress: &dyn Progress) -> Result<(), Self> {
        if progress.interrupted() { Err(Self) } else { Ok(()) }
    }
}

impl From<Interrupted> for FitError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<Interrupted> for LoadError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}
