//! What was cosigned: one candidate per role and version, for ever.
//!
//! Two files of one version, both signed by center and supervisor, could be shown to different people.
//! So the first candidate of a version that is cosigned is the only one. It is remembered durably before
//! its signature leaves this process; asked again, the same signature is given; another candidate is
//! refused. A center that lost the answer fetches the file back.
//!
//! ```text
//! cosigned/4.software
//! {"file":"9f03...","keyid":"4c5b...","sig":"77e1...","signed":"1d20..."}
//! ```
//!
//! `signed` is the digest of the signed part: the same words with another signature are the same candidate.

use std::path::Path;

use serde::{Deserialize, Serialize};
use statement::FileDigest;
use store::{Files, StoreError};
use tuf::{Signed, Targets};

use crate::{cosign::Cosignature, error::SupervisorError, limits::COSIGNED_BYTES_MAX};

/// What is remembered of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The file with both signatures, in `metadata/`.
    file: FileDigest,
    keyid: String,
    sig: String,
    signed: FileDigest,
}

/// A directory of what was cosigned.
#[derive(Debug)]
pub(crate) struct Cosigned {
    files: Files,
}

impl Cosigned {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            files: Files::open(directory)?,
        })
    }

    /// The signature given before to this very candidate; none when its version was never cosigned.
    ///
    /// # Errors
    /// [`SupervisorError::SecondCandidate`] when another candidate of this version was cosigned.
    pub(crate) fn find(
        &self,
        role: &str,
        candidate: &[u8],
    ) -> Result<Option<Cosignature>, SupervisorError> {
        // What does not parse is refused by the law, with its reason.
        let Ok(candidate) = Signed::<Targets>::parse(candidate) else {
            return Ok(None);
        };
        let version = candidate.signed().version();
        let Some(kept) = self.read(role, version)? else {
            return Ok(None);
        };
        if tuf::signing_bytes(candidate.signed()).is_ok_and(|b| FileDigest::of(&b) == kept.signed) {
            return Ok(Some(Cosignature {
                keyid: kept.keyid,
                sig: kept.sig,
            }));
        }
        Err(SupervisorError::SecondCandidate {
            role: role.to_owned(),
            version,
            kept: kept.file,
        })
    }

    /// Digest of the file of this version that both signed.
    pub(crate) fn file(
        &self,
        role: &str,
        version: u64,
    ) -> Result<Option<FileDigest>, SupervisorError> {
        Ok(self.read(role, version)?.map(|kept| kept.file))
    }

    /// Remembers a signature before it is given away. What is remembered is never replaced.
    pub(crate) fn keep(
        &self,
        (role, version): (&str, u64),
        signing_bytes: &[u8],
        file: FileDigest,
        cosignature: &Cosignature,
    ) -> Result<(), SupervisorError> {
        let kept = Kept {
            file,
            keyid: cosignature.keyid.clone(),
            sig: cosignature.sig.clone(),
            signed: FileDigest::of(signing_bytes),
        };
        let bytes = serde_json::to_vec(&kept).expect("digests and texts are JSON");
        Ok(self.files.create(&name(role, version), &bytes)?)
    }

    fn read(&self, role: &str, version: u64) -> Result<Option<Kept>, SupervisorError> {
        let name = name(role, version);
        let bytes = match self.files.read(&name, COSIGNED_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // A memory that cannot be read is no empty memory.
        let kept = serde_json::from_slice(&bytes);
        kept.map(Some)
            .map_err(|source| SupervisorError::MemoryDamaged {
                path: self.files.root().join(name),
                source,
            })
    }
}

fn name(role: &str, version: u64) -> String {
    format!("{version}.{role}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tuf::{Expires, TufSigner, fixture::FixtureSigner};

    fn candidate(version: u64, expires: u64) -> Signed<Targets> {
        let expires = Expires::from_posix(1_800_000_000 + expires).unwrap();
        Targets::listing(version, expires, BTreeMap::new()).unwrap()
    }

    fn keep(memory: &Cosigned, file: &Signed<Targets>) -> Cosignature {
        let key = FixtureSigner::new(1);
        let bytes = tuf::signing_bytes(file.signed()).unwrap();
        let given = Cosignature {
            keyid: key.key().id().to_string(),
            sig: hex::encode(key.sign(&bytes)),
        };
        let digest = FileDigest::of(&file.to_bytes().unwrap());
        let version = file.signed().version();
        memory
            .keep(("software", version), &bytes, digest, &given)
            .unwrap();
        given
    }

    #[test]
    fn the_same_candidate_gets_the_same_answer_after_a_restart_and_another_none() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Cosigned::open(directory.path()).unwrap();
        let mut first = candidate(4, 0);
        assert_eq!(
            memory.find("software", &first.to_bytes().unwrap()).unwrap(),
            None
        );
        let given = keep(&memory, &first);

        let memory = Cosigned::open(directory.path()).unwrap();
        // A signature more or less makes no other candidate.
        first.sign(&FixtureSigner::new(2)).unwrap();
        let again = memory.find("software", &first.to_bytes().unwrap()).unwrap();
        assert_eq!(again, Some(given));
        let other = candidate(4, 1).to_bytes().unwrap();
        let refused = memory.find("software", &other).unwrap_err();
        assert!(
            matches!(refused, SupervisorError::SecondCandidate { version: 4, .. }),
            "{refused}"
        );
        // Other roles and versions are other matters.
        assert_eq!(memory.find("rules", &other).unwrap(), None);
        let next = candidate(5, 1).to_bytes().unwrap();
        assert_eq!(memory.find("software", &next).unwrap(), None);
    }

    #[test]
    fn what_is_remembered_is_never_replaced_and_damage_is_no_empty_memory() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Cosigned::open(directory.path()).unwrap();
        keep(&memory, &candidate(1, 0));
        let other = candidate(1, 9);
        let given = Cosignature {
            keyid: String::new(),
            sig: String::new(),
        };
        let bytes = tuf::signing_bytes(other.signed()).unwrap();
        let second = memory.keep(("software", 1), &bytes, FileDigest::of(b"x"), &given);
        assert!(matches!(second, Err(SupervisorError::Store(_))));
        std::fs::write(directory.path().join("1.software"), b"{").unwrap();
        let damaged = memory.find("software", &other.to_bytes().unwrap());
        assert!(matches!(
            damaged,
            Err(SupervisorError::MemoryDamaged { .. })
        ));
    }
}
