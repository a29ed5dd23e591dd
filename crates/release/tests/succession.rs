//! The supervisor is lost with all its keys. The parties that are left replace it in public: a new
//! constitution, a new TUF root that no key of the lost one signed, other keys for the delegated roles.
//! An endpoint that knows only the first constitution and the first root follows.

use std::time::Instant;

use crate::desk::Desk;
use crate::repository::{Kept, quiet};
use crate::site::{endpoint_of, serve_repository, update};
use crate::world::{CENTER_LOG, PATIENCE, World};
use keys::{SecretKey, StatementKey};
use law::Settled;
use release::{Config, Keeper, Order, RoleSeats};
use serve::Metrics;
use statement::{
    Activation, Algorithm, Amendment, Envelope, FileDigest, Heartbeat, Party, PartyKey, Role,
    Statement, StatementDigest, Subject,
};
use supervisor::{LogError, OwnLog, RemoteLog, Room, system_clock};
use tuf::{RootPlan, Seats, TufSigner as _};

const SUCCESSOR: &str = "office";
const KEYS: [(&str, Role); 6] = [
    ("governance", Role::Governance),
    ("supervisor", Role::Supervisor),
    ("tuf-root", Role::Tuf),
    ("tuf-targets", Role::Tuf),
    ("tuf-software", Role::Tuf),
    ("tuf-rules", Role::Tuf),
];

/// The successor's own log is not part of this story.
struct NoLog;

impl OwnLog for NoLog {
    async fn sync(&mut self) -> Result<(), LogError> {
        Ok(())
    }
    fn views(&self) -> Result<Vec<Settled<'_>>, LogError> {
        Ok(Vec::new())
    }
    async fn submit(&mut self, _: &Envelope) -> Result<(), LogError> {
        Ok(())
    }
}

fn successor(world: &World) -> Party {
    let keys = KEYS.map(|(file, role)| {
        let secret = SecretKey::generate(keys::Algorithm::Ed25519).unwrap();
        let path = world.key_path(SUCCESSOR, file);
        secret.save_new(&path, None).unwrap();
        let public = secret.public_key();
        PartyKey {
            role,
            algorithm: Algorithm::Ed25519,
            public: base64::Engine::encode(&base64::engine::general_purpose::STANDARD, public),
            not_after: world.not_after,
        }
    });
    Party {
        id: SUCCESSOR.parse().unwrap(),
        name: "Office for Watching Builds".to_owned(),
        legal_owner: "Another Foundation".to_owned(),
        jurisdiction: "DE".to_owned(),
        vendor: false,
        keys: keys.to_vec(),
    }
}

/// A key of the center and one of the successor.
fn seats(world: &World, file: &str) -> Seats {
    let key = |party| world.tuf_key(party, file).key().clone();
    Seats {
        keys: vec![key("vendor"), key(SUCCESSOR)],
        threshold: 2,
    }
}

/// The root after the first, signed by those who are left and come: the lost party signed nothing.
fn second_root(world: &World) -> Vec<u8> {
    let online = Seats {
        keys: vec![world.tuf_key("vendor", "tuf-online").key().clone()],
        threshold: 1,
    };
    let plan = RootPlan {
        version: 2,
        expires: tuf::Expires::from_posix(world.not_after).unwrap(),
        root: seats(world, "tuf-root"),
        targets: seats(world, "tuf-targets"),
        snapshot: online.clone(),
        timestamp: online,
    };
    let begun = release::begin_root(&plan).unwrap();
    let copies = ["vendor", SUCCESSOR].map(|party| {
        let key = world.tuf_key(party, "tuf-root");
        release::sign_root(&begun, &key).unwrap()
    });
    let alone = release::complete_root(&[&copies[1]], Some(&world.root));
    assert!(alone.is_err(), "its own threshold has to be met");
    release::complete_root(&[&copies[0], &copies[1]], Some(&world.root)).unwrap()
}

async fn propose(world: &World, amendment: &Amendment, signers: &[&str]) -> StatementDigest {
    let follower = world.follower().await;
    let view = follower.view().unwrap();
    let digest = view.state().constitution_digest().unwrap();
    let current = view.constitution().unwrap();
    let next = amendment.draft(current, digest, world.not_after).unwrap();
    let subject = Subject::new("tuf-root", next.tuf_root);
    let statement = Statement::new(vec![subject], next);
    let mut proposed = None;
    for party in signers {
        let key = world.statement_key(party, "governance");
        proposed = Some(world.say(&key, statement.clone()).await);
    }
    proposed.unwrap()
}

/// Waits until the log shows that the delay passed, then activates.
async fn activate(world: &World, constitution: StatementDigest, key: &StatementKey) {
    let began = Instant::now();
    let wait = loop {
        assert!(began.elapsed() < PATIENCE);
        let heartbeat = Heartbeat {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: world.not_after,
            blobs: Vec::new(),
            note: format!("waited {} ms", began.elapsed().as_millis()),
        };
        world.say(key, Statement::new(Vec::new(), heartbeat)).await;
        let archived = world.center.archived_sizes().await.unwrap();
        let follower = world.follower().await;
        let state = follower.view().unwrap().state();
        if let Ok(wait) = state.plan_activation(constitution, &archived.into_iter().collect()) {
            break wait;
        }
    };
    let activation = Activation {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        constitution,
        signed_by: wait.signed_by,
        waited_until: wait.waited_until,
    };
    world.say(key, Statement::new(Vec::new(), activation)).await;
}

/// The successor at work; its address.
async fn start_successor(world: &World, repository: &str) -> String {
    let key = |file| world.key_path(SUCCESSOR, file);
    let mut config = world.supervisor_config();
    config.dir = world.path().join("office-room");
    config.repository_url = Some(repository.to_owned());
    config.keys = supervisor::KeyPaths {
        supervisor: key("supervisor"),
        targets: key("tuf-targets"),
        software: key("tuf-software"),
        rules: key("tuf-rules"),
        passphrase: None,
    };
    let log = RemoteLog::new(&config).unwrap();
    let room = Room::open(config, log, NoLog, system_clock).unwrap();
    let listener = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = serve::bound_url(&listener).unwrap();
    tokio::spawn(supervisor::watch(room, listener, std::future::pending()));
    url
}

fn stable(build: StatementDigest) -> Order {
    Order {
        build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: None,
    }
}

/// The parties that are left stage a root and bring the constitution that names it into force.
async fn replace_supervisor(world: &World, room: &mut release::Room<'_, release::RemoteLog>) {
    let office = successor(world);
    let root = second_root(world);
    let staged = room.stage_root(&root).unwrap();
    assert_eq!(staged, FileDigest::of(&root));
    let amendment = Amendment {
        remove: vec!["supervisor".parse().unwrap()],
        add: vec![office],
        tuf_root: Some(staged),
        ..Amendment::default()
    };
    // Nothing happens before the constitution is in force.
    let before = room.publish().await.unwrap();
    assert_eq!(room.publish().await.unwrap(), before);
    let signers = ["vendor", "lab-a", "lab-b", SUCCESSOR];
    let proposed = propose(world, &amendment, &signers).await;
    let key = world.statement_key("lab-a", "governance");
    activate(world, proposed, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_supervisor_is_replaced_and_an_endpoint_with_the_first_root_follows() {
    let world = World::found().await;
    let mut desk = Desk::start(&world, system_clock).await;
    let kept = Kept::beside(&world, desk.url());
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let one = world.build("1.0.0").await;
    room.propose(&stable(one.build)).await.unwrap();
    room.publish().await.unwrap();
    let url = serve_repository(&kept).await;
    let endpoint = endpoint_of(&world, url.clone());
    assert_eq!(
        update(&endpoint, crate::world::now()).await.unwrap(),
        (true, 1)
    );

    desk.fall_silent().await;
    replace_supervisor(&world, &mut room).await;
    drop(room);

    // The keeper serves the root; what the lost party signed cannot be kept, and it says so.
    let config = Config {
        supervisor_url: start_successor(&world, &url).await,
        other_logs: Vec::new(),
        ..kept.config.clone()
    };
    let metrics = Metrics::new();
    let mut keeper = Keeper::connect(config.clone(), system_clock, metrics.clone()).unwrap();
    let tended = keeper.tick(&quiet).await.unwrap();
    assert!(
        metrics.failing().contains(&"targets"),
        "{:?}",
        tended.failed
    );
    assert!(update(&endpoint, crate::world::now()).await.is_err());

    let mut room = release::Room::connect(&config, system_clock, &quiet).unwrap();
    let handed = RoleSeats {
        software: seats(&world, "tuf-software"),
        rules: seats(&world, "tuf-rules"),
    };
    let published = room.redelegate(&handed).await.unwrap();
    let versions: Vec<_> = published.roles.iter().map(|role| role.version).collect();
    assert_eq!(versions, [2, 3, 2]);
    assert_eq!(
        room.redelegate(&handed).await.unwrap(),
        published,
        "once is enough"
    );
    assert_eq!(
        update(&endpoint, crate::world::now()).await.unwrap(),
        (false, 1)
    );
    drop(room);
    keeper.tick(&quiet).await.unwrap();
    assert_eq!(metrics.failing(), [] as [&str; 0]);

    let two = world.build("2.0.0").await;
    let mut room = release::Room::connect(&config, system_clock, &quiet).unwrap();
    room.propose(&stable(two.build)).await.unwrap();
    room.publish().await.unwrap();
    assert_eq!(
        update(&endpoint, crate::world::now()).await.unwrap(),
        (true, 2)
    );
}
