//! Samples on disk, one directory each; what lies there says how far it came.
//!
//! ```text
//! samples/<id>/upload.pem        the key of this sample, mode 0600
//! samples/<id>/ciphertext        sealed content; gone once the center has it
//! samples/<id>/front             header and wraps
//! samples/<id>/sample.json       what it is: written last, so a directory without it is unfinished and swept
//! samples/<id>/token             its right to be uploaded, mode 0600, where the home asks for one: see `wallet`
//! samples/<id>/began             the center may have heard of it
//! samples/<id>/completed.json    the center says that it has it
//! samples/<id>/declined.json     the center refuses it for good
//! samples/<id>/demand.json       its erasure was demanded
//! samples/<id>/receipt.json      proofs, as they came: verified before they are kept and whenever they are shown
//! samples/<id>/verdict.json  samples/<id>/anomaly.json  samples/<id>/erasure.json
//! ```
//!
//! No plaintext is ever here. `label`, the owner's own name for the file, is in `sample.json` and in no request.

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use keys::SecretKey;
use residency::Decision;
use scan::{IndexPath, Kind};
use seal::{Front, limits::FRONT_BYTES_MAX};
use serde::{Deserialize, Serialize};
use statement::{FileDigest, RegionName, SampleId, SealDigest, StatementDigest};
use store::Files;

use super::{config::Config, error::SharingError, files, inside::MatchedMember};
use crate::limits::RECORD_BYTES_MAX;

/// What one sample is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleRecord {
    /// Which file this is, for its owner; never sent.
    pub(super) label: String,
    /// SHA-256 of what was shared, for its owner; never sent.
    pub(super) file: FileDigest,
    /// Which part of the file was shared, if it was not all of it; never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) member: Option<SharedMember>,
    /// POSIX seconds by the clock of this machine.
    pub(super) queued_at: u64,
    /// The record of the consent that it was shared under.
    pub(super) consent: u64,
    pub(super) sample: SampleId,
    pub(super) seal: SealDigest,
    /// SHA-256 of the three wraps.
    pub(super) wraps: FileDigest,
    /// SHA-256 of the ciphertext.
    pub(super) ciphertext: FileDigest,
    pub(super) ciphertext_bytes: u64,
    pub(super) home: statement::CountryCode,
    pub(super) region: RegionName,
    pub(super) policy: StatementDigest,
    /// The rule that decided.
    pub(super) rule: String,
    /// Until when it can be sent: then one of its keys is over.
    pub(super) valid_until: u64,
    /// The bundle that the decision and the keys rest on.
    pub(super) proof: FileDigest,
}

impl SampleRecord {
    /// Whether a decision made again is the one that it was shared by.
    pub(super) fn agrees_with(&self, decision: &Decision) -> bool {
        (&decision.home, &decision.region, decision.rule.as_str())
            == (&self.home, &self.region, self.rule.as_str())
    }
}

/// A member of a container that was shared, and nothing else of it. It has a number, by the order in which members stand
/// there: no name that the container holds is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedMember {
    /// Where it stands: `0.3.1` is the second member of the fourth one.
    pub path: IndexPath,
    /// What it is.
    pub kind: Kind,
    /// Its size.
    pub bytes: u64,
}

impl SharedMember {
    pub(super) fn of(member: &MatchedMember) -> Self {
        Self {
            path: member.path.clone(),
            kind: member.kind,
            bytes: member.bytes,
        }
    }
}

impl fmt::Display for SharedMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, kind, bytes } = self;
        write!(f, "{path} ({}, {bytes} bytes)", kind.as_str())
    }
}

/// The center's answer to a whole sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Completed {
    pub(super) sample: SampleId,
    pub(super) seal: SealDigest,
    pub(super) received: u64,
}

/// Why the center does not want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declined {
    pub(super) at: u64,
    pub(super) code: String,
    /// One in how many it takes, if it samples and that is why.
    pub(super) one_in: Option<u64>,
}

/// Erasure was demanded; written before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demand {
    pub(super) at: u64,
    /// SHA-256 of message and signature, as the erasure will name it.
    pub(super) digest: FileDigest,
    /// The center said that it did it, or that it never had the sample.
    pub(super) answered: Option<u64>,
}

/// One sample.
pub(super) struct Sample<'a> {
    pub(super) record: SampleRecord,
    files: &'a Files,
}

/// Every sample of one endpoint.
pub(super) struct Queue<'a> {
    files: &'a Files,
}

fn directory(sample: &SampleId) -> String {
    format!("samples/{sample}")
}

impl<'a> Queue<'a> {
    pub(super) const fn new(files: &'a Files) -> Self {
        Self { files }
    }

    /// Every sample, oldest first.
    pub(super) fn samples(&self) -> Result<Vec<Sample<'a>>, SharingError> {
        let mut samples = Vec::new();
        for id in self.names()? {
            samples.extend(self.find(&id)?);
        }
        samples.sort_by(|a: &Sample<'_>, b| {
            let key = |sample: &Sample<'_>| (sample.record.queued_at, sample.record.sample.clone());
            key(a).cmp(&key(b))
        });
        Ok(samples)
    }

    /// One sample; none when it is not here, or not whole.
    pub(super) fn find(&self, id: &SampleId) -> Result<Option<Sample<'a>>, SharingError> {
        let name = format!("{}/sample.json", directory(id));
        let record = files::read::<SampleRecord>(self.files, &name, RECORD_BYTES_MAX)?;
        Ok(record.map(|record| Sample {
            record,
            files: self.files,
        }))
    }

    fn names(&self) -> Result<BTreeSet<SampleId>, SharingError> {
        let path = self.files.root().join("samples");
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(SharingError::io("read", &path))?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(SharingError::io("read", &path))?;
            let name = entry.file_name();
            names.extend(name.to_str().and_then(|name| name.parse::<SampleId>().ok()));
        }
        Ok(names)
    }

    /// Removes what was begun and never queued, and ciphertexts that are not needed any more.
    pub(super) fn sweep(&self) -> Result<(), SharingError> {
        for id in self.names()? {
            match self.find(&id)? {
                None => files::remove_directory(&self.files.root().join(directory(&id)))?,
                Some(sample) if !sample.waits()? => sample.remove_ciphertext()?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Those that wait to be sent: how many, and their bytes.
    pub(super) fn waiting(&self) -> Result<(usize, u64), SharingError> {
        let (mut count, mut bytes) = (0, 0);
        for sample in self.samples()? {
            if sample.waits()? {
                count += 1;
                bytes += sample.record.ciphertext_bytes;
            }
        }
        Ok((count, bytes))
    }

    /// Whether as many samples more have room, of as many bytes together.
    pub(super) fn check_room(
        &self,
        config: &Config,
        count: usize,
        bytes: u64,
    ) -> Result<(), SharingError> {
        let (waiting, waiting_bytes) = self.waiting()?;
        let (count, bytes) = (waiting + count, waiting_bytes.saturating_add(bytes));
        if count > config.queue_count_max || bytes > config.queue_bytes_max {
            return Err(SharingError::QueueFull {
                count: waiting,
                bytes: waiting_bytes,
            });
        }
        Ok(())
    }

    /// The directory of a sample that is being made, durable and empty.
    pub(super) fn begin(&self, id: &SampleId) -> Result<PathBuf, SharingError> {
        let path = self.files.root().join(directory(id));
        fs::create_dir_all(&path).map_err(SharingError::io("make", &path))?;
        for parent in path.ancestors().skip(1).take(2) {
            let synced = fs::File::open(parent).and_then(|directory| directory.sync_all());
            synced.map_err(SharingError::io("sync", parent))?;
        }
        Ok(path)
    }

    /// Puts header and wraps beside the ciphertext.
    pub(super) fn write_front(&self, id: &SampleId, front: &Front) -> Result<(), SharingError> {
        let name = format!("{}/front", directory(id));
        Ok(self.files.create(&name, &front.to_bytes())?)
    }

    /// From here on the sample is in the queue.
    pub(super) fn write_record(&self, record: &SampleRecord) -> Result<(), SharingError> {
        let name = format!("{}/sample.json", directory(&record.sample));
        files::create(self.files, &name, record)
    }
}

impl Sample<'_> {
    pub(super) fn name(&self, file: &str) -> String {
        format!("{}/{file}", directory(&self.record.sample))
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.files.root().join(self.name(file))
    }

    pub(super) fn has(&self, file: &str) -> Result<bool, SharingError> {
        Ok(self.files.contains(&self.name(file))?)
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(
        &self,
        file: &str,
        bytes_max: u64,
    ) -> Result<Option<T>, SharingError> {
        files::read(self.files, &self.name(file), bytes_max)
    }

    pub(super) fn create<T: Serialize>(&self, file: &str, value: &T) -> Result<(), SharingError> {
        files::create(self.files, &self.name(file), value)
    }

    pub(super) fn replace<T: Serialize>(&self, file: &str, value: &T) -> Result<(), SharingError> {
        files::replace(self.files, &self.name(file), value)
    }

    /// Whether it still has to be sent.
    pub(super) fn waits(&self) -> Result<bool, SharingError> {
        for ended in ["completed.json", "declined.json", "demand.json"] {
            if self.has(ended)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The center may have heard of it; noted before the first request.
    pub(super) fn begin_to_send(&self) -> Result<(), SharingError> {
        Ok(self.files.create(&self.name("began"), b"")?)
    }

    pub(super) fn began(&self) -> Result<bool, SharingError> {
        self.has("began")
    }

    pub(super) fn completed(&self) -> Result<Option<Completed>, SharingError> {
        self.read("completed.json", RECORD_BYTES_MAX)
    }

    pub(super) fn declined(&self) -> Result<Option<Declined>, SharingError> {
        self.read("declined.json", RECORD_BYTES_MAX)
    }

    pub(super) fn demand(&self) -> Result<Option<Demand>, SharingError> {
        self.read("demand.json", RECORD_BYTES_MAX)
    }

    pub(super) fn key(&self) -> Result<SecretKey, SharingError> {
        Ok(SecretKey::load(&self.path("upload.pem"), None)?)
    }

    /// Header and wraps, and whether they are those of the record.
    pub(super) fn front(&self) -> Result<Front, SharingError> {
        let bytes = self
            .files
            .read(&self.name("front"), FRONT_BYTES_MAX as u64)?;
        let front = Front::parse(&bytes)?;
        let seal = front.header().seal_digest(self.record.ciphertext.hash());
        let wraps = FileDigest::new(front.wraps().digest());
        if seal == self.record.seal && wraps == self.record.wraps {
            return Ok(front);
        }
        Err(SharingError::Damaged {
            path: self.path("front"),
            wrong: format!(
                "it is of the sealed sample {seal}, not {}",
                self.record.seal
            ),
        })
    }

    pub(super) fn remove_ciphertext(&self) -> Result<(), SharingError> {
        files::remove(&self.path("ciphertext"))
    }

    /// Forgets a sample that never left. Its record goes first: the rest is swept if this is interrupted.
    pub(super) fn forget(&self) -> Result<(), SharingError> {
        files::remove(&self.path("sample.json"))?;
        let path = self.path("sample.json");
        files::remove_directory(path.parent().unwrap_or(Path::new("samples")))
    }
}
