//! in-toto Statement v1 around one predicate that we know.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tlog::Origin;

use crate::{
    admission::Admission,
    canonical::{CanonicalError, from_canonical, to_canonical},
    custody::{Anomaly, Census, Epoch, Erasure, Receipts, Verdicts},
    custody_error::CustodyError,
    emergency::Emergency,
    envelope::EnvelopeError,
    governance::{
        Activation, Anchor, Closure, Constitution, Halt, Heartbeat, Revocation, RosterError,
    },
    ids::FileDigest,
    limits::{AUDIENCE_MAX, BLOBS_MAX, ENTRY_BYTES_MAX, SUBJECTS_MAX, TEXT_BYTES_MAX},
    pruning::Pruning,
    reanalysis::{Reanalyses, ReanalysisGrant},
    residency::{Declaration, ResidencyPolicy},
    slsa::{Provenance, VerificationSummary},
    software::{
        Blob, Commitment, Environment, Finding, Publication, Rebuild, Release, Source, Withdrawal,
    },
    test_result::TestResult,
};

/// Prefix of the predicate types that are our own. A name, not a place (`docs/decisions/`).
pub const PREDICATE_PREFIX: &str = "https://spec.limpid.example/";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// A predicate of ours: its fields, and `audience`, `not_after` and `blobs` that all of them carry.
macro_rules! predicate {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Origins of the logs it is meant for; elsewhere it does not count.
            #[serde(with = "audience")]
            pub audience: Vec<Origin>,
            /// POSIX seconds; it counts only if included by then.
            pub not_after: u64,
            /// Bulk evidence it names.
            pub blobs: Vec<crate::software::Blob>,
            $($(#[$fdoc])* pub $field: $type,)*
        }
    };
}
pub(crate) use predicate;

/// Origins travel as their text.
pub(crate) mod audience {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use tlog::Origin;

    pub(crate) fn serialize<S: Serializer>(
        origins: &[Origin],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(origins.iter().map(ToString::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Origin>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts
            .iter()
            .map(|text| text.parse().map_err(de::Error::custom))
            .collect()
    }

    pub(crate) mod one {
        use super::{Deserialize, Deserializer, Origin, Serializer, de};

        pub(crate) fn serialize<S: Serializer>(
            origin: &Origin,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_str(origin)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Origin, D::Error> {
            String::deserialize(deserializer)?
                .parse()
                .map_err(de::Error::custom)
        }
    }
}

/// What a statement is about: a name and a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Digests by algorithm; only SHA-256 is used.
    pub digest: SubjectDigest,
    /// Name of the file or statement.
    pub name: String,
}

/// The digest set of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// SHA-256 in lower-case hex.
    pub sha256: FileDigest,
}

impl Subject {
    /// A subject with a SHA-256 digest.
    pub fn new(name: impl Into<String>, sha256: FileDigest) -> Self {
        Self {
            digest: SubjectDigest { sha256 },
            name: name.into(),
        }
    }
}

/// Why a payload is not a statement that we take.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The envelope is wrong or its signature does not verify.
    #[error("the envelope is refused")]
    Envelope(#[from] EnvelopeError),
    /// Not canonical JSON of the right shape.
    #[error("the statement is not well formed")]
    Canonical(#[from] CanonicalError),
    /// The fields of the predicate are wrong.
    #[error("predicate `{predicate_type}` is not well formed")]
    Predicate {
        /// Its type.
        predicate_type: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A fixed field has another value.
    #[error("statement field `{field}` is `{value}`, which is not accepted")]
    Field {
        /// The field.
        field: &'static str,
        /// The value, cut to 80 characters.
        value: String,
    },
    /// Too many items or too long a text.
    #[error("statement field `{field}` has {count}; at most {max} are allowed")]
    Limit {
        /// The field.
        field: &'static str,
        /// Found.
        count: usize,
        /// Allowed.
        max: usize,
    },
    /// A field that may be null was left out, or one that has no meaning here was put in.
    #[error(
        "the statement is not spelled in full (first difference at byte {at}): \
         every field of its predicate, null where there is nothing, and no other"
    )]
    Spelling {
        /// Offset of the first byte that differs from the one spelling.
        at: usize,
    },
    /// The constitution contradicts itself.
    #[error("the constitution is refused")]
    Roster(#[from] RosterError),
    /// A statement of the custody stream contradicts itself.
    #[error("the statement contradicts itself")]
    Custody(#[from] CustodyError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "_type")]
    type_: String,
    predicate: Value,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Subject>,
}

/// One in-toto statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub subject: Vec<Subject>,
    /// What it says.
    pub predicate: Predicate,
}

macro_rules! predicates {
    ($($name:ident($type:ty) = $uri:expr, $short:literal;)+) => {
        /// Everything that can be said.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Predicate {
            $(#[doc = concat!("`", $short, "`")] $name($type),)+
        }

        impl Predicate {
            /// Its type URI.
            pub const fn type_uri(&self) -> &'static str {
                match self { $(Self::$name(_) => $uri,)+ }
            }
            /// Its short name, for people.
            pub const fn short_name(&self) -> &'static str {
                match self { $(Self::$name(_) => $short,)+ }
            }
            fn to_value(&self) -> Result<Value, serde_json::Error> {
                match self { $(Self::$name(predicate) => serde_json::to_value(predicate),)+ }
            }
            fn from_value(uri: &str, value: Value) -> Result<Self, StatementError> {
                match uri {
                    $($uri => serde_json::from_value(value).map(Self::$name).map_err(|source| {
                        StatementError::Predicate { predicate_type: uri.to_owned(), source }
                    }),)+
                    _ => Err(StatementError::Field { field: "predicateType", value: uri.chars().take(80).collect() }),
                }
            }
        }
        $(impl From<$type> for Predicate {
            fn from(predicate: $type) -> Self { Self::$name(predicate) }
        })+
    };
}

predicates! {
    Constitution(Constitution) = "https://spec.limpid.example/constitution/v1", "constitution";
    Activation(Activation) = "https://spec.limpid.example/activation/v1", "activation";
    Closure(Closure) = "https://spec.limpid.example/closure/v1", "closure";
    Halt(Halt) = "https://spec.limpid.example/halt/v1", "halt";
    Revocation(Revocation) = "https://spec.limpid.example/revocation/v1", "revocation";
    Heartbeat(Heartbeat) = "https://spec.limpid.example/heartbeat/v1", "heartbeat";
    Anchor(Anchor) = "https://spec.limpid.example/anchor/v1", "anchor";
    Pruning(Pruning) = "https://spec.limpid.example/pruning/v1", "pruning";
    Source(Source) = "https://spec.limpid.example/source/v1", "source";
    Environment(Environment) = "https://spec.limpid.example/environment/v1", "environment";
    Provenance(Provenance) = "https://slsa.dev/provenance/v1", "provenance";
    Commitment(Commitment) = "https://spec.limpid.example/commitment/v1", "commitment";
    Rebuild(Rebuild) = "https://spec.limpid.example/rebuild/v1", "rebuild";
    TestResult(TestResult) = "https://in-toto.io/attestation/test-result/v0.1", "test-result";
    Finding(Finding) = "https://spec.limpid.example/finding/v1", "finding";
    Approval(VerificationSummary) = "https://slsa.dev/verification_summary/v1", "approval";
    Release(Release) = "https://spec.limpid.example/release/v1", "release";
    Emergency(Emergency) = "https://spec.limpid.example/emergency/v1", "emergency";
    Publication(Publication) = "https://spec.limpid.example/publication/v1", "publication";
    Withdrawal(Withdrawal) = "https://spec.limpid.example/withdrawal/v1", "withdrawal";
    Epoch(Epoch) = "https://spec.limpid.example/epoch/v1", "epoch";
    Admission(Admission) = "https://spec.limpid.example/admission/v1", "admission";
    Receipts(Receipts) = "https://spec.limpid.example/receipts/v1", "receipts";
    Verdicts(Verdicts) = "https://spec.limpid.example/verdicts/v1", "verdicts";
    Anomaly(Anomaly) = "https://spec.limpid.example/anomaly/v1", "anomaly";
    Erasure(Erasure) = "https://spec.limpid.example/erasure/v1", "erasure";
    Census(Census) = "https://spec.limpid.example/census/v1", "census";
    ReanalysisGrant(ReanalysisGrant) = "https://spec.limpid.example/reanalysis-grant/v1", "reanalysis-grant";
    Reanalyses(Reanalyses) = "https://spec.limpid.example/reanalyses/v1", "reanalyses";
    Declaration(Declaration) = "https://spec.limpid.example/declaration/v1", "declaration";
    Policy(ResidencyPolicy) = "https://spec.limpid.example/policy/v1", "policy";
}

impl Statement {
    /// A statement about some subjects.
    pub fn new(subject: Vec<Subject>, predicate: impl Into<Predicate>) -> Self {
        Self {
            subject,
            predicate: predicate.into(),
        }
    }

    /// Parses a payload: canonical, known predicate, within limits, and a constitution consistent in itself.
    ///
    /// # Errors
    /// [`StatementError`] naming the field and its value.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        limit("payload", payload.len(), ENTRY_BYTES_MAX)?;
        let wire: Wire = from_canonical(payload)?;
        if wire.type_ != STATEMENT_TYPE {
            return Err(StatementError::Field {
                field: "_type",
                value: wire.type_.chars().take(80).collect(),
            });
        }
        limit("subject", wire.subject.len(), SUBJECTS_MAX)?;
        check_texts(&wire.predicate)?;
        let predicate = Predicate::from_value(&wire.predicate_type, wire.predicate)?;
        limit("audience", predicate.audience().len(), AUDIENCE_MAX)?;
        limit("blobs", predicate.blobs().len(), BLOBS_MAX)?;
        predicate.check()?;
        let statement = Self {
            subject: wire.subject,
            predicate,
        };
        // Canonical JSON still leaves a null field to be written or not; one statement has one digest.
        let printed = statement.print()?;
        if printed != payload {
            let same = printed.iter().zip(payload).take_while(|(a, b)| a == b);
            return Err(StatementError::Spelling { at: same.count() });
        }
        Ok(statement)
    }

    /// The canonical payload.
    ///
    /// # Errors
    /// [`StatementError`] when it would not parse again: a number or text beyond the limits.
    pub fn to_payload(&self) -> Result<Vec<u8>, StatementError> {
        let payload = self.print()?;
        Self::parse(&payload)?;
        Ok(payload)
    }

    fn print(&self) -> Result<Vec<u8>, StatementError> {
        let predicate_type = self.predicate.type_uri().to_owned();
        let predicate = self
            .predicate
            .to_value()
            .map_err(|source| StatementError::Predicate {
                predicate_type: predicate_type.clone(),
                source,
            })?;
        let wire = Wire {
            type_: STATEMENT_TYPE.to_owned(),
            predicate,
            predicate_type,
            subject: self.subject.clone(),
        };
        Ok(to_canonical(&wire)?)
    }
}

impl Predicate {
    /// The logs it is meant for.
    pub fn audience(&self) -> &[Origin] {
        self.bounds().0
    }
    /// POSIX seconds by which it must be included.
    pub fn not_after(&self) -> u64 {
        self.bounds().1
    }
    /// The blobs it names.
    pub fn blobs(&self) -> &[Blob] {
        self.bounds().2
    }

    /// What can be checked without any other statement.
    fn check(&self) -> Result<(), StatementError> {
        match self {
            Self::Constitution(constitution) => drop(constitution.check_roster()?),
            Self::Epoch(epoch) => epoch.check()?,
            Self::Admission(admission) => admission.check()?,
            Self::Receipts(batch) => batch.check()?,
            Self::Verdicts(batch) => batch.check()?,
            Self::Anomaly(anomaly) => anomaly.check()?,
            Self::Erasure(erasure) => erasure.check()?,
            Self::Census(census) => census.check()?,
            Self::ReanalysisGrant(grant) => grant.check()?,
            Self::Reanalyses(batch) => batch.check()?,
            Self::Declaration(declaration) => declaration.check()?,
            Self::Policy(policy) => policy.check()?,
            _ => {}
        }
        Ok(())
    }

    fn bounds(&self) -> (&[Origin], u64, &[Blob]) {
        macro_rules! ours {
            ($($name:ident)+) => {
                match self {
                    $(Self::$name(p) => (&p.audience, p.not_after, &p.blobs),)+
                    Self::Provenance(p) => p.bounds(),
                    Self::Approval(p) => p.bounds(),
                    Self::TestResult(p) => p.bounds(),
                }
            };
        }
        ours!(Constitution Activation Closure Halt Revocation Heartbeat Anchor Pruning Source Environment
              Commitment Rebuild Finding Release Emergency Publication Withdrawal Epoch Admission
              Receipts Verdicts Anomaly Erasure Census ReanalysisGrant Reanalyses Declaration Policy)
    }
}

fn limit(field: &'static str, count: usize, max: usize) -> Result<(), StatementError> {
    if count <= max {
        Ok(())
    } else {
        Err(StatementError::Limit { field, count, max })
    }
}

/// Texts are bounded, apart from the two that are documents of their own (`tlog_policy`, `note`).
fn check_texts(value: &Value) -> Result<(), StatementError> {
    match value {
        Value::String(text) => limit("text", text.len(), TEXT_BYTES_MAX),
        Value::Array(items) => items.iter().try_for_each(check_texts),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "tlog_policy" && *name != "note")
            .try_for_each(|(_, field)| check_texts(field)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
