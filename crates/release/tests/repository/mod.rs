//! A repository that is kept, and what a client makes of it: TUF, publications, bundles.

#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::path::PathBuf;

use law::{Attached, Bundle, PublishedMetadata, ReleasedFile};
use release::{Config, KeyPaths, Progress, RemoteLog, RoleSeats, Room, Step};
use serve::ClientConfig;
use statement::{Envelope, FileDigest, Predicate, Statement, StatementDigest};
use tuf::{Root, Signed, Snapshot, TargetRole, Targets, Timestamp, view::Files};

use crate::world::{CENTER_LOG, SUPERVISOR_LOG, World, now};

/// Nobody listens.
pub fn quiet(_: Step) {}

pub struct Kept {
    pub config: Config,
    pub seats: RoleSeats,
    anchor: StatementDigest,
}

impl Kept {
    /// A room beside a running supervisor.
    pub async fn new(world: &World) -> Self {
        Self::beside(world, world.start_supervisor().await)
    }

    /// A room beside a supervisor that listens here.
    pub fn beside(world: &World, supervisor_url: String) -> Self {
        let key = |file| world.key_path("vendor", file);
        let config = Config {
            dir: world.path().join("release-room"),
            repository: world.path().join("repository"),
            origin: CENTER_LOG.parse().unwrap(),
            log_url: world.center_url.clone(),
            other_logs: vec![release::OtherLog {
                origin: SUPERVISOR_LOG.parse().unwrap(),
                url: world.supervisor_log_url.clone(),
            }],
            anchor: world.anchor,
            supervisor_url,
            keys: KeyPaths {
                center: key("center"),
                targets: Some(key("tuf-targets")),
                software: key("tuf-software"),
                rules: key("tuf-rules"),
                snapshot: key("tuf-online"),
                timestamp: key("tuf-online"),
                passphrase: None,
            },
            artifact_bytes_max: 1 << 20,
            not_after_seconds: 86_400,
            wait_ms: 30_000,
            poll_ms: 10,
            keep_ms: 10,
            ring_seconds: 0,
            client: ClientConfig::default(),
        };
        let seats = RoleSeats {
            software: world.seats("software"),
            rules: world.seats("rules"),
        };
        Self {
            config,
            seats,
            anchor: world.anchor,
        }
    }

    pub fn room<'a>(&'a self, progress: Progress<'a>) -> Room<'a, RemoteLog> {
        Room::connect(&self.config, release::system_clock, progress).unwrap()
    }

    /// The same by another clock.
    pub fn room_at<'a>(
        &'a self,
        clock: release::Clock,
        progress: Progress<'a>,
    ) -> Room<'a, RemoteLog> {
        Room::connect(&self.config, clock, progress).unwrap()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.config.repository.join(path)).ok()
    }

    /// Whether there is anything for a client yet.
    pub fn is_served(&self) -> bool {
        self.read("metadata/timestamp.json").is_some()
    }

    /// What a client that starts now accepts: every signature, threshold, pin and expiry holds, each
    /// role's file is a logged publication, and each target's bytes and bundle are there. Paths listed.
    pub fn client_sees(&self) -> Vec<String> {
        let root = self.read("metadata/1.root.json").unwrap();
        let root: Signed<Root> = tuf::verify_first_root(&root).unwrap().0;
        let timestamp = self.read("metadata/timestamp.json").unwrap();
        let pinned = Signed::<Timestamp>::parse(&timestamp).unwrap();
        let file = |role: &str, version: u64| {
            self.read(&format!("metadata/{}", tuf::metadata_file(role, version)))
                .unwrap()
        };
        let snapshot = file("snapshot", pinned.signed().snapshot().version());
        let named = Signed::<Snapshot>::parse(&snapshot).unwrap();
        let named = |role: &str| {
            let version = named.signed().role(role).unwrap().version();
            (version, file(role, version))
        };
        let (version, targets) = named("targets");
        self.check_published("targets", version, &targets);
        let mut seen = Vec::new();
        for role in TargetRole::ALL {
            let (version, delegated) = named(role.as_str());
            self.check_published(role.as_str(), version, &delegated);
            let files = Files {
                timestamp: &timestamp,
                snapshot: &snapshot,
                targets: &targets,
                delegated: &delegated,
            };
            let view = tuf::verify_view(root.signed(), role, files, now()).unwrap();
            for (path, target) in view.delegated().targets() {
                let artifact = self.read(&path.repository_file(target.sha256())).unwrap();
                assert_eq!(artifact.len() as u64, target.length());
                let digest = FileDigest::of(&artifact);
                assert_eq!(digest.hash(), target.sha256());
                let release = StatementDigest::new(target.release().release);
                self.check_file(release, digest, Some(&artifact));
                seen.push(path.to_string());
            }
        }
        seen
    }

    /// The proof of publication under the version's own name fits the file.
    fn check_published(&self, role: &str, version: u64, file: &[u8]) {
        let bundle = self.read(&format!("publications/{version}.{role}.bundle"));
        let bundle = Bundle::parse(&bundle.unwrap()).unwrap();
        let last = &bundle.entries.last().unwrap().entry;
        let last = Statement::parse(Envelope::parse(last).unwrap().payload()).unwrap();
        let bundle = bundle.open(self.anchor).unwrap();
        PublishedMetadata::check(bundle.view(), role, file).unwrap();
        // The proof can be made anew as long as the file may be used.
        let file = Signed::<Targets>::parse(file).unwrap();
        assert!(last.predicate.not_after() >= file.signed().expires().posix());
    }

    /// The bundle of a release convinces a stranger with nothing but the anchor.
    pub fn check_bundle(&self, release: StatementDigest, artifact: FileDigest) {
        self.check_file(release, artifact, None);
    }

    /// The same of a file that may carry a platform's signature.
    fn check_file(&self, release: StatementDigest, artifact: FileDigest, file: Option<&[u8]>) {
        let bundle = self.read(&format!("bundles/{release}.bundle")).unwrap();
        let bundle = Bundle::parse(&bundle).unwrap().open(self.anchor).unwrap();
        let found = ReleasedFile::find(bundle.view(), artifact).unwrap();
        assert_eq!(found, release);
        let said = &bundle.view().releases(release).unwrap()[0];
        let parts = file.and_then(|file| binary::separate(file, said.artifact_bytes).ok()?);
        let attached = parts.map(|(artifact, signature)| {
            Attached::recompute(&artifact, &signature, |artifact, signature| {
                binary::attach(artifact, signature).map(|signed| signed.program)
            })
            .unwrap()
        });
        let (view, file) = (bundle.view(), (artifact, said.shipped().1));
        ReleasedFile::check_signed(view, release, file, attached.as_ref(), 2).unwrap();
    }

    /// The releases that served withdrawals stop.
    pub fn withdrawals(&self) -> Vec<StatementDigest> {
        let index = self.read("withdrawals/index.json").unwrap();
        let index: Vec<String> = serde_json::from_slice(&index).unwrap();
        index
            .iter()
            .map(|digest| {
                let bundle = self.read(&format!("withdrawals/{digest}.bundle")).unwrap();
                let text = Bundle::parse(&bundle).unwrap();
                let opened = text.open(self.anchor).unwrap();
                let release = text
                    .entries
                    .iter()
                    .find_map(|item| release_withdrawn_by(&item.entry))
                    .unwrap();
                assert!(opened.view().withdrawal(release).is_some());
                release
            })
            .collect()
    }

    /// Every metadata file that was ever written, by name.
    pub fn metadata_files(&self) -> Vec<PathBuf> {
        let directory = self.config.repository.join("metadata");
        let files = fs::read_dir(directory).into_iter().flatten();
        files.map(|file| file.unwrap().path()).collect()
    }
}

fn release_withdrawn_by(entry: &[u8]) -> Option<StatementDigest> {
    let envelope = statement::Envelope::parse(entry).ok()?;
    match statement::Statement::parse(envelope.payload())
        .ok()?
        .predicate
    {
        Predicate::Withdrawal(withdrawal) => Some(withdrawal.release),
        _ => None,
    }
}
