//! Who takes part: a center that keeps the log, a supervisor, three labs that witness it, a mirror.
//! Keys derive from fixed seeds; they protect nothing.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;
use keys::{Algorithm, NoteKey, SecretKey, StatementKey};
use statement::{
    Constitution, Envelope, FileDigest, Floors, Heartbeat, LogEntry, Party, PartyKey, Predicate,
    Role, Statement, StatementDigest, Subject,
};
use tlog::{KeyType, NoteSigner as _, Origin, Policy, VerifierKey};

pub(crate) const ORIGIN: &str = "sim.example/log";
pub(crate) const WITNESSES: [&str; 3] = ["w1.example", "w2.example", "w3.example"];
pub(crate) const MIRROR: &str = "mirror.example";
const FOR_EVER: u64 = 4_000_000_000;
const GOVERNANCE: [u8; 5] = [1, 2, 3, 4, 5];
const CENTER: u8 = 10;
const LOG_SEEDS: [u8; 2] = [50, 51];
const WITNESS_SEEDS: [[u8; 2]; 3] = [[60, 61], [62, 63], [64, 65]];
const MIRROR_SEEDS: [u8; 2] = [70, 71];

/// A key for statements from its seed.
fn statement_key(seed: u8) -> StatementKey {
    let secret = SecretKey::from_seed(Algorithm::Ed25519, [seed; 32]);
    StatementKey::new(secret).expect("an Ed25519 key")
}

pub(crate) fn origin() -> Origin {
    ORIGIN.parse().expect("a fixed name")
}

fn party_key(role: Role, algorithm: Algorithm, seed: u8) -> PartyKey {
    SecretKey::from_seed(algorithm, [seed; 32]).party_key(role, FOR_EVER)
}

fn pair(role: Role, [ed25519, ml_dsa]: [u8; 2]) -> [PartyKey; 2] {
    [
        party_key(role, Algorithm::Ed25519, ed25519),
        party_key(role, Algorithm::MlDsa44, ml_dsa),
    ]
}

/// A key for notes from its seed.
fn note_key(name: &str, key_type: KeyType, seed: u8) -> NoteKey {
    let name = name.parse().expect("a fixed name");
    NoteKey::from_seed(name, key_type, [seed; 32]).expect("the algorithm is that of the type")
}

/// Both keys of witness `n`.
pub(crate) fn witness_keys(n: usize) -> [NoteKey; 2] {
    let [ed25519, ml_dsa] = WITNESS_SEEDS[n];
    [
        note_key(WITNESSES[n], KeyType::CosignatureEd25519, ed25519),
        note_key(WITNESSES[n], KeyType::CosignatureMlDsa44, ml_dsa),
    ]
}

/// Verifier keys of the log.
pub(crate) fn log_vkeys() -> &'static [VerifierKey; 2] {
    static KEYS: OnceLock<[VerifierKey; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        let [ed25519, ml_dsa] = LOG_SEEDS;
        let vkey = |key_type, seed| note_key(ORIGIN, key_type, seed).vkey().clone();
        [
            vkey(KeyType::Ed25519, ed25519),
            vkey(KeyType::CosignatureMlDsa44, ml_dsa),
        ]
    })
}

/// Verifier keys of witness `n`.
pub(crate) fn witness_vkeys(n: usize) -> [VerifierKey; 2] {
    witness_keys(n).map(|key| key.vkey().clone())
}

/// Verifier keys of the mirror.
pub(crate) fn mirror_vkeys() -> [VerifierKey; 2] {
    let [ed25519, ml_dsa] = MIRROR_SEEDS;
    let vkey = |key_type, seed| note_key(MIRROR, key_type, seed).vkey().clone();
    [
        vkey(KeyType::CosignatureEd25519, ed25519),
        vkey(KeyType::CosignatureMlDsa44, ml_dsa),
    ]
}

/// Two of three witnesses.
fn policy_text() -> String {
    let mut text = String::new();
    for vkey in log_vkeys() {
        text += &format!("log {vkey}\n");
    }
    for n in 0..WITNESSES.len() {
        let [ed25519, ml_dsa] = witness_vkeys(n);
        let n = n + 1;
        text += &format!("witness w{n}e {ed25519}\nwitness w{n}m {ml_dsa}\n");
        text += &format!("group w{n} all w{n}e w{n}m\n");
    }
    text + "group most 2 w1 w2 w3\nquorum most\n"
}

pub(crate) fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| Policy::parse(&policy_text()).expect("a fixed text"))
}

fn constitution() -> Constitution {
    let governance = |n: usize| party_key(Role::Governance, Algorithm::Ed25519, GOVERNANCE[n]);
    let party = |id: &str, vendor, keys: Vec<PartyKey>| Party {
        id: id.parse().expect("a fixed name"),
        name: id.to_owned(),
        legal_owner: format!("{id} Ltd"),
        jurisdiction: "CH".to_owned(),
        vendor,
        keys,
    };
    let mut center = vec![
        governance(0),
        party_key(Role::Center, Algorithm::Ed25519, CENTER),
    ];
    center.extend(pair(Role::Log, LOG_SEEDS));
    let supervisor = vec![
        governance(1),
        party_key(Role::Supervisor, Algorithm::Ed25519, 20),
    ];
    let mut parties = vec![
        party("center", true, center),
        party("supervisor", false, supervisor),
    ];
    for (n, seeds) in WITNESS_SEEDS.into_iter().enumerate() {
        let mut keys = vec![governance(n + 2)];
        keys.extend(pair(Role::Witness, seeds));
        parties.push(party(["lab-a", "lab-b", "lab-c"][n], false, keys));
    }
    Constitution {
        audience: vec![origin()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties,
        logs: vec![LogEntry {
            origin: origin(),
            party: "center".parse().expect("a fixed name"),
        }],
        tlog_policy: policy_text(),
        tuf_root: FileDigest::of(b"root"),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: 0,
        },
    }
}

fn envelope(predicate: impl Into<Predicate>, signer: u8) -> Envelope {
    let subject = Subject::new("test", FileDigest::of(b"test"));
    let payload = Statement::new(vec![subject], predicate)
        .to_payload()
        .expect("a statement of ours");
    Envelope::sign(payload, &statement_key(signer)).expect("a short one")
}

/// The constitution by each party: the first entries of the log.
pub(crate) fn founding() -> &'static [Vec<u8>] {
    static FOUNDING: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FOUNDING.get_or_init(|| {
        let sign = |seed: &u8| envelope(constitution(), *seed).to_bytes();
        GOVERNANCE.iter().map(sign).collect()
    })
}

pub(crate) fn anchor() -> StatementDigest {
    static ANCHOR: OnceLock<StatementDigest> = OnceLock::new();
    *ANCHOR.get_or_init(|| envelope(constitution(), GOVERNANCE[0]).digest())
}

/// Entry number `n`: a heartbeat of the center. Each is signed once for all runs of a process.
pub(crate) fn entry(n: usize) -> Vec<u8> {
    static ENTRIES: [OnceLock<Vec<u8>>; 4096] = [const { OnceLock::new() }; 4096];
    let sign = || {
        let beat = Heartbeat {
            audience: vec![origin()],
            not_after: FOR_EVER,
            blobs: Vec::new(),
            note: format!("entry {n}"),
        };
        envelope(beat, CENTER).to_bytes()
    };
    ENTRIES[n % ENTRIES.len()].get_or_init(sign).clone()
}

fn key_files(dir: &Path, [ed25519, ml_dsa]: [u8; 2]) -> Result<[PathBuf; 2]> {
    std::fs::create_dir_all(dir)?;
    let save = |name: &str, algorithm, seed: u8| {
        let path = dir.join(name);
        SecretKey::from_seed(algorithm, [seed; 32]).save_new(&path, None)?;
        anyhow::Ok(path)
    };
    Ok([
        save("ed25519.pem", Algorithm::Ed25519, ed25519)?,
        save("ml-dsa.pem", Algorithm::MlDsa44, ml_dsa)?,
    ])
}

/// What witness `n` is told.
pub(crate) fn witness_config(n: usize, dir: &Path) -> Result<witness::Config> {
    let [ed25519_key, ml_dsa_key] = key_files(dir, WITNESS_SEEDS[n])?;
    Ok(witness::Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: WITNESSES[n].to_owned(),
        ed25519_key,
        ml_dsa_key,
        passphrase: None,
        logs: vec![witness::LogConfig {
            origin: ORIGIN.to_owned(),
            vkeys: log_vkeys().iter().map(ToString::to_string).collect(),
        }],
    })
}

/// What the mirror is told.
pub(crate) fn mirror_config(dir: &Path) -> Result<mirror::Config> {
    let [ed25519_key, ml_dsa_key] = key_files(dir, MIRROR_SEEDS)?;
    Ok(mirror::Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: MIRROR.to_owned(),
        ed25519_key,
        ml_dsa_key,
        passphrase: None,
        witness_vkeys: Vec::new(),
        logs: vec![mirror::LogConfig {
            origin: ORIGIN.to_owned(),
            vkeys: log_vkeys().iter().map(ToString::to_string).collect(),
            bytes_max: 1 << 40,
        }],
    })
}

/// What a front end is told. Its stores are not those of the section `remote`, which only says that
/// public files are served from the shelf.
pub(crate) fn log_config(dir: &Path) -> Result<log::Config> {
    let keys = key_files(dir, LOG_SEEDS)?;
    let mut config = log::Config::new(dir.to_owned(), &origin(), anchor(), keys);
    let url = |name: &&str| log::WitnessUrl::new(format!("http://{name}"));
    config.witnesses = WITNESSES.iter().map(url).collect();
    config.refresh_ms = 4_000;
    config.wait_ms = 3_000;
    config.witness_timeout_ms = 1_500;
    let unused = || "env:UNUSED".to_owned();
    config.remote = Some(log::RemoteConfig {
        postgres: unused(),
        schema: "unused".to_owned(),
        public_url: None,
        s3: log::S3Config {
            endpoint: "http://unused".to_owned(),
            bucket: "unused".to_owned(),
            prefix: String::new(),
            region: "unused".to_owned(),
            access_key: unused(),
            secret_key: unused(),
            ca: None,
        },
    });
    Ok(config)
}
