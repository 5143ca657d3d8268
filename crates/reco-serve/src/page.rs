//! The page at `/`: files that the binary carries.
//!
//! Does not know what the page does: it asks the same routes as anyone.
//!
//! **Invariant**: nothing is fetched from elsewhere, and no path of a request reaches a disk.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::engine::Service;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, kind, content.
pub(crate) const FILES: [(&str, &str, &str); 6] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/style.css", STYLE, include_str!("page/style.css")),
    ("/app.js", SCRIPT, include_str!("page/app.js")),
    ("/api.js", SCRIPT, include_str!("page/api.js")),
    ("/problem.js", SCRIPT, include_str!("page/problem.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// The files' routes. They are no part of the OpenAPI document.
pub(crate) fn router() -> Router<Arc<Service>> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], content) }))
    })
}
