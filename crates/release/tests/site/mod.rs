//! The repository over HTTP, and an endpoint that follows it.

#![allow(dead_code, unreachable_pub)]

use endpoint::{EndpointError, Outcome};
use serve::{ClientConfig, ServerConfig};
use statement::Kind;

use crate::repository::Kept;
use crate::world::World;

/// Serves the repository; its address.
pub async fn serve_repository(kept: &Kept) -> String {
    let listener = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = serve::bound_url(&listener).unwrap();
    let directory = kept.config.repository.clone();
    tokio::spawn(async move {
        let config = ServerConfig::default();
        release::serve_repository(&directory, listener, &config, std::future::pending())
            .await
            .unwrap();
    });
    url
}

pub fn endpoint_of(world: &World, repository: String) -> endpoint::Config {
    let root = world.path().join("shipped.root.json");
    std::fs::write(&root, &world.root).unwrap();
    endpoint::Config {
        dir: world.path().join("endpoint"),
        repository,
        anchor: world.anchor,
        root,
        kind: Kind::Software,
        product: "truename".to_owned(),
        channel: "stable".to_owned(),
        platform: "linux-x86_64".to_owned(),
        rings: Vec::new(),
        rebuilds_min: 2,
        evidence_age_max_seconds: 14 * 86_400,
        artifact_bytes_max: 1 << 20,
        gossip: Vec::new(),
        client: ClientConfig::default(),
    }
}

/// Whether something was installed, and the number that runs.
pub async fn update(config: &endpoint::Config, now: u64) -> Result<(bool, u64), EndpointError> {
    Ok(match endpoint::update(config, now).await? {
        Outcome::Installed { installed, .. } => (true, installed.seq),
        Outcome::UpToDate { installed } => (false, installed.seq),
    })
}
