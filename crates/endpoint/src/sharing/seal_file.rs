//! A file becomes a sealed sample in the queue: read once, encrypted piece by piece, durable before it counts.

use std::{
    fmt, fs,
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
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
    issuing::Counter,
    queue::{Queue, SampleRecord},
    send::client,
    step::{ShareStep, WatchShare, done},
};
use crate::limits::LABEL_BYTES_MAX;

/// A file that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The file, as its owner named it.
    pub label: String,
    /// The only name that anybody else hears.
    pub sample: SampleId,
    /// Where it goes.
    pub home: CountryCode,
    /// Where it comes from, as everybody may know.
    pub region: RegionName,
    /// The rule that decided.
    pub rule: String,
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
        write!(
            f,
            "{label}: sealed to {home} by rule `{rule}`, sample {sample}"
        )
    }
}

/// Seals files into the queue; [`super::send()`] sends them. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`SharingError::NoConsent`] before anything else is looked at; then what does not hold, is full, or cannot be read. Files before
/// the failing one are queued.
pub async fn share(
    config: &Config,
    paths: &[&Path],
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
    let mut shared = Vec::new();
    for path in paths {
        consents.check_still()?;
        let source = Source::open(path, config, &queue)?;
        shared.push(source.seal(&consent, &to, &queue, now, watch)?);
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
        tracing::warn!(
            code = error.code(),
            "no admission token was fetched: {error}"
        );
    }
    Ok(shared)
}

/// A file that fits into the queue.
struct Source<'a> {
    path: &'a Path,
    file: File,
    bytes: u64,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path, config: &Config, queue: &Queue<'_>) -> Result<Self, SharingError> {
        let file = File::open(path).map_err(SharingError::io("read", path))?;
        let meta = file.metadata().map_err(SharingError::io("read", path))?;
        let (bytes, bytes_max) = (meta.len(), config.sample_bytes_max);
        if !meta.is_file() || !(1..=bytes_max).contains(&bytes) {
            let path = path.to_owned();
            return Err(SharingError::Size {
                path,
                bytes,
                bytes_max,
            });
        }
        let (count, waiting) = queue.waiting()?;
        if count >= config.queue_count_max || waiting + bytes > config.queue_bytes_max {
            let bytes = waiting;
            return Err(SharingError::QueueFull { count, bytes });
        }
        Ok(Self { path, file, bytes })
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
        let decision = to.decision();
        let record = SampleRecord {
            label: label(self.path),
            file,
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

    /// Reads the file once; what is written is ciphertext only.
    fn write(
        &mut self,
        mut sealer: Sealer,
        to: &Path,
    ) -> Result<(Sealed, FileDigest), SharingError> {
        let changed = || SharingError::Changed {
            path: self.path.to_owned(),
        };
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
            self.file.read_exact(&mut chunk).map_err(|error| {
                match error.kind() == std::io::ErrorKind::UnexpectedEof {
                    true => changed(),
                    false => SharingError::io("read", self.path)(error),
                }
            })?;
            digest.update(&chunk);
            sealer.seal_chunk(&mut chunk)?;
            out.write_all(&chunk)
                .map_err(SharingError::io("write", to))?;
        }
        let more = self.file.read(&mut [0]);
        if more.map_err(SharingError::io("read", self.path))? != 0 {
            return Err(changed());
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
