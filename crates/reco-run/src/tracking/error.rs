//! Defines the errors of tools that are to follow a run and are not there when it begins.
//!
//! Does not know what fails later: that is said, and is no error.
//!
//! **Invariant**: no message has a password or a token.

/// Why a run cannot be followed as its `[tracking]` asks.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// A folder that cannot have event files.
    #[error("`tracking.tensorboard` is `{path}`: {reason}\nhint: {hint}")]
    Folder {
        /// The folder.
        path: String,
        /// Why not.
        reason: String,
        /// The way out.
        hint: &'static str,
    },
    /// An address that is none.
    #[error("`tracking.mlflow` is `{address}`: {reason}\nhint: {hint}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
        /// The way out.
        hint: &'static str,
    },
    /// A server that does not answer, or says no.
    #[error("{reason}\nhint: {hint}")]
    Server {
        /// What happened, with the server's address.
        reason: String,
        /// The way out.
        hint: &'static str,
    },
}
