//! The one key whose tokens admit samples of a day to a home: announced in the log, by the center, valid now.

use statement::{Admission, CountryCode, Predicate, Role};

use crate::{
    entry::{Included, Standing},
    refusal::{Code, Refusal},
    settled::Settled,
};

/// A key of an issuer of tokens. Made only by [`AdmissionKey::check`] and [`AdmissionKey::all`].
///
/// An issuer with a key for each endpoint would know its tokens again. So one key counts for a home and a day: the first one in the log.
/// An excerpt cannot show that there is no other; who reads the whole log finds it, and everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionKey(Included<Admission>);

impl AdmissionKey {
    /// The key of a home that is valid at `now` (POSIX seconds); of several the one whose day began last.
    ///
    /// # Errors
    /// [`Code::AdmissionMissing`], [`Code::AdmissionSigner`], [`Code::AdmissionTime`], [`Code::AdmissionSecond`], or why an
    /// announcement that stands does not count.
    pub fn check(view: Settled<'_>, home: &CountryCode, now: u64) -> Result<Self, Refusal> {
        let (found, why) = standing(view, home, Some(now));
        let newest = found.into_iter().max_by_key(|key| key.0.valid_from);
        newest.ok_or_else(|| {
            why.unwrap_or_else(|| {
                let none = Refusal::new(Code::AdmissionMissing, format!("home {home}"));
                view.why_missing("admission", |_, _| true, none)
            })
        })
    }

    /// Every key of a home that counts, valid now or not, by its day; nothing where tokens are not asked for.
    #[must_use]
    pub fn all(view: Settled<'_>, home: &CountryCode) -> Vec<Self> {
        let mut found = standing(view, home, None).0;
        found.sort_by_key(|key| key.0.valid_from);
        found
    }

    /// What was announced.
    #[must_use]
    pub const fn admission(&self) -> &Included<Admission> {
        &self.0
    }
}

/// Those that count, and why the last of the others does not.
fn standing(
    view: Settled<'_>,
    home: &CountryCode,
    now: Option<u64>,
) -> (Vec<AdmissionKey>, Option<Refusal>) {
    let state = view.state();
    let announced = state.admissions.iter();
    let mut entries: Vec<_> = announced
        .filter_map(|digest| state.standing.get(digest))
        .flatten()
        .collect();
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    let mut first: Vec<(u64, &str)> = Vec::new();
    let (mut found, mut why) = (Vec::new(), None);
    for entry in entries {
        let Predicate::Admission(said) = entry.predicate() else {
            continue;
        };
        if said.home != *home {
            continue;
        }
        match check(view, entry, said, &mut first, now) {
            Ok(()) => found.push(AdmissionKey(Included::new(said.clone(), entry.clone()))),
            Err(refusal) => why = Some(refusal),
        }
    }
    (found, why)
}

/// Whether one announcement counts: in time, by the center, the first of its day, valid now.
fn check<'a>(
    view: Settled<'_>,
    entry: &Standing,
    said: &'a Admission,
    first: &mut Vec<(u64, &'a str)>,
    now: Option<u64>,
) -> Result<(), Refusal> {
    view.check_time(entry)?;
    let about = format!("home {}, day from {}", said.home, said.valid_from);
    if entry.role != Role::Center {
        let detail = format!("{about}: by a key of role {:?}", entry.role);
        return Err(Refusal::new(Code::AdmissionSigner, detail));
    }
    match first.iter().find(|(day, _)| *day == said.valid_from) {
        None => first.push((said.valid_from, &said.key)),
        // Said once more: the same key.
        Some((_, key)) if *key == said.key => {}
        Some(_) => {
            let detail = format!("{about}: entry {}", entry.index);
            return Err(Refusal::new(Code::AdmissionSecond, detail));
        }
    }
    let (from, until) = (said.valid_from, said.valid_until);
    match now {
        Some(now) if !(from..=until).contains(&now) => {
            let detail = format!("{about}: valid until {until}, now {now}");
            Err(Refusal::new(Code::AdmissionTime, detail))
        }
        _ => Ok(()),
    }
}
