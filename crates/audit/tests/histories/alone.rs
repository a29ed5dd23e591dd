//! One of the two alone hears a script, up to the first difference from what the other said when it was written down.

use std::collections::BTreeMap;

use audit::judge::Judge;
use law::InForce;
use statement::StatementDigest;

use crate::beside;
use crate::both;
use crate::excerpt::{Served, law_on_excerpt};
use crate::honest::{chain::center_log, log::Log};
use crate::question::Question;
use crate::script::{
    Answer, Event, Script, agree, agree_on_entry, audit_code, by_audit, by_law, law_code,
};
use crate::state::{of_audit, of_law};

/// Whether the law says what the audit said. It reads every entry itself, or takes it as it was read.
pub(crate) fn tell_law(script: &Script, reads: bool) -> bool {
    let origins = [center_log(), beside::there()];
    let mut law = Law {
        anchor: script.anchor,
        reads,
        logs: origins.map(|origin| InForce::replay(origin, script.anchor)),
        served: Log::of_center(),
        notes: BTreeMap::new(),
    };
    script.events.iter().all(|event| law.hear(event))
}

/// Whether the audit says what the law said, and later what it said before.
pub(crate) fn tell_audit(script: &Script, reads: bool) -> bool {
    let origins = [center_log(), beside::there()];
    let mut audit = Audit {
        anchor: script.anchor,
        reads,
        logs: origins.map(|origin| Judge::new(origin, script.anchor)),
        asked: Vec::new(),
    };
    script.events.iter().all(|event| audit.hear(event))
}

struct Law {
    anchor: StatementDigest,
    reads: bool,
    /// The center's, and the one beside it.
    logs: [InForce; 2],
    served: Log,
    notes: BTreeMap<u64, Vec<u8>>,
}

impl Law {
    fn hear(&mut self, event: &Event) -> bool {
        match event {
            Event::Entry { .. } => self.enter(event),
            Event::Publish {
                there,
                note,
                witnessed,
            } => {
                if !there {
                    self.notes.insert(self.served.size(), note.clone());
                }
                self.logs[usize::from(*there)].settle(witnessed).is_ok()
            }
            Event::State(states) => {
                let home = self.logs[0].settled();
                home.is_ok_and(|view| of_law(view) == states[1])
            }
            Event::Bad {
                note,
                bundle,
                audit,
                ..
            } => {
                let bundle = || (**bundle).clone();
                let said = both::law_on_checkpoint(&self.logs[0], note, self.anchor, bundle);
                agree(law_code(&said), *audit)
            }
            Event::Ask {
                question, audit, ..
            } => self.answer(question, *audit),
            Event::AskBeside {
                question,
                is_read,
                audit,
                ..
            } => {
                let other = self.logs[1].settled().ok().filter(|_| *is_read);
                let others: Vec<_> = other.into_iter().collect();
                let home = self.logs[0].settled();
                let said = home.and_then(|home| question.of_law_beside(home, &others));
                agree(law_code(&said), *audit)
            }
            Event::Again => true,
            Event::Install(given) => given.bundle.open(self.anchor).is_ok_and(|bundle| {
                let said = both::law_on_delivery(bundle, &given.delivery());
                agree(law_code(&said), given.audit)
            }),
        }
    }

    fn enter(&mut self, event: &Event) -> bool {
        let Event::Entry {
            there,
            index,
            bytes,
            read,
            audit,
            ..
        } = event
        else {
            return false;
        };
        let log = &mut self.logs[usize::from(*there)];
        let fed = match read {
            Some(read) if !self.reads => log.feed_opened(*index, (**read).clone()),
            _ => log.feed(*index, bytes),
        };
        if !there {
            self.served.push(bytes.clone());
        }
        agree_on_entry(*there, by_law(&fed.unwrap()), *audit)
    }

    fn answer(&self, question: &Question, audit: Answer) -> bool {
        let home = self.logs[0].settled();
        let said = home.and_then(|view| question.of_law(view));
        let served = Served {
            log: &self.served,
            notes: &self.notes,
        };
        let excerpt = law_on_excerpt(&self.logs[0], &served, question, self.anchor);
        agree(law_code(&said), audit) && excerpt.is_none_or(|said| agree(law_code(&said), audit))
    }
}

struct Audit<'a> {
    anchor: StatementDigest,
    reads: bool,
    logs: [Judge; 2],
    asked: Vec<(&'a Question, u64, Answer)>,
}

impl<'a> Audit<'a> {
    fn hear(&mut self, event: &'a Event) -> bool {
        match event {
            Event::Entry {
                there,
                index,
                bytes,
                opened,
                law,
                ..
            } => {
                let log = &mut self.logs[usize::from(*there)];
                let ruling = match self.reads {
                    true => log.entry(*index, bytes),
                    false => log.opened(*index, opened),
                };
                agree_on_entry(*there, *law, by_audit(&ruling.unwrap()))
            }
            Event::Publish { there, note, .. } => {
                let seen = self.logs[usize::from(*there)].checkpoint(note);
                seen.is_ok_and(|seen| seen.witnesses.len() == 2)
            }
            Event::State(states) => of_audit(&self.logs[0]) == states[0],
            Event::Bad { note, law, .. } => {
                let said = self.logs[0].checkpoint(note).map(drop);
                agree(*law, audit_code(&said))
            }
            Event::Ask {
                question,
                size,
                law,
                ..
            } => {
                let said = audit_code(&question.of_audit(&self.logs[0], *size));
                self.asked.push((question, *size, said));
                agree(*law, said)
            }
            Event::AskBeside {
                question,
                size,
                is_read,
                law,
                ..
            } => {
                let there = (&self.logs[1], self.logs[1].next_index());
                let others: &[_] = if *is_read { &[there] } else { &[] };
                let said = question.of_audit_beside((&self.logs[0], *size), others);
                agree(*law, audit_code(&said))
            }
            Event::Again => self.asked.iter().all(|(question, size, before)| {
                let again = audit_code(&question.of_audit(&self.logs[0], *size));
                again == *before || *before == Err("view.incomplete")
            }),
            Event::Install(given) => {
                let said = both::audit_on_delivery(&given.bundle, self.anchor, &given.delivery());
                agree(given.law, audit_code(&said))
            }
        }
    }
}
