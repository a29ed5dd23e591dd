//! The parties and their keys, from fixed seeds: never use them for anything real.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, NoteKey, SecretKey};
use statement::{
    Constitution, FileDigest, Floors, KeyId, LogEntry, Party, PartyKey, Predicate, Role, Statement,
    StatementDigest, StatementSigner, Subject,
};
use tlog::{KeyType, NoteSigner, Origin};
use tuf::{TufSigner, fixture::FixtureSigner};

pub const ORIGIN: &str = "center.example/log";

/// Name of the key, its role and its seed. TUF keys are those of the repository fixture.
const KEYS: &[(&str, Role, u8)] = &[
    ("vendor/governance", Role::Governance, 100),
    ("vendor/author", Role::Author, 101),
    ("vendor/conveyer", Role::Conveyer, 102),
    ("vendor/center", Role::Center, 103),
    ("vendor/center-2", Role::Center, 104),
    ("vendor/log", Role::Log, 105),
    ("supervisor/governance", Role::Governance, 110),
    ("supervisor/supervisor", Role::Supervisor, 111),
    ("lab-a/governance", Role::Governance, 120),
    ("lab-a/rebuilder", Role::Rebuilder, 121),
    ("lab-a/witness", Role::Witness, 122),
    ("lab-b/governance", Role::Governance, 130),
    ("lab-b/rebuilder", Role::Rebuilder, 131),
    ("lab-b/witness", Role::Witness, 132),
];

/// Seeds of the fixture's `software` and `rules` signers, by party.
const TUF_KEYS: &[(&str, u8)] = &[
    ("vendor", 7),
    ("supervisor", 8),
    ("vendor", 10),
    ("supervisor", 11),
];

/// A key that signs statements.
pub struct Key(SecretKey);

impl Key {
    /// The key of this name.
    pub fn of(name: &str) -> Self {
        let (_, _, seed) = KEYS.iter().find(|(known, ..)| *known == name).unwrap();
        Self(secret(*seed))
    }
}

impl StatementSigner for Key {
    fn key(&self) -> KeyId {
        KeyId::of(&self.0.public_key())
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).try_into().unwrap()
    }
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(Algorithm::Ed25519, [seed; 32])
}

pub fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

/// One per party, in the order of the roster.
pub fn governance() -> [Key; 4] {
    ["vendor", "supervisor", "lab-a", "lab-b"].map(|party| Key::of(&format!("{party}/governance")))
}

pub fn log_key() -> NoteKey {
    NoteKey::new(secret(105), ORIGIN.parse().unwrap(), KeyType::Ed25519).unwrap()
}

pub fn witnesses() -> [NoteKey; 2] {
    [
        ("lab-a.example/witness", 122),
        ("lab-b.example/witness", 132),
    ]
    .map(|(name, seed)| {
        NoteKey::new(
            secret(seed),
            name.parse().unwrap(),
            KeyType::CosignatureEd25519,
        )
        .unwrap()
    })
}

fn party(id: &str, owner: &str, jurisdiction: &str, not_after: u64) -> Party {
    let key = |role, public: &[u8]| PartyKey {
        role,
        algorithm: statement::Algorithm::Ed25519,
        public: STANDARD.encode(public),
        not_after,
    };
    let own = KEYS
        .iter()
        .filter(|(name, ..)| name.split('/').next() == Some(id));
    let own = own.map(|(_, role, seed)| key(*role, &secret(*seed).public_key()));
    let of_tuf = TUF_KEYS.iter().filter(|(of, _)| *of == id);
    let of_tuf = of_tuf.map(|(_, seed)| key(Role::Tuf, FixtureSigner::new(*seed).key().raw()));
    Party {
        id: id.parse().unwrap(),
        name: format!("The {id}"),
        legal_owner: owner.to_owned(),
        jurisdiction: jurisdiction.to_owned(),
        vendor: id == "vendor",
        keys: own.chain(of_tuf).collect(),
    }
}

/// Two rebuilds, both labs must witness. Version 1 has no previous one.
pub fn constitution(
    version: u64,
    previous: Option<StatementDigest>,
    tuf_root: FileDigest,
    not_after: u64,
) -> Statement {
    let [lab_a, lab_b] = witnesses().map(|witness| witness.vkey().to_string());
    let log = log_key().vkey().to_string();
    let tlog_policy = format!(
        "log {log}\nwitness lab-a {lab_a}\nwitness lab-b {lab_b}\ngroup both all lab-a lab-b\nquorum both\n"
    );
    Statement {
        subject: vec![Subject::new("root.json", tuf_root)],
        predicate: Predicate::Constitution(Constitution {
            audience: vec![origin()],
            not_after,
            blobs: vec![],
            version,
            previous,
            parties: vec![
                party("vendor", "Vendor AG", "CH", not_after),
                party("supervisor", "Office for Watching Builds", "DE", not_after),
                party("lab-a", "Lab A University", "FR", not_after),
                party("lab-b", "Lab B Cooperative", "JP", not_after),
            ],
            logs: vec![LogEntry {
                origin: origin(),
                party: "vendor".parse().unwrap(),
            }],
            tlog_policy,
            tuf_root,
            floors: Floors {
                rebuilds_min: 2,
                governance_min: 3,
                change_delay_seconds: 1,
            },
        }),
    }
}
