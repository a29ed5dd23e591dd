//! One log, a cell in Zurich and one in Moscow, and an endpoint that shares; the policy is the example that the project ships.

use std::{
    collections::BTreeSet,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use endpoint::sharing::{
    Center, Config, Extent, Sent, ShareStep, Shared, SharingError, give_consent, send, share,
};
use residency::LANGUAGE;
use seal::WrapOpener as _;
use statement::{
    Blob, Declaration, Epoch, EpochPurpose, FileDigest, Predicate, ResidencyPolicy, SEAL_SUITE,
    Statement, StatementDigest, Subject,
};
use tempfile::TempDir;

use crate::{
    sharing::cell::{Cell, NOT_AFTER},
    world::{
        NOW, World,
        roster::{self, Key},
    },
};

const TEXT: &str = include_str!("../../../../examples/residency/policy.cedar");
const SCHEMA: &str = include_str!("../../../../examples/residency/policy.cedarschema");
const DECLARATION: &str = include_str!("../../../../examples/residency/declaration.json");

/// What the log says before anybody shares; a test changes one of it.
pub struct Said {
    /// How many of the four parties sign the policy.
    pub policy_signers: usize,
    /// Epochs that are announced, by home and purpose.
    pub without_epoch: Option<(&'static str, EpochPurpose)>,
    pub text: String,
    /// The log hands out another text than the policy names.
    pub other_text: bool,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            policy_signers: 3,
            without_epoch: None,
            text: TEXT.to_owned(),
            other_text: false,
        }
    }
}

pub struct Street {
    pub world: Arc<Mutex<World>>,
    pub zurich: Cell,
    pub moscow: Cell,
    pub config: Config,
    pub said: Said,
    /// Entries of declaration and policies.
    governed: Vec<u64>,
    documents: Vec<(FileDigest, Vec<u8>)>,
    newest: Option<(u64, StatementDigest)>,
    declaration: StatementDigest,
    pub dir: TempDir,
}

pub fn go_on(_: ShareStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn declared() -> Declaration {
    #[derive(serde::Deserialize)]
    struct Listed {
        regions: Vec<statement::Region>,
        facilities: Vec<statement::Facility>,
        promises: Vec<statement::Promise>,
    }
    let listed: Listed = serde_json::from_str(DECLARATION).unwrap();
    Declaration {
        audience: vec![roster::origin()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        version: 1,
        previous: None,
        regions: listed.regions,
        facilities: listed.facilities,
        promises: listed.promises,
    }
}

impl Street {
    pub async fn new() -> Self {
        Self::of(Said::default()).await
    }

    pub async fn of(said: Said) -> Self {
        let world = Arc::new(Mutex::new(World::new(b"root")));
        let (zurich, moscow) = (Cell::new(&world, "CH"), Cell::new(&world, "RU"));
        let dir = TempDir::new().unwrap();
        let mut center = Vec::new();
        for cell in [&zurich, &moscow] {
            let url = cell.serve().await;
            let home = cell.lock().home.clone();
            center.push(Center {
                home,
                log: url.clone(),
                url,
                issuer_url: None,
            });
        }
        let config = Config {
            dir: dir.path().join("sharing"),
            anchor: world.lock().unwrap().anchor,
            center,
            policy_age_max_seconds: 86_400,
            sample_bytes_max: 1 << 20,
            queue_count_max: 3,
            queue_bytes_max: 1 << 20,
            installation: None,
            licence: None,
            tokens_ahead: 2,
            database: None,
            // Most tests share whole files: nobody looks into those.
            looker_program: Some(dir.path().join("looker")),
            looker_arguments: Vec::new(),
            look_wall_ms: 20_000,
            sandbox_party: 70 + std::process::id() % 200,
            client: serve::ClientConfig::default(),
        };
        let mut street = Self {
            world,
            zurich,
            moscow,
            config,
            said,
            governed: Vec::new(),
            documents: Vec::new(),
            newest: None,
            declaration: StatementDigest::of(b"none"),
            dir,
        };
        let declaration = declared();
        street.declaration = street.govern(declaration, 3);
        street.next_policy();
        street.announce();
        street.show();
        street
    }

    /// Signed by the first so many of the four parties.
    fn govern(&mut self, predicate: impl Into<Predicate>, signers: usize) -> StatementDigest {
        let subject = Subject::new("governed", FileDigest::of(b"governed"));
        let payload = Statement::new(vec![subject], predicate)
            .to_payload()
            .unwrap();
        let mut world = self.world.lock().unwrap();
        for key in &roster::governance()[..signers] {
            self.governed.push(world.log.append(&payload, key));
        }
        StatementDigest::of(&payload)
    }

    /// The next version of the policy, with the text as it is now.
    pub fn next_policy(&mut self) {
        let homes = ["CH", "RU"].map(|home| home.parse().unwrap());
        let entities = residency::entities(&declared(), &BTreeSet::from(homes));
        let documents =
            [self.said.text.clone(), SCHEMA.to_owned(), entities].map(String::into_bytes);
        let [text, schema, entities] = [0, 1, 2].map(|n: usize| FileDigest::of(&documents[n]));
        let blobs = documents.iter().map(|bytes| Blob {
            sha256: FileDigest::of(bytes),
            bytes: bytes.len() as u64,
            public: true,
        });
        let blobs = blobs.collect();
        self.documents
            .extend([text, schema, entities].into_iter().zip(documents));
        if self.said.other_text {
            self.documents[0].1 = b"something else".to_vec();
        }
        let (version, previous) = self
            .newest
            .map_or((1, None), |(version, digest)| (version + 1, Some(digest)));
        let policy = ResidencyPolicy {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs,
            version,
            previous,
            declaration: self.declaration,
            language: LANGUAGE.to_owned(),
            text,
            schema,
            entities,
        };
        let digest = self.govern(policy, self.said.policy_signers);
        self.newest = Some((version, digest));
    }

    /// Three epochs for each home.
    fn announce(&self) {
        let purposes = [
            EpochPurpose::Analysis,
            EpochPurpose::Center,
            EpochPurpose::Supervisor,
        ];
        for cell in [&self.zurich, &self.moscow] {
            let mut inner = cell.lock();
            for (n, purpose) in purposes.into_iter().enumerate() {
                if self.said.without_epoch
                    == Some((
                        if inner.home.as_str() == "CH" {
                            "CH"
                        } else {
                            "RU"
                        },
                        purpose,
                    ))
                {
                    continue;
                }
                let epoch = Epoch {
                    audience: vec![roster::origin()],
                    not_after: NOT_AFTER,
                    blobs: Vec::new(),
                    purpose,
                    home: inner.home.clone(),
                    suite: SEAL_SUITE.to_owned(),
                    key: STANDARD.encode(inner.openers[n].wrap_key().raw()),
                    valid_from: NOW,
                    valid_until: NOW + 86_400,
                    destroy_by: NOW + 3 * 86_400,
                };
                let key = match purpose {
                    EpochPurpose::Supervisor => Key::of("supervisor/supervisor"),
                    _ => Key::of("vendor/center"),
                };
                let about = Subject::new("key", FileDigest::of(b"key"));
                let mut world = self.world.lock().unwrap();
                let (at, digest) = world.say(&key, Predicate::Epoch(epoch.clone()), about);
                drop(world);
                inner.epochs.push((digest, epoch));
                inner.epoch_entries.push(at);
            }
        }
    }

    /// Both cells show what the log says now.
    pub fn show(&self) {
        self.show_first(self.governed.len());
    }

    /// They show only the first so many of the governance's signatures.
    pub fn show_first(&self, signatures: usize) {
        for cell in [&self.zurich, &self.moscow] {
            let mut inner = cell.lock();
            let world = self.world.lock().unwrap();
            let governed = self.governed[..signatures].iter();
            let indices: Vec<u64> = governed.chain(&inner.epoch_entries).copied().collect();
            let bundle = world.bundle(&indices, NOW);
            drop(world);
            inner.bundle = bundle;
            let documents = self.documents.iter().cloned();
            inner.blobs = documents
                .map(|(digest, bytes)| (digest.to_string(), bytes))
                .collect();
        }
    }

    pub fn agree(&self, country: &str) {
        give_consent(&self.config, &country.parse().unwrap(), NOW).unwrap();
    }

    /// A file of the owner, under a telling name.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// All of a file.
    pub async fn share(&self, path: &Path) -> Result<Shared, SharingError> {
        let shared = share(&self.config, &[path], Extent::Whole, NOW + 1, &go_on).await?;
        Ok(shared.into_iter().next().unwrap())
    }

    /// What matched in a file.
    pub async fn share_matching(&self, path: &Path) -> Result<Vec<Shared>, SharingError> {
        share(&self.config, &[path], Extent::Matching, NOW + 1, &go_on).await
    }

    pub async fn send(&self) -> Sent {
        send(&self.config, NOW + 2, &go_on).await.unwrap()
    }

    /// Every byte below the directory of sharing.
    pub fn everything_on_disk(&self) -> Vec<u8> {
        fn read(dir: &Path, all: &mut Vec<u8>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => read(&path, all),
                    false => all.extend(fs::read(&path).unwrap()),
                }
            }
        }
        let mut all = Vec::new();
        read(&self.config.dir, &mut all);
        all
    }
}

pub fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
