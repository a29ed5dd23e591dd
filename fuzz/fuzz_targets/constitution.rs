//! Constitutions: any roster that is accepted is printed and read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statement::{
    Algorithm, Constitution, FileDigest, Floors, LogEntry, Party, PartyKey, Role, Statement,
    Subject,
};

const ROLES: [Role; 9] = [
    Role::Governance,
    Role::Author,
    Role::Conveyer,
    Role::Center,
    Role::Supervisor,
    Role::Rebuilder,
    Role::Tuf,
    Role::Log,
    Role::Witness,
];

/// Role, algorithm, public key, last second.
type KeyInput<'a> = (u8, bool, &'a str, u64);
/// Id, texts, keys.
type PartyInput<'a> = (&'a str, &'a str, bool, Vec<KeyInput<'a>>);

fn party((id, text, vendor, keys): PartyInput<'_>) -> Option<Party> {
    let keys = keys
        .into_iter()
        .map(|(role, ml_dsa, public, not_after)| PartyKey {
            role: ROLES[usize::from(role) % ROLES.len()],
            algorithm: if ml_dsa {
                Algorithm::MlDsa44
            } else {
                Algorithm::Ed25519
            },
            public: public.to_owned(),
            not_after,
        });
    Some(Party {
        id: id.parse().ok()?,
        name: text.to_owned(),
        legal_owner: text.to_owned(),
        jurisdiction: text.to_owned(),
        vendor,
        keys: keys.collect(),
    })
}

fuzz_target!(
    |input: (Vec<PartyInput<'_>>, Vec<(&str, &str)>, &str, [u64; 4])| {
        let (parties, logs, policy, [not_after, rebuilds_min, governance_min, delay]) = input;
        let log = |(origin, party): (&str, &str)| {
            let (origin, party) = (origin.parse().ok()?, party.parse().ok()?);
            Some(LogEntry { origin, party })
        };
        let constitution = Constitution {
            audience: Vec::new(),
            not_after,
            blobs: Vec::new(),
            version: 1,
            previous: None,
            parties: parties.into_iter().filter_map(party).collect(),
            logs: logs.into_iter().filter_map(log).collect(),
            tlog_policy: policy.to_owned(),
            tuf_root: FileDigest::of(b"root"),
            floors: Floors {
                rebuilds_min,
                governance_min,
                change_delay_seconds: delay,
            },
        };
        let accepted = constitution.check_roster().is_ok();
        let subject = vec![Subject::new("root", constitution.tuf_root)];
        let statement = Statement::new(subject, constitution);
        if let Ok(payload) = statement.to_payload() {
            assert!(accepted, "printed, though it contradicts itself");
            assert_eq!(
                Statement::parse(&payload).expect("what we print, we read"),
                statement
            );
        }
    }
);
