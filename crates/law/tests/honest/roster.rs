//! The four parties of the smallest honest set, and the constitution that they all sign.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use statement::{
    Algorithm, Constitution, FileDigest, Floors, LogEntry, Party, PartyKey, Role, Statement,
    StatementDigest, Subject,
};
use tlog::{KeyType, NoteSigner as _};

use super::keys::{Key, NoteKey, public};

/// When everything begins: 2027-01-15T08:00:00Z.
pub const NOW: u64 = 1_800_000_000;
pub const DAY: u64 = 86_400;
/// Statements count if they are included by then.
pub const NOT_AFTER: u64 = NOW + 30 * DAY;
/// The last day of every key.
pub const KEY_NOT_AFTER: u64 = NOW + 365 * DAY;
/// How long a change waits in public.
pub const DELAY: u64 = 3 * DAY;
/// The log of the software chain.
pub const CENTER_LOG: &str = "center.example/log";
/// The supervisor's own log.
pub const SUPERVISOR_LOG: &str = "supervisor.example/log";
/// The parties in the order of the roster.
pub const PARTIES: [&str; 4] = ["vendor", "supervisor", "lab-a", "lab-b"];
/// What the constitution names as the TUF root. The law compares digests only.
pub const TUF_ROOT: &[u8] = b"{\"the\":\"root file\"}";

pub fn party_key(party: &str, name: &str, role: Role, algorithm: Algorithm) -> PartyKey {
    PartyKey {
        role,
        algorithm,
        public: STANDARD.encode(public(party, name, algorithm)),
        not_after: KEY_NOT_AFTER,
    }
}

/// An Ed25519 key that is named like its role.
pub fn ed25519(party: &str, name: &str, role: Role) -> PartyKey {
    party_key(party, name, role, Algorithm::Ed25519)
}

fn log_keys(party: &str) -> [PartyKey; 2] {
    [
        ed25519(party, "log", Role::Log),
        party_key(party, "log-pq", Role::Log, Algorithm::MlDsa44),
    ]
}

fn vendor() -> Party {
    let mut keys = vec![
        ed25519("vendor", "governance", Role::Governance),
        ed25519("vendor", "author", Role::Author),
        ed25519("vendor", "conveyer", Role::Conveyer),
        ed25519("vendor", "center", Role::Center),
        ed25519("vendor", "center-2", Role::Center),
        ed25519("vendor", "tuf", Role::Tuf),
        ed25519("vendor", "tuf-2", Role::Tuf),
    ];
    keys.extend(log_keys("vendor"));
    party("vendor", "Example Antivirus", "RU", keys)
}

fn supervisor() -> Party {
    let mut keys = vec![
        ed25519("supervisor", "governance", Role::Governance),
        ed25519("supervisor", "supervisor", Role::Supervisor),
        ed25519("supervisor", "tuf", Role::Tuf),
    ];
    keys.extend(log_keys("supervisor"));
    party("supervisor", "Supervision Foundation", "CH", keys)
}

/// A party that rebuilds and witnesses.
pub fn lab(id: &str, owner: &str, jurisdiction: &str) -> Party {
    let keys = vec![
        ed25519(id, "governance", Role::Governance),
        ed25519(id, "rebuilder", Role::Rebuilder),
        ed25519(id, "witness", Role::Witness),
        party_key(id, "witness-pq", Role::Witness, Algorithm::MlDsa44),
    ];
    party(id, owner, jurisdiction, keys)
}

fn party(id: &str, owner: &str, jurisdiction: &str, keys: Vec<PartyKey>) -> Party {
    Party {
        id: id.parse().unwrap(),
        name: format!("The {id}"),
        legal_owner: owner.to_owned(),
        jurisdiction: jurisdiction.to_owned(),
        vendor: id == "vendor",
        keys,
    }
}

/// Both keys of a log, Ed25519 first.
pub fn log_signers(party: &str) -> &'static [NoteKey; 2] {
    static KEYS: OnceLock<[[NoteKey; 2]; 2]> = OnceLock::new();
    let of = |party: &str| {
        let origin = format!("{}.example/log", party.replace("vendor", "center"));
        [
            NoteKey::of(party, "log", &origin, KeyType::Ed25519),
            NoteKey::of(party, "log-pq", &origin, KeyType::CosignatureMlDsa44),
        ]
    };
    let [vendor, supervisor] = KEYS.get_or_init(|| [of("vendor"), of("supervisor")]);
    match party {
        "vendor" => vendor,
        _ => supervisor,
    }
}

/// Both keys of a witness, Ed25519 first.
pub fn witness_signers(party: &str) -> &'static [NoteKey; 2] {
    static KEYS: OnceLock<[[NoteKey; 2]; 2]> = OnceLock::new();
    let of = |party: &str| {
        let name = format!("{party}.example/witness");
        [
            NoteKey::of(party, "witness", &name, KeyType::CosignatureEd25519),
            NoteKey::of(party, "witness-pq", &name, KeyType::CosignatureMlDsa44),
        ]
    };
    let [lab_a, lab_b] = KEYS.get_or_init(|| [of("lab-a"), of("lab-b")]);
    match party {
        "lab-a" => lab_a,
        _ => lab_b,
    }
}

fn policy() -> String {
    let mut text = String::new();
    for party in ["vendor", "supervisor"] {
        for signer in log_signers(party) {
            text += &format!("log {}\n", signer.vkey());
        }
    }
    for party in ["lab-a", "lab-b"] {
        let [ed25519, ml_dsa] = witness_signers(party);
        text += &format!("witness {party}-ed {}\n", ed25519.vkey());
        text += &format!("witness {party}-pq {}\n", ml_dsa.vkey());
    }
    text += "group lab-a all lab-a-ed lab-a-pq\ngroup lab-b all lab-b-ed lab-b-pq\n";
    text + "group both all lab-a lab-b\nquorum both\n"
}

/// Version 1.
pub fn constitution() -> Constitution {
    static HONEST: OnceLock<Constitution> = OnceLock::new();
    HONEST.get_or_init(draw_up).clone()
}

fn draw_up() -> Constitution {
    Constitution {
        audience: vec![CENTER_LOG.parse().unwrap(), SUPERVISOR_LOG.parse().unwrap()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: vec![
            vendor(),
            supervisor(),
            lab("lab-a", "University of A", "JP"),
            lab("lab-b", "B Verification Ltd", "CA"),
        ],
        logs: [(CENTER_LOG, "vendor"), (SUPERVISOR_LOG, "supervisor")]
            .map(|(origin, party)| LogEntry {
                origin: origin.parse().unwrap(),
                party: party.parse().unwrap(),
            })
            .to_vec(),
        tlog_policy: policy(),
        tuf_root: FileDigest::of(TUF_ROOT),
        floors: Floors {
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: DELAY,
        },
    }
}

/// The party of a draft with this id.
pub fn party_mut<'a>(draft: &'a mut Constitution, id: &str) -> &'a mut Party {
    let mut parties = draft.parties.iter_mut();
    parties.find(|party| party.id.as_str() == id).unwrap()
}

/// The payload that all parties sign.
pub fn payload(constitution: &Constitution) -> Vec<u8> {
    let subject = Subject::new("tuf-root", constitution.tuf_root);
    Statement::new(vec![subject], constitution.clone())
        .to_payload()
        .unwrap()
}

/// Digest of the payload: the anchor, for version 1.
pub fn digest(constitution: &Constitution) -> StatementDigest {
    StatementDigest::of(&payload(constitution))
}

/// The governance key of a party.
pub fn governance(party: &str) -> Key {
    Key::of(party, "governance")
}
