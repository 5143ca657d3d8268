//! Defines the arguments of `reco serve`, and its help.
//!
//! Does not know HTTP.
//!
//! **Invariant**: the key is never an argument, which other users of the machine could read.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use reco_core::DeviceChoice;

use super::experiment::device;

/// What there is, and examples.
pub(super) const HELP: &str = "\
What answers (http://ADDR/docs has all of it, http://ADDR/openapi.json for machines):
  GET  /v1/users/{id}/recommendations     POST /v1/recommendations   for a visitor, nothing is stored
  GET  /v1/items?query=star+wras          POST /v1/events            kept in --events before they are acknowledged
  GET  /v1/items/{id}/similar             POST /v1/rank              items of one's own choice, in order
  GET  /v1/models                         POST /v1/models:activate   another run, or the same one trained again
                                          POST /v1/events:export     for the next training: `reco retrain`

The key for writes and administration stands in the environment variable RECO_API_KEY. It is required where
others than this machine can reach the service.

A file for --config, all of it optional:
  [scenario.home]                         ?scenario=home
  approach = \"blend\"
  without_features = [\"Horror\"]           also features, year_from, year_to, allow, block
  diversity = 0.2                         0 the best, 1 as unlike each other as can be
  boost = { Comedy = 0.5 }                added to the score, in its standard deviations
  [ab]                                    users are told apart by a hash of their id
  name = \"autumn\"
  arms = { a = \"ease\", b = \"blend\" }

Examples:
  reco serve
  reco serve --out data/mine --addr 127.0.0.1:9000 --events data/mine-events.redb
  reco serve --run old=data/a --run new=data/b --config serve.toml
  RECO_API_KEY=$(cat key) reco serve --addr 0.0.0.0:8080
  curl 'http://127.0.0.1:8080/v1/users/1/recommendations?k=5&explain=true'";

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The folder that a run wrote with `--out`
    #[arg(long, value_name = "DIR", default_value = "data", conflicts_with = "run")]
    pub(crate) out: PathBuf,
    /// Several such folders, each with a name; the first is served, the others can be activated
    #[arg(long, value_name = "NAME=DIR", value_parser = run)]
    pub(crate) run: Vec<(String, PathBuf)>,
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) addr: SocketAddr,
    /// The file that keeps events; left out, none are taken
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Scenarios and an A/B test, a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where networks compute: auto, wgpu, cpu, cuda
    #[arg(long, default_value = "auto", value_parser = device)]
    pub(crate) device: DeviceChoice,
    /// Print a line of JSON for each request to stderr; failures are printed anyway
    #[arg(long)]
    pub(crate) log: bool,
    /// Print the OpenAPI document and exit
    #[arg(long)]
    pub(crate) openapi: bool,
}

fn run(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => Ok((name.to_owned(), folder.into())),
        _ => Err("it is not `NAME=DIR`, as in `old=data/a`".to_owned()),
    }
}
