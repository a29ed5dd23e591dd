//! Why a statement about customers' files is refused by itself.

use crate::{
    custody::SEAL_SUITE,
    ids::{CountryCode, FileDigest},
    limits::{ADMISSION_KEY_BYTES, CENSUS_COUNTRY_MIN, EPOCH_KEY_BYTES},
};

/// A statement of the custody stream, or about residency, that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// The suite is not one that we seal with.
    #[error("epoch field `suite` is `{value}`; expected `{SEAL_SUITE}`")]
    Suite {
        /// Found, cut to 80 characters.
        value: String,
    },
    /// Not a key of the suite.
    #[error("epoch field `key` is `{value}...`, which is not base64 of {EPOCH_KEY_BYTES} bytes")]
    Key {
        /// Found, cut to 20 characters.
        value: String,
    },
    /// Not a key of an issuer of tokens.
    #[error(
        "admission field `key` is `{value}...`, which is not base64 of {ADMISSION_KEY_BYTES} bytes"
    )]
    AdmissionKey {
        /// Found, cut to 20 characters.
        value: String,
    },
    /// A day that does not begin at midnight.
    #[error("admission field `valid_from` is {value}, which is not midnight in UTC")]
    Midnight {
        /// Found.
        value: u64,
    },
    /// Numbers that do not follow each other.
    #[error("`{earlier}` ({earlier_value}) must be less than `{later}` ({later_value})")]
    Order {
        /// The field that comes first.
        earlier: &'static str,
        /// Its value.
        earlier_value: u64,
        /// The field that comes later.
        later: &'static str,
        /// Its value.
        later_value: u64,
    },
    /// A count or number out of its range.
    #[error("field `{field}` is {value}; from {min} to {max} are allowed")]
    Range {
        /// The field.
        field: &'static str,
        /// Found.
        value: u64,
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// Parts that are not the whole.
    #[error("the parts of `{field}` add up to {sum}; `{whole}` is {value}")]
    Sum {
        /// The field with the parts.
        field: &'static str,
        /// What they add up to.
        sum: u64,
        /// The field with the whole.
        whole: &'static str,
        /// Its value.
        value: u64,
    },
    /// A list that is not in ascending order, or names something twice.
    #[error("list `{field}` has `{value}` out of order or twice")]
    List {
        /// The field.
        field: &'static str,
        /// The item that is not above the one before it.
        value: String,
    },
    /// One country in two regions would have two homes.
    #[error("country {country} stands in region `{first}` and in region `{second}`")]
    TwoRegions {
        /// The country.
        country: CountryCode,
        /// A region that lists it.
        first: String,
        /// Another.
        second: String,
    },
    /// Two letters that are no country.
    #[error("`{country}` is not a country of ISO 3166-1")]
    NoCountry {
        /// The letters.
        country: CountryCode,
    },
    /// So few that the count could point at somebody.
    #[error(
        "country {country} is counted with {count}; below {CENSUS_COUNTRY_MIN} a day it is left out"
    )]
    Rare {
        /// The country.
        country: CountryCode,
        /// Its count.
        count: u64,
    },
    /// A document that nobody could fetch.
    #[error("field `{field}` names {digest}, which is not among the public blobs of the statement")]
    Blob {
        /// The field.
        field: &'static str,
        /// What it names.
        digest: FileDigest,
    },
    /// Version 1 has nothing before it, and every later one has.
    #[error("version {version} must {} name the one before it", if *version == 1 { "not" } else { "" })]
    Previous {
        /// The version.
        version: u64,
    },
    /// A demand that is missing, or stands where none belongs.
    #[error("cause `{cause}` {} the digest of a demand", if *needed { "needs" } else { "has no place for" })]
    Demand {
        /// Why the sample was erased.
        cause: &'static str,
        /// Whether the cause needs one.
        needed: bool,
    },
    /// Samples that were not taken, and no draw that says which; or a draw, and nothing that it left out.
    #[error(
        "{sampled_out} samples were sampled out, at the steepest one in {one_in_max}; whoever sampled some out says at \
         least one in 2 and names the key of the draw, and whoever none says 1"
    )]
    Sampled {
        /// How many.
        sampled_out: u64,
        /// One in how many.
        one_in_max: u64,
    },
}

/// Refuses a number out of its range.
pub(crate) fn in_range(
    field: &'static str,
    value: u64,
    min: u64,
    max: u64,
) -> Result<(), CustodyError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(CustodyError::Range {
        field,
        value,
        min,
        max,
    })
}

/// Refuses a list that does not ascend.
pub(crate) fn ascending<'a, T: Ord + ToString + 'a>(
    field: &'static str,
    items: impl IntoIterator<Item = &'a T>,
) -> Result<(), CustodyError> {
    let mut before: Option<&T> = None;
    for item in items {
        if before.is_some_and(|before| before >= item) {
            let value = item.to_string();
            return Err(CustodyError::List { field, value });
        }
        before = Some(item);
    }
    Ok(())
}

/// Refuses a chain of versions that begins or goes on wrongly.
pub(crate) fn check_previous(version: u64, has_previous: bool) -> Result<(), CustodyError> {
    in_range("version", version, 1, crate::limits::INTEGER_MAX)?;
    if has_previous == (version > 1) {
        Ok(())
    } else {
        Err(CustodyError::Previous { version })
    }
}
