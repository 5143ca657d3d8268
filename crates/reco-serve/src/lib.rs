//! The HTTP service of reco: answers from a trained run's folder, and events that it keeps.
//!
//! Does not know models, metrics or formats: reco-run loads and asks them.
//!
//! **Invariant**: no text of a request becomes a path; an item that a filter or a rule excludes is not in an answer; an
//! event that was acknowledged is on disk.

mod api;
mod bundle;
mod client;
mod config;
mod docs;
mod engine;
mod events;
mod extract;
mod filter;
mod gorse;
mod guard;
mod items;
mod mcp;
mod metrics;
mod page;
mod problem;
mod rerank;
mod routes;
mod search;
mod store;

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::{io, thread};

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use api::Exported;
pub use client::{Client, ClientError};
pub use config::{AbTest, Limits, Rules, Scenario, ServeConfig, ServeError};
pub use engine::Service;
pub use filter::Filter;

/// The OpenAPI 3.1 document, as JSON.
pub fn openapi() -> String {
    routes::router().split_for_parts().1.to_pretty_json().expect("the document is data of ours")
}

/// Exports the events in the file `events`, which no service has open, as a service does.
///
/// # Errors
/// A file that is not there, is something else, or is open; what the disk says.
pub fn export(events: &Path) -> Result<Exported, ServeError> {
    let wrong = |error: io::Error| ServeError::Store { path: events.display().to_string(), reason: error.to_string() };
    Exported::new(&store::export_folder(events), store::export(events)?).map_err(wrong)
}

/// Serves `service` at `address` until `stop` is told something or is left alone, then finishes what is under way.
/// `ready` is told the address that is listened at: with port 0 the system picks one.
///
/// # Errors
/// An address that cannot be listened at; a runtime that does not start.
pub fn serve(
    service: &Arc<Service>,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    stop: Receiver<()>,
) -> Result<(), ServeError> {
    let failed = |error: io::Error| ServeError::Runtime { reason: error.to_string() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("reco-serve").build();
    let (tell, told) = watch::channel(false);
    thread::Builder::new()
        .name("stop".to_owned())
        .spawn(move || {
            // An error says that whoever could have stopped it is gone.
            let _ = stop.recv();
            let _ = tell.send(true);
        })
        .map_err(failed)?;
    let stopped = |mut told: watch::Receiver<bool>| async move {
        let _ = told.wait_for(|stop| *stop).await;
    };
    let cannot = |error: io::Error| ServeError::Listen { address, reason: error.to_string() };
    runtime.map_err(failed)?.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        ready(listener.local_addr().map_err(cannot)?);
        // An answer is one small packet: waiting for more of it would only delay it.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let serving = axum::serve(listener, guard::guarded(service)).with_graceful_shutdown(stopped(told.clone()));
        let too_long = async {
            stopped(told).await;
            // No request takes longer; what is still open then is an idle caller's.
            tokio::time::sleep(service.config.limits.time).await;
        };
        tokio::select! {
            done = serving.into_future() => done.map_err(cannot),
            () = too_long => Ok(()),
        }
    })
}
