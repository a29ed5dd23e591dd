//! Attacks on TUF metadata by those who sign it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use endpoint::Outcome as Updated;
use release::MetadataRole;
use tuf::{
    Expires, Root, RootPlan, Seats, Signed, TargetFile, TargetPath, TargetRole, Targets,
    TufSigner as _,
};

use super::{
    Outcome,
    mirror::copy_repository,
    stage::{Stage, caught_by_endpoint},
};
use crate::{ceremony::tuf_key, examples::LURES_1_0, story::endpoint_config, vendor};

/// Beside the target of an honest release the center lists one that no release brought.
pub(super) async fn extra_target(stage: &Stage) -> Result<Outcome> {
    let world = &stage.world;
    let release = stage.released("lures-extra", LURES_1_0).await?;
    let follower = stage.followed().await?;
    let view = follower.view()?;
    let newest = view
        .newest_publication("rules")?
        .context("rules were published")?;
    let file = world
        .repository_dir()
        .join("metadata")
        .join(format!("{}.rules.json", newest.version));
    let before = Signed::<Targets>::parse(
        &fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?,
    )?;
    let mut targets = before.signed().targets().clone();
    let entries = view.releases(release)?;
    let honest = &entries[0];
    let line = [
        honest.product.as_str(),
        honest.channel.as_str(),
        honest.platform.as_str(),
    ];
    let path = TargetPath::new(TargetRole::Rules, line, honest.seq, &honest.file)?;
    let target = TargetFile::new(
        &path,
        honest.artifact_bytes,
        *honest.artifact.hash(),
        *release.hash(),
    );
    targets.insert(path, target);
    let stowaway = TargetPath::new(TargetRole::Rules, line, honest.seq, "stowaway.db")?;
    let target = TargetFile::new(&stowaway, 9, tlog::sha256(b"stowaway\n"), *release.hash());
    targets.insert(stowaway, target);
    let expires = Expires::from_posix(release::system_clock() + 7 * 86_400)?;
    let mut candidate = Targets::listing(newest.version + 1, expires, targets)?;
    candidate.sign(&tuf_key(&world.dir, "vendor", "tuf-rules")?)?;
    let caught = stage
        .cosign(MetadataRole::Rules, &candidate.to_bytes()?)
        .await?;
    let published = vendor::publish(world, &|_| ()).await?;
    let honest = format!(
        "the same metadata without it was cosigned and published (snapshot {})",
        published.snapshot
    );
    Ok(Outcome { honest, caught })
}

/// The vendor signs a next TUF root in which only its own keys count, and a mirror serves it.
pub(super) async fn vendor_root(stage: &Stage) -> Result<Outcome> {
    let world = &stage.world;
    stage.released("lures-root", LURES_1_0).await?;
    vendor::publish(world, &|_| ()).await?;
    let config = |name: &str, url: &str| endpoint_config(world, name, url, "rules", "lures-root");
    let copy = copy_repository(world, "root-copy")?;
    let mirror = world.serve_repository("stranger", "root-mirror", &copy)?;
    let installed = endpoint::update(
        &config("endpoint-root-honest", mirror.url())?,
        release::system_clock(),
    )
    .await?;
    let Updated::Installed { installed, .. } = installed else {
        bail!("nothing was installed")
    };
    let honest = format!(
        "the same mirror without that root installs seq {}",
        installed.seq
    );
    fs::write(
        copy.join("metadata").join("2.root.json"),
        vendors_own_root(&world.dir)?,
    )?;
    let caught = endpoint::update(
        &config("endpoint-root", mirror.url())?,
        release::system_clock(),
    )
    .await
    .err();
    Ok(Outcome {
        honest,
        caught: caught.as_ref().map(caught_by_endpoint),
    })
}

fn vendors_own_root(world: &Path) -> Result<Vec<u8>> {
    let seat = |file: &str| -> Result<Seats> {
        Ok(Seats {
            keys: vec![tuf_key(world, "vendor", file)?.key().clone()],
            threshold: 1,
        })
    };
    let plan = RootPlan {
        version: 2,
        expires: Expires::from_posix(release::system_clock() + 30 * 86_400)?,
        root: seat("tuf-root")?,
        targets: seat("tuf-targets")?,
        snapshot: seat("tuf-online")?,
        timestamp: seat("tuf-online")?,
    };
    let mut root = Root::build(&plan)?;
    root.sign(&tuf_key(world, "vendor", "tuf-root")?)?;
    Ok(root.to_bytes()?)
}
