//! Keys, constitution, and the configurations of log and witness.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{NoteKey, SecretKey, StatementKey};
use statement::{
    Algorithm, Constitution, Envelope, FileDigest, Floors, LogEntry, Party, PartyKey, Role,
    Statement, StatementDigest, Subject,
};
use tlog::{KeyType, NoteSigner as _};

pub const ORIGIN: &str = "center.example/log";
const WITNESS: &str = "lab-a.example/witness";

type Seat = (&'static str, Role);

const VENDOR: &[Seat] = &[
    ("governance", Role::Governance),
    ("author", Role::Author),
    ("conveyer", Role::Conveyer),
    ("center", Role::Center),
    ("log", Role::Log),
    ("log-mldsa", Role::Log),
];
const SUPERVISOR: &[Seat] = &[
    ("governance", Role::Governance),
    ("supervisor", Role::Supervisor),
];
const LAB_A: &[Seat] = &[
    ("governance", Role::Governance),
    ("rebuilder", Role::Rebuilder),
    ("witness", Role::Witness),
    ("witness-mldsa", Role::Witness),
];
const LAB_B: &[Seat] = &[
    ("governance", Role::Governance),
    ("rebuilder", Role::Rebuilder),
];
const CAST: &[(&str, &[Seat])] = &[
    ("vendor", VENDOR),
    ("supervisor", SUPERVISOR),
    ("lab-a", LAB_A),
    ("lab-b", LAB_B),
];

pub struct Founded {
    pub anchor: StatementDigest,
    pub envelopes: Vec<Envelope>,
}

pub fn key_path(ground: &Path, party: &str, name: &str) -> PathBuf {
    ground.join(party).join("keys").join(format!("{name}.pem"))
}

fn load(ground: &Path, party: &str, name: &str) -> SecretKey {
    SecretKey::load(&key_path(ground, party, name), None).unwrap()
}

/// Makes every key, and has every party sign one constitution.
pub fn found(ground: &Path, rebuilds_min: u64) -> Founded {
    for (party, seats) in CAST {
        std::fs::create_dir(ground.join(party)).unwrap();
        for (name, _) in *seats {
            let algorithm = if name.ends_with("-mldsa") {
                keys::Algorithm::MlDsa44
            } else {
                keys::Algorithm::Ed25519
            };
            let key = SecretKey::generate(algorithm).unwrap();
            key.save_new(&key_path(ground, party, name), None).unwrap();
        }
    }
    let not_after = conveyer::system_clock() + 86_400;
    let constitution = Constitution {
        audience: vec![ORIGIN.parse().unwrap()],
        not_after,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: CAST
            .iter()
            .map(|(party, seats)| roster_entry(ground, party, seats, not_after))
            .collect(),
        logs: vec![LogEntry {
            origin: ORIGIN.parse().unwrap(),
            party: "vendor".parse().unwrap(),
        }],
        tlog_policy: policy(ground),
        tuf_root: FileDigest::of(b"no TUF here"),
        floors: Floors {
            rebuilds_min,
            governance_min: 3,
            change_delay_seconds: 5,
        },
    };
    let subject = Subject::new("tuf-root", constitution.tuf_root);
    let payload = Statement::new(vec![subject], constitution)
        .to_payload()
        .unwrap();
    let envelopes = CAST.iter().map(|(party, _)| {
        let key = StatementKey::new(load(ground, party, "governance")).unwrap();
        Envelope::sign(payload.clone(), &key).unwrap()
    });
    Founded {
        envelopes: envelopes.collect(),
        anchor: StatementDigest::of(&payload),
    }
}

fn roster_entry(ground: &Path, party: &str, seats: &[Seat], not_after: u64) -> Party {
    let keys = seats.iter().map(|(name, role)| PartyKey {
        role: *role,
        algorithm: if name.ends_with("-mldsa") {
            Algorithm::MlDsa44
        } else {
            Algorithm::Ed25519
        },
        public: STANDARD.encode(load(ground, party, name).public_key()),
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

fn vkey(ground: &Path, party: &str, name: &str, owner: &str, key_type: KeyType) -> String {
    let key = NoteKey::new(load(ground, party, name), owner.parse().unwrap(), key_type);
    key.unwrap().vkey().to_string()
}

fn log_vkeys(ground: &Path) -> [String; 2] {
    [
        vkey(ground, "vendor", "log", ORIGIN, KeyType::Ed25519),
        vkey(
            ground,
            "vendor",
            "log-mldsa",
            ORIGIN,
            KeyType::CosignatureMlDsa44,
        ),
    ]
}

fn policy(ground: &Path) -> String {
    let [log, log_mldsa] = log_vkeys(ground);
    let witness = |name, key_type| vkey(ground, "lab-a", name, WITNESS, key_type);
    let classic = witness("witness", KeyType::CosignatureEd25519);
    let quantum_safe = witness("witness-mldsa", KeyType::CosignatureMlDsa44);
    format!(
        "log {log}\nlog {log_mldsa}\nwitness a-ed {classic}\nwitness a-ml {quantum_safe}\n\
         group a all a-ed a-ml\nquorum a\n"
    )
}

pub fn witness_config(ground: &Path) -> witness::Config {
    witness::Config {
        server: serve::ServerConfig::default(),
        dir: ground.join("lab-a/witness"),
        name: WITNESS.to_owned(),
        ed25519_key: key_path(ground, "lab-a", "witness"),
        ml_dsa_key: key_path(ground, "lab-a", "witness-mldsa"),
        passphrase: None,
        logs: vec![witness::LogConfig {
            origin: ORIGIN.to_owned(),
            vkeys: log_vkeys(ground).to_vec(),
        }],
    }
}

pub fn log_config(ground: &Path, anchor: StatementDigest, witness: String) -> log::Config {
    let keys = ["log", "log-mldsa"].map(|name| key_path(ground, "vendor", name));
    let dir = ground.join("vendor/log");
    let mut config = log::Config::new(dir, &ORIGIN.parse().unwrap(), anchor, keys);
    config.witnesses = vec![log::WitnessUrl::new(witness)];
    config.batch_ms = 5;
    config
}
