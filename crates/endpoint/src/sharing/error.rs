//! Why nothing was shared, shown or erased; each with a stable code.

use std::{
    io,
    path::{Path, PathBuf},
};

use law::{BundleError, Refusal};
use residency::ResidencyError;
use seal::SealError;
use serve::ClientError;
use statement::{BatchError, CountryCode, SampleId, SealDigest, StatementDigest};
use store::StoreError;

use super::step::ShareStep;
use crate::error::EndpointError;

/// Why sharing says no.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    /// Nobody agreed, or not any more.
    #[error(
        "no consent is in force; nothing is shared. Its owner gives it with: limpid endpoint consent give --country CODE"
    )]
    NoConsent,
    /// The consent ended while something was being sent.
    #[error("the consent was withdrawn at {at} (POSIX seconds); nothing more was sent")]
    Withdrawn {
        /// When.
        at: u64,
    },
    /// Not a country.
    #[error("`{country}` is no country of ISO 3166-1; name the one that the files are of")]
    Country {
        /// What was given.
        country: CountryCode,
    },
    /// A record of the consent is not the one that follows the one before.
    #[error("the consent record {seq} is refused: {wrong}; nothing is shared until {} is restored", path.display())]
    ConsentRecord {
        /// Which.
        seq: u64,
        /// What is wrong with it.
        wrong: &'static str,
        /// Where it lies.
        path: PathBuf,
    },
    /// The law says no; its code is the code.
    #[error(transparent)]
    Law(#[from] Refusal),
    /// The policy decides nothing.
    #[error("where files go cannot be said")]
    Residency(#[from] ResidencyError),
    /// No center, or too many.
    #[error(
        "{count} centers are configured; from 1 to {} are used",
        crate::limits::CENTERS_MAX
    )]
    Centers {
        /// How many.
        count: usize,
    },
    /// Two ways to one home.
    #[error("two centers are configured for the home {home}")]
    TwoCenters {
        /// The home.
        home: CountryCode,
    },
    /// A home that cannot be reached.
    #[error("the policy sends these files to {home}, and no center of that home is configured")]
    NoCenter {
        /// The home.
        home: CountryCode,
    },
    /// An issuer that would not know who asks.
    #[error(
        "the center of {home} has an `issuer_url`, and `installation` or `licence` is not configured; ask the vendor for a licence of this installation's key"
    )]
    NoInstallation {
        /// The home.
        home: CountryCode,
    },
    /// Too many tokens, or none.
    #[error(
        "`tokens_ahead` is {count}; from 1 to {} are kept",
        crate::limits::TOKENS_AHEAD_MAX
    )]
    TokensAhead {
        /// What was configured.
        count: usize,
    },
    /// None is left.
    #[error("no admission token for {home} is left; the sample waits until the issuer gave some")]
    NoToken {
        /// The home.
        home: CountryCode,
    },
    /// What an issuer gave is none.
    #[error("the issuer's token is refused")]
    Token(#[from] token::TokenError),
    /// The home's own log does not show the policy that decided.
    #[error(
        "the center of {home} shows the policy {shown}; {expected} is in force elsewhere. Nothing is sealed until they agree"
    )]
    OtherPolicy {
        /// The home.
        home: CountryCode,
        /// By its log.
        shown: StatementDigest,
        /// By the log that was asked first.
        expected: StatementDigest,
    },
    /// Bytes that should be a bundle are none.
    #[error("the center's proof is no bundle")]
    Bundle(#[from] BundleError),
    /// What else went wrong in the endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The center did not answer, or refused.
    #[error("the center gave no {what}")]
    Http {
        /// What was asked for.
        what: String,
        /// Why.
        #[source]
        source: ClientError,
    },
    /// An answer that is none.
    #[error("the center's answer to {what} is refused: {wrong}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        wrong: String,
    },
    /// The center says that it took something else.
    #[error("the center says that it took {found}; sent was {sent}")]
    OtherSeal {
        /// By the center.
        found: SealDigest,
        /// Sent.
        sent: SealDigest,
    },
    /// A proof of another sample, of other wraps or of another home.
    #[error("the center's proof says {field} {found}; for this sample it is {expected}")]
    OtherSample {
        /// Which field.
        field: &'static str,
        /// In the proof.
        found: String,
        /// In the sample.
        expected: String,
    },
    /// The record does not stand in the batch.
    #[error("the center's proof does not lead into its batch")]
    Batch(#[from] BatchError),
    /// A file without bytes, or a larger one than is shared.
    #[error("{} has {bytes} bytes; from 1 to {bytes_max} are shared", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// Allowed.
        bytes_max: u64,
    },
    /// The file was written to while it was sealed.
    #[error("{} changed while it was sealed; nothing was queued", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// No file can be looked into here.
    #[error(
        "files are looked into in a sandbox and nowhere else, and there is none now; nothing was shared. See the cause, or share a file whole, without looking into it: --whole"
    )]
    Looker(#[from] scanner::WorkshopError),
    /// A look into a file did not come to its end.
    #[error("{} was looked into, and {end}; nothing of it was shared. To share it whole, without looking into it: --whole", path.display())]
    Look {
        /// The file.
        path: PathBuf,
        /// How it ended.
        end: &'static str,
    },
    /// A container in which nothing matched.
    #[error("nothing in {} matched a rule, a known file or a suspicious structure; nothing of it was shared. To share it whole, with everything in it: --whole", path.display())]
    NoMatch {
        /// The file.
        path: PathBuf,
    },
    /// A container that was not read to its end, and nothing matched before.
    #[error("nothing in {} matched as far as it was read, and not all of it was ({}); nothing of it was shared. To share it whole, with everything in it: --whole", path.display(), named(why))]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why it was not read on.
        why: Vec<scan::Reason>,
    },
    /// A container that matched, and nothing in it did.
    #[error("{} matched only as a whole, and it holds more than one thing; nothing of it was shared. To share it whole, with everything in it: --whole", path.display())]
    OnlyWhole {
        /// The file.
        path: PathBuf,
    },
    /// More members matched than are shared of one file.
    #[error("more than {} members of {} matched; nothing of it was shared. Unpack it and share what you mean, or all of it: --whole", crate::limits::MEMBERS_MAX, path.display())]
    ManyMembers {
        /// The file.
        path: PathBuf,
    },
    /// No room in the queue.
    #[error(
        "{count} sealed files of {bytes} bytes wait already; send them first, nothing is dropped"
    )]
    QueueFull {
        /// How many wait.
        count: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Sealing failed.
    #[error("the file cannot be sealed")]
    Seal(#[from] SealError),
    /// A key could not be made, kept or read.
    #[error("a key of this endpoint cannot be used")]
    Key(#[from] keys::KeyError),
    /// No such sample here.
    #[error("no sample {sample} was shared from here; `limpid endpoint shared` lists them")]
    NoSample {
        /// What was asked for.
        sample: SampleId,
    },
    /// A file of ours is damaged.
    #[error("{} is damaged: {wrong}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        wrong: String,
    },
    /// The disk refused.
    #[error("the disk refused; what was written before is whole")]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The caller stopped.
    #[error("stopped after step `{after}`; it can be tried again")]
    Stopped {
        /// The last step that was done.
        after: ShareStep,
    },
}

/// `limit.ratio, limit.depth`
fn named(reasons: &[scan::Reason]) -> String {
    let names: Vec<&str> = reasons.iter().map(|reason| reason.as_str()).collect();
    names.join(", ")
}

impl SharingError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// The stable name of what did not hold.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NoConsent => "consent.none",
            Self::Withdrawn { .. } => "consent.withdrawn",
            Self::Country { .. } => "consent.country",
            Self::ConsentRecord { .. } => "consent.record",
            Self::Law(refusal) => refusal.code().as_str(),
            Self::Residency(error) => error.code(),
            Self::Centers { .. } | Self::TwoCenters { .. } => "config.center",
            Self::NoInstallation { .. } | Self::TokensAhead { .. } => "config.token",
            Self::NoToken { .. } => "token.none",
            Self::Token(_) => "token.refused",
            Self::NoCenter { .. } => "home.no_center",
            Self::OtherPolicy { .. } => "home.other_policy",
            Self::Bundle(_) => "bundle.malformed",
            Self::Endpoint(error) => error.code(),
            Self::Http { source, .. } => source.code().unwrap_or("http"),
            Self::Answer { .. } => "answer.malformed",
            Self::OtherSeal { .. } => "answer.other_seal",
            Self::OtherSample { .. } => "proof.other_sample",
            Self::Batch(_) => "proof.batch",
            Self::Size { .. } => "file.size",
            Self::Changed { .. } => "file.changed",
            Self::Looker(_) => "look.sandbox",
            Self::Look { .. } => "look.ended",
            Self::NoMatch { .. } => "container.no_match",
            Self::Unread { .. } => "container.unread",
            Self::OnlyWhole { .. } => "container.only_whole",
            Self::ManyMembers { .. } => "container.members",
            Self::QueueFull { .. } => "queue.full",
            Self::Seal(_) => "seal",
            Self::Key(_) => "key",
            Self::NoSample { .. } => "sample.unknown_here",
            Self::Damaged { .. } => "state.damaged",
            Self::Store(_) | Self::Io { .. } => "io",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// What a program answers: 1 when something was judged and refused, 2 when it could not be judged or done.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoConsent
            | Self::Withdrawn { .. }
            | Self::ConsentRecord { .. }
            | Self::Law(_)
            | Self::Residency(_)
            | Self::OtherPolicy { .. }
            | Self::Token(_)
            | Self::NoMatch { .. }
            | Self::Unread { .. }
            | Self::OnlyWhole { .. }
            | Self::ManyMembers { .. }
            | Self::OtherSeal { .. }
            | Self::OtherSample { .. }
            | Self::Batch(_) => 1,
            Self::Endpoint(error) => error.exit_code(),
            _ => 2,
        }
    }

    /// Whether another process is at work in the directory. After a withdrawal it stops by itself and does what is left to do.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Store(StoreError::Locked { .. }))
    }

    /// Whether the same may succeed later without anybody doing anything.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Http { source, .. } if source.is_transient())
    }
}
