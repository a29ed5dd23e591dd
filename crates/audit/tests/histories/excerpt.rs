//! What the law grants on a whole log it grants on the excerpt that it names for somebody else.

use std::collections::BTreeMap;

use law::{AdmissionKey, InForce, Refusal, Residence, SealableEpochs, Settled};
use statement::{Envelope, Statement, StatementDigest};

use crate::honest::log::Log;
use crate::question::Question;

/// The entries, and what was signed of them, by size.
pub(crate) struct Served<'a> {
    pub(crate) log: &'a Log,
    pub(crate) notes: &'a BTreeMap<u64, Vec<u8>>,
}

/// The law's answer to somebody who is shown no more than that; none where it names nothing, or grants nothing.
pub(crate) fn law_on_excerpt(
    law: &InForce,
    served: &Served<'_>,
    question: &Question,
    anchor: StatementDigest,
) -> Option<Result<(), Refusal>> {
    let view = law.settled().ok()?;
    let mut indices = named(view, question)?;
    indices.extend(law.constitution_entries());
    let note = served.notes.get(&law.settled_size())?.clone();
    let size = law.settled_size();
    let mut bundle = served.log.bundle_under(size, note, &indices);
    let archived = law.archived_sizes_named().iter();
    bundle.archived = archived.map(|size| served.notes[size].clone()).collect();
    let opened = bundle.open(anchor);
    let said = opened.and_then(|opened| question.of_law(opened.view()));
    // An excerpt shows that something was included by its newest checkpoint, not how much earlier.
    let now = law.newest_time()?;
    let ends = indices.iter().map(|index| end_of(served, *index));
    let keys = law.constitution()?.keys().map(|(_, key)| key.not_after);
    let is_late = ends.chain(keys).any(|end| end < now);
    Some(said).filter(|said| said.is_ok() || !is_late)
}

/// When the statement of an entry ends.
fn end_of(served: &Served<'_>, index: u64) -> u64 {
    let entry = Envelope::parse(&served.log.entries[index as usize]).unwrap();
    let statement = Statement::parse(entry.payload()).unwrap();
    statement.predicate.not_after()
}

fn named(view: Settled<'_>, question: &Question) -> Option<Vec<u64>> {
    match question {
        Question::Residence => Some(Residence::check(view).ok()?.entries()),
        Question::Epochs(home, now) => {
            let home = home.parse().unwrap();
            Some(SealableEpochs::check(view, &home, *now).ok()?.entries())
        }
        Question::Admission(home, now) => {
            let home = home.parse().unwrap();
            let key = AdmissionKey::check(view, &home, *now).ok()?;
            Some(vec![key.admission().standing().index()])
        }
        _ => None,
    }
}
