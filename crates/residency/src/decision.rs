//! A policy that was asked about every country of the world, and its answers.

use std::collections::BTreeMap;

use serde::Serialize;
use statement::{CountryCode, Declaration, RegionName, ResidencyPolicy, ShortName};

use crate::{
    entities::{self, World},
    error::ResidencyError,
    rules::{Documents, Rules, Verdict},
};

/// One question to the rules, and their answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// May it be kept here?
    pub home: CountryCode,
    /// The answer.
    pub permitted: bool,
    /// The rules that decided; none when no rule permits it.
    pub rules: Vec<ShortName>,
}

/// Where the files of one country go, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The country. It stays with its owner; samples name the region only.
    pub country: CountryCode,
    /// Its region.
    pub region: RegionName,
    /// The one home.
    pub home: CountryCode,
    /// The one rule that says so.
    pub rule: ShortName,
    /// Every home that was asked about.
    pub asked: Vec<Asked>,
}

/// A country that another policy sends elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The country.
    pub country: CountryCode,
    /// By the one.
    pub from: CountryCode,
    /// By the other.
    pub to: CountryCode,
}

/// A policy under which every country has exactly one home, by exactly one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residency {
    decisions: BTreeMap<CountryCode, Decision>,
}

impl Residency {
    /// Opens the documents of a policy and asks about every country. That policy and declaration are in force, and that
    /// the policy names this declaration, is for the caller to know (`law`).
    ///
    /// # Errors
    /// [`ResidencyError`]: the documents are not those that the policy names, cannot be read, do not agree with the
    /// declaration, or leave a country without one home.
    pub fn open(
        policy: &ResidencyPolicy,
        declaration: &Declaration,
        documents: &Documents<'_>,
    ) -> Result<Self, ResidencyError> {
        documents.check(policy)?;
        Self::draft(declaration, documents)
    }

    /// The same before there is a statement that names the documents: for whoever writes them.
    ///
    /// # Errors
    /// As for [`Residency::open`].
    pub fn draft(
        declaration: &Declaration,
        documents: &Documents<'_>,
    ) -> Result<Self, ResidencyError> {
        let rules = Rules::read(documents)?;
        let World { regions, homes } = entities::read(documents.entities, declaration)?;
        let mut decisions = BTreeMap::new();
        for (country, region) in regions {
            let decision = decide(&rules, &country, region, &homes)?;
            decisions.insert(country, decision);
        }
        Ok(Self { decisions })
    }

    /// Where files of a country go.
    ///
    /// # Errors
    /// [`ResidencyError::NoCountry`].
    pub fn decide(&self, country: &CountryCode) -> Result<&Decision, ResidencyError> {
        let found = self.decisions.get(country);
        found.ok_or_else(|| ResidencyError::NoCountry {
            country: country.clone(),
        })
    }

    /// Every decision, ascending by country.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.values()
    }

    /// The countries whose files a later policy sends elsewhere. A policy cannot be widened without this list getting longer.
    #[must_use]
    pub fn moved_by(&self, later: &Self) -> Vec<Moved> {
        let pairs = self.decisions.iter();
        let moved = pairs.filter_map(|(country, from)| {
            let to = later.decisions.get(country)?;
            (to.home != from.home).then(|| Moved {
                country: country.clone(),
                from: from.home.clone(),
                to: to.home.clone(),
            })
        });
        moved.collect()
    }
}

fn decide(
    rules: &Rules,
    country: &CountryCode,
    region: RegionName,
    homes: &[CountryCode],
) -> Result<Decision, ResidencyError> {
    let mut asked = Vec::with_capacity(homes.len());
    let mut chosen: Option<(CountryCode, ShortName)> = None;
    for home in homes {
        let Verdict { permitted, rules } = rules.ask(country, home)?;
        if permitted {
            let rule = one_rule(country, home, &rules)?;
            if let Some((first, _)) = chosen {
                return Err(ResidencyError::TwoHomes {
                    country: country.clone(),
                    first,
                    second: home.clone(),
                });
            }
            chosen = Some((home.clone(), rule));
        }
        asked.push(Asked {
            home: home.clone(),
            permitted,
            rules,
        });
    }
    let (home, rule) = chosen.ok_or_else(|| ResidencyError::NoHome {
        country: country.clone(),
    })?;
    Ok(Decision {
        country: country.clone(),
        region,
        home,
        rule,
        asked,
    })
}

fn one_rule(
    country: &CountryCode,
    home: &CountryCode,
    rules: &[ShortName],
) -> Result<ShortName, ResidencyError> {
    match rules {
        [rule] => Ok(rule.clone()),
        [first, second, ..] => Err(ResidencyError::TwoRules {
            country: country.clone(),
            home: home.clone(),
            first: first.clone(),
            second: second.clone(),
        }),
        [] => Err(ResidencyError::NoHome {
            country: country.clone(),
        }),
    }
}
