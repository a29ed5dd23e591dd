//! Entries that stand beside a release: findings, halts, closures, revocations, withdrawals.

use statement::{
    Closure, Finding, Halt, Heartbeat, KeyId, Revocation, StatementDigest, Withdrawal,
};

use super::{
    chain::center_log,
    keys::Key,
    roster::{NOT_AFTER, governance},
    story::say,
};

/// A finding about a statement.
pub fn finding(about: StatementDigest, key: &Key) -> Vec<u8> {
    let finding = Finding {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        about,
        title: "A password is compiled in".to_owned(),
        detail: "See line 7.".to_owned(),
    };
    say(finding, key)
}

/// A halt of one product, or of everything.
pub fn halt(product: Option<&str>, key: &Key) -> Vec<u8> {
    let halt = Halt {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: product.map(ToOwned::to_owned),
        reason: "A key may be stolen".to_owned(),
    };
    say(halt, key)
}

/// A party closes what was said.
pub fn closure(closes: StatementDigest, party: &str) -> Vec<u8> {
    let closure = Closure {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        closes,
        reason: "It was explained".to_owned(),
    };
    say(closure, &governance(party))
}

/// A party revokes a key.
pub fn revocation(key: KeyId, party: &str) -> Vec<u8> {
    let revocation = Revocation {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        key,
        suspect_from: Vec::new(),
        reason: "The machine was stolen".to_owned(),
    };
    say(revocation, &governance(party))
}

/// A withdrawal that counts if it is included by `not_after`.
pub fn withdrawal(release: StatementDigest, key: &Key, not_after: u64) -> Vec<u8> {
    let withdrawal = Withdrawal {
        audience: vec![center_log()],
        not_after,
        blobs: Vec::new(),
        release,
        reason: "It deletes files".to_owned(),
    };
    say(withdrawal, key)
}

/// Nothing in particular.
pub fn heartbeat(note: &str) -> Vec<u8> {
    let heartbeat = Heartbeat {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        note: note.to_owned(),
    };
    say(heartbeat, &governance("lab-a"))
}
