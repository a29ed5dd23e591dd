//! Outside the sandbox: what of a file is shared. A container's members are for others to read only as far as they matched.
//!
//! Nothing here parses a file. A child looks into it, in a sandbox that has nothing else, and what it answers is believed as
//! little as if the file itself had said it: names of lists that are ours, numbers, and bytes that are sealed unread, as many
//! as were announced and with the digest that was announced.

use std::{fs::File, io::Seek as _, os::fd::AsFd as _, path::Path};

use sandbox::{Exit, LimitKind, OrderLimits, Ready, Refusal, preflight};
use scanner::{Plan, Workshop, WorkshopError};
use statement::FileDigest;
use zeroize::Zeroizing;

use super::{
    config::Config,
    error::SharingError,
    inside::{Answer, LOOK, MatchedMember, TAKE},
};
use crate::limits::{LOOKED_BYTES_MAX, MEMBERS_MAX};

/// A file of a size that is shared.
pub(super) struct OpenFile<'a> {
    path: &'a Path,
    file: File,
    bytes: u64,
}

impl<'a> OpenFile<'a> {
    pub(super) fn open(path: &'a Path, config: &Config) -> Result<Self, SharingError> {
        let file = File::open(path).map_err(SharingError::io("read", path))?;
        let meta = file.metadata().map_err(SharingError::io("read", path))?;
        let (bytes, bytes_max) = (meta.len(), config.sample_bytes_max);
        if !meta.is_file() || !(1..=bytes_max).contains(&bytes) {
            let path = path.to_owned();
            return Err(SharingError::Size {
                path,
                bytes,
                bytes_max,
            });
        }
        Ok(Self { path, file, bytes })
    }

    pub(super) const fn path(&self) -> &'a Path {
        self.path
    }

    /// A child that read it before left it somewhere else.
    pub(super) fn rewound(&self) -> Result<&File, SharingError> {
        let mut file = &self.file;
        file.rewind().map_err(SharingError::io("read", self.path))?;
        Ok(file)
    }
}

/// What of a file becomes one sample.
pub(super) enum Part<'a> {
    /// All of it. By SHA-256 if it was looked into, and nothing else was found in it.
    Whole(Option<FileDigest>),
    /// A member that matched, and who can take it out.
    Member(MatchedMember, &'a Looker<'a>),
}

impl Part<'_> {
    pub(super) const fn bytes(&self, file: &OpenFile<'_>) -> u64 {
        match self {
            Self::Whole(_) => file.bytes,
            Self::Member(member, _) => member.bytes,
        }
    }
}

/// A sandbox in which files are looked into.
pub(super) struct Looker<'a> {
    config: &'a Config,
    workshop: Workshop,
}

impl<'a> Looker<'a> {
    /// Refuses if this machine has no sandbox.
    pub(super) fn open(config: &'a Config) -> Result<Self, SharingError> {
        Self::open_on(config, preflight())
    }

    fn open_on(config: &'a Config, ready: Result<Ready, Refusal>) -> Result<Self, SharingError> {
        let plan = Plan {
            root: config.dir.join("looker"),
            program: config.looker_program.as_deref(),
            arguments: &config.looker_arguments,
            database: config.database.as_deref(),
            party: config.sandbox_party,
            sandboxes: 1,
        };
        let workshop = Workshop::open(&plan, ready.map_err(WorkshopError::from)?)?;
        Ok(Self { config, workshop })
    }

    /// Says what of a file is shared, or why nothing of it is.
    pub(super) fn look(&self, file: &OpenFile<'_>) -> Result<Vec<Part<'_>>, SharingError> {
        let bytes = self.order(file, LOOK, LOOKED_BYTES_MAX)?;
        let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) else {
            return Err(SharingError::Look {
                path: file.path.to_owned(),
                end: "its answer is none",
            });
        };
        let path = file.path.to_owned();
        if answer.members.is_empty() {
            return match answer {
                Answer { alone: true, .. } => Ok(vec![Part::Whole(Some(answer.sha256))]),
                Answer { itself: true, .. } => Err(SharingError::OnlyWhole { path }),
                Answer { unread: why, .. } if why.is_empty() => Err(SharingError::NoMatch { path }),
                Answer { unread: why, .. } => Err(SharingError::Unread { path, why }),
            };
        }
        if answer.members.len() > MEMBERS_MAX {
            return Err(SharingError::ManyMembers { path });
        }
        let bytes_max = self.config.sample_bytes_max;
        let mut sizes = answer.members.iter().map(|member| member.bytes);
        if let Some(bytes) = sizes.find(|bytes| !(1..=bytes_max).contains(bytes)) {
            return Err(SharingError::Size {
                path,
                bytes,
                bytes_max,
            });
        }
        let members = answer.members.into_iter();
        Ok(members.map(|member| Part::Member(member, self)).collect())
    }

    /// The bytes of a member, to be sealed unread. Sealing compares their digest with the one that was announced.
    pub(super) fn take(
        &self,
        file: &OpenFile<'_>,
        member: &MatchedMember,
    ) -> Result<Zeroizing<Vec<u8>>, SharingError> {
        let order = format!("{TAKE}{}", member.path);
        Ok(Zeroizing::new(self.order(file, &order, member.bytes)?))
    }

    fn order(
        &self,
        file: &OpenFile<'_>,
        order: &str,
        output_bytes_max: u64,
    ) -> Result<Vec<u8>, SharingError> {
        let limits = OrderLimits {
            wall_ms: self.config.look_wall_ms,
            output_bytes_max,
        };
        let input = file.rewound()?.as_fd();
        let done = self.workshop.run(order.as_bytes(), input, limits);
        let (exit, bytes) = done.map_err(WorkshopError::from)?;
        let end = match exit {
            Exit::Code(0) => return Ok(bytes),
            Exit::LimitExceeded(LimitKind::Wall) => "that took too long",
            Exit::LimitExceeded(LimitKind::Memory) => "that took too much memory",
            Exit::LimitExceeded(LimitKind::Output) => "more came back than may",
            _ => "that ended without an answer",
        };
        Err(SharingError::Look {
            path: file.path.to_owned(),
            end,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn without_bubblewrap_no_file_is_looked_into_and_the_refusal_says_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = statement::StatementDigest::of(b"anchor");
        let config = format!(
            "dir = {:?}\nanchor = \"{anchor}\"\ncenter = []\n",
            dir.path()
        );
        let config: Config = toml::from_str(&config).unwrap();
        let ready = sandbox::preflight_in(&[dir.path().to_owned()]);
        let refused = Looker::open_on(&config, ready).err().unwrap();
        assert_eq!((refused.code(), refused.exit_code()), ("look.sandbox", 2));
        assert!(refused.to_string().contains("--whole"));
        let cause = refused.source().unwrap().to_string();
        assert!(cause.contains("apt-get install bubblewrap"), "{cause}");
    }
}
