//! What the law grants on a whole log it grants on the excerpt that it names for somebody else.

use std::collections::{BTreeMap, BTreeSet};

use law::{AdmissionKey, InForce, Refusal, Residence, SealableEpochs, Settled};
use statement::{Envelope, StatementDigest};

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
    let mut sizes: BTreeSet<u64> = law.archived_sizes_named().iter().copied().collect();
    for index in indices {
        let entry = Envelope::parse(&served.log.entries[index as usize]).unwrap();
        if law.ended_since(index, entry.digest()) {
            sizes.extend(served.notes.range(index + 1..).next().map(|(size, _)| size));
        }
    }
    let archived = sizes.iter().filter(|earlier| **earlier < size);
    bundle.archived = archived.map(|size| served.notes[size].clone()).collect();
    let opened = bundle.open(anchor);
    Some(opened.and_then(|opened| question.of_law(opened.view())))
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
