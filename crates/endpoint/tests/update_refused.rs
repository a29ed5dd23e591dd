//! Attacks on updates: each is refused by the check named for it, and what ran before still runs.

use std::fs;

use endpoint::update;
use statement::{FileDigest, StatementDigest};
use tuf::fixture::FixtureSigner;

use crate::{
    repository::{Site, target},
    world::{NOW, Twist, refused_with},
};

/// What was installed before still runs.
macro_rules! still_refused_with {
    ($code:literal, $site:expr) => {{
        let before = $site.runs();
        refused_with!($code, $site.update().await);
        assert_eq!($site.runs(), before);
    }};
}

#[tokio::test]
async fn metadata_that_went_back_is_refused() {
    let mut site = Site::installed(1).await;
    let old = site.fixture.clone();
    site.release(Twist::Honest);
    site.update().await.unwrap();
    let new = std::mem::replace(&mut site.fixture, old);
    site.write();
    still_refused_with!("tuf.rollback", site);
    site.fixture = new;
    site.write();
    site.update().await.unwrap();
}

#[tokio::test]
async fn evidence_that_was_refused_and_evidence_that_was_not_had_are_told_apart() {
    let mut site = Site::installed(1).await;
    let expired = update(&site.config, NOW + 2 * 86_400).await.unwrap_err();
    assert_eq!((expired.code(), expired.exit_code()), ("tuf.expired", 1));
    site.config.repository = "http://127.0.0.1:1".to_owned();
    let unreachable = site.update().await.unwrap_err();
    assert_eq!((unreachable.code(), unreachable.exit_code()), ("http", 2));
}

#[tokio::test]
async fn a_whole_repository_that_went_back_is_refused() {
    let mut site = Site::installed(1).await;
    let (metadata, proof) = (
        site.fixture.clone(),
        site.served().join("publications/software.bundle"),
    );
    let old_proof = fs::read(&proof).unwrap();
    site.release(Twist::Honest);
    site.update().await.unwrap();
    site.fixture = metadata;
    site.write();
    fs::write(proof, old_proof).unwrap();
    still_refused_with!("tuf.rollback", site);
}

#[tokio::test]
async fn an_older_proof_of_publication_is_refused() {
    let site = Site::installed(1).await;
    let proof = site.served().join("publications/software.bundle");
    let old = fs::read(&proof).unwrap();
    // The log grows and the same publication is proven anew; then the old proof comes back.
    let mut grown = site;
    grown
        .world
        .withdraw(StatementDigest::of(b"of another product"));
    grown.write();
    grown.update().await.unwrap();
    fs::write(proof, old).unwrap();
    still_refused_with!("install.stale", grown);
}

#[tokio::test]
async fn metadata_that_expired_is_refused_whatever_the_clock_says() {
    let mut site = Site::installed(1).await;
    refused_with!("tuf.expired", update(&site.config, NOW + 2 * 86_400).await);
    // The clock is set back, but witnesses saw the log two days later.
    site.witnessed = NOW + 2 * 86_400;
    site.write();
    still_refused_with!("tuf.expired", site);
}

#[tokio::test]
async fn a_proof_of_publication_older_than_the_policy_allows_is_refused() {
    let mut site = Site::installed(1).await;
    site.config.evidence_age_max_seconds = 59;
    still_refused_with!("install.stale", site);
    site.config.evidence_age_max_seconds = 60;
    site.update().await.unwrap();
}

#[tokio::test]
async fn a_root_that_the_constitution_does_not_name_is_refused() {
    let mut site = Site::installed(1).await;
    let mut signers = site.fixture.signers.clone();
    signers.root = vec![FixtureSigner::new(1), FixtureSigner::new(40)];
    site.fixture.rotate_root(signers);
    site.publish();
    still_refused_with!("tuf_root.not_in_constitution", site);
}

#[tokio::test]
async fn a_root_that_no_constitution_named_leads_to_none_that_it_does_name() {
    let mut site = Site::installed(1).await;
    for _ in 0..2 {
        site.fixture.rotate_root(site.fixture.signers.clone());
    }
    site.world.amend(site.fixture.newest("root"));
    site.publish();
    still_refused_with!("tuf_root.not_in_constitution", site);
}

#[tokio::test]
async fn a_root_that_the_constitution_named_once_is_refused_as_the_last() {
    let mut site = Site::installed(1).await;
    site.world
        .amend(b"a root that the repository does not serve");
    site.publish();
    still_refused_with!("tuf_root.not_in_constitution", site);
}

#[tokio::test]
async fn a_constitution_older_than_one_seen_is_refused() {
    let mut site = Site::installed(1).await;
    let chain = site.world.constitution.clone();
    site.world.amend(&site.fixture.pinned_root());
    site.publish();
    site.update().await.unwrap();
    site.world.constitution = chain;
    site.world.archived.clear();
    site.publish();
    still_refused_with!("constitution.version", site);
}

#[tokio::test]
async fn a_pinned_root_that_the_constitution_does_not_name_is_refused() {
    let site = Site::installed(1).await;
    let other = tuf::fixture::Fixture::new(NOW + 1).pinned_root();
    fs::write(&site.config.root, other).unwrap();
    still_refused_with!("tuf_root.not_in_constitution", site);
}

#[tokio::test]
async fn metadata_with_too_few_signatures_is_refused() {
    let mut site = Site::installed(1).await;
    let delegated = site.fixture.clone();
    site.fixture.signers.software.truncate(1);
    site.fixture
        .files
        .retain(|name, _| !name.starts_with("targets/"));
    let lone = tuf::fixture::signed_by(
        &site.fixture.signers.software,
        tuf::Targets::listing(
            3,
            tuf::Expires::from_posix(NOW + 86_400).unwrap(),
            Default::default(),
        )
        .unwrap(),
    );
    site.fixture = delegated;
    site.fixture.publish();
    republish_with(&mut site, lone);
    still_refused_with!("tuf.threshold", site);
}

/// Puts another file in the place of `3.software.json` and pins it by snapshot and timestamp.
fn republish_with(site: &mut Site, software: Vec<u8>) {
    let expires = tuf::Expires::from_posix(NOW + 86_400).unwrap();
    let of = |role: &str| site.fixture.newest(role).to_vec();
    let (targets, rules) = (of("targets"), of("rules"));
    let pins = [
        ("targets", 3, targets.as_slice()),
        ("software", 3, &software),
        ("rules", 3, &rules),
    ];
    let snapshot = tuf::Snapshot::build(3, expires, &pins).unwrap();
    let snapshot = tuf::fixture::signed_by(&site.fixture.signers.snapshot, snapshot);
    let timestamp = tuf::Timestamp::build(3, expires, 3, &snapshot).unwrap();
    let timestamp = tuf::fixture::signed_by(&site.fixture.signers.timestamp, timestamp);
    let files = &mut site.fixture.files;
    files.insert(tuf::metadata_file("software", 3), software);
    files.insert(tuf::metadata_file("snapshot", 3), snapshot);
    files.insert(tuf::TIMESTAMP_FILE.to_owned(), timestamp);
    site.write();
}

#[tokio::test]
async fn metadata_signed_by_the_center_without_the_supervisor_is_refused() {
    let mut site = Site::installed(1).await;
    site.fixture.signers.software.remove(1);
    site.publish();
    still_refused_with!("metadata.quorum", site);
}

#[tokio::test]
async fn metadata_that_the_log_does_not_show_is_refused() {
    let mut site = Site::installed(1).await;
    site.fixture.publish();
    site.write();
    still_refused_with!("publication.missing", site);
}

#[tokio::test]
async fn a_repository_without_proof_of_publication_is_refused() {
    let site = Site::installed(1).await;
    fs::remove_file(site.served().join("publications/software.bundle")).unwrap();
    still_refused_with!("publication.missing", site);
}

#[tokio::test]
async fn a_release_without_the_supervisor_is_refused() {
    let mut site = Site::installed(1).await;
    site.release(Twist::NoSupervisor);
    still_refused_with!("release.quorum_supervisor", site);
}

#[tokio::test]
async fn a_release_whose_bundle_is_withheld_is_refused() {
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    fs::remove_file(
        site.served()
            .join(format!("bundles/{}.bundle", made.release)),
    )
    .unwrap();
    still_refused_with!("release.missing", site);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_refused() {
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    site.put(&format!("bundles/{}.bundle", made.release), b"{}");
    still_refused_with!("bundle.malformed", site);
}

#[tokio::test]
async fn an_altered_artifact_is_refused() {
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    let mut altered = made.artifact.clone();
    altered[0] ^= 1;
    fs::write(site.target_file(&made), altered).unwrap();
    still_refused_with!("tuf.integrity", site);
}

#[tokio::test]
async fn an_artifact_longer_than_allowed_is_not_fetched() {
    let mut site = Site::installed(1).await;
    site.release(Twist::Honest);
    site.config.artifact_bytes_max = 10;
    still_refused_with!("artifact.too_long", site);
}

#[tokio::test]
async fn a_lower_number_in_newer_metadata_is_refused() {
    let mut site = Site::new().await;
    let first = site.release(Twist::Honest);
    site.update().await.unwrap();
    site.release(Twist::Honest);
    site.update().await.unwrap();
    site.fixture.remove_target(&target(2));
    site.list(&first);
    site.publish();
    still_refused_with!("install.seq", site);
}

#[tokio::test]
async fn another_release_of_the_same_number_is_refused() {
    let mut site = Site::installed(1).await;
    let twin = site
        .world
        .release(1, Some(StatementDigest::of(b"another past")), Twist::Honest);
    site.list(&twin);
    site.publish();
    still_refused_with!("release.fork", site);
}

#[tokio::test]
async fn a_release_of_another_platform_is_not_found() {
    let mut site = Site::installed(1).await;
    site.config.platform = "linux-aarch64".to_owned();
    still_refused_with!("tuf.not_found", site);
}

#[tokio::test]
async fn a_target_under_another_name_than_its_release_is_refused() {
    for beside_the_right_one in [false, true] {
        let mut site = Site::installed(1).await;
        let made = site.release(Twist::Honest);
        let renamed = "software/truename/stable/linux-x86_64/2/zz"
            .parse()
            .unwrap();
        site.fixture
            .add_target(&renamed, &made.artifact, *made.release.hash());
        if beside_the_right_one {
            site.publish();
            still_refused_with!("metadata.target_without_release", site);
        } else {
            site.fixture.remove_target(&target(2));
            site.publish();
            still_refused_with!("install.target", site);
        }
    }
}

#[tokio::test]
async fn a_release_of_one_platform_listed_under_another_is_refused() {
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    let moved = "software/truename/stable/linux-aarch64/2/truename"
        .parse()
        .unwrap();
    site.fixture
        .add_target(&moved, &made.artifact, *made.release.hash());
    site.publish();
    site.config.platform = "linux-aarch64".to_owned();
    still_refused_with!("install.line", site);
}

#[tokio::test]
async fn an_endpoint_that_asks_for_more_rebuilds_than_stand_does_not_install() {
    let mut site = Site::installed(1).await;
    site.release(Twist::Honest);
    site.config.rebuilds_min = 3;
    still_refused_with!("rebuild.too_few", site);
}

#[tokio::test]
async fn a_withdrawn_release_is_not_installed() {
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    site.withdraw(made.release);
    still_refused_with!("release.withdrawn", site);
}

#[tokio::test]
async fn a_withdrawal_once_seen_is_not_forgotten_when_a_mirror_hides_it() {
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    site.withdraw(made.release);
    refused_with!("release.withdrawn", site.update().await);
    site.put("withdrawals/index.json", b"[]");
    still_refused_with!("release.withdrawn", site);
    // A newer release ends it.
    site.release(Twist::Honest);
    site.update().await.unwrap();
}

#[tokio::test]
async fn a_withdrawal_that_the_timestamp_names_cannot_be_hidden_from_an_endpoint_that_never_saw_it()
{
    let mut site = Site::installed(1).await;
    let made = site.release(Twist::Honest);
    site.withdraw(made.release);
    site.name_withdrawals();
    site.put("withdrawals/index.json", b"[]");
    still_refused_with!("release.withdrawn", site);
    let named = FileDigest::of(&site.fixture.withdrawals);
    let path = format!("withdrawals/{named}.json");
    site.put(&path, b"[]");
    still_refused_with!("withdrawals.hidden", site);
    fs::remove_file(site.served().join(&path)).unwrap();
    still_refused_with!("withdrawals.hidden", site);
    site.put(&path, &site.fixture.withdrawals.clone());
    site.release(Twist::Honest);
    site.update().await.unwrap();
}

#[tokio::test]
async fn an_installed_release_that_is_withdrawn_is_reported_until_a_newer_one_comes() {
    let mut site = Site::new().await;
    let made = site.release(Twist::Honest);
    site.update().await.unwrap();
    site.fixture.remove_target(&target(1));
    site.withdraw(made.release);
    site.publish();
    still_refused_with!("release.withdrawn", site);
    site.release(Twist::Honest);
    site.update().await.unwrap();
}

#[tokio::test]
async fn a_repository_that_hides_or_damages_the_list_of_withdrawals_is_refused() {
    let mut site = Site::installed(1).await;
    site.withdraw(StatementDigest::of(b"of another product"));
    site.update().await.unwrap();
    let folder = site.served().join("withdrawals");
    let bundles = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let bundle = bundles
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "bundle"));
    fs::remove_file(bundle.unwrap()).unwrap();
    still_refused_with!("withdrawals.malformed", site);
    site.put("withdrawals/index.json", b"{}");
    still_refused_with!("withdrawals.malformed", site);
    fs::remove_file(folder.join("index.json")).unwrap();
    still_refused_with!("http", site);
}

#[tokio::test]
async fn a_log_that_shows_two_trees_of_one_size_is_caught() {
    let (mut site, made) = Site::with_a_log_that_forgot().await;
    // The same log without the publication of version 2: that of version 3 has its place.
    let again = site.world.release(1, None, Twist::Honest);
    assert_eq!(again.release, made.release);
    site.publish();
    still_refused_with!("timeline.fork", site);
}

#[tokio::test]
async fn two_trees_of_one_size_are_refused_even_if_the_timeline_was_lost() {
    let (mut site, _) = Site::with_a_log_that_forgot().await;
    site.world.release(1, None, Twist::Honest);
    site.publish();
    fs::remove_file(site.config.dir.join("timeline.json")).unwrap();
    still_refused_with!("checkpoint.root", site);
}

#[tokio::test]
async fn two_publications_of_one_version_are_caught() {
    let (mut site, _) = Site::with_a_log_that_forgot().await;
    // Another file of the same version, in a longer log that lacks the first one. It is so much longer that
    // none of the entries shown tells what was there before.
    let other = site.fixture.newest("rules").to_vec();
    site.world.release(1, None, Twist::Honest);
    for product in ["one", "another"] {
        let release = StatementDigest::of(product.as_bytes());
        site.world.withdraw(release);
    }
    let at = site.world.publish("software", 2, &other);
    let proof = site.world.bundle(&[at], NOW);
    site.put("publications/software.bundle", &proof);
    still_refused_with!("publication.fork", site);
}

#[tokio::test]
async fn a_log_that_left_out_the_entry_below_the_next_one_shown_is_caught_offline() {
    let (mut site, _) = Site::with_a_log_that_forgot().await;
    // The path of the new publication passes all that is below it, and that is another tree.
    site.world.release(1, None, Twist::Honest);
    site.world
        .withdraw(StatementDigest::of(b"of another product"));
    site.publish();
    still_refused_with!("timeline.fork", site);
    let evidence = fs::read_dir(site.config.dir.join("evidence"))
        .unwrap()
        .count();
    assert_eq!(evidence, 1);
    still_refused_with!("timeline.unsettled", site);
}

#[tokio::test]
async fn two_updates_at_once_are_refused() {
    let site = Site::installed(1).await;
    let _other = store::DirLock::take(&site.config.dir).unwrap();
    still_refused_with!("io", site);
}
