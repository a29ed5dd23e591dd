//! The entities: every country in its region, and the homes.
//!
//! ```text
//! [{"uid":{"type":"Country","id":"CH"},"attrs":{},"parents":[{"type":"Region","id":"europe"}]},
//!  {"uid":{"type":"Home","id":"CH"},"attrs":{},"parents":[]}, ...]
//! ```
//!
//! They repeat what the declaration says, because the language wants them so and because a decision is replayed from what was
//! logged. So they are compared with it, country by country: a policy cannot move a country by its entities.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use statement::{CountryCode, Declaration, RegionName};

use crate::{REST, error::ResidencyError, limits::HOMES_MAX};

/// Every country with its region by a declaration, and the homes: what the list of entities has to say.
pub(crate) struct World {
    pub(crate) regions: BTreeMap<CountryCode, RegionName>,
    pub(crate) homes: Vec<CountryCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uid {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// No attribute is known: a rule may look at nothing but the region.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    uid: Uid,
    #[serde(rename = "attrs")]
    _attrs: Nothing,
    parents: Vec<Uid>,
}

impl Listed {
    fn refused(self, wrong: &'static str) -> ResidencyError {
        let Uid { kind, id } = self.uid;
        ResidencyError::Entity { kind, id, wrong }
    }
}

fn rest() -> RegionName {
    REST.parse()
        .expect("the name of the rest is one of a region")
}

fn region_of(declaration: &Declaration, country: &CountryCode) -> RegionName {
    declaration.region_of(country).cloned().unwrap_or_else(rest)
}

/// Reads the list and compares it with the declaration.
pub(crate) fn read(json: &str, declaration: &Declaration) -> Result<World, ResidencyError> {
    if declaration
        .regions
        .iter()
        .any(|region| region.name == rest())
    {
        return Err(ResidencyError::RestDeclared);
    }
    let listed: Vec<Listed> =
        serde_json::from_str(json).map_err(|source| ResidencyError::Unreadable {
            document: "entities",
            source: source.into(),
        })?;
    let (mut found, mut homes) = (BTreeMap::new(), BTreeSet::new());
    for entity in listed {
        match entity.uid.kind.as_str() {
            "Country" => put_country(entity, &mut found)?,
            "Home" => put_home(entity, &mut homes)?,
            "Region" if entity.parents.is_empty() => {}
            "Region" => return Err(entity.refused("a region lies in nothing else")),
            _ => return Err(entity.refused("Country, Region and Home are known")),
        }
    }
    let count = homes.len();
    if !(1..=HOMES_MAX).contains(&count) {
        return Err(ResidencyError::Homes { count });
    }
    Ok(World {
        regions: compared(found, declaration)?,
        homes: with_facilities(homes, declaration)?,
    })
}

fn put_country(
    entity: Listed,
    found: &mut BTreeMap<CountryCode, String>,
) -> Result<(), ResidencyError> {
    let country = entity.uid.id.parse::<CountryCode>();
    let Some(country) = country.ok().filter(CountryCode::is_assigned) else {
        return Err(entity.refused("it is no country of ISO 3166-1"));
    };
    match entity.parents.as_slice() {
        [region] if region.kind == "Region" => {
            let region = region.id.clone();
            match found.insert(country, region) {
                None => Ok(()),
                Some(_) => Err(entity.refused("it is listed twice")),
            }
        }
        _ => Err(entity.refused("a country lies in one region and in nothing else")),
    }
}

fn put_home(entity: Listed, homes: &mut BTreeSet<CountryCode>) -> Result<(), ResidencyError> {
    let home = entity.uid.id.parse::<CountryCode>();
    let Some(home) = home.ok().filter(CountryCode::is_assigned) else {
        return Err(entity.refused("it is no country of ISO 3166-1"));
    };
    if !entity.parents.is_empty() {
        return Err(entity.refused("a home lies in nothing else"));
    }
    match homes.insert(home) {
        true => Ok(()),
        false => Err(entity.refused("it is listed twice")),
    }
}

/// Every assigned country, each where the declaration puts it.
fn compared(
    mut found: BTreeMap<CountryCode, String>,
    declaration: &Declaration,
) -> Result<BTreeMap<CountryCode, RegionName>, ResidencyError> {
    let mut regions = BTreeMap::new();
    for country in CountryCode::assigned() {
        let declared = region_of(declaration, &country);
        let found = found.remove(&country).unwrap_or_default();
        if found != declared.as_str() {
            let declared = declared.to_string();
            return Err(ResidencyError::OtherRegion {
                country,
                found,
                declared,
            });
        }
        regions.insert(country, declared);
    }
    Ok(regions)
}

/// A home without a place is a promise that nobody can visit.
fn with_facilities(
    homes: BTreeSet<CountryCode>,
    declaration: &Declaration,
) -> Result<Vec<CountryCode>, ResidencyError> {
    let has_place = |home: &CountryCode| {
        let mut places = declaration.facilities.iter();
        places.any(|place| place.country == *home)
    };
    match homes.iter().find(|home| !has_place(home)) {
        Some(home) => Err(ResidencyError::NoFacility { home: home.clone() }),
        None => Ok(homes.into_iter().collect()),
    }
}

/// Writes the list that belongs to a declaration and these homes: one entity on each line, in one order.
#[must_use]
pub fn entities(declaration: &Declaration, homes: &BTreeSet<CountryCode>) -> String {
    let line = |kind: &str, id: &str, parents: &str| {
        format!(r#"{{"uid":{{"type":"{kind}","id":"{id}"}},"attrs":{{}},"parents":[{parents}]}}"#)
    };
    let mut lines = Vec::new();
    for country in CountryCode::assigned() {
        let region = region_of(declaration, &country);
        let parent = format!(r#"{{"type":"Region","id":"{region}"}}"#);
        lines.push(line("Country", country.as_str(), &parent));
    }
    let declared = declaration.regions.iter().map(|region| &region.name);
    let rest = rest();
    let regions: BTreeSet<_> = declared.chain([&rest]).collect();
    lines.extend(
        regions
            .iter()
            .map(|region| line("Region", region.as_str(), "")),
    );
    lines.extend(homes.iter().map(|home| line("Home", home.as_str(), "")));
    format!("[\n{}\n]\n", lines.join(",\n"))
}
