//! The rules, as the evaluator takes them: parsed, named, validated strictly against their schema.

use std::{collections::BTreeSet, str::FromStr};

use cedar_policy::{
    Authorizer, Context, Decision as Answer, Entities, EntityId, EntityTypeName, EntityUid,
    PolicyId, PolicySet, Request, Schema, ValidationMode, Validator,
};
use statement::{
    Blob, CountryCode, FileDigest, ResidencyPolicy, ShortName, Statement, StatementDigest, Subject,
};
use tlog::Origin;

use crate::{
    LANGUAGE,
    error::ResidencyError,
    limits::{ENTITIES_BYTES_MAX, RULES_MAX, SCHEMA_BYTES_MAX, TEXT_BYTES_MAX},
};

/// The three documents that a `policy` names by digest.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    /// The rules.
    pub text: &'a str,
    /// Their schema, in Cedar's own syntax.
    pub schema: &'a str,
    /// Countries, regions and homes, in Cedar's JSON.
    pub entities: &'a str,
}

/// What a policy says besides its documents.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Logs that it is for.
    pub audience: Vec<Origin>,
    /// Unix seconds after which it may not be included any more.
    pub not_after: u64,
    /// 1 for the first, then one more each time.
    pub version: u64,
    /// The version before.
    pub previous: Option<StatementDigest>,
    /// The declaration that it speaks of.
    pub declaration: StatementDigest,
}

impl Documents<'_> {
    /// The policy that names these documents, for [`crate::LANGUAGE`].
    pub fn policy(&self, terms: Terms) -> Statement {
        let digest = |document: &str| FileDigest::of(document.as_bytes());
        let [text, schema, entities] = [self.text, self.schema, self.entities].map(digest);
        let mut blobs = [self.text, self.schema, self.entities].map(|document| Blob {
            sha256: digest(document),
            bytes: document.len() as u64,
            public: true,
        });
        blobs.sort_by_key(|blob| blob.sha256);
        let subjects = [
            ("policy.cedar", text),
            ("policy.cedarschema", schema),
            ("entities.json", entities),
        ];
        let policy = ResidencyPolicy {
            audience: terms.audience,
            not_after: terms.not_after,
            blobs: blobs.to_vec(),
            version: terms.version,
            previous: terms.previous,
            declaration: terms.declaration,
            language: LANGUAGE.to_owned(),
            text,
            schema,
            entities,
        };
        let subjects = subjects.map(|(name, digest)| Subject::new(name, digest));
        Statement::new(subjects.to_vec(), policy)
    }

    /// Whether these are the documents that a policy names, and short enough to be read.
    ///
    /// # Errors
    /// [`ResidencyError::Language`], [`ResidencyError::TooLong`], [`ResidencyError::OtherDocument`].
    pub fn check(&self, policy: &ResidencyPolicy) -> Result<(), ResidencyError> {
        if policy.language != LANGUAGE {
            let language = policy.language.chars().take(80).collect();
            return Err(ResidencyError::Language { language });
        }
        let named = [
            ("text", self.text, policy.text),
            ("schema", self.schema, policy.schema),
            ("entities", self.entities, policy.entities),
        ];
        self.check_lengths()?;
        for (document, bytes, named) in named {
            let found = FileDigest::of(bytes.as_bytes());
            if found != named {
                return Err(ResidencyError::OtherDocument {
                    document,
                    found,
                    named,
                });
            }
        }
        Ok(())
    }

    fn check_lengths(&self) -> Result<(), ResidencyError> {
        let lengths = [
            ("text", self.text, TEXT_BYTES_MAX),
            ("schema", self.schema, SCHEMA_BYTES_MAX),
            ("entities", self.entities, ENTITIES_BYTES_MAX),
        ];
        let mut too_long = lengths.iter().filter(|(_, text, max)| text.len() > *max);
        too_long.next().map_or(Ok(()), |(document, text, max)| {
            Err(ResidencyError::TooLong {
                document,
                bytes: text.len(),
                bytes_max: *max,
            })
        })
    }
}

/// Rules that fit their schema, ready to be asked.
pub(crate) struct Rules {
    policies: PolicySet,
    schema: Schema,
    entities: Entities,
    authorizer: Authorizer,
}

/// What the rules say about one country and one home.
pub(crate) struct Verdict {
    pub(crate) permitted: bool,
    /// The rules that decided, ascending; the evaluator gives them in no order.
    pub(crate) rules: Vec<ShortName>,
}

fn unreadable<E>(document: &'static str) -> impl Fn(E) -> ResidencyError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| ResidencyError::Unreadable {
        document,
        source: Box::new(source),
    }
}

impl Rules {
    pub(crate) fn read(documents: &Documents<'_>) -> Result<Self, ResidencyError> {
        documents.check_lengths()?;
        let (schema, _) =
            Schema::from_cedarschema_str(documents.schema).map_err(unreadable("schema"))?;
        let policies = named(documents.text)?;
        let validated = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if let Some(first) = validated.validation_errors().map(ToString::to_string).min() {
            return Err(ResidencyError::Invalid { first });
        }
        let entities = Entities::from_json_str(documents.entities, Some(&schema))
            .map_err(unreadable("entities"))?;
        Ok(Self {
            policies,
            schema,
            entities,
            authorizer: Authorizer::new(),
        })
    }

    /// May a file of this country be kept in this home?
    pub(crate) fn ask(
        &self,
        country: &CountryCode,
        home: &CountryCode,
    ) -> Result<Verdict, ResidencyError> {
        let failed = |source| ResidencyError::Evaluation {
            country: country.clone(),
            home: home.clone(),
            source,
        };
        let request = Request::new(
            uid("Country", country.as_str()),
            uid("Action", "keep"),
            uid("Home", home.as_str()),
            Context::empty(),
            Some(&self.schema),
        )
        .map_err(|source| failed(source.into()))?;
        let response = self
            .authorizer
            .is_authorized(&request, &self.policies, &self.entities);
        let diagnostics = response.diagnostics();
        if let Some(error) = diagnostics.errors().map(ToString::to_string).min() {
            return Err(failed(error.into()));
        }
        let rules: BTreeSet<ShortName> = diagnostics
            .reason()
            .map(|id| id.to_string().parse().expect("rules were named when read"))
            .collect();
        Ok(Verdict {
            permitted: response.decision() == Answer::Allow,
            rules: rules.into_iter().collect(),
        })
    }
}

/// The rules under the names that they give themselves, because the evaluator calls them by their place.
fn named(text: &str) -> Result<PolicySet, ResidencyError> {
    let parsed = PolicySet::from_str(text).map_err(unreadable("text"))?;
    let count = parsed.policies().count();
    if !(1..=RULES_MAX).contains(&count) || parsed.templates().next().is_some() {
        return Err(ResidencyError::Count { count });
    }
    let mut policies = PolicySet::new();
    // `policy0`, `policy1`, ...: in the order of the text, so that the message names the right one.
    for position in 0..count {
        let id = PolicyId::new(format!("policy{position}"));
        let name = parsed.annotation(&id, "id").unwrap_or_default();
        let wrong = || ResidencyError::Name {
            position: position + 1,
            name: name.chars().take(80).collect(),
        };
        let policy = parsed.policy(&id).ok_or_else(wrong)?;
        name.parse::<ShortName>().map_err(|_| wrong())?;
        let policy = policy.new_id(PolicyId::new(name));
        policies.add(policy).map_err(|_| wrong())?;
    }
    Ok(policies)
}

/// One of our entities. The evaluator escapes nothing here, because these are not parsed.
fn uid(kind: &str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("our types have plain names");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}
