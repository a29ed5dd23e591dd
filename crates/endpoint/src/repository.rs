//! What a repository serves beside the TUF metadata, fetched and opened under the anchor.
//!
//! ```text
//! publications/software.bundle     proof that the role's newest metadata was published
//! publications/4.software.bundle   proof that its version 4 was
//! bundles/<release digest>.bundle  proof of a release
//! withdrawals/<sha256>.json        ["<digest>", ...]  names of the bundles beside it
//! withdrawals/index.json           the newest such list
//! withdrawals/<digest>.bundle      proof of a withdrawal
//! ```
//!
//! Two lists are read: the one that the signed timestamp names by its digest, which a mirror can hide no
//! longer than it can hide the timestamp, and the newest one, which may know more. Both must be there,
//! even when they are empty: a repository without them is refused.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use law::{BUNDLE_BYTES_MAX, Code, OpenBundle, Refusal};
use serve::{Client, ClientError};
use statement::{FileDigest, StatementDigest};
use tuf::ListFile;

use crate::{
    config::Config,
    error::EndpointError,
    evidence::open_bundle,
    limits::{WITHDRAWALS_INDEX_BYTES_MAX, WITHDRAWALS_MAX},
    timeline::{Shown, ShownPublication},
};

/// One repository.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    pub(crate) config: &'a Config,
    pub(crate) http: &'a Client,
    /// What its bundles showed so far, until somebody takes it.
    shown: Mutex<Shows>,
}

/// What the bundles of a repository showed, in order.
#[derive(Debug, Default)]
pub(crate) struct Shows {
    pub(crate) bundles: Vec<Shown>,
    pub(crate) publications: Vec<ShownPublication>,
}

impl<'a> Repository<'a> {
    pub(crate) fn new(config: &'a Config, http: &'a Client) -> Self {
        Self {
            config,
            http,
            shown: Mutex::default(),
        }
    }

    /// Takes what was shown since it was last taken.
    pub(crate) fn take_shown(&self) -> Shows {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *shown)
    }

    /// The newest proof of publication of the role that is followed.
    ///
    /// # Errors
    /// [`Code::PublicationMissing`] when none is served, or why it does not hold.
    pub(crate) async fn publication(&self) -> Result<OpenBundle, EndpointError> {
        let role = self.config.role();
        self.publication_at(&format!("publications/{role}.bundle"))
            .await
    }

    /// The proof of publication of one version: while a repository publishes, or stopped in the middle
    /// of it, its metadata may be one version ahead of its newest proof.
    ///
    /// # Errors
    /// As [`Repository::publication`].
    pub(crate) async fn publication_of(&self, version: u64) -> Result<OpenBundle, EndpointError> {
        let role = self.config.role();
        self.publication_at(&format!("publications/{version}.{role}.bundle"))
            .await
    }

    async fn publication_at(&self, path: &str) -> Result<OpenBundle, EndpointError> {
        let missing = || Refusal::new(Code::PublicationMissing, format!("{path} is not served"));
        self.bundle(path).await?.ok_or_else(|| missing().into())
    }

    /// The proof of a release.
    ///
    /// # Errors
    /// [`Code::ReleaseMissing`] when none is served, or why it does not hold.
    pub(crate) async fn release(
        &self,
        release: StatementDigest,
    ) -> Result<OpenBundle, EndpointError> {
        let path = format!("bundles/{release}.bundle");
        let missing = || Refusal::new(Code::ReleaseMissing, format!("{path} is not served"));
        self.bundle(&path).await?.ok_or_else(|| missing().into())
    }

    /// All withdrawals: those that the timestamp names and those served beside it.
    ///
    /// # Errors
    /// A list is missing or is none, or one of its bundles does not hold: a mirror must not be able
    /// to hide a withdrawal by damaging it.
    pub(crate) async fn withdrawals(
        &self,
        named: Option<&ListFile>,
    ) -> Result<Vec<OpenBundle>, EndpointError> {
        let mut index = self.withdrawals_named(named).await?;
        let path = "withdrawals/index.json";
        let bytes = self
            .http
            .get(&self.config.url(path), WITHDRAWALS_INDEX_BYTES_MAX)
            .await;
        let newest = parse_index(&bytes.map_err(|source| failed(path, source))?)?;
        let known: BTreeSet<_> = index.iter().copied().collect();
        index.extend(newest.into_iter().filter(|digest| !known.contains(digest)));
        let mut withdrawals = Vec::with_capacity(index.len());
        for digest in index {
            let path = format!("withdrawals/{digest}.bundle");
            let listed = || EndpointError::WithdrawalsIndex {
                value: digest.to_string(),
                reason: "it is listed and not served",
            };
            withdrawals.push(self.bundle(&path).await?.ok_or_else(listed)?);
        }
        Ok(withdrawals)
    }

    /// The list that the timestamp names.
    async fn withdrawals_named(
        &self,
        named: Option<&ListFile>,
    ) -> Result<Vec<FileDigest>, EndpointError> {
        let hidden = |value: String, reason| EndpointError::WithdrawalsHidden { value, reason };
        let named = named.ok_or_else(|| {
            let value = "timestamp.json".to_owned();
            hidden(value, "it names no list of withdrawals")
        })?;
        let path = format!("withdrawals/{}.json", named.sha256().to_hex());
        let bytes = self
            .http
            .get_optional(&self.config.url(&path), WITHDRAWALS_INDEX_BYTES_MAX)
            .await;
        let bytes = bytes.map_err(|source| failed(&path, source))?;
        let bytes = bytes.ok_or_else(|| hidden(path.clone(), "the timestamp names it"))?;
        if ListFile::of(&bytes) != *named {
            return Err(hidden(path, "it is not the list that the timestamp names"));
        }
        parse_index(&bytes)
    }

    async fn bundle(&self, path: &str) -> Result<Option<OpenBundle>, EndpointError> {
        let found = self
            .http
            .get_optional(&self.config.url(path), BUNDLE_BYTES_MAX)
            .await;
        let found = found.map_err(|source| failed(path, source))?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        let (bundle, open) = open_bundle(path, &bytes, self.config.anchor)?;
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.bundles.extend(Shown::of(&bundle, &open));
        if path.starts_with("publications/") {
            let role = self.config.role().as_str();
            let publication = ShownPublication::of(&bytes, &open, role);
            shown.publications.extend(publication);
        }
        Ok(Some(open))
    }
}

fn failed(what: &str, source: ClientError) -> EndpointError {
    EndpointError::Http {
        what: what.to_owned(),
        source,
    }
}

/// A JSON array of digests, each once.
fn parse_index(bytes: &[u8]) -> Result<Vec<FileDigest>, EndpointError> {
    let refused = |value: &str, reason| EndpointError::WithdrawalsIndex {
        value: value.chars().take(80).collect(),
        reason,
    };
    let shown = String::from_utf8_lossy(bytes);
    let index: Vec<FileDigest> = serde_json::from_slice(bytes).map_err(|_| {
        refused(
            &shown,
            "a JSON array of digests in lower-case hex is expected",
        )
    })?;
    if index.len() > WITHDRAWALS_MAX {
        return Err(refused(&index.len().to_string(), "too many are listed"));
    }
    let mut seen = BTreeSet::new();
    match index.iter().find(|digest| !seen.insert(**digest)) {
        Some(twice) => Err(refused(&twice.to_string(), "it is listed twice")),
        None => Ok(index),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_list_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse_index(&bytes);
        }
    }

    #[test]
    fn a_list_of_withdrawals_has_one_form() {
        let digest = "77".repeat(32);
        assert!(parse_index(b"[]").unwrap().is_empty());
        assert_eq!(
            parse_index(format!("[\"{digest}\"]\n").as_bytes())
                .unwrap()
                .len(),
            1
        );
        for bad in [
            String::new(),
            "{}".to_owned(),
            "[\"../../etc/passwd\"]".to_owned(),
            format!("[\"{}\"]", digest.replace('7', "F")),
            format!("[\"{digest}\",\"{digest}\"]"),
            format!("[\"{digest}\"]x"),
        ] {
            let code = parse_index(bad.as_bytes()).unwrap_err();
            assert_eq!(code.code(), "withdrawals.malformed", "{bad}");
        }
    }
}
