//! Attacks: each runs over sockets against the daemons of a demonstration, beside an honest twin that
//! differs in the attack alone and must succeed.
//!
//! An attack counts as caught only if the check that is named for it refused. Caught by another check,
//! or not at all, fails the run: then either the defence or its description is wrong.

mod builder;
mod bundle;
mod history;
mod metadata;
mod report;
mod signatures;
mod stage;

use std::path::Path;

use anyhow::{Result, bail};

use crate::{cast::Cast, story::Listener};

pub use report::{Caught, Outcome, Report};
use stage::Stage;

/// One attack.
pub struct Attack {
    /// Name on the command line.
    pub name: &'static str,
    /// What the attacker does.
    pub title: &'static str,
    /// What the attacker holds.
    pub holds: &'static str,
    /// Who must catch it.
    pub catcher: &'static str,
    /// Where.
    pub place: &'static str,
    /// Code of the check that must refuse.
    pub code: &'static str,
}

impl std::fmt::Debug for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const ALL: &[Attack] = &[
    Attack {
        name: "unlogged-release",
        title: "a release with both valid signatures that was never logged",
        holds: "keys of center and supervisor",
        catcher: "endpoint",
        place: "bundle under the anchor",
        code: "entry.not_included",
    },
    Attack {
        name: "no-supervisor",
        title: "a logged release without the supervisor",
        holds: "center key",
        catcher: "endpoint",
        place: "release quorum",
        code: "release.quorum_supervisor",
    },
    Attack {
        name: "two-center-keys",
        title: "two keys of the center posing as a quorum",
        holds: "both center keys",
        catcher: "endpoint",
        place: "release quorum",
        code: "release.quorum_one_party",
    },
    Attack {
        name: "extra-target",
        title: "an extra target rides along in the metadata of a release",
        holds: "center's TUF keys",
        catcher: "supervisor",
        place: "signer's diff before cosigning",
        code: "metadata.target_without_release",
    },
    Attack {
        name: "inserted-code",
        title: "the builder inserts code that is not in the source",
        holds: "the conveyer",
        catcher: "supervisor",
        place: "approval of the build",
        code: "rebuild.not_identical",
    },
    Attack {
        name: "one-owner",
        title: "two rebuilders of one legal owner",
        holds: "one lab with two names",
        catcher: "supervisor",
        place: "approval of the build",
        code: "rebuild.same_owner",
    },
    Attack {
        name: "tampered-bundle",
        title: "one byte of the evidence in a bundle is changed",
        holds: "the wire",
        catcher: "endpoint",
        place: "bundle under the anchor",
        code: "entry.not_included",
    },
    Attack {
        name: "rollback",
        title: "a mirror serves an older state of the repository",
        holds: "a mirror",
        catcher: "endpoint",
        place: "TUF refresh",
        code: "tuf.rollback",
    },
    Attack {
        name: "two-histories",
        title: "the log shows a second history",
        holds: "the center log's keys",
        catcher: "witness",
        place: "add-checkpoint",
        code: "checkpoint.inconsistent",
    },
    Attack {
        name: "vendor-root",
        title: "the TUF root is changed by the vendor alone",
        holds: "vendor's root key and a mirror",
        catcher: "endpoint",
        place: "root against the constitution",
        code: "tuf_root.not_in_constitution",
    },
];

/// Every attack.
pub fn list() -> &'static [Attack] {
    ALL
}

/// Runs one attack, or `all`.
///
/// # Errors
/// When the name is unknown or the world of the attacks cannot be set up. An attack that is not caught
/// is no error here; the report says so.
pub async fn run(name: &str, dir: &Path, limpid: &Path, listener: &dyn Listener) -> Result<Report> {
    let chosen: Vec<&Attack> = ALL
        .iter()
        .filter(|attack| name == "all" || attack.name == name)
        .collect();
    if chosen.is_empty() {
        let names = ALL
            .iter()
            .map(|attack| attack.name)
            .collect::<Vec<_>>()
            .join(", ");
        bail!("there is no attack `{name}`; there are: {names}, all");
    }
    let needs_second_lab = |attack: &&Attack| attack.name == "one-owner";
    let mut report = Report::default();
    let (second_lab, plain): (Vec<_>, Vec<_>) = chosen.into_iter().partition(needs_second_lab);
    for (attacks, cast, name) in [
        (plain, Cast::smallest(), "attacks"),
        (
            second_lab,
            Cast::with_a_second_lab_of_one_owner(),
            "attacks-one-owner",
        ),
    ] {
        if attacks.is_empty() {
            continue;
        }
        let mut stage = Stage::open(&dir.join(name), limpid, cast).await?;
        for attack in attacks {
            listener.line(&format!("{}: {}", attack.name, attack.title));
            let outcome = run_one(attack, &mut stage).await;
            listener.line(&format!("  {}", report::one_line(attack, &outcome)));
            report.push(attack, outcome);
        }
    }
    Ok(report)
}

async fn run_one(attack: &Attack, stage: &mut Stage) -> Result<Outcome> {
    match attack.name {
        "unlogged-release" => signatures::unlogged_release(stage).await,
        "no-supervisor" => signatures::no_supervisor(stage).await,
        "two-center-keys" => signatures::two_center_keys(stage).await,
        "extra-target" => metadata::extra_target(stage).await,
        "inserted-code" => builder::inserted_code(stage).await,
        "one-owner" => builder::one_owner(stage).await,
        "tampered-bundle" => bundle::tampered(stage).await,
        "rollback" => metadata::rollback(stage).await,
        "two-histories" => history::two_histories(stage).await,
        "vendor-root" => metadata::vendor_root(stage).await,
        other => bail!("attack `{other}` is listed but not staged"),
    }
}
