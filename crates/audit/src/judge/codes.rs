//! The public names of the conditions. They are written here once more: a word that one side misspells
//! is a word on which the two judgements disagree.

macro_rules! codes {
    ($($name:ident = $text:literal;)+) => {
        $(pub(crate) const $name: &str = $text;)+
        /// Every code that this judgement gives for a ruling or at a gate.
        pub const CODES: &[&str] = &[$($text,)+];
    };
}

codes! {
    MALFORMED = "entry.malformed";
    KEY_UNKNOWN = "entry.key_unknown";
    SIGNATURE = "entry.signature";
    ROLE = "entry.role";
    KEY_REVOKED = "entry.key_revoked";
    KEY_EXPIRED = "entry.key_expired";
    AUDIENCE = "entry.audience";
    TOO_LATE = "entry.too_late";
    NO_CONSTITUTION = "entry.no_constitution";
    ANCHOR = "constitution.anchor";
    VERSION = "constitution.version";
    QUORUM = "constitution.quorum";
    SUPERVISOR = "constitution.supervisor";
    TWO_SUCCESSORS = "constitution.two_successors";
    DELAY = "constitution.delay";
    CHECKPOINT_ORIGIN = "checkpoint.origin";
    UNWITNESSED = "checkpoint.unwitnessed";
    ROOT = "checkpoint.root";
    INCOMPLETE = "view.incomplete";
    SOURCE_MISSING = "source.missing";
    PROVENANCE_MISSING = "provenance.missing";
    PROVENANCE_SOURCE = "provenance.source";
    PROVENANCE_CONFLICT = "provenance.conflict";
    PROVENANCE_UNCOMMITTED = "provenance.uncommitted";
    REBUILD_TOO_FEW = "rebuild.too_few";
    REBUILD_NOT_IDENTICAL = "rebuild.not_identical";
    REBUILD_VENDOR = "rebuild.vendor";
    REBUILD_SAME_OWNER = "rebuild.same_owner";
    REBUILD_UNCOMMITTED = "rebuild.uncommitted";
    REBUILD_LATE = "rebuild.committed_late";
    APPROVAL_MISSING = "approval.missing";
    APPROVAL_FAILED = "approval.failed";
    APPROVAL_RESOURCE = "approval.resource";
    APPROVAL_POLICY = "approval.policy";
    APPROVAL_SUBJECT = "approval.subject";
    APPROVAL_INPUTS = "approval.inputs";
    ADVERSE_OPEN = "adverse.open";
    HALTED = "adverse.halt";
    RELEASE_MISSING = "release.missing";
    RELEASE_FIELDS = "release.fields";
    RELEASE_ATTACHED = "release.attached";
    RELEASE_SEQ = "release.seq";
    RELEASE_PREDECESSOR = "release.predecessor";
    RELEASE_FORK = "release.fork";
    RELEASE_WITHDRAWN = "release.withdrawn";
    RELEASE_RING = "release.ring";
    QUORUM_CENTER = "release.quorum_center";
    QUORUM_SUPERVISOR = "release.quorum_supervisor";
    QUORUM_ONE_PARTY = "release.quorum_one_party";
    METADATA_MALFORMED = "metadata.malformed";
    METADATA_NOT_NEWEST = "metadata.not_newest";
    METADATA_VERSION = "metadata.version";
    METADATA_EXPIRY = "metadata.expiry";
    METADATA_TARGET = "metadata.target_without_release";
    METADATA_REMOVED = "metadata.target_removed";
    METADATA_OTHER = "metadata.other_change";
    METADATA_QUORUM = "metadata.quorum";
    PUBLICATION_MISSING = "publication.missing";
    PUBLICATION_FORK = "publication.fork";
    TUF_ROOT = "tuf_root.not_in_constitution";
    INSTALL_LINE = "install.line";
    INSTALL_SEQ = "install.seq";
    INSTALL_ARTIFACT = "install.artifact";
    INSTALL_TARGET = "install.target";
    INSTALL_STALE = "install.stale";
    DECLARATION_MISSING = "declaration.missing";
    DECLARATION_VERSION = "declaration.version";
    DECLARATION_QUORUM = "declaration.quorum";
    DECLARATION_FORK = "declaration.fork";
    POLICY_MISSING = "policy.missing";
    POLICY_VERSION = "policy.version";
    POLICY_QUORUM = "policy.quorum";
    POLICY_FORK = "policy.fork";
    POLICY_DECLARATION = "policy.declaration";
    EPOCH_MISSING = "epoch.missing";
    EPOCH_SIGNER = "epoch.signer";
    EPOCH_TIME = "epoch.time";
    EPOCH_ONE_PARTY = "epoch.one_party";
    ADMISSION_MISSING = "admission.missing";
    ADMISSION_SIGNER = "admission.signer";
    ADMISSION_SECOND = "admission.second";
    ADMISSION_TIME = "admission.time";
    TOOLS_UNRELEASED = "tools.unreleased";
    TOOLS_WITHDRAWN = "tools.withdrawn";
    GRANT_MISSING = "grant.missing";
    GRANT_ONE_PARTY = "grant.one_party";
    GRANT_EXPIRED = "grant.expired";
    GRANT_CHECKPOINT = "grant.checkpoint";
    GRANT_STOCK = "grant.stock";
    GRANT_UNRELEASED = "grant.unreleased";
    GRANT_WITHDRAWN = "grant.withdrawn";
    GRANT_DAY = "grant.day";
    GRANT_QUARTER = "grant.quarter";
    GRANT_HOME = "grant.home";
    GRANT_SAMPLE = "grant.sample";
}
