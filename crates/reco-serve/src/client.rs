//! Asks a service that runs to export its events, and to serve another run.
//!
//! Does not know what is done with either.
//!
//! **Invariant**: the key goes to the service that was named, in a header, and into no message.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Agent;

use crate::api::Exported;

/// A service that runs.
pub struct Client {
    address: String,
    key: Option<String>,
    agent: Agent,
}

/// Why a service did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("the service at `{address}` does not answer: {reason}\nhint: is it the address that `reco serve` printed?")]
    Unreachable {
        /// Its address.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// An answer that says no.
    #[error("the service at `{address}` refuses with status `{status}`: {detail}\nhint: {hint}")]
    Refused {
        /// Its address.
        address: String,
        /// The status code.
        status: u16,
        /// What it says.
        detail: String,
        /// The way out.
        hint: String,
    },
    /// An answer that is not one of ours.
    #[error("what answers at `{address}` is no service of reco: {reason}\nhint: `reco serve` prints its address")]
    Foreign {
        /// Its address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A run that the service was not told of.
    #[error(
        "the service at `{address}` has no run `{name}`\nhint: it has `{known}`; `reco serve --run {name}=DIR` names another"
    )]
    NoRun {
        /// Its address.
        address: String,
        /// What was asked for.
        name: String,
        /// Those it has.
        known: String,
    },
}

impl Client {
    /// The service at `address`, which asks for `key` if it has one.
    pub fn new(address: &str, key: Option<String>) -> Self {
        let wait = Some(Duration::from_secs(10));
        let agent = Agent::config_builder().timeout_resolve(wait).timeout_connect(wait).http_status_as_error(false);
        Self { address: address.trim_end_matches('/').to_owned(), key, agent: agent.build().new_agent() }
    }

    /// Has all events exported.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub fn export(&self) -> Result<Exported, ClientError> {
        self.ask("/v1/events:export", Some(&json!({})))
    }

    /// Refuses a run that the service was not started with.
    ///
    /// # Errors
    /// That, or no answer.
    pub fn has_run(&self, name: &str) -> Result<(), ClientError> {
        let models: Value = self.ask("/v1/models", None)?;
        let known: Vec<&str> = models["runs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if known.contains(&name) {
            return Ok(());
        }
        let (address, name, known) = (self.address.clone(), name.to_owned(), known.join("`, `"));
        Err(ClientError::NoRun { address, name, known })
    }

    /// Has the run `name` read, checked and served.
    ///
    /// # Errors
    /// A run that the service refuses: then the one before it stays. No answer.
    pub fn activate(&self, name: &str) -> Result<(), ClientError> {
        self.ask::<Value>("/v1/models:activate", Some(&json!({ "run": name }))).map(drop)
    }

    /// Sends `body`, or asks without one.
    fn ask<T: DeserializeOwned>(&self, path: &str, body: Option<&Value>) -> Result<T, ClientError> {
        let address = || self.address.clone();
        let url = format!("{}{path}", self.address);
        let unreachable =
            |error: ureq::Error| ClientError::Unreachable { address: address(), reason: error.to_string() };
        let answer = match body {
            None => self.agent.get(&url).call(),
            Some(body) => {
                let request = self.agent.post(&url).header("content-type", "application/json");
                let request = match &self.key {
                    Some(key) => request.header("x-api-key", key),
                    None => request,
                };
                request.send(body.to_string())
            }
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().map_err(unreachable)?;
        if status == 200 {
            let foreign =
                |error: serde_json::Error| ClientError::Foreign { address: address(), reason: error.to_string() };
            return serde_json::from_str(&text).map_err(foreign);
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(detail) = problem["detail"].as_str() else {
            return Err(ClientError::Foreign { address: address(), reason: format!("its status is `{status}`") });
        };
        let hint = match status {
            401 => "set `RECO_API_KEY` to the service's key",
            _ => problem["hint"].as_str().unwrap_or("its log has more (`reco serve --log`)"),
        };
        Err(ClientError::Refused { address: address(), status, detail: detail.to_owned(), hint: hint.to_owned() })
    }
}
