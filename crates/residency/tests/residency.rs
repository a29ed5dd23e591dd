//! Where files go: the policy that was announced, with one thing changed at a time.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use residency::{Documents, LANGUAGE, Residency, ResidencyError, Terms, entities};
use statement::{CountryCode, Declaration, Predicate, ResidencyPolicy, StatementDigest};

const DECLARATION: &str = include_str!("../../../examples/residency/declaration.json");
const TEXT: &str = include_str!("../../../examples/residency/policy.cedar");
const SCHEMA: &str = include_str!("../../../examples/residency/policy.cedarschema");
const ENTITIES: &str = include_str!("../../../examples/residency/entities.json");

/// Declaration and documents of the example; a test changes one of them.
#[derive(Clone)]
struct Example {
    declaration: Declaration,
    text: String,
    schema: String,
    entities: String,
}

fn country(code: &str) -> CountryCode {
    code.parse().unwrap()
}

fn homes() -> BTreeSet<CountryCode> {
    BTreeSet::from([country("CH"), country("RU")])
}

impl Example {
    fn new() -> Self {
        #[derive(serde::Deserialize)]
        struct Listed {
            regions: Vec<statement::Region>,
            facilities: Vec<statement::Facility>,
            promises: Vec<statement::Promise>,
        }
        let listed: Listed = serde_json::from_str(DECLARATION).unwrap();
        let declaration = Declaration {
            audience: Vec::new(),
            not_after: 0,
            blobs: Vec::new(),
            version: 1,
            previous: None,
            regions: listed.regions,
            facilities: listed.facilities,
            promises: listed.promises,
        };
        Self {
            declaration,
            text: TEXT.to_owned(),
            schema: SCHEMA.to_owned(),
            entities: ENTITIES.to_owned(),
        }
    }

    fn documents(&self) -> Documents<'_> {
        Documents {
            text: &self.text,
            schema: &self.schema,
            entities: &self.entities,
        }
    }

    fn draft(&self) -> Result<Residency, ResidencyError> {
        Residency::draft(&self.declaration, &self.documents())
    }

    fn policy(&self) -> ResidencyPolicy {
        let said = self.documents().policy(Terms {
            audience: Vec::new(),
            not_after: 0,
            version: 1,
            previous: None,
            declaration: StatementDigest::of(b"declaration"),
        });
        match said.predicate {
            Predicate::Policy(policy) => policy,
            other => panic!("{other:?}"),
        }
    }

    /// With entities that belong to the declaration as it is now.
    fn with_its_entities(mut self) -> Self {
        self.entities = entities(&self.declaration, &homes());
        self
    }
}

/// The example with one change is refused with this code.
macro_rules! refused {
    ($code:literal, |$example:ident| $change:expr) => {{
        let mut $example = Example::new();
        $change;
        let error = $example.draft().unwrap_err();
        assert_eq!(error.code(), $code, "{error}");
        error
    }};
}

fn home_of(residency: &Residency, code: &str) -> String {
    let decision = residency.decide(&country(code)).unwrap();
    format!("{} {} {}", decision.home, decision.region, decision.rule)
}

#[test]
fn what_was_announced_is_what_is_decided() {
    let residency = Example::new().draft().unwrap();
    for (code, expected) in [
        ("DE", "CH europe europe-to-zurich"),
        ("CH", "CH europe europe-to-zurich"),
        ("US", "CH north-america north-america-to-zurich"),
        ("CA", "CH north-america north-america-to-zurich"),
        ("JP", "CH asia-pacific asia-pacific-to-zurich"),
        ("KR", "CH asia-pacific asia-pacific-to-zurich"),
        ("AU", "CH asia-pacific asia-pacific-to-zurich"),
        ("SG", "CH asia-pacific asia-pacific-to-zurich"),
        ("BR", "RU rest rest-to-moscow"),
        ("RU", "RU rest rest-to-moscow"),
        ("MX", "RU rest rest-to-moscow"),
    ] {
        assert_eq!(home_of(&residency, code), expected, "{code}");
    }
}

#[test]
fn every_assigned_country_is_decided_by_exactly_one_rule() {
    let residency = Example::new().draft().unwrap();
    let decided: Vec<_> = residency.decisions().map(|d| d.country.clone()).collect();
    assert_eq!(decided, CountryCode::assigned().collect::<Vec<_>>());
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for decision in residency.decisions() {
        let permitted: Vec<_> = decision
            .asked
            .iter()
            .filter(|asked| asked.permitted)
            .collect();
        assert_eq!(permitted.len(), 1, "{}", decision.country);
        assert_eq!(permitted[0].rules, std::slice::from_ref(&decision.rule));
        assert_eq!(decision.asked.len(), 2);
        *counted.entry(decision.rule.to_string()).or_default() += 1;
    }
    let listed: usize = Example::new()
        .declaration
        .regions
        .iter()
        .map(|r| r.countries.len())
        .sum();
    let rest = CountryCode::assigned().count() - listed;
    assert_eq!(counted["rest-to-moscow"], rest);
    assert_eq!(counted.len(), 4);
}

#[test]
fn a_decision_is_the_same_whenever_it_is_made_again() {
    let first = Example::new().draft().unwrap();
    for _ in 0..5 {
        assert_eq!(Example::new().draft().unwrap(), first);
    }
}

#[test]
fn the_entities_of_the_example_are_those_of_its_declaration() {
    assert_eq!(ENTITIES, entities(&Example::new().declaration, &homes()));
}

#[test]
fn a_country_that_leaves_its_region_goes_to_the_rest_and_is_listed_as_moved() {
    let before = Example::new().draft().unwrap();
    let mut example = Example::new();
    let europe = &mut example.declaration.regions[1].countries;
    europe.retain(|code| code.as_str() != "DE");
    let after = example.with_its_entities().draft().unwrap();
    assert_eq!(home_of(&after, "DE"), "RU rest rest-to-moscow");
    let moved = before.moved_by(&after);
    assert_eq!(moved.len(), 1);
    let names = [&moved[0].country, &moved[0].from, &moved[0].to].map(|code| code.as_str());
    assert_eq!(names, ["DE", "CH", "RU"]);
    assert!(before.moved_by(&before).is_empty());
}

#[test]
fn a_policy_that_permits_two_homes_is_refused_by_the_name_of_the_country() {
    let error = refused!("residency.two_homes", |it| {
        it.text.push_str(
        "@id(\"also\") permit (principal == Country::\"DE\", action == Action::\"keep\", resource == Home::\"RU\");"
    )
    });
    let told = error.to_string();
    assert!(
        ["DE", "CH", "RU"].iter().all(|code| told.contains(code)),
        "{told}"
    );
}

#[test]
fn a_country_without_a_home_or_with_two_rules_is_refused() {
    refused!("residency.no_home", |it| it.text = it
        .text
        .replace("Region::\"rest\"", "Region::\"europe\"")
        .replace(
            "resource == Home::\"RU\"",
            "resource == Home::\"RU\"\n) when { false"
        )
        .replace("{ false\n);", "{ false };"));
    refused!("residency.no_home", |it| {
        it.text.push_str(
        "@id(\"not-there\") forbid (principal == Country::\"DE\", action == Action::\"keep\", resource);"
    )
    });
    refused!("residency.two_rules", |it| {
        it.text.push_str(
        "@id(\"again\") permit (principal in Region::\"europe\", action == Action::\"keep\", resource == Home::\"CH\");"
    )
    });
}

#[test]
fn rules_are_named_and_fit_their_schema() {
    refused!("residency.rule_name", |it| it.text =
        it.text.replace("@id(\"europe-to-zurich\")", ""));
    refused!("residency.rule_name", |it| it.text = it
        .text
        .replace("@id(\"europe-to-zurich\")", "@id(\"rest-to-moscow\")"));
    refused!("residency.rule_name", |it| it.text = it.text.replace(
        "@id(\"europe-to-zurich\")",
        "@id(\"Europe to Zurich\")"
    ));
    refused!("residency.invalid", |it| it.text =
        it.text.replace("Region::", "Continent::"));
    refused!("residency.invalid", |it| it.text =
        it.text.replace("Action::\"keep\"", "Action::\"copy\""));
    // A rule that looks at more than the region.
    refused!("residency.invalid", |it| {
        it.text.push_str(
        "@id(\"large\") forbid (principal, action == Action::\"keep\", resource) when { principal.size > 3 };"
    )
    });
    refused!("residency.unreadable", |it| it.text.push_str("permit ("));
    refused!("residency.unreadable", |it| it.schema.push_str("entity"));
    refused!("residency.rules", |it| it.text.clear());
    refused!("residency.rules", |it| it.text.push_str(
        "@id(\"slot\") permit (principal == ?principal, action == Action::\"keep\", resource);"
    ));
}

#[test]
fn the_entities_say_what_the_declaration_says() {
    refused!("residency.region", |it| {
        it.entities = it.entities.replacen(
        r#"{"uid":{"type":"Country","id":"BR"},"attrs":{},"parents":[{"type":"Region","id":"rest"}]}"#,
        r#"{"uid":{"type":"Country","id":"BR"},"attrs":{},"parents":[{"type":"Region","id":"europe"}]}"#, 1)
    });
    refused!("residency.region", |it| {
        it.entities = it.entities.replacen(
        "{\"uid\":{\"type\":\"Country\",\"id\":\"BR\"},\"attrs\":{},\"parents\":[{\"type\":\"Region\",\"id\":\"rest\"}]},\n", "", 1)
    });
    refused!("residency.facility", |it| it.declaration.facilities.clear());
    refused!("residency.rest", |it| it.declaration.regions[0].name =
        "rest".parse().unwrap());
    refused!("residency.unreadable", |it| it.entities = it
        .entities
        .replacen("\"attrs\":{}", "\"attrs\":{\"a\":1}", 1));
    refused!("residency.entity", |it| it.entities =
        it.entities.replacen("\"id\":\"BR\"", "\"id\":\"XX\"", 1));
    refused!("residency.homes", |it| it.entities =
        entities(&it.declaration, &BTreeSet::new()));
    refused!("residency.unreadable", |it| it.entities = "[]]".to_owned());
    refused!("residency.region", |it| {
        it.entities =
            "[{\"uid\":{\"type\":\"Home\",\"id\":\"CH\"},\"attrs\":{},\"parents\":[]}]".to_owned()
    });
}

#[test]
fn documents_are_those_that_the_policy_names() {
    let example = Example::new();
    let open = |policy: &ResidencyPolicy, documents: &Documents<'_>| {
        Residency::open(policy, &example.declaration, documents)
    };
    let policy = example.policy();
    open(&policy, &example.documents()).unwrap();
    let mut widened = example.clone();
    widened.text = widened.text.replace("Home::\"RU\"", "Home::\"CH\"");
    let error = open(&policy, &widened.documents()).unwrap_err();
    assert_eq!(error.code(), "residency.document");
    let mut other = policy.clone();
    other.language = "cedar 3.0.0".to_owned();
    assert_eq!(
        open(&other, &example.documents()).unwrap_err().code(),
        "residency.language"
    );
}

#[test]
fn every_document_has_a_bound() {
    refused!("residency.too_long", |it| it
        .text
        .push_str(&" ".repeat(64 * 1024)));
    refused!("residency.too_long", |it| it
        .schema
        .push_str(&" ".repeat(16 * 1024)));
    refused!("residency.too_long", |it| it
        .entities
        .push_str(&" ".repeat(256 * 1024)));
    let rule = |n: usize| {
        format!(
            "@id(\"r{n}\") forbid (principal, action == Action::\"keep\", resource) when {{ false }};\n"
        )
    };
    refused!("residency.rules", |it| it.text.extend((0..61).map(rule)));
}

#[test]
fn a_code_that_is_no_country_is_not_decided() {
    let residency = Example::new().draft().unwrap();
    let error = residency.decide(&country("XX")).unwrap_err();
    assert_eq!(error.code(), "residency.country");
}

#[test]
fn the_evaluator_is_the_one_that_is_named() {
    let version = cedar_policy::get_sdk_version();
    assert_eq!(LANGUAGE, format!("cedar {version}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_document_makes_it_panic(text in ".{0,200}", schema in ".{0,200}", list in ".{0,200}") {
        let example = Example::new();
        for documents in [
            Documents { text: &text, ..example.documents() },
            Documents { schema: &schema, ..example.documents() },
            Documents { entities: &list, ..example.documents() },
        ] {
            let _ = Residency::draft(&example.declaration, &documents);
        }
    }
}
