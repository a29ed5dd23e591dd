//! A second look at samples at rest: granted within its bounds and over released rules, and signed for nothing else.

use crate::world::{CENTER_LOG, PATIENCE, SUPERVISOR_LOG, World};
use statement::{
    FileDigest, Halt, Kind, Receipts, Release, SealDigest, SealTree, Statement, StatementDigest,
    Subject,
};
use supervisor::Wanted;

fn samples(count: u8) -> SealTree {
    let mut seals: Vec<_> = (0..count).map(|n| SealDigest::of(&[n])).collect();
    seals.sort();
    SealTree::new(seals).unwrap()
}

fn wanted(rules: StatementDigest, count: u8) -> Wanted {
    Wanted {
        home: "CH".parse().unwrap(),
        samples: samples(count),
        worker: StatementDigest::of(b"worker"),
        rules,
        scoring: rules,
        valid_seconds: 3_600,
    }
}

/// Center and supervisor sign a release of rules.
async fn release_rules(world: &World) -> StatementDigest {
    let file = FileDigest::of(b"rules");
    let release = Release {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        product: "rules".to_owned(),
        version: "2".to_owned(),
        channel: "stable".to_owned(),
        platform: "any".to_owned(),
        seq: 1,
        predecessor: None,
        kind: Kind::Rules,
        file: "rules.tar".to_owned(),
        artifact: file,
        artifact_bytes: 5,
        build: StatementDigest::of(b"build"),
        approval: StatementDigest::of(b"approval"),
        signed: None,
    };
    let statement = Statement::new(vec![Subject::new("rules.tar", file)], release);
    let center = world.statement_key("vendor", "center");
    world.say(&center, statement.clone()).await;
    let supervisor = world.statement_key("supervisor", "supervisor");
    world.say(&supervisor, statement).await
}

/// Two hundred samples are at rest.
async fn rest(world: &World) {
    let root = FileDigest::of(b"root");
    let receipts = Receipts {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        seq: 1,
        count: 200,
        root,
    };
    let statement = Statement::new(vec![Subject::new("receipts", root)], receipts);
    let center = world.statement_key("vendor", "center");
    world.say(&center, statement).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_is_granted_within_its_bounds_and_over_released_rules() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let rules = release_rules(&world).await;
    rest(&world).await;
    let unreleased = wanted(StatementDigest::of(b"rules"), 1);
    let refused = room.grant_reanalysis(unreleased).await.unwrap_err();
    assert!(
        refused.to_string().contains("grant.unreleased"),
        "{refused}"
    );
    let refused = room.grant_reanalysis(wanted(rules, 3)).await.unwrap_err();
    assert!(refused.to_string().contains("grant.day"), "{refused}");

    let logged = room.grant_reanalysis(wanted(rules, 2)).await.unwrap();
    assert_eq!((logged.count, logged.stock), (2, 200));
    let follower = world.follower().await;
    let view = follower.view().unwrap();
    let now = crate::world::now();
    let grant = law::ReanalysisGrant::check(view, logged.grant, now).unwrap();
    assert_eq!(grant.root, samples(2).root());
    let refused = room.grant_reanalysis(wanted(rules, 1)).await.unwrap_err();
    assert!(refused.to_string().contains("grant.day"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_in_the_supervisors_own_log_stops_it_too() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let rules = release_rules(&world).await;
    rest(&world).await;
    let halt = Halt {
        audience: vec![SUPERVISOR_LOG.parse().unwrap()],
        not_after: world.not_after,
        product: None,
        blobs: Vec::new(),
        reason: "Stop.".to_owned(),
    };
    let halt = Statement::new(vec![Subject::new("halt", FileDigest::of(b"all"))], halt);
    let lab = world.statement_key("lab-a", "rebuilder");
    let own = &world.supervisor_log;
    own.sign_and_submit(&halt, &lab, PATIENCE).await.unwrap();
    let refused = room.grant_reanalysis(wanted(rules, 1)).await.unwrap_err();
    assert!(refused.to_string().contains("adverse.halt"), "{refused}");
}
