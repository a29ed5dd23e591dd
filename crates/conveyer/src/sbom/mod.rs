//! The bill of materials of one artifact: what is in it, and what it was built with. The form is `spec/sbom.md`:
//! CycloneDX 1.6 as canonical JSON, a pure function of what went into the build.
//!
//! ```json
//! {"bom-ref":"pkg:cargo/hex@0.4.3","hashes":[{"alg":"SHA-256","content":"7f24..."}],
//!  "licenses":[{"expression":"MIT OR Apache-2.0"}],"name":"hex","scope":"required", ...}
//! ```
//!
//! Three kinds of evidence, best first, and the SBOM says which it has: cargo's own messages about the build, the
//! graph cargo resolved for the target, `Cargo.lock` alone. Without any (a program in C) it lists source and
//! environment, and says that the rest is unknown.
//!
//! In scope: making, reading and comparing. Out of scope: running cargo (the build), signing (the provenance names the
//! SBOM's digest), and whether a component is any good.

mod built;
mod cargo_lock;
mod crates;
mod diff;
mod fault;
mod inputs;
mod limits;
mod listing;
mod order;
mod purl;
mod wire;

use tlog::Hash;

use crate::lock::Lock;
use crates::{Crates, Evidence};
use wire::{Component, Composition, Dependency, Formula, Kind, Metadata, Scope, Wire, property};

pub(crate) use built::Finishing;
pub use diff::{SbomChange, SbomDiff, SbomField, SbomItem, SbomPart};
pub use fault::SbomFault;
pub use order::SbomOrder;
pub use wire::Sbom;

/// What cargo says about a build, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct CargoFacts<'a> {
    /// `Cargo.lock` of the source.
    pub lock: &'a [u8],
    /// All that `cargo build --message-format=json` printed, from a build that succeeded (one with nothing left to
    /// do prints the same).
    pub messages: Option<&'a [u8]>,
    /// What `cargo metadata --format-version 1 --filter-platform TARGET` printed. Only it knows licences, and which
    /// crates only build scripts need.
    pub metadata: Option<&'a [u8]>,
}

/// Everything an SBOM follows from.
#[derive(Clone, Copy, Debug)]
pub struct SbomInput<'a> {
    /// Product, as in the recipe.
    pub product: &'a str,
    /// Its version.
    pub version: &'a str,
    /// File name under which the artifact is released.
    pub artifact_name: &'a str,
    /// File name under which the build leaves it.
    pub artifact_file: &'a str,
    /// SHA-256 of the artifact, if it was built.
    pub artifact: Option<Hash>,
    /// SHA-256 of the source archive.
    pub archive: Hash,
    /// Digest of the source tree.
    pub tree: Hash,
    /// SHA-256 of the recipe.
    pub recipe: Hash,
    /// Seconds since 1970 to be said as the time of the SBOM: the recipe's `source_date_epoch`.
    pub source_date_epoch: u64,
    /// What it is or would be built in.
    pub environment: &'a Lock,
    /// What cargo says; none for a program that cargo does not build.
    pub cargo: Option<CargoFacts<'a>>,
}

/// Makes the SBOM of one artifact. Pure: the same input gives the same bytes.
///
/// # Errors
/// [`SbomFault`] for what cargo never writes, and for listings that contradict the lock.
pub fn of(input: &SbomInput<'_>) -> Result<Sbom, SbomFault> {
    let crates = match &input.cargo {
        Some(facts) => crates::of(facts, input.product, input.artifact_file)?,
        None => Crates {
            components: Vec::new(),
            dependencies: Vec::new(),
            roots: Vec::new(),
            evidence: Evidence::Nothing,
        },
    };
    let mut components = crates.components;
    components.push(source(input));
    let mut made_from = crates.roots;
    made_from.push("source".to_owned());
    if input.cargo.is_some()
        && let Some(std) = inputs::std_of(input.environment)
    {
        made_from.push(std.id.clone());
        components.push(std);
    }
    let mut dependencies = crates.dependencies;
    dependencies.push(Dependency {
        of: "artifact".to_owned(),
        depends_on: made_from,
    });
    let aggregate = match crates.evidence {
        Evidence::Built | Evidence::Resolved => "incomplete",
        Evidence::Locked | Evidence::Nothing => "unknown",
    };
    Ok(Sbom::finish(Wire {
        components,
        compositions: vec![Composition {
            aggregate: aggregate.to_owned(),
            assemblies: vec!["artifact".to_owned()],
        }],
        dependencies,
        formulation: vec![Formula {
            id: "environment".to_owned(),
            components: inputs::of(input.environment),
            properties: vec![
                property("lock-sha256", input.environment.digest().to_hex()),
                property("name", input.environment.name()),
                property("tree-sha256", input.environment.tree_digest().to_hex()),
            ],
        }],
        metadata: metadata(input, crates.evidence),
        bom_format: String::new(),
        serial_number: String::new(),
        spec_version: String::new(),
        version: 1,
    }))
}

fn metadata(input: &SbomInput<'_>, evidence: Evidence) -> Metadata {
    let mut component = Component::new("artifact", Kind::Application, input.artifact_name)
        .with("product", input.product)
        .with_sha256(input.artifact);
    component.version = Some(input.version.to_owned());
    let mut properties = vec![
        property("evidence", evidence.as_str()),
        property("recipe-sha256", input.recipe.to_hex()),
    ];
    properties.extend(
        unknown(evidence)
            .iter()
            .map(|what| property("unknown", *what)),
    );
    let seconds = i64::try_from(input.source_date_epoch).ok();
    let timestamp = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    Metadata {
        component,
        properties,
        timestamp: timestamp.map(|time| time.to_string()),
    }
}

/// What nobody may think this list answers.
const fn unknown(evidence: Evidence) -> &'static [&'static str] {
    match evidence {
        Evidence::Nothing => &[
            "which files of the environment (C library, start-up code, other libraries) were linked in",
            "code of others that was copied into the source",
        ],
        Evidence::Built | Evidence::Resolved | Evidence::Locked => &[
            "which files of the environment (C library, start-up code, other libraries) were linked in",
            "code of others inside a crate, in C or Rust",
        ],
    }
}

/// The audited tree itself.
fn source(input: &SbomInput<'_>) -> Component {
    let mut source = Component::new("source", Kind::File, format!("{} source", input.product))
        .with("tree-sha256", input.tree.to_hex())
        .with_sha256(Some(input.archive));
    source.version = Some(input.version.to_owned());
    source.scope = Some(Scope::Required);
    source
}
