//! The register of promises: each by the day that was named first, whether it was kept, and by which statement.
//!
//! A later version of the declaration may say that a promise was kept. One that moves the day, or leaves the promise out, is a
//! broken promise by itself: whoever could do that would never be late.

use statement::{Day, Promise};

use super::{
    Judge,
    findings::about,
    residence::Complete,
    types::{Finding, PromiseSeen, Severity},
};

const ASK: &str = "ask the parties of the governance; the day that was named first counts";

impl Judge {
    /// Every promise that was ever made, in the order in which they were.
    pub fn promises(&self) -> Vec<PromiseSeen> {
        let mut register = Vec::new();
        self.each_promise(|_, promise| match place_of(&register, promise) {
            Some(known) => {
                let known: &mut PromiseSeen = &mut register[known];
                known.met = known.met.or(promise.met.as_ref().map(|met| met.day));
            }
            None => register.push(PromiseSeen {
                id: promise.id.clone(),
                text: promise.text.clone(),
                due: promise.due,
                met: promise.met.as_ref().map(|met| met.day),
            }),
        });
        register
    }

    fn each_promise(&self, mut tell: impl FnMut(&Complete, &Promise)) {
        let contents = &self.facts.residence.contents;
        for complete in self.declaration_chain() {
            let said = contents.declarations.get(&complete.digest);
            for promise in said.into_iter().flat_map(|said| &said.promises) {
                tell(&complete, promise);
            }
        }
    }

    /// Promises that were moved, dropped, not kept in time, or said to be kept by something that does not stand.
    /// Time is that of the newest witnessed checkpoint.
    pub(super) fn promise_findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let register = self.promises();
        self.each_promise(|complete, promise| {
            let first = place_of(&register, promise).map(|at| register[at].due);
            if let Some(first) = first.filter(|first| *first != promise.due) {
                let what = format!(
                    "the promise `{}` was due on {first}; a later declaration says {}",
                    promise.id, promise.due
                );
                let red = about(complete.at, complete.digest, "promise.moved", Severity::Red);
                found.push(red.says(what, ASK));
            }
        });
        self.find_dropped(&mut found);
        let Some(today) = self.clock.newest().and_then(|(_, time)| Day::of(time)) else {
            return found;
        };
        let chain = self.declaration_chain();
        let Some(newest) = chain.last() else {
            return found;
        };
        for promise in &register {
            let day = promise.met.unwrap_or(today);
            if day <= promise.due {
                continue;
            }
            let (id, due) = (&promise.id, promise.due);
            let (severity, what, remedy) = match promise.met {
                Some(met) => (
                    Severity::Note,
                    format!("the promise `{id}` was due on {due} and kept on {met}"),
                    "look at the statement that the declaration names as evidence; ask why it was late",
                ),
                None => (
                    Severity::Red,
                    format!(
                        "the promise `{id}` was due on {due}, and nothing says that it was kept"
                    ),
                    "ask who made it; once it is kept a new declaration names the statement that shows it",
                ),
            };
            let late = about(newest.at, newest.digest, "promise.late", severity);
            found.push(late.says(what, remedy));
        }
        found
    }

    fn find_dropped(&self, found: &mut Vec<Finding>) {
        let contents = &self.facts.residence.contents;
        for pair in self.declaration_chain().windows(2) {
            let said = |complete: &Complete| contents.declarations.get(&complete.digest);
            let (Some(before), Some(after)) = (said(&pair[0]), said(&pair[1])) else {
                continue;
            };
            let mut gone = before.promises.iter();
            let gone =
                gone.find(|promise| !after.promises.iter().any(|kept| kept.id == promise.id));
            if let Some(gone) = gone {
                let what = format!(
                    "version {} of the declaration leaves out the promise `{}`",
                    after.version, gone.id
                );
                let red = about(pair[1].at, pair[1].digest, "promise.dropped", Severity::Red);
                found.push(red.says(what, ASK));
            }
        }
    }
}

fn place_of(register: &[PromiseSeen], promise: &Promise) -> Option<usize> {
    register.iter().position(|known| known.id == promise.id)
}
