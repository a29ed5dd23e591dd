//! Whole changes of the constitution, as replayers and strangers with a bundle see them.

use crate::honest::{
    amendment::{Amendment, Enacted, activation},
    roster::{self, DELAY, NOT_AFTER, governance, party_mut},
    sayings::heartbeat,
    story::sign,
};
use statement::Constitution;

fn rename(draft: &mut Constitution) {
    party_mut(draft, "lab-a").name = "Another name".to_owned();
}

/// Replays with one more signature or activation at the end.
fn continued(mut enacted: Enacted, entries: Vec<Vec<u8>>) -> (Enacted, Vec<Result<(), String>>) {
    for entry in entries {
        enacted.log.push(entry);
        let time = enacted.log.published.last().unwrap().1 + DELAY;
        enacted.log.publish(time);
    }
    let before = enacted.judged.len();
    let (state, judged) = enacted.log.replay_judged(enacted.anchor);
    enacted.state = state;
    let news = judged[before..].iter();
    let news = news.map(|fed| match fed {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.code().as_str().to_owned()),
    });
    (enacted, news.collect())
}

#[test]
fn a_successor_takes_force_at_its_activation_and_not_before() {
    let enacted = Amendment::of(rename).enact();
    let mut log = enacted.log.clone();
    log.entries.pop();
    log.published.pop();
    assert_eq!(
        log.replay(enacted.anchor).constitution().unwrap().version,
        1
    );
    assert_eq!(enacted.version(), 2);
}

#[test]
fn an_early_activation_spoils_nothing_and_a_later_one_enacts() {
    let early = Amendment::of(rename).waiting(DELAY - 1).enact();
    assert_eq!(early.version(), 1);
    let next = Amendment::of(rename).next;
    let waited = early.log.size() + 1;
    let mut log = early.log.clone();
    log.push(heartbeat("waiting on"));
    let signed_by = early.log.published[1].0;
    let entry = activation(&log, roster::digest(&next), [signed_by, waited], NOT_AFTER);
    let (late, news) = continued(early, vec![heartbeat("waiting on"), entry]);
    assert_eq!(news, [Ok(()), Ok(())]);
    assert_eq!(late.version(), 2);
}

#[test]
fn a_signature_after_the_wait_began_starts_it_again() {
    let enacted = Amendment::of(rename)
        .signed_by_parties(&["vendor", "supervisor"])
        .enact();
    let next = Amendment::of(rename).next;
    let payload = roster::payload(&next);
    let last = sign(&payload, &governance("lab-a"));
    let sizes = [enacted.log.published[1].0, enacted.log.published[2].0];
    let mut log = enacted.log.clone();
    log.push(last.clone());
    let again = activation(&log, roster::digest(&next), sizes, NOT_AFTER);
    let (enacted, news) = continued(enacted, vec![last, again]);
    assert_eq!(news, [Ok(()), Err("constitution.delay".to_owned())]);
    assert_eq!(enacted.version(), 1);
}

#[test]
fn an_old_half_signed_proposal_is_not_revived_under_the_next_constitution() {
    let mut old = Amendment::of(rename).next;
    party_mut(&mut old, "lab-b").name = "An old idea".to_owned();
    let half = sign(&roster::payload(&old), &governance("lab-b"));
    let enacted = Amendment::of(rename)
        .after(half)
        .signed_by_parties(&["vendor", "supervisor", "lab-a"])
        .enact();
    assert_eq!(enacted.version(), 2);
    let rest = ["vendor", "supervisor", "lab-a"];
    let rest = rest.map(|party| sign(&roster::payload(&old), &governance(party)));
    let sizes = [enacted.log.published[1].0, enacted.log.published[2].0];
    let revived = activation(&enacted.log, roster::digest(&old), sizes, NOT_AFTER);
    let entries = rest.into_iter().chain([revived]).collect();
    let (enacted, news) = continued(enacted, entries);
    let refused = || Err("constitution.version".to_owned());
    assert_eq!(news, [refused(), refused(), refused(), refused()]);
    assert_eq!(enacted.version(), 2);
}

#[test]
fn an_activation_counts_once() {
    let enacted = Amendment::of(rename).enact();
    let again = enacted.log.entries.last().unwrap().clone();
    let (enacted, news) = continued(enacted, vec![again]);
    assert_eq!(news, [Err("constitution.version".to_owned())]);
    assert_eq!(enacted.version(), 2);
}

#[test]
fn an_activation_that_names_another_root_proves_no_wait() {
    let enacted = Amendment::of(rename).waiting(DELAY - 1).enact();
    let mut other = enacted.log.clone();
    other.entries[0].push(b' ');
    let size = enacted.log.published.last().unwrap().0;
    let sizes = [enacted.log.published[1].0, size];
    let digest = roster::digest(&Amendment::of(rename).next);
    let entry = activation(&other, digest, sizes, NOT_AFTER);
    let (enacted, news) = continued(enacted, vec![entry]);
    assert_eq!(news, [Err("constitution.delay".to_owned())]);
    assert_eq!(enacted.version(), 1);
}

#[test]
fn a_stranger_with_a_bundle_comes_to_the_same_constitution() {
    let enacted = Amendment::of(rename).enact();
    let mut bundle = enacted.log.whole_bundle();
    bundle.archived = enacted.log.archived();
    let read = law::Bundle::parse(&bundle.to_bytes().unwrap()).unwrap();
    let opened = read.open(enacted.anchor).unwrap();
    let in_force = opened.view().constitution().unwrap();
    assert_eq!(in_force, enacted.state.constitution().unwrap());
}

#[test]
fn a_bundle_that_does_not_show_the_wait_stays_with_the_old_constitution() {
    let enacted = Amendment::of(rename).enact();
    let mut bundle = enacted.log.whole_bundle();
    let archived = enacted.log.archived();
    for kept in [&archived[..0], &archived[..2], &archived[2..]] {
        bundle.archived = kept.to_vec();
        let opened = bundle.open(enacted.anchor).unwrap();
        assert_eq!(opened.view().constitution().unwrap().version, 1);
    }
}

#[test]
fn a_chain_names_its_entries_and_each_archived_checkpoint_once() {
    let enacted = Amendment::of(rename).enact();
    // Four founding signatures, four under the successor, the activation behind one heartbeat.
    assert_eq!(
        enacted.state.constitution_entries(),
        [0, 1, 2, 3, 4, 5, 6, 7, 9]
    );
    assert_eq!(enacted.state.archived_sizes_named(), [8, 9]);
    let at_once = |draft: &mut Constitution| draft.floors.change_delay_seconds = 0;
    let enacted = Amendment::under(at_once, rename)
        .waiting(0)
        .naming(1, 1)
        .enact();
    assert_eq!(enacted.version(), 2);
    assert_eq!(enacted.state.archived_sizes_named(), [8]);
}

#[test]
fn the_named_entries_and_checkpoints_are_enough_for_a_stranger() {
    let enacted = Amendment::of(rename).enact();
    let mut bundle = enacted.log.bundle(enacted.state.constitution_entries());
    let named = enacted.state.archived_sizes_named();
    let published = enacted.log.published.iter();
    let named = published.filter(|(size, _)| named.contains(size));
    let named = named.map(|(size, time)| enacted.log.checkpoint(*size, *time));
    bundle.archived = named.collect();
    let opened = bundle.open(enacted.anchor).unwrap();
    assert_eq!(opened.view().constitution().unwrap().version, 2);
}
