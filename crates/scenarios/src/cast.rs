//! Who takes part: the parties of the demonstration and the keys that each of them holds.

use statement::{Algorithm, Role};

/// A key of a party: the file it lies in and what it is for.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// File below `<party>/keys/`, without `.pem`.
    pub file: &'static str,
    /// Its one role.
    pub role: Role,
    /// Its algorithm.
    pub algorithm: Algorithm,
}

/// A party of the cast.
#[derive(Debug, Clone)]
pub struct PartySpec {
    /// Id in the constitution and name of its directory.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Its legal owner.
    pub legal_owner: &'static str,
    /// ISO 3166-1 alpha-2.
    pub jurisdiction: &'static str,
    /// Belongs to the vendor.
    pub vendor: bool,
    /// Its keys.
    pub keys: Vec<KeySpec>,
}

impl PartySpec {
    /// Whether it holds a key of this role.
    pub fn has(&self, role: Role) -> bool {
        self.keys.iter().any(|key| key.role == role)
    }
}

/// The parties of one world.
#[derive(Debug, Clone)]
pub struct Cast {
    /// All of them.
    pub parties: Vec<PartySpec>,
    /// Identical rebuilds by distinct legal owners before a release.
    pub rebuilds_min: u64,
    /// Distinct legal owners that must sign a change.
    pub governance_min: u64,
    /// How long a change waits in public; seconds in a demonstration, 72 hours in earnest.
    pub change_delay_seconds: u64,
}

const fn key(file: &'static str, role: Role) -> KeySpec {
    KeySpec {
        file,
        role,
        algorithm: Algorithm::Ed25519,
    }
}

const fn quantum_safe(file: &'static str, role: Role) -> KeySpec {
    KeySpec {
        file,
        role,
        algorithm: Algorithm::MlDsa44,
    }
}

fn lab(
    id: &'static str,
    name: &'static str,
    owner: &'static str,
    jurisdiction: &'static str,
) -> PartySpec {
    PartySpec {
        id,
        name,
        legal_owner: owner,
        jurisdiction,
        vendor: false,
        keys: vec![
            key("governance", Role::Governance),
            key("rebuilder", Role::Rebuilder),
            key("witness", Role::Witness),
            quantum_safe("witness-mldsa", Role::Witness),
        ],
    }
}

impl Cast {
    /// The smallest honest set: vendor, supervisor, and two parties that each rebuild and witness.
    pub fn smallest() -> Self {
        let vendor = PartySpec {
            id: "vendor",
            name: "Example Antivirus",
            legal_owner: "Example Antivirus Holding",
            jurisdiction: "RU",
            vendor: true,
            keys: vec![
                key("governance", Role::Governance),
                key("author", Role::Author),
                key("conveyer", Role::Conveyer),
                key("center", Role::Center),
                key("center-2", Role::Center),
                key("tuf-root", Role::Tuf),
                key("tuf-targets", Role::Tuf),
                key("tuf-online", Role::Tuf),
                key("tuf-software", Role::Tuf),
                key("tuf-software-2", Role::Tuf),
                key("tuf-rules", Role::Tuf),
                key("tuf-rules-2", Role::Tuf),
                key("log", Role::Log),
                quantum_safe("log-mldsa", Role::Log),
            ],
        };
        let supervisor = PartySpec {
            id: "supervisor",
            name: "Swiss Supervision",
            legal_owner: "Swiss Supervision Foundation",
            jurisdiction: "CH",
            vendor: false,
            keys: vec![
                key("governance", Role::Governance),
                key("supervisor", Role::Supervisor),
                key("tuf-root", Role::Tuf),
                key("tuf-targets", Role::Tuf),
                key("tuf-software", Role::Tuf),
                key("tuf-software-2", Role::Tuf),
                key("tuf-rules", Role::Tuf),
                key("tuf-rules-2", Role::Tuf),
                key("log", Role::Log),
                quantum_safe("log-mldsa", Role::Log),
            ],
        };
        Self {
            parties: vec![
                vendor,
                supervisor,
                lab("lab-a", "Lab A", "University of A", "JP"),
                lab("lab-b", "Lab B", "B Verification Ltd", "CA"),
            ],
            rebuilds_min: 2,
            governance_min: 3,
            change_delay_seconds: 5,
        }
    }

    /// The same, and a third lab that belongs to the owner of the second.
    pub fn with_a_second_lab_of_one_owner() -> Self {
        let mut cast = Self::smallest();
        let owner = cast.parties[3].legal_owner;
        let mut third = lab("lab-b2", "Lab B2", owner, "CA");
        third.keys.retain(|key| key.role != Role::Witness);
        cast.parties.push(third);
        cast
    }
}
