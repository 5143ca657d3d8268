//! Defines how long a fetch waits for a mirror.
//!
//! Does not know what is waited for. **Invariant**: every wait is a multiple of one number, so that one setting scales
//! all.

use std::env;
use std::time::Duration;

use super::error::FetchError;

/// Waits, all derived from the time allowed for a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    seconds: u32,
}

impl Timeouts {
    /// Five seconds, or `RECO_MIRROR_TIMEOUT_SECONDS`.
    pub(super) fn from_environment() -> Result<Self, FetchError> {
        match env::var_os("RECO_MIRROR_TIMEOUT_SECONDS") {
            None => Ok(Self { seconds: 5 }),
            Some(value) => Self::parse(&value.to_string_lossy()),
        }
    }

    pub(super) fn parse(value: &str) -> Result<Self, FetchError> {
        match value.parse() {
            Ok(seconds @ 1..=3600) => Ok(Self { seconds }),
            _ => Err(FetchError::Timeout { value: value.to_owned() }),
        }
    }

    /// For a name to be resolved, and again for a connection.
    pub(super) fn connect(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// For the next bytes of an answer.
    pub(super) fn stall(self) -> Duration {
        self.connect() * 3
    }

    /// For pip, all in all.
    pub(super) fn pip(self) -> Duration {
        self.connect() * 24
    }
}
