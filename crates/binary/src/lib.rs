//! What differs between two builds, and which source line a byte of the program comes from.
//!
//! Specs: System V ABI and its x86-64 supplement (ELF), DWARF 4 and 5, Microsoft PE/COFF and
//! Authenticode, `ar(5)`, POSIX.1-2017 `pax` (tar), PKWARE APPNOTE (zip), RFC 1952 (gzip), `.xz`,
//! RFC 8878 (zstd), `deb(5)`.
//!
//! Two builds of one C file, a minute apart. Everything but these bytes is equal:
//!
//! ```text
//! .note.gnu.build-id   ... 14 00 00 00 03 00 00 00 47 4e 55 00 [9f 31 ...]   20 bytes: build-id
//! .rodata              62 75 69 6c 74 20 [30 33 3a 31 38 3a 32 39] 00         "03:18:29": embedded-time
//! ```
//!
//! so the verdict is `explained`, and each rule that was needed is named. With a rule switched off,
//! or with one byte of code changed, it is `unexplained`. Only equal bytes are `identical`, and only
//! `identical` ever counts as a rebuild.
//!
//! In scope: [`compare`] two files (ELF, PE, archives and packages, member by member) under a closed
//! set of [`Rule`]s; [`Program`]: address to source line, line and function to addresses, and the
//! bytes that no source accounts for; [`attach`] and [`detach`] of a platform signature as pure
//! functions of bytes. Deepest for x86-64 ELF; any other format is compared by sections or bytes.
//!
//! Out of scope: reading files (the caller); whether a difference is harmful (people); which of two
//! builds is honest (a third rebuilder); checking signatures of a platform (that platform); what a
//! rebuild is worth (`law`).
//!
//! Input may be hostile: sizes, counts, depth and output are bounded (`limits.rs`), nothing panics,
//! and what cannot be read as what it seems to be is compared as plain bytes, which no rule explains.

mod attach;
mod compare;
mod comparison;
mod container;
mod elf;
mod error;
mod explain;
mod findings;
mod limits;
mod names;
mod pe;
mod program;

pub use attach::{Detached, Separated, Signed, attach, detach, separate};
pub use compare::compare;
pub use comparison::{Change, Comparison, Difference, Judgement, Pair, Side, Span, Verdict, What};
pub use error::BinaryError;
pub use explain::{Explanations, Rule, UnknownRule};
pub use program::{AddressRange, Function, Place, Program, SourceCoverage, UncoveredRange};
