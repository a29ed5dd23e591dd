//! Why a policy decides nothing, in words for the people who wrote it and for those who wait for an answer.

use statement::{CountryCode, FileDigest, ShortName};

use crate::LANGUAGE;

/// What somebody else's parser or evaluator said.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub enum ResidencyError {
    /// A document is longer than any that is read.
    #[error("the {document} has {bytes} bytes; at most {bytes_max} are read")]
    TooLong {
        /// Which of the three.
        document: &'static str,
        /// Its bytes.
        bytes: usize,
        /// Allowed.
        bytes_max: usize,
    },
    /// Another document than the policy names.
    #[error("the {document} is {found}; the policy names {named}")]
    OtherDocument {
        /// Which of the three.
        document: &'static str,
        /// Computed.
        found: FileDigest,
        /// By the policy.
        named: FileDigest,
    },
    /// Another evaluator is asked for.
    #[error("the policy is in `{language}`; this program evaluates `{LANGUAGE}`")]
    Language {
        /// By the policy.
        language: String,
    },
    /// A document cannot be read.
    #[error("the {document} cannot be read")]
    Unreadable {
        /// Which of the three.
        document: &'static str,
        /// Where and why.
        #[source]
        source: Cause,
    },
    /// The rules do not fit the schema.
    #[error("the rules do not fit their schema: {first}")]
    Invalid {
        /// The first of what is wrong.
        first: String,
    },
    /// More rules than are evaluated, or none, or one that is a template.
    #[error("{count} rules stand in the policy; from 1 to {max} are evaluated, and no templates", max = crate::limits::RULES_MAX)]
    Count {
        /// How many.
        count: usize,
    },
    /// A rule without a name, or a name that two rules have.
    #[error(
        "rule {position} has the name `{name}`; each rule has one of its own, written @id(\"name\") with a-z, 0-9 and -"
    )]
    Name {
        /// Its place in the text, from 1.
        position: usize,
        /// What was found; empty for none.
        name: String,
    },
    /// An entity that says something that no entity of ours says.
    #[error("the entity {kind}::\"{id}\" is refused: {wrong}")]
    Entity {
        /// Its type.
        kind: String,
        /// Its id.
        id: String,
        /// What is wrong.
        wrong: &'static str,
    },
    /// A country in another region than the declaration says.
    #[error(
        "the entities put {country} into `{found}`; by the declaration it belongs into `{declared}`"
    )]
    OtherRegion {
        /// The country.
        country: CountryCode,
        /// By the entities; empty for none.
        found: String,
        /// By the declaration.
        declared: String,
    },
    /// Too many homes, or none.
    #[error("the entities name {count} homes; from 1 to {max} are asked about", max = crate::limits::HOMES_MAX)]
    Homes {
        /// How many.
        count: usize,
    },
    /// A home in a country where the declaration names no place.
    #[error("files may be kept in {home}, and the declaration names no facility there")]
    NoFacility {
        /// The home.
        home: CountryCode,
    },
    /// The declaration calls one of its regions what belongs to all others.
    #[error(
        "the declaration has a region `{}`; that is what everything else is called",
        crate::REST
    )]
    RestDeclared,
    /// The question could not be asked, or evaluating a rule failed. A failed rule permits nothing.
    #[error("may a file of {country} be kept in {home}: the rules gave no answer")]
    Evaluation {
        /// The country.
        country: CountryCode,
        /// The home.
        home: CountryCode,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// A country that has no home.
    #[error("no rule permits a home for files of {country}")]
    NoHome {
        /// The country.
        country: CountryCode,
    },
    /// A country with two homes: where its files go would be a matter of chance.
    #[error("files of {country} may be kept in {first} and in {second}; a country has one home")]
    TwoHomes {
        /// The country.
        country: CountryCode,
        /// One of them.
        first: CountryCode,
        /// Another one.
        second: CountryCode,
    },
    /// Two rules for one way, so that neither can be removed to close it.
    #[error(
        "files of {country} are kept in {home} by two rules, `{first}` and `{second}`; one decides"
    )]
    TwoRules {
        /// The country.
        country: CountryCode,
        /// The home.
        home: CountryCode,
        /// One of them.
        first: ShortName,
        /// Another one.
        second: ShortName,
    },
    /// Not a country that ISO 3166-1 has assigned a code to.
    #[error("`{country}` is no country of ISO 3166-1")]
    NoCountry {
        /// What was asked.
        country: CountryCode,
    },
}

impl ResidencyError {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "residency.too_long",
            Self::OtherDocument { .. } => "residency.document",
            Self::Language { .. } => "residency.language",
            Self::Unreadable { .. } => "residency.unreadable",
            Self::Invalid { .. } => "residency.invalid",
            Self::Count { .. } => "residency.rules",
            Self::Name { .. } => "residency.rule_name",
            Self::Entity { .. } => "residency.entity",
            Self::OtherRegion { .. } => "residency.region",
            Self::Homes { .. } => "residency.homes",
            Self::NoFacility { .. } => "residency.facility",
            Self::RestDeclared => "residency.rest",
            Self::Evaluation { .. } => "residency.evaluation",
            Self::NoHome { .. } => "residency.no_home",
            Self::TwoHomes { .. } => "residency.two_homes",
            Self::TwoRules { .. } => "residency.two_rules",
            Self::NoCountry { .. } => "residency.country",
        }
    }
}
