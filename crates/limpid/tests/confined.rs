//! A daemon of this program holds itself to its own directory, and says how well.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long a daemon may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A repository server over a repository with a plain file and two links; it is killed when dropped.
struct Mirror {
    top: TempDir,
    child: Child,
    address: String,
}

impl Mirror {
    async fn start() -> Self {
        let top = tempfile::tempdir().unwrap();
        let (dir, repository) = (top.path().join("dir"), top.path().join("repository"));
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("plain"), "for everybody").unwrap();
        fs::write(top.path().join("secret"), "for nobody").unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, repository.join(name)).unwrap();
        };
        link("plain", "link-within");
        link("../secret", "link-out");
        let config = top.path().join("mirror.toml");
        let text = format!(
            "dir = {dir:?}\nrepository = {repository:?}\n[server]\nlisten = \"127.0.0.1:0\"\n"
        );
        fs::write(&config, text).unwrap();
        let child = daemon(&config).spawn().unwrap();
        let url = serve::wait_url(&dir, PATIENCE).await.unwrap();
        let address = url.strip_prefix("http://").unwrap().to_owned();
        Self {
            top,
            child,
            address,
        }
    }

    /// Status line and body.
    fn get(&self, name: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn daemon(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_limpid"));
    command
        .args(["--log-level", "info", "release", "serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn a_repository_with_a_link_to_a_secret_serves_all_but_the_secret() {
    let mirror = Mirror::start().await;
    assert_eq!(mirror.get("plain").1, "for everybody");
    assert_eq!(mirror.get("link-within").1, "for everybody");
    let (status, body) = mirror.get("link-out");
    assert!(!status.contains("200"), "{status}");
    assert!(!body.contains("nobody"), "{body}");
}

#[tokio::test]
async fn a_daemon_logs_and_writes_how_well_it_is_held() {
    let mut mirror = Mirror::start().await;
    let said = fs::read_to_string(mirror.top.path().join("dir/confinement")).unwrap();
    assert!(said.starts_with("enforced by landlock ABI "), "{said}");
    mirror.child.kill().unwrap();
    let mut logged = String::new();
    let mut stderr = mirror.child.stderr.take().unwrap();
    stderr.read_to_string(&mut logged).unwrap();
    assert!(logged.contains(said.trim_end()), "{logged}");
}

#[test]
fn a_daemon_that_cannot_be_confined_to_what_it_names_does_not_start() {
    let top = tempfile::tempdir().unwrap();
    let (dir, config) = (top.path().join("dir"), top.path().join("mirror.toml"));
    let text = format!("dir = {dir:?}\nrepository = \"/nowhere/repository\"\n");
    fs::write(&config, text).unwrap();
    let output = daemon(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("cannot confine this process to /nowhere/repository"),
        "{said}"
    );
    assert!(!dir.join("url").exists());
}
