//! The log's numbers in `/metrics`. What each means and when to worry is in
//! `docs/operating-a-log.md`, which names all of them.

use std::time::Duration;

use serve::{Counter, Gauge, Metrics};

use crate::gate::Shown;
use crate::lane::{Ended, Outcome};
use crate::limits::FAILURES_ALARMING;

/// See the module. Sizes are numbers of entries.
#[derive(Clone)]
pub(crate) struct Meters {
    pub(crate) metrics: Metrics,
    pub(crate) sequenced: Gauge,
    pub(crate) integrated: Gauge,
    pub(crate) published: Gauge,
    pub(crate) queue_entries: Gauge,
    pub(crate) queue_bytes: Gauge,
    pub(crate) drained_per_second: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) interval_ms: Gauge,
    pub(crate) round_ms: Gauge,
    pub(crate) rounds_failed: Counter,
    pub(crate) files_wait_ms: Gauge,
    pub(crate) files_late: Counter,
}

/// The numbers of one witness.
#[derive(Debug, Clone, Default)]
pub(crate) struct WitnessMeters {
    round_trip_ms: Gauge,
    cosigned: Gauge,
    failing: Gauge,
    requests: Counter,
    failures: Counter,
    overtaken: Counter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let metrics = Metrics::new();
        let gauge = |name, help| metrics.gauge(name, help);
        Self {
            sequenced: gauge("limpid_log_sequenced", "durable entries"),
            integrated: gauge("limpid_log_integrated", "entries whose tiles are durable"),
            published: gauge(
                "limpid_log_published",
                "entries under a witnessed checkpoint",
            ),
            queue_entries: gauge("limpid_log_queue_entries", "submissions being sequenced"),
            queue_bytes: gauge("limpid_log_queue_bytes", "their size"),
            drained_per_second: gauge(
                "limpid_log_drained_per_second",
                "submissions that were answered, as measured last",
            ),
            waiting: gauge(
                "limpid_log_waiting",
                "submitters whose entry is durable and who wait for witnesses",
            ),
            interval_ms: gauge(
                "limpid_log_interval_ms",
                "time between the beginnings of the last two checkpoints",
            ),
            round_ms: gauge(
                "limpid_log_round_ms",
                "how long the last checkpoint took to be made and witnessed",
            ),
            rounds_failed: metrics.counter(
                "limpid_log_rounds_failed_total",
                "checkpoints that found no quorum of witnesses",
                &[],
            ),
            files_wait_ms: gauge(
                "limpid_log_files_wait_ms",
                "for how long a checkpoint has been waiting for its files; 0 if not for long",
            ),
            files_late: metrics.counter(
                "limpid_log_files_late_total",
                "times that a checkpoint had waited ten seconds more for its files",
                &[],
            ),
            metrics,
        }
    }

    /// Where the queue shows its numbers.
    pub(crate) fn gate(&self) -> Shown {
        Shown {
            entries: self.queue_entries.clone(),
            bytes: self.queue_bytes.clone(),
            per_second: self.drained_per_second.clone(),
        }
    }

    /// The numbers of the witness at `url`.
    pub(crate) fn witness(&self, url: &str) -> WitnessMeters {
        let labels = [("witness", url)];
        let gauge = |name, help| self.metrics.gauge_of(name, help, &labels);
        let counter = |name, help| self.metrics.counter(name, help, &labels);
        WitnessMeters {
            round_trip_ms: gauge(
                "limpid_log_witness_round_trip_ms",
                "how long its last cosignature took",
            ),
            cosigned: gauge(
                "limpid_log_witness_cosigned",
                "size of the tree it cosigned last, as far as is known",
            ),
            failing: gauge(
                "limpid_log_witness_failing",
                "requests it did not answer with a cosignature, in a row",
            ),
            requests: counter("limpid_log_witness_requests_total", "requests made to it"),
            failures: counter(
                "limpid_log_witness_failures_total",
                "rounds in which it was asked and did not cosign",
            ),
            overtaken: counter(
                "limpid_log_witness_overtaken_total",
                "requests that reached it before those they were built on",
            ),
        }
    }

    /// Notes that a round began, so long after the one before it.
    pub(crate) fn round_began(&self, interval: Option<Duration>) {
        if let Some(interval) = interval {
            self.interval_ms.set(ms(interval));
        }
    }

    /// Notes that a round published, so long after it began.
    pub(crate) fn round_published(&self, took: Duration) {
        self.round_ms.set(ms(took));
        self.metrics.set_failing("witnessing", false);
    }

    /// Notes a round without a quorum, one of so many in a row.
    pub(crate) fn round_failed(&self, failures: u32) {
        self.rounds_failed.add(1);
        let is_failing = failures >= FAILURES_ALARMING;
        self.metrics.set_failing("witnessing", is_failing);
    }

    /// Notes that a checkpoint has been waiting too long for its files.
    pub(crate) fn files_late(&self, waited: Duration) {
        self.files_wait_ms.set(ms(waited));
        self.files_late.add(1);
        self.metrics.set_failing("integrating", true);
    }

    /// Notes that a checkpoint has its files.
    pub(crate) fn files_made(&self) {
        self.files_wait_ms.set(0);
        self.metrics.set_failing("integrating", false);
    }

    /// Counts a refusal. Codes are names of ours, so there are few.
    pub(crate) fn refused(&self, code: &'static str) {
        let help = "submissions that were refused";
        let labels = [("code", code)];
        self.metrics
            .counter("limpid_log_refusals_total", help, &labels)
            .add(1);
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl WitnessMeters {
    pub(crate) fn note(&self, ended: &Ended, failing: u32, cosigned: u64) {
        self.requests.add(ended.requests);
        self.failing.set(failing.into());
        self.cosigned.set(cosigned.cast_signed());
        match ended.outcome {
            Outcome::Good => self.round_trip_ms.set(ms(ended.took)),
            Outcome::Overtaken => self.overtaken.add(1),
            Outcome::Failed => self.failures.add(1),
        }
    }
}
