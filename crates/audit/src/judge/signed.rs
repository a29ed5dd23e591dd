//! What a platform signs is the program that was rebuilt with a signature put on, and nothing else
//! (`spec/release.md`).

use statement::{FileDigest, Release, StatementDigest};

use super::{
    Judge, codes,
    findings::about,
    metadata::shown_line,
    types::{Finding, Parts, Refused, Severity},
};

/// A release that says what a platform signed, for whoever fetches the blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRelease {
    /// The entry.
    pub entry: u64,
    /// The release.
    pub release: StatementDigest,
    /// Digest and size of the artifact.
    pub artifact: (FileDigest, u64),
    /// Digest of the signature.
    pub signature: FileDigest,
}

impl Judge {
    /// Releases that say what a platform signed, whoever signed the release: fetch both blobs and give them
    /// to [`Judge::judge_signed`].
    pub fn signed_releases(&self) -> Vec<SignedRelease> {
        let view = self.as_of(self.next_index());
        let tables = self.facts.releases.iter();
        let found = tables.filter_map(|(digest, table)| {
            let fact = view.all(Some(table)).next()?;
            let release = &fact.said.release;
            Some(SignedRelease {
                entry: fact.at,
                release: *digest,
                artifact: (release.artifact, release.artifact_bytes),
                signature: release.signed.as_ref()?.signature,
            })
        });
        found.collect()
    }

    /// What is wrong with the file that a release ships, given what it is said to be made of.
    pub fn judge_signed(&self, signed: &SignedRelease, parts: Parts<'_>) -> Option<Finding> {
        let table = self.facts.releases.get(&signed.release)?;
        let release = &table.first()?.said.release;
        let refused = check_parts(release, Some(parts)).err()?;
        let line = shown_line(release);
        let what = format!("release {} of {line}: {refused}", release.seq);
        let found = about(signed.entry, signed.release, refused.code, Severity::Red);
        Some(found.says(
            what,
            "withdraw the release; ask what was signed and by whom",
        ))
    }
}

/// Whether whoever decides holds program and signature.
#[derive(Clone, Copy)]
pub(super) enum Held<'a> {
    /// It does or does not; a signer must.
    Now(Option<Parts<'a>>),
    /// They are judged when the blobs are read.
    Later,
}

impl Held<'_> {
    pub(super) fn check(self, release: &Release) -> Result<(), Refused> {
        match self {
            Held::Now(parts) if release.signed.is_some() => check_parts(release, parts),
            Held::Now(_) | Held::Later => Ok(()),
        }
    }
}

/// The file that leaves the center.
pub(super) fn shipped(release: &Release) -> (FileDigest, u64) {
    match &release.signed {
        Some(signed) => (signed.shipped, signed.shipped_bytes),
        None => (release.artifact, release.artifact_bytes),
    }
}

/// Everybody can fetch the signature.
pub(super) fn check_blob(release: &Release) -> Result<(), Refused> {
    let Some(signed) = &release.signed else {
        return Ok(());
    };
    let public = release.blobs.iter().filter(|blob| blob.public);
    if public
        .map(|blob| blob.sha256)
        .any(|sha256| sha256 == signed.signature)
    {
        return Ok(());
    }
    let detail = format!("the signature {} is no public blob of it", signed.signature);
    Err(Refused::new(codes::RELEASE_ATTACHED, detail))
}

/// Program and signature are those that the release names, and make what it ships.
pub(super) fn check_parts(release: &Release, parts: Option<Parts<'_>>) -> Result<(), Refused> {
    let no = |detail: String| Err(Refused::new(codes::RELEASE_ATTACHED, detail));
    let (Some(signed), Some(parts)) = (&release.signed, parts) else {
        return no("program and signature were not put together again".to_owned());
    };
    let program = (FileDigest::of(parts.artifact), parts.artifact.len() as u64);
    if program != (release.artifact, release.artifact_bytes) {
        return no(format!("the program is {}", program.0));
    }
    if FileDigest::of(parts.signature) != signed.signature {
        return no("the signature is another".to_owned());
    }
    match binary::attach(parts.artifact, parts.signature) {
        Err(error) => no(error.to_string()),
        Ok(made) => {
            let made = (FileDigest::of(&made.program), made.program.len() as u64);
            if made == shipped(release) {
                return Ok(());
            }
            no(format!(
                "together they are {}, {} is shipped",
                made.0, signed.shipped
            ))
        }
    }
}
