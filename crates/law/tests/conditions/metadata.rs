//! What TUF metadata needs before it is signed, and before it is believed.

use law::{MetadataChange, PublishedMetadata, Refusal, SignableMetadata, TrustedRoot};
use statement::{FileDigest, Predicate, Role};
use tuf::{Expires, TargetFile, Targets};

use crate::{
    honest::{
        chain::Step,
        keys::Key,
        metadata::{both, listing, signed, target, unsigned},
        roster::{DAY, NOT_AFTER, NOW, TUF_ROOT, ed25519, party_mut},
        sayings::withdrawal,
        story::{Story, Told, sign},
    },
    refused_with,
};

/// A story in which the release stands and nothing is published yet.
fn released() -> Told {
    Story::honest().without(Step::Publication).tell()
}

fn signable(
    told: &Told,
    previous: Option<&[u8]>,
    next: &[u8],
) -> Result<SignableMetadata, Refusal> {
    let state = told.replay();
    SignableMetadata::check(state.settled().unwrap(), "software", previous, next, NOW)
}

fn payload(told: &Told) -> Vec<u8> {
    told.made.payload(Step::ReleaseCenter).to_vec()
}

#[test]
fn honest_metadata_is_signable_with_every_change_explained() {
    let told = released();
    let granted = signable(&told, None, &told.made.metadata).unwrap();
    assert_eq!((granted.role(), granted.version()), ("software", 1));
    let (path, _) = target(&payload(&told));
    let added = MetadataChange::Added {
        target: path.to_string(),
        release: told.made.release(),
    };
    assert_eq!(granted.changes(), [added]);
    let file = tuf::Signed::<Targets>::parse(&told.made.metadata).unwrap();
    assert_eq!(
        granted.signing_bytes(),
        tuf::signing_bytes(file.signed()).unwrap()
    );
}

#[test]
fn bytes_that_are_no_metadata_are_not_signed_and_not_believed() {
    let told = released();
    for next in [&b""[..], b"{}", b"not json"] {
        refused_with!("metadata.malformed", signable(&told, None, next));
    }
    // A top-level file must not list targets; a delegated one must not be called otherwise.
    let state = told.replay();
    let view = state.settled().unwrap();
    let as_top_level = SignableMetadata::check(view, "targets", None, &told.made.metadata, NOW);
    refused_with!("metadata.malformed", as_top_level);
    let as_rules = SignableMetadata::check(view, "rules", None, &told.made.metadata, NOW);
    refused_with!("metadata.malformed", as_rules);
    refused_with!(
        "metadata.malformed",
        PublishedMetadata::check(view, "software", b"{}")
    );
}

#[test]
fn metadata_follows_the_newest_that_was_published() {
    let published = Story::honest().tell();
    let next = listing(2, &[&payload(&published)]);
    signable(&published, Some(&published.made.metadata), &next).unwrap();
    refused_with!("metadata.not_newest", signable(&published, None, &next));
    let other = listing(1, &[]);
    refused_with!(
        "metadata.not_newest",
        signable(&published, Some(&other), &next)
    );
    let told = released();
    let never = told.made.metadata.clone();
    refused_with!("metadata.not_newest", signable(&told, Some(&never), &next));
}

#[test]
fn versions_of_metadata_are_consecutive() {
    let told = released();
    let skipped = listing(2, &[&payload(&told)]);
    refused_with!("metadata.version", signable(&told, None, &skipped));
    let published = Story::honest().tell();
    for version in [1, 3] {
        let next = listing(version, &[&payload(&published)]);
        let previous = Some(&*published.made.metadata);
        refused_with!("metadata.version", signable(&published, previous, &next));
    }
}

#[test]
fn delegations_are_explained_in_the_top_level_file_only() {
    let delegating = |version, _: &Vec<u8>| {
        let expires = Expires::from_posix(NOW + 60 * DAY).unwrap();
        signed(Targets::delegating(version, expires, &[]).unwrap(), &both())
    };
    let told = Story::honest().publishing(delegating).tell();
    let next = listing(2, &[&payload(&told)]);
    let refused = signable(&told, Some(&told.made.metadata), &next).unwrap_err();
    assert_eq!(refused.detail(), "delegations changed");
    refused_with!("metadata.other_change", Err::<(), _>(refused));
}

#[test]
fn metadata_lives_as_long_as_its_role_allows() {
    let told = released();
    let expiring = |expires: u64| {
        let file = unsigned(1, expires, &[&payload(&told)]);
        signable(&told, None, &signed(file, &[]))
    };
    expiring(NOW + 1).unwrap();
    expiring(NOW + 90 * DAY).unwrap();
    refused_with!("metadata.expiry", expiring(NOW));
    refused_with!("metadata.expiry", expiring(NOW + 90 * DAY + 1));
    let state = told.replay();
    let top = Targets::delegating(1, Expires::from_posix(NOW + DAY).unwrap(), &[]).unwrap();
    let top = signed(top, &[]);
    let check =
        |role| SignableMetadata::check(state.settled().unwrap(), role, None, &top, NOW).map(drop);
    check("targets").unwrap();
    refused_with!("metadata.expiry", check("snapshot"));
}

#[test]
fn a_target_is_the_effect_of_a_release_that_reached_its_quorum() {
    let half = Story::honest().until(Step::ReleaseCenter).tell();
    refused_with!(
        "metadata.target_without_release",
        signable(&half, None, &half.made.metadata)
    );
    let mut withdrawn = released();
    let supervisor = Key::of("supervisor", "supervisor");
    withdrawn.then(withdrawal(withdrawn.made.release(), &supervisor, NOT_AFTER));
    refused_with!(
        "metadata.target_without_release",
        signable(&withdrawn, None, &withdrawn.made.metadata)
    );
    // An extra target riding along.
    let told = released();
    let riding = Story::honest()
        .change_release(|release| release.seq = 2)
        .tell();
    let next = listing(1, &[&payload(&told), &payload(&riding)]);
    refused_with!(
        "metadata.target_without_release",
        signable(&told, None, &next)
    );
}

/// A file that lists this target where the release's own belongs.
fn with_target(version: u64, told: &Told, change: impl Fn(TargetFile) -> TargetFile) -> Vec<u8> {
    let (path, file) = target(&payload(told));
    let expires = Expires::from_posix(NOW + DAY).unwrap();
    let targets = [(path, change(file))].into();
    signed(
        Targets::listing(version, expires, targets).unwrap(),
        &both(),
    )
}

#[test]
fn a_target_says_what_its_release_says() {
    let told = released();
    let (path, honest) = target(&payload(&told));
    let release = honest.release().release;
    type Twist = Box<dyn Fn(TargetFile) -> TargetFile>;
    let longer = path.clone();
    let other = path.clone();
    let twists: [Twist; 2] = [
        Box::new(move |t| TargetFile::new(&longer, t.length() + 1, *t.sha256(), release)),
        Box::new(move |t| TargetFile::new(&other, t.length(), tlog::sha256(b"other"), release)),
    ];
    signable(&told, None, &with_target(1, &told, |target| target)).unwrap();
    for twist in twists {
        let next = with_target(1, &told, twist);
        refused_with!(
            "metadata.target_without_release",
            signable(&told, None, &next)
        );
    }
}

#[test]
fn a_target_leaves_by_a_withdrawal_or_a_newer_release_only() {
    let mut published = Story::honest().tell();
    let previous = published.made.metadata.clone();
    let empty = listing(2, &[]);
    refused_with!(
        "metadata.target_removed",
        signable(&published, Some(&previous), &empty)
    );

    let half = published.next("1.1.0").until(Step::ReleaseCenter).tell();
    refused_with!(
        "metadata.target_removed",
        signable(&half, Some(&previous), &empty)
    );
    let second = published.next("1.1.0").without(Step::Publication).tell();
    let next = listing(2, &[&payload(&second)]);
    assert_eq!(
        signable(&second, Some(&previous), &next)
            .unwrap()
            .changes()
            .len(),
        2
    );

    let center = Key::of("vendor", "center");
    published.then(withdrawal(published.made.release(), &center, NOT_AFTER));
    let granted = signable(&published, Some(&previous), &empty).unwrap();
    let (path, _) = target(&payload(&published));
    let removed = MetadataChange::Removed {
        target: path.to_string(),
    };
    assert_eq!(granted.changes(), [removed]);
}

#[test]
fn nothing_else_changes_in_metadata() {
    let published = Story::honest().tell();
    let previous = published.made.metadata.clone();
    let (path, _) = target(&payload(&published));
    let replaced = with_target(2, &published, |target| {
        let release = target.release().release;
        TargetFile::new(&path, target.length() + 1, *target.sha256(), release)
    });
    refused_with!(
        "metadata.other_change",
        signable(&published, Some(&previous), &replaced)
    );
    let told = released();
    let text = String::from_utf8(told.made.metadata.clone()).unwrap();
    let extra = text.replace("\"spec_version\"", "\"more\":1,\"spec_version\"");
    refused_with!(
        "metadata.other_change",
        signable(&told, None, extra.as_bytes())
    );
}

fn believed(told: &Told) -> Result<PublishedMetadata, Refusal> {
    let bundle = told.bundle();
    PublishedMetadata::check(bundle.view(), "software", &told.made.metadata)
}

/// The published file is signed by these keys.
fn signed_by(keys: &'static [(&'static str, &'static str)]) -> Story {
    Story::honest().publishing(move |version, release| {
        let keys: Vec<_> = keys
            .iter()
            .map(|(party, name)| Key::of(party, name))
            .collect();
        signed(unsigned(version, NOW + DAY, &[release]), &keys)
    })
}

#[test]
fn metadata_is_signed_by_a_center_and_a_supervisor() {
    let granted = believed(&Story::honest().tell()).unwrap();
    assert_eq!((granted.role(), granted.version()), ("software", 1));
    // Two keys meet the threshold of TUF, and are one party.
    let posing = signed_by(&[("vendor", "tuf"), ("vendor", "tuf-2")]).tell();
    refused_with!("metadata.quorum", believed(&posing));
    refused_with!(
        "metadata.quorum",
        believed(&signed_by(&[("vendor", "tuf")]).tell())
    );
    refused_with!(
        "metadata.quorum",
        believed(&signed_by(&[("supervisor", "tuf")]).tell())
    );
    refused_with!("metadata.quorum", believed(&signed_by(&[]).tell()));
    let stranger = signed_by(&[("vendor", "tuf"), ("stranger", "tuf")]).tell();
    refused_with!("metadata.quorum", believed(&stranger));
    // Keys with another role do not sign metadata, whoever holds them.
    let other = signed_by(&[("vendor", "tuf"), ("supervisor", "supervisor")]).tell();
    refused_with!("metadata.quorum", believed(&other));
}

#[test]
fn a_signature_that_does_not_verify_or_of_a_party_with_another_duty_is_none() {
    // The last digit of the last signature is another one.
    let garbled = Story::honest().publishing(|version, release| {
        let mut file = crate::honest::metadata::listing(version, &[release]);
        let text = String::from_utf8(file.clone()).unwrap();
        let begin = text.rfind("\"sig\":\"").unwrap() + 7;
        let last = begin + text[begin..].find('"').unwrap() - 1;
        file[last] = if file[last] == b'0' { b'1' } else { b'0' };
        file
    });
    refused_with!("metadata.quorum", believed(&garbled.tell()));
    let lab = Story::under(|draft| {
        let key = ed25519("lab-a", "tuf", Role::Tuf);
        party_mut(draft, "lab-a").keys.push(key);
    })
    .publishing(|version, release| {
        let keys = [Key::of("vendor", "tuf"), Key::of("lab-a", "tuf")];
        signed(unsigned(version, NOW + DAY, &[release]), &keys)
    });
    refused_with!("metadata.quorum", believed(&lab.tell()));
}

#[test]
fn a_center_that_is_its_own_supervisor_signs_alone() {
    let told = Story::under(|draft| {
        let key = ed25519("vendor", "posing", Role::Supervisor);
        party_mut(draft, "vendor").keys.push(key);
    })
    .publishing(|version, release| {
        let keys = [Key::of("vendor", "tuf"), Key::of("vendor", "tuf-2")];
        signed(unsigned(version, NOW + DAY, &[release]), &keys)
    })
    .tell();
    refused_with!("metadata.quorum", believed(&told));
}

#[test]
fn metadata_that_was_not_published_is_not_believed() {
    refused_with!("publication.missing", believed(&released()));
    let mut other = Story::honest().tell();
    other.made.metadata = listing(1, &[]);
    refused_with!("publication.missing", believed(&other));
    // A newer publication makes the older one stale.
    let first = Story::honest().tell();
    let second = first.next("1.1.0").tell();
    let bundle = second.bundle();
    let older = PublishedMetadata::check(bundle.view(), "software", &first.made.metadata);
    refused_with!("publication.missing", older);
    let newest = PublishedMetadata::check(bundle.view(), "software", &second.made.metadata);
    assert_eq!(newest.unwrap().version(), 2);
}

#[test]
fn two_publications_of_one_version_are_a_fault() {
    let told = Story::honest()
        .appended(|made| {
            let mut statement = made.statement(Step::Publication);
            if let Predicate::Publication(publication) = &mut statement.predicate {
                publication.metadata = FileDigest::of(b"another file");
            }
            sign(
                &statement.to_payload().unwrap(),
                made.key(Step::Publication),
            )
        })
        .tell();
    refused_with!("publication.fork", believed(&told));
    let next = listing(2, &[&payload(&told)]);
    refused_with!(
        "publication.fork",
        signable(&told, Some(&told.made.metadata), &next)
    );
    // The same words twice, by the center's second key, are no fork.
    let again = Story::honest()
        .appended(|made| {
            let second = Key::of("vendor", "center-2");
            sign(made.payload(Step::Publication), &second)
        })
        .tell();
    believed(&again).unwrap();
}

#[test]
fn a_tuf_root_counts_when_the_constitution_in_force_names_it() {
    let told = Story::honest().tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    assert_eq!(TrustedRoot::check(view, TUF_ROOT).unwrap().file(), TUF_ROOT);
    refused_with!(
        "tuf_root.not_in_constitution",
        TrustedRoot::check(view, b"{\"another\":\"root\"}")
    );
}
