//! Where a log keeps what everybody may read: tiles, bundles of entries, archived checkpoints.
//!
//! ```text
//! tile/0/x001/067          made once, never changed
//! tile/entries/x001/067    made once, never changed; the entries themselves
//! tile/0/x001/068.p/17     made once; forgotten when tile/0/x001/068 is there and nobody needs it
//! archive/69990            made once
//! archive/sizes/0          made once
//! archive/index            replaced
//! checkpoint               replaced
//! ```
//!
//! # Contract
//!
//! *Names* are relative paths of `store::RelativePath`. *Durable* means what it means for a
//! [`crate::Table`]; the names of files are durable too.
//!
//! *Made once.* [`Shelf::create_many`] never changes a file: the same bytes again are `Ok`, other
//! bytes are [`StoreError::Conflict`]. Whoever reads a file sees all of it or nothing. A call that
//! failed may have made any part of its files; calling it again completes them. Several processes
//! may call it at the same time: what is written follows from rows that a fenced commit decided,
//! so they write the same bytes.
//!
//! *Replaced.* [`Shelf::replace`] is for the two files that change; the last one wins. A leader
//! that lost its fence may still replace `checkpoint` by an older one once; the next leader
//! replaces it at its start and at each publication, and no reader goes back.

use std::fmt;

use store::StoreError;

use crate::table::Work;

/// A file to be made: its path, and its bytes.
pub type File = (String, Vec<u8>);

/// The public files of one log. See the module for what an implementation promises.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// Makes files, durable when this returns.
    fn create_many(&self, files: Vec<File>) -> Work<'_, (), StoreError>;

    /// Gives a file new bytes as a whole, durable when this returns.
    fn replace<'a>(&'a self, path: &'a str, bytes: Vec<u8>) -> Work<'a, (), StoreError>;

    /// The bytes of a file, at most `bytes_max`; [`StoreError::NotFound`] if there is none.
    fn read<'a>(&'a self, path: &'a str, bytes_max: u64) -> Work<'a, Vec<u8>, StoreError>;

    /// Deletes every partial file (`<path>.p/<width>`) of full tiles or bundles, given by the
    /// paths of the full ones. Where the full one is absent nothing is deleted. Need not be
    /// durable: what comes back is deleted again.
    fn forget_partials(&self, full: Vec<String>) -> Work<'_, (), StoreError>;
}
