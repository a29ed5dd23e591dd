//! `limpid statement draft declaration|entities|policy`: where files will go, tried before anybody signs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use residency::{Documents, Residency, Terms};
use serde::Deserialize;
use serde_json::json;
use statement::{
    CountryCode, Declaration, Facility, FileDigest, Predicate, Promise, Region, Statement,
    StatementDigest, Subject,
};

use super::draft::{Bounds, write_payload};
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Draft {
    /// Say which countries are a region, and what is promised
    #[command(
        override_usage = "limpid statement draft declaration [OPTIONS] --for <ORIGIN> --of <FILE>"
    )]
    Declaration {
        #[command(flatten)]
        bounds: Bounds,
        /// Regions, facilities and promises as JSON
        #[arg(long, value_name = "FILE")]
        of: PathBuf,
        /// Payload of the version before
        #[arg(long, value_name = "PAYLOAD")]
        after: Option<PathBuf>,
    },
    /// Write the entities of a policy: every country in its region
    #[command(
        override_usage = "limpid statement draft entities --declaration <PAYLOAD> --home <CODE>"
    )]
    Entities {
        /// Payload of the declaration
        #[arg(long, value_name = "PAYLOAD")]
        declaration: PathBuf,
        /// Home that files may have; may be repeated
        #[arg(long, value_name = "CODE", required = true)]
        home: Vec<CountryCode>,
        /// Where to write them; printed without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say where files go, if every country has exactly one home
    #[command(
        override_usage = "limpid statement draft policy [OPTIONS] --declaration <PAYLOAD> ..."
    )]
    Policy {
        #[command(flatten)]
        bounds: Bounds,
        /// Payload of the declaration that it speaks of
        #[arg(long, value_name = "PAYLOAD")]
        declaration: PathBuf,
        /// The rules, in Cedar
        #[arg(long, value_name = "FILE")]
        text: PathBuf,
        /// Their schema
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Every country in its region
        #[arg(long, value_name = "FILE")]
        entities: PathBuf,
        /// Payload of the version before
        #[arg(long, value_name = "PAYLOAD")]
        after: Option<PathBuf>,
    },
}

/// What a declaration says, without the fields of every statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    regions: Vec<Region>,
    facilities: Vec<Facility>,
    promises: Vec<Promise>,
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The statement in a payload, and its digest.
fn payload(path: &Path) -> Result<(Predicate, StatementDigest)> {
    let bytes = read(path)?.into_bytes();
    let statement = Statement::parse(&bytes)
        .with_context(|| format!("{} is no payload of a statement", path.display()))?;
    Ok((statement.predicate, StatementDigest::of(&bytes)))
}

fn declared(path: &Path) -> Result<(Declaration, StatementDigest)> {
    match payload(path)? {
        (Predicate::Declaration(declaration), digest) => Ok((declaration, digest)),
        (other, _) => bail!(
            "{} is a {}, no declaration",
            path.display(),
            other.short_name()
        ),
    }
}

/// Version and predecessor of what comes next.
fn next(
    after: Option<&PathBuf>,
    version_of: impl Fn(&Predicate) -> Option<u64>,
) -> Result<(u64, Option<StatementDigest>)> {
    let Some(path) = after else {
        return Ok((1, None));
    };
    let (predicate, digest) = payload(path)?;
    let version = version_of(&predicate)
        .with_context(|| format!("{} is a {}", path.display(), predicate.short_name()))?;
    Ok((version + 1, Some(digest)))
}

impl Draft {
    pub(super) fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Declaration { bounds, of, after } => {
                declaration(out, &bounds, &of, after.as_ref())
            }
            Self::Entities {
                declaration,
                home,
                out: file,
            } => entities(out, &declaration, home, file.as_ref()),
            Self::Policy {
                bounds,
                declaration,
                text,
                schema,
                entities,
                after,
            } => {
                let documents = [read(&text)?, read(&schema)?, read(&entities)?];
                policy(out, &bounds, &declaration, &documents, after.as_ref())
            }
        }
    }
}

fn declaration(out: Out, bounds: &Bounds, of: &Path, after: Option<&PathBuf>) -> Result<()> {
    let Said {
        regions,
        facilities,
        promises,
    } = serde_json::from_str(&read(of)?).with_context(|| {
        format!(
            "{} does not say regions, facilities and promises",
            of.display()
        )
    })?;
    let (version, previous) = next(after, |before| match before {
        Predicate::Declaration(before) => Some(before.version),
        _ => None,
    })?;
    let declaration = Declaration {
        audience: bounds.audience(),
        not_after: bounds.not_after(),
        blobs: Vec::new(),
        version,
        previous,
        regions,
        facilities,
        promises,
    };
    let subject = Subject::new("declaration", FileDigest::of(read(of)?.as_bytes()));
    write_payload(
        out,
        bounds.file(),
        &Statement::new(vec![subject], declaration),
    )
}

fn entities(
    out: Out,
    declaration: &Path,
    homes: Vec<CountryCode>,
    file: Option<&PathBuf>,
) -> Result<()> {
    let (declaration, _) = declared(declaration)?;
    let text = residency::entities(&declaration, &homes.into_iter().collect::<BTreeSet<_>>());
    let Some(file) = file else {
        out.result(&text, &json!({"entities": text}));
        return Ok(());
    };
    fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    let digest = FileDigest::of(text.as_bytes());
    out.result(&format!("entities {digest}"), &json!({"sha256": digest}));
    Ok(())
}

fn policy(
    out: Out,
    bounds: &Bounds,
    declaration: &Path,
    [text, schema, entities]: &[String; 3],
    after: Option<&PathBuf>,
) -> Result<()> {
    let (declaration, digest) = declared(declaration)?;
    let documents = Documents {
        text,
        schema,
        entities,
    };
    let decided = Residency::draft(&declaration, &documents)?;
    let mut homes: BTreeMap<&CountryCode, u64> = BTreeMap::new();
    for decision in decided.decisions() {
        *homes.entry(&decision.home).or_default() += 1;
    }
    for (home, count) in homes {
        out.progress(&format!("{count} countries: {home}"));
    }
    let (version, previous) = next(after, |before| match before {
        Predicate::Policy(before) => Some(before.version),
        _ => None,
    })?;
    let policy = documents.policy(Terms {
        audience: bounds.audience(),
        not_after: bounds.not_after(),
        version,
        previous,
        declaration: digest,
    });
    write_payload(out, bounds.file(), &policy)
}
