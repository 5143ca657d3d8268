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
mod routes;
mod store;
mod web;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use std::{io, thread};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub use api::Exported;
pub use client::{Client, ClientError};
pub use config::{AbTest, Limits, Rules, Scenario, ServeConfig, ServeError};
pub use engine::Service;
pub use filter::Filter;
pub use web::{WebPage, export_web};

/// The OpenAPI 3.1 document, as JSON.
pub fn openapi() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let mut document = routes::router().split_for_parts().1;
        document.paths.paths.values_mut().for_each(docs::name_problems);
        document.to_pretty_json().expect("the document is data of ours")
    });
    &DOCUMENT
}

/// Exports the events in the file `events`, which no service has open, as a service does.
///
/// # Errors
/// A file that is not there, is something else, or is open; what the disk says.
pub fn export(events: &Path) -> Result<Exported, ServeError> {
    let wrong = |error: io::Error| ServeError::Store { path: events.display().to_string(), reason: error.to_string() };
    Exported::new(&store::export_folder(events), store::export(events)?).map_err(wrong)
}

/// How long to wait where a connection cannot be taken: for want of descriptors, which others give back.
const MOMENT: Duration = Duration::from_millis(50);

/// Bytes of a request's head, at most.
const HEAD: usize = 64 * 1024;

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
        let limits = service.config.limits;
        let answering = TowerToHyperService::new(guard::guarded(service));
        let mut http = http1::Builder::new();
        // Whoever sends the head of a request slowly, or nothing for as long, gives the connection back.
        http.timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(HEAD);
        let connections = Arc::new(Semaphore::new(limits.connections));
        let open = GracefulShutdown::new();
        let stopped = stopped(told);
        tokio::pin!(stopped);
        loop {
            // More callers than that wait with the system.
            let next = async { (Arc::clone(&connections).acquire_owned().await, listener.accept().await) };
            let (place, accepted) = tokio::select! { next = next => next, () = &mut stopped => break };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(MOMENT).await;
                continue;
            };
            // An answer is one small packet: waiting for more of it would only delay it.
            let _ = stream.set_nodelay(true);
            let connection = open.watch(http.serve_connection(TokioIo::new(stream), answering.clone()));
            tokio::spawn(async move {
                // A connection that breaks is its caller's.
                let _ = connection.await;
                drop(place);
            });
        }
        drop(listener);
        // No request takes longer; what is still open then is an idle caller's.
        let _ = tokio::time::timeout(limits.time, open.shutdown()).await;
        Ok(())
    })
}
