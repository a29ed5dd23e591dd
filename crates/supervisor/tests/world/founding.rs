//! Keys, constitution, witnesses, logs.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{NoteKey, SecretKey, StatementKey, TufKey};
use serve::wait_url;
use statement::{
    Algorithm, Constitution, Envelope, FileDigest, Floors, LogEntry, Party, PartyKey, Role,
    Statement, StatementDigest, Subject,
};
use tlog::{KeyType, NoteSigner as _};
use tuf::{Expires, Root, RootPlan, Seats, TufSigner as _};

use super::PATIENCE;

pub const CENTER_LOG: &str = "center.example/log";
pub const SUPERVISOR_LOG: &str = "supervisor.example/log";

pub struct Founded {
    pub anchor: StatementDigest,
    pub envelopes: Vec<Envelope>,
    pub tuf_root: Vec<u8>,
    pub not_after: u64,
}

const fn key(file: &'static str, role: Role) -> (&'static str, Role, Algorithm) {
    (file, role, Algorithm::Ed25519)
}

type Key = (&'static str, Role, Algorithm);

const LOG: [Key; 2] = [
    key("log", Role::Log),
    ("log-mldsa", Role::Log, Algorithm::MlDsa44),
];
const VENDOR: [Key; 11] = [
    key("governance", Role::Governance),
    key("author", Role::Author),
    key("conveyer", Role::Conveyer),
    key("center", Role::Center),
    key("tuf-root", Role::Tuf),
    key("tuf-targets", Role::Tuf),
    key("tuf-online", Role::Tuf),
    key("tuf-software", Role::Tuf),
    key("tuf-software-2", Role::Tuf),
    key("tuf-rules", Role::Tuf),
    key("tuf-rules-2", Role::Tuf),
];
const SUPERVISOR: [Key; 6] = [
    key("governance", Role::Governance),
    key("supervisor", Role::Supervisor),
    key("tuf-root", Role::Tuf),
    key("tuf-targets", Role::Tuf),
    key("tuf-software", Role::Tuf),
    key("tuf-rules", Role::Tuf),
];
const LAB: [Key; 5] = [
    key("governance", Role::Governance),
    key("rebuilder", Role::Rebuilder),
    key("tuf-software", Role::Tuf),
    key("witness", Role::Witness),
    ("witness-mldsa", Role::Witness, Algorithm::MlDsa44),
];

fn cast() -> [(&'static str, Vec<Key>); 4] {
    [
        ("vendor", [VENDOR.as_slice(), &LOG].concat()),
        ("supervisor", [SUPERVISOR.as_slice(), &LOG].concat()),
        ("lab-a", LAB.to_vec()),
        ("lab-b", LAB.to_vec()),
    ]
}

pub fn key_path(world: &Path, party: &str, file: &str) -> PathBuf {
    world.join(party).join("keys").join(format!("{file}.key"))
}

fn load(world: &Path, party: &str, file: &str) -> SecretKey {
    SecretKey::load(&key_path(world, party, file), None).unwrap()
}

/// A key of the center and one of the supervisor, by the name of their files.
pub fn seats(world: &Path, file: &str, threshold: u32) -> Seats {
    let keys = ["vendor", "supervisor"].map(|party| {
        let key = TufKey::new(load(world, party, file)).unwrap();
        key.key().clone()
    });
    Seats {
        keys: keys.to_vec(),
        threshold,
    }
}

pub fn found(world: &Path) -> Founded {
    for (party, keys) in cast() {
        for (file, _, algorithm) in keys {
            let algorithm = match algorithm {
                Algorithm::Ed25519 => keys::Algorithm::Ed25519,
                Algorithm::MlDsa44 => keys::Algorithm::MlDsa44,
            };
            let secret = SecretKey::generate(algorithm).unwrap();
            secret
                .save_new(&key_path(world, party, file), None)
                .unwrap();
        }
    }
    let not_after = super::now() + 300 * 86_400;
    let tuf_root = make_root(world, not_after);
    let constitution = draw_up(world, &tuf_root, not_after);
    let subject = Subject::new("1.root.json", FileDigest::of(&tuf_root));
    let payload = Statement::new(vec![subject], constitution)
        .to_payload()
        .unwrap();
    let sign = |(party, _)| {
        let key = StatementKey::new(load(world, party, "governance")).unwrap();
        Envelope::sign(payload.clone(), &key).unwrap()
    };
    Founded {
        anchor: StatementDigest::of(&payload),
        envelopes: cast().map(sign).to_vec(),
        tuf_root,
        not_after,
    }
}

fn make_root(world: &Path, expires: u64) -> Vec<u8> {
    let online = || Seats {
        keys: vec![
            TufKey::new(load(world, "vendor", "tuf-online"))
                .unwrap()
                .key()
                .clone(),
        ],
        threshold: 1,
    };
    let plan = RootPlan {
        version: 1,
        expires: Expires::from_posix(expires).unwrap(),
        root: seats(world, "tuf-root", 2),
        targets: seats(world, "tuf-targets", 2),
        snapshot: online(),
        timestamp: online(),
    };
    let mut root = Root::build(&plan).unwrap();
    for party in ["vendor", "supervisor"] {
        let key = TufKey::new(load(world, party, "tuf-root")).unwrap();
        root.sign(&key).unwrap();
    }
    root.to_bytes().unwrap()
}

fn draw_up(world: &Path, tuf_root: &[u8], not_after: u64) -> Constitution {
    let origins = [("vendor", CENTER_LOG), ("supervisor", SUPERVISOR_LOG)];
    Constitution {
        audience: origins.map(|(_, origin)| origin.parse().unwrap()).to_vec(),
        not_after,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: cast()
            .into_iter()
            .map(|(party, keys)| roster_entry(world, party, &keys, not_after))
            .collect(),
        logs: origins
            .map(|(party, origin)| LogEntry {
                origin: origin.parse().unwrap(),
                party: party.parse().unwrap(),
            })
            .to_vec(),
        tlog_policy: policy(world),
        tuf_root: FileDigest::of(tuf_root),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: 1,
        },
    }
}

fn roster_entry(world: &Path, party: &str, keys: &[Key], not_after: u64) -> Party {
    let keys = keys.iter().map(|(file, role, algorithm)| PartyKey {
        role: *role,
        algorithm: *algorithm,
        public: STANDARD.encode(load(world, party, file).public_key()),
        not_after,
    });
    Party {
        id: party.parse().unwrap(),
        name: party.to_owned(),
        legal_owner: format!("Owner of {party}"),
        jurisdiction: "CH".to_owned(),
        vendor: party == "vendor",
        keys: keys.collect(),
    }
}

fn vkey(world: &Path, (party, file): (&str, &str), name: &str, key_type: KeyType) -> String {
    let secret = load(world, party, file);
    let key = NoteKey::new(secret, name.parse().unwrap(), key_type).unwrap();
    key.vkey().to_string()
}

fn log_vkeys(world: &Path, party: &str, origin: &str) -> [String; 2] {
    [
        vkey(world, (party, "log"), origin, KeyType::Ed25519),
        vkey(
            world,
            (party, "log-mldsa"),
            origin,
            KeyType::CosignatureMlDsa44,
        ),
    ]
}

fn witness_name(lab: &str) -> String {
    format!("{lab}.example/witness")
}

fn policy(world: &Path) -> String {
    let mut text = String::new();
    for (party, origin) in [("vendor", CENTER_LOG), ("supervisor", SUPERVISOR_LOG)] {
        for vkey in log_vkeys(world, party, origin) {
            text += &format!("log {vkey}\n");
        }
    }
    for lab in ["lab-a", "lab-b"] {
        let kinds = [
            ("witness", KeyType::CosignatureEd25519),
            ("witness-mldsa", KeyType::CosignatureMlDsa44),
        ];
        for (file, key_type) in kinds {
            let vkey = vkey(world, (lab, file), &witness_name(lab), key_type);
            text += &format!("witness {lab}-{file} {vkey}\n");
        }
        text += &format!("group {lab} all {lab}-witness {lab}-witness-mldsa\n");
    }
    text + "group witnesses all lab-a lab-b\nquorum witnesses\n"
}

/// Starts a party's witness of both logs; returns its address.
pub async fn start_witness(world: &Path, lab: &str) -> String {
    let logs = [("vendor", CENTER_LOG), ("supervisor", SUPERVISOR_LOG)];
    let config = witness::Config {
        server: serve::ServerConfig::default(),
        dir: world.join(lab).join("witness"),
        name: witness_name(lab),
        ed25519_key: key_path(world, lab, "witness"),
        ml_dsa_key: key_path(world, lab, "witness-mldsa"),
        passphrase: None,
        logs: logs
            .map(|(party, origin)| witness::LogConfig {
                origin: origin.to_owned(),
                vkeys: log_vkeys(world, party, origin).to_vec(),
            })
            .to_vec(),
    };
    let directory = config.dir.clone();
    tokio::spawn(witness::serve(config, std::future::pending()));
    wait_url(&directory, PATIENCE).await.unwrap()
}

/// Starts a party's log; returns its address.
pub async fn start_log(
    world: &Path,
    party: &str,
    (origin, name): (&str, &str),
    anchor: StatementDigest,
    witnesses: &[String],
) -> String {
    let keys = ["log", "log-mldsa"].map(|file| key_path(world, party, file));
    let origin = origin.parse().unwrap();
    let mut config = log::Config::new(world.join(name), &origin, anchor, keys);
    config.batch_ms = 1;
    config.grace_ms = 0;
    config.witnesses = witnesses.iter().map(log::WitnessUrl::new).collect();
    let directory = config.dir.clone();
    tokio::spawn(log::serve(config, std::future::pending()));
    wait_url(&directory, PATIENCE).await.unwrap()
}
