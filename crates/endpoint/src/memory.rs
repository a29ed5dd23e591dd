//! What an endpoint has seen and never goes behind again: `state.json`.
//!
//! ```text
//! {"checkpoints":{"center.example/log":{"root":"77e1…","size":40,"time":1800000900}},"constitution":1,
//!  "installed":{"release":"3f0c…","seq":2},"median_newest":1800000900,
//!  "publications":{"software":[{"metadata":"9f03…","version":3}]},"proofs":{"software":{"origin":"center.example/log","size":40,"time":1800000900}},"withdrawn":[]}
//! ```
//!
//! It is written before anything is installed by it, so a crash can only make the endpoint stricter.
//! Publications and checkpoints are kept so that endpoints can compare what they were shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use law::{Code, OpenBundle, Refusal};
use serde::{Deserialize, Serialize};
use statement::{FileDigest, StatementDigest};
use store::{Files, StoreError};

use crate::{
    error::EndpointError,
    limits::{PUBLICATIONS_MAX, STATE_BYTES_MAX},
    posix_time::rfc3339,
};

const STATE_FILE: &str = "state.json";

/// The newest release that was installed or about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledMark {
    /// Its number.
    pub seq: u64,
    /// Its digest.
    pub release: StatementDigest,
}

/// A witnessed checkpoint that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointSeen {
    /// Entries.
    pub size: u64,
    /// Root.
    pub root: FileDigest,
    /// Median time of its witnesses in POSIX seconds.
    pub time: u64,
}

/// The checkpoint of a proof of publication that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofSeen {
    /// The log.
    pub origin: String,
    /// Its entries.
    pub size: u64,
    /// Median time of its witnesses in POSIX seconds.
    pub time: u64,
}

impl ProofSeen {
    fn of(bundle: &OpenBundle) -> Self {
        let checkpoint = bundle.checkpoint();
        Self {
            origin: checkpoint.origin().to_string(),
            size: checkpoint.size(),
            time: checkpoint.median_time(),
        }
    }

    /// By size within one log, by time when a product moved to another one.
    fn is_older_than(&self, seen: &Self) -> bool {
        if self.origin == seen.origin {
            self.size < seen.size
        } else {
            self.time < seen.time
        }
    }
}

impl fmt::Display for ProofSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} entries of {} at {}",
            self.size,
            self.origin,
            rfc3339(self.time)
        )
    }
}

/// A publication that was seen, with the digest of the metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicationSeen {
    /// Version of the metadata.
    pub version: u64,
    /// Digest of the file.
    pub metadata: FileDigest,
}

/// Everything that is remembered between updates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Newest release; nothing older is installed, and no other of the same number.
    pub installed: Option<InstalledMark>,
    /// Newest version of the constitution.
    pub constitution: u64,
    /// Newest witnessed median time in POSIX seconds; the endpoint's clock never stands before it.
    pub median_newest: u64,
    /// Newest checkpoint per log.
    pub checkpoints: BTreeMap<String, CheckpointSeen>,
    /// Newest proof of publication, per role.
    pub proofs: BTreeMap<String, ProofSeen>,
    /// Publications per role, oldest first.
    pub publications: BTreeMap<String, Vec<PublicationSeen>>,
    /// Releases known to be withdrawn; a mirror that forgets one changes nothing.
    pub withdrawn: BTreeSet<StatementDigest>,
}

impl Memory {
    /// Reads `state.json`; an endpoint that never ran has none.
    ///
    /// # Errors
    /// [`EndpointError::Damaged`] naming what is wrong in it.
    pub(crate) fn load(files: &Files) -> Result<Self, EndpointError> {
        let bytes = match files.read(STATE_FILE, STATE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        Self::parse(&bytes).map_err(|field| EndpointError::Damaged {
            path: files.root().join(STATE_FILE),
            field,
        })
    }

    /// Parses `state.json`; the error says what is wrong in it.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// Writes it durably.
    pub(crate) fn save(&self, files: &Files) -> Result<(), EndpointError> {
        let bytes = serde_json::to_vec(self).map_err(|error| EndpointError::Damaged {
            path: files.root().join(STATE_FILE),
            field: error.to_string(),
        })?;
        Ok(files.replace(STATE_FILE, &bytes)?)
    }

    /// The endpoint's clock: never behind what witnesses attested, so setting it back revives nothing.
    pub(crate) fn now(&self, system: u64) -> u64 {
        system.max(self.median_newest)
    }

    /// Takes note of a verified bundle.
    ///
    /// # Errors
    /// [`Code::CheckpointRoot`] when the log showed another tree of the same size,
    /// [`Code::ConstitutionVersion`] when the chain of constitutions is older than one seen.
    pub(crate) fn see(&mut self, bundle: &OpenBundle) -> Result<(), Refusal> {
        let checkpoint = bundle.checkpoint();
        let seen = CheckpointSeen {
            size: checkpoint.size(),
            root: FileDigest::new(*checkpoint.root()),
            time: checkpoint.median_time(),
        };
        let origin = checkpoint.origin().to_string();
        match self.checkpoints.get(&origin) {
            Some(before) if before.size == seen.size && before.root != seen.root => {
                let detail = format!(
                    "log {origin} showed two trees of {} entries: {} and {}; keep both and tell its witnesses",
                    seen.size, before.root, seen.root
                );
                return Err(Refusal::new(Code::CheckpointRoot, detail));
            }
            Some(before) if before.size > seen.size => {}
            _ => {
                self.checkpoints.insert(origin, seen);
            }
        }
        let version = bundle.view().constitution()?.version;
        self.median_newest = self.median_newest.max(seen.time);
        self.constitution = self.constitution.max(version);
        Ok(())
    }

    /// Takes note of the proof of publication of a role; it is replaced by newer ones only.
    ///
    /// # Errors
    /// [`Code::InstallStale`] for an older proof, [`Code::ConstitutionVersion`] for an older
    /// constitution, [`Code::PublicationFork`] for another publication of a version seen.
    pub(crate) fn see_publication(
        &mut self,
        role: &str,
        bundle: &OpenBundle,
    ) -> Result<(), Refusal> {
        let version = bundle.view().constitution()?.version;
        if version < self.constitution {
            let detail = format!("version {version}; {} was seen", self.constitution);
            return Err(Refusal::new(Code::ConstitutionVersion, detail));
        }
        let proof = ProofSeen::of(bundle);
        let seen = self
            .proofs
            .get(role)
            .filter(|seen| proof.is_older_than(seen));
        if let Some(seen) = seen {
            let detail = format!("proof from {proof}; one from {seen} was seen");
            return Err(Refusal::new(Code::InstallStale, detail));
        }
        let newest = bundle.view().newest_publication(role)?;
        if let Some(publication) = newest {
            self.see_version(role, publication.version, publication.metadata)?;
        }
        self.see(bundle)?;
        self.proofs.insert(role.to_owned(), proof);
        Ok(())
    }

    fn see_version(
        &mut self,
        role: &str,
        version: u64,
        metadata: FileDigest,
    ) -> Result<(), Refusal> {
        let seen = self.publications.entry(role.to_owned()).or_default();
        match seen.iter().find(|before| before.version == version) {
            Some(before) if before.metadata == metadata => return Ok(()),
            Some(before) => {
                let detail = format!(
                    "role {role} version {version}: {} and {metadata}",
                    before.metadata
                );
                return Err(Refusal::new(Code::PublicationFork, detail));
            }
            None => {}
        }
        if seen.len() >= PUBLICATIONS_MAX {
            seen.remove(0);
        }
        seen.push(PublicationSeen { version, metadata });
        Ok(())
    }

    /// The digest of a publication that was seen.
    pub(crate) fn publication(&self, role: &str, version: u64) -> Option<FileDigest> {
        let mut seen = self.publications.get(role).into_iter().flatten();
        let found = seen.find(|seen| seen.version == version);
        found.map(|seen| seen.metadata)
    }

    /// Forgets which trees of a log were seen: a person has settled that it signed two histories.
    pub(crate) fn forget_log(&mut self, origin: &str) {
        self.checkpoints.remove(origin);
        self.proofs.retain(|_, proof| proof.origin != origin);
    }

    /// Forgets a publication: a person has settled that there are two.
    pub(crate) fn forget_publication(&mut self, role: &str, version: u64) {
        if let Some(seen) = self.publications.get_mut(role) {
            seen.retain(|seen| seen.version != version);
        }
    }

    /// Refuses to be silent when what was installed is withdrawn and nothing newer is offered.
    ///
    /// # Errors
    /// [`Code::ReleaseWithdrawn`].
    pub(crate) fn check_running(&self, next: Option<InstalledMark>) -> Result<(), Refusal> {
        let runs = self
            .installed
            .filter(|runs| self.withdrawn.contains(&runs.release));
        match runs {
            Some(runs) if next.is_none_or(|next| next.seq <= runs.seq) => {
                let detail = format!(
                    "number {} is installed and withdrawn; nothing newer is offered yet",
                    runs.seq
                );
                Err(Refusal::new(Code::ReleaseWithdrawn, detail))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what must not follow the newest release: older numbers, and another of its number.
    ///
    /// # Errors
    /// [`Code::InstallSeq`], [`Code::ReleaseFork`] or [`Code::ReleaseWithdrawn`].
    pub(crate) fn check_follows(&self, next: InstalledMark) -> Result<(), Refusal> {
        if self.withdrawn.contains(&next.release) {
            let detail = format!("release {} is known to be withdrawn", next.release);
            return Err(Refusal::new(Code::ReleaseWithdrawn, detail));
        }
        let Some(newest) = self.installed else {
            return Ok(());
        };
        if next.seq < newest.seq {
            let detail = format!("number {}; number {} was installed", next.seq, newest.seq);
            return Err(Refusal::new(Code::InstallSeq, detail));
        }
        if next.seq == newest.seq && next.release != newest.release {
            let detail = format!(
                "number {}: {} and {}",
                next.seq, newest.release, next.release
            );
            return Err(Refusal::new(Code::ReleaseFork, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn digest(n: u64) -> FileDigest {
        FileDigest::of(&n.to_be_bytes())
    }

    #[test]
    fn publications_are_remembered_up_to_a_limit_and_the_oldest_go_first() {
        let mut memory = Memory::default();
        for version in 1..=PUBLICATIONS_MAX as u64 + 1 {
            memory
                .see_version("software", version, digest(version))
                .unwrap();
            memory
                .see_version("software", version, digest(version))
                .unwrap();
        }
        let seen = &memory.publications["software"];
        assert_eq!((seen.len(), seen[0].version), (PUBLICATIONS_MAX, 2));
        let other = memory.see_version("software", 7, digest(8)).unwrap_err();
        assert_eq!(other.code(), Code::PublicationFork);
        memory.see_version("rules", 7, digest(8)).unwrap();
    }

    #[test]
    fn proofs_are_compared_by_size_within_a_log_and_by_time_across_logs() {
        let proof = |origin: &str, size, time| ProofSeen {
            origin: origin.to_owned(),
            size,
            time,
        };
        let seen = proof("a", 10, 100);
        assert!(proof("a", 9, 200).is_older_than(&seen));
        assert!(!proof("a", 10, 50).is_older_than(&seen));
        assert!(proof("b", 11, 99).is_older_than(&seen));
        assert!(!proof("b", 1, 100).is_older_than(&seen));
    }

    #[test]
    fn a_proof_is_named_by_its_log_its_size_and_its_time() {
        let proof = ProofSeen {
            origin: "center.example/log".to_owned(),
            size: 40,
            time: 1_800_000_000,
        };
        let due = "40 entries of center.example/log at 2027-01-15T08:00:00Z";
        assert_eq!(proof.to_string(), due);
    }

    #[test]
    fn of_a_log_that_is_forgotten_nothing_is_left_and_of_the_others_everything() {
        let mut memory = Memory::default();
        for (origin, role) in [("a", "software"), ("b", "rules")] {
            let (size, time) = (10, 100);
            let (root, seen) = (digest(size), origin.to_owned());
            let checkpoint = CheckpointSeen { size, root, time };
            memory.checkpoints.insert(seen.clone(), checkpoint);
            let origin = seen;
            let proof = ProofSeen { origin, size, time };
            memory.proofs.insert(role.to_owned(), proof);
        }
        memory.forget_log("a");
        assert!(memory.checkpoints.keys().eq(["b"]));
        assert!(memory.proofs.keys().eq(["rules"]));
    }

    #[test]
    fn a_publication_that_is_forgotten_may_be_another_and_the_others_may_not() {
        let mut memory = Memory::default();
        for version in [1, 2] {
            let seen = memory.see_version("software", version, digest(version));
            seen.unwrap();
        }
        memory.forget_publication("software", 2);
        assert_eq!(memory.publication("software", 2), None);
        assert_eq!(memory.publication("software", 1), Some(digest(1)));
        memory.see_version("software", 2, digest(3)).unwrap();
        assert_eq!(memory.publication("software", 2), Some(digest(3)));
    }

    #[test]
    fn the_clock_never_stands_before_what_witnesses_attested() {
        let memory = Memory {
            median_newest: 100,
            ..Memory::default()
        };
        assert_eq!((memory.now(99), memory.now(101)), (100, 101));
    }

    proptest::proptest! {
        #[test]
        fn no_state_file_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Memory::parse(&bytes);
        }
    }
}
