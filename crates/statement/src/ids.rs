//! Digests and names as types, so that one is never passed for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tlog::Hash;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A digest is 64 lower-case hexadecimal digits.
    #[error("{kind} `{value}` is not 64 lower-case hexadecimal digits")]
    Digest {
        /// Which id was read.
        kind: &'static str,
        /// What was found, cut to 80 characters.
        value: String,
    },
    /// A name has one form.
    #[error("{kind} `{value}` must be {form}")]
    Name {
        /// Which name was read.
        kind: &'static str,
        /// What was found, cut to 80 characters.
        value: String,
        /// What it must be.
        form: &'static str,
    },
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! digests {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Hash);

        impl $name {
            /// Takes 32 bytes that are already known to be this digest.
            pub const fn new(hash: Hash) -> Self {
                Self(hash)
            }
            /// SHA-256 of `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                Self(tlog::sha256(bytes))
            }
            /// The 32 bytes.
            pub const fn hash(&self) -> &Hash {
                &self.0
            }
            /// First twelve hexadecimal digits, for people.
            pub fn short(&self) -> String {
                self.0.to_hex().chars().take(12).collect()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.to_hex())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.to_hex())
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Hash::from_hex(text)
                    .map(Self)
                    .map_err(|_| IdError::Digest { kind: stringify!($name), value: cut(text) })
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

digests! {
    /// SHA-256 of a DSSE payload: names what was said, whoever signed it.
    StatementDigest;
    /// SHA-256 of the bytes of a file or blob.
    FileDigest;
    /// SHA-256 of a raw public key: names a statement key.
    KeyId;
    /// Names one sealed sample: SHA-256 over the digests of its header and of its ciphertext (`spec/sealing.md`).
    SealDigest;
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $form:literal, |$text:ident| $fits:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str($text: &str) -> Result<Self, IdError> {
                if $fits {
                    return Ok(Self($text.to_owned()));
                }
                Err(IdError::Name { kind: stringify!($name), value: cut($text), form: $form })
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

names! {
    /// Short name of a party in a constitution, for example `lab-a`.
    PartyId, "1 to 64 characters out of a-z, 0-9 and -", |text| is_short_name(text);
    /// Name of a region in a declaration, for example `europe`: a list of countries with one home.
    RegionName, "1 to 64 characters out of a-z, 0-9 and -", |text| is_short_name(text);
    /// Name of a facility or a promise in a declaration, for example `zurich-1`.
    ShortName, "1 to 64 characters out of a-z, 0-9 and -", |text| is_short_name(text);
    /// Why an outcome is what it is: a rule, or a trait of the file. Names no content, for example `yara:Eicar_Test`.
    Reason, "1 to 128 printable ASCII characters without spaces", |text| (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic());
    /// A country as ISO 3166-1 alpha-2 writes it, for example `CH`. Also names a home: the jurisdiction data is promised to.
    CountryCode, "two capital letters as in ISO 3166-1", |text| text.len() == 2
        && text.bytes().all(|b| b.is_ascii_uppercase());
    /// An issuer of admission tokens, named like a host, for example `issuer.vendor.example`.
    IssuerName, "1 to 253 characters out of a-z, 0-9, - and .", |text| (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    /// A sample: 128 random bits in lower-case hex. Says nothing about the file or its owner.
    SampleId, "32 lower-case hexadecimal digits", |text| text.len() == 32
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
}

fn is_short_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl SampleId {
    /// The id of 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex::encode(random))
    }
}
