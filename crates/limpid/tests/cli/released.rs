//! A running world, and releases made in it with the program's own verbs.

use std::{fs, path::PathBuf};

use scenarios::{cast::Cast, examples::LURES_1_0, world::World};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    place::Place,
    program::{LIMPID, limpid},
};

pub(crate) struct Running {
    pub(crate) runtime: Runtime,
    pub(crate) world: World,
    // Removed last.
    _place: Place,
}

impl Running {
    pub(crate) fn start() -> Self {
        let place = Place::new();
        let runtime = Runtime::new().unwrap();
        let now = release::system_clock();
        let mut world = World::found(place.path(), LIMPID.as_ref(), Cast::smallest(), now).unwrap();
        runtime.block_on(world.start(&mut |_| ())).unwrap();
        world.write_configs().unwrap();
        Self {
            runtime,
            world,
            _place: place,
        }
    }

    /// Writes the small rule database under a product name of its own.
    pub(crate) fn source(&self, product: &str) -> String {
        let dir = self
            .world
            .make_dir("vendor", "source")
            .unwrap()
            .join(product);
        LURES_1_0.write_to(&dir, Some(product)).unwrap();
        dir.display().to_string()
    }

    /// Path of a configuration of the vendor.
    pub(crate) fn vendor(&self, name: &str) -> String {
        let path = self.world.dir.join("vendor").join(name);
        path.display().to_string()
    }

    /// Builds, releases and publishes; the digest of the release.
    pub(crate) fn release(&self, product: &str) -> String {
        let (conveyer, release) = (self.vendor("conveyer.toml"), self.vendor("release.toml"));
        let said = |arguments: &[&str]| limpid(&[&["--json"], arguments].concat()).json(0);
        let built = said(&[
            "conveyer",
            "build",
            "--config",
            &conveyer,
            &self.source(product),
        ]);
        let build = text(&built["build"]);
        let proposed = said(&["release", "propose", "--config", &release, &build]);
        said(&["release", "publish", "--config", &release]);
        text(&proposed["release"])
    }

    /// Configuration of an endpoint that follows the product.
    pub(crate) fn endpoint(&self, product: &str) -> String {
        let url = self.world.repository_url();
        scenarios::story::endpoint_config(&self.world, product, &url, "rules", product).unwrap();
        let path = self.world.dir.join(format!("{product}.toml"));
        path.display().to_string()
    }

    /// The bundle of a release, as the repository serves it.
    pub(crate) fn bundle(&self, release: &str) -> Vec<u8> {
        let bundles: PathBuf = self.world.repository_dir().join("bundles");
        fs::read(bundles.join(format!("{release}.bundle"))).unwrap()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
