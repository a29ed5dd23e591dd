//! Every limit on what a hostile sample may cost, in one place.
//!
//! A limit that is reached is named in the report ([`Limit`]), never silent. All but time count what
//! is in the sample, so they end the same sample at the same place on every machine.
//!
//! Memory, at worst: the sample (64 MiB), what is unpacked of it and held (128 MiB, and a quarter more as
//! buffers grow), one dictionary (80 MiB) and folders behind filters (96 MiB) stay well below 512 MiB
//! beside the database.

use std::time::Duration;

/// A sample; also one member.
pub(crate) const MEMBER_BYTES_MAX: u64 = 64 << 20;
/// Everything unpacked from one sample, counted again for each layer it stands in.
pub(crate) const TOTAL_BYTES_MAX: u64 = 1 << 30;
/// Buffers that are in memory at the same time: the members from the sample down to the innermost.
pub(crate) const LIVE_BYTES_MAX: u64 = 128 << 20;
/// What a container of n bytes may hold: n times this.
pub(crate) const RATIO_MAX: u64 = 250;
/// Whatever its ratio, a container may hold this much.
pub(crate) const RATIO_FREE_BYTES: u64 = 8 << 20;
/// Containers within containers.
pub(crate) const DEPTH_MAX: u32 = 16;
/// Members of one sample, all layers together.
pub(crate) const MEMBERS_MAX: u32 = 10_000;
/// Wall clock for one sample. A last resort: the other limits come first.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(60);
/// Memory that a decoder may keep as its dictionary, in KiB.
pub(crate) const DICTIONARY_KIB_MAX: u32 = 80 << 10;
/// The same, in bytes.
pub(crate) const DICTIONARY_BYTES_MAX: u64 = (DICTIONARY_KIB_MAX as u64) << 10;
/// What the coders of one 7z folder make together, where a filter stands behind a compression.
pub(crate) const FILTERED_BYTES_MAX: u64 = 96 << 20;
/// Wall clock for the rules on one member.
pub(crate) const RULES_TIME_MAX: Duration = Duration::from_secs(20);
/// Matches kept of one string of one rule.
pub(crate) const RULE_MATCHES_MAX: u32 = 1_000;
/// Facts noted of one member; the rest is counted by nobody, since each name counts once.
pub(crate) const FACTS_MAX: usize = 256;
/// Characters of a detail taken from the sample.
pub(crate) const DETAIL_CHARS_MAX: usize = 80;
/// Text files (rules, digests, scoring table) that a database is made of, each.
pub(crate) const DATABASE_BYTES_MAX: usize = 256 << 20;
/// Folders, coders, streams and the like that one header may declare.
pub(crate) const HEADER_COUNT_MAX: u64 = 65_536;
/// Sections of a program.
pub(crate) const SECTIONS_MAX: usize = 4_096;
/// Signatures that are looked at in one program.
pub(crate) const SIGNATURES_MAX: usize = 8;
/// Parts of parts of a mail are members of members; these are the parts of one level.
pub(crate) const PARTS_MAX: usize = 4_096;
/// Programs looked for inside another file.
pub(crate) const EMBEDDED_MAX: usize = 64;

/// What one sample may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the sample and of each member.
    pub member_bytes_max: u64,
    /// Bytes unpacked, all layers together.
    pub total_bytes_max: u64,
    /// Bytes of buffers held at the same time.
    pub live_bytes_max: u64,
    /// Bytes unpacked for each byte of a container.
    pub ratio_max: u64,
    /// Bytes a container may hold whatever its ratio.
    pub ratio_free_bytes: u64,
    /// Containers within containers.
    pub depth_max: u32,
    /// Members, all layers together.
    pub members_max: u32,
    /// Wall clock.
    pub time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            member_bytes_max: MEMBER_BYTES_MAX,
            total_bytes_max: TOTAL_BYTES_MAX,
            live_bytes_max: LIVE_BYTES_MAX,
            ratio_max: RATIO_MAX,
            ratio_free_bytes: RATIO_FREE_BYTES,
            depth_max: DEPTH_MAX,
            members_max: MEMBERS_MAX,
            time_max: TIME_MAX,
        }
    }
}

/// Which limit ended the reading of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// One member is larger than a member may be.
    MemberBytes,
    /// All members together are larger than they may be.
    TotalBytes,
    /// Too much would be in memory at once.
    LiveBytes,
    /// A container holds too much for its size.
    Ratio,
    /// Too many containers within containers.
    Depth,
    /// Too many members.
    Members,
    /// A member holds a member equal to itself or to one around it.
    Cycle,
    /// Too much time.
    Time,
}

impl Limit {
    /// The name in reports and scoring tables, without `limit.`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemberBytes => "member-bytes",
            Self::TotalBytes => "total-bytes",
            Self::LiveBytes => "live-bytes",
            Self::Ratio => "ratio",
            Self::Depth => "depth",
            Self::Members => "members",
            Self::Cycle => "cycle",
            Self::Time => "time",
        }
    }

    /// Whether nothing more of the sample is read, rather than only this member or container.
    pub(crate) const fn ends_all(self) -> bool {
        matches!(self, Self::TotalBytes | Self::Members | Self::Time)
    }
}
