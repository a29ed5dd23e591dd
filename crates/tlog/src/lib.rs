//! C2SP words: everything a transparency log, its witnesses and its readers say to each other,
//! exact to the byte.
//!
//! Specifications: [signed-note](https://c2sp.org/signed-note),
//! [tlog-checkpoint](https://c2sp.org/tlog-checkpoint),
//! [tlog-cosignature](https://c2sp.org/tlog-cosignature),
//! [tlog-tiles](https://c2sp.org/tlog-tiles), [tlog-witness](https://c2sp.org/tlog-witness),
//! [tlog-mirror](https://c2sp.org/tlog-mirror), [tlog-proof](https://c2sp.org/tlog-proof),
//! [tlog-policy](https://c2sp.org/tlog-policy), RFC 6962 section 2.1 and, for subtrees,
//! draft-ietf-plants-merkle-tree-certs-03 section 4. The most important bytes are a cosigned checkpoint:
//!
//! ```text
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
//! ```
//!
//! In scope: parsing and printing these texts, hashing, proving, verifying, and the types
//! [`Verified`] and [`Witnessed`] that only verification makes.
//!
//! Out of scope: what entries mean (`statement`), who must have signed them (`law`), private keys
//! (`keys`, through [`NoteSigner`]), files and sockets (`store`, `logclient`, the rooms). This crate
//! does no I/O and knows no clock, randomness or environment.

mod archive;
mod archive_index;
mod ascii;
pub mod bundle;
mod checkpoint;
pub mod cosignature;
mod errors;
mod evidence;
mod fsck;
mod hash;
mod key;
pub mod limits;
mod merkle;
mod mirror;
mod note;
mod policy;
mod policy_text;
mod proof;
mod prove;
mod subtree;
mod tile;
pub mod tree;
mod verify;
mod witness;

pub use archive::ArchiveId;
pub use archive_index::{ArchiveIndex, ArchivePage};
pub use checkpoint::{Checkpoint, Origin};
pub use cosignature::{cosign, cosign_subtree, verify_cosignature, verify_subtree_cosignature};
pub use errors::{
    ForkError, FsckError, NoteError, OpenError, ParseError, PolicyError, ProofError, ProveError,
};
pub use evidence::{Fork, ForkEvidence, ForkProveError};
pub use fsck::{BundleSource, fsck};
pub use hash::{Hash, Sha256Stream, leaf_hash, node_hash, sha256};
pub use key::{KeyName, KeyType, NoteKeyId, VerifierKey};
pub use limits::ENTRY_BYTES_MAX;
pub use merkle::{Frontier, verify_consistency, verify_inclusion};
pub use mirror::{
    AddEntries, AddEntriesReader, EntryPackage, MIRROR_INFO_CONTENT_TYPE, MirrorInfo, PackageSpan,
};
pub use note::{Note, NoteSigner, SignatureLine, sign_checkpoint};
pub use policy::{Policy, PolicyGroup, PolicyLog, PolicyName, PolicyWitness, Threshold};
pub use proof::TlogProof;
pub use prove::{TileSource, prove_consistency, prove_inclusion, prove_prefix, root_from_tiles};
pub use subtree::{
    SignSubtree, Subtree, prove_subtree_consistency, prove_subtree_inclusion, subtree_hash,
    verify_subtree_consistency, verify_subtree_inclusion,
};
pub use tile::{BundleId, TileId, full_tile_root, tiles_between};
pub use verify::{Verified, Witnessed, open_checkpoint, open_witnessed};
pub use witness::{
    AddCheckpoint, CONFLICT_CONTENT_TYPE, ConflictSize, cosignatures_to_bytes, parse_cosignatures,
};
