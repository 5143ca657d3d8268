//! Handles ctrl-C: the first sets a flag, and the program exits with 130 soon after, or at the second.
//!
//! Does not know what is at work: the work asks the flag.
//!
//! **Invariant**: what the exit leaves half-written lies in the work folder, where the next run removes it.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, thread};

use tokio::runtime::Builder;

use crate::ClusterError;

/// The exit code of a program that was interrupted: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;

/// How long the work may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(900);

/// Listens from now on, for the program: a flag that is set when someone asks to stop, by ctrl-C or as the system does.
/// The program ends with [`INTERRUPTED`] a second later, unless it has ended.
///
/// # Errors
/// A system that does not tell.
pub fn interrupted() -> Result<Arc<AtomicBool>, ClusterError> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let start = || -> io::Result<_> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        thread::Builder::new().spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                set.store(true, Ordering::SeqCst);
                let _ = tokio::time::timeout(PATIENCE, signals.next()).await;
                exit(INTERRUPTED.into());
            });
        })
    };
    start().map(drop).map_err(|source| ClusterError::System { action: "listen for ctrl-C", source })?;
    Ok(flag)
}

/// What asks a program to stop.
#[cfg(unix)]
pub(crate) struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        // Without a listener, the system ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
