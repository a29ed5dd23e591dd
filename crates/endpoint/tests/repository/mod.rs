//! A repository in a directory behind a real HTTP server, and one endpoint that follows it.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use endpoint::{Config, EndpointError, Outcome, Step, update, update_watched};
use statement::{FileDigest, Kind, StatementDigest};
use tempfile::TempDir;
use tuf::{TargetPath, fixture::Fixture};

use crate::world::{Made, NOW, Twist, World};

/// Everything on both sides of the wire.
pub struct Site {
    pub fixture: Fixture,
    pub world: World,
    pub config: Config,
    /// When witnesses see the log; proofs written later carry this time.
    pub witnessed: u64,
    published: u64,
    made: Vec<Made>,
    withdrawals: BTreeSet<u64>,
    served: TempDir,
    home: TempDir,
}

/// The target path of a release of the line that is followed.
pub fn target(seq: u64) -> TargetPath {
    format!("software/truename/stable/linux-x86_64/{seq}/truename")
        .parse()
        .unwrap()
}

impl Site {
    /// An empty repository, served on a loopback port.
    pub async fn new() -> Self {
        let fixture = Fixture::new(NOW);
        let mut world = World::new(&fixture.pinned_root());
        let published = world.publish("software", 1, fixture.newest("software"));
        let (served, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        fs::write(home.path().join("root.json"), fixture.pinned_root()).unwrap();
        let config = Config {
            dir: home.path().join("endpoint"),
            repository: serve_directory(served.path()).await,
            anchor: world.anchor,
            root: home.path().join("root.json"),
            kind: Kind::Software,
            product: "truename".to_owned(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
            rings: Vec::new(),
            rebuilds_min: 2,
            evidence_age_max_seconds: 14 * 86_400,
            artifact_bytes_max: 1 << 20,
            gossip: Vec::new(),
            client: serve::ClientConfig::default(),
        };
        let site = Self {
            fixture,
            world,
            config,
            witnessed: NOW,
            published,
            made: Vec::new(),
            withdrawals: BTreeSet::new(),
            served,
            home,
        };
        site.write();
        site
    }

    /// As [`Site::new`], with a release that is installed, and of which the log knows nothing any more.
    pub async fn with_a_log_that_forgot() -> (Self, Made) {
        let mut site = Self::new().await;
        let before = site.world.clone();
        let made = site.release(Twist::Honest);
        site.update().await.unwrap();
        site.world = before;
        (site, made)
    }

    /// As [`Site::new`], with this many releases, the last one installed.
    pub async fn installed(releases: u64) -> Self {
        let mut site = Self::new().await;
        for _ in 0..releases {
            site.release(Twist::Honest);
            site.update().await.unwrap();
        }
        site
    }

    /// Releases the next version and publishes it.
    pub fn release(&mut self, twist: Twist) -> Made {
        let before = self.made.last().map(|made| made.release);
        let made = self
            .world
            .release(self.made.len() as u64 + 1, before, twist);
        self.made.push(made.clone());
        self.list(&made);
        self.publish();
        made
    }

    /// Lists the target of a release; seen after [`Site::publish`].
    pub fn list(&mut self, made: &Made) {
        self.fixture
            .add_target(&target(made.seq), &made.artifact, *made.release.hash());
        let bundle = self.world.bundle(&made.indices, self.witnessed);
        self.put(&format!("bundles/{}.bundle", made.release), &bundle);
    }

    /// The next version of all metadata, logged and served.
    pub fn publish(&mut self) {
        self.fixture.publish();
        let (version, file) = (
            self.fixture.version(),
            self.fixture.newest("software").to_vec(),
        );
        self.published = self.world.publish("software", version, &file);
        self.write();
    }

    pub fn withdraw(&mut self, release: StatementDigest) {
        self.withdrawals.insert(self.world.withdraw(release));
        self.write();
    }

    /// Writes metadata, targets, proof of publication and withdrawals into the served directory.
    pub fn write(&self) {
        let metadata = self.served.path().join("metadata");
        let _absent_at_first = fs::remove_dir_all(metadata);
        for (name, bytes) in &self.fixture.files {
            let folder = if name.starts_with("targets/") {
                ""
            } else {
                "metadata/"
            };
            self.put(&format!("{folder}{name}"), bytes);
        }
        self.put("publications/software.bundle", &self.proof());
        let mut index = Vec::new();
        for at in &self.withdrawals {
            let bundle = self.world.bundle(&[*at], self.witnessed);
            let name = FileDigest::of(&bundle);
            self.put(&format!("withdrawals/{name}.bundle"), &bundle);
            index.push(name);
        }
        self.put(
            "withdrawals/index.json",
            &serde_json::to_vec(&index).unwrap(),
        );
        let named = &self.fixture.withdrawals;
        let name = FileDigest::of(named);
        self.put(&format!("withdrawals/{name}.json"), named);
    }

    /// The next timestamp names all withdrawals.
    pub fn name_withdrawals(&mut self) {
        let index = self.served.path().join("withdrawals/index.json");
        self.fixture.withdrawals = fs::read(index).unwrap();
        self.publish();
    }

    /// The proof that the newest metadata was published.
    pub fn proof(&self) -> Vec<u8> {
        self.world.bundle(&[self.published], self.witnessed)
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.served.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn served(&self) -> &Path {
        self.served.path()
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the server has the bytes of a target.
    pub fn target_file(&self, made: &Made) -> PathBuf {
        self.served
            .path()
            .join(target(made.seq).repository_file(&tlog::sha256(&made.artifact)))
    }

    pub async fn update(&self) -> Result<Outcome, EndpointError> {
        update(&self.config, NOW + 60).await
    }

    /// An update that ends where it would if the process were killed after `step`.
    pub async fn update_until(&self, step: Step) -> Result<Outcome, EndpointError> {
        let watch = |done| match done == step {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        update_watched(&self.config, NOW + 60, &watch).await
    }

    /// The bytes that run.
    pub fn runs(&self) -> Vec<u8> {
        fs::read(self.config.dir.join("current/truename")).unwrap()
    }

    /// The bytes that ran before.
    pub fn ran_before(&self) -> Vec<u8> {
        fs::read(self.config.dir.join("previous/truename")).unwrap()
    }
}

/// Serves a directory on a loopback port; its address.
pub async fn serve_directory(directory: &Path) -> String {
    let listener = serve::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let url = serve::bound_url(&listener).unwrap();
    let router = serve::static_dir(directory, serve::published_caching);
    tokio::spawn(async move {
        let config = serve::ServerConfig::default();
        serve::run(listener, router, &config, std::future::pending()).await
    });
    url
}
