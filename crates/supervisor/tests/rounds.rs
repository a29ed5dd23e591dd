//! What the supervisor does with the center's log, over real logs and witnesses.

use crate::world::{Built, CENTER_LOG, PATIENCE, SUPERVISOR_LOG, World, artifact_bytes, program};
use keys::StatementKey;
use law::{BuildEvidence, Settled};
use statement::{
    Closure, Envelope, FileDigest, Finding, Kind, Predicate, Release, Statement, StatementDigest,
    Subject, VerificationResult, VerificationSummary, Verifier, VsaPolicy, approval_resource_uri,
};
use supervisor::{FollowedLog, LogError, RemoteLog, RemoteOwnLog, Room};
use tlog::{Checkpoint, Witnessed};

/// The digest of the approval of a build.
fn approval_of(view: Settled<'_>, build: StatementDigest) -> Option<StatementDigest> {
    view.entries_of_build(build)
        .into_iter()
        .find(|entry| matches!(entry.statement().predicate, Predicate::Approval(_)))
        .map(law::Standing::digest)
}

/// The first release of a build, as the center would write it.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_approved_only_when_both_labs_repeated_it() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.begin_build("1.0.0", Kind::Software).await;
    world.rebuild(&built, "lab-a").await;

    let acted = room.round().await.unwrap();
    assert_eq!(acted, supervisor::Acted::default());
    let refused = room.refusals();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "rebuild.too_few");
    assert_eq!(refused[0].subject, built.build.to_string());

    world.rebuild(&built, "lab-b").await;
    let acted = room.round().await.unwrap();
    assert_eq!(acted.approved, [built.build]);
    assert!(
        acted.anchored.is_some(),
        "the checkpoint is kept in the supervisor's log"
    );
    assert_eq!(room.refusals(), []);

    let again = room.round().await.unwrap();
    assert_eq!(again, supervisor::Acted::default(), "once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supervisor_signs_the_payload_that_the_center_signed_and_no_other() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    room.round().await.unwrap();
    let release = first_release(&world, &built).await;
    let center = world.statement_key("vendor", "center");
    let digest = world.say(&center, release).await;

    let acted = room.round().await.unwrap();
    assert_eq!(acted.released, [digest]);
    let follower = world.follower().await;
    let view = follower.view().unwrap();
    let entries = view.releases(digest).unwrap();
    let payloads: Vec<_> = entries
        .iter()
        .map(|entry| entry.standing().statement().to_payload().unwrap())
        .collect();
    assert_eq!(payloads.len(), 2);
    assert_eq!(payloads[0], payloads[1]);
    assert_eq!(view.released().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_says_something_else_than_the_build_is_refused_in_public() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    room.round().await.unwrap();
    let mut release = first_release(&world, &built).await;
    if let Predicate::Release(release) = &mut release.predicate {
        release.version = "9.9.9".to_owned();
    }
    let center = world.statement_key("vendor", "center");
    let digest = world.say(&center, release).await;

    let acted = room.round().await.unwrap();
    assert_eq!(acted.released, []);
    let refused = room.refusals();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "release.fields");
    assert_eq!(refused[0].subject, digest.to_string());
}

/// The release of a build that ships this file and says that it carries this signature.
async fn shipping(world: &World, built: &Built, shipped: &[u8]) -> Statement {
    world.put(&program::signature()).await;
    let mut release = first_release(world, built).await;
    program::ship(&mut release, shipped, &program::signature());
    release
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platforms_signature_is_attached_again_before_its_release_is_signed() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    room.round().await.unwrap();
    let shipped = program::attach(&artifact_bytes("1.0.0"), &program::signature());
    let release = shipping(&world, &built, &shipped).await;
    let center = world.statement_key("vendor", "center");
    let digest = world.say(&center, release).await;
    assert_eq!(room.round().await.unwrap().released, [digest]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_step_that_changes_code_is_refused_in_public() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    room.round().await.unwrap();
    let mut patched = artifact_bytes("1.0.0");
    *patched.last_mut().unwrap() ^= 1;
    let trojan = program::attach(&patched, &program::signature());
    let release = shipping(&world, &built, &trojan).await;
    let center = world.statement_key("vendor", "center");
    let digest = world.say(&center, release).await;
    assert_eq!(room.round().await.unwrap().released, []);
    let refused = room.refusals();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "release.attached");
    assert_eq!(refused[0].subject, digest.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_is_open_stops_the_approval() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    let finding = Finding {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        about: built.build,
        title: "a door".to_owned(),
        detail: "in line 7".to_owned(),
    };
    let lab = world.statement_key("lab-a", "rebuilder");
    world
        .say(
            &lab,
            Statement::new(vec![Subject::new("source", built.artifact)], finding),
        )
        .await;
    let acted = room.round().await.unwrap();
    assert_eq!(acted.approved, []);
    assert_eq!(room.refusals()[0].code, "adverse.open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_supervisor_itself_found_failing_is_refused_in_public_and_not_approved() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    let origin = CENTER_LOG.parse().unwrap();
    let failed = VerificationSummary {
        input_attestations: Vec::new(),
        policy: VsaPolicy {
            digest: Subject::new("", FileDigest::new(*world.anchor.hash())).digest,
            uri: "constitution".to_owned(),
        },
        resource_uri: approval_resource_uri(&origin, built.build),
        time_verified: "2026-11-22T00:00:00Z".to_owned(),
        verification_result: VerificationResult::Failed,
        verified_levels: Vec::new(),
        verifier: Verifier {
            id: "https://supervisor.example".to_owned(),
        },
    };
    let subject = Subject::new("truename", built.artifact);
    let own = world.statement_key("supervisor", "supervisor");
    world.say(&own, Statement::new(vec![subject], failed)).await;
    assert_eq!(room.round().await.unwrap().approved, []);
    let refused = room.refusals();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "adverse.open");
    assert_eq!(refused[0].subject, built.build.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_only_the_supervisors_log_took_stops_approval_and_release() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    let lab = world.statement_key("lab-a", "rebuilder");
    let say_there = async |statement: Statement, key: &StatementKey| {
        let envelope = Envelope::sign(statement.to_payload().unwrap(), key).unwrap();
        let submitted = world
            .supervisor_log
            .submit_until_witnessed(&envelope, PATIENCE);
        submitted.await.unwrap();
        envelope.digest()
    };
    let accuse = async || {
        let finding = Finding {
            audience: vec![SUPERVISOR_LOG.parse().unwrap()],
            not_after: world.not_after,
            blobs: Vec::new(),
            about: built.build,
            title: "a door".to_owned(),
            detail: format!(
                "after {}",
                world.follower().await.checkpoint().unwrap().size()
            ),
        };
        say_there(Statement::new(Vec::new(), finding), &lab).await
    };
    let close = async |finding| {
        let closure = Closure {
            audience: vec![SUPERVISOR_LOG.parse().unwrap()],
            not_after: world.not_after,
            blobs: Vec::new(),
            closes: finding,
            reason: "a mistake".to_owned(),
        };
        let governance = world.statement_key("lab-a", "governance");
        say_there(Statement::new(Vec::new(), closure), &governance).await;
    };
    let finding = accuse().await;
    assert_eq!(room.round().await.unwrap().approved, []);
    let refused = &room.refusals()[0];
    assert_eq!(refused.code, "adverse.open");
    assert!(
        refused.detail.contains(SUPERVISOR_LOG),
        "{}",
        refused.detail
    );
    close(finding).await;
    assert_eq!(room.round().await.unwrap().approved, [built.build]);

    let finding = accuse().await;
    let center = world.statement_key("vendor", "center");
    let release = world
        .say(&center, first_release(&world, &built).await)
        .await;
    assert_eq!(room.round().await.unwrap().released, []);
    assert_eq!(room.refusals()[0].code, "adverse.open");
    close(finding).await;
    assert_eq!(room.round().await.unwrap().released, [release]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_cannot_read_a_log_of_the_constitution_signs_nothing() {
    let world = World::found().await;
    world.build("1.0.0").await;
    let mut config = world.supervisor_config();
    config.own_log_url = "http://127.0.0.1:1".to_owned();
    let mut room = world.supervisor_room_of(config);
    room.round().await.unwrap_err();
    drop(room);
    let mut config = world.supervisor_config();
    config.own_origin = CENTER_LOG.parse().unwrap();
    config.own_log_url = world.center_url.clone();
    let mut room = world.supervisor_room_of(config);
    assert_eq!(room.round().await.unwrap().approved, []);
    assert_eq!(room.refusals()[0].code, "view.incomplete");
}

/// The center's log, through a line that breaks whenever something is submitted.
struct CutLine(RemoteLog);

impl FollowedLog for CutLine {
    async fn sync(&mut self) -> Result<(), LogError> {
        self.0.sync().await
    }
    fn view(&self) -> Result<Settled<'_>, LogError> {
        self.0.view()
    }
    fn checkpoint(&self) -> Result<&Witnessed<Checkpoint>, LogError> {
        self.0.checkpoint()
    }
    async fn submit(&mut self, _: &Envelope) -> Result<(), LogError> {
        Err(LogError::access(std::io::Error::other("the line is cut")))
    }
    async fn blob(&self, digest: FileDigest, bytes_max: u64) -> Result<Vec<u8>, LogError> {
        self.0.blob(digest, bytes_max).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_was_signed_before_a_crash_is_submitted_not_made_anew() {
    let world = World::found().await;
    let built = world.build("1.0.0").await;
    let config = world.supervisor_config();
    let outbox = config.dir.join("outbox");
    let log = CutLine(RemoteLog::new(&config).unwrap());
    let own_log = RemoteOwnLog::new(&config).unwrap();
    let mut room = Room::open(config, log, own_log, supervisor::system_clock).unwrap();
    room.round().await.unwrap_err();
    drop(room);
    let kept = std::fs::read_dir(&outbox)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "approval"))
        .unwrap();
    let kept = Envelope::parse(&std::fs::read(kept).unwrap()).unwrap();

    let mut room = world.supervisor_room();
    assert_eq!(room.round().await.unwrap().approved, [built.build]);
    let follower = world.follower().await;
    let approval = approval_of(follower.view().unwrap(), built.build);
    assert_eq!(approval, Some(kept.digest()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_by_the_supervisor_alone_stands() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let built = world.build("1.0.0").await;
    room.round().await.unwrap();
    let center = world.statement_key("vendor", "center");
    let digest = world
        .say(&center, first_release(&world, &built).await)
        .await;
    room.round().await.unwrap();

    let withdrawn = room.withdraw(digest, "a door was found").await.unwrap();
    assert!(withdrawn.is_new);
    let again = room.withdraw(digest, "still").await.unwrap();
    assert_eq!(
        (again.is_new, again.withdrawal),
        (false, withdrawn.withdrawal)
    );
    let none = StatementDigest::of(b"no such release");
    let refused = room.withdraw(none, "x").await.unwrap_err();
    assert!(refused.to_string().contains("release.missing"), "{refused}");
}
