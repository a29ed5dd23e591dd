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
    families: Mutex<BTreeMap<&'static str, Family>>,
    failing: Mutex<BTreeSet<&'static str>>,
}

/// All numbers of one name; they differ by their labels.
struct Family {
    help: &'static str,
    kind: &'static str,
    /// By labels as they are shown: empty, or `{a="b"}`.
    series: BTreeMap<String, Gauge>,
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

/// A number that only grows; clones share it.
#[derive(Clone, Default)]
pub struct Counter(Gauge);

impl Counter {
    /// Adds to the number.
    pub fn add(&self, count: u32) {
        self.0.add(count.into());
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.get()
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gauge").field(&self.get()).finish()
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
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
        self.gauge_of(name, help, &[])
    }

    /// The gauge `name` of one thing among several, told apart by labels. How many there are is for
    /// the caller to bound: a label must not be what a stranger chooses.
    #[must_use]
    pub fn gauge_of(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Gauge {
        self.series(name, help, "gauge", labels)
    }

    /// The counter `name`, with labels as for [`Metrics::gauge_of`].
    #[must_use]
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Counter {
        Counter(self.series(name, help, "counter", labels))
    }

    fn series(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Gauge {
        let mut families = lock(&self.0.families);
        let family = families.entry(name).or_insert_with(|| Family {
            help,
            kind,
            series: BTreeMap::new(),
        });
        family.series.entry(shown(labels)).or_default().clone()
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
            let status = status.to_string();
            let labels = shown(&[("method", method), ("route", route), ("status", &status)]);
            line(format_args!(
                "http_request_duration_seconds_sum{labels} {:.6}\n\
                 http_request_duration_seconds_count{labels} {}",
                tally.time.as_secs_f64(),
                tally.count
            ));
        }
        for (name, family) in lock(&self.0.families).iter() {
            let (help, kind) = (family.help, family.kind);
            line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
            for (labels, value) in &family.series {
                line(format_args!("{name}{labels} {}", value.get()));
            }
        }
        out
    }
}

/// Labels as the text format wants them.
fn shown(labels: &[(&'static str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}=\"{}\"", value.replace('\n', "\\n"))
        })
        .collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_name_stand_under_one_head_and_labels_are_escaped() {
        let metrics = Metrics::new();
        let at = |url| metrics.gauge_of("w_ms", "Time.", &[("url", url)]);
        at("b").set(2);
        at("a\"\\\n").set(1);
        at("b").add(5);
        metrics.counter("w_total", "Count.", &[]).add(3);
        let shown = metrics.render();
        let gauges = "# HELP w_ms Time.\n# TYPE w_ms gauge\n\
                      w_ms{url=\"a\\\"\\\\\\n\"} 1\nw_ms{url=\"b\"} 7\n";
        assert!(shown.contains(gauges), "{shown}");
        let counter = "# TYPE w_total counter\nw_total 3\n";
        assert!(shown.contains(counter), "{shown}");
    }
}
