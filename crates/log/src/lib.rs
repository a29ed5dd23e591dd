//! Room: a public append-only log that everybody can check.
//!
//! Specifications: [tlog-tiles](https://c2sp.org/tlog-tiles),
//! [tlog-checkpoint](https://c2sp.org/tlog-checkpoint),
//! [tlog-cosignature](https://c2sp.org/tlog-cosignature),
//! [tlog-witness](https://c2sp.org/tlog-witness) as the client,
//! [tlog-proof](https://c2sp.org/tlog-proof) as the answer; of our own `spec/submit.md`,
//! `spec/archive.md` and `spec/blobs.md`. An entry's life, as its submitter sees it:
//!
//! ```text
//! POST /submit                                    one DSSE envelope, at most 65,535 bytes
//! {"payload":"eyJfdHlwZSI6...","payloadType":"application/vnd.in-toto+json","signatures":[...]}
//!
//! 200                                             witnessed
//! c2sp.org/tlog-proof@v1
//! index 41
//! ...
//! 202                                             durable, not witnessed yet
//! {"index":41}
//! ```
//!
//! `POST /submit-batch` takes up to 256 of them and answers each. Where what comes next is decided:
//! `gate` (who may wait), `plan` (what is taken), `pace` (when a checkpoint is made), `gather` and
//! `lane` (which witnesses are asked).
//!
//! Invariant: `published <= integrated <= sequenced`.
//!
//! - *sequenced* entries are durable in the *table* (a database); a submitter hears of them after the
//!   commit.
//! - *integrated* entries are in tiles and bundles on the *shelf* (public files); a checkpoint is
//!   signed only over these, and stored before anybody else sees it. Once a bundle is full and
//!   durable it is where its entries are kept, and the table forgets them.
//! - *published* entries are under a checkpoint that the witness policy of the constitution in
//!   force accepts. Without a quorum of witnesses the log sequences on and publishes nothing.
//!
//! Tiles and bundles are a pure function of the entries (`growth`), so a crash between two stages is
//! repaired by doing the later one again. What becomes of a batch of submissions is one too
//! (`plan`). Both back ends are behind a trait with a contract (`table`, `shelf`); whoever leads
//! writes under a fence, so that two processes on one log never sign two histories. A log whose
//! entries contradict anything it ever signed does not start
//! (`start`), and stops when a witness shows that later (`memory`): rather that than two histories.
//!
//! Old entries may be withheld from the public once enough parties said so in the log (`prune`).
//!
//! In scope: who may submit (`law`, by this log's own replay) and how much, order, durability, witnesses,
//! publication, public blobs that entries name.
//!
//! Out of scope: whether a statement is true, quorums of parties (`law` at the reader), following
//! other logs (`logclient`).

mod announce;
mod archive;
mod ask;
mod batch;
mod clock;
#[cfg(test)]
mod commit_tests;
mod config;
mod directory;
mod entries;
mod error;
mod files;
mod gate;
mod gather;
mod growth;
mod held;
mod http;
mod identities;
mod lane;
mod limits;
mod make;
mod memory;
mod meters;
mod pace;
mod plan;
mod prune;
mod publish;
mod quota;
mod refuse;
mod remote;
mod replay;
mod round;
mod running;
mod sequence;
mod shared;
mod shelf;
mod sqlite;
mod start;
mod submit;
mod submit_batch;
mod surroundings;
mod table;
mod upload;
mod worker;
mod write;

pub use batch::Batch;
pub use config::{Config, Pruning, WitnessUrl};
pub use directory::Directory;
pub use entries::Entries;
pub use error::{LogError, SubmitRefusal};
pub use growth::{Growth, outgrown};
pub use http::serve;
#[cfg(feature = "remote")]
pub use remote::{PostgresTable, S3Shelf};
pub use remote::{RemoteConfig, RemoteError, S3Config, Secret};
pub use running::Running;
pub use shelf::{File, Shelf};
pub use sqlite::SqliteTable;
pub use surroundings::{Surroundings, Threads};
pub use table::{Fence, Mark, SignedTree, State, Table, Work, may_follow};
pub use write::{Integrator, Wishes, Writer, writing_side};
