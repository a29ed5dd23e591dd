//! Logs against each other: checkpoints that they keep of one another, and governance that must stand in all.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use tlog::{Hash, Origin, TileId, TileSource, prove_consistency, verify_consistency};

use crate::error::AuditError;
use crate::facts::{Governance, KeptCheckpoint};
use crate::findings::{Evidence, Findings, finding};
use crate::judge::{CheckpointSeen, Severity};
use crate::limits::SPREAD_SECONDS;
use crate::read_log::LogReader;
use crate::run_log::LogAudit;

/// How many kept checkpoints were compared, and out of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Kept in an entry that counts.
    pub kept: u64,
    /// Of these, found to be of the same history as the log they are of.
    pub agree: u64,
    /// Of these, of a log that was not given, or too many to remember: not compared.
    pub not_compared: u64,
}

/// Compares every checkpoint that one log keeps of another with that other log.
///
/// # Errors
/// A place cannot be read.
pub(crate) async fn compare_kept(
    logs: &[LogAudit],
    findings: &mut Findings,
) -> Result<BTreeMap<Origin, Kept>, AuditError> {
    let mut counts = BTreeMap::new();
    for log in logs {
        let mut count = Kept {
            kept: log.facts.kept.len() as u64 + log.facts.kept_forgotten,
            not_compared: log.facts.kept_forgotten,
            agree: 0,
        };
        for kept in &log.facts.kept {
            check_note(log, kept, findings);
            if !logs.iter().any(|other| other.reader.origin == kept.origin) {
                count.not_compared += 1;
            }
        }
        for other in logs {
            compare_two(log, other, &mut count, findings).await?;
        }
        if count.kept == 0 && logs.len() > 1 {
            let what = "it keeps no checkpoint of another log, so it could not tell if one showed two histories";
            let remedy = "none needed; comparing is easier when logs keep each other's checkpoints";
            let found = finding(
                "anchor.none",
                Severity::Note,
                None,
                None,
                what.to_owned(),
                remedy,
            );
            findings.add(Some(&log.reader.origin), found);
        }
        counts.insert(log.reader.origin.clone(), count);
    }
    Ok(counts)
}

fn check_note(log: &LogAudit, kept: &KeptCheckpoint, findings: &mut Findings) {
    let Err(why) = &kept.note else {
        return;
    };
    let what = format!(
        "keeps a checkpoint of {} with {} entries whose note does not hold: {why}",
        kept.origin, kept.size
    );
    let remedy = "ask who signed the entry where the checkpoint came from";
    let entry = Some(kept.entry);
    let found = finding("anchor.note", Severity::Amber, entry, None, what, remedy);
    findings.add(Some(&log.reader.origin), found);
}

/// Compares what `log` keeps of `other`: by the tiles of `other`, and where those do not show it, by its
/// entries. Damaged tiles are a finding of their own and no second history.
async fn compare_two(
    log: &LogAudit,
    other: &LogAudit,
    count: &mut Kept,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let mut unclear = Vec::new();
    let of_other = |kept: &&KeptCheckpoint| kept.origin == other.reader.origin;
    for kept in log.facts.kept.iter().filter(of_other) {
        match &other.head {
            None => count.not_compared += 1,
            Some((head, _)) if is_same(&other.reader, head, kept).await? => count.agree += 1,
            Some(_) => unclear.push(kept),
        }
    }
    let Some((head, _)) = other.head.as_ref().filter(|_| !unclear.is_empty()) else {
        return Ok(());
    };
    let mut sizes: BTreeSet<u64> = unclear.iter().map(|kept| kept.size).collect();
    sizes.insert(head.size);
    let roots = other.reader.roots_at(&sizes, head.size).await?;
    let shown = roots.get(&head.size) == Some(&head.root);
    for kept in unclear {
        match roots.get(&kept.size) {
            Some(root) if *root == kept.root => count.agree += 1,
            None if kept.size <= head.size => count.not_compared += 1,
            // The entries changed while they were read: the next look tells.
            Some(_) if !shown => count.not_compared += 1,
            found => {
                let ahead = found.is_none();
                differs(log, other, kept, ahead, findings).await?;
            }
        }
    }
    Ok(())
}

/// Whether the tiles show that a kept checkpoint is of the same history as the head that was verified.
async fn is_same(
    reader: &LogReader,
    head: &CheckpointSeen,
    kept: &KeptCheckpoint,
) -> Result<bool, AuditError> {
    if kept.size >= head.size {
        return Ok(kept.size == head.size && kept.root == head.root);
    }
    let path = prove(reader, kept.size, head.size).await?;
    Ok(path.is_some_and(|path| {
        verify_consistency(kept.size, &kept.root, head.size, &head.root, &path).is_ok()
    }))
}

async fn differs(
    log: &LogAudit,
    other: &LogAudit,
    kept: &KeptCheckpoint,
    ahead: bool,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let (code, what) = if ahead {
        (
            "anchor.ahead",
            format!(
                "keeps a checkpoint of {} with {} entries; that log shows only {}",
                kept.origin,
                kept.size,
                other.size()
            ),
        )
    } else {
        (
            "anchor.fork",
            format!(
                "keeps a checkpoint of {} with {} entries that is not of the history shown: two histories",
                kept.origin, kept.size
            ),
        )
    };
    // Without a witnessed note this is only what the signer of the entry says.
    let severity = match kept.note {
        Ok(()) => Severity::Red,
        Err(_) => Severity::Amber,
    };
    let remedy = "trust nothing newer of that log; the entry holds its signed checkpoint";
    let found = finding(code, severity, Some(kept.entry), None, what.clone(), remedy);
    findings.add(Some(&log.reader.origin), found);
    let note = log.reader.kept_note(kept.entry, log.size()).await?;
    if let (Severity::Red, Some(earlier), Some((_, later))) = (severity, note, &other.head) {
        findings.contradiction(Evidence {
            origin: other.reader.origin.clone(),
            why: format!("entry {} of {} {what}", kept.entry, log.reader.origin),
            earlier,
            later: later.clone(),
            fork: None,
        });
    }
    Ok(())
}

/// The consistency proof from the tiles that the log serves; `None` when its tiles give none.
async fn prove(reader: &LogReader, old: u64, new: u64) -> Result<Option<Vec<Hash>>, AuditError> {
    let mut tiles = Tiles::default();
    loop {
        match prove_consistency(&tiles, old, new) {
            Ok(path) => return Ok(Some(path)),
            Err(_) => {
                let Some(missing) = tiles.missing.take() else {
                    return Ok(None);
                };
                let Ok(bytes) = reader.tile(missing).await? else {
                    return Ok(None);
                };
                tiles.held.insert(missing, bytes);
            }
        }
    }
}

/// Tiles held so far; remembers the first one that was asked for in vain.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    pub(crate) held: BTreeMap<TileId, Vec<u8>>,
    pub(crate) missing: RefCell<Option<TileId>>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not here yet")]
pub(crate) struct NotHere(TileId);

impl TileSource for Tiles {
    type Error = NotHere;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, NotHere> {
        self.held.get(&id).cloned().ok_or_else(|| {
            self.missing.replace(Some(id));
            NotHere(id)
        })
    }
}

/// A statement of governance in one log stands in the others too, or somebody is shown less.
pub(crate) fn check_spread(logs: &[LogAudit], now: u64, findings: &mut Findings) {
    for other in logs.iter().filter(|log| log.head.is_some()) {
        let there: BTreeSet<_> = other
            .facts
            .governance
            .iter()
            .map(|fact| (fact.digest, fact.key))
            .collect();
        for log in logs
            .iter()
            .filter(|log| log.reader.origin != other.reader.origin)
        {
            let missing = log.facts.governance.iter().filter(|fact| {
                let meant = fact
                    .only
                    .as_ref()
                    .is_none_or(|only| only.contains(&other.reader.origin));
                meant && !there.contains(&(fact.digest, fact.key))
            });
            for fact in missing {
                missing_in(log, other, fact, now, findings);
            }
        }
    }
}

fn missing_in(
    log: &LogAudit,
    other: &LogAudit,
    fact: &Governance,
    now: u64,
    findings: &mut Findings,
) {
    let age = fact.by.map(|by| now.saturating_sub(by));
    let late = age.is_some_and(|age| age > SPREAD_SECONDS);
    let severity = if late { Severity::Red } else { Severity::Note };
    let waited = age.map_or_else(|| "just now".to_owned(), hours);
    let what = format!(
        "a {} that stands here for {waited} does not count in {}",
        fact.kind, other.reader.origin
    );
    let remedy = "submit it there too; a log that refuses it for 24 h is in fault";
    findings.add(
        Some(&log.reader.origin),
        finding(
            "governance.missing",
            severity,
            Some(fact.entry),
            Some(fact.digest),
            what,
            remedy,
        ),
    );
}

/// A span of time for people.
pub(crate) fn hours(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use statement::{KeyId, StatementDigest};
    use tlog::Hash;

    use super::*;
    use crate::opened::Keyring;
    use crate::read::Place;

    /// A log that was read, with one revocation that was included by `by`.
    fn log(origin: &str, by: Option<u64>, only: Option<Vec<Origin>>) -> LogAudit {
        let reader = LogReader {
            origin: origin.parse().unwrap(),
            place: Arc::new(Place::directory("unused".as_ref())),
            keys: Keyring::default(),
        };
        let mut log = LogAudit::new(reader, StatementDigest::of(b"anchor"));
        let head = CheckpointSeen {
            size: 9,
            root: Hash::EMPTY_ROOT,
            time: 1_000_000,
            witnesses: Vec::new(),
        };
        log.head = Some((head, Vec::new()));
        log.facts.governance = vec![Governance {
            digest: StatementDigest::of(b"revocation"),
            key: KeyId::of(b"key"),
            kind: "revocation",
            entry: 7,
            by,
            only,
        }];
        log
    }

    fn spread(logs: &[LogAudit], now: u64) -> Vec<(Severity, String)> {
        let mut findings = Findings::default();
        check_spread(logs, now, &mut findings);
        let found = findings.sorted().into_iter();
        found
            .map(|found| (found.finding.severity, found.log.unwrap().to_string()))
            .collect()
    }

    #[test]
    fn governance_that_one_log_lacks_is_a_note_for_a_day_and_then_a_broken_promise() {
        let mut without = log("b.example", None, None);
        without.facts.governance.clear();
        let logs = [log("a.example", Some(1_000_000), None), without];
        let day = 86_400;
        for (age, severity) in [
            (0, Severity::Note),
            (day, Severity::Note),
            (day + 1, Severity::Red),
        ] {
            let found = spread(&logs, 1_000_000 + age);
            assert_eq!(found, [(severity, "a.example".to_owned())], "{age}");
        }
    }

    #[test]
    fn governance_that_stands_in_both_or_is_meant_for_one_only_is_fine() {
        let both = [
            log("a.example", Some(1), None),
            log("b.example", Some(1), None),
        ];
        assert!(spread(&both, 1_000_000).is_empty());
        let own = "a.example".parse().unwrap();
        let mut without = log("b.example", None, None);
        without.facts.governance.clear();
        let one = [log("a.example", Some(1), Some(vec![own])), without];
        assert!(spread(&one, 1_000_000).is_empty());
    }

    #[test]
    fn a_signature_by_another_party_does_not_stand_for_the_missing_one() {
        let mut other = log("b.example", Some(1), None);
        other.facts.governance[0].key = KeyId::of(b"another");
        let logs = [log("a.example", Some(1), None), other];
        assert_eq!(spread(&logs, 1_000_000).len(), 2);
    }

    #[test]
    fn spans_of_time_read_as_people_say_them() {
        let said = [119, 120, 7_199, 7_200, 172_799, 172_800].map(hours);
        assert_eq!(said, ["119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
