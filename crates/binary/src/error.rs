//! Why a program could not be opened, or a signature not attached.

use thiserror::Error;

/// What stood in the way. The file is named by the caller, who read it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// Larger than what is opened.
    #[error(
        "{bytes} bytes is more than the {bytes_max} this reads; split it, or look at its members"
    )]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// The most that is read.
        bytes_max: u64,
    },
    /// The first bytes are those of no program.
    #[error(
        "not an ELF program (it begins {begins}); give the program itself, not a package of it"
    )]
    NotElf {
        /// The first four bytes in hex.
        begins: String,
    },
    /// An object file, whose addresses are not final.
    #[error("an object file (ELF type REL) has no final addresses; give the linked program")]
    NotLinked,
    /// Begins like a program and is not well formed.
    #[error("damaged program, at its {part}; build it again")]
    Damaged {
        /// Which part.
        part: &'static str,
        /// What the reader said.
        #[source]
        source: object::read::Error,
    },
    /// More than a limit allows.
    #[error("{count} {what} is more than the {count_max} this reads; strip what is not needed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: u64,
        /// The most that is read.
        count_max: u64,
    },
    /// Debug information that contradicts itself.
    #[error("damaged debug information in {section}; build the program again")]
    Dwarf {
        /// Where.
        section: &'static str,
        /// What the reader said.
        #[source]
        source: gimli::Error,
    },
    /// A compressed section that does not unpack to the size it states.
    #[error(
        "section {section} does not unpack to the {bytes} bytes it states; build the program again"
    )]
    Unpacked {
        /// Its name.
        section: String,
        /// The size it states.
        bytes: u64,
    },
    /// A signature can be attached to ELF and PE only.
    #[error("a signature is attached to ELF or PE only, and this begins {begins}")]
    NotSignable {
        /// The first four bytes in hex.
        begins: String,
    },
    /// A PE file whose headers do not hold together.
    #[error("damaged PE file: {field} is {value:#x}; build it again")]
    Pe {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: u64,
    },
    /// A signature is attached once, to an unsigned program.
    #[error("this program carries {bytes} bytes of signature already; detach it first")]
    AlreadySigned {
        /// Size of the certificate table.
        bytes: u64,
    },
    /// The signature is empty, too large, or not in its one form.
    #[error("a signature of {bytes} bytes is not attached: {why}")]
    Signature {
        /// Its size.
        bytes: usize,
        /// What is wrong.
        why: &'static str,
    },
}

/// The first bytes of a file, for people.
pub(crate) fn begins(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "with nothing: it is empty".to_owned();
    }
    bytes
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}
