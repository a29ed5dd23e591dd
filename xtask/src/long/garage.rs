//! Asks the S3 back end of the log its contract against Garage, a store whose writes ignore
//! conditions, instead of the small server of the ordinary tests.
//!
//! Garage is a program under another licence (AGPL): it is installed beside the project, runs as a
//! process of its own, and nothing of it is linked.

use crate::cargo::{cargo, program, shown, succeeds, succeeds_quietly};
use crate::evidence::Evidence;
use crate::test::run_counted;
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const VERSION: &str = "2.5.0";
/// Where it is installed and where it keeps its data.
const FOLDER: &str = "target/long/garage";
const BUCKET: &str = "center-log";
const REGION: &str = "garage";
/// Of a store that lives as long as this run.
const ACCESS_KEY: &str = "GK0123456789abcdef01234567";
const SECRET_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(60);

const MEANING: &str = "The S3 back end is asked every sentence of its contract, and two processes of a log are killed and \
stopped under load, on a private PostgreSQL and one node of Garage with `metadata_fsync` and `data_fsync`. Garage answers 200 to a \
second write of a name although it is told not to overwrite; the log must keep its files all the same. It shows \
nothing about several nodes of Garage or about a lost power supply.";

pub(super) fn run(root: &Path) -> Result<bool> {
    let folder = root.join(FOLDER);
    let garage = folder.join("bin/garage");
    if !succeeds_quietly(program(root, &garage.display().to_string()).arg("--version")) {
        let mut install = cargo(root);
        // What it answers is asked here, not how fast: without optimisation it is built in a third of the time.
        install.args([
            "install",
            "--debug",
            "--locked",
            "garage",
            "--version",
            VERSION,
        ]);
        install.args(["--no-default-features", "--features", "bundled-libs,sqlite"]);
        install.arg("--root").arg(&folder);
        anyhow::ensure!(succeeds(&mut install)?, "`{}` failed", shown(&install));
    }
    let server = Server::start(root, &garage, &folder)?;
    let mut command = cargo(root);
    command.args(["test", "--locked", "--package", "limpid-log"]);
    command.args(["--features", "remote", "--test", "remote"]);
    let service = format!("http://127.0.0.1:{} {BUCKET} {REGION}", server.port);
    command.env("LIMPID_TEST_S3", &service);
    command.env("LIMPID_TEST_S3_ACCESS_KEY", ACCESS_KEY);
    command.env("LIMPID_TEST_S3_SECRET_KEY", SECRET_KEY);
    let started = Instant::now();
    let count = run_counted(&mut command, &mut std::io::stdout())?;
    let seconds = started.elapsed().as_secs();
    drop(server);
    Evidence {
        name: "garage",
        title: "The log's files in Garage",
        meaning: MEANING,
        command: "cargo xtask long garage".to_owned(),
        result: format!("Garage {VERSION}: {count} in {seconds} s."),
    }
    .write(root)?;
    Ok(count.failed == 0)
}

/// One node with one bucket; gone when dropped.
struct Server {
    running: Child,
    port: u16,
}

impl Server {
    fn start(root: &Path, garage: &Path, folder: &Path) -> Result<Self> {
        let data: PathBuf = folder.join("node");
        if data.exists() {
            std::fs::remove_dir_all(&data).context("cannot empty the node's folder")?;
        }
        std::fs::create_dir_all(&data).context("cannot make the node's folder")?;
        let (rpc, port) = (free_port()?, free_port()?);
        let place = data.display();
        let configuration = format!(
            "metadata_dir = \"{place}/meta\"\ndata_dir = \"{place}/data\"\n\
             db_engine = \"sqlite\"\nmetadata_fsync = true\ndata_fsync = true\n\
             replication_factor = 1\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\n\
             rpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{SECRET_KEY}\"\n\
             [s3_api]\ns3_region = \"{REGION}\"\napi_bind_addr = \"127.0.0.1:{port}\"\n"
        );
        let file = data.join("garage.toml");
        std::fs::write(&file, configuration).context("cannot write the configuration")?;
        let log = std::fs::File::create(data.join("log")).context("cannot make its log")?;
        let running = program(root, &garage.display().to_string())
            .arg("-c")
            .arg(&file)
            .args(["server", "--single-node", "--default-bucket"])
            .env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY)
            .env("GARAGE_DEFAULT_SECRET_KEY", SECRET_KEY)
            .env("GARAGE_DEFAULT_BUCKET", BUCKET)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start Garage")?;
        let server = Self { running, port };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "Garage does not listen; see {place}/log"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is fine.
        drop(self.running.kill());
        drop(self.running.wait());
    }
}

/// A port that nobody has now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("it has no address")?.port())
}
