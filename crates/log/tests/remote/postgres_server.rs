//! A PostgreSQL server of a test's own, on a unix socket in its own directory. Other crates' tests include this file.

// Each of them uses some of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tempfile::TempDir;

use crate::{PATIENCE, Secret};

/// The unprivileged user of the Debian package, under whom it runs where the tests are root.
const USER: &str = "postgres";

pub struct PostgresServer {
    dir: TempDir,
    running: Child,
    schemas: AtomicU32,
}

/// The newest installed version's programs.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let versions =
        versions.expect("the Debian package `postgresql`; `cargo xtask test` installs it");
    let found = versions
        .map(|version| version.unwrap().path().join("bin"))
        .filter(|bin| bin.join("postgres").is_file());
    found.max().expect("a server in /usr/lib/postgresql")
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// A program that does not run as root.
fn command(program: &Path, dir: &Path) -> Command {
    let mut command = match is_root() {
        false => Command::new(program),
        true => {
            let mut dropped = Command::new("setpriv");
            let [user, group] = ["--reuid", "--regid"].map(|id| format!("{id}={USER}"));
            dropped.args([user, group]).args(["--clear-groups", "--"]);
            dropped.arg(program);
            dropped
        }
    };
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs a program that must succeed.
fn done(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Puts an empty cluster into `dir`. Making one takes a second of computing, so it is made once and
/// copied then.
fn copy_cluster(dir: &Path) {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgresql-cluster");
    if !kept.is_dir() {
        let made = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        give_to_user(made.path());
        done(
            command(&programs().join("initdb"), made.path())
                .args(["--pgdata=data", "--username=postgres", "--auth=trust"])
                .args(["--no-sync", "--encoding=UTF8", "--locale=C"]),
        );
        let scratch = kept.with_extension(std::process::id().to_string());
        let from = made.path().join("data");
        done(Command::new("cp").arg("-r").arg(from).arg(&scratch));
        if std::fs::rename(&scratch, &kept).is_err() {
            // Another test was faster.
            drop(std::fs::remove_dir_all(&scratch));
        }
    }
    let data = dir.join("data");
    done(
        Command::new("cp")
            .args(["-r", "--preserve=mode"])
            .arg(&kept)
            .arg(&data),
    );
    done(Command::new("chmod").arg("0700").arg(&data));
    give_to_user(dir);
}

/// Makes a directory the user's under whom the server runs.
fn give_to_user(dir: &Path) {
    if is_root() {
        done(
            Command::new("chown")
                .args(["-R", &format!("{USER}:{USER}")])
                .arg(dir),
        );
    }
}

impl PostgresServer {
    /// A server with an empty cluster that loses nothing.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings (`fsync=off`).
    pub fn start_with(settings: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        copy_cluster(dir.path());
        let running = Self::run(dir.path(), settings);
        Self {
            dir,
            running,
            schemas: AtomicU32::new(0),
        }
    }

    fn run(dir: &Path, settings: &[&str]) -> Child {
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut server = command(&programs().join("postgres"), dir);
        server.args([
            "-D",
            "data",
            "-c",
            "listen_addresses=",
            "-c",
            "shared_buffers=16MB",
        ]);
        server
            .arg("-c")
            .arg(format!("unix_socket_directories={}", dir.display()));
        for setting in settings {
            server.args(["-c", setting]);
        }
        let running = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let started = Instant::now();
        // Written as the last thing when connections are taken.
        while !std::fs::read_to_string(dir.join("data/postmaster.pid")).is_ok_and(|text| {
            text.lines()
                .nth(7)
                .is_some_and(|line| line.trim() == "ready")
        }) {
            let said = || std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "{}", said());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        running
    }

    /// SIGKILL to all of it, as far as a process can imitate a power cut; then it starts again.
    pub fn kill_and_start(&mut self) {
        // The children of a killed postmaster end by themselves.
        self.running.kill().unwrap();
        self.running.wait().unwrap();
        let pid = self.dir.path().join("data/postmaster.pid");
        let started = Instant::now();
        // It refuses to start while one of them is attached to the shared memory.
        loop {
            drop(std::fs::remove_file(&pid));
            let probe = command(&programs().join("postgres"), self.dir.path())
                .args(["-D", "data", "-C", "data_directory"])
                .output()
                .unwrap();
            if probe.status.success() && !self.has_children() {
                break;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the children of the server go on"
            );
        }
        self.running = Self::run(self.dir.path(), &[]);
    }

    /// Whether a process of this server is left.
    fn has_children(&self) -> bool {
        let data = self.dir.path().join("data");
        let processes = std::fs::read_dir("/proc").unwrap();
        let mut dirs =
            processes.filter_map(|p| std::fs::read_link(p.ok()?.path().join("cwd")).ok());
        dirs.any(|dir| dir == data)
    }

    /// The address of its database, in the form of the configuration.
    pub fn url(&self) -> String {
        let host = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{host}/postgres")
    }

    pub fn secret(&self) -> Secret {
        Secret::new(&self.url(), "test").unwrap()
    }

    /// A schema that nobody used.
    pub fn new_schema(&self) -> String {
        format!("log_{}", self.schemas.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs SQL as the superuser; returns what it prints, one row a line.
    pub fn sql(&self, sql: &str) -> String {
        let output = command(&programs().join("psql"), self.dir.path())
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args([
                "--set=ON_ERROR_STOP=1",
                "--username=postgres",
                "--command",
                sql,
            ])
            .arg("--host")
            .arg(self.dir.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Cuts every session that holds the lock of a leader.
    pub fn cut_leaders(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks
             WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
        );
    }

    /// Cuts every session that is in the middle of a write.
    pub fn cut_writers(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()",
        );
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // SIGKILL; its children end by themselves.
        drop(self.running.kill());
        drop(self.running.wait());
    }
}
