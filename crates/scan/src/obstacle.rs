//! Why something could not be read further. Nothing is left unread without one of these.

use std::fmt;

use crate::limits::Limit;
use crate::reason::Reason;

/// Why reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It needs a key or password.
    Encrypted,
    /// It is whole, as far as one can see, and in a form that is not read here.
    Unsupported(&'static str),
    /// It is not what it says it is, or parts are missing.
    Damaged(&'static str),
    /// A limit was reached.
    Limit(Limit),
}

impl Why {
    /// The reason as scoring tables name it.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Encrypted => Reason::ContainerEncrypted,
            Self::Unsupported(_) => Reason::ContainerUnsupported,
            Self::Damaged(_) => Reason::ContainerDamaged,
            Self::Limit(limit) => match limit {
                Limit::MemberBytes => Reason::LimitMemberBytes,
                Limit::TotalBytes => Reason::LimitTotalBytes,
                Limit::LiveBytes => Reason::LimitLiveBytes,
                Limit::Ratio => Reason::LimitRatio,
                Limit::Depth => Reason::LimitDepth,
                Limit::Members => Reason::LimitMembers,
                Limit::Cycle => Reason::LimitCycle,
                Limit::Time => Reason::LimitTime,
            },
        }
    }

    /// What the name of the reason leaves open.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Unsupported(what) | Self::Damaged(what) => what,
            Self::Encrypted | Self::Limit(_) => "",
        }
    }
}

/// `damaged: zip directory`
impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => out.write_str("encrypted"),
            Self::Unsupported(what) => write!(out, "unsupported: {what}"),
            Self::Damaged(what) => write!(out, "damaged: {what}"),
            Self::Limit(limit) => write!(out, "limit: {}", limit.as_str()),
        }
    }
}

/// Adds what is damaged to a header field that is not there.
pub(crate) trait OrDamaged<T> {
    fn or_damaged(self, what: &'static str) -> Result<T, Why>;
}

impl<T> OrDamaged<T> for Option<T> {
    fn or_damaged(self, what: &'static str) -> Result<T, Why> {
        self.ok_or(Why::Damaged(what))
    }
}
