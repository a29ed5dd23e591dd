//! One endpoint is shown a branch that its log and all witnesses signed; others are not. Nothing that it can
//! see alone is wrong. It compares.

mod places;

use std::fs;

use endpoint::{
    Answer, Fault, FaultKind, Freshness, Given, Gossip, PlaceKind, gossip, newest_bundle, settle,
    timeline,
};
use statement::StatementDigest;
use tlog::{ForkEvidence, NoteSigner as _};

use crate::{
    repository::Site,
    world::{NOW, Twist, World, refused_with, roster},
};
use places::Shelf;

const LATER: u64 = NOW + 60;

/// Makes a log one entry longer.
fn grow(world: &mut World, why: &str) {
    world.withdraw(StatementDigest::of(why.as_bytes()));
}

/// An endpoint that installed from a branch, and the log that everybody else sees, longer by `longer`.
async fn misled(longer: i32) -> (Site, World) {
    let mut site = Site::installed(1).await;
    let mut honest = site.world.clone();
    site.release(Twist::Honest);
    site.update().await.unwrap();
    let branch = site.world.log.head().size;
    let due = u64::try_from(i32::try_from(branch).unwrap() + longer).unwrap();
    while honest.log.head().size < due {
        let size = honest.log.head().size;
        grow(&mut honest, &format!("honest {size}"));
    }
    (site, honest)
}

async fn compare(site: &Site) -> Gossip {
    gossip(&site.config, &[], LATER).await.unwrap()
}

fn answers(gossip: &Gossip) -> Vec<Answer> {
    let places = gossip.places.iter();
    places.map(|said| said.answer.clone()).collect()
}

fn faults(site: &Site) -> Vec<Fault> {
    timeline(&site.config, LATER).unwrap().faults
}

#[tokio::test]
async fn a_branch_shown_to_one_endpoint_is_found_by_one_honest_copy_of_the_log() {
    let (mut site, honest) = misled(3).await;
    let log = Shelf::log(&honest).await;
    site.config.gossip = vec![log.place(PlaceKind::Log)];
    refused_with!("timeline.fork", gossip(&site.config, &[], LATER).await);

    let found = faults(&site);
    let FaultKind::TwoHistories {
        smaller, larger, ..
    } = &found[0].what
    else {
        panic!("{found:?}");
    };
    assert_eq!(smaller.size, site.world.log.head().size);
    assert_eq!(larger.size, honest.log.head().size);
    // Anybody can check it with nothing but the key of the log.
    let file = site.config.dir.join(&found[0].evidence[0]);
    let evidence = ForkEvidence::parse(&fs::read(file).unwrap()).unwrap();
    let keys = [roster::log_key().vkey().clone()];
    let fork = evidence.open(&keys).unwrap();
    assert_eq!(fork.larger().size(), larger.size);
}

#[tokio::test]
async fn after_a_fork_nothing_is_installed_until_a_person_has_settled_it() {
    let (mut site, honest) = misled(0).await;
    // Of one size: no tiles are needed, so a witness is enough.
    let witness = Shelf::witness(&honest).await;
    site.config.gossip = vec![witness.place(PlaceKind::Witness)];
    refused_with!("timeline.fork", gossip(&site.config, &[], LATER).await);
    let runs = site.runs();
    site.release(Twist::Honest);
    refused_with!("timeline.unsettled", site.update().await);
    refused_with!("timeline.unsettled", site.update().await);
    assert_eq!(site.runs(), runs);

    let id = faults(&site)[0].id.clone();
    let unknown = settle(&site.config, "000000000000", "looked at it", LATER).unwrap_err();
    assert_eq!(
        (unknown.code(), unknown.exit_code()),
        ("timeline.no_fault", 2)
    );
    for reason in ["", "two\nlines", &"long ".repeat(400)] {
        let refused = settle(&site.config, &id, reason, LATER).unwrap_err();
        assert_eq!(refused.code(), "timeline.reason");
    }
    let settled = settle(&site.config, &id, "the witness showed its test log", LATER).unwrap();
    assert_eq!(settled.settled.unwrap().at, LATER);
    site.config.gossip.clear();
    site.update().await.unwrap();
    assert_eq!(faults(&site).len(), 1, "it stays on record");
}

#[tokio::test]
async fn with_one_honest_witness_in_reach_the_branch_is_not_even_installed() {
    let mut site = Site::installed(1).await;
    let mut honest = site.world.clone();
    let runs = site.runs();
    site.release(Twist::Honest);
    while honest.log.head().size < site.world.log.head().size {
        grow(&mut honest, "honest");
    }
    let witness = Shelf::witness(&honest).await;
    site.config.gossip = vec![witness.place(PlaceKind::Witness)];
    refused_with!("timeline.fork", site.update().await);
    assert_eq!(site.runs(), runs);
    // The honest twin: the same witness, and a repository that shows what everybody sees.
    let site = Site::installed(1).await;
    let witness = Shelf::witness(&site.world).await;
    let mut config = site.config.clone();
    config.gossip = vec![witness.place(PlaceKind::Witness)];
    endpoint::update(&config, LATER).await.unwrap();
    assert!(timeline(&config, LATER).unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_branch_that_is_longer_than_the_log_is_found_when_the_log_has_grown() {
    let (mut site, mut honest) = misled(-2).await;
    let log = Shelf::log(&honest).await;
    site.config.gossip = vec![log.place(PlaceKind::Log)];
    let size = honest.log.head().size;
    assert_eq!(answers(&compare(&site).await), [Answer::Unproven { size }]);
    for more in ["one", "two", "three"] {
        grow(&mut honest, more);
    }
    log.write(&honest);
    refused_with!("timeline.fork", gossip(&site.config, &[], LATER).await);
}

#[tokio::test]
async fn whoever_serves_the_tiles_of_the_branch_proves_the_fork_at_once() {
    let (mut site, honest) = misled(-2).await;
    let (witness, branch) = (Shelf::witness(&honest).await, Shelf::log(&site.world).await);
    site.config.gossip = vec![
        witness.place(PlaceKind::Witness),
        branch.place(PlaceKind::Log),
    ];
    refused_with!("timeline.fork", gossip(&site.config, &[], LATER).await);
}

#[tokio::test]
async fn who_shows_an_older_or_a_newer_tree_of_one_history_agrees() {
    let mut site = Site::installed(1).await;
    let older = Shelf::witness(&site.world).await;
    site.release(Twist::Honest);
    site.update().await.unwrap();
    let mut grown = site.world.clone();
    grow(&mut grown, "later");
    let newer = Shelf::mirror(&grown).await;
    site.config.gossip = vec![
        older.place(PlaceKind::Witness),
        newer.place(PlaceKind::Mirror),
    ];
    let compared = compare(&site).await;
    let agrees = |answer: &Answer| matches!(answer, Answer::Agrees { .. });
    assert!(answers(&compared).iter().all(agrees), "{compared}");
    assert_eq!(compared.logs[0].freshness, Freshness::Fresh);
    assert_eq!(compared.logs[0].size, Some(site.world.log.head().size));
    for row in compared.to_string().lines() {
        assert!(row.chars().count() <= 80, "{row}");
    }
    // Without the mirror nobody could say how the older tree goes on.
    let mut alone = Site::installed(1).await;
    let older = Shelf::witness(&alone.world).await;
    alone.release(Twist::Honest);
    alone.release(Twist::Honest);
    alone.update().await.unwrap();
    alone.config.gossip = vec![older.place(PlaceKind::Witness)];
    assert!(matches!(
        answers(&compare(&alone).await)[..],
        [Answer::Agrees { .. } | Answer::Unproven { .. }]
    ));
}

#[tokio::test]
async fn a_place_that_is_silent_or_lies_costs_nothing_and_agreement_grows_old() {
    let mut site = Site::installed(1).await;
    let witness = Shelf::witness(&site.world).await;
    site.config.gossip = vec![witness.place(PlaceKind::Witness)];
    assert_eq!(compare(&site).await.logs[0].freshness, Freshness::Fresh);

    let mut forged = site.world.clone();
    grow(&mut forged, "forged");
    let forger = Shelf::signed_by(&forged, b"the log's name under a strange key").await;
    let rubbish = Shelf::empty().await;
    rubbish.put("checkpoint", b"\xff\xfe no note at all");
    let endless = Shelf::empty().await;
    endless.put("checkpoint", &vec![b'x'; 2 << 20]);
    site.config.gossip = vec![
        Shelf::nobody(PlaceKind::Witness),
        forger.place(PlaceKind::Log),
        rubbish.place(PlaceKind::Log),
        endless.place(PlaceKind::Log),
        Shelf::empty().await.place(PlaceKind::Mirror),
        rubbish.place_at(PlaceKind::Bundle, "checkpoint"),
    ];
    let later = NOW + 3 * 86_400;
    let compared = gossip(&site.config, &[], later).await.unwrap();
    assert!(
        matches!(
            answers(&compared)[..],
            [
                Answer::Silent { .. },
                Answer::Useless { .. },
                Answer::Useless { .. },
                Answer::Silent { .. },
                Answer::Nothing,
                Answer::Useless { .. },
            ]
        ),
        "{compared}"
    );
    assert_eq!(compared.logs[0].freshness, Freshness::Amber);
    let much_later = gossip(&site.config, &[], NOW + 30 * 86_400).await.unwrap();
    assert_eq!(much_later.logs[0].freshness, Freshness::Red);
    // And installs go on.
    let made = site.release(Twist::Honest);
    site.update().await.unwrap();
    assert_eq!(site.runs(), made.artifact);
}

#[tokio::test]
async fn tiles_that_are_not_of_the_tree_accuse_nobody() {
    let site = Site::installed(1).await;
    let mut grown = site.world.clone();
    grow(&mut grown, "later");
    let log = Shelf::log(&grown).await;
    let size = grown.log.head().size;
    let tile = format!("tile/0/000.p/{size}");
    for bytes in [
        vec![7; usize::try_from(size).unwrap() * 32],
        vec![7; 31],
        Vec::new(),
    ] {
        log.put(&tile, &bytes);
        let mut config = site.config.clone();
        config.gossip = vec![log.place(PlaceKind::Log)];
        let compared = gossip(&config, &[], LATER).await.unwrap();
        assert_eq!(answers(&compared), [Answer::Unproven { size }]);
    }
    assert!(faults(&site).is_empty());
}

#[tokio::test]
async fn two_publications_of_one_version_are_found_by_two_endpoints_that_compare() {
    let mut site = Site::installed(1).await;
    let seen = newest_bundle(&site.config).unwrap().unwrap();
    assert_eq!(seen.0, 2);
    // The same history, but the other endpoint was shown another entry of it.
    let at = site.world.publish("software", 2, b"made for somebody else");
    let other = site.world.bundle(&[at], NOW);
    let peer = Shelf::empty().await;
    peer.put("their.bundle", &other);
    site.config.gossip = vec![peer.place_at(PlaceKind::Bundle, "their.bundle")];
    refused_with!("publication.fork", gossip(&site.config, &[], LATER).await);
    let found = faults(&site);
    assert!(
        matches!(
            &found[0].what,
            FaultKind::TwoPublications { version: 2, .. }
        ),
        "{found:?}"
    );
    let proof = |at: usize| fs::read(site.config.dir.join(&found[0].evidence[at])).unwrap();
    assert_eq!((proof(0), proof(1)), (seen.1, other));
    settle(&site.config, &found[0].id, "asked the center", LATER).unwrap();
    site.config.gossip.clear();
    site.update().await.unwrap();
}

#[tokio::test]
async fn a_bundle_from_another_endpoint_is_enough_to_compare_by_hand() {
    let mut site = Site::installed(1).await;
    let given = |site: &Site| Given {
        name: "by hand".to_owned(),
        bytes: newest_bundle(&site.config).unwrap().unwrap().1,
    };
    let same = given(&site);
    let compared = gossip(&site.config, std::slice::from_ref(&same), LATER)
        .await
        .unwrap();
    let size = site.world.log.head().size;
    assert_eq!(answers(&compared), [Answer::Agrees { size }]);
    // The twin was shown another last entry.
    let mut honest = site.world.clone();
    grow(&mut honest, "honest");
    site.release(Twist::Honest);
    site.update().await.unwrap();
    while honest.log.head().size < site.world.log.head().size {
        grow(&mut honest, "more");
    }
    let at = honest.constitution[0];
    let twin = Given {
        name: "twin".to_owned(),
        bytes: honest.bundle(&[at + 4], NOW),
    };
    refused_with!("timeline.fork", gossip(&site.config, &[twin], LATER).await);
}

#[tokio::test]
async fn an_endpoint_that_was_shown_nothing_yet_has_nothing_to_compare() {
    let site = Site::new().await;
    let mut config = site.config.clone();
    let witness = Shelf::witness(&site.world).await;
    config.gossip = vec![witness.place(PlaceKind::Witness)];
    let compared = gossip(&config, &[], LATER).await.unwrap();
    assert!(compared.logs.is_empty() && compared.places.is_empty());
    assert!(newest_bundle(&config).unwrap().is_none());
    config.gossip = vec![witness.place(PlaceKind::Witness); 17];
    let many = gossip(&config, &[], LATER).await.unwrap_err();
    assert_eq!((many.code(), many.exit_code()), ("config.gossip", 2));
}

#[tokio::test]
async fn a_timeline_that_somebody_changed_is_damage_and_not_believed() {
    let site = Site::installed(1).await;
    let path = site.config.dir.join("timeline.json");
    let text = fs::read_to_string(&path).unwrap();
    let root = site.world.log.head().root;
    let root = root.hash().to_string();
    assert!(text.contains(&root));
    let other = text.replace(&root, &tlog::sha256(b"another root").to_string());
    for damaged in [other, text.replace("\"seen\"", "\"sene\""), String::new()] {
        fs::write(&path, damaged).unwrap();
        refused_with!("state.damaged", site.update().await);
        refused_with!("state.damaged", gossip(&site.config, &[], LATER).await);
    }
    fs::write(&path, text).unwrap();
    site.update().await.unwrap();
}

#[tokio::test]
async fn the_timeline_is_shown_with_what_was_proven_and_fits_a_terminal() {
    let site = Site::installed(2).await;
    let shown = timeline(&site.config, LATER).unwrap();
    let newest = shown.logs[0].checkpoints.last().unwrap();
    assert_eq!(newest.size, site.world.log.head().size);
    assert_eq!(shown.logs[0].freshness, Freshness::Red);
    let text = shown.to_string();
    assert!(text.contains("never compared with anybody"), "{text}");
    for row in text.lines() {
        assert!(row.chars().count() <= 80, "{row}");
    }
}
