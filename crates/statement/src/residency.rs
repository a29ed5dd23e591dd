//! Predicates that say where customers' files go: regions, facilities and promises, and the policy that decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::{
    custody_error::{CustodyError, ascending, check_previous, in_range},
    day::Day,
    ids::{CountryCode, FileDigest, PartyId, RegionName, ShortName, StatementDigest},
    limits::{FACILITIES_MAX, PROMISES_MAX, REGIONS_MAX},
    statement::{audience, predicate},
};

/// Countries whose files have one home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name.
    pub name: RegionName,
    /// Its countries, ascending. A country in no region belongs to the rest.
    pub countries: Vec<CountryCode>,
}

/// A place where files are kept or looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facility {
    /// Its name in promises.
    pub id: ShortName,
    /// City, for people.
    pub city: String,
    /// Country, and so jurisdiction.
    pub country: CountryCode,
    /// The party that runs it.
    pub operator: PartyId,
    /// What happens there, for people.
    pub purpose: String,
}

/// How a promise was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// Since when.
    pub day: Day,
    /// The statement that shows it.
    pub evidence: StatementDigest,
}

/// Something that will be true by a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// Its name, the same in every version.
    pub id: ShortName,
    /// What is promised, for people.
    pub text: String,
    /// By when. A later version may not move it; whoever reads them all sees that.
    pub due: Day,
    /// How it was kept; nothing until then.
    pub met: Option<Met>,
}

predicate! {
    /// `declaration`: regions, facilities and promises, as they are from now on.
    pub struct Declaration {
        /// From 1, consecutive.
        version: u64,
        /// Digest of the one before; none for the first.
        previous: Option<StatementDigest>,
        /// Ascending by name; no country in two.
        regions: Vec<Region>,
        /// Ascending by id.
        facilities: Vec<Facility>,
        /// Ascending by id.
        promises: Vec<Promise>,
    }
}

impl Declaration {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        check_previous(self.version, self.previous.is_some())?;
        in_range("regions", self.regions.len() as u64, 1, REGIONS_MAX)?;
        in_range(
            "facilities",
            self.facilities.len() as u64,
            0,
            FACILITIES_MAX,
        )?;
        in_range("promises", self.promises.len() as u64, 0, PROMISES_MAX)?;
        ascending("regions", self.regions.iter().map(|region| &region.name))?;
        ascending("facilities", self.facilities.iter().map(|place| &place.id))?;
        ascending("promises", self.promises.iter().map(|promise| &promise.id))?;
        let mut seen: BTreeMap<&CountryCode, &RegionName> = BTreeMap::new();
        for region in &self.regions {
            ascending("countries", &region.countries)?;
            for country in &region.countries {
                assigned(country)?;
                if let Some(first) = seen.insert(country, &region.name) {
                    return Err(CustodyError::TwoRegions {
                        country: country.clone(),
                        first: first.to_string(),
                        second: region.name.to_string(),
                    });
                }
            }
        }
        self.facilities
            .iter()
            .try_for_each(|facility| assigned(&facility.country))
    }

    /// The region of a country; nothing for the rest.
    #[must_use]
    pub fn region_of(&self, country: &CountryCode) -> Option<&RegionName> {
        self.regions
            .iter()
            .find(|region| region.countries.contains(country))
            .map(|region| &region.name)
    }
}

fn assigned(country: &CountryCode) -> Result<(), CustodyError> {
    if country.is_assigned() {
        return Ok(());
    }
    let country = country.clone();
    Err(CustodyError::NoCountry { country })
}

predicate! {
    /// `policy`: the rules by which files find their home and by which people get at them, in Cedar.
    pub struct ResidencyPolicy {
        /// From 1, consecutive.
        version: u64,
        /// Digest of the one before; none for the first.
        previous: Option<StatementDigest>,
        /// The declaration whose regions it speaks of.
        declaration: StatementDigest,
        /// The language and the version of its evaluator, for whoever replays decisions.
        language: String,
        /// The policies, a public blob.
        text: FileDigest,
        /// Their schema, a public blob.
        schema: FileDigest,
        /// The entities they are judged against, a public blob.
        entities: FileDigest,
    }
}

impl ResidencyPolicy {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        check_previous(self.version, self.previous.is_some())?;
        let documents = [
            ("text", self.text),
            ("schema", self.schema),
            ("entities", self.entities),
        ];
        for (field, digest) in documents {
            let mut named = self.blobs.iter();
            if !named.any(|blob| blob.public && blob.sha256 == digest) {
                return Err(CustodyError::Blob { field, digest });
            }
        }
        Ok(())
    }
}
