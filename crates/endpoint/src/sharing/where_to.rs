//! "Where does mine go?": the answer of the policy in force, with everything that it rests on.

use std::fmt;

use law::{Governed, Residence};
use residency::Asked;
use serde::Serialize;
use statement::{CountryCode, Day, FileDigest, Promise, RegionName, ShortName, StatementDigest};
use store::{DirLock, Files};

use super::{
    config::Config,
    consent::Consents,
    destination::{Decided, Destination},
    error::SharingError,
    evidence::Archive,
    send::client,
};
use crate::{
    posix_time::{age, rfc3339},
    report::Freshness,
};

/// A statement that the governance signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GovernedReport {
    /// Its digest.
    pub digest: StatementDigest,
    /// Its version.
    pub version: u64,
    /// Entries of the log that carry the signatures.
    pub entries: Vec<u64>,
    /// Whose signatures these are.
    pub signers: Vec<String>,
}

impl GovernedReport {
    fn of<S>(governed: &Governed<S>, version: u64) -> Self {
        Self {
            digest: governed.digest(),
            version,
            entries: governed.entries().to_vec(),
            signers: governed.signers().iter().map(ToString::to_string).collect(),
        }
    }
}

/// The checkpoint that all of it is included in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointShown {
    /// The log.
    pub origin: String,
    /// Its entries.
    pub size: u64,
    /// Their root.
    pub root: FileDigest,
    /// Median time of the witnesses, POSIX seconds.
    pub time: u64,
    /// Who cosigned it.
    pub witnesses: Vec<String>,
}

/// A place in the home's country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// City.
    pub city: String,
    /// What happens there.
    pub purpose: String,
}

/// How a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its day has not come.
    Open,
    /// Shown to be met in time.
    Met,
    /// Shown to be met, and after its day.
    MetLate,
    /// Its day is over, and nothing shows that it is met.
    Late,
    /// A later version does not mention it any more.
    Dropped,
}

/// One promise, by the day that was named first: a later version that moves it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromiseReport {
    /// Its name in every version.
    pub id: ShortName,
    /// What is promised.
    pub text: String,
    /// By when, as it was said first.
    pub due: Day,
    /// When it was met, if something shows that.
    pub met: Option<Day>,
    /// The statement that shows it.
    pub evidence: Option<StatementDigest>,
    /// What that comes to.
    pub standing: Standing,
}

impl PromiseReport {
    fn of(residence: &Residence, now: u64) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for declaration in residence.declarations() {
            for known in &mut found {
                let mut named = declaration.promises.iter();
                if !named.any(|promise| promise.id == known.id) {
                    known.standing = Standing::Dropped;
                }
            }
            for promise in &declaration.promises {
                let first = found.iter().position(|known| known.id == promise.id);
                let due = first.map_or(promise.due, |at| found[at].due);
                let report = Self::with(promise, due, now);
                match first {
                    Some(at) => found[at] = report,
                    None => found.push(report),
                }
            }
        }
        found
    }

    fn with(promise: &Promise, due: Day, now: u64) -> Self {
        let met = promise.met.as_ref();
        Self {
            id: promise.id.clone(),
            text: promise.text.clone(),
            due,
            met: met.map(|met| met.day),
            evidence: met.map(|met| met.evidence),
            standing: match met {
                Some(met) if met.day <= due => Standing::Met,
                Some(_) => Standing::MetLate,
                None if now < due.end() => Standing::Open,
                None => Standing::Late,
            },
        }
    }
}

impl fmt::Display for PromiseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.standing, self.met) {
            (Standing::Met, Some(day)) => format!("met {day}"),
            (Standing::MetLate, Some(day)) => format!("met late, {day}"),
            (Standing::Dropped, _) => "dropped without being met".to_owned(),
            (Standing::Open, _) => "open".to_owned(),
            _ => "late: nothing shows that it is met".to_owned(),
        };
        write!(f, "by {}: {how}", self.due)
    }
}

/// Where the files of one country go. `Display` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Whereabouts {
    /// The country that was asked about.
    pub country: CountryCode,
    /// Its region.
    pub region: RegionName,
    /// The home.
    pub home: CountryCode,
    /// The rule that decided.
    pub rule: String,
    /// Every home that the rules were asked about.
    pub asked: Vec<Asked>,
    /// The policy in force.
    pub policy: GovernedReport,
    /// The declaration that it speaks of.
    pub declaration: GovernedReport,
    /// Places of this home.
    pub facilities: Vec<Place>,
    /// The register of promises: every one that any version made.
    pub promises: Vec<PromiseReport>,
    /// The proof.
    pub checkpoint: CheckpointShown,
    /// Entries of the three keys that may be sealed to now; none when something is not in order with them.
    pub epochs: Vec<u64>,
    /// What is not in order with the keys: then nothing can be shared.
    pub epochs_refused: Option<String>,
    /// Age of the proof in seconds.
    pub age_seconds: u64,
    /// What that means.
    pub freshness: Freshness,
    /// File with the bundle that all this rests on, for anybody to judge again.
    pub proof: String,
}

impl Whereabouts {
    fn of(archive: &Archive<'_>, decided: &Decided, now: u64) -> Self {
        let Decided { decision, evidence } = decided;
        let residence = &evidence.residence;
        let (policy, declaration) = (residence.policy(), residence.declaration());
        let checkpoint = evidence.open.checkpoint();
        let to = Destination::check(archive, decided, now);
        let places = declaration.facilities.iter();
        let age_seconds = now.saturating_sub(checkpoint.median_time());
        Self {
            country: decision.country.clone(),
            region: decision.region.clone(),
            home: decision.home.clone(),
            rule: decision.rule.to_string(),
            asked: decision.asked.clone(),
            policy: GovernedReport::of(policy, policy.version),
            declaration: GovernedReport::of(declaration, declaration.version),
            facilities: places
                .filter(|place| place.country == decision.home)
                .map(|place| Place {
                    city: place.city.clone(),
                    purpose: place.purpose.clone(),
                })
                .collect(),
            promises: PromiseReport::of(residence, now),
            checkpoint: CheckpointShown {
                origin: checkpoint.origin().to_string(),
                size: checkpoint.size(),
                root: FileDigest::new(*checkpoint.root()),
                time: checkpoint.median_time(),
                witnesses: checkpoint
                    .cosigners()
                    .iter()
                    .map(|(name, _)| name.to_string())
                    .collect(),
            },
            epochs: to
                .as_ref()
                .map(|to| to.epochs().entries())
                .unwrap_or_default(),
            epochs_refused: to.err().map(|error| error.to_string()),
            age_seconds,
            freshness: Freshness::of(age_seconds),
            proof: format!("proofs/{}.bundle", evidence.digest),
        }
    }
}

/// Says where the files of a country go; of the country that the owner declared if none is named. Needs no consent and sends nothing
/// but questions. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`SharingError::NoConsent`] when no country is named and none was declared; what does not hold.
pub async fn where_to(
    config: &Config,
    country: Option<&CountryCode>,
    now: u64,
) -> Result<Whereabouts, SharingError> {
    config.check()?;
    let country = match country {
        Some(country) => country.clone(),
        None => Consents::open(config)?.check()?.country().clone(),
    };
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let archive = Archive {
        config,
        files: &files,
    };
    let decided = Decided::find(&archive, &client(config)?, &country, now).await?;
    Ok(Whereabouts::of(&archive, &decided, archive.now(now)?))
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cities: Vec<_> = self
            .facilities
            .iter()
            .map(|place| place.city.as_str())
            .collect();
        writeln!(f, "files of     {}, region {}", self.country, self.region)?;
        writeln!(f, "go to        {} ({})", self.home, cities.join(", "))?;
        writeln!(
            f,
            "by rule      {}, policy version {}",
            self.rule, self.policy.version
        )?;
        writeln!(f, "             {}", self.policy.digest)?;
        for (what, governed) in [("policy", &self.policy), ("regions", &self.declaration)] {
            let entries: Vec<_> = governed.entries.iter().map(ToString::to_string).collect();
            let (signers, entries) = (governed.signers.join(", "), entries.join(", "));
            writeln!(f, "{what:<12} signed by {signers}")?;
            writeln!(f, "             at entries {entries}")?;
        }
        let checkpoint = &self.checkpoint;
        writeln!(
            f,
            "log          {}, {} entries",
            checkpoint.origin, checkpoint.size
        )?;
        writeln!(f, "witnessed    at {} by", rfc3339(checkpoint.time))?;
        writeln!(f, "             {}", checkpoint.witnesses.join(", "))?;
        match &self.epochs_refused {
            None => writeln!(f, "keys         three of this home are valid now")?,
            Some(why) => writeln!(f, "keys         {why}")?,
        }
        for promise in &self.promises {
            writeln!(f, "promised     {}", promise.text)?;
            writeln!(f, "             {promise}")?;
        }
        let freshness = match self.freshness {
            Freshness::Fresh => "fresh",
            Freshness::Amber => "amber",
            Freshness::Red => "red",
        };
        writeln!(f, "evidence     {freshness}, {} old", age(self.age_seconds))?;
        writeln!(f, "proof\n  {}", self.proof)?;
        write!(
            f,
            "does not     that no copy of a file was made by a process that saw it for\n\
             prove        good reason; that no newer policy was logged: a bundle is an\n\
             \u{20}            excerpt, known to {}",
            rfc3339(checkpoint.time)
        )
    }
}
