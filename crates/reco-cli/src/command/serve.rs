//! Runs `reco serve`: opens the service that the options describe and serves it until it is stopped.
//!
//! Does not know HTTP: reco-serve does.
//!
//! **Invariant**: a service that others can reach has a key.

use anyhow::bail;
use reco_serve::{Rules, ServeConfig, Service};

use crate::args::ServeArgs;
use crate::{interrupt, text};

/// The environment variable with the key.
const KEY: &str = "RECO_API_KEY";

/// The key of a service, where one is set.
pub(super) fn key() -> Option<String> {
    std::env::var(KEY).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty())
}

/// `reco serve`
pub(crate) fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    if args.openapi {
        return text::print(reco_serve::openapi());
    }
    let api_key = key();
    let is_local = args.addr.ip().is_loopback();
    if !is_local && api_key.is_none() {
        bail!(
            "`{}` can be reached from elsewhere, and the service has no key\n\
             hint: set `{KEY}`, or listen at `127.0.0.1`",
            args.addr
        );
    }
    let runs = match args.run.as_slice() {
        [] => vec![("default".to_owned(), args.out.clone())],
        runs => runs.to_vec(),
    };
    let service = Service::open(ServeConfig {
        runs,
        events: args.events.clone(),
        api_key,
        device: args.device,
        is_local,
        rules: args.config.as_deref().map(Rules::read).transpose()?.unwrap_or_default(),
        log: args.log,
        ..ServeConfig::default()
    })?;
    let stop = interrupt::told()?;
    let ready = |address| text::say(&format!("listening at http://{address}; ctrl-C stops it"));
    Ok(reco_serve::serve(&service, args.addr, ready, stop)?)
}
