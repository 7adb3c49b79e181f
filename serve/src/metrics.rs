//! What is counted and timed, for Prometheus.

use crate::generation::Generation;
use crate::histogram::Histogram;
use contract::questions::ListSource;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::exponential_buckets;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A route and how its requests ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    outcome: &'static str,
}

/// All metrics of the server.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<Outcome, Counter>,
    all_requests: AtomicU64,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    /// The counter of successes and the histogram of each route, so that they need not be looked up.
    routes: Vec<(&'static str, Counter, Histogram)>,
    lists: Family<Source, Counter>,
    reloads: Family<Reload, Counter>,
    queue: Gauge,
    /// How often the decoder ended and was started again.
    pub(crate) decoder_restarts: Counter,
    /// How many requests were decoded together.
    pub(crate) decoder_batch: Histogram,
}

/// Counts a request that waits for the decoder, until it is dropped.
pub(crate) struct Waiting<'a>(&'a Gauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Metrics that have counted nothing.
    pub(crate) fn new(routes: &[&'static str]) -> Self {
        let new: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_05, 2.0, 18));
        let (requests, seconds) = (Family::<Outcome, Counter>::default(), Family::new_with_constructor(new));
        let of = |&route: &&'static str| {
            let counter = requests.get_or_create_owned(&Outcome { route, status: 200 });
            (route, counter, seconds.get_or_create_owned(&Route { route }))
        };
        Self {
            routes: routes.iter().map(of).collect(),
            requests,
            all_requests: AtomicU64::new(0),
            seconds,
            lists: Family::default(),
            reloads: Family::default(),
            queue: Gauge::default(),
            decoder_restarts: Counter::default(),
            decoder_batch: Histogram::new(exponential_buckets(1.0, 2.0, 8)),
        }
    }

    /// Counts a request.
    pub(crate) fn request(&self, route: &'static str, status: u16, time: Duration) {
        self.all_requests.fetch_add(1, Ordering::Relaxed);
        let known = self.routes.iter().find(|(known, ..)| std::ptr::eq(*known, route));
        match known {
            Some((_, counter, _)) if status == 200 => counter.inc(),
            _ => self.requests.get_or_create(&Outcome { route, status }).inc(),
        };
        match known {
            Some((.., seconds)) => seconds.observe(time.as_secs_f64()),
            None => self.seconds.get_or_create(&Route { route }).observe(time.as_secs_f64()),
        }
    }

    /// How many requests were answered.
    pub(crate) fn requests(&self) -> u64 {
        self.all_requests.load(Ordering::Relaxed)
    }

    /// Counts a list that was answered.
    pub(crate) fn list(&self, source: ListSource) {
        self.lists.get_or_create(&Source { source: source.as_str() }).inc();
    }

    /// Counts a reload: `changed`, `unchanged` or `failed`.
    pub(crate) fn reload(&self, outcome: &'static str) {
        self.reloads.get_or_create(&Reload { outcome }).inc();
    }

    /// Counts a request that waits for the decoder.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.queue.inc();
        Waiting(&self.queue)
    }

    /// How many requests there were, and how many lists by source, for the page.
    pub(crate) fn totals(&self) -> Vec<(&'static str, u64)> {
        let sources = [ListSource::Cached, ListSource::Live, ListSource::Popular];
        sources
            .map(|source| (source.as_str(), self.lists.get_or_create(&Source { source: source.as_str() }).get()))
            .into()
    }

    /// All metrics in the text form of OpenMetrics.
    pub(crate) fn text(&self, generation: Option<&Generation>) -> String {
        let mut registry = Registry::with_prefix("pipe_serve");
        registry.register("requests", "Requests by route and status", self.requests.clone());
        registry.register("request_seconds", "Time to answer by route", self.seconds.clone());
        registry.register("lists", "Lists answered by source", self.lists.clone());
        registry.register("reloads", "Reloads by outcome", self.reloads.clone());
        registry.register("decoder_queue", "Requests that wait for the decoder or are decoded", self.queue.clone());
        registry.register("decoder_restarts", "How often the decoder ended", self.decoder_restarts.clone());
        registry.register("decoder_batch", "Requests decoded together", self.decoder_batch.clone());
        if let Some(generation) = generation {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
            registry.register_collector(Box::new(OfGeneration {
                users: generation.store.users() as i64,
                items: generation.catalogue.len() as i64,
                age: now.saturating_sub(generation.service.made) as i64,
            }));
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// What is reported of the lists that are served.
#[derive(Debug)]
struct OfGeneration {
    users: i64,
    items: i64,
    age: i64,
}

impl Collector for OfGeneration {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let rows = [
            ("users", "Users with a history", self.users),
            ("items", "Items", self.items),
            ("lists_age_seconds", "Time since the lists were made", self.age),
        ];
        for (name, help, value) in rows {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
