//! How fast an audit is, beside what this machine's SHA-256 and strict Ed25519 allow in the same run, and
//! how its memory grows with the log.
//!
//! ```text
//! cargo bench -p limpid-audit
//! ```
//!
//! The floor is what nobody can leave out: for each entry the hash of its leaf, the digest of its payload
//! and one strict verification, on all cores. An audit also fetches, compares tiles, decodes, parses and judges.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use audit::{Audit, Outcome, Place, Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, NoteKey, SecretKey, StatementKey};
use statement::{
    Constitution, Envelope, FileDigest, Floors, Heartbeat, KeyId, LogEntry, Party, PartyKey,
    Predicate, Role, Statement, StatementDigest, Subject,
};
use tlog::{
    BundleId, Checkpoint, Frontier, KeyType, Note, NoteSigner as _, TileId, cosign, leaf_hash,
    sha256, sign_checkpoint,
};

const ORIGIN: &str = "bench.example/log";
const TIME: u64 = 1_790_000_000;
const FOR_EVER: u64 = 4_000_000_000;
/// Entries between two archived checkpoints: one a minute at ten entries a second.
const STRIDE: u64 = 600;

fn secret(algorithm: Algorithm, seed: u8) -> SecretKey {
    SecretKey::from_seed(algorithm, [seed; 32])
}

fn note_key(seed: u8, name: &str, key_type: KeyType) -> NoteKey {
    NoteKey::from_seed(name.parse().unwrap(), key_type, [seed; 32]).unwrap()
}

/// Log and witnesses with an Ed25519 and an ML-DSA-44 key each, as in earnest.
struct Notaries {
    log: [NoteKey; 2],
    witnesses: Vec<[NoteKey; 2]>,
}

impl Notaries {
    fn new() -> Self {
        let witness = |name: &str, seed| {
            [
                note_key(seed, name, KeyType::CosignatureEd25519),
                note_key(seed + 1, name, KeyType::CosignatureMlDsa44),
            ]
        };
        Self {
            log: [
                note_key(50, ORIGIN, KeyType::Ed25519),
                note_key(51, ORIGIN, KeyType::CosignatureMlDsa44),
            ],
            witnesses: vec![witness("w1.example", 60), witness("w2.example", 62)],
        }
    }

    fn policy(&self) -> String {
        let mut text = String::new();
        for key in &self.log {
            text += &format!("log {}\n", key.vkey());
        }
        for (n, [ed25519, ml_dsa]) in self.witnesses.iter().enumerate() {
            let (a, b) = (ed25519.vkey(), ml_dsa.vkey());
            text += &format!("witness w{n}e {a}\nwitness w{n}m {b}\ngroup w{n} all w{n}e w{n}m\n");
        }
        text + "group both all w0 w1\nquorum both\n"
    }

    fn checkpoint(&self, frontier: &Frontier, time: u64) -> Vec<u8> {
        let origin = ORIGIN.parse().unwrap();
        let checkpoint = Checkpoint::new(origin, frontier.size(), frontier.root()).unwrap();
        let text = checkpoint.to_string();
        let mut lines = vec![
            sign_checkpoint(&text, &self.log[0]).unwrap(),
            cosign(&checkpoint, time, &self.log[1]).unwrap(),
        ];
        let keys = self.witnesses.iter().flatten();
        lines.extend(keys.map(|key| cosign(&checkpoint, time, key).unwrap()));
        Note::new(text, lines).unwrap().to_string().into_bytes()
    }
}

fn roster(notaries: &Notaries) -> Constitution {
    let key = |role, algorithm: Algorithm, seed| PartyKey {
        role,
        algorithm: match algorithm {
            Algorithm::Ed25519 => statement::Algorithm::Ed25519,
            Algorithm::MlDsa44 => statement::Algorithm::MlDsa44,
        },
        public: STANDARD.encode(secret(algorithm, seed).public_key()),
        not_after: FOR_EVER,
    };
    let pair = |role, seed| {
        [
            key(role, Algorithm::Ed25519, seed),
            key(role, Algorithm::MlDsa44, seed + 1),
        ]
    };
    let party = |n: u8, more: Vec<PartyKey>| {
        let mut keys = vec![key(Role::Governance, Algorithm::Ed25519, n)];
        keys.extend(more);
        Party {
            id: format!("party-{n}").parse().unwrap(),
            name: format!("Party {n}"),
            legal_owner: format!("Owner {n}"),
            jurisdiction: "CH".to_owned(),
            vendor: n == 1,
            keys,
        }
    };
    let mut center = vec![key(Role::Center, Algorithm::Ed25519, 10)];
    center.extend(pair(Role::Log, 50));
    Constitution {
        audience: vec![ORIGIN.parse().unwrap()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: vec![
            party(1, center),
            party(2, vec![key(Role::Supervisor, Algorithm::Ed25519, 20)]),
            party(3, pair(Role::Witness, 60).to_vec()),
            party(4, pair(Role::Witness, 62).to_vec()),
        ],
        logs: vec![LogEntry {
            origin: ORIGIN.parse().unwrap(),
            party: "party-1".parse().unwrap(),
        }],
        tlog_policy: notaries.policy(),
        tuf_root: FileDigest::of(b"root"),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: 0,
        },
    }
}

fn envelope(predicate: impl Into<Predicate>, seed: u8) -> Envelope {
    let subject = Subject::new("bench", FileDigest::of(b"bench"));
    let statement = Statement::new(vec![subject], predicate);
    let signer = StatementKey::new(secret(Algorithm::Ed25519, seed)).unwrap();
    Envelope::sign(statement.to_payload().unwrap(), &signer).unwrap()
}

/// About as long as a commitment or a release.
fn beat(n: u64) -> Envelope {
    let beat = Heartbeat {
        audience: vec![ORIGIN.parse().unwrap()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        note: format!("Read up to entry {n}. {}", "Nothing to report. ".repeat(20)),
    };
    envelope(beat, 10)
}

fn write(dir: &Path, path: &str, bytes: &[u8]) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The files of a log, made without a log.
struct Maker<'a> {
    dir: &'a Path,
    notaries: Notaries,
    frontier: Frontier,
    bundle: Vec<Vec<u8>>,
    levels: Vec<(u64, Vec<u8>)>,
    index: String,
}

impl Maker<'_> {
    fn push(&mut self, entry: Vec<u8>) {
        let leaf = leaf_hash(&entry);
        self.frontier.append(leaf);
        self.bundle.push(entry);
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push((0, Vec::new()));
            }
            let (index, tile) = &mut self.levels[level];
            tile.extend(hash.as_bytes());
            let Ok(root) = tlog::full_tile_root(tile) else {
                break;
            };
            let id = TileId::new(level as u8, *index, 256).unwrap();
            write(self.dir, &id.path(), tile);
            hash = root;
            *index += 1;
            tile.clear();
        }
        if self.bundle.len() == 256 {
            self.write_bundle();
        }
        if self.frontier.size().is_multiple_of(STRIDE) {
            self.archive();
        }
    }

    fn write_bundle(&mut self) {
        let index = (self.frontier.size() - 1) / 256;
        let id = BundleId::new(index, self.bundle.len() as u16).unwrap();
        let bytes = tlog::bundle::encode(&self.bundle).unwrap();
        write(self.dir, &id.path(), &bytes);
        self.bundle.clear();
    }

    fn archive(&mut self) -> Vec<u8> {
        let size = self.frontier.size();
        let note = self.notaries.checkpoint(&self.frontier, TIME + size / 10);
        write(self.dir, &format!("archive/{size}"), &note);
        self.index += &format!("{size}\n");
        note
    }

    fn finish(mut self) {
        for (level, (index, tile)) in self.levels.iter().enumerate() {
            if !tile.is_empty() {
                let id = TileId::new(level as u8, *index, (tile.len() / 32) as u16).unwrap();
                write(self.dir, &id.path(), tile);
            }
        }
        if !self.bundle.is_empty() {
            self.write_bundle();
        }
        let size = self.frontier.size();
        let note = if self.index.ends_with(&format!("\n{size}\n")) {
            std::fs::read(self.dir.join(format!("archive/{size}"))).unwrap()
        } else {
            self.archive()
        };
        write(self.dir, "archive/index", self.index.as_bytes());
        write(self.dir, "checkpoint", &note);
    }
}

/// Makes a log of this size; returns its anchor.
fn make_log(dir: &Path, size: u64) -> StatementDigest {
    let notaries = Notaries::new();
    let constitution = roster(&notaries);
    let founding: Vec<Envelope> = (1..=4)
        .map(|seed| envelope(constitution.clone(), seed))
        .collect();
    let anchor = founding[0].digest();
    let mut maker = Maker {
        dir,
        notaries,
        frontier: Frontier::new(),
        bundle: Vec::new(),
        levels: Vec::new(),
        index: String::new(),
    };
    for envelope in &founding {
        maker.push(envelope.to_bytes());
    }
    for n in 4..size {
        maker.push(beat(n).to_bytes());
    }
    maker.finish();
    anchor
}

/// Seconds that the floor takes for all entries, on all cores: hashes and strict verification, nothing else.
fn floor(dir: &Path, size: u64, cores: usize) -> f64 {
    let raw: [u8; 32] = secret(Algorithm::Ed25519, 10)
        .public_key()
        .try_into()
        .unwrap();
    let mut entries = Vec::new();
    for id in BundleId::covering(size) {
        let bytes = std::fs::read(dir.join(id.path())).unwrap();
        for entry in tlog::bundle::parse(&bytes, id.width()).unwrap() {
            entries.push((entry.to_vec(), Envelope::parse(entry).unwrap()));
        }
    }
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(256, Ordering::Relaxed);
                    let Some(chunk) = entries.get(first..entries.len().min(first + 256)) else {
                        break;
                    };
                    for (bytes, envelope) in
                        chunk.iter().filter(|(_, e)| e.key() == KeyId::of(&raw))
                    {
                        std::hint::black_box((leaf_hash(bytes), sha256(envelope.payload())));
                        envelope.verify(&raw).unwrap();
                    }
                    if chunk.is_empty() {
                        break;
                    }
                }
            });
        }
    });
    started.elapsed().as_secs_f64()
}

/// Peak memory of this process in MiB, and then begins to count anew.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    // Needs no more than the right to write one's own file; if not, the number only grows.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
    kib / 1024.0
}

fn main() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .enable_all()
        .build()
        .unwrap();
    println!("{cores} cores");
    println!("entries    floor s   audit s   audit/floor   entries/s   peak MiB");
    for size in [10_000, 40_000, 160_000] {
        let dir = tempfile::tempdir().unwrap();
        let anchor = make_log(dir.path(), size);
        let before = floor(dir.path(), size, cores);
        peak_mib();
        let started = Instant::now();
        let report = runtime.block_on(async {
            let request = Request {
                anchor,
                logs: vec![(ORIGIN.parse().unwrap(), Place::directory(dir.path()))],
                repository: None,
                seen: Vec::new(),
            };
            let mut audit = Audit::new(request).unwrap();
            audit.look(TIME + size / 10).await.unwrap()
        });
        let audited = started.elapsed().as_secs_f64();
        let peak = peak_mib();
        assert_eq!(report.outcome, Outcome::Held, "{}", report.to_text());
        assert_eq!(report.logs[0].summary.counted, size);
        // Other work on the machine comes and goes: the floor before and after.
        let floor = (before + floor(dir.path(), size, cores)) / 2.0;
        println!(
            "{size:>7}  {floor:>9.2} {audited:>9.2} {:>12.0} % {:>11.0} {peak:>10.0}",
            100.0 * floor / audited,
            size as f64 / audited
        );
    }
}
