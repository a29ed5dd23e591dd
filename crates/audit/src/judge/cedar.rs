//! Where a policy sends every country, evaluated a second time: Cedar's own evaluator, asked by other code than endpoints use.
//!
//! The homes are those that the entities name; the regions are those of the declaration, and entities that say something else
//! are refused. So what is computed here rests on what was logged and on nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request, Schema, ValidationMode, Validator,
};
use statement::{CountryCode, Declaration, ShortName};

use super::types::Documents;
use crate::limits::{POLICY_HOMES_MAX, POLICY_RULES_MAX};

/// The evaluator that is linked here, as a policy names it. Another one may decide otherwise.
pub(super) const LANGUAGE: &str = "cedar 4.14.1";

/// The region of every country that the declaration puts into none.
const REST: &str = "rest";

/// Country to region and home.
pub(super) type Homes = BTreeMap<CountryCode, (String, CountryCode)>;

/// What the rules of one policy are asked with.
struct World {
    rules: PolicySet,
    schema: Schema,
    entities: Entities,
    homes: BTreeSet<CountryCode>,
}

/// Sends every country of the world somewhere, or says why that cannot be told.
pub(super) fn homes(declared: &Declaration, documents: Documents<'_>) -> Result<Homes, String> {
    let world = World::read(documents)?;
    let placed = |home: &&CountryCode| !declared.facilities.iter().any(|at| at.country == **home);
    if let Some(home) = world.homes.iter().find(placed) {
        return Err(format!("no facility is declared in its home {home}"));
    }
    CountryCode::assigned()
        .map(|country| {
            let region = declared.region_of(&country);
            let region = region.map_or_else(|| REST.to_owned(), ToString::to_string);
            let home = world.home_of(&country, &region)?;
            Ok((country, (region, home)))
        })
        .collect()
}

impl World {
    fn read(documents: Documents<'_>) -> Result<Self, String> {
        let text = |name: &str, bytes| {
            std::str::from_utf8(bytes).map_err(|error| format!("its {name} is no text: {error}"))
        };
        let unreadable = |name: &'static str| {
            move |error: &dyn std::fmt::Display| format!("its {name} cannot be read: {error}")
        };
        let (schema, _) = Schema::from_cedarschema_str(text("schema", documents.schema)?)
            .map_err(|error| unreadable("schema")(&error))?;
        let rules = PolicySet::from_str(text("rules", documents.text)?)
            .map_err(|error| unreadable("rules")(&error))?;
        in_bounds("rules", rules.policies().count(), POLICY_RULES_MAX)?;
        check_names(&rules)?;
        let checked = Validator::new(schema.clone()).validate(&rules, ValidationMode::Strict);
        if let Some(error) = checked.validation_errors().map(ToString::to_string).min() {
            return Err(format!("its rules do not fit their schema: {error}"));
        }
        let entities = text("entities", documents.entities)?;
        let entities = Entities::from_json_str(entities, Some(&schema))
            .map_err(|error| unreadable("entities")(&error))?;
        let named = entities.iter().map(cedar_policy::Entity::uid);
        let homes: BTreeSet<_> = named
            .filter(|uid| uid.type_name().basename() == "Home")
            .map(|uid| uid.id().unescaped().parse::<CountryCode>())
            .collect::<Result<_, _>>()
            .map_err(|_| "one of its homes is no country".to_owned())?;
        in_bounds("homes", homes.len(), POLICY_HOMES_MAX)?;
        Ok(Self {
            rules,
            schema,
            entities,
            homes,
        })
    }

    /// The one home of a country in a region.
    fn home_of(&self, country: &CountryCode, region: &str) -> Result<CountryCode, String> {
        let principal = uid("Country", country.as_str());
        let above = self.entities.ancestors(&principal);
        let above: Vec<_> = above.into_iter().flatten().collect();
        if above != [&uid("Region", region)] {
            return Err(format!(
                "its entities do not put {country} into {region}, as the declaration does"
            ));
        }
        let mut permitted = Vec::new();
        for home in &self.homes {
            if self.may_keep(country, home)? {
                permitted.push(home);
            }
        }
        match permitted[..] {
            [home] => Ok(home.clone()),
            [] => Err(format!("it gives {country} no home")),
            [first, second, ..] => Err(format!("it gives {country} both {first} and {second}")),
        }
    }

    fn may_keep(&self, country: &CountryCode, home: &CountryCode) -> Result<bool, String> {
        let failed = |why: String| format!("it does not decide on {country} and {home}: {why}");
        let asked = Request::new(
            uid("Country", country.as_str()),
            uid("Action", "keep"),
            uid("Home", home.as_str()),
            Context::empty(),
            Some(&self.schema),
        );
        let asked = asked.map_err(|error| failed(error.to_string()))?;
        let answer = Authorizer::new().is_authorized(&asked, &self.rules, &self.entities);
        if let Some(error) = answer.diagnostics().errors().map(ToString::to_string).min() {
            return Err(failed(error));
        }
        let permits = answer.decision() == Decision::Allow;
        if permits && answer.diagnostics().reason().count() != 1 {
            return Err(failed("more than one rule permits it".to_owned()));
        }
        Ok(permits)
    }
}

/// Whoever speaks of a rule means one: each has a name of its own.
fn check_names(rules: &PolicySet) -> Result<(), String> {
    if rules.templates().next().is_some() {
        return Err("it has templates, which decide nothing by themselves".to_owned());
    }
    let mut names = BTreeSet::new();
    for rule in rules.policies() {
        let name = rule.annotation("id").unwrap_or_default();
        let name: ShortName = name
            .parse()
            .map_err(|_| format!("`{name}` is no name of a rule"))?;
        if let Some(twice) = names.replace(name) {
            return Err(format!("two of its rules are called `{twice}`"));
        }
    }
    Ok(())
}

fn in_bounds(what: &str, count: usize, max: usize) -> Result<(), String> {
    if (1..=max).contains(&count) {
        return Ok(());
    }
    Err(format!("it has {count} {what}; 1 to {max} are allowed"))
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("a plain name");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}
