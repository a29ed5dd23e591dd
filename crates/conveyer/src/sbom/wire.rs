//! The text of an SBOM: CycloneDX 1.6 as JSON, with the fields we write and no others.

use serde::{Deserialize, Serialize};
use statement::{from_canonical, to_canonical};
use tlog::Hash;

use super::fault::{SbomFault, check_amount};
use super::limits::SBOM_BYTES_MAX;

const FORMAT: &str = "CycloneDX";
const SPEC_VERSION: &str = "1.6";
/// First line of what the serial number is the digest of.
const SERIAL_DOMAIN: &[u8] = b"limpid-sbom 1\n";

/// The list of what is in one artifact and what it was built with. Made by [`super::of`] or read by
/// [`Sbom::parse`]; one content has exactly one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom(pub(super) Wire);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Wire {
    pub(super) bom_format: String,
    pub(super) components: Vec<Component>,
    pub(super) compositions: Vec<Composition>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) formulation: Vec<Formula>,
    pub(super) metadata: Metadata,
    pub(super) serial_number: String,
    pub(super) spec_version: String,
    pub(super) version: u64,
}

/// How much of the contents is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Composition {
    pub(super) aggregate: String,
    pub(super) assemblies: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Dependency {
    pub(super) depends_on: Vec<String>,
    #[serde(rename = "ref")]
    pub(super) of: String,
}

/// What something was built with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Formula {
    #[serde(rename = "bom-ref")]
    pub(super) id: String,
    pub(super) components: Vec<Component>,
    pub(super) properties: Vec<Property>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) component: Component,
    pub(super) properties: Vec<Property>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    #[serde(rename = "bom-ref")]
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<Licence>,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Scope>,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Application,
    Data,
    File,
    Library,
}

/// Whether a component is in the artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    /// Linked in, or it cannot be ruled out.
    Required,
    /// Ran while building.
    Excluded,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digest {
    pub(super) alg: String,
    pub(super) content: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Licence {
    /// SPDX.
    Expression { expression: String },
    /// Whatever else the author wrote.
    Named { license: LicenceName },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LicenceName {
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
}

impl Component {
    pub(super) fn new(id: impl Into<String>, kind: Kind, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            hashes: Vec::new(),
            licenses: Vec::new(),
            name: name.into(),
            properties: Vec::new(),
            purl: None,
            scope: None,
            kind,
            version: None,
        }
    }

    pub(super) fn with_sha256(mut self, digest: Option<Hash>) -> Self {
        self.hashes = digest.into_iter().map(|digest| sha256(&digest)).collect();
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.properties.push(property(name, value));
        self
    }

    /// The value of one of our properties.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        let name = format!("limpid:{name}");
        let mut all = self.properties.iter();
        all.find(|property| property.name == name)
            .map(|property| property.value.as_str())
    }
}

/// A property under our prefix.
pub(super) fn property(name: &str, value: impl Into<String>) -> Property {
    Property {
        name: format!("limpid:{name}"),
        value: value.into(),
    }
}

fn sha256(digest: &Hash) -> Digest {
    Digest {
        alg: "SHA-256".to_owned(),
        content: digest.to_hex(),
    }
}

impl Sbom {
    /// Sorts, and fills in what follows from the rest.
    pub(super) fn finish(mut wire: Wire) -> Self {
        let by_id = |a: &Component, b: &Component| a.id.cmp(&b.id);
        wire.components.sort_by(by_id);
        for formula in &mut wire.formulation {
            formula.components.sort_by(by_id);
        }
        wire.dependencies.sort_by(|a, b| a.of.cmp(&b.of));
        for dependency in &mut wire.dependencies {
            dependency.depends_on.sort();
            dependency.depends_on.dedup();
        }
        FORMAT.clone_into(&mut wire.bom_format);
        SPEC_VERSION.clone_into(&mut wire.spec_version);
        wire.version = 1;
        wire.serial_number = serial(&wire);
        Self(wire)
    }

    /// Reads an SBOM of ours, strictly: the text must be the one form of what it says.
    ///
    /// # Errors
    /// [`SbomFault::Form`], or [`SbomFault::Field`] naming the first field that is off.
    pub fn parse(bytes: &[u8]) -> Result<Self, SbomFault> {
        check_amount("the SBOM in bytes", bytes.len(), SBOM_BYTES_MAX)?;
        let wire: Wire = from_canonical(bytes)?;
        let found = Self(wire);
        let again = Self::finish(found.0.clone());
        let checks = [
            (
                "bomFormat",
                &found.0.bom_format,
                &again.0.bom_format,
                FORMAT,
            ),
            (
                "specVersion",
                &found.0.spec_version,
                &again.0.spec_version,
                SPEC_VERSION,
            ),
            (
                "serialNumber",
                &found.0.serial_number,
                &again.0.serial_number,
                "the number that follows from everything else; something was changed, or is not in order",
            ),
        ];
        for (field, has, wanted, want) in checks {
            if has != wanted {
                return Err(off(field, has, want));
            }
        }
        found.check_ids()?;
        if found != again {
            let want = "version 1, components by bom-ref and dependencies by ref, ascending";
            return Err(off("components, dependencies, version", "", want));
        }
        Ok(found)
    }

    /// The text: canonical JSON (RFC 8785).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_canonical(&self.0).expect("texts, lists and one number are JSON")
    }

    /// `urn:uuid:` and a number that follows from everything else in it.
    #[must_use]
    pub fn serial_number(&self) -> &str {
        &self.0.serial_number
    }

    /// How many components are listed as contents, and how many as means of building.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let inputs = self
            .0
            .formulation
            .iter()
            .map(|formula| formula.components.len());
        (self.0.components.len(), inputs.sum())
    }

    /// What the list of contents rests on.
    #[must_use]
    pub fn evidence(&self) -> &str {
        let all = &self.0.metadata.properties;
        all.iter()
            .find(|property| property.name == "limpid:evidence")
            .map_or("", |property| &property.value)
    }

    /// Every id once, every reference to one that is there.
    fn check_ids(&self) -> Result<(), SbomFault> {
        let wire = &self.0;
        let inputs = wire
            .formulation
            .iter()
            .flat_map(|formula| &formula.components);
        let mut ids: Vec<&str> = std::iter::once(&wire.metadata.component)
            .chain(&wire.components)
            .chain(inputs)
            .map(|component| component.id.as_str())
            .chain(wire.formulation.iter().map(|formula| formula.id.as_str()))
            .collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(off("bom-ref", pair[0], "another one for each component"));
        }
        let named = wire
            .dependencies
            .iter()
            .flat_map(|dependency| std::iter::once(&dependency.of).chain(&dependency.depends_on));
        for id in named {
            if ids.binary_search(&id.as_str()).is_err() {
                return Err(off("dependencies", id, "the bom-ref of a component"));
            }
        }
        Ok(())
    }
}

fn off(field: &'static str, value: &str, want: &'static str) -> SbomFault {
    SbomFault::Field {
        field,
        value: value.chars().take(200).collect(),
        want,
    }
}

/// RFC 9562 version 8: 122 bits of the digest of everything else.
fn serial(wire: &Wire) -> String {
    let mut rest = wire.clone();
    rest.serial_number.clear();
    let mut text = SERIAL_DOMAIN.to_vec();
    text.extend(to_canonical(&rest).expect("texts, lists and one number are JSON"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&tlog::sha256(&text).as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    format!("urn:uuid:{}", parts.join("-"))
}
