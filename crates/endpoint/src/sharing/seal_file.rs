//! A file, or the members of it that matched, become sealed samples in the queue: read once, encrypted piece by piece, durable
//! before they count.

use std::{
    fmt, fs,
    fs::OpenOptions,
    io::{Cursor, ErrorKind, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use keys::{Algorithm, SecretKey, random_bytes};
use seal::{Address, Sealed, Sealer, Seed, UploadKey, limits::WRAP_RANDOMNESS_BYTES};
use serde::Serialize;
use statement::{CountryCode, FileDigest, RegionName, SampleId};
use store::{DirLock, Files};
use tlog::Sha256Stream;
use zeroize::Zeroizing;

use super::{
    config::Config,
    consent::{Consented, Consents, public},
    destination::{Decided, Destination},
    error::SharingError,
    evidence::Archive,
    inside::MatchedMember,
    issuing::Counter,
    looker::{Looker, OpenFile, Part},
    queue::{Queue, SampleRecord, SharedMember},
    send::client,
    step::{ShareStep, WatchShare, done},
};
use crate::limits::LABEL_BYTES_MAX;

/// How much of a file its owner wants to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Of a container the members that matched, each as a sample of its own; a file that holds nothing else as it is. The file is
    /// looked into, in a sandbox.
    Matching,
    /// All of it, as it is. Nobody looks into it here.
    Whole,
}

/// A sample that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The file, as its owner named it.
    pub label: String,
    /// Which part of it; none when it is all of the file.
    pub member: Option<SharedMember>,
    /// What was found in that part, here; never sent.
    pub found: Vec<scan::Reason>,
    /// The only name that anybody else hears.
    pub sample: SampleId,
    /// Where it goes.
    pub home: CountryCode,
    /// Where it comes from, as everybody may know.
    pub region: RegionName,
    /// The rule that decided.
    pub rule: String,
}

impl Shared {
    /// Which part of its file it is, and why: `only member 0.1 (text, 68 bytes), for rule.malicious`.
    #[must_use]
    pub fn part(&self) -> Option<String> {
        let member = self.member.as_ref()?;
        let found: Vec<&str> = self.found.iter().map(|reason| reason.as_str()).collect();
        Some(format!("only member {member}, for {}", found.join(", ")))
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label,
            sample,
            home,
            rule,
            ..
        } = self;
        write!(f, "{label}: ")?;
        if let Some(part) = self.part() {
            write!(f, "{part}: ")?;
        }
        write!(f, "sealed to {home} by rule `{rule}`, sample {sample}")
    }
}

/// Seals files into the queue; [`super::send()`] sends them. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`SharingError::NoConsent`] before anything else is looked at; then what does not hold, is full, cannot be read, or holds
/// nothing that matched. Files before the failing one are queued.
pub async fn share(
    config: &Config,
    paths: &[&Path],
    extent: Extent,
    now: u64,
    watch: WatchShare<'_>,
) -> Result<Vec<Shared>, SharingError> {
    config.check()?;
    let consents = Consents::open(config)?;
    let consent = consents.check()?;
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let queue = Queue::new(&files);
    queue.sweep()?;
    let archive = Archive {
        config,
        files: &files,
    };
    let http = client(config)?;
    let decided = Decided::find(&archive, &http, consent.country(), now).await?;
    let now = archive.now(now)?;
    let to = Destination::check(&archive, &decided, now)?;
    done(watch, ShareStep::Decided)?;
    let looker = match extent {
        Extent::Matching => Some(Looker::open(config)?),
        Extent::Whole => None,
    };
    let mut shared = Vec::new();
    for path in paths {
        let file = OpenFile::open(path, config)?;
        let parts = match &looker {
            Some(looker) => looker.look(&file)?,
            None => vec![Part::Whole(None)],
        };
        let bytes = parts.iter().map(|part| part.bytes(&file));
        let bytes = bytes.fold(0, u64::saturating_add);
        queue.check_room(config, parts.len(), bytes)?;
        for part in parts {
            consents.check_still()?;
            let source = Source::of(&file, part)?;
            shared.push(source.seal(&consent, &to, &queue, now, watch)?);
        }
    }
    // Only if there is none at all: those of later samples are fetched after uploads, not before. Without one the sample waits.
    let counter = Counter {
        archive: &archive,
        consents: &consents,
        http: &http,
        now,
    };
    let center = config.center_of(&decided.decision.home)?;
    if let Err(error) = counter.top_up(center, 1).await {
        // Said again, to its owner, by every `send` for as long as it waits.
        tracing::info!(
            code = error.code(),
            "no admission token was fetched: {error}"
        );
    }
    Ok(shared)
}

/// What becomes one sample.
struct Source<'a> {
    path: &'a Path,
    /// Which part of the file it is; none when it is all of it.
    member: Option<MatchedMember>,
    content: Box<dyn Read + 'a>,
    bytes: u64,
    /// SHA-256 of what was looked at.
    seen: Option<FileDigest>,
}

impl<'a> Source<'a> {
    fn of(file: &'a OpenFile<'a>, part: Part<'_>) -> Result<Self, SharingError> {
        let (path, bytes) = (file.path(), part.bytes(file));
        Ok(match part {
            Part::Whole(seen) => Self {
                path,
                member: None,
                content: Box::new(file.rewound()?),
                bytes,
                seen,
            },
            Part::Member(member, looker) => Self {
                path,
                content: Box::new(Cursor::new(looker.take(file, &member)?)),
                bytes,
                seen: Some(member.sha256),
                member: Some(member),
            },
        })
    }

    /// Nobody without a consent and a destination can call this.
    fn seal(
        mut self,
        consent: &Consented,
        to: &Destination,
        queue: &Queue<'_>,
        now: u64,
        watch: WatchShare<'_>,
    ) -> Result<Shared, SharingError> {
        let sample = SampleId::new(*random_bytes::<16>()?);
        let directory = queue.begin(&sample)?;
        let key = SecretKey::generate(Algorithm::Ed25519)?;
        key.save_new(&directory.join("upload.pem"), None)?;
        done(watch, ShareStep::WroteKey)?;
        let sealer = self.sealer(&sample, &key, to)?;
        let (sealed, file) = self.write(sealer, &directory.join("ciphertext"))?;
        done(watch, ShareStep::WroteCiphertext)?;
        queue.write_front(&sample, &sealed.front)?;
        done(watch, ShareStep::WroteFront)?;
        if self.seen.is_some_and(|seen| seen != file) {
            return Err(self.changed());
        }
        let decision = to.decision();
        let record = SampleRecord {
            label: label(self.path),
            file,
            member: self.member.as_ref().map(SharedMember::of),
            queued_at: now,
            consent: consent.seq(),
            sample: sample.clone(),
            seal: sealed.seal,
            wraps: FileDigest::new(sealed.front.wraps().digest()),
            ciphertext: FileDigest::new(sealed.ciphertext),
            ciphertext_bytes: sealed.front.header().ciphertext_bytes(),
            home: decision.home.clone(),
            region: decision.region.clone(),
            policy: to.policy(),
            rule: decision.rule.to_string(),
            valid_until: to.epochs().valid_until(),
            proof: to.proof(),
        };
        queue.write_record(&record)?;
        done(watch, ShareStep::Queued)?;
        Ok(Shared {
            label: record.label,
            member: record.member,
            found: self.member.map_or_else(Vec::new, |member| member.reasons),
            sample,
            home: record.home,
            region: record.region,
            rule: record.rule,
        })
    }

    fn sealer(
        &self,
        sample: &SampleId,
        key: &SecretKey,
        to: &Destination,
    ) -> Result<Sealer, SharingError> {
        let upload_key = UploadKey::from_raw(&public(key)?);
        let address = Address {
            sample: sample.clone(),
            upload_key: upload_key.expect("a key that was just made is a point of large order"),
            home: to.decision().home.clone(),
            region: to.decision().region.clone(),
            policy: to.policy(),
            size_bytes: self.bytes,
        };
        let seed = Seed::new(random_bytes()?);
        let randomness = random_bytes::<WRAP_RANDOMNESS_BYTES>()?;
        Ok(Sealer::start(address, to.keys(), &seed, &randomness)?)
    }

    fn changed(&self) -> SharingError {
        SharingError::Changed {
            path: self.path.to_owned(),
        }
    }

    /// Reads it once; what is written is ciphertext only.
    fn write(
        &mut self,
        mut sealer: Sealer,
        to: &Path,
    ) -> Result<(Sealed, FileDigest), SharingError> {
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(SharingError::io("write", to))?;
        let mut digest = Sha256Stream::new();
        loop {
            let mut chunk = Zeroizing::new(vec![0; sealer.next_bytes()]);
            if chunk.is_empty() {
                break;
            }
            let read = self.content.read_exact(&mut chunk);
            read.map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => self.changed(),
                _ => SharingError::io("read", self.path)(error),
            })?;
            digest.update(&chunk);
            sealer.seal_chunk(&mut chunk)?;
            out.write_all(&chunk)
                .map_err(SharingError::io("write", to))?;
        }
        let more = self.content.read(&mut [0]);
        if more.map_err(SharingError::io("read", self.path))? != 0 {
            return Err(self.changed());
        }
        let parent = to.parent().unwrap_or(Path::new("."));
        out.sync_all()
            .and_then(|()| fs::File::open(parent)?.sync_all())
            .map_err(SharingError::io("sync", to))?;
        Ok((sealer.finish()?, FileDigest::new(digest.finish())))
    }
}

/// The owner's own name for it, cut at a character.
fn label(path: &Path) -> String {
    let mut label = path.display().to_string();
    while label.len() > LABEL_BYTES_MAX {
        label.pop();
    }
    label
}
