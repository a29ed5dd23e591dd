//! The parties of a small log: a center that keeps it, a supervisor, a lab that witnesses it.
//! Keys derive from fixed seeds; they protect nothing.

use std::path::{Path, PathBuf};

use anyhow::Result;
use keys::{Algorithm, NoteKey, SecretKey, StatementKey};
use statement::{
    Constitution, Envelope, FileDigest, Floors, Heartbeat, LogEntry, Party, PartyKey, Predicate,
    Role, Statement, StatementDigest, Subject,
};
use tlog::{KeyType, NoteSigner as _, Origin};

pub(crate) const ORIGIN: &str = "powercut.example/log";
pub(crate) const WITNESS: &str = "witness.example";
const FOR_EVER: u64 = 4_000_000_000;
const GOVERNANCE: [u8; 3] = [1, 2, 3];
const CENTER: u8 = 10;
pub(crate) const LOG_SEEDS: [u8; 2] = [50, 51];
pub(crate) const WITNESS_SEEDS: [u8; 2] = [60, 61];

/// The center's key for statements.
pub(crate) fn center() -> Result<StatementKey> {
    statement_key(CENTER)
}

fn statement_key(seed: u8) -> Result<StatementKey> {
    let secret = SecretKey::from_seed(Algorithm::Ed25519, [seed; 32]);
    Ok(StatementKey::new(secret)?)
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
pub(crate) fn note_key(name: &str, key_type: KeyType, seed: u8) -> Result<NoteKey> {
    Ok(NoteKey::from_seed(name.parse()?, key_type, [seed; 32])?)
}

fn vkey(name: &str, key_type: KeyType, seed: u8) -> Result<String> {
    Ok(note_key(name, key_type, seed)?.vkey().to_string())
}

/// Verifier keys of the log.
pub(crate) fn log_vkeys() -> Result<[String; 2]> {
    let [ed25519, ml_dsa] = LOG_SEEDS;
    Ok([
        vkey(ORIGIN, KeyType::Ed25519, ed25519)?,
        vkey(ORIGIN, KeyType::CosignatureMlDsa44, ml_dsa)?,
    ])
}

fn policy() -> Result<String> {
    let [log_ed25519, log_ml_dsa] = log_vkeys()?;
    let [ed25519, ml_dsa] = WITNESS_SEEDS;
    let ed25519 = vkey(WITNESS, KeyType::CosignatureEd25519, ed25519)?;
    let ml_dsa = vkey(WITNESS, KeyType::CosignatureMlDsa44, ml_dsa)?;
    Ok(format!(
        "log {log_ed25519}\nlog {log_ml_dsa}\nwitness we {ed25519}\nwitness wm {ml_dsa}\n\
         group w all we wm\nquorum w\n"
    ))
}

fn constitution() -> Result<Constitution> {
    let party = |at: usize, id: &str, keys: Vec<PartyKey>| -> Result<Party> {
        let governance = party_key(Role::Governance, Algorithm::Ed25519, GOVERNANCE[at]);
        Ok(Party {
            id: id.parse()?,
            name: id.to_owned(),
            legal_owner: format!("{id} Ltd"),
            jurisdiction: "CH".to_owned(),
            vendor: at == 0,
            keys: std::iter::once(governance).chain(keys).collect(),
        })
    };
    let mut center = vec![party_key(Role::Center, Algorithm::Ed25519, CENTER)];
    center.extend(pair(Role::Log, LOG_SEEDS));
    let witness = pair(Role::Witness, WITNESS_SEEDS).to_vec();
    Ok(Constitution {
        audience: vec![origin()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: vec![
            party(0, "center", center)?,
            party(1, "supervisor", Vec::new())?,
            party(2, "lab", witness)?,
        ],
        logs: vec![LogEntry {
            origin: origin(),
            party: "center".parse()?,
        }],
        tlog_policy: policy()?,
        tuf_root: FileDigest::of(b"root"),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 2,
            change_delay_seconds: 0,
        },
    })
}

fn envelope(predicate: impl Into<Predicate>, seed: u8) -> Result<Envelope> {
    let subject = Subject::new("test", FileDigest::of(b"test"));
    let payload = Statement::new(vec![subject], predicate).to_payload()?;
    Ok(Envelope::sign(payload, &statement_key(seed)?)?)
}

/// The first entries of the log: its constitution, signed by every party.
pub(crate) fn founding() -> Result<Vec<Envelope>> {
    let seeds = GOVERNANCE.iter();
    seeds.map(|seed| envelope(constitution()?, *seed)).collect()
}

pub(crate) fn anchor() -> Result<StatementDigest> {
    Ok(envelope(constitution()?, GOVERNANCE[0])?.digest())
}

/// A heartbeat of the center, told apart by its note.
pub(crate) fn beat(note: &str) -> Result<Envelope> {
    let heartbeat = Heartbeat {
        audience: vec![origin()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        note: note.to_owned(),
    };
    envelope(heartbeat, CENTER)
}

/// Saves two keys in `folder`, once.
pub(crate) fn key_files(
    folder: &Path,
    name: &str,
    [ed25519, ml_dsa]: [u8; 2],
) -> Result<[PathBuf; 2]> {
    let save = |kind: &str, algorithm, seed: u8| -> Result<PathBuf> {
        let path = folder.join(format!("{name}-{kind}.pem"));
        if !path.exists() {
            SecretKey::from_seed(algorithm, [seed; 32]).save_new(&path, None)?;
        }
        Ok(path)
    };
    Ok([
        save("ed25519", Algorithm::Ed25519, ed25519)?,
        save("ml-dsa", Algorithm::MlDsa44, ml_dsa)?,
    ])
}
