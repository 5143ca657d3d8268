//! Defines [`FetchProgress`], which receives the progress of a fetch.
//!
//! Does not know terminals: a progress bar is one implementation, elsewhere.
//!
//! **Invariant**: nothing an implementation does changes what is fetched, except that it can stop the fetch.

/// Receives the progress of a fetch.
pub trait FetchProgress: Send + Sync {
    /// A download or an unpacking of `total` bytes begins; `None` where the number is unknown. The message just before
    /// says what it is. A download that has to start again begins again.
    fn begin(&self, total: Option<u64>) {
        let _ = total;
    }

    /// `bytes` more are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Something a person may want to read: one line, without a full stop.
    fn message(&self, message: &str) {
        let _ = message;
    }

    /// The download or unpacking is over, successful or not.
    fn end(&self) {}

    /// Whether the fetch should stop. What was downloaded is kept for the next one.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Shows nothing and never stops.
pub struct Silent;

impl FetchProgress for Silent {}
