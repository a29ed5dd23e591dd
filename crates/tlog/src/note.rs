//! Signed notes: text, an empty line, signature lines (signed-note).
//!
//! ```text
//! This is an example message.
//!
//! — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
//! ```

use std::fmt;
use std::str::FromStr;

use crate::ascii;
use crate::checkpoint::Checkpoint;
use crate::errors::{NoteError, ParseError};
use crate::key::{KeyName, KeyType, NoteKeyId, VerifierKey};
use crate::limits::{NOTE_BYTES_MAX, SIGNATURE_BYTES_MAX, SIGNATURES_MAX};

/// Em dash and space: how every signature line begins.
const LINE_START: &str = "\u{2014} ";

/// One signature: who signed with which key, and the bytes after the key id.
///
/// `Display` and `FromStr` are the line without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    id: NoteKeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    /// Makes a line; `signature` is what follows the key id (with its timestamp, if it has one).
    ///
    /// # Errors
    /// [`ParseError`] if the signature is empty or longer than [`SIGNATURE_BYTES_MAX`].
    pub fn new(name: KeyName, id: NoteKeyId, signature: Vec<u8>) -> Result<Self, ParseError> {
        if signature.is_empty() {
            return Err(ParseError::Missing {
                what: "signature line",
                missing: "its signature",
            });
        }
        if signature.len() > SIGNATURE_BYTES_MAX {
            return Err(ParseError::TooLong {
                what: "signature",
                found: signature.len(),
                max: SIGNATURE_BYTES_MAX,
            });
        }
        Ok(Self {
            name,
            id,
            signature,
        })
    }

    /// The signer's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key id.
    pub fn id(&self) -> NoteKeyId {
        self.id
    }

    /// The bytes after the key id.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether the line claims to be by this key. Name *and* id must agree.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }
}

impl FromStr for SignatureLine {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        let malformed = || ParseError::Malformed {
            what: "signature line",
            value: ascii::excerpt(line),
            expected: "`\u{2014} name base64`",
        };
        let fields = line
            .strip_prefix(LINE_START)
            .and_then(|rest| rest.split_once(' '));
        let (name, signature) = fields.ok_or_else(malformed)?;
        let largest = (4 + SIGNATURE_BYTES_MAX).div_ceil(3) * 4;
        if signature.len() > largest {
            return Err(ParseError::TooLong {
                what: "signature",
                found: signature.len(),
                max: largest,
            });
        }
        let bytes = ascii::parse_base64("signature", signature)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        Self::new(
            name.parse()?,
            NoteKeyId::from_u32(u32::from_be_bytes(*id)),
            signature.to_vec(),
        )
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_u32().to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "{LINE_START}{} {}", self.name, ascii::to_base64(&bytes))
    }
}

/// Reads lines that each end in a newline; at least one, at most [`SIGNATURES_MAX`].
pub(crate) fn parse_signature_lines(text: &str) -> Result<Vec<SignatureLine>, ParseError> {
    let what = "signatures";
    if text.is_empty() {
        return Err(ParseError::Missing {
            what: "note",
            missing: "a signature",
        });
    }
    let lines = text.strip_suffix('\n').ok_or(ParseError::Missing {
        what,
        missing: "the final newline",
    })?;
    let found = lines.split('\n').count();
    if found > SIGNATURES_MAX {
        return Err(ParseError::TooMany {
            what,
            found,
            max: SIGNATURES_MAX,
        });
    }
    lines.split('\n').map(str::parse).collect()
}

/// A parsed note. Nothing in it is to be believed before its signatures are verified.
///
/// `Display` is the exact wire form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Puts a note together.
    ///
    /// # Errors
    /// [`ParseError`] if the text does not end in a newline or holds control characters, if there
    /// is no signature or too many, or if the note would be too long.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Result<Self, ParseError> {
        let note = Self { text, signatures };
        // One way in: what would not parse back is not a note.
        Self::parse(note.to_string().as_bytes())
    }

    /// Reads a note; the text ends at the *last* empty line.
    ///
    /// # Errors
    /// [`ParseError`] naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let what = "note";
        let note = ascii::text_of(what, bytes, NOTE_BYTES_MAX)?;
        if let Some(byte) = note.bytes().find(|&b| b < b' ' && b != b'\n') {
            return Err(ParseError::ControlCharacter { what, byte });
        }
        let split = note.rfind("\n\n").ok_or(ParseError::Missing {
            what,
            missing: "the empty line before its signatures",
        })?;
        let (text, rest) = note.split_at(split + 1);
        let signatures = parse_signature_lines(rest.strip_prefix('\n').unwrap_or(rest))?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The signed text with its final newline, without the empty line that follows it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines in the order of the note.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The line by this key, if there is one.
    ///
    /// # Errors
    /// [`NoteError::DuplicateSignature`] if there are more: two lines by one key are ambiguous,
    /// since cosignatures carry a time.
    pub fn line_by(&self, key: &VerifierKey) -> Result<Option<&SignatureLine>, NoteError> {
        let mut lines = self.signatures.iter().filter(|line| line.is_by(key));
        let line = lines.next();
        if lines.next().is_some() {
            return Err(NoteError::DuplicateSignature {
                name: key.name().clone(),
                id: key.id(),
            });
        }
        Ok(line)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A private key that can sign notes; implemented where keys are kept.
pub trait NoteSigner {
    /// The public side.
    fn vkey(&self) -> &VerifierKey;

    /// The raw algorithm signature over `message`: Ed25519 (RFC 8032), or pure ML-DSA-44
    /// (FIPS 204) with an empty context.
    fn sign_raw(&self, message: &[u8]) -> Vec<u8>;
}

/// Asks the signer and checks the length of what it returns.
pub(crate) fn raw_signature(signer: &dyn NoteSigner, message: &[u8]) -> Result<Vec<u8>, NoteError> {
    let raw = signer.sign_raw(message);
    let expected = signer.vkey().key_type().raw_signature_bytes();
    if raw.len() != expected {
        let name = signer.vkey().name().clone();
        return Err(NoteError::SignatureSize {
            name,
            found: raw.len(),
            expected,
        });
    }
    Ok(raw)
}

/// Signs the text of a checkpoint with the log's Ed25519 key (type 0x01).
///
/// # Errors
/// [`NoteError`] if the text is no checkpoint, the key has another type, or its name is not the
/// origin: a log key signs its own checkpoints and nothing else.
pub fn sign_checkpoint(text: &str, signer: &dyn NoteSigner) -> Result<SignatureLine, NoteError> {
    let key = signer.vkey();
    let name = key.name().clone();
    if key.key_type() != KeyType::Ed25519 {
        return Err(NoteError::KeyType {
            name,
            found: key.key_type(),
            purpose: "the log's note signature",
        });
    }
    let checkpoint = Checkpoint::parse(text).map_err(NoteError::Parse)?;
    if checkpoint.origin().as_str() != name.as_str() {
        return Err(NoteError::OriginMismatch {
            name,
            origin: checkpoint.origin().to_string(),
        });
    }
    let raw = raw_signature(signer, text.as_bytes())?;
    SignatureLine::new(name, key.id(), raw).map_err(NoteError::Parse)
}
