//! A daemon of the demonstration: one process of this very binary, found by the file it writes when it listens.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// How long a daemon may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a daemon may take to stop after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(5);
/// How often its state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running daemon; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    url: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts `limpid <args>` and waits until it has written its address to `url_file`.
    ///
    /// # Errors
    /// When it cannot be started, stops at once, or does not listen in time; the message ends with the
    /// last lines that it printed.
    pub fn start(
        limpid: &Path,
        name: &str,
        args: &[&str],
        url_file: &Path,
        log: &Path,
    ) -> Result<Self> {
        match fs::remove_file(url_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", url_file.display()));
            }
            _ => {}
        }
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(limpid)
            .args(args)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut daemon = Self {
            name: name.to_owned(),
            child,
            url: String::new(),
            log: log.to_owned(),
        };
        daemon.url = daemon.wait_for_url(url_file)?;
        Ok(daemon)
    }

    fn wait_for_url(&mut self, url_file: &Path) -> Result<String> {
        let started = Instant::now();
        loop {
            if let Ok(url) = fs::read_to_string(url_file) {
                return Ok(url.trim().to_owned());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} stopped at once ({status}):\n{}",
                    self.name,
                    self.last_lines()
                );
            }
            if started.elapsed() > START_MAX {
                bail!(
                    "{} does not listen after {START_MAX:?}:\n{}",
                    self.name,
                    self.last_lines()
                );
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Where it listens, for example `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it printed.
    pub fn last_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(12).collect();
        lines
            .into_iter()
            .rev()
            .map(|line| format!("  {line}\n"))
            .collect()
    }

    /// Whether it has stopped by itself, and how.
    pub fn has_stopped(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to stop and waits; kills it when it does not.
    pub fn stop(&mut self) {
        let asked = rustix::process::Pid::from_raw(self.child.id().cast_signed())
            .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let started = Instant::now();
        while matches!(asked, Some(Ok(()))) && started.elapsed() < STOP_MAX {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Already gone is what we want; anything else cannot be helped here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}
