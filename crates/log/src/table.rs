//! What a log keeps in a database: the tail of its entries, where it stands, what it signed.
//!
//! ```text
//! state      fence 3, sequenced 70000, integrated 69888 root 9c0f...
//! signed     size 69990, root 41d2..., note "center.example/log\n69990\n..."
//! archived   4, 260, 69990: the first witnessed note of each published size
//! tail       batch 69800..70000: entries that are in no full bundle yet, and a few that are
//! ```
//!
//! # Contract
//!
//! *Durable.* When a write returns `Ok`, it survives that the power of every machine involved goes
//! off at that moment. After an error a write may stand or not, whole in both cases; the caller
//! asks [`Table::state`].
//!
//! *Fenced.* A [`Fence`] is a number that only grows. [`Table::lead`] takes the next one, and from
//! that commit on every write under a smaller one is refused with [`LogError::Deposed`]. The check
//! and the write are one transaction. So of any number of processes on one table one at a time
//! adds to the history, and whoever leads next has read everything that was written before.
//!
//! *At the same time.* Anybody may read at any time and sees a committed state, [`Table::state`]
//! one moment as a whole. Writes may be called at the same time, from one process or many; their
//! order is that of their commits. A leader calls `append` from one task and in order.
//!
//! *Compare and swap.* `append` succeeds only where `sequenced` is the batch's first index;
//! `keep_signed` only where what was signed last is what the caller believes. The fence makes both
//! certain already; they find the caller that forgot something.

use std::fmt;
use std::pin::Pin;

use tlog::Hash;

use crate::batch::Batch;
use crate::error::LogError;

/// What an asynchronous method of a back end gives.
pub type Work<'a, T, E = LogError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The number of a leadership; a later one is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

impl Fence {
    /// Whether `newest`, as the table has it, is still this one. For implementations of [`Table`], inside the transaction.
    ///
    /// # Errors
    /// [`LogError::Deposed`].
    pub const fn check(self, newest: u64) -> Result<(), LogError> {
        match self.0 == newest {
            true => Ok(()),
            false => Err(LogError::Deposed {
                ours: self.0,
                theirs: newest,
            }),
        }
    }
}

/// A tree: how many entries, and their root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
}

impl Mark {
    /// The tree without entries.
    pub const EMPTY: Self = Self {
        size: 0,
        root: Hash::EMPTY_ROOT,
    };
}

/// A checkpoint of this log with its own signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTree {
    /// What was signed.
    pub mark: Mark,
    /// The signed note, UTF-8.
    pub note: String,
}

/// Where a log stands. `integrated.size <= sequenced`; `signed.mark.size <= sequenced`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The newest leadership.
    pub fence: Fence,
    /// Number of entries that were ever acknowledged.
    pub sequenced: u64,
    /// Entries below this size are on the shelf, in full bundles and tiles, and may be gone from
    /// the tail. Its size is a multiple of 256.
    pub integrated: Mark,
    /// The newest checkpoint that was signed.
    pub signed: Option<SignedTree>,
}

/// The database of one log. See the module for what an implementation promises.
pub trait Table: fmt::Debug + Send + Sync {
    /// Becomes the leader. A back end that knows who leads waits for the end of that one or
    /// refuses; one that does not know deposes it.
    fn lead(&self) -> Work<'_, Fence>;

    /// Where the log stands.
    fn state(&self) -> Work<'_, State>;

    /// Adds entries behind the last one. What the shelf holds durably up to `integrated` may be
    /// forgotten here in the same transaction; an older `integrated` than the table knows changes
    /// nothing.
    fn append<'a>(&'a self, fence: Fence, batch: &'a Batch, integrated: Mark) -> Work<'a, ()>;

    /// The batch with entry `index`. `None` if there is none: it was not sequenced, or is
    /// integrated and forgotten here, in which case the shelf has it.
    fn tail(&self, index: u64) -> Work<'_, Option<Batch>>;

    /// Remembers a checkpoint before anybody else sees it. `previous` is what was signed last; the
    /// same size may be signed again only with the same root, and no smaller size.
    fn keep_signed<'a>(
        &'a self,
        fence: Fence,
        previous: Option<Mark>,
        next: &'a SignedTree,
    ) -> Work<'a, ()>;

    /// Archives the first witnessed checkpoint of a size; a later one of that size changes nothing.
    fn archive<'a>(&'a self, fence: Fence, size: u64, note: &'a str) -> Work<'a, ()>;

    /// Every archived checkpoint, by ascending size.
    fn archived(&self) -> Work<'_, Vec<(u64, String)>>;

    /// Waits for running queries and closes the connections.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Whether what is signed next may follow what was signed last: larger, or the same tree again.
/// For implementations of [`Table::keep_signed`], inside the transaction.
///
/// # Errors
/// [`LogError::Moved`] if `found` is not what the caller believes; [`LogError::Row`] if the next
/// one would contradict it.
pub fn may_follow(
    found: Option<Mark>,
    previous: Option<Mark>,
    next: &Mark,
) -> Result<(), LogError> {
    if found != previous {
        return Err(LogError::Moved {
            expected: previous.map_or(0, |mark| mark.size),
            found: found.map_or(0, |mark| mark.size),
        });
    }
    match found {
        Some(last) if last.size == next.size && last.root != next.root => Err(LogError::Row {
            table: "signed",
            what: format!("size {} was signed with another root", last.size),
        }),
        Some(last) if last.size > next.size => Err(LogError::Row {
            table: "signed",
            what: format!(
                "size {} was signed, {} would be signed after it",
                last.size, next.size
            ),
        }),
        _ => Ok(()),
    }
}
