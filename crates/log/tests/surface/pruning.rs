//! A log stops serving old entries when a quorum said so in it, and not otherwise.

use std::path::{Path, PathBuf};

use axum::Router;
use log::Pruning;
use logclient::fsck::{BadFile, Progress, Report, fsck};
use logclient::{Follower, LogClientError, LogFiles, Minimum, Stream, StreamError, Trust};
use serve::{ReadyFile, ServerConfig, published_caching, static_dir};
use statement::{CheckpointRef, FileDigest};
use tlog::{TlogProof, open_witnessed};
use tokio::sync::oneshot;

use crate::world::roster::{self, GOVERNANCE, beat};
use crate::world::{
    Daemon, Log, World, client_at, copy_dir, found, log_config, start_log, submit_witnessed,
};

/// Entries of the founding.
const FOUNDING: u64 = 4;

/// A founded log with so many entries, which announces with these keys that it goes on from entry
/// `minimum`, the size of an archived checkpoint.
async fn announced(minimum: u64, keys: &[u8]) -> World {
    let world = World::start().await;
    let client = world.client();
    found(&client).await;
    for from in (FOUNDING..minimum).step_by(200) {
        let beats: Vec<_> = (from..minimum.min(from + 200))
            .map(|n| beat(n.to_string()))
            .collect();
        client.submit_batch(&beats).await.unwrap();
    }
    let note = client.archived(minimum).await.unwrap();
    let checkpoint = open_witnessed(&note, &roster::policy()).unwrap();
    let pruning = statement::Pruning {
        audience: vec![roster::origin()],
        not_after: roster::FOR_EVER,
        blobs: Vec::new(),
        origin: roster::origin(),
        checkpoint: CheckpointRef {
            size: minimum,
            root: FileDigest::new(*checkpoint.root()),
        },
        elsewhere: vec!["https://mirror.example/center".to_owned()],
        reason: "Nobody asks for them".to_owned(),
    };
    for key in keys {
        submit_witnessed(&client, &roster::envelope(pruning.clone(), *key)).await;
    }
    world
}

/// Stops the log and starts it again with this setting.
async fn restarted(log: Log, witnesses: &[String], pruning: Pruning) -> Log {
    let dir = log.stop().await;
    let mut config = log_config(&dir, witnesses);
    config.pruning = pruning;
    start_log(config).await
}

/// A copy of what the log serves now, at an address of its own.
async fn copy_of(log: &Log, dir: &Path) -> Daemon<serve::ServeError> {
    let files = dir.join("files");
    copy_dir(&log.dir.join("public"), &files);
    let router: Router = static_dir(&files, published_caching);
    let config = ServerConfig::default();
    let listener = serve::bind(config.listen).await.unwrap();
    let ready = ReadyFile::write(dir, &serve::bound_url(&listener).unwrap()).unwrap();
    let run = move |stopped: oneshot::Receiver<()>| async move {
        let stop = async {
            stopped.await.ok();
        };
        let metrics = serve::Metrics::new();
        let served = serve::run_with(listener, router, &config, &metrics, stop).await;
        drop(ready);
        served
    };
    Daemon::run(dir.to_owned(), run).await
}

struct Deaf;
impl Progress for Deaf {
    fn bad(&self, file: &BadFile) {
        panic!("{}: {:?}", file.path, file.fault);
    }
}

fn trust() -> Trust {
    Trust::Policy(Box::new(roster::policy()))
}

fn check(dir: &Path) -> Report {
    let report = fsck(&LogFiles::directory(dir), &trust(), 2, &Deaf).unwrap();
    assert!(report.is_whole());
    report
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

#[tokio::test]
async fn what_a_quorum_announced_is_withheld_and_everything_else_stays_provable() {
    let world = announced(520, &GOVERNANCE[..3]).await;
    let copies = World::make_dir(&world.root, "copy");
    let copy = copy_of(&world.log, &copies).await;
    let urls = world.witness_urls();
    let log = restarted(world.log, &urls, Pruning::Withhold).await;
    let public = log.dir.join("public");
    for path in [
        "tile/entries/000",
        "tile/entries/001",
        "tile/0/000",
        "tile/0/001",
    ] {
        assert!(!public.join(path).exists(), "{path}");
        assert!(log.dir.join("withheld").join(path).exists(), "{path}");
    }

    // What is shown is the announcement, witnessed.
    let shown = std::fs::read(public.join("minimum-index")).unwrap();
    let proof = TlogProof::parse(&shown).unwrap();
    let entry = proof.extra.clone().unwrap();
    let (index, checkpoint) = proof.open(&entry, &roster::policy()).unwrap();
    assert_eq!((index, checkpoint.size()), (522, 523));
    let minimum = Minimum::open(&shown, &trust(), &checkpoint).unwrap();
    assert_eq!((minimum.minimum, minimum.withheld()), (520, 512));

    // Strangers miss nothing that was not announced; the log's own directory has everything.
    let report = check(&public);
    assert_eq!((report.withheld, report.entries), (512, 11));
    assert_eq!(check(&log.dir).withheld, 0);

    // The log proves and finds again what it withholds, and goes on.
    let client = client_at(&log.url);
    assert_eq!(submit_witnessed(&client, &beat("7")).await.index, 7);
    assert_eq!(submit_witnessed(&client, &beat("new")).await.index, 523);

    // Who begins anew needs the others, and may have them from anywhere.
    let mut anew = Follower::new(client.clone(), roster::anchor());
    let refused = anew.sync().await.unwrap_err();
    let LogClientError::Withheld { minimum, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(minimum.minimum, 520);
    assert!(
        refused
            .to_string()
            .contains("https://mirror.example/center")
    );
    let mut anew = Follower::new(client.also([copy.url.clone()]), roster::anchor());
    anew.sync().await.unwrap();
    assert_eq!(anew.view().unwrap().state().next_index(), 524);

    let log = restarted(log, &urls, Pruning::Withhold).await;
    assert_eq!(check(&log.dir.join("public")).withheld, 512);
    log.stop().await;
    copy.stop().await;
}

#[tokio::test]
async fn a_stream_says_what_is_withheld_and_goes_on_behind_it() {
    let world = announced(300, &GOVERNANCE[..3]).await;
    let before = World::make_dir(&world.root, "before");
    copy_dir(&world.log.dir.join("public"), &before);
    let urls = world.witness_urls();
    let log = restarted(world.log, &urls, Pruning::Withhold).await;
    let files = || LogFiles::directory(&log.dir.join("public"));
    let read = |files: &LogFiles, from| {
        let mut seen = Vec::new();
        let mut stream = Stream::open(trust(), from, None).unwrap();
        let read = stream.advance(files, &mut |entry| {
            seen.push(entry.index);
            Ok(())
        });
        read.map(|_| seen)
    };
    let stopped = read(&files(), 5).unwrap_err();
    let StreamError::Withheld { index: 5, minimum } = &stopped else {
        panic!("{stopped}");
    };
    assert_eq!((minimum.minimum, minimum.announced_at), (300, 302));
    assert_eq!(read(&files(), 256).unwrap(), Vec::from_iter(256..303));
    let both = files().also(LogFiles::directory(&before));
    assert_eq!(read(&both, 5).unwrap(), Vec::from_iter(5..303));
    log.stop().await;
}

#[tokio::test]
async fn without_a_quorum_or_without_the_setting_everything_is_served() {
    let world = announced(300, &GOVERNANCE[..2]).await;
    let urls = world.witness_urls();
    let log = restarted(world.log, &urls, Pruning::Withhold).await;
    assert!(!log.dir.join("public/minimum-index").exists());
    assert_eq!(check(&log.dir.join("public")).entries, 302);
    assert_eq!(
        files_below(&log.dir.join("withheld")),
        [""; 0].map(PathBuf::from)
    );
    log.stop().await;

    let world = announced(300, &GOVERNANCE[..3]).await;
    let urls = world.witness_urls();
    let log = restarted(world.log, &urls, Pruning::Never).await;
    assert!(!log.dir.join("public/minimum-index").exists());
    assert_eq!(check(&log.dir.join("public")).entries, 303);
    assert!(!log.dir.join("withheld").exists());
    log.stop().await;
}

#[tokio::test]
async fn an_announcement_that_no_witness_saw_moves_nothing() {
    let world = announced(300, &GOVERNANCE[..2]).await;
    let urls = world.witness_urls();
    let World { log, witnesses, .. } = world;
    for witness in witnesses {
        witness.stop().await;
    }
    let note = std::fs::read(log.dir.join("public/archive/300")).unwrap();
    let checkpoint = open_witnessed(&note, &roster::policy()).unwrap();
    let client = client_at(&log.url);
    let last = client
        .entries(tlog::BundleId::new(1, 46).unwrap())
        .await
        .unwrap();
    let said = statement::Envelope::parse(&last[45]).unwrap();
    let said = statement::Statement::parse(said.payload()).unwrap();
    let statement::Predicate::Pruning(pruning) = said.predicate else {
        panic!("the announcement is the last entry");
    };
    assert_eq!(pruning.checkpoint.root.hash(), checkpoint.root());
    let third = roster::envelope(pruning, GOVERNANCE[2]);
    assert_eq!(crate::world::submit_at_once(&client, &third).await, 302);
    let log = restarted(log, &urls, Pruning::Withhold).await;
    assert!(!log.dir.join("public/minimum-index").exists());
    assert_eq!(check(&log.dir.join("public")).entries, 302);
    log.stop().await;
}

#[tokio::test]
async fn a_start_that_stopped_half_way_is_completed_by_the_next() {
    let world = announced(520, &GOVERNANCE[..3]).await;
    let urls = world.witness_urls();
    let log = restarted(world.log, &urls, Pruning::Withhold).await;
    let dir = log.stop().await;
    // As after a crash: one file was not removed yet, and one is in both places.
    let (public, withheld) = (dir.join("public"), dir.join("withheld"));
    for path in ["tile/entries/000", "tile/0/001"] {
        std::fs::copy(withheld.join(path), public.join(path)).unwrap();
    }
    std::fs::remove_file(withheld.join("tile/entries/000")).unwrap();
    let mut config = log_config(&dir, &urls);
    config.pruning = Pruning::Withhold;
    let log = start_log(config).await;
    assert!(!public.join("tile/entries/000").exists());
    assert_eq!(check(&public).withheld, 512);
    assert_eq!(check(&dir).withheld, 0);
    log.stop().await;
}

#[tokio::test]
async fn a_withheld_bundle_that_is_lost_is_named_and_the_log_does_not_start() {
    let world = announced(300, &GOVERNANCE[..3]).await;
    let urls = world.witness_urls();
    let log = restarted(world.log, &urls, Pruning::Withhold).await;
    let dir = log.stop().await;
    std::fs::remove_file(dir.join("withheld/tile/entries/000")).unwrap();
    let error = crate::world::refuse_to_start(log_config(&dir, &urls)).await;
    assert!(error.to_string().contains("tile/entries/000"), "{error}");
}
