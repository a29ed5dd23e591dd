//! Every reason for which the law says no. One code each; each has a test that removes only that condition.

use std::fmt;

/// A refusal: the condition that does not hold, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    detail: String,
}

impl Refusal {
    /// A refusal with what was seen, for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
    /// Which condition.
    pub const fn code(&self) -> Code {
        self.code
    }
    /// What was seen.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} [{}]: {}",
            self.code.meaning(),
            self.code,
            self.detail
        )
    }
}

impl std::error::Error for Refusal {}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident => $code:literal, $meaning:literal;)+) => {
        /// The conditions of the law, each with a stable code that logs, programs and tests share.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $name,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
            /// Its stable text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
            /// One sentence for people.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

refusals! {
    // An entry that does not count, whatever it says.
    EntryMalformed => "entry.malformed", "the entry is not a well-formed statement";
    EntryKeyUnknown => "entry.key_unknown", "the key is not on the roster of the constitution in force";
    EntrySignature => "entry.signature", "the signature does not verify";
    EntryRole => "entry.role", "the key's role may not sign this statement";
    EntryKeyRevoked => "entry.key_revoked", "the key was revoked before this entry";
    EntryKeyExpired => "entry.key_expired", "the entry was included after the key's last day";
    EntryAudience => "entry.audience", "the statement is meant for another log";
    EntryTooLate => "entry.too_late", "the entry was included after the statement's not_after";
    EntryNoConstitution => "entry.no_constitution", "no constitution is in force at this index";
    // The constitution.
    ConstitutionAnchor => "constitution.anchor", "this is not the constitution that the anchor names";
    ConstitutionVersion => "constitution.version", "the constitution does not follow the one in force";
    ConstitutionQuorum => "constitution.quorum", "too few parties with distinct legal owners signed the constitution";
    ConstitutionSupervisor => "constitution.supervisor", "a change of the supervisor needs a majority of the parties that are not the vendor";
    ConstitutionTwoSuccessors => "constitution.two_successors", "a party signed two successors of one constitution";
    ConstitutionDelay => "constitution.delay", "the change has not waited in public for the delay";
    // Inclusion and witnesses.
    CheckpointOrigin => "checkpoint.origin", "the checkpoint is of another log";
    CheckpointUnwitnessed => "checkpoint.unwitnessed", "the checkpoint lacks the log's signature or the quorum of witnesses";
    CheckpointRoot => "checkpoint.root", "the entries do not give the root of the witnessed checkpoint";
    NotIncluded => "entry.not_included", "the entry is not in the witnessed log";
    NotReplayed => "view.incomplete", "this decision needs the whole log, not an excerpt";
    // A build.
    SourceMissing => "source.missing", "no source statement stands for this build";
    ProvenanceMissing => "provenance.missing", "no provenance stands for this build";
    ProvenanceSource => "provenance.source", "the provenance names another source, recipe or kind of build";
    ProvenanceConflict => "provenance.conflict", "two provenances of one build name different artifacts";
    ProvenanceUncommitted => "provenance.uncommitted", "the conveyer did not commit to its artifact before the first reveal";
    RebuildTooFew => "rebuild.too_few", "fewer identical rebuilds stand than are needed";
    RebuildNotIdentical => "rebuild.not_identical", "a rebuild is not identical to the artifact";
    RebuildVendor => "rebuild.vendor", "a rebuild by the vendor does not count";
    RebuildSameOwner => "rebuild.same_owner", "two rebuilds by one legal owner count once";
    RebuildUncommitted => "rebuild.uncommitted", "a rebuild opens no commitment of its signer";
    RebuildCommittedLate => "rebuild.committed_late", "a rebuild was committed to only after the first reveal";
    // Approval and what stands against it.
    ApprovalMissing => "approval.missing", "no approval by the supervisor stands";
    ApprovalFailed => "approval.failed", "the supervisor's verification did not pass";
    ApprovalResource => "approval.resource", "the approval is of another build or log";
    ApprovalPolicy => "approval.policy", "the approval was judged by another constitution";
    ApprovalSubject => "approval.subject", "the approval is of another artifact";
    ApprovalInputs => "approval.inputs", "the approval does not rest on the provenance and enough rebuilds";
    AdverseOpen => "adverse.open", "an adverse statement is open on this build or release";
    Halted => "adverse.halt", "a halt is in force";
    // A release.
    ReleaseMissing => "release.missing", "no such release stands";
    ReleaseFields => "release.fields", "the release does not say what source, provenance and approval say";
    ReleaseAttached => "release.attached", "the shipped file is not the built artifact with the platform's signature attached";
    ReleaseSeq => "release.seq", "the release is not the next of its product, channel and platform";
    ReleasePredecessor => "release.predecessor", "the release does not name its predecessor";
    ReleaseFork => "release.fork", "two releases name one predecessor";
    ReleaseRing => "release.ring", "the release skips a narrower ring, or follows it too soon";
    ReleaseWithdrawn => "release.withdrawn", "the release or its artifact was withdrawn";
    QuorumCenter => "release.quorum_center", "the release lacks the center's signature";
    QuorumSupervisor => "release.quorum_supervisor", "the release lacks the supervisor's signature";
    QuorumOneParty => "release.quorum_one_party", "several signatures of one legal owner are one party, not a quorum";
    // Metadata.
    MetadataMalformed => "metadata.malformed", "the TUF metadata is not well formed";
    MetadataNotNewest => "metadata.not_newest", "the metadata does not follow the newest logged publication";
    MetadataVersion => "metadata.version", "the metadata's version is not the next one";
    MetadataExpiry => "metadata.expiry", "the metadata's expiry is outside what its role may have";
    MetadataTarget => "metadata.target_without_release", "a target is not the effect of an included release";
    MetadataRemoved => "metadata.target_removed", "a target is removed without a withdrawal or a newer release";
    MetadataOther => "metadata.other_change", "something changed that no release or withdrawal explains";
    MetadataQuorum => "metadata.quorum", "the metadata is not signed by center and supervisor keys of distinct legal owners";
    PublicationMissing => "publication.missing", "the metadata is not the one that was published in the log";
    PublicationFork => "publication.fork", "two publications of one role version stand";
    TufRoot => "tuf_root.not_in_constitution", "the constitution in force does not name this TUF root";
    // Installation.
    InstallLine => "install.line", "the release is of another product, channel or platform";
    InstallSeq => "install.seq", "the release is older than what is installed";
    InstallArtifact => "install.artifact", "the file is not the released artifact";
    InstallTarget => "install.target", "the published metadata does not list this release";
    InstallStale => "install.stale", "the evidence is older than the policy allows";
    // Where files go.
    DeclarationMissing => "declaration.missing", "no declaration stands";
    DeclarationVersion => "declaration.version", "the declaration does not follow the one in force";
    DeclarationQuorum => "declaration.quorum", "too few parties with distinct legal owners signed the declaration";
    DeclarationFork => "declaration.fork", "two declarations of one version stand";
    PolicyMissing => "policy.missing", "no residency policy stands";
    PolicyVersion => "policy.version", "the residency policy does not follow the one in force";
    PolicyQuorum => "policy.quorum", "too few parties with distinct legal owners signed the residency policy";
    PolicyFork => "policy.fork", "two residency policies of one version stand";
    PolicyDeclaration => "policy.declaration", "the residency policy speaks of a declaration that does not stand below it";
    PolicyStale => "policy.stale", "the evidence for the residency policy is older than allowed";
    EpochMissing => "epoch.missing", "no key to seal to stands for this home and purpose";
    EpochSigner => "epoch.signer", "the key to seal to was announced by another side than its purpose asks for";
    EpochTime => "epoch.time", "no key to seal to is valid at this time";
    EpochOneParty => "epoch.one_party", "the keys of center and supervisor are not of independent parties";
    AdmissionMissing => "admission.missing", "no key of an issuer of tokens stands for this home";
    AdmissionSigner => "admission.signer", "the key of the issuer of tokens was not announced by the center";
    AdmissionSecond => "admission.second", "another key of an issuer stands for this home and day already";
    AdmissionTime => "admission.time", "no key of an issuer of tokens is valid at this time";
    // What a center says about samples.
    ReceiptsMissing => "receipts.missing", "no such batch of receipts stands";
    VerdictsMissing => "verdicts.missing", "no such batch of verdicts stands";
    AnomalyMissing => "anomaly.missing", "no such anomaly stands";
    ErasureMissing => "erasure.missing", "no such erasure stands";
    ReanalysesMissing => "reanalyses.missing", "no such batch of reanalyses stands";
    // What machines judge with.
    ToolsUnreleased => "tools.unreleased", "rules or scoring table are no release that center and supervisor signed";
    ToolsWithdrawn => "tools.withdrawn", "a release that machines judge with was withdrawn";
    ToolsFile => "tools.file", "rules or scoring table are not the file that was released";
    // A second look at samples at rest.
    GrantMissing => "grant.missing", "no such grant stands";
    GrantOneParty => "grant.one_party", "the grant is signed by the vendor under another name";
    GrantExpired => "grant.expired", "the grant is no longer valid";
    GrantCheckpoint => "grant.checkpoint", "the grant names a checkpoint that is none of this log below it";
    GrantStock => "grant.stock", "the grant names a greater stock than the log shows";
    GrantUnreleased => "grant.unreleased", "what the grant names is no release that stands below it";
    GrantWithdrawn => "grant.withdrawn", "a release that the grant names was withdrawn";
    GrantDay => "grant.day", "more than one percent of the stock would be granted within a day";
    GrantQuarter => "grant.quarter", "more than five percent of the stock would be granted within a quarter";
    GrantHome => "grant.home", "the grant is of another home than the sample";
    GrantSample => "grant.sample", "the grant does not cover this sample";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
