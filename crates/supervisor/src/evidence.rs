//! Fetching what a build rests on, and hashing it here.

use std::collections::BTreeMap;

use law::{Approvable, Code, Refusal, Settled, Unopposed};
use statement::{FileDigest, Predicate, StatementDigest};

use crate::{
    log_access::{FollowedLog, LogError},
    refused::Refused,
};

/// Source archive, recipe and artifact of a build, fetched and hashed by this process.
///
/// Made only by [`fetch_evidence`]; an approval cannot be signed without one.
#[derive(Debug)]
pub(crate) struct Held {
    approvable: Unopposed<Approvable>,
}

impl Held {
    /// Judges the build once more by newer views: fetching takes time, and what was fetched must be
    /// what the log says now.
    pub(crate) fn confirm(
        self,
        view: Settled<'_>,
        others: &[Settled<'_>],
    ) -> Result<Self, Refusal> {
        let now = Approvable::check(view, self.approvable.evidence().build())?;
        let now = now.unopposed(view, others)?;
        let same = due(&now) == due(&self.approvable);
        if same {
            return Ok(Self { approvable: now });
        }
        let detail = "the evidence changed while it was fetched; it is fetched again";
        Err(Refusal::new(Code::ProvenanceConflict, detail))
    }

    /// What was judged.
    pub(crate) fn approvable(&self) -> &Approvable {
        &self.approvable
    }
}

/// Why the evidence of a build is not held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotHeld {
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

impl NotHeld {
    /// As a refusal of a build.
    pub(crate) fn refused(self, build: StatementDigest, size: u64) -> Refused {
        Refused {
            code: self.code,
            detail: self.detail,
            size,
            subject: build.to_string(),
        }
    }
}

/// Blobs hashed by this process, with their sizes: while one is missing, the others are not fetched
/// again and again.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<FileDigest, u64>);

/// Fetches every public blob that source, provenance and counted rebuilds name, and the artifact, and
/// recomputes digests and sizes.
pub(crate) async fn fetch_evidence<L: FollowedLog>(
    log: &L,
    approvable: Unopposed<Approvable>,
    bytes_max: u64,
    seen: &mut Seen,
) -> Result<Held, NotHeld> {
    for (digest, bytes) in due(&approvable) {
        let known = seen.0.get(&digest);
        if known.is_some_and(|known| bytes.is_none_or(|bytes| bytes == *known)) {
            continue;
        }
        let limit = bytes.unwrap_or(bytes_max);
        if limit > bytes_max {
            return Err(NotHeld {
                code: "blob.too_large",
                detail: format!("{digest} has {limit} bytes; at most {bytes_max} are fetched"),
            });
        }
        let found = log.blob(digest, limit).await.map_err(|error| NotHeld {
            code: "blob.missing",
            detail: format!("{digest}: {}", chain(&error)),
        })?;
        // The log's client verified this; the supervisor does not rest on that.
        if FileDigest::of(&found) != digest {
            return Err(NotHeld {
                code: "blob.digest",
                detail: format!("{digest} is served as {}", FileDigest::of(&found)),
            });
        }
        if let Some(bytes) = bytes.filter(|bytes| *bytes != found.len() as u64) {
            return Err(NotHeld {
                code: "blob.bytes",
                detail: format!("{digest} has {} bytes, {bytes} are stated", found.len()),
            });
        }
        seen.0.insert(digest, found.len() as u64);
    }
    Ok(Held { approvable })
}

/// Digest and, where it is stated, size of everything that must be there.
fn due(approvable: &Approvable) -> Vec<(FileDigest, Option<u64>)> {
    let evidence = approvable.evidence();
    let statements = [
        evidence.source().standing().statement(),
        evidence.provenance().standing().statement(),
    ];
    let mut due: Vec<(FileDigest, Option<u64>)> = statements
        .into_iter()
        .flat_map(|statement| Predicate::blobs(&statement.predicate))
        .filter(|blob| blob.public)
        .map(|blob| (blob.sha256, Some(blob.bytes)))
        .collect();
    let source = evidence.source();
    let artifacts = evidence.artifacts().iter().map(|built| built.sha256);
    for digest in [source.archive, source.recipe].into_iter().chain(artifacts) {
        if !due.iter().any(|(known, _)| *known == digest) {
            due.push((digest, None));
        }
    }
    due
}

/// An error with its causes on one line.
fn chain(error: &LogError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
