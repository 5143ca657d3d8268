//! Errors of a request as problem documents (RFC 9457).
//!
//! Does not know what went wrong beyond its words: an error's text and its hint become `detail` and `hint`.
//!
//! **Invariant**: every answer that is not a success is such a document; one of ours that names a path of the machine
//! is not shown, but logged.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reco_core::ScoreError;
use reco_run::RunError;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request has no answer (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The status code.
    #[schema(example = 400)]
    status: u16,
    /// The kind of error.
    #[schema(example = "Bad Request")]
    title: &'static str,
    /// What is wrong.
    #[schema(example = "unknown item `50x`")]
    detail: String,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// What the operator reads and the caller does not.
    #[serde(skip)]
    log: Option<String>,
}

impl Problem {
    /// A problem of this status, from an error's text with its hint.
    pub(crate) fn new(status: StatusCode, text: &str) -> Self {
        let (detail, hint) = text.split_once("\nhint: ").map_or((text, None), |(text, hint)| (text, Some(hint)));
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("error"),
            detail: detail.to_owned(),
            hint: hint.map(str::to_owned),
            log: None,
        }
    }

    /// What the caller got wrong.
    pub(crate) fn wrong(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// What is not there.
    pub(crate) fn missing(text: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// A failure of the service, whose words are logged only.
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        let text = "the service failed to answer\nhint: its log has the reason, under this request's `x-request-id`";
        Self { log: Some(why.into()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, text) }
    }

    /// The same, with a reason that is logged only.
    pub(crate) fn because(self, reason: String) -> Self {
        Self { log: Some(reason), ..self }
    }

    /// Its words, with the reason that callers are not told.
    pub(crate) fn text(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        self.log.clone().unwrap_or_else(|| format!("{}{hint}", self.detail))
    }
}

/// What a model says to a request.
impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Features(_)
            | RunError::RatedTwice { .. }
            | RunError::Rated { .. }
            | RunError::Score(
                ScoreError::Visitor { .. }
                | ScoreError::UnknownStatement { .. }
                | ScoreError::StatedValue { .. }
                | ScoreError::Context { .. }
                | ScoreError::CandidateTwice { .. },
            ) => Self::wrong(&error.to_string()),
            other => Self::failed(other.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let log = self.log.clone();
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(log) = log {
            response.extensions_mut().insert(Reason(log));
        }
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The reason of a failure, which travels beside the answer to the log.
#[derive(Clone)]
pub(crate) struct Reason(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_document_and_a_failure_keeps_its_words() {
        let problem = Problem::wrong("unknown item `9`\nhint: did you mean `8`?");
        assert_eq!((problem.detail.as_str(), problem.hint.as_deref()), ("unknown item `9`", Some("did you mean `8`?")));
        let failed = Problem::from(RunError::Read { path: "/home/me/secret".to_owned(), reason: "gone".to_owned() });
        assert_eq!(failed.status, 500);
        assert!(!serde_json::to_string(&failed).unwrap().contains("secret"));
        assert!(failed.text().contains("/home/me/secret"));
    }
}
