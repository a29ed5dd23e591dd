//! Four parties, their keys, their constitution.

use keys::{Algorithm, NoteKey, SecretKey, StatementKey};
use statement::{
    Constitution, Envelope, FileDigest, Floors, Heartbeat, LogEntry, Party, PartyKey, Predicate,
    Role, Statement, StatementDigest, Subject,
};
use tlog::{KeyType, NoteSigner as _, Origin, Policy};

pub const ORIGIN: &str = "center.example/log";
pub const FOR_EVER: u64 = 4_000_000_000;

/// A statement key of the tests; the same number gives the same key.
pub fn statement_key(number: u8) -> StatementKey {
    let secret = SecretKey::from_seed(Algorithm::Ed25519, [number; 32]);
    StatementKey::new(secret).unwrap()
}

// Governance keys of the four parties, then the others that tests use.
pub const CENTER_GOVERNANCE: u8 = 1;
pub const GOVERNANCE: [u8; 4] = [CENTER_GOVERNANCE, 2, 3, 4];
pub const CENTER: u8 = 10;
pub const AUTHOR: u8 = 11;
pub const EXPIRED: u8 = 12;
pub const SUPERVISOR: u8 = 20;
pub const STRANGER: u8 = 99;

pub const LOG_SEEDS: [u8; 2] = [50, 51];
pub const WITNESS_SEEDS: [[u8; 2]; 2] = [[60, 61], [62, 63]];
pub const WITNESS_NAMES: [&str; 2] = ["w1.example", "w2.example"];

pub fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

fn party_key(role: Role, algorithm: Algorithm, seed: u8, not_after: u64) -> PartyKey {
    SecretKey::from_seed(algorithm, [seed; 32]).party_key(role, not_after)
}

pub fn pair(role: Role, [ed25519, ml_dsa]: [u8; 2]) -> [PartyKey; 2] {
    [
        party_key(role, Algorithm::Ed25519, ed25519, FOR_EVER),
        party_key(role, Algorithm::MlDsa44, ml_dsa, FOR_EVER),
    ]
}

pub fn vkey(name: &str, key_type: KeyType, seed: u8) -> String {
    let key = NoteKey::from_seed(name.parse().unwrap(), key_type, [seed; 32]).unwrap();
    key.vkey().to_string()
}

pub fn log_vkeys() -> [String; 2] {
    let [ed25519, ml_dsa] = LOG_SEEDS;
    [
        vkey(ORIGIN, KeyType::Ed25519, ed25519),
        vkey(ORIGIN, KeyType::CosignatureMlDsa44, ml_dsa),
    ]
}

/// The policy text; `quorum` is `all` or `any` of the two witnesses.
fn policy_text(quorum: &str) -> String {
    let [ed25519, ml_dsa] = log_vkeys();
    let mut text = format!("log {ed25519}\nlog {ml_dsa}\n");
    for (n, (name, [ed25519, ml_dsa])) in WITNESS_NAMES.iter().zip(WITNESS_SEEDS).enumerate() {
        let n = n + 1;
        let a = vkey(name, KeyType::CosignatureEd25519, ed25519);
        let b = vkey(name, KeyType::CosignatureMlDsa44, ml_dsa);
        text += &format!("witness w{n}e {a}\nwitness w{n}m {b}\ngroup w{n} all w{n}e w{n}m\n");
    }
    text + &format!("group both {quorum} w1 w2\nquorum both\n")
}

/// Constitution 1: both witnesses are needed.
pub fn constitution() -> Constitution {
    let governance = |n: usize| {
        party_key(
            Role::Governance,
            Algorithm::Ed25519,
            GOVERNANCE[n],
            FOR_EVER,
        )
    };
    let single = |role, seed| party_key(role, Algorithm::Ed25519, seed, FOR_EVER);
    let party = |id: &str, vendor, keys: Vec<PartyKey>| Party {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        legal_owner: format!("{id} Ltd"),
        jurisdiction: "CH".to_owned(),
        vendor,
        keys,
    };
    let mut center = vec![
        governance(0),
        single(Role::Center, CENTER),
        single(Role::Author, AUTHOR),
        party_key(Role::Center, Algorithm::Ed25519, EXPIRED, 1_000_000_000),
    ];
    center.extend(pair(Role::Log, LOG_SEEDS));
    let mut witness_a = vec![governance(2)];
    witness_a.extend(pair(Role::Witness, WITNESS_SEEDS[0]));
    let mut witness_b = vec![governance(3)];
    witness_b.extend(pair(Role::Witness, WITNESS_SEEDS[1]));
    Constitution {
        audience: vec![origin()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: vec![
            party("center", true, center),
            party(
                "supervisor",
                false,
                vec![governance(1), single(Role::Supervisor, SUPERVISOR)],
            ),
            party("lab-a", false, witness_a),
            party("lab-b", false, witness_b),
        ],
        logs: vec![LogEntry {
            origin: origin(),
            party: "center".parse().unwrap(),
        }],
        tlog_policy: policy_text("all"),
        tuf_root: FileDigest::of(b"root"),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: 0,
        },
    }
}

/// Constitution 2: one witness is enough.
pub fn successor() -> Constitution {
    Constitution {
        version: 2,
        previous: Some(anchor()),
        tlog_policy: policy_text("any"),
        ..constitution()
    }
}

pub fn envelope(predicate: impl Into<Predicate>, signer: u8) -> Envelope {
    let subject = Subject::new("test", FileDigest::of(b"test"));
    let payload = Statement::new(vec![subject], predicate)
        .to_payload()
        .unwrap();
    Envelope::sign(payload, &statement_key(signer)).unwrap()
}

pub fn anchor() -> StatementDigest {
    envelope(constitution(), CENTER_GOVERNANCE).digest()
}

pub fn policy() -> Policy {
    Policy::parse(&constitution().tlog_policy).unwrap()
}

pub fn heartbeat(note: impl Into<String>) -> Heartbeat {
    Heartbeat {
        audience: vec![origin()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        note: note.into(),
    }
}

/// A heartbeat of the center.
pub fn beat(note: impl Into<String>) -> Envelope {
    envelope(heartbeat(note), CENTER)
}
