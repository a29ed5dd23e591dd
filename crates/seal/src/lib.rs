//! A sample sealed to its home: what an endpoint does to a file before it leaves.
//!
//! Specifications: `spec/sealing.md` (ours); HPKE (RFC 9180) with X-Wing
//! (draft-connolly-cfrg-xwing-kem, HPKE KEM 0x647a), HKDF-SHA256 (RFC 5869), AES-256-GCM (NIST SP 800-38D).
//!
//! A sealed sample is a header that anybody can read,
//!
//! ```text
//! limpid seal v1
//! suite hpke-647a-0001-0002
//! sample 5f1c8a0e2b7d4c6f9a3e1d0b8c7f6a54
//! upload_key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
//! home CH
//! region europe
//! policy 9476fa1bd173159a0ac4e7a5d981ec2bc85950d0039c28439558faa1bc24e90b
//! epoch_analysis ...
//! epoch_center ...
//! epoch_supervisor ...
//! size 184320
//! share_center ...
//! share_supervisor ...
//! ```
//!
//! three wraps of 1,168 bytes, and ciphertext in chunks of 64 KiB. The endpoint draws a seed. Two shares derive from it, and
//! from both of them together the key of the content. The seed is wrapped to the analysis epoch (machines, a day), each
//! share to one opening epoch (at rest). Randomness of these last two wraps derives from the seed too, so that whoever opened
//! the seed makes them again and compares: a wrap of garbage is found at once, not when it is needed.
//!
//! In scope: keys, wraps and ciphertext from values passed in; strict parsing; the messages that an upload key signs.
//!
//! Out of scope: randomness and key files (`keys`), whether an epoch stands in a log and a policy permits the home (`law`),
//! sending and storing (`endpoint`, `center`).
//!
//! What the types mean: a [`Header`] was sealed here or parsed strictly. [`EpochKeys`] are three keys of one home, one for
//! each purpose. A [`ContentKey`] comes from [`Opened::check_rest_wraps`] or from two shares that the header names; nothing else
//! decrypts, so a sample whose wraps were not checked cannot be analysed by mistake.

mod content;
mod demand;
mod derive;
mod epochs;
mod error;
mod front;
mod header;
mod kem;
pub mod limits;
mod opening;
mod reanalysis;
mod sealing;

pub use content::{Ciphertext, ContentOpener};
pub use demand::{UploadKey, disclosure_message, erasure_message, upload_message};
pub use derive::{ContentKey, Seed, Share, Side};
pub use epochs::{EpochKey, EpochKeys};
pub use error::{Missealed, SealError};
pub use front::{Front, Wraps};
pub use header::{Address, Header};
pub use kem::{Wrap, WrapKey, WrapOpener, WrapSecret};
pub use opening::{Opened, content_key_of_shares, open_share};
pub use reanalysis::{
    ANSWER_BYTES, REQUEST_BYTES_MAX, SealedShare, ShareRequest, open_sealed_share, seal_share,
};
pub use sealing::{Sealed, Sealer};
