//! Asks a server of MLflow by its REST interface.
//!
//! Does not know what is asked for.
//!
//! **Invariant**: who asks is said to the server that was named, in a header, and in no message; no redirect is
//! followed; an answer that does not come is waited for only so long.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, RequestBuilder};

/// What MLflow's own variables say, and how long a request may take.
pub(super) struct Environment {
    /// The address of a server.
    pub(super) uri: Option<String>,
    /// Who asks: a name and a password, or a token.
    pub(super) authorization: Option<String>,
    /// From its beginning to the end of its answer.
    pub(super) patience: Duration,
}

impl Environment {
    pub(super) fn read() -> Self {
        let variable = |name: &str| std::env::var(format!("MLFLOW_{name}")).ok().filter(|value| !value.is_empty());
        let name_and_password = variable("TRACKING_USERNAME").zip(variable("TRACKING_PASSWORD"));
        let basic = name_and_password.map(|(name, password)| base64(format!("{name}:{password}").as_bytes()));
        let basic = basic.map(|text| format!("Basic {text}"));
        Self {
            uri: variable("TRACKING_URI"),
            authorization: basic.or_else(|| Some(format!("Bearer {}", variable("TRACKING_TOKEN")?.trim()))),
            patience: Duration::from_secs(10),
        }
    }
}

/// A server.
pub(super) struct Rest {
    agent: Agent,
    /// Without a slash at its end.
    address: String,
    authorization: Option<String>,
}

/// Why there is no answer of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestError {
    /// None came, or one that says that there is none now.
    #[error("the server of MLflow at `{address}` does not answer: {reason}")]
    Unreachable { address: String, reason: String },
    /// An answer of something else.
    #[error("what answers at `{address}` is no server of MLflow: {reason}")]
    Foreign { address: String, reason: String },
    /// An answer that says no.
    #[error("the server of MLflow at `{address}` refuses with status `{status}`: {message}")]
    Refused { address: String, status: u16, code: String, message: String },
}

impl RestError {
    /// Whether the same request may be answered otherwise later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Foreign { .. } => false,
            Self::Refused { status, .. } => is_passing(*status),
        }
    }
}

/// Whether a status says that the server cannot answer now.
fn is_passing(status: u16) -> bool {
    status >= 500 || status == 408 || status == 429
}

impl Rest {
    /// The server at `address`.
    pub(super) fn new(address: &str, environment: Environment) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(environment.patience))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("reco/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let address = address.trim_end_matches('/').to_owned();
        Self { agent, address, authorization: environment.authorization }
    }

    /// Asks for `path` with one value of a query.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(super) fn get(&self, path: &str, (key, value): (&str, &str)) -> Result<Value, RestError> {
        self.answer(self.signed(self.agent.get(self.url(path)).query(key, value)).call())
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, RestError> {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        self.answer(self.signed(request).send(body.to_string()))
    }

    /// An answer that lacks what it should have.
    pub(super) fn lacks(&self, what: &str) -> RestError {
        self.foreign(format!("its answer has no `{what}`"))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/2.0/mlflow/{path}", self.address)
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn answer(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value, RestError> {
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().map_err(|error| self.unreachable(error))?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status == 200 {
            let is_table = value.is_object();
            return if is_table { Ok(value) } else { Err(self.foreign("its answer is no JSON".to_owned())) };
        }
        let (address, code) = (self.address.clone(), value["error_code"].as_str());
        let message = value["message"].as_str().unwrap_or(&text).lines().find(|line| !line.trim().is_empty());
        let message: String = message.unwrap_or("it says no more").chars().take(500).collect();
        match code {
            Some(code) => Err(RestError::Refused { address, status, code: code.to_owned(), message }),
            // The answer is of what stands before the server, or of its guard.
            None if [401, 403].contains(&status) => {
                Err(RestError::Refused { address, status, code: String::new(), message })
            }
            None if is_passing(status) => {
                Err(RestError::Unreachable { address, reason: format!("its status is `{status}`") })
            }
            None => Err(self.foreign(format!("its status is `{status}`"))),
        }
    }

    fn unreachable(&self, error: ureq::Error) -> RestError {
        let reason = match error {
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => format!("no answer in time ({error})"),
            error => error.to_string(),
        };
        RestError::Unreachable { address: self.address.clone(), reason }
    }

    fn foreign(&self, reason: String) -> RestError {
        RestError::Foreign { address: self.address.clone(), reason }
    }
}

/// Bytes as text (RFC 4648, section 4); a crate would be larger than these lines.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) & 63];
            text.push(if place <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_as_the_standard_says() {
        let foobar = b"foobar";
        for (n, text) in ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"].into_iter().enumerate() {
            assert_eq!(base64(&foobar[..n]), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
