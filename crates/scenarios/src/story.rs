//! The main job, told step by step: source to running endpoint, an update, and a stranger who checks.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use endpoint::{Config as EndpointConfig, Outcome};
use serde_json::{Value, json};
use statement::StatementDigest;

use crate::{
    cast::Cast,
    cells::Machines,
    custody::unreleased,
    examples::{Example, TRUENAME_1_0, TRUENAME_1_1},
    vendor,
    world::World,
};

/// Who listens to the story.
pub trait Listener: Sync {
    /// A step begins.
    fn step(&self, number: usize, title: &str);
    /// Something happened.
    fn line(&self, text: &str);
    /// What a program printed, as it printed it.
    fn printed(&self, text: &str);
    /// A step ended after so many seconds.
    fn done(&self, seconds: f64);
}

/// What the demonstration does not prove, said at its end.
pub const NOT_PROVED: &[&str] = &[
    "that the reviewers of the source noticed everything, or that the product is harmless;",
    "that the parties are independent: here all keys lie on one machine, under one user (promised, not enforced);",
    "that the toolchain is honest: every party imported it from this host (origin `host`), so a trojaned compiler \
     would fool all of them alike;",
    "that the source stays private where it should: here it is a public blob of the log;",
    "that machines ran what a verdict names: this program was built by you, and no release of it is logged here;",
    "that nobody copied a file while a machine had it open, or that a country was told truly;",
    "anything at all, if all parties of a quorum collude.",
];

/// What the steps are told about, and to whom.
pub(crate) struct Told<'a> {
    pub(crate) world: &'a World,
    pub(crate) listener: &'a dyn Listener,
}

/// Runs the demonstration in `dir`, with `limpid` as the program of its daemons.
///
/// # Errors
/// The first step that did not succeed.
pub async fn tell(dir: &Path, limpid: &Path, listener: &dyn Listener) -> Result<Value> {
    let started = Instant::now();
    let mut world = found(dir, limpid, listener).await?;
    step(
        listener,
        2,
        "Logs, witnesses, rebuilders, supervisor and repository start",
        async { world.start(&mut |line| listener.line(line)).await },
    )
    .await?;
    let told = Told {
        world: &world,
        listener,
    };
    let software = told.software().await?;
    let machines = step(
        listener,
        12,
        "Rules and scoring for files: built, rebuilt and signed like code",
        told.release_rules(),
    )
    .await?;
    open_cells(&mut world, listener, &machines).await?;
    let told = Told {
        world: &world,
        listener,
    };
    let custody = told.custody().await?;
    let audited = step(
        listener,
        17,
        "An outsider audits both logs and the repository, by rules of its own",
        told.audit(),
    )
    .await?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(json!({
        "anchor": world.anchor(),
        "software": software,
        "custody": custody,
        "audit": audited,
        "seconds": (seconds * 10.0).round() / 10.0,
        "dir": dir,
    }))
}

impl Told<'_> {
    /// Steps 3 to 11: two releases on their way to an endpoint, and a stranger who checks.
    async fn software(&self) -> Result<Value> {
        let first = self.release(3, &TRUENAME_1_0, "1.0.0").await?;
        let config = self.endpoint_config()?;
        step(
            self.listener,
            6,
            "An endpoint installs it, after judging every proof itself",
            self.update(&config),
        )
        .await?;
        let second = self.release(7, &TRUENAME_1_1, "1.1.0").await?;
        step(
            self.listener,
            10,
            "The endpoint updates; the previous version is kept",
            self.update(&config),
        )
        .await?;
        let verified = step(
            self.listener,
            11,
            "A stranger verifies the file, offline",
            self.verify(second),
        )
        .await?;
        Ok(json!({"releases": [first, second], "verified": verified}))
    }

    /// Steps 14 to 16: four files, from four countries.
    async fn custody(&self) -> Result<Value> {
        let custody = step(
            self.listener,
            14,
            "Endpoints in Germany, Japan, the United States and Brazil share a file",
            self.share(),
        )
        .await?;
        let judged = step(
            self.listener,
            15,
            "Machines judge the files; each owner checks the proofs, offline",
            self.judged(&custody),
        )
        .await?;
        let withdrawn = step(
            self.listener,
            16,
            "An owner withdraws the consent; the file is erased, on record",
            self.withdrawn(&custody),
        )
        .await?;
        Ok(json!({"shared": judged, "erased": withdrawn}))
    }
}

/// The first step.
async fn found(dir: &Path, limpid: &Path, listener: &dyn Listener) -> Result<World> {
    let now = release::system_clock();
    step(
        listener,
        1,
        "The parties make their keys and sign one constitution",
        async {
            let world = World::found(dir, limpid, Cast::smallest(), now)?;
            for party in &world.cast.parties {
                let whose = if party.vendor {
                    "vendor"
                } else {
                    "independent"
                };
                listener.line(&format!(
                    "{:<11} {:<18} {}  {whose}",
                    party.id, party.name, party.jurisdiction
                ));
            }
            listener.line(&format!("anchor      {}", world.anchor()));
            Ok(world)
        },
    )
    .await
}

/// What all parties sign about files, and the cells that stand on it.
async fn open_cells(world: &mut World, listener: &dyn Listener, machines: &Machines) -> Result<()> {
    let title = "All parties sign where files go; cells open in Zurich and Moscow";
    step(listener, 13, title, async {
        let governed = world.govern_residency().await?;
        listener.line(&format!("declaration {}", governed.declaration));
        listener.line(&format!("policy      {}", governed.policy));
        listener.line(&unreleased(machines));
        let mut tell = |line: &str| listener.line(line);
        world.start_cells(machines, &mut tell).await?;
        world.keep_promises(&governed).await?;
        listener.line("the promises of 2018 are declared kept since today, so late");
        Ok(())
    })
    .await
}

/// Runs one step and says how long it took.
async fn step<T>(
    listener: &dyn Listener,
    number: usize,
    title: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    listener.step(number, title);
    let started = Instant::now();
    let result = work
        .await
        .with_context(|| format!("step {number} ({title}) did not succeed"))?;
    listener.done(started.elapsed().as_secs_f64());
    Ok(result)
}

impl Told<'_> {
    pub(crate) fn line(&self, text: &str) {
        self.listener.line(text);
    }

    /// Three steps: build and rebuild, approve and sign, publish.
    async fn release(
        &self,
        first_step: usize,
        example: &Example,
        version: &str,
    ) -> Result<StatementDigest> {
        let source = self.world.make_dir("vendor", "source")?.join(version);
        example.write_to(&source, None)?;
        let tell = |text: &str| self.line(&shorten(text));
        let title = format!("truename {version}: built in the conveyer, rebuilt by two labs");
        let built = step(self.listener, first_step, &title, async {
            let built = vendor::build(self.world, &source, &tell).await?;
            self.line(&format!("build     {}", built.build));
            for artifact in &built.artifacts {
                self.line(&format!(
                    "artifact  {} ({} bytes)",
                    artifact.sha256, artifact.bytes
                ));
            }
            Ok(built)
        })
        .await?;
        let title = "The supervisor approves; center and supervisor sign one release";
        let proposed = step(self.listener, first_step + 1, title, async {
            let proposed = vendor::propose(self.world, built.build, &tell).await?;
            let quorum = &proposed.quorum;
            self.line(&format!(
                "release   {} (seq {})",
                quorum.release().digest(),
                quorum.release().seq
            ));
            for signer in [quorum.center(), quorum.supervisor()] {
                self.line(&format!(
                    "signed by {} ({}) at entry {}",
                    signer.party(),
                    signer.legal_owner(),
                    signer.index()
                ));
            }
            Ok(proposed)
        })
        .await?;
        let title = "TUF metadata: signed by both after the signer's diff, logged, served";
        step(self.listener, first_step + 2, title, async {
            vendor::publish(self.world, &tell).await?;
            Ok(())
        })
        .await?;
        Ok(proposed.quorum.release().digest())
    }

    fn endpoint_config(&self) -> Result<EndpointConfig> {
        endpoint_config(
            self.world,
            "endpoint",
            &self.world.repository_url(),
            "software",
            "truename",
        )
    }

    async fn update(&self, config: &EndpointConfig) -> Result<()> {
        let watch = |step: endpoint::Step| {
            self.line(&step.to_string());
            ControlFlow::Continue(())
        };
        let outcome = endpoint::update_watched(config, release::system_clock(), &watch).await?;
        let Outcome::Installed { installed, .. } = outcome else {
            bail!("nothing was installed")
        };
        let program = config.dir.join(installed.path());
        let printed = run(&program, &["--version"])?;
        self.line(&format!("runs: {}", printed.trim()));
        Ok(())
    }

    /// Downloads file and bundle as anybody could, then verifies them with the program, without any address.
    async fn verify(&self, release: StatementDigest) -> Result<Value> {
        let world = self.world;
        let stranger = world.make_dir("stranger", "download")?;
        let bundle = world
            .http
            .get(
                &format!("{}/bundles/{release}.bundle", world.repository_url()),
                law::BUNDLE_BYTES_MAX,
            )
            .await?;
        fs::write(stranger.join("truename.bundle"), &bundle)?;
        let installed = endpoint::status(&self.endpoint_config()?)?
            .installed
            .context("something is installed")?;
        fs::copy(
            world.dir.join("endpoint").join(installed.path()),
            stranger.join("truename"),
        )?;
        let anchor = world.anchor().to_string();
        let verify = [
            "endpoint",
            "verify",
            "truename",
            "--bundle",
            "truename.bundle",
            "--anchor",
            &anchor,
        ];
        self.line(&format!("$ cd {}", stranger.display()));
        self.line("$ limpid endpoint verify truename --bundle truename.bundle \\");
        self.line("    --anchor $(cat ../../constitution/anchor)");
        self.listener
            .printed(&run_in(&stranger, &world.limpid, &verify)?);
        let machine = run_in(
            &stranger,
            &world.limpid,
            &[&["--json"], verify.as_slice()].concat(),
        )?;
        Ok(serde_json::from_str(&machine)?)
    }
}

impl Told<'_> {
    /// Reads everything over HTTP, as anybody could, and judges it without the code that the parties run.
    async fn audit(&self) -> Result<Value> {
        let world = self.world;
        let stranger = world.make_dir("stranger", "audit")?;
        let anchor = world.anchor().to_string();
        let (center, supervisor) = (world.center_log_url(), world.supervisor_log_url());
        let repository = world.repository_url();
        self.line(&format!("$ cd {}", stranger.display()));
        self.line("$ limpid audit --anchor $(cat ../../constitution/anchor) \\");
        self.line(&format!("    --log {center} --log {supervisor} \\"));
        self.line(&format!("    --repository {repository} --html report.html"));
        let audit = [
            "--json",
            "audit",
            "--anchor",
            &anchor,
            "--log",
            &center,
            "--log",
            &supervisor,
            "--repository",
            &repository,
            "--html",
            "report.html",
        ];
        let report: Value = serde_json::from_str(&run_in(&stranger, &world.limpid, &audit)?)?;
        for log in report["logs"].as_array().into_iter().flatten() {
            self.line(&format!(
                "{}: {} entries, {} count; {} of {} archived checkpoints hold; {} of {} blobs",
                log["origin"].as_str().unwrap_or_default(),
                log["entries"],
                log["counted"],
                log["archived"]["verified"],
                log["archived"]["listed"],
                log["blobs"]["present"],
                log["blobs"]["public"],
            ));
        }
        for cell in report["logs"][0]["cells"].as_array().into_iter().flatten() {
            self.line(&format!(
                "cell {}: {} files taken in, {} analysed; {} for people, {:.0} % by machines alone",
                cell["home"].as_str().unwrap_or_default(),
                cell["received"],
                cell["analysed"],
                cell["outcomes"]["anomaly"],
                cell["automatic_share"].as_f64().unwrap_or_default() * 100.0,
            ));
        }
        let counts = &report["repository"]["counts"];
        self.line(&format!(
            "repository: {} of {} publications judged anew, {} of {} targets hash right",
            counts["publications_judged"],
            counts["publications"],
            counts["targets_present"],
            counts["targets"],
        ));
        for found in report["findings"].as_array().into_iter().flatten() {
            let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
            self.line(&format!("{}: {}", text("severity"), text("what")));
        }
        self.line("every promise that was checked held");
        self.line(&format!("page: {}", stranger.join("report.html").display()));
        Ok(report)
    }
}

/// Configuration of an endpoint that follows one product from one repository.
///
/// # Errors
/// When the directory cannot be made.
pub fn endpoint_config(
    world: &World,
    name: &str,
    repository: &str,
    kind: &str,
    product: &str,
) -> Result<EndpointConfig> {
    let dir = world.dir.join(name);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let root: PathBuf = world.dir.join("constitution").join("1.root.json");
    let text = format!(
        "dir = {dir:?}\nrepository = \"{repository}\"\nanchor = \"{}\"\nroot = {root:?}\nkind = \"{kind}\"\n\
         product = \"{product}\"\nchannel = \"stable\"\nplatform = \"linux-x86_64\"\n",
        world.anchor(),
    );
    fs::write(world.dir.join(format!("{name}.toml")), &text)?;
    toml::from_str(&text).context("the endpoint's configuration")
}

/// Digests in full are for machines and for the facts of each step; on the way twelve digits do.
pub(crate) fn shorten(text: &str) -> String {
    let digest =
        |word: &str| word.len() >= 64 && word.bytes().take(64).all(|byte| byte.is_ascii_hexdigit());
    let mut short = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        if digest(word) {
            short.push_str(&word[..12]);
            short.push_str(&word[64..]);
        } else {
            short.push_str(word);
        }
    }
    short
}

fn run(program: &Path, arguments: &[&str]) -> Result<String> {
    run_in(Path::new("."), program, arguments)
}

pub(crate) fn run_in(directory: &Path, program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .current_dir(directory)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "{} {} ended with {}:\n{}",
            program.display(),
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn digests_on_the_way_are_cut_to_twelve_digits() {
        let digest = "ab".repeat(32);
        assert_eq!(
            shorten(&format!("file targets/a/{digest}.name")),
            "file targets/a/abababababab.name"
        );
        assert_eq!(shorten("nothing to cut"), "nothing to cut");
    }
}
