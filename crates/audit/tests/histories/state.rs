//! What both say stands in the log, beyond what they grant: who is in force, what was released, what is newest.

use audit::judge::Judge;
use law::{Code, Residence, Settled};
use statement::{FileDigest, StatementDigest};

use crate::both::Both;
use crate::script::{self, Event};

const ROLES: [&str; 3] = ["software", "rules", "targets"];

/// Version, file and entry of a publication.
type Newest = Option<(u64, FileDigest, u64)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    version: u64,
    constitution: Option<StatementDigest>,
    constitutions: u64,
    /// Fed and witnessed.
    entries: (u64, u64),
    time: Option<u64>,
    builds: u64,
    /// With a quorum, and of these withdrawn.
    releases: (u64, u64),
    /// By role; nothing where two contend.
    newest: [Newest; 3],
    /// Not only that a policy is in force, but which; the entry that completed it.
    policy: Option<(StatementDigest, u64)>,
}

pub(crate) fn of_law(view: Settled<'_>) -> State {
    let law = view.state();
    let released = view.released();
    let withdrawn = released
        .iter()
        .filter(|quorum| view.withdrawal(quorum.release().digest()).is_some());
    let residence = Residence::check(view).ok();
    State {
        version: law.constitution().map_or(0, |now| now.version),
        constitution: law.constitution_digest(),
        constitutions: law.constitutions().count() as u64,
        entries: (law.next_index(), law.settled_size()),
        time: law.newest_time(),
        builds: view.builds().len() as u64,
        releases: (released.len() as u64, withdrawn.count() as u64),
        newest: ROLES.map(|role| newest_file(view, role)),
        policy: residence.map(|residence| {
            let policy = residence.policy();
            (policy.digest(), policy.standing().index())
        }),
    }
}

fn newest_file(view: Settled<'_>, role: &str) -> Newest {
    match view.newest_publication(role) {
        Ok(newest) => newest.map(|newest| {
            let index = newest.standing().index();
            (newest.version, newest.metadata, index)
        }),
        Err(refusal) => {
            assert_eq!(refusal.code(), Code::PublicationFork);
            None
        }
    }
}

pub(crate) fn of_audit(judge: &Judge) -> State {
    let seen = judge.latest();
    let newest = |role: &str| {
        let newest = seen.newest.get(role)?;
        Some((newest.version, newest.metadata, newest.entry))
    };
    // Whether it speaks of a declaration is asked apart.
    let gate = judge.gate(&audit::judge::Gate::Residence, seen.entries);
    let policies = judge.policies();
    let policy = policies.last().filter(|_| gate.is_ok());
    State {
        version: seen.constitution,
        constitution: seen.constitution_digest,
        constitutions: seen.constitutions,
        entries: (seen.entries, seen.witnessed),
        time: seen.newest_time,
        builds: seen.builds,
        releases: (seen.releases, seen.releases_withdrawn),
        newest: ROLES.map(newest),
        policy: policy.map(|seen| (seen.policy, seen.entry)),
    }
}

impl Both<'_> {
    /// Asked right after everything was witnessed.
    pub(crate) fn agree_on_state(&mut self) {
        let Ok(view) = self.law.settled() else {
            return;
        };
        let (law, audit) = (of_law(view), of_audit(&self.audit));
        if law != audit {
            let size = self.log.size();
            let (law, audit) = (format!("{law:?}"), format!("{audit:?}"));
            self.differ("state", law, audit, format!("of {size} entries"));
            return;
        }
        script::note(|| Event::State(Box::new([law, audit])));
    }
}
