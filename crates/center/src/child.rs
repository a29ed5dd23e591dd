//! The child: one process for one sample, inside the sandbox. It gets the content key of this sample and nothing else
//! that is secret, decrypts in memory, scans, writes one report and ends.
//!
//! What it reads:
//!
//! ```text
//! 2 bytes   length of the header, big-endian     )
//! n bytes   header                               )
//! 32        seal digest                          ) the order
//! 32        content key                          )
//! rest      ciphertext                             the file
//! ```

use std::io::{self, ErrorKind, Read, Write};

use scan::{Database, Limits, ScanError};
use seal::{ContentKey, ContentOpener, Header, SealError, limits::HEADER_BYTES_MAX};
use statement::{FileDigest, SealDigest};
use zeroize::Zeroizing;

/// The child's status when the sample is not the sealed one that it was told, so that nothing was read.
pub const UNOPENED: u8 = 3;

/// Why a child has no report.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The content does not open under this key and header.
    #[error("the content does not open")]
    Unopened(#[source] SealError),
    /// The parent did not say what it should.
    #[error("standard input is not what a parent sends")]
    Order(#[source] io::Error),
    /// A stream.
    #[error(transparent)]
    Scan(#[from] ScanError),
}

/// Does the child's work: an order on `input`, a report on `report`. The sample is checked against its seal digest
/// before anything looks at it.
///
/// # Errors
/// [`ChildError`].
pub fn work(input: impl Read, report: impl Write, database: &Database) -> Result<(), ChildError> {
    let look = |sample: &mut dyn Read| scan::work(sample, report, database, &Limits::default());
    looked_at(input, look)?.map(drop).map_err(ChildError::Scan)
}

/// The plaintext of an order, for a child that does something else with it.
///
/// # Errors
/// [`ChildError`].
pub fn open(input: impl Read) -> Result<Vec<u8>, ChildError> {
    let mut bytes = Vec::new();
    let read = looked_at(input, |sample| sample.read_to_end(&mut bytes))?;
    read.map_err(ChildError::Order)?;
    Ok(bytes)
}

/// What `look` makes of a sample. That the sample is not the right one comes before anything it says.
fn looked_at<T>(
    mut input: impl Read,
    look: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, ChildError> {
    let (header, seal, key) = read_order(&mut input).map_err(ChildError::Order)?;
    let mut refused = None;
    let mut sample = Plain {
        input,
        opener: Some(ContentOpener::new(&header, &key)),
        seal,
        piece: Zeroizing::new(Vec::new()),
        at: 0,
        refused: &mut refused,
    };
    let made = look(&mut sample);
    refused.map_or(Ok(made), |error| Err(ChildError::Unopened(error)))
}

/// Forks a child for each order until there are no more, and has it do the work.
///
/// # Errors
/// As [`sandbox::attend`].
pub fn attend(database: &Database) -> Result<(), sandbox::SandboxError> {
    sandbox::attend(|order, ciphertext, report| {
        match work(order.chain(ciphertext), report, database) {
            Ok(()) => 0,
            Err(ChildError::Unopened(_)) => UNOPENED,
            Err(_) => 1,
        }
    })
}

fn read_order(input: &mut impl Read) -> io::Result<(Header, SealDigest, ContentKey)> {
    let malformed = |what| io::Error::new(ErrorKind::InvalidData, what);
    let mut length = [0_u8; 2];
    input.read_exact(&mut length)?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > HEADER_BYTES_MAX {
        return Err(malformed("a header that long"));
    }
    let mut header = vec![0_u8; length];
    input.read_exact(&mut header)?;
    let header = Header::parse(&header).map_err(|_| malformed("no header"))?;
    let mut seal = [0_u8; 32];
    input.read_exact(&mut seal)?;
    let mut key = Zeroizing::new([0_u8; 32]);
    input.read_exact(key.as_mut_slice())?;
    let seal = FileDigest::new(tlog::Hash::from_bytes(seal)).to_string();
    let seal = seal.parse().map_err(|_| malformed("no seal digest"))?;
    Ok((header, seal, ContentKey::received(key)))
}

/// The plaintext, as it is read. Its last byte comes only after the whole ciphertext proved to be the right one.
struct Plain<'a, R> {
    input: R,
    /// Until the end.
    opener: Option<ContentOpener>,
    seal: SealDigest,
    piece: Zeroizing<Vec<u8>>,
    at: usize,
    refused: &'a mut Option<SealError>,
}

impl<R: Read> Plain<'_, R> {
    fn next_piece(&mut self) -> io::Result<()> {
        let Some(opener) = &mut self.opener else {
            return Ok(());
        };
        let bytes = opener.next_bytes();
        if bytes == 0 {
            let finished = self.opener.take().map(|opener| opener.finish(&self.seal));
            return match finished {
                Some(Err(error)) => Err(self.refuse(error)),
                _ => Ok(()),
            };
        }
        self.piece.clear();
        let read = (&mut self.input)
            .take(bytes as u64)
            .read_to_end(&mut self.piece)?;
        let opened = match read {
            0 => Err(SealError::Unfinished {
                missing: bytes as u64,
            }),
            _ => opener.open_chunk(&mut self.piece),
        };
        opened.map_err(|error| self.refuse(error))?;
        self.at = 0;
        Ok(())
    }

    fn refuse(&mut self, error: SealError) -> io::Error {
        let said = io::Error::new(ErrorKind::InvalidData, error.to_string());
        *self.refused = Some(error);
        said
    }
}

impl<R: Read> Read for Plain<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            self.piece.clear();
            self.at = 0;
            self.next_piece()?;
            // After the last piece nothing may come but the end.
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
