//! What an endpoint asks of what arrives.

use statement::FileDigest;

use law::ReleasedFile;

use crate::{
    conditions::offers::Delivery,
    honest::{
        chain::Step,
        keys::Key,
        metadata,
        roster::{DAY, NOT_AFTER, NOW},
        sayings::withdrawal,
        story::Story,
    },
    refused_with,
};

#[test]
fn an_honest_delivery_is_installable() {
    let told = Story::honest().tell();
    let granted = Delivery::of(&told).judged().unwrap();
    assert_eq!(
        granted.file().quorum().release().digest(),
        told.made.release()
    );
    assert_eq!(granted.file().evidence().rebuilds().len(), 2);
    assert_eq!(
        (granted.metadata().role(), granted.metadata().version()),
        ("software", 1)
    );
}

#[test]
fn a_release_of_another_line_is_not_installed() {
    let told = Story::honest().tell();
    for part in 0..3 {
        let mut delivery = Delivery::of(&told);
        let line = &mut delivery.policy.line;
        let parts = [&mut line.product, &mut line.channel, &mut line.platform];
        parts.into_iter().nth(part).unwrap().push_str("-other");
        refused_with!("install.line", delivery.judged());
    }
}

#[test]
fn a_release_older_than_what_runs_is_not_installed() {
    let told = Story::honest().tell();
    let mut delivery = Delivery::of(&told);
    delivery.installed = Some(1);
    delivery.judged().unwrap();
    delivery.installed = Some(2);
    refused_with!("install.seq", delivery.judged());
}

#[test]
fn a_file_that_is_not_the_artifact_is_not_installed() {
    let told = Story::honest().tell();
    let mut delivery = Delivery::of(&told);
    delivery.artifact[0] ^= 1;
    refused_with!("install.artifact", delivery.judged());

    // The stranger with one file and one bundle asks the other way round.
    let bundle = told.bundle();
    let of = |bytes: &[u8]| ReleasedFile::find(bundle.view(), FileDigest::of(bytes));
    assert_eq!(of(&told.made.artifact()), Ok(told.made.release()));
    refused_with!("install.artifact", of(b"something else"));
    let nothing = Story::honest().until(Step::Approval).tell().bundle();
    refused_with!(
        "release.missing",
        ReleasedFile::find(nothing.view(), FileDigest::of(b"something else"))
    );
}

#[test]
fn a_file_of_another_length_is_not_the_artifact() {
    let told = Story::honest().tell();
    let artifact = told.made.artifact();
    let check = |bytes: u64| {
        let digest = FileDigest::of(&artifact);
        ReleasedFile::check(told.bundle().view(), told.made.release(), digest, bytes, 2)
    };
    check(artifact.len() as u64).unwrap();
    refused_with!("install.artifact", check(artifact.len() as u64 + 1));
}

#[test]
fn a_release_that_the_published_metadata_does_not_list_is_not_installed() {
    let told = Story::honest()
        .publishing(|version, _| metadata::listing(version, &[]))
        .tell();
    refused_with!("install.target", Delivery::of(&told).judged());
    // Its path with other bytes, and its bytes under another path.
    let listing = |path: fn(&str) -> String, more_bytes: u64| {
        move |version: u64, release: &Vec<u8>| {
            let (at, target) = metadata::target(release);
            let path: tuf::TargetPath = path(&at.to_string()).parse().unwrap();
            let bytes = target.length() + more_bytes;
            let release = *statement::StatementDigest::of(release).hash();
            let target = tuf::TargetFile::new(&path, bytes, *target.sha256(), release);
            let expires = tuf::Expires::from_posix(NOW + DAY).unwrap();
            let listed = [(path, target)].into();
            let file = tuf::Targets::listing(version, expires, listed).unwrap();
            metadata::signed(file, &metadata::both())
        }
    };
    let judged = |file| Delivery::of(&Story::honest().publishing(file).tell()).judged();
    judged(listing(str::to_owned, 0)).unwrap();
    refused_with!("install.target", judged(listing(str::to_owned, 1)));
    let moved = |path: &str| path.replace("/truename/", "/othername/");
    refused_with!("install.target", judged(listing(moved, 0)));
}

#[test]
fn evidence_that_is_too_old_does_not_install() {
    let told = Story::honest().tell();
    let mut delivery = Delivery::of(&told);
    let witnessed = told.log.published.last().unwrap().1;
    delivery.now = witnessed + DAY;
    delivery.judged().unwrap();
    delivery.now = witnessed + DAY + 1;
    refused_with!("install.stale", delivery.judged());
    // A clock that was set back does not make evidence older or younger.
    delivery.now = 0;
    delivery.judged().unwrap();
}

#[test]
fn an_endpoint_can_ask_for_more_rebuilds_and_not_for_fewer() {
    let told = Story::honest().tell();
    let mut delivery = Delivery::of(&told);
    delivery.policy.rebuilds_min = 3;
    refused_with!("rebuild.too_few", delivery.judged());
    let told = Story::honest().without(Step::RebuildB).tell();
    let mut delivery = Delivery::of(&told);
    delivery.policy.rebuilds_min = 1;
    refused_with!("rebuild.too_few", delivery.judged());
}

#[test]
fn a_withdrawal_served_beside_the_timestamp_stops_the_installation() {
    let mut told = Story::honest().tell();
    let mut delivery = Delivery::of(&told);
    let supervisor = Key::of("supervisor", "supervisor");
    told.then(withdrawal(told.made.release(), &supervisor, NOT_AFTER));
    delivery.withdrawals = vec![told.bundle()];
    refused_with!("release.withdrawn", delivery.judged());
}

#[test]
fn a_withdrawal_that_came_too_late_to_count_does_not_hide_one_that_counts() {
    let mut told = Story::honest().tell();
    let release = told.made.release();
    told.then(withdrawal(release, &Key::of("vendor", "center"), NOW));
    let mut delivery = Delivery::of(&told);
    delivery.judged().unwrap();
    told.then(withdrawal(
        release,
        &Key::of("supervisor", "supervisor"),
        NOT_AFTER,
    ));
    delivery.withdrawals = vec![told.bundle()];
    refused_with!("release.withdrawn", delivery.judged());
}
