//! Numbers about a running daemon, in the Prometheus text format.
//!
//! Requests are counted by method, route *pattern* and status, never by path, so that a
//! stranger cannot make the table grow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The daemon's numbers; clones share them.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    requests: Mutex<BTreeMap<(&'static str, String, u16), Tally>>,
    in_flight: AtomicI64,
    gauges: Mutex<BTreeMap<&'static str, (&'static str, Gauge)>>,
    failing: Mutex<BTreeSet<&'static str>>,
}

#[derive(Default)]
struct Tally {
    count: u64,
    time: Duration,
}

/// A number that a room sets; clones share it.
#[derive(Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets the number.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to the number.
    pub fn add(&self, difference: i64) {
        self.0.fetch_add(difference, Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request being worked on.
pub(crate) struct InFlight(Metrics);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metrics {
    /// Says whether a duty of the daemon fails: while one does, `/healthz` answers 503 and names it.
    pub fn set_failing(&self, duty: &'static str, is_failing: bool) {
        let mut failing = lock(&self.0.failing);
        if is_failing {
            failing.insert(duty);
        } else {
            failing.remove(duty);
        }
    }

    /// The duties that fail now.
    #[must_use]
    pub fn failing(&self) -> Vec<&'static str> {
        lock(&self.0.failing).iter().copied().collect()
    }

    /// No numbers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The gauge `name` (letters, digits and `_`), shown with `help`. Asking twice gives the
    /// same gauge.
    #[must_use]
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        let mut gauges = lock(&self.0.gauges);
        let (_, gauge) = gauges
            .entry(name)
            .or_insert_with(|| (help, Gauge::default()));
        gauge.clone()
    }

    pub(crate) fn start(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    pub(crate) fn count(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        let mut requests = lock(&self.0.requests);
        let tally = requests
            .entry((method, route.to_owned(), status))
            .or_default();
        tally.count += 1;
        tally.time += time;
    }

    /// Everything, in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let mut line = |text: std::fmt::Arguments<'_>| {
            let _infallible = writeln!(out, "{text}");
        };
        line(format_args!(
            "# HELP http_requests_in_flight Requests being worked on.\n\
             # TYPE http_requests_in_flight gauge\n\
             http_requests_in_flight {}",
            self.0.in_flight.load(Ordering::Relaxed)
        ));
        line(format_args!(
            "# HELP http_request_duration_seconds Time from head to response.\n\
             # TYPE http_request_duration_seconds summary"
        ));
        for ((method, route, status), tally) in lock(&self.0.requests).iter() {
            let route = route.replace('\\', "\\\\").replace('"', "\\\"");
            let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
            line(format_args!(
                "http_request_duration_seconds_sum{labels} {:.6}\n\
                 http_request_duration_seconds_count{labels} {}",
                tally.time.as_secs_f64(),
                tally.count
            ));
        }
        for (name, (help, gauge)) in lock(&self.0.gauges).iter() {
            line(format_args!(
                "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}",
                gauge.get()
            ));
        }
        out
    }
}
