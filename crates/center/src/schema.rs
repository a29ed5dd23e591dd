//! The tables of a cell. Invariant of a sample: `uploading -> waiting -> analysed | set-aside`, and `erased` from
//! any of them but the first; it never goes back.
//!
//! Nothing here is in clear: ciphertext is in files, keys are in key files, and what the tables know of a file
//! is its size, its region and what machines said.
//!
//! All that SQLite and PostgreSQL are told differently stands here. Of one sample a transaction locks its job before its
//! row of `samples`, and this before its second looks, everywhere, so that none waits for another in a circle.

use store::tables::{Each, Step};

/// The two texts of a lease. Several processes lease at the same time: each takes a row that no other is just taking, and
/// none waits.
macro_rules! lease {
    ($table:literal, $sql:expr) => {
        Each {
            sqlite: $sql,
            postgres: concat!($sql, " FOR UPDATE OF ", $table, " SKIP LOCKED"),
        }
    };
}

/// The next job: `$1` is now.
macro_rules! next_job {
    ($which:literal) => {
        lease!(
            "jobs",
            concat!(
                "SELECT jobs.queued, samples.sample, samples.seal, samples.front, jobs.fence FROM jobs
                 JOIN samples ON samples.sample = jobs.sample WHERE jobs.leased_until <= $1 ",
                $which,
                " LIMIT 1"
            )
        )
    };
}

/// The two texts of [`QUEUE_AGAIN`].
macro_rules! queue_again {
    ($lock:literal) => {
        concat!(
            "INSERT INTO reanalyses (grant_digest, sample, state) SELECT $1, sample, 'waiting' FROM samples
             WHERE seal = $2 AND state = 'analysed' AND outcome != 'missealed' AND verdict IS NOT NULL",
            $lock
        )
    };
}

/// Steps of the schema; only ever added to.
pub(crate) const MIGRATIONS: &[Step] = &[
    Step::Same("
    CREATE TABLE uploads (
        sample TEXT PRIMARY KEY,
        front BLOB NOT NULL,
        -- Bytes of the ciphertext that are durable.
        held INTEGER NOT NULL,
        -- The analysis epoch.
        epoch TEXT NOT NULL,
        touched INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX uploads_by_age ON uploads (touched);
    CREATE INDEX uploads_by_epoch ON uploads (epoch);

    -- Everything that the cell says in the log: signed and kept before it is submitted.
    CREATE TABLE statements (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        -- Of batches.
        seq INTEGER,
        count INTEGER,
        outcomes TEXT,
        digest TEXT NOT NULL UNIQUE,
        entry BLOB NOT NULL,
        made INTEGER NOT NULL,
        -- The .tlog-proof, once it is witnessed.
        proof BLOB
    ) STRICT;
    CREATE INDEX statements_waiting ON statements (id) WHERE proof IS NULL;
    CREATE UNIQUE INDEX statements_by_seq ON statements (kind, seq) WHERE seq IS NOT NULL;

    CREATE TABLE samples (
        sample TEXT PRIMARY KEY,
        seal TEXT NOT NULL,
        -- Header and wraps; gone once it is erased, as everything below that is of this sample alone.
        front BLOB,
        region TEXT NOT NULL,
        received INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'analysed', 'set-aside', 'erased')),
        finished INTEGER,
        outcome TEXT,
        receipt INTEGER REFERENCES statements (id),
        receipt_proven TEXT,
        verdict_record TEXT,
        verdict INTEGER REFERENCES statements (id),
        verdict_proven TEXT,
        anomaly INTEGER REFERENCES statements (id),
        erasure INTEGER REFERENCES statements (id),
        erased INTEGER
    ) STRICT;
    CREATE INDEX samples_without_receipt ON samples (received) WHERE receipt IS NULL AND state != 'erased';
    CREATE INDEX samples_without_verdict ON samples (finished) WHERE verdict IS NULL AND verdict_record IS NOT NULL;
    CREATE INDEX samples_without_anomaly ON samples (finished) WHERE outcome = 'anomaly' AND anomaly IS NULL;
    CREATE INDEX samples_by_end ON samples (finished) WHERE finished IS NOT NULL;
    CREATE INDEX samples_by_erasure ON samples (erased) WHERE erased IS NOT NULL;

    CREATE TABLE jobs (
        queued INTEGER PRIMARY KEY AUTOINCREMENT,
        sample TEXT NOT NULL UNIQUE REFERENCES samples (sample),
        epoch TEXT NOT NULL,
        -- Of the try that holds it.
        fence INTEGER,
        leased_until INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX jobs_by_epoch ON jobs (epoch);

    -- Fences only grow, since a row of this table is never removed from its end.
    CREATE TABLE tries (
        fence INTEGER PRIMARY KEY AUTOINCREMENT,
        sample TEXT NOT NULL,
        worker TEXT NOT NULL,
        rules TEXT NOT NULL,
        scoring TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        \"end\" TEXT
    ) STRICT;
    CREATE INDEX tries_by_sample ON tries (sample);
    CREATE INDEX tries_open ON tries (fence) WHERE \"end\" IS NULL;

    CREATE TABLE epochs (
        epoch TEXT PRIMARY KEY,
        valid_from INTEGER NOT NULL,
        valid_until INTEGER NOT NULL,
        destroy_by INTEGER NOT NULL,
        destroyed INTEGER
    ) STRICT;

    -- For the census: these numbers stay when samples are erased.
    CREATE TABLE batch_regions (
        statement INTEGER NOT NULL REFERENCES statements (id),
        region TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (statement, region)
    ) STRICT;
    CREATE TABLE declined (
        day TEXT PRIMARY KEY,
        count INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE censuses (
        day TEXT PRIMARY KEY,
        statement INTEGER NOT NULL REFERENCES statements (id)
    ) STRICT;
"),
    Step::Each(Each { sqlite: "
    -- How many jobs there are: a million of them are too many to be counted for each upload.
    CREATE TABLE queue (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        waiting INTEGER NOT NULL
    ) STRICT;
    INSERT INTO queue SELECT 1, COUNT(*) FROM jobs;
    CREATE TRIGGER job_came AFTER INSERT ON jobs BEGIN
        UPDATE queue SET waiting = waiting + 1;
    END;
    CREATE TRIGGER job_went AFTER DELETE ON jobs BEGIN
        UPDATE queue SET waiting = waiting - 1;
    END;
", postgres: "
    -- No row that every upload waits for. A process counts now and then, not for each.
    CREATE VIEW queue AS SELECT COUNT(*) AS waiting FROM jobs;
"}),
    Step::Same("
    -- Processes of this cell, as long as somebody may have to end what they began. 0 is who worked before them.
    CREATE TABLE processes (
        process INTEGER PRIMARY KEY AUTOINCREMENT,
        started INTEGER NOT NULL
    ) STRICT;
    INSERT INTO processes (process, started) VALUES (0, 0);
    ALTER TABLE tries ADD COLUMN process INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE leader (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        fence INTEGER NOT NULL
    ) STRICT;
    INSERT INTO leader VALUES (1, 0);
    -- Which directory holds the files that these tables speak of.
    CREATE TABLE place (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        mark TEXT NOT NULL
    ) STRICT;
"),
    Step::Same("
    -- 0 fresh, 1 tried: `turns.rs`.
    ALTER TABLE jobs ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX jobs_by_class ON jobs (class, queued);
    DROP INDEX jobs_by_epoch;
    CREATE INDEX jobs_by_epoch_and_age ON jobs (epoch, queued);

    ALTER TABLE declined ADD COLUMN sampled_out INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE declined ADD COLUMN one_in_max INTEGER NOT NULL DEFAULT 1;
    -- The rules that the cell sampled by, as JSON; the newest is in force.
    CREATE TABLE sampling_rules (
        since INTEGER PRIMARY KEY,
        steps TEXT NOT NULL
    ) STRICT;
"),
    Step::Same("
    -- Tokens that were shown, by SHA-256 of what the issuer signed without seeing it, until nobody could show them again.
    CREATE TABLE spent (
        token TEXT PRIMARY KEY,
        sample TEXT NOT NULL,
        until INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX spent_by_end ON spent (until);
"),
    Step::Same("
    -- Grants of the supervisor to look at samples of this cell again, and where each stands in the log.
    CREATE TABLE grants (
        grant_digest TEXT PRIMARY KEY,
        -- Names the list of samples in the directory `asked`.
        root TEXT NOT NULL,
        entry BLOB NOT NULL,
        proof BLOB NOT NULL,
        queued INTEGER NOT NULL
    ) STRICT;

    -- Second looks; `waiting -> analysed | set-aside`. The rows of a sample go when it is erased.
    CREATE TABLE reanalyses (
        queued INTEGER PRIMARY KEY AUTOINCREMENT,
        grant_digest TEXT NOT NULL REFERENCES grants (grant_digest),
        sample TEXT NOT NULL REFERENCES samples (sample),
        state TEXT NOT NULL CHECK (state IN ('waiting', 'analysed', 'set-aside')),
        -- Of the try that holds it.
        fence INTEGER,
        leased_until INTEGER NOT NULL DEFAULT 0,
        finished INTEGER,
        record TEXT,
        statement INTEGER REFERENCES statements (id),
        proven TEXT,
        UNIQUE (grant_digest, sample)
    ) STRICT;
    CREATE INDEX reanalyses_waiting ON reanalyses (leased_until, queued) WHERE state = 'waiting';
    CREATE INDEX reanalyses_unsaid ON reanalyses (queued) WHERE record IS NOT NULL AND statement IS NULL;
    CREATE INDEX reanalyses_by_sample ON reanalyses (sample);
    CREATE INDEX samples_by_seal ON samples (seal);
    -- Of a second look.
    ALTER TABLE tries ADD COLUMN grant_digest TEXT;
"),
    Step::Same("
    -- Releases that machines judge by: each signature with the proof that it stands in the log, by its index there.
    CREATE TABLE tools (
        position INTEGER PRIMARY KEY,
        release TEXT NOT NULL,
        entry BLOB NOT NULL,
        proof BLOB NOT NULL
    ) STRICT;
    CREATE INDEX tools_by_release ON tools (release);
"),
];

/// The job that waits longest and that nobody holds.
pub(crate) const OLDEST: Each = next_job!("ORDER BY jobs.queued");
/// Of those whose key is gone by `$2`, earliest end first.
pub(crate) const ENDING: Each = next_job!(
    "AND jobs.epoch = (SELECT epoch FROM epochs WHERE destroyed IS NULL AND destroy_by <= $2 AND EXISTS (
         SELECT 1 FROM jobs AS theirs WHERE theirs.epoch = epochs.epoch AND theirs.leased_until <= $1)
     ORDER BY destroy_by LIMIT 1) ORDER BY jobs.queued"
);
/// The oldest that no machine looked at.
pub(crate) const FRESH: Each = next_job!("AND jobs.class = 0 ORDER BY jobs.queued");
/// The newest of them.
pub(crate) const FRESHEST: Each = next_job!("AND jobs.class = 0 ORDER BY jobs.queued DESC");
/// The oldest that a try held.
pub(crate) const TRIED: Each = next_job!("AND jobs.class = 1 ORDER BY jobs.queued");

/// The sample that waits longest for a second look; `$1` is now.
pub(crate) const NEXT_AGAIN: Each = lease!(
    "reanalyses",
    "SELECT reanalyses.queued, reanalyses.grant_digest, grants.root, samples.sample, samples.seal,
     samples.front, reanalyses.fence
     FROM reanalyses JOIN samples ON samples.sample = reanalyses.sample
     JOIN grants ON grants.grant_digest = reanalyses.grant_digest
     WHERE reanalyses.state = 'waiting' AND reanalyses.leased_until <= $1
     ORDER BY reanalyses.queued LIMIT 1"
);
/// Queues a sample under a grant. One that is just being erased on another process is waited for, and then left out.
pub(crate) const QUEUE_AGAIN: Each = Each {
    sqlite: queue_again!(""),
    postgres: queue_again!(" FOR SHARE"),
};

/// Integers of SQL are signed; ours are times, sizes and counts far below 2^63.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The other way; negative numbers are never written.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
