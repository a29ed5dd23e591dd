//! A bundle is an excerpt, but two excerpts of one log must not contradict each other.

use crate::honest::{
    amendment::{Amendment, activation},
    chain::Step,
    roster::{self, DAY, DELAY, NOT_AFTER, NOW, PARTIES, party_mut},
    sayings::heartbeat,
    story::{Made, Story, sign},
};
use crate::refused_with;
use law::{EndpointPolicy, Installable, Line, Offer, OpenBundle, Refusal};
use statement::FileDigest;

/// A release under version 2 of the constitution, judged by two bundles of one log.
fn judged(release: bool, publication: bool) -> Result<Installable, Refusal> {
    let rename = |draft: &mut statement::Constitution| {
        party_mut(draft, "lab-a").name = "Another name".to_owned();
    };
    let enacted = Amendment::of(rename).enact();
    let made = Story::honest().tell().made;
    let mut log = enacted.log.clone();
    for step in Step::ALL {
        log.push(made.envelope(step));
    }
    let time = NOW + DELAY + DAY;
    log.publish(time);
    let open = |with_the_wait: bool| -> OpenBundle {
        let mut bundle = log.whole_bundle();
        if with_the_wait {
            bundle.archived = log.archived();
        }
        bundle.open(enacted.anchor).unwrap()
    };
    offered(&made, [&open(release), &open(publication)], time)
}

/// The release of a story by its own bundle and that of its publication.
fn offered(
    made: &Made,
    [bundle, publication]: [&OpenBundle; 2],
    now: u64,
) -> Result<Installable, Refusal> {
    let artifact = made.artifact();
    let offer = Offer {
        bundle,
        release: made.release(),
        publication,
        metadata: &made.metadata,
        role: "software",
        withdrawals: &[],
        artifact: FileDigest::of(&artifact),
        artifact_bytes: artifact.len() as u64,
        attached: None,
    };
    let policy = EndpointPolicy {
        line: Line {
            product: "truename".to_owned(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
        },
        rebuilds_min: 2,
        evidence_age_max_seconds: DAY,
    };
    Installable::check(offer, &policy, None, now)
}

#[test]
fn a_bundle_that_hides_a_constitution_which_the_other_shows_does_not_install() {
    judged(true, true).unwrap();
    refused_with!("constitution.version", judged(false, true));
    refused_with!("constitution.version", judged(true, false));
}

#[test]
fn a_bundle_from_before_the_change_still_installs() {
    let told = Story::honest().tell();
    let (release, anchor) = (told.bundle(), told.anchor);
    let next = Amendment::of(|draft| party_mut(draft, "lab-a").name.push('x')).next;
    let mut log = told.log.clone();
    for party in PARTIES {
        log.push(sign(&roster::payload(&next), &roster::governance(party)));
    }
    log.publish(NOW + DAY);
    let signed_by = log.size();
    log.push(heartbeat("waiting"));
    log.publish(NOW + DAY + DELAY);
    let sizes = [signed_by, log.size()];
    log.push(activation(&log, roster::digest(&next), sizes, NOT_AFTER));
    let time = NOW + 2 * DAY + DELAY;
    log.publish(time);
    let mut publication = log.whole_bundle();
    publication.archived = log.archived();
    let publication = publication.open(anchor).unwrap();
    assert_eq!(publication.view().constitution().unwrap().version, 2);
    offered(&told.made, [&release, &publication], time).unwrap();
}
