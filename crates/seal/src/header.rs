//! The header of a sealed sample: what anybody may read, and what every key is bound to.

use statement::{
    CountryCode, EpochPurpose, LineError, Lines, RegionName, SEAL_SUITE, SampleId, SealDigest,
    StatementDigest,
};
use tlog::Hash;

use crate::{
    content::ciphertext_bytes,
    demand::UploadKey,
    derive::{DOMAIN, Seed, Side},
    epochs::EpochKeys,
    error::SealError,
    limits::{HEADER_BYTES_MAX, SAMPLE_BYTES_MAX},
};

/// What the endpoint decided about a sample before it sealed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A random id, used for this sample only.
    pub sample: SampleId,
    /// A fresh key, used for this sample only.
    pub upload_key: UploadKey,
    /// The jurisdiction it is promised to.
    pub home: CountryCode,
    /// The region it comes from; never the country.
    pub region: RegionName,
    /// The policy that says so.
    pub policy: StatementDigest,
    /// Bytes of the file.
    pub size_bytes: u64,
}

/// A header: made by sealing, or parsed strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    address: Address,
    epochs: [StatementDigest; 3],
    shares: [Hash; 2],
    text: String,
}

impl Header {
    pub(crate) fn new(address: Address, keys: &EpochKeys, seed: &Seed) -> Result<Self, SealError> {
        check_size(address.size_bytes)?;
        if address.home != *keys.home() {
            return Err(SealError::EpochHome {
                epoch: keys.key(EpochPurpose::Analysis).epoch(),
                found: keys.home().clone(),
                expected: address.home,
            });
        }
        let epochs = [
            EpochPurpose::Analysis,
            EpochPurpose::Center,
            EpochPurpose::Supervisor,
        ]
        .map(|purpose| keys.key(purpose).epoch());
        let shares = Side::BOTH.map(|side| seed.share(side).digest());
        let text = print(&address, &epochs, &shares);
        Ok(Self {
            address,
            epochs,
            shares,
            text,
        })
    }

    /// Parses the one form of a header.
    ///
    /// # Errors
    /// [`SealError::Header`], [`SealError::Size`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let mut lines = Lines::open(DOMAIN, bytes, HEADER_BYTES_MAX)?;
        let suite = lines.text("suite")?;
        if suite != SEAL_SUITE {
            let wrong = format!("another suite than `{SEAL_SUITE}`");
            return Err(lines.wrong("suite", suite, wrong).into());
        }
        let address = Address {
            sample: lines.value("sample")?,
            upload_key: lines.value("upload_key")?,
            home: lines.value("home")?,
            region: lines.value("region")?,
            policy: lines.value("policy")?,
            size_bytes: 0,
        };
        let epochs = [
            lines.value("epoch_analysis")?,
            lines.value("epoch_center")?,
            lines.value("epoch_supervisor")?,
        ];
        let address = Address {
            size_bytes: lines.number("size")?,
            ..address
        };
        check_size(address.size_bytes)?;
        let shares = [
            digest(&mut lines, "share_center")?,
            digest(&mut lines, "share_supervisor")?,
        ];
        lines.end()?;
        let text = print(&address, &epochs, &shares);
        Ok(Self {
            address,
            epochs,
            shares,
            text,
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// SHA-256 of its bytes; associated data of every chunk.
    #[must_use]
    pub fn digest(&self) -> Hash {
        tlog::sha256(self.as_bytes())
    }

    /// Where the sample goes and why.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The epoch that a wrap is for.
    #[must_use]
    pub fn epoch(&self, purpose: EpochPurpose) -> StatementDigest {
        self.epochs[match purpose {
            EpochPurpose::Analysis => 0,
            EpochPurpose::Center => 1,
            EpochPurpose::Supervisor => 2,
        }]
    }

    /// SHA-256 of a side's share.
    #[must_use]
    pub fn share_digest(&self, side: Side) -> Hash {
        self.shares[match side {
            Side::Center => 0,
            Side::Supervisor => 1,
        }]
    }

    /// Bytes of the whole ciphertext.
    #[must_use]
    pub fn ciphertext_bytes(&self) -> u64 {
        ciphertext_bytes(self.address.size_bytes)
    }

    /// The name of the sealed sample, given the SHA-256 of its whole ciphertext.
    #[must_use]
    pub fn seal_digest(&self, ciphertext: &Hash) -> SealDigest {
        let both = [self.digest().as_bytes().as_slice(), ciphertext.as_bytes()].concat();
        SealDigest::of(&both)
    }

    /// HPKE info of the wrap for a purpose: nothing sealed under another header, or for another purpose, opens.
    pub(crate) fn info(&self, purpose: EpochPurpose) -> Vec<u8> {
        format!("{DOMAIN}\n{purpose}\n{}", self.text).into_bytes()
    }
}

fn check_size(bytes: u64) -> Result<(), SealError> {
    if (1..=SAMPLE_BYTES_MAX).contains(&bytes) {
        Ok(())
    } else {
        Err(SealError::Size { bytes })
    }
}

fn digest(lines: &mut Lines<'_>, key: &'static str) -> Result<Hash, LineError> {
    let text = lines.text(key)?;
    Hash::from_hex(text)
        .map_err(|_| lines.wrong(key, text, "not 64 lower-case hexadecimal digits".to_owned()))
}

fn print(address: &Address, epochs: &[StatementDigest; 3], shares: &[Hash; 2]) -> String {
    let Address {
        sample,
        upload_key,
        home,
        region,
        policy,
        size_bytes,
    } = address;
    let [analysis, center, supervisor] = epochs;
    let [share_center, share_supervisor] = shares.map(|share| share.to_hex());
    format!(
        "{DOMAIN}\nsuite {SEAL_SUITE}\nsample {sample}\nupload_key {upload_key}\nhome {home}\nregion {region}\n\
         policy {policy}\nepoch_analysis {analysis}\nepoch_center {center}\nepoch_supervisor {supervisor}\n\
         size {size_bytes}\nshare_center {share_center}\nshare_supervisor {share_supervisor}\n"
    )
}
