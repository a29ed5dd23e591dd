//! One party with all keys, its constitution, and statements of about a size.

use keys::{Algorithm, NoteKey, SecretKey, StatementKey};
use statement::{
    Constitution, Envelope, FileDigest, Floors, Heartbeat, LogEntry, Party, PartyKey, Predicate,
    Role, Statement, Subject,
};
use tlog::{KeyType, NoteSigner as _, Policy};

pub const ORIGIN: &str = "center.example/log";
const FOR_EVER: u64 = 4_000_000_000;

const GOVERNANCE: u8 = 1;
const CENTER: u8 = 10;
pub const LOG_SEEDS: [u8; 2] = [50, 51];

/// How many witnesses there are, and how many must cosign.
#[derive(Debug, Clone, Copy)]
pub struct Witnesses {
    pub count: usize,
    pub quorum: usize,
}

pub fn witness_name(number: usize) -> String {
    format!("w{}.example", number + 1)
}

pub fn witness_seeds(number: usize) -> [u8; 2] {
    let first = 60 + 2 * number as u8;
    [first, first + 1]
}

pub fn log_vkeys() -> anyhow::Result<[String; 2]> {
    let [ed25519, ml_dsa] = LOG_SEEDS;
    Ok([
        vkey(ORIGIN, KeyType::Ed25519, ed25519)?,
        vkey(ORIGIN, KeyType::CosignatureMlDsa44, ml_dsa)?,
    ])
}

impl Witnesses {
    fn policy_text(self) -> anyhow::Result<String> {
        let mut text = String::new();
        for vkey in log_vkeys()? {
            text += &format!("log {vkey}\n");
        }
        let mut names = String::new();
        for number in 0..self.count {
            let (name, [ed25519, ml_dsa]) = (witness_name(number), witness_seeds(number));
            let a = vkey(&name, KeyType::CosignatureEd25519, ed25519)?;
            let b = vkey(&name, KeyType::CosignatureMlDsa44, ml_dsa)?;
            let n = number + 1;
            text += &format!("witness w{n}e {a}\nwitness w{n}m {b}\ngroup w{n} all w{n}e w{n}m\n");
            names += &format!(" w{n}");
        }
        Ok(text + &format!("group enough {}{names}\nquorum enough\n", self.quorum))
    }

    pub fn policy(self) -> anyhow::Result<Policy> {
        Ok(Policy::parse(&self.policy_text()?)?)
    }
}

/// The center's key for statements.
pub fn center() -> anyhow::Result<StatementKey> {
    statement_key(CENTER)
}

fn statement_key(seed: u8) -> anyhow::Result<StatementKey> {
    let secret = SecretKey::from_seed(Algorithm::Ed25519, [seed; 32]);
    Ok(StatementKey::new(secret)?)
}

fn party_key(role: Role, algorithm: Algorithm, seed: u8) -> PartyKey {
    SecretKey::from_seed(algorithm, [seed; 32]).party_key(role, FOR_EVER)
}

fn vkey(name: &str, key_type: KeyType, seed: u8) -> anyhow::Result<String> {
    let key = NoteKey::from_seed(name.parse()?, key_type, [seed; 32])?;
    Ok(key.vkey().to_string())
}

/// The founding entry of a log with one witness.
pub fn founding() -> anyhow::Result<Envelope> {
    founding_with(Witnesses {
        count: 1,
        quorum: 1,
    })
}

/// The founding entry.
pub fn founding_with(witnesses: Witnesses) -> anyhow::Result<Envelope> {
    let [ed25519, ml_dsa] = LOG_SEEDS;
    let policy = witnesses.policy_text()?;
    let mut keys = vec![
        party_key(Role::Governance, Algorithm::Ed25519, GOVERNANCE),
        party_key(Role::Center, Algorithm::Ed25519, CENTER),
        party_key(Role::Log, Algorithm::Ed25519, ed25519),
        party_key(Role::Log, Algorithm::MlDsa44, ml_dsa),
    ];
    for number in 0..witnesses.count {
        let [ed25519, ml_dsa] = witness_seeds(number);
        keys.push(party_key(Role::Witness, Algorithm::Ed25519, ed25519));
        keys.push(party_key(Role::Witness, Algorithm::MlDsa44, ml_dsa));
    }
    let constitution = Constitution {
        audience: vec![ORIGIN.parse()?],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: vec![Party {
            id: "center".parse()?,
            name: "center".to_owned(),
            legal_owner: "center Ltd".to_owned(),
            jurisdiction: "CH".to_owned(),
            vendor: true,
            keys,
        }],
        logs: vec![LogEntry {
            origin: ORIGIN.parse()?,
            party: "center".parse()?,
        }],
        tlog_policy: policy,
        tuf_root: FileDigest::of(b"root"),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: 0,
        },
    };
    let signer = statement_key(GOVERNANCE)?;
    envelope(constitution, &signer)
}

fn envelope(predicate: impl Into<Predicate>, signer: &StatementKey) -> anyhow::Result<Envelope> {
    let subject = Subject::new("bench", FileDigest::of(b"bench"));
    let payload = Statement::new(vec![subject], predicate).to_payload()?;
    Ok(Envelope::sign(payload, signer)?)
}

/// A heartbeat with a note of `size` bytes; another one for each number.
pub fn beat(number: u64, size: usize, signer: &StatementKey) -> anyhow::Result<Vec<u8>> {
    let note = Heartbeat {
        audience: vec![ORIGIN.parse()?],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        note: format!("{number:0size$}"),
    };
    Ok(envelope(note, signer)?.to_bytes())
}
