//! What every request passes through: its id, its host, the key, the limits, headers, the log and the counts.
//!
//! Does not know what is asked for.
//!
//! **Invariant**: a request that writes or administers carries the key, if there is one; no line of the log has an id
//! of a user or an item.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::engine::Service;
use crate::problem::{Problem, Reason};
use crate::routes;
use crate::store::now;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing is fetched from elsewhere, nothing may show these pages in a frame of its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// How long administration may take.
const ADMINISTRATION: Duration = Duration::from_secs(600);

/// All routes behind the guard.
pub(crate) fn guarded(service: &Arc<Service>) -> Router {
    let (router, _) = routes::router().split_for_parts();
    router
        .fallback(|uri: Uri| async move {
            Problem::missing(&format!("there is nothing at `{}`\nhint: `/docs` says what there is", uri.path()))
        })
        .method_not_allowed_fallback(|method: Method| async move {
            let text = format!("`{method}` is not answered here\nhint: `/docs` says what is");
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, &text)
        })
        .layer(DefaultBodyLimit::max(service.config.limits.body))
        .layer(from_fn_with_state(Arc::clone(service), guard))
        .with_state(Arc::clone(service))
}

async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = service.next_id();
    let method = request.method().clone();
    // The route's pattern, which has no ids in it.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let under_way = UnderWay::begin(&service);
    let mut response = match refuse(&service, &request, under_way.n) {
        Some(problem) => problem.into_response(),
        None => match tokio::time::timeout(time(&service, &request), next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let text = "the answer took too long\nhint: ask for less, or again later";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            }
        },
    };
    drop(under_way);
    let status = response.status().as_u16();
    service.metrics.observe(&route, status, started.elapsed());
    let reason = response.extensions_mut().remove::<Reason>().map(|Reason(reason)| reason);
    if service.config.log || reason.is_some() {
        let line = json!({
            "time": now(),
            "request_id": id,
            "method": method.as_str(),
            "route": route,
            "status": status,
            "micros": started.elapsed().as_micros() as u64,
            "reason": reason,
        });
        log(&line.to_string());
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// A request that counts as worked at until it is answered, or until its caller is gone.
struct UnderWay<'a> {
    service: &'a Service,
    /// How many there are with it.
    n: i64,
}

impl<'a> UnderWay<'a> {
    fn begin(service: &'a Service) -> Self {
        Self { service, n: service.metrics.under_way.inc() + 1 }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.service.metrics.under_way.dec();
    }
}

/// Why a request is not looked at.
fn refuse(service: &Service, request: &Request, under_way: i64) -> Option<Problem> {
    let config = &service.config;
    let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics");
    if under_way > config.limits.concurrency as i64 && !is_probe {
        return Some(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests at once\nhint: ask again in a second",
        ));
    }
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_foreign = |host: &HeaderValue| !host.to_str().is_ok_and(is_this_machine);
    if config.is_local && request.headers().get_all(header::HOST).iter().any(is_foreign) {
        let text = "the host of the request is not this machine\nhint: ask `127.0.0.1` or `localhost`";
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, text));
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD) && !asks_only(request.uri().path());
    let key = config.api_key.as_ref().filter(|_| writes)?;
    let bearer = header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let given = header(HeaderName::from_static("x-api-key")).or(bearer);
    // Digests have one length, so that comparing them takes one time.
    let is_right = given.is_some_and(|given| bool::from(Sha256::digest(given).ct_eq(&Sha256::digest(key))));
    (!is_right).then(|| {
        let text = "this needs the service's key\nhint: send it as `x-api-key`";
        Problem::new(StatusCode::UNAUTHORIZED, text)
    })
}

/// How long a request may take: administration works through all of the data.
fn time(service: &Service, request: &Request) -> Duration {
    let administers = matches!(request.uri().path(), "/v1/events:export" | "/v1/models:activate");
    if administers || *request.method() == Method::DELETE { ADMINISTRATION } else { service.config.limits.time }
}

/// Whether a request with a body asks and stores nothing.
fn asks_only(path: &str) -> bool {
    matches!(path, "/v1/recommendations" | "/v1/recommendations:batch" | "/v1/rank" | "/api/session/recommend" | "/mcp")
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// One line on stderr. Nobody who reads it is waited for longer than the system's own buffer makes it.
fn log(line: &str) {
    use std::io::Write as _;
    // A closed stderr is nobody's error.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_few_names() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:8080", "127.1.2.3"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["example.org", "localhost.example.org", "10.0.0.1:80", "[2001:db8::1]", "", "evil"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
