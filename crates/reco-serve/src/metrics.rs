//! Counts requests and times them, for Prometheus.
//!
//! Does not know what a request asks for: a route is its pattern, without ids.
//!
//! **Invariant**: no label holds anything that a request says.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The metrics of a service.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    pub(crate) under_way: Gauge<i64, AtomicI64>,
    pub(crate) events: Counter,
    pub(crate) swaps: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("reco");
        let requests = Family::default();
        // From a tenth of a millisecond to three seconds.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(1e-4, 2.0, 16));
        let seconds = Family::new_with_constructor(histogram);
        let (under_way, events, swaps) = (Gauge::default(), Counter::default(), Counter::default());
        registry.register("requests", "Requests by route and status", Family::clone(&requests));
        registry.register("request_seconds", "Time of requests by route", Family::clone(&seconds));
        registry.register("requests_under_way", "Requests that are worked at", Gauge::clone(&under_way));
        registry.register("events", "Events that were kept", Counter::clone(&events));
        registry.register("swaps", "Runs that were activated", Counter::clone(&swaps));
        Self { registry, requests, seconds, under_way, events, swaps }
    }

    pub(crate) fn observe(&self, route: &str, status: u16, time: Duration) {
        let route = route.to_owned();
        self.requests.get_or_create(&Request { route: route.clone(), status }).inc();
        self.seconds.get_or_create(&Route { route }).observe(time.as_secs_f64());
    }

    /// The OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
