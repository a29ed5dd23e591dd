//! What a second implementation of the law saw otherwise, and had right: each test is such a difference.

use crate::honest::{
    amendment::Amendment,
    chain::Step,
    keys::Key,
    roster::{NOT_AFTER, NOW, lab, party_mut},
    story::{Made, Story, Told, say, sign},
};
use crate::refused_with;
use law::{PublishedMetadata, SignableMetadata};
use statement::{Constitution, Finding, Halt, Predicate, Role};

/// The provenance in words that were past their time when they were logged.
fn late_provenance(made: &Made) -> Vec<u8> {
    let mut statement = made.statement(Step::Provenance);
    if let Predicate::Provenance(provenance) = &mut statement.predicate {
        let asked = &mut provenance.build_definition.external_parameters;
        asked.not_after = NOW;
    }
    sign(&statement.to_payload().unwrap(), made.key(Step::Provenance))
}

#[test]
fn a_result_that_was_shown_too_late_to_count_can_be_copied_all_the_same() {
    let shown_before = |step| {
        let story = Story::honest().inserted_before(step, late_provenance);
        story.tell().approvable()
    };
    shown_before(Step::Provenance).unwrap();
    refused_with!("rebuild.committed_late", shown_before(Step::CommitB));
    refused_with!("provenance.uncommitted", shown_before(Step::CommitConveyer));
}

#[test]
fn an_adverse_statement_that_came_too_late_to_count_stops_nothing() {
    let key = || Key::of("lab-a", "rebuilder");
    let finding = move |not_after| {
        move |made: &Made| {
            let finding = Finding {
                audience: vec![crate::honest::chain::center_log()],
                not_after,
                blobs: Vec::new(),
                about: made.build(),
                title: "A password is compiled in".to_owned(),
                detail: "See line 7.".to_owned(),
            };
            say(finding, &key())
        }
    };
    let halt = move |not_after| {
        move |_: &Made| {
            let halt = Halt {
                audience: vec![crate::honest::chain::center_log()],
                not_after,
                blobs: Vec::new(),
                product: None,
                reason: "A key may be stolen".to_owned(),
            };
            say(halt, &key())
        }
    };
    let story = || Story::honest().until(Step::Approval);
    story().appended(finding(NOW)).tell().releasable().unwrap();
    story().appended(halt(NOW)).tell().releasable().unwrap();
    let open = story().appended(finding(NOT_AFTER)).tell();
    refused_with!("adverse.open", open.releasable());
    let halted = story().appended(halt(NOT_AFTER)).tell();
    refused_with!("adverse.halt", halted.releasable());
}

#[test]
fn two_releases_with_one_predecessor_are_a_fork_whatever_their_numbers() {
    let told = Story::honest()
        .until(Step::ReleaseCenter)
        .appended(|made| {
            let mut statement = made.statement(Step::ReleaseCenter);
            if let Predicate::Release(release) = &mut statement.predicate {
                release.seq = 7;
            }
            let payload = statement.to_payload().unwrap();
            sign(&payload, made.key(Step::ReleaseCenter))
        })
        .tell();
    refused_with!("release.fork", told.releasable());
}

fn with_publication(change: fn(&mut statement::Publication)) -> Told {
    let story = Story::honest().change(Step::Publication, move |statement| {
        if let Predicate::Publication(publication) = &mut statement.predicate {
            change(publication);
        }
    });
    story.tell()
}

#[test]
fn a_publication_that_calls_its_file_by_another_version_stops_the_role() {
    let told = with_publication(|publication| publication.version = 2);
    let state = told.replay();
    let release = told.made.payload(Step::ReleaseCenter).to_vec();
    for version in 1..=3 {
        let next = crate::honest::metadata::listing(version, &[&release]);
        let previous = Some(&*told.made.metadata);
        let view = state.settled().unwrap();
        let signable = SignableMetadata::check(view, "software", previous, &next, NOW);
        refused_with!("metadata.version", signable);
    }
}

#[test]
fn a_file_of_another_role_is_not_believed() {
    let told = with_publication(|publication| publication.role = "rules".to_owned());
    let bundle = told.bundle();
    let believed = PublishedMetadata::check(bundle.view(), "rules", &told.made.metadata);
    refused_with!("metadata.malformed", believed);
}

#[test]
fn metadata_is_believed_by_the_keys_of_its_own_time() {
    let without_tuf_key = |draft: &mut Constitution| {
        let keys = &mut party_mut(draft, "supervisor").keys;
        keys.retain(|key| key.role != Role::Tuf);
    };
    let made = Story::honest().tell().made;
    let believed = |before: bool| {
        let mut amendment = Amendment::of(without_tuf_key);
        if before {
            amendment = amendment.after(made.envelope(Step::Publication));
        }
        let enacted = amendment.enact();
        assert_eq!(enacted.version(), 2);
        let mut log = enacted.log;
        if !before {
            log.push(made.envelope(Step::Publication));
            log.publish(log.published.last().unwrap().1 + 60);
        }
        let state = log.replay(enacted.anchor);
        PublishedMetadata::check(state.settled().unwrap(), "software", &made.metadata)
    };
    believed(true).unwrap();
    refused_with!("metadata.quorum", believed(false));
}

/// A second company of the vendor, and a party with its owner that does not say so.
fn hidden_vendor(party: &str) -> impl Fn(&mut Constitution) {
    move |draft: &mut Constitution| {
        let mut holding = lab("lab-c", "Example Holding", "NZ");
        holding.vendor = true;
        draft.parties.push(holding);
        party_mut(draft, party).legal_owner = "Example Holding".to_owned();
    }
}

#[test]
fn a_supervisor_of_an_owner_of_the_vendor_supervises_nothing() {
    let told = Story::under(hidden_vendor("supervisor")).tell();
    refused_with!("release.quorum_supervisor", told.released());
    let bundle = told.bundle();
    let believed = PublishedMetadata::check(bundle.view(), "software", &told.made.metadata);
    refused_with!("metadata.quorum", believed);
}

#[test]
fn a_lab_of_the_vendor_s_owner_does_not_help_to_name_a_supervisor() {
    let base = |draft: &mut Constitution| {
        draft.floors.governance_min = 2;
        let owner = party_mut(draft, "vendor").legal_owner.clone();
        party_mut(draft, "lab-b").legal_owner = owner;
    };
    let replaced = |draft: &mut Constitution| {
        let key = crate::honest::roster::ed25519("lab-a", "supervisor", Role::Supervisor);
        party_mut(draft, "lab-a").keys.push(key);
    };
    let two = Amendment::under(base, replaced).signed_by_parties(&["lab-a", "lab-b"]);
    refused_with!("constitution.supervisor", two.enact().outcome);
    let both = Amendment::under(base, replaced).signed_by_parties(&["lab-a", "supervisor"]);
    assert_eq!(both.enact().version(), 2);
}

#[test]
fn all_that_is_the_vendor_s_is_one_in_a_governance_quorum() {
    let rename = |draft: &mut Constitution| party_mut(draft, "lab-a").name.push('x');
    let three = ["vendor", "lab-a", "lab-b"];
    let honest = Amendment::of(rename).signed_by_parties(&three);
    assert_eq!(honest.enact().version(), 2);
    let hidden = |draft: &mut Constitution| {
        // Its second company is a party that signs nothing here.
        party_mut(draft, "supervisor").vendor = true;
        let owner = party_mut(draft, "supervisor").legal_owner.clone();
        party_mut(draft, "lab-b").legal_owner = owner;
    };
    let posing = Amendment::under(hidden, rename).signed_by_parties(&three);
    refused_with!("constitution.quorum", posing.enact().outcome);
}

#[test]
fn a_wait_has_a_direction_even_where_no_delay_is_asked() {
    let patient = |draft: &mut Constitution| draft.floors.change_delay_seconds = 0;
    let rename = |draft: &mut Constitution| party_mut(draft, "lab-a").name.push('x');
    let named = |signed_by, waited_until| {
        let amendment = Amendment::under(patient, rename).naming(signed_by, waited_until);
        amendment.enact()
    };
    assert_eq!(named(1, 2).version(), 2);
    assert_eq!(named(1, 1).version(), 2);
    refused_with!("constitution.delay", named(2, 1).outcome);
}
