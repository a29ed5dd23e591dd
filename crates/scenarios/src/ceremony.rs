//! The founding: every party makes its keys, one constitution is drawn up, and all of them sign it.
//!
//! On one machine one process plays all parties. In earnest each party runs its own part on its own
//! machine; what they exchange are the files written to `constitution/`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use keys::{NoteKey, SecretKey, StatementKey, TufKey};
use statement::{
    Algorithm, Constitution, Envelope, FileDigest, Floors, LogEntry, Party, Role, Statement,
    StatementDigest, Subject,
};
use tlog::{KeyName, KeyType, NoteSigner as _, Origin};
use tuf::TufSigner as _;

use crate::cast::{Cast, PartySpec};

/// What came of the founding.
#[derive(Debug, Clone)]
pub struct Founded {
    /// Digest of the constitution: the only trust anchor.
    pub anchor: StatementDigest,
    /// One envelope per party over the same payload.
    pub envelopes: Vec<Envelope>,
    /// TUF root version 1, signed by vendor and supervisor.
    pub tuf_root: Vec<u8>,
}

/// Days a TUF root and the statements of the founding live.
const LIFE_DAYS: u64 = 365;

/// Origin of the center's log.
pub const CENTER_LOG: &str = "center.limpid.example/log";
/// Origin of the supervisor's log.
pub const SUPERVISOR_LOG: &str = "supervisor.limpid.example/log";

/// The origin of a party's log, if it runs one.
pub fn origin_of(party: &PartySpec) -> Option<Origin> {
    let origin = if party.vendor {
        CENTER_LOG
    } else {
        SUPERVISOR_LOG
    };
    party
        .has(Role::Log)
        .then(|| origin.parse().expect("both constants are origins"))
}

/// The key name of a party's witness.
pub fn witness_name(party: &str) -> Result<KeyName> {
    Ok(format!("{party}.limpid.example/witness").parse()?)
}

/// Path of a key file.
pub fn key_path(world: &Path, party: &str, file: &str) -> std::path::PathBuf {
    world.join(party).join("keys").join(format!("{file}.pem"))
}

/// Loads a key of a party.
pub fn load_key(world: &Path, party: &str, file: &str) -> Result<SecretKey> {
    Ok(SecretKey::load(&key_path(world, party, file), None)?)
}

/// Loads a statement key of a party.
pub fn statement_key(world: &Path, party: &str, file: &str) -> Result<StatementKey> {
    Ok(StatementKey::new(load_key(world, party, file)?)?)
}

/// Loads a TUF key of a party.
pub fn tuf_key(world: &Path, party: &str, file: &str) -> Result<TufKey> {
    Ok(TufKey::new(load_key(world, party, file)?)?)
}

/// Loads a note key of a party under a name.
pub fn note_key(
    world: &Path,
    party: &str,
    file: &str,
    name: KeyName,
    key_type: KeyType,
) -> Result<NoteKey> {
    Ok(NoteKey::new(load_key(world, party, file)?, name, key_type)?)
}

/// Holds the founding in `world`, which must be empty. `now` is POSIX seconds.
///
/// # Errors
/// When files cannot be written, or the cast contradicts itself.
pub fn found(world: &Path, cast: &Cast, now: u64) -> Result<Founded> {
    for party in &cast.parties {
        let directory = world.join(party.id).join("keys");
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        for key in &party.keys {
            let algorithm = match key.algorithm {
                Algorithm::Ed25519 => keys::Algorithm::Ed25519,
                Algorithm::MlDsa44 => keys::Algorithm::MlDsa44,
            };
            SecretKey::generate(algorithm)?.save_new(&key_path(world, party.id, key.file), None)?;
        }
    }
    let not_after = now + LIFE_DAYS * 86_400;
    let tuf_root = make_tuf_root(world, cast, not_after)?;
    let constitution = draw_up(world, cast, &tuf_root, not_after)?;
    let payload = Statement::new(
        vec![Subject::new("tuf-root", FileDigest::of(&tuf_root))],
        constitution,
    )
    .to_payload()?;
    let envelopes = cast
        .parties
        .iter()
        .map(|party| {
            Ok(Envelope::sign(
                payload.clone(),
                &statement_key(world, party.id, "governance")?,
            )?)
        })
        .collect::<Result<Vec<_>>>()?;
    let founded = Founded {
        anchor: StatementDigest::of(&payload),
        envelopes,
        tuf_root,
    };
    founded.save(&world.join("constitution"), cast, &payload)?;
    Ok(founded)
}

impl Founded {
    fn save(&self, directory: &Path, cast: &Cast, payload: &[u8]) -> Result<()> {
        let files = store::Files::open(directory)?;
        files.create("payload.json", payload)?;
        files.create("anchor", format!("{}\n", self.anchor).as_bytes())?;
        files.create("1.root.json", &self.tuf_root)?;
        for (party, envelope) in cast.parties.iter().zip(&self.envelopes) {
            files.create(&format!("{}.dsse", party.id), &envelope.to_bytes())?;
        }
        Ok(())
    }

    /// Reads a founding back.
    ///
    /// # Errors
    /// When a file is missing or not what was written.
    pub fn load(world: &Path, cast: &Cast) -> Result<Self> {
        let directory = world.join("constitution");
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let envelopes = cast
            .parties
            .iter()
            .map(|party| Ok(Envelope::parse(&read(&format!("{}.dsse", party.id))?)?))
            .collect::<Result<Vec<_>>>()?;
        let anchor = String::from_utf8(read("anchor")?)?.trim().parse()?;
        Ok(Self {
            anchor,
            envelopes,
            tuf_root: read("1.root.json")?,
        })
    }
}

/// Keys of a TUF role: (party, key file).
type Seat = (&'static str, &'static str);

fn seats(world: &Path, seats: &[Seat], threshold: u32) -> Result<tuf::Seats> {
    let keys = seats
        .iter()
        .map(|(party, file)| Ok(tuf_key(world, party, file)?.key().clone()))
        .collect::<Result<Vec<_>>>()?;
    Ok(tuf::Seats { keys, threshold })
}

/// Seats of a delegated role: two keys of the center and two of the supervisor, any two of which meet
/// TUF's threshold; that they are of distinct owners is for the law to say.
pub fn delegated_seats(world: &Path, role: &str) -> Result<tuf::Seats> {
    let files: [Seat; 4] = match role {
        "rules" => [
            ("vendor", "tuf-rules"),
            ("vendor", "tuf-rules-2"),
            ("supervisor", "tuf-rules"),
            ("supervisor", "tuf-rules-2"),
        ],
        _ => [
            ("vendor", "tuf-software"),
            ("vendor", "tuf-software-2"),
            ("supervisor", "tuf-software"),
            ("supervisor", "tuf-software-2"),
        ],
    };
    seats(world, &files, 2)
}

fn make_tuf_root(world: &Path, _cast: &Cast, not_after: u64) -> Result<Vec<u8>> {
    let plan = tuf::RootPlan {
        version: 1,
        expires: tuf::Expires::from_posix(not_after)?,
        root: seats(
            world,
            &[("vendor", "tuf-root"), ("supervisor", "tuf-root")],
            2,
        )?,
        targets: seats(
            world,
            &[("vendor", "tuf-targets"), ("supervisor", "tuf-targets")],
            2,
        )?,
        snapshot: seats(world, &[("vendor", "tuf-online")], 1)?,
        timestamp: seats(world, &[("vendor", "tuf-online")], 1)?,
    };
    let mut root = tuf::Root::build(&plan)?;
    root.sign(&tuf_key(world, "vendor", "tuf-root")?)?;
    root.sign(&tuf_key(world, "supervisor", "tuf-root")?)?;
    Ok(root.to_bytes()?)
}

fn draw_up(world: &Path, cast: &Cast, tuf_root: &[u8], not_after: u64) -> Result<Constitution> {
    let logs: Vec<_> = cast
        .parties
        .iter()
        .filter_map(|party| {
            Some(LogEntry {
                origin: origin_of(party)?,
                party: party.id.parse().ok()?,
            })
        })
        .collect();
    Ok(Constitution {
        audience: logs.iter().map(|log| log.origin.clone()).collect(),
        not_after,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        parties: cast
            .parties
            .iter()
            .map(|party| roster_entry(world, party, not_after))
            .collect::<Result<_>>()?,
        logs,
        tlog_policy: witness_policy(world, cast)?,
        tuf_root: FileDigest::of(tuf_root),
        floors: Floors {
            rebuilds_min: cast.rebuilds_min,
            governance_min: cast.governance_min,
            change_delay_seconds: cast.change_delay_seconds,
        },
    })
}

fn roster_entry(world: &Path, party: &PartySpec, not_after: u64) -> Result<Party> {
    let keys = party
        .keys
        .iter()
        .map(|key| Ok(load_key(world, party.id, key.file)?.party_key(key.role, not_after)))
        .collect::<Result<_>>()?;
    Ok(Party {
        id: party.id.parse()?,
        name: party.name.to_owned(),
        legal_owner: party.legal_owner.to_owned(),
        jurisdiction: party.jurisdiction.to_owned(),
        vendor: party.vendor,
        keys,
    })
}

/// C2SP tlog-policy: each log signs with both algorithms, each witness cosigns with both, all witnesses
/// that are not the vendor's make the quorum.
fn witness_policy(world: &Path, cast: &Cast) -> Result<String> {
    let mut text = String::new();
    for party in &cast.parties {
        let Some(origin) = origin_of(party) else {
            continue;
        };
        for (file, key_type) in LOG_KEYS {
            let key = note_key(world, party.id, file, origin.as_str().parse()?, key_type)?;
            text += &format!("log {}\n", key.vkey());
        }
    }
    let witnesses: Vec<_> = cast
        .parties
        .iter()
        .filter(|party| party.has(Role::Witness))
        .collect();
    for party in &witnesses {
        for (file, key_type) in WITNESS_KEYS {
            let key = note_key(world, party.id, file, witness_name(party.id)?, key_type)?;
            text += &format!("witness {}-{file} {}\n", party.id, key.vkey());
        }
        text += &format!(
            "group {} all {}-witness {}-witness-mldsa\n",
            party.id, party.id, party.id
        );
    }
    let names = witnesses
        .iter()
        .map(|party| party.id)
        .collect::<Vec<_>>()
        .join(" ");
    text += &format!("group witnesses all {names}\nquorum witnesses\n");
    Ok(text)
}

/// Key files and types that a log signs with.
pub const LOG_KEYS: [(&str, KeyType); 2] = [
    ("log", KeyType::Ed25519),
    ("log-mldsa", KeyType::CosignatureMlDsa44),
];
/// Key files and types that a witness cosigns with.
pub const WITNESS_KEYS: [(&str, KeyType); 2] = [
    ("witness", KeyType::CosignatureEd25519),
    ("witness-mldsa", KeyType::CosignatureMlDsa44),
];
