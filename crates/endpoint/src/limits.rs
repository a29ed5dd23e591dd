//! Every limit on what comes from outside, in one place.

/// Longest list of withdrawals that is read.
pub const WITHDRAWALS_INDEX_BYTES_MAX: usize = 64 << 10;
/// Most withdrawals of one list; more are refused, because each costs a download and signatures.
pub const WITHDRAWALS_MAX: usize = 512;
/// Longest `state.json` and version receipt that are read.
pub const STATE_BYTES_MAX: u64 = 4 << 20;
/// Longest pinned TUF root that is read.
pub const ROOT_BYTES_MAX: u64 = 512 << 10;
/// Publications of one role that are remembered for comparison with others; the oldest go first.
pub const PUBLICATIONS_MAX: usize = 1024;
/// Longest artifact that is taken unless the configuration says otherwise.
pub const ARTIFACT_BYTES_MAX: u64 = 256 << 20;
/// Evidence is fresh up to this age, in seconds (24 hours).
pub const FRESH_SECONDS_MAX: u64 = 86_400;
/// Evidence is amber up to this age, in seconds (14 days); then it is red.
pub const AMBER_SECONDS_MAX: u64 = 14 * 86_400;
/// Columns of a printed report.
pub const REPORT_COLUMNS: usize = 80;
/// Logs of which a timeline is kept.
pub const LOGS_MAX: usize = 4;
/// Checkpoints of one log that are kept for comparison.
pub const CHECKPOINTS_MAX: usize = 32;
/// Proofs of publication of one role that are kept to be shown to others.
pub const BUNDLES_MAX: usize = 4;
/// Faults that are remembered.
pub const FAULTS_MAX: usize = 64;
/// Longest `timeline.json` that is read: all notes at the limit of `tlog`, and as many policies as a
/// bundle can hold.
pub const TIMELINE_BYTES_MAX: u64 = 96 << 20;
/// Places that are compared with.
pub const PLACES_MAX: usize = 16;
/// Longest reason for which a fault is settled.
pub const REASON_BYTES_MAX: usize = 1024;
/// How long one comparison may take in all, in milliseconds: whoever answers later is silent.
pub const GOSSIP_MS_MAX: u64 = 30_000;
/// Tiles that one place is asked for in one comparison: proofs for as many checkpoints as are kept, in
/// a tree of any size.
pub const TILES_MAX: usize = 512;
/// Longest tile: 256 hashes.
pub const TILE_BYTES_MAX: usize = 256 * 32;
/// Centers of one endpoint that shares.
pub const CENTERS_MAX: usize = 16;
/// Largest file that is shared unless the configuration says otherwise (64 MiB).
pub const SAMPLE_BYTES_MAX: u64 = 64 << 20;
/// Members of one file that are shared as samples of their own.
pub const MEMBERS_MAX: usize = 16;
/// Longest answer of a child about what matched in a file: as many members, each with every reason.
pub const LOOKED_BYTES_MAX: u64 = 64 << 10;
/// Time of one look into a file unless the configuration says otherwise, in milliseconds.
pub const LOOK_MS_MAX: u64 = 90_000;
/// Sealed samples that wait unless the configuration says otherwise.
pub const QUEUE_COUNT_MAX: usize = 256;
/// Bytes of sealed samples that wait unless the configuration says otherwise (512 MiB).
pub const QUEUE_BYTES_MAX: u64 = 512 << 20;
/// Consent records of one endpoint: more changes of mind are no life of one.
pub const CONSENTS_MAX: u64 = 1024;
/// Longest record of a consent, or of a sample, that is read.
pub const RECORD_BYTES_MAX: u64 = 64 << 10;
/// Longest `seen.json` that is read.
pub const SEEN_BYTES_MAX: u64 = 64 << 10;
/// Longest answer of an intake that is read: four proofs of one sample.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes that are sent in one piece, and of a sample that is sent in one call.
pub const PIECE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a signature by an upload key.
pub const SIGNATURE_BYTES: usize = 64;
/// How often an intake may move the place where an upload goes on, before it is called broken.
pub const RESUMES_MAX: usize = 8;
/// Longest name that the owner's list shows of a file, in bytes.
pub const LABEL_BYTES_MAX: usize = 1024;
/// Admission tokens of one home that are here ahead of need, unless the configuration says otherwise.
pub const TOKENS_AHEAD: usize = 8;
/// Most of them, whatever the configuration says.
pub const TOKENS_AHEAD_MAX: usize = 256;
/// Second looks at one sample that are kept.
#[cfg(feature = "sharing")]
pub(crate) const AGAIN_MAX: usize = 32;
/// Bytes of the file with them.
#[cfg(feature = "sharing")]
pub(crate) const AGAIN_BYTES_MAX: u64 = 4 << 20;
