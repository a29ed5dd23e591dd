//! What becomes known between judging and signing counts.

use crate::world::{Built, CENTER_LOG, PATIENCE, World};
use law::{BuildEvidence, Settled};
use logclient::LogClient;
use statement::{
    Envelope, FileDigest, Halt, Kind, Predicate, Release, Statement, StatementDigest, Subject,
};
use supervisor::{FollowedLog, LogError, RemoteLog, RemoteOwnLog, Room};
use tlog::{Checkpoint, Witnessed};

fn approval_of(view: Settled<'_>, build: StatementDigest) -> Option<StatementDigest> {
    view.entries_of_build(build)
        .into_iter()
        .find(|entry| matches!(entry.statement().predicate, Predicate::Approval(_)))
        .map(law::Standing::digest)
}

async fn first_release(world: &World, built: &Built) -> Statement {
    let follower = world.follower().await;
    let view = follower.view().unwrap();
    let evidence = BuildEvidence::check(view, built.build, 2).unwrap();
    let built_file = &evidence.artifacts()[0];
    let release = Release {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        product: "truename".to_owned(),
        version: evidence.source().version.clone(),
        channel: "stable".to_owned(),
        platform: "linux-x86_64".to_owned(),
        seq: 1,
        predecessor: None,
        kind: Kind::Software,
        file: "truename".to_owned(),
        artifact: built_file.sha256,
        artifact_bytes: built_file.bytes,
        build: built.build,
        approval: approval_of(view, built.build).unwrap(),
        signed: None,
    };
    let subject = Subject::new("truename", built_file.sha256);
    Statement::new(vec![subject], release)
}

/// A log in which an entry is witnessed while the supervisor waits for a blob.
struct Meanwhile {
    log: RemoteLog,
    center: LogClient,
    entry: Envelope,
}

impl FollowedLog for Meanwhile {
    async fn sync(&mut self) -> Result<(), LogError> {
        self.log.sync().await
    }
    fn view(&self) -> Result<Settled<'_>, LogError> {
        self.log.view()
    }
    fn checkpoint(&self) -> Result<&Witnessed<Checkpoint>, LogError> {
        self.log.checkpoint()
    }
    async fn submit(&mut self, envelope: &Envelope) -> Result<(), LogError> {
        self.log.submit(envelope).await
    }
    async fn blob(&self, digest: FileDigest, bytes_max: u64) -> Result<Vec<u8>, LogError> {
        let submitted = self.center.submit_until_witnessed(&self.entry, PATIENCE);
        submitted.await.map_err(LogError::access)?;
        self.log.blob(digest, bytes_max).await
    }
}

fn halt(world: &World) -> Envelope {
    let halt = Halt {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        product: None,
        reason: "a key was stolen".to_owned(),
    };
    let subject = Subject::new("everything", FileDigest::of(b"everything"));
    let payload = Statement::new(vec![subject], halt).to_payload().unwrap();
    let lab = world.statement_key("lab-a", "rebuilder");
    Envelope::sign(payload, &lab).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_that_comes_while_evidence_is_fetched_stops_a_release_judged_before() {
    let world = World::found().await;
    let first = world.build("1.0.0").await;
    let mut before = world.supervisor_room();
    assert_eq!(before.round().await.unwrap().approved, [first.build]);
    drop(before);
    let center = world.statement_key("vendor", "center");
    let release = world
        .say(&center, first_release(&world, &first).await)
        .await;
    let second = world.build("1.1.0").await;

    let config = world.supervisor_config();
    let log = Meanwhile {
        log: RemoteLog::new(&config).unwrap(),
        center: world.center.clone(),
        entry: halt(&world),
    };
    let own_log = RemoteOwnLog::new(&config).unwrap();
    let mut room = Room::open(config, log, own_log, supervisor::system_clock).unwrap();
    let acted = room.round().await.unwrap();
    assert_eq!(acted.approved, []);
    assert_eq!(
        acted.released,
        [],
        "a halt stands in what the room replayed"
    );
    let refused = room.refusals();
    for subject in [second.build, release] {
        let subject = subject.to_string();
        let refused = refused.iter().find(|refused| refused.subject == subject);
        assert_eq!(refused.unwrap().code, "adverse.halt");
    }
}
