//! Attacks: each runs over sockets against the daemons of a demonstration, beside an honest twin that
//! differs in the attack alone and must succeed.
//!
//! An attack counts as caught only if the check that is named for it refused. Caught by another check,
//! or not at all, fails the run: then either the defence or its description is wrong.

mod builder;
mod bundle;
mod catalogue;
mod census;
mod copied_disk;
mod custody;
mod escape;
mod flood;
mod hand_sealed;
mod history;
mod line;
mod metadata;
mod mirror;
mod moment;
mod report;
mod second_look;
mod signatures;
mod split;
mod stage;
mod tokens;
mod toolchain;

use std::path::Path;

use anyhow::{Result, bail};

use crate::{cast::Cast, story::Listener};

use catalogue::ALL;
pub use escape::attend_with_a_hole;
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
        "rollback" => mirror::rollback(stage).await,
        "freeze" => mirror::freeze(stage).await,
        "stale-proof" => mirror::stale_proof(stage).await,
        "mix-and-match" => mirror::mix_and_match(stage).await,
        "fast-forward" => mirror::fast_forward(stage).await,
        "last-timestamp" => mirror::last_timestamp(stage).await,
        "hide-withdrawal" => mirror::hidden_withdrawal(stage).await,
        "endless-data" => mirror::endless_data(stage).await,
        "two-histories" => history::two_histories(stage).await,
        "vendor-root" => metadata::vendor_root(stage).await,
        "two-releases" => line::two_releases(stage).await,
        "adverse-refused" => line::adverse_refused(stage).await,
        "other-log" => moment::other_log(stage).await,
        "back-dated" => moment::back_dated(stage).await,
        "revived-change" => moment::revived_change(stage).await,
        "dropped-entry" => history::dropped_entry(stage).await,
        "split-view" => split::split_view(stage).await,
        "withheld-blob" => builder::withheld_blob(stage).await,
        "trojaned-tools" => toolchain::trojaned_toolchain(stage).await,
        "embedded-time" => builder::embedded_time(stage).await,
        "copied-verdict" => builder::copied_verdict(stage).await,
        "other-home" => custody::other_home(stage).await,
        "other-cell" => custody::other_cell(stage).await,
        "own-policy" => custody::own_policy(stage).await,
        "no-consent" => custody::no_consent(stage).await,
        "garbage-wrap" => custody::garbage_wrap(stage).await,
        "false-share" => custody::false_share(stage).await,
        "replayed-upload" => custody::replayed_upload(stage).await,
        "spent-token" => tokens::spent_token(stage).await,
        "tagging-key" => tokens::tagging_key(stage).await,
        "archive-bomb" => custody::archive_bomb(stage).await,
        "whole-archive" => custody::whole_archive(stage).await,
        "escape" => escape::escape(stage).await,
        "copied-disk" => copied_disk::copied_disk(stage).await,
        "unasked-look" => second_look::unasked(stage).await,
        "small-census" => census::small_census(stage).await,
        "foreign-files" => census::foreign_files(stage).await,
        other => bail!("attack `{other}` is listed but not staged"),
    }
}
