//! What is refused at the moment, for everybody to see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use law::Refusal;
use serde::Serialize;

use crate::limits::{DETAIL_CHARS_MAX, REFUSALS_MAX};

/// One refusal. It is judged again whenever the log grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The condition that does not hold.
    pub code: &'static str,
    /// What was seen.
    pub detail: String,
    /// Size of the log it was judged at.
    pub size: u64,
    /// Build, release or metadata file, by digest.
    pub subject: String,
}

impl Refused {
    pub(crate) fn new(subject: impl ToString, refusal: &Refusal, size: u64) -> Self {
        Self {
            code: refusal.code().as_str(),
            detail: refusal.detail().chars().take(DETAIL_CHARS_MAX).collect(),
            size,
            subject: subject.to_string(),
        }
    }
}

/// The refusals that stand; readable while the room works.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedRefusals(Arc<Mutex<Refusals>>);

impl SharedRefusals {
    /// Remembers a refusal; says so once per reason.
    pub(crate) fn add(&self, refused: Refused) {
        self.lock().add(refused);
    }

    /// Forgets a refusal: the condition holds now.
    pub(crate) fn clear(&self, subject: &str) {
        self.lock().by_subject.remove(subject);
    }

    /// All of them, by subject.
    pub(crate) fn list(&self) -> Vec<Refused> {
        self.lock().by_subject.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Refusals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Refusals {
    by_subject: BTreeMap<String, Refused>,
}

impl Refusals {
    fn add(&mut self, refused: Refused) {
        let known = self.by_subject.get(&refused.subject);
        if known.is_none_or(|known| (known.code, &known.detail) != (refused.code, &refused.detail))
        {
            let Refused {
                code,
                detail,
                subject,
                ..
            } = &refused;
            tracing::warn!(subject, code, detail, "refused");
        }
        self.by_subject.insert(refused.subject.clone(), refused);
        if self.by_subject.len() > REFUSALS_MAX {
            let oldest = self.by_subject.values().min_by_key(|refused| refused.size);
            if let Some(subject) = oldest.map(|refused| refused.subject.clone()) {
                self.by_subject.remove(&subject);
            }
        }
    }
}
