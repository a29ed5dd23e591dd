//! Why an environment cannot be locked, fetched or unpacked.

use std::fmt;
use std::path::PathBuf;

use tlog::Hash;

use crate::error::ConveyerError;
use crate::lock::LockFault;

/// Why the archive of an input is refused. Nothing of it enters a lock or a tree then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackFault {
    /// A name that leads out, or breaks another rule of paths.
    #[error("member {name:?}: {why}")]
    Name {
        /// As the archive writes it, at most 200 characters.
        name: String,
        /// The rule.
        why: &'static str,
    },
    /// Two members with one path.
    #[error("{path:?} is in it twice")]
    Twice {
        /// The path.
        path: String,
    },
    /// A member behind a file or link.
    #[error("{path:?} lies behind {behind:?}, which is no folder")]
    Behind {
        /// The member.
        path: String,
        /// What is in the way.
        behind: String,
    },
    /// A link that leads out of the tree.
    #[error("the link {path:?} leads out of the tree (to {target:?})")]
    LinkOut {
        /// The link.
        path: String,
        /// Its target.
        target: String,
    },
    /// A hard link to something that is not an earlier file of the archive.
    #[error("{path:?} is a hard link to {target:?}, which is no earlier file of the archive")]
    HardLink {
        /// The link.
        path: String,
        /// What it names.
        target: String,
    },
    /// A device, a pipe, a sparse file: nothing that belongs into an environment.
    #[error("{path:?} is of a kind that an environment does not have ({kind})")]
    Kind {
        /// The member.
        path: String,
        /// Its type in the archive.
        kind: String,
    },
    /// More than a limit allows.
    #[error("{what}: more than {max}")]
    TooMuch {
        /// What was counted.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// Not the format it should be.
    #[error("it is no such archive: {0}")]
    Form(&'static str),
    /// It cannot be read to its end.
    #[error("it cannot be read")]
    Stream(#[source] std::io::Error),
    /// The store refused a file of it.
    #[error("the store cannot be used")]
    Store(#[from] store::StoreError),
}

/// Inputs that could not be had, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing(pub Vec<(String, String)>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (input, why) in &self.0 {
            write!(f, "\n  {input}: {why}")?;
        }
        Ok(())
    }
}

/// Why an environment cannot be locked or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupplyError {
    /// The wish list is no TOML of the right form.
    #[error("the wish list is refused")]
    WishText(#[source] Box<toml::de::Error>),
    /// A value of the wish list is refused.
    #[error("the wish list: {field} = {value:?}: {want}")]
    Wish {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wanted.
        want: &'static str,
    },
    /// apt found no set of packages.
    #[error("apt cannot resolve the packages; correct the names, or run: apt-get update\n{said}")]
    Unresolved {
        /// The end of what apt said.
        said: String,
    },
    /// A package that no signed index of Debian lists.
    #[error("{package} {version} is in no index signed by Debian; remove its source from apt")]
    NotDebian {
        /// Its name.
        package: String,
        /// Its version.
        version: String,
    },
    /// The public origin gives out other bytes than the lock names. Either of the two may be trojaned.
    #[error(
        "{input} {version}: the lock names {}, and its public origin gives out {}; \
         do not build in this environment before it is known which of the two is wrong",
        locked.to_hex(), found.to_hex()
    )]
    OriginDiffers {
        /// The input.
        input: String,
        /// Its version.
        version: String,
        /// What the lock names.
        locked: Hash,
        /// What the origin gives out.
        found: Hash,
    },
    /// Some inputs could not be had anywhere.
    #[error("not to be had:{0}")]
    Unobtainable(Missing),
    /// An archive is hostile or broken.
    #[error("the archive of {input} is refused")]
    Packed {
        /// The input.
        input: String,
        /// Why.
        #[source]
        source: PackFault,
    },
    /// The lock says of an input what its archive does not.
    #[error(
        "{path:?} in the lock is not what the archive of {input} holds ({what}); refuse this lock"
    )]
    NotInArchive {
        /// The input.
        input: String,
        /// The path.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// Two inputs have different files at one path.
    #[error(
        "{path:?} comes from {first} and, different, from {second}; name one of them in `without`, or the path in `leave_out`"
    )]
    Conflict {
        /// The path.
        path: String,
        /// One input.
        first: String,
        /// The other.
        second: String,
    },
    /// Paths that a lock has no words for.
    #[error(
        "{input} has a file {name:?}, which a lock cannot name; put its folder into `leave_out`"
    )]
    Unnameable {
        /// The input.
        input: String,
        /// The name.
        name: String,
    },
    /// A record of where an input came from cannot be read.
    #[error("{} is no record of an input; remove it and fetch again", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The lock that would come out is refused.
    #[error("the lock is refused")]
    Lock(#[from] LockFault),
    /// Something below this.
    #[error(transparent)]
    Conveyer(#[from] ConveyerError),
}

impl From<store::StoreError> for SupplyError {
    fn from(error: store::StoreError) -> Self {
        Self::Conveyer(error.into())
    }
}
