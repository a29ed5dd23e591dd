//! The tables of a cell. Invariant of a sample: `uploading -> waiting -> analysed | set-aside`, and `erased` from
//! any of them but the first; it never goes back.
//!
//! Nothing here is in clear: ciphertext is in files, keys are in key files, and what the tables know of a file
//! is its size, its region and what machines said.

/// Steps of the schema; only ever added to.
pub(crate) const MIGRATIONS: &[&str] = &["
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
        end TEXT
    ) STRICT;
    CREATE INDEX tries_by_sample ON tries (sample);
    CREATE INDEX tries_open ON tries (fence) WHERE end IS NULL;

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
",
"
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
",
"
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
"];

/// SQLite's integers are signed; ours are times, sizes and counts far below 2^63.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The other way; negative numbers are never written.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
